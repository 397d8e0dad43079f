"""
How many clusters are there?
============================

``n_clusters="auto"`` finds the number of clusters: as many as have rows lying thinner between them
than within. Here are five blobs in ten dimensions of very different sizes. The silhouette, the
usual way to choose the number for k-means, is the rival.
"""

# %%
# Nothing says how many blobs there are, but the labels, which are for the end.

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
# them. The largest number above the dashed line is taken. Below, the finer codes of the search are
# merged two by two; what is of one colour is one cluster.

display = ClusterNumberDisplay.from_estimator(clusterer)

# %%
# The silhouette of k-means for each number, and what both find, by the first two principal
# components. Labels come in only here.

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
# The pictures, as files.

display.figure_.savefig("how_many_clusters_numbers.png")
figure.savefig("how_many_clusters_labels.png")
plt.show()
