"""Loggers whose lines are safe for a terminal, wherever the program that uses motorium sends them."""

from __future__ import annotations

import logging

from .printable import printable


def logger(name: str) -> logging.Logger:
    """Return the logger of a module; control characters in its lines, which files may have brought, become escapes."""
    found = logging.getLogger(name)
    found.addFilter(_show)
    return found


def _show(record: logging.LogRecord) -> bool:
    record.msg, record.args = printable(record.getMessage(), lines=True), None
    return True
