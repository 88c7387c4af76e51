"""The engine against recorded results of the original implementations, on every instruction set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from motorium._core import kernels
from motorium.cli.main import main

DATA = Path(__file__).with_name("data")
CASES = sorted(path.parent.relative_to(DATA).as_posix() for path in DATA.glob("*/*/case.json"))
TOLERANCE = 2e-5


@pytest.fixture
def blind(tmp_path):
    """A copy of a case, its model beside it, without the expected values."""

    def copy(name: str) -> Path:
        family, case = name.split("/")
        for file in (DATA / family).glob("*.*"):
            shutil.copy(file, tmp_path)
        for folder in (DATA / family).glob("ckpt_*"):
            shutil.copytree(folder, tmp_path / folder.name)
        ignore = shutil.ignore_patterns("expected.safetensors")
        return Path(shutil.copytree(DATA / name, tmp_path / case, ignore=ignore))

    return copy


def parity(folder, out, *arguments):
    return CliRunner().invoke(main, ["parity", str(folder), "--out", str(out), *arguments])


def differences(name, outputs):
    expected = load_file(DATA / name / "expected.safetensors")
    assert set(expected) <= set(outputs)
    for key, value in expected.items():
        assert outputs[key].shape == value.shape, key
        assert outputs[key].dtype == value.dtype, key
        scale = max(float(np.abs(value).max()), 1e-30)
        yield key, float(np.abs(outputs[key].astype(np.float64) - value).max()) / scale


def test_all_recorded_cases_are_here():
    assert len(CASES) == 17
    assert not list(DATA.glob("**/*.bin"))


@pytest.mark.parametrize("isa", kernels.available_isas())
@pytest.mark.parametrize("name", CASES)
def test_every_tensor_of_every_case(name, isa, blind, tmp_path):
    out = tmp_path / "out.safetensors"
    result = parity(blind(name), out, "--isa", isa, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["isa"] == isa
    wrong = {key: error for key, error in differences(name, load_file(out)) if not error <= TOLERANCE}
    assert not wrong


WITH_ACTIONS = [name for name in CASES if name != "being_h05/a7_normalizer"]
# Least cosine to the original's float32 actions; on these small random weights, where errors average out least.
CLOSE = {"bfloat16": 0.9999, "int8": 0.998}  # of networks so narrow that rounding hardly averages out


@pytest.mark.parametrize("isa", ["", "sse2" if "sse2" in kernels.available_isas() else "plain"])
@pytest.mark.parametrize("precision", CLOSE)
@pytest.mark.parametrize("name", WITH_ACTIONS)
def test_smaller_weights_keep_the_direction(name, precision, isa, blind, tmp_path):
    out = tmp_path / "out.safetensors"
    result = parity(blind(name), out, "--precision", precision, "--isa", isa, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["precision"] == precision
    got, expected = (
        load_file(path)["actions"].ravel() for path in (out, DATA / name / "expected.safetensors")
    )
    cosine = got @ expected / (np.linalg.norm(got) * np.linalg.norm(expected))
    assert cosine > CLOSE[precision]
    off = np.abs(got - expected).max() / np.abs(expected).max()
    assert 2e-4 < off < 0.1, "they really are smaller, and no single value is lost"


def test_the_gate_moves_the_result():
    """Otherwise a gate that does nothing would pass: pass 0 and the refined chunk differ."""
    expected = load_file(DATA / "being_h05/a3_mpg/expected.safetensors")
    assert np.abs(expected["pass0_actions"] - expected["actions"]).max() > 0.01


def changed_case(case, out, **settings):
    """Actions of a case with other settings."""
    path = case / "case.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    result = parity(case, out)
    assert result.exit_code == 0, result.output
    return load_file(out)["actions_normalized"]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("xiaomi_r0/x8_async_prefix3", {"local_window": 3}),
        ("xiaomi_r0/x9_async_prefix0", {"local_window": 5}),
        ("xiaomi_r0/x9_async_prefix0", {"local_window": -1}),
        ("xiaomi_r0/x8_async_prefix3", {"rope_offset_of_noisy_tokens": 0}),
        ("xiaomi_r0/x9_async_prefix0", {"rope_offset_of_noisy_tokens": 9}),
        ("xiaomi_r0/x8_async_prefix3", {"prefix_length": 2}),
    ],
)
def test_what_a_xiaomi_case_sets_moves_its_result(name, settings, blind, tmp_path):
    """Otherwise an option that does nothing, or a window that is off by one, would pass."""
    expected = load_file(DATA / name / "expected.safetensors")["actions_normalized"]
    got = changed_case(blind(name), tmp_path / "out.safetensors", **settings)
    assert np.abs(got - expected).max() > 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("axis", range(3))
def test_every_axis_of_the_positions_counts(axis, blind, tmp_path):
    name = "xiaomi_r0/x2_dit_head_axes"
    case = blind(name)
    inputs = load_file(case / "inputs.safetensors")
    inputs["position_ids"][axis] += 1
    save_file(inputs, case / "inputs.safetensors")
    expected = load_file(DATA / name / "expected.safetensors")["actions_normalized"]
    assert np.abs(changed_case(case, tmp_path / "out") - expected).max() > 1e-3


class TestRefusals:
    def test_missing_and_surplus_tensors_are_listed_at_once(self, blind, tmp_path):
        case = blind("being_h05/a1_plain")
        weights = load_file(tmp_path / "model.safetensors")
        weights["extra.weight"] = weights.pop("action_encoder.W3.bias")
        weights["mpg.obs_proj.bias"] = weights["mpg.obs_proj.bias"][:3].copy()
        save_file(weights, tmp_path / "model.safetensors")
        result = parity(case, tmp_path / "out.safetensors")
        assert result.exit_code == 2
        assert "missing tensors: action_encoder.W3.bias" in result.output
        assert "surplus tensors: extra.weight" in result.output
        assert "mpg.obs_proj.bias has shape (3,), expected (64,)" in result.output

    @pytest.mark.parametrize(
        ("family", "change", "message"),
        [
            ("being_h05/a1_plain", {"action_chunk_length": 10**9}, "action_chunk_length"),
            ("being_h05/a1_plain", {"attn_mode": "full"}, "attn_mode"),
            ("being_h05/a1_plain", {"vit_config": 3}, "vit_config"),
            ("xvla/b1_head_ee6d", {"hidden_size": 7}, "multiple of num_heads"),
            ("xvla/b1_head_ee6d", {"action_mode": "teleport"}, "action_mode"),
            ("xvla/b1_head_ee6d", {"num_domains": 1000}, "has shape"),
        ],
    )
    def test_hostile_configs(self, family, change, message, blind, tmp_path):
        case = blind(family)
        path = tmp_path / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
        result = parity(case, tmp_path / "out.safetensors")
        assert result.exit_code == 2
        assert message in result.output

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"checkpoint": "../elsewhere"}, "the name of a folder beside the case"),
            ({"checkpoint": "ckpt_x2"}, "config.json: No such file or directory"),
            ({"robot_type": "teapot"}, "no robot type 'teapot'; known: bridge_delta"),
            ({"action_length": 9}, "(10, 32), expected (9, 32)"),
            ({"state_rows": 2}, "state has shape"),
            ({"head_only": False}, "only cases of the head alone"),
            ({"num_steps": 0}, "num_steps is 0"),
        ],
    )
    def test_settings_of_a_xiaomi_case_that_do_not_fit(self, settings, message, blind, tmp_path):
        case = blind("xiaomi_r0/x1_dit_head")
        path = case / "case.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
        result = parity(case, tmp_path / "out.safetensors")
        assert result.exit_code == 2
        assert message in result.output

    @pytest.mark.parametrize(
        ("part", "change", "message"),
        [
            ("dit_config", {"hidden_size": 48}, "multiple of head_dim"),
            ("dit_config", {"num_hidden_layers": 7}, "more layers than text_config"),
            ("dit_config", {"num_key_value_heads": 1}, "they share keys"),
            ("dit_config", {"hidden_size": 128}, "has shape"),
            ("rope_scaling", {"mrope_section": [6, 6, 5]}, "add up"),
            ("rope_scaling", {"mrope_section": [4, 6, 6]}, "no room for height or width"),
            ("rope_scaling", {"mrope_interleaved": False}, "only an interleaved"),
        ],
    )
    def test_configs_of_xiaomi_that_do_not_fit(self, part, change, message, blind, tmp_path):
        case = blind("xiaomi_r0/x1_dit_head")
        path = tmp_path / "ckpt_x1/config.json"
        config = json.loads(path.read_text())
        text = config["vlm_config"]["text_config"]
        (text["rope_scaling"] if part == "rope_scaling" else config[part]).update(change)
        path.write_text(json.dumps(config))
        result = parity(case, tmp_path / "out.safetensors")
        assert result.exit_code == 2
        assert message in result.output

    def test_inputs_that_do_not_fit(self, blind, tmp_path):
        case = blind("being_h05/a1_plain")
        inputs = load_file(case / "inputs.safetensors")
        inputs["packed_text_ids"][3] = 9999
        save_file(inputs, case / "inputs.safetensors")
        assert "vocab_size" in parity(case, tmp_path / "o").output
        inputs["packed_text_ids"][3] = 0
        inputs["packed_text_indexes"][3] = -5
        save_file(inputs, case / "inputs.safetensors")
        assert "each once" in parity(case, tmp_path / "o").output
        del inputs["noise"]
        inputs["packed_text_indexes"][3] = 3
        save_file(inputs, case / "inputs.safetensors")
        assert "lacks noise" in parity(case, tmp_path / "o").output

    def test_a_damaged_file(self, blind, tmp_path):
        case = blind("xvla/b1_head_ee6d")
        whole = (tmp_path / "model.safetensors").read_bytes()
        for damaged in (b"", b"\x80\x04", whole[:100], whole[:-1]):
            (tmp_path / "model.safetensors").write_bytes(damaged)
            result = parity(case, tmp_path / "out.safetensors")
            assert result.exit_code == 2, damaged[:8]
            assert "model.safetensors" in result.output

    def test_lerobots_names_load_as_well(self, blind, tmp_path):
        case = blind("xvla/b1_head_ee6d")
        weights = {
            f"model.{name}": array for name, array in load_file(tmp_path / "model.safetensors").items()
        }
        save_file(weights, tmp_path / "model.safetensors")
        out = tmp_path / "out.safetensors"
        assert parity(case, out).exit_code == 0
        assert max(error for _, error in differences("xvla/b1_head_ee6d", load_file(out))) <= TOLERANCE
