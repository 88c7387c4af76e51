"""A recording in virtual time in LeRobot's hands."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mujoco")

from motorium.data.format.dataset import Dataset
from motorium.sim.lockstep_recording import LockStepPlan, record_lockstep


@pytest.mark.nightly
def test_lerobot_reads_a_recording_in_lock_step(lerobot, tmp_path):
    record_lockstep(LockStepPlan(tmp_path / "d", "so101", 2, limit_s=3.0, processes=1))
    ours = Dataset.open(tmp_path / "d")
    (seen,) = lerobot([("read", tmp_path / "d")])
    assert (seen["length"], seen["episodes"], seen["fps"]) == (120, 2, 20)
    assert seen["lengths"] == [60, 60]
    assert set(seen["tasks"]) == {task for episode in ours.episodes for task in episode.tasks}
    states = np.concatenate([rows["observation.state"] for _, rows in ours.stream()])
    for i, state in zip(seen["indices"], seen["states"], strict=True):
        np.testing.assert_array_equal(np.float32(state), states[i])
    for key in ("observation.images.front", "observation.images.wrist"):
        decoded = {(e.index, k): frame for e in ours.episodes for k, frame in ours.pictures(e, key)}
        for i, mean in zip(seen["indices"], seen["pictures"][key], strict=True):
            np.testing.assert_allclose(mean, decoded[i // 60, i % 60].mean((0, 1)), atol=0.6)
