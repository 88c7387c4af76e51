"""A damaged checkpoint ends in one CheckpointError that names the damage; a sound one round-trips."""

from __future__ import annotations

import json
import pickle
import random

import nano_samples as samples
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from motorium.errors import CheckpointError
from motorium.policies.find import find_checkpoint
from motorium.policies.nano.checkpoint import load_checkpoint, save_checkpoint
from motorium.policies.nano.config import FORMAT_VERSION, Descriptor

SAMPLE = samples.descriptor(samples.SMALL)


@pytest.fixture
def folder(tmp_path):
    return save_checkpoint(tmp_path / "sample", SAMPLE, samples.weights(SAMPLE))


def edit(folder, change):
    path = folder / "config.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def retensor(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def refusal(folder):
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder)
    return str(caught.value)


def test_round_trip_keeps_everything(folder):
    loaded = load_checkpoint(folder)
    assert loaded.descriptor == SAMPLE
    expected = samples.weights(SAMPLE)
    assert set(loaded.tensors) == set(expected)
    assert all(np.array_equal(loaded.tensors[name], expected[name]) for name in expected)
    assert Descriptor.from_json(SAMPLE.to_json()) == SAMPLE


def test_save_keeps_the_card_and_leaves_no_debris(folder):
    (folder / "README.md").write_text("card")
    save_checkpoint(folder, SAMPLE, samples.weights(SAMPLE, seed=1))
    assert (folder / "README.md").read_text() == "card"
    loaded = load_checkpoint(folder)
    assert np.array_equal(loaded.tensors["readout"], samples.weights(SAMPLE, seed=1)["readout"])
    assert [p.name for p in folder.parent.iterdir()] == ["sample"]


def test_failed_save_leaves_the_old_one(folder, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("motorium.containers.write_tensors", fail)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(folder, SAMPLE, samples.weights(SAMPLE, seed=1))
    loaded = load_checkpoint(folder)
    assert np.array_equal(loaded.tensors["readout"], samples.weights(SAMPLE)["readout"])
    assert [p.name for p in folder.parent.iterdir()] == ["sample"]


def test_save_refuses_what_load_would_refuse(tmp_path):
    tensors = samples.weights(SAMPLE)
    tensors["readout"][0, 0] = np.nan
    with pytest.raises(CheckpointError, match="readout holds 1 NaN"):
        save_checkpoint(tmp_path / "bad", SAMPLE, tensors)
    assert not list(tmp_path.iterdir())


def test_unknown_name_lists_the_shipped_ones():
    with pytest.raises(CheckpointError, match="no checkpoint 'nonesuch'"):
        find_checkpoint("nonesuch")


def test_a_name_never_climbs_out_of_the_folder_of_shipped_checkpoints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"\.\./models/so101-pick: no such folder"):
        find_checkpoint("../models/so101-pick")


def test_a_file_instead_of_a_directory(folder):
    assert "give the directory" in refusal(folder / "model.safetensors")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_absent_file(folder, name):
    (folder / name).unlink()
    message = refusal(folder)
    assert name in message
    assert "is missing" in message


def test_truncated_weights(folder):
    path = folder / "model.safetensors"
    data = path.read_bytes()
    for size in (0, 4, 8, 9, 200, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        message = refusal(folder)
        assert "truncated" in message or "damaged" in message, (size, message)


def test_pickle_is_never_opened(folder):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was run",))

    for protocol in (2, 4, 5):
        (folder / "model.safetensors").write_bytes(pickle.dumps(Trap(), protocol=protocol))
        assert "pickle" in refusal(folder)
    (folder / "model.safetensors").write_bytes(b"PK\x03\x04" + bytes(100))
    assert "pickle or torch archive" in refusal(folder)


def test_not_safetensors(folder):
    (folder / "model.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00<html>no such file</html>")
    assert "not a safetensors file" in refusal(folder)


def test_renamed_missing_and_surplus_tensors_are_listed(folder):
    def change(tensors):
        tensors["soft_promt"] = tensors.pop("soft_prompt")
        del tensors["readout"]

    retensor(folder, change)
    message = refusal(folder)
    assert "missing tensors: readout, soft_prompt" in message
    assert "surplus tensors: soft_promt" in message


def test_wrong_shape_names_both(folder):
    retensor(folder, lambda t: t.update({"readout": np.zeros((12, 1), np.float32)}))
    assert "readout has shape (12, 1), expected (1, 12)" in refusal(folder)


def test_wrong_dtype(folder):
    retensor(folder, lambda t: t.update({"readout": t["readout"].astype(np.float64)}))
    assert "readout: dtype F64, expected F32" in refusal(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(folder, value):
    def change(tensors):
        tensors["out.fc2.bias"][3] = value

    retensor(folder, change)
    assert "out.fc2.bias holds 1 NaN or infinite" in refusal(folder)


def test_missing_keys_are_listed_together(folder):
    def change(document):
        del document["flow"]["steps"]
        del document["cameras"][1]["role"]
        del document["dims"]

    edit(folder, change)
    message = refusal(folder)
    assert "missing keys: flow.steps, cameras[1].role, dims" in message


def test_unknown_keys_are_ignored(folder):
    edit(folder, lambda d: d.update({"note": 1}))
    edit(folder, lambda d: d["dims"].update({"note": [1, {}]}))
    assert load_checkpoint(folder).descriptor == SAMPLE


def test_slot_adapters_come_back_as_they_went(tmp_path):
    sample = samples.adapted(samples.SMALL)
    loaded = load_checkpoint(save_checkpoint(tmp_path / "adapted", sample, samples.weights(sample)))
    assert loaded.descriptor == sample
    assert loaded.tensors["slot.in.weight"].shape == (200, sample.dims.expert_width, 1)
    assert loaded.tensors["slot.out.weight"].shape == (200, 1, sample.dims.expert_width)


def test_a_network_without_adapters_is_written_for_every_version(folder):
    document = json.loads((folder / "config.json").read_text())
    assert document["format_version"] == 1
    assert "slot_adapters" not in document


def test_a_bank_without_its_key_is_refused(tmp_path):
    """Nothing is loaded and then ignored."""
    sample = samples.adapted(samples.SMALL)
    folder = save_checkpoint(tmp_path / "adapted", sample, samples.weights(sample))
    edit(folder, lambda d: d.pop("slot_adapters"))
    assert "surplus tensors: slot.in.weight, slot.out.weight" in refusal(folder)


ADAPTERS = [{"embodiment": "so101", "slots": [50]}, {"embodiment": "koch", "slots": []}]
OTHER, TWICE, BEYOND = ({"embodiment": "koch", "slots": slots} for slots in ([7], [50, 50], [200]))


def pieced(document, pieces):
    document.update(format_version=5)
    document["prompt"].update(pieces=pieces)


CONTRADICTIONS = [
    (lambda d: d["chunk"].update(rows="16"), "chunk.rows must be a whole number, not '16'"),
    (lambda d: d["chunk"].update(rows=True), "chunk.rows must be a whole number"),
    (lambda d: d["chunk"].update(dt_s=0), "chunk.dt_s is 0; it must be in"),
    (lambda d: d["dims"].update(prefix_width=10**12), "dims.prefix_width is 1000000000000"),
    (lambda d: d["dims"].update(vision_channels=[4, 6]), "vision_channels needs 3 values"),
    (lambda d: d["dims"].update(vision_channels=[5, 6, 12]), "multiples of groups"),
    (lambda d: d["dims"].update(top_k=4), "top_k exceeds experts"),
    (
        lambda d: d["flow"].update(time="noise_at_1"),
        "flow.time is 'noise_at_1'; this version knows: noise_at_0",
    ),
    (lambda d: d["flow"].update(noise="pink"), "flow.noise is 'pink'; this version knows: normal, none"),
    (lambda d: d["flow"].update(noise="none", steps=1), "a flow without noise needs format_version 4"),
    (lambda d: (d.update(format_version=4), d["flow"].update(noise="none", steps=4)), "is made in 1 step"),
    (lambda d: d.update(format="other"), "not a motorium checkpoint"),
    (lambda d: d.update(format_version=FORMAT_VERSION + 1), f"newer than {FORMAT_VERSION}"),
    (lambda d: d.update(slot_adapters=ADAPTERS), "slot_adapters need format_version 2"),
    (lambda d: d.update(format_version=2, slot_adapters=ADAPTERS[:1]), "name every embodiment"),
    (lambda d: d.update(format_version=2, slot_adapters=ADAPTERS[::-1]), "in the order of embodiments"),
    (lambda d: d.update(format_version=2, slot_adapters=[*ADAPTERS[:1], OTHER]), "slot 7 is not an action"),
    (lambda d: d.update(format_version=2, slot_adapters=[*ADAPTERS[:1], TWICE]), "slot 50 appears twice"),
    (lambda d: d.update(format_version=2, slot_adapters=[*ADAPTERS[:1], BEYOND]), "in 0..199"),
    (lambda d: d.update(family="pi0"), "family is 'pi0'; this version knows: nano"),
    (lambda d: d["state"][1].update(slot=50), "state slot 50 appears twice"),
    (lambda d: d["state"][1].update(slot=200), "it must be in 0..199"),
    (lambda d: d["state"][0].update(std=0), "state[0].std is 0"),
    (lambda d: d["state"].pop(0), "is relative but its slot 50 is not a state input"),
    (lambda d: d["action_normalisation"]["mean"].pop(), "action_normalisation.mean must be 16 rows of 6"),
    (lambda d: d["prompt"].update(vocabulary=["a", "b"]), "must begin with '<pad>'"),
    (lambda d: d["prompt"].update(pieces=["cube"]), "prompt.pieces need format_version 5"),
    (lambda d: pieced(d, ["cube", "red", "cube"]), "prompt.pieces: 'cube' appears twice"),
    (lambda d: pieced(d, ["ab"]), "must have 3 to 64 letters"),
    (lambda d: pieced(d, ["a" * 65]), "must have 3 to 64 letters"),
    (lambda d: pieced(d, ["a b"]), "and no space"),
    (lambda d: pieced(d, ["cube"] * 513), "has 513 entries; at most 512"),
    (lambda d: pieced(d, [3]), "prompt.pieces[0] must be a text of 1..200 characters"),
    (lambda d: d["scene"]["names"].pop(), "one equal, non-zero length"),
    (lambda d: d.update(cameras={}), "cameras must be a list"),
    (lambda d: d.update(cameras=[3]), "cameras[0] must be an object, not 3"),
    (lambda d: d.update(embodiments=["x"] * 100), "embodiments has 100 entries; at most 64"),
]


@pytest.mark.parametrize(("change", "expected"), CONTRADICTIONS)
def test_a_config_that_cannot_be_meant(folder, change, expected):
    edit(folder, change)
    message = refusal(folder)
    assert expected in message
    assert "config.json" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"format": NaN}', "NaN is not a JSON number"),
        ('{"format": 1, "format": 2}', "key 'format' appears twice"),
        ("[" * 100000, "nested too deeply"),
        ('{"format_version": 1' + "0" * 5000 + "}", "not valid JSON"),
    ],
)
def test_json_attacks(folder, text, expected):
    (folder / "config.json").write_text(text)
    assert expected in refusal(folder)


def test_huge_dims_are_refused_before_allocation(folder):
    edit(folder, lambda d: d["dims"].update(layers=64, experts=64, routed_mlp=4096, expert_width=1024))
    assert "weights; at most" in refusal(folder)


def outcome(folder):
    """True when it loads; CheckpointError is the only other way out."""
    try:
        load_checkpoint(folder)
    except CheckpointError:
        return False
    return True


def test_fuzzed_weights_never_escape(folder):
    rng = random.Random(3)
    path = folder / "model.safetensors"
    data = path.read_bytes()
    header = int.from_bytes(data[:8], "little") + 8
    refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(rng.randrange(1, 6)):
            damaged[rng.randrange(header)] = rng.randrange(256)
        if rng.random() < 0.3:
            damaged = damaged[: rng.randrange(len(damaged))]
        path.write_bytes(damaged)
        refused += not outcome(folder)
    assert refused > 250


def mutate(rng, value):
    """One random change somewhere in a JSON document."""
    junk = [None, -1, 0, 1e308, 10**30, "", "x", True, [], {}, [[]], "NaN", -0.5]
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            del value[key]
        else:
            value[key] = mutate(rng, value[key])
        return value
    if isinstance(value, list) and value and rng.random() < 0.8:
        index = rng.randrange(len(value))
        if rng.random() < 0.1:
            value.pop(index)
        else:
            value[index] = mutate(rng, value[index])
        return value
    return rng.choice(junk)


def test_fuzzed_config_never_escapes(folder):
    rng = random.Random(5)
    good = (folder / "config.json").read_text()
    refused = 0
    for _ in range(400):
        (folder / "config.json").write_text(json.dumps(mutate(rng, json.loads(good))))
        refused += not outcome(folder)
    assert refused > 200
