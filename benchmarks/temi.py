"""TEMI: clusters of embeddings by heads that agree on near rows (Adaloglou et al., 2023).

From the equations of "Exploring the limits of deep image clustering using pretrained models"
(arXiv:2303.17896), for comparison on embeddings. Each of several heads has a student and a
teacher, which is a running mean of its weights. For a row and one of its near rows it lowers

    -w log sum_c (student(c | x) teacher(c | x'))**beta / teacher(c),    beta = 0.6,

both ways, where w = sum_c teacher(c | x) teacher(c | x') and teacher(c) is a running mean. The head
with the lowest loss is kept. Training is shorter than in the paper, and there are fewer heads, as
the data are small.
"""

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from torch import nn

N_HEADS, N_NEIGHBORS, N_EPOCHS, BATCH = 8, 50, 60, 512
HIDDEN, TEMPERATURE, BETA, MOMENTUM = 512, 0.1, 0.6, 0.996
RATE, DECAY = 1e-3, 1e-4


class Heads(nn.Module):
    """Two layers for each head, of all heads at once: logits (n, n_heads, n_clusters)."""

    def __init__(self, n_features: int, n_clusters: int):
        super().__init__()
        self.hidden = nn.Linear(n_features, N_HEADS * HIDDEN)
        self.last = nn.Parameter(torch.randn(N_HEADS, HIDDEN, n_clusters) / HIDDEN**0.5)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        seen = torch.relu(self.hidden(rows)).view(len(rows), N_HEADS, HIDDEN)
        return torch.einsum("nhd,hdc->nhc", seen, self.last) / TEMPERATURE


class TEMI:
    """A clusterer of embeddings (n_samples, n_features)."""

    def __init__(self, n_clusters: int, random_state: int = 0):
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: None = None) -> "TEMI":
        unit = normalize(X)
        near = NearestNeighbors(n_neighbors=N_NEIGHBORS + 1).fit(unit)
        partners = torch.from_numpy(near.kneighbors(unit, return_distance=False)[:, 1:])
        self.center, self.scale = X.mean(0), X.std()  # columns are of one kind
        with torch.random.fork_rng():
            torch.manual_seed(self.random_state)
            self._train(self._rows(X), partners)
        return self

    def _train(self, rows: torch.Tensor, partners: torch.Tensor) -> None:
        student = Heads(rows.shape[1], self.n_clusters)
        self.teacher = Heads(rows.shape[1], self.n_clusters)
        self.teacher.load_state_dict(student.state_dict())
        optimizer = torch.optim.Adam(student.parameters(), lr=RATE, weight_decay=DECAY)
        marginal = torch.full((N_HEADS, self.n_clusters), 1 / self.n_clusters)
        losses = torch.zeros(N_HEADS)
        for _ in range(N_EPOCHS):
            losses.zero_()
            for batch in torch.randperm(len(rows)).split(BATCH):
                drawn = partners[batch, torch.randint(N_NEIGHBORS, (len(batch),))]
                pair = torch.stack([rows[batch], rows[drawn]])
                learned = student(pair.flatten(0, 1)).softmax(-1).view(2, len(batch), N_HEADS, -1)
                with torch.no_grad():
                    taught = self.teacher(pair.flatten(0, 1)).softmax(-1).view_as(learned)
                    marginal.lerp_(taught.mean((0, 1)), 0.1)
                    weight = taught.prod(0).sum(-1).mean(1, keepdim=True)
                both = (learned * taught.flip(0)) ** BETA / marginal
                loss = -(weight * both.sum(-1).log()).mean((0, 1))
                optimizer.zero_grad()
                loss.sum().backward()
                optimizer.step()
                losses += loss.detach()
                with torch.no_grad():
                    for mean, weights in zip(
                        self.teacher.parameters(), student.parameters(), strict=True
                    ):
                        mean.lerp_(weights, 1 - MOMENTUM)
        self.best = int(losses.argmin())

    def predict(self, X: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return self.teacher(self._rows(X))[:, self.best].argmax(1).numpy()

    def _rows(self, X: np.ndarray) -> torch.Tensor:
        return torch.from_numpy((X - self.center) / self.scale).float()
