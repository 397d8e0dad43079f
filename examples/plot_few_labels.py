"""
A few labels
============

Labelling a thousand images takes long, but labelling ten is quick. With a few labels, clusters get
the names of classes and become more accurate. Here we train on 1,347 handwritten digits, of which
10 or 100 have a label, and test on 450 other digits.
"""

# %%
# The labelled rows are random, with the same number for each digit. All other rows have -1, as in
# :mod:`sklearn.semi_supervised`.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from gan_cluster import InfoGANClusterer

X, classes = load_digits(return_X_y=True)
X, X_new, classes, classes_new = train_test_split(X / 16, classes, test_size=0.25, random_state=0)


def some_of(classes, n_each, rng):
    """The classes of ``n_each`` rows of each digit, and -1 for all other rows."""
    y = np.full(len(classes), -1)
    for digit in range(10):
        rows = rng.choice(np.flatnonzero(classes == digit), n_each, replace=False)
        y[rows] = digit
    return y


# %%
# We compare the clusterer with three classifiers of scikit-learn. Nearest neighbours only use the
# labelled rows; the other two also learn from rows without a label. The digits have equal sizes, so
# ``prior="uniform"`` is right, and saves time.

NUMBERS = 10, 100
accuracy, clusterers, labels = {}, {}, {}
for n in NUMBERS:
    y = labels[n] = some_of(classes, n // 10, np.random.default_rng(0))
    clusterer = InfoGANClusterer(10, image_shape=(1, 8, 8), prior="uniform", random_state=0)
    clusterers[n] = clusterer.fit(X, y)
    spreading = LabelSpreading("knn", n_neighbors=10, alpha=0.9, max_iter=1000)
    methods = {
        "nearest neighbour": KNeighborsClassifier(1).fit(X[y >= 0], y[y >= 0]),
        "self-training": SelfTrainingClassifier(LogisticRegression()).fit(X, y),
        "label spreading": spreading.fit(X, y),
        "InfoGANClusterer": clusterers[n],
    }
    for name, method in methods.items():
        found = np.mean(method.predict(X_new) == classes_new)
        accuracy.setdefault(name, []).append(found)
        print(f"{n:3} labels  {name:17}  {found:.3f}")

# %%
# On the left are the ten labelled digits of the first clusterer, which had no other labels. Beside
# each digit are new members of its cluster, drawn by the generator. With labels, clusters are
# numbered like the classes: cluster 3 has the threes. On the right is the accuracy on new digits.

figure = plt.figure(figsize=(12, 5.5), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.15, 1])
left.suptitle("one labelled digit, and ten new ones of its cluster")
clusterer, y = clusterers[10], labels[10]
grid = left.subplots(10, 12, gridspec_kw={"width_ratios": [1, 0.4, *[1] * 10]})
for digit, axes in enumerate(grid):
    drawn = clusterer.sample(10, cluster=digit, random_state=0)
    for ax in axes:
        ax.set_axis_off()
    for ax, row in zip([axes[0], *axes[2:]], [X[y == digit][0], *drawn], strict=True):
        ax.imshow(row.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)

ax = right.subplots()
for name, found in accuracy.items():
    is_ours = name == "InfoGANClusterer"
    ax.plot(NUMBERS, found, "o-", label=name, lw=3 if is_ours else 1.5, zorder=2 + is_ours)
ax.set(xscale="log", xlabel="labels", ylabel="accuracy on new digits")
ax.set_xticks(NUMBERS, [str(n) for n in NUMBERS], minor=False)
ax.minorticks_off()
ax.grid(alpha=0.3)
ax.legend(loc="lower right")

figure.savefig("few_labels.png")
plt.show()
