"""Pictures of what was learned, as scikit-learn Displays; they need the extra ``plot``."""

from gan_cluster.inspection.clusters import ClusterDisplay

__all__ = ["ClusterDisplay"]
