"""Several heads on a trunk that has looked at rows, of which the best is kept."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback
from small import clusterer, is_finite
from stopped import Crash, Crashes, Interrupt

from gan_cluster import load, save
from gan_cluster._recipe import resolve
from gan_cluster._validation.rows import check_rows
from gan_cluster.training import checkpoint, heads
from gan_cluster.training.heads import (
    has_rivals,
    scores_of_heads,
    set_aside,
)
from gan_cluster.training.judging import Jury
from gan_cluster.training.processes import Processes
from gan_cluster.training.random import torch_generator
from gan_cluster.training.schedule import Schedule
from gan_cluster.training.state import net_state


def jittered(rows):
    return rows + 0.1 * torch.randn_like(rows)


LOOKS = {"contrast_temperature": 0.5, "augment": jittered, "codes_per_cluster": 2}


def _schedule(X, **settings):
    """A schedule of a fit that looks at rows, without an estimator."""
    model = clusterer(**{**LOOKS, **settings})
    rows = check_rows(model, X, reset=True)
    return Schedule(resolve(model.get_params(deep=False), rows, "cpu"), rows.X)


def _numbers(net):
    """All that a net has learned, by name."""
    document, tensors = net_state(net)
    arrays = {
        name: values.numpy(force=True).copy()
        for name, values in tensors.items()
        if name != "history.values.seconds"
    }
    return document, arrays


def _assert_same(net, other):
    (document, arrays), (others, other_arrays) = _numbers(net), _numbers(other)
    assert document == others
    assert arrays.keys() == other_arrays.keys()
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, other_arrays[name], err_msg=name)


@pytest.mark.parametrize("settings", [{}, {"codes_per_cluster": 1}, {"batch_size": 5}])
def test_the_head_with_the_best_score_is_kept(settings, blobs, monkeypatch):
    judged, before = [], []  # scores with the heads that had them; and heads that were trained

    def score(self, net):
        number = float(len(judged) == 2)  # the third one
        judged.append((number, len(net.clusters), net.discriminator_.code))
        return number

    def scores(net, jury, merges):
        before.extend(net.discriminator_.heads)
        return scores_of_heads(net, jury, merges)

    monkeypatch.setattr(Jury, "score", score)
    monkeypatch.setattr("gan_cluster.training.schedule.scores_of_heads", scores)
    schedule = _schedule(blobs[0], n_init=4, max_epochs=8, **settings)
    schedule.prepare(0)
    net, batches = schedule.fit()
    assert [number for number, _, _ in judged] == [0, 0, 1, 0]
    assert {size for _, size, _ in judged} == {3}
    assert net.discriminator_.code is before[2][1] is judged[2][2]
    assert net.discriminator_.recognition is before[2][0]
    assert len({id(code) for _, _, code in judged}) == 4
    assert [row["head_scores"] for row in net.history if "head_scores" in row] == [[0, 0, 1, 0]]
    assert "head_scores" in net.history[5]  # of four epochs of the look, two, and two
    assert batches.labels.shape == (120,)
    assert net.clusters.seen.shape == (3,)


@pytest.mark.parametrize("n_heads", [1, 3])
def test_each_head_is_asked_for_the_same(n_heads, blobs):
    net = _schedule(blobs[0]).prepare(0)[0].net
    net.clusters.seen = net.clusters.shares.repeat(n_heads, 1)
    rng = torch_generator(0)
    logits, others = (torch.randn(40, n_heads, 6, generator=rng) for _ in range(2))
    found, each = {}, [{} for _ in range(n_heads)]
    together = net.consistency(logits, others, found)
    net.clusters.seen = net.clusters.shares.clone()
    alone = [net.consistency(logits[:, i], others[:, i], terms) for i, terms in enumerate(each)]
    torch.testing.assert_close(together, torch.stack(alone).mean())
    agreed = torch.stack([terms["agreement"] for terms in each]).mean()
    torch.testing.assert_close(found["agreement"], agreed)


def test_a_single_head_has_no_rivals(blobs, monkeypatch):
    monkeypatch.setattr(heads, "build_rivals", lambda *args, **kwargs: pytest.fail("built"))
    model = clusterer(max_epochs=8, **LOOKS).fit(blobs[0])
    assert not any("head_scores" in row for row in model.history_)


def test_a_model_is_saved_as_one_of_a_single_head(blobs, tmp_path):
    X, _ = blobs
    many, single = (clusterer(n_init=n, max_epochs=8, **LOOKS).fit(X) for n in (3, 1))
    shapes = [
        {
            name: values.shape
            for name, values in model.model_.state()[1].items()
            if not name.startswith("history.")
        }
        for model in (many, single)
    ]
    assert shapes[0] == shapes[1]
    save(many, tmp_path / "model")
    again = load(tmp_path / "model", objective=many.objective)
    np.testing.assert_array_equal(again.predict_proba(X), many.predict_proba(X))
    np.testing.assert_array_equal(
        again.partial_fit(X).transform(X), many.partial_fit(X).transform(X)
    )


@pytest.mark.parametrize("settings", [{}, {"codes_per_cluster": 1, "batch_size": 5}])
@pytest.mark.parametrize("epoch", [3, 5, 6, 7, 8])
def test_a_fit_goes_on_with_all_heads(epoch, settings, blobs, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "WRITING_SHARE", 1.0)
    settings = {**LOOKS, "n_init": 3, "max_epochs": 8, **settings}
    whole = clusterer(**settings).fit(blobs[0])
    settings["checkpoint_dir"] = tmp_path
    with pytest.raises(Crash):
        clusterer(callbacks=[Crashes(epoch)], **settings).fit(blobs[0])
    again = clusterer(**settings).fit(blobs[0])
    _assert_same(again.model_.net, whole.model_.net)
    np.testing.assert_array_equal(again.labels_, whole.labels_)


@pytest.mark.parametrize("batch", [4, 13, 16, 20])
def test_an_interrupt_leaves_the_best_head(batch, blobs, tmp_path):
    X, _ = blobs
    # three batches an epoch: four epochs of the look, two of clusters, two with the generator
    model = clusterer(callbacks=[Interrupt(batch)], n_init=3, max_epochs=8, **LOOKS)
    with (
        pytest.warns(ConvergenceWarning, match=r"fitted as after epoch \d"),
        pytest.raises(KeyboardInterrupt),
    ):
        model.fit(X)
    assert is_finite(model, X)
    net = model.model_.net
    assert not has_rivals(net)
    assert len(net.clusters) == 3
    (scores,) = [row["head_scores"] for row in net.history if "head_scores" in row]
    assert len(scores) == 3
    save(model.set_params(callbacks=None), tmp_path / "model")
    again = load(tmp_path / "model", objective=model.objective)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_an_interrupt_while_heads_are_compared_leaves_one(blobs, monkeypatch):
    number, judged = Jury.score, []

    def score(self, net):
        judged.append(net.discriminator_.code)
        if len(judged) == 2:
            raise KeyboardInterrupt
        return number(self, net)

    monkeypatch.setattr(Jury, "score", score)
    schedule = _schedule(blobs[0], n_init=3, max_epochs=8)
    schedule.prepare(0)
    net, _ = schedule.fit()
    assert schedule.interrupt is not None
    assert not has_rivals(net)
    assert len(judged) == 5
    assert len({id(code) for code in judged[2:]}) == 3


def test_processes_keep_the_head_that_the_first_one_names(blobs):
    class Second(Processes):
        def agreed(self, value):
            return [0.0, 0.0, 1.0] if isinstance(value[0], float) else value

    schedule = _schedule(blobs[0], n_init=3, max_epochs=8)
    schedule.processes = Second()
    code = []

    class Notes(Callback):
        def on_train_begin(self, net, **kwargs):
            code.extend(code for _, code in net.discriminator_.heads)

    schedule.callbacks = [Notes()]
    schedule.prepare(0)
    net, _ = schedule.fit()
    assert net.discriminator_.code is code[2]


def test_a_model_read_in_training_has_one_head(blobs):
    X, _ = blobs
    settings = {**LOOKS, "n_init": 3, "max_epochs": 8}
    single = clusterer(**{**settings, "n_init": 1}).fit(X).model_
    seen = []

    class Reads(Callback):
        def on_epoch_end(self, net, **kwargs):
            if has_rivals(net):
                before = _numbers(net)[1]
                with set_aside(net):
                    seen.append(_numbers(net)[1])
                after = _numbers(net)[1]
                assert before.keys() == after.keys()
                assert all(np.array_equal(before[name], after[name]) for name in before)

    read = clusterer(callbacks=[Reads()], **settings).fit(X)
    _assert_same(read.model_.net, clusterer(**settings).fit(X).model_.net)
    names = {name for name in single.state()[1] if name.startswith(("discriminator_", "clusters"))}
    assert len(seen) == 6
    for arrays in seen:
        found = {name for name in arrays if name.startswith(("discriminator_", "clusters"))}
        assert found == names - {"clusters.groups"}
        assert arrays["clusters.seen"].shape == (6,)
