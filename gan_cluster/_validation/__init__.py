"""The one place where input is looked at: every error here comes before any training."""

from gan_cluster._validation.parameters import (
    changed_parameters,
    check_augment,
    check_callbacks,
    check_code_sizes,
    check_prior,
    check_share,
    check_unchanged,
    resolve_architecture,
    resolve_device,
    restored_on_error,
)
from gan_cluster._validation.rows import Rows, check_fit_rows, check_rows, check_scale

__all__ = [
    "Rows",
    "changed_parameters",
    "check_augment",
    "check_callbacks",
    "check_code_sizes",
    "check_fit_rows",
    "check_prior",
    "check_rows",
    "check_scale",
    "check_share",
    "check_unchanged",
    "resolve_architecture",
    "resolve_device",
    "restored_on_error",
]
