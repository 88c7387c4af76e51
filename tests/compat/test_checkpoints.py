"""Checkpoints of 0.1.0 make the same plans."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import motorium
from motorium.types import Observation

MADE = Path(__file__).parent / "data"


@pytest.mark.parametrize("name", ["plain", "adapted"])
def test_a_checkpoint_plans_as_it_did(recorded, name: str) -> None:
    policy = motorium.load(str(MADE / "checkpoint" / name))
    then = recorded(f"checkpoint/{name}/plan.json")
    with np.load(MADE / "checkpoint" / name / "plan.npz") as given:
        images = {key.removeprefix("image_"): given[key] for key in given.files if key.startswith("image_")}
        seen = Observation(t_ns=123, state=given["state"], images=images, task=then["task"])
        chunk = policy.infer(seen, committed=given["committed"], noise=given["noise"])
        np.testing.assert_array_equal(chunk.valid, given["valid"])
        np.testing.assert_allclose(chunk.rows, given["rows"], atol=2e-5)
    assert (chunk.dt_s, chunk.delay) == (then["dt_s"], then["delay"])
