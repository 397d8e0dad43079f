"""What a fitted estimator of either kind can say: its networks, history, score and new rows."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import nn

from gan_cluster._parameters import GANParameters
from gan_cluster._validation import Rows, check_rows, resolve_device
from gan_cluster.networks import Discriminator
from gan_cluster.training.data import Encoding
from gan_cluster.training.inference import map_rows, near_rows, neighbor_joint
from gan_cluster.training.merging import information
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.state import moved


class FittedGAN(TransformerMixin, GANParameters):
    """Everything that reads a trained net and does not change it."""

    net_: AdversarialNet
    device_: str
    _encoding: Encoding
    _row_shape: tuple[int, ...]  # of X at fit, and the image that it holds
    _layout: tuple[tuple[int, int, int] | None, bool]
    _order: np.ndarray  # clusters of the net by size; empty where they keep their numbers
    __metadata_request__transform: ClassVar = {"out": UNUSED}  # not for a pipeline to route
    _doc_link_module = "gan_cluster"
    _doc_link_template = (
        "https://gan-cluster.readthedocs.io/en/stable/api.html#{estimator_module}.{estimator_name}"
    )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return "net_" in vars(self)

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: a net on a GPU as one on the CPU, so that it can be read anywhere."""
        state = dict(super().__getstate__())  # not the estimator's own attributes
        if "net_" in state and self.device_ != "cpu":
            state["net_"] = moved(self.net_, "cpu")
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "net_" in state and self.device_ != "cpu":
            try:
                self.device_ = resolve_device(self.device)
            except ValueError:  # it is not there
                self.device_ = "cpu"
            if self.device_ != "cpu":
                self.net_ = moved(self.net_, self.device_)

    @property
    def generator_(self) -> nn.Module:
        """The trained generator, from a latent batch to a batch of rows in [-1, 1] or scaled."""
        return self._fitted_net.sampler_

    @property
    def discriminator_(self) -> Discriminator:
        """The trained discriminator with the recognition network Q."""
        return self._fitted_net.discriminator_

    @property
    def _fitted_net(self) -> AdversarialNet:
        if "net_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet: call fit first")
        return self.net_

    @property
    def history_(self) -> list[dict[str, Any]]:
        """One dict an epoch: losses, information in nats, its ceiling, cluster usage, seconds."""
        rows = self._fitted_net.history
        return [{name: row[name] for name in row if name != "batches"} for row in rows]

    @property
    def n_iter_(self) -> int:
        """Number of epochs trained."""
        return len(self._fitted_net.history)

    def _check_rows(self, X: Any, *, reset: bool, min_rows: int = 1) -> Rows:
        """What fit, partial_fit and inference make of the user's X."""
        rows = check_rows(self, X, self.image_shape, reset=reset, min_rows=min_rows)
        if not reset and len(rows.row_shape) > 1 and rows.layout != self._layout:
            raise ValueError(
                f"X holds images of shape {rows.row_shape}, but {type(self).__name__} was fitted "
                f"on rows of shape {self._row_shape} with image_shape={self._layout[0]}: "
                "give images with their axes in the same order"
            )
        return rows

    def _check_rows_like_fitted(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self._check_rows(X, reset=False).X

    def transform(self, X: Any, *, out: np.ndarray | None = None) -> np.ndarray:
        """Features of each row: of the trunk's end, or of the layers that were asked for.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            New rows.
        out : ndarray of shape (n_samples, n_features_out), default=None
            Where to write them, such as a :class:`numpy.memmap` for more than memory holds.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out)
            In float32, or ``out``; several layers in the order asked for.

        Raises
        ------
        NotFittedError
            Before fit.
        ValueError, TypeError
            For rows that cannot be read, or not of the kind that was fitted; for an ``out`` of
            another shape, or of integers.
        """
        return self._map(self._features, self._check_rows_like_fitted(X), out)

    def _features(self, batch: torch.Tensor) -> torch.Tensor:
        """What :meth:`transform` makes of an encoded batch."""
        return self.net_.discriminator_.trunk(batch).flatten(1)

    def _map(
        self,
        function: Callable[[torch.Tensor], torch.Tensor],
        X: np.ndarray,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        return map_rows(self.net_, self._encoding, X, function, out)

    @available_if(lambda self: self._clusters_rows())
    def score(self, X: Any, y: Any = None) -> float:
        """Information in nats that the cluster of a row gives of the clusters of near rows.

        The mutual information between the cluster of a row and those of its five nearest rows
        among 10,000 of X: at most the logarithm of the number of clusters, reached by balanced
        ones that cut X where it is thin, and 0 after a collapse. No label is used. Only with a
        categorical code.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            Rows, seen in training or not.
        y : Ignored
            Not used, present for API consistency.

        Returns
        -------
        score : float
            Higher is better.

        Raises
        ------
        NotFittedError
            Before fit.
        ValueError, TypeError
            For rows that cannot be read, or not of the kind that was fitted.
        """
        X = self._check_rows_like_fitted(X)
        near = near_rows(self._encoding, X)
        return information(neighbor_joint(self.net_, self._encoding, X, near))
