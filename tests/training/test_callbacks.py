"""Progress, callbacks of skorch and callbacks of scikit-learn."""

import io
import os
import pickle
import sys
from contextlib import suppress
from itertools import count

import numpy as np
import pytest
import torch
from sklearn.callback import ScoringMonitor
from sklearn.cluster import KMeans
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping, LRScheduler
from small import STEADY, clusterer, extractor
from stopped import Crash, Crashes

from gan_cluster.training import callbacks, checkpoint, loop
from gan_cluster.training.callbacks import Settled, StopTraining

both = pytest.mark.parametrize("make", [clusterer, extractor])


class Recorder:
    """A callback of scikit-learn's that notes its tasks and may stop training."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.tasks = []
        self.state = "new"

    def setup(self, estimator, context):
        self.state = "set up"

    def teardown(self, estimator, context):
        self.state = "torn down"

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.tasks.append(("begin", context.task_name, X.shape))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None, X=None):
        self.tasks.append(("end", context.task_name, len(fitted_estimator.transform(X))))
        ended = [task for task in self.tasks if task[:2] == ("end", "epoch")]
        return len(ended) == self.stop_after


class Propagated(Recorder):
    """One that other estimators hand on to those inside them."""

    max_propagation_depth = None

    def on_fit_task_begin(self, estimator, context):
        self.tasks.append((type(estimator).__name__, context.task_name))

    def on_fit_task_end(self, estimator, context):
        return False


@both
def test_scikit_learn_callbacks_see_the_fit_and_its_epochs(make, blobs):
    recorder = Recorder()
    make().set_callbacks(recorder).fit(blobs[0])
    epoch = [("begin", "epoch", (120, 4)), ("end", "epoch", 120)]
    assert recorder.tasks == [("begin", "fit", (120, 4)), *epoch, *epoch, ("end", "fit", 120)]
    assert recorder.state == "torn down"


@both
def test_a_callback_that_returns_true_stops_training(make, blobs):
    recorder = Recorder(stop_after=3)
    model = make(max_epochs=50).set_callbacks(recorder).fit(blobs[0])
    assert model.n_iter_ == 3
    assert recorder.tasks[-1][:2] == ("end", "fit")
    assert model.transform(blobs[0]).shape[0] == 120


def test_callbacks_are_torn_down_after_an_error(blobs):
    recorder = Recorder()
    model = clusterer(augment=lambda rows: rows if len(rows) < 40 else 1 / 0)
    model.set_callbacks(recorder)
    with pytest.raises(ZeroDivisionError):
        model.fit(blobs[0])
    assert recorder.state == "torn down"
    assert not hasattr(model, "n_iter_")


@pytest.mark.parametrize("codes", [1, 2])
def test_scoring_monitor_scores_every_epoch_by_labels_that_training_never_sees(codes, blobs):
    monitor = ScoringMonitor(scoring="adjusted_rand_score")
    settings = {"max_epochs": 4, "codes_per_cluster": codes}
    model = clusterer(**settings).set_callbacks(monitor).fit(*blobs)
    rows = monitor.get_logs().data_as_pandas
    assert rows["adjusted_rand_score"].between(-1, 1).all()
    assert len(rows) >= 4
    np.testing.assert_array_equal(model.labels_, clusterer(**settings).fit(blobs[0]).labels_)


@pytest.mark.filterwarnings("ignore:The estimator .* does not support callbacks")
@pytest.mark.parametrize(
    ("wrap", "name", "n_fits"),
    [
        (lambda: make_pipeline(StandardScaler(), clusterer()), "InfoGANClusterer", 1),
        (lambda: make_pipeline(extractor(), KMeans(3, n_init=1)), "GANFeatureExtractor", 1),
        (lambda: GridSearchCV(clusterer(), {"width": [2]}, cv=2), "InfoGANClusterer", 3),
    ],
    ids=["end of a pipeline", "start of a pipeline", "search"],
)
def test_callbacks_reach_epochs_inside_other_estimators(wrap, name, n_fits, blobs):
    recorder = Propagated()
    wrap().set_callbacks(recorder).fit(blobs[0])
    assert recorder.tasks.count((name, "epoch")) == 2 * n_fits


@pytest.mark.parametrize("through", [lambda model: model, make_pipeline])
def test_progress_bar_of_scikit_learn(through, blobs, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    through(clusterer()).set_callbacks(ProgressBar(max_propagation_depth=None)).fit(blobs[0])
    assert "InfoGANClusterer" in capsys.readouterr().out


class Counter(Callback):
    """A callback of skorch's."""

    def __init__(self):
        self.calls = []

    def on_train_begin(self, net, **kwargs):
        self.calls.append("train begin")

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        self.calls.append("batch")

    def on_epoch_end(self, net, **kwargs):
        self.calls.append(round(net.history[-1]["agreement"], 6))

    def on_train_end(self, net, **kwargs):
        self.calls.append("train end")


@both
def test_skorch_callbacks(make, blobs):
    counter = Counter()
    model = make(callbacks=[counter]).fit(blobs[0])
    expected = []  # clusters form in one training and are refined in another
    for row in model.history_:
        agreed = round(row["agreement"], 6)
        expected += ["train begin", *["batch"] * 3, agreed, "train end"]
    assert counter.calls == expected
    model.partial_fit(blobs[0])
    assert counter.calls.count("train begin") == 3


def test_callbacks_change_nothing_in_training(blobs):
    plain = clusterer().fit(blobs[0])
    watched = clusterer(callbacks=[Counter()], verbose=1).fit(blobs[0])
    np.testing.assert_array_equal(plain.predict_proba(blobs[0]), watched.predict_proba(blobs[0]))


@both
@pytest.mark.parametrize(("max_epochs", "n_iter"), [(4, 4), (12, 6)])
def test_skorch_stops_each_stage_early_and_the_model_is_kept(make, max_epochs, n_iter, blobs):
    early = EarlyStopping(monitor="seconds", threshold=1e9, patience=2)  # stops in the third epoch
    settings = {"codes_per_cluster": 2, "max_epochs": max_epochs}
    model = make(callbacks=[early], **settings).fit(blobs[0])
    assert model.n_iter_ == n_iter
    assert len(model.model_.net.clusters) == 3
    assert "generator_loss" in model.history_[-1]
    assert model.sample(2).shape == (2, 4)


@both
def test_skorch_schedules_both_rates(make, blobs):
    rates = []

    class Watch(Callback):
        def on_epoch_begin(self, net, **kwargs):
            rates.append([group["lr"] for group in net.optimizer_.param_groups])

    schedule = LRScheduler("StepLR", step_size=1, gamma=0.1)
    model = make(callbacks=[schedule, Watch()], learning_rate=(1e-3, 1e-2), **STEADY)
    model.fit(blobs[0])
    np.testing.assert_allclose(rates, [[1e-3, 1e-2], [5e-5, 5e-4]])  # they fall by themselves, too
    model.set_params(callbacks=[Watch()]).partial_fit(blobs[0])
    np.testing.assert_allclose(rates[-1], [1e-3, 1e-2])


def test_skorch_clips_gradients(blobs):
    norms = {True: [], False: []}  # of the discriminator with Q; of the generator and its critic

    class Watch(Callback):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            gradients = {name: w.grad for name, w in named_parameters if w.grad is not None}
            norm = sum(float(gradient.square().sum()) for gradient in gradients.values()) ** 0.5
            norms["code.weight" in gradients].append(norm)

    clusterer(callbacks=[GradientNormClipping(1e-3), Watch()]).fit(blobs[0])
    assert (len(norms[True]), len(norms[False])) == (6, 6)
    assert max(norms[True] + norms[False]) <= 1.001e-3


class Unpicklable(Callback):
    def __init__(self):
        self.cannot = lambda: None


def test_the_trained_net_keeps_no_callback(blobs):
    model = clusterer(callbacks=[Unpicklable()], verbose=1)
    model.fit(blobs[0])
    model.set_params(callbacks=None)
    copy = pickle.loads(pickle.dumps(model))
    assert not copy.model_.net.callbacks_
    np.testing.assert_array_equal(copy.predict(blobs[0]), model.labels_)


@pytest.fixture
def terminal(monkeypatch):
    """What is written is taken for a terminal's."""
    monkeypatch.setattr(callbacks, "shows_bars", lambda: True)


@pytest.mark.usefixtures("terminal")
@both
def test_verbose_shows_a_bar_with_the_information_that_q_reads(make, blobs, capsys):
    make(verbose=1).fit(blobs[0])
    shown = capsys.readouterr().err
    assert "forming clusters 1/1: 100%" in shown
    assert "learning to draw: 100%" in shown
    assert "mutual_information=" in shown


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_stops_training_from_outside_is_passed_on(error, blobs, capsys):
    class Interrupt(Counter):
        def on_batch_end(self, net, **kwargs):
            super().on_batch_end(net)
            if len(self.calls) == 3:
                raise error

    counter = Interrupt()
    model = clusterer(callbacks=[counter], verbose=1)
    with pytest.raises(error):
        model.fit(blobs[0])
    assert counter.calls == ["train begin", "batch", "batch", "train end"]
    assert capsys.readouterr().err.endswith("\n")  # the bar is closed
    assert not hasattr(model, "n_iter_")


@both
def test_silent_by_default(make, blobs, capsys):
    make().fit(blobs[0]).partial_fit(blobs[0])
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.usefixtures("terminal")
def test_verbose_of_the_game_alone(blobs, capsys):
    extractor(objective="gan", verbose=True).fit(blobs[0])
    shown = capsys.readouterr().err
    assert "training 1/1: 100%" in shown
    assert "2/2" in shown


def test_after_a_minute_it_is_said_how_long_the_whole_fit_may_take(
    blobs, tmp_path, capsys, monkeypatch
):
    clock = count(step=25)  # a look at it takes so many seconds, and so does an epoch
    monkeypatch.setattr(loop, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(checkpoint, "WRITING_SHARE", 1.0)
    settings = {
        "contrast_temperature": 0.5,
        "augment": lambda rows: rows + torch.randn_like(rows),
        "max_epochs": 40,  # 20 of the look, 10 of clusters, 10 for the generator
        "n_iter_no_change": None,
        "checkpoint_dir": tmp_path,
        "verbose": 1,
    }
    with pytest.raises(Crash):
        clusterer(callbacks=[Crashes(33)], **settings).fit(blobs[0])
    shown = capsys.readouterr().err
    assert "looking at rows" in shown
    assert shown.count("epochs are left, of all stages") == 1
    assert "At most 37 epochs are left, of all stages together: " in shown
    assert "about 15 minutes at 25 s an epoch" in shown  # 37 * 25 seconds
    clusterer(**settings).fit(blobs[0])
    assert "At most 5 epochs are left" in capsys.readouterr().err  # after three more


def test_a_file_has_a_line_for_each_stage_and_no_bar(blobs, capsys):
    clusterer(verbose=1, tol=0.0).fit(blobs[0])
    assert (
        capsys.readouterr().err
        == "forming clusters 1/1: 1 of 1 epochs\nlearning to draw: 1 of 1 epochs\n"
    )


@pytest.mark.parametrize("bars", [False, True])
def test_a_stage_that_converged_says_so(bars, blobs, capsys, monkeypatch):
    monkeypatch.setattr(callbacks, "shows_bars", lambda: bars)
    model = clusterer(verbose=1, tol=1.0, n_iter_no_change=2, max_epochs=40).fit(blobs[0])
    shown = capsys.readouterr().err
    assert model.n_iter_ < 40
    assert "forming clusters 1/1, converged: " in shown
    if not bars:
        assert shown.startswith("forming clusters 1/1, converged: 2 of 20 epochs\n")


@pytest.mark.parametrize(
    ("is_terminal", "expected"), [(lambda: True, True), (lambda: False, False)]
)
def test_bars_are_for_terminals(is_terminal, expected, monkeypatch):
    stream = io.StringIO()
    stream.isatty = is_terminal
    monkeypatch.setattr(sys, "stderr", stream)
    assert callbacks.shows_bars() is expected


@pytest.mark.parametrize(
    ("changed", "information", "stops_at"),
    [
        ([0.5, 0.05, 0.2, 0.1, 0.0, 0.0], None, 5),
        ([0.0] * 6, [1.0, 1.3, 1.6, 1.65, 1.7, 1.5], 5),  # gains of less than 0.2 are rest
        ([0.0] * 6, [1.0, 1.3, 1.0, 1.3, 1.0, 1.3], 4),  # up and down, but never up
        ([0.0] * 6, [0.0, 0.3, 0.6, 0.9, 1.2, 1.5], None),
        ([0.2] * 6, [1.0] * 6, None),
    ],
)
def test_training_that_rests_is_stopped(changed, information, stops_at):
    class Net:
        history: list

    callback, net = Settled(tol=0.1, n_iter_no_change=2), Net()
    callback.on_train_begin(net)
    stopped = None
    for epoch, share in enumerate(changed):
        net.history = [{"labels_changed": share}]
        if information:
            net.history[-1] |= {"mutual_information": information[epoch], "code_entropy": 2.0}
        try:
            callback.on_epoch_end(net)
        except StopTraining:
            stopped = epoch + 1
            break
    assert stopped == stops_at


def _closed():
    stream = io.StringIO()
    stream.close()
    return stream


def _broken():
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w", buffering=1)


class BreaksLater(io.StringIO):
    """A terminal that ends after some lines."""

    def isatty(self):
        return True

    def write(self, text):
        if self.tell() > 200:
            raise OSError
        return super().write(text)


@pytest.mark.parametrize("stream", [_closed, lambda: None, _broken, BreaksLater])
def test_training_goes_on_where_nobody_sees_its_progress(stream, blobs, monkeypatch):
    expected = clusterer(max_epochs=8).fit(blobs[0])
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream())
        model = clusterer(max_epochs=8, verbose=1).fit(blobs[0])
        with suppress(OSError, ValueError):
            sys.stderr and sys.stderr.close()
    np.testing.assert_array_equal(model.labels_, expected.labels_)


def test_the_time_of_a_search_for_the_number_is_no_time_of_the_fit(blobs, monkeypatch, capsys):
    monkeypatch.setattr(callbacks, "FIRST_LOOK", 0.0)
    model = clusterer(n_clusters="auto", max_clusters=4, max_epochs=4, verbose=1).fit(blobs[0])
    said = capsys.readouterr().err
    assert said.count("epochs are left") == 1
    assert said.index("finding the number") < said.index(f"At most {model.n_iter_ - 1} epochs")


def test_callbacks_of_scikit_learn_see_a_run_with_fewer_codes(blobs):
    class Moves(Recorder):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None, X=None):
            self.tasks.append(fitted_estimator.model_.to("cpu").net.clusters.n_codes)
            return False

    moves = Moves()
    model = clusterer(n_init=2, codes_per_cluster="auto", max_epochs=4).set_callbacks(moves)
    model.fit(blobs[0])
    assert {task for task in moves.tasks if isinstance(task, int)} == {12, 6}
