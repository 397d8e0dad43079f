"""Pictures of a fitted estimator: scikit-learn Displays and an HTML page.

Displays need the extra ``plot``, the page needs ``report``.
"""

from gan_cluster.inspection.arithmetic import ArithmeticDisplay
from gan_cluster.inspection.clusters import ClusterDisplay, MembersDisplay
from gan_cluster.inspection.filters import FiltersDisplay
from gan_cluster.inspection.history import HistoryDisplay
from gan_cluster.inspection.latent import TraversalDisplay
from gan_cluster.inspection.numbers import ClusterNumberDisplay
from gan_cluster.inspection.report import ClusterReport
from gan_cluster.inspection.tables import ConfusionDisplay, ProfileDisplay
from gan_cluster.inspection.walks import WalkDisplay

__all__ = [
    "ArithmeticDisplay",
    "ClusterDisplay",
    "ClusterNumberDisplay",
    "ClusterReport",
    "ConfusionDisplay",
    "FiltersDisplay",
    "HistoryDisplay",
    "MembersDisplay",
    "ProfileDisplay",
    "TraversalDisplay",
    "WalkDisplay",
]
