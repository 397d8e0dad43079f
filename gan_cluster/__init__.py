"""Generative adversarial networks for unsupervised classification, the scikit-learn way."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gan_cluster._version import __version__

if TYPE_CHECKING:
    from gan_cluster.clusterer import InfoGANClusterer
    from gan_cluster.export import export_onnx
    from gan_cluster.features import GANFeatureExtractor
    from gan_cluster.objectives import Objective
    from gan_cluster.persistence import load, save

__all__ = [
    "GANFeatureExtractor",
    "InfoGANClusterer",
    "Objective",
    "__version__",
    "export_onnx",
    "load",
    "save",
]

_HOMES = {
    "GANFeatureExtractor": "features",
    "InfoGANClusterer": "clusterer",
    "Objective": "objectives",
    "export_onnx": "export",
    "load": "persistence",
    "save": "persistence",
}


def __getattr__(name: str) -> Any:
    """Import a public name, and with it PyTorch and scikit-learn, on its first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
