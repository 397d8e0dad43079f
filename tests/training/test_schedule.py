"""The stages of training, and what is left when they are stopped."""

from copy import deepcopy
from itertools import product

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from small import STEADY, clusterer, extractor, is_finite
from stopped import Crash, Interrupt
from torch import nn

from gan_cluster._recipe import resolve
from gan_cluster._validation.rows import check_rows
from gan_cluster.training import inference, schedule
from gan_cluster.training.callbacks import StopTraining
from gan_cluster.training.neighbors import nearest_rows
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.schedule import Schedule

NEAR = np.tile(np.arange(6), (40, 1))  # rows that are near each of 40


def test_each_stage_stops_when_it_rests(blobs):
    settings = {"max_epochs": 600, "width": 8, "n_clusters": 3, "tol": 0.05}
    model = clusterer(n_iter_no_change=10, **settings).fit(blobs[0])
    forming = [row for row in model.history_ if "generator_loss" not in row]
    assert 10 < len(forming) < 300
    assert len(forming) + 10 < model.n_iter_ < 600
    changed = [row["labels_changed"] for row in model.history_]
    assert max(changed[-10:] + changed[len(forming) - 10 : len(forming)]) <= 0.05


@pytest.mark.parametrize(("epochs", "forming"), [(1, 0), (2, 1), (5, 2)])
def test_clusters_form_before_the_generator_joins(epochs, forming, blobs):
    sizes = [[]]  # of the batches that discriminators see, before and in each epoch
    learned = []  # whether the generator has taken a step

    class Watch(Callback):
        def on_train_begin(self, net, **kwargs):
            for network in (net.discriminator_, net.critic_):
                if not network._forward_pre_hooks:
                    network.register_forward_pre_hook(
                        lambda _, given: sizes[-1].append(len(given[0]))
                    )

        def on_epoch_begin(self, net, **kwargs):
            sizes.append([])

        def on_epoch_end(self, net, **kwargs):
            state = net.optimizer_.state
            learned.append(any(w in state for w in net.generator_.parameters()))

    clusterer(max_epochs=epochs, callbacks=[Watch()]).fit(blobs[0])
    assert learned == [False] * forming + [True] * (epochs - forming)
    # real rows with twins; then the critic sees rows with generated ones, and those alone
    assert all(seen[:3] == [80, 80, 80] for seen in sizes[1 : forming + 1])
    assert all(seen[:9] == [80, 80, 40] * 3 for seen in sizes[forming + 1 :])


def test_the_papers_game_is_one_from_beginning_to_end(blobs):
    model = clusterer(**STEADY, max_epochs=4).fit(blobs[0])
    assert all("generator_loss" in row for row in model.history_)


def test_a_look_at_rows_comes_before_clusters_form(colours, monkeypatch):
    starts, views = [], []  # of each stage: what it does, and the weights of trunks; and near rows

    class Watch(Callback):
        def on_train_begin(self, net, **kwargs):
            seen, read = (
                torch.cat([w.detach().flatten() for w in trunk.parameters()])
                for trunk in (net.observer_.trunk, net.discriminator_.trunk)
            )
            starts.append((net.looking, net.playing, seen, read))

    def nearest(X, *args):
        *_, view = args
        views.append(None if view is None else view(X))
        return nearest_rows(X, *args)

    monkeypatch.setattr(schedule, "nearest_rows", nearest)
    model = clusterer(max_epochs=8, n_init=2, callbacks=[Watch()]).fit(colours)
    assert [row for *row, _, _ in starts] == [
        [True, False],
        [False, False],
        [False, True],
    ]
    (*_, blank, _), (*_, seen, read), _ = starts
    assert not torch.equal(blank, seen)
    assert torch.equal(seen, read)
    assert ["contrast" in row for row in model.history_] == [True] * 4 + [False] * 4
    assert model.n_iter_ == 8
    (features,) = views
    net = model.model_.net
    expected = net.observer_.features(model.model_.encode(colours.reshape(40, -1)))
    np.testing.assert_allclose(features, expected.detach(), atol=1e-5)
    np.testing.assert_allclose((features**2).sum(1), 1, atol=1e-5)


def test_a_model_is_scored_by_the_near_rows_that_its_observer_sees(colours, monkeypatch):
    views = []
    monkeypatch.setattr(inference, "nearest_rows", lambda *args: views.append(args[-1]) or NEAR)
    model = clusterer(max_epochs=4).fit(colours)
    model.score(colours)
    assert views[0] is not None
    chunked = clusterer().partial_fit(colours)
    assert all("contrast" not in row for row in chunked.history_)
    chunked.score(colours)
    assert views[-1] is None


@pytest.mark.parametrize("batch", [2, 5])
def test_a_look_at_rows_that_is_interrupted_is_of_use(batch, colours):
    settings = {"max_epochs": 8, "codes_per_cluster": 2, "batch_size": 20}
    model = clusterer(callbacks=[Interrupt(batch)], **settings)
    with pytest.warns(ConvergenceWarning, match="interrupted"), pytest.raises(KeyboardInterrupt):
        model.fit(colours)
    assert is_finite(model, colours)
    assert model.n_iter_ == batch // 2
    assert len(model.model_.net.clusters) == 3
    model.set_params(callbacks=None).partial_fit(colours)
    assert "contrast" not in model.history_[-1]


@pytest.mark.parametrize("make", [clusterer, extractor])
@pytest.mark.parametrize("batch", [4, 16, 25, 31])
def test_an_interrupted_fit_is_of_use(batch, make, blobs):
    X, _ = blobs
    # three batches an epoch: two runs of four epochs, then four more with the generator
    settings = {"n_init": 2, "max_epochs": 8, "codes_per_cluster": 2}
    model = make(callbacks=[Interrupt(batch)], **settings)
    with (
        pytest.warns(ConvergenceWarning, match=r"fitted as after epoch \d"),
        pytest.raises(KeyboardInterrupt),
    ):
        model.fit(X)
    assert is_finite(model, X)
    assert {4: 1, 16: 4, 25: 4, 31: 6}[batch] == model.n_iter_ == len(model.history_)
    assert all("seconds" in row for row in model.history_)
    assert len(model.model_.net.clusters) == 3
    model.set_params(callbacks=None).partial_fit(X)


def test_an_interrupt_before_anything_was_learned_leaves_nothing(blobs):
    model = clusterer(callbacks=[Interrupt(0)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(blobs[0])
    assert not hasattr(model, "history_")


def test_an_interrupt_stops_a_search(blobs):
    class Counting(Interrupt):
        fits = 0

        def on_train_begin(self, net, **kwargs):
            Counting.fits += 1

    search = GridSearchCV(clusterer(callbacks=[Counting(4)]), {"batch_size": [20, 40]}, cv=2)
    with pytest.warns(ConvergenceWarning, match="interrupted"), pytest.raises(KeyboardInterrupt):
        search.fit(blobs[0])
    assert Counting.fits <= 2


class Fails(Interrupt):
    """An error at a batch counted from 0."""

    def on_batch_end(self, net, **kwargs):
        if self.seen_ == self.batch:
            raise Crash
        self.seen_ += 1


def _all_of(model):
    """All that training leaves: numbers by name, and what is no number."""
    document, tensors = model.model_.state()
    document["history"] = model.history_
    arrays = {
        name: values.numpy(force=True).copy()
        for name, values in tensors.items()
        if not name.startswith("history.")
    }
    for name in ("labels_", "mutual_information_"):
        if hasattr(model, name):
            arrays[name] = np.array(getattr(model, name))
    if hasattr(model, "reading_"):
        document["reading"] = deepcopy(model.reading_.shapes)
        arrays |= {f"reduction{i}": a.copy() for i, a in enumerate(model.reading_.reduction or ())}
    document |= {"attributes": sorted(vars(model)), "playing": model.model_.net.playing}
    return deepcopy(document), arrays


def _assert_same(state, other, but=()):
    (document, arrays), (others, other_arrays) = state, other
    rows, other_rows = (
        [{name: value for name, value in row.items() if name not in but} for row in part["history"]]
        for part in (document, others)
    )
    assert {**document, "history": rows} == {**others, "history": other_rows}
    assert arrays.keys() == other_arrays.keys()
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, other_arrays[name], err_msg=name)


def _going_on(model, how, X):
    """Train a fitted estimator on, as users do."""
    if how == "partial_fit":
        return model.partial_fit(X)
    return model.set_params(warm_start=True).fit(X)


GOING_ON = {
    "merged": (clusterer, {"codes_per_cluster": 2, "prior": "learned"}),
    "the game alone": (clusterer, {**STEADY, "codes_per_cluster": 2, "n_continuous": 1}),
    "features": (extractor, {"n_components": 2, "normalize": None}),
}


@pytest.mark.parametrize("begun", ["partial_fit", "fit"])
@pytest.mark.parametrize(("how", "batches"), [("partial_fit", [1]), ("fit", [1, 4])])
@pytest.mark.parametrize("name", GOING_ON)
def test_going_on_that_is_stopped_changes_nothing(name, how, batches, begun, blobs):
    X, _ = blobs
    make, settings = GOING_ON[name]
    model = getattr(make(**settings, max_epochs=4), begun)(X)
    undisturbed, before = deepcopy(model), _all_of(model)
    features, shown = model.transform(X), model.sample(5, random_state=0)
    for batch, (stop, stopped) in product(
        batches, [(Interrupt, KeyboardInterrupt), (Fails, Crash)]
    ):
        with pytest.raises(stopped):
            _going_on(model.set_params(callbacks=[stop(batch)]), how, X[::-1])
        _assert_same(_all_of(model), before)
        np.testing.assert_array_equal(model.transform(X), features)
        np.testing.assert_array_equal(model.sample(5, random_state=0), shown)
    model.set_params(callbacks=None)
    undisturbed.set_params(warm_start=model.warm_start)
    for _ in range(2):
        after = _all_of(_going_on(model, how, X))
        _assert_same(after, _all_of(_going_on(undisturbed, how, X)), but=["seconds"])
    assert len(after[0]["history"]) > len(before[0]["history"])


@pytest.mark.parametrize("how", ["partial_fit", "fit"])
@pytest.mark.parametrize("name", GOING_ON)
def test_going_on_that_is_stopped_while_rows_are_read_changes_nothing(
    name, how, blobs, monkeypatch
):
    X, _ = blobs
    make, settings = GOING_ON[name]
    model = make(**settings).partial_fit(X)
    before = _all_of(model)

    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("gan_cluster.model.map_rows", interrupted)
        patched.setattr("gan_cluster.reading.twin_reduction", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _going_on(model, how, X)
    _assert_same(_all_of(model), before)


def test_a_first_chunk_that_is_stopped_leaves_nothing(blobs):
    X, _ = blobs
    model = clusterer(callbacks=[Interrupt(1)])
    before = vars(model).copy()
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X)
    assert vars(model) == before
    whole = clusterer().partial_fit(X)
    again = model.set_params(callbacks=None).partial_fit(X)
    _assert_same(_all_of(again), _all_of(whole), but=["seconds"])


def _schedule(X, settings, **given):
    """A schedule for parameters of an estimator, made without fitting one."""
    model = clusterer(**settings)
    rows = check_rows(model, X, reset=True)
    recipe = resolve(model.get_params(deep=False), rows, "cpu")
    return Schedule(recipe, rows.X, **given)


def test_a_step_may_be_another(blobs):
    steps = []  # whether each was of the game

    class Counted(AdversarialNet):
        def train_step(self, batch, **kwargs):
            steps.append(self.playing)
            return super().train_step(batch, **kwargs)

    X, _ = blobs
    settings = {"n_init": 2, "codes_per_cluster": 2, "max_epochs": 4}
    schedule = _schedule(X, settings, net_class=Counted)
    runs = schedule.prepare(0)
    net, _ = schedule.fit()
    assert [type(run.net) for run in runs] == [Counted] * 2
    assert net in [run.net for run in runs]
    assert steps == [False] * 12 + [True] * 6  # three an epoch
    expected = clusterer(**settings).fit(X).model_.net
    for part in ("generator_", "discriminator_"):
        ours, others = (getattr(each, part).state_dict() for each in (net, expected))
        for name, value in ours.items():
            assert torch.equal(value, others[name]), name
    assert torch.equal(net.rng.get_state(), expected.rng.get_state())


@pytest.mark.parametrize("epoch", [2, 6])
def test_a_callback_that_has_stopped_ends_all_stages(epoch, blobs):
    class Stops(Callback):
        stopped, epochs = False, 0

        def on_epoch_end(self, net, **kwargs):
            Stops.epochs += 1
            if Stops.epochs == epoch:
                self.stopped = True
                raise StopTraining

    Stops.epochs = 0
    settings = {"n_init": 2, "codes_per_cluster": 2, "max_epochs": 8}
    schedule = _schedule(blobs[0], settings, callbacks=[Stops()])
    runs = schedule.prepare(0)
    net, _ = schedule.fit()
    assert Stops.epochs == epoch
    assert [len(run.net.history) for run in runs] == ([2, 0] if epoch == 2 else [4, 2])
    assert net in [run.net for run in runs if run.net.history]
    assert len(net.clusters) == 3
    assert net.playing
    assert schedule.interrupt is None


def test_a_callback_that_has_stopped_while_rows_are_looked_at_ends_all_stages(blobs):
    class Stops(Callback):
        stopped, epochs = False, 0

        def on_epoch_end(self, net, **kwargs):
            self.epochs += 1
            self.stopped = True
            raise StopTraining

    settings = {"contrast_temperature": 0.5, "augment": torch.clone, "max_epochs": 8}
    stops = Stops()
    schedule = _schedule(blobs[0], settings, callbacks=[stops])
    schedule.prepare(0)
    net, _ = schedule.fit()
    assert stops.epochs == len(net.history) == 1
    assert "contrast" in net.history[0]


class Room(nn.Module):
    """A trunk that runs out of memory with more than some rows at a time."""

    def __init__(self, shape, n_rows):
        super().__init__()
        self.layer, self.n_rows = nn.Linear(*shape, 4), n_rows

    def forward(self, rows):
        if self.training and len(rows) > self.n_rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.layer(rows)


@pytest.mark.parametrize(
    ("n_rows", "said"),
    [
        (70, "batch_size=40 needs more memory than 'cpu' has: batch_size=20 would fit"),
        (15, "batch_size=40 needs more memory than 'cpu' has: batch_size=5 would fit"),
        (3, "batch_size=40 needs more memory than 'cpu' has, and no smaller one would fit: lower"),
    ],
)
def test_too_little_memory_is_said_with_what_would_fit(n_rows, said, blobs):
    X, _ = blobs
    pair = (
        lambda latent_dim, shape: nn.Linear(latent_dim, *shape),
        lambda shape: Room(shape, n_rows),
    )
    model = clusterer(architecture=pair, consistency_weight=0)
    with pytest.raises(MemoryError, match=said):
        model.fit(X)
    assert "model_" not in vars(model)
    model.set_params(batch_size=4, architecture=(pair[0], lambda shape: Room(shape, 8))).fit(X)
    before = model.transform(X)
    model.set_params(batch_size=40)
    for train in (model.partial_fit, model.set_params(warm_start=True).fit):
        with pytest.raises(MemoryError, match="batch_size=2 would fit"):
            train(X)
        np.testing.assert_array_equal(model.transform(X), before)
