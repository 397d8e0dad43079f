"""Where input is looked at: every error here comes before any training."""

from gan_cluster._validation.latent import check_cluster, check_codes, check_noise, rows_given
from gan_cluster._validation.parameters import (
    changed_parameters,
    check_architecture,
    check_augment,
    check_callbacks,
    check_code_sizes,
    check_learning_rate,
    check_objective,
    check_prior,
    check_share,
    check_unchanged,
    restored_on_error,
)
from gan_cluster._validation.rows import Rows, check_fit_rows, check_rows, check_scale

__all__ = [
    "Rows",
    "changed_parameters",
    "check_architecture",
    "check_augment",
    "check_callbacks",
    "check_cluster",
    "check_code_sizes",
    "check_codes",
    "check_fit_rows",
    "check_learning_rate",
    "check_noise",
    "check_objective",
    "check_prior",
    "check_rows",
    "check_scale",
    "check_share",
    "check_unchanged",
    "restored_on_error",
    "rows_given",
]
