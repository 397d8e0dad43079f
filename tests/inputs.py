"""The result of each kind of X: the cases of test_input_table.py and of docs/input.rst.

python tests/inputs.py    writes the page
"""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse
import torch
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, TensorDataset

PAGE = Path(__file__).parents[1] / "docs/input.rst"
SAME, ALIKE, WORKS = "same", "alike", "works"


class Case(NamedTuple):
    """An input and its result.

    Attributes
    ----------
    name : str
    make : callable
        Makes X from the array of its section.
    fit : str
        SAME, ALIKE, WORKS, or the type and the beginning of the error.
    read : str
        The same for ``predict`` and similar methods; "" means the same as ``fit``.
    settings : dict
        Parameters of the estimator.
    y : object
    """

    name: str
    make: Callable[[np.ndarray], Any]
    fit: str
    read: str = ""
    settings: dict | None = None
    y: Any = None


class Items(Dataset):
    """Tuples of a row and something else."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i], "a label"


def on_disk(X):
    """X in a temporary file."""
    with TemporaryFile() as file:
        file.write(X.tobytes())
        file.flush()
        return np.memmap(file, dtype=X.dtype, mode="r", shape=X.shape)


def put(X, value, dtype=np.float64):
    """X with a value in row 3, column 5."""
    changed = X.astype(dtype)
    changed[3, 5] = value
    return changed


def beside(column):
    """A table of a column of numbers and another one."""
    return pd.DataFrame({"size": np.arange(4.0), "other": column})


DIGITS = load_digits().data[:40]  # whole numbers from 0 to 16, exact in every dtype
COLOURS = np.random.RandomState(0).randint(0, 256, (40, 3, 8, 9)).astype(np.uint8)
FORTY_SAME = "ValueError: X is constant: all 40 rows are the same"
AXES = "ValueError: X holds images of shape (8, 9, 3), but "
NAN = "ValueError: X holds nan in row 3, column 5"

CASES: dict[str, list[Case]] = {
    "Containers": [
        Case("list of lists", lambda X: X.tolist(), SAME),
        Case("array, a reversed view", lambda X: X[::-1, ::-1].copy()[::-1, ::-1], SAME),
        Case("array, column after column", np.asfortranarray, SAME),
        Case("array, read-only", lambda X: np.frombuffer(X.tobytes()).reshape(X.shape), SAME),
        Case("memmap, read-only", on_disk, SAME),
        Case("masked array, nothing masked", np.ma.array, SAME),
        Case("masked array", lambda X: np.ma.masked_greater(X, 15), "ValueError: X is masked in"),
        Case("pandas DataFrame", pd.DataFrame, SAME),
        Case("polars DataFrame", pl.DataFrame, SAME),
        Case("torch tensor", torch.from_numpy, SAME),
        Case("torch tensor with a gradient", lambda X: torch.from_numpy(X).requires_grad_(), SAME),
        Case(
            "torch tensor, a negative view",
            lambda X: torch.imag(torch.from_numpy(-1j * X).conj()),
            SAME,
        ),
        Case("torch Dataset", lambda X: TensorDataset(torch.from_numpy(X).requires_grad_()), SAME),
        Case("torch Dataset of (row, anything)", Items, SAME),
        Case("sparse array", scipy.sparse.csr_array, "TypeError: Sparse data was passed for X"),
        Case(
            "sparse tensor",
            lambda X: torch.from_numpy(X).to_sparse(),
            "TypeError: X is a sparse tensor (torch.sparse_coo): make it dense",
        ),
        Case(
            "list of rows of several lengths",
            lambda X: [[1.0, 2.0], [3.0]],
            "ValueError: setting an array element",
        ),
        Case(
            "pandas Series",
            lambda X: pd.Series(X[0]),
            "ValueError: Expected a 2-dimensional container but got",
        ),
        Case("generator", iter, "ValueError: Expected 2D array, got scalar"),
        Case("None", lambda X: None, "ValueError: Expected 2D array, got scalar"),
    ],
    "Numbers": [
        Case("float32", lambda X: X.astype("f4"), ALIKE),
        Case("float16", lambda X: X.astype("f2"), ALIKE),
        Case("bfloat16, of torch", lambda X: torch.from_numpy(X).bfloat16(), ALIKE),
        Case("long double", lambda X: X.astype("g"), SAME),
        Case("uint8", lambda X: X.astype("u1"), ALIKE),
        Case("int64", lambda X: X.astype("i8"), SAME),
        Case("big-endian", lambda X: X.astype(">f8"), SAME),
        Case("bool, as 0 and 1", lambda X: X > 8, WORKS),
        Case("objects that are numbers", lambda X: X.astype(object), SAME),
        Case("Fraction", np.vectorize(Fraction), SAME),
        Case("Decimal", np.vectorize(Decimal), SAME),
        Case("pandas, Float64", lambda X: pd.DataFrame(X).astype("Float64"), SAME),
        Case("NaN", lambda X: put(X, np.nan), NAN),
        Case("NaN in a tensor", lambda X: torch.from_numpy(put(X, np.nan)), NAN),
        Case("NaN on disk", lambda X: on_disk(put(X, np.nan)), NAN),
        Case("infinity", lambda X: put(X, np.inf), "ValueError: X holds inf in row 3, column 5"),
        Case(
            "missing in pandas",
            lambda X: beside(pd.array([1, 2, None, 4], "Int64")),
            "ValueError: X holds <NA> in row 2, column 'other'",
        ),
        Case(
            "missing in polars",
            lambda X: pl.DataFrame(beside([1, 2, None, 4])),
            "ValueError: X holds nan in row 2, column 'other'",
        ),
        Case(
            "a column of words",
            lambda X: beside(["red", "blue"] * 2),
            "ValueError: X holds red in row 0, column 'other'",
        ),
        Case(
            "a column of categories",
            lambda X: beside(pd.Categorical(["red", "blue"] * 2)),
            "ValueError: X holds red in row 0, column 'other'",
        ),
        Case("words", lambda X: np.full(X.shape, "a"), "ValueError: X holds a in row 0, column 0"),
        Case(
            "numbers as words",
            lambda X: X.astype(str),
            "ValueError: dtype='numeric' is not compatible with arrays of bytes/strings",
        ),
        Case(
            "objects that are no numbers",
            lambda X: put(X, {}, object),
            "TypeError: X holds {} in row 3, column 5",
        ),
        Case(
            "an integer that is too large for a float",
            lambda X: put(X, 10**400, object),
            "ValueError: X holds 100000",
        ),
        Case("complex", lambda X: X + 1j, "ValueError: Complex data not supported"),
        Case(
            "dates",
            lambda X: X.astype("i8").astype("M8[s]"),
            "TypeError: X holds dates or durations (datetime64[s]): turn them into numbers",
        ),
    ],
    "Rows and columns": [
        Case("a y without -1", lambda X: X, SAME, y="not looked at"),
        Case("rows that repeat", lambda X: X[[0, 1] * 20], WORKS),
        Case("a constant column", lambda X: np.where(np.arange(64) == 20, 7, X), WORKS),
        Case("all rows the same", lambda X: X[[0] * 40], FORTY_SAME, WORKS),
        Case("one value", np.ones_like, FORTY_SAME, WORKS),
        Case(
            "fewer rows than clusters",
            lambda X: X[:2],
            "ValueError: n_samples=2 should be at least the number of clusters, 3",
            WORKS,
        ),
        Case("one row", lambda X: X[:1], "ValueError: Found array with 1 sample(s)", WORKS),
        Case(
            "no rows",
            lambda X: X[:0],
            "ValueError: Found array with 0 sample(s)",
            "ValueError: Found array with 0 sample(s)",
        ),
        Case("no columns", lambda X: X[:, :0], "ValueError: Found array with 0 feature(s)"),
        Case(
            "fewer columns than at fit",
            lambda X: X[:, :63],
            WORKS,
            "ValueError: X has 63 features, but ",
        ),
        Case("one axis", lambda X: X[0], "ValueError: Expected 2D array, got 1D array"),
        Case("five axes", lambda X: X.reshape(-1, 2, 2, 4, 4), "ValueError: X has 5 dimensions"),
    ],
    "Units": [
        Case("1e-12", lambda X: X * 1e-12, ALIKE, WORKS),
        Case("1e12", lambda X: X * 1e12, ALIKE, WORKS),
        Case("1e-300", lambda X: X * 1e-300, ALIKE, WORKS),
        Case("1e300", lambda X: X * 1e300, ALIKE, WORKS),
        Case("1e-40, float32", lambda X: (X * 1e-40).astype("f4"), ALIKE, WORKS),
        Case("1e37, float32", lambda X: (X * 1e37).astype("f4"), ALIKE, WORKS),
        Case(
            "one for each column, from 1e-12 to 1e12",
            lambda X: X * np.logspace(-12, 12, 64),
            WORKS,
        ),
        Case("values near 1e9 that differ by about 1", lambda X: X + 1e9, ALIKE, WORKS),
    ],
    "Images": [
        Case("(n, channels, height, width)", lambda X: X, SAME),
        Case("(n, height, width, channels)", lambda X: X.transpose(0, 2, 3, 1).copy(), SAME, AXES),
        Case("the same, a view", lambda X: X.transpose(0, 2, 3, 1), SAME, AXES),
        Case("list of lists of lists", lambda X: X.tolist(), SAME),
        Case("torch tensor of images", torch.from_numpy, SAME),
        Case("memmap of images", on_disk, SAME),
        Case(
            "rows and image_shape",
            lambda X: X.reshape(40, -1),
            SAME,
            settings={"image_shape": (3, 8, 9)},
        ),
        Case("images in float32", lambda X: X.astype("f4"), ALIKE),
        Case("images from 0 to 1", lambda X: X / 255, ALIKE, WORKS),
        Case("images in 1e-300", lambda X: X * 1e-300, ALIKE, WORKS),
        Case("images in 1e300", lambda X: X * 1e300, ALIKE, WORKS),
        Case("images of one value each", lambda X: np.sort(X)[:, :1, :1, :1] + 0 * X, WORKS),
        Case("one image many times", lambda X: X[[0] * 40], FORTY_SAME, WORKS),
        Case(
            "axes in another order than at fit",
            lambda X: X.transpose(0, 1, 3, 2),
            WORKS,
            "ValueError: X holds images of shape (3, 9, 8), but ",
        ),
        Case(
            "axes that could be either",
            lambda X: X.reshape(40, 6, 6, 6),
            "ValueError: X holds images of shape (6, 6, 6): set image_shape=",
        ),
        Case(
            "another image_shape",
            lambda X: X,
            "ValueError: X holds images of shape (3, 8, 9), but image_shape=(3, 9, 8) asks for",
            SAME,
            settings={"image_shape": (3, 9, 8)},
        ),
        Case(
            "(n, height, width) and another image_shape",
            lambda X: X[:, 0],
            "ValueError: X holds images of shape (8, 9), but image_shape=(1, 9, 8) asks for",
            "ValueError: X holds images of shape (8, 9), but ",
            settings={"image_shape": (1, 9, 8)},
        ),
        Case(
            "rows and another image_shape",
            lambda X: X.reshape(40, -1),
            "ValueError: image_shape=(3, 8, 8) makes 3 * 8 * 8 = 192 values an image",
            SAME,
            settings={"image_shape": (3, 8, 8)},
        ),
        Case(
            "images of less than 8x8",
            lambda X: X[:, :, 1:],
            "ValueError: images of 7x9 are too small for convolutions",
            "ValueError: X holds images of shape (3, 7, 9), but ",
        ),
    ],
}


def usual(title):
    """The array from which the cases of a section are made, and with which they are compared."""
    return COLOURS if title == "Images" else DIGITS


def told(outcome):
    """An outcome as text of the page."""
    return outcome if outcome in (SAME, ALIKE, WORKS) else f"``{outcome} ...``"


HEAD = """Input data
==========

Every line here is tested, with both estimators. ``fit`` and ``partial_fit`` raise errors before any
training; the table shows how their messages begin. The last column is for ``predict``,
``transform``, ``score`` and similar methods, after a fit on a normal array.

same
    Exactly the same result as with a float64 array of the same numbers, or of images with channels
    first.
alike
    The same labels, and probabilities that differ by rounding.
works
    Finite results. Networks limit the values of X to 100 times the scale that ``fit`` found.

You need not scale X. Inside, images have a fixed range, and the columns of a table have mean 0, and
variance 1 if their units differ (:doc:`how_to/tables` says when). Rows from ``sample`` are like the
X of ``fit``: they have its units, shape and dtype, with rounded integers, or are a DataFrame with
its columns if their names are text. A constant column has its constant value in
every generated row. If X has column names and the X of ``fit`` had none, scikit-learn warns.
"""


def page():
    """The whole page."""
    lines = [HEAD]
    for title, cases in CASES.items():
        lines += [title, "-" * len(title), "", ".. list-table::", "    :header-rows: 1"]
        lines += ["    :widths: 30 40 30", ""]
        lines += ["    * - X", "      - fit", "      - predict"]
        for case in cases:
            lines += [f"    * - {case.name}", f"      - {told(case.fit)}"]
            lines += [f"      - {told(case.read or case.fit)}"]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
