"""Our own Python processes, which never import from the current folder: it may be untrusted.

`python -m` and `python -c` put the current folder in front of everything else on `sys.path`: an `h5py.py` beside
somebody's recording would be run, and a user's own `random.py` would break whatever imports the real one.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from .errors import MotoriumError

if TYPE_CHECKING:
    from multiprocessing.pool import Pool
    from multiprocessing.process import BaseProcess
    from multiprocessing.synchronize import Semaphore

_LOOK_S = 0.1
"""Between two looks at processes that have not said yet that they began."""
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

    Raises MotoriumError when a worker cannot start.
    """
    import multiprocessing

    context, others = multiprocessing.get_context("spawn"), set(multiprocessing.active_children())
    begun = context.Semaphore(0)
    with contextlib.ExitStack() as stack:
        if _SAFE_PATH:
            stack.enter_context(spawning())
        with spawning():
            pool = context.Pool(processes, _begin, (begun, start))
        stack.enter_context(pool)
        await_start(begun, 1, set(multiprocessing.active_children()) - others)
        yield pool


def _begin(begun: Semaphore, start: Callable[[], None] | None) -> None:
    begun.release()
    if start is not None:
        start()


def await_start(begun: Semaphore, count: int, processes: Iterable[BaseProcess]) -> None:
    """Wait until `count` of some processes have released `begun`, which each of them does first of all.

    Raises MotoriumError when one of them ends before: a pool would start another one for ever, a group wait for it.
    """
    others = tuple(processes)
    for _ in range(count):
        while not begun.acquire(timeout=_LOOK_S):
            ended = [process.exitcode for process in others if not process.is_alive()]
            if not ended and others:
                continue
            if any(code is not None and code < 0 for code in ended):
                raise MotoriumError("a process was killed as it started; was the memory full? Ask for fewer")
            raise MotoriumError(
                "processes that share the work could not start; their own error stands above. A script that starts "
                'some does so under `if __name__ == "__main__":`, because each of them imports the script first'
            )


def forget_current_folder() -> None:
    """Take the current folder off `sys.path`, where `python -m motorium` put it, unless motorium itself lies in it."""
    here = os.getcwd()  # noqa: PTH109 - as sys.path spells it
    if not sys.path or sys.path[0] not in ("", here) or os.path.isdir(os.path.join(here, "motorium")):  # noqa: PTH112, PTH118
        return
    del sys.path[0]
