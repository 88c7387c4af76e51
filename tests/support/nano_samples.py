"""Descriptors and weights for tests: full size as the shipped policy, or small and odd."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from motorium.policies.nano.config import (
    NO_NOISE,
    ActionChannel,
    ActionNormalisation,
    CameraInput,
    Chunk,
    Descriptor,
    Dims,
    Flow,
    ImageNormalisation,
    Mask,
    PrefixLock,
    Prompt,
    SceneReadout,
    SlotAdapters,
    StateChannel,
)
from motorium.policies.nano.weights import nano_tensors

JOINTS = (
    ("shoulder_pan", 50, "rad", -1.0, 1.0),
    ("shoulder_lift", 51, "rad", -1.7, 0.9),
    ("elbow_flex", 52, "rad", -0.8, 1.6),
    ("wrist_flex", 53, "rad", 0.2, 1.6),
    ("wrist_roll", 54, "rad", -1.6, 1.6),
    ("gripper", 18, "opening", 0.0, 0.9),
)
FULL = Dims(128, 192, 4, 32, 3, 1, 256, 384, 4, 2, 192, 4, (40, 80, 128), 8, 1e-6, 1e-5)
SMALL = Dims(12, 10, 3, 5, 3, 1, 7, 9, 3, 2, 11, 2, (4, 6, 12), 2, 1e-6, 1e-5)


def descriptor(dims: Dims = FULL, **changes: Any) -> Descriptor:
    """A valid SO-101 descriptor with made-up statistics."""
    rng = np.random.default_rng(7)
    rows = changes.pop("rows", 16)
    shape = (rows, len(JOINTS))
    base = Descriptor(
        format="motorium-checkpoint",
        format_version=3 if dims.points else 1,
        family="nano",
        name="sample",
        embodiments=("so101", "koch"),
        chunk=Chunk(rows, 0.05, min(8, rows)),
        flow=Flow("noise_at_0", "velocity", 4),
        prefix_lock=PrefixLock("hard", min(6, rows - 1)),
        mask=Mask("full", "causal"),
        cameras=(CameraInput("front", 96, 96), CameraInput("wrist", 96, 96)),
        image=ImageNormalisation((0.5, 0.45, 0.4), (0.25, 0.3, 0.2)),
        state=tuple(
            StateChannel(slot, joint, unit, (low + high) / 2, (high - low) / 4, low, high)
            for joint, slot, unit, low, high in JOINTS
        ),
        action=tuple(
            ActionChannel(slot, joint, unit, unit == "rad", low, high)
            for joint, slot, unit, low, high in JOINTS
        ),
        action_normalisation=ActionNormalisation(
            tuple(map(tuple, rng.normal(0, 0.2, shape).tolist())),
            tuple(map(tuple, rng.uniform(0.1, 0.6, shape).tolist())),
        ),
        prompt=Prompt(
            ("<pad>", "<unk>", "put", "the", "red", "green", "blue", "cube", "in", "tray"), 8, True
        ),
        scene=SceneReadout(("target_x_m", "target_y_m", "tray_x_m"), (0.2, 0.0, 0.1), (0.05, 0.1, 0.02)),
        dims=dims,
    )
    return replace(base, **changes)


def adapted(dims: Dims = FULL, **changes: Any) -> Descriptor:
    """The same with slot-wise adapters: two embodiments that share slots 51 and 54, and each has others."""
    adapters = (SlotAdapters("so101", (50, 51, 54)), SlotAdapters("koch", (54, 51, 18)))
    return descriptor(dims, format_version=2, slot_adapters=adapters, **changes)


def pointed(dims: Dims = FULL, **changes: Any) -> Descriptor:
    """The same with views that become points."""
    return descriptor(replace(dims, points=20, point_tokens=3), **changes)


def noiseless(dims: Dims = FULL, **changes: Any) -> Descriptor:
    """The same that makes its chunks at once, without noise."""
    flow = Flow(time="noise_at_0", prediction="velocity", steps=1, noise=NO_NOISE)
    return pointed(dims, format_version=4, flow=flow, **changes)


def weights(sample: Descriptor, seed: int = 0) -> dict[str, np.ndarray]:
    """Every tensor random, norms and biases too, so that nothing can hide; sizes keep activations near 1."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in nano_tensors(sample).items():
        values = rng.standard_normal(shape)
        if "norm" in name and name.endswith("weight"):
            values = 1.0 + 0.3 * values
        elif name.endswith("bias"):
            values = 0.3 * values
        elif len(shape) > 1 and "position" not in name and "embedding" not in name:
            fan_in = np.prod(shape[1:]) if len(shape) != 3 else shape[-1]
            values = values / np.sqrt(fan_in)
        tensors[name] = np.ascontiguousarray(values, dtype=np.float32)
    return tensors


def inputs(sample: Descriptor, seed: int = 0) -> dict[str, Any]:
    """Images in descriptor order, token ids, raw state slots and noise."""
    rng = np.random.default_rng(1000 + seed)
    state = np.zeros(200, np.float32)
    for channel in sample.state:
        state[channel.slot] = rng.uniform(channel.min, channel.max)
    return {
        "images": [rng.integers(0, 256, (c.height, c.width, 3), dtype=np.uint8) for c in sample.cameras],
        "token_ids": rng.integers(0, len(sample.prompt.vocabulary), sample.prompt.max_tokens).astype(
            np.int32
        ),
        "embodiment": int(rng.integers(len(sample.embodiments))),
        "state": state,
        "noise": rng.standard_normal((sample.chunk.rows, 200)).astype(np.float32),
    }


def committed(sample: Descriptor, rows: int, seed: int = 0) -> np.ndarray:
    """(rows, 200) raw slots within the action channels' ranges, zero elsewhere."""
    rng = np.random.default_rng(2000 + seed)
    chunk = np.zeros((rows, 200), np.float32)
    for channel in sample.action:
        chunk[:, channel.slot] = rng.uniform(channel.min, channel.max, rows)
    return chunk
