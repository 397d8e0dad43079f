"""What a trained net says of rows, in evaluation mode and in batches of one fixed size."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.utils import gen_batches

from gan_cluster.codes import Latent
from gan_cluster.objectives import label_information
from gan_cluster.training.data import Encoding, fixed_batches
from gan_cluster.training.net import AdversarialNet
from gan_cluster.training.random import torch_generator

INFERENCE_BATCH = 256
SCORE_DRAWS = 4


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


def twin_information(
    net: AdversarialNet, encoding: Encoding, X: np.ndarray, n_draws: int = SCORE_DRAWS
) -> float:
    """Mutual information in nats between the labels of X and those of twins, the same every time.

    Twins are drawn from a seed of their own; the more draws, the less luck is in them.
    """
    net._set_training(False)
    size, rng = net.code.categorical[0], torch_generator(0, net.device)
    joint = torch.zeros(size, size, dtype=torch.float64, device=net.device)
    with net.frozen():
        for batch, n in fixed_batches(X, encoding, INFERENCE_BATCH, net.device):
            logits = net.cluster_logits(batch)
            labels = logits.detach()[:n].double().softmax(1)
            for _ in range(n_draws):
                twins = net.cluster_logits(net.twins(batch, logits, rng))
                joint += labels.T @ twins.detach()[:n].double().softmax(1)
    return float(label_information(joint / (n_draws * len(X))))


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
