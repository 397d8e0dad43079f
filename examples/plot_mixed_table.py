"""
A table of numbers, categories and missing values
=================================================

Tables do not only have numbers. scikit-learn's transformers turn categories into columns and fill
missing values, and the clusterer is the last step of the pipeline. Here are 900 artificial patients
of three kinds. The kinds differ in the relation of two measurements and in a category; no single
column is enough to distinguish them.
"""

# %%
# The third kind is rare. One value in twenty is missing.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from gan_cluster import InfoGANClusterer

rng = np.random.RandomState(0)
kind = rng.choice(3, 900, p=[0.5, 0.35, 0.15])
dose = rng.normal(50, 15, len(kind))
response = np.choose(kind, [0.9 * dose, 90 - 0.9 * dose, 60 + 0.2 * dose])
patients = pd.DataFrame(
    {
        "dose": dose,
        "response": response + rng.normal(0, 4, len(kind)),
        "blood": np.choose(kind, [0.3, 0.3, 0.9]) + rng.normal(0, 0.1, len(kind)),
        "clinic": np.where(
            rng.uniform(size=len(kind)) < 0.1, "east", np.take(["north", "south", "west"], kind)
        ),
    }
)
numbers, categories = ["dose", "response", "blood"], ["clinic"]
patients[numbers] = patients[numbers].mask(rng.uniform(size=(len(kind), 3)) < 0.05)

# %%
# Missing values are replaced by the median, numbers are standardised and categories become columns
# of 0 and 1. k-means gets the same columns.

columns = make_column_transformer(
    (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
    (OneHotEncoder(sparse_output=False), categories),
)
rivals = {
    "k-means": KMeans(3, n_init=10, random_state=0),
    "InfoGANClusterer": InfoGANClusterer(3, random_state=0, verbose=1),
}
labels = {name: make_pipeline(columns, last).fit_predict(patients) for name, last in rivals.items()}
for name, found in labels.items():
    print(f"{name:16} ARI {adjusted_rand_score(kind, found):.3f}")

# %%
# Dose and response, coloured by kind and by cluster. The first two kinds are two bands that cross.
# k-means compares distances and cuts both bands in the middle; the clusterer finds each whole band.
# Both find the third kind.

figure, axes = plt.subplots(1, 3, figsize=(13, 4), sharey=True, layout="constrained")
for ax, (name, found) in zip(axes, {"kinds": kind, **labels}.items(), strict=True):
    ax.scatter(patients["dose"], patients["response"], c=found, s=8, cmap="viridis")
    ax.set(title=name, xlabel="dose")
axes[0].set_ylabel("response")
figure.savefig("mixed_table.png")
plt.show()
