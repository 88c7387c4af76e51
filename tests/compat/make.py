"""Write one of everything that 0.1.0 writes: `make.py TREE OUT`, with TREE at commit a6954dd, which is installed.

It is kept to say how the files beside it came about. It runs against that commit only, so it must not follow a
renaming: modules of the old package are named in two parts for that reason.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

TREE, OUT = (Path(argument).resolve() for argument in sys.argv[1:3])
sys.path[:0] = [str(TREE / "tests"), str(TREE / "tests/learn")]
HOME = OUT / "config"
WORK = OUT.parent / (OUT.name + ".work")
MADE_BY_HAND = "motorium/calibration/by-hand.json"
TASK = "put the red cube in the tray"
ENCODER_ZERO = np.array([2048, 4000, 100, 3000, 2048, 900])
POSE_RAD = np.array([0.3, -0.9, 0.7, 1.1, -0.5, 0.6])


def old(name: str):
    """A module of the old package."""
    return importlib.import_module("motorium" + "." + name)


def write(name: str, value: object) -> None:
    path = OUT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def kinds(value: object, depth: int = 9) -> object:
    """The kind of everything in `value`, whose numbers are of one moment only: tests/compat/kinds.py says the same."""
    if isinstance(value, dict):
        return {key: kinds(inner, depth - 1) for key, inner in value.items()} if depth else "table"
    if isinstance(value, list):
        return [kinds(value[0], depth - 1)] if value else []
    names = {bool: "truth", int: "number", float: "number", str: "text", type(None): "nothing"}
    return names[type(value)]


def verb(name: str, *arguments: object, code: int = 0, depth: int | None = None) -> None:
    """Call a verb as a person does; keep what it says with --json as json/NAME.json, or with `depth` only its kinds."""
    environment = {**os.environ, "XDG_CONFIG_HOME": str(HOME)}
    command = [sys.executable, "-m", "motorium", *map(str, arguments), "--json"]
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=WORK, env=environment, capture_output=True, text=True, timeout=1500, check=False
    )
    print(f"{time.monotonic() - began:6.1f} s {' '.join(map(str, arguments))[:100]}", flush=True)
    if done.returncode != code:
        sys.exit(done.stdout + done.stderr)
    text = done.stdout
    for folder in (WORK, OUT, TREE):
        text = text.replace(f"{folder}/", "")
    given = [str(argument).replace(f"{TREE}/", "") for argument in arguments]
    said = json.loads(text)
    write(
        f"json/{name}.json",
        {"arguments": given, **({"said": said} if depth is None else {"kinds": kinds(said, depth)})},
    )


class Hand:
    """Moves an arm without torque from stop to stop, as in the tests of the calibration."""

    def __init__(self, spec) -> None:
        from motorium._core import ServoEmulator

        self.lower = np.array([joint.lower_rad for joint in spec.joints])
        self.upper = np.array([joint.upper_rad for joint in spec.joints])
        self.emulator = ServoEmulator([joint.id for joint in spec.joints])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.place((self.lower + self.upper) / 2)

    def place(self, q_rad: np.ndarray) -> None:
        ticks = np.rint(ENCODER_ZERO + q_rad * 4096 / (2 * math.pi)).astype(np.int32) % 4096
        self.emulator.update(ticks, np.zeros(6, np.int32), np.zeros(6, np.int32))

    def _run(self) -> None:
        phase = 0.0
        while not self._stop.wait(0.005):
            phase += 0.02
            self.place((self.lower + self.upper) / 2 + math.sin(phase) * (self.upper - self.lower) / 2)

    def __enter__(self) -> Hand:
        self._thread.start()
        return self

    def hold(self, q_rad: np.ndarray) -> None:
        self._stop.set()
        self._thread.join()
        self.place(q_rad)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.emulator.close()


def robots() -> None:
    """A user's robot with a servo of its own beside it, and two of them as one."""
    folder = OUT / "robot"
    folder.mkdir()
    text = (TREE / "python/motorium/robots/data/so101.toml").read_text(encoding="utf-8")
    for a, b in (
        ('name = "so101"', 'name = "mine"'),
        ("SO-101 follower arm", "My arm"),
        (
            "approach_velocity_share = 0.25",
            "approach_velocity_share = 0.5\nestop_hold_s = 0.4\nsettle_s = 0.8",
        ),
        ("fallback_after_s = 3.0 ", 'fallback_after_s = 2.5\nfallback = "hold" '),
        ("upper_rad = 1.91986", "upper_rad = 1.8"),
        ('policy = "park" ', 'policy = "release" '),
    ):
        assert a in text, a
        text = text.replace(a, b, 1)
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    own = text.replace('name = "mine"', 'name = "own_servo"').replace(
        'motor = "sts3215"', 'motor = "my-servo.toml"'
    )
    (folder / "own_servo.toml").write_text(own, encoding="utf-8")
    servo = (TREE / "python/motorium/motors/data/sts3215.toml").read_text(encoding="utf-8")
    (folder / "my-servo.toml").write_text(servo.replace("hot_c = 65.0", "hot_c = 60.0"), encoding="utf-8")
    pair = (TREE / "python/motorium/robots/data/pairs/bi_so101_follower.toml").read_text(encoding="utf-8")
    pair = pair.replace('name = "bi_so101_follower"', 'name = "bi_mine"').replace("left_wrist", "left_hand")
    (folder / "bi_mine.toml").write_text(pair, encoding="utf-8")
    shutil.copytree(folder, WORK / "robot")
    verb("robots", "robots")
    for name in ("mine", "own_servo", "bi_mine"):
        verb(f"robots_{name}", "robots", f"robot/{name}.toml")


def calibrations() -> None:
    """A calibration that a hand made, one that came from LeRobot, and where an arm then stands."""
    spec = old("robots.spec").RobotSpec.load(str(OUT / "robot/mine.toml"))
    with Hand(spec) as hand:
        verb("calibrate", "calibrate", "robot/mine.toml", "--port", hand.emulator.port, "--name", "by-hand",
                    "--yes", "--to-lerobot", "to-lerobot.json")  # fmt: skip
        hand.hold(POSE_RAD)
        robot = old("robots.robot").Robot.open(
            str(OUT / "robot/mine.toml"),
            port=hand.emulator.port,
            calibration=str(HOME / "motorium/calibration/by-hand.json"),
        )
        time.sleep(0.5)
        seen = robot.observe(TASK)
        ticks = np.rint(ENCODER_ZERO + POSE_RAD * 4096 / (2 * math.pi)) % 4096
        slots = {str(i): float(seen.state[i]) for i in np.flatnonzero(seen.state)}
        kept = {"pose_rad": POSE_RAD.tolist(), "ticks": ticks.tolist(), "slots": slots}
        robot.close()
    write("calibration/stands.json", kept)
    shutil.copy(WORK / "to-lerobot.json", OUT / "calibration/to-lerobot.json")
    with Hand(old("robots.spec").RobotSpec.load("so101")) as hand:
        verb("calibrate_from_lerobot", "calibrate", "so101", "--port", hand.emulator.port, "--name", "from-lerobot",
             "--from-lerobot", "to-lerobot.json", "--yes")  # fmt: skip
        verb(
            "setup_motors",
            "setup-motors",
            "so101",
            "--port",
            hand.emulator.port,
            "--yes",
            "--limit",
            "1",
            depth=9,
        )
        verb("doctor_robot", "doctor", "--robot", "so101", "--port", hand.emulator.port, depth=9)


def cameras() -> None:
    setup = old("cameras.setup")
    mode = setup.Mode()
    bindings = {
        "front": setup.Binding("uvc", serial="A1B2", usb_path="1-1.2", mode=mode, max_age_s=0.4),
        "wrist": setup.Binding("realsense", serial="0123456789"),
    }
    setup.CameraSetup("mine", bindings).save()
    verb("cameras_list", "cameras", "list", "--robot", "mine")


def datasets() -> None:
    """A recording of the simulated arm, what edits make of it, and a session that was killed."""
    verb("record", "record", "sim:so101", "--leader", "script", "--dataset", "dataset", "--episodes", "2",
         "--limit", "2.5", "--task", TASK, "--seed", "3", "--fps", "10", "--subtasks", "reach,grasp",
         depth=9)  # fmt: skip
    shutil.copytree(WORK / "dataset", OUT / "dataset")
    verb("data_convert", "data", "convert", "dataset", "--to", "v2.1", "--out", "old")
    shutil.copytree(WORK / "old", OUT / "dataset-v2.1")
    verb("data_slots", "data", "slots", "dataset", "--out", "slots")
    verb("data_units", "data", "units", "dataset")
    verb("data_info", "data", "info", "dataset")
    verb("data_check", "data", "check", "dataset")
    verb("data_stats", "data", "stats", "dataset")
    verb("data_view", "data", "view", "dataset", "--out", "view.html")
    verb(
        "data_relabel",
        "data",
        "relabel",
        "slots",
        "--from",
        TASK,
        "--to",
        "put it away",
        "--out",
        "relabelled",
    )
    verb("data_delete", "data", "delete", "dataset", "--episodes", "0", "--out", "fewer")
    dataset = old("data.dataset").Dataset.open(OUT / "dataset")
    content = []
    for episode, rows in dataset.stream():
        columns = {
            name: {
                "shape": list(np.shape(v)),
                "dtype": str(v.dtype),
                "sha256": hashlib.sha256(v.tobytes()).hexdigest(),
            }
            for name, v in sorted(rows.items())
        }
        pictures = {
            key: [
                [round(float(x), 2) for x in frame.mean(axis=(0, 1))]
                for _, frame in dataset.pictures(episode, key)
            ]
            for key in sorted(episode.videos)
        }
        content.append({"tasks": list(episode.tasks), "length": episode.length, "columns": columns,
                        "pictures_mean": pictures, "notes": dataset.notes(episode)})  # fmt: skip
    write("dataset.content.json", content)
    program = "import sys, pathlib, data_kill; data_kill.template(pathlib.Path(sys.argv[1]))".replace(
        "data_kill", "kill_scenes"
    )
    path = os.pathsep.join([str(TREE / "tests/data"), str(TREE / "tests")])
    environment = {**os.environ, "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", program, str(WORK / "killed")], env=environment, check=False)
    shutil.copytree(WORK / "killed", OUT / "dataset-killed")
    verb("data_repair", "data", "repair", "killed")


def checkpoints() -> None:
    """Both formats of the small network, and the plans they made."""
    import nano_samples as samples

    small = {"plain": samples.descriptor(samples.SMALL), "adapted": samples.adapted(samples.SMALL)}
    for name, sample in small.items():
        folder = OUT / "checkpoint" / name
        checkpoints = old("checkpoints")
        checkpoints.save_checkpoint(folder, sample, samples.weights(sample))
        policy = importlib.import_module("motorium").load(str(folder))
        given = samples.inputs(sample)
        images = {c.role: image for c, image in zip(sample.cameras, given["images"], strict=True)}
        observation = old("types").Observation(t_ns=123, state=given["state"], images=images, task=TASK)
        committed = samples.committed(sample, 3)
        chunk = policy.infer(observation, committed=committed, noise=given["noise"])
        np.savez_compressed(
            folder / "plan.npz", state=given["state"], noise=given["noise"], committed=committed, rows=chunk.rows,
            valid=chunk.valid, **{f"image_{role}": image for role, image in images.items()},
        )  # fmt: skip
        says = {"task": TASK, "dt_s": chunk.dt_s, "delay": chunk.delay, "rows": policy.rows}
        says |= {"max_delay": policy.max_delay, "execution_horizon": policy.execution_horizon}
        write(f"checkpoint/{name}/plan.json", says)
    verb("eval", "eval", "so101-pick", "--episodes", "2", "--seed", "1000", "--processes", "1")
    verb("demo", "demo", "--episodes", "1", "--headless", "--out", "demo", depth=9)
    report = json.loads((WORK / "demo/report.json").read_text())
    write("json/demo_report.json", {"arguments": [], "kinds": kinds(report)})
    verb("run", "run", "so101-pick", "--robot", "sim:so101", "--task", TASK, "--duration", "2", depth=9)
    verb("doctor", "doctor", depth=9)
    verb("ports", "ports", depth=9)
    verb("error", "robots", "r2d2", code=2)
    verb("parity", "parity", TREE / "tests/golden/data/xiaomi_r0/x1_dit_head", "--out", "parity.safetensors")


def learning() -> None:
    """A shard of demonstrations, a training run that was left half-way, and a recipe."""
    import made_up
    from nano_samples import SMALL

    shard = OUT / "learn/demos/shard-0"
    rng = np.random.default_rng(0)
    old("learn.dataset").write_shard(shard, [made_up.frame(rng) for _ in range(6)], made_up.MANIFEST)
    train, batches = old("learn.train"), old("learn.batches")
    params = train.TrainParams(steps=8, learning_rate=5e-3, warm_up=3, ema=0.5, save_every=1000, processes=1,
                               batch=batches.BatchParams(observations=4))  # fmt: skip
    job = train.TrainJob((OUT / "learn/demos",), OUT / "learn/run", name="small", dims=SMALL, params=params)
    train.train(job, lambda _: None, until=3)
    (OUT / "learn/recipe.toml").write_text(RECIPE, encoding="utf-8")
    recipe = old("learn.recipe").Recipe.load(OUT / "learn/recipe.toml")
    stage = recipe.stages[1]
    second = {"record": stage.record, "steps": stage.train.steps, "ema": stage.train.ema}
    second |= {"observations": stage.train.batch.observations, "kind_weights": stage.train.batch.kind_weights}
    whole = {"name": recipe.name, "robot": recipe.robot, "first_seed": recipe.first_seed, "second": second}
    write("learn/recipe.json", whole)
    verb("record_demos", "record-demos", "--out", "demos", "--glance", "2", "--processes", "1", depth=9)
    verb("train", "train", "--data", "demos", "--out", "run", "--steps", "1", depth=9)


RECIPE = """# A recipe of a user's own.
name = "my-pick"
robot = "so101"
first_seed = 7

[train]
seed = 3
ema = 0.99
batch = { observations = 8, samples = 2, kind_weights = { correct = 3.0, hover = 2.0 } }

[[stages]]
record = { full = 2, glance = 4 }
steps = 26
learning_rate = 1e-3
warm_up = 10

[[stages]]
record = { correct = 4 }
steps = 18
learning_rate = 8e-4
"""


def others() -> None:
    """Hands, marks, a trajectory, and figures of a moment."""
    t = np.arange(60) / 30.0
    rng = np.random.default_rng(1)
    np.savez_compressed(
        OUT / "hands.npz", fps=np.array(30.0), frame=np.array("world"), right_beta=rng.normal(0, 1, 10),
        right_theta=0.4 * np.sin(t)[:, None] * rng.normal(0, 1, 45),
        right_wrist_position_m=np.stack([0.3 + 0.1 * np.sin(2 * t), 0.2 * np.cos(1.5 * t) - 0.1, 0.1 + 0.05 * t], 1),
        right_wrist_rotation=np.stack([0.5 * t, 0.3 * np.sin(t), 1.0 - 0.2 * t], 1),
    )  # fmt: skip
    shutil.copy(OUT / "hands.npz", WORK)
    verb("hands", "hands", "hands.npz", "--mirror", "--out", "hands-slots.npz")
    shutil.copy(WORK / "hands-slots.npz", OUT)
    events = old("timeline.events")
    log = events.EventLog()
    for t_ns, kind, text in (
        (5, "contact", ""),
        (9, "release", ""),
        (12, "subtask", "grasp"),
        (15, "mark", "odd"),
    ):
        log.add(events.Event(t_ns, kind, "key c", text))
    log.save(OUT / "events.jsonl")
    names = old("robots.spec").RobotSpec.load("so101").joint_names
    k = np.arange(30)
    q = np.array([0.0, -0.6, 0.6, 1.3, 0.0, 0.5]) + 0.05 * np.sin(k / 10)[:, None]
    np.savez_compressed(
        OUT / "trajectory.npz", t_ns=k * 50_000_000, position_rad=q, joint_names=np.array(names)
    )
    shutil.copy(OUT / "trajectory.npz", WORK)
    verb("teleop", "teleop", "sim:so101", "--replay", "trajectory.npz", "--seconds", "1", depth=9)
    for what in ("bus", "chunk", "kernels", "loop", "ring", "scale"):
        verb(f"bench_{what}", "bench", what, "--quick", "--rounds", "2", depth=2)
    verb(
        "bench_engine",
        "bench",
        "engine",
        "--quick",
        "--sizes",
        "S",
        "--peers",
        "onnxruntime",
        "--rounds",
        "2",
        depth=2,
    )


def main() -> None:
    for folder in (OUT, WORK):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    os.environ["XDG_CONFIG_HOME"] = str(HOME)
    (OUT / "calibration").mkdir()
    for part in (robots, calibrations, cameras, datasets, checkpoints, learning, others):
        part()
    shutil.rmtree(WORK)


if __name__ == "__main__":
    main()
