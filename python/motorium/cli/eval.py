"""Measure a checkpoint's success in the simulator, in lock-step: repeatable, no clock, no bus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..errors import MotoriumError
from ._eval_view import show_comparison, show_episode, show_figures
from ._verb import Number, Verb, json_option, print_json

if TYPE_CHECKING:
    from ..evaluation.evaluate import EvalJob
    from ..evaluation.results import Outcomes

FILE = click.Path(path_type=Path)
ALONE = ("compare", "as_json")
"""Options that say something when nothing is played."""


@click.command(cls=Verb, name="eval")
@click.argument("checkpoint", required=False)
@click.option("--robot", default="sim:so101", show_default=True, help="Simulated robot.")
@click.option(
    "--task",
    default="pick-to-tray",
    show_default=True,
    help="Task by name, or one instruction for every scene.",
)
@click.option("--scene", default="usual", show_default=True,
              help="Scenes as usual, or a declared variation: camera-moved, new-colour.")  # fmt: skip
@click.option("--episodes", type=click.IntRange(1), default=100, show_default=True,
              help="Number of scenes.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the first scene.")
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True,
              help="Processes that share the scenes.")  # fmt: skip
@click.option("--precision", type=click.Choice(["float32", "bfloat16", "int8"]),
              help="Precision of the engine's weights.  [default: the checkpoint's]")  # fmt: skip
@click.option("--steps", type=click.IntRange(1, 64),
              help="Steps of the flow from noise to plan.  [default: the checkpoint's]")  # fmt: skip
@click.option("--drawn-latency", "drawn", is_flag=True,
              help="Draw the time of each inference from the robot's declared distribution.")  # fmt: skip
@click.option("--inject-latency-ms", "injected_ms", type=Number(0, 10_000), default=0.0, show_default=True,
              help="Virtual time that every inference takes beside its 50 ms; committed rows bridge it.")  # fmt: skip
@click.option("--no-uac", is_flag=True,
              help="Hand the policy no committed rows: every chunk starts anew, as with a naive runner.")  # fmt: skip
@click.option("--corrupt", type=click.Choice(["light", "occlusion", "camera", "grey", "words"]), multiple=True,
              help="Corrupt what the policy gets, drawn from the scene's seed; may be repeated.")  # fmt: skip
@click.option("--out", type=FILE, multiple=True,
              help="Write the result as JSON; with --against a second time for the other's.")  # fmt: skip
@click.option("--against", metavar="CHECKPOINT", help="Play this one in the same scenes, and compare.")
@click.option("--against-json", type=FILE, help="Compare with a result that --out wrote of the same scenes.")
@click.option("--compare", type=FILE, nargs=2, metavar="FILE FILE",
              help="Play nothing: compare two results that --out wrote of the same scenes.")  # fmt: skip
@click.option("--ablations", is_flag=True,
              help="Play all cells of a table into the folder --out; those that are there stay.")  # fmt: skip
@json_option
def command(checkpoint: str | None, as_json: bool, **given: Any) -> None:
    """Run CHECKPOINT (a name or a directory) on EPISODES scenes and print its success rate.

    Scenes are those of seeds SEED, SEED + 1, ...; training never uses them. Two checkpoints, or two settings of one,
    are compared scene by scene: both rates with Wilson intervals, their difference with a paired 95 % interval, and
    the exact p of McNemar's test.
    """
    from ..evaluation.results import check_scenes, read_outcomes

    if given["compare"]:
        _check_alone()
        show_comparison(*map(read_outcomes, given["compare"]), as_json=as_json)
        return
    if checkpoint is None:
        raise click.UsageError("name a CHECKPOINT, or two results with --compare")
    if given["ablations"]:
        _ablate(checkpoint, given, as_json=as_json)
        return
    against, other = given["against"], given["against_json"]
    if against is not None and other is not None:
        raise click.UsageError("--against plays a checkpoint, --against-json reads what was played: give one")
    names = [checkpoint] if against is None else [checkpoint, against]
    jobs = [_job(name, given) for name in names]
    _check_out(given["out"], len(jobs))
    before = None
    if other is not None:
        before = read_outcomes(other)
        scenes = {name: given[name] for name in ("robot", "task", "seed", "episodes", "scene")}
        check_scenes(scenes, before.scenes)
    both = [_play(job, name, given, quiet=as_json) for job, name in zip(jobs, names, strict=True)]
    for path, job, (figures, _) in zip(given["out"], jobs, both, strict=False):
        _write(path, job, figures)
    figures, outcomes = both[0]
    if before is not None or against is not None:
        show_comparison(outcomes, before or both[1][1], as_json=as_json)
    elif as_json:
        print_json(figures)
    else:
        show_figures(figures, outcomes)


def _check_alone() -> None:
    """Refuse options of playing where nothing is played."""
    context = click.get_current_context()
    for name in context.params:
        if name not in ALONE and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            said = "CHECKPOINT" if name == "checkpoint" else _option(name)
            raise click.UsageError(f"{said} means nothing with --compare, which plays nothing")


def _ablate(checkpoint: str, given: dict[str, Any], *, as_json: bool) -> None:
    from ..files import check_writable
    from ._eval_ablations import check_no_cells, show_ablations

    check_no_cells(click.get_current_context())
    if len(given["out"]) != 1:
        raise click.UsageError("--ablations needs one --out: the folder of its results")
    (folder,) = given["out"]
    job = _job(checkpoint, given)
    check_writable(folder, "the table of ablations", "--out")
    show_ablations(job, (checkpoint, given["robot"]), folder, as_json=as_json)


def _option(name: str) -> str:
    """Return how an option is given on the command line."""
    parameters = click.get_current_context().command.params
    return next(parameter.opts[0] for parameter in parameters if parameter.name == name)


def _check_out(paths: tuple[Path, ...], runs: int) -> None:
    """Refuse, before anything is played, files that cannot be written, or too many or too few."""
    from ..files import check_file

    if paths and len(paths) != runs:
        raise click.UsageError(
            f"--out is given {len(paths)} times; a file for each of {runs} results is wanted"
        )
    for path in paths:
        check_file(path, "the result")


def _job(checkpoint: str, given: dict[str, Any]) -> EvalJob:
    from ..evaluation.evaluate import EvalJob, check_job
    from ..policies.find import find_checkpoint

    scheme, _, name = given["robot"].rpartition(":")
    if scheme != "sim":
        raise MotoriumError(f"eval measures in simulation only; ask for sim:{name}, or use: motorium run")
    workers = min(given["processes"], given["episodes"])
    job = EvalJob(
        find_checkpoint(Path(checkpoint)), name, given["task"], given["episodes"], given["seed"], processes=workers,
        precision=given["precision"], drawn=given["drawn"], injected_s=given["injected_ms"] / 1e3,
        uac=not given["no_uac"], corrupt=tuple(dict.fromkeys(given["corrupt"])), steps=given["steps"],
        scene=given["scene"],
    )  # fmt: skip
    check_job(job)
    return job


def _play(job: EvalJob, name: str, given: dict[str, Any], *, quiet: bool) -> tuple[dict[str, Any], Outcomes]:
    """Play and return the figures, with checkpoint and robot as they were given, and the outcomes."""
    from ..evaluation.evaluate import evaluate
    from ..evaluation.results import Outcomes

    report = evaluate(job, None if quiet else show_episode)
    figures = {**report.as_dict(), "checkpoint": name, "robot": given["robot"]}
    return figures, Outcomes.of(figures)


def _write(path: Path, job: EvalJob, figures: dict[str, Any]) -> None:
    from ..evaluation.results import fingerprint
    from ..files import write_json

    write_json(path, {**figures, "checkpoint_sha256": fingerprint(job.checkpoint)})
