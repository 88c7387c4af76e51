"""Judge a dataset by rules; each yields findings."""

from ...moved import names_of

__getattr__ = names_of("motorium.data.check.judge", "check")
