"""
What the filters of a discriminator respond to
==============================================

A discriminator learns to tell real images from generated ones. It gets no labels, but learns
filters for the parts of images. Guided backpropagation shows them: it follows the strongest
response of a channel back to the pixels that cause it. The DCGAN paper compares this picture with
that of an untrained network.
"""

# %%
# The images are white squares, ellipses and hearts of any size, rotation and place. We train a
# plain GAN as in DCGAN, without clusters and codes.

import matplotlib.pyplot as plt

from gan_cluster import GANFeatureExtractor
from gan_cluster.datasets import make_sprites
from gan_cluster.inspection import FiltersDisplay

X, _ = make_sprites(2000, image_size=32, random_state=0)
extractor = GANFeatureExtractor(objective="gan", max_epochs=16, random_state=0, verbose=1).fit(X)
print(extractor.layer_names_)

# %%
# Each row is a channel of the last convolution. On the left are the images with the strongest
# responses, and beside them the gradients: light where a lighter pixel would raise the response,
# dark where a darker pixel would. For the trained network, the shape and its outline are light and
# the background is dark, in a similar way for all images. For the untrained network there is mostly
# noise, in which the shape can hardly be recognised.

last = FiltersDisplay.from_estimator(extractor, X)

# %%
# A channel of an earlier convolution responds only to a small patch, at an edge or a corner of a
# shape. There, trained weights differ less from untrained ones than in the last convolution.

early = FiltersDisplay.from_estimator(extractor, X, "conv2")

last.figure_.savefig("filters_last.png")
early.figure_.savefig("filters_conv2.png")
plt.show()
