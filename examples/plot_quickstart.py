"""
Quickstart
==========

From images without labels to clusters that you can look at. You only need
:doc:`the package </install>`: the images, 1,797 handwritten digits of 8x8 pixels, come with
scikit-learn. This page takes five minutes to read.
"""

# %%
# Fit
# ---
# Give the number of clusters, and the shape of an image if rows are images. Everything else has
# defaults. The last 297 images are not used for training; they serve as new images later. This
# takes about a minute.

import matplotlib.pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from gan_cluster import InfoGANClusterer
from gan_cluster.inspection import ClusterDisplay, ConfusionDisplay, MembersDisplay
from gan_cluster.metrics import clustering_accuracy

digits = load_digits()
X, X_new = digits.data[:1500], digits.data[1500:]
clusterer = InfoGANClusterer(n_clusters=10, image_shape=(1, 8, 8), random_state=0)
clusterer.fit(X)
print(clusterer.labels_[:12])

# %%
# What is each cluster?
# ---------------------
# Each row is a cluster. Real members are on the left, and new members that the generator has drawn
# are on the right.

clusters = ClusterDisplay.from_estimator(clusterer, X)

# %%
# New rows
# --------
# ``predict`` and ``predict_proba`` give the clusters of new images, and ``sample`` draws as many
# new members as you like.

print(clusterer.predict(X_new)[:12])
print(clusterer.predict_proba(X_new).shape)
print(clusterer.sample(8, cluster=3).shape)

# %%
# The left half of the next picture has the most certain members of each cluster, and the right half
# the least certain ones: look there first for mistakes.

members = MembersDisplay.from_estimator(clusterer, X)

# %%
# Is it any good?
# ---------------
# ``score`` needs no labels. It is high if images that are near each other are in the same cluster.
# For ten clusters it is at most log(10) = 2.30. Use it to compare settings.

print(f"score: {clusterer.score(X_new):.2f}")

# %%
# Here the digits are known, so we can compare the clusters with them, also for k-means on pixels.
# Each row is a cluster, and each column a digit. Accuracy is the share of new images that are in
# the cluster of their digit.

y_new = digits.target[1500:]
rivals = {
    "k-means": KMeans(10, random_state=0).fit(X).predict(X_new),
    "InfoGANClusterer": clusterer.predict(X_new),
}
figure, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for ax, (name, labels) in zip(axes, rivals.items(), strict=True):
    ConfusionDisplay.from_predictions(y_new, labels, ax=ax)
    ax.set_title(f"{name}: accuracy {clustering_accuracy(y_new, labels):.3f}")

clusters.figure_.savefig("quickstart_clusters.png")
members.figure_.savefig("quickstart_members.png")
figure.savefig("quickstart_confusion.png")
plt.show()

# %%
# Next
# ----
# :doc:`/how_to/index` has recipes for your kind of data, :doc:`/how_to/saving` explains how to save
# the model, and :doc:`/parameters` says what to change if clusters are not what you need.
