"""For every test: mujoco must find an off-screen platform chosen when a test module imports it."""

from __future__ import annotations

from motorium.sim.opengl import choose_platform

choose_platform()
