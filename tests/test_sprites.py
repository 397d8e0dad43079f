"""The benchmark of disentanglement: rows, selection and the rival that is written there."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_cluster.datasets import make_sprites

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SCORES = {"factor_vae", "beta_vae", "mig", "sap", "dci_disentanglement", "dci_completeness"}


@pytest.fixture
def sprites(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import sprites

    monkeypatch.setattr(sprites, "N_TRAIN", 150)
    monkeypatch.setattr(sprites, "N_TEST", 600)
    monkeypatch.setattr(sprites, "GROUP", 2)
    monkeypatch.setattr(sprites, "EPOCHS", {"infogan": 2, "beta-vae": 2})
    return sprites


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "magic"], "unknown method 'magic': there are infogan, infogan+selection"),
        (["--method", "infogan+selection", "--seeds", "3"], "chooses among 5 seeds, not 3"),
    ],
)
def test_bad_input(arguments, message, refused):
    assert message in refused("sprites", *arguments)


def test_every_method_has_a_row_of_scores(sprites, tmp_path, monkeypatch):
    asked = []

    def centrality(models, random_state):
        asked.append([model.random_state for model in models])
        return np.array([0.2, 0.9])

    monkeypatch.setattr(sprites, "model_centrality", centrality)
    rows = {method: sprites.run_row(method, 1, tmp_path) for method in sprites.METHODS}
    for method, row in rows.items():
        assert row.get("error") is None
        assert (row["method"], row["seed"]) == (method, 1)
        assert row.keys() >= SCORES
        assert row["seconds"] >= 0  # rounded: 0.0 on a fast machine
    assert asked == [[2, 3]]
    assert rows["infogan+selection"]["chosen"] == 3
    states = {path.name for path in tmp_path.iterdir()}
    assert states == {"infogan_1", "infogan_2", "infogan_3"}
    chosen = sprites.run_row("infogan", 3, tmp_path)  # read from its state
    for name in SCORES:
        assert chosen[name] == rows["infogan+selection"][name]


def test_errors_are_rows(sprites, tmp_path, monkeypatch):
    monkeypatch.setitem(sprites.SETTINGS, "batch_size", 0)
    row = sprites.run_row("infogan", 0, tmp_path)
    assert "'batch_size' parameter" in row["error"]
    assert json.dumps(row)


def test_the_rival_minimises_its_bound(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from beta_vae import beta_vae_loss

    logits, images, still = torch.zeros(3, 2, 4), torch.ones(3, 2, 4), torch.zeros(3, 5)
    assert float(beta_vae_loss(logits, images, still, still, 4)) == pytest.approx(8 * np.log(2))
    moved = beta_vae_loss(logits, images, still + 2, still, 4)
    assert float(moved) == pytest.approx(8 * np.log(2) + 4 * 5 * 2)


def test_the_rival_reads_places_off_sprites(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from beta_vae import BetaVAE

    X, factors = make_sprites(1500, random_state=0)
    state = torch.random.get_rng_state()
    model = BetaVAE(n_latent=4, beta=1.0, width=4, max_epochs=8).fit(X)
    assert torch.equal(torch.random.get_rng_state(), state)
    codes = np.column_stack([model.transform(X), np.ones(len(X))])
    place = factors[:, 3:]
    guess = codes @ np.linalg.lstsq(codes, place, rcond=None)[0]
    assert 1 - ((place - guess) ** 2).mean(0).max() / place.var() > 0.6
