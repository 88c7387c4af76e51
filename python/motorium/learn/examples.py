"""Make training batches of recorded frames: which frames, how they are disturbed, and what the network is to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..policies.nano.config import NO_NOISE, Descriptor
from ..policies.nano.tokenizer import Tokenizer
from ..policies.nano.weights import STRIDE, feature_size
from ..types import Float32, UInt8
from .data import Recordings
from .disturbance import jittered, lit, shifted
from .normalise import Statistics
from .objectives.balance import BalancedDraws, source_shares
from .objectives.commitment import DelayTable, commit, flow_time, locked_rows, loss_weight
from .objectives.rectified_flow import BetaTime, flow_state, velocity_target
from .objectives.regression import NoTime, no_noise
from .scene_targets import SceneTargets
from .tensors import spread

Index = NDArray[np.integer]
_Raw = tuple[Float32, Float32, Float32]
_SECOND_HALF = 1 << 40
"""Added to the seed of the frames after a grasp, so that they are drawn independently."""


@dataclass(frozen=True)
class ExampleParams:
    """Parameters of making batches.

    Attributes:
        observations: per optimiser step, over all processes and accumulated parts.
        samples: noise samples (flow times, delays) per observation: pictures are encoded once for all of them.
            Without noise there is one.
        before_grasp: share of frames before a gripper closes, where the recordings have such and others.
        state_noise: of the state, in standard deviations.
        jitter: share of samples whose committed rows are disturbed, so that motion alone is never trusted.
        jitter_rad: standard deviation of that disturbance, and per row half as much once more.
        light_gain, light_offset, tint: photometric augmentation of each picture (normalised brightness 0..1).
        shift_px: largest shift of each picture, either way, for a network of patches.
        told_shift_px: the same for a network of points, whose places are set right by the shift.
        place_noise: of the places of points, standard deviation; half a picture is 1.
        doubt: noise of the readout as the expert is given it, in standard deviations. On the scenes of training it
            is better than on others, and a plan that trusts it never looks again.
    """

    observations: int = 64
    samples: int = 2
    before_grasp: float = 0.5
    state_noise: float = 0.03
    jitter: float = 0.3
    jitter_rad: float = 0.012
    light_gain: float = 0.15
    light_offset: float = 0.06
    tint: float = 0.03
    shift_px: int = 1
    told_shift_px: int = 8
    place_noise: float = 0.03
    doubt: float = 0.3


@dataclass(frozen=True)
class Examples:
    """B observations, n samples each, T rows, V views, normalised.

    Attributes:
        images: per view (B, 3, H, W).
        tokens: (B, L).
        embodiment: (B,).
        state: (B, 200).
        noisy: (B, n, T, 200) flow states, committed rows as given to the network.
        time: (B, n, T) flow time, 1 for committed rows.
        velocity: (B, n, T, 200) target.
        weight: (B, n, T, 1) 1 where the loss counts.
        scene: (B, S) target of the readout.
        scene_known: (B, S) 1 where there is one.
        rows_total, scene_total: sums of both weights over the whole batch, of which this may be a part.
        observations: of the whole batch.
        aside: per view (B, 2 K), added to the places of points; empty for patches.
        doubt: (B, S) added to the readout that the expert is given.
    """

    images: list[Tensor]
    tokens: Tensor
    embodiment: Tensor
    state: Tensor
    noisy: Tensor
    time: Tensor
    velocity: Tensor
    weight: Tensor
    scene: Tensor
    scene_known: Tensor
    rows_total: float
    scene_total: float
    observations: int
    aside: list[Tensor]
    doubt: Tensor

    def views(self, roles: Sequence[str]) -> dict[str, Tensor]:
        """Return the pictures by role."""
        return dict(zip(roles, self.images, strict=True))

    def to(self, device: torch.device) -> Examples:
        """Return the same on a device."""
        if device.type == "cpu":
            return self
        moved = {
            name: value.to(device) if isinstance(value, Tensor) else value
            for name, value in vars(self).items()
        }
        lists = {name: [one.to(device) for one in vars(self)[name]] for name in ("images", "aside")}
        return Examples(**moved | lists)


class ExampleMaker:
    """Makes batches; the same seed and step give the same batch, whatever came before and however it is divided."""

    def __init__(
        self,
        recordings: Recordings,
        descriptor: Descriptor,
        scene: SceneTargets,
        delays: DelayTable,
        params: ExampleParams,
        seed: int,
    ) -> None:
        self.recordings, self.params, self.seed = recordings, params, seed
        self.statistics = Statistics.from_descriptor(descriptor)
        self.slots = torch.as_tensor([channel.slot for channel in descriptor.action])
        self.state_slots = torch.as_tensor([channel.slot for channel in descriptor.state])
        place = {slot: column for column, slot in enumerate(recordings.slots)}
        self._state_columns = [place[channel.slot] for channel in descriptor.state]
        self._action_columns = [place[channel.slot] for channel in descriptor.action]
        tokenizer = Tokenizer(descriptor.prompt)
        self._tokens = np.stack([tokenizer.encode(task) for task in recordings.tasks]).astype(np.int64)
        self._embodiments = np.array([descriptor.embodiments.index(r.name) for r in recordings.robots])
        self._scene, self._delays = scene, delays
        self._noisy = descriptor.flow.noise != NO_NOISE
        self._samples = params.samples if self._noisy else 1
        self._times = BetaTime() if self._noisy else NoTime()
        self._points = descriptor.dims.points
        self._halves = _halves(recordings, scene.before_grasp, params)

    def frames(self, step: int) -> Index:
        """Return the (B,) frames of a training step, those before a grasp and others in turn."""
        drawn = [
            draws.draw(count, self.seed + number * _SECOND_HALF, step)
            for number, (draws, count) in enumerate(self._halves)
        ]
        rng = np.random.default_rng([self.seed, step, 0])
        return rng.permutation(np.concatenate(drawn))

    def make(self, index: Index, pictures: UInt8, step: int, part: slice = slice(None)) -> Examples:
        """Return a training step's batch, or a part of it.

        Args:
            index: (B,) frames of the whole batch.
            pictures: (P, V, H, W, 3) of the frames of the part.
            step: of training; the disturbances follow from it and the seed.
            part: of the batch.
        """
        p, rng = self.params, np.random.default_rng([self.seed, step, 1])
        raw = state, rows, _ = self._raw(index)
        size = (len(index), self._samples)
        noise = self._noise((*size, *rows.shape[1:]), rng)
        base, delay = self._times.draw(size, rng), self._delays.draw(size, rng)
        given = jittered(rows, self._samples, (p.jitter, p.jitter_rad), rng)
        moved = (p.state_noise * rng.standard_normal(state.shape)).astype(np.float32)
        images, aside = self._disturbed(pictures, len(index), rng, part)
        made = self._joined((index, part), raw, images, (noise, base, delay, given, moved))
        doubt = p.doubt * rng.standard_normal((len(index), self._scene.values.shape[1]))
        return replace(made, aside=aside, doubt=torch.from_numpy(doubt.astype(np.float32)[part]))

    def plain(self, index: Index, pictures: UInt8, rng: np.random.Generator) -> Examples:
        """Return frames as they are, with a flow time and noise for each and without committed rows."""
        raw = state, rows, _ = self._raw(index)
        size = (len(index), 1)
        noise = self._noise((*size, *rows.shape[1:]), rng)
        drawn = (
            noise,
            self._times.draw(size, rng),
            torch.zeros(size, dtype=torch.int64),
            rows[:, None],
            0 * state,
        )
        return self._joined(
            (index, slice(None)), raw, self._images(torch.from_numpy(pictures) / 255.0), drawn
        )

    def _noise(self, size: tuple[int, ...], rng: np.random.Generator) -> Float32:
        return rng.standard_normal(size, dtype=np.float32) if self._noisy else no_noise(size)

    def _raw(self, index: Index) -> _Raw:
        """Return states (B, J), rows (B, T, J) and (B, J) where their joints are, in the order of the channels."""
        state, rows = self.recordings.column("state")[index], self.recordings.column("rows")[index]
        return state[:, self._state_columns], rows[..., self._action_columns], state[:, self._action_columns]

    def _joined(
        self,
        which: tuple[Index, slice],
        raw: _Raw,
        images: list[Tensor],
        drawn: tuple[Float32, Tensor, Tensor, Float32, Float32],
    ) -> Examples:
        (index, part), (noise, base, delay, given, moved) = which, drawn
        state, rows, measured = raw
        clean = torch.from_numpy(self.statistics.action(rows, measured))[:, None].expand(noise.shape)
        start = np.repeat(measured[:, None], given.shape[1], axis=1)
        locked = locked_rows(delay, rows.shape[1])
        time = flow_time(base, locked)
        weight = loss_weight(torch.from_numpy(self.recordings.column("valid")[index]), locked)
        noisy = flow_state(torch.from_numpy(noise), clean, time)
        noisy = commit(
            noisy, torch.from_numpy(self.statistics.action(given, start)).expand(noise.shape), locked
        )
        known = self._scene.known[index].astype(np.float32)
        recorded = self.recordings.column
        return Examples(
            images=images,
            tokens=torch.from_numpy(self._tokens[recorded("task")[index[part]]]),
            embodiment=torch.from_numpy(self._embodiments[recorded("embodiment")[index[part]]]),
            state=spread(torch.from_numpy(self.statistics.state(state) + moved)[part], self.state_slots),
            noisy=spread(noisy[part], self.slots),
            time=time[part],
            velocity=spread(velocity_target(torch.from_numpy(noise), clean)[part], self.slots),
            weight=weight[part],
            scene=torch.from_numpy(self.statistics.scene(self._scene.values[index[part]])),
            scene_known=torch.from_numpy(known[part]),
            rows_total=float(weight.sum()) * len(self.slots),
            scene_total=float(known.sum()),
            observations=len(index),
            aside=[],
            doubt=torch.zeros(len(index[part]), known.shape[1]),
        )

    def _disturbed(
        self, pictures: UInt8, batch: int, rng: np.random.Generator, part: slice
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return pictures in another light and a little aside, and what sets the places of their points right again.

        Draws are those of the whole batch.
        """
        p, views = self.params, pictures.shape[1]
        size = (batch, views, 1, 1, 1)
        tint = p.tint * rng.standard_normal((batch, views, 1, 1, 3))
        gain = (1 + rng.uniform(-p.light_gain, p.light_gain, size) + tint).astype(np.float32)[part]
        offset = rng.uniform(-p.light_offset, p.light_offset, size).astype(np.float32)[part]
        most = p.told_shift_px if self._points else p.shift_px
        shift = rng.integers(-most, most + 1, (batch, views, 2))
        aside: list[Tensor] = []
        if self._points:
            drawn = p.place_noise * rng.standard_normal((batch, views, 2, self._points))
            # A picture is read from `shift` on, so what it shows lies that much farther up and left; x comes first.
            steps = [max(1, feature_size(side) - 1) for side in pictures.shape[3:1:-1]]
            drawn += (2.0 / STRIDE * shift[..., ::-1] / np.array(steps))[..., None]
            aside = list(torch.from_numpy(drawn.astype(np.float32)[part]).flatten(2).unbind(1))
        moved = shifted(pictures, shift[part], most) if most else pictures
        return self._images(lit(moved, gain, offset)), aside

    def _images(self, values: Tensor) -> list[Tensor]:
        """Return a normalised (B, 3, H, W) for each view of (B, V, H, W, 3) in 0..1."""
        return [self.statistics.image(values[:, view].permute(0, 3, 1, 2)) for view in range(values.shape[1])]


def _halves(
    recordings: Recordings, before: NDArray[np.bool_], params: ExampleParams
) -> list[tuple[BalancedDraws, int]]:
    """Return what draws frames before a grasp, and others, and how many; of all, where a source lacks some."""
    index, source = recordings.training, recordings.column("source")
    embodiments = [
        int(recordings.column("embodiment")[np.argmax(source == s)]) for s in range(len(recordings.weights))
    ]
    shares = source_shares(recordings.weights, embodiments)
    halves = [index[before[index]], index[~before[index]]]
    used = np.flatnonzero(shares > 0)
    if not all(np.isin(used, source[half]).all() for half in halves):
        return [(BalancedDraws.of(index, source[index], shares), params.observations)]
    first = round(params.observations * params.before_grasp)
    counts = (first, params.observations - first)
    return [(BalancedDraws.of(h, source[h], shares), n) for h, n in zip(halves, counts, strict=True) if n]
