"""A file, or a folder above it, that is replaced by a link while it is being opened: the link is not followed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import data_samples
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from motorium import foreign
from motorium.data.format import parquet, parquet_pages, video_file
from motorium.data.format.dataset import Dataset
from motorium.errors import DataError


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A dataset's folder and one elsewhere, with files of the same names."""
    for name in ("d", "elsewhere"):
        (tmp_path / name / "a").mkdir(parents=True)
        (tmp_path / name / "a/f").write_text(name)
    return tmp_path / "d", tmp_path / "elsewhere"


@pytest.mark.parametrize("name", ["a", "a/f"])
def test_a_link_that_comes_after_the_look(places, monkeypatch, name):
    root, elsewhere = places

    def slow(path: Path, inside: Path | None, error: type[DataError]) -> Path:
        real = resolve(path, inside, error)
        shutil.move(root / name, root / "gone")
        (root / name).symlink_to(elsewhere / name)
        return real

    resolve = foreign.resolve_inside
    monkeypatch.setattr(foreign, "resolve_inside", slow)
    with pytest.raises(DataError, match="cannot read"):
        foreign.read_text(root / "a/f", 100, error=DataError, inside=root)


def test_folders_above_the_dataset_may_be_links(places):
    root, elsewhere = places
    (elsewhere / "link").symlink_to(root)
    assert foreign.read_text(elsewhere / "link/a/f", 100, error=DataError, inside=elsewhere / "link") == "d"
    assert (
        foreign.read_text(elsewhere / "link/a/f", 100, error=DataError, inside=elsewhere / "link/a/f") == "d"
    )


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_libraries_read_the_file_that_was_checked(tmp_path, monkeypatch, kind):
    """FFmpeg and pyarrow get the open file, not its name: what has that name by then may be a link, or never end."""
    root = data_samples.write(tmp_path / "d", ("a",), seconds=1, cameras=data_samples.CAMERAS[:1])
    other = data_samples.write(tmp_path / "o", ("a",), seconds=2, cameras=data_samples.CAMERAS[:1])
    found = Dataset.open(root)
    (episode,) = found.episodes
    film, rows = found.video_path(episode, data_samples.CAMERAS[0]), found.data_path(episode)

    def replaced(path: Path) -> None:
        path.unlink()
        if kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(other / path.relative_to(root))

    def checked_film(_: object) -> None:
        replaced(film)

    def checked_rows(file: object) -> object:
        replaced(rows)
        return read_groups(file)

    read_groups = parquet_pages.read_groups
    monkeypatch.setattr(video_file, "_check_index", checked_film)
    monkeypatch.setattr(parquet, "read_groups", checked_rows)
    with video_file.opened(film) as (container, stream):
        assert sum(1 for _ in container.decode(stream)) == data_samples.FPS
    with parquet.opened(rows) as table:
        assert table.rows == data_samples.FPS


def test_an_error_of_ffmpeg_names_the_file(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0")
    import av

    with pytest.raises(av.FFmpegError, match=r"a\.mp4"), video_file.opened(path):
        pass
