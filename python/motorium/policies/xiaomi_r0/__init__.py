"""Xiaomi-Robotics-0: config.json, statistics, weights and action head of the published checkpoints."""

from .policy import ActionStatistics, XiaomiR0, read_config, read_statistics, read_weights

__all__ = ["ActionStatistics", "XiaomiR0", "read_config", "read_statistics", "read_weights"]
