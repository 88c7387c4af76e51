"""Video files, absent V4L2 devices, RealSense software devices and recordings."""

from __future__ import annotations

import time

import numpy as np
import pytest

from motorium.cameras.modes import Mode
from motorium.errors import CameraError

pytest.importorskip("cv2")
from motorium.cameras.opencv import FileSource, UvcSource


def test_a_file_plays_in_colour_and_loops(video, make_room):
    frames = [make_room(1), make_room(2), make_room(3)]
    source = FileSource(video("clip", frames), paced=False)
    for expected in (*frames, frames[0]):
        shot = source.grab()
        assert np.abs(shot.image.astype(int) - expected).mean() < 6  # JPEG
        assert shot.t_ns is not None
        assert abs(time.monotonic_ns() - shot.t_ns) < 10**9
    source.close()


def test_a_file_that_does_not_loop_ends_as_a_loss(video, make_room):
    source = FileSource(video("clip", [make_room(1)]), loop=False, paced=False)
    source.grab()
    with pytest.raises(CameraError, match="has ended"):
        source.grab()


def test_a_paced_file_keeps_its_rate(video, make_room):
    source = FileSource(video("clip", [make_room(1)] * 3, fps=50))
    source.grab()
    start = time.monotonic()
    for _ in range(5):
        source.grab()
    assert time.monotonic() - start >= 0.07  # five periods of 20 ms, less one of slack and rounding


@pytest.mark.parametrize("content", [b"", b"RIFF....AVI ", b"\x00" * 5000])
def test_what_is_no_video_is_refused(tmp_path, content):
    path = tmp_path / "odd.avi"
    path.write_bytes(content)
    with pytest.raises(CameraError, match="not a video that OpenCV can play"):
        FileSource(path)
    with pytest.raises(CameraError, match="no video file"):
        FileSource(tmp_path / "absent.avi")


def test_a_camera_that_is_not_there_is_named_with_those_that_are(sysfs):
    sysfs.plug(0, "1-1.2", serial="A1")
    with pytest.raises(CameraError, match=r"no camera with serial B2; on this machine: .*serial A1"):
        UvcSource(Mode(), serial="B2", sysfs=sysfs.root)


def test_a_node_that_cannot_be_opened_says_what_to_look_at(sysfs):
    sysfs.plug(977, "1-1.2", serial="A1")  # no such /dev/video977 here
    with pytest.raises(CameraError, match="cannot be opened; another program may use it"):
        UvcSource(Mode(), serial="A1", sysfs=sysfs.root)


@pytest.fixture
def rs():
    try:
        import pyrealsense2
    except ImportError as error:
        pytest.skip(f"pyrealsense2: {error}")
    return pyrealsense2


WIDTH, HEIGHT = 64, 48


class SoftwareCamera:
    """A RealSense that exists in memory: colour and depth of what a test says."""

    def __init__(self, rs) -> None:
        self.rs = rs
        self.device = rs.software_device()
        self.streams = {}
        self.sensors = {}
        kinds = (("colour", rs.stream.color, rs.format.rgb8, 3), ("depth", rs.stream.depth, rs.format.z16, 2))
        for uid, (name, stream, layout, size) in enumerate(kinds):
            sensor = self.device.add_sensor(name)
            video = rs.video_stream()
            video.type, video.index, video.uid, video.width, video.height = stream, 0, uid, WIDTH, HEIGHT
            video.fps, video.bpp, video.fmt = 30, size, layout
            video.intrinsics = self._intrinsics()
            self.streams[name] = sensor.add_video_stream(video).as_video_stream_profile()
            if name == "depth":
                sensor.add_read_only_option(rs.option.depth_units, 0.001)
            self.sensors[name] = sensor

    def _intrinsics(self):
        i = self.rs.intrinsics()
        i.width, i.height, i.ppx, i.ppy, i.fx, i.fy = WIDTH, HEIGHT, WIDTH / 2, HEIGHT / 2, 60, 60
        i.model, i.coeffs = self.rs.distortion.none, [0.0] * 5
        return i

    def shoot(self, number: int, image: np.ndarray, depth: np.ndarray) -> None:
        for name, pixels in (("colour", image), ("depth", depth)):
            frame = self.rs.software_video_frame()
            frame.pixels, frame.stride, frame.bpp = pixels, pixels.strides[0], pixels.strides[1]
            frame.timestamp, frame.domain = 1000.0 * number / 30, self.rs.timestamp_domain.hardware_clock
            frame.frame_number, frame.profile = number, self.streams[name]
            self.sensors[name].on_video_frame(frame)


def test_colour_and_depth_of_a_software_device(rs, make_room):
    from motorium.cameras.realsense import shot_of

    camera, syncer = SoftwareCamera(rs), rs.syncer()
    for sensor, profile in zip(camera.sensors.values(), camera.streams.values(), strict=True):
        sensor.open(profile)
        sensor.start(syncer)
    image, depth = make_room(5, HEIGHT, WIDTH), np.full((HEIGHT, WIDTH), 640, np.uint16)
    for number in range(1, 20):
        camera.shoot(number, image, depth)
        frames = syncer.wait_for_frames(2000)
        if frames.size() == 2:
            break
    shot = shot_of(rs, frames, 0.001)
    np.testing.assert_array_equal(shot.image, image)
    np.testing.assert_array_equal(shot.depth, depth)
    assert shot.t_ns is None  # a hardware clock of its own: the arrival counts


def test_a_recording_plays_until_it_ends(rs, make_room, tmp_path):
    from motorium.cameras.realsense import RealSenseSource

    path = tmp_path / "clip.db3"
    camera = SoftwareCamera(rs)
    recorder = rs.recorder(str(path), camera.device)
    syncer = rs.syncer()
    for sensor, profile in zip(recorder.query_sensors(), camera.streams.values(), strict=True):
        sensor.open(profile)
        sensor.start(syncer)
    depth = np.full((HEIGHT, WIDTH), 640, np.uint16)
    images = [make_room(seed, HEIGHT, WIDTH) for seed in range(10)]
    for number, image in enumerate(images, 1):
        camera.shoot(number, image, depth)
        time.sleep(0.01)
    for sensor in recorder.query_sensors():
        sensor.stop()
        sensor.close()
    del recorder, sensor
    source = RealSenseSource(Mode(), file=path)
    shot = source.grab()
    assert shot.image.shape == (HEIGHT, WIDTH, 3)
    assert min(np.abs(shot.image.astype(int) - image).mean() for image in images) < 1
    assert shot.depth is not None
    assert shot.depth_unit_m == pytest.approx(0.001)
    source.close()


@pytest.mark.usefixtures("rs")
def test_a_realsense_that_is_not_there(tmp_path):
    from motorium.cameras.realsense import RealSenseSource, list_realsense

    assert isinstance(list_realsense(), list)
    with pytest.raises(CameraError, match="no RealSense 000; on this machine:"):
        RealSenseSource(Mode(), serial="000")
    with pytest.raises(CameraError, match="no recording"):
        RealSenseSource(Mode(), file=tmp_path / "absent.db3")
