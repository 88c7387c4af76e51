"""A recipe: everything that makes a checkpoint, in one TOML file - what to record, how to train, in which order."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..errors import MotoriumError
from .batches import BatchParams
from .record import RecordJob, record
from .train import TrainJob, TrainParams, train

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPES = Path(__file__).parent / "recipes"
SEEDS_PER_STAGE = 1_000_000


class RecipeError(MotoriumError):
    """A recipe is absent or has a key that means nothing."""


@dataclass(frozen=True)
class RecipeStage:
    """Record, then train on all that has been recorded so far, up to a step of the one schedule."""

    record: dict[str, int]
    until: int


@dataclass(frozen=True)
class Recipe:
    """A named sequence of stages."""

    name: str
    robot: str
    first_seed: int
    train: TrainParams
    stages: tuple[RecipeStage, ...]

    @classmethod
    def load(cls, name_or_path: str | Path) -> Recipe:
        """Reads a recipe by name or path. Raises RecipeError that lists what is valid."""
        path = Path(name_or_path)
        if not path.is_file():
            path = RECIPES / f"{name_or_path}.toml"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
            raise RecipeError(f"no recipe {str(name_or_path)!r}: neither a file nor one of {known}")
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(f"{path}: {error}") from error
        _refuse_unknown(table, {"name", "robot", "first_seed", "train", "stages"}, path.name)
        try:
            settings = dict(table.get("train", {}))
            batch = _filled(BatchParams, settings.pop("batch", {}), f"{path.name} [train.batch]")
            params = replace(_filled(TrainParams, settings, f"{path.name} [train]"), batch=batch)
            stages = tuple(RecipeStage(dict(s["record"]), int(s["until"])) for s in table["stages"])
            return cls(table["name"], table["robot"], int(table.get("first_seed", 0)), params, stages)
        except KeyError as error:
            raise RecipeError(f"{path.name}: key {error} is missing") from error


def cook(recipe: Recipe, out: Path, report: Callable[[str], None] = print, *, processes: int = 2) -> Path:
    """Runs a recipe; started again in the same folder, it goes on where it stopped. Returns the checkpoint folder."""
    run, data = out / "run", out / "data"
    job = TrainJob((data,), run, name=recipe.name, params=recipe.train)
    for number, stage in enumerate(recipe.stages):
        corrected = run / "checkpoint" if stage.record.get("correct") else None
        demos = RecordJob(
            data / f"stage-{number}",
            stage.record,
            robot=recipe.robot,
            first_seed=recipe.first_seed + number * SEEDS_PER_STAGE,
            processes=processes,
            checkpoint=corrected,
        )
        if number < _stages_done(out):
            continue
        report(f"stage {number + 1}/{len(recipe.stages)}: recording {stage.record}")
        record(demos, report)
        train(job, report, resume=True, until=stage.until)
        (out / "stages-done").write_text(f"{number + 1}\n", encoding="utf-8")
    return run / "checkpoint"


def _stages_done(out: Path) -> int:
    path = out / "stages-done"
    return int(path.read_text(encoding="utf-8")) if path.exists() else 0


def _filled(kind: type[Any], table: dict[str, Any], where: str) -> Any:
    _refuse_unknown(table, {f.name for f in fields(kind)}, where)
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in table.items()})


def _refuse_unknown(table: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise RecipeError(f"{where}: unknown key(s) {', '.join(unknown)}; valid: {', '.join(sorted(known))}")
