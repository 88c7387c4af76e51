"""Sample rows (`data.record.rows`) at every tick of a steady grid; every control tick goes to `telemetry/`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...units import NS_PER_S
from ..format import instants, layout
from ..format.identity import ROBOT
from ..format.instants import LEADER
from ..format.schema import Feature, Schema, read_info
from . import marks
from .rhythm import Rhythm
from .rows import PICTURE, Pose, Recordable, Rows
from .writer import DatasetWriter

if TYPE_CHECKING:
    from ...robots.robot import Robot


def keeps_leader(root: Path) -> bool:
    """Say whether a recording into `root` may have the column of the leader's joints: a dataset keeps its columns."""
    return not (root / layout.INFO).exists() or read_info(root).schema.has(LEADER)


def schema_for(
    robot: Recordable, fps: int = 0, subtasks: Sequence[str] | None = None, *, leader: bool = False
) -> Schema:
    """Return the features of a recording of this robot; joints in its order, radians.

    Args:
        robot: open.
        fps: rows per second; 0 takes the slowest camera's.
        subtasks: as in `RecordPlan`.
        leader: whether the joints of a leader arm are kept beside the setpoint that became of them.
    """
    spec = robot.spec
    if fps == 0:
        fps = int(min((camera.fps for camera in spec.cameras), default=20.0))
    joints = tuple(f"{name}.pos" for name in spec.joint_names)
    count = (len(joints),)
    roles = sorted(robot.cameras)
    clocks = (*roles, instants.JOINTS)
    features = [
        Feature("observation.state", "float32", count, joints),
        Feature("action", "float32", count, joints),
        Feature("commanded_rad", "float32", count, joints),
        Feature("velocity_rad_s", "float32", count, joints),
        Feature("effort", "float32", count, joints),
        Feature("joint_age_s", "float32", count, joints),
        Feature("capture_s", "float64", (len(clocks),), clocks),
        Feature("row_s", "float64", (1,)),
    ]
    if leader:
        features.append(Feature(LEADER, "float32", count, joints))
    if subtasks is not None:
        features += marks.COLUMNS
    for role in roles:
        shape = robot.cameras[role].read_latest().image.shape
        features.append(Feature(PICTURE + role, "video", shape, ("height", "width", "channels")))
    there = {feature.key for feature in features}
    own: dict[str, Any] = {
        "units": {"observation.state": "rad", "action": "rad", "effort": "share of stall torque, signed"},
        "limits_rad": {j.name: [j.lower_rad, j.upper_rad] for j in spec.joints},
        "slots": {j.name: j.slot for j in spec.joints},
        instants.PAIRING: instants.BY_OBSERVATION,
        ROBOT: robot.identity().as_dict(),
        "meaning": {key: text for key, text in instants.MEANING.items() if key in there},
    }
    if subtasks:
        own[marks.NAMES] = ["", *subtasks]
    return Schema(fps, spec.name, tuple(features), own)


class Sampler:
    """Takes a row at every tick of the grid, on a thread of its own, until `stop`.

    A row is written once its action is known, a row after the observation; the last of an episode are waited for.

    Args:
        robot: open.
        writer: of the dataset, an episode begun.
        start_ns: beginning of the grid and of the episode.
        ticks: control ticks since the last call; None: the robot's own.
        pose: (J,) where the leader's joints were at a time, for the column `leader_rad`.
    """

    def __init__(
        self,
        robot: Robot,
        writer: DatasetWriter,
        start_ns: int,
        ticks: Callable[[], NDArray[np.void]] | None = None,
        pose: Pose | None = None,
    ) -> None:
        self.late = 0
        self.error: BaseException | None = None
        self.writer = writer
        self._robot, self._start_ns = robot, start_ns
        self._rows = Rows(robot, writer, start_ns, time.monotonic_ns, pose)
        self._period_ns = self._rows.period_ns
        self._over = threading.Event()
        self.rhythm = Rhythm()
        self._ticks = ticks or robot.control.telemetry
        self._ticks()  # what was before the episode is not of it
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()

    @property
    def rows(self) -> int:
        """Rows written so far."""
        return self._rows.written

    @property
    def rate_hz(self) -> float:
        """Rows per second so far."""
        elapsed_ns = self._rows.last_ns - self._rows.first_ns
        return (self.rows - 1) * NS_PER_S / elapsed_ns if elapsed_ns > 0 else 0.0

    def stop(self) -> None:
        """Take no more rows; raise what the thread died of."""
        self._over.set()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            due_ns = self._start_ns
            while not self._over.wait(max(0.0, (due_ns - time.monotonic_ns()) / NS_PER_S)):
                now_ns = time.monotonic_ns()
                self.late += now_ns - due_ns > self._period_ns // 2
                self._rows.take(now_ns)
                self._rows.write_known()
                self._keep_ticks()
                # A machine that stood still goes on at once; no rows are made up for the time that is gone.
                due_ns = max(due_ns + self._period_ns, now_ns)
            give_up_ns = time.monotonic_ns() + 2 * self._period_ns  # a dead control thread tells no setpoint
            while self._rows.write_known() and time.monotonic_ns() < give_up_ns:
                time.sleep(0.002)
            self._keep_ticks()
        except Exception as error:  # noqa: BLE001 - handed to the thread that records, whatever it is
            self.error = error

    def _keep_ticks(self) -> None:
        ticks = self._ticks()
        self.rhythm.take(ticks)
        self.writer.telemetry(ticks)
