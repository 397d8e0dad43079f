"""
How many clusters are there?
============================

``n_clusters="auto"`` finds the number of clusters: the largest number for which the density of rows
is lower between clusters than inside them. Here are five blobs of very different sizes in ten
dimensions. We compare with the silhouette, the usual way to choose the number for k-means.
"""

# %%
# Only the labels show how many blobs there are, and they are not used before the end.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score

from gan_cluster import InfoGANClusterer
from gan_cluster.inspection import ClusterNumberDisplay

X, y = make_blobs([300, 150, 80, 40, 30], n_features=10, cluster_std=2.5, random_state=3)
clusterer = InfoGANClusterer("auto", max_clusters=10, n_init=1, random_state=0).fit(X)
print(f"{clusterer.n_clusters_} clusters")

# %%
# The upper curve is the depth of the shallowest valley between two clusters, for each number of
# clusters. The largest number above the dashed line is taken. The lower panel shows how the codes
# of the search are merged, two at a time. Each colour is a cluster.

display = ClusterNumberDisplay.from_estimator(clusterer)

# %%
# The silhouette chooses a number for k-means. The pictures show both results in the first two
# principal components. Labels are only used here.

tried = {k: KMeans(k, n_init=10, random_state=0).fit_predict(X) for k in range(2, 11)}
best = max(tried, key=lambda k: silhouette_score(X, tried[k]))
found = {"InfoGANClusterer": clusterer.labels_, "k-means, by silhouette": tried[best]}
figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, sharey=True, layout="constrained")
for ax, (name, labels) in zip(axes, found.items(), strict=True):
    ax.scatter(*PCA(2).fit_transform(X).T, c=labels, cmap="tab10", s=8)
    ari = adjusted_rand_score(y, labels)
    ax.set(title=f"{name}: {len(np.unique(labels))} clusters, ARI {ari:.2f}", xticks=[], yticks=[])
    print(name, len(np.unique(labels)), f"ARI {ari:.3f}")

# %%
# Save the pictures.

display.figure_.savefig("how_many_clusters_numbers.png")
figure.savefig("how_many_clusters_labels.png")
plt.show()
