"""The simulator process: `python -m motorium.sim.server so101 --seed 0`.

Prints one handshake line, then answers the control channel (`protocol`) until it is told to quit, its input
ends (the parent is gone, however it died), or it gets SIGINT, SIGTERM or SIGHUP. Leaves nothing behind: the
pseudo-terminal and the frame memory have no name that could outlive the process.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..errors import MotoriumError
from . import protocol
from .opengl import OpenGLError, import_mujoco, restart_with_fallback

if TYPE_CHECKING:
    from .simulation import Simulation

SWITCH_INTERVAL_S = 0.0005  # Python's 5 ms would let rendering hold up a whole physics period
NICE = -10
WATCH_S = 0.25

Write = Callable[[dict[str, Any]], None]


def requests(stop: threading.Event, source: int = 0) -> Iterator[protocol.Request | protocol.ProtocolError]:
    """Yield requests from descriptor `source` until it ends, the parent process changes or `stop` is set."""
    parent = os.getppid()  # a fork elsewhere in the parent may hold the pipe open beyond the parent's death
    poll = select.poll()
    poll.register(source, select.POLLIN)

    def read() -> bytes:
        while not stop.is_set() and os.getppid() == parent:
            if poll.poll(WATCH_S * 1000):
                return os.read(source, 65536)
        return b""

    yield from map(_parsed, protocol.bounded_lines(read))


def _parsed(line: bytes | None) -> protocol.Request | protocol.ProtocolError:
    try:
        if line is None:
            raise protocol.ProtocolError(f"line is longer than {protocol.MAX_LINE_BYTES} bytes")
        return protocol.parse_request(line)
    except protocol.ProtocolError as error:
        return error


def serve(simulation: Simulation, write: Write) -> None:
    """Answer requests until the channel ends; raises what stopped the simulation by itself."""
    for request in requests(simulation.stop):
        if isinstance(request, protocol.ProtocolError):
            write({"id": None, "ok": False, "error": str(request)})
            continue
        try:
            write({"id": request.id, "ok": True, **simulation.answer(request)})
        except MotoriumError as error:
            write({"id": request.id, "ok": False, "error": str(error)})
        if simulation.stop.is_set():
            break
    simulation.check()


@contextlib.contextmanager
def private_stdout() -> Iterator[Write]:
    """Keep the real stdout for the channel; whatever libraries print goes to stderr."""
    channel = os.dup(1)
    os.dup2(2, 1)

    def write(message: dict[str, Any]) -> None:
        data = protocol.encode(message)
        while data:
            data = data[os.write(channel, data) :]

    try:
        yield write
    finally:
        os.dup2(channel, 1)
        os.close(channel)


def _run(options: argparse.Namespace, write: Write) -> None:
    from .simulation import Simulation  # here: MuJoCo reads MUJOCO_GL once, on import

    simulation = Simulation(options.robot, options.seed, options.task, factory_new=options.factory_new)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: simulation.stop.set())
    try:
        simulation.start()
        if not simulation.stop.is_set():
            write(simulation.handshake())
            serve(simulation, write)
    finally:
        simulation.close()


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m motorium.sim.server", description=__doc__)
    parser.add_argument("robot", help="robot name, for example so101, or a robot TOML")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first scene")
    parser.add_argument("--task", default=None, help="first instruction; default: drawn from the seed")
    parser.add_argument(
        "--factory-new", action="store_true", help="servos as they leave the factory, none connected"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the simulator process; returns its exit status."""
    options = _arguments(argv)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with contextlib.suppress(OSError):  # this stands for hardware: it should not wait for who drives it
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    with private_stdout() as write:
        try:
            import_mujoco()
            _run(options, write)
            return 0
        except BrokenPipeError:
            return 0
        except OpenGLError as error:
            failure: Exception = error
        except MotoriumError as error:
            if error.__cause__ is not None:
                traceback.print_exception(error.__cause__)
            print(f"error: {error}", file=sys.stderr)
            write({"error": str(error)})
            return 1
        except Exception as error:  # noqa: BLE001 - the parent must hear of it, whatever it is
            traceback.print_exc()
            write({"error": f"the simulator failed: {error!r}"})
            return 1
    restart_with_fallback()
    with private_stdout() as write:
        write({"error": str(failure)})
    return 1


if __name__ == "__main__":
    sys.exit(main())
