"""Begin the picture side of a new network with weights that have seen many drawn things, and the words for them.

Fifty recordings are fifty scenes: enough to learn what the hand does, too few to learn what a red thing is. What comes
with motorium has learned that from pictures which a program drew (`tools/drawn_pictures`): coloured solids, and the
words for them. It knows no robot, no camera and no task, and everything in it is trained further.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..containers import check_container, read_tensors
from ..errors import CheckpointError
from ..files import looks_like_path
from ..foreign import read_bytes, read_json
from ..policies.find import model_folders
from ..policies.nano.config import Dims
from ..policies.nano.weights import picture_tensors
from ..types import Float32
from .model import NanoModel

DRAWN = "drawn-pictures"
"""The start that comes with motorium."""
DESCRIPTION, WEIGHTS = "pictures.json", "pictures.safetensors"
FORMAT = "motorium-pictures"
MOST_WORDS = 10_000
_KEYS = ("prefix_width", "vision_channels", "groups", "norm_eps", "points")
"""Of `Dims`: what the picture side is made of."""


@dataclass(frozen=True)
class Pictures:
    """The picture side of a network, whichever view it looks at.

    Attributes:
        name: of its folder.
        words: (W,) that it knows.
        dims: what it is made of, by `_KEYS`.
        tensors: of one view, by their names in it, and `words` (W, U).
        sha256: of its weights.
    """

    name: str
    words: tuple[str, ...]
    dims: Mapping[str, Any]
    tensors: Mapping[str, Float32]
    sha256: str

    @classmethod
    def load(cls, name_or_folder: str | Path = DRAWN) -> Pictures:
        """Read a start by the name of what comes with motorium, or by its folder. Raises CheckpointError."""
        folder = _folder(name_or_folder)
        text = read_json(folder / DESCRIPTION, 1 << 20, error=CheckpointError)
        try:
            words, dims = tuple(map(str, text["words"])), {key: text["dims"][key] for key in _KEYS}
            dims["vision_channels"] = tuple(int(c) for c in dims["vision_channels"])
            if text["format"] != FORMAT or not 0 < len(words) <= MOST_WORDS:
                raise ValueError("format or words")
            sizes = [dims["prefix_width"], dims["points"], *dims["vision_channels"]]
            if len(sizes) != 5 or not all(isinstance(n, int) and 0 < n <= 1024 for n in sizes):
                raise ValueError("dims")
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{folder / DESCRIPTION} does not describe the start of a picture side ({error}); get it again"
            ) from error
        shapes = picture_tensors(dims["vision_channels"], dims["prefix_width"], dims["points"])
        tensors = read_tensors(folder / WEIGHTS, shapes | {"words": (len(words), dims["prefix_width"])})
        real = check_container(folder / WEIGHTS)
        found = hashlib.sha256(read_bytes(real, 1 << 30, error=CheckpointError)).hexdigest()
        return cls(folder.name, words, dims, tensors, found)

    def check(self, dims: Dims) -> None:
        """Raise CheckpointError where a network is made of something else."""
        for key, value in self.dims.items():
            if getattr(dims, key) != value:
                raise CheckpointError(
                    f"the pictures of {self.name!r} have {key} {value}, and the network {getattr(dims, key)}; "
                    "begin with others, or with --pictures none"
                )

    @torch.no_grad()
    def begin(self, model: NanoModel) -> list[str]:
        """Give a fresh network these weights in every view, and the words that both know; return those words.

        Raises CheckpointError as `check`.
        """
        self.check(model.dims)
        own = model.state_dict()
        for role in model.roles:
            for name, values in self.tensors.items():
                if name != "words":
                    own[f"vision.{role}.{name}"].copy_(torch.from_numpy(values))
        place = {word: row for row, word in enumerate(self.words)}
        known = [word for word in model.descriptor.prompt.vocabulary if word in place]
        table: Tensor = own["text.embedding.weight"]
        for row, word in enumerate(model.descriptor.prompt.vocabulary):
            if word in place:
                table[row].copy_(torch.from_numpy(self.tensors["words"][place[word]]))
        return known


def _folder(name_or_folder: str | Path) -> Path:
    path = Path(name_or_folder)
    if path.is_dir():
        return path
    found = [folder / str(name_or_folder) for folder in model_folders()]
    for folder in found:
        if not looks_like_path(name_or_folder, ".json") and (folder / DESCRIPTION).is_file():
            return folder
    raise CheckpointError(
        f"no pictures to begin with in {str(name_or_folder)!r}: give {DRAWN} (comes with motorium), a folder with "
        f"{DESCRIPTION} and {WEIGHTS}, or none"
    )
