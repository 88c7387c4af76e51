"""Control channel of the simulator process: one JSON object per line, requests on stdin, replies on stdout.

Request: `{"id": 7, "op": "reset", "seed": 3, "task": "put the red cube in the tray"}`; reply: `{"id": 7,
"ok": true, ...}` or `{"id": 7, "ok": false, "error": "..."}`. The first line the process prints is the
handshake. The channel is beside the robot: nothing here moves a joint, that is what the servo bus is for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_LINE_BYTES = 64 * 1024
MAX_TASK_CHARS = 200
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "quit": (),
    "reset": ("seed", "task", "arm"),
    "status": (),
    "truth": (),
    "practise": ("words",),
}
ARM_CHOICES = ("keep", "home")


class ProtocolError(ValueError):
    """A line on the control channel is not a request; the text says what is valid."""


@dataclass(frozen=True)
class Request:
    """One checked request: `id` is echoed in the reply, `options` holds only valid keys."""

    op: str
    id: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CameraAddress:
    """Where the frames of one camera are: a file to map, see `shared_frames`."""

    shm: str
    height: int
    width: int
    fps: float


@dataclass(frozen=True)
class Handshake:
    """First line of the process: the servo bus, the cameras by role, and who speaks."""

    robot: str
    port: str
    pid: int
    task: str
    cameras: Mapping[str, CameraAddress]


def _reject_constant(text: str) -> float:
    raise ProtocolError(f"{text} is not JSON; numbers must be finite")


def decode(line: bytes) -> dict[str, Any]:
    """Decode one line to a JSON object. Raises ProtocolError."""
    try:
        message = json.loads(line.decode("utf-8"), parse_constant=_reject_constant)
    except ProtocolError:
        raise
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a JSON object on one line: {error}") from error
    if not isinstance(message, dict):
        raise ProtocolError(f"not a JSON object but a {type(message).__name__}")
    return message


def encode(message: Mapping[str, Any]) -> bytes:
    """Write a JSON object as one line. Raises ValueError on numbers that are not finite."""
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def check_scene(options: Mapping[str, Any]) -> None:
    """Raise ProtocolError unless `seed`, `task` and `arm`, where given, can make a scene."""
    seed = options.get("seed", 0)
    if not _is_int(seed) or not 0 <= seed < 2**63:
        raise ProtocolError(f"seed must be a whole number from 0 to 2**63 - 1, not {seed!r:.40}")
    task = options.get("task")
    if task is not None and (not isinstance(task, str) or len(task) > MAX_TASK_CHARS):
        raise ProtocolError(f"task must be null or text of at most {MAX_TASK_CHARS} characters")
    if options.get("arm", "keep") not in ARM_CHOICES:
        raise ProtocolError(f"arm is {options['arm']!r:.40}; valid choices: {', '.join(ARM_CHOICES)}")


def parse_request(line: bytes) -> Request:
    """Parse one line to a Request. Raises ProtocolError naming the valid operations or options."""
    message = decode(line)
    op = message.pop("op", None)
    if not isinstance(op, str) or op not in OPTIONS:
        raise ProtocolError(f"unknown op {op!r:.40}; valid ops: {', '.join(OPTIONS)}")
    number = message.pop("id", None)
    if number is not None and not _is_int(number):
        raise ProtocolError(f"id must be a whole number, not {number!r:.40}")
    unknown = sorted(set(message) - set(OPTIONS[op]))
    if unknown:
        valid = ", ".join(OPTIONS[op]) or "none"
        raise ProtocolError(f"unknown option {unknown[0]!r:.40} of op {op!r}; valid options: {valid}")
    if op == "reset":
        check_scene(message)
    words = message.get("words", "")
    if not isinstance(words, str) or len(words) > MAX_TASK_CHARS:
        raise ProtocolError(f"words must be text of at most {MAX_TASK_CHARS} characters")
    return Request(op, number, message)


def parse_handshake(message: Mapping[str, Any]) -> Handshake:
    """Read the first line's object as a Handshake. Raises ProtocolError when a key is missing or wrong."""
    try:
        cameras = {role: CameraAddress(**address) for role, address in message["cameras"].items()}
        return Handshake(message["robot"], message["port"], int(message["pid"]), message["task"], cameras)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"handshake lacks or misspells {error}") from error


def bounded_lines(read: Callable[[], bytes], limit: int = MAX_LINE_BYTES) -> Iterator[bytes | None]:
    """Split a byte stream into lines, never holding more than `limit` bytes of one.

    Args:
        read: returns the next bytes, empty at the end of the stream.
        limit: longest line in bytes.

    Yields:
        Each line without its newline, empty ones left out; None once for each line over the limit, whose
        bytes are dropped up to its newline.
    """
    pending, dropping = b"", False
    while block := read():
        pending += block
        *lines, pending = pending.split(b"\n")
        for line in lines:
            if dropping or len(line) > limit:
                yield None
            elif line.strip():
                yield line
            dropping = False
        if len(pending) > limit:
            pending, dropping = b"", True
