"""Check what a verb needs of its environment before anything moves or changes: streams, encodings, folders."""

from __future__ import annotations

import fcntl
import os
import select
import stat
import sys
from pathlib import Path
from typing import TextIO

import click

from ..files import check_text, reserve_standard_descriptors

FULL_DEVICE = os.makedev(1, 7)
"""/dev/full, which takes nothing. Source: Linux, Documentation/admin-guide/devices.txt."""
CANNOT_SAY = 2


def prepare_streams() -> None:
    """Make stdin, stdout and stderr usable, or exit with 2 and give the reason on a stream that works.

    A closed stdin is an empty one: no keys are watched. Output that nobody could read is refused, since a verb that
    moves an arm and cannot say so is not to be trusted; /dev/null is where to send what is not wanted.
    """
    out, err = _problem(sys.stdout, 1), _problem(sys.stderr, 2)
    reserve_standard_descriptors()
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - for as long as the program runs
    for problem, name, other in ((out, "output", sys.stderr), (err, "error", sys.stdout)):
        if problem is not None:
            _say(f"error: standard {name} {problem}: send it to a file, or to /dev/null", other)
            silence(sys.stdout if name == "output" else sys.stderr)
            raise SystemExit(CANNOT_SAY)


def _problem(stream: TextIO | None, number: int) -> str | None:
    """Why `stream` cannot be written to; None when it can, or when it is not that of the process (as in a test)."""
    if stream is None:
        return "is closed"
    try:
        if stream.fileno() != number:
            return None
        mode = os.fstat(number)
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            return "is open for reading only"
    except (OSError, ValueError):
        return None
    if stat.S_ISCHR(mode.st_mode) and mode.st_rdev == FULL_DEVICE:
        return "is full (/dev/full)"
    if stat.S_ISREG(mode.st_mode) and os.fstatvfs(number).f_bavail == 0:
        return "is a file on a disk that is full"
    if stat.S_ISFIFO(mode.st_mode) and _nobody_reads(number):
        return "is a pipe that nobody reads"
    return None


def _nobody_reads(number: int) -> bool:
    poll = select.poll()
    poll.register(number, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _say(text: str, stream: TextIO | None) -> None:
    try:
        click.echo(text, file=stream if stream is not None else sys.__stderr__)
    except OSError:
        return  # neither stream can be written to: the code of the exit has to do


def silence(stream: TextIO | None) -> None:
    """From now on `stream` goes nowhere, so that what is left in its buffer does no harm at the end."""
    try:
        number = -1 if stream is None else stream.fileno()
        if number >= 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    except (OSError, ValueError):
        return


def check_letters(texts: list[str]) -> None:
    """Raise StorageError when the locale cannot hold letters of the command line: paths would name other files."""
    for text in texts:
        check_text(text)
