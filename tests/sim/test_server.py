"""The simulator process from its control channel: any input, one reply a line; it always ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from motorium.errors import SimulationError
from motorium.sim import opengl

COMMAND = [sys.executable, "-m", "motorium.sim.server", "so101", "--seed", "4"]


class Server(subprocess.Popen):
    def __init__(self) -> None:
        super().__init__(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.handshake = json.loads(self.stdout.readline())

    def ask(self, line: bytes) -> dict:
        self.stdin.write(line + b"\n")
        self.stdin.flush()
        return json.loads(self.stdout.readline())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as process:
        yield process
        assert process.ask(b'{"op": "quit", "id": 1}') == {"id": 1, "ok": True}
        assert process.wait(10) == 0
        assert process.stderr.read() == b""


def test_handshake(server):
    assert server.handshake["robot"] == "so101"
    assert server.handshake["pid"] == server.pid
    assert os.path.exists(server.handshake["port"])  # noqa: PTH110
    assert set(server.handshake["cameras"]) == {"front", "wrist"}


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b"\xff\xfe\x00garbage\x80",
        b"[1, 2]",
        b'{"op": "reset", "seed": 1e999}',
        b'{"op": "reset", "seed": "1; import os"}',
        b'{"op": "status", "extra": 1}',
        b"{" * 5000,
        b"x" * 100_000,
        b'{"op": "reset", "task": "' + b"y" * 70_000 + b'"}',
    ],
    ids=lambda line: repr(line[:20]),
)
def test_garbage_gets_one_error_and_the_server_lives(server, line):
    reply = server.ask(line)
    assert reply["ok"] is False
    assert reply["error"]
    assert server.ask(b'{"op": "status", "id": 42}')["id"] == 42


def test_unknown_operation_names_the_valid_ones(server):
    assert server.ask(b'{"op": "explode"}')["error"].endswith(
        "valid ops: quit, reset, status, truth, practise"
    )


def test_a_refused_request_keeps_its_id(server):
    reply = server.ask(b'{"op": "reset", "task": "fly", "id": 9}')
    assert (reply["id"], reply["ok"]) == (9, False)


def test_many_requests_at_once_are_answered_in_order(server):
    lines = b"\n".join(b'{"op": "status", "id": %d}' % n for n in range(50))
    server.stdin.write(lines + b"\n")
    server.stdin.flush()
    assert [json.loads(server.stdout.readline())["id"] for _ in range(50)] == list(range(50))


def test_status_and_truth_are_complete(server):
    status = server.ask(b'{"op": "status"}')
    keys = {
        "success",
        "held_s",
        "judge",
        "task",
        "sim_time_s",
        "t_ns",
        "real_time_factor",
        "slipped_s",
        "bus",
    }
    assert keys <= set(status)
    truth = server.ask(b'{"op": "truth"}')["truth"]
    assert truth["target"] in truth["cubes"]


@pytest.mark.nightly
@pytest.mark.parametrize("end", ["eof", signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_cleanly(end):
    with Server() as process:
        if end == "eof":
            process.stdin.close()
        else:
            process.send_signal(end)
        assert process.wait(10) == 0
        assert process.stderr.read() == b""


@pytest.mark.nightly
def test_command_line_prints_the_port_and_ends_on_ctrl_c(wait_until):
    command = [sys.executable, "-m", "motorium", "sim", "so101", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        facts = json.loads(process.stdout.readline())
        assert os.path.exists(facts["port"])  # noqa: PTH110
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
    assert wait_until(lambda: not os.path.exists(f"/proc/{facts['pid']}"))  # noqa: PTH110


@pytest.fixture
def no_platform_chosen(monkeypatch):
    for name in ("MUJOCO_GL", "MOTORIUM_GL_RETRY"):
        monkeypatch.setenv(name, "")
    return monkeypatch


def test_no_opengl_is_one_error_with_the_command_that_helps(no_platform_chosen):
    no_platform_chosen.setattr(opengl, "available_backends", list)
    with pytest.raises(SimulationError, match=r"apt-get install -y libegl1 .* libosmesa6"):
        opengl.import_mujoco()


def test_a_platform_that_fails_is_followed_by_the_next(no_platform_chosen):
    no_platform_chosen.setattr(opengl, "available_backends", lambda: ["egl", "osmesa"])
    opengl.import_mujoco()
    assert os.environ["MUJOCO_GL"] == "egl"
    started = []
    no_platform_chosen.setattr(os, "execve", lambda *arguments: started.append(arguments))
    opengl.restart_with_fallback()
    [(_, _, environment)] = started
    assert (environment["MUJOCO_GL"], environment["MOTORIUM_GL_RETRY"]) == ("osmesa", "osmesa")
    for last in ("osmesa", "egl,osmesa"):  # nothing left to try; another platform was asked for meanwhile
        no_platform_chosen.setenv("MUJOCO_GL", "osmesa")
        no_platform_chosen.setenv("MOTORIUM_GL_RETRY", last)
        opengl.restart_with_fallback()
    assert len(started) == 1


def test_a_platform_that_does_not_load_is_told(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "nonsense")
    done = subprocess.run(COMMAND, capture_output=True, timeout=60, check=False, input=b"")
    assert done.returncode == 1
    assert "MUJOCO_GL=nonsense" in json.loads(done.stdout)["error"]
