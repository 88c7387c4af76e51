"""A program that holds an arm, at a terminal or as a job of a shell, and what the person at the keyboard sees."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import motorium

SOURCES = str(Path(motorium.__file__).parents[1])
PROGRAM = """
import sys, time
from motorium.operator.operator import Operator
from motorium.robots.robot import Robot
if sys.argv[3:] != ["quiet"]:
    print("starting", flush=True)
robot = Robot.open(sys.argv[1], port=sys.argv[2], calibration="nominal")
with Operator(say=lambda text: print(text, flush=True)) as operator, operator.watching(robot), robot:
    print("holding", flush=True)
    while not operator.ended():
        robot.check()
        time.sleep(0.01)
print("over", flush=True)
"""


class AtTerminal:
    """A process whose keyboard and screen are `types` and `shows`; by default a shell, in a session of its own."""

    def __init__(self, command: list[str] | None = None, *, session: bool = True) -> None:
        self.seen = ""
        environment = {**os.environ, "PYTHONPATH": SOURCES, "PS1": "$ ", "TERM": "dumb"}
        command = command or ["bash", "--norc", "--noediting", "-i"]
        self.process: subprocess.Popen[bytes] | None = None
        if session:  # the terminal is its controlling one
            self.pid, self._fd = pty.fork()
            if self.pid == 0:
                os.execvpe(command[0], command, environment)
        else:
            self._fd, terminal = pty.openpty()
            self.process = subprocess.Popen(
                command,
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
                env=environment,
                start_new_session=True,
            )
            self.pid = self.process.pid
            os.close(terminal)

    def __enter__(self) -> AtTerminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)  # SIGHUP to what runs there
        for _ in range(500):
            if (
                os.waitpid(self.pid, os.WNOHANG)[0]
                if self.process is None
                else self.process.poll() is not None
            ):
                return
            time.sleep(0.01)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def types(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def shows(self, pattern: str, timeout_s: float = 20.0) -> re.Match[str]:
        """What is shown after the last match, up to the first match of `pattern`; AssertionError in time."""
        end = time.monotonic() + timeout_s
        while (found := re.search(pattern, self.seen)) is None:
            assert time.monotonic() < end, f"no {pattern!r} in {self.seen[-2000:]!r}"
            if select.select([self._fd], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self._fd, 65536).decode(errors="replace")
                except OSError:  # it has ended
                    assert re.search(pattern, self.seen), f"ended without {pattern!r}: {self.seen[-2000:]!r}"
        self.seen = self.seen[found.end() :]
        return found


def program(folder: Path, *arguments: str) -> str:
    """A command line that runs PROGRAM."""
    path = folder / "hold.py"
    path.write_text(PROGRAM, encoding="utf-8")
    return " ".join([sys.executable, str(path), *arguments])
