"""What a user of the installed package does first, with types that mypy has to find."""

import tempfile
from pathlib import Path

import numpy as np

import gan_cluster
from gan_cluster import GANFeatureExtractor, InfoGANClusterer, load, save


def main() -> None:
    """Fit, predict, draw, save and load."""
    assert "site-packages" in str(gan_cluster.__file__), gan_cluster.__file__
    rng = np.random.RandomState(0)
    X = np.concatenate([rng.normal(size=(60, 4)), rng.normal(8, 1, (60, 4))])
    clusterer = InfoGANClusterer(n_clusters=2, max_epochs=60, random_state=0).fit(X)
    labels: np.ndarray = clusterer.predict(X)
    assert len(set(labels[:60])) == len(set(labels[60:])) == 1
    assert labels[0] != labels[-1]
    assert clusterer.sample(5, cluster=0).shape == (5, 4)
    assert len(GANFeatureExtractor(2, max_epochs=4, random_state=0).fit_transform(X)) == len(X)
    with tempfile.TemporaryDirectory() as folder:
        path: Path = Path(folder) / "model"
        save(clusterer, path)
        assert (load(path).predict(X) == labels).all()
    print(f"gan-cluster {gan_cluster.__version__} works")


if __name__ == "__main__":
    main()
