"""Making other datasets of datasets: rows and frames arrive bit for bit, and what is read is never touched."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess

import data_samples
import numpy as np
import pyarrow.parquet as pq
import pytest
from data_samples import content

from motorium.data.check.judge import check
from motorium.data.edit import convert, unified
from motorium.data.edit import edits as edit
from motorium.data.edit.build import swap
from motorium.data.format import layout, tables
from motorium.data.format.dataset import Dataset
from motorium.data.format.identity import Accepted
from motorium.data.record.writer import DatasetWriter
from motorium.data.view import report
from motorium.errors import DataError
from motorium.specs.lerobot_units import to_radians
from motorium.specs.robot import RobotSpec
from motorium.teleop.recorded import Playing, load_episode

TASKS = ("left cup", "", "left cup", "right cup")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return data_samples.write(tmp_path_factory.mktemp("edit") / "d", TASKS, seconds=1)


@pytest.fixture
def source(root):
    """Opened; afterwards not a byte of it may have changed."""

    def digest() -> dict:
        return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file()}

    before = digest()
    yield Dataset.open(root)
    assert digest() == before


def test_delete_leaves_the_others_bit_for_bit(source, tmp_path):
    edit.delete(source, edit.numbers("1-2"), tmp_path / "out")
    made = Dataset.open(tmp_path / "out")
    assert [e.tasks for e in made.episodes] == [("left cup",), ("right cup",)]
    assert content(made) == [content(source)[i] for i in (0, 3)]
    assert check(tmp_path / "out").findings == ()
    with pytest.raises(DataError, match="has no episode 9"):
        edit.delete(source, frozenset({9}), tmp_path / "no")
    with pytest.raises(DataError, match="no episode would be left"):
        edit.delete(source, edit.everything(source), tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_merge_and_relabel(source, tmp_path):
    edit.relabel(source, {"": "nothing in particular"}, tmp_path / "named")
    named = Dataset.open(tmp_path / "named")
    edit.merge([source, named], tmp_path / "both")
    both = Dataset.open(tmp_path / "both")
    assert both.tasks == ("left cup", "", "right cup", "nothing in particular")
    assert content(both) == content(source) * 2
    assert {f.kind for f in check(tmp_path / "both").findings} >= {"duplicate", "no_task"}


def test_split_keeps_scenes_apart(source, tmp_path):
    train, test = edit.split(source, 0.5, 0, tmp_path / "train", tmp_path / "test")
    assert (train.episodes, test.episodes) == (2, 2)
    sides = [content(Dataset.open(tmp_path / side)) for side in ("train", "test")]
    assert sorted(sides[0] + sides[1]) == sorted(content(source))


def test_there_and_back_again_between_versions(source, tmp_path):
    convert.convert(source, "v2.1", tmp_path / "old")
    old = Dataset.open(tmp_path / "old")
    assert (old.info.version, old.tasks) == ("v2.1", source.tasks)
    assert (tmp_path / "old/data/chunk-000/episode_000003.parquet").is_file()
    assert content(old) == content(source)
    convert.convert(old, "v3.0", tmp_path / "new")
    new = Dataset.open(tmp_path / "new")
    assert content(new) == content(source)
    convert.convert(new, "v2.1", tmp_path / "again")
    for path in (tmp_path / "old").rglob("*"):
        if path.suffix in {".jsonl", ".parquet", ".mp4"}:
            assert (tmp_path / "again" / path.relative_to(tmp_path / "old")).read_bytes() == path.read_bytes()
    for episode in source.episodes:
        for name in (
            layout.data_file(episode.data),
            layout.video_file(data_samples.CAMERAS[0], episode.data),
        ):
            assert (tmp_path / "new" / name).read_bytes() == (source.root / name).read_bytes()
        ours, theirs = source.stats(episode), new.stats(episode)
        np.testing.assert_allclose(ours["action"]["q90"], theirs["action"]["q90"])
        np.testing.assert_allclose(
            ours[data_samples.CAMERAS[1]]["mean"], theirs[data_samples.CAMERAS[1]]["mean"]
        )


def test_downsample_takes_every_nth(source, tmp_path):
    edit.downsample(source, 10, tmp_path / "out")
    made = Dataset.open(tmp_path / "out")
    assert (made.schema.fps, made.frames) == (10, source.frames // 2)
    for (_, rows), (_, before) in zip(made.stream(), source.stream(), strict=True):
        np.testing.assert_array_equal(rows["observation.state"], before["observation.state"][::2])
        np.testing.assert_allclose(rows["timestamp"][:, 0], np.arange(10) / 10, atol=1e-6)
    key = data_samples.CAMERAS[0]
    old = [frame for _, frame in source.pictures(source.episodes[1], key)]
    new = [frame for _, frame in made.pictures(made.episodes[1], key)]
    assert len(new) == 10
    for k, frame in enumerate(new):
        assert np.argmin([np.abs(frame.astype(int) - other).mean() for other in old]) == 2 * k
    with pytest.raises(DataError, match="not fewer than the 20"):
        edit.downsample(source, 20, tmp_path / "no")


def test_mirror_flips_pictures_joints_and_words_and_twice_is_nothing(source, tmp_path):
    swap_ = dict([data_samples.CAMERAS])
    edit.mirror(source, {"shoulder_pan": -1, "wrist_roll": -1}, swap_, tmp_path / "out")
    made = Dataset.open(tmp_path / "out")
    assert made.tasks == ("right cup", "", "left cup")
    before, after = source.rows(source.episodes[2]), made.rows(made.episodes[2])
    signs = np.array([-1, 1, 1, 1, -1, 1], np.float32)
    np.testing.assert_array_equal(after["action"], before["action"] * signs)
    np.testing.assert_array_equal(after["capture_s"], before["capture_s"])
    for (_, flipped), (_, frame) in zip(
        made.pictures(made.episodes[2], data_samples.CAMERAS[0]),
        source.pictures(source.episodes[2], data_samples.CAMERAS[1]),
        strict=True,
    ):
        assert np.abs(flipped[:, ::-1].astype(int) - frame).mean() < 5
    with pytest.raises(DataError, match="no joint or camera 'tail'"):
        edit.mirror(source, {"tail": -1}, {}, tmp_path / "no")


def test_in_place_is_an_exchange_and_a_failure_changes_nothing(root, tmp_path):
    copy = shutil.copytree(root, tmp_path / "d")
    before = content(Dataset.open(copy))

    def fails(target):
        edit.delete(Dataset.open(copy), frozenset({0}), target)
        raise DataError("the disk is full")

    with pytest.raises(DataError, match="disk is full"):
        swap(copy, fails)
    assert content(Dataset.open(copy)) == before
    assert [path.name for path in tmp_path.iterdir()] == ["d"]
    kept = swap(copy, lambda target: edit.delete(Dataset.open(copy), frozenset({0}), target))
    assert content(Dataset.open(copy)) == before[1:]
    assert content(Dataset.open(kept)) == before


def test_the_unified_slots_hold_the_joints_of_the_robot(root, tmp_path):
    copy = shutil.copytree(root, tmp_path / "d")
    info = json.loads((copy / layout.INFO).read_text())
    for units in ({}, {"observation.state": "rad"}):
        info["motorium"]["units"] = units
        (copy / layout.INFO).write_text(json.dumps(info))
        if not units:
            with pytest.raises(DataError, match="radians"):
                unified.table(Dataset.open(copy))
    source = Dataset.open(copy)
    unified.unified(source, tmp_path / "out")
    slots = unified.mapping(source).slots
    made = Dataset.open(tmp_path / "out")
    for (_, rows), (_, before) in zip(made.stream(), source.stream(), strict=True):
        back = np.stack([slots.gather(row) for row in rows["action_slots"]])
        np.testing.assert_allclose(back, before["action"], atol=1e-6)
        others = np.delete(rows["action_slots"], slots.slots, axis=1)
        assert not others.any()
    assert [line.slot for line in unified.table(source)] == slots.slots


@pytest.mark.parametrize("unit", ["deg", "lerobot"])
def test_joints_in_units_of_lerobot_land_in_the_same_slots(root, tmp_path, unit):
    """The dataset as LeRobot would have written it: what it says becomes radians again."""
    spec = RobotSpec.load("so101")
    copy = shutil.copytree(root, tmp_path / "d")
    info = json.loads((copy / layout.INFO).read_text())
    del info["motorium"]["units"]
    (copy / layout.INFO).write_text(json.dumps(info))
    table = pq.read_table(copy / layout.data_file(layout.FilePlace.number(0)))
    radians = np.stack(table["action"].to_numpy())
    written = np.empty_like(radians)
    for i, joint in enumerate(spec.joints):
        travel, middle = joint.upper_rad - joint.lower_rad, (joint.upper_rad + joint.lower_rad) / 2
        if joint.name == "gripper":
            written[:, i] = 100 * (radians[:, i] - joint.lower_rad) / travel
        elif joint.name == "wrist_roll":  # a whole turn, zero in its middle
            written[:, i] = np.degrees(radians[:, i]) if unit == "deg" else 100 * radians[:, i] / np.pi
        else:
            away = radians[:, i] - middle
            written[:, i] = np.degrees(away) if unit == "deg" else 200 * away / travel
    np.testing.assert_allclose(to_radians(written, spec, unit), radians, atol=1e-5)
    feature = Dataset.open(copy).schema.feature("action")
    place = table.column_names.index("action")
    pq.write_table(
        table.set_column(place, "action", tables.column(written, feature)),
        copy / layout.data_file(layout.FilePlace.number(0)),
    )
    dataset = Dataset.open(copy)
    how = unified.mapping(dataset, unit)
    rows = dataset.rows(dataset.episodes[0])
    np.testing.assert_allclose(
        np.stack([how.slots.gather(row) for row in how.scatter(rows, "action")]), radians, atol=1e-5
    )
    accepted = Accepted(robot=True)  # these limits are not those of an so101
    played = load_episode(copy, 0, Playing(spec, accepted=accepted, units=unit))
    np.testing.assert_allclose(played.positions_rad, radians, atol=1e-5)
    with pytest.raises(DataError, match="--units deg"):
        load_episode(copy, 0, Playing(spec, accepted=accepted))


def page_of(root, tmp_path) -> str:
    return report.write_report(root, tmp_path / "page.html").read_text()


def test_the_page_stands_alone_and_shows_every_episode(root, tmp_path):
    page = page_of(root, tmp_path)
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert len(re.findall(r'<article><h3 id="e\d">', page)) == len(TASKS)
    assert page.count("data:image/jpeg;base64,") == len(TASKS) * 2 * report.SHOTS
    assert page.count("<polyline") == len(TASKS) * (6 * 2 + 1)


def test_the_page_believes_no_name(tmp_path):
    evil = "<script>alert(1)</script>"
    page = page_of(data_samples.write(tmp_path / "d", (evil,), seconds=1, cameras=()), tmp_path)
    assert evil not in page
    assert "&lt;script&gt;" in page


@pytest.mark.skipif(
    shutil.which("chromium") is None, reason="chromium is not installed (apt-get install chromium)"
)
def test_the_page_is_drawn_without_a_complaint(root, tmp_path):
    page_of(root, tmp_path)
    shot = tmp_path / "page.png"
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1000,1200", f"--screenshot={shot}",
        (tmp_path / "page.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert "CONSOLE" not in done.stderr
    assert shot.stat().st_size > 30_000


def test_av1_the_codec_of_lerobot_is_copied_too(tmp_path):
    key = data_samples.CAMERAS[0]
    with DatasetWriter(
        tmp_path / "d", data_samples.schema(cameras=(key,)), codec="av1", patience_s=30, reserve_mb=1
    ) as writer:
        for episode in range(2):
            writer.begin("t", 0)
            for k in range(20):
                images = {key: data_samples.image(episode, k, 0)}
                writer.add(data_samples.row(episode, k, cameras=1), images)
            writer.end()
    source = Dataset.open(tmp_path / "d")
    edit.delete(source, frozenset({0}), tmp_path / "out")
    assert content(Dataset.open(tmp_path / "out")) == content(source)[1:]


def test_texts_and_pictures_in_the_data_files_go_along(root, tmp_path):
    """As LeRobot writes them: a string column, and images as PNG in the parquet."""
    copy = shutil.copytree(root, tmp_path / "d")
    info = json.loads((copy / layout.INFO).read_text())
    info["features"]["language"] = {"dtype": "string", "shape": [1], "names": None}
    info["features"]["observation.images.still"] = {"dtype": "image", "shape": [2, 2, 3], "names": None}
    (copy / layout.INFO).write_text(json.dumps(info))
    for n in range(len(TASKS)):
        path = copy / layout.data_file(layout.FilePlace.number(n))
        table = pq.read_table(path)
        words = [f"wort {n} {k}" for k in range(len(table))]
        images = [{"bytes": bytes([n, k]), "path": None} for k in range(len(table))]
        pq.write_table(
            table.append_column("language", [words]).append_column("observation.images.still", [images]), path
        )

    def carried(made: Dataset) -> list:
        parts = [pq.read_table(made.data_path(e)) for e in made.episodes]
        return [part[key].to_pylist() for part in parts for key in ("language", "observation.images.still")]

    source = Dataset.open(copy)
    found = [[(f.kind, f.episode, f.detail) for f in check(d, pictures=False).findings] for d in (copy, root)]
    assert found[0] == found[1]
    edit.delete(source, frozenset({1}), tmp_path / "fewer")
    assert carried(Dataset.open(tmp_path / "fewer")) == [*carried(source)[:2], *carried(source)[4:]]
    edit.downsample(source, 10, tmp_path / "thin")
    assert carried(Dataset.open(tmp_path / "thin")) == [column[::2] for column in carried(source)]
    convert.convert(source, "v2.1", tmp_path / "old")
    convert.convert(Dataset.open(tmp_path / "old"), "v3.0", tmp_path / "back")
    assert carried(Dataset.open(tmp_path / "back")) == carried(source)
    with pytest.raises(DataError, match="only videos are re-encoded"):
        edit.mirror(source, {"shoulder_pan": -1}, {}, tmp_path / "no")
