"""Opening a port: what can be wrong is named, what is odd but harmless is tolerated."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import serial

from motorium import _core


def connect(port: str, baud: int = 1_000_000) -> _core.ServiceBus:
    return _core.ServiceBus("feetech", port, baud, reply_margin_us=300_000)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_an_absent_port_is_named(tmp_path):
    path = tmp_path / "ttyACM9"
    with pytest.raises(_core.BusError, match=r"ttyACM9 does not exist: .*motorium ports"):
        _core.ServiceBus("feetech", str(path))


def test_what_is_no_serial_port_is_said(tmp_path):
    plain = tmp_path / "notes.txt"
    plain.touch()
    for path in ("/dev/null", str(plain)):
        with pytest.raises(_core.BusError, match=r"is not a serial port"):
            _core.ServiceBus("feetech", path)


def test_a_directory_is_no_port(tmp_path):
    with pytest.raises(_core.BusError, match=r"cannot be used"):
        _core.ServiceBus("feetech", str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_denied_port_says_which_group(tmp_path):
    path = tmp_path / "tty"
    path.touch(mode=0)
    with pytest.raises(_core.BusError, match=r"usermod -aG dialout"):
        _core.ServiceBus("feetech", str(path))


def test_a_port_is_held_by_one_driver_at_a_time(emulator):
    first = connect(emulator.port)
    with pytest.raises(_core.BusError, match=r"is busy: .*fuser"):
        _core.ServiceBus("feetech", emulator.port)
    assert first.ping(1)
    del first
    assert connect(emulator.port).ping(1)


def test_a_port_held_by_pyserial_is_busy(emulator):
    with (
        serial.Serial(emulator.port, 1_000_000, exclusive=True),
        pytest.raises(_core.BusError, match=r"is busy"),
    ):
        _core.ServiceBus("feetech", emulator.port)


def test_a_port_is_free_again_after_its_holder_was_killed(emulator):
    opened = f"b = _core.ServiceBus('feetech', {emulator.port!r})"
    program = f"from motorium import _core; {opened}; print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(_core.BusError, match=r"is busy"):
            _core.ServiceBus("feetech", emulator.port)
        holder.kill()
    assert connect(emulator.port).ping(1)


@pytest.mark.parametrize("baud", [9600, 115_200, 1_000_000, 1_234_567])
def test_any_baud_rate_is_a_number(emulator, baud):
    assert connect(emulator.port, baud).ping(1)


def test_failing_to_open_leaks_nothing(emulator, tmp_path):
    held = _core.ServiceBus("feetech", emulator.port)
    before = descriptors()
    for path in (emulator.port, str(tmp_path), "/dev/null"):
        with pytest.raises(_core.BusError):
            _core.ServiceBus("feetech", path)
    assert descriptors() == before
    del held
    assert descriptors() == before - 1


def test_the_port_is_not_inherited(emulator):
    bus = connect(emulator.port)
    mine = [
        int(entry.name) for entry in Path("/proc/self/fd").iterdir()
        if entry.exists() and stat.S_ISCHR(entry.stat().st_mode) and entry.resolve() == Path(emulator.port)
    ]  # fmt: skip
    assert mine
    assert all(fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC for fd in mine)
    assert bus.ping(1)
