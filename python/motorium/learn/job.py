"""What a run of training is asked for, and how it ended."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..foreign import parse_json
from ..policies.nano.checkpoint import load_checkpoint
from ..policies.nano.config import NO_NOISE, Dims
from .adapters import AdapterSpec
from .data import SourceSpec, TableSpec
from .data.recordings import CacheSpec
from .examples import ExampleParams
from .export import POINT_DIMS
from .learner import LearnParams
from .pictures import DRAWN, Pictures
from .student import StudentSpec, fingerprint


@dataclass(frozen=True)
class Job:
    """What to train.

    Attributes:
        data: datasets.
        out: folder of the run.
        name: of the checkpoint; "" takes that of the folder.
        init: checkpoint folder to start from; None trains from scratch.
        adapter: which weights of it change.
        table: how the datasets are read.
        minutes: of training, from which the number of steps follows; None: `learn.steps`.
        seed: of weights, batches, and which recordings are held out.
        learn, examples: parameters.
        accumulate: parts of each batch, one after the other, for less memory.
        processes: that share each batch.
        judgements: of held-out recordings, evenly over the run.
        episodes: in closed loop at each judgement, where the robot is simulated; they are told, and choose nothing.
        patience: judgements in a row that are clearly worse than the best, after which training ends.
        cache: of decoded pictures.
        dims: of a new network.
        noise: what chunks of a new network are made of: `NO_NOISE` is regression, `NORMAL` a flow.
        pictures: what the picture side of a new network begins with, see `pictures.Pictures.load`; None: with noise.
        tensorboard: whether the curves are written for TensorBoard too.
        student: what is distilled from `init`, its teacher; None: `init` itself is trained further.
    """

    data: tuple[SourceSpec, ...]
    out: Path
    name: str = ""
    init: Path | None = None
    adapter: AdapterSpec = field(default_factory=AdapterSpec)
    table: TableSpec = field(default_factory=TableSpec)
    minutes: float | None = None
    seed: int = 0
    learn: LearnParams = field(default_factory=LearnParams)
    examples: ExampleParams = field(default_factory=ExampleParams)
    accumulate: int = 1
    processes: int = 2
    judgements: int = 12
    episodes: int = 0
    patience: int = 4
    cache: CacheSpec = field(default_factory=CacheSpec)
    dims: Dims = POINT_DIMS
    noise: str = NO_NOISE
    pictures: str | Path | None = DRAWN
    tensorboard: bool = False
    student: StudentSpec | None = None

    def begun(self) -> Pictures | None:
        """Return what a new network begins to look with. Raises CheckpointError."""
        return None if self.init is not None or self.pictures is None else Pictures.load(self.pictures)

    def settings(self) -> dict[str, Any]:
        """Return what the weights follow from beside the data, by name, as JSON would give it back."""
        own = {
            key: value
            for key, value in asdict(self).items()
            if key in ("seed", "minutes", "accumulate", "processes", "judgements", "patience", "noise")
        }
        flat = own | asdict(self.examples) | {k: v for k, v in asdict(self.learn).items() if k != "steps"}
        if self.minutes is None:
            flat["steps"] = self.learn.steps
        if self.adapter != AdapterSpec():
            flat["method"] = str(self.adapter)
        flat |= {"init": None if self.init is None else str(self.init), "dims": asdict(self.dims)}
        begun = self.begun()
        flat["pictures"] = None if begun is None else begun.sha256
        if self.student is not None and self.init is not None:
            flat |= {"student": asdict(self.student), "teacher": fingerprint(load_checkpoint(self.init))}
        return dict(parse_json(json.dumps(flat).encode()))


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        checkpoint: folder with the best averaged weights.
        steps: taken.
        best_step: after which the best were.
        l1_rad: their error on held-out recordings.
        rank: of this process among those that torchrun started; what there is to tell, 0 tells.
        teacher_rad: how far their chunks are from the teacher's there; NaN where there is none.
    """

    checkpoint: Path
    steps: int
    best_step: int
    l1_rad: float
    rank: int = 0
    teacher_rad: float = math.nan
