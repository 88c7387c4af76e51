"""Roles: kept in a file, checked by picture; the verb that does it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from motorium.cameras import rig as rigs
from motorium.cameras.modes import Mode
from motorium.cameras.png import read_png, write_png
from motorium.cameras.rig import CameraRig
from motorium.cameras.setup import Binding, CameraSetup, picture_path, setup_path
from motorium.cameras.thumbnails import STRANGE, distance, look, thumbnail
from motorium.cli.main import main
from motorium.errors import CameraError


def test_a_png_comes_back_as_it_was_and_is_read_by_others(tmp_path, make_room):
    cv2 = pytest.importorskip("cv2")
    image = make_room(1, 48, 64)
    write_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), image)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a.png"))[:, :, ::-1], image)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_damaged_png_never_becomes_a_picture(data):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.png"
        write_png(path, np.zeros((48, 64, 3), np.uint8))
        raw = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(raw) - 13))  # what follows is the end mark, which carries nothing
        raw[at] ^= data.draw(st.integers(1, 255))
        path.write_bytes(raw)
        with pytest.raises(CameraError):
            read_png(path)


def test_thumbnails_are_area_means_of_any_size():
    flat = np.full((480, 640, 3), (10, 20, 30), np.uint8)
    np.testing.assert_array_equal(thumbnail(flat), np.full((48, 64, 3), (10, 20, 30), np.uint8))
    assert thumbnail(flat[:7, :9]).shape == (48, 64, 3)


def test_light_noise_and_a_moved_arm_stay_below_another_view(make_room):
    rng = np.random.default_rng(0)
    worst, nearest = 0.0, 1.0
    for seed in range(8):
        here = make_room(seed)
        later = np.clip(here * 0.7 + 12 + rng.normal(0, 4, here.shape), 0, 255).astype(np.uint8)
        later[30:90, 40:90] = rng.integers(0, 255, 3, dtype=np.uint8)  # the arm, over a sixth of the picture
        worst = max(worst, distance(thumbnail(here), thumbnail(later)))
        nearest = min(nearest, distance(thumbnail(here), thumbnail(make_room(seed + 100))))
    assert worst < 0.25
    assert nearest > STRANGE


def test_exchanged_cameras_are_told_from_moved_ones(make_room):
    reference = {role: thumbnail(make_room(seed)) for seed, role in enumerate(("front", "wrist", "side"))}
    assert look(reference, reference).good
    crossed = {**reference, "front": reference["wrist"], "wrist": reference["front"]}
    assert look(crossed, reference).swapped == {"front": "wrist", "wrist": "front"}
    turned = {**reference, "side": thumbnail(make_room(77))}
    assert (look(turned, reference).swapped, look(turned, reference).strange) == ({}, ("side",))


def test_the_setup_comes_back_as_it_was():
    setup = CameraSetup("my-arm").bound(
        "front", Binding("uvc", serial="A1", mode=Mode(1280, 720, 15, "MJPG"))
    )
    setup = setup.bound("wrist", Binding("uvc", usb_path="1-1.3", max_age_s=0.2))
    setup.save()
    assert CameraSetup.load("my-arm") == setup
    assert CameraSetup.load("other").cameras == {}


@pytest.mark.parametrize("role", ["", "Front", "../front", "a b", "x" * 40])
def test_roles_are_plain_names(role):
    with pytest.raises(CameraError, match="role"):
        CameraSetup("arm").bound(role, Binding("uvc", serial="A1"))


def test_one_camera_has_one_role():
    setup = CameraSetup("arm").bound("front", Binding("uvc", serial="A1"))
    with pytest.raises(CameraError, match="bound to 'front' already"):
        setup.bound("wrist", Binding("uvc", serial="A1", mode=Mode(320, 240)))


GOOD = {"kind": "uvc", "serial": "A1", "usb_path": "", "path": "", "max_age_s": 0.5}
MODE = {"width": 640, "height": 480, "fps": 30.0, "pixels": "MJPG"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kind": "ftp"}, "kind is 'ftp'"),
        ({"serial": ""}, "does not name a camera"),
        ({"serial": 5}, "must be texts"),
        ({"max_age_s": float("inf")}, "is not a JSON number"),
        ({"max_age_s": -1}, "outside"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"mode": {**MODE, "width": 10**9}}, "1 to 8192"),
        ({"mode": {**MODE, "width": True}}, "1 to 8192"),
        ({"mode": {**MODE, "pixels": "ABCD"}}, "valid choices"),
        ({"mode": {**MODE, "fps": "fast"}}, "not a number"),
        ({"mode": {**MODE, "fps": 0}}, "outside"),
        ({"mode": None}, "not a camera binding"),
    ],
)
def test_a_strange_setup_is_refused(change, complaint):
    path = setup_path("arm")
    path.parent.mkdir(parents=True)
    table = {"format": "motorium-cameras", "version": 1, "robot": "arm"}
    path.write_text(json.dumps({**table, "cameras": {"front": {**GOOD, "mode": MODE, **change}}}))
    with pytest.raises(CameraError, match=complaint):
        CameraSetup.load("arm")


@pytest.mark.parametrize("text", ["", "[", "[" * 100_000, '{"format": "x"}', "\xff"])
def test_a_setup_that_is_no_json_is_refused(text):
    path = setup_path("arm")
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CameraError, match=r"arm\.json"):
        CameraSetup.load("arm")


@pytest.mark.parametrize("robot", ["../arm", "", ".arm", "a/b"])
def test_robot_names_stay_in_their_folder(robot):
    with pytest.raises(CameraError, match="is not a robot name"):
        setup_path(robot)


@pytest.fixture
def two_cameras(video, make_room):
    """front and wrist bound to two films."""
    setup = CameraSetup("arm")
    for seed, role in enumerate(("front", "wrist")):
        setup = rigs.bind(setup, role, Binding("file", path=str(video(role, [make_room(seed)] * 4))))
    return setup


@pytest.mark.usefixtures("two_cameras")
def test_cameras_bound_yesterday_open_today(make_room):
    with CameraRig.open("arm") as rig:
        frames = rig.first_frames()
        assert np.abs(frames["wrist"].image.astype(int) - make_room(1)).mean() < 6
        assert rig.stats()["front"].opened == 1


def test_swapped_cameras_are_refused_and_both_pictures_are_kept(two_cameras):
    front, wrist = two_cameras.cameras["front"], two_cameras.cameras["wrist"]
    swapped = replace(two_cameras, cameras={"front": wrist, "wrist": front})
    swapped.save()
    with pytest.raises(CameraError, match="camera 'front' shows what 'wrist' should") as refusal:
        CameraRig.open("arm")
    seen = read_png(picture_path("arm", "front", "seen"))
    assert distance(seen, read_png(picture_path("arm", "wrist"))) < 0.1
    assert str(picture_path("arm", "front")) in str(refusal.value)


def test_a_missing_camera_is_refused_before_anything_starts(two_cameras, sysfs):
    setup = two_cameras.bound("side", Binding("uvc", serial="A1"))
    with pytest.raises(CameraError, match="no camera with serial A1"):
        CameraRig(setup, sysfs=sysfs.root)


def test_a_bus_that_is_too_small_is_refused_before_anything_starts(sysfs):
    setup = CameraSetup("arm")
    for number, role in ((0, "front"), (2, "wrist")):
        sysfs.plug(number, f"1-1.{number}", serial=role)
        setup = setup.bound(role, Binding("uvc", serial=role, mode=Mode(pixels="YUYV")))
    with pytest.raises(CameraError, match=r"USB bus 1 carries 48\.0 MB/s"):
        CameraRig(setup, sysfs=sysfs.root)


def test_binding_keeps_nothing_of_a_camera_that_does_not_open(tmp_path, monkeypatch):
    monkeypatch.setattr(CameraRig.first_frames, "__defaults__", (0.3,))
    with pytest.raises(CameraError):
        rigs.bind(CameraSetup("arm"), "front", Binding("file", path=str(tmp_path / "absent.avi")))
    assert CameraSetup.load("arm").cameras == {}


def test_the_verb_from_binding_to_check(video, make_room):
    def call(*arguments: str) -> dict:
        result = CliRunner().invoke(main, ["cameras", *arguments, "--json"])
        assert result.exit_code in (0, 2), result.output
        return json.loads(result.stdout.splitlines()[0])  # click 8.1 puts what went to stderr below

    front = str(video("front", [make_room(1)] * 3))
    bound = call("bind", "front", front, "--robot", "arm", "--size", "160x120")
    assert bound["role"] == "front"
    listing = call("list", "--robot", "arm")
    assert "front" in listing["bound"]
    report = call("check", "--robot", "arm", "--seconds", "0.3")
    assert report["cameras"]["front"]["rate_hz"] > 5
    assert report["cameras"]["front"]["distance"] < 0.1
    assert call("bind", "wrist", "nowhere", "--robot", "arm")["error"]["kind"] == "CameraError"
    assert call("check", "--robot", "nobody")["error"]["kind"] == "CameraError"
