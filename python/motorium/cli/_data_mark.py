"""The verb of `motorium data` that says afterwards how episodes ended."""

from __future__ import annotations

from pathlib import Path

import click

from ._print import echo
from ._verb import Verb, count, json_option, print_json


@click.command(cls=Verb, name="mark")
@click.argument("dataset", type=click.Path(path_type=Path, file_okay=False))
@click.option("--episodes", required=True, help="Which episodes, such as 0,3-5.")
@click.option("--success", "outcome", flag_value="success", help="They succeeded.")
@click.option("--failure", "outcome", flag_value="failure", help="They failed.")
@click.option("--unknown", "outcome", flag_value="unknown", help="Remove the outcome.")
@click.option(
    "--whole/--cut-off",
    "whole",
    default=None,
    help="For recovered episodes: the demonstration is complete, or its end is missing.",
)
@json_option
def mark(dataset: Path, episodes: str, outcome: str | None, whole: bool | None, as_json: bool) -> None:
    """Note in place how episodes of DATASET ended."""
    from ..data.edit import edits as edit
    from ..data.edit import marking
    from ..data.format.outcome import WORDS, Outcome

    if outcome is None and whole is None:
        raise click.UsageError("say what: --success, --failure, --unknown, --whole or --cut-off")
    chosen = sorted(edit.numbers(episodes))
    success = next((key for key, word in WORDS.items() if word == outcome), None)
    by = marking.MARKED_BY if success is not None else ""
    marking.mark(dataset, chosen, None if outcome is None else Outcome(success, by), whole=whole)
    words = [word for word in (outcome, {True: "whole", False: "cut off", None: None}[whole]) if word]
    if as_json:
        print_json({"dataset": str(dataset), "episodes": chosen, "outcome": outcome, "whole": whole})
    else:
        echo(f"{dataset}: {count(len(chosen), 'episode')} noted as {', '.join(words)}")


VERBS = (mark,)
