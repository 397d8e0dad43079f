"""
Choosing parameters without labels
==================================

scikit-learn's searches need a score, but for a clusterer there are no labels.
``InfoGANClusterer.score`` needs none: it is the information that the cluster of a row gives about
the clusters of its nearest rows, computed on rows that were not used for training. Does it choose
the same setting as a score with labels?
"""

# %%
# In training a row is paired with one of its ``n_neighbors`` nearest rows, and both should be in
# the same cluster. How many neighbours are best? ``n_neighbors`` is a parameter of the
# :class:`~gan_cluster.Objective`, so a search sets it as ``objective__n_neighbors``.
#
# The search trains on half of 1,200 digits at a time and scores the other half. We choose by
# ``score`` only. ARI, which needs labels, is computed for the picture below. Without the picture,
# ``GridSearchCV(clusterer, grid, cv=2).fit(X).best_params_`` is enough.

import matplotlib.pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, cross_val_score

from gan_cluster import InfoGANClusterer, Objective


def without_labels(clusterer, X, y):
    """The clusterer's own score, which does not use y."""
    return clusterer.score(X)


def with_labels(clusterer, X, y):
    """How well clusters match the digits, at most 1."""
    return adjusted_rand_score(y, clusterer.predict(X))


X, y = load_digits(return_X_y=True)
X, y = X[:1200], y[:1200]
numbers = [1, 3, 10, 30, 100]
search = GridSearchCV(
    InfoGANClusterer(
        n_clusters=10,
        image_shape=(1, 8, 8),
        objective=Objective(),
        prior="uniform",
        n_init=1,
        max_epochs=100,
        random_state=0,
    ),
    {"objective__n_neighbors": numbers},
    scoring={"score": without_labels, "ARI": with_labels},
    refit=False,
    cv=2,
    n_jobs=2,
)
search.fit(X, y)
rival = cross_val_score(KMeans(10, random_state=0), X, y, cv=2, scoring=with_labels).mean()

# %%
# Each dot is a setting, with its ``n_neighbors``. The setting with the best score also has the best
# ARI, and the one with the lowest score has the lowest ARI. The order of the others differs a
# little, as each dot is the mean of only two trainings.
#
# The trainings here are short, 100 epochs of 600 images, so that this page is built in a minute.
# Most settings are better than k-means on pixels.

scores, ari = (search.cv_results_[f"mean_test_{name}"] for name in ("score", "ARI"))
chosen = scores.argmax()
figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
ax.scatter(scores, ari, s=60)
ax.scatter(scores[chosen], ari[chosen], s=160, color="tab:red", label="chosen by the score")
ax.axhline(rival, color="grey", ls="--", label="k-means on pixels")
for number, *dot in zip(numbers, scores, ari, strict=True):
    ax.annotate(str(number), dot, xytext=(7, -12), textcoords="offset points")
    print(f"n_neighbors {number:3}  score {dot[0]:.2f}  ARI {dot[1]:.3f}")
ax.set(xlabel="score without labels, in nats", ylabel="ARI with labels")
ax.grid(alpha=0.3)
ax.legend()

figure.savefig("grid_search.png")
plt.show()
