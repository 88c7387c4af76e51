"""How long an arm takes to its safe state after each way a program can fail: measured on virtual servos.

    python tests/support/safe_state.py --repeat 5 [--json out.json]

prints every event with its bound of docs/safety.md. The tests assert the same bounds (tests/harms).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from policies import BrokenPolicy, SinePolicy
from virtual_arm import VirtualArm, quick_robot

import motorium
from motorium._core import Mode
from motorium.errors import BusError, CameraError
from motorium.robots.frames import PATIENCE_S
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec
from motorium.types import Frame

SPEC = RobotSpec.load("so101")
HOME = np.array([joint.home_rad for joint in SPEC.joints])
REST = np.array([joint.rest_rad for joint in SPEC.joints])
QUICK = quick_robot(Path(tempfile.mkdtemp()))
FROZEN_S = 0.31
"""LoopConfig::frozen_after_ns and one look of the supervisor."""
SILENT_S = 1.0
"""The longest that a supervisor may say nothing: Supervisor, kSilentNs."""
PROGRAM = """
import sys, time
from motorium.robots.robot import Robot
with Robot.open(sys.argv[2], port=sys.argv[1], calibration="nominal") as robot:
    enabled = robot.control.stats().ticks
    while robot.control.stats().ticks < enabled + 5:  # torque is switched, control goes on
        time.sleep(0.005)
    print("up", flush=True)
    while True:
        robot.check()
        time.sleep(0.01)
"""


@dataclass(frozen=True)
class Event:
    """One way to fail.

    Attributes:
        name: as in docs/safety.md.
        noticed: what is reached first, and safe: what is reached then, in words.
        noticed_s, safe_s: the bounds stated there, from the event on.
        measure: returns the two times.
    """

    name: str
    noticed: str
    noticed_s: float
    safe: str
    safe_s: float
    measure: Callable[[], tuple[float, float]]


def seconds_until(condition: Callable[[], bool], since: float, timeout_s: float = 10.0) -> float:
    """From `since` to the moment the condition holds."""
    while not condition():
        assert time.monotonic() - since < timeout_s, "not reached"
        time.sleep(0.001)
    return time.monotonic() - since


def torque_limits(arm: VirtualArm) -> np.ndarray:
    """Permille of stall torque, as written to each servo."""
    return np.array([int.from_bytes(arm.emulator.registers(j.id)[48:50], "little") for j in SPEC.joints])


def at_rest(arm: VirtualArm) -> bool:
    """Torque off, where it may be: within kRestTolerance_rad of its reading, which is a tick of the bus old."""
    return not arm.torque.any() and bool(np.abs(arm.position_rad - REST).max() < 0.07)


@contextmanager
def program(arm: VirtualArm):
    """A process of its own that holds `arm` under torque."""
    environment = {**os.environ, "PYTHONPATH": str(Path(motorium.__file__).parents[1])}
    command = [sys.executable, "-c", PROGRAM, arm.emulator.port, QUICK]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, env=environment, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n", process.stderr and process.stderr.read()
        try:
            yield process
        finally:
            process.kill()


def hit(*signals: signal.Signals) -> tuple[float, float]:
    """A program that is killed or stopped: its supervisor lowers the torque, then takes it."""
    with VirtualArm(SPEC, start_rad=HOME) as arm, program(arm) as process:
        assert (torque_limits(arm) > 300).all()
        begin = time.monotonic()
        for number in signals:
            os.killpg(process.pid, number)  # the supervisor is in a session of its own
        noticed = seconds_until(lambda: bool((torque_limits(arm) <= 300).all()), begin)
        assert arm.torque.all(), "a raised arm settles before it is let go"
        return noticed, seconds_until(lambda: not arm.torque.any(), begin)


def supervisor_of(pid: int) -> int:
    """The process that watches over the arm of this program."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # it ended meanwhile
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            if fields["Name"] == "motorium-guard" and int(fields["PPid"]) == pid:
                return int(fields["Pid"])
    raise AssertionError("no supervisor")


def unsupervised(number: signal.Signals) -> tuple[float, float]:
    """The supervisor is gone: the program brings its arm to rest, while somebody can still let it down."""
    with VirtualArm(SPEC, start_rad=HOME) as arm, program(arm) as process:
        before, guard = arm.goal_rad(), supervisor_of(process.pid)
        begin = time.monotonic()
        os.kill(guard, number)
        try:
            noticed = seconds_until(lambda: bool(np.abs(arm.goal_rad() - before).max() > 0.02), begin)
            return noticed, seconds_until(lambda: at_rest(arm), begin)
        finally:
            with suppress(ProcessLookupError):
                os.kill(guard, signal.SIGKILL)  # a stopped one would outlive the program that is killed next


def interrupt(count: int = 1) -> tuple[float, float]:
    """Ctrl-C, any number of times: under way to its rest pose, then torque off there."""
    with VirtualArm(SPEC, start_rad=HOME) as arm, program(arm) as process:
        before = arm.goal_rad()
        begin = time.monotonic()
        for _ in range(count):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1 * (count > 1))
        noticed = seconds_until(lambda: bool(np.abs(arm.goal_rad() - before).max() > 0.02), begin)
        return noticed, seconds_until(lambda: at_rest(arm), begin)


class WatchedPolicy(BrokenPolicy):
    """Raises, and says when."""

    raised_s = 0.0

    def spoil(self, rows: np.ndarray) -> np.ndarray:
        if self.calls == self.at:
            self.raised_s = time.monotonic()
        return super().spoil(rows)


def broken_policy() -> tuple[float, float]:
    """An exception in the policy: the arm holds, then goes to rest."""
    policy = WatchedPolicy(at=4)
    held: list[float] = []
    with VirtualArm(SPEC, start_rad=HOME) as arm:
        with (
            suppress(ArithmeticError),
            Robot.open(QUICK, port=arm.emulator.port, calibration="nominal") as robot,
        ):
            try:
                motorium.run(robot, policy, "swing", 10.0)
            finally:
                held.append(seconds_until(lambda: robot.control.mode is Mode.HOLDING, policy.raised_s))
        return held[0], seconds_until(lambda: at_rest(arm), policy.raised_s)


def unplugged() -> tuple[float, float]:
    """The adapter is gone: no more goals, and the program is told. Feetech servos hold their last goal."""
    with VirtualArm(SPEC) as arm:
        begin = noticed = 0.0
        with suppress(BusError), Robot.open(QUICK, port=arm.emulator.port, calibration="nominal") as robot:
            begin = time.monotonic()
            arm.emulator.close()
            noticed = seconds_until(lambda: robot.control.mode is Mode.FAULT, begin)
            robot.check()
        return noticed, time.monotonic() - begin


class FreezingCamera:
    """Gives fresh frames until told to freeze; then always the last one."""

    def __init__(self, role: str) -> None:
        self.role, self.last, self.frozen = (
            role,
            Frame(np.zeros((4, 6, 3), np.uint8), time.monotonic_ns(), 1),
            False,
        )

    def read_latest(self, timeout_s: float = 1.0) -> Frame:
        del timeout_s
        if not self.frozen:
            self.last = Frame(self.last.image, time.monotonic_ns(), self.last.seq + 1)
        return self.last

    def close(self) -> None: ...


def frozen_camera() -> tuple[float, float]:
    """A camera that delivers nothing new: the arm holds when its frame is too old, then goes to rest."""
    camera, policy = FreezingCamera("front"), SinePolicy()
    held: list[float] = []

    def freeze() -> bool:
        camera.frozen = camera.frozen or policy.calls >= 4
        return False

    with VirtualArm(SPEC, start_rad=HOME) as arm:
        robot = Robot.open(QUICK, port=arm.emulator.port, calibration="nominal", cameras={"front": camera})
        with suppress(CameraError), robot:
            try:
                motorium.run(robot, policy, "swing", 10.0, until=freeze)
            finally:
                since = camera.last.t_ns * 1e-9
                held.append(seconds_until(lambda: robot.control.mode is Mode.HOLDING, since))
        return held[0], seconds_until(lambda: at_rest(arm), camera.last.t_ns * 1e-9)


PARK_S = SPEC.exit.park_timeout_s
CAMERA_S = max(camera.max_age_s for camera in SPEC.cameras)
REPLAN_S = SinePolicy.info.execution_horizon * SinePolicy.info.dt_s
BUSY_S = 0.5
"""What the bounds leave to a busy machine."""
TORQUE_OFF_S = FROZEN_S + 2.0 + BUSY_S
AT_REST_S = PARK_S + BUSY_S
HELD_S = CAMERA_S + REPLAN_S + PATIENCE_S + BUSY_S
AT_30 = ("torque limit at 30 %", FROZEN_S + BUSY_S)
ON_ITS_WAY = ("on its way to rest", BUSY_S)
EVENTS = (
    Event("kill -9", *AT_30, "torque off", TORQUE_OFF_S, lambda: hit(signal.SIGKILL)),
    Event("SIGSTOP", *AT_30, "torque off", TORQUE_OFF_S, lambda: hit(signal.SIGSTOP)),
    Event(
        "supervisor killed",
        *ON_ITS_WAY,
        "torque off at rest",
        AT_REST_S,
        lambda: unsupervised(signal.SIGKILL),
    ),
    Event(
        "supervisor stopped",
        ON_ITS_WAY[0],
        SILENT_S + BUSY_S,
        "torque off at rest",
        SILENT_S + AT_REST_S,
        lambda: unsupervised(signal.SIGSTOP),
    ),
    Event("Ctrl-C", *ON_ITS_WAY, "torque off at rest", AT_REST_S, interrupt),
    Event("Ctrl-C, three times", *ON_ITS_WAY, "torque off at rest", AT_REST_S, lambda: interrupt(3)),
    Event("exception in the policy", "holds", BUSY_S, "torque off at rest", AT_REST_S, broken_policy),
    Event("bus unplugged", "no goals sent", BUSY_S, "program told", 2 * BUSY_S, unplugged),
    Event("camera frozen", "holds", HELD_S, "torque off at rest", HELD_S + PARK_S, frozen_camera),
)


def event(name: str) -> Event:
    """By its name."""
    return next(entry for entry in EVENTS if entry.name == name)


def check(name: str) -> tuple[float, float]:
    """Measure one event and hold it to its bounds; the times."""
    entry = event(name)
    noticed_s, safe_s = entry.measure()
    assert noticed_s <= entry.noticed_s, f"{name}: {entry.noticed} after {noticed_s:.2f} s"
    assert safe_s <= entry.safe_s, f"{name}: {entry.safe} after {safe_s:.2f} s"
    return noticed_s, safe_s


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeat", type=int, default=5)
    options.add_argument("--only", action="append", choices=[entry.name for entry in EVENTS])
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    print("| event | first | median | worst | bound | then | median | worst | bound |")
    print("|---|---|---|---|---|---|---|---|---|")
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for entry in [event(name) for name in chosen.only] if chosen.only else EVENTS:
        times = np.array([entry.measure() for _ in range(chosen.repeat)])
        reached = zip((entry.noticed, entry.safe), times.T, (entry.noticed_s, entry.safe_s), strict=True)
        line = [entry.name]
        for what, took, bound in reached:
            middle, worst = float(np.median(took)), float(took.max())
            rows.setdefault(entry.name, {})[what] = {"median_s": middle, "worst_s": worst, "bound_s": bound}
            line += [what, f"{middle:.2f} s", f"{worst:.2f} s", f"{bound:.2f} s"]
        print(f"| {' | '.join(line)} |", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps({"repeat": chosen.repeat, "events": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
