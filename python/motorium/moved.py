"""Modules that had another name in the release before: importing them warns, and gives the module of today.

A line stays for one release.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "motorium.motors.bus": "motorium.robots.bus",
    "motorium.motors.encoder": "motorium.specs.encoder",
    "motorium.motors.memory": "motorium.robots.memory",
    "motorium.motors.spec": "motorium.specs.servo",
    "motorium.motors.vendor_kit": "motorium.robots.vendor_kit",
    "motorium.robots.composition": "motorium.specs.composition",
    "motorium.robots.geometry": "motorium.specs.geometry",
    "motorium.robots.kinematics": "motorium.specs.kinematics",
    "motorium.robots.latency": "motorium.specs.latency",
    "motorium.robots.lerobot_units": "motorium.specs.lerobot_units",
    "motorium.robots.spec": "motorium.specs.robot",
    "motorium.robots.travel": "motorium.specs.travel",
    "motorium.slots": "motorium.specs.slots",
}


class MovedFinder(MetaPathFinder):
    """Find a module under its old name, after every other finder has failed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load `fullname`; None for a name that never was one of ours."""
        del path, target
        return ModuleSpec(fullname, _MovedLoader()) if fullname in MOVED else None


class _MovedLoader(Loader):
    """Hand out the module of today under its old name."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the module of today, and warn whoever asked for the old name."""
        new = MOVED[spec.name]
        warnings.warn(f"{spec.name} is {new} now", DeprecationWarning, stacklevel=2)
        module = import_module(new)
        self._own = module.__spec__  # the import system is about to put the old name's there
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own specification back; it has been executed under its own name."""
        module.__spec__ = self._own


def install() -> None:
    """Let old names be found. Called once, by `motorium` itself."""
    sys.meta_path.append(MovedFinder())
