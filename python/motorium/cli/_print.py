"""The only way to the terminal: text from files, devices and libraries is shown, never interpreted.

A robot's name, a task, a key of a JSON file or the serial number of an adapter may hold anything: escape sequences that
move the cursor, change the title or answer in the user's name; line ends that make up lines of ours; characters that
turn the direction of what follows. Verbs hand over lines, and every control character in one is shown as an escape.
"""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from types import TracebackType

import click

from ..printable import printable

INDENT = "  "
"""Before the further lines of a message, so that none of them passes for one of ours."""


def echo(*lines: object, err: bool = False, fg: str | None = None) -> None:
    """Print lines on standard output, or with `err` on standard error; without any an empty one."""
    for line in lines or ("",):
        text = shown(line, err=err)
        click.echo(text if fg is None else click.style(text, fg=fg), err=err)


def echo_text(text: object, *, err: bool = False) -> None:
    """Print a text of several lines; all but the first are indented."""
    first, *rest = str(text).split("\n")
    echo(first, *(INDENT + line if line else "" for line in rest), err=err)


def ask(text: str) -> None:
    """Print a question on standard error and stay in its line."""
    click.echo(shown(text, err=True), err=True, nl=False)


def redraw(text: str, *, err: bool = False) -> None:
    """Print `text` in the place of the line the cursor is in; "" leaves it empty."""
    click.echo(f"\r{shown(text, err=err)}\x1b[K" if text else "\r\x1b[K", err=err, nl=False)


def redraw_lines(*lines: str) -> None:
    """Print lines and go back to the first, so that the next call draws over them."""
    last = len(lines) - 1
    click.echo("\n".join(map(shown, lines)) + (f"\x1b[{last}A" if last else "") + "\r", nl=False)


def shown(value: object, *, err: bool = False) -> str:
    """Return one line without control characters, in letters that the stream can encode."""
    text = printable(str(value))
    encoding = getattr(sys.stderr if err else sys.stdout, "encoding", None) or "utf-8"
    return text if text.isascii() else text.encode(encoding, "backslashreplace").decode(encoding)


def show_safely() -> None:
    """Let what others print on standard error for this program go the same way: logs, warnings, the last traceback."""
    logging.lastResort = _Shown(logging.WARNING)
    warnings.showwarning = _show_warning
    sys.excepthook = _show_exception


class _Shown(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        echo_text(self.format(record), err=True)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object, **_more: object
) -> None:
    echo_text(f"{filename}:{lineno}: {category.__name__}: {message}", err=True)


def _show_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    for part in traceback.format_exception(kind, error, trace):
        echo_text(part.rstrip("\n"), err=True)
