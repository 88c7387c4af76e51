"""Slot-wise adapters of a nano checkpoint in the engine: one matrix per slot, whichever embodiment uses it."""

from __future__ import annotations

from dataclasses import replace

import nano_samples as samples
import numpy as np
import pytest
from reference_nano import ReferenceNano

from motorium import _core
from motorium.policies import schema
from motorium.policies.nano.checkpoint import load_checkpoint
from motorium.policies.nano.config import SlotAdapters

SMALL = samples.adapted(samples.SMALL)
BANKS = ("slot.in.weight", "slot.out.weight")


def chunk(sample, tensors, given, embodiment=0, isa=""):
    engine = _core.NanoEngine(schema.to_plain(sample), dict(tensors), isa)
    engine.encode(given["images"], given["token_ids"], embodiment)
    return engine.denoise(given["state"], given["noise"], samples.committed(sample, 2), 4)


@pytest.mark.parametrize("isa", _core.kernels.available_isas())
@pytest.mark.parametrize("embodiment", [0, 1])
def test_against_the_definition(embodiment, isa):
    tensors, given = samples.weights(SMALL), samples.inputs(SMALL)
    reference = ReferenceNano(SMALL, tensors)
    prefix = reference.encode(given["images"], given["token_ids"], embodiment)
    expected = reference.denoise(prefix, given["state"], given["noise"], samples.committed(SMALL, 2), 4)
    actual = chunk(SMALL, tensors, given, embodiment, isa)
    assert np.abs(actual - expected).max() <= 2e-5 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("bank", BANKS)
def test_embodiments_that_share_a_slot_share_its_matrix(bank):
    """so101 uses 50, 51 and 54, koch 54, 51 and 18; slot 52 is an action whose matrix nobody uses."""
    tensors, given = samples.weights(SMALL), samples.inputs(SMALL)
    before = [chunk(SMALL, tensors, given, e) for e in range(2)]
    users = {50: [True, False], 51: [True, True], 54: [True, True], 18: [False, True], 52: [False, False]}
    for slot, expected in users.items():
        changed = {**tensors, bank: tensors[bank].copy()}
        changed[bank][slot] += 0.5
        after = [chunk(SMALL, changed, given, e) for e in range(2)]
        assert [not np.array_equal(*pair) for pair in zip(before, after, strict=True)] == expected, slot


def test_one_engine_changes_embodiment_between_plans():
    tensors, given = samples.weights(SMALL), samples.inputs(SMALL)
    expected = [chunk(SMALL, tensors, given, e) for e in range(2)]
    engine = _core.NanoEngine(schema.to_plain(SMALL), tensors)
    for embodiment in (0, 1, 1, 0):
        engine.encode(given["images"], given["token_ids"], embodiment)
        got = engine.denoise(given["state"], given["noise"], samples.committed(SMALL, 2), 4)
        assert np.array_equal(got, expected[embodiment])


def test_the_shipped_checkpoint_with_empty_adapters_computes_the_same_bits():
    """What was made before has no adapters; the new form of it differs by matrices of zeros alone."""
    shipped = load_checkpoint("so101-pick")
    d, width = shipped.descriptor, shipped.descriptor.dims.expert_width
    assert d.format_version == 1
    assert d.slot_adapters == ()
    slots = tuple(channel.slot for channel in d.action)
    adapted = replace(d, format_version=2, slot_adapters=(SlotAdapters(d.embodiments[0], slots),))
    zeros = {BANKS[0]: np.zeros((200, width, 1), np.float32), BANKS[1]: np.zeros((200, 1, width), np.float32)}
    given = samples.inputs(d)
    before = chunk(d, shipped.tensors, given)
    assert np.array_equal(chunk(adapted, {**shipped.tensors, **zeros}, given), before)
    moved = {**zeros, BANKS[1]: zeros[BANKS[1]] + np.float32(0.01)}
    assert not np.array_equal(chunk(adapted, {**shipped.tensors, **moved}, given), before)


@pytest.mark.parametrize(
    ("adapters", "message"),
    [
        ([{"slots": [50]}], "every embodiment"),
        ([{"slots": [50]}, {"slots": [3]}], "slots of the action"),
        ([{"slots": [50, 50]}, {"slots": []}], "each once"),
        ([{"slots": [70000]}, {"slots": []}], "slots of the action"),
    ],
)
def test_a_config_the_python_side_did_not_check(adapters, message):
    document = {**schema.to_plain(SMALL), "slot_adapters": adapters}
    with pytest.raises(ValueError, match=message):
        _core.NanoEngine(document, samples.weights(SMALL))
