"""Play LeRobot's ACT as a motorium policy: in lock-step, on scenes that no demonstration shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.configs.policies import PreTrainedConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.processor import PolicyProcessorPipeline
from lerobot.processor.converters import policy_action_to_transition, transition_to_policy_action
from lerobot.utils.constants import (
    OBS_ENV_STATE,
    OBS_STATE,
    POLICY_POSTPROCESSOR_DEFAULT_NAME,
    POLICY_PREPROCESSOR_DEFAULT_NAME,
)

from motorium.containers import check_container
from motorium.errors import BindingError, CheckpointError, PromptError
from motorium.evaluation.evaluate import EpisodeResult, EvalJob, EvalReport, check_job, play_episode
from motorium.policies.base import Policy, PolicyInfo
from motorium.sim.lockstep import LockStep
from motorium.sim.world import World
from motorium.specs.robot import RobotSpec
from motorium.specs.slots import slot_map, valid_mask
from motorium.types import ActionChunk, Float32, Observation

PICTURE = "observation.images."
OURS = 8
"""Rows that the nano network follows before it plans again."""
EXECUTIONS = ("act", "ours")
"""How long a plan is followed: all of it, ACT's default (`n_action_steps`), or as many rows as ours."""


class ActPolicy(Policy):
    """LeRobot's ACT with its processors.

    Its first action is the setpoint one row after the observation, so a plan here has one row more: the setpoint now.
    It knows nothing of committed rows; those of its plan are replaced by them.
    """

    def __init__(self, folder: Path, robot: RobotSpec, tasks: Sequence[str], execution: str) -> None:
        """Open a checkpoint that `act_training` saved.

        Args:
            folder: of the checkpoint.
            robot: that it was trained on.
            tasks: instructions by number.
            execution: one of EXECUTIONS.

        Raises CheckpointError: it is no such folder.
        """
        check_container(folder / "model.safetensors")
        config = PreTrainedConfig.from_pretrained(folder, local_files_only=True)
        if config.type != "act":
            raise CheckpointError(f"{folder} is a checkpoint of {config.type}, not of ACT")
        self._act = ACTPolicy.from_pretrained(folder, config=config, local_files_only=True, strict=True)
        self._before = PolicyProcessorPipeline.from_pretrained(
            folder, config_filename=f"{POLICY_PREPROCESSOR_DEFAULT_NAME}.json", local_files_only=True
        )
        self._after = PolicyProcessorPipeline.from_pretrained(
            folder, config_filename=f"{POLICY_POSTPROCESSOR_DEFAULT_NAME}.json", local_files_only=True,
            to_transition=policy_action_to_transition, to_output=transition_to_policy_action,
        )  # fmt: skip
        self._tasks, self._robot, self._slots = tuple(tasks), robot, slot_map(robot)
        self._pictures = tuple(config.image_features)
        rows = config.chunk_size + 1
        self.info = PolicyInfo(
            rows=rows,
            dt_s=1.0 / robot.policy.rate_hz,
            execution_horizon=config.n_action_steps if execution == "act" else min(OURS, rows),
            max_delay=config.chunk_size,
            name="lerobot-act",
        )

    def bind(self, robot: RobotSpec) -> None:
        """Raise BindingError for another robot than it was trained on."""
        if robot.joint_names != self._robot.joint_names:
            raise BindingError(f"ACT was trained on {self._robot.name}, not on {robot.name}")

    def infer(
        self, obs: Observation, *, committed: Float32 | None = None, previous: Float32 | None = None
    ) -> ActionChunk:
        """Plan from `obs`. Raises PromptError for an instruction that no demonstration had."""
        del previous
        began = time.perf_counter()
        if obs.task not in self._tasks:
            raise PromptError(f"ACT knows the instructions {'; '.join(self._tasks)}, and not {obs.task!r}")
        told = torch.zeros(1, len(self._tasks))
        told[0, self._tasks.index(obs.task)] = 1.0
        batch = {
            OBS_STATE: torch.from_numpy(np.asarray(self._slots.gather(obs.state), np.float32))[None],
            OBS_ENV_STATE: told,
            **{key: _picture(obs.images[key.removeprefix(PICTURE)]) for key in self._pictures},
        }
        ahead = self._after(self._act.predict_action_chunk(self._before(batch)))[0].numpy()
        rows = np.asarray(self._slots.scatter_chunk(np.concatenate([ahead[:1], ahead])))
        delay = 0 if committed is None else len(committed)
        if committed is not None:
            rows[:delay] = committed
        return ActionChunk(
            rows, valid_mask(self._robot), obs.t_ns, self.info.dt_s, delay, time.perf_counter() - began
        )


def _picture(image: np.ndarray[Any, Any]) -> torch.Tensor:
    """Return (1, 3, H, W) from 0 to 1, as LeRobot's dataset has it."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255


def play(
    policy: ActPolicy,
    job: EvalJob,
    known: Mapping[int, EpisodeResult],
    report: Callable[[str], None],
    keep: Callable[[EvalReport], None],
) -> EvalReport:
    """Play the scenes of `job` as `motorium eval` does, but for those that are `known`; `keep` gets what there is.

    Raises MotoriumError for scenes of training.
    """
    check_job(job)
    spec = RobotSpec.load(job.robot)
    policy.bind(spec)
    stage, results, began = LockStep(World(spec)), dict(known), time.monotonic()
    missing = [seed for seed in range(job.seed, job.seed + job.episodes) if seed not in results]
    for number, seed in enumerate(missing, start=1):
        policy.seed(seed)
        results[seed] = found = play_episode(policy, stage, job, seed)
        left_s = (time.monotonic() - began) / number * (len(missing) - number)
        report(
            f"scene {seed}: {'success' if found.success else 'failed'} after {found.time_s:.1f} s, "
            f"{sum(r.success for r in results.values())} of {len(results)}, {left_s:.0f} s to go"
        )
        keep(_report(job, results))
    return _report(job, results)


def _report(job: EvalJob, results: Mapping[int, EpisodeResult]) -> EvalReport:
    found = tuple(results[seed] for seed in sorted(results))
    return EvalReport(replace(job, episodes=len(found)), found)


def played(report: EvalReport, policy: ActPolicy) -> dict[str, Any]:
    """Return what the JSON says of an execution."""
    keep = ("seed", "latency_s", "age_s", "episodes", "successes", "success_rate", "wilson95", "wrong_cube",
            "shortfalls", "mean_time_s", "per_episode")  # fmt: skip
    found = report.as_dict()
    return {"rows": policy.info.rows, "execution_horizon": policy.info.execution_horizon} | {
        key: found[key] for key in keep
    } | {"limit_s": report.job.limit_s, "task": report.job.task}  # fmt: skip


def known_results(found: Any) -> dict[int, EpisodeResult]:
    """Return the episodes of `played` by seed. Raises CheckpointError for what is none."""
    try:
        return {int(line["seed"]): EpisodeResult(**line) for line in found["per_episode"]}
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"episodes that were played cannot be read ({error}); remove them") from error
