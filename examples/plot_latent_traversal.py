"""
What the codes of a generator mean
==================================

A generator draws from a cluster, two continuous codes and 62 values of noise. Nobody said what the
codes should stand for: the recognition network only has to read them back, so the generator gives
them to what changes images most. Here they are looked at one by one.
"""

# %%
# Two continuous codes are asked for, and one value of the first code for each cluster, so that a
# cluster has one style. The generator gets more epochs than labels alone would need.

from itertools import permutations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from gan_cluster import InfoGANClusterer, Objective
from gan_cluster.inspection import ArithmeticDisplay, TraversalDisplay, WalkDisplay

digits = load_digits()
clusterer = InfoGANClusterer(
    n_clusters=10,
    image_shape=(1, 8, 8),
    n_continuous=2,
    objective=Objective(codes_per_cluster=1),
    max_epochs=130,
    n_init=1,
    n_iter_no_change=None,
    random_state=0,
    verbose=1,
)
clusterer.fit(digits.data)
print(clusterer.code_names_)

# %%
# The first code is the cluster: along a row it alone changes, and with it the digit. Each row has
# noise of its own.

clusters = TraversalDisplay.from_estimator(clusterer, "cluster", n_rows=5)

# %%
# The continuous codes change how a digit is written, in most clusters alike. Training saw -1 to 1;
# what lies beyond shows the same change, exaggerated.

figure, axes = plt.subplots(1, 2, figsize=(12, 6), layout="constrained")
for name, ax in zip(("continuous0", "continuous1"), axes, strict=True):
    TraversalDisplay.from_estimator(clusterer, name, ax=ax)

# %%
# Between two random points of the same cluster images change little by little, and those on the way
# look like digits, too. A generator that had learned single images by heart would jump.

walk = WalkDisplay.from_estimator(clusterer, n_rows=5)

# %%
# DCGAN's arithmetic: does a direction of the noise mean the same in another cluster? How much a
# digit leans is measured by moments of its image: how far strokes move sideways from row to row.

noise = np.random.RandomState(0).normal(size=(300, clusterer.noise_dim))
down, right = np.mgrid[:8, :8].reshape(2, 1, 64)


def lean(images):
    """Slope of the strokes of images (n, 64)."""
    ink = images / images.sum(axis=1, keepdims=True)
    x, y = (axis - (ink * axis).sum(axis=1, keepdims=True) for axis in (right, down))
    return (ink * x * y).sum(axis=1) / (ink * y * y).sum(axis=1)


# %%
# Of 300 generated members of one cluster three lean most to one side and three to the other: they
# are a and b. Their difference is added to c, three members of another cluster that lean as most
# do. Means of three stand for each, since single points are noisy.

ordered = [noise[lean(clusterer.generate([k, 0, 0], noise)).argsort()] for k in range(10)]


def exemplars(start, end):
    """Points a and b of one cluster, c of another."""
    a, b, c = ordered[start][-3:], ordered[start][:3], ordered[end][149:152]
    return ([start, 0, 0], a), ([start, 0, 0], b), ([end, 0, 0], c)


total = ArithmeticDisplay.from_estimator(clusterer, *exemplars(3, 7))

# %%
# One picture may be luck, so all pairs of clusters are tried: in how many does the sum lean more
# than the mean of c did? Slant carries over to most clusters, not to all.

changes = []
for start, end in permutations(range(10), 2):
    a, b, c = (rows.mean(axis=0) for _, rows in exemplars(start, end))
    before, after = lean(clusterer.generate([end, 0, 0], [c, a - b + c]))
    changes.append(after - before)
print(f"{np.greater(changes, 0).mean():.0%} of {len(changes)} pairs lean further")

total.figure_.savefig("latent_arithmetic.png")
walk.figure_.savefig("latent_walk.png")
clusters.figure_.savefig("latent_clusters.png")
figure.savefig("latent_traversal.png")
plt.show()
