"""HDF5 in: ALOHA and robomimic arrive value by value; what a file should not make us do, it does not."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from motorium.data.edit import hdf5
from motorium.data.edit.hdf5 import ALOHA_JOINTS, Said, import_hdf5, is_hdf5
from motorium.data.format.dataset import Dataset
from motorium.errors import DataError

h5py = pytest.importorskip("h5py")

ROWS, SIDE = 12, 32


def pictures(seed: int) -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    out = np.stack([np.stack([40 + 3 * x, 40 + 3 * y, np.full_like(x, 60 + 10 * k)], 2) for k in range(ROWS)])
    return (out + seed).astype(np.uint8)


def jpeg(image: np.ndarray) -> bytes:
    import av

    coder = av.CodecContext.create("mjpeg", "w")
    coder.width, coder.height, coder.pix_fmt = image.shape[1], image.shape[0], "yuvj420p"
    coder.time_base, coder.options = Fraction(1, 20), {"qscale": "1"}
    return b"".join(bytes(p) for p in coder.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))


def aloha(path, *, packed: bool = False, seed: int = 0, change=None):
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        file.attrs["sim"] = True
        file["observations/qpos"] = rng.normal(size=(ROWS, 14))
        file["observations/qvel"] = rng.normal(size=(ROWS, 14))
        file["action"] = rng.normal(size=(ROWS, 14))
        shots = pictures(seed)
        if packed:
            coded = [jpeg(image) for image in shots]
            wide = max(map(len, coded)) + 7
            shots = np.stack([np.frombuffer(c.ljust(wide, b"\0"), np.uint8) for c in coded])
        file.create_dataset(
            "observations/images/cam_high", data=shots, compression="gzip", chunks=(1, *shots.shape[1:])
        )
        if change is not None:
            change(file)
    return path


def robomimic(path):
    rng = np.random.default_rng(5)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        env = {"env_name": "Lift", "env_kwargs": {"control_freq": 20, "robots": ["Panda"]}}
        data.attrs["env_args"] = json.dumps(env)
        for i in (10, 0, 2):
            demo = data.create_group(f"demo_{i}")
            demo["actions"] = np.full((ROWS + i, 7), i / 10)
            demo["obs/robot0_eef_pos"] = rng.normal(size=(ROWS + i, 3))
            demo["obs/robot0_gripper_qpos"] = rng.normal(size=(ROWS + i, 2))
            demo["obs/object"] = rng.normal(size=(ROWS + i, 10))
            demo["obs/agentview_image"] = np.full((ROWS + i, SIDE, SIDE, 3), 100 + i, np.uint8)
            demo["obs/agentview_depth"] = np.ones((ROWS + i, SIDE, SIDE, 1), np.float32)
    return path


def test_aloha_arrives_value_by_value_plain_and_as_jpegs(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for n in (2, 10):
        aloha(folder / f"episode_{n}.hdf5", seed=n, packed=n == 10)
    assert is_hdf5(folder)
    info, left_out = import_hdf5(folder, tmp_path / "d", Said(fps=50, task="insert the peg", units="rad"))
    assert (info.episodes, info.frames, left_out) == (2, 2 * ROWS, [])
    dataset = Dataset.open(tmp_path / "d")
    assert dataset.schema.feature("observation.state").names == ALOHA_JOINTS
    assert (dataset.schema.robot, dataset.schema.fps, dataset.tasks) == ("aloha", 50, ("insert the peg",))
    assert dataset.schema.own["units"]["action"] == "rad"
    for (episode, rows), n in zip(dataset.stream(), (2, 10), strict=True):
        with h5py.File(folder / f"episode_{n}.hdf5") as file:
            for ours, theirs in (("observation.state", "observations/qpos"), ("action", "action")):
                np.testing.assert_array_equal(rows[ours], file[theirs][()].astype(np.float32))
        for (_, frame), image in zip(
            dataset.pictures(episode, "observation.images.cam_high"), pictures(n), strict=True
        ):
            assert np.abs(frame.astype(int) - image).mean() < 5
        assert dataset.notes(episode)["source"] == f"episode_{n}"


def test_the_command_takes_robomimic_and_says_what_it_left(tmp_path):
    robomimic(tmp_path / "in.hdf5")
    command = [
        sys.executable,
        "-m",
        "motorium",
        "data",
        "convert",
        str(tmp_path / "in.hdf5"),
        "--to",
        "lerobot-v3",
    ]
    out = tmp_path / "d"
    done = subprocess.run(
        [*command, "--out", str(out), "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["episodes"], said["frames"]) == (3, 3 * ROWS + 12)
    assert said["left_out"] == ["obs/agentview_depth (32, 32, 1) float32"]
    dataset = Dataset.open(out)
    assert [e.length for e in dataset.episodes] == [ROWS, ROWS + 2, ROWS + 10]
    assert (dataset.schema.fps, dataset.schema.robot, dataset.tasks) == (20, "Panda", ("Lift",))
    state = dataset.schema.feature("observation.state")
    assert state.names[:3] == ("robot0_eef_pos.0", "robot0_eef_pos.1", "robot0_eef_pos.2")
    assert dataset.schema.feature("observation.object").shape == (10,)
    for (_, rows), i in zip(dataset.stream(), (0, 2, 10), strict=True):
        np.testing.assert_allclose(rows["action"], i / 10)


def external_link(file):
    del file["action"]
    file["action"] = h5py.ExternalLink("/etc/passwd", "/x")


def soft_link(file):
    del file["observations/qpos"]
    file["observations/qpos"] = h5py.SoftLink("/action")


def external_storage(file):
    del file["action"]
    file.create_dataset(
        "action", shape=(ROWS, 14), dtype="f4", external=[("/etc/hostname", 0, ROWS * 14 * 4)]
    )


def virtual(file):
    del file["action"]
    shape = h5py.VirtualLayout(shape=(ROWS, 14), dtype="f4")
    shape[:] = h5py.VirtualSource("other.h5", "x", shape=(ROWS, 14))
    file.create_virtual_dataset("action", shape)


def bomb(file):
    del file["observations/images/cam_high"]
    file.create_dataset(
        "observations/images/cam_high", shape=(1 << 40, SIDE, SIDE, 3), dtype="u1", chunks=(1, SIDE, SIDE, 3)
    )


def big_frames(file):
    del file["observations/images/cam_high"]
    claimed = file.create_dataset(
        "observations/images/cam_high", shape=(ROWS, 1 << 15, 1 << 15, 3), dtype="u1", chunks=(1, 64, 64, 3)
    )
    claimed[0, :2, :2] = 1


def objects(file):
    del file["action"]
    file.create_dataset("action", data=["a"] * ROWS, dtype=h5py.string_dtype())


def short(file):
    del file["action"]
    file["action"] = np.zeros((ROWS - 1, 14))


def not_a_number(file):
    file["action"][3, 3] = np.nan


def bad_name(file):
    file["observations/images/a..b"] = np.zeros((ROWS, SIDE, SIDE, 3), np.uint8)


def no_jpeg(file):
    del file["observations/images/cam_high"]
    file["observations/images/cam_high"] = np.full((ROWS, 99), 7, np.uint8)


def jpeg_bomb(file):
    head = b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03" + b"\0" * 20
    del file["observations/images/cam_high"]
    file["observations/images/cam_high"] = np.stack([np.frombuffer(head, np.uint8)] * ROWS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (external_link, "an external link"),
        (soft_link, "an external link"),
        (external_storage, "is stored in another file"),
        (virtual, "is stored in another file"),
        (bomb, "holds nothing"),
        (big_frames, "is too large"),
        (objects, "only numbers"),
        (short, "numbers of rows differ"),
        (not_a_number, "not finite in row 3"),
        (bad_name, "not a valid name"),
        (no_jpeg, "is not a JPEG"),
        (jpeg_bomb, "a JPEG of 65535 x 65535"),
    ],
)
def test_what_a_file_should_not_make_us_do_is_refused_and_leaves_nothing(
    tmp_path, monkeypatch, change, words
):
    """In this process: the other one only carries the words."""
    source = aloha(tmp_path / "in.hdf5", change=change)
    monkeypatch.setattr(
        hdf5.subprocess, "run", lambda command, **_: here(json.loads(command[-1]), hdf5.DataError)
    )
    with pytest.raises(DataError, match=words):
        import_hdf5(source, tmp_path / "d", Said(fps=50))
    assert [p.name for p in tmp_path.iterdir()] == ["in.hdf5"]


def here(words, error_type):
    try:
        hdf5._write(Path(words[1]), hdf5._demos(Path(words[0])), Said(**words[2]), {})
    except error_type as error:
        return SimpleNamespace(returncode=0, stdout=json.dumps({"error": str(error)}))
    raise AssertionError("nothing was refused")


def test_what_the_file_does_not_say_is_asked_for(tmp_path):
    with pytest.raises(DataError, match="give --fps"):
        import_hdf5(aloha(tmp_path / "in.hdf5"), tmp_path / "d", Said())
    (tmp_path / "text.hdf5").write_text("no HDF5 at all")
    with pytest.raises(DataError, match="damaged, or not an HDF5"):
        import_hdf5(tmp_path / "text.hdf5", tmp_path / "d", Said(fps=50))


def test_a_file_that_crashes_the_library_is_told(tmp_path, monkeypatch):
    """The reading process is made to die, as a damaged file can make it."""
    crash = tmp_path / "python"
    crash.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crash.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crash))
    with pytest.raises(DataError, match="damaged: reading it ended with signal 11"):
        import_hdf5(tmp_path / "in.hdf5", tmp_path / "d", Said(fps=50))
    assert not (tmp_path / "d").exists()


FUZZ = """
import sys
from pathlib import Path
from motorium.data.edit import hdf5
from motorium.errors import DataError
told = 0
for path in sorted(Path(sys.argv[1]).glob("f*.hdf5")):
    try:
        for demo in hdf5._demos(path):
            for key, entry in demo.pictures.items():
                for image in hdf5._Film(entry, key).images():
                    pass
    except DataError:
        told += 1
print(told)
"""


def test_damaged_files_are_told_or_read(tmp_path):
    whole = aloha(tmp_path / "whole.hdf5").read_bytes()
    rng = random.Random(3)
    for n in range(60):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 4, 40))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if n % 5 == 0:
            data = data[: rng.randrange(len(data))]
        (tmp_path / f"f{n}.hdf5").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", FUZZ, str(tmp_path)], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr[-1500:]
    assert int(done.stdout) > 10
