"""RobotSpec -> the control thread's configuration, for callers above the robots' floor."""

from __future__ import annotations

from ..robots.assembly import control_config

__all__ = ["control_config"]
