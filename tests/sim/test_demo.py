"""The demo's procedure from scene to report, over the pseudo-terminal, with a policy that knows the scene."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from scripted_policy import PlayBack
from virtual_arm import quick_robot

from motorium.errors import MotoriumError
from motorium.sim.demo import DemoPlan, DemoReport, EpisodeResult, run_demo
from motorium.sim.report import FILM, REPORT, SHEET, EpisodePictures
from motorium.specs.robot import RobotSpec

SEED, EPISODES, ENOUGH_LOOKS = 40, 2, 12
FIELDS = {
    "robot", "transport", "checkpoint", "seed", "episodes", "successes", "success_rate", "chunk_latency_ms",
    "control", "bus", "safety", "underflows", "late_chunks", "shortfalls",
}  # fmt: skip


class Witness:
    """Notes what an audience is told, and rewinds the played-back policy when an episode begins."""

    def __init__(self, policy: PlayBack) -> None:
        self.policy = policy
        self.told: list[str] = []
        self.looks = self.looks_before = self.successes = 0

    def begins(self, index: int, seed: int, task: str) -> None:
        self.policy.begin(seed)
        self.told.append(f"begins {index} {seed} {task}")

    def watches(self, index: int, time_s: float, judge: dict[str, Any]) -> None:
        assert index >= 0
        assert time_s >= 0
        assert "held_s" in judge
        self.looks += 1

    def ends(self, result: EpisodeResult) -> None:
        self.told.append(f"ends {result.index}")
        self.looks_before, self.successes = self.looks, self.successes + result.success

    def has_seen_enough(self) -> bool:
        return self.successes > 0 and self.looks > self.looks_before + ENOUGH_LOOKS


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> tuple[DemoReport, Witness]:
    """Two scenes on a quick arm; the second is cut short where the first was a success."""
    robot = f"sim:{quick_robot(tmp_path_factory.mktemp('quick'))}"
    policy = PlayBack(RobotSpec.load("so101"), range(SEED, SEED + EPISODES))
    witness = Witness(policy)
    report = run_demo(
        DemoPlan("played back", EPISODES, SEED, robot=robot), witness, policy, ended=witness.has_seen_enough
    )
    return report, witness


@pytest.mark.nightly
def test_every_scene_is_shown_in_order(shown):
    report, witness = shown
    assert [result.seed for result in report.results] == [SEED, SEED + 1]
    events = [" ".join(line.split()[:2]) for line in witness.told]
    assert events == ["begins 0", "ends 0", "begins 1", "ends 1"]
    assert witness.looks > 10 * EPISODES


def test_the_arm_really_does_the_task_over_the_wire(shown):
    report, _ = shown
    assert report.successes >= 1
    assert report.transport == "pty"
    assert not any(result.wrong_cube for result in report.results)
    figures = report.as_dict()
    assert figures["bus"]["cycles"] > 200
    assert figures["bus"]["crc_errors"] == 0
    assert figures["safety"]["trips"] == 0


@pytest.mark.nightly
def test_figures_have_exactly_the_promised_fields(shown):
    figures = shown[0].as_dict()
    assert set(figures) == FIELDS
    assert set(figures["chunk_latency_ms"]) == {"p50", "p95"}
    assert set(figures["control"]) == {"rate_hz", "ticks", "missed", "period_us"}
    assert set(figures["control"]["period_us"]) == {"p50", "p99"}
    assert set(figures["bus"]) == {"cycles", "crc_errors", "timeouts"}
    assert set(figures["safety"]) == {"clamped", "refused", "trips"}
    assert figures["success_rate"] == figures["successes"] / EPISODES
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_the_report_is_three_whole_files(shown, tmp_path):
    report, _ = shown
    written = report.write(tmp_path / "deep")
    assert [path.name for path in written] == [SHEET, FILM, REPORT]
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == sorted([SHEET, FILM, REPORT])
    saved = json.loads((tmp_path / "deep" / REPORT).read_text(encoding="utf-8"))
    assert {name: saved[name] for name in FIELDS} == report.as_dict()
    assert [scene["seed"] for scene in saved["results"]] == [SEED, SEED + 1]
    with Image.open(tmp_path / "deep" / FILM) as movie:
        assert movie.n_frames > 10


def test_the_film_moves(shown):
    first = shown[0].results[0].pictures
    assert (first.shots[0].images["front"] != first.shots[-1].images["front"]).any()
    assert len(shown[0].results[1].pictures.shots) <= 3


def test_scene_seeds_stay_below_those_of_training():
    assert [DemoPlan("x", seed=7).scene_seed(i) for i in range(3)] == [7, 8, 9]
    assert DemoPlan("x", seed=10**12).scene_seed(3) < 10**9


@pytest.mark.nightly
def test_an_unknown_task_is_refused_before_any_report(tmp_path):
    policy = PlayBack(RobotSpec.load("so101"), range(1, 2))
    plan = DemoPlan("x", 1, 1, task="sing a song")
    with pytest.raises(MotoriumError, match="put the red cube in the tray"):
        run_demo(plan, Witness(policy), policy)
    assert list(Path(tmp_path).iterdir()) == []


def test_figures_of_an_episode_without_chunks_are_zero_not_nan():
    control = SimpleNamespace(
        rate_hz=200.0, ticks=1, missed=0, period_us=SimpleNamespace(p50=5000.0, p99=5000.0, max=5000),
        bus=SimpleNamespace(cycles=2, crc_errors=0, timeouts=0),
        safety=SimpleNamespace(as_dict=dict), underflows=0, late_chunks=0,
    )  # fmt: skip
    failed = EpisodeResult(
        0, 0, "put the red cube in the tray", False, False, 0.0, EpisodePictures("", "", False)
    )
    report = DemoReport(DemoPlan("x", 1), (failed,), "pty", (), control)
    assert report.as_dict()["chunk_latency_ms"] == {"p50": 0.0, "p95": 0.0}
    assert report.as_dict()["success_rate"] == 0.0
