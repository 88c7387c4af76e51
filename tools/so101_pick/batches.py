"""Make training batches from demonstrations: normalisation, which frames, and how they are disturbed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motorium.learn.disturbance import jittered, lit
from motorium.learn.examples import Examples
from motorium.learn.normalise import Statistics
from motorium.learn.objectives.commitment import commit, flow_time, locked_rows, loss_weight
from motorium.learn.objectives.rectified_flow import flow_state, velocity_target
from motorium.learn.tensors import spread
from motorium.types import Float32

from .shards import Demos

TINT = 0.03
"""Standard deviation of the gain of each colour."""


@dataclass(frozen=True)
class BatchParams:
    """Parameters of making batches.

    Attributes:
        observations: per batch.
        samples: noise samples (flow times, delays) per observation: the prefix is encoded once for all of them.
        pregrasp_share: share of frames in which the target still lies on the table.
        kind_weights: how much more often than others of its half a frame of some kind is drawn.
        delay_weights: chance of d = 0, 1, 2, ... committed rows, in proportion.
        time_beta: flow time is 1 - Beta(a, b): more often near noise (Being-H0.5 uses 1.5, 1).
        state_noise: of the state, in standard deviations.
        promise_jitter: fraction of samples whose committed rows are disturbed, so that motion alone is never trusted.
        promise_jitter_rad: standard deviation of that disturbance, and per row the same once more.
        light_gain, light_offset: photometric augmentation of each picture (normalised brightness 0..1).
    """

    observations: int = 64
    samples: int = 2
    pregrasp_share: float = 0.5
    kind_weights: Mapping[str, float] = field(default_factory=lambda: {"correct": 3.0, "hover": 2.0})
    delay_weights: tuple[float, ...] = (0.12, 0.26, 0.28, 0.17, 0.10, 0.07)
    time_beta: tuple[float, float] = (1.5, 1.0)
    state_noise: float = 0.03
    promise_jitter: float = 0.3
    promise_jitter_rad: float = 0.012
    light_gain: float = 0.15
    light_offset: float = 0.06


@dataclass(frozen=True)
class Batch(Examples):
    """Examples of a training step, of which the simulator says where everything is.

    Attributes:
        scene_raw: (B, S) target of the readout in its own units.
    """

    scene_raw: Tensor


class BatchMaker:
    """Draws batches; the same seed and step give the same batch, whatever came before.

    Args:
        demos: to draw from.
        statistics: to normalise with.
        slots: of the joints.
        params: of making batches.
        processes: that draw a batch each; a step takes the mean of their losses.
    """

    def __init__(
        self,
        demos: Demos,
        statistics: Statistics,
        slots: Sequence[int],
        params: BatchParams,
        processes: int = 1,
    ) -> None:
        self.demos, self.statistics, self.params, self.processes = demos, statistics, params, processes
        self.slots = torch.as_tensor(list(slots))
        pregrasp = np.asarray(demos.column("pregrasp"), dtype=bool)
        weight = np.array([params.kind_weights.get(str(kind), 1.0) for kind in demos.source()])
        self._rows = _plausible(demos.column("rows"), demos.column("valid"), demos.column("state"))
        self._chances = [np.cumsum(weight * half) for half in (pregrasp, ~pregrasp)]
        if not all(chance[-1] > 0 for chance in self._chances):
            self._chances = [np.cumsum(weight)] * 2

    def draw(self, seed: int, step: int) -> Batch:
        """Return the batch of a training step."""
        rng = np.random.default_rng([seed, step])
        first = round(self.params.observations * self.params.pregrasp_share)
        sizes = (first, self.params.observations - first)
        draws = [rng.random(n) * c[-1] for c, n in zip(self._chances, sizes, strict=True)]
        index = np.concatenate(
            [np.searchsorted(c, d, side="right") for c, d in zip(self._chances, draws, strict=True)]
        )
        return self.make(index, rng)

    def make(self, index: NDArray[np.integer], rng: np.random.Generator) -> Batch:
        """Return the batch of given frames."""
        p, stats = self.params, self.statistics
        state, rows = self.demos.column("state")[index], self._rows[index]
        batch, count, joints = rows.shape
        noise = torch.from_numpy(rng.standard_normal((batch, p.samples, count, joints), dtype=np.float32))
        base = (1.0 - rng.beta(*p.time_beta, (batch, p.samples))).astype(np.float32)
        given = jittered(rows, p.samples, (p.promise_jitter, p.promise_jitter_rad), rng)
        given = stats.action(given, state[:, None].repeat(p.samples, 1))
        delay, committed = self._delays(index, rng)
        locked = locked_rows(torch.from_numpy(delay), count)
        time = flow_time(torch.from_numpy(base), locked)
        clean = torch.from_numpy(stats.action(rows, state))[:, None].expand(noise.shape)
        noisy = commit(flow_state(noise, clean, time), torch.from_numpy(given), locked)
        valid = self.demos.column("valid")[index] & (np.arange(count) >= committed)
        weight = loss_weight(torch.from_numpy(valid), locked)
        moved = stats.state(state) + p.state_noise * rng.standard_normal(state.shape)
        scene = self.demos.column("scene")[index]
        return Batch(
            images=self._images(index, rng),
            tokens=torch.from_numpy(self.demos.column("tokens")[index].astype(np.int64)),
            embodiment=torch.zeros(batch, dtype=torch.int64),
            state=spread(torch.from_numpy(moved.astype(np.float32)), self.slots),
            noisy=spread(noisy, self.slots),
            time=time,
            velocity=spread(velocity_target(noise, clean), self.slots),
            weight=weight,
            scene=torch.from_numpy(stats.scene(scene)),
            scene_known=torch.ones(scene.shape),
            rows_total=float(weight.sum()) * joints * self.processes,
            scene_total=float(scene.size * self.processes),
            observations=batch * self.processes,
            aside=[],
            doubt=torch.zeros(scene.shape),
            scene_raw=torch.from_numpy(scene),
        )

    def _delays(self, index: NDArray[np.integer], rng: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
        """Return (B, n) rows that are given, and (B, 1) rows that were committed when the frame was recorded."""
        weights = np.array(self.params.delay_weights)
        delay = rng.choice(len(weights), (len(index), self.params.samples), p=weights / weights.sum())
        committed = self.demos.column("promised")[index][:, None].astype(np.int64)
        return np.maximum(delay, committed), committed

    def _images(self, index: NDArray[np.integer], rng: np.random.Generator) -> list[Tensor]:
        p, pictures = self.params, self.demos.images(index)
        out, size = [], (len(index), 1, 1, 1)
        for view in range(pictures.shape[1]):
            tint = TINT * rng.standard_normal((len(index), 1, 1, 3))
            gain = (1 + rng.uniform(-p.light_gain, p.light_gain, size) + tint).astype(np.float32)
            offset = rng.uniform(-p.light_offset, p.light_offset, size).astype(np.float32)
            out.append(self.statistics.image(lit(pictures[:, view], gain, offset).permute(0, 3, 1, 2)))
        return out


def _plausible(rows: Float32, valid: NDArray[np.bool_], state: Float32) -> Float32:
    """Return (N, T, J) rows in which a masked one that no joint could mean is the known one before it, else the state.

    A masked row is no target, but the network sees it, noisy, behind the others: what nobody filled in must not reach
    it.
    """
    known = np.concatenate([rows[valid], state])
    low, high = known.min(axis=0), known.max(axis=0)
    strange = ~((rows >= 2 * low - high - 1.0) & (rows <= 2 * high - low + 1.0)).all(axis=-1) & ~valid
    if not strange.any():
        return rows
    places = np.where(valid, np.arange(rows.shape[1]), -1)
    before = np.maximum.accumulate(places, axis=1)
    held = np.take_along_axis(rows, np.maximum(before, 0)[..., None], axis=1)
    held = np.where(before[..., None] < 0, state[:, None], held)
    return np.asarray(np.where(strange[..., None], held, rows), dtype=np.float32)
