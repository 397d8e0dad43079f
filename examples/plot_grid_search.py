"""
Choosing parameters without labels
==================================

scikit-learn's searches need a score, and a clusterer has no labels to be scored with.
``InfoGANClusterer.score`` does without: it is the information that the cluster of a row gives of
the clusters of its nearest rows, among rows that training did not see. Does it choose what labels
would have chosen?
"""

# %%
# A weight of the term that real rows add: that of balance. With an ``Objective`` of its own, a
# clusterer's weights are searched by the name ``objective__balance_weight`` and so on. Half of 900
# digits is held out at a time. The best setting is chosen by ``score`` alone; ARI, which sees
# labels, is only noted beside it. A plain ``GridSearchCV(clusterer, grid).fit(X)`` chooses the same
# way.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, KFold

from gan_cluster import InfoGANClusterer, Objective


def without_labels(clusterer, X, y):
    """The clusterer's own score, which leaves y alone."""
    return clusterer.score(X)


X, y = load_digits(return_X_y=True)
X, y = X[:900], y[:900]
search = GridSearchCV(
    InfoGANClusterer(
        n_clusters=10, image_shape=(1, 8, 8), n_init=1, random_state=0, objective=Objective()
    ),
    {"objective__balance_weight": [0.2, 1, 5]},
    scoring={"score": without_labels, "ARI": "adjusted_rand_score"},
    refit="score",
    cv=KFold(2, shuffle=True, random_state=0),
    n_jobs=2,
)
search.fit(X, y)

# %%
# The higher the score, the better the clusters match the digits, and the largest weight wins.
# Clusters out of balance score low: rows that are all in one cluster say nothing of each other.
# With the smallest weight some stay empty, and warnings say so.

results = search.cv_results_
rows = zip(results["params"], results["mean_test_score"], results["mean_test_ARI"], strict=True)
figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
for setting, score, ari in rows:
    name = f"balance_weight {setting['objective__balance_weight']}"
    print(f"{name:18} score {score:.2f} nats  ARI {ari:.3f}")
    ax.scatter(score, ari, label=name)
ax.set(xlabel="score without labels, in nats", ylabel="ARI with labels")
ax.legend()

# %%
# The search has fitted the best setting to all rows.

print(f"best: {search.best_params_}")
print(f"its clusters of all rows: ARI {adjusted_rand_score(y, search.predict(X)):.3f}")

figure.savefig("grid_search.png")
plt.show()
