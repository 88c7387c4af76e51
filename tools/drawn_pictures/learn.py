"""Make `models/drawn-pictures`: a picture side that knows, from drawn pictures, where what words name is.

    python tools/drawn_pictures/learn.py models/drawn-pictures --steps 3000

Half an hour on one core. Needs the extras `learn` and `sim` (Pillow). The same seed gives the same pictures.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from draw import COLOURS, QUESTIONS, SENTENCES, SHAPES, Artist, Drawing
from safetensors.numpy import save_file
from torch import Tensor, nn

from motorium.learn.export import POINT_DIMS
from motorium.learn.model import Text
from motorium.learn.normalise import Statistics
from motorium.learn.vision import Points
from motorium.policies.nano.config import PAD, UNKNOWN

WORDS = (PAD, UNKNOWN, *COLOURS, *SHAPES, *sorted({w for s in SENTENCES for w in s.split()} - {"{}"}))
TOKENS, BATCH, HELD_OUT = 8, 64, 1 << 40
WEIGHTS_OF_QUESTIONS = torch.tensor([1.0] * 6 + [0.5] * 4 + [0.3] * (QUESTIONS - 10))


class Network(nn.Module):
    """Words and one view to places: what is kept, and one linear layer on it that asks."""

    def __init__(self) -> None:
        super().__init__()
        self.text = Text(len(WORDS), TOKENS, POINT_DIMS.prefix_width)
        self.vision = Points(POINT_DIMS)
        self.vision.tokens = nn.Identity()
        self.ask = nn.Linear(2 * POINT_DIMS.points, QUESTIONS)

    def forward(self, images: Tensor, ids: Tensor) -> Tensor:
        """Map normalised (B, 3, 96, 96) and (B, L) to (B, QUESTIONS)."""
        out: Tensor = self.ask(self.vision.places(self.vision.features(images, self.text(ids)[1])))
        return out


def batch(seed: int, number: int) -> list[Drawing]:
    """Return the pictures of a step."""
    artist = Artist(np.random.default_rng([seed, number]))
    return [artist.draw() for _ in range(BATCH)]


def inputs(drawings: list[Drawing], rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
    """Return pictures, in another light where there is a generator, and ids of words."""
    values = np.stack([d.picture for d in drawings]).astype(np.float32) / 255
    if rng is not None:
        tint = 1 + rng.uniform(-0.15, 0.15, (BATCH, 1, 1, 1)) + 0.03 * rng.standard_normal((BATCH, 1, 1, 3))
        values = np.clip(values * tint + rng.uniform(-0.06, 0.06, (BATCH, 1, 1, 1)), 0, 1).astype(np.float32)
    ids = np.zeros((BATCH, TOKENS), np.int64)
    for row, drawing in enumerate(drawings):
        words = drawing.sentence.split()[:TOKENS]
        ids[row, : len(words)] = [WORDS.index(word) for word in words]
    images = torch.from_numpy((values - np.float32(Statistics.image_mean)) / np.float32(Statistics.image_std))
    images = images.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    return images, torch.from_numpy(ids)


def wrong(
    network: Network, drawings: list[Drawing], rng: np.random.Generator | None
) -> tuple[Tensor, Tensor]:
    """Return (B, QUESTIONS) absolute errors, 0 where nothing is known, and what is known."""
    known = torch.from_numpy(np.stack([d.known for d in drawings])).float()
    places = torch.from_numpy(np.stack([d.places for d in drawings]))
    return (network(*inputs(drawings, rng)) - places).abs() * known, known


@torch.no_grad()
def judged(network: Network, seed: int) -> dict[str, float]:
    """Return errors in pixels on pictures that nothing was learned from."""
    errors, known = (
        torch.cat(parts)
        for parts in zip(*(wrong(network, batch(seed, HELD_OUT + n), None) for n in range(8)), strict=True)
    )
    pixels = errors * 48
    target = pixels[:, :2].norm(dim=1)
    told = {"median": target.median(), "p90": target.quantile(0.9)}
    told["tray"] = pixels[:, 6:8].sum() / known[:, 6:8].sum()
    told["tip"] = pixels[:, 8:10].sum() / known[:, 8:10].sum()
    return {name: round(float(value), 2) for name, value in told.items()}


def write(network: Network, folder: Path, made: dict[str, object]) -> None:
    """Write what a new network begins with."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: t.detach().contiguous().numpy() for name, t in network.vision.state_dict().items()}
    tensors["words"] = network.text.embedding.weight.detach().numpy()
    save_file(tensors, folder / "pictures.safetensors")
    made_of = ("prefix_width", "vision_channels", "groups", "norm_eps", "points")
    dims = {key: getattr(POINT_DIMS, key) for key in made_of}
    sha256 = hashlib.sha256((folder / "pictures.safetensors").read_bytes()).hexdigest()
    text = {"format": "motorium-pictures", "dims": dims, "words": WORDS, "made": {**made, "sha256": sha256}}
    (folder / "pictures.json").write_text(json.dumps(text, indent=1) + "\n")


def main() -> None:
    """Learn, and write what was learned now and then."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    torch.set_num_threads(1)
    network = Network().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.01)
    began = time.monotonic()
    for step in range(given.steps):
        rate = (
            3e-3
            * min(1, (step + 1) / 100)
            * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / given.steps)))
        )
        for group in optimiser.param_groups:
            group["lr"] = rate
        errors, known = wrong(network, batch(given.seed, step), np.random.default_rng([given.seed, step, 1]))
        optimiser.zero_grad(set_to_none=True)
        ((errors * WEIGHTS_OF_QUESTIONS).sum() / known.sum()).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % 250 == 0 or step + 1 == given.steps:
            errors_px = judged(network, given.seed)
            left = (time.monotonic() - began) / (step + 1) * (given.steps - step - 1)
            print(
                f"step {step + 1} of {given.steps}, held-out errors in pixels {errors_px}, {left / 60:.0f} min to go"
            )
            write(network, given.out, {"steps": step + 1, "seed": given.seed, "held_out_px": errors_px})


if __name__ == "__main__":
    main()
