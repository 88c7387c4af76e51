"""Fixtures of the robot tests."""

from __future__ import annotations
