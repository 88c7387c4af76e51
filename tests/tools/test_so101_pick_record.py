"""Recording shards in the simulator: labels follow the expert, seeds stay apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="the [sim] extra is not installed")

from motorium.evaluation.evaluate import EvalJob, play_episode
from motorium.policies.base import Policy, PolicyInfo
from motorium.sim.scene import TRAINING_SEEDS_FROM
from motorium.specs.robot import RobotSpec
from motorium.specs.slots import slot_map, slot_values
from motorium.timeline.pairing import Setpoints, label_rows
from motorium.types import SLOTS, ActionChunk
from so101_pick.episodes import EpisodeParams, Stage, approach, correct, full, glance, hover, miss
from so101_pick.features import prompt, scene_names
from so101_pick.record import RecordJob, _tasks, record
from so101_pick.shards import Demos

SEED = TRAINING_SEEDS_FROM + 900_000_000


class ExpertPolicy(Policy):
    """A policy that knows the truth: the expert, rolled out in a side branch of time."""

    info = PolicyInfo(rows=16, dt_s=0.05, execution_horizon=8, max_delay=15)

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def infer(self, obs, *, committed=None):
        rows = np.zeros((16, SLOTS), dtype=np.float32)
        slots = [joint.slot for joint in self.stage.spec.joints]
        plan = [] if committed is None else list(slot_map(self.stage.spec).gather_chunk(committed)[1:])
        rows[:, slots] = self.stage.branch(plan)
        return ActionChunk(rows, np.ones(SLOTS, bool), obs.t_ns, 0.05)


@pytest.fixture(scope="module")
def stage():
    spec = RobotSpec.load("so101")
    stage = Stage(spec, prompt(), EpisodeParams(stride=8, stay=4))
    yield stage
    stage.world.close()


def test_full_episode_labels_are_setpoints_and_end_at_rest(stage):
    frames = full(stage, SEED)
    assert len(frames) > 5
    assert frames[0].images.shape == (2, 96, 96, 3)
    assert frames[0].scene.shape == (len(scene_names()),)
    last = frames[-1]
    assert last.valid.all()
    assert not last.pregrasp
    # Row 0 is the setpoint in force, which the measured joints follow closely.
    assert np.median([np.abs(f.rows[0, :5] - f.state[:5]).max() for f in frames]) < 0.1


def test_same_seed_same_episode(stage):
    first, again = miss(stage, SEED + 1), miss(stage, SEED + 1)
    assert len(first) == len(again)
    np.testing.assert_array_equal(first[3].rows, again[3].rows)
    np.testing.assert_array_equal(first[3].images, again[3].images)


def test_chunks_stop_counting_at_a_knock(stage):
    rng = np.random.default_rng(0)
    stage.begin(SEED + 2)
    stage.remember()
    for _ in range(5):
        stage.move(stage.expert_row(), clean=True)
    knocked = stage.play.setpoint + rng.normal(0, 0.05, 6)
    stage.move(knocked, clean=False)
    frame = stage.finish()[0]
    assert frame.valid.tolist() == [True] * 6 + [False] * 10
    np.testing.assert_allclose(frame.rows[6], slot_values(stage.spec, knocked), atol=1e-6)


def test_waiting_rows_are_promised_not_learned(stage):
    stage.begin(SEED + 3)
    stage.remember(committed=3)
    for _ in range(2):
        stage.move(stage.play.setpoint, clean=False)
    frame = stage.finish()[0]
    assert frame.committed == 3
    assert frame.valid.all()
    np.testing.assert_allclose(frame.rows[1], frame.rows[0])
    np.testing.assert_allclose(frame.rows[2], frame.rows[0])
    assert np.abs(frame.rows[3] - frame.rows[0]).max() > 1e-3


def test_missed_grasps_and_approaches_begin_before_the_grasp(stage):
    assert miss(stage, SEED + 4)[0].pregrasp
    frames = approach(stage, SEED + 5)
    assert frames[0].pregrasp
    assert frames[0].valid.all()


def test_looks_are_whole_examples_and_hovering_ones_are_close_but_turned_anyhow(stage):
    names = scene_names()
    assert all(f.valid.all() and f.pregrasp for f in glance(stage, SEED + 20))
    frames = [frame for seed in range(4) for frame in hover(stage, SEED + 21 + seed)]
    assert all(f.valid.all() and f.pregrasp for f in frames)
    seen = np.array([f.scene for f in frames])
    assert np.hypot(seen[:, names.index("hand_x_m")], seen[:, names.index("hand_y_m")]).max() < 0.08
    assert seen[:, names.index("hand_cos4yaw")].std() > 0.3


def test_a_branch_of_time_leaves_no_trace(stage):
    stage.begin(SEED + 6)
    for _ in range(20):
        stage.move(stage.expert_row(), clean=True)
    before = (
        stage.world.data.qpos.copy(),
        stage.world.data.qvel.copy(),
        stage.world.time_s,
        stage.play.now_ns,
    )
    first = stage.branch([])
    after = (stage.world.data.qpos, stage.world.data.qvel, stage.world.time_s, stage.play.now_ns)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(stage.branch([]), first, atol=1e-6)


def test_corrections_keep_the_promise_and_continue_with_the_expert(stage):
    frames = correct(stage, SEED + 7, ExpertPolicy(stage))
    assert all(f.committed >= 1 and f.valid.all() for f in frames)
    assert not frames[-1].pregrasp


def test_scene_features_of_the_hand_are_zero_at_the_grasp(stage):
    stage.begin(SEED + 8)
    names = scene_names()
    for _ in range(120):
        stage.move(stage.expert_row(), clean=True)
        if stage.world.truth().cube.z_m > 0.04:
            break
    scene = dict(zip(names, stage.observe().scene, strict=True))
    assert abs(scene["hand_y_m"]) < 0.012
    assert abs(scene["hand_z_m"]) < 0.015
    assert scene["hand_cos4yaw"] > 0.8


def test_recording_writes_whole_shards_and_does_not_repeat_them(tmp_path):
    job = RecordJob(
        tmp_path, {"approach": 2}, first_seed=900_000_100, processes=1, params=EpisodeParams(stride=8)
    )
    totals = record(job, lambda _: None)
    demos = Demos([tmp_path])
    assert len(demos) == totals.frames > 0
    assert demos.column("seed").min() >= TRAINING_SEEDS_FROM
    manifest = json.loads(next(tmp_path.glob("*/manifest.json")).read_text())
    assert manifest["joints"] == list(RobotSpec.load("so101").joint_names)
    assert record(job, lambda _: None).frames == 0


def test_every_episode_has_its_own_training_seed(tmp_path):
    job = RecordJob(tmp_path, {"full": 120, "miss": 70, "approach": 10}, first_seed=5)
    seeds = [seed for task in _tasks(job) for seed in task.seeds]
    assert len(seeds) == len(set(seeds)) == 200
    assert min(seeds) == TRAINING_SEEDS_FROM + 5


def test_the_expert_as_a_policy_succeeds_through_the_deployed_loop(stage):
    result = play_episode(ExpertPolicy(stage), stage.play, EvalJob(Path("expert"), episodes=1), 11)
    assert result.success
    assert result.time_s < 8.0


def test_training_sees_and_labels_by_the_rule_of_pairing(stage):
    """What a frame shows is what `observe` gives then; its rows are the setpoints that were in force, tick by tick."""
    seen, times, setpoints, play = [], [], [], stage.play
    observe, run_row = stage.observe, play.run_row

    def observing(committed=0):
        frame = observe(committed)
        seen.append((play.now_ns, play.observe("look"), frame))
        return frame

    def running(row):
        times.append(play.now_ns)
        setpoints.append(play.setpoint.copy())
        run_row(row)

    stage.observe, play.run_row = observing, running
    try:
        frames = full(stage, SEED + 41)
    finally:
        stage.observe, play.run_row = observe, run_row
    log = Setpoints(times, setpoints)
    kept = 0
    for t0_ns, observation, frame in seen:
        assert observation.t_ns == t0_ns
        slots = [joint.slot for joint in stage.spec.joints]
        np.testing.assert_allclose(frame.state, observation.state[slots], atol=1e-6)
        np.testing.assert_array_equal(frame.images, list(observation.images.values()))
        rows = label_rows(t0_ns, play.row_ns, stage.params.rows, log.at)
        mine = [f for f in frames if np.array_equal(f.state, frame.state)]
        for made in mine:
            np.testing.assert_array_equal(made.rows, slot_values(stage.spec, rows))
            kept += 1
    assert kept == len(frames) > 5
