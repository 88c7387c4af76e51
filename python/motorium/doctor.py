"""Looks at a machine the way motorium will use it, and says what is missing and what to do about it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .children import python_code
from .deprecated import TextEnum
from .errors import BindingError

if TYPE_CHECKING:
    from .motors.diagnosis import Expected, Finding
    from .motors.ports import SerialPort
    from .motors.scan import BusScan
    from .policies.binding import MappingRow
    from .runtime.pace_check import PaceCheck


PYTHONS = ((3, 10), (3, 13))
MODELS_FREE_MB = 500
_BUILD = """
import mujoco
from motorium.specs.robot import RobotSpec
from motorium.sim.mjcf import build_mjcf
from motorium.sim.servo import ServoModel
spec = RobotSpec.load("so101")
model = mujoco.MjModel.from_xml_string(build_mjcf(spec, [ServoModel.load(name) for name in spec.motor_names]))
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
mujoco.mj_copyData(mujoco.MjData(model), model, data)
"""
_RENDER = (
    _BUILD
    + """
renderer = mujoco.Renderer(model, 16, 16)
renderer.update_scene(data, spec.views[0].role)
assert renderer.render().std() > 0
renderer.close()
"""
)
_REALTIME = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))"
LOCKED_KB = 16 * 1024
"""What a control thread locks in RAM: the extension's code, its history and its stack."""


class CheckStatus(TextEnum):
    """How a check ended: WARN where a part of motorium is unavailable or slower, FAIL where nothing will work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: what.
        status: how it ended.
        detail: what was found.
        advice: what to do; empty when ok.
    """

    name: str
    status: CheckStatus
    detail: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return plain values for JSON."""
        return {**asdict(self), "status": str(self.status)}


@dataclass(frozen=True)
class Fit:
    """How a checkpoint fits a robot.

    Attributes:
        rows: every input and output of the checkpoint beside what the robot has for it.
        refusal: why the two cannot be bound, with both lists; empty when they can.
        contradictions: what the checkpoint's own statistics say against its labels.
        pace: whether its plans come in time, as timed on this machine; None where the two cannot be bound.
    """

    rows: tuple[MappingRow, ...]
    refusal: str
    contradictions: tuple[str, ...]
    pace: PaceCheck | None = None

    @property
    def blocking(self) -> bool:
        """Whether this checkpoint must not drive this robot."""
        return bool(self.refusal or self.contradictions)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        mapping = [asdict(row) for row in self.rows]
        return {
            "mapping": mapping,
            "refusal": self.refusal,
            "contradictions": list(self.contradictions),
            "pace": self.pace.as_dict() if self.pace is not None else None,
        }


@dataclass(frozen=True)
class BusReport:
    """What is on a servo bus and what is wrong with it; `scan` is None for a port that cannot be opened."""

    scan: BusScan | None
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "bus": self.scan.as_dict() if self.scan is not None else None,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def check_bus(port: str, robot: str | None = None, ids: range = range(253), **options: Any) -> BusReport:
    """Look at a servo bus, and at its adapter; `options` are those of `motors.scan.scan`.

    With a robot, its servos are expected there in joint order. Raises BusError when the port does not exist or another
    program holds it, SpecError for an unknown robot.
    """
    from .motors.diagnosis import BusTrouble, diagnose, diagnose_latency, diagnose_port
    from .motors.scan import scan

    adapter = _adapter(port)
    findings = diagnose_port(adapter) if Path(port).exists() else []
    if any(finding.cause is BusTrouble.PERMISSION for finding in findings):
        return BusReport(None, tuple(findings))
    expected, baud = _expected(robot)

    def complete(servos: Any) -> bool:
        seen = {servo.id for servo in servos}
        return bool(seen) and seen >= {entry.id for entry in expected}

    if baud is not None:
        bauds = options.pop("bauds", None) or _bauds_from(baud)
        options = {"bauds": bauds, "stop_after": complete, **options}
    found = scan(port, ids=ids, **options)
    findings += diagnose_latency(adapter, found.latency)
    findings += diagnose(found, expected, baud)
    return BusReport(found, tuple(findings))


def _bauds_from(first: int) -> tuple[int, ...]:
    from .motors.scan import BAUDS

    return (first, *(rate for rate in BAUDS if rate != first))


def _adapter(port: str) -> SerialPort:
    from .motors.ports import SerialPort, list_ports

    tty = str(Path(port).resolve())
    unknown = SerialPort(port, tty, None, "", usable=True, advice="")
    return next((found for found in list_ports() if found.tty == tty), unknown)


def _expected(robot: str | None) -> tuple[list[Expected], int | None]:
    if robot is None:
        return [], None
    from .motors.diagnosis import expected_servos
    from .specs.robot import RobotSpec

    spec = RobotSpec.load(robot)
    return expected_servos(spec), spec.bus.baud


def check_fit(checkpoint: str, robot: str, latency_s: float | None = None) -> Fit:
    """Compare a checkpoint (name or directory) with a robot (`so101` or `sim:so101`), touching neither.

    With `latency_s`, also judge whether its committed rows bridge inferences that take as long.
    Raises CheckpointError and SpecError when one of the two cannot be read at all.
    """
    from .policies.binding import mapping_table
    from .policies.contradictions import contradictions
    from .policies.load import load
    from .runtime.pace_check import check_pace
    from .specs.robot import RobotSpec

    policy = load(checkpoint)
    spec = RobotSpec.load(robot.rpartition(":")[2])
    try:
        policy.bind(spec)
        refusal = ""
    except BindingError as error:
        refusal = str(error)
    info = policy.info  # a class of 0.1.0 may have it only now
    pace = None if refusal else check_pace(policy, spec, latency_s)
    return Fit(tuple(mapping_table(info, spec)), refusal, tuple(contradictions(info, spec)), pace)


def check_machine() -> list[Check]:
    """Run every check that needs no robot and no checkpoint. Takes a few seconds; changes nothing."""
    checks: tuple[Callable[[], Check], ...] = (
        check_python,
        check_core,
        check_mujoco,
        check_graphics,
        check_serial,
        check_realtime,
        check_locked_memory,
        check_processors,
        check_disk,
    )
    return [check() for check in checks]


def check_python() -> Check:
    """Return the interpreter's version."""
    (oldest, newest), found = PYTHONS, sys.version_info[:2]
    detail = f"{sys.version.split()[0]} at {sys.executable}"
    if found < oldest:
        return Check("python", CheckStatus.FAIL, detail, "motorium needs Python 3.10 or newer")
    if found > newest:
        return Check("python", CheckStatus.WARN, detail, "motorium is tested on Python 3.10 to 3.13")
    return Check("python", CheckStatus.OK, detail)


def check_core() -> Check:
    """Return the C++ extension and the instruction set it chose for this processor."""
    try:
        from . import _core
    except ImportError as error:
        advice = "the C++ extension does not load; install again from source: pip install --force-reinstall ."
        return Check("extension", CheckStatus.FAIL, str(error), advice)
    kernels = ", ".join(_core.kernels.available_isas())
    return Check("extension", CheckStatus.OK, f"kernels for {kernels}; {os.cpu_count()} processors")


def check_mujoco() -> Check:
    """Return the simulator; without it only real arms can be driven."""
    try:
        found = metadata.version("mujoco")
    except metadata.PackageNotFoundError:
        return Check("simulator", CheckStatus.WARN, "mujoco is not installed", "pip install 'motorium[sim]'")
    advice = "pip install 'motorium[sim]' (needs mujoco 3.5 or newer, below 4)"
    if not (3, 5) <= tuple(int(part) for part in found.split(".")[:2]) < (4, 0):
        return Check("simulator", CheckStatus.WARN, f"mujoco {found}", advice)
    problem = _tried(_BUILD, MUJOCO_GL="disable")
    if problem:
        return Check(
            "simulator", CheckStatus.WARN, f"mujoco {found} does not build the scene: {problem}", advice
        )
    return Check("simulator", CheckStatus.OK, f"mujoco {found}, built the scene")


def check_graphics() -> Check:
    """Check whether a simulated camera can draw, by trying it in its own process."""
    from .sim.graphics import available_backends, install_advice, setting_problem

    advice = install_advice()
    problem = setting_problem(os.environ)
    if problem is not None:
        detail, _, remedy = problem.rpartition(": ")
        return Check("graphics", CheckStatus.WARN, detail, remedy)
    backend = os.environ.get("MUJOCO_GL") or next(iter(available_backends()), None)
    if backend is None:
        return Check("graphics", CheckStatus.WARN, "neither EGL nor OSMesa can be loaded", advice)
    problem = _tried(_RENDER, MUJOCO_GL=backend)
    if problem:
        return Check("graphics", CheckStatus.WARN, f"{backend}: {problem}", advice)
    return Check("graphics", CheckStatus.OK, f"{backend}, drew a picture")


def _tried(code: str, **environment: str) -> str:
    """Return what goes wrong when `code` runs in a process of its own; empty when nothing does."""
    try:
        done = subprocess.run(
            python_code(code),
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it took over 60 s"
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]


def check_serial() -> Check:
    """Look for serial ports and the right to open them."""
    from .motors.ports import list_ports

    ports = list_ports()
    if not ports:
        return Check("serial", CheckStatus.OK, "no serial port (none is needed for sim:)")
    closed = [port for port in ports if not port.usable]
    if closed:
        return Check("serial", CheckStatus.WARN, f"{closed[0].device} may not be opened", closed[0].advice)
    alike = [port for port in ports if not port.known_by_serial]
    if len(alike) > 1:
        names = ", ".join(f"{port.device} ({port.serial_number or 'none'})" for port in alike)
        advice = (
            "their arms are identified by their USB sockets: leave the cables where they are, or name the "
            "calibration (--calibration)"
        )
        return Check(
            "serial", CheckStatus.WARN, f"serial numbers that several adapters share: {names}", advice
        )
    return Check("serial", CheckStatus.OK, ", ".join(port.device for port in ports))


def check_realtime() -> Check:
    """Check whether the control thread may have real-time priority; without it the loop runs, with more jitter."""
    done = subprocess.run(python_code(_REALTIME), capture_output=True, check=False)
    if done.returncode == 0:
        return Check("real-time", CheckStatus.OK, "SCHED_FIFO is permitted")
    advice = "for steadier timing add to /etc/security/limits.conf: '@dialout - rtprio 80', then log in again"
    return Check(
        "real-time", CheckStatus.WARN, "SCHED_FIFO is not permitted; control runs at normal priority", advice
    )


def check_locked_memory(limit: int | None = None) -> Check:
    """Check whether the control thread may lock its memory in RAM; otherwise it may wait for the disk.

    Args:
        limit: bytes; None asks the system.
    """
    import resource

    soft = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] if limit is None else limit
    if soft == resource.RLIM_INFINITY or soft >= LOCKED_KB * 1024 or os.geteuid() == 0:
        return Check("locked memory", CheckStatus.OK, "the control thread may lock its memory")
    advice = f"add to /etc/security/limits.conf: '@dialout - memlock {4 * LOCKED_KB}', then log in again"
    return Check("locked memory", CheckStatus.WARN, f"only {soft // 1024} kB may be locked in RAM", advice)


def check_processors() -> Check:
    """Check which CPUs this program may use: `cpu` of a robot's [control] must be among them."""
    allowed, count = os.sched_getaffinity(0), os.cpu_count() or 1
    if len(allowed) == count:
        return Check("processors", CheckStatus.OK, f"all {count} may be used")
    detail = f"{len(allowed)} of {count} may be used: {', '.join(map(str, sorted(allowed)))}"
    return Check("processors", CheckStatus.OK, detail)


def check_disk() -> Check:
    """Check the room for checkpoints in the working directory."""
    free_mb = shutil.disk_usage(Path.cwd()).free // 2**20
    if free_mb < MODELS_FREE_MB:
        advice = f"free {MODELS_FREE_MB - free_mb} MB for checkpoints and recordings"
        return Check("disk", CheckStatus.WARN, f"{free_mb} MB free here", advice)
    return Check("disk", CheckStatus.OK, f"{free_mb} MB free here")
