"""Run a recipe: everything that makes a checkpoint, in one TOML file - what to record, how to train, in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from motorium.errors import MotoriumError
from motorium.files import looks_like_path, no_such_file, write_whole
from motorium.foreign import read_text, read_toml
from motorium.learn.run_folder import CHECKPOINT, run_folder

from .batches import BatchParams
from .record import RecordJob, record
from .train import TrainJob, TrainParams, train

RECIPES = Path(__file__).parent
SEEDS_PER_STAGE = 1_000_000


class RecipeError(MotoriumError):
    """A recipe is absent or has a key that means nothing."""


@dataclass(frozen=True)
class RecipeStage:
    """Record, then train on all that has been recorded so far, from where the stage before ended."""

    record: dict[str, int]
    train: TrainParams


@dataclass(frozen=True)
class Recipe:
    """A named sequence of stages."""

    name: str
    robot: str
    first_seed: int
    stages: tuple[RecipeStage, ...]

    @classmethod
    def load(cls, name_or_path: str | Path) -> Recipe:
        """Read a recipe by name or path. Raises RecipeError that lists what is valid."""
        path = Path(name_or_path)
        if not path.is_file():
            path = RECIPES / f"{name_or_path}.toml"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
            if looks_like_path(name_or_path, ".toml"):
                wanted = f"a recipe's TOML file, or the name of a shipped one: {known}"
                raise RecipeError(no_such_file(Path(name_or_path), wanted))
            raise RecipeError(f"no recipe {str(name_or_path)!r}: neither a file nor one of {known}")
        table = read_toml(path, error=RecipeError)
        try:
            _refuse_unknown(table, {"name", "robot", "first_seed", "train", "stages"}, path.name)
            stages = tuple(
                _stage(entry, table.get("train", {}), f"{path.name}, stage {i + 1}")
                for i, entry in enumerate(table["stages"])
            )
            return cls(table["name"], table["robot"], int(table.get("first_seed", 0)), stages)
        except KeyError as error:
            raise RecipeError(f"{path.name}: key {error} is missing") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise RecipeError(f"{path.name}: a key is of the wrong kind: {error}") from error


def run_recipe(
    recipe: Recipe, out: Path, report: Callable[[str], None] = print, *, processes: int = 2
) -> Path:
    """Run a recipe; started again in the same folder, it goes on where it stopped. Returns the checkpoint folder.

    Raises MotoriumError, among them StorageError where another process runs a recipe in the folder.
    """
    with run_folder(out):
        return _run_stages(recipe, out, report, processes)


def _run_stages(recipe: Recipe, out: Path, report: Callable[[str], None], processes: int) -> Path:
    checkpoint: Path | None = None
    for number, stage in enumerate(recipe.stages):
        run = out / f"run-{number + 1}"
        if number >= _stages_done(out):
            report(f"stage {number + 1}/{len(recipe.stages)}: recording {stage.record}")
            demos = RecordJob(
                out / "data" / f"stage-{number + 1}",
                stage.record,
                robot=recipe.robot,
                first_seed=recipe.first_seed + number * SEEDS_PER_STAGE,
                processes=processes,
                checkpoint=checkpoint,
            )
            record(demos, report)
            job = TrainJob((out / "data",), run, name=recipe.name, init=checkpoint, params=stage.train)
            train(job, report, resume=True)
            _note_done(out, number + 1)
        checkpoint = run / CHECKPOINT
    if checkpoint is None:
        raise RecipeError(f"recipe {recipe.name!r} has no stages")
    return checkpoint


def _note_done(out: Path, stages: int) -> None:
    write_whole(out / "stages-done", lambda file: file.write(f"{stages}\n".encode()))


def _stages_done(out: Path) -> int:
    path = out / "stages-done"
    if not path.exists():
        return 0
    text = read_text(path, 100, error=RecipeError).strip()
    if not text.isdecimal():
        raise RecipeError(f"{path} does not contain a number of stages: remove it to start with the first")
    return int(text)


def _stage(entry: dict[str, Any], common: dict[str, Any], where: str) -> RecipeStage:
    settings = {**common, **{key: value for key, value in entry.items() if key != "record"}}
    batch = _filled(BatchParams, settings.pop("batch", {}), f"{where}, batch")
    return RecipeStage(dict(entry["record"]), replace(_filled(TrainParams, settings, where), batch=batch))


def _filled(kind: type[Any], table: dict[str, Any], where: str) -> Any:
    _refuse_unknown(table, {f.name for f in fields(kind)}, where)
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in table.items()})


def _refuse_unknown(table: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise RecipeError(f"{where}: unknown key(s) {', '.join(unknown)}; valid: {', '.join(sorted(known))}")
