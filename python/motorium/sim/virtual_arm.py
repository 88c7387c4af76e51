"""An arm in virtual time, recorded by the code that records a live one: rows, pairing, columns are the same.

What a recording gets of it is what a live arm would tell: joints, setpoints, pictures. The operator alone sees where
things are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._core import Mode
from ..data.format.schema import Schema
from ..data.record.rows import Rows
from ..errors import SafetyError
from ..robots.identity import Identity
from ..specs.robot import CameraSpec, RobotSpec
from ..types import Float32, Frame, UInt8
from ..units import s_to_ns
from .lockstep import LockStep
from .operator_script import Operator
from .variation import AS_USUAL, Variation
from .world import World

AHEAD_ROWS = 2
"""As the live script plans: the row that is wanted and one to stand on."""


class _Joints(NamedTuple):
    """Joints at a time, (J,) each."""

    t_ns: int
    position_rad: Float32
    velocity_rad_s: Float32
    effort: Float32
    joint_t_ns: NDArray[np.int64]


class _Control:
    """What `robot.control` tells a recorder, of the present: nothing in between is ever asked for."""

    def __init__(self, play: LockStep) -> None:
        self._play = play
        self._noted: deque[tuple[int, Any]] = deque(maxlen=2)

    def note(self) -> None:
        """Remember the setpoint that is in force at a row, before a new plan comes in: of this row and the last."""
        self._noted.append((self._play.now_ns, self._play.setpoint))

    def state(self) -> _Joints:
        """Return the joints now."""
        t_ns, readings = self._play.now_ns, self._play.world.readings()
        return _Joints(t_ns, *readings, np.full(len(readings[0]), t_ns, dtype=np.int64))

    def state_at(self, t_ns: int) -> _Joints | None:
        """Return the joints at `t_ns`, which is now."""
        return self.state() if t_ns == self._play.now_ns else None

    def setpoint_at(self, t_ns: int) -> Any:
        """Return the (J,) setpoint in force at a time that was noted; None for others."""
        return next((setpoint for noted_ns, setpoint in self._noted if noted_ns == t_ns), None)


class _Camera:
    """Renders what is there now, once per moment."""

    def __init__(self, role: str, play: LockStep) -> None:
        self.role, self._play = role, play
        self._frame: Frame | None = None
        self._seq = 0

    def read_latest(self, timeout_s: float = 1.0) -> Frame:
        """Return the frame of this moment."""
        del timeout_s
        if self._frame is None or self._frame.t_ns != self._play.now_ns:
            self._seq += 1
            self._frame = Frame(self._play.world.render(self.role), self._play.now_ns, self._seq)
        return self._frame

    def forget(self) -> None:
        """Let the next frame be a new one: time starts again."""
        self._frame = None

    def close(self) -> None:
        """Do nothing; the world renders for all cameras."""


class _Declared:
    """A camera that nobody looks through: its frames have the declared size."""

    def __init__(self, spec: CameraSpec) -> None:
        self.role, self._size = spec.role, (spec.height, spec.width, 3)

    def read_latest(self, timeout_s: float = 1.0) -> Frame:
        """Return a black frame."""
        del timeout_s
        return Frame(np.zeros(self._size, dtype=np.uint8), 0, 0)

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class DeclaredArm:
    """An arm as it is declared, without a world: enough for the schema of its recordings."""

    spec: RobotSpec

    @property
    def cameras(self) -> Mapping[str, _Declared]:
        """Its cameras by their roles."""
        return {camera.role: _Declared(camera) for camera in self.spec.cameras}

    @property
    def control(self) -> Any:
        """Nothing moves it."""
        return None

    def identity(self) -> Identity:
        """Return which arm it is: one assembled exactly as declared."""
        return Identity.of(self.spec, None)


@dataclass
class Take:
    """One demonstration, in memory; also where rows go (`data.record.rows.Into`).

    Attributes:
        schema: of its rows.
        seed: of the scene.
        task: the instruction.
        rows: columns and pictures of each row.
        success: how the scene judged.
    """

    schema: Schema
    seed: int
    task: str = ""
    rows: list[tuple[dict[str, Any], dict[str, UInt8 | None]]] = field(default_factory=list)
    success: bool = False

    def add(self, row: Mapping[str, Any], images: Mapping[str, UInt8 | None]) -> None:
        """Add a row."""
        self.rows.append((dict(row), dict(images)))


class VirtualArm:
    """A world with an arm in it, played through the control core in virtual time. Opens a renderer."""

    def __init__(self, spec: RobotSpec, variation: Variation = AS_USUAL) -> None:
        self.spec = spec
        self.play = LockStep(World(spec, variation=variation))
        self.control = _Control(self.play)
        self.cameras = {camera.role: _Camera(camera.role, self.play) for camera in spec.cameras}

    def identity(self) -> Identity:
        """Return which arm it is."""
        return Identity.of(self.spec, None)

    def demonstrate(
        self, operator: Operator, take: Take, task: str | None, limit_s: float, tail_s: float
    ) -> Take:
        """Let the operator solve the scene of `take.seed` and fill the take.

        Time passes in ticks of the control core; rows are taken, and the operator asked, whenever theirs is due. The
        episode ends `tail_s` after the scene is solved, or after `limit_s`; a tripped safety gate ends it as a failure.

        Args:
            operator: who demonstrates.
            take: empty.
            task: as of `World.reset`.
            limit_s: longest episode.
            tail_s: how long to go on after success.
        """
        play, world = self.play, self.play.world
        world.reset(take.seed, task)
        play.restart()
        for camera in self.cameras.values():
            camera.forget()
        operator.begin(np.random.default_rng([take.seed, 11]))
        take.task = world.task
        rows = Rows(self, take, 0, lambda: play.now_ns)
        over_ns = s_to_ns(limit_s)
        while play.now_ns < over_ns and play.core.mode is not Mode.FAULT:
            self._row_if_due(rows)
            if play.now_ns % play.row_ns == 0:
                if not self._ask(operator):
                    break
                if world.success and not take.success:
                    take.success = True
                    over_ns = min(over_ns, play.now_ns + s_to_ns(tail_s))
            play.advance_to(min(_next(play.now_ns, rows.period_ns), _next(play.now_ns, play.row_ns)))
        play.advance_to(-(-play.now_ns // rows.period_ns) * rows.period_ns)
        self.control.note()
        rows.write_known()
        return take

    def _row_if_due(self, rows: Rows) -> None:
        if self.play.now_ns % rows.period_ns == 0:
            self.control.note()
            rows.take(self.play.now_ns)
            rows.write_known()

    def _ask(self, operator: Operator) -> bool:
        """Play the operator's next row; return False when the safety gate has tripped."""
        play, world = self.play, self.play.world
        setpoint = play.setpoint
        wanted = operator.row(world.truth(), world.position_rad, setpoint)
        try:
            play.run_chunk(np.stack([setpoint, *[wanted] * AHEAD_ROWS]), delay=0, count=0)
        except SafetyError:
            return False
        return True


def _next(now_ns: int, period_ns: int) -> int:
    return (now_ns // period_ns + 1) * period_ns
