"""A history comes back from columns of numbers as it was."""

import numpy as np
import pytest
import torch

from gan_cluster.training.history import history_columns, history_rows

ROWS = [
    {"epoch": 1, "loss": 0.1, "usage": [0.25] * 4, "batches": [{"a": 1}], "best": True},
    {"epoch": 2, "loss": float("inf"), "usage": [0.5, 0.5], "dur": np.float64(3)},
    {"epoch": 3, "usage": [], "event": "saved", "best": False, "mixed": 1, "huge": 10**30},
    {"epoch": 4, "usage": [1.0], "event": None, "mixed": 0.5, "huge": 1, "nested": [[1.0], "a"]},
    {"epoch": 5, "gone": print, "nested": [], "loss": 1e-300, "deep": {"a": 1, "b": {"c": [2]}}},
]


def test_rows_come_back_with_their_types():
    others, columns = history_columns(ROWS)
    found = history_rows(others, columns)
    expected = [{k: v for k, v in row.items() if k not in ("batches", "gone")} for row in ROWS]
    assert [{k: v for k, v in row.items() if k != "batches"} for row in found] == expected
    assert [row["batches"] for row in found] == [[]] * 5
    for row, other in zip(found, expected, strict=True):
        assert all(type(row[name]) is type(other[name]) for name in other if name != "dur")
    assert type(found[1]["dur"]) is float


def test_no_epoch_at_all():
    assert history_rows(*history_columns([])) == []


@pytest.mark.parametrize(
    "forged",
    [
        {"history.values.loss": torch.zeros(2)},
        {"history.values.loss": torch.zeros(6, dtype=torch.float64)},
        {"history.epochs.loss": torch.tensor([0, 99, 1])},
        {"history.epochs.loss": torch.tensor([0, 1])},
        {"history.sizes.usage": torch.tensor([4, 2, 0, 2])},
        {"history.sizes.usage": torch.tensor([8, -1, 0, 0])},
        {"history.sizes.usage": torch.tensor([7.0])},
        {"history.values.epoch": torch.zeros(5, 1, dtype=torch.int64)},
        {"history.values.epoch": torch.zeros((), dtype=torch.int64)},
        {"history.values.epoch": torch.zeros(4, dtype=torch.int64)},
    ],
)
def test_columns_that_do_not_fit_each_other_are_found_out(forged):
    others, columns = history_columns(ROWS)
    with pytest.raises((ValueError, LookupError, TypeError)):
        history_rows(others, columns | forged)
