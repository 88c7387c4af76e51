"""Keep a run so that it goes on exactly where it was: what was decided at its start, and its state.

Both are files that are written whole or not at all, so a kill or a full disk leaves the state before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from torch import Tensor

from ..containers import check_container, write_tensors
from ..errors import MotoriumError
from ..files import write_json
from ..foreign import read_json
from .learner import Learner
from .tensors import array, optimiser_arrays, restore_optimiser, under

PLAN, STATE = "run.json", "resume.safetensors"
FORMAT, VERSION = "motorium-run", 1
LARGEST_PLAN = 1 << 20


class ResumeError(MotoriumError):
    """A run cannot be continued: other data, other settings, or no run at all."""


@dataclass(frozen=True)
class Plan:
    """What was decided at the start of a run.

    Attributes:
        steps: of the whole schedule.
        seconds_per_step: as measured then; 0 where the steps were given.
        fingerprint: of the data.
        settings: everything else that the weights follow from, by name.
        data: as it was given, for people.
    """

    steps: int
    seconds_per_step: float
    fingerprint: str
    settings: Mapping[str, Any]
    data: tuple[str, ...] = field(default=())

    def write(self, folder: Path) -> None:
        """Write it into the folder of the run. Raises StorageError."""
        write_json(folder / PLAN, {"format": FORMAT, "version": VERSION, **asdict(self)})

    @classmethod
    def read(cls, folder: Path) -> Plan | None:
        """Read the plan of a run; None where there is none. Raises ResumeError for a file that is not one."""
        if not (folder / PLAN).exists():
            return None
        found = read_json(folder / PLAN, LARGEST_PLAN, error=ResumeError)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ResumeError(f"{folder / PLAN} does not describe a run of training; choose another --out")
        if found.get("version") != VERSION:
            raise ResumeError(
                f"{folder / PLAN} has version {found.get('version')}, and this motorium knows {VERSION}; update it"
            )
        try:
            return cls(
                int(found["steps"]), float(found["seconds_per_step"]), str(found["fingerprint"]),
                dict(found["settings"]), tuple(map(str, found["data"])),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise ResumeError(f"{folder / PLAN} is damaged ({error}); choose another --out") from error

    def check(self, fingerprint: str, settings: Mapping[str, Any], where: Path) -> None:
        """Raise ResumeError, by name, where a run would go on with other settings or data than it began with."""
        changed = [
            key for key in sorted({*settings, *self.settings}) if settings.get(key) != self.settings.get(key)
        ]
        if changed:
            key = changed[0]
            raise ResumeError(
                f"the run in {where} began with {key} {self.settings.get(key)}, and is to go on with "
                f"{settings.get(key)}: give the same, or begin anew in another --out"
            )
        if fingerprint != self.fingerprint:
            raise ResumeError(
                f"the data is not what the run in {where} began with: restore it, or begin anew in another --out"
            )


def save_state(folder: Path, learner: Learner, descriptor: str, history: Mapping[str, Any]) -> None:
    """Write weights, averages, optimiser and history. Raises StorageError, and what was there stays."""
    arrays = {f"model.{name}": array(value) for name, value in learner.model.state_dict().items()}
    arrays |= {f"averaged.{name}": array(value) for name, value in learner.averaged.state_dict().items()}
    arrays |= optimiser_arrays(learner.model, learner.optimiser)
    arrays |= {f"history.{name}": np.asarray(rows, np.float64) for name, rows in history.items()}
    # One file, so that numbers and position never disagree.
    write_tensors(folder / STATE, arrays, {"done": str(learner.done), "descriptor": descriptor})


@dataclass(frozen=True)
class State:
    """What `save_state` wrote.

    Attributes:
        done: steps taken.
        descriptor: of the network, the text of its config.json.
        tensors: by name.
    """

    done: int
    descriptor: str
    tensors: Mapping[str, Tensor]

    @classmethod
    def read(cls, folder: Path) -> State | None:
        """Read the state of a run; None where nothing was saved yet. Raises CheckpointError for a damaged file."""
        if not (folder / STATE).exists():
            return None
        with safe_open(check_container(folder / STATE), framework="pt") as file:
            said = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        try:
            return cls(int(said["done"]), said["descriptor"], tensors)
        except (KeyError, ValueError) as error:
            raise ResumeError(
                f"{folder / STATE} is not from a run on recordings; choose another --out"
            ) from error

    def history(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the history by name."""
        return {name: value.numpy() for name, value in under(self.tensors, "history.").items()}

    def restore(self, learner: Learner) -> None:
        """Bring a fresh learner to this state."""
        learner.model.load_state_dict(under(self.tensors, "model."))
        learner.averaged.load_state_dict(under(self.tensors, "averaged."))
        restore_optimiser(learner.model, learner.optimiser, self.tensors)
        learner.done = self.done
