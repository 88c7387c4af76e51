"""A small dataset with everything that can wait in it, and every procedure that writes to it. For `kill_soak`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from motorium.data.edit import edits as edit
from motorium.data.edit import unified, units_edit
from motorium.data.edit.build import swap
from motorium.data.edit.convert import convert
from motorium.data.format import layout
from motorium.data.format.dataset import Dataset
from motorium.data.format.schema import Feature, Schema
from motorium.data.record import aside, staging
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter

FPS, SIDE = 10, 32
CAMERA = "observation.images.front"
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
NAMES = tuple(f"{joint}.pos" for joint in JOINTS)
WHOLE, CUT, FINISHED, DAMAGED = (0, 1), 2, 3, 4
"""Which episodes are in the dataset; cut off; finished and not in their place; lie aside."""
FIRST_NEW = 5
ROWS = 12
TASKS = ("put left", "put right")


def schema(fps: int = FPS) -> Schema:
    features = (
        Feature("observation.state", "float32", (6,), NAMES),
        Feature("action", "float32", (6,), NAMES),
        Feature("which", "float32", (1,)),
        Feature(CAMERA, "video", (SIDE, SIDE, 3), ("height", "width", "channels")),
    )
    units = {"observation.state": "rad", "action": "rad"}
    return Schema(fps, "so101", features, {"units": units})


def writer(root: Path) -> DatasetWriter:
    return DatasetWriter(root, schema(), patience_s=30.0, reserve_mb=0)


def add(into: DatasetWriter, which: int, rows: int) -> None:
    """Begin an episode that every row of it names."""
    into.begin(TASKS[which % 2], 0)
    for k in range(rows):
        joints = 0.3 * np.sin(which + k / 5 + np.arange(6))
        row = {"observation.state": joints, "action": joints, "which": which}
        image = np.full((SIDE, SIDE, 3), 20 * which, np.uint8)
        image[k : k + 4] = 255
        into.add(row, {CAMERA: image})


def template(root: Path) -> None:
    """Write the dataset. Run it in a process of its own: it ends as a recorder that is killed, without a word."""
    with writer(root) as into:
        for which in WHOLE:
            add(into, which, ROWS)
            into.end({"success": True})
    keeps_waiting(root, DAMAGED, 2 * FPS)
    (part,) = layout.leftovers(root)[1]
    (part / staging.FRAMES).write_bytes((part / staging.FRAMES).read_bytes()[:30] + bytes(4000))
    aside.put_aside(root, part, "its journal is damaged")
    keeps_waiting(root, FINISHED, ROWS, seal=True)
    keeps_waiting(root, CUT, 2 * FPS)


def keeps_waiting(root: Path, which: int, rows: int, *, seal: bool = False) -> None:
    """Leave an episode cut off, or finished and not in its place."""
    into = DatasetWriter.__new__(DatasetWriter)
    hidden = root.with_name("hidden")
    kept = [path for kind in layout.leftovers(root) for path in kind]
    for path in kept:  # a session would repair them first
        hidden.mkdir(exist_ok=True)
        path.rename(hidden / path.name)
    into.__init__(root, schema(), patience_s=30.0, reserve_mb=0)  # type: ignore[misc]
    add(into, which, rows)
    if seal:
        publish = staging.publish
        staging.publish = lambda *_: -1  # type: ignore[assignment]
        try:
            into.end({"success": True})
        finally:
            staging.publish = publish  # type: ignore[assignment]
    into.close()
    for path in kept:
        (hidden / path.name).rename(root / layout.STAGING / path.name)
    shutil.rmtree(hidden, ignore_errors=True)


def record(root: Path, tell: Callable[[str], None]) -> None:
    with writer(root) as into:
        for which in (FIRST_NEW, FIRST_NEW + 1):
            tell(f"begun {which}")
            add(into, which, ROWS)
            tell(f"ending {which}")
            into.end({"success": True})
            tell(f"ended {which}")


def in_place(change: Callable[[Dataset, Path], Any]) -> Callable[[Path, Callable[[str], None]], None]:
    def run(root: Path, tell: Callable[[str], None]) -> None:
        swap(root, lambda target: change(Dataset.open(root), target), lambda _: None)
        tell("changed")

    return run


def elsewhere(change: Callable[[Dataset, Path], Any]) -> Callable[[Path, Callable[[str], None]], None]:
    def run(root: Path, tell: Callable[[str], None]) -> None:
        change(Dataset.open(root), root.with_name("out"))
        tell("changed")

    return run


def _mirror(source: Dataset, target: Path) -> None:
    edit.mirror(source, {"shoulder_pan": -1}, {}, target)


def _to_degrees(source: Dataset, target: Path) -> None:
    units_edit.convert_units(source, units_edit.Units("deg"), target)


def _split(source: Dataset, target: Path) -> None:
    edit.split(source, 0.5, 0, target.with_name("d_train"), target.with_name("d_test"))


KINDS: dict[str, Callable[[Path, Callable[[str], None]], None]] = {
    "record": record,
    "repair": lambda root, tell: (repair(root), tell("changed"))[1],
    "repair --again": lambda root, tell: (repair(root, again=True), tell("changed"))[1],
    "delete": in_place(lambda source, target: edit.delete(source, frozenset({0}), target)),
    "relabel": in_place(lambda source, target: edit.relabel(source, {TASKS[0]: "put it down"}, target)),
    "downsample": in_place(lambda source, target: edit.downsample(source, FPS // 2, target)),
    "mirror": in_place(_mirror),
    "units": in_place(_to_degrees),
    "convert": in_place(lambda source, target: convert(source, layout.VERSION_OLD, target)),
    "merge": elsewhere(lambda source, target: edit.merge([source, source], target)),
    "split": elsewhere(_split),
    "slots": elsewhere(unified.unified),
}


IN_PLACE = ("delete", "relabel", "downsample", "mirror", "units", "convert")


def contents(root: Path) -> dict[str, Any]:
    """What is in the dataset and waits or lies aside in it, after looking at every row and frame."""
    dataset = Dataset.open(root)
    there = []
    for episode, rows in dataset.stream():
        which = np.unique(rows["which"])
        assert len(which) == 1, f"episode {episode.index} mixes {which}"
        assert len(rows["which"]) == episode.length >= 5
        for key in episode.videos:
            assert sum(1 for _ in dataset.pictures(episode, key)) == episode.length
        there.append(int(which[0]))
    assert dataset.info.episodes == len(there)
    assert dataset.info.frames == dataset.frames
    lying = aside.lying(root)
    waiting = sum(map(len, layout.leftovers(root)))
    return {"episodes": sorted(there), "aside": [found.why for found in lying], "waiting": waiting}


def beside(root: Path) -> list[str]:
    """What is in the folder of the dataset."""
    return sorted(path.name for path in root.parent.iterdir())
