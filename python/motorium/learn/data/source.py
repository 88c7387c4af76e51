"""Open one dataset for training: its robot, cameras and rate, or a refusal that says what does not fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...data.edit.marking import for_training
from ...data.format.dataset import Dataset
from ...data.format.identity import LEROBOT_NAMES, identity_of, other_robot
from ...data.format.outcome import outcome_of
from ...errors import DataError, SpecError
from ...robots.identity import Identity
from ...specs.robot import RobotSpec
from .joints import JointReader

PICTURE = "observation.images."
MOST_WEIGHT = 1e6
SQUEEZED = 0.02
"""Change of a picture's ratio, as a logarithm, that nobody sees."""
MOST_ROWS = 4096
"""Of a chunk; the longest published ones have a few hundred."""


@dataclass(frozen=True)
class SourceSpec:
    """One dataset to learn from, and what is declared of it where it does not fit by itself.

    Attributes:
        path: of the dataset.
        weight: how often its frames are drawn, against those of other sources; None: by how many it has.
        robot: name or TOML file of its robot here; None takes what the dataset says.
        units: "rad", "deg" or "lerobot" (-100 to 100) of its joints; None takes what the dataset says.
        calibration: file of the arm that recorded it, ours or LeRobot's; needed for "lerobot".
        cameras: role -> key of the feature, where it is not "observation.images." and the role.
        joints: joint of the robot -> joint of the dataset, where the names differ; columns without names are "0", "1".
        fps: its rate, where it is another than that of the table and labels shall be interpolated.
        task: instruction of its episodes that have none.
    """

    path: Path
    weight: float | None = None
    robot: str | None = None
    units: str | None = None
    calibration: Path | None = None
    cameras: Mapping[str, str] = field(default_factory=dict)
    joints: Mapping[str, str] = field(default_factory=dict)
    fps: int | None = None
    task: str = ""

    @classmethod
    def parse(cls, text: str) -> SourceSpec:
        """Read "PATH" or "PATH=WEIGHT", such as a=0.7. Raises DataError for a weight that is no positive number."""
        path, equals, weight = text.rpartition("=")
        if not equals or Path(text).exists():
            return cls(Path(text))
        try:
            value = float(weight)
        except ValueError:
            value = math.nan
        if not 0 < value <= MOST_WEIGHT or not path:
            raise DataError(
                f"{text!r}: {weight!r} is not a weight; give PATH=WEIGHT with a number above 0, such as "
                f"{path or 'a'}=0.7"
            )
        return cls(Path(path), value)


@dataclass(frozen=True)
class TableSpec:
    """What the table is to hold, for all sources alike.

    Attributes:
        rows: of a chunk, T.
        dt_s: between rows; None takes one row of the first source.
        roles: of the cameras, in the order of the policy's views; None takes all of the first source.
        size: (height, width) of the policy's pictures; None leaves them as they are, when all are alike.
        validation: share of the recordings that are held out.
        seed: which recordings these are.
        with_failures: whether episodes that were marked as failed are learned too.
        with_cut_off: whether episodes whose end is missing are learned too.
        subtasks: whether the text of a mark replaces the instruction, as long as it holds.
    """

    rows: int = 16
    dt_s: float | None = None
    roles: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    validation: float = 0.1
    seed: int = 0
    with_failures: bool = False
    with_cut_off: bool = False
    subtasks: bool = True

    def __post_init__(self) -> None:
        """Raise DataError for what cannot be asked for."""
        if not 1 <= self.rows <= MOST_ROWS:
            raise DataError(f"chunks of {self.rows} rows; from 1 to {MOST_ROWS} are possible")
        if self.dt_s is not None and not 1e-3 <= self.dt_s <= 10.0:
            raise DataError(f"dt of {self.dt_s:g} s; from 0.001 to 10 are possible")
        if not 0 < self.validation < 1:
            raise DataError(f"a validation share of {self.validation:g}; it must be between 0 and 1")
        if self.roles is not None and len(set(self.roles)) < len(self.roles):
            raise DataError(f"a camera role is given twice: {', '.join(self.roles)}")
        if self.size is not None and not all(8 <= side <= 2048 for side in self.size):
            raise DataError(f"pictures of {self.size[1]} x {self.size[0]}; sides from 8 to 2048 are possible")


@dataclass(frozen=True)
class Source:
    """A dataset opened for training.

    Attributes:
        spec: as it was given.
        dataset: with the episodes to learn from alone.
        joints: reader of its columns of joints.
        cameras: role -> key of the feature, for the roles of the table.
        left_out: in words, which episodes are not learned from.
    """

    spec: SourceSpec
    dataset: Dataset
    joints: JointReader
    cameras: Mapping[str, str]
    left_out: tuple[str, ...] = ()

    @property
    def robot(self) -> RobotSpec:
        """Its robot."""
        return self.joints.robot

    def remarks(self, size: tuple[int, int] | None, dt_s: float) -> list[str]:
        """Say what is left out, squeezed or interpolated where pictures become `size` and rows lie `dt_s` apart."""
        out, schema = list(self.left_out), self.dataset.schema
        for role, key in self.cameras.items():
            height, width = schema.feature(key).shape[:2]
            if size is not None and abs(math.log(width * size[0] / height / size[1])) > SQUEEZED:
                out.append(
                    f"{self.dataset.root}: pictures of {role} are squeezed from {width} x {height} to "
                    f"{size[1]} x {size[0]}; a camera of the robot must be too"
                )
        if not _is_rate(schema.fps, dt_s):
            out.append(
                f"{self.dataset.root}: its {schema.fps} rows per second are interpolated to rows of {dt_s:g} s"
            )
        return out


def open_source(spec: SourceSpec, table: TableSpec) -> Source:
    """Open a dataset for training.

    Raises DataError: no dataset, no action, an unknown robot, joints or units that do not fit, a camera that is
    missing, no episode to learn from.
    """
    dataset = Dataset.open(spec.path)
    robot = _robot(dataset, spec)
    joints = JointReader.of(dataset, robot, spec.units, spec.calibration, spec.joints)
    cameras = _cameras(dataset, spec, table.roles)
    kept, left_out = _episodes(dataset, table)
    return Source(spec, kept, joints, cameras, left_out)


def check_rate(source: Source, dt_s: float) -> None:
    """Raise DataError when rows of `dt_s` are not the rows of a source and nobody has declared its rate."""
    fps, said = source.dataset.schema.fps, source.spec.fps
    where = source.dataset.root
    if said is not None and said != fps:
        raise DataError(f"{where} has {fps} rows per second, not the {said} that were declared")
    if said is None and not _is_rate(fps, dt_s):
        raise DataError(
            f"{where} has {fps} rows per second, and rows of {dt_s:g} s are to be learned ({1 / dt_s:.4g} per second): "
            f"declare its rate, and its setpoints are interpolated in time (--fps {fps}), or convert it: "
            f"motorium data downsample"
        )


def check_robots(sources: Sequence[Source]) -> None:
    """Raise DataError when two robots of one name are different ones."""
    named: dict[str, Source] = {}
    for source in sources:
        first = named.setdefault(source.robot.name, source)
        if first.robot != source.robot:
            raise DataError(
                f"{first.dataset.root} and {source.dataset.root} are of two robots called {source.robot.name} that "
                f"differ: give one of them another name in its file"
            )


def _is_rate(fps: int, dt_s: float) -> bool:
    return math.isclose(fps * dt_s, 1.0, rel_tol=1e-3)


def _robot(dataset: Dataset, spec: SourceSpec) -> RobotSpec:
    name = dataset.schema.robot
    if not (spec.robot or name):
        raise DataError(f"{dataset.root} does not say its robot: declare it (--robot, such as so101)")
    try:
        found = RobotSpec.load(spec.robot or LEROBOT_NAMES.get(name, name))
    except SpecError as error:
        raise DataError(
            f"{dataset.root} was recorded on {name!r}: {error}; declare its robot (--robot, such as so101)"
        ) from error
    there = identity_of(dataset)
    other = other_robot(dataset.schema.own, name, there, found, Identity.of(found, None)) if there else ""
    if other and spec.robot is None:
        raise DataError(
            f"{dataset.root} was {other}: the same angles mean another motion there. To take it for the one known "
            f"here, declare it (--robot {found.name})"
        )
    return found


def _cameras(dataset: Dataset, spec: SourceSpec, roles: tuple[str, ...] | None) -> dict[str, str]:
    schema = dataset.schema
    keys = [f.key for f in schema.videos]
    renamed = {key: role for role, key in spec.cameras.items()}
    if roles is None:
        roles = tuple(renamed.get(key, key.removeprefix(PICTURE)) for key in keys)
    found = {role: spec.cameras.get(role, PICTURE + role) for role in roles}
    strange = sorted(set(spec.cameras) - set(roles))
    if strange:
        raise DataError(
            f"{dataset.root}: a camera is declared for {strange[0]!r}; the roles are {', '.join(roles)}"
        )
    for role, key in found.items():
        if any(f.key == key and f.dtype == "image" for f in schema.features):
            raise DataError(
                f"{dataset.root}: {key} has its pictures in the data files, which training does not read: store them "
                f"as video"
            )
        if key not in keys:
            there = ", ".join(keys) or "none"
            raise DataError(
                f"{dataset.root} has no camera {key} for the role {role!r}; it has {there}. Declare which one it is "
                f"(--camera {role}=KEY), or record with such a camera"
            )
    if not found:
        raise DataError(f"{dataset.root} has no camera, and a policy needs one")
    if len(set(found.values())) < len(found):
        raise DataError(f"{dataset.root}: one camera cannot have two roles: {', '.join(found)}")
    return found


def _episodes(dataset: Dataset, table: TableSpec) -> tuple[Dataset, tuple[str, ...]]:
    """Leave out what a policy would learn to do wrong: to stop in the middle, and to fail.

    Only what somebody called a failure is one; episodes of which nobody says how they ended are learned.
    """
    kept, cut = for_training(dataset, with_cut_off=table.with_cut_off)
    failed = (
        ()
        if table.with_failures
        else tuple(e.index for e in kept.episodes if outcome_of(kept.notes(e)).success is False)
    )
    said = []
    if cut:
        said.append(f"{dataset.root}: left out {_numbers(cut)}, whose end is missing")
    if failed:
        said.append(f"{dataset.root}: left out {_numbers(failed)}, marked as failed")
    kept = Dataset(
        kept.root,
        kept.info,
        tuple(e for e in kept.episodes if e.index not in failed and e.length),
        kept.tasks,
        kept.place,
    )
    if not kept.episodes:
        why = "; ".join(said) or f"{dataset.root} has no episode"
        asked = "; failed ones are learned only when asked for (with_failures)" if failed else ""
        raise DataError(f"{why}: nothing is left to learn from{asked}")
    return kept, tuple(said)


def _numbers(episodes: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, episodes[:10])) + (" ..." if len(episodes) > 10 else "")
    return f"episode {shown}" if len(episodes) == 1 else f"{len(episodes)} episodes ({shown})"
