"""The gate's tests are measured: every line is run, and each planted error is noticed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from native_core import CORE

HERE = Path(__file__).parent

MUTANTS = [
    ("value < least ? least", "value < least ? most"),
    ("fabsf(value) <= MTR_MAX_ANGLE_RAD", "value <= MTR_MAX_ANGLE_RAD"),
    ("distance > (uint64_t)max_age_ns", "distance >= (uint64_t)max_age_ns"),
    ("now_ns >= t_ns ?", "true ?"),
    ("state->refusals_in_a_row >= config->trip_after", "state->refusals_in_a_row > config->trip_after"),
    ("causes != MTR_CAUSE_NOT_ARMED && !state->tripped", "!state->tripped"),
    ("state->tripped || !mtr_limits_config_ok(config)", "!mtr_limits_config_ok(config)"),
    ("0.5f * n * (n - 1.0f)", "0.5f * n * (n + 1.0f)"),
    ("fmin(next, fmax(goal, measured))", "fmin(next, goal)"),
    ("effort > 0.0f || goal > measured", "effort > 0.0f"),
    ("fabsf(in.effort) > limits->max_effort", "in.effort > limits->max_effort"),
    ("clamp(wanted, *velocity - slew, *velocity + slew)", "wanted"),
    ("state->velocity_rad_s[j] = 0.0f;\n    out[j]", "out[j]"),
    ("state->refusals_in_a_row = 0;\n  state->last_causes = causes;", "state->last_causes = causes;"),
    ("config->n_joints <= MTR_MAX_JOINTS ? config->n_joints : MTR_MAX_JOINTS", "config->n_joints"),
    ("!is_finite(input->effort[j])", "false"),
]


def run_tests(**environment: str) -> subprocess.CompletedProcess[str]:
    """The explicit tests in a process of their own, without plugins: they start in a third of the time."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        str(HERE / "test_limits.py"),
    ]
    settings = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment}
    return subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )


def test_every_line_of_the_gate_is_run(tmp_path):
    gcov = shutil.which("gcov")
    if gcov is None:
        pytest.skip("gcov comes with gcc")
    result = run_tests(MOTORIUM_COVERAGE=str(tmp_path))
    assert result.returncode == 0, result.stdout
    data = next(tmp_path.glob("*limits.gcda"))
    report = subprocess.run(
        [gcov, data.name], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    covered = dict(re.findall(r"File '.*?(\w+\.c)'\nLines executed:([\d.]+)%", report))
    missed = [line for line in (tmp_path / "limits.c.gcov").read_text().splitlines() if "#####" in line]
    assert covered["limits.c"] == "100.00", "\n".join(missed)


def test_each_planted_error_is_noticed(tmp_path):
    text = (CORE / "limits.c").read_text()

    def survives(number: int, good: str, bad: str) -> bool:
        assert text.count(good) == 1, good
        mutant = tmp_path / str(number) / "limits.c"
        mutant.parent.mkdir()
        mutant.write_text(text.replace(good, bad))
        return run_tests(MOTORIUM_LIMITS_SOURCE=str(mutant)).returncode == 0

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        survivors = list(pool.map(survives, range(len(MUTANTS)), *zip(*MUTANTS, strict=True)))
    unchanged = survives(len(MUTANTS), "#include <math.h>", "#include <math.h>")
    assert unchanged, "the copy must pass when nothing is changed"
    assert [mutant for mutant, alive in zip(MUTANTS, survivors, strict=True) if alive] == []
