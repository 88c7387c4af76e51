"""Forward kinematics against the published chain's own numbers."""

from __future__ import annotations

import numpy as np
import pytest

from motorium.specs.kinematics import Chain
from motorium.specs.robot import RobotSpec

REST = np.deg2rad([0.0, -100.0, 90.0, 50.0, 0.0])
VECTORS = [
    ([0, 0, 0, 0, 0], [0.39136, 0.0, 0.22647]),
    ([0.5, 0, 0, 0, 0], [0.34820, -0.16902, 0.22647]),
    ([0, 0.5, 0, 0, 0], [0.40460, 0.0, 0.05858]),
    ([0, 0, 0.5, 0, 0], [0.35406, 0.0, 0.08579]),
    ([0, 0, 0, 0.5, 0], [0.36808, 0.0, 0.15110]),
    ([0, 0, 0, 0, 0.5], [0.39136, -0.00382, 0.22736]),
    ([0.3, -0.6, 0.9, 0.4, -0.2], [0.26588, -0.06860, 0.08195]),
    (list(REST), [0.20236, 0.0, 0.04477]),
]


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain(RobotSpec.load("so101"))


@pytest.mark.parametrize(("q", "xyz"), VECTORS)
def test_tool_position_meets_the_published_vectors(chain: Chain, q: list[float], xyz: list[float]) -> None:
    assert chain.tcp(np.array(q, dtype=float))[0] == pytest.approx(xyz, abs=1e-4)


KOCH_VECTORS = [  # of the fixed pad, in a base turned by a quarter: there the arm reaches along +y
    ([0, 0, 0, 0, 0], [0.00925, 0.21508, 0.16775]),
    ([0.3, -0.5, 0.6, -0.4, 0.2], [0.04499, 0.10317, -0.05542]),
]


@pytest.mark.parametrize(("q", "xyz"), KOCH_VECTORS)
@pytest.mark.parametrize("robot", ["koch_follower", "koch_leader"])
def test_koch_meets_the_vectors_of_its_model(robot: str, q: list[float], xyz: list[float]) -> None:
    x, y, z = Chain(RobotSpec.load(robot)).tcp(np.array(q, dtype=float))[0]
    assert (-y, x, z) == pytest.approx(xyz, abs=1e-4)


def test_rotations_stay_orthonormal(chain: Chain) -> None:
    for rotation in chain.frames(np.array([0.3, -0.6, 0.9, 0.4, -0.2]))[1]:
        assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-12)
