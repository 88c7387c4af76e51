"""The recording session: what is kept, done again, thrown away; what ends it; the keys of a terminal."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest

from motorium.cli import _record_view
from motorium.data.edit import convert
from motorium.data.edit import edits as edit
from motorium.data.format.dataset import Dataset
from motorium.data.record import recorder
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter
from motorium.data.view import report
from motorium.errors import CameraError, DataError
from motorium.robots.identity import Identity
from motorium.timeline.events import Event, EventLog
from motorium.types import Frame

JOINTS = ("lift", "turn")
BEGAN_NS = time.monotonic_ns()


class Clockwork:
    """A camera whose every frame shows when it was taken."""

    def __init__(self, role: str, fps: float = 50.0) -> None:
        self.role, self.fps = role, fps
        self.broken = False

    def read_latest(self, timeout_s: float = 1.0) -> Frame:
        del timeout_s
        if self.broken:
            raise CameraError(f"camera {self.role!r} is unplugged")
        seq = int(time.monotonic() * self.fps)
        return Frame(np.full((16, 16, 3), seq % 200 + 20, np.uint8), int(seq / self.fps * 1e9), seq)

    def close(self) -> None: ...


class Control:
    """A control thread that follows a ramp."""

    def _at(self, t_ns: int) -> np.ndarray:
        return np.array([(t_ns - BEGAN_NS) * 1e-9, 0.5], np.float32)

    def state_at(self, t_ns):
        zero = np.zeros(2, np.float32)
        return SimpleNamespace(t_ns=t_ns, position_rad=self._at(t_ns), velocity_rad_s=zero, effort=zero)

    def state(self):
        return SimpleNamespace(joint_t_ns=np.full(2, time.monotonic_ns() - 2_000_000))

    def setpoint_at(self, t_ns):
        return None if t_ns > time.monotonic_ns() else self._at(t_ns)

    def stats(self):
        return SimpleNamespace(missed=0)


@pytest.fixture
def robot():
    joints = [
        SimpleNamespace(name=name, lower_rad=-9.0, upper_rad=9.0, slot=i) for i, name in enumerate(JOINTS)
    ]
    camera = SimpleNamespace(role="front", fps=20.0, max_age_s=0.5)
    spec = SimpleNamespace(name="thing", joint_names=JOINTS, joints=joints, cameras=[camera])
    cameras = {role: Clockwork(role) for role in ("front", "wrist")}
    identity = Identity("thing", "0" * 64)
    return SimpleNamespace(
        spec=spec, cameras=cameras, control=Control(), check=lambda: None, identity=lambda: identity
    )


class Hand:
    """A leader that is done after so many seconds."""

    name = "hand"

    def __init__(self, *seconds: float) -> None:
        self.seconds, self.prepared = list(seconds or (0.4,)), []

    def prepare(self, seed, task):
        self.prepared.append(seed)
        return task or f"scene {seed}"

    def begin(self) -> None:
        self.until = time.monotonic() + self.seconds[0]
        self.seconds = self.seconds[1:] or self.seconds

    def done(self):
        return True if time.monotonic() >= self.until else None

    def telemetry(self):
        return np.zeros(3, np.dtype([("t_ns", "<i8"), ("goal_rad", "<f4", (2,))]))

    def end(self) -> None: ...


class Wishes(_record_view.Silent):
    """Asks for one thing in each episode, in order."""

    def __init__(self, *wishes) -> None:
        self.wishes, self.kept = list(wishes), []

    def watches(self, sampler):
        if sampler.rows < 3:
            return None
        return self.wishes.pop(0) if self.wishes else None

    def ends(self, recorded):
        self.kept.append(recorded is not None)


def plan(tmp_path, episodes, **more):
    return recorder.RecordPlan(tmp_path / "d", episodes, tail_s=0.1, **more)


def test_rows_are_of_their_time_and_actions_of_the_next(robot, tmp_path):
    recorded, _ = recorder.record(robot, Hand(1.0), plan(tmp_path, 1), _record_view.Silent())
    dataset = Dataset.open(tmp_path / "d")
    ((episode, rows),) = dataset.stream()
    start = dataset.notes(episode)["start_ns"]
    assert episode.length == recorded[0].finished.episode.length >= 15
    period = 1 / dataset.schema.fps
    np.testing.assert_allclose(rows["action"][:, 0] - rows["commanded_rad"][:, 0], period, atol=1e-3)
    np.testing.assert_allclose(rows["observation.state"], rows["commanded_rad"], atol=1e-6)
    observed = rows["capture_s"][:, 2]
    np.testing.assert_allclose(rows["commanded_rad"][:, 0], (start - BEGAN_NS) * 1e-9 + observed, atol=1e-5)
    age = rows["row_s"] - rows["capture_s"]
    assert (age > -1e-6).all()
    assert np.median(age) < 0.04
    np.testing.assert_allclose(rows["joint_age_s"], 0.002, atol=0.02)
    assert dataset.notes(episode)["success"] is True
    assert dataset.schema.own["limits_rad"] == {"lift": [-9.0, 9.0], "turn": [-9.0, 9.0]}


def test_again_discard_keep_and_quit(robot, tmp_path):
    hand, wishes = (
        Hand(60),
        Wishes(recorder.REDO, recorder.KEEP, recorder.DISCARD, recorder.KEEP, recorder.QUIT),
    )
    recorded, _ = recorder.record(robot, hand, plan(tmp_path, 9), wishes)
    assert wishes.kept == [False, True, False, True, False]
    assert hand.prepared == [
        0,
        0,
        1,
        2,
        3,
    ]  # done again is the same scene; a discarded one is not shown again
    assert [r.seed for r in recorded] == [0, 2]
    assert [e.tasks for e in Dataset.open(tmp_path / "d").episodes] == [("scene 0",), ("scene 2",)]


def test_a_camera_that_fails_ends_the_session_and_costs_no_finished_episode(robot, tmp_path):
    class Unplugs(Wishes):
        def watches(self, sampler):
            if len(self.kept) == 1 and sampler.rows > 22:
                robot.cameras["front"].broken = True

    with pytest.raises(CameraError, match="unplugged"):
        recorder.record(robot, Hand(0.2, 60), plan(tmp_path, 3), Unplugs())
    assert repair(tmp_path / "d").recovered == [(1, 1.0)]
    assert len(Dataset.open(tmp_path / "d").episodes) == 2


def test_a_picture_of_another_size_is_refused(robot, tmp_path):
    class Grows(Wishes):
        def watches(self, sampler):
            if sampler.rows > 3:
                camera = robot.cameras["wrist"]
                camera.read_latest = lambda *_: Frame(np.zeros((8, 8, 3), np.uint8), time.monotonic_ns(), 0)

    with pytest.raises(DataError, match="declared is"):
        recorder.record(robot, Hand(5), plan(tmp_path, 1), Grows())


def test_a_strict_session_does_an_uneven_episode_again_and_gives_up_at_the_third(robot, tmp_path):
    missed = iter([0, 1000, *[1000] * 4])  # as the control thread counts: all in the first episode
    robot.control.stats = lambda: SimpleNamespace(missed=next(missed))
    hand, watcher = Hand(0.3), Wishes()
    recorded, _ = recorder.record(robot, hand, plan(tmp_path, 1, strict=True), watcher)
    assert watcher.kept == [False, True]
    assert (hand.prepared, [r.seed for r in recorded]) == ([0, 0], [0])
    count = iter(range(0, 10**6, 1000))
    robot.control.stats = lambda: SimpleNamespace(missed=next(count))
    with pytest.raises(DataError, match=r"3 episodes in a row did not keep their rate.*ticks were missed"):
        recorder.record(robot, Hand(0.15), plan(tmp_path, 1, strict=True), Wishes())
    assert len(Dataset.open(tmp_path / "d").episodes) == 1


def test_marks_are_of_their_own_time_and_go_wherever_the_episode_goes(robot, tmp_path):
    """In the notes to the nanosecond they were made, in the columns from the next row on; through every change."""
    log, made = EventLog(), []

    class Marks(Wishes):
        def watches(self, sampler):
            for rows, kind in ((4, "subtask"), (8, "contact"), (12, "subtask"), (14, "release")):
                if sampler.rows >= rows and kind_count(kind) < {4: 1, 8: 1, 12: 2, 14: 1}[rows]:
                    made.append(Event(time.monotonic_ns(), kind, "key"))
                    log.add(made[-1])

    def kind_count(kind):
        return sum(str(e.kind) == kind for e in made)

    log.add(Event(time.monotonic_ns(), "mark", "before the episode"))
    subtasks = ("reach", "grasp")
    recorder.record(robot, Hand(0.9), plan(tmp_path, 1, subtasks=subtasks), Marks(), log)
    ours = Dataset.open(tmp_path / "d")
    ((episode, rows),) = ours.stream()
    notes = ours.notes(episode)
    assert [(e["kind"], e["text"]) for e in notes["events"]] == [
        ("subtask", "reach"), ("contact", ""), ("subtask", "grasp"), ("release", ""),
    ]  # fmt: skip
    for told, event in zip(notes["events"], made, strict=True):
        assert told["t_s"] == pytest.approx((event.t_ns - notes["start_ns"]) / 1e9, abs=1e-6)
    times = rows["capture_s"][:, 2]  # of the observations
    reach, contact, grasp, release = (e["t_s"] for e in notes["events"])
    np.testing.assert_array_equal(rows["subtask_index"][:, 0], (times >= reach) * 1 + (times >= grasp))
    np.testing.assert_array_equal(rows["contact"][:, 0], (times >= contact) & (times < release))
    assert ours.schema.own["subtasks"] == ["", *subtasks]
    # merge, split apart again, to v2.1 and back: the marks are still there.
    edit.merge([ours, ours], tmp_path / "two")
    edit.delete(Dataset.open(tmp_path / "two"), frozenset({0}), tmp_path / "one")
    convert.convert(Dataset.open(tmp_path / "one"), "v2.1", tmp_path / "old")
    convert.convert(Dataset.open(tmp_path / "old"), "v3.0", tmp_path / "back")
    back = Dataset.open(tmp_path / "back")
    ((line, again),) = back.stream()
    assert back.notes(line)["events"] == notes["events"]
    np.testing.assert_array_equal(again["subtask_index"], rows["subtask_index"])
    assert back.schema.own["subtasks"] == ["", *subtasks]
    assert "subtask grasp" in report.write_report(tmp_path / "d", tmp_path / "page.html").read_text()
    with pytest.raises(DataError, match="sub-tasks"):
        recorder.record(robot, Hand(), plan(tmp_path, 1, subtasks=("reach",)), Marks(), log)


def test_marks_survive_a_kill(robot, tmp_path):
    """What was marked before the tear of a torn episode is kept with it."""
    schema = recorder.schema_for(robot, 20, ())
    with DatasetWriter(tmp_path / "d", schema, patience_s=9, reserve_mb=1) as writer:
        writer.begin("cut off", 1_000)
        for k in range(45):
            row = {f.key: np.zeros(f.shape) for f in schema.columns}
            row |= {"row_s": k / 20, "capture_s": [k / 20] * 3}
            writer.add(row, {f.key: np.full(f.shape, k, np.uint8) for f in schema.videos})
        for t_s in (0.5, 1.0, 1.5, 2.2):
            writer.mark(Event(1_000 + round(t_s * 1e9), "subtask"))
        with (writer._part / "marks.jsonl").open("ab") as file:
            file.write(b'{"t_ns": 17000000')
    assert repair(tmp_path / "d").recovered == [(0, 2.0)]
    dataset = Dataset.open(tmp_path / "d")
    ((episode, rows),) = dataset.stream()
    assert [e["t_s"] for e in dataset.notes(episode)["events"]] == [0.5, 1.0, 1.5]
    assert rows["subtask_index"][:, 0].tolist() == [0] * 10 + [1] * 10 + [2] * 10 + [3] * 10
