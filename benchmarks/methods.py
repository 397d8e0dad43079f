"""The methods that are compared: how each is made, and how it labels new rows."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from data import DataSet
from probe import LinearProbe
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    StandardScaler,
)
from sklearn.utils import gen_batches
from temi import TEMI
from trained import Trained, fit_with, recipe_of
from trunks import SupervisedFeatures, pair
from variants import VARIANTS, with_net

from gan_cluster import GANFeatureExtractor, InfoGANClusterer, Objective
from gan_cluster.metrics import clustering_accuracy
from gan_cluster.training.augment import random_affine
from gan_cluster.training.net import AdversarialNet

# InfoGAN's objective (arXiv:1606.03657, eq. 6) with R1 and several codes for each cluster
STEADY = Objective(consistency_weight=0, gradient_penalty=1, codes_per_cluster=4)
INFOGAN: dict[str, Any] = {"objective": STEADY}
# a GAN without codes (arXiv:1406.2661), with R1, and without R1
GAME: dict[str, Any] = {"objective": "gan"}
BARE_GAME = Objective(consistency_weight=0, info_weight=0, continuous_weight=0)
# untrained networks: with such a small learning rate, weights do not change
UNTRAINED: dict[str, Any] = {**GAME, "max_epochs": 1, "learning_rate": 1e-12}
# wider networks and fewer epochs, for colour images
WIDE: dict[str, Any] = {**GAME, "width": 32, "max_epochs": 12}
# DCGAN's features for a classifier: all convolutions, the maxima of each map in a 4x4 grid
GRID: dict[str, Any] = {"layers": "all", "normalize": None, "n_components": None}


class Method(NamedTuple):
    """How to make an estimator, label new rows with it, and score the labels."""

    make: Callable[[DataSet, int], Any]
    predict: Callable[[Any, np.ndarray], np.ndarray] = lambda model, X: model.predict(X)
    accuracy: Callable[[np.ndarray, np.ndarray], float] = clustering_accuracy


def _kmeans(data: DataSet, seed: int) -> KMeans:
    return KMeans(data.n_clusters, init="k-means++", n_init=10, random_state=seed)


def _scaled(data: DataSet, *steps: Any) -> Any:
    """Tables standardised; images as they are."""
    return make_pipeline(*([] if data.image_shape else [StandardScaler()]), *steps)


def _gmm(data: DataSet, seed: int) -> tuple[Any, ...]:
    """The steps of a mixture of Gaussians."""
    mixture = GaussianMixture(data.n_clusters, reg_covar=1e-3, random_state=seed)
    return PCA(0.9, random_state=seed), mixture


def _umap(seed: int) -> Any:
    try:
        from umap import UMAP
    except ImportError as error:
        raise ImportError("umap+kmeans needs pip install 'gan-cluster[benchmark]'") from error
    return UMAP(n_components=10, random_state=seed)


def _labels_of_fit(model: Any, X: np.ndarray) -> np.ndarray:
    """Labels of methods that cannot label new rows; only for data sets without test rows."""
    labels = model[-1].labels_
    if len(labels) != len(X):
        raise ValueError("this method can only label the rows of fit")
    return labels


def _clustpy(name: str) -> Callable[[DataSet, int], Any]:
    def make(data: DataSet, seed: int) -> Any:
        try:
            from clustpy import deep
        except ImportError as error:
            raise ImportError(f"{name} needs pip install 'gan-cluster[benchmark]'") from error
        model = getattr(deep, name)(data.n_clusters, random_state=seed)
        bounded = name == "VaDE" and data.image_shape is None  # its loss takes values of [0, 1]
        return make_pipeline(MinMaxScaler() if bounded else unit_scaler(data), model)

    return make


def unit_scaler(data: DataSet) -> Any:
    """Tables standardised, pixels between 0 and 1."""
    return StandardScaler() if data.image_shape is None else _UnitRange()


class _UnitRange:
    """Pixels from 0 to 1 in float32, as the autoencoders expect."""

    def fit(self, X: np.ndarray, y: Any = None) -> "_UnitRange":
        self.top = float(X.max())
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        return X.astype(np.float32) / self.top

    def fit_transform(self, X: np.ndarray, y: Any = None) -> np.ndarray:
        return self.fit(X).transform(X)


def _clusterer(**settings: Any) -> Callable[[DataSet, int], Any]:
    def make(data: DataSet, seed: int) -> Any:
        return InfoGANClusterer(
            data.n_clusters, image_shape=data.image_shape, random_state=seed, **settings
        )

    return make


def _playing(always: bool) -> Callable[[DataSet, int], Any]:
    """One run, in which the generator is trained from the first step or never."""

    class Net(AdversarialNet):
        playing = property(lambda self: always, lambda self, value: None)

    make = _clusterer(n_init=1)
    return lambda data, seed: with_net(make(data, seed), Net)


def _heads(data: DataSet, seed: int) -> Trained:
    """Eight heads of Q on one trunk, as for photographs, instead of runs."""
    return Trained(_clusterer()(data, seed), partial(fit_with, n_runs=1, n_heads=8))


class _InChunks(InfoGANClusterer):
    """Fits with ``partial_fit`` on six chunks, for as many epochs as one run of fit."""

    def fit(self, X: np.ndarray, y: Any = None) -> "_InChunks":
        chunks = list(gen_batches(len(X), -(-len(X) // 6)))
        length = recipe_of(self, X).length
        for _ in range(length.forming + length.drawing):
            for chunk in chunks:
                self.partial_fit(X[chunk])
        return self


def _moved(images: torch.Tensor) -> torch.Tensor:
    """Twins that keep their exposure; each training seeds torch's generator anew."""
    return random_affine(images, torch.random.default_generator)


def _single(**weights: Any) -> Method:
    """One run of the default objective with another weight."""
    return Method(_clusterer(n_init=1, objective=Objective(**weights)))


def extractor(**settings: Any) -> Callable[[DataSet, int], Any]:
    """A function that makes an extractor with these settings."""

    def make(data: DataSet, seed: int) -> GANFeatureExtractor:
        return GANFeatureExtractor(
            data.n_clusters, image_shape=data.image_shape, random_state=seed, **settings
        )

    return make


def _features(**settings: Any) -> Callable[[DataSet, int], Any]:
    return _clustered(extractor(**settings))


def _code(model: Any, X: np.ndarray) -> np.ndarray:
    """The most probable first code of each row."""
    return model.encode(X).categorical[0].argmax(1)


def _clustered(features: Callable[[DataSet, int], Any]) -> Callable[[DataSet, int], Any]:
    return lambda data, seed: make_pipeline(features(data, seed), _kmeans(data, seed))


def _probe(features: Callable[[DataSet, int], Any], per_class: int | None = None) -> Method:
    """A linear classifier on features, which uses labels."""

    def make(data: DataSet, seed: int) -> LinearProbe:
        return LinearProbe(features(data, seed), data.y_train, per_class, seed)

    return Method(make, accuracy=accuracy_score)


def _by_protocol(depth: int) -> dict[str, Method]:
    """The comparison of Premachandran & Yuille, with trunks of ``depth`` convolutions."""
    last: dict[str, Any] = {
        "architecture": pair(depth),
        "layers": f"conv{depth}",
        "pooling": "avg",
    }
    infogan: dict[str, Any] = {**last, "objective": "infogan"}

    def ceiling(data: DataSet, seed: int) -> Any:
        features = SupervisedFeatures(depth, data.image_shape, data.y_train, seed)
        return make_pipeline(features, _kmeans(data, seed))

    return {
        f"gan-conv{depth}+kmeans": Method(_features(objective=BARE_GAME, **last)),
        f"infogan-conv{depth}+kmeans": Method(_features(**infogan)),
        f"infogan-code, conv{depth}": Method(extractor(**infogan), _code),  # of the same training
        f"untrained-conv{depth}+kmeans": Method(_features(**last, **UNTRAINED)),
        f"labels-conv{depth}+kmeans": Method(ceiling),
    }


METHODS: dict[str, Method] = {
    "kmeans": Method(lambda data, seed: _scaled(data, _kmeans(data, seed))),
    # for columns of one kind, such as embeddings
    "kmeans, not scaled": Method(_kmeans),
    "gmm, not scaled": Method(lambda data, seed: make_pipeline(*_gmm(data, seed))),
    "umap+kmeans, not scaled": Method(
        lambda data, seed: make_pipeline(_umap(seed), _kmeans(data, seed))
    ),
    "pca+kmeans": Method(
        lambda data, seed: _scaled(data, PCA(0.9, random_state=seed), _kmeans(data, seed))
    ),
    "gmm": Method(lambda data, seed: _scaled(data, *_gmm(data, seed))),
    "umap+kmeans": Method(lambda data, seed: _scaled(data, _umap(seed), _kmeans(data, seed))),
    "umap+hdbscan": Method(
        lambda data, seed: _scaled(data, _umap(seed), HDBSCAN(copy=True)), _labels_of_fit
    ),
    "agglomerative": Method(
        lambda data, seed: _scaled(data, AgglomerativeClustering(data.n_clusters)), _labels_of_fit
    ),
    "hdbscan": Method(lambda data, seed: _scaled(data, HDBSCAN(copy=True)), _labels_of_fit),
    "temi": Method(lambda data, seed: TEMI(data.n_clusters, seed)),
    "dec": Method(_clustpy("DEC")),
    "idec": Method(_clustpy("IDEC")),
    "vade": Method(_clustpy("VaDE")),
    # what InfoGANClusterer predicts, of the same training as its features
    "infogan": Method(extractor(**INFOGAN), _code),
    "infogan+consistency": Method(_clusterer()),
    "features+kmeans": Method(_features()),
    "uniform-prior": Method(_clusterer(prior="uniform")),
    "learned-prior": Method(_clusterer(prior="learned")),
    # the clusterer's defaults with one run, and without each of their parts
    "single": Method(_clusterer(n_init=1)),
    "single, no consistency": Method(_clusterer(n_init=1, objective="infogan", learning_rate=1e-3)),
    "single, no balance": _single(balance_weight=0),
    "single, no near rows": _single(n_neighbors=0),
    "single, no augmentation": _single(augment="none"),
    "single, same exposure": _single(augment=_moved),
    "single, one code a cluster": _single(codes_per_cluster=1),
    "single, no information": _single(info_weight=0),
    "single, no game": Method(_playing(False)),
    "single, game from the start": Method(_playing(True)),
    "eight heads": Method(_heads),
    "partial_fit in chunks": Method(
        lambda data, seed: _InChunks(
            data.n_clusters, image_shape=data.image_shape, random_state=seed
        )
    ),
    "gan-features+kmeans": Method(_features(**GAME)),
    "gan-features+kmeans, width 32": Method(_features(**WIDE)),
    "gan-features+kmeans, untrained": Method(_features(**UNTRAINED)),
    "gan-features+kmeans, all directions": Method(_features(**{**GAME, "n_components": None})),
    "infogan-features+kmeans": Method(_features(**INFOGAN)),
    "probe": _probe(extractor(**GRID)),
    "probe, 100 labels a class": _probe(extractor(**GRID), 100),
    "probe, 400 labels a class": _probe(extractor(**GRID), 400),
    "gan-probe": _probe(extractor(**{**GAME, **GRID})),
    "gan-probe, width 32": _probe(extractor(**{**WIDE, **GRID})),
    "gan-probe, 100 labels a class": _probe(extractor(**{**GAME, **GRID}), 100),
    "gan-probe, 400 labels a class": _probe(extractor(**{**GAME, **GRID}), 400),
    "pixels-probe, 100 labels a class": _probe(lambda data, seed: unit_scaler(data), 100),
    "pca-probe, 100 labels a class": _probe(
        lambda data, seed: make_pipeline(unit_scaler(data), PCA(0.9, random_state=seed)), 100
    ),
    **{f"features, {name}": Method(_clustered(make)) for name, make in VARIANTS.items()},
    **_by_protocol(4),
    **_by_protocol(8),
}


def find(name: str) -> Method:
    """The method of that name.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}: there are {', '.join(METHODS)}")
    return METHODS[name]
