"""GANFeatureExtractor: features of the networks, as columns for the next step of a pipeline."""

import os
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from gan_cluster._docs import documented
from gan_cluster._estimator import BaseGAN
from gan_cluster._recipe import READ_BY
from gan_cluster.model import Model
from gan_cluster.networks.build import Discriminator
from gan_cluster.networks.reading import readable
from gan_cluster.objectives import Objective
from gan_cluster.reading import Reading, choose_reading
from gan_cluster.training.recipe import Recipe


@documented(
    or_none=" or None",
    without=" None trains without\n    a categorical code, and so without the consistency term.",
    gan="",
)
class GANFeatureExtractor(BaseGAN):
    """Features of rows, from the networks of a generative adversarial network.

    Most users only need three parameters: ``n_clusters``, ``image_shape`` if rows are images, and
    ``random_state``. If you know the sizes of the clusters, set ``prior``, too.

    A discriminator that tells real rows from generated ones learns features that are useful for
    clustering and classification. With the default objective, features come from the recognition
    network Q, which learns from real rows and their twins; with "infogan" and "gan", from the
    discriminator. The DCGAN paper uses the features of all convolutions [1]_.
    Premachandran and Yuille use the last features of the trunk that the discriminator shares with
    InfoGAN's recognition network Q, and cluster them with k-means++ [2]_.

    Parameters
    ----------
    [clusters]
    layers : {"last", "all"}, str or list of str, default="last"
        Layers to use. "last" is two layers side by side: "recognition", the hidden layer of Q, and
        "posterior", the probabilities of the categorical codes. With the objective "gan", where
        there is no Q, it is the last convolution with maps larger than 2x2 or, in an MLP, the last
        hidden layer. In a residual trunk it is always "average", the last maps averaged over
        space [2]_. "all" is all convolutions [1]_, or all hidden layers of an MLP. Or give names:
        "conv1", "conv2", ..., "dense", "recognition", "posterior"; "dense1", "dense2", ... in an
        MLP; "stem", "stage1", "stage2", ..., "average" in a residual trunk.
    pooling : {"auto", "avg", "max"}, default="auto"
        How convolutional maps are pooled: "avg" is the average over space [2]_, "max" the maximum
        in each cell of a 4x4 grid [1]_, and "auto" is "max". Other layers are used unchanged.
    n_components : int, "auto" or None, default="auto"
        Number of directions to which the features are reduced. They are the directions in which
        rows differ most in comparison with twins of one row: Fisher's linear discriminant [3]_
        with the twins of each row as a class. Twins of at most 20,000 rows are made as the
        objective's ``augment`` says; if that is "none", near rows are the twins. Along each
        direction, twins of one row have variance 1. The last layer of "gan" needs this to be
        useful for clustering. So "auto" is 20 there, and None for other ``layers`` and objectives
        and for more than 4096 features.
    normalize : {"l2", None}, default="l2"
        "l2" scales the features of each layer to the same length, so that each row has length 1.
    [code]
    [networks]
    [objective]
    [training]
    [machine]

    Attributes
    ----------
    layer_names_ : list of str
        Names of all layers that can be used, from input to output.
    reading_ : Reading
        How ``transform`` makes features from the layers of the model.
    [attributes]

    See Also
    --------
    InfoGANClusterer : Clusters directly from the same networks.
    Objective : All weights of the objective.

    References
    ----------
    .. [1] Radford, Metz & Chintala (2015). Unsupervised representation learning with deep
       convolutional generative adversarial networks. arXiv:1511.06434.
    .. [2] Premachandran & Yuille. Unsupervised learning using generative adversarial training
       and clustering.
    .. [3] Fisher (1936). The use of multiple measurements in taxonomic problems.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.pipeline import make_pipeline
    >>> from gan_cluster import GANFeatureExtractor
    >>> X, _ = make_blobs(200, centers=3, random_state=0, cluster_std=0.3)
    >>> features = GANFeatureExtractor(3, max_epochs=10, random_state=0)
    >>> make_pipeline(features, KMeans(3, init="k-means++")).fit_predict(X).shape
    (200,)
    """

    reading_: Reading
    _parameter_constraints: ClassVar[dict] = {
        **BaseGAN._parameter_constraints,
        "n_clusters": [*BaseGAN._parameter_constraints["n_clusters"], None],
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
        n_clusters: int | str | None = 8,
        *,
        max_clusters: int = 20,
        image_shape: tuple[int, int, int] | None = None,
        prior: Any = "auto",
        random_state: int | np.random.RandomState | None = None,
        n_init: int | str = "auto",
        layers: str | list[str] = "last",
        pooling: str = "auto",
        n_components: int | str | None = "auto",
        normalize: str | None = "l2",
        categorical_codes: Sequence[int] = (),
        n_continuous: int = 0,
        noise_dim: int = 62,
        architecture: str | tuple = "auto",
        width: int = 16,
        depth: int | None = None,
        objective: str | Objective = "consistency",
        max_epochs: int | str = "auto",
        batch_size: int = 128,
        learning_rate: float | tuple[float, float] | str = "auto",
        tol: float = 0.02,
        n_iter_no_change: int | None = 10,
        warm_start: bool = False,
        checkpoint_dir: str | os.PathLike | None = None,
        callbacks: list | None = None,
        device: str = "auto",
        precision: str = "float32",
        verbose: int | bool = 0,
    ):
        super().__init__(
            n_clusters,
            max_clusters=max_clusters,
            image_shape=image_shape,
            prior=prior,
            random_state=random_state,
            n_init=n_init,
            categorical_codes=categorical_codes,
            n_continuous=n_continuous,
            noise_dim=noise_dim,
            architecture=architecture,
            width=width,
            depth=depth,
            objective=objective,
            max_epochs=max_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            warm_start=warm_start,
            checkpoint_dir=checkpoint_dir,
            callbacks=callbacks,
            device=device,
            precision=precision,
            verbose=verbose,
        )
        self.layers = layers
        self.pooling = pooling
        self.n_components = n_components
        self.normalize = normalize

    @classmethod
    def from_model(
        cls,
        model: Model,
        X: Any,
        *,
        layers: str | list[str] = "last",
        pooling: str = "auto",
        n_components: int | str | None = "auto",
        normalize: str | None = "l2",
    ) -> Self:
        """Make an extractor from a fitted model, without training, with other layers or pooling.

        Parameters
        ----------
        model : Model
            The ``model_`` of a fitted clusterer or extractor. The new extractor shares it.
        X : array-like or tensor, as in :meth:`fit`
            Rows like the training rows. Their twins are used for ``n_components``.
        layers, pooling, n_components, normalize
            As in the constructor.

        Returns
        -------
        extractor : GANFeatureExtractor
            Fitted, with the parameters that the model was built with. Parameters that may change
            between trainings, such as ``max_epochs``, have their defaults.

        Raises
        ------
        TypeError
            If ``model`` is not a Model.
        ValueError
            If there are no such layers, or X does not match the X of fit.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from gan_cluster import GANFeatureExtractor, InfoGANClusterer
        >>> X = load_wine().data
        >>> clusterer = InfoGANClusterer(3, max_epochs=2, random_state=0).fit(X)
        >>> extractor = GANFeatureExtractor.from_model(clusterer.model_, X, layers="dense1")
        >>> extractor.transform(X).shape
        (178, 256)
        """
        if not isinstance(model, Model):
            raise TypeError(
                f"model should be the model_ of a fitted estimator, got {type(model).__name__}"
            )
        parts = {"layers": layers, "pooling": pooling, "n_components": n_components}
        parameters = {**model.recipe.parameters, **parts, "normalize": normalize}
        if isinstance(parameters["objective"], Objective):  # the model keeps its own
            parameters["objective"] = replace(parameters["objective"])
        extractor = cls(**parameters)
        extractor._check_parameters()
        rows = extractor._check_rows(X, reset=True)
        if rows.layout.of_image != model.layout.of_image or (
            rows.X.shape[1] != np.prod(model.layout.row_shape)
        ):
            raise ValueError(
                f"X holds rows of shape {rows.layout.row_shape}, but the model was fitted on rows "
                f"of shape {model.layout.row_shape}"
            )
        extractor.model_ = model
        with extractor._kept():
            recipe = replace(model.recipe, n_clusters=model.n_clusters)  # they may be merged
            extractor._before_training(recipe, model.discriminator)
            extractor._after_training(rows.X)
        return extractor

    def _before_training(self, recipe: Recipe, discriminator: Discriminator) -> None:
        asked = {name: getattr(self, name) for name in READ_BY}
        self.reading_ = replace(choose_reading(recipe, discriminator, **asked), parameters=asked)
        self.layer_names_ = readable(discriminator, recipe.code.categorical)

    def _after_training(self, X: np.ndarray) -> None:
        reading = replace(self.reading_)
        reading.fit(self.model_, X)
        self.reading_ = reading

    def _features(self, batch: torch.Tensor) -> torch.Tensor:
        return self.reading_.features(self.model_, batch)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the features: layer, channel and, if there is a grid, row and column.

        With ``n_components`` the features are numbered.

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
            If ``input_features`` differ from those of fit.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features, generate_names=False)
        return np.asarray(self.reading_.column_names(), dtype=object)
