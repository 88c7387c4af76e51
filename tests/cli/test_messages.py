"""Who typed a command is told commands: no message of a verb asks for a call in a program."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import motorium
from motorium import _core
from motorium._core import Cause, GateCauses, GuardBits, Problem
from motorium.cli._sweep_view import until_done
from motorium.cli.setup_motors import _take_as_they_come
from motorium.errors import BusError, CalibrationError, MotoriumError
from motorium.robots import backends, health
from motorium.robots.config import robot_config
from motorium.specs.robot import RobotSpec

PACKAGE = Path(motorium.__file__).parent
CALL = re.compile(r"\b[a-z_]+\.[a-z_.]+\(|\b(?:port|calibration|task|seed)='")
PROGRAMS_ONLY = {
    "robots/robot.py": "reset_estop, watch_estop and the like are called by programs",
    "robots/opening.py": "two robots on one port in one process",
    "robots/signals.py": "a program that embeds Python",
}
STOPS = (
    Problem(Cause.UNPLUGGED),
    Problem(Cause.SILENT),
    Problem(Cause.TORQUE_LOST, 0, bits=1),
    Problem(Cause.JUMPED, 0, 0.5),
    Problem(Cause.ESTOP),
    Problem(Cause.FROZEN),
    Problem(Cause.UNSUPERVISED),
    Problem(Cause.GATE_TRIPPED, bits=GateCauses.POSITION),
    Problem(Cause.PROTECTION, 0, 68.0, supply_v=11.9, bits=GuardBits.HOT),
)
COUNTED = ("timeouts", "crc_errors", "length_errors", "wrong_id", "late_replies", "io_errors", "refusals")
CONFIG = robot_config(RobotSpec.load("so101"))
STATS = SimpleNamespace(bus=SimpleNamespace(**dict.fromkeys(COUNTED, 0)), reason="")


def messages(module: ast.Module) -> Iterator[ast.Constant]:
    """Texts inside what is raised or returned as an error, without those for programs."""
    for call in ast.walk(module):
        if isinstance(call, ast.Call) and re.search(
            r"(?<!Value)(?<!Type)Error(\.with_remedy)?$",  # those two are for who writes a program
            ast.unparse(call.func),
        ):
            for argument in [*call.args, *(k.value for k in call.keywords if k.arg != "program")]:
                found = (node for node in ast.walk(argument) if isinstance(node, ast.Constant))
                yield from (node for node in found if isinstance(node.value, str))


def test_no_error_that_a_verb_can_print_asks_for_a_call() -> None:
    seen, found = 0, []
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        for constant in messages(ast.parse(path.read_text(encoding="utf-8"))):
            seen += 1
            if name not in PROGRAMS_ONLY and CALL.search(constant.value):
                found.append(f"{name}:{constant.lineno}: {constant.value}")
    assert seen > 300
    assert found == []


@pytest.mark.parametrize("problem", STOPS, ids=lambda problem: problem.cause.name)
def test_every_fault_has_a_remedy_for_a_shell(problem: Problem) -> None:
    error = health.explain_stop(RobotSpec.load("so101"), "/dev/ttyACM0", [problem], STATS)
    said = error.for_shell or str(error)
    assert _core.describe([problem], CONFIG) in said, "the core's words, as in C++"
    assert not CALL.search(said)
    assert "robot." not in said
    if error.for_shell is not None:
        assert "give the command again" in said
        assert "give the command" not in str(error)


def test_a_missing_port_names_the_option_or_the_argument() -> None:
    with pytest.raises(MotoriumError) as caught:
        backends.check_port(None, "so101")
    assert "port='/dev/" in str(caught.value)
    assert "--port /dev/" in str(caught.value.for_shell)


def test_a_sweep_whose_time_was_up_says_so() -> None:
    finished = until_done(1e-9, quiet=True)
    sweep = SimpleNamespace(incomplete=lambda: ["gripper moved 0.1 rad"], complete=False)
    with pytest.raises(CalibrationError, match=r"time limit of 1e-09 s was up: gripper moved .*--limit"):
        finished(sweep, 0.0)


def test_no_new_servo_may_mean_several() -> None:
    left = [SimpleNamespace(joint="gripper", motor="sts3215", id=6)]
    survey = SimpleNamespace(new=(), done={})
    set_up = SimpleNamespace(pending=lambda _: left, finished=set(), glance=lambda: survey)
    with pytest.raises(BusError, match=r"several at once.*connect one alone\); missing: gripper"):
        _take_as_they_come(set_up, survey, [], 0.0)
