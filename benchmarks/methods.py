"""The methods: each a function from a data set and a seed to a fitted function of new rows."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from data import DataSet
from probe import LinearProbe
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    StandardScaler,
)
from sklearn.utils import gen_batches
from trunks import SupervisedFeatures, pair
from variants import VARIANTS, with_net

from gan_cluster import GANFeatureExtractor, InfoGANClusterer
from gan_cluster.metrics import clustering_accuracy
from gan_cluster.training.augment import random_affine
from gan_cluster.training.net import AdversarialNet

# InfoGAN's objective (arXiv:1606.03657, eq. 6) and networks
INFOGAN: dict[str, Any] = {"consistency_weight": 0}
# without what else is set by default where there is no consistency term
BARE: dict[str, Any] = {**INFOGAN, "codes_per_cluster": 1, "gradient_penalty": 0}
# the game alone (arXiv:1406.2661)
GAME: dict[str, Any] = {"objective": "gan"}
# what that makes of networks that are not trained: with such rates weights stay as they are
UNTRAINED: dict[str, Any] = {
    **GAME,
    "max_epochs": 1,
    "discriminator_lr": 1e-12,
    "generator_lr": 1e-12,
}
# the papers' own (arXiv:1606.03657, appendix C.1): the discriminator is the slower one
RATES: dict[str, Any] = {"discriminator_lr": 2e-4, "generator_lr": 1e-3}
# more maps and fewer passes, for images in colour
WIDE: dict[str, Any] = {**GAME, "width": 32, "max_epochs": 12}
# DCGAN's features for a classifier: all convolutions, the maxima of each map in a 4x4 grid
GRID: dict[str, Any] = {"layers": "all", "normalize": None, "n_components": None}


class Method(NamedTuple):
    """What makes the estimator, how to say a cluster for new rows, and how to score that."""

    make: Callable[[DataSet, int], Any]
    predict: Callable[[Any, np.ndarray], np.ndarray] = lambda model, X: model.predict(X)
    accuracy: Callable[[np.ndarray, np.ndarray], float] = clustering_accuracy


def _kmeans(data: DataSet, seed: int) -> KMeans:
    return KMeans(data.n_clusters, init="k-means++", n_init=10, random_state=seed)


def _scaled(data: DataSet, *steps: Any) -> Any:
    """Tables standardised, as our own estimators do; images as they are."""
    return make_pipeline(*([] if data.image_shape else [StandardScaler()]), *steps)


def _umap(data: DataSet, seed: int) -> Any:
    try:
        from umap import UMAP
    except ImportError as error:
        raise ImportError("umap+kmeans needs pip install 'gan-cluster[benchmark]'") from error
    return _scaled(data, UMAP(n_components=10, random_state=seed), _kmeans(data, seed))


def _clustpy(name: str) -> Callable[[DataSet, int], Any]:
    def make(data: DataSet, seed: int) -> Any:
        try:
            from clustpy import deep
        except ImportError as error:
            raise ImportError(f"{name} needs pip install 'gan-cluster[benchmark]'") from error
        model = getattr(deep, name)(data.n_clusters, random_state=seed)
        bounded = name == "VaDE" and data.image_shape is None  # its loss takes values of [0, 1]
        return make_pipeline(MinMaxScaler() if bounded else _unit_scaler(data), model)

    return make


def _unit_scaler(data: DataSet) -> Any:
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
    """One training, in which the generator plays from the first step or never."""

    class Net(AdversarialNet):
        playing = property(lambda self: always, lambda self, value: None)

    clusterer = with_net(InfoGANClusterer, Net)
    return lambda data, seed: clusterer(
        data.n_clusters, image_shape=data.image_shape, random_state=seed, n_init=1
    )


class _InChunks(InfoGANClusterer):
    """Fits by ``partial_fit`` over six chunks, as many passes as one training of fit makes."""

    def fit(self, X: np.ndarray, y: Any = None) -> "_InChunks":
        chunks = list(gen_batches(len(X), -(-len(X) // 6)))
        for _ in range(sum(self._n_epochs(len(X) // self.batch_size))):
            for chunk in chunks:
                self.partial_fit(X[chunk])
        return self


def _moved(images: torch.Tensor) -> torch.Tensor:
    """Twins that keep their exposure; each training seeds torch's generator anew."""
    return random_affine(images, torch.random.default_generator)


def _extractor(**settings: Any) -> Callable[[DataSet, int], Any]:
    def make(data: DataSet, seed: int) -> GANFeatureExtractor:
        return GANFeatureExtractor(
            categorical_codes=(data.n_clusters,),
            image_shape=data.image_shape,
            random_state=seed,
            **settings,
        )

    return make


def _features(**settings: Any) -> Callable[[DataSet, int], Any]:
    features = _extractor(**settings)
    return _clustered(features)


def _code(model: GANFeatureExtractor, X: np.ndarray) -> np.ndarray:
    """The clusters of rows, read off the code."""
    return model.encode(X).categorical[0].argmax(1)


def _clustered(features: Callable[[DataSet, int], Any]) -> Callable[[DataSet, int], Any]:
    return lambda data, seed: make_pipeline(features(data, seed), _kmeans(data, seed))


def _probe(features: Callable[[DataSet, int], Any], per_class: int | None = None) -> Method:
    """A classifier on features: unlike them, it sees labels."""

    def make(data: DataSet, seed: int) -> LinearProbe:
        return LinearProbe(features(data, seed), data.y_train, per_class, seed)

    return Method(make, accuracy=accuracy_score)


def _by_protocol(depth: int) -> dict[str, Method]:
    """Premachandran & Yuille's comparison, on trunks of so many convolutions."""
    last: dict[str, Any] = {
        **BARE,
        **RATES,
        "architecture": pair(depth),
        "layers": f"conv{depth}",
        "pooling": "avg",
    }

    def ceiling(data: DataSet, seed: int) -> Any:
        features = SupervisedFeatures(depth, data.image_shape, data.y_train, seed)
        return make_pipeline(features, _kmeans(data, seed))

    return {
        f"gan-conv{depth}+kmeans": Method(_features(objective="gan", **last)),
        f"infogan-conv{depth}+kmeans": Method(_features(**last)),
        f"infogan-code, conv{depth}": Method(_extractor(**last), _code),  # of the same training
        f"untrained-conv{depth}+kmeans": Method(_features(**{**last, **UNTRAINED})),
        f"labels-conv{depth}+kmeans": Method(ceiling),
    }


METHODS: dict[str, Method] = {
    "kmeans": Method(lambda data, seed: _scaled(data, _kmeans(data, seed))),
    "pca+kmeans": Method(
        lambda data, seed: _scaled(data, PCA(0.9, random_state=seed), _kmeans(data, seed))
    ),
    "gmm": Method(
        lambda data, seed: _scaled(
            data,
            PCA(0.9, random_state=seed),
            GaussianMixture(data.n_clusters, reg_covar=1e-3, random_state=seed),
        )
    ),
    "umap+kmeans": Method(_umap),
    "dec": Method(_clustpy("DEC")),
    "idec": Method(_clustpy("IDEC")),
    "vade": Method(_clustpy("VaDE")),
    # what InfoGANClusterer predicts, of the same training as its features
    "infogan": Method(_extractor(**INFOGAN), _code),
    "infogan+consistency": Method(_clusterer()),
    "features+kmeans": Method(_features()),
    "learned-prior": Method(_clusterer(prior="learned")),
    # the clusterer's defaults with one training, and what is left without each part of them
    "single": Method(_clusterer(n_init=1)),
    "single, no consistency": Method(_clusterer(n_init=1, **BARE)),
    "single, no balance": Method(_clusterer(n_init=1, balance_weight=0)),
    "single, no near rows": Method(_clusterer(n_init=1, n_neighbors=0)),
    "single, no augmentation": Method(_clusterer(n_init=1, augment="none")),
    "single, same exposure": Method(_clusterer(n_init=1, augment=_moved)),
    "single, one code a cluster": Method(_clusterer(n_init=1, codes_per_cluster=1)),
    "single, no information": Method(_clusterer(n_init=1, info_weight=0)),
    "single, no game": Method(_playing(False)),
    "single, game from the start": Method(_playing(True)),
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
    "probe": _probe(_extractor(**GRID)),
    "probe, 100 labels a class": _probe(_extractor(**GRID), 100),
    "probe, 400 labels a class": _probe(_extractor(**GRID), 400),
    "gan-probe": _probe(_extractor(**{**GAME, **GRID})),
    "gan-probe, width 32": _probe(_extractor(**{**WIDE, **GRID})),
    "gan-probe, 100 labels a class": _probe(_extractor(**{**GAME, **GRID}), 100),
    "gan-probe, 400 labels a class": _probe(_extractor(**{**GAME, **GRID}), 400),
    "pixels-probe, 100 labels a class": _probe(lambda data, seed: _unit_scaler(data), 100),
    "pca-probe, 100 labels a class": _probe(
        lambda data, seed: make_pipeline(_unit_scaler(data), PCA(0.9, random_state=seed)), 100
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
