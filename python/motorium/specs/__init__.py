"""Robots, servos and slots as data: read from TOML, checked and frozen."""
