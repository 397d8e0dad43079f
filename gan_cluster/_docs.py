"""Texts of parameters and attributes that both estimators share, and what puts them in place."""

import re
from collections.abc import Callable
from textwrap import indent
from types import FunctionType
from typing import TypeVar

PLACE = re.compile(r"^( *)\[([\w ]+)\]\n", re.MULTILINE)

PARAMETERS = {
    "clusters": """\
n_clusters : int, "auto"{or_none}, default=8
    Number of clusters. "auto" finds it before all else, by a training whose codes are finer than
    clusters; then all is as with that number. It needs the consistency term.{without}
max_clusters : int, default=20
    The highest number that "auto" tries. Ignored where a number is given.
image_shape : tuple of int (channels, height, width), default=None
    Makes each row of a two-dimensional X an image. Not needed where X has four dimensions;
    there it says which axis holds the channels.
prior : {{"auto", "uniform", "learned"}} or array-like of shape (n_clusters,), default="auto"
    Sizes of the clusters, as shares. "uniform" asks for equal sizes, "learned" estimates them
    in training, and an array gives them, in any order. Training keeps clusters near these
    sizes, and the generator draws clusters with these probabilities. "auto" is "uniform" without
    the consistency term and "learned" with it for a table. For images it tries both on a copy
    of the network, and takes equal sizes unless slight changes of images then change their
    cluster clearly more often. For a table, "auto" also tries k-means and a mixture of Gaussians.
    Where their clusters explain the rows better, the network learns those.
random_state : int, RandomState or None, default=None
    Seed of everything random. None takes fresh entropy; global generators are never used.
n_init : int or "auto", default="auto"
    How many runs form clusters. The one with the best :meth:`score` is kept, and the generator
    learns to draw its clusters. "auto" is 4, and 1 without the consistency term, where each run
    would be a whole training. For photographs it is 8, and a run is a head of Q with weights of
    its own: all heads are trained together on one pretrained trunk, in hardly more time than one.
""",
    "code": """\
categorical_codes : tuple of int, default=()
    Sizes of further categorical codes.
n_continuous : int, default=0
    Number of continuous codes, uniform on [-1, 1].
noise_dim : int, default=62
    Number of noise variables.
""",
    "networks": """\
architecture : {{"auto", "mlp", "dcgan", "resnet"}} or tuple, default="auto"
    "auto" is "mlp" for tables and "dcgan" (arXiv:1511.06434) for images. With the consistency
    term it is "resnet" for images of three channels and at least 32 pixels on both sides. In
    "resnet", Q has a residual trunk (arXiv:1512.03385), and the other networks are as in
    "dcgan". A pair (generator, discriminator) gives networks of your own: classes or functions,
    called as ``generator(latent_dim, shape)`` and ``discriminator(shape)``, or module instances,
    which are copied. The generator maps (n, latent_dim) to ``(n, *shape)``, in [-1, 1] for
    images, standardised for tables. The discriminator gives features (n, ...), which the
    output layers read. Weights with ``requires_grad=False`` stay as they are, and a module
    of which all are frozen always runs in evaluation mode.
width : int, default=16
    Channels of the first convolution; fully connected layers have 16 times as many units.
depth : int, default=None
    Number of the discriminator's convolutions, of residual blocks, or of hidden layers of both
    MLPs. By default as many convolutions or blocks as leave a map of at least 2x2, and two
    hidden layers.
""",
    "objective": """\
objective : {{"consistency", "infogan", "gan"}} or Objective, default="consistency"
    What is learned. "consistency" is InfoGAN whose labels also have to agree between a real row
    and its changed twin; "infogan" is InfoGAN as in its paper; "gan" is a GAN without a code{gan}.
    An :class:`~gan_cluster.Objective` has every weight, which a search reaches by
    ``objective__balance_weight`` and so on.
""",
    "training": """\
max_epochs : int or "auto", default="auto"
    Passes over X, in both stages together: one run while clusters form, then the training of the
    generator. At most half of a number go to the first stage. "auto" gives 900 steps to the first
    and 650 (images) or 900 (tables) to the second, which has eight epochs at least. Without
    the consistency term there is one stage, of 16 epochs at least. Photographs have contrastive
    learning before (``contrast_temperature`` of the objective), of 15,000 steps or 100 epochs,
    or half of a number.
batch_size : int, default=128
    Number of rows in a step; at most n_samples are used.
learning_rate : float, pair of float or "auto", default="auto"
    Adam's learning rate: one number, or a pair for the discriminator with Q and for the generator.
    With the consistency term, the conditional discriminator learns at the generator's rate, and
    "auto" is (1e-3, 2e-3). Without it, "auto" is 1e-3 for both with a gradient penalty, and
    (2e-4, 1e-3) for InfoGAN as in its paper.
tol : float, default=0.02
    An epoch counts as stable if at most this share of the labels changed in it, and if the bound
    on the information rose by at most this share of its highest possible value.
n_iter_no_change : int or None, default=10
    Training stops after this many stable epochs in a row; None never stops it early.
warm_start : bool, default=False
    Whether ``fit`` trains a fitted estimator further instead of starting anew: for ``max_epochs``,
    or for the epochs of the second stage.
checkpoint_dir : path-like, default=None
    A folder for the state of ``fit``. After a crash, call ``fit`` again with the same folder,
    parameters and X: it goes on from there, to the same result. The state is written after each
    epoch, but writing takes at most a tenth of the time.
callbacks : list of skorch callbacks, default=None
    Called by the training loop: those that look at the history, change the rates or the
    gradients of ``net.optimizer_``, or stop early. There is no validation set to score.
    Callbacks of scikit-learn are set by ``set_callbacks``.
""",
    "machine": """\
device : str, default="auto"
    "auto" is CUDA where there is one; otherwise "cpu", "cuda", "cuda:1", "mps" and so on.
precision : {{"float32", "bf16"}}, default="float32"
    Precision of the forward passes in training; "bf16" is PyTorch's automatic mixed precision.
verbose : int or bool, default=0
    Whether to show a progress bar of each stage, or in a file a line for each, and after a minute
    of training about how long the whole fit may take.
""",
}
ATTRIBUTES = """\
history_ : list of dict
    One an epoch, with ``seconds``: ``contrast`` while a trunk looks at rows; then
    ``cluster_usage``, ``labels_changed`` and ``agreement``, of several heads their mean (but
    ``cluster_usage`` is of one), and in the last such epoch ``head_scores``, by which one was
    chosen; once
    the generator has joined also ``label_loss``, the cross-entropy of labelled rows where there
    are any, losses, ``variety`` of generated rows as a share of that of
    real ones, ``cluster_variety``, the same within each cluster of those drawn of one code,
    and ``mutual_information`` in nats beside its ceiling ``code_entropy``; with the consistency
    term ``cluster_fidelity``, the share of what is drawn of each cluster that is read as of it;
    and ``continuous_information``, at most log(2 / pi) / 2 for each code, a negative number,
    where Q's variance is fixed. An epoch that diverged has ``taken_back``.
model_ : Model
    What was learned: reads rows, draws rows.
n_clusters_ : int
    Number of clusters, given or found; what ``merge_clusters`` leaves.
cluster_numbers_ : Bunch
    Only after ``n_clusters="auto"``: arrays with an entry for each number that was tried. ``k``
    is the number. ``criterion`` is the depth of the shallowest valley between two clusters, in
    nats of log density, from -5 to 5. The largest ``k`` that has at least 0.3 is taken.
    ``information`` is what a cluster tells of those of near rows, in nats, at most ``entropy``.
merge_tree_ : ndarray of shape (n_codes - 1, 4)
    Only after ``n_clusters="auto"``: how the finer codes are merged, as a linkage matrix of
    :mod:`scipy.cluster.hierarchy`. Heights are the information lost so far, in nats.
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
"""
RAISES = """\
Raises
------
NotFittedError
    Before fit.
ValueError, TypeError
    For rows that cannot be read, or not of the kind that was fitted.
"""

Documented = TypeVar("Documented")


def filled(target: Documented, texts: dict[str, str]) -> Documented:
    """Put texts where docstrings of a function or a class with its methods say ``[name]``."""
    members = vars(target).values() if isinstance(target, type) else ()
    whole = [target, *(getattr(member, "__func__", member) for member in members)]
    within = [getattr(each, "__wrapped__", None) for each in whole]  # as in what is available if
    for each in (*whole, *within):
        if isinstance(each, type | FunctionType) and each.__doc__:
            each.__doc__ = PLACE.sub(lambda m: indent(texts[m[2]], m[1]), each.__doc__)
    return target


def documented(**words: str) -> Callable[[type], type]:
    """Put the shared texts into an estimator's docstrings, with words in which the two differ."""
    texts = {"attributes": ATTRIBUTES, "raises": RAISES}
    if words:
        texts |= {name: text.format(**words) for name, text in PARAMETERS.items()}
    return lambda cls: filled(cls, texts)
