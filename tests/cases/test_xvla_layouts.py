"""X-VLA checkpoints in LeRobot's layouts: widths, proprio and steps as its config says, names of both its ports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from motorium.errors import CheckpointError
from motorium.policies import xvla
from motorium.policies.xvla.weights import official_names

DATA = Path(__file__).resolve().parents[1] / "golden/data/xvla"
OWN = {"num_actions", "real_action_dim", "model_type"}
"""Keys that the original writes and LeRobot does not."""


def lerobot_config(folder: Path, **changes) -> Path:
    document = json.loads((DATA / "config.json").read_text(encoding="utf-8"))
    rows = document["num_actions"]
    document = {key: value for key, value in document.items() if key not in OWN}
    document |= {"type": "xvla", "chunk_size": rows, "max_state_dim": 20, **changes}
    path = folder / "config.json"
    path.write_text(json.dumps({k: v for k, v in document.items() if v is not ...}), encoding="utf-8")
    return path


def action(width: int) -> dict:
    return {"action": {"type": "ACTION", "shape": [width]}}


def native(name: str) -> str:
    """What LeRobot's present port calls a tensor of the original."""
    for half, attention in (("spatial_block", "window_attn"), ("channel_block", "channel_attn")):
        name = name.replace(f"{half}.conv1.fn.dw.", f"{half}.conv1.").replace(
            f"{half}.conv2.fn.dw.", f"{half}.conv2."
        )
        name = name.replace(f"{half}.{attention}.norm.", f"{half}.norm1.")
        name = name.replace(f"{half}.{attention}.fn.", f"{half}.{attention}.")
        name = name.replace(f"{half}.ffn.norm.", f"{half}.norm2.").replace(
            f"{half}.ffn.fn.net.", f"{half}.ffn."
        )
    if name.startswith("vlm.vision_tower.convs."):
        name = name.replace(".proj.", ".conv.")
    for old, new in (("image_proj_norm", "image_proj_norm"), ("image_pos_embed", "image_position_embed"),
                     ("visual_temporal_embed", "visual_temporal_embed")):  # fmt: skip
        name = name.replace(f"vlm.{old}.", f"vlm.multi_modal_projector.{new}.")
    return "model." + name.replace("vlm.language_model.model.", "vlm.language_model.")


def native_file(folder: Path, embedding: str) -> Path:
    """The recorded checkpoint as LeRobot writes it today; the text embedding under one of its two names."""
    tensors = {}
    for name, array in load_file(DATA / "model.safetensors").items():
        if name.endswith(("final_logits_bias", "shared.weight", "embed_tokens.weight")):
            if name.endswith("shared.weight"):
                tensors[f"model.vlm.language_model.{embedding}.weight"] = array
        elif name == "vlm.image_projection":
            tensors["model.vlm.multi_modal_projector.image_projection.weight"] = np.ascontiguousarray(array.T)
        else:
            tensors[native(name)] = array
    path = folder / "model.safetensors"
    save_file(tensors, path)
    return path


@pytest.mark.parametrize("embedding", ["shared", "encoder.embed_tokens"])
def test_the_present_layout_of_lerobot_is_the_same_network(tmp_path, embedding):
    path = native_file(tmp_path, embedding)
    config = xvla.read_config(lerobot_config(tmp_path))
    theirs, ours = xvla.read_weights(path, config), xvla.read_weights(DATA / "model.safetensors", config)
    assert theirs.keys() == ours.keys()
    assert all(np.array_equal(theirs[name], ours[name]) for name in ours)
    florence = xvla.read_encoder_config(DATA / "config.json")
    theirs = xvla.read_encoder_weights(path, florence)
    ours = xvla.read_encoder_weights(DATA / "model.safetensors", florence)
    assert theirs.keys() == ours.keys()
    assert all(np.array_equal(theirs[name], ours[name]) for name in ours)


def test_names_of_the_original_are_left_as_they_are():
    found = load_file(DATA / "model.safetensors")
    assert official_names(found).keys() == found.keys()


def test_a_florence_config_with_the_keys_of_transformers(tmp_path):
    original = json.loads((DATA / "config.json").read_text(encoding="utf-8"))["florence_config"]
    vision = dict(original["vision_config"])
    vision["embed_dim"] = vision.pop("dim_embed")
    vision["max_position_embeddings"] = vision.pop("image_pos_embed")["max_pos_embeddings"]
    vision["max_temporal_embeddings"] = vision.pop("visual_temporal_embedding")["max_temporal_embeddings"]
    told = {key: value for key, value in original.items() if key != "projection_dim"}
    path = lerobot_config(tmp_path, florence_config={**told, "vision_config": vision})
    assert xvla.read_encoder_config(path) == xvla.read_encoder_config(DATA / "config.json")
    assert xvla.read_config(path).florence_config.projection_dim == 48


@pytest.mark.parametrize("width", [7, 12])
def test_auto_is_as_wide_as_the_declared_action(tmp_path, width):
    config = xvla.read_config(lerobot_config(tmp_path, action_mode="AUTO", output_features=action(width)))
    assert (config.real, config.width) == (width, 20)
    model = xvla.Xvla(config, xvla.read_weights(DATA / "model.safetensors", config))
    given = np.random.default_rng(2)
    model.encode(given.standard_normal((6, 48)), given.standard_normal((4, 48)), 1)
    chunk = model.denoise(model.noise(1), np.zeros(20, np.float32))
    assert chunk.shape == (config.num_actions, width)


def test_without_a_declared_action_auto_is_as_wide_as_the_model(tmp_path):
    assert xvla.read_config(lerobot_config(tmp_path, action_mode="auto")).real == 20


def test_an_action_wider_than_the_model_is_refused_by_its_key(tmp_path):
    with pytest.raises(CheckpointError, match=r"output_features\.action\.shape.*max_action_dim"):
        xvla.read_config(lerobot_config(tmp_path, action_mode="auto", output_features=action(21)))


def test_use_proprio_false_leaves_its_columns_out(tmp_path):
    """The same network as one with proprio that is told zeros: their columns of the first layer add nothing."""
    full = xvla.read_config(lerobot_config(tmp_path, action_mode="auto", output_features=action(7)))
    bare = xvla.read_config(
        lerobot_config(tmp_path, action_mode="auto", output_features=action(7), use_proprio=False)
    )
    assert (full.proprio, bare.proprio) == (20, 0)
    tensors = load_file(DATA / "model.safetensors")
    name = "transformer.action_encoder.fc.weight"
    columns = tensors[name].reshape(full.num_domains, 20 + 20 + 32, -1)
    kept = np.concatenate([columns[:, :20], columns[:, 40:]], axis=1)
    path = tmp_path / "bare.safetensors"
    save_file({**tensors, name: np.ascontiguousarray(kept.reshape(full.num_domains, -1))}, path)
    models = [
        xvla.Xvla(config, xvla.read_weights(file, config))
        for config, file in ((full, DATA / "model.safetensors"), (bare, path))
    ]
    given = np.random.default_rng(3)
    features, views = given.standard_normal((6, 48)), given.standard_normal((4, 48))
    chunks = []
    for model, proprio in zip(models, (np.zeros(20, np.float32), None), strict=True):
        model.encode(features, views, 2)
        chunks.append(model.denoise(model.noise(4), proprio))
    np.testing.assert_allclose(chunks[1], chunks[0], atol=2e-5)
    with pytest.raises(ValueError, match="size"):
        models[1].denoise(models[1].noise(4), np.zeros(20, np.float32))


@pytest.mark.parametrize("mode", ["ee6d", "joint", "so101_bimanual"])
def test_use_proprio_false_with_grippers_is_refused_by_its_key(tmp_path, mode):
    with pytest.raises(CheckpointError, match="use_proprio"):
        xvla.read_config(lerobot_config(tmp_path, action_mode=mode, use_proprio=False))


def test_the_original_never_reads_its_use_proprio(tmp_path):
    document = json.loads((DATA / "config.json").read_text(encoding="utf-8"))
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**document, "use_proprio": False}), encoding="utf-8")
    assert xvla.read_config(path).proprio == 20


@pytest.mark.parametrize("steps", [1, 4])
def test_num_denoising_steps_is_what_denoise_takes(tmp_path, steps):
    config = xvla.read_config(lerobot_config(tmp_path, num_denoising_steps=steps))
    model = xvla.Xvla(config, xvla.read_weights(DATA / "model.safetensors", config))
    given = np.random.default_rng(5)
    model.encode(given.standard_normal((6, 48)), given.standard_normal((4, 48)), 0)
    noise, proprio = model.noise(6), given.standard_normal(20).astype(np.float32)
    told = model.denoise(noise, proprio)
    assert np.array_equal(told, model.denoise(noise, proprio, steps))
    assert np.abs(told - model.denoise(noise, proprio, 10)).max() > 1e-4
    assert xvla.read_config(DATA / "config.json").num_denoising_steps == 10
