"""From HDF5 every column is carried over with all its digits, or named; the instruction is found where it is said."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

h5py = pytest.importorskip("h5py")

from click.testing import CliRunner  # noqa: E402

from motorium.cli.main import main  # noqa: E402
from motorium.data.edit import hdf5_layouts as hdf5  # noqa: E402
from motorium.data.format.dataset import Dataset  # noqa: E402

ROWS = 8


def robomimic(path: Path, *, demos: int = 2, change=None, **attributes) -> Path:
    """Demonstrations as LIBERO has them, with a clock, rewards and states."""
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        env = {"env_name": "Libero_Kitchen", "env_kwargs": {"control_freq": 20, "robots": ["Panda"]}}
        data.attrs["env_args"] = json.dumps(env)
        for name, value in attributes.items():
            data.attrs[name] = value
        for i in range(demos):
            demo = data.create_group(f"demo_{i}")
            demo["obs/robot0_joint_pos"] = np.full((ROWS, 7), i + 0.1)
            demo["obs/stamp"] = 1.7e9 + np.arange(ROWS) / 20 + 100 * i
            demo["actions"] = np.zeros((ROWS, 7))
            demo["rewards"] = np.arange(ROWS, dtype=np.float64)
            demo["dones"] = np.arange(ROWS) == ROWS - 1
            demo["steps"] = np.arange(ROWS) + (1 << 60)
        if change is not None:
            change(file)
    return path


def aloha(path: Path, change=None, **attributes) -> Path:
    with h5py.File(path, "w") as file:
        for name in ("observations/qpos", "observations/qvel", "action"):
            file[name] = np.zeros((ROWS, 14))
        file["base_action"] = np.arange(2.0 * ROWS).reshape(ROWS, 2)
        for name, value in attributes.items():
            file.attrs[name] = value
        if change is not None:
            change(file)
    return path


def converted(source: Path, *words: str) -> dict:
    out = source.parent / f"{source.stem}-{len(list(source.parent.iterdir()))}"
    done = CliRunner().invoke(main, ["data", "convert", str(source), "--out", str(out), "--json", *words])
    assert done.exit_code == 0, done.output
    return {**json.loads(done.stdout), "there": Dataset.open(out)}


def rows(found: dict, episode: int = 0) -> dict[str, np.ndarray]:
    return found["there"].rows(found["there"].episodes[episode])


def members(source: Path) -> set[str]:
    """Every dataset in the file, by its last name."""
    names: set[str] = set()

    def visit(name: str, node) -> None:
        if hasattr(node, "shape"):
            names.add(name.rsplit("/", maxsplit=1)[-1])

    with h5py.File(source) as file:
        file.visititems(visit)
    return names


def test_stamps_of_today_keep_a_microsecond_and_whole_numbers_every_digit(tmp_path):
    found = converted(robomimic(tmp_path / "in.hdf5"))
    for episode in range(2):
        values = rows(found, episode)
        stamps = 1.7e9 + np.arange(ROWS) / 20 + 100 * episode
        np.testing.assert_array_equal(values["observation.stamp"][:, 0], stamps)
        np.testing.assert_array_equal(values["steps"][:, 0], np.arange(ROWS) + (1 << 60))
        np.testing.assert_array_equal(values["dones"][:, 0], np.arange(ROWS) == ROWS - 1)
        np.testing.assert_array_equal(values["rewards"][:, 0], np.arange(ROWS))
    assert found["there"].schema.feature("observation.state").dtype == "float32"
    assert found["left_out"] == []


def test_a_clock_is_no_state(tmp_path):
    """Where no observation has a name that is known, all of numbers are the state, except times."""

    def rename(file):
        for i in range(2):
            file[f"data/demo_{i}/obs"].move("robot0_joint_pos", "arm")

    found = converted(robomimic(tmp_path / "in.hdf5", change=rename))
    assert found["there"].schema.feature("observation.state").names == tuple(f"arm.{i}" for i in range(7))
    assert "observation.stamp" in found["columns"]


def test_a_moving_base_comes_along(tmp_path):
    found = converted(aloha(tmp_path / "episode_0.hdf5"), "--fps", "50")
    np.testing.assert_array_equal(rows(found)["base_action"], np.arange(2.0 * ROWS).reshape(ROWS, 2))


@pytest.mark.nightly
def test_depth_among_the_pictures_is_named_and_the_others_come(tmp_path):
    def see(file):
        file["observations/images/depth"] = np.zeros((ROWS, 32, 32), np.uint16)
        file["observations/images/grey"] = np.zeros((ROWS, 32, 32, 1), np.uint8)
        file["observations/images/top"] = np.full((ROWS, 32, 32, 3), 90, np.uint8)

    found = converted(aloha(tmp_path / "episode_0.hdf5", see), "--fps", "50")
    assert [f.key for f in found["there"].schema.videos] == ["observation.images.top"]
    assert found["left_out"] == [
        "observations/images/depth (32, 32) uint16: no colour pictures",
        "observations/images/grey (32, 32, 1) uint8: no colour pictures",
    ]


def jpeg(level: int) -> bytes:
    coder = av.CodecContext.create("mjpeg", "w")
    coder.width, coder.height, coder.pix_fmt, coder.time_base = 32, 32, "yuvj420p", Fraction(1, 20)
    frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), level, np.uint8), format="rgb24")
    return b"".join(bytes(packet) for packet in coder.encode(frame))


@pytest.mark.nightly
@pytest.mark.parametrize("form", ["fixed texts", "runs of any length"])
def test_jpegs_are_read_in_every_form_they_are_stored_in(tmp_path, form):
    coded = [jpeg(40 + 20 * k) for k in range(ROWS)]

    def see(file):
        for i in range(2):
            where = f"data/demo_{i}/obs/top_image"
            if form == "fixed texts":
                file[where] = np.array(coded)
                continue
            made = file.create_dataset(where, (ROWS,), dtype=h5py.vlen_dtype(np.uint8))
            for k, content in enumerate(coded):
                made[k] = np.frombuffer(content, np.uint8)

    found = converted(robomimic(tmp_path / "in.hdf5", change=see))
    dataset = found["there"]
    seen = [image.mean() for _, image in dataset.pictures(dataset.episodes[1], "observation.images.top")]
    np.testing.assert_allclose(seen, 40 + 20 * np.arange(ROWS), atol=4)
    assert found["left_out"] == []


def strange(file):
    """Columns of other lengths, shapes and kinds; in one episode only; not finite; called as something else is."""
    first = file["data/demo_0"]
    first["short"] = np.zeros(ROWS - 1)
    first["grid"] = np.zeros((ROWS, 3, 3))
    first["words"] = np.array([b"a"] * ROWS)
    first["once"] = np.zeros(ROWS)
    first["next_obs/x"] = np.zeros(ROWS)
    file["mask/train"] = np.array([b"demo_0"])
    for i in range(2):
        demo = file[f"data/demo_{i}"]
        demo["holes"] = np.where(np.arange(ROWS) == 3, np.nan if i else 0, 1.0)
        demo["action"] = np.full(ROWS, 7.0)
        demo["timestamp"] = np.arange(ROWS) / 20.0


def test_what_is_not_carried_over_is_named(tmp_path):
    source = robomimic(tmp_path / "in.hdf5", change=strange)
    found = converted(source)
    said = "\n".join(found["left_out"])
    for words in (
        "short () float64: not 8 rows", "grid (3, 3) float64", "words holds |S1", "once: not the same in every episode",
        "next_obs/ (a group)", "mask/ (a group)", "holes of demo_1: row 3 is not finite",
        "holes: not the same in every episode",
    ):  # fmt: skip
        assert words in said
    kept = {column.removeprefix("observation.").removeprefix("source.") for column in found["columns"]}
    kept |= {name.split(".")[0] for name in found["there"].schema.feature("observation.state").names}
    named = {line.split()[0].strip(":") for line in found["left_out"]}
    assert members(source) - kept - named == {"actions", "x", "train"}
    np.testing.assert_array_equal(rows(found)["action"], np.zeros((ROWS, 7)))
    np.testing.assert_array_equal(rows(found)["source.action"][:, 0], np.full(ROWS, 7.0))
    np.testing.assert_array_equal(rows(found)["source.timestamp"][:, 0], np.arange(ROWS) / 20)


PROBLEM = {"problem_name": "libero", "language_instruction": "put the bowl on the plate"}


@pytest.mark.parametrize(
    ("attributes", "task"),
    [
        ({"problem_info": json.dumps(PROBLEM)}, "put the bowl on the plate"),
        ({"problem_info": json.dumps({**PROBLEM, "language_instruction": ["put", "it", "back"]})}, "put it back"),
        ({"problem_info": json.dumps({**PROBLEM, "language_instruction": list("put it")})}, "put it"),
        ({"problem_info": np.bytes_(json.dumps(PROBLEM))}, "put the bowl on the plate"),
        ({"language_instruction": "  open\nthe drawer "}, "open the drawer"),
        ({"language_instruction": np.array([b"open it"])}, "open it"),
        ({"bddl_file_name": "a/b/KITCHEN_SCENE3_turn_on_the_stove.bddl"}, "turn on the stove"),
        ({"ep_meta": json.dumps({"lang": "close the door"})}, "close the door"),
        ({"problem_info": "{broken"}, "Libero_Kitchen"),
        ({"problem_info": "[" * 50_000, "language_instruction": 7}, "Libero_Kitchen"),
    ],
)  # fmt: skip
def test_the_instruction_is_found_where_it_is_said(tmp_path, attributes, task):
    source = robomimic(tmp_path / "in.hdf5", demos=1, **attributes)
    assert next(iter(hdf5.read_demos(source))).defaults.task == task


@pytest.mark.nightly
def test_a_demo_says_its_own_and_the_caller_knows_best(tmp_path):
    def each(file):
        for i in range(2):
            file[f"data/demo_{i}"].attrs["language_instruction"] = f"task {i}"

    source = robomimic(tmp_path / "in.hdf5", change=each, language_instruction="all")
    assert converted(source)["there"].tasks == ("task 0", "task 1")

    def words(file):
        file.create_dataset("language_raw", data=[b"fold the shirt"])

    found = converted(aloha(tmp_path / "episode_0.hdf5", words, fps=25))
    assert (found["there"].tasks, found["there"].schema.fps, found["left_out"]) == (
        ("fold the shirt",),
        25,
        [],
    )
    assert converted(tmp_path / "episode_0.hdf5", "--task", "else")["there"].tasks == ("else",)


def test_an_instruction_that_lies_elsewhere_is_not_read(tmp_path):
    def elsewhere(file):
        file.create_dataset("language_raw", shape=(1,), dtype="S20", external=[("/etc/hostname", 0, 20)])

    found = converted(aloha(tmp_path / "episode_0.hdf5", elsewhere), "--fps", "50")
    assert found["there"].tasks == ("",)
    assert any(line.startswith("language_raw") for line in found["left_out"])


def test_episodes_come_in_the_order_of_their_numbers(tmp_path):
    found = hdf5.read_demos(robomimic(tmp_path / "in.hdf5", demos=11))
    assert [demo.name for demo in found] == [f"demo_{i}" for i in range(11)]
    folder = tmp_path / "files"
    folder.mkdir()
    for n in (9, 10, 100):
        aloha(
            folder / f"episode_{n}_b.hdf5",
            lambda file, n=n: file["action"].write_direct(np.full((ROWS, 14), float(n))),
        )
    found = converted(folder, "--fps", "50")
    assert [int(rows(found, i)["action"][0, 0]) for i in range(3)] == [9, 10, 100]
