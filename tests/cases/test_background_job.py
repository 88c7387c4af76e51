"""A job in the background keeps running, with its arm, and the keyboard is the shell's."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from at_terminal import AtTerminal, program
from virtual_arm import VirtualArm, quick_robot
from waiting import wait

import motorium
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
REST = np.array([joint.rest_rad for joint in SPEC.joints])


@pytest.fixture
def arm() -> Iterator[VirtualArm]:
    with VirtualArm(SPEC) as virtual:
        yield virtual


def goes_on(shell: AtTerminal, arm: VirtualArm) -> None:
    """The keys are the shell's, the arm is held."""
    assert wait(lambda: bool(arm.torque.all()), 20.0)
    shell.types("echo these are the keys of a shell\n")
    shell.shows("\nthese are the keys of a shell")
    shell.types("jobs -l\n")
    assert "Stopped" not in shell.shows(r"\[1\]\+[^\n]*(Running|Stopped|Exit)").group(0)
    assert arm.torque.all()


@pytest.mark.nightly
def test_in_the_background_it_runs_without_keys_and_fg_brings_them_back(
    arm: VirtualArm, tmp_path: Path
) -> None:
    command = program(tmp_path, quick_robot(tmp_path), arm.emulator.port)
    with AtTerminal() as shell:
        shell.types(f"{command} &\n")
        shell.shows("not watched in the background")
        goes_on(shell, arm)
        shell.types("fg\n")
        shell.shows("Space or Escape stops the arm")
        shell.types(" ")
        shell.shows("emergency stop")
        shell.shows(r"\$ ")
        assert not arm.torque.any()


def test_output_in_the_background_does_not_stop_it_either(arm: VirtualArm, tmp_path: Path) -> None:
    """`stty tostop` stops what writes from the background: with the arm under torque, that would be harm."""
    command = program(tmp_path, quick_robot(tmp_path), arm.emulator.port, "quiet")
    with AtTerminal() as shell:
        shell.types(f"stty tostop; {command} &\n")
        shell.shows("holding")
        goes_on(shell, arm)
        shell.types("fg\n")
        shell.shows("Space or Escape stops the arm")
        shell.types("\n")
        shell.shows("over")
        assert not arm.torque.any()
        np.testing.assert_allclose(arm.position_rad, REST, atol=0.06)


@pytest.mark.nightly
def test_after_ctrl_z_it_says_that_it_lost_its_torque_and_ends(arm: VirtualArm, tmp_path: Path) -> None:
    with VirtualArm(SPEC) as second, AtTerminal() as one, AtTerminal() as other:
        jobs = {"fg": (one, arm), "bg": (other, second)}
        for shell, held in jobs.values():
            shell.types(program(tmp_path, quick_robot(tmp_path), held.emulator.port) + "\n")
        for shell, _ in jobs.values():
            shell.shows("holding")
            shell.types("\x1a")
            shell.shows("Stopped")
        for go_on, (shell, held) in jobs.items():
            assert wait(lambda held=held: not held.torque.any(), 5.0), "the supervisor takes it"
            shell.types(f"{go_on}\n")
            shell.shows("supervisor switched the torque off")
            shell.types("\nstty -a; echo it is over\n")
            assert "-icanon" not in shell.shows(r" -?icanon").group(0)
            shell.shows("\nit is over")
            assert not held.torque.any()


def test_killed_in_the_background_it_parks_and_leaves_the_terminal_alone(
    arm: VirtualArm, tmp_path: Path
) -> None:
    command = program(tmp_path, quick_robot(tmp_path), arm.emulator.port)
    with AtTerminal() as shell:
        shell.types(f"{command} &\n")
        shell.shows("holding")
        shell.types("kill %1; stty -a; wait %1; echo code $?\n")
        assert "-icanon" not in shell.shows(r"icanon[^$]*?echo").group(0)
        shell.shows("code 143")
        np.testing.assert_allclose(arm.position_rad, REST, atol=0.06)
        assert not arm.torque.any()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("setsid -w {}", "belongs to another session"),
        ("{} < /dev/null", "standard input is not a terminal"),
        ("nohup {} 2>&1 | cat", "standard input is not a terminal"),
        ("{} <&-", "standard input is not a terminal"),
    ],
)
def test_without_a_terminal_of_its_own_it_says_how_to_stop_the_arm(
    tmp_path: Path, line: str, told: str
) -> None:
    look = tmp_path / "look.py"
    look.write_text(
        "from motorium.operator.terminal import Terminal, _UNWATCHED\n"
        "terminal = Terminal()\n"
        "print(_UNWATCHED[terminal._whose() if terminal.present else 'none'])\n"
    )
    with AtTerminal() as shell:
        shell.types(line.format(f"{sys.executable} {look}") + "\n")
        shell.shows(told)


def test_one_module_owns_the_keyboard() -> None:
    """Two owners meant two meanings of a key, and SIGTTOU from whichever had forgotten the background."""
    package = Path(motorium.__file__).parent
    uses = re.compile(r"^\s*(?:import|from) (?:termios|tty)\b", re.MULTILINE)
    owners = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if uses.search(path.read_text(encoding="utf-8"))
    }
    owners -= {
        "robots/vendor_kit.py",
        "cli/_sweep_view.py",
    }  # a serial line has settings too; a swept arm is limp
    assert owners == {"operator/terminal.py"}
