"""The families of checkpoints by what their `config.json` says: which module runs each, or why none does.

A line here, or an entry point of the group `motorium.policies` in another package, is all that announces a family;
nothing is imported before a checkpoint asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
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
BROKEN = (Exception, SystemExit)
"""What the import of another package's module may raise: anything but Ctrl-C."""


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
        """Open the checkpoint in `folder`. Raises CheckpointError, also where the family's module does not import."""
        if not self.module:
            raise CheckpointError(f"{folder} is {self.refusal or self.name}: motorium cannot run it")
        try:
            home: FamilyModule = import_module(self.module)
            opener = home.load
        except BROKEN as error:
            raise CheckpointError(
                f"{folder}: the policy family {self.name!r} does not load its module {self.module}: {_told(error)}"
            ) from error
        return opener(folder, options)


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

    One that runs goes before one that is only refused, so that another package can bring what motorium lacks. Packages
    that do not load are passed over: see `refuse_broken`.
    """
    found = [family for family in FAMILIES if family.matches(config)]
    running = next((family for family in found if family.module), None)
    if running is None:
        brought, _ = _brought()
        running = next((family for family in brought if family.matches(config)), None)
    return running or next(iter(found), None)


def refuse_broken() -> None:
    """Raise CheckpointError for a package that should bring a family and does not load; where nothing else matched."""
    _, broken = _brought()
    if broken:
        raise broken[0]


def _brought() -> tuple[list[Family], list[CheckpointError]]:
    """Ask every package; one that is broken takes nothing from the others."""
    entries = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    answers = [_family(entry) for entry in entries]
    families = [answer for answer in answers if isinstance(answer, Family)]
    return families, [answer for answer in answers if isinstance(answer, CheckpointError)]


def _family(entry: EntryPoint) -> Family | CheckpointError:
    named = f"the policy family {entry.name!r} ({entry.value})"
    try:
        family = entry.load()
    except BROKEN as error:
        broken = CheckpointError(f"{named} does not load: {_told(error)}")
        broken.__cause__ = error
        return broken
    if isinstance(family, Family) and isinstance(family.recognise, Mapping):
        return family
    return CheckpointError(f"{named} is not a motorium Family")


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
