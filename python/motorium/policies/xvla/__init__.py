"""X-VLA: config.json and weights of both layouts, the Florence-2 encoder and the denoising head."""

from .config import read_config
from .florence import read_encoder_config
from .policy import Encoder, Xvla
from .weights import read_encoder_weights, read_weights

__all__ = ["Encoder", "Xvla", "read_config", "read_encoder_config", "read_encoder_weights", "read_weights"]
