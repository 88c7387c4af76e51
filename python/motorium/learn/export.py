"""From a trained network to a checkpoint folder and back: config.json and model.safetensors, nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor

from ..errors import CheckpointError
from ..robots.spec import RobotSpec
from .model import NanoDims, NanoModel, NanoShape
from .normalise import Statistics

MAX_DELAY = 6
HORIZON = 8
STEPS = 4


@dataclass(frozen=True)
class Network:
    """Everything a checkpoint says: the network, its numbers, and how its inputs and outputs are named."""

    name: str
    spec: RobotSpec
    dims: NanoDims
    roles: tuple[str, ...]
    image_size: int
    vocabulary: tuple[str, ...]
    max_tokens: int
    scene_names: tuple[str, ...]
    dt_s: float
    statistics: Statistics

    @property
    def rows(self) -> int:
        """Chunk length."""
        return len(self.statistics.action_mean)

    @property
    def slots(self) -> list[int]:
        """Unified slot of every joint."""
        return [joint.slot for joint in self.spec.joints]

    def shape(self) -> NanoShape:
        """What the data fixes about the network."""
        return NanoShape(
            roles=self.roles,
            vocabulary=len(self.vocabulary),
            max_tokens=self.max_tokens,
            rows=self.rows,
            scene=len(self.scene_names),
            image_size=self.image_size,
        )

    def build(self) -> NanoModel:
        """A network with fresh weights, laid out for CPU convolutions."""
        return NanoModel(self.dims, self.shape()).to(memory_format=torch.channels_last)

    def descriptor(self) -> dict[str, Any]:
        """The content of config.json."""
        stats, joints = self.statistics, self.spec.joints

        def numbers(values: Any) -> Any:
            return np.asarray(values, dtype=np.float64).round(9).tolist()

        state = [
            {"slot": j.slot, "joint": j.name, "unit": j.unit, "mean": m, "std": s, "min": low, "max": high}
            for j, m, s, low, high in zip(
                joints,
                numbers(stats.state_mean),
                numbers(stats.state_std),
                numbers(stats.state_min),
                numbers(stats.state_max),
                strict=True,
            )
        ]
        action = [
            {"slot": j.slot, "joint": j.name, "unit": j.unit, "relative": bool(r), "min": low, "max": high}
            for j, r, low, high in zip(
                joints, stats.relative, numbers(stats.action_min), numbers(stats.action_max), strict=True
            )
        ]
        side = self.image_size
        return {
            "format": "motorium-checkpoint",
            "format_version": 1,
            "family": "nano",
            "name": self.name,
            "embodiments": [self.spec.name],
            "chunk": {"rows": self.rows, "dt_s": self.dt_s, "execution_horizon": HORIZON},
            "flow": {"time": "noise_at_0", "prediction": "velocity", "steps": STEPS},
            "prefix_lock": {"rule": "hard", "max_delay": MAX_DELAY},
            "mask": {"prefix": "full", "suffix": "causal"},
            "cameras": [{"role": role, "height": side, "width": side} for role in self.roles],
            "image": {"mean": [stats.image_mean] * 3, "std": [stats.image_std] * 3},
            "state": state,
            "action": action,
            "action_normalisation": {"mean": numbers(stats.action_mean), "std": numbers(stats.action_std)},
            "prompt": {"vocabulary": list(self.vocabulary), "max_tokens": self.max_tokens, "lowercase": True},
            "scene": {
                "names": list(self.scene_names),
                "mean": numbers(stats.scene_mean),
                "std": numbers(stats.scene_std),
            },
            "dims": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self.dims).items()},
        }

    @classmethod
    def from_descriptor(cls, config: dict[str, Any]) -> Network:
        """Reads config.json's content. Raises CheckpointError when something is missing or odd."""
        try:
            state, action, norm = config["state"], config["action"], config["action_normalisation"]

            def column(table: list[dict[str, Any]], key: str) -> Any:
                return np.array([row[key] for row in table], dtype=np.float32)

            statistics = Statistics(
                state_mean=column(state, "mean"),
                state_std=column(state, "std"),
                state_min=column(state, "min"),
                state_max=column(state, "max"),
                relative=column(action, "relative"),
                action_mean=np.array(norm["mean"], dtype=np.float32),
                action_std=np.array(norm["std"], dtype=np.float32),
                action_min=column(action, "min"),
                action_max=column(action, "max"),
                scene_mean=np.array(config["scene"]["mean"], dtype=np.float32),
                scene_std=np.array(config["scene"]["std"], dtype=np.float32),
                image_mean=float(config["image"]["mean"][0]),
                image_std=float(config["image"]["std"][0]),
            )
            dims = {f.name: config["dims"][f.name] for f in fields(NanoDims)}
            dims["vision_channels"] = tuple(dims["vision_channels"])
            return cls(
                name=config["name"],
                spec=RobotSpec.load(config["embodiments"][0]),
                dims=NanoDims(**dims),
                roles=tuple(camera["role"] for camera in config["cameras"]),
                image_size=int(config["cameras"][0]["height"]),
                vocabulary=tuple(config["prompt"]["vocabulary"]),
                max_tokens=int(config["prompt"]["max_tokens"]),
                scene_names=tuple(config["scene"]["names"]),
                dt_s=float(config["chunk"]["dt_s"]),
                statistics=statistics,
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise CheckpointError(f"config.json: {error!r} is missing or of the wrong kind") from error


def save_network(folder: Path, network: Network, tensors: dict[str, Tensor]) -> None:
    """Writes a checkpoint folder; each file appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.ascontiguousarray(t.detach().float().contiguous().numpy()) for name, t in tensors.items()}
    save_tensors(folder / "model.safetensors", arrays)
    write_json(folder / "config.json", network.descriptor())


def load_network(folder: Path) -> tuple[Network, NanoModel]:
    """Reads a checkpoint folder. Raises CheckpointError when it is absent or damaged."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "model.safetensors")
    except Exception as error:
        raise CheckpointError(f"cannot read checkpoint {folder}: {error}") from error
    network = Network.from_descriptor(config)
    model = network.build()
    try:
        model.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
    except RuntimeError as error:
        raise CheckpointError(f"{folder / 'model.safetensors'} does not fit its config.json: {error}") from error
    return network, model


def save_tensors(path: Path, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    """Writes safetensors through a temporary name."""
    part = path.with_suffix(".part")
    save_file(arrays, part, metadata={"format": "pt"})
    part.replace(path)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes JSON through a temporary name."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(path)
