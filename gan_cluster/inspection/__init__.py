"""Pictures of what was learned, as scikit-learn Displays; they need the extra ``plot``."""

from gan_cluster.inspection.clusters import ClusterDisplay
from gan_cluster.inspection.latent import TraversalDisplay

__all__ = ["ClusterDisplay", "TraversalDisplay"]
