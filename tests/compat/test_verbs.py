"""`--json` of the verbs: keys and kinds of 0.1.0 are there, and values wherever they do not depend on the moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from recorded import MADE, changed, kinds, lost

from motorium._core import ServoEmulator
from motorium.cli.main import main

pytest.importorskip("pyarrow")
pytest.importorskip("av")

NEEDS_TORCH = {"bench_engine"}
GONE = {"record_demos": "motorium record sim:so101 --leader script --lockstep", "train": "tools/so101_pick"}
"""Verbs of 0.1.0 whose arguments mean nothing any more, and what they name instead."""
RECORDED = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(MADE.glob("json/*.json"))
}
SAID = [name for name, then in RECORDED.items() if "said" in then]
KINDS = [
    name for name, then in RECORDED.items() if "kinds" in then and then["arguments"] and name not in GONE
]
CODES = {"error": {2}, "doctor": {0, 1}, "doctor_robot": {0, 1}}
"""Exit codes of verbs that tell by it what they have found."""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def call(at_home: Path) -> Iterator[Any]:
    """`call(name)` -> what the verb says today to the recorded arguments."""
    (at_home / "dataset-killed").rename(at_home / "killed")
    servos = ServoEmulator([1, 2, 3, 4, 5, 6])

    def run(name: str) -> Any:
        then = RECORDED[name]
        if name == "data_relabel":  # it takes what another verb has made
            run("data_slots")
        arguments = [servos.port if word.startswith("/dev/pts/") else word for word in then["arguments"]]
        arguments = [str(ROOT / word) if word.startswith("tests/") else word for word in arguments]
        done = CliRunner().invoke(main, [*arguments, "--json"])
        assert done.exit_code in CODES.get(name, {0}), done.output
        return json.loads(done.stdout.replace(f"{at_home}/", "").replace(servos.port, "/dev/pts/0"))

    yield run
    servos.close()


@pytest.mark.parametrize("name", sorted(set(SAID) - {"calibrate", "calibrate_from_lerobot"}))
def test_values_are_what_they_were(call, name: str) -> None:
    then = RECORDED[name]["said"]
    now = call(name)
    assert list(lost(kinds(then), kinds(now))) == []
    if name == "robots":  # others may have come
        theirs = {robot["name"]: robot for robot in now["robots"]}
        then, now = then["robots"], [theirs[robot["name"]] for robot in then["robots"]]
    if name == "parity":
        then["isa"] = now["isa"]
    if name == "data_view":
        assert Path("view.html").stat().st_size > 10_000
    assert list(changed(then, now)) == []


@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name in KINDS if not name.startswith("bench_")])
def test_keys_and_kinds_are_there(call, name: str) -> None:
    if name in NEEDS_TORCH:
        pytest.importorskip("torch")
    assert list(lost(RECORDED[name]["kinds"], kinds(call(name)))) == []
    if name == "demo":
        assert (
            list(
                lost(
                    RECORDED["demo_report"]["kinds"], kinds(json.loads(Path("demo/report.json").read_text()))
                )
            )
            == []
        )


@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name in KINDS if name.startswith("bench_")])
def test_keys_of_the_figures_are_there(call, name: str) -> None:
    if name in NEEDS_TORCH:
        pytest.importorskip("torch")
    assert list(lost(RECORDED[name]["kinds"], kinds(call(name), 2))) == []


@pytest.mark.parametrize("name", GONE)
def test_what_is_gone_says_where_it_went(at_home: Path, name: str) -> None:
    arguments = [
        word.replace("demos", "learn/demos") if word == "demos" else word
        for word in RECORDED[name]["arguments"]
    ]
    done = CliRunner().invoke(main, [*arguments, "--json"])
    assert done.exit_code == 2
    assert GONE[name] in json.loads(done.stdout)["error"]["message"]
    assert GONE[name] in done.stderr
    assert not (at_home / "run").exists()


def test_calibrating_by_lerobots_file_says_the_same(call) -> None:
    Path("to-lerobot.json").write_bytes(Path("calibration/to-lerobot.json").read_bytes())
    then = RECORDED["calibrate_from_lerobot"]["said"]
    now = call("calibrate_from_lerobot")
    assert list(changed(then, now)) == []
    assert list(lost(kinds(RECORDED["calibrate"]["said"]), kinds(now))) == []
