"""
Letters among digits
====================

A clusterer of digits assigns a letter to a cluster, too. ``score_samples`` shows that the letter is
not a digit: it measures the distance of a row from training rows, in the features of the networks.
"""

# %%
# We use handwritten digits for training, others for the test, and printed letters. The letters are
# made in the same way as the digits: each of the 8x8 values is the number of pixels of the letter
# in a block of 4x4 pixels. Letters that look like digits, such as O and S, are left out.

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from gan_cluster import InfoGANClusterer

X = load_digits().data
X_train, X_new = X[:1400], X[1400:]


def letter(rng):
    name = rng.choice(["DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "STIXGeneral"])
    path = Path(matplotlib.get_data_path(), "fonts/ttf", f"{name}.ttf")
    image = Image.new("L", (256, 256))
    drawn = {"fill": 255, "font": ImageFont.truetype(path, 128), "anchor": "mm"}
    ImageDraw.Draw(image).text((128, 128), rng.choice(list("ACEFHKMNPRTUVWXY")), **drawn)
    image = image.rotate(rng.uniform(-15, 15))
    image = image.crop(image.getbbox())
    image.thumbnail((32, 32))
    square = Image.new("L", (32, 32))
    square.paste(image, ((32 - image.width) // 2, (32 - image.height) // 2))
    return (np.asarray(square) > 127).reshape(8, 4, 8, 4).sum((1, 3)).ravel()


rng = np.random.RandomState(0)
letters = np.array([letter(rng) for _ in range(400)])

# %%
# The clusterer and an isolation forest are trained on digits only.

clusterer = InfoGANClusterer(
    n_clusters=10, image_shape=(1, 8, 8), n_init=1, random_state=0, verbose=1
).fit(X_train)
forest = IsolationForest(random_state=0).fit(X_train)
is_digit = np.arange(len(X_new) + len(letters)) < len(X_new)
rows = np.vstack([X_new, letters])

# %%
# The area under the ROC curve is the probability that a letter has a lower score than a digit. Both
# distinguish nearly all letters from digits: on images this small, an isolation forest is as good.
# The dashed line is ``offset_``: 1 % of the training rows have a lower score. The lower pictures
# show the sixteen rows with the highest scores and the sixteen with the lowest scores, from digits
# and letters together.

figure = plt.figure(figsize=(12, 6), layout="constrained")
upper, lower = figure.subfigures(2, 1)
axes = upper.subplots(1, 2)
models = {"score_samples": clusterer, "isolation forest": forest}
for ax, (name, model) in zip(axes, models.items(), strict=True):
    scores = model.score_samples(rows)
    area = roc_auc_score(is_digit, scores)
    print(f"{name}: area under the ROC curve {area:.3f}")
    bins = np.linspace(scores.min(), scores.max(), 50)
    ax.hist(scores[is_digit], bins, alpha=0.6, label="new digits")
    ax.hist(scores[~is_digit], bins, alpha=0.6, label="letters")
    ax.set(title=f"{name}: area under the ROC curve {area:.3f}", xlabel="score", ylabel="rows")
    ax.legend(loc="upper left")
axes[0].axvline(clusterer.offset_, color="black", linestyle="--")

order = np.argsort(clusterer.score_samples(rows))
for ax, chosen, title in zip(
    lower.subplots(2, 1), (order[::-1][:16], order[:16]), ("most usual", "strangest"), strict=True
):
    images = np.pad(rows[chosen].reshape(-1, 8, 8), ((0, 0), (0, 0), (1, 1)))
    ax.imshow(np.hstack(images), cmap="gray_r")
    ax.set_title(title)
    ax.set_axis_off()

figure.savefig("outliers.png")
plt.show()
