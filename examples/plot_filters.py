"""
What the filters of a discriminator see
=======================================

A discriminator that has to tell real images from generated ones has no labels, and still learns
filters for what images are made of. Guided backpropagation shows them: it follows the strongest
response of a channel back to the pixels that cause it. DCGAN's third contribution is this picture
beside that of a network which has learned nothing.
"""

# %%
# The images are white squares, ellipses and hearts of any size, rotation and place. The game alone
# is played, as DCGAN does: no clusters, no codes.

import matplotlib.pyplot as plt

from gan_cluster import GANFeatureExtractor
from gan_cluster.datasets import make_sprites
from gan_cluster.inspection import FiltersDisplay

X, _ = make_sprites(2000, image_size=32, random_state=0)
extractor = GANFeatureExtractor(objective="gan", max_epochs=16, random_state=0, verbose=1).fit(X)
print(extractor.layer_names_)

# %%
# A row is a channel of the last convolution. On the left stand the images that excite it most, then
# what in them does: light where more light would excite it more, dark where less would. Channels of
# the trained network have the shape light, with its outline, and the ground around it dark, much
# alike from image to image. Weights that were never trained leave grain, in which the shape is
# barely seen.

last = FiltersDisplay.from_estimator(extractor, X)

# %%
# Nearer to the image a channel sees only a patch, at an edge or a corner of a shape, and trained
# weights differ less from untrained ones: what was learned shows in the last convolution.

early = FiltersDisplay.from_estimator(extractor, X, "conv2")

last.figure_.savefig("filters_last.png")
early.figure_.savefig("filters_conv2.png")
plt.show()
