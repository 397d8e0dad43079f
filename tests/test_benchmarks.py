"""The accuracy benchmark: bad input is named before anything runs, errors become rows."""

import doctest
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV

from gan_cluster.metrics import clustering_accuracy

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def run(tmp_path, *arguments):
    command = [sys.executable, str(BENCHMARKS / "accuracy.py"), *arguments]
    command += ["--json", str(tmp_path / "found.json")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "imagenet", "--method", "kmeans"], "unknown data 'imagenet': there are digits"),
        (["--data", "digits", "--method", "magic"], "unknown method 'magic': there are kmeans"),
        (
            ["--data", "digits", "--method", "kmeans", "--data-home", "not/there"],
            "there is no folder not/there",
        ),
        (["--data", "digits", "--method", "kmeans", "--seeds", "0"], "--seeds"),
    ],
)
def test_bad_input(arguments, message, refused):
    assert message in refused("accuracy", *arguments)


def test_rows_are_kept_and_errors_are_rows(tmp_path):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(40, 16)), np.arange(40) % 4
    np.savez(tmp_path / "pendigits.npz", x_train=X, y_train=y, x_test=X[:20], y_test=y[:20])
    arguments = ["--data", "pendigits", "coil20", "--method", "kmeans", "--seeds", "1"]
    arguments += ["--data-home", str(tmp_path)]
    assert run(tmp_path, *arguments).returncode == 0
    result = json.loads((tmp_path / "found.json").read_text())
    assert result["versions"]["scikit-learn"]
    assert [(row["data"], row["seed"], "error" in row) for row in result["rows"]] == [
        ("pendigits", 0, False),
        ("coil20", 0, True),
    ]
    assert "coil20.npz" in result["rows"][1]["error"]
    assert {"acc", "purity", "nmi", "ari", "seconds", "peak_mb", "score"} <= set(result["rows"][0])

    result["rows"][0]["acc"] = "kept"
    (tmp_path / "found.json").write_text(json.dumps(result))
    run(tmp_path, "--data", "pendigits", *arguments[3:])
    again = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert again[0]["acc"] == "kept"


def test_only_what_a_file_lacks_is_run_and_takes_the_place_of_its_errors(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from keeping import describe_machine, read_rows, run_missing, write

    path = tmp_path / "found.json"
    assert read_rows(path) == []
    had = [{"seed": 0, "error": "no"}, {"seed": 1, "acc": 0.5}, {"seed": 9, "acc": 0.1}]
    write(path, {"commit": "old", "rows": had})
    lines = ['{"seed": 0, "error": "no"},', '{"seed": 1, "acc": 0.5},', '{"seed": 9, "acc": 0.1}']
    assert (
        path.read_text()
        == '{\n "commit": "old",\n "rows": [\n  ' + "\n  ".join(lines) + "\n ]\n}\n"
    )
    asked = []

    def run(seed):
        asked.append(seed)
        return {0: {"seed": 0, "acc": 1.0}, 2: [{"seed": 2, "n": n} for n in "ab"], 3: []}[seed]

    found = run_missing(path, [(seed,) for seed in range(4)], lambda row: (row["seed"],), run)
    assert asked == [0, 2, 3]
    assert found == [
        *had[1:],
        {"seed": 0, "acc": 1.0},
        {"seed": 2, "n": "a"},
        {"seed": 2, "n": "b"},
    ]
    assert json.loads(path.read_text()) == {**describe_machine(), "rows": found}
    assert list(tmp_path.iterdir()) == [path]


def test_unbalanced_data_has_the_shares_that_are_recorded(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import data

    y = np.repeat(np.arange(10), 40)
    X = np.arange(400 * 784).reshape(400, 784)
    np.savez(tmp_path / "mnist.npz", x_train=X, y_train=y, x_test=X, y_test=y)
    monkeypatch.setattr(data, "UNBALANCED_ROWS", {"train": 200, "test": 100})
    found = data.load("mnist_unbalanced_3", tmp_path)
    shares = np.array(data.SHARES[3])
    np.testing.assert_allclose(np.bincount(found.y_train) / 200, shares, atol=0.003)
    np.testing.assert_allclose(np.bincount(found.y_test) / 100, shares, atol=0.006)
    np.testing.assert_array_equal(found.y_train, y[found.X_train[:, 0] // 784])
    assert all(sum(row) == pytest.approx(1, abs=0.005) for row in data.SHARES)


def test_a_probe_learns_from_the_labels_that_it_is_given_alone(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from probe import LinearProbe

    X, y = load_digits(return_X_y=True)
    y[1200:] = 0  # what lies beyond the rows that are fitted is not asked
    probe = LinearProbe(PCA(30, random_state=0), y, per_class=20, seed=0).fit(X[:1000])
    assert (probe.predict(X[1000:1200]) == y[1000:1200]).mean() > 0.85
    asked = []
    monkeypatch.setattr(GridSearchCV, "fit", lambda self, X, y: asked.append(np.bincount(y)))
    LinearProbe(PCA(30), y, per_class=20, seed=0).fit(X[:1000])
    assert (asked[0] == 20).all()


@pytest.mark.parametrize("depth", [4, 8])
def test_the_code_and_the_features_of_a_protocol_come_from_the_same_networks(depth, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from data import DataSet
    from methods import METHODS

    X, y = load_digits(return_X_y=True)
    digits = DataSet(X[:300], y[:300], X[:50], y[:50], (1, 8, 8))
    short = {"max_epochs": 1, "batch_size": 50}
    code = METHODS[f"infogan-code, conv{depth}"].make(digits, 0).set_params(**short).fit(X[:300])
    features = METHODS[f"infogan-conv{depth}+kmeans"].make(digits, 0)[0].set_params(**short)
    found = features.fit_transform(X[:300])
    assert {name.split("_")[0] for name in features.get_feature_names_out()} == {f"conv{depth}"}
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    for mine, other in zip(
        code.discriminator_.parameters(), features.discriminator_.parameters(), strict=True
    ):
        assert torch.equal(mine, other)


def test_features_of_the_same_training_are_trained_once(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from accuracy import keep_training
    from data import DataSet
    from methods import METHODS

    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    digits = DataSet(X, y, X[:50], y[:50], (1, 8, 8))
    accuracies, seconds, spent = [], [], []
    for name in ("gan-features+kmeans", "gan-probe", "gan-probe", "gan-probe, width 32"):
        model = METHODS[name].make(digits, 0)
        features = getattr(model, "features", None) or model[0]
        features.set_params(max_epochs=2, layers="all", n_components=None)
        started = perf_counter()
        model, taken = keep_training(model, X, tmp_path)
        seconds.append(taken)
        spent.append(perf_counter() - started)
        accuracies.append((model.fit(X).predict(X) == y).mean())
        reader = getattr(model, "features", None) or model[0]
        np.testing.assert_array_equal(reader.transform(X), features.fit_transform(X))
    assert seconds[0] == seconds[1] == seconds[2] <= spent[0]  # of the training alone, once
    assert seconds[3] <= spent[3]
    assert len(list(tmp_path.iterdir())) == 4  # two trainings, and beside each its seconds
    assert accuracies[1] == accuracies[2] > 0.8
    code, features = (
        METHODS[name].make(digits, 0).set_params(**short)
        for name, short in (
            ("infogan", {"max_epochs": 1}),
            ("infogan-features+kmeans", {"ganfeatureextractor__max_epochs": 1}),
        )
    )
    expected = METHODS["infogan"].predict(code.fit(X), X)
    code, taken = keep_training(code, X, tmp_path)
    assert taken == keep_training(features, X, tmp_path)[1] > 0
    np.testing.assert_array_equal(METHODS["infogan"].predict(code.fit(X), X), expected)
    kmeans = METHODS["kmeans"].make(digits, 0)
    assert keep_training(kmeans, X, tmp_path) == (kmeans, 0)


def test_a_training_that_is_kept_is_found_again_by_another_process(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from data import DataSet
    from methods import METHODS
    from trained import kept_in

    X, y = load_digits(return_X_y=True)
    digits = DataSet(X[:100], y[:100], X[:50], y[:50], (1, 8, 8))
    makers = METHODS["infogan-code, conv4"].make, METHODS["infogan"].make
    wanted = [kept_in(make(digits, seed), X, tmp_path) for make in makers for seed in (0, 1)]
    assert len(set(wanted)) == 4
    assert kept_in(makers[0](digits, 0), X + 1, tmp_path) not in wanted
    # another process has the functions that make networks at other places
    deeper = METHODS["infogan-code, conv8"].make(digits, 0)
    moved = makers[0](digits, 0).set_params(layers="all", pooling="max", normalize=None)
    assert kept_in(moved, X, tmp_path) == wanted[0] != kept_in(deeper, X, tmp_path)
    code = (
        "import sys; from pathlib import Path; from sklearn.datasets import load_digits;"
        f"sys.path.insert(0, {str(BENCHMARKS)!r});"
        "from data import DataSet; from methods import METHODS; from trained import kept_in;"
        "X, y = load_digits(return_X_y=True);"
        "digits = DataSet(X[:100], y[:100], X[:50], y[:50], (1, 8, 8));"
        "model = METHODS['infogan-code, conv4'].make(digits, 0);"
        f"print(kept_in(model, X, Path({str(tmp_path)!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(wanted[0])


def test_the_ceiling_of_a_protocol_learns_the_labels(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from trunks import SupervisedFeatures

    X, y = load_digits(return_X_y=True)
    found = SupervisedFeatures(4, (1, 8, 8), y, seed=0).fit(X[:1000]).transform(X[1000:])
    labels = KMeans(10, n_init=3, random_state=0).fit_predict(found)
    assert clustering_accuracy(y[1000:], labels) > 0.85


def test_each_variant_of_the_search_trains_and_changes_the_features(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from data import DataSet
    from variants import VARIANTS

    X, y = load_digits(return_X_y=True)
    X = np.kron(X[:50].reshape(-1, 8, 8), np.ones((2, 2))).reshape(50, -1)
    digits = DataSet(X, y[:50], X[:20], y[:20], (1, 16, 16))
    found = {}
    for name, make in VARIANTS.items():
        models = [make(digits, 0) for _ in "ab"]
        for model in models:
            getattr(model, "estimator", model).set_params(max_epochs=2, batch_size=25)
        first, again = (model.fit_transform(X) for model in models)
        np.testing.assert_array_equal(first, again, err_msg=name)
        assert np.isfinite(first).all(), name
        found[name] = first.tobytes()
    assert len(set(found.values())) == len(found)


def test_measures_of_drawn_images_are_right_where_the_answer_is_known(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import generation

    assert doctest.testmod(generation) == (0, 8)
    upright, wide = np.zeros((2, 1, 20, 20))
    upright[0, 2:18, 9:11] = wide[0, 2:18, 7:13] = 1
    assert generation.slant(upright)[0] == pytest.approx(0)
    assert generation.stroke_width(wide)[0] > 1.5 * generation.stroke_width(upright)[0]


def test_both_sides_of_a_comparison_of_speed_do_their_work(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import speed

    monkeypatch.setattr(speed, "KINDS", {"table": (4,), "image": (1, 8, 8)})
    monkeypatch.setattr(speed, "BATCH", 16)
    monkeypatch.setattr(speed, "N_STEPS", (4, 4))
    monkeypatch.setattr(speed, "N_CALLS", 2)
    monkeypatch.setattr(speed, "N_READ", 2 * speed.INFERENCE_BATCH)
    monkeypatch.setattr(speed, "CUTS", [speed.INFERENCE_BATCH])
    X = speed.rows_of((1, 8, 8), 48)
    model = speed.fitted(X)
    before = [w.detach().clone() for w in model.discriminator_.parameters()]
    speed.bare_epoch(model, X)()
    after = model.discriminator_.parameters()
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))

    rows = speed.steps(repeats=1) + speed.readings(repeats=1)
    assert [row["case"] for row in rows if row["case"].startswith("step")] == [
        "step, table",
        "step, image",
    ]
    assert {row["case"].partition(",")[0] for row in rows} == {
        "step",
        "predict",
        "transform",
        "predict one row",
    }
    assert all(row["ratio"] == round(row["ours"] / row["reference"], 3) > 0 for row in rows)


def test_a_fit_on_a_gpu_is_watched_and_its_steps_are_counted(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu
    from data import load

    digits = load("digits", None)
    few = digits._replace(X_train=digits.X_train[:256], X_test=digits.X_test[:100])
    few = few._replace(y_test=digits.y_test[:100])
    for captured in (True, False):
        row = gpu.steps(few.X_train, "cpu", 1, captured, image_shape=few.image_shape, batch_size=64)
        assert set(row) == {"steps_a_second"}
        assert row["steps_a_second"] > 0

    monkeypatch.setattr(gpu, "InfoGANClusterer", partial(gpu.InfoGANClusterer, max_epochs=4))
    row = gpu.fit(few, "cpu", 0)
    assert row["seconds_to_0.98"] is None
    assert 0 < row["acc"] < gpu.GOOD
    monkeypatch.setattr(gpu, "GOOD", row["acc"] / 2)  # epochs are read with other statistics
    again = gpu.fit(few, "cpu", 0)
    assert again["acc"] == row["acc"]
    assert 0 < again["seconds_to_0.98"] <= again["seconds"]


def test_results_that_are_no_accuracies_have_a_table_of_their_own(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import table

    rows = [{"kind": "file", "rows": 1000, "peak_mb": 12.3456}, {"kind": "memory", "rows": 2000}]
    found = table.measured("memory", rows)
    assert found.startswith("Rows larger than memory")
    assert "| kind | rows | peak_mb |\n| --- | --- | --- |\n" in found
    assert found.endswith("| file | 1000 | 12.35 |\n| memory | 2000 |  |\n")
    rounds = [{"round": i, "held_mb": 300.0 + i} for i in range(5)]
    assert "| 0 | 300 |\n| 4 | 304 |\n" in table.measured("soak", rounds)


def test_shorter_fits_of_photographs_are_rows_of_their_own(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import photos

    kept = {"variant": "all", "seed": 0, "width": 16, "rows": 100}
    path = tmp_path / "photos.json"
    path.write_text(json.dumps({"rows": [kept, {**kept, "max_epochs": 4}]}))
    asked = []

    def run_row(*arguments):
        asked.append(arguments)
        return {**kept, "max_epochs": 2}

    monkeypatch.setattr(photos, "in_process", lambda run, *arguments: run(*arguments))
    monkeypatch.setattr(photos, "run_row", run_row)
    for more in ([], ["--max-epochs", "4"], ["--max-epochs", "2"]):
        monkeypatch.setattr(sys, "argv", ["", "--rows", "100", "--json", str(path), *more])
        photos.main()
    assert asked == [("all", 0, 16, 100, 2, None, None)]
    assert len(json.loads(path.read_text())["rows"]) == 3


def test_options_have_a_section_of_means_once_there_are_results(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import table

    row = {"study": "loss", "data": "digits", "option": "hinge", "seed": 0, "acc": 0.5}
    row |= {"commit": "abc1234", "processor": "one"}
    rows = [row, {**row, "seed": 1, "acc": 0.75}, {**row, "option": "none", "mig": 0.25}]
    found = table.tried({"rows": rows})
    assert "| study | data | option | seeds | commit | acc | worst | mig |\n" in found
    assert found.endswith(
        "| loss | digits | hinge | 2 | abc1234 | 0.625 | 0.5 |  |\n"
        "| loss | digits | none | 1 | abc1234 | 0.5 | 0.5 | 0.25 |\n"
    )


@pytest.mark.parametrize(
    ("name", "played"), [("single, no game", 0), ("single, game from the start", 4)]
)
def test_the_generator_plays_always_or_never(name, played, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from data import DataSet
    from methods import METHODS

    X, y = load_digits(return_X_y=True)
    digits = DataSet(X[:200], y[:200], X[:50], y[:50], (1, 8, 8))
    model = METHODS[name].make(digits, 0)
    model.estimator.set_params(max_epochs=4, batch_size=50)
    labels = METHODS[name].predict(model.fit(X[:200]), X[:50])
    assert labels.max() < 10
    assert sum("generator_loss" in epoch for epoch in model.model_.history) == played


def test_chunks_are_passed_over_as_often_as_one_training_of_fit_passes_over_all(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from data import DataSet
    from methods import METHODS

    X, y = load_digits(return_X_y=True)
    digits = DataSet(X[:120], y[:120], X[:50], y[:50], (1, 8, 8))
    short = {"max_epochs": 4, "batch_size": 20}
    model = METHODS["partial_fit in chunks"].make(digits, 0).set_params(**short).fit(X[:120])
    assert model.n_iter_ == 4 * 6


def test_a_net_of_the_librarys_own_class_is_trained_as_fit_trains_it(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from trained import Trained, fit_with

    from gan_cluster import InfoGANClusterer
    from gan_cluster.training.net import AdversarialNet

    X = load_digits().data[:200]
    model = InfoGANClusterer(
        4, image_shape=(1, 8, 8), max_epochs=2, batch_size=50, n_init=2, random_state=0
    )
    own = Trained(model, partial(fit_with, net_class=AdversarialNet)).fit(X)
    assert not hasattr(model, "model_")
    for mine, other in zip(
        own.model_.discriminator.parameters(),
        model.fit(X).discriminator_.parameters(),
        strict=True,
    ):
        assert torch.equal(mine, other)


def test_attacks_are_counted_and_none_does_harm(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import attack

    # each in this process, for others take seconds to start
    monkeypatch.setattr(attack, "ProcessPoolExecutor", lambda n, mp_context: ThreadPoolExecutor(n))
    monkeypatch.setattr(attack, "in_process", lambda function, *given: function(*given))
    few = [*attack.BOMBS][:2]  # the others are large
    monkeypatch.setattr(attack, "BOMBS", {name: attack.BOMBS[name] for name in few})
    rows = attack.attack(0.01)
    assert [row["case"] for row in rows][:2] == ["saves by threads", "saves by processes"]
    assert len(rows) == len(attack.CASES) + len(attack.BOMBS) + 3
    for row in rows:
        limits = row["case"].startswith(("merging", "a forged"))  # a busy machine may pass them
        assert row["tried"] > 0
        assert limits or row["failed"] == 0, row
    assert all({"peak_mb", "file_mb"} <= set(row) for row in rows if "forged" in row["case"])

    torn = {"model.safetensors": b"half"}

    def breaks(model, folder):
        folder.mkdir(exist_ok=True)
        for name, content in torn.items():
            (folder / name).write_bytes(content)

    monkeypatch.setattr(attack, "save", breaks)
    assert attack.saves_by_threads(2, tmp_path) == 2
    assert attack.interrupted_partial_fits(2, tmp_path / "other") == 2
    (tmp_path / "planted").mkdir()
    assert attack.planted_files(5, tmp_path / "planted") == 1


@pytest.mark.parametrize("size", [8, 28])
def test_letters_are_as_digits_are(size, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from outliers import letters

    found = letters(12, size)
    np.testing.assert_array_equal(found, letters(12, size))
    assert not np.array_equal(found, letters(12, size, seed=1))
    assert found.shape == (12, size * size)
    assert found.min() == 0
    assert found.max() == (16 if size == 8 else 255)
    if size == 28:  # their mass is in the middle, as that of MNIST's digits
        images = found.reshape(12, 28, 28)
        middle = (images.sum((0, 1)) @ np.arange(28)) / images.sum()
        assert middle == pytest.approx(13.5, abs=1)


def test_rivals_and_other_rows_are_scored(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import outliers

    monkeypatch.setattr(outliers, "N_OUTLIERS", 50)
    row = outliers.run_row("wine", "elliptic-envelope", 0, None, None)
    assert row["columns"] > 0.8
    assert row["far"] > 0.8
    assert 0 <= row["outside"] <= 0.05


def test_as_many_rows_of_each_class_have_a_label_and_all_methods_see_the_same(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from data import DataSet
    from few_labels import SEMI_SUPERVISED, SUPERVISED, draw_labels, fitted

    X, classes = load_digits(return_X_y=True)
    digits = DataSet(X[:600], classes[:600], X[600:800], classes[600:800], (1, 8, 8))
    y = draw_labels(digits.y_train, 30, seed=1)
    assert (y == draw_labels(digits.y_train, 30, seed=1)).all()
    assert np.bincount(y[y >= 0]).tolist() == [3] * 10
    assert (y == digits.y_train)[y >= 0].all()
    for method in (*SUPERVISED, *SEMI_SUPERVISED):
        found = fitted(method, digits, y, 0).predict(digits.X_test)
        assert np.mean(found == digits.y_test) > 0.3
