"""Results as files: written, read as a stranger's, compared scene by scene."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace
from pathlib import Path

import hostile_files
import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.errors import DataError, MotoriumError
from motorium.evaluation import evaluate as evaluation
from motorium.evaluation.evaluate import EpisodeResult, EvalJob, EvalReport
from motorium.evaluation.proportions import Pairs
from motorium.evaluation.results import Outcomes, compare, read_outcomes


def figures(successes=(True, False, True), **settings):
    job = EvalJob(Path("a"), episodes=len(successes), **settings)
    results = tuple(
        EpisodeResult(job.seed + i, f"cube {i}", success, 3.0, success, wrong_cube=False)
        for i, success in enumerate(successes)
    )
    return EvalReport(job, results).as_dict()


def test_a_comparison_is_made_of_the_same_scenes():
    first = Outcomes.of(figures((True, True, False), precision="int8"))
    second = Outcomes.of(figures((True, False, False), injected_s=0.2, uac=False))
    assert compare(first, second) == Pairs(1, 1, 0, 1)
    assert first.unusual == {"precision": "int8"}
    assert second.unusual == {"injected_latency_s": 0.2, "uac": False}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 5}, "seed is 0 in one and 5"),
        ({"task": "put the red cube in the tray"}, "task is 'pick-to-tray' in one"),
        ({"robot": "koch"}, "robot is 'so101' in one"),
        ({"successes": (True, True)}, "episodes is 3 in one and 2"),
    ],
)
def test_other_scenes_are_refused_by_name(change, said):
    with pytest.raises(DataError, match=said):
        compare(Outcomes.of(figures()), Outcomes.of(figures(**change)))


def test_scenes_of_another_version_are_refused():
    changed = figures()
    changed["per_episode"][1]["instruction"] = "fold the shirt"
    with pytest.raises(DataError, match="seed 1 asks 'cube 1' in one and 'fold the shirt' in the other"):
        compare(Outcomes.of(figures()), Outcomes.of(changed))


def test_a_result_from_before_there_were_such_settings_is_one_with_the_usual():
    old = {k: v for k, v in figures().items() if k not in ("engine", "precision", "latency_drawn")}
    assert Outcomes.of(old).settings == Outcomes.of(figures()).settings


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("episodes",), 10**9, "a whole number from 0"),
        (("episodes",), 200_000, "1 to 100000"),
        (("episodes",), True, "a whole number"),
        (("seed",), -1, "a whole number"),
        (("per_episode",), {}, "must be a list of 3"),
        (("per_episode", 1, "seed"), 7, "its seed must be 1"),
        (("per_episode", 1, "success"), 1, "success must be true or false"),
        (("per_episode", 2), None, r"per_episode\[2\] is no result"),
        (("checkpoint",), "x" * 5000, "a text of at most 4096"),
        (("uac",), "no", "uac must be a value like True"),
        (("corrupt",), [1], "corrupt must be a value like"),
        (("age_s",), -1.0, "age_s must be"),
        (("steps",), 1.5, "steps must be"),
    ],
)
def test_what_is_no_result_is_refused_by_name(tmp_path, path, value, said):
    wrong = figures()
    place = wrong
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file = tmp_path / "r.json"
    file.write_text(json.dumps(wrong))
    with pytest.raises(DataError, match=said):
        read_outcomes(file)


def test_damaged_results_are_refused_or_sound(tmp_path):
    source, whole, refused = random.Random(11), figures(), 0
    file = tmp_path / "r.json"
    for turn in range(hostile_files.runs(60)):
        document = copy.deepcopy(whole)
        hostile_files.mutate_document(document, source)
        text = json.dumps(document)
        file.write_bytes(hostile_files.mutate_text(text, source) if turn % 3 == 0 else text.encode())
        try:
            found = read_outcomes(file)
            compare(found, Outcomes.of(whole))
            json.dumps(found.as_dict(), allow_nan=False)
        except MotoriumError:
            refused += 1
    assert refused > 10


@pytest.fixture
def played(monkeypatch):
    """Stands in for playing: "good" solves every scene, others every second; returns the jobs that were played."""
    jobs = []

    def play(job, seed):
        if job not in jobs:
            jobs.append(job)
        done = seed % 2 == 0 or job.checkpoint.name == "good"
        return EpisodeResult(seed, "put the red cube in the tray", done, 2.0, done, wrong_cube=False)

    monkeypatch.setattr(evaluation, "_play", play)
    monkeypatch.setattr("motorium.evaluation.results.fingerprint", lambda path: f"of {path}")
    monkeypatch.setattr("motorium.policies.find.find_checkpoint", lambda path: path)
    return jobs


def call(*arguments):
    return CliRunner().invoke(main, ["eval", *map(str, arguments)])


PLAY = ("--episodes", 20, "--processes", 1)


def test_two_checkpoints_play_the_same_scenes_with_the_same_settings(played, tmp_path):
    options = (
        "--inject-latency-ms",
        200,
        "--no-uac",
        "--corrupt",
        "light",
        "--corrupt",
        "words",
        "--steps",
        2,
    )
    out = ("--out", tmp_path / "a.json", "--out", tmp_path / "b.json")
    done = call("good", "--against", "bad", *options, *PLAY, *out, "--json")
    assert done.exit_code == 0, done.output
    assert [job.checkpoint.name for job in played] == ["good", "bad"]
    assert replace(played[0], checkpoint=played[1].checkpoint) == played[1]
    assert (played[0].injected_s, played[0].uac, played[0].steps) == (0.2, False, 2)
    assert played[0].corrupt == ("light", "words")
    said = json.loads(done.output)
    assert (said["first"]["successes"], said["second"]["successes"]) == (20, 10)
    assert said["comparison"]["mcnemar_p"] == pytest.approx(2 / 2**10)
    assert said["comparison"]["difference"] == 0.5
    again = call("--compare", tmp_path / "a.json", tmp_path / "b.json", "--json")
    assert json.loads(again.output) == said
    assert len(played) == 2


@pytest.mark.usefixtures("played")
def test_a_comparison_is_told_in_words(tmp_path):
    assert call("bad", *PLAY, "--out", tmp_path / "b.json", "--no-uac").exit_code == 0
    done = call("good", *PLAY, "--against-json", tmp_path / "b.json")
    assert done.exit_code == 0, done.output
    for words in ("20 of 20  (100.0%)", "10 of 20  (50.0%)", "without UAC", "as usual", "83.9% to 100.0%",
                  "first - second: +50.0 points", "Newcombe 1998", "McNemar, exact: p = 0.00195"):  # fmt: skip
        assert words in done.output


def test_a_result_of_other_scenes_is_refused_before_anything_is_played(played, tmp_path):
    assert call("bad", *PLAY, "--out", tmp_path / "b.json").exit_code == 0
    done = call("good", "--episodes", 10, "--processes", 1, "--against-json", tmp_path / "b.json")
    assert (done.exit_code, len(played)) == (2, 1)
    assert "episodes is 10 in one and 20 in the other" in done.output


def test_out_writes_what_json_prints_and_which_weights_they_were(played, tmp_path):
    done = call("good", *PLAY, "--out", tmp_path / "r.json", "--json")
    written = json.loads((tmp_path / "r.json").read_text())
    assert written == {**json.loads(done.output), "checkpoint_sha256": "of good"}
    assert len(played) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name a CHECKPOINT"),
        (("good", "--compare", "a", "b"), "CHECKPOINT means nothing with --compare"),
        (("--compare", "a", "b", "--no-uac"), "--no-uac means nothing with --compare"),
        (("good", "--against", "bad", "--against-json", "x"), "give one"),
        (("good", "--against", "bad", "--out", "r.json"), "a file for each of 2 results"),
        (("good", "--out", "/dev/r.json"), "could not be written"),
        (("good", "--out", "."), "there is a folder of that name"),
        (("good", "--against-json", "/dev/zero"), "not a regular file"),
        (("good", "--inject-latency-ms", "nan"), "finite"),
        (("good", "--corrupt", "fog"), "'light', 'occlusion'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_played(
    played, tmp_path, monkeypatch, arguments, said
):
    monkeypatch.chdir(tmp_path)
    done = call(*arguments)
    assert done.exit_code == 2
    assert said in done.output
    assert (played, list(tmp_path.iterdir())) == ([], [])
