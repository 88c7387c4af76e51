"""Measure what the pictures of training look like to a network (`policies/nano/picture_statistics`)."""

from __future__ import annotations

import numpy as np
import torch

from ..policies.nano.picture_statistics import PictureStatistics
from .data import Recordings
from .examples import ExampleMaker
from .model import NanoModel
from .validation import BATCH, spread_evenly

FRAMES = 512
"""Of training, evenly spread over it."""


@torch.inference_mode()
def picture_statistics(
    model: NanoModel, maker: ExampleMaker, recordings: Recordings, device: torch.device
) -> dict[str, PictureStatistics]:
    """Return the statistics of each view, of frames as they were recorded. Raises DataError: one cannot be decoded."""
    frames = spread_evenly(recordings.training, FRAMES)
    batches = [frames[start : start + BATCH] for start in range(0, len(frames), BATCH)]
    found: list[list[torch.Tensor]] = [[] for _ in model.roles]
    for index, pictures in recordings.ahead(batches):
        part = maker.plain(index, pictures, np.random.default_rng(0)).to(device)
        for own, view in zip(found, model.look(part.views(model.roles), part.tokens), strict=True):
            own.append(view.mean(dim=1).float().cpu())
    return {
        role: PictureStatistics.of(torch.cat(own).numpy())
        for role, own in zip(model.roles, found, strict=True)
    }
