"""What a verb says to type can be typed as it stands: a folder with spaces stays one word, and what waits is told."""

from __future__ import annotations

import json
import logging
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("pyarrow")

import data_samples
import pyarrow as pa
import pyarrow.parquet as pq

from motorium.cli.main import main
from motorium.data.format import layout
from motorium.data.format.dataset import Dataset
from motorium.data.record import aside
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError


def typed(*words: str) -> Result:
    return CliRunner().invoke(main, ["data", *words])


def advised(text: str) -> list[str]:
    """The words after the last `motorium data` in a text, as a shell takes them apart."""
    return shlex.split(text.rpartition("motorium data ")[2].partition("\n")[0])


@pytest.fixture
def spaced(tmp_path):
    return data_samples.write(tmp_path / "my red cubes", ["t"], seconds=1.0, cameras=())


def leave_one_waiting(root: Path, rows: int = 50) -> None:
    """An episode that nobody ended, as a kill leaves it."""
    writer = DatasetWriter(root, Dataset.open(root).schema, reserve_mb=1)
    writer.begin("t", 0)
    for k in range(rows):
        writer.add(data_samples.row(7, k, cameras=0), {})
    writer.close()


def test_info_names_what_waits_and_what_to_type(spaced):
    assert "waiting" not in typed("info", str(spaced)).stdout
    leave_one_waiting(spaced)
    told = typed("info", str(spaced)).stdout
    line = next(line for line in told.splitlines() if line.startswith("waiting"))
    assert line.split(None, 1)[1].startswith("1 episode not counted here")
    assert advised(line) == ["repair", str(spaced)]
    assert len(json.loads(typed("info", str(spaced), "--json").stdout)["waiting"]) == 1
    assert typed(*advised(line)).exit_code == 0
    assert json.loads(typed("info", str(spaced), "--json").stdout)["waiting"] == []


def test_info_names_what_lies_aside(spaced):
    leave_one_waiting(spaced)
    part = next(spaced.glob(".recording/*.part"))
    aside.put_aside(spaced, part, "a camera is missing")
    assert "was set aside: a camera is missing" in typed("info", str(spaced)).stdout
    assert len(json.loads(typed("info", str(spaced), "--json").stdout)["aside"]) == 1


def test_the_next_session_says_what_it_recovered(spaced, caplog):
    leave_one_waiting(spaced)
    with caplog.at_level(logging.WARNING), DatasetWriter(spaced, Dataset.open(spaced).schema, reserve_mb=1):
        pass
    assert "episode 1 recovered: 2 s" in caplog.messages


def test_check_says_how_to_list_all(spaced):
    def is_still(_episode, _k, row, _images):
        row["action"][:] = row["observation.state"][:] = 0.5

    root = data_samples.write(spaced.parent / "a b", ["t", "t"], cameras=(), change=is_still)
    told = typed("check", str(root)).stdout.splitlines()[-1]
    assert advised(told) == ["check", str(root), "--details"]
    assert typed(*advised(told)).exit_code in {0, 1}


def test_an_old_version_says_how_to_convert(spaced):
    typed("convert", str(spaced), "--to", "v2.1")
    schema = Dataset.open(spaced).schema
    with pytest.raises(DataError) as refused:
        DatasetWriter(spaced, schema, reserve_mb=1)
    assert advised(str(refused.value)) == ["convert", str(spaced)]
    assert typed(*advised(str(refused.value))).exit_code == 0
    DatasetWriter(spaced, schema, reserve_mb=1).close()


def test_a_new_dataset_in_the_way_says_what_to_do(spaced):
    done = typed("relabel", str(spaced), "--from", "t", "--to", "u", "--out", str(spaced))
    assert done.exit_code == 2
    assert "give another --out" in done.stderr


def test_statistics_are_a_table_with_the_names_of_joints(spaced):
    told = typed("stats", str(spaced)).stdout.splitlines()
    head = next(line for line in told if line.startswith("observation.state"))
    assert head.split()[1:] == ["min", "max", "mean", "std", "q01", "q10", "q50", "q90", "q99"]
    gripper = told[told.index(head) + 6].split()
    stored = json.loads(typed("stats", str(spaced), "--json").stdout)["observation.state"]
    assert gripper[0] == "gripper.pos"
    assert float(gripper[1]) == pytest.approx(stored["min"][5], rel=1e-4)


@pytest.mark.parametrize(
    "stored", ["[]", '{"action": 3}', '{"action": {"min": "x", "q50": [{}]}}', '{"action": {"min": [NaN]}}']
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_statistics_that_are_none_are_computed_anew(spaced, stored, form):
    right = typed("stats", str(spaced), *form).stdout
    (spaced / "meta/stats.json").write_text(stored)
    done = typed("stats", str(spaced), *form)
    assert done.exit_code == 0
    assert sorted(done.stdout.split()) == sorted(right.split())


def test_statistics_of_an_old_episode_that_are_none_are_computed_anew(spaced):
    typed("convert", str(spaced), "--to", "v2.1")
    shutil.rmtree(spaced.with_name(f"{spaced.name}_old"))
    path = spaced / "meta/episodes_stats.jsonl"
    line = json.loads(path.read_text())
    right = dict(line["stats"]["action"])
    line["stats"] |= {"action": 3, "observation.state": {"min": ["x"]}}
    path.write_text(json.dumps(line))
    done = typed("stats", str(spaced), "--episode", "0", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["action"] == right


def test_a_mirror_lists_joints_alone(spaced):
    done = typed("mirror", str(spaced), "--negate", "shoulder", "--out", str(spaced.parent / "out"))
    assert done.stderr.strip().endswith(f"joints are {', '.join(data_samples.JOINTS)}")


def test_a_split_that_leaves_one_side_empty_says_which_share_does_not(spaced):
    root = data_samples.write(spaced.parent / "three of them", ["t"] * 3, seconds=0.5, cameras=())
    done = typed("split", str(root))
    assert done.exit_code == 2
    share = done.stderr.partition("--test ")[2].partition(",")[0]
    assert typed("split", str(root), "--test", share).exit_code == 0


def test_a_session_that_is_refused_leaves_the_dataset_as_it_was(spaced):
    leave_one_waiting(spaced)
    (spaced / "meta/stats.json").unlink()
    before = {path: path.read_bytes() for path in spaced.rglob("*") if path.is_file()}
    with pytest.raises(DataError, match="fps is 20 here, 10 there"):
        DatasetWriter(spaced, data_samples.schema(10, cameras=()), reserve_mb=1)
    assert {path: path.read_bytes() for path in spaced.rglob("*") if path.is_file()} == before


def test_a_merge_with_an_unsaid_unit_says_how_to_say_it(spaced):
    other = Path(shutil.copytree(spaced, spaced.parent / "theirs"))
    info = json.loads((other / layout.INFO).read_text())
    del info["motorium"]["units"]
    (other / layout.INFO).write_text(json.dumps(info))
    words = ["merge", str(spaced), str(other), "--out", str(spaced.parent / "both")]
    refused = typed(*words)
    assert refused.exit_code == 2
    assume = refused.stderr.rpartition("merge with ")[2].split()
    assert assume == ["--assume", "rad"]
    assert typed(*words, *assume).exit_code == 0


def test_slots_of_a_dataset_with_a_number_that_is_none(spaced):
    path = next(spaced.glob("data/*/*.parquet"))
    rows = pq.read_table(path)
    actions = np.array(rows["action"].to_pylist(), np.float32)
    actions[:, 2], actions[1:, 1] = np.nan, np.inf
    place = rows.schema.get_field_index("action")
    column = pa.array(actions.tolist(), rows.schema.field(place).type)
    pq.write_table(rows.set_column(place, rows.schema.field(place), column), path)
    joints = json.loads(typed("slots", str(spaced), "--json").stdout)["joints"]
    assert (
        joints[1]["action"] == [pytest.approx(actions[0, 1], abs=1e-5)] * 2
    )  # of the one row where it is a number
    assert joints[2]["action"] == [None, None]
    assert typed("slots", str(spaced)).exit_code == 0
