"""A table of ablations for people: Markdown, and a picture of its rates with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras.png import write_png
from ..files import write_json, write_whole
from ..learn.chart import draw_chart
from ..printable import printable
from ..types import UInt8
from .ablations import AS_IT_IS, CELLS, CORRUPTED, LATENCIES_MS, RESULT, Ablations
from .proportions import wilson

MARKDOWN, PICTURE = "ablations.md", "ablations.png"
HEAD = (
    "successes",
    "rate",
    "95 % (Wilson)",
    "minus the first",
    "95 % (paired)",
    "p",
    "wrong cube",
    "shortfalls",
)
UAC, NONE, OTHER = 0, 1, 2
"""Colours of the picture."""


def write_report(table: Ablations, folder: Path) -> list[Path]:
    """Write the table as JSON, Markdown and PNG; return the three files. Raises StorageError, OSError."""
    write_json(folder / RESULT, table.as_dict())
    text = markdown(table).encode("utf-8")
    write_whole(folder / MARKDOWN, lambda file: file.write(text))
    write_png(folder / PICTURE, picture(table))
    return [folder / name for name in (RESULT, MARKDOWN, PICTURE)]


def markdown(table: Ablations) -> str:
    """Return the table in Markdown."""
    first = table.cells[AS_IT_IS.name]
    scenes = first.scenes
    last = scenes["seed"] + first.count - 1
    common = {k: v for k, v in first.settings.items() if v != 0 and k in ("precision", "steps", "latency_s")}
    said = ", ".join(f"{name} {value}" for name, value in common.items() if value is not None)
    lines = [
        f"# Ablations of {_cell(table.checkpoint)}",
        "",
        f"{_cell(scenes['robot'])}, {_cell(scenes['task'])}, {said},",
        f"scenes {scenes['seed']}..{last} ({_cell(scenes['scene'])}).",
        "Differences are of the same scenes: Newcombe (1998), method 10; p of McNemar's exact test.",
        "Shortfalls are plans that needed more committed rows than the checkpoint accepts.",
        "",
        *_table(("", *HEAD), [_row(table, cell.name, cell.title) for cell in CELLS]),
        "",
        "UAC minus none, at the same latency:",
        "",
        *_table(
            ("injected", "UAC", "without", "difference", "95 % (paired)", "p"),
            [_uac_row(table, ms) for ms in LATENCIES_MS],
        ),
        "",
        "Success with 95 % intervals. Above: over the injected latency in ms; below: as it is, and corrupted.",
        "",
        f"![rates of the table]({PICTURE})",
        "",
    ]
    return "\n".join(lines)


def _row(table: Ablations, name: str, title: str) -> list[str]:
    one, pairs = table.cells[name], table.pairs(name, AS_IT_IS.name)
    low, high = wilson(one.good, one.count)
    differs = [""] * 3 if name == AS_IT_IS.name else _difference(pairs)
    rate = f"{one.good / one.count:.3f}"
    return [
        title, f"{one.good} of {one.count}", rate, f"{low:.3f} to {high:.3f}", *differs, str(sum(one.wrong)),
        str(one.shortfalls),
    ]  # fmt: skip


def _uac_row(table: Ablations, ms: int) -> list[str]:
    names = f"uac-{ms}ms", f"no-uac-{ms}ms"
    good = [f"{table.cells[name].good} of {table.cells[name].count}" for name in names]
    return [f"{ms} ms", *good, *_difference(table.pairs(*names))]


def _difference(pairs: Any) -> list[str]:
    low, high = pairs.interval()
    return [f"{pairs.difference:+.3f}", f"{low:+.3f} to {high:+.3f}", f"{pairs.mcnemar():.3g}"]


def _table(head: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _cell(text: str) -> str:
    """Return a text of others as it may stand in a table."""
    return printable(text).replace("|", "\\|").replace("`", "'").replace("<", "&lt;")


def picture(table: Ablations) -> UInt8:
    """Return rates over the injected latency, above rates without and with what is corrupt, as one picture."""
    latency = _panel(
        table,
        {f"{kind}-{ms}ms": (ms, colour) for kind, colour in (("uac", UAC), ("no-uac", NONE)) for ms in LATENCIES_MS},
        lines=True,
    )  # fmt: skip
    places = {AS_IT_IS.name: (0, UAC), **{kind: (1 + i, OTHER) for i, kind in enumerate(CORRUPTED)}}
    return np.concatenate([latency, _panel(table, places, lines=False)])


def _panel(table: Ablations, places: Mapping[str, tuple[int, int]], *, lines: bool) -> UInt8:
    """Draw cells at their places along x, each with its interval, and lines between those of a colour."""
    curves, colours = [], []
    for name, (x, colour) in places.items():
        one = table.cells[name]
        ends = np.array(wilson(one.good, one.count))
        curves += [(np.array([x, x], float), ends), (np.array([x], float), np.array([one.good / one.count]))]
        colours += [colour, colour]
    if lines:
        for colour in {colour for _, colour in places.values()}:
            names = [name for name, (_, other) in places.items() if other == colour]
            rates = [table.cells[name].good / table.cells[name].count for name in names]
            curves.append((np.array([places[name][0] for name in names], float), np.array(rates)))
            colours.append(colour)
        legend = [("UAC", UAC), ("WITHOUT UAC", NONE), ("X MS INJECTED", 3)]
    else:
        legend = [
            ("0 AS IT IS", UAC),
            *((f"{i + 1} {kind.upper()}", OTHER) for i, kind in enumerate(CORRUPTED)),
        ]
    return draw_chart(curves, y_ends=(0.0, 1.0), colours=colours, legend=legend)
