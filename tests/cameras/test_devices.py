"""Which camera is which, and whether the bus can carry them."""

from __future__ import annotations

import pytest

from motorium.cameras.devices import find_device, list_devices
from motorium.cameras.find import recognise
from motorium.cameras.modes import Mode, Stream, bus_loads, check_bandwidth
from motorium.errors import CameraError


def test_devices_are_named_by_socket_and_serial(sysfs):
    sysfs.plug(0, "1-1.2", serial="A1")
    sysfs.plug(1, "1-1.2", index="1")  # its metadata
    sysfs.plug(10, "2-3", serial="B2", speed="5000")
    found = list_devices(sysfs.root)
    assert [(d.node, d.usb_path, d.serial, d.bus, d.speed_mbps) for d in found] == [
        ("/dev/video0", "1-1.2", "A1", 1, 480.0),
        ("/dev/video10", "2-3", "B2", 2, 5000.0),
    ]
    assert found[0].vendor == "1bcf:0b09"


def test_no_video_devices_is_an_empty_list(tmp_path):
    assert list_devices(tmp_path) == []


def test_nodes_may_trade_places_but_a_binding_follows_its_camera(sysfs):
    sysfs.plug(0, "1-1.2", serial="A1")
    sysfs.plug(2, "1-1.3", serial="B2")
    before = find_device(list_devices(sysfs.root), serial="B2").node
    sysfs.unplug(0)
    sysfs.unplug(2)
    sysfs.plug(4, "1-1.4", serial="B2")
    assert (before, find_device(list_devices(sysfs.root), serial="B2").node) == ("/dev/video2", "/dev/video4")


def test_a_missing_or_doubled_serial_is_refused_with_what_there_is(sysfs):
    sysfs.plug(0, "1-1.2", serial="SN0001")
    sysfs.plug(2, "1-1.3", serial="SN0001")
    devices = list_devices(sysfs.root)
    with pytest.raises(
        CameraError, match=r"2 cameras with serial SN0001 \(1-1.2, 1-1.3\): bind them by USB path"
    ):
        find_device(devices, serial="SN0001")
    with pytest.raises(
        CameraError, match=r"no camera with serial X9; on this machine: /dev/video0 'USB Camera"
    ):
        find_device(devices, serial="X9")
    assert find_device(devices, serial="SN0001", usb_path="1-1.3").node == "/dev/video2"


def test_names_given_by_the_camera_are_kept_printable_and_short(sysfs):
    sysfs.plug(0, "1-1", serial="\x1b[31mred\x07" + "x" * 100_000)
    serial = list_devices(sysfs.root)[0].serial
    assert serial.startswith("[31mredxxx")
    assert len(serial) < 300


@pytest.mark.parametrize("text", ["A1", "1-1.2", "/dev/video0"])
def test_a_camera_is_bound_by_serial_where_that_is_unique(sysfs, text):
    sysfs.plug(0, "1-1.2", serial="A1")
    assert recognise(text, None, Mode(), sysfs=sysfs.root).serial == "A1"


def test_cameras_with_the_same_serial_are_bound_by_their_socket(sysfs):
    sysfs.plug(0, "1-1.2", serial="SN0001")
    sysfs.plug(2, "1-1.3", serial="SN0001")
    binding = recognise("/dev/video2", None, Mode(), sysfs=sysfs.root)
    assert (binding.serial, binding.usb_path) == ("", "1-1.3")
    with pytest.raises(CameraError, match="bind by USB path"):
        recognise("SN0001", None, Mode(), sysfs=sysfs.root)
    with pytest.raises(CameraError, match="no camera or video file 'nothing'"):
        recognise("nothing", None, Mode(), sysfs=sysfs.root)


@pytest.mark.parametrize("serial", ["SN0001", "200901010001"])
def test_a_placeholder_binds_no_camera_even_where_it_is_the_only_one(sysfs, serial):
    """The next camera of the same series in any socket would be taken for it."""
    sysfs.plug(0, "1-1.2", serial=serial)
    binding = recognise(serial, None, Mode(), sysfs=sysfs.root)
    assert (binding.serial, binding.usb_path) == ("", "1-1.2")


def test_two_raw_streams_do_not_fit_one_usb2_bus_and_two_jpeg_streams_do():
    raw, jpeg = Mode(pixels="YUYV"), Mode(pixels="MJPG")
    with pytest.raises(
        CameraError, match=r"USB bus 1 carries 48.0 MB/s .* would reserve 49.2 MB/s .*front 640x480 YUYV"
    ):
        check_bandwidth([Stream("front", raw, 1, 480), Stream("wrist", raw, 1, 480)])
    loads = check_bandwidth([Stream("front", jpeg, 1, 480), Stream("wrist", jpeg, 1, 480)])
    assert [load.reserved for load in loads] == [2 * 8_192_000]


def test_buses_are_counted_apart_and_speeds_matter():
    raw = Mode(pixels="YUYV")
    assert len(check_bandwidth([Stream("a", raw, 1, 480), Stream("b", raw, 2, 480)])) == 2
    fast = check_bandwidth([Stream(role, raw, 2, 5000) for role in "abcdef"])
    assert fast[0].reserved == pytest.approx(6 * 640 * 480 * 2 * 30)
    with pytest.raises(CameraError, match="USB bus 3"):
        check_bandwidth([Stream("a", raw, 3, 12)])


def test_one_stream_too_fat_for_an_endpoint_does_not_fit():
    (load,) = bus_loads([Stream("a", Mode(1280, 720, 30, "YUYV"), 1, 480)])
    assert not load.fits


def test_unknown_speed_counts_as_usb2():
    assert bus_loads([Stream("a", Mode(), 1, 0)])[0].limit == 48_000_000
