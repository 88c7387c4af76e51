"""Lines of v2.x that hold more than an episode: only what is meant is kept in memory."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

from motorium.data.format import old_lines
from motorium.data.format.schema import Info, Schema
from motorium.errors import DataError

INFO = Info(Schema(20, "so101", ()), "v2.1", episodes=6)


def lines(root: Path, *values: object) -> None:
    (root / "meta").mkdir()
    (root / "meta/episodes.jsonl").write_text("\n".join(map(json.dumps, values)))


def test_what_else_a_line_holds_is_not_kept(tmp_path):
    more = [[]] * 20_000
    lines(
        tmp_path,
        *({"episode_index": i, "length": 9, "tasks": ["a"], "more": more} for i in reversed(range(6))),
    )
    tracemalloc.start()
    try:
        found = old_lines.read_episodes(tmp_path, INFO)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [(episode.index, episode.start) for episode in found] == [(i, 9 * i) for i in range(6)]
    assert most < 3 * len(more) * 100, "not six lines at once"


def test_an_episode_of_a_million_tasks_is_refused(tmp_path):
    lines(tmp_path, {"episode_index": 0, "length": 9, "tasks": [""] * 1001})
    with pytest.raises(DataError, match="1001 tasks"):
        old_lines.read_episodes(tmp_path, INFO)
