"""Trains a motorium nano network on recorded demonstrations; resumable, and the same for the same seed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file
from torch import Tensor

from ..errors import MotoriumError
from ..robots.spec import RobotSpec
from .batches import Batch, BatchMaker, BatchParams
from .dataset import Demos
from .export import Network, load_network, save_network, save_tensors, write_json
from .model import NanoDims, NanoModel
from .normalise import Statistics


@dataclass(frozen=True)
class TrainParams:
    """How to train.

    Attributes:
        steps: of the whole schedule; with `minutes`, the schedule ends at whichever comes first.
        scene_weight, balance_weight: of the scene head's and the router's loss beside the flow loss.
        ema: decay of the averaged weights that are saved.
        save_every: steps between checkpoints.
    """

    steps: int = 3000
    minutes: float | None = None
    seed: int = 0
    learning_rate: float = 1e-3
    warm_up: int = 100
    final_share: float = 0.02
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.998
    scene_weight: float = 1.0
    balance_weight: float = 0.01
    save_every: int = 250
    threads: int = 2
    batch: BatchParams = field(default_factory=BatchParams)


@dataclass(frozen=True)
class TrainJob:
    """What to train: demonstrations in, run folder out. `init` is a checkpoint folder to start from."""

    data: tuple[Path, ...]
    out: Path
    name: str = "so101-pick"
    init: Path | None = None
    dims: NanoDims = field(default_factory=NanoDims)
    params: TrainParams = field(default_factory=TrainParams)


def losses(model: NanoModel, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """(flow, scene, balance) losses of a batch; flow counts known, unpromised rows of mapped slots only."""
    images = dict(zip(model.shape.roles, batch.images, strict=True))
    prefix = model.encode(images, batch.tokens, torch.zeros(len(batch.tokens), dtype=torch.long))
    predicted, balance = model.velocity(prefix, batch.state, batch.noisy, batch.time)
    return predicted, (prefix.scene - batch.scene).square().mean(), balance


def flow_loss(predicted: Tensor, batch: Batch, slots: Tensor) -> Tensor:
    """Masked mean square error of the velocity."""
    error = (predicted[..., slots] - batch.velocity[..., slots]).square() * batch.weight
    return error.sum() / (batch.weight.sum() * len(slots)).clamp(min=1.0)


class Trainer:
    """One training run; `step` until `finished`."""

    def __init__(self, job: TrainJob) -> None:
        torch.manual_seed(job.params.seed)
        torch.set_num_threads(job.params.threads)
        self.job, self.params = job, job.params
        demos = Demos(job.data)
        self.network, self.model = _network(job, demos)
        self.model.train()
        self.batches = BatchMaker(demos, self.network.statistics, self.network.slots, job.params.batch)
        self.slots = torch.as_tensor(self.network.slots)
        matrices = [p for p in self.model.parameters() if p.ndim >= 2]
        others = [p for p in self.model.parameters() if p.ndim < 2]
        groups = [
            {"params": matrices, "weight_decay": job.params.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=job.params.learning_rate, betas=(0.9, 0.98))
        self.average = {name: p.detach().clone() for name, p in self.model.state_dict().items()}
        self.done, self.seconds = 0, 0.0

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
        """One optimiser step; returns what it measured."""
        start = time.monotonic()
        rate = self._set_rate()
        batch = self.batches.draw(self.params.seed, self.done)
        predicted, scene, balance = losses(self.model, batch)
        flow = flow_loss(predicted, batch, self.slots)
        loss = flow + self.params.scene_weight * scene + self.params.balance_weight * balance
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.params.clip)
        if not math.isfinite(float(norm)):
            raise MotoriumError(f"gradient is not finite at step {self.done}; lower the learning rate")
        self.optimiser.step()
        self.done += 1
        decay = min(self.params.ema, (1 + self.done) / (10 + self.done))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.average[name].lerp_(value, 1.0 - decay)
        self.seconds += time.monotonic() - start
        measured = {"flow": flow, "scene": scene, "balance": balance, "norm": norm}
        return {"lr": rate, **{name: float(value.detach()) for name, value in measured.items()}}

    def _set_rate(self) -> float:
        p = self.params
        cosine = p.final_share + (1.0 - p.final_share) * 0.5 * (1.0 + math.cos(math.pi * self.progress))
        rate = p.learning_rate * min(1.0, (self.done + 1) / p.warm_up) * cosine
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        return rate

    def save(self) -> None:
        """Writes the averaged checkpoint and everything needed to go on."""
        save_network(self.job.out / "checkpoint", self.network, self.average)
        arrays = {f"model.{n}": _numpy(t) for n, t in self.model.state_dict().items()}
        arrays |= {f"average.{n}": _numpy(t) for n, t in self.average.items()}
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimiser.state.get(parameter, {}).items():
                arrays[f"{key}.{name}"] = _numpy(value)
        save_tensors(self.job.out / "resume.safetensors", arrays)
        write_json(self.job.out / "resume.json", {"done": self.done, "seconds": self.seconds})

    def resume(self) -> bool:
        """Goes on where `save` left off; False when there is nothing to resume."""
        if not (self.job.out / "resume.json").exists():
            return False
        position = json.loads((self.job.out / "resume.json").read_text(encoding="utf-8"))
        tensors = {n: torch.from_numpy(a) for n, a in load_file(self.job.out / "resume.safetensors").items()}
        self.model.load_state_dict(_under(tensors, "model."))
        self.average = _under(tensors, "average.")
        for name, parameter in self.model.named_parameters():
            keys = ("step", "exp_avg", "exp_avg_sq")
            held = {key: tensors[f"{key}.{name}"] for key in keys if f"{key}.{name}" in tensors}
            if held:
                held = {k: v if k == "step" else torch.empty_like(parameter).copy_(v) for k, v in held.items()}
                self.optimiser.state[parameter] = held
        self.done, self.seconds = int(position["done"]), float(position["seconds"])
        return True


def train(job: TrainJob, report: Callable[[str], None] = print, *, resume: bool = False) -> Path:
    """Trains to the end and returns the checkpoint folder. Raises MotoriumError, DatasetError, CheckpointError."""
    trainer = Trainer(job)
    if resume and trainer.resume():
        report(f"resumed at step {trainer.done}")
    sums: dict[str, float] = {}
    since = trainer.done
    while not trainer.finished:
        for key, value in trainer.step().items():
            sums[key] = sums.get(key, 0.0) + value
        if trainer.done % 25 == 0 or trainer.finished:
            n = trainer.done - since
            means = " ".join(f"{key} {value / n:.4f}" for key, value in sums.items())
            report(f"step {trainer.done} {100 * trainer.progress:.0f}% {trainer.seconds:.0f} s {means}")
            sums, since = {}, trainer.done
        if trainer.done % trainer.params.save_every == 0 or trainer.finished:
            trainer.save()
    return job.out / "checkpoint"


def _network(job: TrainJob, demos: Demos) -> tuple[Network, NanoModel]:
    if job.init is not None:
        network, model = load_network(job.init)
        return replace(network, name=job.name), model
    manifest: dict[str, Any] = demos.manifests[0]
    spec = RobotSpec.load(manifest["robot"])
    relative = np.array([j.unit == "rad" for j in spec.joints], dtype=np.float32)
    network = Network(
        name=job.name,
        spec=spec,
        dims=job.dims,
        roles=tuple(manifest["cameras"]),
        image_size=int(demos.images(np.array([0])).shape[2]),
        vocabulary=tuple(manifest["vocabulary"]),
        max_tokens=int(demos.column("tokens").shape[1]),
        scene_names=tuple(manifest["scene"]),
        dt_s=float(manifest["dt_s"]),
        statistics=Statistics.of(demos, relative),
    )
    return network, network.build()


def _numpy(tensor: Tensor) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(tensor.detach().contiguous().numpy())


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
