"""The tests of the portable core, measured: lines and branches that are run, planted errors that are noticed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import mutants
import native_core as native
import pytest
from mutation import mutants as all_mutants
from quick_tests import UNITS, cases, failure

MIN_BRANCHES = 95.0
COVERED = ["-std=c11", "-O0", "-g", "-fPIC", "--coverage"]
# ctypes never unloads a library, so the counters have to be written on request.
DUMP = "void __gcov_dump(void); void dump(void); void dump(void) { __gcov_dump(); }\n"
PLANTED = {
    "limits": [
        ("value < least ? least", "value < least ? most"),
        ("fabsf(value) <= MTR_MAX_ANGLE_RAD", "value <= MTR_MAX_ANGLE_RAD"),
        ("now_ns >= t_ns ?", "true ?"),
        ("causes != MTR_CAUSE_NOT_ARMED && !state->tripped", "!state->tripped"),
        ("state->tripped || !mtr_limits_config_ok(config)", "!mtr_limits_config_ok(config)"),
        ("fmin(next, fmax(goal, measured))", "fmin(next, goal)"),
        ("effort > 0.0f || goal > measured", "effort > 0.0f"),
        ("fabsf(in.effort) > limits->max_effort", "in.effort > limits->max_effort"),
        ("clamp(wanted, *velocity - slew, *velocity + slew)", "wanted"),
        ("state->velocity_rad_s[j] = 0.0f;\n    out[j]", "out[j]"),
        ("config->n_joints <= MTR_MAX_JOINTS ? config->n_joints : MTR_MAX_JOINTS", "config->n_joints"),
        (
            "state->armed = false;\n  state->tripped = false;",
            "state->tripped = false;",
        ),  # reset does not disarm
        ("    state->velocity_rad_s[j] = 0.0f;\n  }", "  }"),  # arming keeps the old speed
        ("state->has_goal = true;\n  state->refusals_in_a_row = 0;", "state->has_goal = true;"),
    ],
    "guard": [
        ("error < 0.0f ? -1.0f : 1.0f", "1.0f"),  # always upwards
        ("rate > 0.0f ? rate : -1.0f", "rate"),  # a glitch adds up for ever
        ("fminf(fmaxf(used, 0.0f), limits->stall_time_s)", "fminf(used, limits->stall_time_s)"),
        ("bad ? state->bad_s[j] + config->dt_s : 0.0f", "state->bad_s[j] + config->dt_s"),
        ("if (own > verdict) verdict = own;", "verdict = own;"),
        ("lead <= state->slack_rad[j] && light", "light"),
    ],
    "profile": [
        ("left < 0.0 ? -1.0 : 1.0", "1.0"),
        ("to_peak < 0.0 ? j : -j", "-j"),
        ("if (wanted > peak) add", "add"),
    ],
    "feetech": [("n < length + 4", "n < length + 3"), ("(uint8_t)~sum", "(uint8_t)sum")],
    "dynamixel": [("writer->ff == 2 && !writer->plain", "writer->ff == 2")],
    "dynamixel_parser": [
        ("length >= 1 + CRC && ", ""),
        ("n > INSTRUCTION && !is_fast(p)", "n > INSTRUCTION"),
    ],
}


@pytest.fixture(scope="module")
def gcov() -> str:
    found = shutil.which("gcov")
    if found is None:
        pytest.skip("gcov comes with gcc")
    return found


@pytest.mark.parametrize("unit", list(UNITS))
def test_every_line_is_run_and_nearly_every_branch(gcov: str, unit: str, tmp_path: Path) -> None:
    dump = tmp_path / "dump.c"
    dump.write_text(DUMP)
    target = tmp_path / f"{unit}.so"
    native.compile_c(COVERED, target, *(native.CORE / f"{name}.c" for name in UNITS[unit].sources), dump)
    assert failure(unit, target, cases(unit), after=lambda lib: lib.dump()) == ""
    for name in UNITS[unit].sources:
        (data,) = tmp_path.glob(f"*-{name}.gcda")
        report = subprocess.run(
            [gcov, "-b", data.name], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        found = re.search(
            rf"File '\S*/{name}\.c'\nLines executed:([\d.]+)%.*\n.*\nTaken at least once:([\d.]+)%",
            report.stdout,
        )
        assert found, report.stdout
        missed = [line for line in (tmp_path / f"{name}.c.gcov").read_text().splitlines() if "#####" in line]
        assert found[1] == "100.00", "\n".join(missed)
        assert float(found[2]) >= MIN_BRANCHES, f"{name}.c: {found[2]} % of its branches"


def assert_noticed(name: str, errors: list[tuple[str, str]], folder: Path) -> None:
    judge = mutants.Judge(name)
    judge.check()
    for good, bad in errors:
        assert judge.source.count(good) == 1, good
        library = mutants.build(name, judge.source.replace(good, bad), folder)
        assert failure(judge.unit, library, judge.tests), f"nothing notices {bad!r} in place of {good!r}"


@pytest.mark.parametrize("name", list(PLANTED))
def test_a_planted_error_is_noticed(name: str, tmp_path: Path) -> None:
    assert_noticed(name, PLANTED[name][:1], tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name in PLANTED if len(PLANTED[name]) > 1])
def test_each_planted_error_is_noticed(name: str, tmp_path: Path) -> None:
    assert_noticed(name, PLANTED[name][1:], tmp_path)


def test_the_record_of_all_mutants_holds_its_bound() -> None:
    """`make mutants` wrote it."""
    record = json.loads((native.ROOT / "docs/mutants.json").read_text(encoding="utf-8"))
    assert set(record) == {name for unit in UNITS.values() for name in unit.sources}
    for name, entry in record.items():
        assert entry["killed"] >= mutants.MIN_KILLED * entry["mutants"], name
        assert entry["mutants"] - entry["killed"] == len(entry["survivors"])


def test_the_operators_are_those_that_are_told() -> None:
    source = "int f(int a, int b) {\n  if (a < b && a) return a + 2;\n  b += 1;\n  return !a ? b : 0;\n}\n"
    found = {(m.operator, source[m.begin : m.end], m.new) for m in all_mutants(source)}
    for mutant in (
        ("arithmetic", "+", "-"),
        ("arithmetic", "+=", "-="),
        ("relational", "<", "<="),
        ("relational", "<", ">="),
        ("logical", "&&", "||"),
        ("logical", "!", " "),
        ("constant", "2", "0"),
        ("constant", "2", "3"),
        ("constant", "2", "1"),
        ("constant", "0", "(-1)"),
        ("statement", "b += 1;", ";"),
        ("statement", "return a + 2;", ";"),
        ("condition", "a < b && a", "!(a < b && a)"),
        ("condition", "!a", "!(!a)"),
    ):
        assert mutant in found
