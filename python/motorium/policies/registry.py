"""The families of checkpoints by what their `config.json` says: which module runs each, or why none does.

A line here, or an entry point of the group `motorium.policies` in another package, is all that announces a family;
nothing is imported before a checkpoint asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol

from ..containers import FORMAT
from ..errors import CheckpointError
from .base import Policy
from .options import LoadOptions

GROUP = "motorium.policies"
"""Entry points of other packages: each names a `Family`."""


class FamilyModule(Protocol):
    """What a family's module has."""

    def load(self, folder: Path, options: LoadOptions) -> Policy:
        """Open the checkpoint in `folder`. Raises CheckpointError."""
        ...


@dataclass(frozen=True)
class Family:
    """One kind of checkpoint.

    Attributes:
        name: such as "nano".
        recognise: keys of config.json, with the values that they have in this family's checkpoints.
        module: dotted name of a module with `load` (see `FamilyModule`); empty: motorium does not run this family.
        refusal: what such a checkpoint is, for the message that it does not run.
        network: dotted name of the module that runs its network alone, outside a robot.
    """

    name: str
    recognise: Mapping[str, object] = field(default_factory=dict)
    module: str = ""
    refusal: str = ""
    network: str = ""

    def matches(self, config: Mapping[str, Any]) -> bool:
        """Tell whether a config.json is of this family."""
        return bool(self.recognise) and all(config.get(key) == value for key, value in self.recognise.items())

    def load(self, folder: Path, options: LoadOptions) -> Policy:
        """Open the checkpoint in `folder`. Raises CheckpointError."""
        if not self.module:
            raise CheckpointError(f"{folder} is {self.refusal or self.name}: motorium cannot run it")
        home: FamilyModule = import_module(self.module)
        return home.load(folder, options)


def _lerobot(kind: str, called: str, network: str = "") -> Family:
    """Return a policy type of LeRobot that does not run here."""
    return Family(kind, {"type": kind}, refusal=f"a LeRobot {called} policy", network=network)


def _published(name: str, architecture: str, called: str) -> Family:
    """Return a family as its authors publish it: its network runs, a policy around it does not exist yet."""
    refusal = f"a transformers model ({architecture}: {called})"
    return Family(
        name, {"architectures": [architecture]}, refusal=refusal, network=f"motorium.policies.{name}"
    )


OWN = Family("nano", {"format": FORMAT, "family": "nano"}, "motorium.policies.nano.policy")

FAMILIES: tuple[Family, ...] = (
    OWN,
    _published("being_h05", "BeingH", "Being-H0.5"),
    _published("xvla", "XVLA", "X-VLA"),
    _published("xiaomi_r0", "MiBoTForActionGeneration", "Xiaomi-Robotics-0"),
    _lerobot("act", "ACT"),
    _lerobot("diffusion", "Diffusion"),
    _lerobot("smolvla", "SmolVLA"),
    _lerobot("pi0", "pi0"),
    _lerobot("pi05", "pi0.5"),
    _lerobot("pi0fast", "pi0-FAST"),
    _lerobot("pi0_fast", "pi0-FAST"),
    _lerobot("vqbet", "VQ-BeT"),
    _lerobot("tdmpc", "TD-MPC"),
    _lerobot("sac", "SAC"),
    _lerobot("xvla", "X-VLA", network="motorium.policies.xvla"),
    _lerobot("groot", "GR00T"),
    _lerobot("wall_x", "WALL-X"),
    _lerobot("sarm", "SARM"),
    _lerobot("reward_classifier", "reward classifier"),
)


def family_of(config: Mapping[str, Any]) -> Family | None:
    """Return the family whose checkpoints have such a config.json; None for none known.

    One that runs goes before one that is only refused, so that another package can bring what motorium lacks.

    Raises:
        CheckpointError: a package that brings a family cannot be imported.
    """
    found = [family for family in FAMILIES if family.matches(config)]
    running = next((family for family in found if family.module), None)
    if running is None:
        running = next((family for family in _brought() if family.matches(config)), None)
    return running or next(iter(found), None)


def _brought() -> Iterator[Family]:
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        yield _family(entry)


def _family(entry: EntryPoint) -> Family:
    try:
        family = entry.load()
    except (ImportError, AttributeError) as error:
        raise CheckpointError(
            f"the policy family {entry.name!r} ({entry.value}) does not load: {error}"
        ) from error
    if not isinstance(family, Family):
        raise CheckpointError(f"the policy family {entry.name!r} ({entry.value}) is not a motorium Family")
    return family
