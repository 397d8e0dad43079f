"""GANFeatureExtractor: what a discriminator learned to see, as columns for the next step."""

import os
from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted
from torch.nn import functional as F

from gan_cluster._base import BaseGAN
from gan_cluster._validation import check_code_sizes
from gan_cluster.networks import (
    POSTERIOR,
    RECOGNITION_LAYER,
    Discriminator,
    choose_layers,
    column_names,
    n_features,
    pool,
    readable,
)
from gan_cluster.training.data import Batches
from gan_cluster.training.twins import Reduction, twin_reduction

N_COMPONENTS = 20
MAX_REDUCED = 4096  # features: their covariances are matrices of so many rows


class GANFeatureExtractor(BaseGAN):
    """Features from the discriminator of a generative adversarial network.

    A discriminator that tells real rows from generated ones learns features that cluster and
    classify: DCGAN read all its convolutions [1]_, Premachandran and Yuille clustered the top of
    the trunk that it shares with InfoGAN's recognition network with k-means++ [2]_.

    Parameters
    ----------
    objective : {"infogan", "gan"}, default="infogan"
        "infogan" trains with a latent code and reads it back, with everything that
        :class:`InfoGANClusterer` adds; "gan" is the game alone, without any code.
    layers : {"last", "all"}, str or list of str, default="last"
        Layers to read. "last" is what Q has to say, its hidden layer "recognition" and beside it
        "posterior", the probabilities of the categorical codes; for "gan", where there is no Q,
        the last convolution with maps larger than 2x2 or, in an MLP, the last hidden layer.
        "all" is all convolutions [1]_, or all hidden layers of an MLP. Or names: "conv1", "conv2",
        ..., "dense", "recognition", "posterior"; "dense1", "dense2", ... in an MLP.
    pooling : {"auto", "avg", "max"}, default="auto"
        How convolutional maps are pooled: the average over space [2]_, or the maximum in each
        cell of a 4x4 grid [1]_, which is what "auto" does. Other layers are read as they are.
    n_components : int, "auto" or None, default="auto"
        Reduces what was read to so many directions in which rows differ most beside what twins of
        one row differ: Fisher's linear discriminant [6]_ with the twins of each row as a class.
        They are made by ``augment``, or are near rows where it is "none" or "adversarial", of at
        most 20,000 rows, and have variance 1 along each direction. It makes the last layer of
        "gan" cluster, so "auto" is 20 there, and None for other ``layers``, for "infogan" and for
        more than 4096 features.
    normalize : {"l2", None}, default="l2"
        Whether each row is scaled to unit length, in which all layers have the same share.
    image_shape : tuple of int (channels, height, width), default=None
        Makes each row of a two-dimensional X an image. Not needed where X has four dimensions;
        there it says which axis holds the channels.
    categorical_codes : tuple of int, default=(10,)
        Sizes of the categorical codes; ignored for "gan".
    codes_per_cluster : int or "auto", default="auto"
        The first code starts with this many values for each cluster; once clusters have formed
        they are merged, so that near rows say most of each other's cluster [4]_. "auto" is 2
        for images, and 4 for tables and without the consistency term.
    n_continuous : int, default=0
        Number of continuous codes, uniform on [-1, 1]; ignored for "gan".
    noise_dim : int, default=62
        Number of noise variables.
    architecture : {"auto", "mlp", "dcgan"} or tuple, default="auto"
        "auto" is "dcgan" [1]_ for images and "mlp" for tables. A pair (generator, discriminator)
        gives networks of your own: classes or functions, called as ``generator(latent_dim,
        shape)`` and ``discriminator(shape)``, or module instances, which are copied. The
        generator maps (n, latent_dim) to ``(n, *shape)``, in [-1, 1] for images, standardised for
        tables; the discriminator gives features (n, ...), on which the heads are put.
    width : int, default=16
        Channels of the first convolution; fully connected layers have 16 times as many units.
    depth : int, default=None
        Number of the discriminator's convolutions, or hidden layers of both MLPs. By default as
        many convolutions as leave a map of at least 2x2, and two hidden layers.
    spectral_norm : bool, default=False
        Whether the trunk's layers are spectrally normalised. One of ours then has no batch
        normalisation, which would undo it.
    adversarial_loss : {"non-saturating", "hinge", "relativistic"}, default="non-saturating"
        The game between generator and discriminator.
    info_weight : float, default=1.0
        Weight (lambda) of the bound on what generated rows say of the categorical codes.
    continuous_weight : float, default=1.0
        The same for the continuous codes.
    continuous_variance : {"fixed", "learned"}, default="fixed"
        Whether Q's Gaussians over continuous codes have variance 1 or a learned one.
    contrastive_weight : float, default=0.0
        Weight of InfoGAN-CR's regulariser [5]_: generated rows that share one continuous code are
        paired, and a classifier has to tell which; it needs two continuous codes. It counts in
        the last quarter of the epochs in which the generator plays, all of which training then
        takes, and always in ``partial_fit``.
    consistency_weight : float, default=1.0
        Weight of the agreement between labels of real rows and of their twins [3]_. With 0 the
        objective is InfoGAN's.
    balance_weight : float, default=5.0
        Weight, within that term, of the divergence of the cluster shares from uniform.
    augment : {"auto", "image", "adversarial", "none"} or callable, default="auto"
        What is done to a row to make its twin: a small random affine map and change of exposure
        (images), a virtual adversarial perturbation (anything), nothing, or what a function makes
        of a float32 batch. "auto" is "image" for images and "none" for tables, where the nearest
        rows do.
    n_neighbors : int or "auto", default="auto"
        Twins are made from the row or one of its nearest: "auto" is 5 for images, 10 for tables.
    gradient_penalty : float or "auto", default="auto"
        Weight of R1, the squared gradient of the discriminator at real rows, which steadies the
        game; taken in every eighth step, eight times. "auto" is 1 without the consistency term,
        and 0 with it or ``spectral_norm``.
    instance_noise : float, default=0.0
        Standard deviation of Gaussian noise on rows, real and generated, in the game (Sønderby et
        al., 2017, arXiv:1610.04490), of images within [-1, 1] or standardised columns. Detail
        below it neither gives generated rows away nor tells their codes.
    ema_decay : float, default=0.0
        Decay of a moving average of the generator, from which :meth:`sample` then draws.
    max_epochs : int or "auto", default="auto"
        Passes over X: of one training while clusters form, and of the best once the generator
        has joined. "auto" gives each 900 steps, but the second at least eight epochs; of a
        number, at most half go to the first. Without the consistency term all are one game, of
        16 epochs at least.
    batch_size : int, default=128
        Rows a step, clipped to n_samples.
    discriminator_lr, generator_lr : float, default=1e-3
        Adam's learning rates.
    n_init : int or "auto", default="auto"
        How often clusters are formed anew; the generator joins those with the best
        :meth:`score`. "auto" is 3, and 1 without the consistency term, where each would be a
        whole training. Without a categorical code it is 1.
    tol : float, default=0.02
        Training is at rest while no larger share of the labels changes in an epoch, and the
        bound on the information gains no larger share of its ceiling.
    n_iter_no_change : int or None, default=10
        Epochs at rest, in a row, after which training stops; None never stops it.
    warm_start : bool, default=False
        Whether ``fit`` of a fitted estimator goes on from where it is, with
        the optimizers as they were, for ``max_epochs`` or the epochs of the second stage.
    checkpoint_dir : path-like, default=None
        A folder for the state of ``fit``. After a crash, fit again with the same folder, parameters
        and X goes on where the last one stood and ends as that would have. ``layers``, ``pooling``,
        ``normalize`` and ``n_components`` may be others: what was trained is then read anew.
    checkpoint_every : int, default=1
        Epochs after which the state is written.
    callbacks : list of skorch callbacks, default=None
        Called by the training loop: those that look at the history, change the rates or the
        gradients of ``net.optimizer_``, or stop early. There are no predictions or losses of
        a validation set to score. Callbacks of scikit-learn are set by ``set_callbacks``.
    device : str, default="auto"
        "auto" is CUDA where there is one; otherwise "cpu", "cuda", "cuda:1", "mps" and so on.
    precision : {"float32", "bf16"}, default="float32"
        Of the forward passes in training: "bf16" is torch's automatic mixed precision.
    compile : bool, default=False
        Whether ``torch.compile`` translates the networks, with a C++ compiler and in up to a
        minute. On CPUs, where networks are small, steps were slower with it than without.
    verbose : int or bool, default=0
        Whether to show a progress bar.
    random_state : int, RandomState or None, default=None
        Seed of everything random. None takes fresh entropy; global generators are never used.

    Attributes
    ----------
    layer_names_ : list of str
        Names of all layers that can be read, from the input on.
    history_ : list of dict
        One an epoch: ``cluster_usage``, ``labels_changed``, ``agreement`` and ``seconds``; once
        the generator has joined also losses, ``variety`` of generated rows as a share of that of
        real ones, and ``mutual_information`` in nats beside its ceiling ``code_entropy``,
        and ``continuous_information``, of which each code has log(2 / pi) / 2 at most, which is
        below 0, where Q's variance is fixed. One that diverged has ``taken_back``.
    code_names_ : list of str
        Names of the codes, in the order in which ``generate`` takes them.
    n_iter_ : int
        Number of epochs.
    generator_, discriminator_ : Module
        The trained networks.
    device_ : str
        Where they are.
    n_features_in_ : int
        Number of features, after images are flattened.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X was a DataFrame.

    See Also
    --------
    InfoGANClusterer : Reads clusters off the same networks directly.

    References
    ----------
    .. [1] Radford, Metz & Chintala (2015). Unsupervised representation learning with deep
       convolutional generative adversarial networks. arXiv:1511.06434.
    .. [2] Premachandran & Yuille. Unsupervised learning using generative adversarial training
       and clustering.
    .. [3] Hu et al. (2017). Learning discrete representations via information maximizing
       self-augmented training. arXiv:1702.08720.
    .. [4] Slonim, Friedman & Tishby (2002). Unsupervised document classification using
       sequential information maximization.
    .. [5] Lin, Thekumparampil, Fanti & Oh (2020). InfoGAN-CR and ModelCentrality: self-supervised
       model training and selection for disentangling GANs. arXiv:1906.06034.
    .. [6] Fisher (1936). The use of multiple measurements in taxonomic problems.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.pipeline import make_pipeline
    >>> from gan_cluster import GANFeatureExtractor
    >>> X, _ = make_blobs(200, centers=3, random_state=0, cluster_std=0.3)
    >>> features = GANFeatureExtractor(categorical_codes=(3,), max_epochs=10, random_state=0)
    >>> make_pipeline(features, KMeans(3, init="k-means++")).fit_predict(X).shape
    (200,)
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseGAN._parameter_constraints,
        "objective": [StrOptions({"infogan", "gan"})],
        "layers": [str, list],
        "pooling": [StrOptions({"auto", "avg", "max"})],
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
        "normalize": [StrOptions({"l2"}), None],
    }

    def __init__(
        self,
        *,
        objective: str = "infogan",
        layers: str | list[str] = "last",
        pooling: str = "auto",
        n_components: int | str | None = "auto",
        normalize: str | None = "l2",
        image_shape: tuple[int, int, int] | None = None,
        categorical_codes: Sequence[int] = (10,),
        codes_per_cluster: int | str = "auto",
        n_continuous: int = 0,
        noise_dim: int = 62,
        architecture: str | tuple = "auto",
        width: int = 16,
        depth: int | None = None,
        spectral_norm: bool = False,
        adversarial_loss: str = "non-saturating",
        info_weight: float = 1.0,
        continuous_weight: float = 1.0,
        continuous_variance: str = "fixed",
        contrastive_weight: float = 0.0,
        consistency_weight: float = 1.0,
        balance_weight: float = 5.0,
        augment: Any = "auto",
        n_neighbors: int | str = "auto",
        gradient_penalty: float | str = "auto",
        instance_noise: float = 0.0,
        ema_decay: float = 0.0,
        max_epochs: int | str = "auto",
        batch_size: int = 128,
        discriminator_lr: float = 1e-3,
        generator_lr: float = 1e-3,
        n_init: int | str = "auto",
        tol: float = 0.02,
        n_iter_no_change: int | None = 10,
        warm_start: bool = False,
        checkpoint_dir: str | os.PathLike | None = None,
        checkpoint_every: int = 1,
        callbacks: list | None = None,
        device: str = "auto",
        precision: str = "float32",
        compile: bool = False,
        verbose: int | bool = 0,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.objective = objective
        self.layers = layers
        self.pooling = pooling
        self.n_components = n_components
        self.normalize = normalize
        self.image_shape = image_shape
        self.categorical_codes = categorical_codes
        self.codes_per_cluster = codes_per_cluster
        self.n_continuous = n_continuous
        self.noise_dim = noise_dim
        self.architecture = architecture
        self.width = width
        self.depth = depth
        self.spectral_norm = spectral_norm
        self.adversarial_loss = adversarial_loss
        self.info_weight = info_weight
        self.continuous_weight = continuous_weight
        self.continuous_variance = continuous_variance
        self.contrastive_weight = contrastive_weight
        self.consistency_weight = consistency_weight
        self.balance_weight = balance_weight
        self.augment = augment
        self.n_neighbors = n_neighbors
        self.gradient_penalty = gradient_penalty
        self.instance_noise = instance_noise
        self.ema_decay = ema_decay
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.discriminator_lr = discriminator_lr
        self.generator_lr = generator_lr
        self.n_init = n_init
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every
        self.callbacks = callbacks
        self.device = device
        self.precision = precision
        self.compile = compile
        self.verbose = verbose
        self.random_state = random_state

    def _categorical(self) -> tuple[int, ...]:
        return () if self.objective == "gan" else check_code_sizes(self.categorical_codes)

    def _clusters_rows(self) -> bool:
        return self.objective != "gan" and len(self.categorical_codes) > 0

    def _n_continuous(self) -> int:
        return 0 if self.objective == "gan" else self.n_continuous

    def _makes_twins(self) -> bool:
        return self._is_consistent() or self._may_reduce

    @property
    def _may_reduce(self) -> bool:
        """Whether features are to be reduced, where there are twins."""
        if self.n_components == "auto":
            return self.objective == "gan" and self.layers == "last"
        return self.n_components is not None

    def _check_built(self, discriminator: Discriminator) -> None:
        self._chosen = choose_layers(
            discriminator, self._categorical(), self.layers, self._encoding.shape
        )
        if self.pooling != "auto" and not discriminator.convolutions:
            raise ValueError(
                f'pooling="{self.pooling}" needs convolutional maps; these networks have none: '
                'leave pooling="auto"'
            )
        self._pooling = "max" if self.pooling == "auto" else self.pooling
        self._normalize = self.normalize
        self._reduction: Reduction | None = None
        self._n_components = self._components(discriminator)
        self.layer_names_ = readable(discriminator, self._categorical())

    @property
    def _augments(self) -> bool:
        """Whether twins can be made of a row alone; otherwise near rows stand for them."""
        augment = self._resolved_augment(self._encoding.shape)
        return callable(augment) or augment == "image"

    def _components(self, discriminator: Discriminator) -> int | None:
        """How many directions features are reduced to, where there are twins and features."""
        if not self._may_reduce:
            return None
        auto = self.n_components == "auto"
        wanted: Any = self.n_components
        if not self._augments and not self._resolved("n_neighbors", self._encoding.shape):
            if auto:
                return None
            raise ValueError(
                f"n_components={wanted} needs twins of rows, and augment={self.augment!r} "
                f"with n_neighbors={self.n_neighbors} makes none: raise n_neighbors, or set "
                "augment to a function or n_components to None"
            )
        given = self._categorical(), self._chosen, self._pooling, self._encoding.shape
        size = n_features(discriminator, *given)
        if auto:
            return min(N_COMPONENTS, size) if size <= MAX_REDUCED else None
        if not wanted <= size <= MAX_REDUCED:
            raise ValueError(
                f"n_components={wanted} cannot reduce the {size} features that "
                f"layers={self.layers!r} give: it should be at most their number, and that at most "
                f"{MAX_REDUCED}"
            )
        return wanted

    def _describe(self, batches: Batches) -> None:
        rows = batches.encoding.encode(batches.X[:1]).to(self.device_)
        self.net_._set_training(False)
        with torch.inference_mode():
            shapes = {name: maps.shape[1:] for name, maps in self._read(rows).items()}
        if self._n_components is not None:
            near = 0 if self._augments else self._resolved("n_neighbors", self._encoding.shape)
            given = self.net_, batches.encoding, batches.X, self._joined
            self._reduction = twin_reduction(*given, self._n_components, near)
            shapes = {"component": torch.Size([self._n_components])}
        self._map_shapes = shapes

    def _read(self, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        """The chosen layers by name, their maps pooled."""
        discriminator = self.net_.discriminator_
        hidden = [RECOGNITION_LAYER if name == POSTERIOR else name for name in self._chosen]
        found = discriminator.activations(batch, hidden)
        if POSTERIOR in self._chosen:
            assert discriminator.code is not None
            said = self.net_.code.logits(discriminator.code(found[RECOGNITION_LAYER]))
            found[POSTERIOR] = torch.cat(self._probabilities(said), dim=1)
        return {name: pool(found[name], self._pooling) for name in self._chosen}

    def _joined(self, batch: torch.Tensor) -> torch.Tensor:
        """The chosen layers side by side, as they are."""
        return torch.cat([maps.flatten(1) for maps in self._read(batch).values()], dim=1)

    def _features(self, batch: torch.Tensor) -> torch.Tensor:
        if self._reduction is not None:
            center, directions = (torch.tensor(a, device=batch.device) for a in self._reduction)
            reduced = (self._joined(batch) - center) @ directions
            return F.normalize(reduced) if self._normalize == "l2" else reduced
        layers = [maps.flatten(1) for maps in self._read(batch).values()]
        if self._normalize == "l2":  # each by itself, or a wide layer would drown a narrow one
            layers = [F.normalize(layer) / len(layers) ** 0.5 for layer in layers]
        return torch.cat(layers, dim=1)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names that say layer and channel, and row and column of the grid where there is one.

        With ``n_components`` they are numbered.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Only checked against ``feature_names_in_``.

        Returns
        -------
        names : ndarray of str
            Such as ``conv2_7``, ``conv2_7_0_3``, ``recognition_12`` or ``component_0``.

        Raises
        ------
        NotFittedError
            Before fit.
        ValueError
            If ``input_features`` are not those of fit.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features, generate_names=False)
        return np.asarray(column_names(self._map_shapes), dtype=object)
