"""Print the results that are kept in docs/results as the table of docs/training.md.

    python tools/results_table.py [FOLDER]

NAME.json is what `motorium eval --out` wrote, NAME.run.json the run.json of the training that made the checkpoint; a
result without one is of a checkpoint that came from elsewhere, or of a training that another result names.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from motorium.errors import DataError
from motorium.evaluation.proportions import wilson
from motorium.evaluation.results import read_outcomes
from motorium.foreign import read_json
from motorium.sim.variation import USUAL

RESULTS = Path(__file__).parents[1] / "docs" / "results"
HEAD = (
    "result",
    "scenes",
    "played",
    "successes",
    "95 % (Wilson)",
    "wrong cube",
    "steps",
    "minutes on two cores",
)
LARGEST = 1 << 20


def table(folder: Path = RESULTS) -> str:
    """Return the table in Markdown, a line for each result, by name. Raises DataError for a damaged one."""
    found = (path for path in folder.glob("*.json") if not path.name.endswith(".run.json"))
    names = sorted(found, key=lambda path: path.stem)
    rows = [HEAD, ("---",) * len(HEAD), *map(_row, names)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _row(path: Path) -> tuple[str, ...]:
    result, run = read_outcomes(path), path.with_suffix(".run.json")
    low, high = wilson(result.good, result.count)
    trained = _trained(read_json(run, LARGEST, error=DataError)) if run.exists() else ("", "")
    scene, first = result.scenes["scene"], result.scenes["seed"]
    return (
        f"[{path.stem}](results/{path.name})",
        f"{first}..{first + result.count - 1}{'' if scene == USUAL else f', {scene}'}",
        ", ".join(_said(*setting) for setting in result.unusual.items() if setting[0] != "scene"),
        f"{result.good} of {result.count}",
        f"{low:.2f} to {high:.2f}",
        str(sum(result.wrong)),
        *trained,
    )


def _trained(run: dict[str, Any]) -> tuple[str, str]:
    """Return steps, and what they took where nothing else ran: the first ones were measured."""
    minutes = run["settings"].get("minutes")
    return str(run["steps"]), "" if minutes is None else f"{minutes:g}"


def _said(name: str, value: Any) -> str:
    return f"{name} {'+'.join(map(str, value)) if isinstance(value, (list, tuple)) else value}"


if __name__ == "__main__":
    print(table(*map(Path, sys.argv[1:])), end="")
