"""Statistics that are not those of the rows: found, and computed anew by `motorium data stats --write`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

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

STATE = "observation.state"
FRONT = data_samples.CAMERAS[0]
SECOND = layout.FilePlace.number(1)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return data_samples.write(
        tmp_path_factory.mktemp("clean") / "d", ("a", "b", "c"), seconds=1.5, cameras=(FRONT,)
    )


@pytest.fixture
def root(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "d")


def found(root: Path) -> list[Finding]:
    return list(check(root, pictures=False).findings)


def run(*words: object) -> str:
    result = CliRunner().invoke(main, ["data", "stats", *map(str, words)])
    assert result.exit_code == 0, result.output
    return result.output


def shifted(stats: dict) -> None:
    stats[STATE]["mean"][0] += 0.5


def narrowed(stats: dict) -> None:
    stats[STATE]["std"][3] /= 2


def clipped(stats: dict) -> None:
    stats["action"]["max"][2] -= 0.1


def of_fewer_rows(stats: dict) -> None:
    stats["row_s"]["count"][0] -= 30


def crossed(stats: dict) -> None:
    stats[STATE]["q10"], stats[STATE]["q90"] = stats[STATE]["q90"], stats[STATE]["q10"]


def of_fewer_joints(stats: dict) -> None:
    stats[STATE]["min"].pop()


def words(stats: dict) -> None:
    stats[STATE]["mean"] = ["much"] * 6


@pytest.mark.nightly
@pytest.mark.parametrize(
    "spoil", [shifted, narrowed, clipped, of_fewer_rows, crossed, of_fewer_joints, words]
)
def test_stats_json_is_compared_with_the_rows_and_written_anew(root, spoil):
    path = root / layout.STATS
    before = json.loads(path.read_text())
    stats = json.loads(path.read_text())
    spoil(stats)
    path.write_text(json.dumps(stats))
    (finding,) = found(root)
    assert finding.kind == "stats"
    assert finding.blocks
    assert finding.remedy == f"motorium data stats {root} --write recomputes them"
    run(root, "--write")
    assert check(root).findings == ()
    after = json.loads(path.read_text())
    for name, values in before[STATE].items():
        np.testing.assert_allclose(after[STATE][name], values, rtol=1e-6)


def rewritten(path: Path, column: str, values) -> None:
    table = pq.read_table(path)
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array(values, table.schema.field(place).type)), path)


def test_rows_that_were_changed_by_other_hands_leave_no_statistics_behind(root):
    path = root / layout.data_file(SECOND)
    doubled = [[2 * value for value in row] for row in pq.read_table(path)["action"].to_pylist()]
    rewritten(path, "action", doubled)
    kinds = {(f.kind, f.episode) for f in found(root)}
    assert {("stats", None), ("stats", 1)} <= kinds
    lines = pq.read_table(root / layout.episode_file(SECOND))
    run(root, "--write")
    assert not [f for f in found(root) if f.kind == "stats"]
    again = pq.read_table(root / layout.episode_file(SECOND))
    assert set(again.column_names) == set(lines.column_names)
    kept = [name for name in lines.column_names if not name.startswith("stats/action/")]
    assert again.select(kept).equals(lines.select(kept))
    np.testing.assert_allclose(again["stats/action/max"].to_pylist()[0], np.max(doubled, axis=0), rtol=1e-6)


def older(clean: Path, target: Path, version: str) -> Path:
    """The same as v2.1 without quantiles, as LeRobot 0.2 wrote it; or as v2.0 with no statistics at all."""
    convert.convert(Dataset.open(clean), "v2.1", target)
    path = target / "meta/episodes_stats.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["stats"] = {
            key: {name: value for name, value in one.items() if not name.startswith("q")}
            for key, one in line["stats"].items()
        }
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    if version == "v2.0":
        path.unlink()
        info = json.loads((target / layout.INFO).read_text())
        (target / layout.INFO).write_text(json.dumps({**info, "codebase_version": "v2.0"}))
    return target


def bare(clean: Path, target: Path) -> Path:
    """v3.0 without any statistics."""
    shutil.copytree(clean, target)
    (target / layout.STATS).unlink()
    (target / layout.STATS_NOTE).unlink()
    for path in (target / layout.EPISODES).rglob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.drop_columns([n for n in table.column_names if n.startswith("stats/")]), path)
    return target


@pytest.mark.nightly
@pytest.mark.parametrize("version", ["v2.0", "v2.1", "v3.0"])
def test_what_an_older_format_lacks_is_computed(clean, tmp_path, version):
    root = bare(clean, tmp_path / "d") if version == "v3.0" else older(clean, tmp_path / "d", version)
    right = json.loads(run(clean, "--json"))
    for stage in ("missing", "written"):
        assert [f.kind for f in found(root)] == (
            [] if version == "v2.1" or stage == "written" else ["no_stats"]
        )
        told = json.loads(run(root, "--json"))
        for key in (STATE, "action", "row_s"):
            np.testing.assert_allclose(told[key]["q50"], right[key]["q50"], rtol=1e-6)
        np.testing.assert_allclose(told[FRONT]["mean"], right[FRONT]["mean"], atol=1e-3)
        assert "q99" in json.loads(run(root, "--json", "--episode", 2))[FRONT]
        run(root)
        if stage == "missing":
            done = json.loads(run(root, "--write", "--json"))
            assert done["files"]
    assert Dataset.open(root).info.version == version
    stored = Dataset.open(root).stats(Dataset.open(root).episodes[1])
    assert ("q50" in stored.get(STATE, {})) == (version != "v2.0")


def test_two_do_not_write_at_once(root):
    from motorium.data.format.lock import Lock

    with Lock(root):
        result = CliRunner().invoke(main, ["data", "stats", str(root), "--write"])
    assert result.exit_code == 2
    assert "being written" in result.output
