"""Units of joints are part of what must agree: datasets in different ones are put together only when told how."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import data_samples
import numpy as np
import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.data.edit import convert, units_edit
from motorium.data.edit import edits as edit
from motorium.data.edit.units_edit import Units
from motorium.data.format import layout
from motorium.data.format.dataset import Dataset
from motorium.data.format.said_units import said_unit
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError
from motorium.specs.lerobot_units import from_radians, to_radians
from motorium.specs.robot import RobotSpec

RADIANS = {"observation.state": "rad", "action": "rad", "effort": "share of stall torque"}


def saying(root: Path, target: Path, units: dict | None) -> Path:
    """A copy whose info.json says these units."""
    shutil.copytree(root, target)
    path = target / layout.INFO
    info = json.loads(path.read_text())
    info["licence"] = "CC-BY"
    info["motorium"] = {**info["motorium"], "units": units or {}}
    path.write_text(json.dumps(info))
    return target


def actions(root: Path) -> list[np.ndarray]:
    return [rows["action"] for _, rows in Dataset.open(root).stream()]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return data_samples.write(tmp_path_factory.mktemp("ours") / "d", ("t",), seconds=0.5, cameras=())


@pytest.fixture
def three(written, tmp_path):
    """In radians, in degrees, and without a word about it."""
    return [
        saying(written, tmp_path / name, units)
        for name, units in (("a", RADIANS), ("b", {"observation.state": "Degrees"}), ("c", None))
    ]


def merged(folders: list[Path], target: Path, *words: str):
    return CliRunner().invoke(main, ["data", "merge", *map(str, folders), "--out", str(target), *words])


def test_radians_and_degrees_are_refused_and_converted_when_asked(three, tmp_path):
    a, b, _ = three
    refused = merged([a, b], tmp_path / "ab")
    assert refused.exit_code == 2
    for words in ("unit of action is 'rad' here, 'deg' there", "--units rad", "motorium data units"):
        assert words in refused.output
    assert not (tmp_path / "ab").exists()
    assert merged([a, b], tmp_path / "ab", "--units", "rad").exit_code == 0
    spec = RobotSpec.load("so101")
    first, second = actions(tmp_path / "ab")
    np.testing.assert_array_equal(first, actions(a)[0])
    np.testing.assert_allclose(second, to_radians(actions(b)[0], spec, "deg"), atol=1e-6)
    schema = Dataset.open(tmp_path / "ab").schema
    assert [said_unit(schema, key) for key in ("observation.state", "action", "effort")] == [
        "rad",
        "rad",
        None,
    ]


def test_one_that_does_not_say_is_asked_about(three, tmp_path):
    a, _, c = three
    refused = merged([a, c], tmp_path / "ac")
    assert refused.exit_code == 2
    assert "not said there" in refused.output
    assert "data units DATASET --set" in refused.output
    assert merged([a, c], tmp_path / "ac", "--assume", "rad").exit_code == 0
    assert said_unit(Dataset.open(tmp_path / "ac").schema, "action") == "rad"
    before = (c / layout.data_file(layout.FilePlace.number(0))).read_bytes()
    said = CliRunner().invoke(main, ["data", "units", str(c), "--set", "rad"])
    assert "action: rad; it was not said" in said.output
    assert (c / layout.data_file(layout.FilePlace.number(0))).read_bytes() == before
    assert json.loads((c / layout.INFO).read_text())["licence"] == "CC-BY"
    assert merged([a, c], tmp_path / "again").exit_code == 0


def test_what_not_all_say_of_the_robot_is_left_out_and_said(three, tmp_path):
    a, b = (three[0], Path(shutil.copytree(three[0], tmp_path / "other")))
    path = b / layout.INFO
    info = json.loads(path.read_text())
    info["motorium"]["limits_rad"]["gripper"] = [-0.5, 1.0]
    path.write_text(json.dumps({**info, "motorium": {**info["motorium"], "slots": {"gripper": 18}}}))
    done = merged([a, b], tmp_path / "ab", "--json")
    assert json.loads(done.stdout)["notes"] == ["left out, because they differ: slots"]
    own = Dataset.open(tmp_path / "ab").schema.own
    assert own["limits_rad"]["gripper"] == [-0.5, 1.7]
    assert own["limits_rad"]["elbow_flex"] == [-1.9, 1.9]
    assert "slots" not in own


def test_two_that_both_do_not_say_agree_as_before(three, tmp_path):
    edit.merge([Dataset.open(three[2])] * 2, tmp_path / "cc")
    assert len(actions(tmp_path / "cc")) == 2


@pytest.mark.parametrize("unit", ["deg", "lerobot"])
def test_units_are_converted_there_and_back(three, tmp_path, unit):
    a = three[0]
    done = CliRunner().invoke(main, ["data", "units", str(a), "--to", unit, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    spec = RobotSpec.load("so101")
    np.testing.assert_allclose(
        actions(tmp_path / "out")[0], from_radians(actions(a)[0], spec, unit), rtol=1e-6
    )
    units_edit.convert_units(Dataset.open(tmp_path / "out"), Units("rad"), tmp_path / "back")
    np.testing.assert_allclose(actions(tmp_path / "back")[0], actions(a)[0], atol=1e-5)
    told = json.loads(CliRunner().invoke(main, ["data", "units", str(tmp_path / "out"), "--json"]).stdout)
    assert told["units"]["action"] == unit
    wide = np.random.default_rng(0).uniform(-1, 1, (20, 6))
    np.testing.assert_allclose(to_radians(from_radians(wide, spec, unit), spec, unit), wide, atol=1e-6)


def test_what_conversion_needs_is_asked_for(three, tmp_path):
    a, _, c = three
    with pytest.raises(DataError, match="does not give it; to set it: motorium data units"):
        units_edit.convert_units(Dataset.open(c), Units("deg"), tmp_path / "out")
    path = a / layout.INFO
    path.write_text(path.read_text().replace('"so101"', '"somebodys"'))
    with pytest.raises(DataError, match=r"recorded on 'somebodys'.*--robot"):
        units_edit.convert_units(Dataset.open(a), Units("deg"), tmp_path / "out")
    units_edit.convert_units(Dataset.open(a), Units("deg", robot="so101"), tmp_path / "out")
    assert CliRunner().invoke(main, ["data", "units", str(a), "--set", "rad", "--to", "deg"]).exit_code == 2


def test_a_second_session_in_another_unit_is_refused(three):
    schema = replace(data_samples.schema(cameras=()), own={"units": {"observation.state": "deg"}})
    with pytest.raises(
        DataError, match=r"unit of action is 'rad' here, 'deg' there.*motorium data units .*--to rad"
    ):
        DatasetWriter(three[0], schema, reserve_mb=1)
    DatasetWriter(three[1], schema, reserve_mb=1).close()


def test_older_formats_say_their_unit_too(three, tmp_path):
    convert.convert(Dataset.open(three[2]), "v2.1", tmp_path / "old")
    assert units_edit.declare(tmp_path / "old", "deg") == {"observation.state": None, "action": None}
    assert said_unit(Dataset.open(tmp_path / "old").schema, "action") == "deg"
    with pytest.raises(DataError, match="known: rad, deg, lerobot"):
        units_edit.declare(tmp_path / "old", "turns")


def test_names_that_end_in_a_unit_say_it(three):
    path = three[2] / layout.INFO
    info = json.loads(path.read_text())
    info["features"]["action"]["names"] = [f"{joint}_deg" for joint in data_samples.JOINTS]
    path.write_text(json.dumps(info))
    assert said_unit(Dataset.open(three[2]).schema, "action") == "deg"
