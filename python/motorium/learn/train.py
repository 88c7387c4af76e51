"""Train a motorium nano network on recorded demonstrations; resumable, and the same for the same seed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ..containers import check_container, write_tensors
from ..errors import MotoriumError
from ..policies.nano.config import Descriptor, Dims
from ..specs.robot import RobotSpec
from .batches import Batch, BatchMaker, BatchParams
from .dataset import Demos
from .export import DEFAULT_DIMS, build, describe, load_network, save_network
from .grounding import Grounding
from .model import NanoModel, Prefix
from .normalise import Statistics
from .process_group import ProcessGroup, process_group
from .run_folder import CHECKPOINT, run_folder
from .tensors import array, optimiser_arrays, restore_optimiser, under

RESUME = "resume.safetensors"


@dataclass(frozen=True)
class TrainParams:
    """Parameters of training.

    Attributes:
        steps: of the whole schedule; with `minutes`, the schedule ends at whichever comes first.
        scene_weight, grounding_weight, balance_weight: of the scene head's, the patches' and the router's loss beside
            the flow loss.
        ema: decay of the averaged weights that are saved.
        save_every: steps between checkpoints.
        processes: that share every batch, one thread each; on a busy machine they wait for each other only once
            a step, where threads would wait at every product.
    """

    steps: int = 2600
    minutes: float | None = None
    seed: int = 0
    learning_rate: float = 1e-3
    warm_up: int = 100
    final_share: float = 0.02
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.998
    scene_weight: float = 1.0
    grounding_weight: float = 0.3
    balance_weight: float = 0.01
    save_every: int = 250
    processes: int = 2
    batch: BatchParams = field(default_factory=BatchParams)


@dataclass(frozen=True)
class TrainJob:
    """What to train: demonstrations in, run folder out. `init` is a checkpoint folder to start from."""

    data: tuple[Path, ...]
    out: Path
    name: str = "so101-pick"
    init: Path | None = None
    dims: Dims = DEFAULT_DIMS
    params: TrainParams = field(default_factory=TrainParams)


def forward(model: NanoModel, batch: Batch) -> tuple[Tensor, Tensor, Prefix]:
    """Predict velocity, balance loss and the encoded observations of a batch."""
    images = dict(zip(model.roles, batch.images, strict=True))
    prefix = model.encode(images, batch.tokens, torch.zeros(len(batch.tokens), dtype=torch.long))
    predicted, balance = model.velocity(prefix, batch.state, batch.noisy, batch.time)
    return predicted, balance, prefix


def flow_loss(predicted: Tensor, batch: Batch, slots: Tensor) -> Tensor:
    """Return the masked mean square error of the velocity."""
    error = (predicted[..., slots] - batch.velocity[..., slots]).square() * batch.weight
    return error.sum() / (batch.weight.sum() * len(slots)).clamp(min=1.0)


class Trainer:
    """One training run; `step` until `finished`."""

    def __init__(self, job: TrainJob, *, resume: bool = False, group: ProcessGroup | None = None) -> None:
        torch.manual_seed(job.params.seed)
        self.job, self.params, self.group = job, job.params, group or ProcessGroup()
        demos = Demos(job.data)
        resume = resume and (job.out / RESUME).exists()
        self.descriptor, self.model = _network(job, demos, resume)
        self.model.train()
        slots = [channel.slot for channel in self.descriptor.action]
        statistics = Statistics.from_descriptor(self.descriptor)
        batch = replace(job.params.batch, observations=self.group.part(job.params.batch.observations))
        self.batches = BatchMaker(demos, statistics, slots, batch)
        self.slots = torch.as_tensor(slots)
        self.grounding = Grounding(self.descriptor, RobotSpec.load(self.descriptor.embodiments[0]))
        self.learned = torch.nn.ModuleDict({"model": self.model, "grounding": self.grounding})
        matrices = [p for p in self.learned.parameters() if p.ndim >= 2]
        others = [p for p in self.learned.parameters() if p.ndim < 2]
        groups = [
            {"params": matrices, "weight_decay": job.params.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=job.params.learning_rate, betas=(0.9, 0.98))
        self.average = {name: p.detach().clone() for name, p in self.model.state_dict().items()}
        self.done, self.seconds = 0, 0.0
        if resume:
            self._resume()

    @property
    def progress(self) -> float:
        """Share of the schedule that is over."""
        by_time = 0.0 if self.params.minutes is None else self.seconds / (60.0 * self.params.minutes)
        return min(1.0, max(self.done / self.params.steps, by_time))

    @property
    def finished(self) -> bool:
        """Whether the schedule is over."""
        return self.progress >= 1.0

    def step(self) -> dict[str, float]:
        """Take one optimiser step; return what it measured."""
        start = time.monotonic()
        rate = self._set_rate()
        batch = self.batches.draw(self.params.seed, self.done * self.group.size + self.group.rank)
        p = self.params
        predicted, balance, prefix = forward(self.model, batch)
        flow = flow_loss(predicted, batch, self.slots)
        scene = (prefix.scene - batch.scene).square().mean()
        ground = self.grounding(prefix.views, batch.scene_raw)
        loss = flow + p.scene_weight * scene + p.grounding_weight * ground + p.balance_weight * balance
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.group.average([p.grad for p in self.learned.parameters() if p.grad is not None])
        norm = torch.nn.utils.clip_grad_norm_(self.learned.parameters(), self.params.clip)
        if not math.isfinite(float(norm)):
            raise MotoriumError(f"gradient is not finite at step {self.done}; lower the learning rate")
        self.optimiser.step()
        self.done += 1
        decay = min(self.params.ema, (1 + self.done) / (10 + self.done))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.average[name].lerp_(value, 1.0 - decay)
        self.seconds = self.group.mean(self.seconds + time.monotonic() - start)
        measured = {"flow": flow, "scene": scene, "ground": ground, "balance": balance, "norm": norm}
        return {"lr": rate, **{name: float(value.detach()) for name, value in measured.items()}}

    def _set_rate(self) -> float:
        p = self.params
        cosine = p.final_share + (1.0 - p.final_share) * 0.5 * (1.0 + math.cos(math.pi * self.progress))
        rate = p.learning_rate * min(1.0, (self.done + 1) / p.warm_up) * cosine
        for parameters in self.optimiser.param_groups:
            parameters["lr"] = rate
        return rate

    def save(self) -> None:
        """Write the averaged checkpoint and everything needed to go on."""
        save_network(self.job.out / CHECKPOINT, self.descriptor, self.average)
        arrays = {f"learned.{n}": array(t) for n, t in self.learned.state_dict().items()}
        arrays |= {f"average.{n}": array(t) for n, t in self.average.items()}
        arrays |= optimiser_arrays(self.learned, self.optimiser)
        position = {"done": str(self.done), "seconds": repr(self.seconds)}
        # One file, so that numbers and position never disagree.
        write_tensors(self.job.out / RESUME, arrays, position)

    def _resume(self) -> None:
        """Go on where `save` left off."""
        with safe_open(check_container(self.job.out / RESUME), framework="pt") as file:
            position = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        self.learned.load_state_dict(under(tensors, "learned."))
        self.average = under(tensors, "average.")
        restore_optimiser(self.learned, self.optimiser, tensors)
        self.done, self.seconds = int(position["done"]), float(position["seconds"])


def train(
    job: TrainJob,
    report: Callable[[str], None] = print,
    *,
    resume: bool = False,
    until: int | None = None,
) -> Path:
    """Train to the end of the schedule, or to step `until` of it, and returns the checkpoint folder.

    Raises MotoriumError, DatasetError, CheckpointError, StorageError.
    """
    stop = job.params.steps if until is None else until
    with (
        run_folder(job.out),
        process_group(job.params.processes, _run_rank, job, resume, stop) as group,
    ):
        _run_rank_0(Trainer(job, resume=resume, group=group), report, stop)
    return job.out / CHECKPOINT


def _run_rank(group: ProcessGroup, job: TrainJob, resume: bool, stop: int) -> None:
    trainer = Trainer(job, resume=resume, group=group)
    while not trainer.finished and trainer.done < stop:
        trainer.step()


def _run_rank_0(trainer: Trainer, report: Callable[[str], None], stop: int) -> None:
    if trainer.done:
        report(f"resumed at step {trainer.done}")
    sums: dict[str, float] = {}
    since = trainer.done
    while not trainer.finished and trainer.done < stop:
        for key, value in trainer.step().items():
            sums[key] = sums.get(key, 0.0) + value
        last = trainer.finished or trainer.done >= stop
        if trainer.done % 25 == 0 or last:
            n = trainer.done - since
            means = " ".join(f"{key} {value / n:.4f}" for key, value in sums.items())
            report(f"step {trainer.done} {100 * trainer.progress:.0f}% {trainer.seconds:.0f} s {means}")
            sums, since = {}, trainer.done
        if trainer.done % trainer.params.save_every == 0 or last:
            trainer.save()


def _network(job: TrainJob, demos: Demos, resume: bool) -> tuple[Descriptor, NanoModel]:
    """Make a network: a fresh one measures the data, a continued one keeps the statistics it was trained with."""
    init = job.out / CHECKPOINT if resume else job.init
    if init is None:
        descriptor = describe(job.name, demos, job.dims)
        return descriptor, build(descriptor)
    model = load_network(init)
    return replace(model.descriptor, name=job.name), model
