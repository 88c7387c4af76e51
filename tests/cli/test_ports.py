"""`motorium ports`: stable names and the right to open them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import serial.tools.list_ports

from motorium.motors.ports import list_ports, permission_advice


@pytest.fixture
def adapter(tmp_path, monkeypatch):
    """A machine with one USB adapter, known to udev by its serial number, and one empty built-in slot."""
    tty = tmp_path / "ttyACM0"
    tty.touch()
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    (by_id / "usb-QinHeng_58CD177682-if00").symlink_to(tty)
    ports = [
        SimpleNamespace(device=str(tty), serial_number="58CD177682", manufacturer="QinHeng", product="USB Serial",
                        description="", hwid="USB VID:PID=1A86:55D3"),
        SimpleNamespace(device="ttyS0", serial_number=None, manufacturer=None, product=None, description="ttyS0",
                        hwid="n/a"),
    ]  # fmt: skip
    monkeypatch.setattr(serial.tools.list_ports, "comports", lambda: ports)
    return tty, by_id


def test_ports_are_named_by_their_serial_number(adapter):
    tty, by_id = adapter
    (port,) = list_ports(by_id)
    assert port.device == str(by_id / "usb-QinHeng_58CD177682-if00")
    assert port.tty == str(tty)
    assert port.serial_number == "58CD177682"
    assert port.title == "QinHeng USB Serial"
    assert port.usable
    assert port.advice == ""


def test_without_udev_the_kernel_name_is_used(adapter, tmp_path):
    tty, _ = adapter
    (port,) = list_ports(tmp_path / "absent")
    assert port.device == str(tty)


def test_a_port_of_another_group_says_which_group_to_join(adapter, monkeypatch):
    tty, by_id = adapter
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "usermod -aG" in permission_advice(str(tty))
    (port,) = list_ports(by_id)
    assert not port.usable


def test_a_port_that_went_away_is_said_so(monkeypatch, tmp_path):
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "cannot be opened" in permission_advice(str(tmp_path / "gone"))


@pytest.mark.usefixtures("adapter")
def test_command_prints_ports_or_what_to_look_at(call, monkeypatch):
    shown = call("ports").output
    assert "58CD177682" in shown
    assert json.loads(call("ports", "--json").output)["ports"][0]["serial_number"] == "58CD177682"
    monkeypatch.setattr(serial.tools.list_ports, "comports", list)
    assert "USB cable" in call("ports").output
