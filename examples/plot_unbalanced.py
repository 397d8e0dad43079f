"""
Clusters of unequal size
========================

The balance term keeps the sizes of clusters near the prior. Equal sizes are wrong if some classes
are rare: a large class is then split in two to fill a cluster that should be small. The prior can
also be learned: training starts with more groups than clusters, merges groups whose rows are near
each other, and then the prior follows the sizes of the clusters.
"""

# %%
# From handwritten digits we remove some: all zeros are kept, but only a tenth of the nines; the
# shares of the other digits are in between.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from gan_cluster import InfoGANClusterer
from gan_cluster.inspection import ConfusionDisplay
from gan_cluster.metrics import clustering_accuracy

X, y = load_digits(return_X_y=True)
kept = np.random.RandomState(0).uniform(size=len(y)) < np.linspace(1, 0.1, 10)[y]
X, y = X[kept], y[kept]
print(f"{len(y)} digits; of each class {np.bincount(y)}")

# %%
# We train with equal sizes and with the default, and run k-means for comparison. Accuracy, NMI and
# ARI compare clusters with the digits, which are not used for training. A class that is split in
# two lowers ARI and accuracy most.

labels = {"k-means": KMeans(10, n_init=10, random_state=0).fit_predict(X)}
for prior in ("uniform", "auto"):
    clusterer = InfoGANClusterer(
        n_clusters=10, image_shape=(1, 8, 8), prior=prior, random_state=0, verbose=1
    )
    labels[prior] = clusterer.fit_predict(X)
for name, found in labels.items():
    scores = (clustering_accuracy, normalized_mutual_info_score, adjusted_rand_score)
    acc, nmi, ari = (score(y, found) for score in scores)
    print(f"{name:8} accuracy {acc:.3f}  NMI {nmi:.3f}  ARI {ari:.3f}")

# %%
# First the sizes of clusters. With the uniform prior, they are nearly equal. Learned sizes are near
# those of the classes. The rarest class, the nines with 16 images, is too small for all methods.

names = {"k-means": "k-means", "uniform": 'prior="uniform"', "auto": 'prior="auto"'}
sizes, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
ax.plot(np.sort(np.bincount(y))[::-1], "ko-", label="classes")
for name, found in labels.items():
    ax.plot(np.sort(np.bincount(found))[::-1], "o--", label=names[name])
ax.set(xlabel="clusters, from the largest to the smallest", ylabel="images", ylim=(0, None))
ax.legend()

# %%
# Each row is a cluster, and each column a digit. A column with two dark cells is a class that was
# split. With the uniform prior, zeros, fours, twos and ones are split, and clusters mix digits;
# training also warns that labels still change. With the default only the ones are split, which are
# written in several ways.

confusion, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for ax, prior in zip(axes, ("uniform", "auto"), strict=True):
    ConfusionDisplay.from_predictions(y, labels[prior], ax=ax)
    ax.set_title(names[prior])

sizes.savefig("unbalanced_sizes.png")
confusion.savefig("unbalanced_confusion.png")
plt.show()
