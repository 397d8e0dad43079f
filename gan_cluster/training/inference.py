"""Results of a trained net for rows, in evaluation mode and in batches of a fixed size."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from gan_cluster.codes import Latent
from gan_cluster.training.batches import fixed_batches
from gan_cluster.training.data import Encoding
from gan_cluster.training.labels import Votes
from gan_cluster.training.merging import code_joint, label_joint, merge_codes
from gan_cluster.training.neighbors import View, nearest_rows
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import torch_generator
from gan_cluster.training.storage import release

INFERENCE_BATCH = 256
SCORE_NEIGHBORS = 5


def map_rows(
    net: AdversarialNet,
    encoding: Encoding,
    X: np.ndarray,
    function: Callable[[torch.Tensor], torch.Tensor],
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Apply a function of encoded batches to all rows; write results to ``out`` if it is given.

    Raises a TypeError if ``out`` is not an array, and a ValueError if it does not have the shape of
    the result or cannot hold its values.
    """
    if out is not None and not isinstance(out, np.ndarray):
        raise TypeError(f"out should be an ndarray to write to, got {type(out).__name__}")
    if out is not None and not out.flags.writeable:
        raise ValueError("out cannot be written to")
    net._set_training(False)
    filled = 0
    with torch.inference_mode():
        for batch, n in fixed_batches(X, encoding, INFERENCE_BATCH, net.device):
            part = function(batch)[:n].cpu().numpy()
            del batch
            if not filled:
                shape = (len(X), *part.shape[1:])
                out = np.empty(shape, part.dtype) if out is None else out
                if out.shape != shape or not np.can_cast(part.dtype, out.dtype, "same_kind"):
                    raise ValueError(
                        f"out has shape {out.shape} and dtype {out.dtype}: it should have shape "
                        f"{shape} and hold {part.dtype}"
                    )
            out[filled : filled + n] = part  # type: ignore[index]
            filled += n
            release(out)  # type: ignore[arg-type]
    return out  # type: ignore[return-value]


def view_of(net: AdversarialNet, encoding: Encoding) -> View | None:
    """A function from rows to features of the observer; None if it was not trained."""
    if not net.has_looked:
        return None
    return lambda X: map_rows(net, encoding, X, lambda batch: net.observer_.features(batch))


def features_of(net: AdversarialNet, encoding: Encoding) -> View:
    """A function from rows to features of the trunk."""
    return lambda X: map_rows(net, encoding, X, lambda batch: net.discriminator_.features(batch))


def near_rows(
    net: AdversarialNet, encoding: Encoding, X: np.ndarray, view: View | None = None
) -> np.ndarray:
    """The nearest rows of each row for the score, (n_samples, n_neighbors).

    They are found in the view that is given, or in the one that the net was trained with.
    """
    rng, view = torch_generator(0), view or view_of(net, encoding)
    return nearest_rows(X, encoding, SCORE_NEIGHBORS, rng, net.device, view)[:, 1:]


def neighbor_joint(
    net: AdversarialNet, encoding: Encoding, X: np.ndarray, near: np.ndarray
) -> np.ndarray:
    """Joint distribution (k, k) of the labels of a row and of a near row, symmetric."""
    labels = map_rows(net, encoding, X, lambda batch: net.label(batch).argmax(1))
    return label_joint(labels, near, len(net.clusters))


def merge_clusters(
    net: AdversarialNet,
    encoding: Encoding,
    X: np.ndarray,
    near: np.ndarray,
    n_clusters: int,
    known: torch.Tensor | None = None,
    votes: Votes | None = None,
) -> torch.Tensor:
    """Group the values of the net's first code into clusters by the codes of near rows.

    Clusters get the numbers of the ``known`` groups with which they share most rows, or the numbers
    of classes, by ``votes`` of labelled rows.
    """
    found = map_rows(net, encoding, X, lambda batch: net.read_first(batch).softmax(1))
    sure = found.argmax(1)
    joint = code_joint(found, near)
    groups = merge_codes(joint, n_clusters, np.random.RandomState(0), votes)
    if len(np.unique(groups[sure])) < n_clusters:  # the net is hardly trained
        joint = code_joint(np.eye(found.shape[1], dtype=np.float32)[sure], near)
        groups = merge_codes(joint, n_clusters, np.random.RandomState(0), votes)
    if known is not None:
        shared = np.zeros((n_clusters, n_clusters))
        np.add.at(shared, (groups, known.cpu().numpy()), joint.sum(0))
        groups = linear_sum_assignment(shared, maximize=True)[1][groups]
    cluster_of_code = torch.from_numpy(groups).to(net.device)
    net.clusters.regroup(cluster_of_code, joint.sum(0))
    return cluster_of_code


def generate(net: AdversarialNet, encoding: Encoding, latent: Latent) -> np.ndarray:
    """Generated rows (n_samples, n_features) in the units of X."""
    net._set_training(False)
    inputs = net.code.assemble(latent)
    with torch.inference_mode():
        parts = [encoding.decode(net.sampler_(part)) for part in inputs.split(INFERENCE_BATCH)]
    return np.concatenate(parts)
