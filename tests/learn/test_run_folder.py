"""The folder of a run is one process's; what killed ones left half written goes, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from motorium.children import python_code
from motorium.errors import StorageError
from motorium.files import TEMPORARY, temporary_name
from motorium.learn.run_folder import CHECKPOINT, LOCK, run_folder

HOLD = """
import sys
from pathlib import Path
from motorium.learn.run_folder import run_folder
with run_folder(Path(sys.argv[1])):
    print("holds", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_one_process_s_until_it_ends_however_it_ends(tmp_path):
    out = tmp_path / "run"
    other = subprocess.Popen(python_code(HOLD, str(out)), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == b"holds\n"
        with pytest.raises(StorageError, match="another process is training into"), run_folder(out):
            pass
    finally:
        other.kill()
        other.communicate()
    with run_folder(out):
        assert [path.name for path in out.iterdir()] == [LOCK]


def test_what_a_kill_left_half_written_goes(tmp_path):
    mine = [tmp_path / temporary_name(name) for name in ("resume.safetensors", "loss.csv")]
    for path in mine:
        path.write_text("{")
    folder = tmp_path / temporary_name(CHECKPOINT)
    folder.mkdir()
    (folder / "config.json").write_text("{")
    (tmp_path / CHECKPOINT).mkdir()
    old = tmp_path / f"{temporary_name(CHECKPOINT)}.old"
    old.mkdir()
    others = {tmp_path / temporary_name("arm.json"), tmp_path / f".resume.safetensors.{TEMPORARY}"}
    for path in others:
        path.write_text("")
    with run_folder(tmp_path):
        assert set(tmp_path.iterdir()) == {tmp_path / LOCK, tmp_path / CHECKPOINT, *others}


def test_a_checkpoint_that_was_being_replaced_is_given_its_name_back(tmp_path):
    """Where a disk exchanges no names, there is a moment without one."""
    old, new = tmp_path / f"{temporary_name(CHECKPOINT)}.old", tmp_path / temporary_name(CHECKPOINT)
    for folder in (old, new):
        folder.mkdir()
        (folder / "config.json").write_text(folder.name)
    with run_folder(tmp_path):
        assert (tmp_path / CHECKPOINT / "config.json").read_text() == old.name
        assert not new.exists()


def test_a_folder_that_cannot_be_had_is_named(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(37, "No locks available")

    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file/run: Not a directory"), run_folder(tmp_path / "file/run"):
        pass
    monkeypatch.setattr("fcntl.flock", none)
    with pytest.raises(StorageError, match="supports locks"), run_folder(Path(tmp_path / "run")):
        pass
