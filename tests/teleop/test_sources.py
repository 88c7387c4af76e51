"""What may move an arm besides a leader arm."""

from __future__ import annotations

import io
import os
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motorium.arrays import read_arrays
from motorium.errors import MotoriumError
from motorium.operator.marks import TELEOP_KEYS
from motorium.operator.operator import Operator
from motorium.operator.terminal import END, KeyPress
from motorium.specs.robot import RobotSpec
from motorium.teleop.gamepad import CLOSE, DEAD_MAN, OPEN, STOP, Gamepad
from motorium.teleop.keys import jog
from motorium.teleop.run import Request, run
from motorium.teleop.sources import Jog, Replay, Stepper

SPEC = RobotSpec.load("so101")
ZERO = np.zeros(6, np.float32)


def test_a_trajectory_is_interpolated_and_ends(tmp_path):
    t_ns = 5_000_000_000 + np.arange(5) * 100_000_000
    q = np.linspace(0, 1, 5)[:, None] * np.ones(6)
    order = [3, 0, 1, 2, 5, 4]
    names = np.array(SPEC.joint_names)[order]
    np.savez(tmp_path / "a.npz", t_ns=t_ns, position_rad=q * np.array([4, 1, 2, 3, 6, 5]), joint_names=names)
    replay = Replay.load(tmp_path / "a.npz", SPEC, speed=2.0)
    assert replay.seconds == pytest.approx(0.2)
    np.testing.assert_allclose(replay.plan(np.array([0.1]), ZERO)[0], 0.5 * np.arange(1, 7), atol=1e-6)
    assert replay.plan(np.array([0.21]), ZERO) is None


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"position_rad": np.zeros((3, 6))}, "needs the arrays"),
        ({"t_s": np.arange(3.0), "position_rad": np.zeros((3, 5))}, "5 columns"),
        ({"t_s": np.arange(3.0), "position_rad": np.zeros(3)}, r"not \(N, J\)"),
        ({"t_s": np.zeros(3), "position_rad": np.zeros((3, 6))}, "rising times"),
        ({"t_s": np.arange(3.0), "position_rad": np.full((3, 6), np.nan)}, "finite"),
        ({"t_s": np.arange(1.0), "position_rad": np.zeros((1, 6))}, "needs"),
        (
            {"t_s": np.arange(3.0), "position_rad": np.zeros((3, 6)), "joint_names": np.array(["a"] * 6)},
            "has joints a",
        ),
    ],
)
def test_a_strange_trajectory_is_refused(tmp_path, arrays, complaint):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(MotoriumError, match=complaint):
        Replay.load(tmp_path / "a.npz", SPEC)


def npy(shape: str, descr: str = "<f8", data: bytes = b"") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (npy("(1000000, 1000000)"), "more than allowed"),
        (npy("(-5, 2)"), "more than allowed|cannot be read"),
        (npy("(4,)", data=b"x"), "cut short"),
        (npy("(1,)", "|O", b"x" * 8), "numbers and texts"),
        (b"\x93NUMPY\x09\x00", "format"),
        (b"hello", "cannot be read"),
    ],
)
def test_hostile_arrays_are_refused_before_memory_is_taken(tmp_path, content, complaint):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("position_rad.npy", content)
    with pytest.raises(MotoriumError, match=complaint):
        read_arrays(path)


@settings(max_examples=40, deadline=None)
@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_damaged_archive_never_breaks_the_reader(tmp_path_factory, at, flip):
    buffer = io.BytesIO()
    np.savez(buffer, t_s=np.arange(20.0), position_rad=np.zeros((20, 6)))
    raw = bytearray(buffer.getvalue())
    raw[at % len(raw)] ^= flip
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    path.write_bytes(raw)
    try:
        arrays = read_arrays(path, max_bytes=1 << 20)
    except MotoriumError:
        return
    assert sum(array.nbytes for array in arrays.values()) <= 1 << 20


def test_a_function_is_planned_one_step_ahead():
    source = Stepper(lambda t, q: q + 0.1 if t < 1 else None)
    times = np.array([0.1, 0.14, 0.18])
    np.testing.assert_allclose(source.plan(times, ZERO)[:, 0], [0.0, 0.1, 0.1], atol=1e-6)
    np.testing.assert_allclose(source.plan(times + 0.04, ZERO)[:, 0], [0.1, 0.2, 0.2], atol=1e-6)
    assert source.plan(times + 2, ZERO) is None


@pytest.mark.parametrize("answer", [np.zeros(5), np.full(6, np.nan), 3.0])
def test_a_function_that_answers_nonsense_is_stopped(answer):
    with pytest.raises(MotoriumError, match="the arm has"):
        Stepper(lambda _t, _q: answer).plan(np.array([0.0]), ZERO)


def test_jogging_keeps_speed_and_limits():
    push = [1.0, -1.0, 0.0, 0.0, float("nan"), 5.0]
    jog = Jog(SPEC, lambda: push, speed_share=0.5)
    q = jog.plan(np.array([0.0]), ZERO)[0]
    for step in range(1, 300):
        before, q = q, jog.plan(np.array([0.04 * step]), q)[0]
        assert np.abs(q - before).max() <= 0.04 * 0.5 * 4.0 + 1e-5
    np.testing.assert_allclose(q[:2], [SPEC.joints[0].upper_rad, SPEC.joints[1].lower_rad], atol=1e-5)
    assert q[2] == q[4] == 0.0


class Typed:
    """What the control thread hands on of a terminal."""

    present, stopped = True, False

    def __init__(self) -> None:
        self.waiting = ""

    def presses(self) -> list[KeyPress]:
        typed, self.waiting = self.waiting, ""
        return [KeyPress(0, key) for key in typed]


def test_keys_jog_and_are_held_for_a_moment():
    typed = Typed()
    operator = Operator(-1, keys=TELEOP_KEYS)
    operator.terminal = typed
    operator.poll()
    assert not operator.held("q")
    typed.waiting = "qz"
    operator.poll()
    assert operator.held("q")
    assert list(jog(operator, 7)) == [1, 0, 0, 0, 0, 0, 0]
    typed.waiting = "a"
    operator.poll()
    assert jog(operator, 1) == [0.0]  # both at once
    typed.waiting = "p"
    assert not operator.stopped()
    assert not operator.engaged()
    typed.waiting = "p" + END
    operator.poll()
    assert operator.engaged()
    assert operator.ended()


def test_keys_need_a_terminal():
    with pytest.raises(MotoriumError, match="need a terminal"), Path(os.devnull).open() as file:
        run(lambda: pytest.fail("the arm was opened"), Request(source="keys"), Operator(file.fileno()))


class Pad:
    """What pygame shows of a gamepad."""

    def __init__(self) -> None:
        self.axes, self.buttons, self.hats, self.there = [0.0] * 6, [0] * 8, [(-1, 0)], True

    def get_axis(self, number):
        return self.axes[number]

    def get_button(self, number):
        return self.buttons[number]

    def get_numaxes(self):
        return len(self.axes)

    def get_numbuttons(self):
        return len(self.buttons)

    def get_numhats(self):
        return len(self.hats)

    def get_hat(self, number):
        return self.hats[number]

    def get_init(self):
        return self.there


@pytest.fixture
def pad(monkeypatch):
    pad = Pad()
    fake = types.ModuleType("pygame")
    fake.init = lambda: None
    fake.event = types.SimpleNamespace(pump=lambda: None)
    fake.joystick = types.SimpleNamespace(
        init=lambda: None, quit=lambda: None, get_count=lambda: 1, Joystick=lambda _n: pad
    )
    monkeypatch.setitem(sys.modules, "pygame", fake)
    return pad


def test_a_gamepad_moves_nothing_without_its_dead_man_button(pad):
    gamepad = Gamepad(6)
    pad.axes[0] = 1.0
    assert list(gamepad.read()) == [0.0] * 6
    pad.buttons[DEAD_MAN] = 1
    assert gamepad.read()[0] == pytest.approx(1.0)
    pad.axes[0] = -0.05  # within the dead zone
    pad.buttons[OPEN] = 1
    assert list(gamepad.read()) == pytest.approx([0, 0, 0, 0, -1, 1])
    pad.buttons[CLOSE] = 1
    assert gamepad.read()[5] == 0.0
    pad.buttons[STOP] = 1
    assert list(gamepad.read()) == [0.0] * 6
    assert gamepad.stopped


def test_a_gamepad_that_went_away_stops_the_arm(pad):
    gamepad = Gamepad(6)
    pad.there = False
    gamepad.read()
    assert gamepad.stopped
    with pytest.raises(MotoriumError, match="no gamepad 3: 1 found"):
        Gamepad(6, 3)
