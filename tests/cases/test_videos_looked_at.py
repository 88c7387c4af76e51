"""Videos that do not show what the rows say: every frame is looked for, once and in its time, and decoded."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import data_samples
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.data.check.findings import Finding
from motorium.data.check.judge import check
from motorium.data.edit import convert
from motorium.data.format import layout
from motorium.data.format.dataset import Dataset

FPS, ROWS = data_samples.FPS, 30
FRONT = data_samples.CAMERAS[0]
TICKS = 12_000
"""Of a second: the time base of the films that are made here."""


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Three episodes of 30 rows, one camera."""
    return data_samples.write(
        tmp_path_factory.mktemp("clean") / "d", ("a", "b", "c"), seconds=ROWS / FPS, cameras=(FRONT,)
    )


@pytest.fixture
def root(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "d")


def video_of(root: Path, episode: int) -> Path:
    return root / layout.video_file(FRONT, layout.FilePlace.number(episode))


def film(
    path: Path, times_s, *, images=None, codec="libx264", pix_fmt="yuv420p", side=data_samples.SIDE, gop=1
):
    """Write a video whose k-th frame is shown at times_s[k]; its pictures are those of an episode."""
    path.unlink()
    with av.open(str(path), "w", options={"movie_timescale": str(TICKS)}) as file:
        stream = file.add_stream(codec, rate=FPS, options={"g": str(gop), "bf": "0"})
        stream.width = stream.height = side
        stream.pix_fmt, stream.time_base = pix_fmt, Fraction(1, TICKS)
        stream.codec_context.time_base = Fraction(1, TICKS)
        for k, time_s in enumerate(times_s):
            drawn = data_samples.image(0, k, 0, side) if images is None else images(k)
            frame = av.VideoFrame.from_ndarray(drawn)
            frame.pts, frame.time_base = round(time_s * TICKS), Fraction(1, TICKS)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def grid(n: int = ROWS) -> np.ndarray:
    return np.arange(n) / FPS


def found(root: Path, **options) -> list[Finding]:
    """What blocks, of the first episode."""
    return [f for f in check(root, **options).findings if f.episode == 0 and f.blocks]


def test_a_video_as_it_should_be_is_clean(root):
    film(video_of(root, 0), grid())
    assert check(root).findings == ()


def moved(k: int, by_s: float) -> np.ndarray:
    times = grid()
    times[k] += by_s
    return times


FILMS = {  # name -> (times, kind, words, at what second)
    "two of thirty": ([0.0, (ROWS - 1) / FPS], "frames", "has 2 of the 30 frames; frame 1 is missing", 0.05),
    "a hole in the middle": (np.delete(grid(), slice(12, 15)), "frames", "27 of the 30 frames; frame 12", 0.6),
    "the last one missing": (grid(ROWS - 1), "frames", "29 of the 30 frames; frame 29 is missing", 1.45),
    "one late by 20 ms": (moved(9, 0.02), "frames", "shows frame 9 20 ms late; 0.1 ms are allowed", 0.45),
    "one early by 1 ms": (moved(21, -0.001), "frames", "shows frame 21 1 ms early; 0.1 ms are allowed", 1.05),
    "one in the place of the next": (np.delete(moved(9, 0.049), 10), "frames", "29 of the 30 frames", 0.45),
    "two for one row": (np.sort([*grid(), 0.51]), "frames", "2 frames for row 10", 0.5),
    "all half a second late": (grid() + 0.5, "frames", "begins at 0.5000 s of its file, listed is 0.0000", 0.0),
    "all 5 ms late": (grid() + 0.005, "frames", "begins at 0.0050 s", 0.0),
    "fifteen a second": (np.arange(ROWS * 3 // 4) / 15, "video", "runs at 15 frames per second", None),
}  # fmt: skip


@pytest.mark.nightly
@pytest.mark.parametrize("name", FILMS)
def test_every_row_has_its_frame_once_and_in_time(root, name):
    times, kind, words, at_s = FILMS[name]
    film(video_of(root, 0), times)
    for pictures in (True, False):  # decoded, counted
        (finding,) = found(root, pictures=pictures)
        assert (finding.kind, finding.time_s) == (kind, pytest.approx(at_s) if at_s is not None else None)
        assert words in finding.detail


@pytest.mark.parametrize("name", ["one early by 1 ms", "all 5 ms late"])
def test_the_remedy_for_frames_beside_their_time_works(root, tmp_path, name):
    film(video_of(root, 0), FILMS[name][0])
    (finding,) = found(root)
    assert finding.remedy.startswith(f"motorium data convert {root} --to v3.0 --out NEW")
    convert.convert(Dataset.open(root), "v3.0", tmp_path / "new")
    assert check(tmp_path / "new").findings == ()


OTHERS = {  # name -> (how the film is made, words)
    "size": ({"side": 48}, "is 48 x 48 pixels, info.json says 64 x 64"),
    "codec": ({"codec": "mpeg4"}, "is mpeg4, info.json says h264"),
    "pixel format": ({"pix_fmt": "yuv444p"}, "has the pixel format yuv444p, info.json says yuv420p"),
    "channels": ({"codec": "png", "pix_fmt": "gray"}, "has 1 channels, info.json says 3"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_stream_is_as_info_json_says(root, name):
    how, words = OTHERS[name]
    film(video_of(root, 0), grid(), **how)
    blocking = found(root)
    assert {f.kind for f in blocking} == {"video"}
    assert any(words in f.detail for f in blocking)


def test_info_json_does_not_contradict_itself(root):
    path = root / layout.INFO
    info = json.loads(path.read_text())
    info["features"][FRONT]["info"]["video.fps"] = 15
    path.write_text(json.dumps(info))
    assert any("declared with 15 frames per second" in f.detail for f in found(root))


def test_frames_of_no_row_are_named_and_nothing_is_lost_for_them(root, tmp_path):
    film(video_of(root, 0), grid(ROWS + 4))
    (finding,) = check(root).findings
    assert finding.kind == "extra_frames"
    assert "4 frames of no row, from 1.50 s" in finding.detail
    assert not finding.blocks
    convert.convert(Dataset.open(root), "v3.0", tmp_path / "new")
    assert check(tmp_path / "new").findings == ()


@pytest.mark.parametrize("gray", [128, 90])
def test_pictures_that_show_nothing_are_found(root, gray):
    flat = np.full((64, 64, 3), gray, np.uint8)
    film(video_of(root, 0), grid(), images=lambda k: flat if k >= 10 else data_samples.image(0, k, 0))
    blank = [f for f in check(root).findings if f.episode == 0 and "shows nothing" in f.detail]
    assert [f.kind for f in blank] == ["exposure"]
    assert blank[0].time_s == pytest.approx(0.5)


def test_a_picture_that_cannot_be_decoded_whole_is_damage(root):
    path = video_of(root, 0)
    content = bytearray(path.read_bytes())
    middle = len(content) * 3 // 5
    content[middle : middle + 300] = bytes(byte ^ 0x5A for byte in content[middle : middle + 300])
    path.write_bytes(content)
    damaged = [f for f in found(root) if f.kind == "damaged"]
    assert len(damaged) == 1
    assert "cannot be decoded completely" in damaged[0].detail
    assert "Errno" not in damaged[0].detail
    assert 0 < damaged[0].time_s < ROWS / FPS
    assert not [f for f in check(root).findings if f.episode in (1, 2)]


def absent(path: Path) -> None:
    path.unlink()


def text(path: Path) -> None:
    path.write_text("no video\n" * 100)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:600])


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def unknown_codec(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))


@pytest.mark.parametrize("spoil", [absent, text, cut, pipe, unknown_codec])
def test_a_file_that_is_none_is_damage_and_no_good_data_is_to_be_deleted(root, spoil):
    spoil(video_of(root, 0))
    (finding,) = found(root)
    assert found(root, pictures=False) == [finding]
    assert finding.kind == "damaged"
    assert video_of(root, 0).name in finding.detail
    file = layout.video_file(FRONT, layout.FilePlace.number(0))
    assert finding.remedy.startswith(f"put back an intact {file}; ")
    assert finding.remedy.endswith("--episodes 0 --out NEW")


def joined(root: Path, lengths: tuple[int, int, int], gop: int = 1) -> None:
    """Put the episodes' frames into the first one's file, as LeRobot does; each begins where its rows say."""
    starts = [episode * ROWS / FPS for episode in range(3)]
    times = np.concatenate([s + grid(n) for s, n in zip(starts, lengths, strict=True)])
    film(video_of(root, 0), times, gop=gop)
    for episode, start in enumerate(starts):
        path = root / layout.episode_file(layout.FilePlace.number(episode))
        table = pq.read_table(path)
        for name, value in (
            ("file_index", 0),
            ("from_timestamp", start),
            ("to_timestamp", start + ROWS / FPS),
        ):
            place = table.column_names.index(f"videos/{FRONT}/{name}")
            field = table.schema.field(place)
            table = table.set_column(place, field, pa.array([value], field.type))
        pq.write_table(table, path)
        if episode:
            video_of(root, episode).unlink()


def test_episodes_in_one_file_are_told_apart(root):
    joined(root, (ROWS, ROWS, ROWS))
    assert not check(root).blocking


def test_the_short_one_of_three_in_a_file_is_named(root):
    joined(root, (ROWS, ROWS - 6, ROWS))
    (finding,) = check(root).blocking
    assert (finding.kind, finding.episode, finding.time_s) == ("frames", 1, pytest.approx((ROWS - 6) / FPS))
    assert "has 24 of the 30 frames; frame 24 is missing" in finding.detail


@pytest.mark.parametrize("how", ["a file each", "one file", "one file of few key frames"])
def test_the_others_go_on_without_the_broken_one(root, tmp_path, how):
    """The way that the remedy names."""
    if how != "a file each":
        joined(root, (ROWS, ROWS - 6, ROWS), gop=1 if how == "one file" else 250)
    else:
        video_of(root, 1).unlink()
    (finding,) = check(root).blocking
    words = ["data", "delete", str(root), "--episodes", "1", "--out", str(tmp_path / "new")]
    assert finding.remedy.endswith(f"motorium {' '.join(words[:-1])} NEW")
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert check(tmp_path / "new").findings == ()
    assert len(Dataset.open(tmp_path / "new").episodes) == 2
    assert len(Dataset.open(root).episodes) == 3


def test_what_was_not_looked_for_is_said(root):
    result = CliRunner().invoke(main, ["data", "check", str(root), "--no-pictures"])
    assert result.exit_code == 0
    assert "not looked for, as pictures were not decoded: " in result.output
    assert "exposure" in result.output
    assert check(root).skipped == ()


PROGRAM = """
import sys, time
from motorium.cli import _progress
_progress.PATIENCE_S = _progress.EVERY_S = 0.0
with _progress.progress("checking") as tell:
    for done in range(5):
        tell(done, 4)
        time.sleep(0.01)
"""


def test_long_work_tells_a_terminal_and_nobody_else():
    command = [sys.executable, "-c", PROGRAM]
    quiet = subprocess.run(command, capture_output=True, check=True)
    assert quiet.stdout == quiet.stderr == b""
    ours, theirs = pty.openpty()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=True)
    shown = os.read(ours, 4096).decode()
    os.close(ours)
    os.close(theirs)
    assert done.stdout == b""
    assert [word for word in shown.split() if word.isdigit()] == ["0", "25", "50", "75", "100"]


def with_stills(root: Path) -> Path:
    """The camera's pictures as PNG in the data files, as LeRobot keeps them with `use_videos=False`."""
    info = json.loads((root / layout.INFO).read_text())
    info["features"][FRONT] |= {"dtype": "image"}
    del info["features"][FRONT]["info"]
    (root / layout.INFO).write_text(json.dumps(info))
    for episode in range(3):
        images = [png(data_samples.image(episode, k, 0)) for k in range(ROWS)]
        path = root / layout.data_file(layout.FilePlace.number(episode))
        table = pq.read_table(path)
        pq.write_table(table.append_column(FRONT, [[{"bytes": i, "path": None} for i in images]]), path)
    return root


def png(image: np.ndarray) -> bytes:
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width, encoder.pix_fmt = *image.shape[:2], "rgb24"
    encoder.time_base = Fraction(1, FPS)
    packets = [*encoder.encode(av.VideoFrame.from_ndarray(image)), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


STILLS = {
    "none": (None, "damaged", "is not a picture"),
    "cut": (png(data_samples.image(0, 9, 0))[:150], "damaged", "is a damaged PNG"),
    "text": (b"no picture", "damaged", "is not a JPEG"),
    "size": (png(data_samples.image(0, 9, 0, 48)), "video", "is 48 x 48 pixels, info.json says 64 x 64"),
}


@pytest.mark.parametrize("name", STILLS)
def test_every_picture_in_the_data_files_is_looked_at(root, name):
    data, kind, words = STILLS[name]
    assert not check(with_stills(root)).blocking
    path = root / layout.data_file(layout.FilePlace.number(0))
    table = pq.read_table(path)
    entries = table[FRONT].to_pylist()
    entries[9] = {"bytes": data, "path": None}
    place = table.column_names.index(FRONT)
    pq.write_table(table.set_column(place, FRONT, pa.array(entries, table.schema.field(place).type)), path)
    (finding,) = found(root)
    assert (finding.kind, finding.time_s) == (kind, pytest.approx(9 / FPS))
    assert f"{FRONT} of row 9 {words}" in finding.detail
