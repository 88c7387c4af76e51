"""Closed and full streams, homes that cannot be written or are not there: said before a servo is changed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from motorium._core import ServoEmulator
from motorium.cli._verb import Verb, json_option
from motorium.cli.main import main
from motorium.errors import StorageError
from motorium.files import check_writable, config_home
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
OFFSET = slice(31, 33)


@pytest.fixture
def arm() -> Iterator[ServoEmulator]:
    """A limp arm that somebody moves from stop to stop, across the seam of every encoder."""
    emulator = ServoEmulator([joint.id for joint in SPEC.joints])
    half = np.array([(joint.upper_rad - joint.lower_rad) / 2 for joint in SPEC.joints]) * 4096 / (2 * np.pi)
    over = threading.Event()

    def move() -> None:
        phase = 0.0
        while not over.wait(0.005):
            phase += 0.02
            ticks = np.rint(3500 + half * np.sin(phase)).astype(np.int32) % 4096
            emulator.update(ticks, np.zeros(6, np.int32), np.zeros(6, np.int32))

    thread = threading.Thread(target=move, daemon=True)
    thread.start()
    yield emulator
    over.set()
    thread.join()
    emulator.close()


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line as a person types it; `motorium` is this Python's."""
    command = f'motorium() {{ "{sys.executable}" -m motorium "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("words", ["--help", "--version", "run --help"])
def test_help_that_nobody_can_read_is_one_line_too(words: str) -> None:
    done = shell(f"motorium {words} > /dev/full")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "standard output is full" in done.stderr


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        (">&-", "standard output is closed"),
        ("> /dev/full", "standard output is full"),
        ("1< /dev/null", "standard output is open for reading only"),
        ("2> /dev/full", "standard error is full"),
        ("<&- 2>&-", "standard error is closed"),
    ],
)
def test_output_that_nobody_can_read_is_refused_before_the_arm_is_touched(
    arm: ServoEmulator, tmp_path: Path, streams: str, said: str
) -> None:
    before = [arm.registers(joint.id) for joint in SPEC.joints]
    done = shell(f"motorium calibrate so101 --port {arm.port} --yes {streams}", XDG_CONFIG_HOME=str(tmp_path))
    assert done.returncode == 2
    text = done.stderr + done.stdout
    assert said in text
    assert "/dev/null" in text
    assert "Traceback" not in text
    assert [arm.registers(joint.id)[5:40] for joint in SPEC.joints] == [each[5:40] for each in before]


def test_a_pipe_that_nobody_reads_is_known_at_the_start(tmp_path: Path) -> None:
    done = shell("(sleep 0.5; motorium robots; echo code $? >&2) | true", XDG_CONFIG_HOME=str(tmp_path))
    assert "pipe that nobody reads" in done.stderr
    assert "code 2" in done.stderr


def test_a_closed_stdin_is_an_empty_one(tmp_path: Path) -> None:
    """The arm goes limp and is followed, as with nobody at the keyboard; it is not moved here, and that is the end."""
    with contextlib.closing(ServoEmulator([joint.id for joint in SPEC.joints])) as still:
        still.update(np.full(6, 2048, np.int32), np.zeros(6, np.int32), np.zeros(6, np.int32))
        done = shell(
            f"motorium calibrate so101 --port {still.port} --limit 1 --json <&-",
            XDG_CONFIG_HOME=str(tmp_path),
        )
    assert done.returncode == 2
    assert "gripper moved 0.00 rad" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_file_never_takes_the_number_of_a_closed_stream() -> None:
    """A servo bus that is descriptor 2 would hear every warning of every library."""
    code = (
        "import os, sys; os.close(0); os.close(2)\n"
        "from motorium.files import reserve_standard_descriptors as reserve\n"
        "reserve(); number = os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY); print(number)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 3


@pytest.mark.parametrize("home", ["/dev/null", "/proc/1/nowhere"])
def test_an_unwritable_home_is_met_before_the_sweep(arm: ServoEmulator, home: str) -> None:
    offsets = [arm.registers(joint.id)[OFFSET] for joint in SPEC.joints]
    done = shell(
        f"unset XDG_CONFIG_HOME; HOME={home} motorium calibrate so101 --port {arm.port} --yes --limit 9"
    )
    assert done.returncode == 2
    assert f"the calibration could not be written to {home}/.config/motorium/calibration" in done.stderr
    assert [arm.registers(joint.id)[OFFSET] for joint in SPEC.joints] == offsets


@pytest.mark.parametrize("name", ["x" * 300, "../arm", "a/b", "nominal", "arm.json", "left=arm"])
def test_a_name_that_would_not_be_found_again_is_met_before_the_sweep(name: str, tmp_path: Path) -> None:
    done = CliRunner(env={"XDG_CONFIG_HOME": str(tmp_path)}).invoke(
        main, ["calibrate", "so101", "--port", "/dev/null", "--yes", "--name", name]
    )
    assert done.exit_code == 2
    assert "is not a name for a calibration" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_so_is_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "motorium" / "calibration" / "so101.json").mkdir(parents=True)
    done = CliRunner(env={"XDG_CONFIG_HOME": str(tmp_path)}).invoke(
        main, ["calibrate", "so101", "--port", "/dev/null", "--yes"]
    )
    assert (done.exit_code, "there is a folder of that name" in done.stderr) == (2, True)


def test_a_camera_is_not_opened_for_a_binding_that_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "config"
    blocked.write_text("a file")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(blocked))
    result = CliRunner().invoke(main, ["cameras", "bind", "front", "1-1.2", "--robot", "so101"])
    assert result.exit_code == 2
    assert "the binding could not be written" in result.stderr


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(StorageError, match=r"HOME is not set.*XDG_CONFIG_HOME"):
        config_home()
    result = CliRunner().invoke(main, ["calibrate", "so101", "--port", "/dev/null", "--yes"])
    assert (result.exit_code, "XDG_CONFIG_HOME" in result.stderr) == (2, True)
    monkeypatch.setenv("HOME", "")
    with pytest.raises(StorageError):
        config_home()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_home() == tmp_path / ".config" / "motorium"


def test_asking_leaves_nothing_behind(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder", "the report")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(StorageError, match="the report could not be written"):
        check_writable(tmp_path / "link" / "folder", "the report")


def test_a_disk_that_fills_meanwhile_is_one_line_too() -> None:
    import click

    @click.command(cls=Verb)
    @json_option
    def command(**_: object) -> None:
        """Fail."""
        raise OSError(28, "No space left on device", "/data/report.json")

    result = CliRunner().invoke(command, [])
    assert result.exit_code == 2
    assert result.stderr == "error: /data/report.json: No space left on device\n"


WRITES = {
    "demo": ["--episodes", "1", "--out", "{blocked}/x"],
    "record": ["sim:so101", "--leader", "script", "--dataset", "{blocked}/x"],
    "train": ["--data", ".", "--out", "{blocked}/x"],
    "hands": ["absent.npz", "--out", "{blocked}/x.npz"],
    "teleop": ["sim:so101", "--source", "script", "--events", "{blocked}/x.jsonl"],
}


@pytest.mark.parametrize("verb", WRITES)
def test_every_verb_that_writes_knows_it_at_the_start(tmp_path: Path, verb: str) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    arguments = [text.format(blocked=blocked) for text in WRITES[verb]]
    result = CliRunner().invoke(main, [verb, *arguments])
    assert result.exit_code == 2
    assert "could not be written to" in result.stderr
    assert "Not a directory" in result.stderr
