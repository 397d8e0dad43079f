"""Texts of parameters and attributes that both estimators share, and what puts them in place."""

import re
from collections.abc import Callable
from textwrap import indent
from types import FunctionType
from typing import TypeVar

PLACE = re.compile(r"^( *)\[([\w ]+)\]\n", re.MULTILINE)

PARAMETERS = {
    "clusters": """\
n_clusters : int{or_none}, default=8
    Number of clusters: the size of the first categorical code.{without}
image_shape : tuple of int (channels, height, width), default=None
    Makes each row of a two-dimensional X an image. Not needed where X has four dimensions;
    there it says which axis holds the channels.
prior : {{"uniform", "learned"}} or array-like of shape (n_clusters,), default="uniform"
    Sizes of the clusters as shares, which balance aims at and the generator draws from: equal
    ones, given ones in any order, or a running mean of those that formed clusters have.
random_state : int, RandomState or None, default=None
    Seed of everything random. None takes fresh entropy; global generators are never used.
n_init : int or "auto", default="auto"
    How many runs form clusters; the generator joins the run with the best :meth:`score`. "auto"
    is 3, and 1 where runs start from one trunk that has looked at rows, which leaves less to
    luck, and without the consistency term, where each run would be a whole training.
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
    "auto" is "mlp" for tables and "dcgan" (arXiv:1511.06434) for images, but "resnet" for those
    of three channels and at least 32 pixels on both sides, unless the game is all there is:
    Q then reads a residual trunk (arXiv:1512.03385), and the rest is as of "dcgan". A pair
    (generator, discriminator) gives networks of your own: classes or functions, called as
    ``generator(latent_dim, shape)`` and ``discriminator(shape)``, or module instances, which
    are copied. The generator maps (n, latent_dim) to ``(n, *shape)``, in [-1, 1] for images,
    standardised for tables; the discriminator gives features (n, ...), on which the heads are
    put.
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
    Passes over X: of one training while clusters form, and of the best once the generator has
    joined. "auto" gives the first 900 steps, the second 650 on images, 900 on tables and at least
    eight epochs; of a number, at most half go to the first. Without the consistency term all
    are one game, of 16 epochs at least. Where a trunk looks at rows before, as the objective's
    ``contrast_temperature`` says, it has 15,000 steps or 100 epochs, or half of a number.
batch_size : int, default=128
    Rows a step, clipped to n_samples.
learning_rate : float, pair of float or "auto", default="auto"
    Adam's learning rate, or that of the discriminator with Q and that of the generator, which a
    discriminator of its own shares with the consistency term. "auto" is then 1e-3 and 2e-3; for
    InfoGAN as in its paper 2e-4 and 1e-3, and 1e-3 for both with a gradient penalty.
tol : float, default=0.02
    Training is at rest while no larger share of the labels changes in an epoch, and the bound
    on the information gains no larger share of its ceiling.
n_iter_no_change : int or None, default=10
    Epochs at rest, in a row, after which training stops; None never stops it.
warm_start : bool, default=False
    Whether ``fit`` of a fitted estimator goes on from where it is, with the optimizers as they
    were, for ``max_epochs`` or the epochs of the second stage.
checkpoint_dir : path-like, default=None
    A folder for the state of ``fit``. After a crash, fit again with the same folder, parameters
    and X goes on where the last one stood and ends as that would have. The state is written
    after each epoch, but never for more than a tenth of the time.
callbacks : list of skorch callbacks, default=None
    Called by the training loop: those that look at the history, change the rates or the
    gradients of ``net.optimizer_``, or stop early. There is no validation set to score.
    Callbacks of scikit-learn are set by ``set_callbacks``.
""",
    "machine": """\
device : str, default="auto"
    "auto" is CUDA where there is one; otherwise "cpu", "cuda", "cuda:1", "mps" and so on.
precision : {{"float32", "bf16"}}, default="float32"
    Of the forward passes in training: "bf16" is torch's automatic mixed precision.
verbose : int or bool, default=0
    Whether to show a progress bar.
""",
}
ATTRIBUTES = """\
history_ : list of dict
    One an epoch, with ``seconds``: ``contrast`` while a trunk looks at rows; then
    ``cluster_usage``, ``labels_changed`` and ``agreement``; once
    the generator has joined also losses, ``variety`` of generated rows as a share of that of
    real ones, ``cluster_variety``, the same within each cluster of those drawn of one code,
    and ``mutual_information`` in nats beside its ceiling ``code_entropy``; with the consistency
    term ``cluster_fidelity``, the share of what is drawn of each cluster that is read as of it;
    and ``continuous_information``, at most log(2 / pi) / 2 for each code, a negative number,
    where Q's variance is fixed. An epoch that diverged has ``taken_back``.
model_ : Model
    What was learned: reads rows, draws rows.
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
