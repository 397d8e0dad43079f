"""Parameter and attribute texts that both estimators share, and code that inserts them."""

import re
from collections.abc import Callable
from textwrap import indent
from types import FunctionType
from typing import TypeVar

PLACE = re.compile(r"^( *)\[([\w ]+)\]\n", re.MULTILINE)

PARAMETERS = {
    "clusters": """\
n_clusters : int, "auto"{or_none}, default=8
    Number of clusters. "auto" first finds the number, by one more training, and then trains with
    it. It needs the consistency term.{without}
max_clusters : int, default=20
    The highest number that "auto" tries. Ignored if ``n_clusters`` is a number.
image_shape : tuple of int (channels, height, width), default=None
    Shape of the image in each row of a two-dimensional X. Not needed if X has four dimensions;
    there it says which axis holds the channels.
prior : {{"auto", "uniform", "learned"}} or array-like of shape (n_clusters,), default="auto"
    Sizes of the clusters, as shares. "uniform" means equal sizes, "learned" estimates the sizes
    in training, and an array gives them, in any order. Training keeps the clusters near these
    sizes, and the generator draws clusters with these probabilities. "auto" is "uniform" without
    the consistency term and "learned" with it for a table. For images it trains copies of the
    network with both settings. It takes equal sizes, unless clusters are then clearly less
    stable: more images change their cluster if they are slightly changed. For a table, "auto"
    also tries k-means and mixtures of Gaussians. If their clusters explain the rows better, the
    network learns those.
random_state : int, RandomState or None, default=None
    Seed of all random numbers. None gives another result each time. The global random number
    generators are never used.
n_init : int or "auto", default="auto"
    Number of runs of the first stage, in which clusters form. The run with the best
    :meth:`score` is kept, and the generator learns to draw its clusters. "auto" is 4. It is 1
    without the consistency term, where each run would be a whole training. For photographs, and
    for at most 2,000 images, it is the number of heads of Q, which are trained together on one
    trunk and take hardly longer than one; "auto" is then 8.
""",
    "code": """\
categorical_codes : tuple of int, default=()
    Number of values of each further categorical code, which the generator gets besides the
    cluster. Most users need none.
n_continuous : int, default=0
    Number of continuous codes, uniform on [-1, 1].
noise_dim : int, default=62
    Number of random inputs of the generator, by which rows of one cluster differ.
""",
    "networks": """\
architecture : {{"auto", "mlp", "dcgan", "resnet"}} or tuple, default="auto"
    "auto" is "mlp" for tables and "dcgan" (arXiv:1511.06434) for images. With the consistency
    term it is "resnet" for images of three channels and at least 32 pixels on both sides. In
    "resnet", the trunk of Q is a residual network (arXiv:1512.03385), and the other networks
    are as in "dcgan". A pair (generator, trunk) gives networks of your own: classes or
    functions, called as ``generator(latent_dim, shape)`` and ``trunk(shape)``, or module
    instances, which are copied. The generator maps (n, latent_dim) to ``(n, *shape)``, in
    [-1, 1] for images, with mean 0 for tables. The trunk maps rows to features (n, ...), which
    are the input of the output layers. Weights with ``requires_grad=False`` are not
    trained, and a module with only such weights always runs in evaluation mode.
width : int, default=16
    Number of channels of the first convolution; fully connected layers have 16 times as many
    units.
depth : int, default=None
    Number of convolutions of the discriminator, of residual blocks, or of hidden layers in each
    MLP. The default is as many convolutions or blocks as leave maps of at least 2x2, or two
    hidden layers.
""",
    "objective": """\
objective : {{"consistency", "infogan", "gan"}} or Objective, default="consistency"
    What training minimises. "consistency" is InfoGAN with one more term: a real row and its
    twin, a changed copy or a near row, should get the same cluster. "infogan" is InfoGAN as in
    its paper.
    "gan" is a GAN without a code{gan}. An :class:`~gan_cluster.Objective`
    holds all weights; a parameter search sets them by ``objective__balance_weight`` and so on.
""",
    "training": """\
max_epochs : int or "auto", default="auto"
    Number of epochs (passes over X) of one run of the first stage, in which clusters form, and
    of the second stage, in which the generator is trained, together. The first stage gets at
    most half of it. "auto" is 900 steps for the first stage, more for more than 50 codes, and 650
    (images) or 900 (tables) for the second, which has at least eight epochs. Without the
    consistency term there is one stage, of at least 16 epochs. For photographs, contrastive
    learning comes first (``contrast_temperature`` of the objective): 15,000 steps, but at most
    100 epochs. If ``max_epochs`` is a number, it gets half of it, and the stages share the other
    half.
batch_size : int, default=128
    Number of rows in a batch; at most n_samples.
learning_rate : float, pair of float or "auto", default="auto"
    Learning rate of Adam: one number, or a pair for the discriminator with Q and for the generator.
    With the consistency term, the conditional discriminator has the generator's learning rate,
    and "auto" is (1e-3, 2e-3). If there are fewer than 128 images for each cluster, "auto" lowers
    the first rate in proportion when clusters have formed. Without the consistency term, "auto"
    is 1e-3 for both if there is a gradient penalty, and otherwise (2e-4, 1e-3) as in the InfoGAN
    paper.
tol : float, default=0.02
    An epoch counts as stable if at most this share of the labels changed in it, and if the bound
    on the information rose by at most this share of its highest possible value.
n_iter_no_change : int or None, default=10
    Training stops after this many stable epochs in a row; None never stops it early.
warm_start : bool, default=False
    Whether ``fit`` continues to train a fitted estimator instead of starting again. It trains for
    ``max_epochs``, or for as many epochs as the second stage has if that is "auto".
checkpoint_dir : path-like, default=None
    A folder for checkpoints of ``fit``. After a crash, call ``fit`` again with the same folder,
    parameters and X: it continues from the last checkpoint and gives the same result. A checkpoint
    is written after each epoch, unless writing would take more than a tenth of the time.
callbacks : list of skorch callbacks, default=None
    Called by the training loop. They can read the history, change the learning rates or the
    gradients of ``net.optimizer_``, or stop training early. There is no validation set to score.
    They are not called in the search for the number of clusters (``n_clusters="auto"``). Set
    callbacks of scikit-learn by ``set_callbacks`` instead.
""",
    "machine": """\
device : str, default="auto"
    "auto" is a CUDA GPU if there is one, otherwise the CPU. Or a name: "cpu", "cuda", "cuda:1",
    "mps" and so on.
precision : {{"float32", "bf16"}}, default="float32"
    Precision of the forward passes in training; "bf16" is PyTorch's automatic mixed precision.
verbose : int or bool, default=0
    Whether to show a progress bar for each stage. If the output goes to a file, it is one line
    for each stage. After a minute of training, the time that the whole fit may take is estimated,
    without the search for the number of clusters.
""",
}
ATTRIBUTES = """\
history_ : list of dict
    One dict for each epoch, with its ``seconds``. In contrastive learning it has the loss
    ``contrast``. Later epochs have ``cluster_usage``, the share of rows in each cluster;
    ``labels_changed``, the share of rows whose cluster changed since the previous epoch; and
    ``agreement``, the cross-entropy of rows and their twins (low if they agree). With
    several heads, the last two are means over the heads, and the last epoch in which they are
    trained has ``head_scores``, by which one head is chosen. Once
    the generator is trained, there are also the losses of the networks; ``label_loss``, the
    cross-entropy of labelled rows if there are any; ``variety``, the spread of generated rows
    divided by that of real rows; ``cluster_variety``, the same within each cluster, from rows
    of one code; and ``mutual_information`` in nats with its upper limit ``code_entropy``. With the
    consistency term there is ``cluster_fidelity``: the share of the rows drawn from each cluster
    that Q assigns to it. With continuous codes there is ``continuous_information``; if the
    variance of Q is fixed, it is at most log(2 / pi) / 2 for each code, a negative number. An
    epoch that was undone, because it diverged, has ``taken_back``.
model_ : Model
    The trained model, which assigns rows to clusters and draws rows.
n_clusters_ : int
    Number of clusters, given or found; fewer after ``merge_clusters``.
cluster_numbers_ : Bunch
    Only after ``n_clusters="auto"``: arrays with one entry for each number of clusters that was
    tried. ``k`` is the number. ``criterion`` is the depth of the shallowest valley between two
    clusters, in nats of log density, from -5 to 5. ``counted`` is how many of the clusters count:
    all clusters of a table, and those clusters of images that have at least half of the mean number
    of rows. The ``counted`` of the largest ``k`` whose ``criterion`` is at least 0.3 is taken, or 1
    if there is none. ``information`` is the mutual information between the cluster of a row
    and the clusters of the rows near it, in nats, at most ``entropy``.
merge_tree_ : ndarray of shape (n_codes - 1, 4)
    Only after ``n_clusters="auto"``: the order in which codes are merged into clusters, as a
    linkage matrix of :mod:`scipy.cluster.hierarchy`. Heights are the information lost so far, in
    nats.
code_names_ : list of str
    Names of the codes, in the order of the columns of ``codes`` in ``generate``.
n_iter_ : int
    Number of epochs trained.
generator_, discriminator_ : Module
    The trained networks.
device_ : str
    Device of the networks.
n_features_in_ : int
    Number of features, after images are flattened.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the features, if X was a DataFrame.
"""
RAISES = """\
Raises
------
NotFittedError
    Before fit.
ValueError, TypeError
    If X cannot be read, or does not match the X of fit.
"""

Documented = TypeVar("Documented")


def filled(target: Documented, texts: dict[str, str]) -> Documented:
    """Replace ``[name]`` by the text of that name in the docstrings of a function or class."""
    members = vars(target).values() if isinstance(target, type) else ()
    whole = [target, *(getattr(member, "__func__", member) for member in members)]
    within = [getattr(each, "__wrapped__", None) for each in whole]  # as in what is available if
    for each in (*whole, *within):
        if isinstance(each, type | FunctionType) and each.__doc__:
            each.__doc__ = PLACE.sub(lambda m: indent(texts[m[2]], m[1]), each.__doc__)
    return target


def documented(**words: str) -> Callable[[type], type]:
    """Put the shared texts into an estimator's docstrings; words fill in what differs."""
    texts = {"attributes": ATTRIBUTES, "raises": RAISES}
    if words:
        texts |= {name: text.format(**words) for name, text in PARAMETERS.items()}
    return lambda cls: filled(cls, texts)
