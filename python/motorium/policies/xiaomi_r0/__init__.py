"""Xiaomi-Robotics-0: config.json, statistics, weights and action head of the published checkpoints."""

from .config import read_config
from .policy import XiaomiR0
from .statistics import ActionStatistics, read_statistics
from .weights import read_weights

__all__ = ["ActionStatistics", "XiaomiR0", "read_config", "read_statistics", "read_weights"]
