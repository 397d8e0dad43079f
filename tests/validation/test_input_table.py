"""The table of inputs in the documentation, tried line by line."""

import numpy as np
import pytest
from inputs import ALIKE, CASES, PAGE, SAME, WORKS, page, usual
from small import clusterer, extractor

pytestmark = [
    pytest.mark.filterwarnings("ignore:X has feature names:UserWarning"),
    pytest.mark.filterwarnings("ignore:X lies far outside:UserWarning"),
]
both = pytest.mark.parametrize("make", [clusterer, extractor])
WORKING = SAME, ALIKE, WORKS
ALL = [
    pytest.param(usual(title), case, id=case.name)
    for title, cases in CASES.items()
    for case in cases
]
TRAINED = [param for param in ALL if param.values[1].fit in WORKING]
REFUSED = [param for param in ALL if param.values[1].fit not in WORKING]


@pytest.fixture(scope="module")
def fitted():
    """Both estimators on the usual rows of each section."""
    known = {}

    def get(make, X):
        if (make, id(X)) not in known:
            known[make, id(X)] = make().fit(X)
        return known[make, id(X)]

    return get


def _read(model, X):
    """All that is read off rows."""
    read = [model.transform(X), np.atleast_1d(model.score(X))]
    if hasattr(model, "predict"):
        read += [model.predict_proba(X), np.eye(3)[model.predict(X)]]
    return read


def _agree(outcome, found, expected):
    for mine, others in zip(found, expected, strict=True):
        assert np.isfinite(mine).all()
        if outcome == SAME:
            np.testing.assert_array_equal(mine, others)
        if outcome == ALIKE:
            np.testing.assert_allclose(mine, others, atol=1e-5)


@both
@pytest.mark.parametrize(("rows", "case"), TRAINED)
def test_what_trains(rows, case, make, fitted):
    X = case.make(rows)
    model = make(**case.settings or {}).fit(X, case.y)
    _agree(case.fit, _read(model, X), _read(fitted(make, rows), rows))
    drawn = model.sample(20)
    assert drawn.shape == (20, *getattr(X, "shape", rows.shape)[1:])
    assert np.isfinite(np.asarray(drawn, dtype=np.float64)).all()


@pytest.mark.usefixtures("no_training")
@both
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("rows", "case"), REFUSED)
def test_what_is_refused_before_training(rows, case, method, make):
    with pytest.raises((TypeError, ValueError)) as refused:
        getattr(make(**case.settings or {}), method)(case.make(rows))
    assert f"{refused.typename}: {refused.value}".startswith(case.fit)


@both
@pytest.mark.parametrize(("rows", "case"), ALL)
def test_what_is_read_after_a_fit_on_usual_rows(rows, case, make, fitted):
    model, X = fitted(make, rows), case.make(rows)
    outcome = case.read or case.fit
    if outcome in WORKING:
        _agree(outcome, _read(model, X), _read(model, rows))
        return
    for method in {"predict", "predict_proba", "transform", "score", "encode"} & set(dir(model)):
        with pytest.raises((TypeError, ValueError)) as refused:
            getattr(model, method)(X)
        assert f"{refused.typename}: {refused.value}".startswith(outcome)


def test_the_page_is_made_from_these_cases():
    assert PAGE.read_text() == page()
