"""InfoGANClusterer: clusters of rows, and a generator that draws new rows of each cluster."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from gan_cluster._docs import documented
from gan_cluster._estimator import BaseGAN, of_model
from gan_cluster._recipe import objective_of
from gan_cluster._validation.labels import check_labels
from gan_cluster._validation.latent import check_whole
from gan_cluster._validation.rows import Rows
from gan_cluster.training.labels import Labels


@documented(or_none="", without="", gan=", which has no clusters")
class InfoGANClusterer(ClassNamePrefixFeaturesOutMixin, ClusterMixin, BaseGAN):
    """Clustering with an information maximising generative adversarial network.

    Most users only need three parameters: ``n_clusters``, ``image_shape`` if rows are images, and
    ``random_state``. If you know the sizes of the clusters, set ``prior``, too.

    A generator makes rows from noise and a latent code. A discriminator learns to tell them from
    real rows. A recognition network Q predicts the code of a row [1]_. The first categorical code
    is the cluster. In InfoGAN, Q shares its first layers with the discriminator. With the default
    objective, it is a network of its own. It learns to give a real row and its twin the same
    cluster, while the sizes of clusters stay close to ``prior`` [2]_. A twin is a changed copy of
    the row, or a row that is near to it. So Q assigns real rows well even if the generator is poor.
    No labels are needed. If the classes of a few rows are known, ``fit(X, y)`` also learns from
    them.

    Parameters
    ----------
    [clusters]
    [code]
    [networks]
    [objective]
    [training]
    [machine]

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row. Cluster 0 is the largest, and empty clusters come last. Later
        calls of ``partial_fit`` do not change the numbers of the clusters.
    classes_ : ndarray of shape (n_classes,)
        Only after ``fit`` with the classes of some rows: the classes, sorted. Cluster i is
        ``classes_[i]``. Clusters without a class come after them, by size.
    mutual_information_ : float
        InfoGAN's lower bound on the mutual information at the last epoch, in nats, at most the
        entropy of the code; 0 if fit ended before the generator was trained.
    offset_ : float
        Threshold for :meth:`score_samples`: 1 % of the training rows have a lower score.
    [attributes]

    See Also
    --------
    GANFeatureExtractor : Features of the same networks, for KMeans or a classifier.
    Objective : All weights of the objective.

    Notes
    -----
    The paper's InfoGAN for 28x28 images (appendix C.1 of [1]_) is::

        InfoGANClusterer(10, image_shape=(1, 28, 28), objective="infogan", n_continuous=2,
                         width=64, depth=2)

    References
    ----------
    .. [1] Chen et al. (2016). InfoGAN: Interpretable representation learning by information
       maximizing generative adversarial nets. arXiv:1606.03657.
    .. [2] Hu et al. (2017). Learning discrete representations via information maximizing
       self-augmented training. arXiv:1702.08720.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from gan_cluster import InfoGANClusterer
    >>> X, _ = make_blobs(200, centers=3, random_state=0, cluster_std=0.3)
    >>> clusterer = InfoGANClusterer(n_clusters=3, max_epochs=40, random_state=0).fit(X)
    >>> clusterer.predict(X).shape, clusterer.sample(5, cluster=0).shape
    ((200,), (5, 2))

    If the number of clusters is not known:

    >>> clusterer = InfoGANClusterer("auto", max_clusters=6, max_epochs=4, random_state=0).fit(X)
    >>> clusterer.predict_proba(X).shape == (200, clusterer.n_clusters_)
    True
    """

    offset_ = of_model("offset", "Threshold: 1 % of the training rows have a lower score.")
    __metadata_request__predict: ClassVar = {"code": UNUSED}  # not for a pipeline to route

    @property
    def classes_(self) -> np.ndarray:
        """Names of the classes, if fit got labels of some rows: cluster i is the i-th class."""
        classes = self.model_.classes if "model_" in vars(self) else None
        if classes is None:
            raise AttributeError(
                "clusters have no names: there are classes_ only after fit(X, y) with a y that has "
                "the classes of some rows, and -1 for all others"
            )
        return classes

    def _labels(self, y: Any, rows: Rows, goes_on: bool) -> Labels | None:
        labels = check_labels(y, len(rows.X))
        if labels is None:
            return None
        named = "max_clusters" if self.n_clusters == "auto" else "n_clusters"
        most = getattr(self, named)
        if len(labels.names) > most:
            raise ValueError(
                f"y names {len(labels.names)} classes, {named}={most}: raise {named}, or set y to "
                "-1 for some classes"
            )
        if not objective_of(self.objective).is_consistent:
            raise ValueError(
                f"y has classes, and objective={self.objective!r} learns from no label: set "
                'objective="consistency", or leave y out'
            )
        if goes_on:
            raise ValueError(
                "y has classes, and warm_start trains on without labels: fit a new estimator, or "
                "leave y out"
            )
        return labels

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not objective_of(self.objective).reads_clusters:
            raise ValueError(
                "clusters are the values of a categorical code, and no term of "
                f'objective={self.objective!r} trains one: set objective="consistency", or use '
                "GANFeatureExtractor and KMeans"
            )

    def _after_training(self, X: np.ndarray) -> None:
        """Number clusters by size, so that labels are consecutive even if clusters are empty."""
        self.model_.number_by_size(X)
        self.labels_ = self.model_.clusters(X)
        self.model_.note_usual(X)
        self.mutual_information_ = self.history_[-1].get("mutual_information", 0.0)

    def _sizes(self, X: np.ndarray) -> np.ndarray:
        return np.bincount(self.labels_, minlength=self.model_.n_clusters)

    def fit_predict(self, X: Any, y: Any = None) -> np.ndarray:
        """Train on X as :meth:`fit` does, and return the cluster of each row.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            Unlabelled rows.
        y : array-like of shape (n_samples,), default=None
            Classes of some rows, as in :meth:`fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            ``labels_``.

        Raises
        ------
        ValueError, TypeError
            As from :meth:`fit`.
        """
        return self.fit(X, y).labels_

    def predict(self, X: Any, *, code: int = 0) -> np.ndarray:
        """Cluster of each row: the most probable value of the first code, or of another code.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            New rows.
        code : int, default=0
            Which categorical code: 0 is the cluster, 1 the first of ``categorical_codes`` and so
            on.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Index of the cluster of each row.

        Raises
        ------
        NotFittedError
            Before fit.
        ValueError, TypeError
            If X cannot be read, or does not match the X of fit; if there is no such code.
        """
        check_is_fitted(self)
        last = len(self.model_.code_sizes) - 1
        code = check_whole(code, "code", 0)
        if code > last:
            raise ValueError(f"code={code}: the last one is {last}; categorical_codes adds more")
        X = self._checked(X)
        if code:
            return self.model_.posterior(X)[0][code].argmax(1)
        return self.model_.clusters(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each cluster, Q(c | x).

        The probabilities sum to 1 even for a row that is in none of the clusters. So rows unlike
        all training rows often have a high one, too; use :meth:`score_samples` to find them.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            New rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_clusters)
            Rows sum to 1.

        [raises]
        """
        X = self._checked(X)
        return self.model_.probabilities(X)

    def score_samples(self, X: Any) -> np.ndarray:
        """How usual each row is, by its distance from training rows in the networks' features.

        The features are the hidden layer of Q and, if it has at most 1,024 values, the output of
        the trunk. The training rows of each code have a mean, and all codes share one covariance.
        The score is minus the Mahalanobis distance from the nearest mean [1]_, divided by the mean
        distance of training rows: usual rows have about -1, and a row with -2 is twice as far away.
        1 % of the training rows have a score below ``offset_``. Means, covariance and distances are
        measured at the end of ``fit`` on at most 10,000 training rows, the distances by
        cross-validation, and by ``partial_fit`` on its last chunk.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            New rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            At most 0; the higher, the more usual.

        Raises
        ------
        NotFittedError
            Before fit; for a model that was saved by a version without this method; or if the
            features of the training rows were not finite.
        ValueError, TypeError
            If X cannot be read, or does not match the X of fit.

        References
        ----------
        .. [1] Lee, Lee, Lee & Shin (2018). A simple unified framework for detecting
           out-of-distribution samples and adversarial attacks. arXiv:1807.03888.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import make_blobs
        >>> from gan_cluster import InfoGANClusterer
        >>> X, _ = make_blobs(200, centers=3, random_state=0, cluster_std=0.3)
        >>> clusterer = InfoGANClusterer(n_clusters=3, max_epochs=4, random_state=0).fit(X)
        >>> is_outside = clusterer.score_samples([X[0], [30.0, -30.0]]) < clusterer.offset_
        >>> is_outside.tolist()
        [False, True]
        """
        X = self._checked(X)
        return self.model_.usualness(X)

    def exemplars(self, X: Any, n_exemplars: int = 1) -> list[np.ndarray]:
        """The rows with the highest probability for each cluster.

        Parameters
        ----------
        X : array-like or tensor, as in :meth:`fit`
            Rows to choose from.
        n_exemplars : int, default=1
            Number of rows for each cluster. A cluster with fewer rows gives all of them.

        Returns
        -------
        indices : list of ndarray
            For each cluster, indices of rows of X, those with the highest probability first.

        Raises
        ------
        NotFittedError
            Before fit.
        ValueError, TypeError
            If X cannot be read, or does not match the X of fit; if ``n_exemplars`` is not a
            positive integer.

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from gan_cluster import InfoGANClusterer
        >>> X, _ = make_blobs(200, centers=3, random_state=0, cluster_std=0.3)
        >>> clusterer = InfoGANClusterer(n_clusters=3, max_epochs=40, random_state=0).fit(X)
        >>> [len(indices) for indices in clusterer.exemplars(X, 5)]
        [5, 5, 5]
        """
        n_exemplars = check_whole(n_exemplars, "n_exemplars", 1)
        return [indices[:n_exemplars] for indices in by_certainty(self.predict_proba(X))]

    def merge_clusters(self, clusters: Sequence[int]) -> Self:
        """Merge several clusters into one, without training.

        The probability of the merged cluster is the sum of the probabilities of its parts, for
        new rows and when rows are drawn. Clusters are numbered by size again, and ``labels_``
        changes with them. ``classes_`` is removed, as clusters no longer correspond to classes.
        ``model_`` becomes a new object, so an extractor made from the old one does not change. A
        new ``fit`` starts with ``n_clusters`` again.

        Parameters
        ----------
        clusters : sequence of int
            Numbers of two or more clusters.

        Returns
        -------
        self : object
            The clusterer.

        Raises
        ------
        NotFittedError
            Before fit.
        TypeError, ValueError
            If there are no such clusters, or fewer than two are given. Nothing is changed then.

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from gan_cluster import InfoGANClusterer
        >>> X, _ = make_blobs(200, centers=3, random_state=0, cluster_std=0.3)
        >>> clusterer = InfoGANClusterer(n_clusters=6, max_epochs=4, random_state=0).fit(X)
        >>> clusterer.merge_clusters([1, 3, 4]).predict_proba(X).shape
        (200, 4)
        """
        check_is_fitted(self)
        last = self.model_.n_clusters - 1
        merged = {check_whole(cluster, "clusters", 0, last) for cluster in clusters}
        if len(merged) < 2:
            raise ValueError(f"clusters={clusters!r}: give two or more of 0 .. {last}")
        self.model_, self.labels_ = self.model_.joined(sorted(merged), self.labels_)
        return self

    @property
    def _n_features_out(self) -> int:
        return self.model_.discriminator.adversarial.in_features


def by_certainty(probabilities: np.ndarray) -> list[np.ndarray]:
    """Indices of the rows of each cluster, most probable first.

    ``probabilities`` has shape (n_samples, n_clusters).

    >>> by_certainty(np.array([[0.6, 0.4], [0.9, 0.1]]))
    [array([1, 0]), array([], dtype=int64)]
    """
    labels = probabilities.argmax(axis=1)
    members = [np.flatnonzero(labels == cluster) for cluster in range(probabilities.shape[1])]
    return [
        indices[np.argsort(-probabilities[indices, cluster], kind="stable")]
        for cluster, indices in enumerate(members)
    ]
