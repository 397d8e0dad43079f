"""InfoGANClusterer: clusters that a generator can draw and a recognition network can read."""

import os
from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, check_scalar

from gan_cluster._base import BaseGAN
from gan_cluster._validation import check_code_sizes, check_prior
from gan_cluster.training.data import Batches


class InfoGANClusterer(ClassNamePrefixFeaturesOutMixin, ClusterMixin, BaseGAN):
    """Clustering with an information maximising generative adversarial network.

    A generator draws rows from noise and a latent code; a discriminator tells them from real
    rows; a recognition network Q on the discriminator's trunk reads the code back [1]_. The
    first categorical code is the cluster. On real rows Q's label has to agree with that of a
    changed twin while clusters stay balanced [2]_, so that Q is also right where the generator
    is not. No label is used anywhere.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters: the size of the first categorical code.
    image_shape : tuple of int (channels, height, width), default=None
        Makes each row of a two-dimensional X an image. Not needed where X has four dimensions;
        there it says which axis holds the channels.
    prior : {"uniform", "learned"} or array-like of shape (n_clusters,), default="uniform"
        Shares of the clusters, which balance aims at and the generator draws from: equal ones,
        given ones in any order, or a running mean of those that formed clusters have.
    categorical_codes : tuple of int, default=()
        Sizes of further categorical codes.
    codes_per_cluster : int or "auto", default="auto"
        The first code starts with this many values for each cluster; once clusters have formed
        they are merged, so that near rows say most of each other's cluster [4]_. "auto" is 2
        for images, and 4 for tables and without the consistency term.
    n_continuous : int, default=0
        Number of continuous codes, uniform on [-1, 1].
    noise_dim : int, default=62
        Number of noise variables.
    architecture : {"auto", "mlp", "dcgan"} or tuple, default="auto"
        "auto" is "dcgan" [3]_ for images and "mlp" for tables. A pair (generator, discriminator)
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
        Weight of the agreement between labels of real rows and of their twins. With 0 the
        objective is InfoGAN's.
    balance_weight : float, default=5.0
        Weight, within that term, of the divergence of the cluster shares from ``prior``.
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
        whole training.
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
        and X goes on where the last one stood and ends as that would have.
    checkpoint_every : int, default=1
        Epochs after which the state is written.
    callbacks : list of skorch callbacks, default=None
        Called by the training loop: those that look at the history, change the rates or the
        gradients of ``net.optimizer_``, or stop early. There is no validation set to score.
        Callbacks of scikit-learn are set by ``set_callbacks``.
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
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row; 0 is the largest, empty ones come last. Later calls of
        ``partial_fit`` keep their numbers.
    history_ : list of dict
        One an epoch: ``cluster_usage``, ``labels_changed``, ``agreement`` and ``seconds``; once
        the generator has joined also losses, ``variety`` of generated rows as a share of that of
        real ones, and ``mutual_information`` in nats beside its ceiling ``code_entropy``,
        and ``continuous_information``, of which each code has log(2 / pi) / 2 at most, which is
        below 0, where Q's variance is fixed. One that diverged has ``taken_back``.
    mutual_information_ : float
        InfoGAN's lower bound in nats at the last epoch, at most the entropy of the code; 0 if
        fit ended before the generator joined.
    code_names_ : list of str
        Names of the codes, in the order in which ``generate`` takes them.
    n_iter_ : int
        Number of epochs trained.
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
    GANFeatureExtractor : Features of the same networks, for KMeans or a classifier.

    Notes
    -----
    The paper's InfoGAN for 28x28 images (appendix C.1 of [1]_) is::

        InfoGANClusterer(10, image_shape=(1, 28, 28), n_continuous=2, width=64, depth=2,
                         consistency_weight=0, codes_per_cluster=1, gradient_penalty=0,
                         discriminator_lr=2e-4, generator_lr=1e-3)

    References
    ----------
    .. [1] Chen et al. (2016). InfoGAN: Interpretable representation learning by information
       maximizing generative adversarial nets. arXiv:1606.03657.
    .. [2] Hu et al. (2017). Learning discrete representations via information maximizing
       self-augmented training. arXiv:1702.08720.
    .. [3] Radford, Metz & Chintala (2015). Unsupervised representation learning with deep
       convolutional generative adversarial networks. arXiv:1511.06434.
    .. [4] Slonim, Friedman & Tishby (2002). Unsupervised document classification using
       sequential information maximization.
    .. [5] Lin, Thekumparampil, Fanti & Oh (2020). InfoGAN-CR and ModelCentrality: self-supervised
       model training and selection for disentangling GANs. arXiv:1906.06034.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from gan_cluster import InfoGANClusterer
    >>> X, _ = make_blobs(200, centers=3, random_state=0, cluster_std=0.3)
    >>> clusterer = InfoGANClusterer(n_clusters=3, max_epochs=40, random_state=0).fit(X)
    >>> clusterer.predict(X).shape, clusterer.sample(5, cluster=0).shape
    ((200,), (5, 2))
    """

    __metadata_request__predict: ClassVar = {"code": UNUSED}  # not for a pipeline to route
    _parameter_constraints: ClassVar[dict] = {
        **BaseGAN._parameter_constraints,
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "prior": [StrOptions({"uniform", "learned"}), "array-like"],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        image_shape: tuple[int, int, int] | None = None,
        prior: Any = "uniform",
        categorical_codes: Sequence[int] = (),
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
        self.n_clusters = n_clusters
        self.image_shape = image_shape
        self.prior = prior
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
        return (self.n_clusters, *check_code_sizes(self.categorical_codes))

    def _prior(self) -> str | tuple[float, ...]:
        return check_prior(self.prior, self.n_clusters, bool(self.consistency_weight))

    def _describe(self, batches: Batches) -> None:
        """Name clusters by size, so that labels are consecutive whatever stayed empty."""
        codes = self._codes(batches.X)
        if not len(self._order):
            counts = np.bincount(codes, minlength=self.n_clusters)
            self._order = np.argsort(-counts, kind="stable")
        self.labels_ = np.argsort(self._order)[codes]
        self.mutual_information_ = self.history_[-1].get("mutual_information", 0.0)

    def _codes(self, X: np.ndarray) -> np.ndarray:
        """Clusters as the net numbers them."""
        return self._map(lambda batch: self.net_.label(batch).argmax(1), X)

    def predict(self, X: Any, *, code: int = 0) -> np.ndarray:
        """Cluster of each row: Q's most probable first code, or another categorical code.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            New rows.
        code : int, default=0
            0 is the cluster, 1 the first of ``categorical_codes`` and so on.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Index of the cluster of each row.

        Raises
        ------
        NotFittedError
            Before fit.
        ValueError, TypeError
            For rows that cannot be read, or not of the kind that was fitted; for a code that
            there is not.
        """
        check_is_fitted(self)
        last = len(self.net_.code.categorical) - 1
        check_scalar(code, "code", Integral, min_val=0)
        if code > last:
            raise ValueError(f"code={code}: the last one is {last}; categorical_codes has others")
        if code:
            return self.encode(X).categorical[code].argmax(1)
        codes = self._codes(self._check_rows_like_fitted(X))
        return np.argsort(self._order)[codes]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each cluster by Q(c | x).

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            New rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_clusters)
            Rows sum to 1.

        Raises
        ------
        NotFittedError
            Before fit.
        ValueError, TypeError
            For rows that cannot be read, or not of the kind that was fitted.
        """
        X = self._check_rows_like_fitted(X)
        return self._map(lambda batch: self.net_.label(batch).softmax(1), X)[:, self._order]

    @property
    def _n_features_out(self) -> int:
        return self.net_.discriminator_.adversarial.in_features
