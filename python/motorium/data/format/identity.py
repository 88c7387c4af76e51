"""Tell which arm recorded a dataset, and whether it is the present one.

The section `motorium` of info.json has the identity of the last session under "robot", and so have the notes of every
episode. Datasets of motorium 0.1.0 and of others have a robot's name, joints, and perhaps their limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...robots.identity import Identity
from ...specs.robot import RobotSpec
from ...specs.travel import beyond_limits
from .dataset import Dataset
from .tables import Episode

ROBOT, LIMITS = "robot", "limits_rad"
LEROBOT_NAMES = {"so101_follower": "so101"}
"""LeRobot's `robot_type` -> the robot here, where the joints have the same names."""
SAME_RAD = 1e-6


@dataclass(frozen=True)
class Accepted:
    """What a person accepts although it differs: the robot's declaration, the arm's calibration."""

    robot: bool = False
    calibration: bool = False


NOTHING = Accepted()
PROGRAM = "accepted=Accepted({}=True)"
OPTIONS = {"robot": "--accept robot", "calibration": "--accept calibration"}


def identity_of(dataset: Dataset, episode: Episode | None = None) -> Identity | None:
    """Return with which arm an episode was recorded, or the dataset's last session; None where nobody says."""
    noted = None if episode is None else Identity.read(dataset.notes(episode).get(ROBOT))
    return noted or Identity.read(dataset.schema.own.get(ROBOT))


def changed_limits(own: Mapping[str, Any], spec: RobotSpec) -> list[str]:
    """Say which limits of a dataset differ from those of `spec`, a text per joint; [] without limits."""
    there = own.get(LIMITS)
    if not isinstance(there, Mapping):
        return []
    out = []
    for joint in spec.joints:
        ends: Any = there.get(joint.name)
        here = [joint.lower_rad, joint.upper_rad]
        if _is_range(ends) and not np.allclose(ends, here, atol=SAME_RAD, rtol=0):
            out.append(f"{joint.name} from {ends[0]:g} to {ends[1]:g} there, {here[0]:g} to {here[1]:g} here")
    return out


def other_robot(
    own: Mapping[str, Any], named: str, there: Identity | None, spec: RobotSpec, now: Identity
) -> str:
    """Say how the robot of a recording differs from the present one; "" when no difference is known.

    Args:
        own: section `motorium` of the dataset's info.json.
        named: its `robot_type`.
        there: its identity, if it says one.
        spec: of the robot at hand.
        now: identity of the robot at hand.
    """
    name = there.robot if there else LEROBOT_NAMES.get(named, named)
    limits = changed_limits(own, spec)
    if name and name != spec.name:
        return f"recorded with {name}, and this is {spec.name}"
    if there is not None and not there.same_declaration(now):
        what = "; ".join(limits) or "its servos, ids or joint frames"
        return f"recorded with another declaration of {spec.name}, which differs in: {what}"
    if there is None and limits:
        return f"recorded with a {name or 'robot'} of other limits: {'; '.join(limits)}"
    return ""


def refusal(what: str, meant: str, kind: str) -> DataError:
    """Make the error about a robot or a calibration that differs; `kind` is "robot" or "calibration"."""
    return DataError.with_remedy(
        what, program=f"{meant}: {PROGRAM.format(kind)}", command=f"{meant}: {OPTIONS[kind]}"
    )


def check_playable(
    dataset: Dataset, episode: Episode, spec: RobotSpec, now: Identity, accepted: Accepted = NOTHING
) -> list[str]:
    """Check that an episode was recorded with the arm that will play it; returns what could not be compared.

    Raises DataError: another robot, another declaration of it or another calibration, that was not accepted.
    """
    where, own = f"{dataset.root}, episode {episode.index}, was", dataset.schema.own
    there = identity_of(dataset, episode)
    other = other_robot(own, dataset.schema.robot, there, spec, now)
    if other and not accepted.robot:
        raise refusal(
            f"{where} {other}: the same angles mean another motion there.", "To play it anyway", "robot"
        )
    zeros = (there.calibration_sha256 if there else None, now.calibration_sha256)
    if None not in zeros and zeros[0] != zeros[1] and not (accepted.calibration or accepted.robot):
        raise refusal(
            f"{where} recorded with another calibration than this arm has: its zeros may differ.",
            "If both calibrations are right, play it",
            "calibration",
        )
    if there is None:
        known = (
            "its name and joints" if not isinstance(own.get(LIMITS), Mapping) else "name, joints and limits"
        )
        robot = dataset.schema.robot or "its robot"
        unsaid = (
            f"{dataset.root} does not say with which declaration and calibration of {robot} it was recorded"
        )
        return [f"{unsaid}; {known} were compared, nothing more can be"]
    if None in zeros and zeros[0] != zeros[1]:
        return ["one of the two arms, recorded and present, has the zeros of its declaration: not compared"]
    return []


def check_within(
    where: str, positions_rad: NDArray[Any], spec: RobotSpec, accepted: Accepted = NOTHING
) -> None:
    """Raise DataError when a trajectory, (N, J) radians, leaves the limits of `spec` and nobody accepted it."""
    problem = beyond_limits(positions_rad, spec.joints)
    if not problem or accepted.robot:
        return
    raise refusal(
        f"{where} {problem}: was it recorded with another robot, or are its units others (--units)?",
        "To play it within the limits",
        "robot",
    )


def _is_range(ends: Any) -> bool:
    return isinstance(ends, list) and len(ends) == 2 and all(isinstance(end, (int, float)) for end in ends)
