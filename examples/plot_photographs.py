"""
A folder of colour images, clustered by what they show
======================================================

Two photographs of the same thing may have completely different pixels: light, colour and place
differ. So for colour images :class:`~gan_cluster.InfoGANClusterer` starts with contrastive
learning: a trunk learns which two views, with other crops and colours, are of the same image.
The training of clusters then starts from this trunk.
"""

# %%
# First we make a folder of images; you would use your own. There are four kinds of patterns. Each
# image has two random colours, and random light, size, place and slant.

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.cluster import KMeans

from gan_cluster import InfoGANClusterer
from gan_cluster.datasets import load_image_folder
from gan_cluster.inspection import MembersDisplay
from gan_cluster.metrics import clustering_accuracy

PATTERNS = {
    "checks": lambda right, down: np.sin(right) * np.sin(down) > 0,
    "dots": lambda right, down: np.cos(right) + np.cos(down) > 0.7,
    "rings": lambda right, down: np.sin(np.hypot(right, down)) > 0,
    "stripes": lambda right, down: np.sin(down) > 0,
}


def photograph(pattern, rng, side=48):
    """An image of a pattern as an array (side, side, 3) of bytes."""
    y, x = np.mgrid[:side, :side] / side - rng.uniform(0.3, 0.7, 2)[:, None, None]
    slant, period = rng.uniform(-0.2, 0.2), rng.uniform(0.2, 0.3)
    right = 2 * np.pi / period * (np.cos(slant) * x + np.sin(slant) * y)
    down = 2 * np.pi / period * (np.cos(slant) * y - np.sin(slant) * x)
    levels = np.array([[rng.uniform(140, 230)], [rng.uniform(20, 90)]])
    colours = levels + rng.uniform(-45, 45, (2, 3))
    light = 1 + rng.uniform(-0.5, 0.5) * x + rng.uniform(-0.5, 0.5) * y
    image = np.where(pattern(right, down)[..., None], *colours) * light[..., None]
    return np.clip(image + rng.normal(0, 12, image.shape), 0, 255).astype(np.uint8)


# %%
# One call loads the folder as an array of images of 32x32 pixels. The names of sub-folders are the
# classes; they are only used for the accuracy at the end. If the images do not fit into memory, set
# ``cache_file``.

rng = np.random.RandomState(0)
with TemporaryDirectory() as folder:
    for name, pattern in PATTERNS.items():
        Path(folder, name).mkdir()
        for i in range(100):
            Image.fromarray(photograph(pattern, rng)).save(Path(folder, name, f"{i}.jpg"))
    photos = load_image_folder(folder, image_size=32)
print(photos.images.shape, photos.images.dtype, photos.target_names)

# %%
# With these settings, training takes a minute on two cores. For real photographs use the defaults,
# which take longer, or raise ``width`` on a GPU. If you do not know that your classes have equal
# sizes, leave out ``prior``.

clusterer = InfoGANClusterer(
    4, prior="uniform", width=8, batch_size=64, max_epochs=160, random_state=0, verbose=1
)
clusterer.fit(photos.images)

# %%
# Images with the same colour have similar pixels, but the clusterer finds the patterns. The picture
# shows the members of each cluster of which it is most and least certain. Generated images need a
# longer training than this one.

display = MembersDisplay.from_estimator(clusterer, photos.images)

by_pixels = KMeans(4, n_init=10, random_state=0).fit_predict(photos.data)
print(f"accuracy of k-means on pixels: {clustering_accuracy(photos.target, by_pixels):.3f}")
print(f"accuracy of the clusterer:     {clustering_accuracy(photos.target, clusterer.labels_):.3f}")

display.figure_.savefig("photographs.png")
plt.show()
