"""The nano family on the C++ engine, without torch."""

from __future__ import annotations

import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import _core
from ...errors import BindingError, CheckpointError
from ...specs.robot import RobotSpec
from ...types import SLOTS, ActionChunk, Float32, Observation
from ...units import NS_PER_S
from .. import schema
from ..base import Policy, PolicyInfo
from ..binding import bind
from ..guidance import GUIDANCE, LIMIT, soft_mask
from ..options import EngineOptions, LoadOptions, precision_named
from .checkpoint import Checkpoint, load_checkpoint
from .config import NO_NOISE, NORMAL, PAD, UNKNOWN, Descriptor
from .sub_words import Lacking, extended
from .tokenizer import Tokenizer


class NanoPolicy(Policy):
    """Plans T rows from camera images, an instruction and the joint state.

    Attributes:
        info: what the checkpoint declares.
        descriptor: the checkpoint's `config.json`.
        steps: Euler steps K, 1..64.
        options: how the engine computes.
        guidance: "none", or "soft": rows beyond the committed ones are drawn to the plan in force.
        engine: the C++ engine, for its `isa`, `scene`, `pictures`, `arena_bytes` and `weight_bytes_read`.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        seed: int | None = None,
        steps: int | None = None,
        options: EngineOptions | None = None,
        guidance: str = "none",
    ) -> None:
        """Take memory for everything that follows.

        Args:
            checkpoint: from `load_checkpoint`.
            seed: of the noise; None draws a fresh one.
            steps: Euler steps; None takes the checkpoint's.
            options: precision, threads and instruction set; None takes the checkpoint's precision on the caller's
                thread.
            guidance: one of `GUIDANCE`.

        Raises:
            CheckpointError: the engine cannot hold it, or an option does not fit.
        """
        if guidance not in GUIDANCE:
            raise CheckpointError(f"guidance is {guidance!r}; valid choices: {', '.join(GUIDANCE)}")
        self.guidance = guidance
        self.descriptor = checkpoint.descriptor
        self.info = info_of(self.descriptor, guidance)
        self.steps = self.descriptor.flow.steps if steps is None else steps
        self.embodiment = 0
        self.options = options or EngineOptions(precision_named(self.descriptor.precision))
        self.tokenizer = Tokenizer(self.descriptor.prompt)
        self.seed(seed)
        self.engine = self._engine(checkpoint)
        # Only instructions with words that were never taught need the weights once more.
        self._checkpoint = checkpoint if self.descriptor.prompt.pieces else None
        self._pictures = checkpoint.pictures
        self._prompt = self.descriptor.prompt
        self._lacking: Lacking = (), self._prompt.max_tokens
        self._valid: NDArray[np.bool_] = np.zeros(SLOTS, np.bool_)
        self._valid[[channel.slot for channel in self.descriptor.action]] = True
        self._task = ""
        self._token_ids: NDArray[np.int32] | None = None

    def __getattr__(self, name: str) -> Any:
        if name in ("rows", "dt_s", "max_delay", "execution_horizon"):  # attributes in 0.1.0
            warnings.warn(
                f"NanoPolicy.{name} is NanoPolicy.info.{name} now", DeprecationWarning, stacklevel=2
            )
            return getattr(self.info, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def steps(self) -> int:
        """Steps from noise to a plan; one where there is no noise."""
        return self._steps

    @steps.setter
    def steps(self, steps: int) -> None:
        """Take another number of them. Raises CheckpointError."""
        if self.descriptor.flow.noise == NO_NOISE and steps != 1:
            raise CheckpointError(
                f"checkpoint {self.descriptor.name!r} makes its plans at once, without noise: {steps} steps mean "
                "nothing"
            )
        self._steps = steps

    def seed(self, seed: int | None) -> None:
        """Restart the noise, so that a run can be repeated."""
        self._rng = np.random.default_rng(seed)

    def bind(self, robot: RobotSpec) -> None:
        """Check every input and output against `robot` by name. Raises BindingError with both lists."""
        self.embodiment = bind(self.descriptor, robot).embodiment

    def warm_up(self) -> None:
        """Plan once from grey images, which touches all memory; the noise state stays unchanged."""
        images = [np.full((c.height, c.width, 3), 128, np.uint8) for c in self.descriptor.cameras]
        zeros = np.zeros((self.info.rows, SLOTS), np.float32)
        self.engine.encode(images, np.zeros(self._prompt.max_tokens, np.int32), self.embodiment)
        self.engine.denoise(zeros[0], zeros, None, self.steps)

    def infer(
        self,
        obs: Observation,
        *,
        committed: Float32 | None = None,
        noise: Float32 | None = None,
        previous: Float32 | None = None,
    ) -> ActionChunk:
        """Plan from `obs`; the first rows equal `committed` exactly.

        Args:
            obs: state in raw slots, one image per camera role of the checkpoint, task in words.
            committed: (d, 200) raw slots, d <= rows: rows that the arm follows meanwhile.
            noise: (rows, 200) standard normal; None draws it. A checkpoint without noise takes none.
            previous: (p, 200) raw slots, p <= rows: what the plan in force says of rows 0 .. p-1. It guides the rows
                beyond `committed` where `guidance` is "soft", and is ignored where it is "none".

        Raises:
            PromptError: the task cannot be encoded.
            BindingError: an image is missing or of another size.
            ValueError: state, committed, noise or previous has a wrong shape, or the checkpoint takes no noise.
        """
        started_ns = time.monotonic_ns()
        noise = self._start(noise)
        tokens = self._tokens(obs.task)  # first: it may bring another engine
        self.engine.encode(self._images(obs), tokens, self.embodiment)
        delay = 0 if committed is None else len(committed)
        if previous is None or not self.info.guided:
            rows = self.engine.denoise(obs.state, noise, committed, self.steps)
        else:
            pull = soft_mask(delay, len(previous))
            rows = self.engine.denoise(obs.state, noise, committed, self.steps, previous, pull, LIMIT)
        return ActionChunk(
            rows=rows,
            valid=self._valid,
            t0_ns=obs.t_ns,
            dt_s=self.info.dt_s,
            delay=delay,
            latency_s=(time.monotonic_ns() - started_ns) / NS_PER_S,
        )

    def check_task(self, task: str) -> list[str]:
        """Return words of `task` that the checkpoint was never taught. Raises PromptError when it knows none."""
        return self.tokenizer.check(task)

    def read_scene(self) -> dict[str, float]:
        """Return what the last plan's prefix says about the scene, by name, in the checkpoint's units."""
        scene = self.descriptor.scene
        values = self.engine.scene * np.asarray(scene.std) + np.asarray(scene.mean)
        return {name: float(value) for name, value in zip(scene.names, values, strict=True)}

    def picture_distances(self) -> dict[str, float]:
        """Return how unlike all pictures of training those of the last plan are, by view.

        1 is what 99 of 100 frames of training stay below (`picture_statistics`). Empty for a checkpoint that does not
        keep what they looked like.
        """
        if not self._pictures:
            return {}
        pooled = dict(zip((c.role for c in self.descriptor.cameras), self.engine.pictures, strict=True))
        return {
            role: float(own.distances(pooled[role][None])[0]) / own.usual
            for role, own in self._pictures.items()
        }

    def _start(self, noise: Float32 | None) -> Float32:
        """Return what a plan begins with."""
        size = (self.info.rows, SLOTS)
        if self.descriptor.flow.noise == NORMAL:
            return self._rng.standard_normal(size, dtype=np.float32) if noise is None else noise
        if noise is not None:
            raise ValueError(f"checkpoint {self.descriptor.name!r} makes its plans without noise; give none")
        return np.zeros(size, np.float32)

    def _tokens(self, task: str) -> NDArray[np.int32]:
        if self._token_ids is None or task != self._task:
            self._prepare(self.tokenizer.lacking(task))
            self._token_ids = Tokenizer(self._prompt).encode(task)
            self._task = task
        return self._token_ids

    def _prepare(self, lacking: Lacking) -> None:
        """Have an engine that knows the words of an instruction, which may be others than those of the checkpoint."""
        if lacking == self._lacking or self._checkpoint is None:
            return
        own = self._checkpoint
        read = Checkpoint(own.path, *extended(own.descriptor, own.tensors, lacking))
        self.engine, self._prompt, self._lacking = self._engine(read), read.descriptor.prompt, lacking

    def _engine(self, checkpoint: Checkpoint) -> _core.NanoEngine:
        try:
            return _core.NanoEngine(
                schema.to_plain(checkpoint.descriptor), dict(checkpoint.tensors), **asdict(self.options)
            )
        except (ValueError, MemoryError) as error:
            raise CheckpointError(f"{checkpoint.path}: {error}") from error

    def _images(self, obs: Observation) -> list[NDArray[np.uint8]]:
        images = []
        for camera in self.descriptor.cameras:
            image = obs.images.get(camera.role)
            expected = (camera.height, camera.width, 3)
            if image is None or image.shape != expected or image.dtype != np.uint8:
                seen = {role: f"{i.shape} {i.dtype}" for role, i in obs.images.items()}
                raise BindingError(
                    f"checkpoint {self.descriptor.name!r} needs image {camera.role!r} as {expected} uint8; "
                    f"the observation has {seen}"
                )
            images.append(np.ascontiguousarray(image))
        return images


def info_of(descriptor: Descriptor, guidance: str = "none") -> PolicyInfo:
    """Return what a checkpoint declares, for the runtime and for `doctor`."""
    return PolicyInfo(
        rows=descriptor.chunk.rows,
        dt_s=descriptor.chunk.dt_s,
        execution_horizon=descriptor.chunk.execution_horizon,
        max_delay=descriptor.prefix_lock.max_delay,
        guidance=guidance,
        name=descriptor.name,
        embodiments=descriptor.embodiments,
        state=descriptor.state,
        action=descriptor.action,
        cameras=descriptor.cameras,
        words=frozenset(descriptor.prompt.vocabulary) - {PAD, UNKNOWN},
    )


def load(folder: Path, options: LoadOptions) -> NanoPolicy:
    """Open the checkpoint in `folder`. Raises CheckpointError: damaged, or an option that does not fit."""
    return NanoPolicy(
        load_checkpoint(folder), seed=options.seed, options=options.engine, guidance=options.guidance
    )
