"""Generative adversarial networks for unsupervised classification, the scikit-learn way."""

from gan_cluster._version import __version__
from gan_cluster.clusterer import InfoGANClusterer
from gan_cluster.features import GANFeatureExtractor

__all__ = ["GANFeatureExtractor", "InfoGANClusterer", "__version__"]
