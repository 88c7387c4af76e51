"""The start of a picture side: it goes into every view and known words, and what does not fit is refused."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import nano_samples as samples
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from motorium.errors import CheckpointError
from motorium.learn.export import POINT_DIMS
from motorium.learn.model import NanoModel
from motorium.learn.pictures import DRAWN, Pictures
from motorium.policies.find import model_folders

TOOL = Path(__file__).parents[2] / "tools" / "drawn_pictures"


def fresh(dims=POINT_DIMS) -> NanoModel:
    torch.manual_seed(0)
    return NanoModel(samples.descriptor(dims))


@pytest.fixture
def copied(tmp_path) -> Path:
    shipped = next(folder / DRAWN for folder in model_folders() if (folder / DRAWN).is_dir())
    return Path(shutil.copytree(shipped, tmp_path / "mine"))


def test_what_comes_with_motorium_goes_into_every_view_and_every_known_word():
    start, model = Pictures.load(), fresh()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    known = start.begin(model)
    after = model.state_dict()
    assert known == ["<pad>", "<unk>", "put", "the", "red", "green", "blue", "cube", "in", "tray"]
    for role in ("front", "wrist"):
        for name, values in start.tensors.items():
            if name != "words":
                np.testing.assert_array_equal(after[f"vision.{role}.{name}"].numpy(), values)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[0] for name in changed} == {"vision", "text"}
    assert not any(".tokens." in name or name == "text.position" for name in changed)


def test_a_word_that_it_does_not_know_stays_fresh():
    start = Pictures.load()
    base = samples.descriptor(POINT_DIMS)
    vocabulary = ("<pad>", "<unk>", "red", "zebra")
    model = NanoModel(replace(base, prompt=replace(base.prompt, vocabulary=vocabulary)))
    before = model.text.embedding.weight.detach().clone()
    assert start.begin(model) == ["<pad>", "<unk>", "red"]
    assert torch.equal(model.text.embedding.weight[3], before[3])
    assert not torch.equal(model.text.embedding.weight[2], before[2])


def test_another_network_is_refused_by_name():
    with pytest.raises(CheckpointError, match=r"have points 64, and the network 32; .*--pictures none"):
        Pictures.load().begin(fresh(replace(POINT_DIMS, points=32)))


def test_neither_a_name_nor_a_folder():
    with pytest.raises(CheckpointError, match=r"no pictures to begin with in 'drwan': give drawn-pictures"):
        Pictures.load("drwan")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda d: d.update(words=[]), "does not describe"),
        (lambda d: d.pop("dims"), "does not describe"),
        (lambda d: d["dims"].update(points=10**9), "does not describe"),
        (lambda d: d["dims"].update(points=65), "points.weight"),
        (lambda d: d.update(words=d["words"][:-1]), "words"),
        (lambda d: d.update(format="other"), "does not describe"),
    ],
)
def test_a_damaged_description(copied, damage, told):
    text = json.loads((copied / "pictures.json").read_text())
    damage(text)
    (copied / "pictures.json").write_text(json.dumps(text))
    with pytest.raises(CheckpointError, match=told):
        Pictures.load(copied)


def test_weights_that_are_no_numbers(copied):
    tensors = load_file(copied / "pictures.safetensors")
    tensors["conv1.bias"][0] = np.nan
    save_file(tensors, copied / "pictures.safetensors")
    with pytest.raises(CheckpointError, match=r"conv1\.bias"):
        Pictures.load(copied)


def test_drawings_are_what_they_say():
    """The same seed draws the same; where the named thing is, its colour is, but for what an arm hides."""
    pytest.importorskip("PIL", reason="the [sim] extra is not installed")
    sys.path.insert(0, str(TOOL))
    import draw

    drawn = [draw.Artist(np.random.default_rng(seed)).draw() for seed in range(40)]
    again = [draw.Artist(np.random.default_rng(seed)).draw() for seed in range(40)]
    seen = 0
    for one, other in zip(drawn, again, strict=True):
        assert np.array_equal(one.picture, other.picture)
        assert one.sentence == other.sentence
        assert one.known[:6].all()
        assert (np.abs(one.places[:2]) <= 1).all()
        colour = next(name for name in draw.COLOURS if name in one.sentence.split())
        x, y = ((one.places[:2] + 1) * 48).astype(int)
        found = one.picture[y, x] / max(1, one.picture[y, x].max())
        wanted = np.array(draw.COLOURS[colour]) / max(draw.COLOURS[colour])
        seen += bool(np.abs(found - wanted).max() < 0.35)
    assert seen >= 30
