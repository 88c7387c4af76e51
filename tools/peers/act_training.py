"""Train LeRobot's ACT on demonstrations: minutes become steps, held-out episodes choose the checkpoint.

A step is that of LeRobot's own training script: forward, backward, the norm of the gradient clipped as the preset says,
AdamW of the preset. Frames come in shuffled rounds; seed and step decide order and noise, so a run that was cut off
goes on as if nothing had been.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from act_data import JUDGED, PAD, Demonstrations, Index
from act_sizes import Variant
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.act.processor_act import make_act_pre_post_processors
from lerobot.utils.constants import ACTION
from safetensors import safe_open

from motorium.containers import check_container, write_tensors
from motorium.errors import MotoriumError
from motorium.learn.resume import STATE, Plan, ResumeError
from motorium.learn.run_folder import CHECKPOINT
from motorium.learn.tensors import array, optimiser_arrays, restore_optimiser, under

MEASURED_S = (2.0, 10.0)
"""Of steps that are taken and thrown away to measure how long one takes: to warm up, and that count."""
SAVE_S = 300.0
TELL_S = 10.0
NEAR = 15
"""Rows whose error is told beside that of the whole chunk: those that a chunk of the nano network has ahead of it."""
JUDGED_AT_ONCE = 32


@dataclass(frozen=True)
class Job:
    """What to train.

    Attributes:
        variant: of ACT.
        out: folder of the run.
        minutes: of steps and judgements, from which the number of steps follows; None: `steps`.
        steps: where no minutes are given.
        batch: frames of a step; 8 is LeRobot's default.
        judgements: of held-out frames, evenly over the run.
        seed: of weights and batches, and of which episodes are held out.
        threads: of torch.
    """

    variant: Variant
    out: Path
    minutes: float | None = None
    steps: int = 100
    batch: int = 8
    judgements: int = 12
    seed: int = 0
    threads: int = 2

    def settings(self) -> dict[str, Any]:
        """Return what the weights follow from beside the data, by name."""
        kept = ("minutes", "batch", "judgements", "seed", "threads")
        steps = {"steps": self.steps} if self.minutes is None else {}
        return asdict(self.variant) | {key: getattr(self, key) for key in kept} | steps


@dataclass
class History:
    """What a run has measured: per judgement the step, the error of known rows (rad), of the next NEAR rows, L1 loss.

    Attributes:
        done: steps taken.
        spent_s: in steps and judgements.
        judged: one line per judgement.
        losses: (step, L1 loss, KL divergence) every TELL_S.
    """

    done: int = 0
    spent_s: float = 0.0
    judged: list[tuple[int, float, float, float]] = field(default_factory=list)
    losses: list[tuple[int, float, float]] = field(default_factory=list)

    @property
    def best(self) -> tuple[int, float, float, float] | None:
        """The judgement whose weights are kept: least error of the whole chunk, as motorium's own training does."""
        return min(self.judged, key=lambda line: line[1], default=None)


class Trainer:
    """LeRobot's policy, its optimiser, and the frames of each step."""

    def __init__(self, job: Job, data: Demonstrations, report: Callable[[str], None]) -> None:
        torch.set_num_threads(job.threads)
        torch.manual_seed(job.seed)
        self.job, self.data, self.report = job, data, report
        self.config = job.variant.config(data.joints, len(data.tasks), data.pictures, data.shape)
        self.policy = ACTPolicy(self.config)
        self.before, self.after = make_act_pre_post_processors(self.config, data.meta.stats)
        preset = self.config.get_optimizer_preset()
        self.clip = preset.grad_clip_norm
        self.optimiser = preset.build(self.policy.get_optim_params())
        self.history = History()

    @property
    def weights(self) -> dict[str, int]:
        """Numbers of weights: of all, and of those that plan (the encoder of actions only trains)."""
        count = {name: p.numel() for name, p in self.policy.named_parameters()}
        training = sum(n for name, n in count.items() if name.startswith("model.vae_encoder"))
        return {"all": sum(count.values()), "planning": sum(count.values()) - training}

    def step(self) -> dict[str, float]:
        """Take one step of `update_policy` in LeRobot's training script; returns what ACT says of its loss."""
        number, job = self.history.done, self.job
        torch.manual_seed(int(np.random.SeedSequence([job.seed, 1, number]).generate_state(1)[0]))
        batch = self.before(self.data.batch(self._frames(number)))
        self.policy.train()
        loss, said = self.policy.forward(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.history.done += 1
        return said

    @torch.no_grad()
    def judge(self) -> tuple[int, float, float, float]:
        """Return the step and the errors of held-out frames, as History has them."""
        sums = np.zeros((3, 2))
        for start in range(0, len(self.data.judged), JUDGED_AT_ONCE):
            raw = self.data.batch(self.data.judged[start : start + JUDGED_AT_ONCE])
            batch = self.before(dict(raw))
            chunk = self.policy.predict_action_chunk(batch)
            known = (~raw[PAD]).float()[..., None].expand_as(chunk)
            wrong_rad = (self.after(chunk) - raw[ACTION]).abs() * known
            loss = (chunk - batch[ACTION]).abs() * known
            for row, (error, of) in enumerate(((wrong_rad, known), (wrong_rad[:, :NEAR], known[:, :NEAR]))):
                sums[row] += float(error.sum()), float(of.sum())
            sums[2] += float(loss.sum()), loss.numel()
        whole, near, normalised = sums[:, 0] / sums[:, 1]
        return self.history.done, float(whole), float(near), float(normalised)

    def save_checkpoint(self) -> None:
        """Write policy and processors as LeRobot does, safetensors and JSON, and then take the place of the last."""
        fresh, place = self.job.out / f".{CHECKPOINT}-new", self.job.out / CHECKPOINT
        shutil.rmtree(fresh, ignore_errors=True)
        self.policy.save_pretrained(fresh)
        self.before.save_pretrained(fresh)
        self.after.save_pretrained(fresh)
        shutil.rmtree(place, ignore_errors=True)
        fresh.rename(place)

    def save(self) -> None:
        """Write weights, optimiser and history, whole or not at all. Raises StorageError."""
        arrays = {f"model.{name}": array(value) for name, value in self.policy.state_dict().items()}
        arrays |= optimiser_arrays(self.policy, self.optimiser)
        write_tensors(self.job.out / STATE, arrays, {"history": json.dumps(asdict(self.history))})

    def restore(self) -> None:
        """Go back to what was saved; nothing to do before that. Raises CheckpointError, ResumeError."""
        path = self.job.out / STATE
        if not path.exists():
            return
        with safe_open(check_container(path), framework="pt") as file:
            said = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        try:
            found = json.loads(said["history"])
            history = History(int(found["done"]), float(found["spent_s"]))
            history.judged = [(int(step), *map(float, rest)) for step, *rest in found["judged"]]
            history.losses = [(int(step), *map(float, rest)) for step, *rest in found["losses"]]
            self.policy.load_state_dict(under(tensors, "model."))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ResumeError(f"{path} is not of this run ({error}); choose another --out") from error
        restore_optimiser(self.policy, self.optimiser, tensors)
        self.history = history

    def _frames(self, step: int) -> Index:
        """Return the frames of a step: rounds over all, each in an order of its own."""
        frames, size = self.data.training, self.job.batch
        at = np.arange(step * size, (step + 1) * size)
        orders = {
            turn: np.random.default_rng([self.job.seed, 0, turn]).permutation(len(frames))
            for turn in np.unique(at // len(frames)).tolist()
        }
        return frames[
            [orders[turn][place] for turn, place in zip(at // len(frames), at % len(frames), strict=True)]
        ]


def train(
    job: Job, data: Demonstrations, report: Callable[[str], None], *, resume: bool, pause_s: float | None
) -> Trainer | None:
    """Train to the end; None where it pauses before, to be resumed. Raises ResumeError."""
    plan, begun = Plan.read(job.out), time.monotonic()
    if not resume and (plan is not None or (job.out / STATE).exists()):
        raise ResumeError(f"there is a run in {job.out}: continue it with --resume, or choose another --out")
    trainer, print_ = Trainer(job, data, report), data.fingerprint()
    if plan is None:
        plan = _plan(trainer, print_)
        plan.write(job.out)
        trainer = Trainer(job, data, report)
    plan.check(print_, job.settings(), job.out)
    trainer.restore()
    if trainer.history.done:
        report(f"goes on behind step {trainer.history.done}")
    return trainer if _through(trainer, plan.steps, None if pause_s is None else begun + pause_s) else None


def _through(trainer: Trainer, steps: int, until: float | None) -> bool:
    """Take the steps that are left; False where `until` (monotonic s) comes first."""
    history, every = trainer.history, max(1, steps // trainer.job.judgements)
    saved = told = began = time.monotonic()
    first, sums = history.done, np.zeros(3)
    while history.done < steps:
        start = time.monotonic()
        said = trainer.step()
        sums += said["l1_loss"], said.get("kld_loss", 0.0), 1.0
        if history.done % every == 0 or history.done == steps:
            _judge(trainer)
        now = time.monotonic()
        history.spent_s += now - start
        if now - told > TELL_S or history.done == steps:
            told, left_s = now, (now - began) / (history.done - first) * (steps - history.done)
            l1, kl = (sums[:2] / sums[2]).tolist()
            history.losses.append((history.done, l1, kl))
            trainer.report(
                f"step {history.done} of {steps}, L1 {l1:.4f}, KL {kl:.4f}, {_clock(left_s)} to go"
            )
            sums = np.zeros(3)
        paused = until is not None and now > until and history.done < steps
        if now - saved > SAVE_S or history.done == steps or paused:
            trainer.save()
            saved = time.monotonic()
        if paused:
            trainer.report(f"pauses behind step {history.done} of {steps}: go on with --resume")
            return False
    return True


def _judge(trainer: Trainer) -> None:
    history, line = trainer.history, trainer.judge()
    better = history.best is None or line[1] < history.best[1]
    history.judged.append(line)
    trainer.report(
        f"step {line[0]}: held-out episodes, chunk off by {line[1]:.4f} rad, next {NEAR} rows by {line[2]:.4f}"
        f"{', the best so far' if better else ''}"
    )
    if better:
        trainer.save_checkpoint()


def _plan(trainer: Trainer, fingerprint: str) -> Plan:
    """Decide how many steps the run has; where minutes were given, by steps that are measured and thrown away."""
    job, steps, each = trainer.job, trainer.job.steps, 0.0
    if job.minutes is not None:
        warm, counted = (min(s, 2.0 * job.minutes) for s in MEASURED_S)
        list(_steps_for(trainer, warm))
        each = float(np.mean(list(_steps_for(trainer, counted))))
        start = time.monotonic()
        trainer.judge()
        judging = (time.monotonic() - start) * job.judgements
        steps = max(job.judgements, int((60.0 * job.minutes - judging) / each))
        trainer.report(
            f"{job.minutes:g} minutes are {steps} steps of {each:.3f} s; {judging:.0f} s are for judging"
        )
    return Plan(steps, each, fingerprint, json.loads(json.dumps(job.settings())), (str(trainer.data.path),))


def _steps_for(trainer: Trainer, seconds: float) -> Iterator[float]:
    """Take steps for some seconds, at least three; yield how long each took."""
    began, taken = time.monotonic(), 0
    while taken < 3 or time.monotonic() - began < seconds:
        start = time.monotonic()
        trainer.step()
        taken += 1
        yield time.monotonic() - start


def pilot(job: Job, data: Demonstrations, report: Callable[[str], None]) -> dict[str, Any]:
    """Train a variant for `job.minutes` by the clock, or `job.steps`; return what held-out frames say, by name."""
    trainer = Trainer(job, data, report)
    if job.minutes is None:
        for _ in range(job.steps):
            trainer.step()
    else:
        list(_steps_for(trainer, 60.0 * job.minutes))
    step, whole, near, loss = trainer.judge()
    report(
        f"{job.variant.norm}, {job.variant.lr:g}: {step} steps, chunk off by {whole:.4f} rad, near {near:.4f}"
    )
    return {
        "norm": job.variant.norm, "lr": job.variant.lr, "steps": step, "held_out_rad": whole,
        "held_out_near_rad": near, "held_out_l1": loss,
    }  # fmt: skip


def told(trainer: Trainer, plan: Plan) -> dict[str, Any]:
    """Return what the JSON says of a run."""
    job, data, history = trainer.job, trainer.data, trainer.history
    best = history.best
    if best is None:
        raise MotoriumError(f"{job.out} was never judged")
    return {
        "size": job.variant.size,
        "minutes": history.spent_s / 60.0,
        "steps": history.done,
        "seconds_per_step_at_start": plan.seconds_per_step,
        "weights": trainer.weights,
        "pretrained": False,
        "pretrained_why": "ImageNet's weights are not to be had without a network; the ResNet begins from scratch",
        "settings": job.settings(),
        "config": _plain(trainer.config),
        "data": {
            "path": data.path.name, "robot": data.source.robot.name, "fingerprint": plan.fingerprint,
            "episodes": len(data.held),
            "held_out_episodes": sorted(index for index, held in data.held.items() if held),
            "frames": len(data.training), "held_out_frames": len(data.held_out), "judged_frames": JUDGED,
            "instructions": list(data.tasks),
        },
        "best": dict(zip(("step", "held_out_rad", "held_out_near_rad", "held_out_l1"), best, strict=True)),
        "judged": [list(line) for line in history.judged],
        "losses": [list(line) for line in history.losses],
    }  # fmt: skip


def _plain(config: Any) -> dict[str, Any]:
    """Return LeRobot's configuration as JSON has it."""
    return dict(json.loads(json.dumps(asdict(config), default=str)))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
