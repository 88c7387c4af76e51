"""Nothing is imported from the folder one stands in, which may be a stranger's, by any process that motorium starts."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from motorium import children
from motorium.data.edit.hdf5 import Said, import_hdf5
from motorium.errors import DataError

TRAPS = ("random", "mujoco", "h5py", "numpy", "json", "socket", "click")


@pytest.fixture
def trapped(tmp_path, monkeypatch):
    """A current folder full of modules that leave a mark when they are imported; gives the mark."""
    mark = tmp_path / "imported"
    for name in TRAPS:
        (tmp_path / f"{name}.py").write_text(
            f"open({str(mark)!r}, 'a').write({name!r} + ' ')\nraise ImportError({name!r})\n"
        )
    monkeypatch.chdir(tmp_path)
    return mark


def test_a_strangers_module_beside_his_recording_is_not_run(trapped):
    Path("episode_0.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(4000))
    with pytest.raises(DataError, match="episode_0"):
        import_hdf5(Path("episode_0.hdf5"), Path("out"), Said(fps=50, task="x"))
    assert not trapped.exists()


@pytest.mark.parametrize("old", [False, True], ids=["with -P", "as before Python 3.11"])
def test_modules_and_code_run_without_the_current_folder(trapped, monkeypatch, old):
    if old:
        monkeypatch.setattr(children, "_SAFE_PATH", False)
    ours = "import motorium.sim.protocol, motorium.types, random, json, numpy, click; print('whole')"
    done = subprocess.run(children.python_code(ours), capture_output=True, text=True, check=False)
    assert done.stdout == "whole\n", done.stderr
    done = subprocess.run(
        children.python_module("motorium.sim.server", "--help"), capture_output=True, text=True, check=False
    )
    assert "seed of the first scene" in done.stdout, done.stderr
    assert not trapped.exists()


def _where(name: str) -> str:
    import importlib

    return str(importlib.import_module(name).__file__)


@pytest.mark.nightly
@pytest.mark.parametrize("old", [False, True], ids=["with -P", "as before Python 3.11"])
def test_spawned_workers_start_without_the_current_folder(trapped, monkeypatch, old):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", ".")])
    if old:
        monkeypatch.setattr(children, "_SAFE_PATH", False)
    here = Path.cwd()
    with children.spawning():
        pool = multiprocessing.get_context("spawn").Pool(1)
    assert Path.cwd() == here
    with pool:
        assert Path(pool.apply(_where, ("random",))).parent != here
    assert not trapped.exists()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.nightly
def test_a_worker_that_takes_the_place_of_a_dead_one_does_not_look_there(trapped, monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", ".")])
    with children.spawned_pool(1) as pool:
        assert Path(pool.apply(_where, ("random",))).parent != Path.cwd()
        if sys.version_info >= (3, 11):  # before, only the first workers are kept from it
            pool.apply_async(_die)
        assert Path(pool.apply_async(_where, ("random",)).get(60)).parent != Path.cwd()
    assert not trapped.exists()


def test_python_m_motorium_does_not_look_there_either(trapped):
    done = subprocess.run(
        [sys.executable, "-m", "motorium", "robots", "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not trapped.exists()
