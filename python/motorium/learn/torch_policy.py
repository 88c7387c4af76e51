"""Run a checkpoint by the PyTorch network: the reference for the C++ engine, and the driver of corrections."""

from __future__ import annotations

import copy
import time
from pathlib import Path

import numpy as np
import torch

from ..errors import CheckpointError
from ..policies.base import Policy
from ..policies.binding import bind
from ..policies.nano.config import NORMAL
from ..policies.nano.policy import info_of
from ..policies.nano.sub_words import EMBEDDING, POSITION, Lacking, extended
from ..policies.nano.tokenizer import Tokenizer
from ..specs.robot import RobotSpec
from ..types import SLOTS, ActionChunk, Float32, Observation
from .export import load_network
from .model import NanoModel, Text
from .normalise import Statistics
from .tensors import array


class TorchPolicy(Policy):
    """Plans with the PyTorch network; noise comes from a generator with a seed of its own."""

    def __init__(self, model: NanoModel, *, seed: int = 0) -> None:
        self.model, self.descriptor = model.eval(), model.descriptor
        self.info = info_of(self.descriptor)
        self.scene: Float32 | None = None
        self._statistics = Statistics.from_descriptor(self.descriptor)
        self._slots = np.array([channel.slot for channel in self.descriptor.action])
        self._tokenizer = Tokenizer(self.descriptor.prompt)
        self._rng = np.random.default_rng(seed)
        self._embodiment = 0
        self._read: tuple[Lacking, NanoModel, Tokenizer] | None = None

    @classmethod
    def load(cls, folder: Path, *, seed: int = 0) -> TorchPolicy:
        """Read a checkpoint folder. Raises CheckpointError."""
        return cls(load_network(folder), seed=seed)

    def bind(self, robot: RobotSpec) -> None:
        """Check every input and output against `robot` by name. Raises BindingError with both lists."""
        self._embodiment = bind(self.descriptor, robot).embodiment

    def check_task(self, task: str) -> list[str]:
        """Return words of `task` that the checkpoint was never taught. Raises PromptError when it knows none."""
        return self._tokenizer.check(task)

    def seed(self, seed: int | None) -> None:
        """Start the noise anew."""
        self._rng = np.random.default_rng(seed)

    def infer(
        self, obs: Observation, *, committed: Float32 | None = None, previous: Float32 | None = None
    ) -> ActionChunk:
        """Plan from `obs`; `committed` is (d, 200) slot values, `previous` is ignored."""
        del previous
        start = time.perf_counter()
        noise = np.zeros((self.info.rows, SLOTS), dtype=np.float32)
        if self.descriptor.flow.noise == NORMAL:
            drawn = self._rng.standard_normal((self.info.rows, len(self._slots)), dtype=np.float32)
            noise[:, self._slots] = drawn
        given = np.zeros((0, SLOTS), dtype=np.float32) if committed is None else committed
        rows = self.denoise(obs, noise, given)
        valid = np.zeros(SLOTS, dtype=np.bool_)
        valid[self._slots] = True
        return ActionChunk(rows, valid, obs.t_ns, self.info.dt_s, len(given), time.perf_counter() - start)

    def _reading(self, task: str) -> tuple[NanoModel, Tokenizer]:
        """Return the network that reads a task, and its tokenizer: another one where there are words never taught."""
        lacking = self._tokenizer.lacking(task)
        prompt = self.descriptor.prompt
        if lacking == ((), prompt.max_tokens):
            return self.model, self._tokenizer
        if self._read is None or self._read[0] != lacking:
            own = self.model.text
            tables = {EMBEDDING: array(own.embedding.weight), POSITION: array(own.position)}
            told, tables = extended(self.descriptor, tables, lacking)
            model = copy.deepcopy(self.model)
            model.text = Text(*tables[EMBEDDING].shape[:1], *tables[POSITION].shape)
            model.text.load_state_dict(
                {name.removeprefix("text."): torch.from_numpy(values) for name, values in tables.items()}
            )
            self._read = lacking, model, Tokenizer(told.prompt)
        return self._read[1:]

    @torch.inference_mode()
    def denoise(self, obs: Observation, noise: Float32, committed: Float32) -> Float32:
        """Return (T, 200) slot values from given (T, 200) noise."""
        stats, roles, steps = self._statistics, self.model.roles, self.descriptor.flow.steps
        missing = [role for role in roles if role not in obs.images]
        if missing:
            raise CheckpointError(
                f"observation lacks camera(s) {', '.join(missing)}; it has {sorted(obs.images)}"
            )
        images = {
            role: stats.image(torch.from_numpy(obs.images[role]).permute(2, 0, 1)[None].float() / 255.0)
            for role in roles
        }
        model, tokenizer = self._reading(obs.task)
        words = torch.from_numpy(tokenizer.encode(obs.task)).long()[None]
        prefix = model.encode(images, words, torch.tensor([self._embodiment]))
        self.scene = prefix.scene[0].numpy()
        raw = np.asarray(obs.state, dtype=np.float32)[self._slots]
        state = torch.zeros(1, SLOTS)
        state[0, self._slots] = torch.from_numpy(stats.state(raw))
        lock = len(committed)
        x = torch.from_numpy(noise.copy())[None, None]
        given = torch.zeros(lock, SLOTS)
        held = np.zeros((self.info.rows, len(self._slots)), dtype=np.float32)
        held[:lock] = committed[:, self._slots]
        given[:, self._slots] = torch.from_numpy(stats.action(held, raw)[:lock])
        mapped = torch.zeros(SLOTS)
        mapped[self._slots] = 1.0
        for k in range(steps):
            x[0, 0, :lock] = given
            when = torch.full((1, 1, self.info.rows), k / steps)
            when[..., :lock] = 1.0
            x = x + model.velocity(prefix, state, x, when)[0] * mapped / steps
        x[0, 0, :lock] = given
        rows = np.zeros((self.info.rows, SLOTS), dtype=np.float32)
        rows[:, self._slots] = stats.action_rows(x[0, 0][:, self._slots].numpy(), raw)
        rows[:lock, self._slots] = committed[:, self._slots]
        return rows
