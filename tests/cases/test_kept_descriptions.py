"""What info.json says is read in every form that others write, and goes along through every change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import data_samples
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.data.edit import convert, mirror, unified
from motorium.data.edit import edits as edit
from motorium.data.edit.units_edit import Units, convert_units
from motorium.data.format import layout
from motorium.data.format.dataset import Dataset
from motorium.data.format.schema import read_info
from motorium.data.format.splits import resized
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError

NAMES = data_samples.NAMES
FRONT = data_samples.CAMERAS[:1]


def described(root: Path, change) -> Path:
    """Change info.json with `change(info)`."""
    path = root / layout.INFO
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))
    return root


def splits(root: Path) -> dict:
    return json.loads((root / layout.INFO).read_text())["splits"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Five episodes without cameras."""
    return data_samples.write(tmp_path_factory.mktemp("ours") / "d", ("t",) * 5, seconds=0.5, cameras=())


@pytest.fixture
def root(written, tmp_path):
    return Path(shutil.copytree(written, tmp_path / "d"))


@pytest.mark.parametrize(
    "names",
    [
        [list(NAMES)],
        [list(NAMES[:5]), [NAMES[5]]],
        {"motors": list(NAMES)},
        {"arm": list(NAMES[:5]), "gripper": [NAMES[5]]},
        {"motors": list(NAMES), "axes": ["x", "y", "z"]},
        {name: place for place, name in reversed(list(enumerate(NAMES)))},
        [[[name] for name in NAMES]],
    ],
)
def test_names_are_read_one_for_each_value_however_they_are_nested(root, names):
    before = read_info(root).schema
    described(root, lambda info: info["features"]["action"].update(names=names))
    found = read_info(root).schema
    assert found.feature("action").names == NAMES
    assert found.digest() == before.digest()


def test_joints_of_older_datasets_are_those_of_the_robot(root):
    names = [f"main_{joint}" for joint in data_samples.JOINTS]

    def older(info: dict) -> None:
        for key in ("action", "observation.state"):
            info["features"][key]["names"] = {"motors": names}

    how = unified.mapping(Dataset.open(described(root, older)), "deg")
    assert how.spec.joint_names == data_samples.JOINTS


def test_names_without_an_end_are_refused(root):
    deep = ["a"]
    for _ in range(20):
        deep = [deep]
    described(root, lambda info: info["features"]["action"].update(names=deep))
    with pytest.raises(DataError, match="are nested"):
        read_info(root)
    described(root, lambda info: info["features"]["action"].update(names=["a"] * 70_000))
    with pytest.raises(DataError, match="more than 65536 names"):
        read_info(root)


@pytest.mark.parametrize(
    ("shape", "names", "info"),
    [
        ([3, 48, 64], ["channels", "height", "width"], {}),
        ([48, 64, 3], ["height", "width", "channel"], {}),
        ([64, 48, 3], ["width", "height", "channels"], {}),
        ([3, 48, 64], {"axes": ["c", "h", "w"]}, {}),
        ([3, 48, 64], None, {}),
        ([3, 48, 64], None, {"video.height": 48, "video.width": 64}),
        ([48, 64, 3], None, {"video.height": 48, "video.width": 64}),
    ],
)
def test_height_and_width_of_a_picture_are_told_by_their_names(root, shape, names, info):
    entry = {"dtype": "video", "shape": shape, "names": names, "info": info}
    described(root, lambda value: value["features"].update({"observation.images.top": entry}))
    found = read_info(root).schema.feature("observation.images.top")
    assert found.shape == (48, 64, 3)
    assert found.names[:2] == ("height", "width")


def test_a_dataset_with_channels_first_is_edited_and_goes_on(tmp_path):
    """Pictures that are no squares: whoever takes the first two numbers for the size fails here."""
    root = tmp_path / "d"
    schema = data_samples.schema(cameras=FRONT)
    wide = type(schema)(
        schema.fps, schema.robot,
        tuple(type(f)(f.key, f.dtype, (48, 64, 3), f.names) if f.is_video else f for f in schema.features),
    )  # fmt: skip

    def record(episodes: int) -> None:
        with DatasetWriter(root, wide, patience_s=30, reserve_mb=1) as writer:
            for _ in range(episodes):
                writer.begin("t", 0)
                for k in range(10):
                    image = data_samples.image(0, k, 0)[:48]
                    writer.add(data_samples.row(0, k, cameras=1), {FRONT[0]: image})
                writer.end()

    def turn(info: dict) -> None:
        info["features"][FRONT[0]].update(shape=[3, 48, 64], names=["channels", "height", "width"])

    record(1)
    described(root, turn)
    record(1)
    described(root, turn)
    edit.mirror(Dataset.open(root), {}, {}, tmp_path / "out")
    made = Dataset.open(tmp_path / "out")
    (_, frame), *_ = made.pictures(made.episodes[1], FRONT[0])
    (_, before), *_ = Dataset.open(root).pictures(Dataset.open(root).episodes[1], FRONT[0])
    assert frame.shape == (48, 64, 3)
    assert np.abs(frame[:, ::-1].astype(int) - before).mean() < 5
    entry = json.loads((tmp_path / "out" / layout.INFO).read_text())["features"][FRONT[0]]
    assert (entry["info"]["video.height"], entry["info"]["video.width"]) == (48, 64)


@pytest.mark.nightly
def test_splits_follow_their_episodes_through_every_change(root, tmp_path):
    described(root, lambda info: info.update(splits={"train": "0:2,4:5", "val": "2:4"}, licence="CC-BY"))
    source = Dataset.open(root)
    convert.convert(source, "v2.1", tmp_path / "old")
    convert.convert(Dataset.open(tmp_path / "old"), "v3.0", tmp_path / "new")
    edit.relabel(source, {"t": "u"}, tmp_path / "named")
    edit.downsample(source, 10, tmp_path / "thin")
    edit.mirror(source, {"shoulder_pan": -1}, {}, tmp_path / "mirrored")
    for name in ("old", "new", "named", "thin", "mirrored"):
        assert splits(tmp_path / name) == {"train": "0:2,4:5", "val": "2:4"}, name
        assert json.loads((tmp_path / name / layout.INFO).read_text())["licence"] == "CC-BY"
    edit.delete(source, frozenset({0, 2}), tmp_path / "fewer")
    assert splits(tmp_path / "fewer") == {"train": "0:1,2:3", "val": "1:2"}
    edit.delete(source, frozenset({2, 3}), tmp_path / "trained")
    assert splits(tmp_path / "trained") == {"train": "0:3"}
    edit.merge([Dataset.open(tmp_path / "fewer"), source], tmp_path / "both")
    assert splits(tmp_path / "both") == {"train": "0:1,2:5,7:8", "val": "1:2,5:7"}
    edit.split(source, 0.4, 0, tmp_path / "train", tmp_path / "test")
    assert (splits(tmp_path / "train"), splits(tmp_path / "test")) == ({"train": "0:3"}, {"test": "0:2"})


def test_what_is_recorded_goes_into_train_and_repair_counts_alike(root):
    described(root, lambda info: info.update(splits={"train": "0:3", "val": "3:5"}))
    data_samples.write(root, ("t",), seconds=0.5, cameras=())
    assert splits(root) == {"train": "0:3,5:6", "val": "3:5"}
    described(root, lambda info: info.update(splits={"train": "0:3", "val": "3:5"}, total_episodes=5))
    assert repair(root).fixed
    assert splits(root) == {"train": "0:3,5:6", "val": "3:5"}
    assert resized({"train": "0:3", "val": "3:5"}, 5, 4) == {"train": "0:3", "val": "3:4"}


def test_info_tells_splits_and_units(root):
    described(root, lambda info: info.update(splits={"train": "0:2", "val": "2:5"}))
    told = json.loads(CliRunner().invoke(main, ["data", "info", str(root), "--json"]).stdout)
    assert told["splits"] == {"train": "0:2", "val": "2:5"}
    assert "action" in told["units"]
    assert "train 0:2; val 2:5" in CliRunner().invoke(main, ["data", "info", str(root)]).stdout


def test_a_split_that_names_no_episodes_stays_or_is_asked_about(root, tmp_path):
    described(root, lambda info: info.update(splits={"train": "80%", "all": "0:99999999999999"}))
    source = Dataset.open(root)
    edit.relabel(source, {"t": "u"}, tmp_path / "named")
    assert splits(tmp_path / "named") == {"train": "80%", "all": "0:5"}
    with pytest.raises(DataError, match="'train' is '80%'"):
        edit.delete(source, frozenset({0}), tmp_path / "no")
    assert not (tmp_path / "no").exists()


def ticks_of(root: Path) -> list[list[int]]:
    """Times of the control ticks of each file of telemetry, in order."""
    files = sorted((root / layout.TELEMETRY).rglob("*.parquet"))
    return [pq.read_table(path)["t_ns"].to_pylist() for path in files]


def there_and_back(source: Dataset, target: Path) -> None:
    convert.convert(source, layout.VERSION_OLD, target.with_name("v21"))
    convert.convert(Dataset.open(target.with_name("v21")), layout.VERSION, target)


KEEP_THE_MOTION = {
    "units": lambda source, target: convert_units(source, Units("deg"), target),
    "downsample": lambda source, target: edit.downsample(source, data_samples.FPS // 2, target),
    "slots": unified.unified,
    "delete": lambda source, target: edit.delete(source, frozenset({0}), target),
    "convert": there_and_back,
}


@pytest.fixture(scope="module")
def with_ticks(tmp_path_factory):
    """Three episodes, of which the last two have control ticks at times of their own."""
    root = tmp_path_factory.mktemp("ticks") / "d"
    with DatasetWriter(root, data_samples.schema(cameras=()), reserve_mb=1) as writer:
        for episode in range(3):
            writer.begin("t", 0)
            for k in range(10):
                writer.add(data_samples.row(episode, k, cameras=0), {})
            ticks = np.array([(episode + 5 * k,) for k in range(40 * (episode > 0))], [("t_ns", "i8")])
            writer.telemetry(ticks)
            writer.end()
    return root


@pytest.mark.nightly
@pytest.mark.parametrize("name", KEEP_THE_MOTION)
def test_control_ticks_go_along_where_the_motion_stays_the_same(with_ticks, tmp_path, name):
    wanted = [[1 + 5 * k for k in range(40)], [2 + 5 * k for k in range(40)]]
    assert ticks_of(with_ticks) == wanted
    KEEP_THE_MOTION[name](Dataset.open(with_ticks), tmp_path / "out")
    assert ticks_of(tmp_path / "out") == wanted
    moved = name == "delete"
    places = [path.name for path in sorted((tmp_path / "out" / layout.TELEMETRY).rglob("*.parquet"))]
    assert places == [f"file-00{n - moved}.parquet" for n in (1, 2)]  # beside the rows of their episodes


def test_a_mirror_says_that_it_leaves_the_control_ticks_out(with_ticks, tmp_path):
    how = mirror.Mirror({"shoulder_pan": -1})
    _, said = mirror.mirror_dataset(Dataset.open(with_ticks), how, tmp_path / "out")
    assert ticks_of(tmp_path / "out") == []
    assert any("telemetry/" in line for line in said)
