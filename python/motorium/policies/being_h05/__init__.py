"""Being-H0.5: config.json, weights and network of the published checkpoints."""

from .config import read_config
from .policy import IMAGE_TOKEN, STATE_TOKEN, BeingH05
from .weights import read_weights

__all__ = ["IMAGE_TOKEN", "STATE_TOKEN", "BeingH05", "read_config", "read_weights"]
