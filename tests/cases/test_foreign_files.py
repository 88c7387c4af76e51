"""Files that others made: what nobody means is refused with its cause, and no claim costs time or memory."""

from __future__ import annotations

import os
import random
import socket
import time
from pathlib import Path

import hostile_files
import pytest

from motorium import foreign, units
from motorium.errors import CheckpointError, DataError, SpecError
from motorium.specs.robot import DATA, RobotSpec
from motorium.specs.servo import MotorSpec

SO101 = (DATA / "so101.toml").read_text(encoding="utf-8")

JSON = {
    "deep": ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
    "deep, but not for Python": ('{"a":' * 100 + "1" + "}" * 100, "nested too deeply"),
    "a huge integer": ("9" * 5000, "5000 digits"),
    "just beyond 64 bits": ("18446744073709551616", "beyond 64 bits"),
    "infinity": ("[1e999]", "finite"),
    "NaN": ("[NaN]", "NaN is not a JSON number"),
    "half a letter": ('["\\ud800"]', "not Unicode text"),
    "half a letter as a key": ('{"\\udfff": 1}', "not Unicode text"),
    "cut off": ('{"a": ', "Expecting value"),
}


@pytest.mark.parametrize("what", JSON)
def test_json_that_nobody_means(tmp_path, what):
    text, words = JSON[what]
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        foreign.read_json(path, 1 << 20, error=DataError)


TOML = {
    "deep": ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
    "deep tables": ("[" + ".".join(["a"] * 65) + "]", "a key of more than 64 parts|nested too deeply"),
    "a key of a hundred thousand parts": (".".join(["a"] * 100_000) + " = 1", "a key of more than 64 parts"),
    "a huge integer": (f"a = {'9' * 60}", "beyond 64 bits"),
    "infinity": ("a = -inf", "finite"),
    "nan": ("a = [nan]", "finite"),
    "no UTF-8": ("a = '\udcff'", "no.* UTF-8"),
}


@pytest.mark.parametrize("what", TOML)
def test_toml_that_nobody_means(tmp_path, what):
    text, words = TOML[what]
    path = tmp_path / "a.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SpecError, match=words):
        foreign.read_toml(path, error=SpecError)


def test_toml_of_people_is_read(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(
        "# " + "." * 200 + '\n[a.b]\n"x.y" = "' + "1." * 100 + '"\nz = 1e300\n', encoding="utf-8-sig"
    )
    assert foreign.read_toml(path, error=SpecError) == {"a": {"b": {"x.y": "1." * 100, "z": 1e300}}}


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


KINDS = {
    "FIFO": (_fifo, "is a FIFO"),
    "socket": (_socket, "a socket|No such device"),
    "folder": (Path.mkdir, "is a folder"),
    "endless": (lambda path: path.symlink_to("/dev/zero"), "is a device|links out of its folder"),
    "a terabyte of nothing": (_sparse, "larger than"),
    "loop of links": (lambda path: path.symlink_to(path.name), "cannot read"),
    "link to nothing": (lambda path: path.symlink_to("nothing"), "cannot read"),
}


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_ends_at_once(tmp_path, kind, inside):
    make, words = KINDS[kind]
    make(tmp_path / "config.json")
    with pytest.raises(CheckpointError, match=words):
        foreign.read_bytes(
            tmp_path / "config.json", 1 << 20, error=CheckpointError, inside=tmp_path if inside else None
        )


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path):
    """Files of /proc say that they have no bytes, and have some."""
    link = tmp_path / "maps"
    link.symlink_to("/proc/self/maps")
    with pytest.raises(DataError, match="larger than the 100 bytes"):
        foreign.read_bytes(link, 100, error=DataError)


SILLY = {
    "max_velocity_rad_s = 3.0": ("max_velocity_rad_s = 1e30", "max_velocity_rad_s: 1e.30 is outside 0..1000"),
    "max_acceleration_rad_s2 = 80.0": ("max_acceleration_rad_s2 = inf", "finite"),
    "rate_hz = 200.0": ("rate_hz = 1e9", "rate_hz: 1e.09 is outside"),
    "baud = 1_000_000": ("baud = 99999999999999999999", "beyond 64 bits"),
    "trip_after = 20": ("trip_after = 9223372036854775807", "trip_after: 9.22337e.18 is outside"),
    "width = 96": ("width = 1000000", "width: 1e.06 is outside 1..8192"),
}


@pytest.mark.parametrize("sane", SILLY)
def test_a_robot_beyond_what_robots_can_be_is_refused(tmp_path, sane):
    silly, words = SILLY[sane]
    assert sane in SO101
    path = tmp_path / "fast.toml"
    path.write_text(SO101.replace(sane, silly, 1), encoding="utf-8")
    with pytest.raises(SpecError, match=words):
        RobotSpec.load(path)


def test_every_number_of_a_robot_is_bounded(tmp_path):
    """Whatever number of the file becomes 1e30, or a huge integer: refused, by its range or by an older rule."""
    lines = SO101.splitlines()
    path, changed = tmp_path / "r.toml", set()
    for place, line in enumerate(lines):
        key, equals, value = line.partition(" = ")
        plain = value.strip()
        if (
            not equals
            or not key.isidentifier()
            or key in changed
            or not plain.replace(".", "").replace("-", "").isdigit()
        ):
            continue
        silly = "1e30" if "." in plain else "1000000000000000"
        path.write_text("\n".join([*lines[:place], f"{key} = {silly}", *lines[place + 1 :]]))
        with pytest.raises(SpecError):
            RobotSpec.load(path)
        changed.add(key)
    assert len(changed) > 25


def test_a_servo_beyond_what_servos_can_be_is_refused(tmp_path):
    from motorium.specs.servo import DATA as SERVOS

    text = (SERVOS / "sts3215.toml").read_text(encoding="utf-8")
    assert "stall_torque_nm" in text
    path = tmp_path / "s.toml"
    path.write_text(
        "\n".join("stall_torque_nm = 1e300" if "stall_torque_nm" in t else t for t in text.splitlines())
    )
    with pytest.raises(SpecError, match=r"stall_torque_nm: 1e\+300 is outside"):
        MotorSpec.load(path)


def test_ranges_are_found_by_the_longest_unit():
    assert not units.range_problem("max_velocity_rad_s", 999.0)
    assert "1000" in units.range_problem("max_velocity_rad_s", 1001.0)
    assert not units.range_problem("lower_rad", -9.0)
    assert units.range_problem("max_jerk_rad_s3", -1.0)
    assert units.range_problem("anything", float("nan"))


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("../servo.toml", "lies outside the folder"),
        ("{}/servo.toml", "lies outside the folder"),
        ("linked.toml", "links out of its folder"),
    ],
)
def test_a_motor_table_lies_beside_the_robots_file(tmp_path, named, told):
    folder = tmp_path / "robot"
    folder.mkdir()
    text = SO101.replace('motor = "sts3215"', f'motor = "{named.format(tmp_path)}"', 1)
    assert text != SO101
    (folder / "r.toml").write_text(text, encoding="utf-8")
    (tmp_path / "servo.toml").write_text("secret = 1\n")
    (folder / "linked.toml").symlink_to(tmp_path / "servo.toml")
    with pytest.raises(SpecError, match=told):
        RobotSpec.load(folder / "r.toml")


def test_damaged_toml_is_refused_or_sound(tmp_path):
    source = random.Random(11)
    path = tmp_path / "r.toml"
    refused = 0
    for _ in range(hostile_files.runs(80)):
        path.write_bytes(hostile_files.mutate_text(SO101, source))
        try:
            RobotSpec.load(path)
        except SpecError:
            refused += 1
    assert refused > 40


def test_json_of_many_small_things_costs_little_time():
    """A key twice at the end of a hundred thousand: told in the time of reading them, not in its square."""
    text = "{" + "".join(f'"k{i}":0,' for i in range(100_000)) + '"k99999":1}'
    begin = time.process_time()
    with pytest.raises(ValueError, match="'k99999' appears twice"):
        foreign.parse_json(text, unique=True)
    many = time.process_time() - begin
    begin = time.process_time()
    with pytest.raises(ValueError, match="'k999' appears twice"):
        foreign.parse_json("{" + "".join(f'"k{i}":0,' for i in range(1000)) + '"k999":1}', unique=True)
    few = time.process_time() - begin
    assert many < 100 * max(few, 0.01)
