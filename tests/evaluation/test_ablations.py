"""The table of ablations: every cell once, none of something else, the same numbers in every form."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from motorium.cli.main import main
from motorium.evaluation import evaluate as evaluation
from motorium.evaluation.ablations import CELLS, Ablations
from motorium.evaluation.evaluate import EpisodeResult
from motorium.evaluation.results import fingerprint, read_outcomes
from motorium.policies.find import find_checkpoint

NAMES = [cell.name for cell in CELLS]


@pytest.fixture
def played(monkeypatch):
    """Stands in for playing: without UAC more scenes fail the longer an inference takes; returns what was played."""
    jobs = []

    def play(job, seed):
        if job not in jobs:
            jobs.append(job)
        lost = 0 if job.uac else round(job.injected_s * 20)
        done = seed >= lost + 3 * ("occlusion" in job.corrupt)
        return EpisodeResult(
            seed, "put the red cube in the tray", done, 2.0, done, wrong_cube=seed == 0, shortfalls=2
        )

    monkeypatch.setattr(evaluation, "_play", play)
    return jobs


def call(folder, *more, checkpoint="so101-pick"):
    arguments = [
        "eval",
        checkpoint,
        "--ablations",
        "--out",
        str(folder),
        "--episodes",
        "10",
        "--processes",
        "1",
    ]
    return CliRunner().invoke(main, [*arguments, *map(str, more)])


def test_every_cell_is_one_evaluation_of_the_same_scenes(played, tmp_path):
    done = call(tmp_path / "t", "--precision", "int8", "--scene", "camera-moved", "--json")
    assert done.exit_code == 0, done.output
    seen = [(round(job.injected_s * 1e3), job.uac, job.corrupt) for job in played]
    latencies = [(ms, uac, ()) for uac in (True, False) for ms in (0, 200, 400)]
    assert seen == [*latencies, (0, True, ("light",)), (0, True, ("occlusion",)), (0, True, ("camera",))]
    assert {(job.precision, job.scene, job.episodes) for job in played} == {("int8", "camera-moved", 10)}
    said = json.loads(done.stdout)
    assert json.loads((tmp_path / "t/ablations.json").read_text()) == said
    assert [cell["name"] for cell in said["cells"]] == NAMES
    assert [cell["successes"] for cell in said["cells"]] == [10, 10, 10, 10, 6, 2, 10, 7, 10]
    assert [line["difference"] for line in said["uac_minus_none"]] == [0.0, 0.4, 0.8]
    assert said["cells"][5]["minus_first"]["second_only"] == 8
    assert said["checkpoint_sha256"] == fingerprint(find_checkpoint("so101-pick"))


def test_what_was_cut_off_is_completed_and_ends_the_same(played, tmp_path, monkeypatch):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert call(whole).exit_code == 0
    played.clear()
    play = evaluation._play

    def cut_off(job, seed):
        if not job.uac and job.injected_s > 0.3 and seed == 5:
            raise KeyboardInterrupt
        return play(job, seed)

    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "_play", cut_off)
        assert call(cut).exit_code == 130
    assert sorted(path.stem for path in cut.iterdir()) == sorted(NAMES[:5])
    played.clear()
    done = call(cut)
    assert len(played) == len(CELLS) - 5
    assert "5 of 9  without UAC, 200 ms injected: 6 of 10 (was there)" in done.output
    names = sorted(path.name for path in whole.iterdir())
    assert names == sorted(
        [*(f"{name}.json" for name in NAMES), "ablations.json", "ablations.md", "ablations.png"]
    )
    for name in names:
        assert (cut / name).read_bytes() == (whole / name).read_bytes(), name


def test_a_cell_of_something_else_is_refused_before_anything_is_played(played, tmp_path):
    folder = tmp_path / "t"
    assert call(folder).exit_code == 0
    other = shutil.copytree(find_checkpoint("so101-pick"), tmp_path / "other")
    (other / "config.json").write_text((other / "config.json").read_text() + " ")
    (folder / "light.json").unlink()
    played.clear()
    for more, said in (
        (("--seed", 5), "uac-0ms.json is a result of something else: scenes"),
        (("--steps", 2), "settings"),
        (("--scene", "camera-moved"), "scenes"),
    ):
        done = call(folder, *more)
        assert (done.exit_code, played) == (2, [])
        assert said in done.output
    done = call(folder, checkpoint=str(other))
    assert (done.exit_code, "the checkpoint's SHA-256" in done.output, played) == (2, True, [])
    (folder / "camera.json").write_text("[]")
    done = call(folder)
    assert (done.exit_code, "camera.json is no result of motorium eval" in done.output, played) == (
        2,
        True,
        [],
    )


@pytest.mark.usefixtures("played")
def test_markdown_and_picture_show_the_same_numbers(tmp_path):
    assert call(tmp_path).exit_code == 0
    text = (tmp_path / "ablations.md").read_text()
    table = Ablations("so101-pick", {name: read_outcomes(tmp_path / f"{name}.json") for name in NAMES})
    low, high = table.pairs("no-uac-400ms", "uac-0ms").interval()
    row = next(line for line in text.splitlines() if line.startswith("| without UAC, 400 ms"))
    assert (
        f"| 2 of 10 | 0.200 | 0.057 to 0.510 | -0.800 | {low:+.3f} to {high:+.3f} | 0.00781 | 1 | 20 |" in row
    )
    assert "| 400 ms | 10 of 10 | 2 of 10 | +0.800 |" in text
    picture = np.asarray(Image.open(tmp_path / "ablations.png"))
    assert picture.shape == (720, 640, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 5


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--no-uac",), "--no-uac means nothing with --ablations"),
        (("--inject-latency-ms", 100), "--inject-latency-ms means nothing"),
        (("--corrupt", "grey"), "--corrupt means nothing"),
        (("--against", "so101-pick"), "--against means nothing"),
        (("--out", "second"), "needs one --out"),
    ],
)
def test_what_the_cells_set_is_refused(played, tmp_path, more, said):
    done = call(tmp_path / "t", *more)
    assert (done.exit_code, played) == (2, [])
    assert said in done.output


def test_a_name_with_bars_and_links_breaks_no_table():
    from motorium.evaluation.ablation_report import _cell

    assert _cell("a|b\n<img>`\x1b[2J") == "a\\|b\\n&lt;img>'\\x1b[2J"
