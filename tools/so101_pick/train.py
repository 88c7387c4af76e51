"""Train a motorium nano network on recorded demonstrations; resumable, and the same for the same seed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from motorium.containers import check_container, write_tensors
from motorium.learn.examples import Examples
from motorium.learn.export import DEFAULT_DIMS, build, load_network, save_network
from motorium.learn.learner import Learner, LearnParams
from motorium.learn.model import NanoModel, Prefix
from motorium.learn.normalise import Statistics
from motorium.learn.process_group import ProcessGroup, process_group
from motorium.learn.run_folder import CHECKPOINT, run_folder
from motorium.learn.tensors import array, optimiser_arrays, restore_optimiser, under
from motorium.policies.nano.config import Descriptor, Dims
from motorium.specs.robot import RobotSpec

from .batches import Batch, BatchMaker, BatchParams
from .describe import describe_demos
from .grounding import Grounding
from .shards import Demos

RESUME = "resume.safetensors"


@dataclass(frozen=True)
class TrainParams(LearnParams):
    """Parameters of training beside those of learning.

    Attributes:
        minutes: the schedule ends after them, or after `steps`, whichever comes first.
        seed: of weights and batches.
        bf16: False, as `models/so101-pick` was made.
        grounding_weight: of the patches' loss beside the others.
        save_every: steps between checkpoints.
        processes: that share every batch, one thread each; on a busy machine they wait for each other only once
            a step, where threads would wait at every product.
        batch: parameters of making batches.
    """

    minutes: float | None = None
    seed: int = 0
    bf16: bool = False
    grounding_weight: float = 0.3
    save_every: int = 250
    processes: int = 2
    batch: BatchParams = field(default_factory=BatchParams)

    @property
    def warm_up_steps(self) -> int:
        """Steps until the learning rate is at its highest, however short the schedule is."""
        return max(1, self.warm_up)


@dataclass(frozen=True)
class TrainJob:
    """What to train: demonstrations in, run folder out. `init` is a checkpoint folder to start from."""

    data: tuple[Path, ...]
    out: Path
    name: str = "so101-pick"
    init: Path | None = None
    dims: Dims = DEFAULT_DIMS
    params: TrainParams = field(default_factory=TrainParams)


class PickLearner(Learner):
    """A network and, in training only, small heads that say where the cube is in its pictures.

    Attributes:
        seconds: of training so far.
    """

    LOSSES = (*Learner.LOSSES, "ground")

    def __init__(
        self, model: NanoModel, params: TrainParams, group: ProcessGroup, grounding: Grounding
    ) -> None:
        self.grounding, self.minutes, self.seconds = grounding, params.minutes, 0.0
        self.grounding_weight = params.grounding_weight
        super().__init__(model, params, group, torch.device("cpu"))

    @property
    def over(self) -> float:
        """Share of the schedule that is over."""
        by_time = 0.0 if self.minutes is None else self.seconds / (60.0 * self.minutes)
        return min(1.0, max(super().over, by_time))

    def learned(self) -> list[nn.Parameter]:
        """Return the parameters of network and heads."""
        return [*super().learned(), *self.grounding.parameters()]

    def _groups(self) -> list[dict[str, Any]]:
        heads = [
            {
                "params": [q for q in self.grounding.parameters() if (q.ndim >= 2) is decays],
                "weight_decay": self.params.weight_decay * decays,
                "group": "heads",
            }
            for decays in (True, False)
        ]
        return [*super()._groups(), *heads]

    def _losses(
        self, part: Examples, prefix: Prefix, predicted: Tensor, balance: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        loss, shares = super()._losses(part, prefix, predicted, balance)
        assert isinstance(part, Batch)
        ground = self.grounding(prefix.views, part.scene_raw)
        return loss + self.grounding_weight * ground, [*shares, ground]


class Trainer:
    """One training run; `step` until `finished`."""

    def __init__(self, job: TrainJob, *, resume: bool = False, group: ProcessGroup | None = None) -> None:
        torch.manual_seed(job.params.seed)
        self.job, self.params, self.group = job, job.params, group or ProcessGroup()
        demos = Demos(job.data)
        resume = resume and (job.out / RESUME).exists()
        self.descriptor, model = _network(job, demos, resume)
        grounding = Grounding(self.descriptor, RobotSpec.load(self.descriptor.embodiments[0]))
        self.learner = PickLearner(model, self.params, self.group, grounding)
        self.learned = nn.ModuleDict({"model": model, "grounding": grounding})
        statistics = Statistics.from_descriptor(self.descriptor)
        batch = replace(self.params.batch, observations=self.group.part(self.params.batch.observations))
        slots = [channel.slot for channel in self.descriptor.action]
        self.batches = BatchMaker(demos, statistics, slots, batch, self.group.size)
        if resume:
            self._resume()

    @property
    def average(self) -> dict[str, Tensor]:
        """Averaged weights of the network by name."""
        return self.learner.averaged.state_dict()

    @property
    def done(self) -> int:
        """Steps that were taken."""
        return self.learner.done

    @property
    def finished(self) -> bool:
        """Whether the schedule is over."""
        return self.learner.over >= 1.0

    def step(self) -> dict[str, float]:
        """Take one optimiser step; return what it measured."""
        start, learner, group = time.monotonic(), self.learner, self.group
        batch = self.batches.draw(self.params.seed, learner.done * group.size + group.rank)
        measured = learner.step([batch])
        learner.seconds = group.mean(learner.seconds + time.monotonic() - start)
        return measured

    def save(self) -> None:
        """Write the averaged checkpoint and everything needed to go on."""
        save_network(self.job.out / CHECKPOINT, self.descriptor, self.average)
        arrays = {f"learned.{n}": array(t) for n, t in self.learned.state_dict().items()}
        arrays |= {f"average.{n}": array(t) for n, t in self.average.items()}
        arrays |= optimiser_arrays(self.learned, self.learner.optimiser)
        position = {"done": str(self.done), "seconds": repr(self.learner.seconds)}
        # One file, so that numbers and position never disagree.
        write_tensors(self.job.out / RESUME, arrays, position)

    def _resume(self) -> None:
        """Go on where `save` left off."""
        with safe_open(check_container(self.job.out / RESUME), framework="pt") as file:
            position = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        self.learned.load_state_dict(under(tensors, "learned."))
        self.learner.averaged.load_state_dict(under(tensors, "average."))
        restore_optimiser(self.learned, self.learner.optimiser, tensors)
        self.learner.done, self.learner.seconds = int(position["done"]), float(position["seconds"])


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
    Demos(job.data)  # refuses them before there are other processes
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
            report(
                f"step {trainer.done} {100 * trainer.learner.over:.0f}% {trainer.learner.seconds:.0f} s {means}"
            )
            sums, since = {}, trainer.done
        if trainer.done % trainer.params.save_every == 0 or last:
            trainer.save()


def _network(job: TrainJob, demos: Demos, resume: bool) -> tuple[Descriptor, NanoModel]:
    """Make a network: a fresh one measures the data, a continued one keeps the statistics it was trained with."""
    init = job.out / CHECKPOINT if resume else job.init
    if init is None:
        descriptor = describe_demos(job.name, demos, job.dims)
        return descriptor, build(descriptor)
    model = load_network(init)
    return replace(model.descriptor, name=job.name), model
