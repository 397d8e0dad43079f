"""Training that diverges, collapses or is interrupted leaves something of use."""

import _thread
import signal
import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from small import clusterer, extractor


@pytest.fixture(autouse=True)
def interrupts():
    """Interrupts are heard, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Poison(Callback):
    """Makes gradients NaN at some steps, counted from 0."""

    def __init__(self, *steps):
        self.steps, self.step = steps, 0

    def on_grad_computed(self, net, named_parameters, **kwargs):
        if self.step in self.steps:
            for _, weights in named_parameters:
                if weights.grad is not None:
                    weights.grad.fill_(float("nan"))
        self.step += 1


class Ends(Callback):
    """Ends training after two epochs."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def _finite(model, X):
    weights = [*model.generator_.parameters(), *model.discriminator_.parameters()]
    assert all(w.isfinite().all() for w in weights)
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.score(X))
    assert np.isfinite(model.sample(3, random_state=0)).all()
    return True


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"consistency_weight": 0, "ema_decay": 0.9},
        {"n_continuous": 2, "contrastive_weight": 1.0},
    ],
)
@pytest.mark.parametrize("step", [0, 7, 13])
def test_one_nan_is_taken_back_and_training_goes_on(step, settings, blobs):
    X, _ = blobs
    model = clusterer(max_epochs=8, callbacks=[Poison(step)], **settings)
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch \[\d\]: it was taken back"):
        model.fit(X)
    assert _finite(model, X)
    assert model.n_iter_ == 8
    assert [bool(row.get("taken_back")) for row in model.history_].count(True) == 1
    assert "taken_back" not in model.history_[-1]


def test_the_learning_rates_fall_once_and_a_second_nan_ends_the_stage(blobs):
    X, _ = blobs
    rates = []

    class Rates(Callback):
        def on_batch_begin(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    settings = {"consistency_weight": 0, "max_epochs": 8}
    poison = Poison(8, 20)  # two steps a batch, three batches an epoch
    model = clusterer(callbacks=[Rates(), poison], **settings)
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch \[2, 4\]"):
        model.fit(X)
    assert _finite(model, X)
    assert model.n_iter_ == 4
    before, after = [1e-3 * (24 - i) / 24 for i in range(6)], 1e-4 * 21 / 24
    assert rates == pytest.approx(before + [after * (18 - i) / 18 for i in range(6)])


def test_the_last_good_state_is_the_one_before(blobs):
    X, _ = blobs
    settings = {"consistency_weight": 0, "max_epochs": 3}
    model = clusterer(callbacks=[Poison(12, 13)], **settings)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.fit(X)
    shorter = clusterer(callbacks=[Ends()], **settings).fit(X)
    ours, others = model.generator_.state_dict(), shorter.generator_.state_dict()
    for name, value in ours.items():
        torch.testing.assert_close(value, others[name], rtol=0, atol=0)


def test_rates_that_never_work_are_named(blobs):
    wild = clusterer(discriminator_lr=1e30, generator_lr=1e30, max_epochs=4)
    with pytest.warns(ConvergenceWarning, match="training diverged.*lower discriminator_lr"):
        wild.fit(blobs[0])
    assert _finite(wild, blobs[0])


def test_partial_fit_takes_back_too(blobs):
    X, _ = blobs
    model = clusterer(consistency_weight=0).partial_fit(X)
    before = model.generator_.state_dict()
    before = {name: value.clone() for name, value in before.items()}
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.set_params(callbacks=[Poison(3)]).partial_fit(X)
    for name, value in model.generator_.state_dict().items():
        assert torch.equal(value, before[name])
    assert _finite(model, X)


def test_empty_clusters_are_warned_of(blobs):
    X, _ = blobs
    model = clusterer(n_clusters=6, balance_weight=0, max_epochs=60, batch_size=30)
    with pytest.warns(ConvergenceWarning, match=r"\d of 6 clusters are empty: raise n_init"):
        model.fit(X)
    assert np.isfinite(model.score(X))


def test_a_generator_that_draws_one_row_is_warned_of(blobs):
    class Still(torch.nn.Module):
        def __init__(self, latent_dim, shape):
            super().__init__()
            self.row = torch.nn.Parameter(torch.zeros(shape))

        def forward(self, latent):
            return self.row + 0 * latent[:, :1]

    def trunk(shape):
        return torch.nn.Linear(shape[0], 4)

    model = clusterer(architecture=(Still, trunk))
    with pytest.warns(ConvergenceWarning, match="generator has collapsed, its rows vary 0%"):
        model.fit(blobs[0])
    assert model.history_[-1]["variety"] < 0.01


def test_batches_of_one_row_many_times_do_no_harm():
    X = np.zeros((41, 3))
    X[0] = 1
    model = clusterer(batch_size=4, max_epochs=4).fit(X)
    assert _finite(model, X)
    assert not any(row.get("taken_back") for row in model.history_)
    assert all(np.isfinite(row["variety"]) for row in model.history_ if "variety" in row)


def test_a_healthy_training_says_nothing_and_shows_variety(blobs):
    model = clusterer(max_epochs=60, batch_size=20, width=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(blobs[0])
    shown = [row["variety"] for row in model.history_ if "variety" in row]
    assert 0.3 < shown[-1] < 3
    assert len(shown) < len(model.history_)


class Interrupt(Callback):
    """What Ctrl-C does, at a batch counted from 0."""

    def __init__(self, batch):
        self.batch, self.seen_ = batch, 0

    def on_batch_end(self, net, **kwargs):
        if self.seen_ == self.batch:
            _thread.interrupt_main()
        self.seen_ += 1


@pytest.mark.parametrize("make", [clusterer, extractor])
@pytest.mark.parametrize("batch", [4, 16, 25, 31])
def test_an_interrupted_fit_is_of_use(batch, make, blobs):
    X, _ = blobs
    # three batches an epoch: two runs of four epochs, then four more with the generator
    settings = {"n_init": 2, "max_epochs": 8, "codes_per_cluster": 2}
    model = make(callbacks=[Interrupt(batch)], **settings)
    with (
        pytest.warns(ConvergenceWarning, match=r"interrupted: this is its state after epoch \d"),
        pytest.raises(KeyboardInterrupt),
    ):
        model.fit(X)
    assert _finite(model, X)
    assert {4: 1, 16: 4, 25: 4, 31: 6}[batch] == model.n_iter_ == len(model.history_)
    assert all("seconds" in row for row in model.history_)
    assert len(model.net_.clusters) == 3
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
