"""The simulated robot as its user sees it: bus, cameras, world, and every way it can end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from motorium import _core
from motorium.cameras.base import newest_frames
from motorium.errors import SimulationError
from motorium.sim.backend import open_backend
from motorium.sim.expert import Expert
from motorium.sim.tasks import Pose
from motorium.sim.world import Truth
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")


def to_ticks(q_rad: np.ndarray) -> dict[int, int]:
    return {
        j.id: round(j.zero_ticks + j.sign * q * 2048 / np.pi) for j, q in zip(SPEC.joints, q_rad, strict=True)
    }


def to_rad(ticks: dict[int, int]) -> np.ndarray:
    return np.array([(ticks[j.id] - j.zero_ticks) * j.sign * np.pi / 2048 for j in SPEC.joints])


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_the_driver_reads_the_home_pose(sim):
    bus = _core.ServiceBus("feetech", sim.port)
    rows = bus.sync_read(list(range(1, 7)), 56, 2)
    del bus
    ticks = {i: int.from_bytes(row, "little") for i, row in rows.items()}
    home = np.array([joint.home_rad for joint in SPEC.joints])
    assert np.abs(to_rad(ticks) - home).max() < 0.35  # the start jitter of a scene


def test_goal_registers_move_the_arm(wire, wait_until):
    wire.torque(True)
    goal = wire.word(wire.PAN, wire.PRESENT) + 300
    wire.goals({wire.PAN: goal})
    assert wait_until(lambda: abs(wire.word(wire.PAN, wire.PRESENT) - goal) <= 8)
    others = to_rad(wire.positions())[1:] - np.array([joint.home_rad for joint in SPEC.joints])[1:]
    assert np.abs(others).max() < 0.35


def test_torque_limit_zero_is_as_limp_as_torque_off(sim, wire, wait_until):
    wire.torque(True)
    wire.sync_write(wire.LIMIT, {wire.PAN: b"\0\0"})
    start = wire.word(wire.PAN, wire.PRESENT)
    wire.goals({wire.PAN: start + 300})
    before = sim.world.status()["sim_time_s"]
    assert wait_until(lambda: sim.world.status()["sim_time_s"] > before + 0.5)
    assert abs(wire.word(wire.PAN, wire.PRESENT) - start) < 20
    wire.sync_write(wire.LIMIT, {wire.PAN: (1000).to_bytes(2, "little")})
    assert wait_until(lambda: abs(wire.word(wire.PAN, wire.PRESENT) - start - 300) <= 8)


def test_torque_off_lets_the_arm_sink(wire, wait_until):
    wire.torque(True)
    wire.goals({wire.LIFT: 2048, 3: 2048, 4: 2048})  # upper arm up, forearm stretched out: gravity pulls
    assert wait_until(lambda: abs(wire.word(wire.LIFT, wire.PRESENT) - 2048) <= 10)
    assert wait_until(lambda: wire.word(wire.LIFT, wire.LOAD) & 0x3FF > 50), "holding the arm up costs torque"
    wire.torque(False)
    assert wait_until(lambda: abs(wire.word(wire.LIFT, wire.PRESENT) - 2048) > 150)
    assert wait_until(lambda: wire.word(wire.LIFT, wire.LOAD) & 0x3FF < 20)


def test_goal_register_holds_the_present_position_before_the_first_command(wire):
    assert {i: wire.word(i, wire.GOAL) for i in wire.IDS} == pytest.approx(wire.positions(), abs=40)


def test_frames_are_fresh_and_in_time(sim, wire):
    wire.torque(True)
    start = wire.word(wire.PAN, wire.PRESENT)
    wire.sync_write(wire.SPEED, {wire.PAN: (400).to_bytes(2, "little")})
    wire.goals({wire.PAN: start + 900})
    camera, frames, seq = sim.cameras["front"], [], 0
    while len(frames) < 25:
        frame = camera.read_newer(seq, timeout_s=5.0)
        assert frame.image.shape == (96, 96, 3)
        assert 0 <= time.monotonic_ns() - frame.t_ns < 1_000_000_000
        frames.append(frame)
        seq = frame.seq
    wire.sync_write(wire.SPEED, {wire.PAN: b"\0\0"})
    period_ns = np.diff([frame.t_ns for frame in frames])
    assert (period_ns > 0).all()
    assert 40_000_000 < np.median(period_ns) < 200_000_000, "50 ms; more where others take the processor"
    moving = [frame.image for frame in frames[3:]]
    assert all((moving[i] != moving[i + 1]).any() for i in range(len(moving) - 1)), "a stale frame"


def test_both_cameras_show_the_same_instant_and_something_to_see(sim):
    for camera in sim.cameras.values():
        camera.read_latest()  # the first read of each waits for a frame of its own
    front, wrist = (newest_frames(sim.cameras)[role] for role in ("front", "wrist"))
    assert abs(front.t_ns - wrist.t_ns) <= 50_000_000
    for frame in (front, wrist):
        assert frame.image.std() > 8
    assert (front.image != wrist.image).any()


def test_reset_shows_the_new_scene_at_once_and_repeats_by_seed(sim):
    seen = {}
    for seed in (11, 12, 11):
        reply = sim.world.reset(seed, arm="home")
        frames = {role: camera.read_latest() for role, camera in sim.cameras.items()}
        assert all(frame.t_ns > reply["t_ns"] for frame in frames.values())
        truth = sim.world.truth()
        if seed in seen:
            old = seen[seed]
            assert reply["task"] == old["task"]
            assert truth["tray"] == old["tray"]
            assert truth["target"] == old["target"]
            for colour, pose in truth["cubes"].items():
                assert pose["x_m"] == pytest.approx(old["cubes"][colour]["x_m"], abs=2e-4)
                assert pose["yaw_rad"] == pytest.approx(old["cubes"][colour]["yaw_rad"], abs=1e-2)
        seen[seed] = {**truth, "task": reply["task"]}
    assert seen[11]["tray"] != seen[12]["tray"]


def test_reset_keeps_the_arm_where_it_is(sim, wire, wait_until):
    wire.torque(True)
    goal = wire.word(wire.PAN, wire.PRESENT) + 200
    wire.goals({wire.PAN: goal})
    assert wait_until(lambda: abs(wire.word(wire.PAN, wire.PRESENT) - goal) <= 8)
    sim.world.reset(21)
    assert abs(wire.word(wire.PAN, wire.PRESENT) - goal) <= 10
    assert wire.word(wire.PAN, wire.GOAL) == goal


def test_task_is_the_callers_choice_and_nonsense_changes_nothing(sim):
    assert sim.world.reset(3, "put the green cube in the tray")["task"] == "put the green cube in the tray"
    before = sim.world.truth()
    with pytest.raises(SimulationError, match="valid tasks: put the red cube"):
        sim.world.reset(4, "make coffee")
    assert sim.world.truth()["tray"] == before["tray"]
    assert sim.world.status()["task"] == "put the green cube in the tray"


def test_a_scene_is_laid_for_the_task_of_a_run_and_left_alone_when_it_fits(sim):
    world = sim.world
    for seed in range(2):
        world.reset(seed)
        for colour in ("red", "green", "blue"):
            task = f"put the {colour} cube in the tray"
            before = world.task
            laid = world.truth()
            assert world.lay(task)
            assert world.status()["task"] == task
            if before == task:
                assert world.truth()["tray"] == laid["tray"]
    assert not world.lay("dance")


def test_simulated_time_keeps_up_with_real_time(sim, wait_until):
    start, t0 = sim.world.status(), time.monotonic()
    assert wait_until(lambda: time.monotonic() - t0 > 2.0)
    end, wall_s = sim.world.status(), time.monotonic() - t0
    assert (end["sim_time_s"] - start["sim_time_s"]) / wall_s == pytest.approx(1.0, abs=0.35)
    assert 0.3 < end["real_time_factor"] < 1.2


def _truth(values: dict) -> Truth:
    cubes = {colour: Pose(**pose) for colour, pose in values["cubes"].items()}
    return Truth(values["target"], cubes, Pose(**values["tray"]))


def test_the_expert_solves_the_task_over_the_wire(sim, wire):
    expert = Expert(SPEC)
    setpoint = to_rad(wire.positions())
    wire.goals(to_ticks(setpoint))
    wire.torque(True)
    deadline = time.monotonic() + 40
    while not (status := sim.world.status())["success"] and time.monotonic() < deadline:
        target = expert.target(_truth(sim.world.truth()), to_rad(wire.positions()), setpoint)
        row_ends = time.monotonic() + 0.05
        for share in (0.25, 0.5, 0.75, 1.0):
            wire.goals(to_ticks(setpoint + share * (target - setpoint)))
            time.sleep(max(0.0, row_ends - 0.05 * (1 - share) - time.monotonic()))
        setpoint = target
    assert status["success"]
    assert status["held_s"] >= 1.0 - 1e-6
    assert status["judge"]["target_in_tray"]
    assert not status["judge"]["wrong_in_tray"]
    assert status["bus"]["bad_checksums"] == 0


PARENT = """
import sys, time
from motorium.sim.backend import open_backend
backend = open_backend("so101")
backend.cameras["front"].read_latest()
print(backend.pid, backend.port, flush=True)
time.sleep(600)
"""


def _shared_memory() -> set[str]:
    """Of simulators; folders of other tests that run meanwhile are none."""
    ours = {path.name for path in Path("/dev/shm").glob("*motorium*") if not path.is_dir()}
    return ours | {path.name for path in Path("/dev/shm").glob("psm_*")}


@pytest.mark.nightly
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_parent_that_is_killed(number, wait_until):
    before = _shared_memory()
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        pid, port = parent.stdout.readline().split()
        assert not gone(int(pid))
        parent.send_signal(number)
        parent.wait(10)
        assert wait_until(lambda: gone(int(pid)))
        assert parent.stderr.read() == ""
    assert wait_until(lambda: not Path(port).exists() or port not in _ports_of(int(pid)))
    assert _shared_memory() == before


FORKED = """
import os, sys, time
from motorium.sim.backend import open_backend
backend = open_backend("so101")
child = os.fork()
if child == 0:
    [os.close(fd) for fd in (1, 2)]
    if sys.argv[1] == "sleeps":
        time.sleep(600)
    sys.exit()
if sys.argv[1] == "exits":
    os.waitpid(child, 0)
    backend.world.status()
print(backend.pid, child, flush=True)
time.sleep(600)
"""


@pytest.mark.nightly
@pytest.mark.parametrize("child", ["sleeps", "exits"])
def test_a_forked_child_neither_keeps_the_simulator_alive_nor_ends_it(wait_until, child):
    command = [sys.executable, "-c", FORKED, child]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pid, child_pid = map(int, parent.stdout.readline().split())
        assert not gone(pid)
        parent.kill()
    assert wait_until(lambda: gone(pid))
    if child == "sleeps":
        os.kill(child_pid, signal.SIGKILL)


def _ports_of(pid: int) -> set[str]:
    try:
        return {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}  # noqa: PTH115
    except OSError:
        return set()


def test_a_parent_that_forgets_to_close_leaves_nothing(wait_until):
    code = "from motorium.sim.backend import open_backend\nb = open_backend('so101')\nprint(b.pid)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    assert wait_until(lambda: gone(int(done.stdout)))


def _raises(call) -> bool:
    try:
        call()
    except SimulationError:
        return True
    return False


def test_death_of_the_simulator_is_told_with_its_cause(wait_until):
    backend = open_backend("so101")
    camera = backend.cameras["front"]
    camera.read_latest()
    os.kill(backend.pid, signal.SIGKILL)
    assert wait_until(lambda: _raises(backend.check))
    for use in (backend.check, backend.world.status, camera.read_latest):
        with pytest.raises(SimulationError, match="killed by signal 9"):
            use()
    backend.close()


def test_close_twice_and_use_after_close():
    backend = open_backend("so101")
    backend.close()
    backend.close()
    assert gone(backend.pid)
    with pytest.raises(SimulationError, match="closed"):
        backend.world.reset(1)
    with pytest.raises(SimulationError, match="closed"):
        backend.cameras["front"].read_latest()


def test_two_simulators_side_by_side_are_two_arms(sim, open_wire):
    with open_backend("so101", seed=5, task="put the blue cube in the tray") as other:
        assert other.port != sim.port
        assert other.world.task == "put the blue cube in the tray"
        line = open_wire(other.port)
        rest = np.array([joint.rest_rad for joint in SPEC.joints])
        assert np.abs(to_rad(line.positions()) - rest).max() < 0.1, "a fresh arm is parked"
        line.close()


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("sim:so999", {}, "known robots: .*so101"),
        ("so101", {"speed": 3}, "valid options: seed, task, startup_timeout_s"),
        ("so101", {"task": "fly"}, "valid tasks"),
        ("so101", {"startup_timeout_s": 0.01}, "did not answer within"),
    ],
)
def test_what_cannot_start_says_why(name, options, complaint):
    with pytest.raises(SimulationError, match=complaint):
        open_backend(name, **options)
