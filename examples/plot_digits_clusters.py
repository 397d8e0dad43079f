"""
Handwritten digits, clustered without labels
============================================

:class:`~gan_cluster.InfoGANClusterer` gets 1,797 images of 8x8 pixels and the number of clusters,
nothing else. A generator learns to draw digits from a code, a recognition network learns to read
that code off any image, and on real images it has to give the same one to an image and to a
slightly turned and shifted twin.
"""

# %%
# Only what describes the data is set; everything else is a default.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix

from gan_cluster import InfoGANClusterer
from gan_cluster.inspection import ClusterDisplay
from gan_cluster.metrics import clustering_accuracy

digits = load_digits()
clusterer = InfoGANClusterer(n_clusters=10, image_shape=(1, 8, 8), random_state=0, verbose=1)
clusterer.fit(digits.data)

# %%
# What is each cluster? Members of different kinds stand on the left; on the right the generator
# draws new ones. All images of one generated column share their noise: they differ by their cluster
# alone.

display = ClusterDisplay.from_estimator(clusterer, digits.data)

# %%
# The score sees no label: it is the information in nats that the cluster of an image gives of the
# clusters of its nearest images, at most log(10) = 2.30. The labels come in only here, to see which
# digit each cluster found: a row of the table is a digit, a column a cluster.

print(f"score without labels: {clusterer.score(digits.data):.2f} nats")
print(f"accuracy with them:   {clustering_accuracy(digits.target, clusterer.labels_):.3f}")
print(confusion_matrix(digits.target, clusterer.labels_))

display.figure_.savefig("digits_clusters.png")
plt.show()
