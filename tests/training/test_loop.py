"""Training that diverges is taken back."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback
from small import STEADY, clusterer, is_finite
from stopped import Interrupt


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


@pytest.mark.parametrize(
    "settings",
    [{}, {**STEADY, "ema_decay": 0.9}, {"n_continuous": 2}],
)
@pytest.mark.parametrize("step", [0, 7, 13])
def test_one_nan_is_taken_back_and_training_goes_on(step, settings, blobs):
    X, _ = blobs
    model = clusterer(max_epochs=8, callbacks=[Poison(step)], **settings)
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch \[\d\]: that epoch was undone"):
        model.fit(X)
    assert is_finite(model, X)
    assert model.n_iter_ == 8
    assert [bool(row.get("taken_back")) for row in model.history_].count(True) == 1
    assert "taken_back" not in model.history_[-1]


def test_the_learning_rates_fall_once_and_a_second_nan_ends_the_stage(blobs):
    X, _ = blobs
    rates = []

    class Rates(Callback):
        def on_batch_begin(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    settings = {**STEADY, "max_epochs": 8}
    poison = Poison(8, 20)  # two steps a batch, three batches an epoch
    model = clusterer(callbacks=[Rates(), poison], **settings)
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch \[2, 4\]"):
        model.fit(X)
    assert is_finite(model, X)
    moments = model.model_.net.optimizer_.state.values()
    assert all(part.isfinite().all() for state in moments for part in state.values())
    assert model.n_iter_ == 4
    before, after = [1e-3 * (24 - i) / 24 for i in range(6)], 1e-4 * 21 / 24
    assert rates == pytest.approx(before + [after * (18 - i) / 18 for i in range(6)])


def test_the_last_good_state_is_the_one_before(blobs):
    X, _ = blobs
    settings = {**STEADY, "max_epochs": 3}
    model = clusterer(callbacks=[Poison(12, 13)], **settings)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.fit(X)
    shorter = clusterer(callbacks=[Ends()], **settings).fit(X)
    ours, others = model.generator_.state_dict(), shorter.generator_.state_dict()
    for name, value in ours.items():
        torch.testing.assert_close(value, others[name], rtol=0, atol=0)


def test_partial_fit_takes_back_too(blobs):
    X, _ = blobs
    model = clusterer(**STEADY).partial_fit(X)
    before = model.generator_.state_dict()
    before = {name: value.clone() for name, value in before.items()}
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.set_params(callbacks=[Poison(3)]).partial_fit(X)
    for name, value in model.generator_.state_dict().items():
        assert torch.equal(value, before[name])
    assert is_finite(model, X)


class Spoils:
    """Twins that are NaN from some call on."""

    def __init__(self, calls):
        self.calls = calls

    def __call__(self, rows):
        self.calls -= 1
        return rows if self.calls > 0 else rows * float("nan")


@pytest.mark.parametrize("calls", [5, 11])
def test_statistics_of_a_bad_pass_are_not_kept(calls, blobs):
    X, _ = blobs
    model = clusterer(max_epochs=8, augment=Spoils(calls))
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.fit(X)
    assert is_finite(model, X)
    assert np.isfinite(model.predict_proba(X)).all()


def test_an_interrupt_in_an_epoch_that_has_diverged_leaves_the_one_before(blobs):
    X, _ = blobs
    model = clusterer(max_epochs=8, callbacks=[Poison(7), Interrupt(8)])
    with (
        pytest.warns(
            ConvergenceWarning, match="interrupted: the estimator is fitted as after epoch 2"
        ),
        pytest.raises(KeyboardInterrupt),
    ):
        model.fit(X)
    assert is_finite(model, X)
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("rate", [1e12, 1e30])
def test_a_learned_prior_does_not_follow_labels_that_are_nan(rate, blobs):
    X, _ = blobs
    model = clusterer(max_epochs=6, prior="learned", learning_rate=rate)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.fit(X)
    assert is_finite(model, X)


def test_batches_of_one_row_many_times_do_no_harm():
    X = np.zeros((41, 3))
    X[0] = 1
    model = clusterer(batch_size=4, max_epochs=4).fit(X)
    assert is_finite(model, X)
    assert not any(row.get("taken_back") for row in model.history_)
    assert all(np.isfinite(row["variety"]) for row in model.history_ if "variety" in row)
