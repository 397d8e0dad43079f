"""scikit-learn's own checks: those it hands to third parties, and those it keeps for itself."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from small import IMAGE, STEADY, clusterer, extractor

from gan_cluster import GANFeatureExtractor, InfoGANClusterer
from gan_cluster._validation.rows import Rows, check_rows
from gan_cluster.training.data import Layout


class _RowsAsImages:
    """Lays each row of any table on an 8x8 image, for the checks have tables of 1 to 10 columns."""

    def _check_rows(self, X, *, reset, min_rows=1):
        rows = check_rows(self, X, reset=reset, min_rows=min_rows)
        pixels = np.arange(np.prod(IMAGE)) % rows.X.shape[1]
        return Rows(rows.X[:, pixels], Layout((len(pixels),), IMAGE, channels_last=False))


class ImageClusterer(_RowsAsImages, InfoGANClusterer):
    pass


class ImageFeatures(_RowsAsImages, GANFeatureExtractor):
    pass


def _on_images(cls, estimator):
    return cls(**estimator.get_params(deep=False))


LEARNS = {"width": 4, "batch_size": 50, "learning_rate": 5e-3}
LONG = {"check_clustering": 30}  # epochs, for it asks for clusters; others only need a fit
SHORT = 2
USUAL = {"n_init": 2, "codes_per_cluster": "auto"}  # restarts and merging, as by default
ESTIMATORS = {
    "clusterer-mlp": clusterer(augment="none", **LEARNS),
    "clusterer-conv": _on_images(ImageClusterer, clusterer(**LEARNS, **USUAL)),
    "clusterer-infogan": clusterer(**STEADY, **LEARNS),
    "features-mlp": extractor(**USUAL),
    "features-conv": _on_images(ImageFeatures, extractor(layers="all", pooling="max")),
    "features-infogan": extractor(objective="infogan"),
    "features-gan": extractor(objective="gan"),
}
KEPT = [
    checks.check_dataframe_column_names_consistency,
    checks.check_estimators_partial_fit_n_features,
    checks.check_get_feature_names_out_error,
    checks.check_global_output_transform_pandas,
    checks.check_global_set_output_transform_polars,
    checks.check_inplace_ensure_writeable,
    checks.check_n_features_in_after_fitting,
    checks.check_param_validation,
    checks.check_readonly_memmap_input,
    checks.check_set_output_transform,
    checks.check_set_output_transform_pandas,
    checks.check_set_output_transform_polars,
    checks.check_transformer_get_feature_names_out,
    checks.check_transformer_get_feature_names_out_pandas,
]


@parametrize_with_checks(list(ESTIMATORS.values()))
def test_checks_for_third_parties(estimator, check):
    name = getattr(check, "func", check).__name__
    check(clone(estimator).set_params(max_epochs=LONG.get(name, SHORT)))


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize("check", KEPT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_checks_that_scikit_learn_keeps_for_itself(name, check):
    estimator = clone(ESTIMATORS[name]).set_params(max_epochs=SHORT)
    check(type(estimator).__name__, estimator)
