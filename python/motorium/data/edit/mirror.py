"""Mirror a dataset: pictures, joints and words with left and right exchanged consistently."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...specs.lerobot_units import FULL_TURN_RAD
from ..format import layout
from ..format.dataset import Dataset
from ..format.feature_names import ARM_PREFIX
from ..format.instants import LEADER
from ..format.said_units import DEG, LEROBOT, said_unit
from ..format.schema import Feature, Info, Schema
from ..format.tables import Episode, Rows
from ..record import marks
from .build import Pick, build
from .film import mirrored

SIGNED = (
    "observation.state", "action", "commanded_rad", "velocity_rad_s", "effort", "observation.velocity",
    "observation.effort", LEADER,
)  # fmt: skip
"""Columns whose values change sign with the joint they are of, and so do all whose name ends in a unit of `TURNING`."""
TURNING = ("_rad", "_rad_s", "_deg", "_deg_s")
UNSIGNED = ("joint_age_s", "capture_s", "row_s", marks.SUBTASK, marks.CONTACT)
"""Columns of times and marks: a mirror does not change them."""
SAME_ZERO_RAD = 0.02
"""A middle of the travel this near to a joint's zero is taken for it."""
SLOTS = ("observation.slots", "action_slots")
CAPTURE, CAMERA = "capture_s", "observation.images."
SUFFIXES = (".pos", ".vel", ".velocity", ".effort", ".torque", ".current")
_WORD = re.compile(r"(?<![^\W_])(left|right)(?=(?:most|wards?|hand|handed)?(?![^\W_]))", re.IGNORECASE)
"""Words of their own, also before "-hand", "most" or "_arm"; not parts of others, such as "leftover" or "upright"."""


@dataclass(frozen=True)
class Mirror:
    """What a mirror does to a dataset.

    Attributes:
        signs: joint -> -1 for those that turn the other way in a mirror, such as shoulder_pan and wrist_roll.
        swap: joint or camera key -> the one on the other side; both directions are meant.
        also: more columns whose values change sign with their joint.
        keep: columns that stay as they are.
    """

    signs: Mapping[str, int]
    swap: Mapping[str, str] = field(default_factory=dict)
    also: Sequence[str] = ()
    keep: Sequence[str] = ()

    @property
    def both(self) -> dict[str, str]:
        """Each name -> the one on the other side."""
        return {**self.swap, **{b: a for a, b in self.swap.items()}}


def mirror_dataset(dataset: Dataset, how: Mirror, target: Path) -> tuple[Info, list[str]]:
    """Write a dataset as it would look in a mirror: pictures flipped, joints negated or exchanged, words too.

    Returns its totals, and in words which columns stayed as they are and which tasks have other words now.

    Raises DataError: a name is not there, or it is not known what a column that holds the joint needs.
    """
    schema = dataset.schema
    _check_names(schema, how)
    _check_zeros(dataset, how)
    changes = {f.key: _Change.of(f, how) for f in schema.columns}

    def rows(columns: Rows, episode: Episode) -> Rows:
        del episode
        return {key: changes[key](values) if key in changes else values for key, values in columns.items()}

    tasks = {task: exchange_sides(task) for task in dataset.tasks}
    cameras = {key: other for key, other in how.both.items() if schema.has(key)}
    pick = Pick(
        dataset, frozenset(e.index for e in dataset.episodes), tasks, rows, mirrored(schema.fps), cameras,
        film_changes=True, words=exchange_sides,
    )  # fmt: skip
    new = replace(schema.with_video_info("h264", "yuv420p"), own=_own(schema, how))
    info = build(target, new, [pick])
    stayed = [key for key, change in changes.items() if change.open]
    said = [f"unchanged: {', '.join(stayed)}"] if stayed else []
    if (dataset.root / layout.TELEMETRY).is_dir():
        said.append(f"left out: {layout.TELEMETRY}/, which has the control ticks of the original motion")
    return info, said + [f"task {old!r} is {word!r} now" for old, word in tasks.items() if old != word]


@dataclass(frozen=True)
class _Change:
    """What happens to the values of one column; `open` when nothing does, though it may be something of the arm's."""

    order: NDArray[np.intp] | None = None
    signs: NDArray[Any] | None = None
    open: bool = False

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        out = values if self.order is None else values[:, self.order]
        return out if self.signs is None else out * self.signs.astype(values.dtype)

    @classmethod
    def of(cls, feature: Feature, how: Mirror) -> _Change:
        """Return it. Raises DataError when it is not known."""
        key = feature.key
        if key in how.keep:
            return cls(open=True)
        if feature.names is None or len(feature.names) != feature.size or len(feature.shape) != 1:
            if key in SLOTS or ((_is_signed(key) or key in how.also) and (how.signs or _joints_of(how))):
                raise DataError(f"{key} holds joints, but {_unnamed(feature)}; or --keep {key}")
            return cls(open=key not in UNSIGNED)
        places = [_split(name) for name in feature.names]
        order = _order(feature, places, how)
        negated = [joint for _, joint, _ in places if how.signs.get(joint, 1) < 0]
        if not negated or key in UNSIGNED:
            return cls(order, None, key not in UNSIGNED and order is None)
        if not _is_signed(key) and key not in how.also:
            raise DataError(
                f"{key} names {negated[0]}, but whether its values change sign with the joint is unknown: give "
                f"--also {key} when they do, --keep {key} when it must stay unchanged"
            )
        return cls(order, np.array([how.signs.get(joint, 1) for _, joint, _ in places]))


def _is_signed(key: str) -> bool:
    return key in SIGNED or key.endswith(TURNING)


def _unnamed(feature: Feature) -> str:
    if feature.key in SLOTS:
        return "in the unified slots: mirror the dataset before `motorium data slots` adds them"
    there = f"{len(feature.names)} names" if feature.names else "no names"
    return f"has {there} for its {feature.size} values: name them in info.json"


def _order(feature: Feature, places: list[tuple[str, str, str]], how: Mirror) -> NDArray[np.intp] | None:
    """Return where each value comes from; None when each stays in its place."""
    swap = {**how.both, **_short_cameras(how)} if feature.key == CAPTURE else how.both
    order = list(range(len(places)))
    for i, (prefix, joint, suffix) in enumerate(places):
        if joint not in swap:
            continue
        other = (prefix, swap[joint], suffix)
        if other not in places:
            raise DataError(
                f"{feature.key} has {joint} and not {swap[joint]}, so it cannot swap the two: "
                f"--keep {feature.key} leaves it unchanged"
            )
        order[i] = places.index(other)
    return None if order == list(range(len(places))) else np.array(order)


def _short_cameras(how: Mirror) -> dict[str, str]:
    """Return cameras as the column of capture times names them."""
    return {
        a.removeprefix(CAMERA): b.removeprefix(CAMERA) for a, b in how.both.items() if a.startswith(CAMERA)
    }


def _joints_of(how: Mirror) -> list[str]:
    return [name for name in how.swap if not name.startswith(CAMERA)]


def _split(name: str) -> tuple[str, str, str]:
    """Split the name of a value: ("main_", "shoulder_pan", ".pos")."""
    suffix = next((end for end in SUFFIXES if name.endswith(end) and name != end), "")
    prefix = ARM_PREFIX if name.startswith(ARM_PREFIX) else ""
    return prefix, name[len(prefix) : len(name) - len(suffix)], suffix


def _check_names(schema: Schema, how: Mirror) -> None:
    joints = dict.fromkeys(_split(name)[1] for f in schema.columns for name in f.names or ())
    cameras = {f.key: f.shape for f in schema.videos}
    for name in (*how.signs, *how.both):
        if name not in joints and name not in cameras:
            times = {key.removeprefix(CAMERA) for key in cameras} | {"joints"}  # of `capture_s`
            there = f"joints are {', '.join(joint for joint in joints if joint not in times)}"
            raise DataError(
                f"no joint or camera {name!r}; {there}"
                + (f"; cameras are {', '.join(cameras)}" * bool(cameras))
            )
    for a, b in how.swap.items():
        if (a in cameras) != (b in cameras) or cameras.get(a) != cameras.get(b):
            raise DataError(
                f"{a} and {b} cannot be swapped: their pictures differ in size, or one is not a camera"
            )
    for key in (*how.also, *how.keep):
        if not any(f.key == key for f in schema.columns):
            raise DataError(f"no column {key!r}; columns are {', '.join(f.key for f in schema.columns)}")


def _check_zeros(dataset: Dataset, how: Mirror) -> None:
    """Refuse to negate what is counted from the middle of a travel whose middle is not the arm's own zero."""
    limits = dataset.schema.own.get("limits_rad")
    for feature in dataset.schema.columns:
        if feature.key in how.keep or said_unit(dataset.schema, feature.key) not in {DEG, LEROBOT}:
            continue
        for name in feature.names or ():
            joint = _split(name)[1]
            pair = limits.get(joint) if isinstance(limits, dict) and how.signs.get(joint, 1) < 0 else None
            if not isinstance(pair, list) or len(pair) != 2 or pair[1] - pair[0] > FULL_TURN_RAD:
                continue  # one that turns all the way round is counted from its own zero
            if abs(pair[0] + pair[1]) / 2 > SAME_ZERO_RAD:
                raise DataError(
                    f"{feature.key} counts {joint} from the middle of its travel, which is not its zero, so mirroring "
                    f"it is not a change of sign: motorium data units {quote(str(dataset.root))} --to rad first"
                )


def _own(schema: Schema, how: Mirror) -> dict[str, Any]:
    """Turn the limits of joints that turn the other way, and change the words of sub-tasks."""
    own = dict(schema.own)
    limits = own.get("limits_rad")
    if isinstance(limits, dict):
        found = dict(_limits(limits, how))
        own["limits_rad"] = {joint: found[joint] for joint in limits}
    names = own.get(marks.NAMES)
    if isinstance(names, list):
        own[marks.NAMES] = [exchange_sides(str(name)) for name in names]
    return own


def _limits(limits: Mapping[str, Any], how: Mirror) -> Iterator[tuple[str, Any]]:
    for joint in limits:
        pair = limits.get(how.both.get(joint, joint), limits[joint])
        turned = how.signs.get(joint, 1) < 0 and isinstance(pair, list) and len(pair) == 2
        yield joint, [-pair[1], -pair[0]] if turned else pair


def exchange_sides(text: str) -> str:
    """Exchange left and right in a text: "the LEFT cup, left-hand side." becomes "the RIGHT cup, right-hand side."."""
    return _WORD.sub(_other, text)


def _other(found: re.Match[str]) -> str:
    word = found[0]
    other = "right" if word.lower() == "left" else "left"
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other
