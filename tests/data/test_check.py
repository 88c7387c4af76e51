"""The quality gate: nothing in a clean dataset, every planted fault by its kind, place and time; bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import data_samples
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.data.check.findings import Finding, Verdict, shortened
from motorium.data.check.judge import check
from motorium.data.format import layout
from motorium.data.format.dataset import Dataset
from motorium.data.format.schema import Feature
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError

FPS = data_samples.FPS
SECONDS = 4.0
FRONT = data_samples.CAMERAS[0]


def late_joints(k, row, images):
    del images
    if k >= 40:
        row["capture_s"][1] -= min(0.25, 0.03 * (k - 39))  # falls behind, but never back in time


def stood_still(k, row, images):
    del images
    if 20 <= k < 30:
        row["capture_s"][0] = 20 / FPS - 0.004


def waits(k, row, images):
    del images
    if k >= 20:
        first = data_samples.row(2, 20)
        row["observation.state"], row["action"] = first["observation.state"], first["action"]


def leaps(k, row, images):
    del images
    if k == 33:
        row["observation.state"][1] += 1.0


def leans(k, row, images):
    del images
    if k >= 50:
        row["observation.state"][2] = min(1.895, row["observation.state"][2] + 0.1 * (k - 49))


def no_gripper(k, row, images):
    del k, images
    row["observation.state"][5] = 0.4


def dark(k, row, images):
    del row
    if 30 <= k < 50:
        images[FRONT] //= 12


def tinted(k, row, images):
    del row
    if k >= 40:
        images[FRONT] = (images[FRONT] * np.array([0.5, 1.0, 1.3])).astype(np.uint8)


def hiccup(k, row, images):
    del images
    if k >= 25:
        for key in ("row_s", "capture_s"):
            row[key] = row[key] + 0.2


def backwards(k, row, images):
    del images
    if k >= 60:
        for key in ("row_s", "capture_s"):
            row[key] = row[key] - 0.5


PLANTED = {  # kind -> (spoiler, seconds where it is to be found)
    "skew": (late_joints, 2.15),
    "dropped_frames": (stood_still, 1.0),
    "static": (waits, 1.0),
    "joint_jump": (leaps, 1.65),
    "limit_contact": (leans, 3.05),
    "gripper_range": (no_gripper, None),
    "exposure": (dark, 1.5),
    "colour": (tinted, 2.0),
    "cadence": (hiccup, 1.25),
    "clock": (backwards, 3.0),
}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Ten spoiled episodes, two clean ones; then an eleventh fault and a twelfth: a twin, and a split that overlaps."""
    root = tmp_path_factory.mktemp("planted") / "d"
    spoilers = [spoiler for spoiler, _ in PLANTED.values()]

    def change(episode, k, row, images):
        if episode < len(spoilers):
            spoilers[episode](k, row, images)
        if episode == len(spoilers) + 1:  # the twin of the clean one before it
            row.update(data_samples.row(episode - 1, k, cameras=1))

    data_samples.write(root, ("t",) * (len(spoilers) + 3), seconds=SECONDS, change=change, cameras=(FRONT,))
    info = json.loads((root / layout.INFO).read_text())
    info["splits"] = {"train": "0:12", "test": "12:13,2:3"}
    (root / layout.INFO).write_text(json.dumps(info))
    return root, check(root)


def test_nothing_is_found_in_a_clean_dataset(tmp_path):
    verdict = check(data_samples.write(tmp_path / "d", ("a", "b", "a"), seconds=SECONDS, cameras=(FRONT,)))
    assert verdict.findings == ()
    assert verdict.score == 100


@pytest.mark.parametrize("number", range(len(PLANTED)))
def test_each_planted_fault_is_found_where_it_is(planted, number):
    kind, (_, time_s) = list(PLANTED.items())[number]
    found = [f for f in planted[1].findings if f.kind == kind and f.episode == number]
    assert found, [f.as_dict() for f in planted[1].findings]
    if time_s is not None:
        assert min(abs(f.time_s - time_s) for f in found) <= 0.11


def test_the_twin_and_the_leak_are_found(planted):
    found = {(f.kind, f.episode) for f in planted[1].findings}
    assert ("duplicate", 11) in found
    assert ("leakage", 2) in found
    root, verdict = planted
    remedies = {f.kind: f.remedy for f in verdict.findings}
    assert remedies["leakage"] == f"motorium data split {root}"
    assert remedies["duplicate"].startswith("compare them")
    assert remedies["duplicate"].endswith(f"motorium data delete {root} --episodes 11 --out NEW")


def test_nothing_else_is_found_in_the_planted_dataset(planted):
    expected = {(kind, n) for n, kind in enumerate(PLANTED)} | {("duplicate", 11), ("leakage", 2)}
    expected.add(("tracking", list(PLANTED).index("limit_contact")))  # its commands go on without it
    assert {(f.kind, f.episode) for f in planted[1].findings} == expected
    assert {f.kind for f in planted[1].blocking} == {"clock", "leakage"}
    assert planted[1].score < 90


def test_the_command_is_scriptable(planted):
    command = [sys.executable, "-m", "motorium", "data", "check", str(planted[0]), "--no-pictures", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    value = json.loads(done.stdout)
    assert done.returncode == 1
    assert set(value) == {"score", "blocking", "findings", "skipped"}
    assert set(value["findings"][0]) == {"kind", "episode", "time_s", "detail", "remedy"}
    assert {f["kind"] for f in value["blocking"]} == {"clock", "leakage"}


def test_a_person_reads_one_line_a_kind_and_all_on_request(planted):
    def told(*options: str) -> list[str]:
        result = CliRunner().invoke(main, ["data", "check", str(planted[0]), "--no-pictures", *options])
        assert result.exit_code == 1
        return result.output.splitlines()

    short, everything = told(), told("--details")
    assert told("--all") == everything
    aside = (" ", "score", "each", "not looked for")
    kinds = [line.partition(":")[0] for line in short if not line.startswith(aside)]
    assert len(kinds) == len(set(kinds))
    assert set(kinds[:2]) == {"clock", "leakage"}  # what blocks comes first
    assert set(kinds) == {line.partition(":")[0] for line in everything if not line.startswith(aside)}
    assert len(everything) > len(short)
    assert short[-1] == f"each of them: motorium data check {planted[0]} --details"
    assert short[-2] == everything[-1]


def test_a_kind_counts_what_is_not_listed_too():
    many = shortened([Finding("skew", 3, k * 0.1, f"{k}", "look") for k in range(12)])
    other = [Finding("skew", 4, 0.2, "late", "look"), Finding("leakage", 5, None, "both", "split")]
    verdict = Verdict((*many, *other), 10)
    leak, skew = verdict.by_kind()
    assert (leak.first.kind, leak.count, leak.episodes) == ("leakage", 1, 1)
    assert (skew.first.time_s, skew.count, skew.episodes) == (0.0, 13, 2)
    assert verdict.count == 14
    assert set(verdict.as_dict()["findings"][0]) == {"kind", "episode", "time_s", "detail", "remedy"}


def ramp(rows: int = 40) -> np.ndarray:
    """All joints at 1 rad/s, 20 Hz."""
    return np.repeat(np.arange(rows)[:, None] * 0.05, 6, axis=1)


def leaping(root, commanded, action, row_s) -> list[float | None]:
    """When leaps are found in a recording of these commands; the arm follows them."""
    shape = data_samples.schema(cameras=())
    own = Feature("commanded_rad", "float32", (6,), data_samples.NAMES)
    schema = replace(shape, features=(*shape.features, own)) if commanded is not None else shape
    followed = ramp() if commanded is None else commanded
    with DatasetWriter(root, schema) as writer:
        writer.begin("t", 0)
        for k, t_s in enumerate(row_s):
            row = {"observation.state": followed[k], "action": action[k], "capture_s": [t_s], "row_s": t_s}
            writer.add(row if commanded is None else {**row, "commanded_rad": commanded[k]}, {})
        writer.end({})
    return [f.time_s for f in check(root).findings if f.kind == "joint_jump"]


def test_an_action_that_makes_up_for_a_row_is_no_leap(tmp_path):
    """A plan was replaced between two rows: the action before it still spoke of the old one."""
    times, action = np.arange(40) / 20, ramp() + 0.05
    action[20, 5] -= 0.4
    assert leaping(tmp_path / "ours", ramp(), action, times) == []
    assert leaping(tmp_path / "theirs", None, action, times) == pytest.approx([1.05])


def test_a_late_row_is_judged_by_how_long_it_took(tmp_path):
    times = np.arange(40) / 20 + np.where(np.arange(40) >= 20, 0.45, 0.0)
    commanded = ramp()
    commanded[20:] += 0.45
    assert leaping(tmp_path / "late", commanded, commanded, times) == []
    (leap,) = set(leaping(tmp_path / "in time", commanded, commanded, np.arange(40) / 20))
    assert leap == pytest.approx(1.0)


def test_damage_is_a_finding_and_the_rest_is_still_judged(tmp_path):
    root = data_samples.write(tmp_path / "d", ("a", "b", "c"), seconds=1.5, cameras=(FRONT,))
    rows = root / layout.data_file(layout.FilePlace.number(0))
    rows.write_bytes(rows.read_bytes()[:-200])
    video = root / layout.video_file(FRONT, layout.FilePlace.number(2))
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    found = {(f.kind, f.episode) for f in check(root).findings}
    assert ("damaged", 0) in found
    assert ("damaged", 2) in found
    assert not any(episode == 1 for _, episode in found)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (layout.INFO, b"{", "is not valid JSON"),
        (layout.INFO, b'{"codebase_version": "v9"}', "v9"),
        (layout.INFO, b"[" * 100_000, "is not valid JSON"),
        (layout.TASKS, b"PAR1 nothing", "is damaged"),
    ],
)
def test_what_cannot_be_read_at_all_is_said(tmp_path, name, content, words):
    root = data_samples.write(tmp_path / "d", ("a",), seconds=1, cameras=())
    (root / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        check(root)


@pytest.mark.parametrize(
    "pattern", ["../{file_index:03d}.parquet", "/etc/{file_index}", "data/{file_index.__class__}"]
)
def test_paths_stay_inside_the_dataset(tmp_path, pattern):
    root = data_samples.write(tmp_path / "d", ("a",), seconds=1, cameras=())
    info = json.loads((root / layout.INFO).read_text())
    info["data_path"] = pattern
    (root / layout.INFO).write_text(json.dumps(info))
    with pytest.raises(DataError, match=r"outside the dataset|not a path pattern"):
        Dataset.open(root).rows(Dataset.open(root).episodes[0])


MEMORY = """
import sys
from pathlib import Path
from motorium.data.check.judge import check
import numpy, pyarrow.parquet

def peak_mb():  # of this program; getrusage's begins with the parent's
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10

before = peak_mb()
verdict = check(Path(sys.argv[1]), pictures=False)
print(verdict.episodes, peak_mb() - before, peak_mb())
"""


def test_memory_is_that_of_an_episode_not_of_the_dataset(tmp_path):
    """200 000 rows in one file, as LeRobot writes them: streamed."""
    root = data_samples.write(tmp_path / "d", ("a",), seconds=1, cameras=())
    path = root / layout.data_file(layout.FilePlace.number(0))
    count, length = 200, 1000
    n = count * length
    episode, k = np.divmod(np.arange(n), length)
    joints = np.sin(
        k[:, None] / FPS * (0.5 + 0.001 * episode[:, None]) + np.arange(6) + episode[:, None]
    ).astype(np.float32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(joints.ravel()), 6)
    table = pa.table({
        "observation.state": lists, "action": lists,
        "capture_s": pa.FixedSizeListArray.from_arrays(pa.array(k / FPS), 1), "row_s": k / FPS,
        "timestamp": (k / FPS).astype(np.float32), "frame_index": k, "episode_index": episode,
        "index": np.arange(n), "task_index": np.zeros(n, np.int64),
    })  # fmt: skip
    pq.write_table(table, path, row_group_size=20_000)
    line = pq.read_table(root / layout.episode_file(layout.FilePlace.number(0))).to_pylist()[0]
    keep = {key: value for key, value in line.items() if not key.startswith("stats/")}
    lines = [
        {**keep, "episode_index": e, "length": length, "dataset_from_index": e * length,
         "dataset_to_index": (e + 1) * length}
        for e in range(count)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(lines), root / layout.episode_file(layout.FilePlace.number(0)))
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    episodes, more_mb, whole_mb = map(int, done.stdout.split())
    assert episodes == count
    assert more_mb < 120
    assert whole_mb < 500
