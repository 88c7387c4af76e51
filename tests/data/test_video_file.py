"""Videos of others: no container but MP4, no picture larger than said, no index longer than a file can mean."""

from __future__ import annotations

import struct

import av
import numpy as np
import pytest

from motorium.data.format import video, video_file
from motorium.errors import DataError


def film(path, side=64, count=8):
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=20, options={"preset": "ultrafast", "bf": "0"})
        stream.width = stream.height = side
        for k in range(count):
            image = np.full((side, side, 3), 20 * k, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def test_a_video_is_read_when_it_has_the_size_that_is_said(tmp_path):
    path = film(tmp_path / "a.mp4")
    assert sum(1 for _ in video.frames(path, 0.0, 8, 20, size=(64, 64))) == 8
    with pytest.raises(DataError, match=r"64 x 64, where info.json says 96 x 128"):
        next(video.frames(path, 0.0, 8, 20, size=(128, 96)))


def test_a_large_video_behind_a_small_claim_is_never_decoded(tmp_path, monkeypatch):
    path = film(tmp_path / "a.mp4", side=512)
    with pytest.raises(DataError, match=r"512 x 512, where info.json says 64 x 64"):
        next(video.frames(path, 0.0, 8, 20, size=(64, 64)))
    monkeypatch.setattr(video_file, "MAX_PIXELS", 512 * 511)
    for look in (video.facts, lambda p: next(video.frames(p, 0.0, 8, 20))):
        with pytest.raises(DataError, match="pictures of 512 x 512 are too large"):
            look(path)


def claim(path, name, *numbers):
    """Write numbers behind the name of a box."""
    content = bytearray(path.read_bytes())
    struct.pack_into(f">{len(numbers)}I", content, content.index(name) + 8, *numbers)
    path.write_bytes(content)


@pytest.mark.parametrize("box", ["samples", "edits"])
def test_an_index_of_a_thousand_million_frames_is_not_built(tmp_path, box):
    path = film(tmp_path / "a.mp4")
    if box == "samples":
        claim(path, b"stsz", 1, 1 << 30)
    else:
        claim(path, b"elst", 1 << 24)
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match=r"claims .* frames"):
        video.facts(path)
    assert video.whole_frames(path) == 0


def test_fragments_that_claim_too_much_are_not_built(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", format="mp4", options=video.FRAGMENTS) as out:
        stream = out.add_stream("libx264", rate=20, options={"preset": "ultrafast", "bf": "0", "g": "2"})
        stream.width = stream.height = 64
        for _ in range(8):
            out.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        out.mux(stream.encode(None))
    assert video.whole_frames(path) == 8
    content = bytearray(path.read_bytes())
    struct.pack_into(">I", content, content.index(b"trun") + 8, 1 << 30)
    path.write_bytes(content)
    assert video.whole_frames(path) == 0


def test_a_playlist_that_names_another_file_is_no_video(tmp_path):
    other = film(tmp_path / "other.mp4")
    playlists = (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {other}\n",
    )
    for text in playlists:
        path = tmp_path / "a.mp4"
        path.write_text(text)
        with pytest.raises(DataError, match="not a readable video"):
            video.facts(path)


def test_what_is_no_file_is_no_video(tmp_path):
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        video.facts(tmp_path / "a.mp4")


def test_a_damaged_video_is_named_or_read(tmp_path):
    path = film(tmp_path / "a.mp4")
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            for _ in video.frames(path, 0.0, 8, 20, size=(64, 64)):
                pass
        except DataError:
            pass
