"""The judge of pick-to-tray."""

from __future__ import annotations

import pytest

from motorium.errors import SimulationError
from motorium.sim.tasks import HOLD_S, LOW_M, Judge, Pose, in_tray, instruction, target_colour

TRAY = Pose(0.2, 0.1, 0.0, 0.3)
INSIDE = Pose(0.21, 0.1, 0.0155, 0.0)
OUTSIDE = Pose(0.2, -0.1, 0.0125, 0.0)
LET_GO, HOLDING = (0.5, False), (0.1, True)


def judged(
    cubes: dict[str, Pose], grip: tuple[float, bool], seconds: float, judge: Judge | None = None
) -> Judge:
    judge = judge or Judge()
    for _ in range(round(seconds / 0.05)):
        judge.update(cubes, "red", TRAY, grip, 0.05)
    return judge


def test_success_needs_a_whole_second() -> None:
    cubes = {"red": INSIDE, "blue": OUTSIDE}
    judge = judged(cubes, LET_GO, HOLD_S - 0.05)
    assert not judge.success
    assert judged(cubes, LET_GO, 0.05, judge).success


def test_a_break_starts_the_second_anew() -> None:
    judge = judged({"red": INSIDE}, LET_GO, 0.9)
    judged({"red": INSIDE}, HOLDING, 0.05, judge)
    assert not judged({"red": INSIDE}, LET_GO, 0.9, judge).success
    assert judge.report()["held_s"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("cube", "grip"),
    [
        (INSIDE, (0.1, False)),
        (INSIDE, (0.5, True)),
        (Pose(0.21, 0.1, LOW_M + 0.001, 0.0), LET_GO),
        (Pose(0.21, 0.1, 0.0155, 0.0, speed_m_s=0.1), LET_GO),
        (OUTSIDE, LET_GO),
    ],
    ids=["closed", "touching", "high", "moving", "outside"],
)
def test_what_is_not_done(cube: Pose, grip: tuple[float, bool]) -> None:
    assert not judged({"red": cube}, grip, 2.0).success


def test_a_wrong_cube_spoils_the_episode_for_good() -> None:
    judge = judged({"red": INSIDE, "blue": Pose(0.19, 0.1, 0.0155, 0.0)}, LET_GO, 0.1)
    judged({"red": INSIDE, "blue": OUTSIDE}, LET_GO, 2.0, judge)
    assert judge.report()["wrong_in_tray"]
    assert not judge.success


def test_the_tray_is_a_turned_square() -> None:
    turned = Pose(0.0, 0.0, 0.0, 0.785398)
    corner = Pose(0.055, 0.0, 0.0155, 0.0)
    assert in_tray(corner, turned)
    assert not in_tray(corner, Pose(0.0, 0.0, 0.0, 0.0))


def test_words() -> None:
    assert target_colour(instruction("blue")) == "blue"
    assert target_colour(" Put the GREEN cube in the tray. ") == "green"
    for wrong in ("put the mauve cube in the tray", "put the red cube", ""):
        with pytest.raises(SimulationError, match="put the red cube in the tray"):
            target_colour(wrong)
