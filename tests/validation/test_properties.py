"""Arrays of every kind: what is sound trains and gives finite output, what is not is refused."""

from fractions import Fraction
from unittest import mock

import numpy as np
from hypothesis import event, given
from hypothesis import strategies as st
from small import clusterer, extractor

from gan_cluster.training.net import AdversarialNet

DTYPES = ["f8", "f4", "f2", "g", "i8", "i2", "u1", "?", "O"]
FLAWED = {
    "not finite": ["f8", "f4", "f2", "g"],
    "no numbers": ["c16", "U9", "S9", "M8[s]", "V4"],
    "no number": ["O"],
}
EXPONENTS = {"f2": (-8, 3), "f4": (-46, 37)}  # of ten: past the smallest, and to the largest value
IMAGES = [(1, 8, 8), (3, 8, 9), (1, 9, 8), (4, 8, 8)]
FLAWS = ["one row", "no row", "not finite", "no number", "no numbers", "shape", "small images"]
ORDERS = {
    "as it is": lambda X: X,
    "Fortran": np.asfortranarray,
    "reversed rows": lambda X: X[::-1],
    "reversed columns": lambda X: X[..., ::-1],
    "every second row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "part of each row": lambda X: np.concatenate([X, X], axis=-1)[..., : X.shape[-1]],
}
VALUES = {
    "whole numbers": lambda X, rng: np.round(X / 50),
    "constant columns": lambda X, rng: np.where(rng.rand(*X.shape[1:]) < 0.5, X, X[:1]),
    "all rows the same": lambda X, rng: X[[0] * len(X)],
    "one odd row": lambda X, rng: X[np.minimum(np.arange(len(X)), 1)],
    "duplicates": lambda X, rng: X[rng.randint(3, size=len(X))],
    "rows of one value": lambda X, rng: np.broadcast_to(X.T[(0,) * (X.ndim - 1)], X.T.shape).T,
    "one outlier": lambda X, rng: np.where(np.arange(X.size).reshape(X.shape), X, 1e12),
}


@st.composite
def arrays(draw):
    """X, an image_shape for it, and whether something is wrong with them."""
    flaw = draw(st.sampled_from([None] * 2 * len(FLAWS) + FLAWS))
    image = (1, 7, 8) if flaw == "small images" else draw(st.sampled_from(IMAGES))
    layouts = ["flat", "first", "last", "grey"]
    if flaw not in ("shape", "small images"):
        layouts += ["table"] * len(layouts)
    layout = draw(st.sampled_from(layouts))
    shape, image_shape = {
        "table": ((draw(st.integers(1, 6)),), None),
        "flat": ((np.prod(image),), image),
        "first": (image, draw(st.sampled_from([None, image]))),
        "last": ((*image[1:], image[0]), image),
        "grey": (image[1:], None),
    }[layout]
    if flaw == "shape":
        image_shape = 2, *image[1:]
    n_rows = {"one row": 1, "no row": 0}.get(flaw) or draw(st.integers(4, 40))
    rng = np.random.RandomState(draw(st.integers(0, 99)))
    X = 50 * rng.normal(size=(0 if flaw == "no row" else n_rows, *shape))
    if len(X) > 2:
        for kind in draw(st.lists(st.sampled_from(list(VALUES)), max_size=2)):
            X = VALUES[kind](X, rng)
    X = _as_dtype(draw, X, draw(st.sampled_from(FLAWED.get(flaw, DTYPES))))
    if flaw == "not finite":
        X.flat[-1] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    if flaw == "no number":
        X.flat[-1] = draw(st.sampled_from([None, "a", 10**400, 1j, Ellipsis]))
    X = X.astype(X.dtype.newbyteorder(draw(st.sampled_from("<>"))))
    X = ORDERS[draw(st.sampled_from(list(ORDERS)))](X)
    X.setflags(write=draw(st.booleans()))
    return X, image_shape, flaw


def _as_dtype(draw, X, dtype):
    """X far from zero, huge or tiny, as far as its dtype can be, and then of that dtype."""
    X = np.array(X, dtype=np.longdouble)
    if dtype in ("f8", "f4", "f2", "g", "O"):
        X += draw(st.sampled_from([0, 0, 0, 1e3, -1e6, 1e9]))
        exponent = draw(st.one_of(st.just(0), st.integers(*EXPONENTS.get(dtype, (-324, 290)))))
        X *= np.longdouble(10) ** exponent
    with np.errstate(all="ignore"):
        if dtype == "O":
            return np.vectorize(Fraction, "O")(X.astype(float)) if X.size else X.astype("O")
        if dtype == "M8[s]":
            return X.astype("i8").astype(dtype)
        if dtype in ("i8", "i2", "u1"):
            X = np.clip(X, np.iinfo(dtype).min, np.iinfo(dtype).max)
        if dtype in ("f4", "f2"):
            X = np.clip(X, np.finfo(dtype).min, np.finfo(dtype).max)
        return (X > 0 if dtype == "?" else X).astype(dtype)


SETTINGS = st.fixed_dictionaries(
    {
        "batch_size": st.sampled_from([3, 40]),
        "max_epochs": st.sampled_from([1, 2]),
        "consistency_weight": st.sampled_from([1.0, 0.0]),
        "gradient_penalty": st.sampled_from([0.0, 1.0]),
    }
)


def _fits(model, X, flaw):
    """Whether the model takes X, which stays as it is; what is refused is so before training."""
    before = X.tobytes()
    real = AdversarialNet.train_step
    with mock.patch.object(AdversarialNet, "train_step", autospec=True, side_effect=real) as step:
        try:
            model.fit(X)
        except (TypeError, ValueError):
            assert flaw or np.equal(X, X[0]).all()
            assert not step.called
            event("is refused")
            return False
        finally:
            assert X.tobytes() == before
    event("trains")
    assert not flaw
    assert not any(row.get("taken_back") for row in model.history_)
    return True


def _all_finite(model, X):
    features = model.transform(X)
    drawn = model.sample(5, random_state=0)
    assert features.shape == (len(X), len(model.get_feature_names_out()))
    assert drawn.shape == (5, *X.shape[1:])
    return np.isfinite(features).all() and np.isfinite(drawn).all()


@given(arrays(), st.integers(1, 4), st.sampled_from([1, 2]), SETTINGS)
def test_a_clusterer_works_or_refuses(given, n_clusters, codes_per_cluster, settings):
    X, image_shape, flaw = given
    numbers = {"n_clusters": n_clusters, "codes_per_cluster": codes_per_cluster}
    model = clusterer(image_shape=image_shape, **numbers, **settings)
    if not _fits(model, X, flaw):
        return
    assert _all_finite(model, X)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (len(X), n_clusters)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert set(model.labels_) <= set(range(n_clusters))
    assert -1e-9 <= model.score(X) <= np.log(n_clusters) + 1e-9


@given(arrays(), st.booleans(), st.sampled_from([None, "l2"]), SETTINGS)
def test_features_work_or_are_refused(given, is_bare, normalize, settings):
    X, image_shape, flaw = given
    chosen = {"objective": "gan", "normalize": normalize} if is_bare else {"normalize": normalize}
    model = extractor(image_shape=image_shape, **chosen, **settings)
    if _fits(model, X, flaw):
        assert _all_finite(model, X)
