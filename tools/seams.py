"""What guidance does to the seams between plans, in lock-step: the rows of a table in docs/realtime.md.

Each scene has its own seed, for scene and noise, the same with and without guidance. Needs motorium[sim].
"""

from __future__ import annotations

import argparse

import numpy as np

import motorium
from motorium.evaluation.evaluate import EvalJob, play_episode
from motorium.policies.find import find_checkpoint
from motorium.sim.lockstep import LockStep
from motorium.sim.world import World
from motorium.specs.robot import RobotSpec


def main() -> None:
    """Print one line per kind of guidance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="so101-pick")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds per inference")
    parser.add_argument("--scenes", type=int, default=30)
    options = parser.parse_args()
    spec = RobotSpec.load("so101")
    stage = LockStep(World(spec))
    job = EvalJob(find_checkpoint(options.checkpoint), latency_s=options.latency)
    for guidance in ("none", "soft"):
        policy = motorium.load(options.checkpoint, guidance=guidance)
        policy.bind(spec)
        successes, shortfalls, seams = 0, 0, []
        for seed in range(options.scenes):
            policy.seed(seed)
            result = play_episode(policy, stage, job, seed)
            successes, shortfalls = successes + result.success, shortfalls + result.shortfalls
            seams.append(stage.core.stats().seams.as_dict())
        median, largest = (np.mean([s["velocity_rad_s"][key] for s in seams]) for key in ("p50", "max"))
        print(
            f"guidance {guidance}: {successes} of {options.scenes}, median {median:.2f} rad/s, "
            f"largest {largest:.2f} rad/s, {sum(s['count'] for s in seams)} stitches, {shortfalls} shortfalls",
            flush=True,
        )


if __name__ == "__main__":
    main()
