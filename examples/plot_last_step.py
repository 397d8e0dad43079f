"""
Any clusterer as the last step
==============================

Features of a GAN can be used by any clusterer as the next step of a pipeline: k-means, a Gaussian
mixture, a density-based method that finds the number of clusters itself, or spectral clustering.
Here all four get the same features, and for comparison the pixels.
"""

# %%
# A pipeline with ``memory`` fits its first steps once and keeps them, so the GAN is trained once
# for all four, without labels. Features are reduced to ten principal components, since a mixture of
# Gaussians with full covariances would have too many parameters in more dimensions.

from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import HDBSCAN, KMeans, SpectralClustering
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from gan_cluster import GANFeatureExtractor
from gan_cluster.inspection import ConfusionDisplay

X, y = load_digits(return_X_y=True)
last_steps = {
    "k-means": KMeans(10, random_state=0),
    "Gaussian mixture": GaussianMixture(10, random_state=0),
    "HDBSCAN": HDBSCAN(min_cluster_size=40, copy=True),
    "spectral": SpectralClustering(10, affinity="nearest_neighbors", random_state=0),
}
extractor = GANFeatureExtractor(n_clusters=10, image_shape=(1, 8, 8), random_state=0, verbose=1)
labels = {"pixels": {}, "GAN features": {}}
with TemporaryDirectory() as folder:
    for name, last in last_steps.items():
        first = PCA(10, random_state=0)
        labels["pixels"][name] = make_pipeline(first, last).fit_predict(X)
        pipeline = make_pipeline(extractor, first, last, memory=folder)
        labels["GAN features"][name] = pipeline.fit_predict(X)

# %%
# Labels are only used now. HDBSCAN may mark rows as noise, with the label -1; here they count as
# a separate cluster.

scores = {"NMI": normalized_mutual_info_score, "ARI": adjusted_rand_score}
figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for i, (space, found) in enumerate(labels.items()):
    for name, clusters in found.items():
        shown = "  ".join(f"{score} {scores[score](y, clusters):.3f}" for score in scores)
        noise = (clusters == -1).mean()
        print(f"{space:12}  {name:16}  {shown}  {clusters.max() + 1:2} clusters, {noise:.0%} noise")
    heights = [normalized_mutual_info_score(y, clusters) for clusters in found.values()]
    ax.bar(np.arange(4) + 0.4 * i, heights, 0.4, label=space)
ax.set_xticks(np.arange(4) + 0.2, last_steps)
ax.set(ylabel="NMI", ylim=(0, 1.15))
ax.legend(loc="upper center", ncols=2)

# %%
# With pixels, most digits are too far apart for HDBSCAN: it marks more than half of them as noise.
# With features it finds the ten digits, but puts some ones into the cluster of the twos. HDBSCAN
# does not get the number of clusters, but the training of the features does.

_, ax = plt.subplots(figsize=(7, 6), layout="constrained")
confusion = ConfusionDisplay.from_predictions(y, labels["GAN features"]["HDBSCAN"], ax=ax)
ax.set_title("HDBSCAN on GAN features")

figure.savefig("last_step.png")
confusion.figure_.savefig("last_step_confusion.png")
plt.show()
