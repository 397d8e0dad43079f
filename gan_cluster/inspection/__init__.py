"""Pictures of what was learned, as scikit-learn Displays; they need the extra ``plot``."""

from gan_cluster.inspection.arithmetic import ArithmeticDisplay
from gan_cluster.inspection.clusters import ClusterDisplay, MembersDisplay
from gan_cluster.inspection.filters import FiltersDisplay
from gan_cluster.inspection.history import HistoryDisplay
from gan_cluster.inspection.latent import TraversalDisplay
from gan_cluster.inspection.tables import ConfusionDisplay, ProfileDisplay
from gan_cluster.inspection.walks import WalkDisplay

__all__ = [
    "ArithmeticDisplay",
    "ClusterDisplay",
    "ConfusionDisplay",
    "FiltersDisplay",
    "HistoryDisplay",
    "MembersDisplay",
    "ProfileDisplay",
    "TraversalDisplay",
    "WalkDisplay",
]
