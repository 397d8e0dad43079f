"""What a trained net says of rows, in evaluation mode and in batches of one fixed size."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.utils import gen_batches

from gan_cluster.codes import Latent
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


def neighbor_joint(
    net: AdversarialNet, encoding: Encoding, X: np.ndarray, neighbors: np.ndarray
) -> np.ndarray:
    """Joint distribution (k, k) of the label of a row and that of a near row, symmetric.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    neighbors : ndarray of shape (n_samples, n_neighbors)
        Indices of near rows.
    """
    logits = map_rows(net, encoding, X, net.label)
    labels, size = logits.argmax(1), logits.shape[1]
    pairs = labels[:, None] * size + labels[neighbors]
    joint = np.bincount(pairs.ravel(), minlength=size**2).reshape(size, size)
    return (joint + joint.T) / max(1, 2 * pairs.size)


def draw(
    net: AdversarialNet,
    encoding: Encoding,
    n_samples: int,
    categories: np.ndarray | None,
    rng: torch.Generator,
) -> np.ndarray:
    """Generated rows (n_samples, n_features) in the units of X, of some categories or of all."""
    net._set_training(False)
    parts = []
    with torch.inference_mode():
        for batch in gen_batches(n_samples, INFERENCE_BATCH):
            latent: Latent = net.code.sample(batch.stop - batch.start, rng)
            if categories is not None:
                drawn = torch.randint(
                    len(categories), latent.categories.shape[:1], generator=rng, device=rng.device
                )
                latent.categories[:, 0] = torch.as_tensor(categories, device=rng.device)[drawn]
            parts.append(encoding.decode(net.sampler_(net.code.assemble(latent))))
    return np.concatenate(parts)
