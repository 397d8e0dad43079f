"""
Clusters of unequal size
========================

The balance term asks that clusters have the shares that the prior says. Equal ones are wrong where
some classes are rare: a large class is cut in two to fill a cluster that would be small. By default
the shares are learned: training starts with more codes than clusters, merges those that near rows
share, and then follows the sizes that clusters have.
"""

# %%
# Handwritten digits, thinned: all zeros are kept, a tenth of the nines, and the others in between.

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
# The same training with equal sizes and with the default, and k-means beside. Accuracy, NMI and ARI
# compare clusters with the digits, which training does not see. ARI and accuracy suffer most from a
# class that is cut in two.

labels = {"k-means": KMeans(10, n_init=10, random_state=0).fit_predict(X)}
for prior in ("uniform", "auto"):
    clusterer = InfoGANClusterer(
        n_clusters=10, image_shape=(1, 8, 8), prior=prior, n_init=2, random_state=0, verbose=1
    )
    labels[prior] = clusterer.fit_predict(X)
for name, found in labels.items():
    scores = (clustering_accuracy, normalized_mutual_info_score, adjusted_rand_score)
    acc, nmi, ari = (score(y, found) for score in scores)
    print(f"{name:8} accuracy {acc:.3f}  NMI {nmi:.3f}  ARI {ari:.3f}")

# %%
# Sizes first: nearly equal ones are what the uniform prior asks for and gets; learned ones come
# near those of the classes. The rarest class, the nines with 16 images, is too small for any.

names = {"k-means": "k-means", "uniform": 'prior="uniform"', "auto": 'prior="auto"'}
sizes, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
ax.plot(np.sort(np.bincount(y))[::-1], "ko-", label="classes")
for name, found in labels.items():
    ax.plot(np.sort(np.bincount(found))[::-1], "o--", label=names[name])
ax.set(xlabel="clusters, from the largest to the smallest", ylabel="images", ylim=(0, None))
ax.legend()

# %%
# A row is a cluster, a column a digit. A column with two dark cells is a class that was cut. Zeros,
# fours, eights, twos, ones and threes are cut under the uniform prior. With the default only the
# ones are, which are written in two ways.

confusion, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for ax, prior in zip(axes, ("uniform", "auto"), strict=True):
    ConfusionDisplay.from_predictions(y, labels[prior], ax=ax)
    ax.set_title(names[prior])

sizes.savefig("unbalanced_sizes.png")
confusion.savefig("unbalanced_confusion.png")
plt.show()
