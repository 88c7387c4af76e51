"""`motorium doctor`: what blocks, what only warns, and whether a checkpoint fits a robot."""

from __future__ import annotations

import dataclasses
import json

import nano_samples
import pytest

from motorium import doctor
from motorium.doctor import Check, CheckStatus
from motorium.policies.nano.checkpoint import save_checkpoint
from motorium.specs.robot import DATA


def test_looks_at_everything_and_passes_where_the_tests_run(call):
    result = call("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert set(checks) == {
        "python", "extension", "simulator", "graphics", "serial", "real-time", "locked memory", "processors", "disk",
    }  # fmt: skip
    assert result.exit_code == 0
    assert checks["extension"]["status"] == checks["python"]["status"] == "ok"
    assert all(check["advice"] for check in checks.values() if check["status"] != "ok")


def test_a_blocking_finding_sets_the_exit_code(call, monkeypatch):
    broken = Check("extension", CheckStatus.FAIL, "undefined symbol", "install again from source")
    monkeypatch.setattr(doctor, "check_machine", lambda: [broken])
    result = call("doctor")
    assert result.exit_code == 1
    assert "FAIL" in result.output
    assert "install again" in result.output


def test_a_warning_does_not_block(call, monkeypatch):
    monkeypatch.setattr(
        doctor, "check_machine", lambda: [Check("disk", CheckStatus.WARN, "3 MB free", "free some")]
    )
    assert call("doctor").exit_code == 0


def test_graphics_that_cannot_draw_name_the_packages(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    monkeypatch.setenv("PYOPENGL_PLATFORM", "nonsense")
    check = doctor.check_graphics()
    assert check.status is CheckStatus.WARN
    assert "libegl1" in check.advice


def test_too_little_memory_that_may_be_locked_says_how_to_grant_more(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    check = doctor.check_locked_memory(64 * 1024)
    assert check.status is CheckStatus.WARN
    assert "64 kB" in check.detail
    assert "memlock 65536" in check.advice
    assert doctor.check_locked_memory(1 << 30).status is CheckStatus.OK


def test_processors_that_may_not_be_used_are_told(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 3})
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert doctor.check_processors().detail == "2 of 8 may be used: 0, 3"


def test_an_old_python_blocks_and_a_newer_one_warns(monkeypatch):
    monkeypatch.setattr(doctor, "PYTHONS", ((3, 99), (3, 99)))
    assert doctor.check_python().status is CheckStatus.FAIL
    monkeypatch.setattr(doctor, "PYTHONS", ((3, 0), (3, 0)))
    assert doctor.check_python().status is CheckStatus.WARN


@pytest.mark.parametrize(
    ("found", "status"),
    [("3.5.0", "ok"), ("3.17.0", "ok"), ("4.0.0", "warn"), ("3.4.0", "warn"), ("3.3.7", "warn")],
)
def test_the_simulator_must_be_of_the_right_age(monkeypatch, found, status):
    monkeypatch.setattr("motorium.doctor.metadata.version", lambda _: found)
    assert doctor.check_mujoco().status is CheckStatus(status)


def test_a_simulator_that_cannot_build_the_scene_is_found_out(monkeypatch):
    monkeypatch.setattr(doctor, "_BUILD", doctor._BUILD + "\nmujoco.mj_nonesuch(model)")
    check = doctor.check_mujoco()
    assert check.status is CheckStatus.WARN
    assert "mj_nonesuch" in check.detail
    assert "mujoco 3.5 or newer" in check.advice


@pytest.fixture
def save(tmp_path):
    """Save a sample checkpoint whose descriptor was changed: `save(state=...)` -> its directory."""

    def write(**changes) -> str:
        sample = dataclasses.replace(nano_samples.descriptor(nano_samples.SMALL), **changes)
        return str(save_checkpoint(tmp_path / "sample", sample, nano_samples.weights(sample)))

    return write


def fit(call, checkpoint: str, robot: str = "sim:so101") -> tuple[int, dict]:
    result = call("doctor", "--checkpoint", checkpoint, "--robot", robot, "--json")
    return result.exit_code, json.loads(result.stdout)


def test_every_input_and_output_is_mapped(call, save):
    checkpoint = save()
    code, found = fit(call, checkpoint)
    assert code == 0
    assert found["refusal"] == ""
    assert found["contradictions"] == []
    kinds = [row["kind"] for row in found["mapping"]]
    assert [kinds.count(kind) for kind in ("state", "action", "camera")] == [6, 6, 2]
    assert all(row["name"] == row["robot_name"] for row in found["mapping"])
    shown = call("doctor", "--checkpoint", checkpoint, "--robot", "so101").output
    for word in ("wrist_roll", "front", "96x96", "opening", "every input and output is bound"):
        assert word in shown


def test_a_permuted_joint_order_is_flagged(call, save):
    sample = nano_samples.descriptor(nano_samples.SMALL)
    first, second, *rest = sample.state
    swapped = (
        dataclasses.replace(first, joint=second.joint),
        dataclasses.replace(second, joint=first.joint),
        *rest,
    )
    code, found = fit(call, save(state=swapped))
    assert code == 1
    assert any("permuted" in line for line in found["contradictions"])
    assert "shoulder_lift" in found["refusal"]


def test_degrees_are_flagged(call, save):
    sample = nano_samples.descriptor(nano_samples.SMALL)
    degrees = dataclasses.replace(sample.state[1], min=-97.0, max=50.0, mean=-20.0, std=30.0)
    checkpoint = save(state=(sample.state[0], degrees, *sample.state[2:]))
    code, found = fit(call, checkpoint)
    assert code == 1
    assert any("degrees" in line for line in found["contradictions"])
    assert "contradiction:" in call("doctor", "--checkpoint", checkpoint, "--robot", "so101").output


def test_a_missing_camera_is_refused_with_both_lists(call, save, tmp_path):
    blind = tmp_path / "blind.toml"
    text = (DATA / "so101.toml").read_text(encoding="utf-8")
    blind.write_text(text.replace('role = "wrist"', 'role = "overhead"'))
    code, found = fit(call, save(), str(blind))
    assert code == 1
    assert "wrist" in found["refusal"]
    assert "overhead" in found["refusal"]


def test_both_sides_are_needed(call):
    result = call("doctor", "--checkpoint", "so101-pick")
    assert result.exit_code == 2
    assert "go together" in result.stderr


def test_an_absent_checkpoint_is_one_line(call):
    result = call("doctor", "--checkpoint", "nowhere", "--robot", "so101")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: no checkpoint 'nowhere'")


def test_plans_that_come_too_late_are_a_warning_with_the_way_round(call, save, tmp_path):
    slow = tmp_path / "slow.toml"
    text = (DATA / "so101.toml").read_text(encoding="utf-8")
    slow.write_text(
        text.replace("seconds = [0.01, 0.03, 0.06, 0.1, 0.2]", "seconds = [0.1, 0.2, 0.3, 0.6, 0.7]")
    )
    checkpoint = save()
    code, found = fit(call, checkpoint, str(slow))
    pace = found["pace"]
    assert (pace["needed_rows"], pace["accepted_rows"], pace["holds"]) == (14, 6, False)
    assert code == 0, "with --sync it can be driven"
    for word in ("--sync", "needs 14 rows of 50 ms", "650 ms", "latency_budget_s allows 250 ms"):
        assert word in " ".join(pace["warnings"])
    shown = call("doctor", "--checkpoint", checkpoint, "--robot", "so101").output
    assert "needs 4 rows of 50 ms committed, one to spare; this policy accepts 6" in shown
    assert "WARN" not in shown


def test_a_latency_beyond_the_bridge_is_told_beforehand(call, save, monkeypatch):
    monkeypatch.setattr("motorium.runtime.pace_check._timed_ns", lambda _policy: 4_000_000)
    checkpoint = save()

    def ask(ms: float) -> tuple[int, dict]:
        result = call(
            "doctor", "--checkpoint", checkpoint, "--robot", "sim:so101", "--latency-ms", str(ms), "--json"
        )
        return result.exit_code, json.loads(result.stdout)["pace"]

    code, pace = ask(400)
    assert code == 0, "with --sync it can be driven"
    assert (pace["asked"]["needed_rows"], pace["asked"]["accepted_rows"], pace["asked"]["holds"]) == (
        10,
        6,
        False,
    )
    assert pace["longest_bridged_ms"] == 200
    (warning,) = pace["warnings"]
    for word in (
        "400 ms is beyond",
        "50 ms old it needs 10 rows",
        "accepts 6 (prefix_lock.max_delay)",
        "for 200 ms",
    ):
        assert word in warning
    assert [ask(ms)[1]["asked"]["holds"] for ms in (0, 200, 200.1)] == [True, True, False], "to the bound"
    assert "asked" not in fit(call, checkpoint)[1]["pace"]
    shown = call("doctor", "--checkpoint", checkpoint, "--robot", "so101", "--latency-ms", "120").output
    assert "an inference of 120 ms is bridged: on an observation 50 ms old it needs 5 rows" in shown
    assert "enough for inferences of up to 200 ms" in shown
    assert "WARN" not in shown


@pytest.mark.parametrize("more", [[], ["--port", "/dev/null", "--checkpoint", "so101-pick"]])
def test_a_latency_is_asked_of_a_checkpoint(call, more):
    done = call("doctor", "--latency-ms", "100", *more)
    assert (done.exit_code, "give it with --checkpoint and --robot" in done.output) == (2, True)
