"""
Clusters of a table, and how they differ
========================================

There are 178 wines with 13 measurements each, and no labels. Which groups are there, how do they
differ, and what would new wines of each group be like? Members of a table cannot be shown as
pictures, so clusters are shown by their columns.
"""

# %%
# Columns may have any units, since they are scaled inside. Names of the columns are kept.

import matplotlib.pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gan_cluster import InfoGANClusterer
from gan_cluster.inspection import ConfusionDisplay, ProfileDisplay
from gan_cluster.metrics import clustering_accuracy

wine = load_wine(as_frame=True)
clusterer = InfoGANClusterer(n_clusters=3, random_state=0).fit(wine.data)

# %%
# How do clusters differ? Colours are means, in standard deviations from the mean of all wines.
# Below each mean are the first and third quartiles. One cluster is high in alcohol and proline; one
# is low in flavanoids and hue; one is low in alcohol and colour.

profile = ProfileDisplay.from_estimator(clusterer, wine.data)

# %%
# The clusterer draws new wines of each cluster, as a DataFrame with the same columns and units.
# The picture shows two columns of the real wines and of the same number of drawn wines: drawn wines
# have similar values to real ones.

columns = ["flavanoids", "color_intensity"]
figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), sharex=True, sharey=True, layout="constrained")
for cluster in range(3):
    real = wine.data[clusterer.labels_ == cluster]
    drawn = clusterer.sample(len(real), cluster=cluster, random_state=0)
    for ax, rows in zip(axes, (real, drawn), strict=True):
        ax.scatter(*rows[columns].to_numpy().T, s=18, label=f"cluster {cluster}")
for ax, title in zip(axes, ("real wines", "drawn wines"), strict=True):
    ax.set(title=title, xlabel=columns[0], ylabel=columns[1])
axes[0].legend()

# %%
# The wines come from three growers, which are only used here. Do the clusters correspond to the
# growers? k-means finds them as well, since these clusters are round. But k-means cannot draw new
# wines.

growers = wine.target_names[wine.target]
kmeans = make_pipeline(StandardScaler(), KMeans(3, random_state=0))
labels = {"k-means": kmeans.fit_predict(wine.data), "InfoGANClusterer": clusterer.labels_}
confusion, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, (name, found) in zip(axes, labels.items(), strict=True):
    ConfusionDisplay.from_predictions(growers, found, ax=ax)
    ax.set_title(f"{name}: accuracy {clustering_accuracy(growers, found):.3f}")

profile.figure_.savefig("table_profile.png")
figure.savefig("table_drawn.png")
confusion.savefig("table_confusion.png")
plt.show()
