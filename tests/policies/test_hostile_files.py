"""Thousands of damaged and lying checkpoints: each is refused with a CheckpointError, in little memory, or is sound."""

from __future__ import annotations

import copy
import json
import random
from functools import partial

import nano_samples as samples
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

from motorium.errors import CheckpointError
from motorium.policies.nano.checkpoint import load_checkpoint, save_checkpoint
from motorium.policies.nano.config import Descriptor

SAMPLE = samples.descriptor(samples.SMALL)
ROOM = 256 << 20  # bytes: far above what the small sample needs, far below what the files claim


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("fuzz") / "sample", SAMPLE, samples.weights(SAMPLE))


@pytest.fixture
def bounded():
    with memory_limit(ROOM):
        yield


@pytest.mark.usefixtures("bounded")
def test_configs_that_lie():
    plain = json.loads(SAMPLE.to_json())
    refused = 0
    for number in range(runs(700)):
        source = random.Random(number)
        document = copy.deepcopy(plain)
        mutate_document(document, source)
        refused += refused_or_sound(partial(Descriptor.from_json, json.dumps(document)))
    assert refused > 0.6 * runs(700), "most mutations break something"


@pytest.mark.usefixtures("bounded")
def test_configs_that_are_damaged(sound, tmp_path):
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes((sound / "model.safetensors").read_bytes())
    refused = 0
    for number in range(250):
        (folder / "config.json").write_bytes(mutate_text(SAMPLE.to_json(), random.Random(number)))
        refused += refused_or_sound(lambda: load_checkpoint(folder))
    assert refused > 175


@pytest.mark.usefixtures("bounded")
def test_tensor_files_that_lie_or_are_damaged(sound, tmp_path):
    whole = (sound / "model.safetensors").read_bytes()
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "config.json").write_text(SAMPLE.to_json())
    refused = 0
    for number in range(500):
        source = random.Random(number)
        if number % 2:
            content = mutate_bytes(whole, source)
        else:
            container = Container(whole)
            mutate_entry(container, source)
            content = container.content()
        (folder / "model.safetensors").write_bytes(content)
        refused += refused_or_sound(lambda: load_checkpoint(folder))
    assert refused > 410


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_weight_of_a_sound_file_may_be_infinite(sound, tmp_path, value):
    """Bits of the data that no header can tell of."""
    whole = bytearray((sound / "model.safetensors").read_bytes())
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "config.json").write_text(SAMPLE.to_json())
    whole[-4:] = np.float32(value).tobytes()
    (folder / "model.safetensors").write_bytes(whole)
    with pytest.raises(CheckpointError, match="NaN or infinite"):
        load_checkpoint(folder)
