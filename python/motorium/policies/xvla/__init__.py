"""X-VLA: config.json and weights of both layouts, the Florence-2 encoder and the denoising head."""

from .policy import Encoder, Xvla, read_config, read_encoder_config, read_encoder_weights, read_weights

__all__ = ["Encoder", "Xvla", "read_config", "read_encoder_config", "read_encoder_weights", "read_weights"]
