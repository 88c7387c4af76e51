"""Our own Python processes, which never import from the current folder: it may be untrusted.

`python -m` and `python -c` put the current folder in front of everything else on `sys.path`: an `h5py.py` beside
somebody's recording would be run, and a user's own `random.py` would break whatever imports the real one.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

_SAFE_PATH = sys.version_info >= (3, 11)  # the option -P, and PYTHONSAFEPATH
_RUN_MODULE = (
    "import sys; del sys.path[0]; import runpy; runpy.run_module({!r}, run_name='__main__', alter_sys=True)"
)


def python_module(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs `module` with this interpreter, as `python -m` does."""
    if _SAFE_PATH:
        return [sys.executable, "-P", "-m", module, *arguments]
    return [sys.executable, "-c", _RUN_MODULE.format(module), *arguments]


def python_code(code: str, *arguments: str) -> list[str]:
    """Return the command line that runs `code` with this interpreter, as `python -c` does."""
    if _SAFE_PATH:
        return [sys.executable, "-P", "-c", code, *arguments]
    return [sys.executable, "-c", f"import sys; del sys.path[0]\n{code}", *arguments]


@contextlib.contextmanager
def spawning() -> Iterator[None]:
    """Start workers of `multiprocessing` (method "spawn") without the current folder, while the block runs.

    They are told the parent's `sys.path` and folder later; what matters is what they import before that. Where Python
    is older than 3.11 the parent stands in the root folder meanwhile.
    """
    if _SAFE_PATH:
        before = os.environ.get("PYTHONSAFEPATH")
        os.environ["PYTHONSAFEPATH"] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ["PYTHONSAFEPATH"]
            else:
                os.environ["PYTHONSAFEPATH"] = before
        return
    folder = os.open(".", os.O_RDONLY)
    os.chdir("/")
    try:
        yield
    finally:
        os.fchdir(folder)
        os.close(folder)


@contextlib.contextmanager
def spawned_pool(processes: int, start: Callable[[], None] | None = None) -> Iterator[Pool]:
    """Open a pool of workers (method "spawn") that never import from the current folder.

    The same holds for those that take the place of dead ones, but where Python is older than 3.11.

    Args:
        processes: number of workers.
        start: called in each of them first.
    """
    import multiprocessing

    with contextlib.ExitStack() as stack:
        if _SAFE_PATH:
            stack.enter_context(spawning())
        with spawning():
            pool = multiprocessing.get_context("spawn").Pool(processes, start)
        yield stack.enter_context(pool)


def forget_current_folder() -> None:
    """Take the current folder off `sys.path`, where `python -m motorium` put it, unless motorium itself lies in it."""
    here = os.getcwd()  # noqa: PTH109 - as sys.path spells it
    if not sys.path or sys.path[0] not in ("", here) or os.path.isdir(os.path.join(here, "motorium")):  # noqa: PTH112, PTH118
        return
    del sys.path[0]
