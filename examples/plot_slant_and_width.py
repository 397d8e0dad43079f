"""
Slant and width, found without labels
=====================================

In figure 2 of the InfoGAN paper (arXiv:1606.03657), one code of the generator is the digit,
another its slant and a third the width of its strokes, although the meaning of codes was not
given. Here we make digits with known slant and width, to measure what the codes learn.
"""

# %%
# The digits are from a font of matplotlib, with random slant and random stroke width. matplotlib
# draws all of them on one page, which needs no display. Then the page is cut into digits.

from itertools import permutations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D
from scipy.stats import spearmanr
from sklearn.decomposition import PCA

from gan_cluster import InfoGANClusterer, Objective
from gan_cluster.inspection import (
    ArithmeticDisplay,
    ClusterDisplay,
    TraversalDisplay,
    WalkDisplay,
)
from gan_cluster.metrics import clustering_accuracy

SIZE, SIDE = 16, 44  # pixels of a digit, digits of a side of the page
n = SIDE**2
rng = np.random.RandomState(0)
digits = rng.randint(10, size=n)
slants = rng.uniform(-0.4, 0.4, n)  # how far the top moves right, in heights
widths = rng.uniform(0, 1.6, n)  # pixels that strokes of the font gain
centres = (np.stack(np.divmod(np.arange(n), SIDE), axis=1) + 0.5) * SIZE
centres += rng.uniform(-0.3, 0.3, (n, 2))

outlines = []
for digit, slant, (down, right) in zip(digits, slants, centres, strict=True):
    outline = TextPath((0, 0), str(digit), size=13.6)
    box = outline.get_extents()
    place = Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2)
    place.skew(np.arctan(slant), 0).translate(right, SIDE * SIZE - down)
    outlines.append(outline.transformed(place))
page = Figure(figsize=(SIDE * SIZE / 72, SIDE * SIZE / 72), dpi=72, facecolor="black")
page.add_artist(PathCollection(outlines, linewidths=widths, color="white", transform=None))
canvas = FigureCanvasAgg(page)
canvas.draw()
pixels = np.asarray(canvas.buffer_rgba())[..., 0]
X = pixels.reshape(SIDE, SIZE, SIDE, SIZE).swapaxes(1, 2).reshape(n, 1, SIZE, SIZE)

# %%
# We use two continuous codes. Several codes for each cluster, or noise of many dimensions, could
# also describe slant and width. So there is one code for each cluster, and noise has few
# dimensions. With one code for each cluster, clusters depend more on the seed, so there are 24
# attempts (``n_init``) instead of 8. Classes have equal sizes, so ``prior="uniform"`` saves time.

clusterer = InfoGANClusterer(
    n_clusters=10,
    image_shape=(1, SIZE, SIZE),
    n_continuous=2,
    noise_dim=4,
    objective=Objective(codes_per_cluster=1),
    prior="uniform",
    n_init=24,
    width=8,
    random_state=0,
    verbose=1,
)
clusterer.fit(X)
print(f"accuracy of clusters {clustering_accuracy(digits, clusterer.labels_):.3f}")

# %%
# Each cluster is a digit. The generated digits on the right vary in slant and width like the real
# ones.

clusters = ClusterDisplay.from_estimator(clusterer, X)

# %%
# In each row only one continuous code changes. In all rows, the first one changes the slant. The
# second one widens the strokes, except those of the fours, which become thinner. Values from -1 to
# 1 were used in training. Values outside that range, in grey, show the same change, exaggerated.

figure, axes = plt.subplots(1, 2, figsize=(13, 7.5), layout="constrained")
for name, ax in zip(("continuous0", "continuous1"), axes, strict=True):
    TraversalDisplay.from_estimator(clusterer, name, ax=ax)

# %%
# ``encode`` also predicts the codes of real images. We compare them with the known slant and width
# by rank correlation. For comparison, there are the first two principal components of the pixels:
# of all images, and of the images of each digit, for which the digits have to be known. The number
# in brackets is the mean correlation within a digit.


def correlation(values, factor):
    """Rank correlation over all images, and its size within digits."""
    within = [spearmanr(values[digits == k], factor[digits == k]).statistic for k in range(10)]
    return f"{spearmanr(values, factor).statistic:5.2f} ({np.abs(within).mean():.2f})"


flat, alone = X.reshape(n, -1), np.empty((n, 2))
for k in range(10):
    alone[digits == k] = PCA(2, random_state=0).fit_transform(flat[digits == k])
found = {
    "continuous codes": clusterer.encode(X).mean,
    "components": PCA(2, random_state=0).fit_transform(flat),
    "components of each digit": alone,
}
print(f"{'':24}   slant (within)  width (within)")
for name, both in found.items():
    for values in both.T:
        print(f"{name:24}   {correlation(values, slants)}    {correlation(values, widths)}")

# %%
# Each code describes one property. The one for slant has the same sign for all digits, the one for
# width for all but the fours, so its correlation is lower across digits than within digits.
# Principal components of all images find the slant nearly as well. They find the width within
# digits, but hardly across digits. Components of each digit find both factors within digits, and
# the width also across digits. But the sign of the slant is random for each digit, so across digits
# most of the correlation is lost.
#
# The bound on the information requires that codes can be predicted from rows, but not that each
# code is one factor. With ``random_state=1`` both codes describe the slant, and some clusters mix
# digits.
# :func:`~gan_cluster.metrics.model_centrality` is a way to choose among trainings without labels.

# %%
# Between two random points of a cluster, images change gradually, and all of them are digits of
# that cluster.

walk = WalkDisplay.from_estimator(clusterer, n_rows=5)

# %%
# The arithmetic of DCGAN (arXiv:1511.06434, figure 7): a slanted digit, minus the same digit
# upright, plus another upright digit, gives the other digit, slanted. The slant of a generated
# digit is measured by its moments.

codes = rng.uniform(-1, 1, (300, 2))
noise = rng.normal(size=(300, clusterer.noise_dim))
down, right = np.mgrid[:SIZE, :SIZE].reshape(2, 1, -1)


def lean(images):
    """Slant: how far strokes move to the right for each row upwards."""
    images = images.reshape(len(images), -1).clip(0)
    ink = images / images.sum(axis=1, keepdims=True)
    x, y = (axis - (ink * axis).sum(axis=1, keepdims=True) for axis in (right, down))
    return -(ink * x * y).sum(axis=1) / (ink * y * y).sum(axis=1)


ordered = []
for k in range(10):
    points = np.column_stack([np.full(len(codes), k), codes])
    order = lean(clusterer.generate(points, noise)).argsort()
    ordered.append((points[order], noise[order]))


def exemplars(start, end):
    """Three points each: a and b from one cluster, c from another; means of three vary less."""
    most, middle = slice(-3, None), slice(149, 152)
    places = (start, most), (start, middle), (end, middle)
    return [tuple(part[rows] for part in ordered[k]) for k, rows in places]


total = ArithmeticDisplay.from_estimator(clusterer, *exemplars(3, 7))

# %%
# One picture may be a coincidence, so we try all pairs of clusters. For how many pairs is the sum
# more slanted than the mean of c?

changes = []
for start, end in permutations(range(10), 2):
    groups = exemplars(start, end)
    a, b, c = (np.concatenate([part.mean(axis=0) for part in group]) for group in groups)
    given = np.stack([c, a - b + c])
    before, after = lean(clusterer.generate(given[:, :3], given[:, 3:]))
    changes.append(after - before)
print(f"{np.greater(changes, 0).mean():.0%} of {len(changes)} sums lean further")

clusters.figure_.savefig("slant_clusters.png")
figure.savefig("slant_traversal.png")
walk.figure_.savefig("slant_walk.png")
total.figure_.savefig("slant_arithmetic.png")
plt.show()
