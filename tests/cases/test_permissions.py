"""What is written has the permissions that the user's umask leaves, or those it had; other programs' files stay."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import data_samples
import nano_samples
import numpy as np
import pytest

from motorium.cameras.png import write_png
from motorium.cameras.setup import CameraSetup
from motorium.data.edit.build import swap
from motorium.data.edit.convert import convert
from motorium.data.edit.edits import delete
from motorium.data.format import layout
from motorium.data.format.dataset import Dataset
from motorium.data.record.repair import repair
from motorium.errors import StorageError
from motorium.files import TEMPORARY, check_file, give_way, write_json
from motorium.policies.nano.checkpoint import save_checkpoint
from motorium.robots.calibration import Calibration
from motorium.specs.robot import RobotSpec

pytest.importorskip("pyarrow")
pytest.importorskip("av")

CAMERAS = data_samples.CAMERAS[:1]


@pytest.fixture(params=[0o002, 0o022, 0o027, 0o077], ids=oct)
def umask(request) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def wrong(folder: Path, umask: int) -> dict[str, str]:
    """Everything below whose permissions are not what the umask leaves."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        expected = (0o777 if path.is_dir() else 0o666) & ~umask
        if mode(path) != expected:
            found[str(path.relative_to(folder))] = oct(mode(path))
    return found


@pytest.mark.nightly
def test_datasets_and_their_changes(umask, tmp_path):
    root = data_samples.write(tmp_path / "d", ("a", "b"), seconds=1, cameras=CAMERAS)
    delete(Dataset.open(root), frozenset({0}), tmp_path / "edited")
    convert(Dataset.open(root), "v2.1", tmp_path / "old")
    swap(root, lambda work: delete(Dataset.open(root), frozenset({1}), work))
    names = {path.name for path in tmp_path.iterdir()}
    assert {"d", "edited", "old"} < names
    assert not {name: what for name in names if (what := wrong(tmp_path / name, umask))}
    assert (tmp_path / "d_old" / layout.STAGING / "lock").exists()


def test_a_dataset_that_is_changed_in_place_keeps_who_may_enter(tmp_path):
    root = data_samples.write(tmp_path / "d", ("a", "b"), seconds=1, cameras=())
    root.chmod(0o2770)
    swap(root, lambda work: delete(Dataset.open(root), frozenset({1}), work))
    assert mode(root) == 0o2770
    assert len(Dataset.open(root).episodes) == 1


def test_files_of_the_user(umask, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    Calibration.nominal(RobotSpec.load("so101")).save(tmp_path / "config" / "motorium" / "c" / "arm.json")
    CameraSetup("so101").save()
    write_png(tmp_path / "pictures" / "a.png", np.zeros((4, 4, 3), np.uint8))
    write_json(tmp_path / "deep" / "er" / "report.json", {})
    save_checkpoint(tmp_path / "runs" / "c", nano_samples.descriptor(nano_samples.SMALL), weights())
    assert not {p.name: what for p in tmp_path.iterdir() if (what := wrong(p, umask))}
    assert (tmp_path / "runs" / "c" / "model.safetensors").exists()


def weights():
    return nano_samples.weights(nano_samples.descriptor(nano_samples.SMALL))


@pytest.mark.usefixtures("umask")
def test_what_is_replaced_keeps_its_permissions(tmp_path):
    path = tmp_path / "a.json"
    for kept in (0o640, 0o606, 0o444):
        path.write_text("old")
        path.chmod(kept)
        write_json(path, {})
        assert mode(path) == kept
        path.unlink()
    path.write_text("old")
    path.chmod(0o4755)
    write_json(path, {})
    assert mode(path) == 0o755, "a right to become somebody else is no file's content"
    root = data_samples.write(tmp_path / "d", ("a",), seconds=1, cameras=())
    (root / layout.INFO).chmod(0o664)
    (root / layout.STATS).chmod(0o600)
    data_samples.write(root, ("b",), seconds=1, cameras=())
    assert (mode(root / layout.INFO), mode(root / layout.STATS)) == (0o664, 0o600)


@pytest.mark.usefixtures("umask")
def test_a_checkpoint_keeps_its_permissions_and_what_lies_beside(tmp_path):
    descriptor = nano_samples.descriptor(nano_samples.SMALL)
    folder = save_checkpoint(tmp_path / "c", descriptor, weights())
    (folder / "extra").mkdir()
    (folder / "extra" / "config.json").write_text("another's")
    (folder / "secret").symlink_to("/nowhere/at/all")
    (folder / "extra").chmod(0o711)
    (folder / "model.safetensors").chmod(0o640)
    folder.chmod(0o750)
    (tmp_path / "latest").symlink_to(folder)
    save_checkpoint(tmp_path / "latest", descriptor, weights())
    assert (tmp_path / "latest").is_symlink()
    assert (mode(folder), mode(folder / "model.safetensors"), mode(folder / "extra")) == (0o750, 0o640, 0o711)
    assert (folder / "extra" / "config.json").read_text() == "another's"
    assert (folder / "secret").is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c", "latest"]


def test_a_file_of_settings_that_is_a_link_is_written_through(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles" / "arm.json").write_text("old")
    link = tmp_path / "config" / "motorium" / "calibrations" / "arm.json"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../../dotfiles/arm.json")
    write_json(link, {"new": 1})
    assert link.is_symlink()
    assert "new" in (tmp_path / "dotfiles" / "arm.json").read_text()
    assert [p.name for p in (tmp_path / "dotfiles").iterdir()] == ["arm.json"]


def test_what_is_replaced_keeps_its_owner_where_that_is_allowed(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with contextlib.suppress(PermissionError):  # root may, and writes files of others in a container
        os.chown(path, 12345, 23456)
    before = path.stat()
    write_json(path, {})
    assert (path.stat().st_uid, path.stat().st_gid) == (before.st_uid, before.st_gid)


def test_a_result_replaces_a_link_and_not_what_it_leads_to(tmp_path):
    """Where a page or report goes, somebody's download may have put a link."""
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "mine").chmod(0o600)
    (tmp_path / "report.json").symlink_to("mine")
    (tmp_path / "other.json").symlink_to("free")
    for name in ("report.json", "other.json"):
        write_json(tmp_path / name, {})
        assert (tmp_path / name).read_text() == "{}\n"
        assert not (tmp_path / name).is_symlink()
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "free").exists()


def test_what_a_library_opens_by_name_is_out_of_its_way(tmp_path):
    (tmp_path / "mine").write_text("mine")
    os.link(tmp_path / "mine", tmp_path / "second.rrd")
    (tmp_path / "link.rrd").symlink_to("mine")
    os.mkfifo(tmp_path / "fifo.rrd")
    for name in ("second.rrd", "link.rrd", "none.rrd", "fifo.rrd"):
        give_way(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fifo.rrd", "mine"]
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_file_with_a_second_name_is_replaced_and_not_written(tmp_path):
    (tmp_path / "mine").write_text("mine")
    os.link(tmp_path / "mine", tmp_path / "a.json")
    write_json(tmp_path / "a.json", {})
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_device_or_fifo_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="not a regular file"):
        write_json(tmp_path / "pipe", {})
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]
    for name in ("/dev/null", "/dev/stdout", str(tmp_path / "pipe")):
        with pytest.raises(StorageError, match="device, FIFO or socket"):
            check_file(Path(name), "the page")


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return data_samples.write(tmp_path_factory.mktemp("good") / "d", ("a",), seconds=1, cameras=())


THEIRS = (  # editors, file managers, synchronisers, people
    "meta/.info.json.swp", "meta/.#info.json", "meta/.info.json.un~", "meta/.info.json.autosave", "meta/.info.json.bak",
    "meta/.info.json.2024_old", "meta/.my.json.a1b2c3d4", "data/.info.json.k3_x9qpa", ".notes.json.k3_x9qpa",
    "meta/.~lock.info.json#",
    "meta/.info.json.k3_x9qpa~", f"meta/.info.json{TEMPORARY}", f"data/.a.0123abcd{TEMPORARY}",
    "meta/.syncthing.info.json.tmp", "meta/motorium/.info.json.KQ7ZAB12",
)  # fmt: skip
OURS = (
    f"meta/.info.json.0123abcd{TEMPORARY}", f"meta/motorium/.episode-000007.json.0123abcd{TEMPORARY}",
    f"meta/.tasks.parquet.00000000{TEMPORARY}",
)  # fmt: skip
OURS_OF_0_1_0 = (
    "meta/.info.json.k3_x9qpa", "meta/.stats.json.abcdefg1", "meta/motorium/.episode-000003.json.q_______",
    "meta/.tasks.parquet.0000000a",
)  # fmt: skip


def test_repair_removes_what_was_cut_off_and_nothing_of_other_programs(good, tmp_path):
    root = shutil.copytree(good, tmp_path / "d")
    for name in (*THEIRS, *OURS, *OURS_OF_0_1_0):
        (root / name).write_text("half")
    for name in OURS_OF_0_1_0:
        (root / name).chmod(0o600)
    (root / "meta" / f".folder.0123abcd{TEMPORARY}").mkdir()
    fixed = repair(root).fixed
    assert sorted(fixed) == sorted(f"removed {name}" for name in (*OURS, *OURS_OF_0_1_0))
    assert all((root / name).exists() for name in THEIRS)
    assert repair(root).nothing


def test_a_write_that_is_cut_off_leaves_a_name_that_repair_knows(good, tmp_path):
    """Its process ends in the middle of writing: the new name is what `repair` looks for."""
    root = shutil.copytree(good, tmp_path / "d")
    before = (root / layout.INFO).read_bytes()
    script = "import os, sys; from pathlib import Path; from motorium.files import write_whole\n"
    script += "write_whole(Path(sys.argv[1]), lambda file: os._exit(7), root=Path(sys.argv[2]))"
    done = subprocess.run([sys.executable, "-c", script, root / layout.INFO, root], check=False)
    assert done.returncode == 7
    assert (root / layout.INFO).read_bytes() == before
    (told,) = repair(root).fixed
    assert told.endswith(TEMPORARY)
    assert not [p for p in root.rglob(".*") if p.name.endswith(TEMPORARY)]
