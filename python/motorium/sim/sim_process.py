"""The simulator process as its parent sees it: started, asked, ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO, Any

from ..errors import SimulationError
from . import protocol

REQUEST_TIMEOUT_S = 10.0
EXIT_TIMEOUT_S = 5.0
STDERR_LINES = 12


class SimProcess:
    """The child process and its control channel: one request at a time, from any thread."""

    def __init__(self, command: list[str]) -> None:
        """Start `command`. Raises SimulationError when it cannot be started."""
        try:
            # A session of its own: Ctrl-C in a terminal must leave the arm alive, so that it can be parked.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise SimulationError(f"cannot start the simulator: {error}") from error
        self._stdin, self._stdout, stderr = _pipes(self._process)
        self._readable = select.poll()
        self._readable.register(self._stdout, select.POLLIN)
        self._lock = threading.Lock()
        self._count = 0
        self._buffer = b""
        self._closed = False
        self._owner = os.getpid()
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self._drain = threading.Thread(
            target=self._read_stderr, args=(stderr,), name="sim-stderr", daemon=True
        )
        self._drain.start()

    @property
    def pid(self) -> int:
        """Process id of the simulator."""
        return self._process.pid

    def check(self) -> None:
        """Raise SimulationError when the process has ended or was closed."""
        if self._closed:
            raise SimulationError("the simulator is closed; open the robot again")
        if self._process.poll() is not None or self._dying():
            raise self._death()

    def _dying(self) -> bool:
        """Killed, but some of its threads have not gone yet, so that it cannot be waited for."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_bytes()
        except OSError:
            return False
        return stat.rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"])

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """Return the next message. Raises SimulationError on death, nonsense, or after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise SimulationError(f"the simulator did not answer within {timeout_s:g} s{self._tail()}")
            if not self._readable.poll(left * 1000):
                continue
            block = self._stdout.read(65536)
            if not block:
                raise self._death()
            self._buffer += block
        line, self._buffer = self._buffer.split(b"\n", 1)
        try:
            return protocol.decode(line)
        except protocol.ProtocolError as error:
            raise SimulationError(f"the simulator sent an invalid reply: {error}") from error

    def request(self, op: str, **options: Any) -> dict[str, Any]:
        """Send one request and return the reply's values. Raises SimulationError."""
        with self._lock:
            self.check()
            self._count += 1
            try:
                self._stdin.write(protocol.encode({"id": self._count, "op": op, **options}))
            except BrokenPipeError:
                raise self._death() from None
            while True:
                reply = self.receive(REQUEST_TIMEOUT_S)
                if (
                    reply.pop("id", None) == self._count
                ):  # an older id: the late answer to a timed-out request
                    break
        if not reply.pop("ok", False):
            raise SimulationError(str(reply.get("error", "the simulator refused without a reason")))
        return reply

    def close(self) -> None:
        """End the process: its input ends, then it is terminated, then killed. Safe to call twice."""
        if self._closed or os.getpid() != self._owner:  # a forked child must not end its parent's robot
            return
        self._closed = True
        with contextlib.suppress(OSError):
            self._stdin.close()
        for signal_number in (0, signal.SIGTERM, signal.SIGKILL):
            self._process.send_signal(signal_number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(EXIT_TIMEOUT_S)
                break
        self._stdout.close()
        self._drain.join(EXIT_TIMEOUT_S)

    def _read_stderr(self, stream: IO[bytes]) -> None:
        with stream:
            for line in iter(stream.readline, b""):
                self._stderr.append(line.decode(errors="replace").rstrip())

    def _tail(self) -> str:
        return "; it said last:\n  " + "\n  ".join(self._stderr) if self._stderr else ""

    def _death(self) -> SimulationError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT_TIMEOUT_S)
        self._drain.join(1.0)
        code = self._process.poll()
        how = (
            f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with status {code}"
        )
        return SimulationError(f"the simulator {how}{self._tail()}")


def _pipes(process: subprocess.Popen[bytes]) -> tuple[Any, Any, IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdin, process.stdout, process.stderr
