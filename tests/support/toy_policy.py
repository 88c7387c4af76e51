"""A policy family of another package: one module and one `Family`, which an entry point or a registry line names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from motorium.errors import CheckpointError
from motorium.policies.base import Policy, PolicyInfo
from motorium.policies.options import LoadOptions
from motorium.policies.registry import Family
from motorium.types import SLOTS, ActionChunk, Float32, Observation

FAMILY = Family("toy", {"model": "toy-drift"}, "toy_policy")
ARM = (*range(50, 55), 18)
"""Slots of the SO-101."""


class Drift(Policy):
    """Stays at the measured joints, but for noise that fades in behind the committed rows."""

    def __init__(self, info: PolicyInfo, seed: int | None) -> None:
        self.info = info
        self.valid = np.zeros(SLOTS, np.bool_)
        self.valid[list(ARM)] = True
        self.seed(seed)

    def seed(self, seed: int | None) -> None:
        self.rng = np.random.default_rng(seed)

    def infer(self, obs: Observation, *, committed: Float32 | None) -> ActionChunk:
        d = 0 if committed is None else len(committed)
        begin = obs.state if committed is None else committed[-1]
        noise = self.rng.normal(0.0, 1e-3, (self.info.rows, SLOTS)).cumsum(0)
        rows = np.where(self.valid, begin + noise, 0.0).astype(np.float32)
        if committed is not None:
            rows[:d] = committed
        return ActionChunk(rows, self.valid, obs.t_ns, self.info.dt_s, delay=d)


def write(folder: Path, rows: int = 12) -> Path:
    """A checkpoint of the family."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model": "toy-drift", "rows": rows}), encoding="utf-8")
    return folder


def load(folder: Path, options: LoadOptions) -> Policy:
    """What the registry calls."""
    if options.guidance != "none":
        raise CheckpointError(f"guidance is {options.guidance!r}; valid choices: none")
    rows = json.loads((folder / "config.json").read_text(encoding="utf-8"))["rows"]
    info = PolicyInfo(rows, 0.05, rows // 2, rows - 1, name=folder.name, words=frozenset({"cube", "stay"}))
    return Drift(info, options.seed)
