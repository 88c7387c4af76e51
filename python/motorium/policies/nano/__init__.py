"""motorium's own family: small networks that read words, pictures and joints and plan a chunk."""

from .policy import NanoPolicy

__all__ = ["NanoPolicy"]
