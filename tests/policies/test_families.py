"""Being-H0.5, X-VLA and Xiaomi-Robotics-0 from Python: seeds, delays, the gate's two forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from motorium.errors import CheckpointError
from motorium.policies import being_h05, xiaomi_r0, xvla
from motorium.policies.being_h05 import IMAGE_TOKEN, STATE_TOKEN, BeingH05
from motorium.policies.xiaomi_r0.config import ChunkLayout

DATA = Path(__file__).resolve().parents[1] / "golden" / "data"
PROMPT = [250, 1, 2, *([IMAGE_TOKEN] * 8), STATE_TOKEN, 3, 4, 5]


def open_being(**overrides):
    folder = DATA / "being_h05"
    config = being_h05.read_config(folder / "config.json", overrides)
    model = BeingH05(config, being_h05.read_weights(folder / "model.safetensors", config), 64)
    rng = np.random.default_rng(0)
    model.encode(rng.standard_normal((2, 3, 56, 56)), PROMPT, 0.3 * rng.standard_normal(200))
    return model


class TestBeing:
    def test_a_seed_gives_the_same_chunk(self):
        model = open_being()
        one, same, other = (model.denoise(model.noise(seed)) for seed in (3, 3, 4))
        assert np.array_equal(one, same)
        assert np.abs(one - other).max() > 0.1

    def test_committed_rows_come_back_as_they_are(self):
        model = open_being()
        committed = np.full((3, 200), 0.25, np.float32)
        chunk = model.denoise(model.noise(1), committed=committed)
        assert np.array_equal(chunk[:3], committed)
        assert np.abs(chunk[3:] - model.denoise(model.noise(1))[3:]).max() > 1e-3

    def test_the_closed_form_is_what_many_directions_come_to(self):
        rng = np.random.default_rng(5)
        directions = rng.standard_normal((4, 4096, 64)).astype(np.float32)
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        model = open_being(mpg_num_projections=4096)
        noise = model.noise(2, refinements=1)
        model.denoise(noise, directions=directions, record=True)
        sampled = [v for s, w, _, v in model.recorder.take() if (s, w) == ("gate", "distance")]
        closed = open_being(mpg_num_projections=0)
        closed.denoise(noise, record=True)
        exact = [v for s, w, _, v in closed.recorder.take() if (s, w) == ("gate", "distance")]
        assert len(sampled) == len(exact) == 4
        np.testing.assert_allclose(sampled[0], exact[0], rtol=0.05)

    @pytest.mark.parametrize(
        "prompt", [[], [STATE_TOKEN], [*PROMPT, STATE_TOKEN], [*PROMPT, 256], [*PROMPT, -3]]
    )
    def test_prompts_that_do_not_fit(self, prompt):
        model = open_being()
        with pytest.raises(ValueError, match=r"size|range|beyond"):
            model.encode(np.zeros((2, 3, 56, 56)), prompt, np.zeros(200))


class TestXvla:
    def test_domains_seeds_and_encoder(self):
        folder = DATA / "xvla"
        config = xvla.read_config(folder / "config.json")
        model = xvla.Xvla(config, xvla.read_weights(folder / "model.safetensors", config))
        given = load_file(folder / "b3_full_model" / "inputs.safetensors")
        florence = xvla.read_encoder_config(folder / "config.json")
        weights = xvla.read_encoder_weights(folder / "model.safetensors", florence)
        encoder = xvla.Encoder(florence, weights, 96)
        features, views = encoder.encode(
            given["pixel_values"][0], given["image_mask"][0], given["input_ids"][0]
        )
        chunks = []
        for domain in (0, 0, 1):
            model.encode(features, views, domain)
            chunks.append(model.denoise(model.noise(7), given["proprio"][0]))
        assert np.array_equal(chunks[0], chunks[1])
        assert np.abs(chunks[0] - chunks[2]).max() > 1e-3
        with pytest.raises(ValueError, match=r"range|beyond"):
            model.encode(features, views, 5)

    def test_an_encoder_that_lacks_tensors(self):
        folder = DATA / "xvla"
        florence = xvla.read_encoder_config(folder / "config.json")
        with pytest.raises(CheckpointError, match=r"missing tensors: vlm\.image"):
            xvla.read_encoder_weights(folder / "b4_joint" / "model.safetensors", florence)


def open_xiaomi(layout):
    folder = DATA / "xiaomi_r0/ckpt_x1"
    config = xiaomi_r0.read_config(folder / "config.json")
    weights = xiaomi_r0.read_weights(folder / "model.safetensors", config)
    return xiaomi_r0.XiaomiR0(config, weights, layout)


class TestXiaomi:
    def encode(self, model, n=12, state_rows=1):
        rng = np.random.default_rng(0)
        keys, values = (rng.standard_normal((3, n, 2, 32)).astype(np.float32) for _ in range(2))
        model.encode(keys, values, (n, n - 3, n - 5), rng.standard_normal((state_rows, 32)))

    def test_committed_rows_come_back_as_they_are(self):
        model = open_xiaomi(ChunkLayout(20, 10, window=4, rope_gap=10))
        self.encode(model)
        committed = np.full((3, 32), 0.25, np.float32)
        chunk = model.denoise(model.noise(1), committed=committed)
        assert np.array_equal(chunk[:3], committed)
        assert np.abs(chunk[3:] - model.denoise(model.noise(1))[3:]).max() > 1e-3
        assert np.array_equal(chunk, model.denoise(model.noise(1), committed=committed))

    def test_hidden_channels_cannot_reach_the_others(self):
        """Their noise is all that differs, so the robot's own channels stay bit for bit."""
        model = open_xiaomi(ChunkLayout(20, 10))
        self.encode(model)
        mask = np.ones((10, 32), np.float32)
        mask[:, 7:] = 0.0
        noise = [model.noise(seed) for seed in (1, 2)]
        noise[1][:, :7] = noise[0][:, :7]
        chunks = [model.denoise(each, mask=mask) for each in noise]
        assert np.array_equal(chunks[0][:, :7], chunks[1][:, :7])
        free = [model.denoise(each) for each in noise]
        assert np.abs(free[0][:, :7] - free[1][:, :7]).max() > 1e-3

    def test_statistics_of_a_robot(self):
        path = DATA / "xiaomi_r0/ckpt_x1/preprocessor_config.json"
        found = xiaomi_r0.read_statistics(path, "bridge_delta", (4, 32))
        assert found.mask.sum(1).tolist() == [7.0] * 4
        assert np.array_equal(found.denormalise(np.zeros((4, 32), np.float32)), np.float32(found.mean))
        with pytest.raises(CheckpointError, match="own_arm30 has statistics of"):
            xiaomi_r0.read_statistics(path, "own_arm30", (10, 32))

    def test_what_does_not_fit_the_prompt(self):
        model = open_xiaomi(ChunkLayout(8, 10))
        with pytest.raises(ValueError, match="beyond"):
            self.encode(model, n=9)
        with pytest.raises(ValueError, match="size"):
            self.encode(model, n=8, state_rows=2)
