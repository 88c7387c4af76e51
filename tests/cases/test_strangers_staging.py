"""What a stranger may leave in `.recording`: repair ends at once, reads nothing outside, and puts the rest aside."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import data_samples
import hostile_files
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from motorium.data.format import layout, video
from motorium.data.record import aside, staging
from motorium.data.record.journal import MAGIC, read_journal
from motorium.data.record.repair import repair
from motorium.data.record.sink import video_name
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError

CAMERAS = data_samples.CAMERAS[:1]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with one episode and two seconds of one that was cut off."""
    root = data_samples.write(tmp_path_factory.mktemp("made") / "d", ("a",), seconds=1, cameras=CAMERAS)
    with DatasetWriter(root, data_samples.schema(cameras=CAMERAS), patience_s=30, reserve_mb=0) as writer:
        writer.begin("a", 0)
        for k in range(2 * data_samples.FPS):
            images = {camera: data_samples.image(1, k, i) for i, camera in enumerate(CAMERAS)}
            writer.add(data_samples.row(1, k, cameras=1), images)
    return root


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def hole(path: Path) -> None:
    os.truncate(path, 3 << 30)


def private(path: Path) -> None:
    """A film of the user's own, elsewhere, under the name of the episode's."""
    mine = path.parents[3] / "mine.mp4"
    shutil.move(path, mine)
    path.symlink_to(mine)


LEFT: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "rows are a pipe": (staging.FRAMES, pipe, "is a FIFO"),
    "rows are empty space": (staging.FRAMES, hole, "is almost empty"),
    "the encoder's lock is a pipe": (video.HELD, pipe, "is a FIFO"),
    "a film of the user's": (video_name(0, ".frag"), private, "links out of its folder"),
}


@pytest.mark.parametrize("left", LEFT)
def test_what_a_stranger_left_in_progress_lies_aside(made, tmp_path, left):
    name, change, words = LEFT[left]
    root = shutil.copytree(made, tmp_path / "d")
    (part,) = layout.leftovers(root)[1]
    change(part / name)
    with hostile_files.memory_limit(1 << 30):
        done = repair(root)
    assert not done.recovered
    (found,) = aside.lying(root)
    assert words in found.why


def test_a_journal_that_describes_no_dataset_is_not_taken_for_one(made, tmp_path):
    """Where info.json is gone the journal's is taken, if it is one."""
    root = shutil.copytree(made, tmp_path / "d")
    (root / layout.INFO).unlink()
    (part,) = layout.leftovers(root)[1]
    header, _ = read_journal(part / staging.FRAMES)
    for features in ([], [1], "x", {"a": []}, {"a": {"dtype": "float32", "shape": 3}}):
        header["info"]["features"] = features
        text = json.dumps(header).encode()
        (part / staging.FRAMES).write_bytes(
            MAGIC + struct.pack("<I", len(text)) + text + struct.pack("<I", zlib.crc32(text))
        )
        with pytest.raises(DataError, match="no journal to write it from"):
            repair(root)
