"""Generative adversarial networks for unsupervised classification, the scikit-learn way."""

from gan_cluster._version import __version__
from gan_cluster.clusterer import InfoGANClusterer
from gan_cluster.features import GANFeatureExtractor
from gan_cluster.persistence import load, save

__all__ = ["GANFeatureExtractor", "InfoGANClusterer", "__version__", "load", "save"]
