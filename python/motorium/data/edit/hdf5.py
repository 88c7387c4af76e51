"""Import demonstrations in HDF5 into LeRobotDataset v3.0: the layouts of ALOHA (ACT) and of robomimic.

ALOHA, a file per episode: `observations/{qpos,qvel,effort}` (N, J), `observations/images/<camera>` (N, H, W, 3) or
JPEGs (N, bytes), `action` (N, A). robomimic, all in one file: `data/demo_<i>/obs/<key>`, `data/demo_<i>/actions`, and
`data.attrs["env_args"]`. State and action become float32, as LeRobot has them; other columns of numbers with as many
rows keep their type and name. Angles and other units stay as they are.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...children import python_module
from ...errors import DataError
from ...types import UInt8
from ..format import layout
from ..format.jpeg import decode_jpeg
from ..format.said_units import differences
from ..format.schema import Feature, Info, Schema, read_info
from ..record.writer import DatasetWriter
from . import hdf5_file
from .build import beside
from .hdf5_file import natural
from .hdf5_layouts import ACTION, ALOHA_JOINTS, Demo, Said, read_demos

__all__ = ["ALOHA_JOINTS", "Said", "import_hdf5", "is_hdf5"]

SUFFIXES = (".hdf5", ".h5", ".hdf")
ENCODER_WAIT_S = 60.0
STEP_S = 120
"""Longest time between two rows: a damaged file can keep its library busy for ever."""
MAX_FRAME_BYTES = 64 << 20


def is_hdf5(source: Path) -> bool:
    """Return whether it is an HDF5 file, or a folder of them that is no dataset."""
    if source.is_dir():
        return not (source / layout.INFO).exists() and bool(_files(source))
    return source.suffix.lower() in SUFFIXES


def import_hdf5(source: Path, target: Path, said: Said) -> tuple[Info, list[str]]:
    """Write the demonstrations in `source`, a file or a folder of files, as a dataset at `target`.

    A process of its own reads: the HDF5 library can be crashed by a damaged file (2 of 2000 random ones did).

    Returns its totals and what was left out, in words. Raises DataError; then there is no `target`.
    """
    try:
        with beside(target) as work:
            answer = _read_apart(source, work, said)
    except OSError as error:
        raise DataError(f"cannot write beside {target}: {error.strerror or error}") from error
    return read_info(target), list(answer["left_out"])


def _read_apart(source: Path, work: Path, said: Said) -> dict[str, Any]:
    """Return what the reading process says. Raises DataError when it failed or crashed."""
    words = json.dumps([str(source), str(work), asdict(said)])
    done = subprocess.run(
        python_module("motorium.data.edit.hdf5", words), capture_output=True, text=True, check=False
    )
    if done.returncode == -signal.SIGALRM:
        raise DataError(f"{source} is damaged: a part of it could not be read in {STEP_S} s")
    if done.returncode < 0:
        raise DataError(f"{source} is damaged: reading it ended with signal {-done.returncode}")
    answer: dict[str, Any] = (
        json.loads(done.stdout.splitlines()[-1]) if done.stdout else {"error": done.stderr[-2000:]}
    )
    if "error" in answer:
        raise DataError(answer["error"])
    return answer


def main() -> None:
    """Run the reading process: JSON in (source, folder, `Said`), JSON out (what was left out, or an error)."""
    source, work, said = json.loads(sys.argv[1])
    left_out: dict[str, None] = {}
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process also where C code never returns
    signal.alarm(STEP_S)
    try:
        _write(Path(work), _demos(Path(source)), Said(**said), left_out)
        shutil.rmtree(Path(work) / layout.STAGING)
        answer: dict[str, Any] = {"left_out": list(left_out)}
    except DataError as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]


@dataclass(frozen=True)
class _Demos:
    """Every episode of a file, or of the files of a folder; read anew each time."""

    source: Path

    def __iter__(self) -> Iterator[Demo]:
        folder = self.source.is_dir()
        files = sorted(_files(self.source), key=lambda path: natural(path.stem)) if folder else [self.source]
        if not files:
            raise DataError(f"{self.source} holds no HDF5 file")
        for path in files:
            yield from read_demos(path)


_demos = _Demos


def _common(demos: Iterable[Demo], left_out: dict[str, None]) -> frozenset[str]:
    """Return columns that every episode has alike and that are kept as they are; the others are named."""
    kinds: dict[str, tuple[Any, ...]] = {}
    count: Counter[str] = Counter()
    episodes = 0
    for demo in demos:
        episodes += 1
        for key, values in demo.extras.items():
            count[key] += kinds.setdefault(key, (values.shape[1:], values.dtype)) == (
                values.shape[1:],
                values.dtype,
            )
    common = frozenset(key for key in kinds if count[key] == episodes)
    for key in kinds:
        if key not in common:
            left_out[f"{key}: not the same in every episode"] = None
    return common


def _write(root: Path, demos: Iterable[Demo], said: Said, left_out: dict[str, None]) -> None:
    """Read all episodes twice: which columns all have is known at the end only."""
    writer: DatasetWriter | None = None
    schema: Schema | None = None
    common = _common(demos, left_out)
    try:
        for found_demo in demos:
            left_out.update(dict.fromkeys(found_demo.left_out))
            demo = _with(found_demo, common)
            films = {key: _Film(entry, f"{demo.name}: {key}") for key, entry in demo.pictures.items()}
            found = _schema(demo, films, said)
            if writer is None or schema is None:
                schema = found
                writer = DatasetWriter(root, schema, patience_s=ENCODER_WAIT_S)
            elif found.digest() != schema.digest():
                why = "; ".join(differences(schema, found))
                raise DataError(f"{demo.name} does not fit the first episode: {why}")
            _episode(writer, demo, films, said)
        if writer is None:
            raise DataError("there is no episode")
    finally:
        if writer is not None:
            writer.close()


def _with(demo: Demo, common: frozenset[str]) -> Demo:
    """Return the episode with those of its other columns that all have."""
    return replace(demo, columns={**demo.columns, **{key: demo.extras[key] for key in common}}, extras={})


def _schema(demo: Demo, films: Mapping[str, _Film], said: Said) -> Schema:
    fps = said.fps or demo.defaults.fps
    if fps is None:
        raise DataError(
            "the file does not say how many rows there are per second: give --fps (ALOHA records at 50)"
        )
    features = [
        Feature(key, values.dtype.name, (values.shape[1],), demo.names.get(key))
        for key, values in sorted(demo.columns.items())
    ]
    picture = ("height", "width", "channels")
    features += [Feature(key, "video", film.shape, picture) for key, film in films.items()]
    own = {"units": dict.fromkeys(("observation.state", "action"), said.units)} if said.units else {}
    return Schema(fps, said.robot or demo.defaults.robot or "", tuple(features), own)


def _episode(writer: DatasetWriter, demo: Demo, films: Mapping[str, _Film], said: Said) -> None:
    counts = {key: len(values) for key, values in demo.columns.items()}
    counts |= {key: film.count for key, film in films.items()}
    length = counts[ACTION]
    if set(counts.values()) != {length}:
        raise DataError(f"{demo.name}: numbers of rows differ: {counts}")
    task = said.task if said.task is not None else demo.defaults.task or ""
    writer.begin(task, 0)
    streams = {key: film.images() for key, film in films.items()}
    for k in range(length):
        row = {key: values[k] for key, values in demo.columns.items()}
        writer.add(row, {key: next(stream) for key, stream in streams.items()})
        if signal.getitimer(signal.ITIMER_REAL)[0]:
            signal.alarm(STEP_S)
    writer.end({"source": demo.name})


class _Film:
    """The pictures of one camera in one episode, plain or as JPEGs. Raises DataError for anything else."""

    def __init__(self, entry: Any, where: str) -> None:
        self._packed = hdf5_file.is_packed(entry)
        self._entry, self._where = (
            (hdf5_file.packed if self._packed else hdf5_file.checked)(entry, where),
            where,
        )
        shape: Sequence[int] = self._entry.shape
        self.count = int(shape[0])
        if not self._packed and (self._entry.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3):
            raise DataError(
                f"{where} is {self._entry.dtype} {tuple(shape)}; only uint8 (N, H, W, 3) and JPEGs are read"
            )
        if int(np.prod(shape[1:], dtype=object)) * self._entry.dtype.itemsize > MAX_FRAME_BYTES:
            raise DataError(f"{where}: a frame of {tuple(shape[1:])} is too large")
        self.shape = next(self.images()).shape if self._packed else tuple(int(n) for n in shape[1:])
        if self.shape[0] % 2 or self.shape[1] % 2:
            raise DataError(f"{where}: frames of {self.shape[1]} x {self.shape[0]}; a video needs even sides")

    def images(self) -> Iterator[UInt8]:
        """Yield (H, W, 3) RGB, one after the other."""
        for entry in hdf5_file.blocks(self._entry, self._where):
            yield decode_jpeg(entry.tobytes(), self._where) if self._packed else entry


if __name__ == "__main__":
    main()
