"""
K-means on features of a GAN
============================

K-means compares images pixel by pixel, so a shifted or slanted digit is far from other images of
the same digit. A network that is trained together with a GAN learns features in which such images
are near each other. Here we compare k-means on pixels with k-means on these features.
"""

# %%
# ``fit_predict`` of the pipeline trains the GAN without labels, computes its features and fits
# k-means++ to them. The digits have equal sizes, so ``prior="uniform"`` saves time.

import matplotlib.pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from gan_cluster import GANFeatureExtractor
from gan_cluster.metrics import clustering_accuracy

X, y = load_digits(return_X_y=True)
pipeline = make_pipeline(
    GANFeatureExtractor(10, image_shape=(1, 8, 8), prior="uniform", random_state=0, verbose=1),
    KMeans(10, init="k-means++", random_state=0),
)
clusters = {
    "pixels": KMeans(10, init="k-means++", random_state=0).fit_predict(X),
    "GAN features": pipeline.fit_predict(X),
}

# %%
# The columns have names with layer and channel, which is useful in a data frame.

features = pipeline[:-1].transform(X)
print(features.shape, pipeline[:-1].get_feature_names_out()[:3])

# %%
# The first two principal components of pixels and of features; each digit has its own colour.
# Groups that overlap here may be separate in other directions: k-means uses all of them. Labels are
# only used for these colours and for the accuracy in the titles.

figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
for ax, (name, labels), space in zip(axes, clusters.items(), (X, features), strict=True):
    ax.scatter(*PCA(2, random_state=0).fit_transform(space).T, c=y, cmap="tab10", s=8)
    ax.set_title(f"{name}: k-means accuracy {clustering_accuracy(y, labels):.3f}")
    ax.set(xticks=[], yticks=[], xlabel="first component", ylabel="second component")

figure.savefig("pipeline_kmeans.png")
plt.show()
