"""Make training batches from demonstrations: normalisation, which frames, and how they are disturbed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..types import SLOTS, Float32
from .dataset import Demos
from .normalise import Statistics


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
class Batch:
    """B observations, n samples each, T rows, normalised.

    Attributes:
        images: per view (B, 3, H, W).
        tokens: (B, L).
        state: (B, 200).
        clean: (B, n, T, 200) actions.
        noisy: (B, n, T, 200) flow states, committed rows as given to the network.
        time: (B, n, T) flow time, 1 for committed rows.
        velocity: (B, n, T, 200) target.
        weight: (B, n, T, 1) 1 where the loss counts.
        scene: (B, S) target of the scene head.
        scene_raw: (B, S) the same in its own units.
    """

    images: list[Tensor]
    tokens: Tensor
    state: Tensor
    clean: Tensor
    noisy: Tensor
    time: Tensor
    velocity: Tensor
    weight: Tensor
    scene: Tensor
    scene_raw: Tensor


class BatchMaker:
    """Draws batches; the same seed and step give the same batch, whatever came before."""

    def __init__(
        self, demos: Demos, statistics: Statistics, slots: Sequence[int], params: BatchParams
    ) -> None:
        self.demos, self.statistics, self.params = demos, statistics, params
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
        state_raw = self.demos.column("state")[index]
        rows_raw = self._rows[index]
        batch, rows, joints = rows_raw.shape
        shape = (batch, p.samples, rows)
        noise = rng.standard_normal((*shape, joints), dtype=np.float32)
        time = (1.0 - rng.beta(*p.time_beta, shape[:2])).astype(np.float32)[..., None].repeat(rows, -1)
        action = np.broadcast_to(stats.action(rows_raw, state_raw)[:, None], noise.shape)
        given = self._jitter(rows_raw, rng)
        given = stats.action(given, state_raw[:, None].repeat(p.samples, 1))
        delay, committed = self._delays(index, rng)
        row = np.arange(rows)
        locked = row < delay[..., None]
        noisy = (1.0 - time[..., None]) * noise + time[..., None] * action
        noisy = np.where(locked[..., None], given, noisy)
        counts = self.demos.column("valid")[index][:, None] & ~locked & (row >= committed[..., None])
        state = stats.state(state_raw) + p.state_noise * rng.standard_normal(state_raw.shape)
        images = self._images(index, rng)
        return Batch(
            images=images,
            tokens=torch.from_numpy(self.demos.column("tokens")[index].astype(np.int64)),
            state=self._spread(state),
            clean=self._spread(action),
            noisy=self._spread(noisy),
            time=torch.from_numpy(np.where(locked, np.float32(1.0), time)),
            velocity=self._spread(action - noise),
            weight=torch.from_numpy(counts[..., None].astype(np.float32)),
            scene=torch.from_numpy(stats.scene(self.demos.column("scene")[index])),
            scene_raw=torch.from_numpy(self.demos.column("scene")[index]),
        )

    def _delays(self, index: NDArray[np.integer], rng: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
        """Return (B, n) rows that are given, and (B, 1) rows that were committed when the frame was recorded."""
        weights = np.array(self.params.delay_weights)
        delay = rng.choice(len(weights), (len(index), self.params.samples), p=weights / weights.sum())
        committed = self.demos.column("promised")[index][:, None].astype(np.int64)
        return np.maximum(delay, committed), committed

    def _jitter(self, rows: Float32, rng: np.random.Generator) -> Float32:
        """Return (B, n, T, J) rows as committed, some of them by a policy that is a little off."""
        p = self.params
        batch, count, joints = rows.shape
        size = (batch, p.samples, 1, joints)
        drift = rng.standard_normal(size) + 0.5 * np.arange(count)[:, None] * rng.standard_normal(size)
        chosen = rng.random((batch, p.samples, 1, 1)) < p.promise_jitter
        return np.asarray(rows[:, None] + p.promise_jitter_rad * drift * chosen, dtype=np.float32)

    def _images(self, index: NDArray[np.integer], rng: np.random.Generator) -> list[Tensor]:
        p = self.params
        pictures = torch.from_numpy(self.demos.images(index))
        out = []
        for view in range(pictures.shape[1]):
            size = (len(index), 1, 1, 1)
            tint = 0.03 * rng.standard_normal((len(index), 1, 1, 3))
            gain = torch.from_numpy(
                (1 + rng.uniform(-p.light_gain, p.light_gain, size) + tint).astype(np.float32)
            )
            offset = torch.from_numpy(rng.uniform(-p.light_offset, p.light_offset, size).astype(np.float32))
            image = (pictures[:, view].float() / 255.0 * gain + offset).clamp_(0.0, 1.0)
            out.append(self.statistics.image(image.permute(0, 3, 1, 2)))
        return out

    def _spread(self, values: NDArray[np.floating]) -> Tensor:
        """Spread (..., J) values in joint order over (..., 200) slots."""
        out = torch.zeros(*values.shape[:-1], SLOTS)
        out[..., self.slots] = torch.from_numpy(np.array(values, dtype=np.float32))
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
