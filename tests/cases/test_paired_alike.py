"""A recorded row is what `observe` gives a policy at that instant; `action` has one meaning, whoever moves the arm."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

import pyarrow.parquet as pq
from virtual_arm import VirtualArm, quick_robot

from motorium.cli._record_view import Silent
from motorium.data.check.judge import check
from motorium.data.format.dataset import Dataset
from motorium.data.record import recorder
from motorium.robots.robot import Robot
from motorium.specs.robot import RobotSpec
from motorium.teleop.leader import open_leader
from motorium.teleop.recording import ArmLeader
from motorium.types import Frame, Observation

FPS = 30
SECONDS = 2.4


class Film:
    """A camera by the clock: frame k is taken at k / fps and some jitter, and comes `delay_s` later."""

    def __init__(self, role: str, fps: float, delay_s: float) -> None:
        self.role, self.fps, self.delay_ns = role, fps, round(delay_s * 1e9)
        self.begin_ns = time.monotonic_ns() - 10**9
        self.stalls_ns = (math.inf, math.inf)

    def stall(self, after_s: float, for_s: float) -> None:
        """Stand still for a while, some time from now."""
        now_ns = time.monotonic_ns()
        self.stalls_ns = now_ns + 1e9 * after_s, now_ns + 1e9 * (after_s + for_s)

    def _taken_ns(self, k: int) -> int:
        jitter = 0.12 * math.sin(k * 2.4)
        return self.begin_ns + round((k + jitter) / self.fps * 1e9)

    def read_latest(self, timeout_s: float = 1.0) -> Frame:
        del timeout_s
        until = time.monotonic_ns() - self.delay_ns
        if self.stalls_ns[0] < until < self.stalls_ns[1]:
            until = round(self.stalls_ns[0])
        k = int((until - self.begin_ns) * self.fps / 1e9) + 1
        while self._taken_ns(k) > until:
            k -= 1
        return Frame(np.full((16, 16, 3), k % 250, np.uint8), self._taken_ns(k), k)

    def close(self) -> None: ...


class Observes(Silent):
    """Looks as a policy would, all the time that an episode is recorded."""

    def __init__(self, robot: Robot, until_s: float) -> None:
        self.robot, self.until = robot, time.monotonic() + until_s
        self.seen: list[Observation] = []

    def watches(self, _sampler: recorder.Sampler) -> str | None:
        give_up = time.monotonic() + 0.05
        while time.monotonic() < give_up:
            self.seen.append(self.robot.observe("look"))
            time.sleep(0.002)
        return recorder.KEEP if time.monotonic() > self.until else None


@dataclass
class Session:
    spec: RobotSpec
    dataset: Dataset
    rows: dict[str, np.ndarray]
    ticks: dict[str, np.ndarray]
    start_ns: int
    seen: list[Observation]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A leader arm that sways; a camera of 30 fps, one of 15 that stands still for 0.35 s and comes 60 ms late."""
    folder = tmp_path_factory.mktemp("pairing")
    spec = RobotSpec.load("so101")
    home = np.array([joint.home_rad for joint in spec.joints])
    cameras = {"front": Film("front", 30.0, 0.012), "wrist": Film("wrist", 15.0, 0.06)}

    def sway(t_s: float) -> np.ndarray:
        return home + 0.3 * math.sin(3.0 * t_s) + 0.25

    with (
        VirtualArm(spec, start_rad=home) as arm,
        open_leader("sim:so101_leader", motion=sway) as leader,
        Robot.open(
            quick_robot(folder, patient=True), port=arm.emulator.port, calibration="nominal", cameras=cameras
        ) as robot,
    ):
        time.sleep(0.3)  # the oldest frame is no older than the first reading of the joints
        cameras["wrist"].stall(after_s=0.9, for_s=0.35)
        watcher = Observes(robot, SECONDS)
        plan = recorder.RecordPlan(folder / "d", 1, task="sway", fps=FPS, limit_s=30.0)
        recorder.record(robot, ArmLeader(robot, leader), plan, watcher)
        dataset = Dataset.open(folder / "d")
        ((episode, rows),) = dataset.stream()
        table = pq.read_table(folder / "d/telemetry/chunk-000/file-000.parquet")
        ticks = {name: np.array(table[name].to_pylist()) for name in ("t_ns", "tick", "setpoint_rad")}
        yield Session(robot.spec, dataset, rows, ticks, dataset.notes(episode)["start_ns"], watcher.seen)


def times_ns(session: Session) -> np.ndarray:
    """(N, 3) of front, wrist and joints."""
    return session.start_ns + np.round(session.rows["capture_s"] * 1e9).astype(np.int64)


def test_what_is_recorded_is_what_a_policy_is_given_at_that_instant(session: Session) -> None:
    by_instant = {
        (seen.t_ns + seen.skew_ns["front"], seen.t_ns + seen.skew_ns["wrist"]): seen for seen in session.seen
    }
    assert all(seen.t_ns == min(pair) for pair, seen in by_instant.items())
    slots = [joint.slot for joint in session.spec.joints]
    scale = np.array([joint.slot_scale for joint in session.spec.joints])
    offset = np.array([joint.slot_offset for joint in session.spec.joints])
    alike = 0
    for (front, wrist, joints), state in zip(
        times_ns(session), session.rows["observation.state"], strict=True
    ):
        seen = next(
            (by_instant[key] for key in by_instant if abs(key[0] - front) < 2 and abs(key[1] - wrist) < 2),
            None,
        )
        if seen is None:
            continue  # the other thread did not look while these frames were the newest
        alike += 1
        assert abs(seen.t_ns + seen.skew_ns["state"] - joints) < 2  # nanoseconds
        np.testing.assert_allclose(seen.state[slots], state * scale + offset, atol=1e-6)
    assert alike >= 10


def test_a_row_is_of_the_newest_moment_that_all_cameras_have_seen(session: Session) -> None:
    times = times_ns(session)
    np.testing.assert_allclose(times[:, 2], times[:, :2].min(axis=1), atol=2)
    assert (np.diff(times, axis=0) >= 0).all()
    stood = max(len(part) for part in np.split(times[:, 1], np.flatnonzero(np.diff(times[:, 1])) + 1))
    assert stood >= 4  # rows with one picture of the wrist: it stood still, and the joints with it
    # In the stall the state is of the picture's time and not of the row's.
    away = np.abs(session.rows["row_s"][:, 0] - session.rows["capture_s"][:, 2])
    assert away.max() > 0.3
    found = [
        f
        for f in check(session.dataset.root, pictures=False).findings
        if f.kind in {"skew", "clock", "dropped_frames"}
    ]
    assert [f.kind for f in found if "joints" in f.detail] == []
    assert any("wrist" in f.detail for f in found if f.kind == "dropped_frames")


def test_action_is_the_setpoint_one_row_after_the_observation_for_a_leader_arm_too(session: Session) -> None:
    observed, rows, ticks = times_ns(session)[:, 2], session.rows, session.ticks
    assert (np.diff(ticks["tick"]) == 1).all()  # nothing of the telemetry was thrown away
    for j in range(len(session.spec.joints)):

        def setpoint(at: np.ndarray, j: int = j) -> np.ndarray:
            return np.interp(
                at - session.start_ns, ticks["t_ns"] - session.start_ns, ticks["setpoint_rad"][:, j]
            )

        # The first frames are older than the episode, and the leader's session ends before the last action.
        told = (observed >= ticks["t_ns"][0]) & (observed + 10**9 // FPS <= ticks["t_ns"][-1])
        assert told.sum() > len(told) / 2
        np.testing.assert_allclose(rows["commanded_rad"][told, j], setpoint(observed)[told], atol=1e-5)
        np.testing.assert_allclose(
            rows["action"][told, j], setpoint(observed + 10**9 // FPS)[told], atol=1e-5
        )
    # The leader's own joints have a name of their own: at first the arm is on its ramp to them.
    away = np.abs(rows["leader_rad"] - rows["action"]).max(axis=1)
    assert away[0] > 0.15
    assert away[len(away) // 2 :].min() < 0.1 < away[0]
    own = session.dataset.schema.own
    assert own["pairing"] == 2
    assert "one row (1 / fps) after the observation" in own["meaning"]["action"]
