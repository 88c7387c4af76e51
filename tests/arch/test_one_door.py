"""Files of others are opened by `foreign.py`, Python processes are started by `children.py`: nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

READERS = {
    "json.load", "json.loads", "tomllib.load", "tomllib.loads", "np.load", "np.fromfile", "np.memmap", "np.loadtxt",
    "numpy.load", "safe_open", "load_file", "av.open", "pq.ParquetFile", "pq.read_table", "pq.read_metadata",
    "zipfile.ZipFile", "tarfile.open", "h5py.File", "cv2.imread", "cv2.VideoCapture",
    "open", "io.open", "os.open", "mmap.mmap",
}  # fmt: skip
METHODS = {"read_text", "read_bytes", "open"}
OF_OTHERS = {
    "Dataset",
    "Recordings",
    "Robot",
    "mt.Robot",
    "LeaderArm",
    "Rig",
    "rig",
    "self._sink",
    "parquet",
    "archive",
}
"""Whose method `open` opens no file by itself."""
ALLOWED = {
    "foreign.py": "is the way",
    "files.py": "stands in for closed descriptors; writes beside",
    "rooted.py": "opens folders, and files to write",
    "children.py": "the current folder, to come back to it",
    "arrays.py": "gives the archive a file that was opened there",
    "containers.py": "what it just wrote; the parser gets a path that was checked there",
    "bench/": "measures; /sys and /proc of this machine",
    "cli/main.py": "the package's own source",
    "cli/_arm.py": "cameras, by what the user bound",
    "cli/_streams.py": "/dev/null in the place of closed descriptors",
    "cameras/devices.py": "/sys",
    "cameras/extrinsics.py": "OpenCV gets a path that was checked there",
    "cameras/opencv.py": "a device, or a film that the user bound",
    "operator/": "/proc, /dev/input and terminals",
    "sim/protocol.py": "lines between our own processes, whose length is bounded there",
    "sim/shared_frames.py": "memory shared between our own processes",
    "sim/sim_process.py": "/proc",
    "data/edit/build.py": "folders, to make them durable",
    "data/record/encoder.py": "writes; lines between our own processes",
    "data/format/exchange.py": "folders and /proc",
    "data/edit/film.py": "writes",
    "data/edit/hdf5.py": "lines between our own processes",
    "data/edit/hdf5_file.py": "h5py gets a path that was checked there",
    "lock_files.py": "locks, never through a link",
    "data/record/marks.py": "writes",
    "data/format/parquet.py": "pyarrow gets a path that was checked there",
    "data/record/sink.py": "lines between our own processes",
    "data/format/snapshot.py": "the lock, never through a link",
    "data/format/video.py": "writes, and makes durable what it wrote",
    "data/format/video_file.py": "PyAV gets a path that was checked there",
    "learn/resume.py": "the parser gets a path that was checked there",
    "parity/case.py": "the parser gets a path that was checked there",
}
"""Files, or folders, that may; each with its reason."""


def readings(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in READERS or (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in METHODS
            and not (node.func.attr == "open" and ast.unparse(node.func.value) in OF_OTHERS)
        ):
            yield called


def allowed(name: str) -> str | None:
    return next(
        (entry for entry in ALLOWED if name == entry or (entry.endswith("/") and name.startswith(entry))),
        None,
    )


def test_files_of_others_are_opened_in_one_place(tree):
    package = tree.root / "python/motorium"
    found, used = {}, set()
    for path in tree.files(".py", under="python/motorium"):
        name = path.relative_to(package).as_posix()
        what = sorted(set(readings(tree.module(path))))
        own = {"open"} if name.startswith("foreign") else set()
        if what and allowed(name) is None:
            found[name] = what
        elif what or own:
            used.add(allowed(name))
    assert not found, "open it with motorium.foreign, or say in ALLOWED why not"
    assert sorted(set(ALLOWED) - used) == [], "these open nothing any more"


def starts(module: ast.Module) -> Iterator[str]:
    """Ways to start Python that look into the current folder."""
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.executable":
            yield "sys.executable"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.rpartition(".")[2] in {
                "ProcessPoolExecutor",
                "set_start_method",
                "DataLoader",
                "fork",
                "forkpty",
            }:
                yield called
            if called.endswith("get_context") and [ast.unparse(argument) for argument in node.args] != [
                "'spawn'"
            ]:
                yield called
            if called.startswith(
                ("multiprocessing.Pool", "multiprocessing.Process", "os.exec", "os.spawn", "os.system")
            ):
                yield called


STARTERS = {
    "children.py": "is the way",
    "doctor.py": "shows its path",
    "sim/opengl.py": "this process again, with its own options",
}


def test_python_is_started_in_one_place(tree):
    package = tree.root / "python/motorium"
    found = {}
    for path in tree.files(".py", under="python/motorium"):
        what = sorted(set(starts(tree.module(path))))
        if what:
            found[path.relative_to(package).as_posix()] = what
    assert set(found) == set(STARTERS), found


def test_pools_are_started_without_the_current_folder(tree):
    """Where a context for processes is asked for, `spawning` is used in the same module."""
    for path in tree.files(".py", under="python/motorium"):
        text = tree.text(path)
        if 'get_context("spawn")' in text:
            assert "with spawning()" in text, tree.name(path)


@pytest.mark.parametrize(
    "code", ["json.loads(x)", "Path(p).read_text()", "path.open('rb')", "open(p)", "av.open(str(p))"]
)
def test_the_judge_sees_it(code):
    assert list(readings(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["[sys.executable, '-m', 'x']", "ProcessPoolExecutor(2)", "os.execve(a, b, c)"]
)
def test_the_judge_sees_a_start(code):
    assert list(starts(ast.parse(code)))
