"""Checkpoints and datasets as the Hub's cache lays them out: every file of a snapshot is a link into `blobs`."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import data_samples
import nano_samples
import pytest

from motorium.data.check.judge import check
from motorium.data.format.dataset import Dataset
from motorium.errors import CheckpointError, DataError
from motorium.policies.nano.checkpoint import load_checkpoint, save_checkpoint

REVISION = "0123456789abcdef0123456789abcdef01234567"


def cached(home: Path, repository: str, plain: Path) -> Path:
    """Put the files of a folder into a cache as huggingface_hub does; gives the folder of the snapshot."""
    base = home / "hub" / repository
    snapshot = base / "snapshots" / REVISION
    (base / "blobs").mkdir(parents=True)
    (base / "refs").mkdir()
    (base / "refs/main").write_text(REVISION)
    for path in sorted(plain.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            blob = base / "blobs" / hashlib.sha256(content).hexdigest()
            blob.write_bytes(content)
            link = snapshot / path.relative_to(plain)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(blob, link.parent))
    return snapshot


def written(tmp_path: Path) -> Path:
    """A small checkpoint in plain files."""
    sample = nano_samples.descriptor(nano_samples.SMALL)
    return save_checkpoint(tmp_path / "plain", sample, nano_samples.weights(sample))


@pytest.fixture
def dataset(tmp_path):
    plain = data_samples.write(tmp_path / "plain", ("push", "pull"), seconds=2)
    shutil.rmtree(plain / ".recording", ignore_errors=True)
    return cached(tmp_path, "datasets--somebody--waving", plain)


@pytest.fixture
def checkpoint(tmp_path):
    plain = written(tmp_path)
    return cached(tmp_path, "models--somebody--pick", plain)


def test_a_cached_dataset_is_read_whole(dataset):
    found = Dataset.open(dataset)
    assert len(found.episodes) == 2
    for episode in found.episodes:
        assert len(found.rows(episode)["action"]) == episode.length
        assert sum(1 for _ in found.pictures(episode, data_samples.CAMERAS[0])) == episode.length
    assert not check(dataset).blocking


def test_a_cached_checkpoint_is_loaded(checkpoint):
    assert load_checkpoint(checkpoint).tensors


def _elsewhere(link: Path, target: Path) -> None:
    link.unlink()
    link.symlink_to(target)


def test_links_of_a_snapshot_that_lead_elsewhere_are_refused(tmp_path, checkpoint):
    outside = tmp_path / "config.json"
    shutil.copy(checkpoint / "config.json", outside)
    other = tmp_path / "hub/models--somebody--else/blobs"
    other.mkdir(parents=True)
    shutil.copy(outside, other / "abc")
    blob = checkpoint / "../../blobs/led-on"
    blob.symlink_to(outside)
    for target in (outside, other / "abc", blob, other.parent / "blobs/../blobs/abc"):
        _elsewhere(checkpoint / "config.json", target)
        with pytest.raises(CheckpointError, match="links out of its folder"):
            load_checkpoint(checkpoint)


def look(root: Path) -> None:
    """At rows and pictures."""
    found = Dataset.open(root)
    found.rows(found.episodes[0])
    list(found.pictures(found.episodes[0], data_samples.CAMERAS[0]))


@pytest.mark.nightly
@pytest.mark.parametrize("what", ["meta/info.json", "meta/tasks.parquet", "data", "videos"])
def test_a_dataset_that_leads_elsewhere_is_refused(tmp_path, what):
    """Also its folders, and what is below them."""
    root = data_samples.write(tmp_path / "d", ("push",), seconds=1)
    away = tmp_path / "away"
    shutil.move(root / what, away)
    (root / what).symlink_to(away)
    with pytest.raises(DataError, match="links out of its folder"):
        look(root)


def test_a_dataset_that_is_a_link_is_opened(tmp_path):
    root = data_samples.write(tmp_path / "d", ("push",), seconds=1, cameras=())
    (tmp_path / "link").symlink_to(root)
    found = Dataset.open(tmp_path / "link")
    assert len(found.rows(found.episodes[0])["action"]) == found.frames


def test_blobs_of_a_folder_that_is_no_cache_are_not_special(tmp_path):
    plain = written(tmp_path)
    snapshot = cached(tmp_path, "somebodys-own-folder", plain)
    with pytest.raises(CheckpointError, match="links out of its folder"):
        load_checkpoint(snapshot)
