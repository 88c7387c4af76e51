"""A checkpoint of somebody else is named for what it is, with the key that says so, and with what motorium runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.errors import CheckpointError
from motorium.policies.find import find_checkpoint, shipped
from motorium.policies.nano.checkpoint import load_checkpoint

FEATURES: dict[str, Any] = {
    "input_features": {"observation.state": {"type": "STATE", "shape": [6]}},
    "output_features": {"action": {"type": "ACTION", "shape": [6]}},
    "normalization_mapping": {"STATE": "MEAN_STD"},
}
CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "act": ({"type": "act", **FEATURES}, "a LeRobot ACT policy (`type` 'act')"),
    "act without features": ({"type": "act", "chunk_size": 100}, "a LeRobot ACT policy"),
    "act, a null key": ({"type": "act", "pretrained_revision": None, **FEATURES}, "a LeRobot ACT policy"),
    "2024": ({"input_shapes": {}, "output_shapes": {}, "n_heads": 8}, "its layout of 2024 (`input_shapes`"),
    "diffusion": ({"type": "diffusion", **FEATURES}, "a LeRobot Diffusion policy"),
    "no type": ({"horizon": 16, **FEATURES}, "whose config.json lacks `type`"),
    "smolvla": ({"type": "smolvla", **FEATURES}, "a LeRobot SmolVLA policy"),
    "pi0": ({"type": "pi0", **FEATURES}, "a LeRobot pi0 policy"),
    "first pi0": ({"type": "pi0", "proj_width": 1024, **FEATURES}, "the first pi0 port: `proj_width`"),
    "pi05": ({"type": "pi05", "rtc_config": {"enabled": True}, **FEATURES}, "a LeRobot pi0.5 policy"),
    "lora": ({"type": "pi05", "use_peft": True, **FEATURES}, "`use_peft`: an adapter"),
    "xvla": ({"type": "xvla", **FEATURES}, "a LeRobot X-VLA policy"),
    "vqbet": ({"type": "vqbet", "n_obs_steps": 5}, "a LeRobot VQ-BeT policy (`type` 'vqbet')"),
    "unknown": ({"type": "sarm_ext", **FEATURES}, "a LeRobot policy (`type` 'sarm_ext')"),
    "diffusers": ({"_class_name": "UNet2DModel", "_diffusers_version": "0.30.0"}, "a diffusers folder (UNet2DModel)"),
    "transformers": (
        {"architectures": ["OpenVLAForActionPrediction"], "model_type": "openvla"},
        "a transformers model (OpenVLAForActionPrediction)",
    ),
    "transformers by its type": (
        {"model_type": "florence2", "transformers_version": "4.40.0"},
        "a transformers model (`model_type` 'florence2')",
    ),
}  # fmt: skip


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder)
    message = str(caught.value)
    assert "missing keys" not in message
    return message


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_foreign_config_is_named(tmp_path, kind):
    config, told = CONFIGS[kind]
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    message = refusal(tmp_path)
    assert told in message
    assert "motorium runs its own checkpoints: so101-pick" in message
    assert "anything with `infer` is a policy (docs/from-lerobot.md" in message
    assert ("motorium.policies.xvla" in message) == (kind == "xvla")


def test_weights_beside_it_change_nothing(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIGS["act"][0]), encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert "a LeRobot ACT policy" in refusal(tmp_path)


@pytest.mark.parametrize("byte_order_mark", ["", "\ufeff"])
def test_a_byte_order_mark_hides_nothing(tmp_path, byte_order_mark):
    (tmp_path / "config.json").write_text(byte_order_mark + json.dumps(CONFIGS["act"][0]), encoding="utf-8")
    assert "a LeRobot ACT policy" in refusal(tmp_path)


FILES = {
    "pytorch_model.bin": "a pickle (torch.save), which is never opened",
    "policy.pt": "a pickle",
    "epoch=12.ckpt": "a pickle",
    "policy.onnx": "an ONNX graph",
    "adapter_config.json": "a PEFT adapter (`adapter_config.json`)",
}


@pytest.mark.parametrize("name", FILES)
def test_a_folder_without_a_config_is_named_by_its_files(tmp_path, name):
    (tmp_path / name).write_bytes(b"{}")
    assert FILES[name] in refusal(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "policy.PT", "policy.onnx"])
def test_a_file_of_another_kind_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x02")
    assert ("a pickle" if "onnx" not in name else "an ONNX graph") in refusal(tmp_path / name)


def test_other_frameworks_are_named(tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "FluxPipeline"}', encoding="utf-8")
    assert "a diffusers folder (FluxPipeline)" in refusal(tmp_path)
    jax = tmp_path / "openpi"
    for name in ("params", "assets"):
        (jax / name).mkdir(parents=True)
    assert "an openpi (JAX) checkpoint" in refusal(jax)


def checkpoint(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes((find_checkpoint("so101-pick") / name).read_bytes())
    return folder


@pytest.mark.parametrize("below", ["best", "checkpoints/last/pretrained_model"])
def test_a_checkpoint_some_levels_below_is_pointed_at(tmp_path, below):
    found = checkpoint(tmp_path / below)
    assert f"there is one in {found}: give that folder" in refusal(tmp_path)


def test_a_checkpoint_one_level_above_is_pointed_at(tmp_path):
    found = checkpoint(tmp_path / "mine")
    (found / "logs").mkdir()
    assert f"there is one in {found}: give that folder" in refusal(found / "logs")
    assert f"give the directory that holds it: {found}" in refusal(found / "model.safetensors")


def test_several_below_are_not_chosen_among(tmp_path):
    checkpoint(tmp_path / "a")
    checkpoint(tmp_path / "b")
    assert "a checkpoint directory needs config.json" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("out/nowhere/step-3", "out/nowhere/step-3: no such folder"),
        ("weights.pt", "weights.pt: no such folder"),
        ("lerobot/act_aloha_sim_insertion_human", "a repository on a hub"),
        ("so101-pik", "no checkpoint 'so101-pik': neither a directory nor shipped"),
    ],
)
def test_what_is_not_there_is_said_to_be_absent(given, told):
    with pytest.raises(CheckpointError, match=told):
        find_checkpoint(given)
    assert "so101-pick" in shipped()


@pytest.mark.parametrize("verb", [["run"], ["doctor", "--checkpoint"], ["eval"]])
def test_every_verb_says_so(tmp_path, verb):
    (tmp_path / "config.json").write_text(json.dumps(CONFIGS["smolvla"][0]), encoding="utf-8")
    more = {
        "run": ["--robot", "sim:so101", "--task", "t"],
        "doctor": ["--robot", "so101"],
        "eval": ["--episodes", "1"],
    }
    result = CliRunner().invoke(main, [*verb, str(tmp_path), *more[verb[0]]])
    assert result.exit_code == 2, result.output
    assert "a LeRobot SmolVLA policy" in result.output
