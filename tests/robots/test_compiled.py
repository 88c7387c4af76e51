"""The compiled robot: what Python writes is read back the same, and every way in which it can be wrong is named."""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from virtual_arm import VirtualArm
from waiting import wait

from motorium import _core
from motorium._core import FileProblem, read_robot
from motorium.errors import SpecError
from motorium.robots.calibration import Calibration
from motorium.robots.compiled import read_compiled, write_compiled
from motorium.robots.config import robot_config
from motorium.specs.robot import RobotSpec, names, pairs

HEADER, ENTRY = 64, 24
SPEC = RobotSpec.load("so101")
WHOLE = robot_config(SPEC).to_bytes()
FIRST_SIZES = {
    b"ROBT": 135, b"JNTS": 177, b"BUSS": 41, b"SRVO": 34, b"SETT": 47, b"TRAT": 8, b"LATY": 16, b"CAMS": 28,
    b"TEXT": 1,
}  # fmt: skip
"""Records of version 1, which every later version reads: fields are appended, never inserted."""


def sealed(data: bytes | bytearray) -> bytes:
    """The same with size, hash and CRC computed anew."""
    out = bytearray(data)
    out[12:16] = struct.pack("<I", len(out))
    out[28:60] = hashlib.sha256(out[HEADER:]).digest()
    out[60:64] = struct.pack("<I", zlib.crc32(out[HEADER:], zlib.crc32(out[:60])))
    return bytes(out)


def entries(data: bytes) -> dict[bytes, tuple[int, int, int, int]]:
    """Tag -> place of its entry, offset, record size, records."""
    table = {}
    for i in range(struct.unpack_from("<I", data, 16)[0]):
        at = HEADER + i * ENTRY
        tag, _, offset, size, count, _ = struct.unpack_from("<4s5I", data, at)
        table[tag] = (at, offset, size, count)
    return table


def changed(at: int, new: bytes, data: bytes = WHOLE) -> bytes:
    out = bytearray(data)
    out[at : at + len(new)] = new
    return sealed(out)


def in_record(tag: bytes, field: int, new: bytes, record: int = 0) -> bytes:
    """A field of a record, given by the place of its first byte, changed."""
    _, offset, size, _ = entries(WHOLE)[tag]
    return changed(offset + record * size + field, new)


def with_section(tag: bytes, flags: int, payload: bytes = b"extra") -> bytes:
    """One more section behind the others."""
    count = struct.unpack_from("<I", WHOLE, 16)[0]
    table, rest = WHOLE[HEADER : HEADER + count * ENTRY], WHOLE[HEADER + count * ENTRY :]
    moved = bytearray(table)
    for i in range(count):
        offset = struct.unpack_from("<I", moved, i * ENTRY + 8)[0]
        moved[i * ENTRY + 8 : i * ENTRY + 12] = struct.pack("<I", offset + ENTRY)
    body = rest + bytes(-len(rest) % 8)
    at = HEADER + (count + 1) * ENTRY + len(body)
    entry = struct.pack("<4s5I", tag, flags, at, 1, len(payload), 0)
    header = WHOLE[:16] + struct.pack("<I", count + 1) + WHOLE[20:HEADER]
    return sealed(header + moved + entry + body + payload)


@pytest.mark.parametrize("name", [*names(), *pairs()])
def test_what_is_written_is_read_back_the_same(name, tmp_path):
    spec = RobotSpec.load(name)
    config, path = robot_config(spec), tmp_path / "arm.robot"
    assert write_compiled(path, config) == path.stat().st_size < 1 << 20
    again = read_compiled(path)
    assert again.to_bytes() == path.read_bytes() == config.to_bytes()
    assert (
        again.content_hash() == config.content_hash() == hashlib.sha256(path.read_bytes()[HEADER:]).digest()
    )
    assert [joint.name for joint in again.joints] == list(spec.joint_names)
    assert [bus.side for bus in again.buses] == [arm.side for arm in spec.arms] or [""]
    servos = [servo for bus in again.buses for servo in bus.joints]
    assert [servo.id for servo in servos] == [joint.id for joint in spec.joints]
    np.testing.assert_array_equal(again.control.lower_rad, np.float32([j.lower_rad for j in spec.joints]))


def test_every_fact_of_a_robot_is_in_its_hash():
    """A robot and a calibration that differ in one number, or one text, are other files."""
    first = SPEC.joints[0]
    zeros = Calibration.nominal(SPEC)
    moved = {**zeros.joints, first.name: replace(zeros.joints[first.name], zero_ticks=2047.5)}
    others = [
        robot_config(SPEC, replace(zeros, joints=moved)),
        robot_config(SPEC, exit="hold"),
        robot_config(SPEC, cpu=1),
        robot_config(SPEC, arrival_tolerance_rad=[np.inf] * 6),
        robot_config(replace(SPEC, joints=(replace(first, home_rad=0.125), *SPEC.joints[1:]))),
        robot_config(replace(SPEC, joints=(replace(first, settings=(("p_gain", 17),)), *SPEC.joints[1:]))),
        robot_config(replace(SPEC, latency=None)),
        robot_config(replace(SPEC, cameras=SPEC.cameras[:1])),
    ]
    hashes = {config.content_hash() for config in others} | {robot_config(SPEC).content_hash()}
    assert len(hashes) == len(others) + 1
    for config in others:
        assert read_robot(config.to_bytes()).config.to_bytes() == config.to_bytes()


def test_records_have_the_fields_of_version_1_and_what_was_appended():
    table = entries(WHOLE)
    assert list(table) == list(FIRST_SIZES)
    assert {tag: size for tag, (_, _, size, _) in table.items()} == {**FIRST_SIZES, b"JNTS": 179}


@pytest.mark.parametrize("name", ["so101", "koch_follower"])
def test_what_a_status_bit_means_is_not_read_from_its_label(name):
    """Whatever a servo's file calls its faults, an overload lets torque pass and a lost torque is told as such."""
    config = robot_config(RobotSpec.load(name))
    joint = config.joints[0]
    named = {label: 1 << bit for bit, label in enumerate(joint.fault_names) if label}
    assert joint.forbids_torque == sum(named.values()) - named["overload"]
    assert joint.torque_lost == named.get("torque lost", 0)
    joint.fault_names = ["overload"] * 8
    config.joints = [joint, *config.joints[1:]]
    again = read_robot(config.to_bytes()).config.joints[0]
    assert (again.forbids_torque, again.torque_lost) == (joint.forbids_torque, joint.torque_lost)
    for bit in range(8):
        found = _core.self_check(
            [again], [0.0], [(joint.min_supply_v + joint.max_supply_v) / 2], [30.0], [1 << bit]
        )
        assert [p.cause for p in found] == [_core.Cause.SERVO_FAULT] * (joint.forbids_torque >> bit & 1)


WRONG = {
    "TOO_SHORT": WHOLE[:63],
    "NOT_A_ROBOT": b"PK" + WHOLE[2:],
    "NEWER_VERSION": changed(8, struct.pack("<I", 2)),
    "WRONG_SIZE": WHOLE + b"\0",
    "WRONG_CRC": WHOLE[:-1] + bytes([WHOLE[-1] ^ 1]),
    "WRONG_HASH": None,  # made below: the CRC mended, the hash not
    "BAD_SECTION_TABLE": changed(entries(WHOLE)[b"SETT"][0] + 8, struct.pack("<I", 8)),
    "UNKNOWN_SECTION": with_section(b"NEWS", 0),
    "REPEATED_SECTION": with_section(b"TEXT", 0),
    "MISSING_SECTION": changed(entries(WHOLE)[b"CAMS"][0], b"NEWS\1"),
    "BAD_RECORD_SIZE": changed(entries(WHOLE)[b"CAMS"][0] + 12, struct.pack("<2I", 14, 4)),
    "BAD_RECORD_COUNT": in_record(b"BUSS", 29, struct.pack("<I", 5)),
    "BAD_PADDING": changed(20, b"\1"),
    "BAD_TEXT": in_record(b"JNTS", 0, struct.pack("<I", 9999)),
    "BAD_VALUE": in_record(b"SRVO", 33, b"\2"),
    "CONTRADICTION": in_record(b"JNTS", 4, struct.pack("<I", 18)),  # the gripper's slot
}
_mended = bytearray(WHOLE[:-1] + bytes([WHOLE[-1] ^ 1]))
_mended[60:64] = struct.pack("<I", zlib.crc32(_mended[HEADER:], zlib.crc32(_mended[:60])))
WRONG["WRONG_HASH"] = bytes(_mended)


def test_each_way_to_be_wrong_has_its_case():
    assert set(WRONG) == set(FileProblem.__members__) - {"NONE"}
    assert sealed(WHOLE) == WHOLE


@pytest.mark.parametrize("problem", WRONG)
def test_a_wrong_file_is_refused_by_name(problem, tmp_path):
    reading = read_robot(WRONG[problem])
    assert reading.problem == FileProblem.__members__[problem]
    assert reading.config.name == ""
    assert reading.config.joints == []
    path = tmp_path / "arm.robot"
    path.write_bytes(WRONG[problem])
    with pytest.raises(SpecError, match=r"arm\.robot: \w.*compile it again"):
        read_compiled(path)


@pytest.mark.parametrize("text", [b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"a\0b"])
def test_texts_are_utf8(text):
    at = WHOLE.index(b"shoulder_pan")
    assert read_robot(changed(at, text)).problem == FileProblem.BAD_TEXT


def test_what_is_not_a_number_is_refused_and_what_is_unbounded_is_not():
    tolerance = 48  # of a joint's record
    assert read_robot(in_record(b"JNTS", tolerance, struct.pack("<f", np.inf))).problem == FileProblem.NONE
    assert (
        read_robot(in_record(b"JNTS", tolerance, struct.pack("<f", np.nan))).problem == FileProblem.BAD_VALUE
    )
    limit = in_record(b"JNTS", 16, struct.pack("<f", np.inf))
    assert read_robot(limit).problem == FileProblem.CONTRADICTION


def test_bytes_changed_behind_a_good_hash_are_refused_or_a_robot():
    """Sizes stay, so that every field is met: what is taken can be written, and is then read back the same."""
    source, met = random.Random(1), Counter()
    for _ in range(4000):
        data = bytearray(WHOLE)
        for _ in range(source.randrange(1, 4)):
            data[source.randrange(HEADER, len(data))] = source.choice(
                (0, 1, 2, 127, 128, 255, source.randrange(256))
            )
        reading = read_robot(sealed(data))
        met[reading.problem.name] += 1
        if reading.problem == FileProblem.NONE:
            again = reading.config.to_bytes()
            assert read_robot(again).config.to_bytes() == again
    assert {"NONE", "BAD_TEXT", "BAD_VALUE", "BAD_SECTION_TABLE", "CONTRADICTION"} <= set(met)


def test_an_optional_section_of_later_versions_is_passed_over():
    reading = read_robot(with_section(b"NEWS", 1))
    assert reading.problem == FileProblem.NONE
    assert reading.config.to_bytes() == WHOLE


@pytest.mark.parametrize(
    ("address", "size", "value", "named"),
    [(40, 1, 1, "torque_enable"), (42, 2, 3000, "goal_position"), (33, 1, 1, "mode")],
)
def test_a_file_moves_no_motor_by_a_setting(address, size, value, named):
    """The hash of a changed file can be mended by anybody: what the drivers refuse is refused when it is read."""
    record = struct.pack("<HBI", address, size, value)
    reading = read_robot(in_record(b"SETT", 4, record))
    assert reading.problem == FileProblem.CONTRADICTION
    assert named in reading.text


@pytest.mark.parametrize(
    "camera",
    [
        {"width": 0},
        {"height": 1 << 20},
        {"fps": -1.0},
        {"fps": float("nan")},
        {"max_age_s": -1.0},
        {"role": "wrist"},
    ],
)
def test_a_camera_that_cannot_be_is_refused(camera):
    front, wrist = SPEC.cameras[:2]
    assert wrist.role == "wrist"
    with pytest.raises(ValueError, match="camera"):
        _core.Robot(robot_config(replace(SPEC, cameras=(replace(front, **camera), wrist))), ["/dev/ttyNONE"])


@pytest.mark.parametrize(
    ("change", "named"),
    [({"health_period_s": float("nan")}, "health_period_s"), ({"health_period_s": -1.0}, "health_period_s")],
)
def test_a_bus_that_cannot_be_is_refused(change, named):
    config = robot_config(SPEC)
    (bus,) = config.buses
    for name, value in change.items():
        setattr(bus, name, value)
    config.buses = [bus]
    with pytest.raises(ValueError, match=named):
        _core.Robot(config, ["/dev/ttyNONE"])


@pytest.mark.parametrize(("address", "size"), [(296, 1), (255, 2)])
def test_a_setting_beyond_a_servos_memory_is_refused(address, size):
    reading = read_robot(in_record(b"SETT", 4, struct.pack("<HBI", address, size, 1)))
    assert reading.problem == FileProblem.CONTRADICTION
    assert str(address) in reading.text


def test_an_arm_runs_from_its_file(tmp_path):
    path = tmp_path / "arm.robot"
    home = np.array([joint.home_rad for joint in SPEC.joints])
    write_compiled(path, robot_config(SPEC, exit="release"))
    with VirtualArm(SPEC, start_rad=home) as arm:
        loop = _core.Robot(read_compiled(path), [arm.emulator.port])
        loop.start()
        assert loop.enable()
        assert loop.move_to(home + 0.1, timeout_s=5.0)
        assert wait(lambda: np.allclose(arm.position_rad, home + 0.1, atol=0.03))
        loop.stop()


def test_a_bus_is_opened_by_the_name_of_its_family():
    known = _core.bus_families()
    assert {"feetech", "dynamixel", "relay"} <= set(known)
    config = robot_config(SPEC)
    (bus,) = config.buses
    for family, refusal in (
        ("steam", f"no bus family 'steam'; known: {', '.join(known)}"),
        ("relay", "vendor's kit"),
    ):
        bus.family, bus.traits = family, {}
        config.buses = [bus]
        with pytest.raises(ValueError, match=refusal):
            _core.Robot(config, ["/dev/ttyNONE"])
    with pytest.raises(ValueError, match="so101 has 1 buses: give a port for each"):
        _core.Robot(robot_config(SPEC), ["/dev/ttyNONE"] * 2)
