"""Run by test_lerobot_act.py in a process of its own: ACT is trained for some steps, cut off and resumed, and played.

lerobot_act_run.py LEROBOT DATASET FOLDER     one JSON object on the last line
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "peers"))

import lerobot_act
from act_import import bring_lerobot

from motorium.specs.robot import RobotSpec
from motorium.specs.slots import slot_map
from motorium.types import Observation

STEPS = "3"
LEROBOT, DATA, FOLDER = (Path(word) for word in sys.argv[1:4])


def call(verb: str, out: str, *more: str) -> int:
    sys.argv = [
        "lerobot_act.py",
        verb,
        "--lerobot",
        str(LEROBOT),
        "--threads",
        "1",
        "--out",
        str(FOLDER / out),
        *more,
    ]
    return lerobot_act.main()


def train(out: str, *more: str) -> int:
    size = ("--size", "reduced", "--chunk", "20", "--batch", "2")
    return call("train", out, "--data", str(DATA), *size, "--steps", STEPS, "--judgements", "1", *more)


def planned() -> dict:
    """What the policy of a checkpoint plans for a held-out frame, beside LeRobot's own plan for its batch."""
    from act_data import Demonstrations
    from act_policy import ActPolicy
    from act_sizes import Variant

    data = Demonstrations(DATA, 0)
    data.read(
        Variant("reduced", "group", 1e-4, 20).config(6, len(data.tasks), data.pictures, data.shape), print
    )
    spec = RobotSpec.load("so101")
    policy, slots = ActPolicy(FOLDER / "whole" / "checkpoint", spec, data.tasks, "act"), slot_map(spec)
    batch = data.batch(data.judged[3:4])
    pictures = {
        key.rpartition(".")[2]: (batch[key][0] * 255).round().byte().permute(1, 2, 0).numpy()
        for key in data.pictures
    }
    task = data.tasks[int(batch["observation.environment_state"].argmax())]
    obs = Observation(0, np.asarray(slots.scatter(batch["observation.state"][0].numpy())), pictures, task)
    committed = np.asarray(slots.scatter_chunk(np.full((4, 6), 0.3, np.float32)))
    chunk = policy.infer(obs, committed=committed)
    own = policy._after(policy._act.predict_action_chunk(policy._before(batch)))[0].numpy()
    rows = np.asarray(slots.gather_chunk(chunk.rows))
    return {
        "committed_kept": bool((chunk.rows[:4] == committed).all()),
        "ahead_off_rad": float(np.abs(rows[4:] - own[3:]).max()),
        "rows": len(rows),
        "held": sorted(index for index, held in data.held.items() if held),
    }


if __name__ == "__main__":
    FOLDER.mkdir()
    bring_lerobot(LEROBOT, FOLDER / "cache")
    fixed = ("--lr", "1e-4", "--norm", "group")
    told = {
        "pilot": call("pilot", "cut", "--data", str(DATA), "--size", "reduced", "--chunk", "20", "--batch", "2",
                      "--steps", "1", "--lr", "1e-4", "--norm", "group"),
        "whole": train("whole", *fixed),
        "paused": train("cut", "--pause-after", "0"),
        "resumed": train("cut", "--resume"),
        "other": train("cut", "--resume", "--lr", "1e-5", "--norm", "group"),
        "played": call("play", "whole", "--episodes", "1", "--limit", "0.3"),
        "planned": planned(),
    }  # fmt: skip
    print(json.dumps(told))
