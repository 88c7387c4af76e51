"""Results of evaluations as JSON files, and two of them compared scene by scene.

A result that is read may be anybody's: only what a comparison needs is taken from it, and each value is checked.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, DataError
from ..foreign import open_regular, read_json
from ..sim.scene import TRAINING_SEEDS_FROM
from .evaluate import USUAL, EvalJob
from .proportions import Pairs, wilson

MAX_EPISODES = 100_000
"""In a result that is read."""
MAX_BYTES = 32 << 20
"""Of such a file: an episode takes some 200 bytes."""
MAX_WEIGHTS_BYTES = 1 << 40
MAX_TEXT = 4096
"""Characters of a name or an instruction in one."""
SETTINGS: dict[str, Any] = {
    "engine": "core", "precision": "float32", "latency_s": 0.05, "latency_drawn": False, "age_s": 0.03,
    **{name: value for name, value in USUAL.items() if name != "scene"},
}  # fmt: skip
"""What may differ between two results that are compared, with the usual values."""
SCENES = ("robot", "task", "seed", "episodes", "scene")
"""What may not."""


@dataclass(frozen=True)
class Outcomes:
    """Which scenes a checkpoint solved.

    Attributes:
        checkpoint: as it was given.
        scenes: which scenes: values by name, equal where those of two results are the same.
        settings: how they were played, by the names in SETTINGS.
        instructions: of each scene, in the order of their seeds.
        successes: whether each was solved.
        wrong: whether another cube than the one that was asked for came into the tray.
        shortfalls: plans that needed more committed rows than the checkpoint accepts, in all scenes.
        sha256: of the checkpoint's files (see `fingerprint`); empty where the result does not say it.
    """

    checkpoint: str
    scenes: Mapping[str, Any]
    settings: Mapping[str, Any]
    instructions: tuple[str, ...]
    successes: tuple[bool, ...]
    wrong: tuple[bool, ...]
    shortfalls: int
    sha256: str

    @classmethod
    def of(cls, figures: Any, where: str = "the result") -> Outcomes:
        """Take them from a result in plain values. Raises DataError that names what is wrong."""
        whole = _Table(figures, where)
        seed, count = whole.integer("seed"), whole.integer("episodes")
        if not 1 <= count <= min(MAX_EPISODES, TRAINING_SEEDS_FROM - seed):
            raise DataError(
                f"{where}: {count} episodes from seed {seed} on; a result has 1 to {MAX_EPISODES}, of scenes below "
                f"{TRAINING_SEEDS_FROM}"
            )
        episodes = whole.value("per_episode")
        if not isinstance(episodes, list) or len(episodes) != count:
            raise DataError(f"{where}: per_episode must be a list of {count} episodes")
        instructions, successes, wrong, shortfalls = [], [], [], 0
        for index, entry in enumerate(episodes):
            one = _Table(entry, f"{where}: per_episode[{index}]")
            if one.integer("seed") != seed + index:
                raise DataError(f"{one.where}: its seed must be {seed + index}, the next one")
            instructions.append(one.text("instruction"))
            successes.append(one.truth("success"))
            wrong.append(one.truth("wrong_cube"))
            shortfalls += one.integer("shortfalls") if "shortfalls" in one.values else 0
        settings = {name: whole.setting(name, usual) for name, usual in SETTINGS.items()}
        scenes = dict(
            zip(
                SCENES,
                (
                    whole.text("robot"),
                    whole.text("task"),
                    seed,
                    count,
                    whole.setting("scene", USUAL["scene"]),
                ),
                strict=True,
            )
        )
        sha256 = whole.setting("checkpoint_sha256", "")
        name = whole.text("checkpoint")
        return cls(
            name, scenes, settings, tuple(instructions), tuple(successes), tuple(wrong), shortfalls, sha256
        )

    @property
    def count(self) -> int:
        """Scenes."""
        return len(self.successes)

    @property
    def good(self) -> int:
        """Scenes that were solved."""
        return sum(self.successes)

    @property
    def unusual(self) -> dict[str, Any]:
        """Settings that are not as usual."""
        return {name: value for name, value in self.settings.items() if value != SETTINGS[name]}

    def as_dict(self) -> dict[str, Any]:
        """Return totals and settings, ready for JSON."""
        return {
            "checkpoint": self.checkpoint, **self.scenes, **self.settings, "successes": self.good,
            "success_rate": self.good / self.count, "wilson95": list(wilson(self.good, self.count)),
            "wrong_cube": sum(self.wrong), "shortfalls": self.shortfalls,
        }  # fmt: skip


def scenes_of(job: EvalJob, robot: str) -> dict[str, Any]:
    """Return the `Outcomes.scenes` that a job will have, of a robot as it was given."""
    said = {**job.as_dict(), "robot": robot, "episodes": job.episodes}
    return {name: said.get(name, USUAL.get(name)) for name in SCENES}


def settings_of(job: EvalJob) -> dict[str, Any]:
    """Return the `Outcomes.settings` that a job will have."""
    said = job.as_dict()
    return {name: said.get(name, usual) for name, usual in SETTINGS.items()}


def fingerprint(checkpoint: Path) -> str:
    """Return the SHA-256 of a checkpoint folder's config and weights, in hex. Raises CheckpointError."""
    whole = hashlib.sha256()
    for path in sorted(path for path in checkpoint.iterdir() if path.suffix in (".json", ".safetensors")):
        with open_regular(path, MAX_WEIGHTS_BYTES, error=CheckpointError, inside=checkpoint) as file:
            one = hashlib.sha256()
            while block := file.read(1 << 20):
                one.update(block)
        whole.update(f"{path.name} {one.hexdigest()}\n".encode())
    return whole.hexdigest()


def read_outcomes(path: Path) -> Outcomes:
    """Read the result that `motorium eval --out` wrote. Raises DataError: damaged, or none."""
    return Outcomes.of(read_json(path, MAX_BYTES, error=DataError), str(path))


def check_scenes(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    """Raise DataError when two results, by their `Outcomes.scenes`, are of other scenes."""
    for name, value in first.items():
        if second[name] != value:
            raise DataError(
                f"the two results are of other scenes and cannot be compared in pairs: {name} is {value!r:.200} in "
                f"one and {second[name]!r:.200} in the other; play both with the same --robot, --scene, --task, --seed "
                "and --episodes"
            )


def compare(first: Outcomes, second: Outcomes) -> Pairs:
    """Count outcomes scene by scene. Raises DataError when the two did not play the same scenes."""
    check_scenes(first.scenes, second.scenes)
    for index, words in enumerate(zip(first.instructions, second.instructions, strict=True)):
        if words[0] != words[1]:
            raise DataError(
                f"the two results are of other scenes: that of seed {first.scenes['seed'] + index} asks "
                f"{words[0]!r:.200} in one and {words[1]!r:.200} in the other; play both with the same version"
            )
    return Pairs.of(first.successes, second.successes)


def comparison(pairs: Pairs) -> dict[str, Any]:
    """Return what is said of two that played the same scenes, ready for JSON."""
    return {
        "both": pairs.both, "first_only": pairs.first, "second_only": pairs.second, "neither": pairs.neither,
        "difference": pairs.difference, "newcombe95": list(pairs.interval()), "mcnemar_p": pairs.mcnemar(),
    }  # fmt: skip


class _Table:
    """A JSON object of others, whose values are asked for one by one."""

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, dict):
            raise DataError(f"{where} is no result of motorium eval: a JSON object is wanted there")
        self.values, self.where = values, where

    def value(self, name: str) -> Any:
        """Return a value that must be there."""
        if name not in self.values:
            raise DataError(f"{self.where} lacks {name!r}: is it a result of `motorium eval --out`?")
        return self.values[name]

    def text(self, name: str) -> str:
        """Return a text of bounded length."""
        value = self.value(name)
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise self._wrong(name, f"a text of at most {MAX_TEXT} characters")
        return value

    def integer(self, name: str) -> int:
        """Return a whole number from 0 on."""
        value = self.value(name)
        if type(value) is not int or not 0 <= value < TRAINING_SEEDS_FROM:
            raise self._wrong(name, f"a whole number from 0 to {TRAINING_SEEDS_FROM - 1}")
        return value

    def truth(self, name: str) -> bool:
        """Return true or false."""
        value = self.value(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def setting(self, name: str, usual: Any) -> Any:
        """Return a setting of the kind of its usual value, which stands for one that is missing."""
        value = self.values.get(name, usual)
        if isinstance(usual, bool):
            fits = isinstance(value, bool)
        elif isinstance(usual, float):
            fits = type(value) in (int, float) and math.isfinite(value) and value >= 0
        elif isinstance(usual, list):
            fits = isinstance(value, list) and all(isinstance(one, str) and len(one) < 100 for one in value)
            fits = fits and len(value) < 100
        elif usual is None:
            fits = value is None or type(value) is int
        else:
            fits = isinstance(value, str) and len(value) < 100
        if not fits:
            raise self._wrong(name, f"a value like {usual!r}")
        return value

    def _wrong(self, name: str, wanted: str) -> DataError:
        return DataError(f"{self.where}: {name} must be {wanted}, not {self.values.get(name)!r:.80}")
