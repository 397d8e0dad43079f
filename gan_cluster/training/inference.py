"""What a trained net says of rows, in evaluation mode and in batches of one fixed size."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.utils import gen_batches

from gan_cluster.codes import Latent
from gan_cluster.objectives import label_information
from gan_cluster.training.data import Encoding, fixed_batches
from gan_cluster.training.net import AdversarialNet

INFERENCE_BATCH = 256


def map_rows(
    net: AdversarialNet,
    encoding: Encoding,
    X: np.ndarray,
    function: Callable[[torch.Tensor], torch.Tensor],
) -> np.ndarray:
    """Apply a function of encoded batches to all rows."""
    net._set_training(False)
    parts = []
    with torch.inference_mode():
        for batch, n in fixed_batches(X, encoding, INFERENCE_BATCH, net.device):
            parts.append(function(batch)[:n].cpu().numpy())
    return np.concatenate(parts)


def neighbor_information(
    net: AdversarialNet, encoding: Encoding, X: np.ndarray, neighbors: np.ndarray
) -> float:
    """Mutual information in nats between the label of a row and that of a near row.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    neighbors : ndarray of shape (n_samples, n_neighbors)
        Indices of near rows.
    """
    size = net.code.categorical[0]
    labels = map_rows(net, encoding, X, lambda batch: net.cluster_logits(batch).argmax(1))
    pairs = labels[:, None] * size + labels[neighbors]
    joint = np.bincount(pairs.ravel(), minlength=size**2).reshape(size, size)
    return float(label_information(torch.from_numpy(joint / max(1, pairs.size))))


def draw(
    net: AdversarialNet,
    encoding: Encoding,
    n_samples: int,
    category: int | None,
    rng: torch.Generator,
) -> np.ndarray:
    """Generated rows (n_samples, n_features) in the units of X, of one category or of all."""
    net._set_training(False)
    parts = []
    with torch.inference_mode():
        for batch in gen_batches(n_samples, INFERENCE_BATCH):
            latent: Latent = net.code.sample(batch.stop - batch.start, rng)
            if category is not None:
                latent.categories[:, 0] = category
            parts.append(encoding.decode(net.sampler_(net.code.assemble(latent))))
    return np.concatenate(parts)
