"""Modules that had another name in the release before: importing them warns, and gives the module of today.

One that left the package says where it went. A line stays for one release.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MOVED = {
    "motorium.checkpoints": "motorium.policies.nano.checkpoint",
    "motorium.data.arm_rules": "motorium.data.check.whole_rules",
    "motorium.data.aside": "motorium.data.record.aside",
    "motorium.data.build": "motorium.data.edit.build",
    "motorium.data.case": "motorium.data.check.case",
    "motorium.data.column_rules": "motorium.data.check.column_rules",
    "motorium.data.convert": "motorium.data.edit.convert",
    "motorium.data.dataset": "motorium.data.format.dataset",
    "motorium.data.encoder": "motorium.data.record.encoder",
    "motorium.data.exchange": "motorium.data.format.exchange",
    "motorium.data.feature_names": "motorium.data.format.feature_names",
    "motorium.data.film": "motorium.data.edit.film",
    "motorium.data.film_pass": "motorium.data.check.film_pass",
    "motorium.data.film_rules": "motorium.data.check.film_rules",
    "motorium.data.findings": "motorium.data.check.findings",
    "motorium.data.hdf5": "motorium.data.edit.hdf5",
    "motorium.data.hdf5_file": "motorium.data.edit.hdf5_file",
    "motorium.data.hdf5_layouts": "motorium.data.edit.hdf5_layouts",
    "motorium.data.hdf5_words": "motorium.data.edit.hdf5_words",
    "motorium.data.identity": "motorium.data.format.identity",
    "motorium.data.instants": "motorium.data.format.instants",
    "motorium.data.interrupted": "motorium.data.record.interrupted",
    "motorium.data.joint_rules": "motorium.data.check.joint_rules",
    "motorium.data.joint_units": "motorium.data.format.joint_units",
    "motorium.data.journal": "motorium.data.record.journal",
    "motorium.data.jpeg": "motorium.data.format.jpeg",
    "motorium.data.layout": "motorium.data.format.layout",
    "motorium.data.lock": "motorium.data.format.lock",
    "motorium.data.marking": "motorium.data.edit.marking",
    "motorium.data.marks": "motorium.data.record.marks",
    "motorium.data.markup": "motorium.data.view.page",
    "motorium.data.mirror": "motorium.data.edit.mirror",
    "motorium.data.newcomer": "motorium.data.record.opening",
    "motorium.data.old_lines": "motorium.data.format.old_lines",
    "motorium.data.outcome": "motorium.data.format.outcome",
    "motorium.data.outcome_rules": "motorium.data.check.column_rules",
    "motorium.data.parquet": "motorium.data.format.parquet",
    "motorium.data.parquet_pages": "motorium.data.format.parquet_pages",
    "motorium.data.passing": "motorium.data.format.passing",
    "motorium.data.picture_rules": "motorium.data.check.picture_rules",
    "motorium.data.plots": "motorium.data.view.plots",
    "motorium.data.record_plan": "motorium.data.record.record_plan",
    "motorium.data.recorder": "motorium.data.record.recorder",
    "motorium.data.recovery": "motorium.data.record.recovery",
    "motorium.data.repair": "motorium.data.record.repair",
    "motorium.data.report": "motorium.data.view.report",
    "motorium.data.rerun_view": "motorium.data.view.rerun_view",
    "motorium.data.resample": "motorium.data.edit.resample",
    "motorium.data.restat": "motorium.data.edit.restat",
    "motorium.data.resuming": "motorium.data.record.opening",
    "motorium.data.rhythm": "motorium.data.record.rhythm",
    "motorium.data.said_units": "motorium.data.format.said_units",
    "motorium.data.sampler": "motorium.data.record.sampler",
    "motorium.data.schema": "motorium.data.format.schema",
    "motorium.data.sides": "motorium.data.edit.mirror",
    "motorium.data.sink": "motorium.data.record.sink",
    "motorium.data.snapshot": "motorium.data.format.snapshot",
    "motorium.data.splits": "motorium.data.format.splits",
    "motorium.data.staging": "motorium.data.record.staging",
    "motorium.data.stats": "motorium.data.format.stats",
    "motorium.data.stats_rules": "motorium.data.check.stats_rules",
    "motorium.data.still_rules": "motorium.data.check.still_rules",
    "motorium.data.tables": "motorium.data.format.tables",
    "motorium.data.thrift": "motorium.data.format.thrift",
    "motorium.data.unfinished": "motorium.data.record.unfinished",
    "motorium.data.unified": "motorium.data.edit.unified",
    "motorium.data.units_edit": "motorium.data.edit.units_edit",
    "motorium.data.unjudged": "motorium.data.check.unjudged",
    "motorium.data.video": "motorium.data.format.video",
    "motorium.data.video_file": "motorium.data.format.video_file",
    "motorium.data.whole_rules": "motorium.data.check.whole_rules",
    "motorium.data.whole_stats": "motorium.data.format.whole_stats",
    "motorium.data.writer": "motorium.data.record.writer",
    "motorium.learn.evaluate": "motorium.evaluation.evaluate",
    "motorium.learn.team": "motorium.learn.process_group",
    "motorium.motors.bus": "motorium.robots.bus",
    "motorium.motors.encoder": "motorium.specs.encoder",
    "motorium.motors.memory": "motorium.robots.memory",
    "motorium.motors.reserved": "motorium.specs.reserved",
    "motorium.motors.spec": "motorium.specs.servo",
    "motorium.motors.vendor_kit": "motorium.robots.vendor_kit",
    "motorium.policies.being_h05_config": "motorium.policies.being_h05.config",
    "motorium.policies.being_h05_tensors": "motorium.policies.being_h05.weights",
    "motorium.policies.descriptor": "motorium.policies.nano.config",
    "motorium.policies.florence_config": "motorium.policies.xvla.florence",
    "motorium.policies.nano_tensors": "motorium.policies.nano.weights",
    "motorium.policies.normaliser": "motorium.policies.being_h05.normaliser",
    "motorium.policies.parity": "motorium.parity.run",
    "motorium.policies.parity_being_h05": "motorium.parity.being_h05",
    "motorium.policies.parity_xiaomi_r0": "motorium.parity.xiaomi_r0",
    "motorium.policies.parity_xvla": "motorium.parity.xvla",
    "motorium.policies.tokenizer": "motorium.policies.nano.tokenizer",
    "motorium.policies.xiaomi_r0_config": "motorium.policies.xiaomi_r0.config",
    "motorium.policies.xiaomi_r0_tensors": "motorium.policies.xiaomi_r0.weights",
    "motorium.policies.xvla_config": "motorium.policies.xvla.config",
    "motorium.policies.xvla_tensors": "motorium.policies.xvla.weights",
    "motorium.robots.assembly": "motorium.robots.config",
    "motorium.robots.checks": "motorium.specs.checks",
    "motorium.robots.composition": "motorium.specs.composition",
    "motorium.robots.geometry": "motorium.specs.geometry",
    "motorium.robots.kinematics": "motorium.specs.kinematics",
    "motorium.robots.latency": "motorium.specs.latency",
    "motorium.robots.lerobot_units": "motorium.specs.lerobot_units",
    "motorium.robots.spec": "motorium.specs.robot",
    "motorium.robots.travel": "motorium.specs.travel",
    "motorium.runtime.stop_keys": "motorium.operator.estop",
    "motorium.slots": "motorium.specs.slots",
    "motorium.timeline.pedal": "motorium.operator.pedal",
}

PICK = "tools/so101_pick in motorium's source"
"""What models/so101-pick was made with: shards, recipes, and training on the simulator's truth."""
GONE = {
    "motorium.learn.batches": "batches.py",
    "motorium.learn.dataset": "shards.py",
    "motorium.learn.episodes": "episodes.py",
    "motorium.learn.features": "features.py",
    "motorium.learn.grounding": "grounding.py",
    "motorium.learn.recipe": "recipe.py",
    "motorium.learn.record": "record.py",
    "motorium.learn.train": "train.py",
}
"""Modules that left the package, and their files there."""


class MovedFinder:
    """Find a module under its old name, after every other finder has failed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load `fullname`; None for a name that never was one of ours."""
        del path, target
        loader: Any = (
            _MovedLoader()
        )  # no Loader by class: importlib.abc would import half the library, from anywhere
        return ModuleSpec(fullname, loader) if fullname in MOVED or fullname in GONE else None


class _MovedLoader:
    """Hand out the module of today under its old name."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the module of today, and warn whoever asked for the old name. Raises ImportError for one that left."""
        if spec.name in GONE:
            raise ImportError(
                f"{spec.name} left the package: it is {GONE[spec.name]} of {PICK}", name=spec.name
            )
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


def names_of(module: str, *names: str) -> Callable[[str], Any]:
    """Make the `__getattr__` of a package that was a module before: `names` are found in `module`, with a warning."""

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"no attribute {name!r}")
        warnings.warn(f"{name} is in {module} now", DeprecationWarning, stacklevel=2)
        return getattr(import_module(module), name)

    return get


def renamed(module: str, **names: str) -> Callable[[str], Any]:
    """Make the `__getattr__` of a module whose names were others before: old=new, with a warning."""

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warnings.warn(f"{name} is {names[name]} now", DeprecationWarning, stacklevel=2)
        return getattr(import_module(module), names[name])

    return get
