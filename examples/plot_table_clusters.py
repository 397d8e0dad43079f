"""
Clusters of a table, and what they are like
===========================================

178 wines, 13 measurements of each, no labels: which groups are there, and what makes them? A table
has no pictures of its members, so each cluster is shown by the profile of its columns.
"""

# %%
# Columns in any units do, since they are standardised on the way. Names of the columns are kept.

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from gan_cluster import InfoGANClusterer
from gan_cluster.inspection import ConfusionDisplay, HistoryDisplay, ProfileDisplay
from gan_cluster.metrics import clustering_accuracy

wine = load_wine(as_frame=True)
clusterer = InfoGANClusterer(n_clusters=3, random_state=0, verbose=1).fit(wine.data)

# %%
# Did training end well? The dotted line is where the generator joins. From then on it learns to
# draw rows whose cluster can be read back: the information rises towards its ceiling, the entropy
# of the code. Shares are those of codes, four for each cluster, until these are merged. The last
# panel says how varied drawn rows are and how many are read as of their cluster; thin lines are
# those of the worst cluster.

history = HistoryDisplay.from_estimator(clusterer)

# %%
# What is each cluster? Colours are means, in standard deviations from the mean of all wines, and
# below each mean stand the quartiles, between which half of the cluster lies. One cluster is high
# in alcohol and proline; one is low in flavanoids and hue; one is low in alcohol and colour.

profile = ProfileDisplay.from_estimator(clusterer, wine.data)

# %%
# The wines come from three growers. That comes in only here: do clusters find them?

growers = wine.target_names[wine.target]
confusion = ConfusionDisplay.from_estimator(clusterer, wine.data, growers)
print(f"accuracy {clustering_accuracy(growers, clusterer.labels_):.3f}")
print(f"NMI      {normalized_mutual_info_score(growers, clusterer.labels_):.3f}")
print(f"ARI      {adjusted_rand_score(growers, clusterer.labels_):.3f}")

history.figure_.savefig("table_history.png")
profile.figure_.savefig("table_profile.png")
confusion.figure_.savefig("table_confusion.png")
plt.show()
