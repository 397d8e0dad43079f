"""
Any clusterer as the last step
==============================

Features of a GAN go into whatever comes next in a pipeline: k-means, a Gaussian mixture, a
density-based method that finds the number of clusters itself, or the eigenvectors of a graph. The
features are the same in all four, and so are the pixels that they are compared with.
"""

# %%
# A pipeline with ``memory`` fits its first steps once and keeps them, so the GAN is trained once
# for all four. It sees no labels. Ten principal components come between, since a mixture of
# Gaussians with full covariances would have too much to estimate in more dimensions.

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
# Labels come in only now. HDBSCAN may leave rows out, as noise of the label -1; here they count as
# a cluster of their own.

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
# In pixels most digits lie too far apart for HDBSCAN to call them dense: it calls more than half of
# them noise. In features it finds the digits, and cuts the ones in two. It was not told how many
# clusters there are, but the features were.

_, ax = plt.subplots(figsize=(7, 6), layout="constrained")
confusion = ConfusionDisplay.from_predictions(y, labels["GAN features"]["HDBSCAN"], ax=ax)
ax.set_title("HDBSCAN on GAN features")

figure.savefig("last_step.png")
confusion.figure_.savefig("last_step_confusion.png")
plt.show()
