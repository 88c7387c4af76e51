"""Write a self-contained page about a dataset: no script, no network, no other files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...files import write_whole
from ..check.findings import Finding, Verdict
from ..check.judge import check
from ..format.dataset import Dataset
from ..format.feature_names import joint_of
from ..format.outcome import SUCCESS, WORDS, outcome_of
from ..format.snapshot import unchanged
from ..format.tables import Episode, Rows
from . import plots
from .page import STYLE, escape

SHOTS = 8
"""Thumbnails of each camera in an episode."""
FINDINGS_SHOWN = 200
MARKS_SHOWN = 50
STATE, ACTION = "observation.state", "action"


@unchanged
def write_report(root: Path, out: Path, *, episodes: int = 12, verdict: Verdict | None = None) -> Path:
    """Write the page about the dataset at `root` to `out`, with the first `episodes` in pictures and plots.

    Raises DataError when it is no dataset; damage inside it is shown, not raised.
    """
    dataset = Dataset.open(root)
    verdict = verdict or check(root)
    troubled = {f.episode for f in verdict.findings}
    parts = [_head(dataset, verdict), _lengths(dataset, troubled), _findings(verdict)]
    parts += [_episode(dataset, episode, verdict.findings) for episode in dataset.episodes[:episodes]]
    if len(dataset.episodes) > episodes:
        parts.append(f'<p class="quiet">{len(dataset.episodes) - episodes} more episodes are not shown.</p>')
    title = escape(root.resolve().name)
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>"
    )
    write_whole(out, lambda file: file.write(page.encode("utf-8")))
    return out


def _head(dataset: Dataset, verdict: Verdict) -> str:
    schema = dataset.schema
    seconds = dataset.frames / schema.fps
    tiles = {
        "episodes": f"{len(dataset.episodes)}",
        "rows": f"{dataset.frames:,}".replace(",", "\u2009"),
        "minutes": f"{seconds / 60:.1f}",
        "rows per second": f"{schema.fps}",
        "cameras": f"{len(schema.videos)}",
        "score": f"{verdict.score}",
    }
    cells = "".join(
        f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in tiles.items()
    )
    count: dict[str, int] = {}
    for episode in dataset.episodes:
        for task in episode.tasks:
            count[task] = count.get(task, 0) + 1
    tasks = "".join(
        f"<li>{escape(task) or '<i>no words</i>'} <span>{n}</span></li>" for task, n in count.items()
    )
    name = escape(dataset.root.resolve().name)
    robot = escape(schema.robot or "unknown robot")
    return (
        f'<h1>{name}</h1><p class="quiet">{robot}, LeRobotDataset {escape(dataset.info.version)}</p>'
        f'<section class="tiles">{cells}</section><h2>Tasks</h2><ul class="tasks">{tasks}</ul>'
    )


def _lengths(dataset: Dataset, troubled: set[int | None]) -> str:
    fps = dataset.schema.fps
    seconds = [episode.length / fps for episode in dataset.episodes]
    labels = [f"episode {e.index}: {s:.1f} s" for e, s in zip(dataset.episodes, seconds, strict=True)]
    marks = [episode.index in troubled for episode in dataset.episodes]
    longest = max(seconds, default=0.0)
    note = f"up to {longest:.1f} s; episodes with findings are marked"
    return f'<h2>Lengths <span class="quiet">{note}</span></h2>{plots.bars(seconds, labels, marks)}'


def _findings(verdict: Verdict) -> str:
    if not verdict.findings:
        return '<h2>Findings</h2><p class="quiet">No problems found.</p>'
    rows = []
    for f in verdict.findings[:FINDINGS_SHOWN]:
        where = "all" if f.episode is None else f'<a href="#e{f.episode}">{f.episode}</a>'
        when = "" if f.time_s is None else f"{f.time_s:.2f}"
        kind = f'<td class="{"blocks" if f.blocks else "warns"}">{escape(f.kind)}</td>'
        rows.append(
            f"<tr>{kind}<td>{where}</td><td>{when}</td><td>{escape(f.detail)}</td><td>{escape(f.remedy)}</td></tr>"
        )
    more = len(verdict.findings) - FINDINGS_SHOWN
    rest = f'<p class="quiet">and {more} more</p>' if more > 0 else ""
    head = "<tr><th>kind</th><th>episode</th><th>at, s</th><th>what</th><th>what to do</th></tr>"
    number = sum(1 + finding.more for finding in verdict.blocking)
    blocking = f"{number} blocking" if number else "none blocking"
    title = f'<h2>Findings <span class="quiet">{verdict.count}, {blocking}</span></h2>'
    return f'{title}<div class="scroll"><table>{head}{"".join(rows)}</table></div>{rest}'


def _episode(dataset: Dataset, episode: Episode, findings: Sequence[Finding]) -> str:
    own = [f for f in findings if f.episode == episode.index]
    kinds = "".join(
        f'<em class="{"blocks" if f.blocks else "warns"}">{escape(f.kind)}</em>'
        for f in {f.kind: f for f in own}.values()
    )
    seconds = episode.length / dataset.schema.fps
    task = escape(", ".join(episode.tasks)) or "<i>no words</i>"
    words = f'<span class="quiet">{task}, {seconds:.1f} s</span>'
    head = f'<h3 id="e{episode.index}">Episode {episode.index} {words}{kinds}</h3>'
    try:
        notes = dataset.notes(episode)
        rows = dataset.rows(episode)
        body = _notes(notes) + _strips(dataset, episode) + _joints(dataset, rows, seconds)
    except DataError as error:
        body = f'<p class="blocks">{escape(str(error))}</p>'
    return f"<article>{head}{body}</article>"


def _notes(notes: Mapping[str, object]) -> str:
    words = {
        "started": "started", "leader": "leader", "seed": "scene", "success": "outcome", "rate_hz": "rate, Hz",
        "missed_ticks": "control ticks missed", "recovered": "recovered",
    }  # fmt: skip
    found = []
    for key, word in words.items():
        if key in notes:
            value = WORDS[outcome_of(notes).success] if key == SUCCESS else notes[key]
            text = f"{value:.2f}" if isinstance(value, float) else str(value)
            found.append(f"{word} {escape(text)}")
    events = notes.get("events")
    for event in events[:MARKS_SHOWN] if isinstance(events, list) else ():
        if isinstance(event, dict):
            text = f"{event.get('t_s')} s {event.get('kind')} {event.get('text', '')}"
            found.append(escape(text.strip()))
    return f'<p class="quiet">{" · ".join(found)}</p>' if found else ""


def _strips(dataset: Dataset, episode: Episode) -> str:
    out = []
    for feature in dataset.schema.videos:
        every = max(1, episode.length // SHOTS)
        shots = []
        for k, image in dataset.pictures(episode, feature.key, every=every):
            time_s = k / dataset.schema.fps
            shots.append(f'<img alt="{time_s:.1f} s" title="{time_s:.1f} s" src="{plots.thumbnail(image)}">')
            if len(shots) == SHOTS:
                break
        name = escape(feature.key.removeprefix("observation.images."))
        out.append(f'<div class="strip"><span>{name}</span>{"".join(shots)}</div>')
    return "".join(out)


def _joints(dataset: Dataset, rows: Rows, seconds: float) -> str:
    if STATE not in rows:
        return ""
    state = rows[STATE].reshape(len(rows[STATE]), -1).astype(np.float64)
    action = rows[ACTION].reshape(len(rows[ACTION]), -1).astype(np.float64) if ACTION in rows else state
    names = dataset.schema.feature(STATE).names or tuple(f"value {i}" for i in range(state.shape[1]))
    units = dataset.schema.own.get("units", {})
    unit = str(units.get(STATE, "")) if isinstance(units, dict) else ""
    figures = []
    for i in range(min(state.shape[1], 32)):
        series = [("measured", state[:, i])]
        if i < action.shape[1]:
            series.insert(0, ("wanted", action[:, i]))
        name = names[i] if i < len(names) else f"value {i}"
        figures.append(plots.lines(joint_of(name), series, seconds, unit))
    if "row_s" in rows and len(rows["row_s"]) > 2:
        steps = np.diff(rows["row_s"].reshape(-1)) * 1000
        figures.append(plots.lines("time between rows", [("measured", steps)], seconds, "ms"))
    key = '<p class="key"><span class="measured"></span>measured<span class="wanted"></span>action</p>'
    return f'{key}<div class="plots">{"".join(figures)}</div>'
