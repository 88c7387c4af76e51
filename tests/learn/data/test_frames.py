"""Pictures decoded ahead: the cache keeps its limit, survives kills and damage, and no file can lead it astray."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_samples import CAMERAS, FPS, SIDE, write

from motorium import children
from motorium.cameras.scaling import scaled
from motorium.data.format.dataset import Dataset
from motorium.errors import DataError
from motorium.files import TEMPORARY, temporary_name
from motorium.learn.data import Recordings, SourceSpec, TableSpec
from motorium.learn.data.frame_cache import RESERVE_BYTES, FrameCache, cache_home, file_bytes, write_frames
from motorium.learn.data.frames import Clip, Frames
from motorium.learn.data.recordings import CacheSpec

SIZE = (8, 10)
KEYS = [f"{i:064x}" for i in range(6)]
EACH = file_bytes(3, SIZE)


def pictures(seed: int = 0, count: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)


def keep(cache: FrameCache, key: str, seed: int = 0) -> bool:
    admitted = cache.admit({key: EACH})
    if admitted:
        write_frames(cache.folder, key, pictures(seed), 3, SIZE)
    return bool(admitted)


def test_what_was_kept_is_read_also_by_the_next_run(tmp_path):
    cache = FrameCache(tmp_path / "a/b")
    assert not cache.has(KEYS[0], 3, SIZE)
    keep(cache, KEYS[0])
    for one in (cache, FrameCache(tmp_path / "a/b")):
        assert one.has(KEYS[0], 3, SIZE)
        np.testing.assert_array_equal(one.read(KEYS[0], [2, 0, 2], 3, SIZE), pictures()[[2, 0, 2]])
        one.close()


def test_all_files_together_keep_the_limit(tmp_path):
    """The longest unused files of runs before go first; those of this run stay."""
    before = FrameCache(tmp_path, 3 * EACH)
    for i in range(3):
        keep(before, KEYS[i])
        os.utime(tmp_path / f"{KEYS[i]}.frames", (1000 + i, 1000 + i))
    assert not keep(before, KEYS[3])
    now = FrameCache(tmp_path, 3 * EACH)
    assert now.has(KEYS[0], 3, SIZE)  # in use again
    assert now.admit({KEYS[3]: EACH, KEYS[4]: EACH, KEYS[5]: EACH}) == {KEYS[3], KEYS[4]}
    assert sorted(path.stem for path in tmp_path.glob("*.frames")) == [KEYS[0]]
    assert not now.admit({KEYS[5]: 1 << 60})


def test_the_disk_is_never_filled(tmp_path, monkeypatch):
    cache = FrameCache(tmp_path)
    left = shutil.disk_usage(tmp_path)._replace(free=RESERVE_BYTES + EACH + 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: left)
    assert cache.admit({KEYS[0]: EACH, KEYS[1]: EACH}) == {KEYS[0]}


def test_other_files_of_the_folder_are_nobodys_business(tmp_path):
    (tmp_path / "thesis.txt").write_text("x" * 10 * EACH)
    cache = FrameCache(tmp_path, EACH)
    assert keep(cache, KEYS[0])
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("damage", ["cut", "bit", "magic", "longer", "folder", "fifo", "link", "empty"])
def test_a_damaged_or_hostile_file_is_never_read(damage, tmp_path):
    cache = FrameCache(tmp_path / "cache")
    keep(cache, KEYS[0])
    path = tmp_path / "cache" / f"{KEYS[0]}.frames"
    data = bytearray(path.read_bytes())
    secret = tmp_path / "secret.frames"
    secret.write_bytes(data)
    if damage in ("folder", "fifo", "link"):
        path.unlink()
        {"folder": path.mkdir, "fifo": lambda: os.mkfifo(path), "link": lambda: path.symlink_to(secret)}[
            damage
        ]()
    else:
        data[0 if damage == "magic" else 60] ^= 1
        changed = {"cut": data[:-1], "longer": data + b"x", "empty": b""}.get(damage, data)
        path.write_bytes(changed)
    fresh = FrameCache(tmp_path / "cache")
    if damage != "bit":  # found when that picture is read
        assert not fresh.has(KEYS[0], 3, SIZE)
    assert fresh.read(KEYS[0], [0], 3, SIZE) is None
    assert secret.exists()
    if damage == "link":
        with pytest.raises(DataError, match="is a link"):
            keep(fresh, KEYS[0])
    elif damage != "folder":
        assert keep(fresh, KEYS[0])
        np.testing.assert_array_equal(fresh.read(KEYS[0], [0], 3, SIZE), pictures()[:1])


def test_pictures_of_another_size_or_number_are_not_kept(tmp_path):
    with pytest.raises(DataError, match="2 of 3"):
        write_frames(tmp_path, KEYS[0], pictures(count=2), 3, SIZE)
    with pytest.raises(DataError, match="announced"):
        write_frames(tmp_path, KEYS[0], pictures(), 3, (10, 8))
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_whole_files_or_none_and_what_is_stale_goes(tmp_path):
    code = (
        "import sys, numpy as np\nfrom pathlib import Path\n"
        "from motorium.learn.data.frame_cache import FrameCache, write_frames\n"
        "cache = FrameCache(Path(sys.argv[1]))\n"
        "for i in range(10**6):\n"
        "    write_frames(cache.folder, f'{i:064x}', np.full((60, 64, 64, 3), i % 256, np.uint8), 60, (64, 64))\n"
    )
    process = subprocess.Popen(children.python_code(code, str(tmp_path)))
    try:
        end = time.monotonic() + 60
        while len(list(tmp_path.glob("*.frames"))) < 3 and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    cache = FrameCache(tmp_path)
    whole = sorted(tmp_path.glob("*.frames"))
    assert len(whole) >= 3
    for i, path in enumerate(whole):
        assert cache.has(path.stem, 60, (64, 64))
        assert (cache.read(path.stem, [59], 60, (64, 64)) == i % 256).all()
    half, other = tmp_path / temporary_name(f"{KEYS[0]}.frames"), tmp_path / f".x{TEMPORARY}"
    half.write_bytes(b"half")
    other.write_bytes(b"nobody's business")
    FrameCache(tmp_path).close()
    assert half.exists()  # while `cache` is open it may be its own
    cache.close()
    FrameCache(tmp_path).close()
    assert not half.exists()
    assert other.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="XDG_CACHE_HOME"):
        FrameCache(tmp_path / "file/frames")


def test_pictures_without_room_are_decoded_each_time(two_tasks, tmp_path):
    """Half of them fit: all are the same as with room for all."""
    index = np.arange(0, 4 * FPS, 7)
    one = file_bytes(FPS, (SIDE, SIDE))
    wide = CacheSpec(tmp_path / "wide", workers=0)
    tight = CacheSpec(tmp_path / "tight", 3 * one, workers=0)
    with (
        Recordings.open([SourceSpec(two_tasks)], TableSpec(rows=2), wide) as all_there,
        Recordings.open([SourceSpec(two_tasks)], TableSpec(rows=2), tight) as some,
    ):
        assert all_there.prepare().without_place == 0
        decoding = some.prepare()
        assert decoding.pictures == 3 * FPS
        assert decoding.without_place == 5 * FPS
        assert "do not fit" in str(decoding)
        assert sum(path.stat().st_size for path in (tmp_path / "tight").iterdir()) <= 3 * one
        np.testing.assert_array_equal(some.pictures(index), all_there.pictures(index))


def test_a_full_disk_costs_time_and_nothing_else(two_tasks, cache, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("motorium.learn.data.frames.write_frames", full)
    with Recordings.open([SourceSpec(two_tasks)], TableSpec(rows=2), cache) as table:
        assert table.prepare().without_place == 8 * FPS
        assert "No space left" in caplog.text
        assert table.pictures(np.array([3])).any()


def test_pictures_are_never_all_in_memory(two_tasks, cache):
    with Recordings.open([SourceSpec(two_tasks)], TableSpec(rows=2), cache) as table:
        table.pictures(np.array([0]))  # imports
        tracemalloc.start()
        table.prepare()
        table.pictures(np.arange(4))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 30 * SIDE * SIDE * 3  # of 160


def test_workers_decode_the_same_and_report(two_tasks, cache, tmp_path, monkeypatch):
    monkeypatch.setattr("motorium.learn.data.frames.REPORT_S", 0.0)
    lines: list[str] = []
    with (
        Recordings.open([SourceSpec(two_tasks)], TableSpec(rows=2), cache) as here,
        Recordings.open(
            [SourceSpec(two_tasks)],
            TableSpec(rows=2, size=(32, 48)),
            CacheSpec(tmp_path / "there", workers=2),
        ) as there,
    ):
        decoding = there.prepare(lines.append)
        assert decoding.workers == 2
        assert len(lines) == 8
        assert "per second" in lines[-1]
        index = np.array([5, 30, 77])
        large, small = here.pictures(index), there.pictures(index)
        assert small.shape == (3, 2, 32, 48, 3)
        for b in range(3):
            np.testing.assert_array_equal(small[b, 1], scaled(large[b, 1], (32, 48)))
        assert there.prepare().kept == 8 * FPS
        assert any("squeezed" in line for line in there.remarks)


def test_a_dead_worker_is_no_endless_wait(tmp_path, monkeypatch):
    monkeypatch.setattr("motorium.learn.data.frames.ALIVE_S", 0.2)
    frames = Frames(FrameCache(tmp_path), workers=1)
    try:
        with pytest.raises(DataError, match="Allow fewer workers"):
            list(frames._map(_die, [signal.SIGKILL, signal.SIGKILL]))
    finally:
        frames.close()


UNGUARDED = """\
import sys
from pathlib import Path
from motorium.learn.data import CacheSpec, Recordings, SourceSpec
with Recordings.open([SourceSpec(Path(sys.argv[1]))], None, CacheSpec(Path(sys.argv[2]), workers=2)) as table:
    table.prepare()
"""


def test_a_script_without_a_guard_is_told_of_it(two_tasks, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    call = [sys.executable, str(script), str(two_tasks), str(tmp_path / "frames")]
    ended = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    said = ended.stderr.strip().splitlines()[-1]
    assert said.startswith("motorium.errors.MotoriumError: processes that share the work could not start")
    assert 'if __name__ == "__main__":' in said


def _die(how: int) -> None:
    os.kill(os.getpid(), how)


def test_workers_end_with_the_process_they_work_for(two_tasks, tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from motorium.learn.data.frame_cache import FrameCache\n"
        "from motorium.learn.data.frames import Clip, Frames\n"
        "from motorium.data.format.dataset import Dataset\n"
        "data = Dataset.open(Path(sys.argv[1]))\n"
        "clips = [Clip.of(data, e, k, (8 + i, 8)) for i in range(40) for e in data.episodes for k in e.videos]\n"
        "frames = Frames(FrameCache(Path(sys.argv[2])), 2)\n"
        "frames.prepare(clips)\n"
    )
    cache = tmp_path / "frames"
    process = subprocess.Popen(
        children.python_code(code, str(two_tasks), str(cache)), stderr=subprocess.PIPE, text=True
    )
    try:
        end = time.monotonic() + 60
        while not list(cache.glob("*.frames")) and time.monotonic() < end:
            time.sleep(0.02)
        tree = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    finally:
        process.kill()
    assert len(tree) >= 2
    _, said = process.communicate(timeout=60)  # the pipe ends with the last of them
    assert "DataError" not in said
    for path in cache.glob("*.frames"):
        count, height, width = struct.unpack_from("<III", path.read_bytes(), 8)
        assert FrameCache(cache).has(path.stem, count, (height, width))


def test_a_changed_or_damaged_video_is_noticed(cache, tmp_path):
    root = write(tmp_path / "data", ("wave",) * 2, seconds=0.5, cameras=CAMERAS[:1])
    dataset = Dataset.open(root)
    before = Clip.of(dataset, dataset.episodes[0], CAMERAS[0], None)
    path = Path(before.path)
    with Recordings.open([SourceSpec(root)], TableSpec(rows=2), cache) as table:
        first = table.fingerprint
    data = bytearray(path.read_bytes())
    data[-200:] = bytes(200)
    path.write_bytes(data[:-50])
    assert Clip.of(dataset, dataset.episodes[0], CAMERAS[0], None).key != before.key
    with Recordings.open([SourceSpec(root)], TableSpec(rows=2), cache) as table:
        assert table.fingerprint != first
        with pytest.raises(DataError, match=str(path)):
            table.prepare()
    path.unlink()
    with pytest.raises(DataError, match="cannot read"):
        Recordings.open([SourceSpec(root)], TableSpec(rows=2), cache)
    path.symlink_to(two := tmp_path / "outside.mp4")
    two.write_bytes(data)
    with pytest.raises(DataError, match="links out of its folder"):
        Recordings.open([SourceSpec(root)], TableSpec(rows=2), cache)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match="FIFO"):
        Recordings.open([SourceSpec(root)], TableSpec(rows=2), cache)


def test_a_frame_that_a_video_lacks_is_named(two_tasks):
    """Others write rows without their pictures: every second frame is gone, and the rest keep their times."""
    dataset = Dataset.open(two_tasks)
    whole = Clip.of(dataset, dataset.episodes[0], CAMERAS[0], None)
    with pytest.raises(DataError, match=r"lacks frame 1 of the 20 from 0\.00 s"):
        list(replace(whole, fps=2 * FPS).decode())


def test_the_cache_lies_where_the_user_keeps_caches(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_home() == Path("/somewhere/motorium/frames")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/x")
    assert cache_home() == Path("/x/.cache/motorium/frames")

    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(DataError, match="no home folder"):
        cache_home()
