"""Rows unlike the training rows: how well score_samples and scikit-learn's detectors find them.

    python benchmarks/outliers.py --data digits wine --json benchmarks/results/outliers.json

Each model is fitted on train without labels. Its scores of test rows are compared with those of
rows of another kind: the area under the ROC curve. `outside` is the share of test rows that score
below 99 % of the training rows. `letters` are printed capitals unlike digits (without B, D, G, I,
J, O, Q, S and Z), turned and stretched at random, at the size and place of the digits; `other` are
the test images of Fashion-MNIST for MNIST, and the other way round. `columns` has the values of
each column of test in another order; `far` has one value, drawn at random, five standard deviations
off.
"""

from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import matplotlib
import numpy as np
from data import KNOWN, DataSet, load
from keeping import in_process, parser_of, run_missing, with_machine
from methods import find
from PIL import Image, ImageDraw, ImageFont
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gan_cluster import InfoGANClusterer
from gan_cluster.training.storage import spread_rows

DEFAULTS = "infogan+consistency"
LETTERS = "ACEFHKLMNPRTUVWXY"
FONTS = [
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic"),
]
CANVAS, POINTS = 256, 128
LARGEST = {28: 20, 8: 32}  # the longer side of a letter; 8x8 digits were of 32x32
N_OUTLIERS, N_TEST = 1_000, 2_000  # rows of each other kind, and at most of test
OTHER = {"mnist": "fashion_mnist", "fashion_mnist": "mnist"}
LONG = 100  # columns from which rivals see principal components
COMPONENTS = 50


@cache
def font(name: str) -> ImageFont.FreeTypeFont:
    """One of those that come with matplotlib."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf", f"{name}.ttf"), POINTS)


def written(size: int, rng: np.random.Generator) -> np.ndarray:
    """A letter at random, its longer side as long as that of a digit, without a margin."""
    image = Image.new("L", (CANVAS, CANVAS))
    letter, name = rng.choice(list(LETTERS)), rng.choice(FONTS)
    middle = CANVAS // 2, CANVAS // 2
    ImageDraw.Draw(image).text(middle, letter, fill=255, font=font(name), anchor="mm")
    image = image.rotate(rng.uniform(-15, 15), Image.Resampling.BICUBIC)
    image = image.crop(image.getbbox())
    width, height = image.width * rng.uniform(0.75, 1.1), image.height
    scale = LARGEST[size] / max(width, height)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(image.resize(shape, Image.Resampling.LANCZOS), dtype=np.float64)


def placed(letter: np.ndarray, canvas: int, middle: tuple[float, float]) -> np.ndarray:
    """A letter on a square of pixels, with this point of it as near to the centre as it fits."""
    image = np.zeros((canvas, canvas))
    top, left = (
        int(np.clip(round((canvas - 1) / 2 - at), 0, canvas - side))
        for at, side in zip(middle, letter.shape, strict=True)
    )
    image[top : top + letter.shape[0], left : left + letter.shape[1]] = letter
    return image


def letters(n: int, size: int, seed: int = 0) -> np.ndarray:
    """Letters (n, size * size): 28 as MNIST centres digits, by their mass; 8 as scikit-learn's."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        letter = written(size, rng)
        if size == 28:
            mass = tuple((axis * letter).sum() / letter.sum() for axis in np.indices(letter.shape))
            rows.append(placed(letter, 28, mass).ravel())
        else:  # each pixel counts those set of 4x4, from 0 to 16
            middle = (letter.shape[0] - 1) / 2, (letter.shape[1] - 1) / 2
            is_set = placed(letter, 32, middle) > 127
            rows.append(is_set.reshape(8, 4, 8, 4).sum((1, 3)).ravel())
    return np.array(rows, dtype=np.float64)


def outliers(name: str, data: DataSet, home: Path | None) -> dict[str, np.ndarray]:
    """Rows of other kinds, by name."""
    rng = np.random.default_rng(0)
    X = data.X_train.astype(np.float64)
    picked = data.X_test[rng.integers(len(data.X_test), size=N_OUTLIERS)].astype(np.float64)
    low, high = X.min(), X.max()
    if data.image_shape is None:
        far = picked.copy()
        column = rng.integers(X.shape[1], size=N_OUTLIERS)
        sign = rng.choice([-5, 5], size=N_OUTLIERS)
        far[np.arange(N_OUTLIERS), column] += sign * X.std(0)[column]
        uniform = rng.uniform(X.min(0), X.max(0), picked.shape)
        return {"columns": rng.permuted(picked, axis=0), "far": far, "uniform": uniform}
    found = {"letters": letters(N_OUTLIERS, data.image_shape[1])}
    if name in OTHER:
        found["other"] = load(OTHER[name], home).X_test[:N_OUTLIERS].astype(np.float64)
    return found | {
        "uniform": rng.uniform(low, high, picked.shape),
        "normal": np.clip(rng.normal(X.mean(), X.std(), picked.shape), low, high),
        "shuffled": rng.permuted(picked, axis=1),
        "constant": np.repeat(rng.uniform(low, high, (N_OUTLIERS, 1)), picked.shape[1], axis=1),
    }


def _short(data: DataSet, seed: int) -> Any:
    return find(DEFAULTS).make(data, seed).set_params(n_init=1, max_epochs=8)


def _rival(make: Callable[[int], Any]) -> Callable[[DataSet, int], Any]:
    """A detector on standardised columns, or principal components where there are many columns."""

    def made(data: DataSet, seed: int) -> Any:
        is_long = data.X_train.shape[1] > LONG
        first = PCA(COMPONENTS, random_state=seed) if is_long else StandardScaler()
        return make_pipeline(first, make(seed))

    return made


METHODS: dict[str, Callable[[DataSet, int], Any]] = {
    DEFAULTS: find(DEFAULTS).make,
    f"{DEFAULTS}, 8 epochs": _short,
    "isolation-forest": lambda data, seed: IsolationForest(random_state=seed),
    "local-outlier-factor": _rival(lambda seed: LocalOutlierFactor(novelty=True)),
    "elliptic-envelope": _rival(lambda seed: EllipticEnvelope(random_state=seed)),
}


def run_row(name: str, method: str, seed: int, n_rows: int | None, home: Path | None) -> dict:
    """Fit one method and score what it has not seen."""
    data = load(name, home)
    X = data.X_train[:n_rows]
    started = perf_counter()
    model = METHODS[method](data, seed).fit(X)
    row: dict[str, Any] = {"data": name, "method": method, "seed": seed}
    if n_rows is not None:
        row["rows"] = n_rows
    row["seconds"] = round(perf_counter() - started, 1)
    test = spread_rows(data.X_test, N_TEST).astype(np.float64)
    usual = model.score_samples(test)
    limit = getattr(model, "offset_", None) if isinstance(model, InfoGANClusterer) else None
    if limit is None:
        limit = np.quantile(model.score_samples(X), 0.01)
    row["outside"] = round(float((usual < limit).mean()), 4)
    for kind, rows in outliers(name, data, home).items():
        scores = np.concatenate([usual, model.score_samples(rows)])
        is_usual = np.arange(len(scores)) < len(usual)
        row[kind] = round(float(roc_auc_score(is_usual, scores)), 4)
    return with_machine(row)


def main() -> None:
    parser = parser_of(__doc__, seeds=1)
    parser.add_argument("--data", nargs="+", required=True, choices=[*KNOWN], metavar="NAME")
    parser.add_argument("--method", nargs="+", default=[*METHODS], choices=[*METHODS])
    parser.add_argument("--rows", type=int, help="fit on the first N training rows only")
    options = parser.parse_args()

    run_missing(
        options.json,
        product(options.data, options.method, range(options.seeds), [options.rows]),
        lambda row: (row["data"], row["method"], row["seed"], row.get("rows")),
        lambda *key: in_process(run_row, *key, options.data_home),
    )


if __name__ == "__main__":
    main()
