"""Configs and weights of the foreign families that lie or are damaged: refused in little memory, or sound."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_files import (
    Container,
    memory_limit,
    mutate_bytes,
    mutate_document,
    mutate_entry,
    mutate_text,
    refused_or_sound,
    runs,
)
from safetensors.numpy import save

from motorium import _core
from motorium.containers import map_tensors
from motorium.policies import being_h05, xiaomi_r0, xvla
from motorium.policies.being_h05.config import BeingH05Config
from motorium.policies.being_h05.weights import being_h05_tensors
from motorium.policies.foreign_weights import Weight, bound, fit
from motorium.policies.xiaomi_r0.config import ChunkLayout, XiaomiR0Config
from motorium.policies.xiaomi_r0.weights import xiaomi_r0_tensors
from motorium.policies.xvla.config import XvlaConfig
from motorium.policies.xvla.florence import EncoderConfig, florence_tensors
from motorium.policies.xvla.weights import xvla_tensors

GOLDEN = Path(__file__).parents[1] / "golden/data"
ROOM = (
    1 << 30
)  # bytes: what an engine may take before it has seen a tensor, and far below what the files claim


def open_engine(make: Callable[..., Any], config: Any) -> None:
    """What these sizes ask for is only a list of missing tensors, and no memory."""
    with pytest.raises(ValueError, match=r"missing|config|sizes|memory|overflow|must|need|out of range"):
        make(config, {})


def being(path: Path) -> None:
    config: BeingH05Config = being_h05.read_config(path)
    bound(being_h05_tensors(config, 200), path)
    open_engine(_core.BeingH05Engine, config.engine(64, 200))


def head(path: Path) -> None:
    config: XvlaConfig = xvla.read_config(path)
    bound(xvla_tensors(config), path)
    open_engine(_core.XvlaEngine, config.engine())


def encoder(path: Path) -> None:
    config: EncoderConfig = xvla.read_encoder_config(path)
    bound(florence_tensors(config), path)
    open_engine(_core.FlorenceEncoder, config.engine(224))


def xiaomi(path: Path) -> None:
    config: XiaomiR0Config = xiaomi_r0.read_config(path)
    bound(xiaomi_r0_tensors(config), path)
    layout = ChunkLayout(64, config.action_length, config.state_length, window=4, rope_gap=10)
    open_engine(_core.XiaomiR0Engine, config.engine(layout))


FAMILIES = {"being_h05": being, "xvla": head, "xvla_encoder": encoder, "xiaomi_r0": xiaomi}


def plain_config(family: str) -> str:
    folder = GOLDEN / family.removesuffix("_encoder")
    return next(
        path for path in (folder / "config.json", folder / "ckpt_x1/config.json") if path.is_file()
    ).read_text()


@pytest.mark.nightly
@pytest.mark.timeout(0)
@pytest.mark.parametrize("family", FAMILIES)
def test_configs_that_lie(family, tmp_path):
    plain, path = json.loads(plain_config(family)), tmp_path / "config.json"
    count, refused = runs(500), 0
    with memory_limit(ROOM):
        for number in range(count):
            source = random.Random(number)
            document = copy.deepcopy(plain)
            mutate_document(document, source)
            path.write_text(json.dumps(document))
            refused += refused_or_sound(lambda: FAMILIES[family](path))
    assert refused > count / 50


@pytest.mark.timeout(0)
@pytest.mark.parametrize("family", FAMILIES)
def test_configs_that_are_damaged(family, tmp_path):
    text, path = plain_config(family), tmp_path / "config.json"
    count, refused = runs(200), 0
    with memory_limit(ROOM):
        for number in range(count):
            path.write_bytes(mutate_text(text, random.Random(number)))
            refused += refused_or_sound(lambda: FAMILIES[family](path))
    assert refused > count / 2


TABLE = {"a": Weight("one", (3, 4)), "b": Weight("two", (2,), 1, 2), "c": Weight("three", (2, 1, 5))}


def small_file() -> bytes:
    source = np.random.default_rng(0)
    tensors = {"one": (3, 4), "two": (2,), "three": (2, 1, 5), "unused": (7,)}
    kinds = {"two": np.float16}
    return save(
        {name: source.random(shape).astype(kinds.get(name, np.float32)) for name, shape in tensors.items()},
        metadata={"format": "pt"},
    )


@pytest.mark.timeout(0)
def test_tensor_files_that_lie_or_are_damaged(tmp_path):
    whole, path = small_file(), tmp_path / "model.safetensors"
    count, refused = runs(2000), 0

    def read() -> None:
        for array in fit(map_tensors(path), TABLE, "unused".__eq__, path).values():
            assert np.isfinite(array).all()  # and every page of it is really there

    with memory_limit(ROOM):
        for number in range(count):
            source = random.Random(number)
            if number % 2:
                content = mutate_bytes(whole, source)
            else:
                container = Container(whole)
                mutate_entry(container, source)
                content = container.content()
            path.write_bytes(content)
            refused += refused_or_sound(read)
    assert refused > 0.5 * count


@pytest.mark.parametrize("second", [[0, 1 << 40], [1 << 40, 1 << 41], [8, 4], [0, 4], ["x", None], None])
def test_a_name_that_comes_twice_is_not_read_past_the_end(second, tmp_path):
    """One parser may keep the first entry and another the last: only what was checked may be read."""
    entry = {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]}
    other = {**entry, "data_offsets": second}
    path, table = tmp_path / "model.safetensors", {"a": Weight("one", (3, 4))}
    for pair in ((entry, other), (other, entry)):
        header = "{" + ",".join(f'"one":{json.dumps(value)}' for value in pair) + "}"
        path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(48))
        refused_or_sound(
            lambda: [array.sum() for array in fit(map_tensors(path), table, bool, path).values()]
        )
