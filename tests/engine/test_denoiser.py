"""Every option of the one denoiser against numpy float64, and what it promises about time and memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import denoiser_samples as samples
import numpy as np
import pytest
from denoiser_runs import assert_close, open_denoiser, run
from hostile_files import memory_limit
from reference_denoiser import ReferenceDenoiser

from motorium import _core

ISAS = _core.kernels.available_isas()


class TestOptions:
    @pytest.mark.parametrize("committed", [0, 3])
    @pytest.mark.parametrize("name", samples.OPTIONS)
    def test_against_the_definition(self, name, committed):
        config = samples.OPTIONS[name]
        passes = 3 if "gate" in config else 1
        given = samples.inputs(config, committed=committed, passes=passes)
        domain = 1 if config.get("domains", 1) > 1 or config.get("adapters") else 0
        expected = ReferenceDenoiser(config, samples.weights(config)).run(given, 4, domain)
        assert_close(run(config, given, domain=domain), expected)

    @pytest.mark.parametrize(
        "name",
        ["causal", "block_mask", "lambda_mask_2", "index_time", "adaptive", "domains", "gate", "xiaomi"],
    )
    @pytest.mark.parametrize("committed", [1, 6, 7])
    def test_other_delays(self, name, committed):
        config = samples.OPTIONS[name]
        given = samples.inputs(config, committed=committed, passes=2 if "gate" in config else 1, steps=3)
        expected = ReferenceDenoiser(config, samples.weights(config)).run(given, 3)
        actual = run(config, given, steps=3)
        assert_close(actual, expected)
        assert np.array_equal(actual[:committed], given["committed"])

    @pytest.mark.parametrize("isa", ISAS)
    @pytest.mark.parametrize("name", ["xiaomi", "pi0", "routed", "full_with_tail"])
    def test_every_instruction_set(self, name, isa):
        config = samples.OPTIONS[name]
        given = samples.inputs(config, committed=2)
        expected = ReferenceDenoiser(config, samples.weights(config)).run(given, 4)
        assert_close(run(config, given, isa=isa), expected)

    def test_options_change_the_result(self):
        """An option that does nothing would agree with a reference that forgot it, too."""
        base = samples.OPTIONS["causal"]
        given = samples.inputs(base)
        plain = run(base, given, steps=3)
        for name in ("rope", "block_mask", "lambda_mask", "lambda_mask_2", "geglu", "routed", "index_time"):
            assert np.abs(run(samples.OPTIONS[name], given, steps=3) - plain).max() > 1e-4, name
        short, long = (samples.config(rope_theta=1e4, rope_gap=gap) for gap in (0, 10))
        given = samples.inputs(base, committed=3)
        assert np.abs(run(short, given) - run(long, given)).max() > 1e-4

    def test_domains_and_adapters_are_told_apart(self):
        for name in ("domains", "adapters", "slot_adapters"):
            config = samples.OPTIONS[name]
            given = samples.inputs(config)
            results = [run(config, given, domain=domain) for domain in range(3)]
            assert np.abs(results[0] - results[1]).max() > 1e-4
            assert np.abs(results[1] - results[2]).max() > 1e-4


class TestGuidance:
    """Rows beyond the lock are drawn to an earlier plan."""

    def guided(self, name, committed=2, rows=5, seed=3, limit=5.0):
        config = samples.OPTIONS[name]
        rng = np.random.default_rng(seed)
        given = samples.inputs(config, committed=committed, passes=1 + ("gate" in config))
        previous = rng.standard_normal((rows, config["channels"])).astype(np.float32)
        pull = np.linspace(1.0, 0.1, rows).astype(np.float32)
        return config, {**given, "previous": previous, "pull": pull, "pull_limit": limit}

    def run(self, config, given, steps):
        denoiser = open_denoiser(config, samples.weights(config), given)
        kept = ("noise", "committed", "context", "directions", "previous", "pull", "pull_limit")
        return denoiser.run(steps=steps, **{name: given[name] for name in kept})

    @pytest.mark.parametrize("steps", [1, 3, 4, 10])
    @pytest.mark.parametrize("name", ["causal", "pi0", "gate_closed_form"])
    def test_against_the_definition(self, name, steps):
        config, given = self.guided(name)
        expected = ReferenceDenoiser(config, samples.weights(config)).run(given, steps)
        actual = self.run(config, given, steps)
        assert_close(actual, expected)
        assert np.array_equal(actual[:2], given["committed"])

    def test_no_weight_is_no_guidance_and_full_weight_comes_near_the_plan(self):
        config, given = self.guided("causal", rows=7)
        free = run(config, given)
        assert np.array_equal(self.run(config, {**given, "pull": np.zeros(7, np.float32)}, 4), free)
        there = self.run(config, {**given, "pull": np.ones(7, np.float32)}, 4)
        away = np.abs(free - given["previous"])[2:].mean()
        assert np.abs(there - given["previous"])[2:].mean() < 0.1 * away

    def test_a_larger_limit_never_overshoots_in_few_steps(self):
        config, given = self.guided("causal", rows=7, limit=1e6)
        there = self.run(config, {**given, "pull": np.ones(7, np.float32)}, 1)
        np.testing.assert_allclose(there[2:], given["previous"][2:], atol=1e-5)

    def test_what_does_not_fit_is_refused(self):
        config, given = self.guided("causal")
        for change in (
            {"pull": given["pull"][:-1]},
            {"previous": np.zeros((9, config["channels"]), np.float32)},
        ):
            with pytest.raises(ValueError, match="size"):
                self.run(config, {**given, **change}, 4)
        xvla = next(c for c in samples.OPTIONS.values() if c.get("prediction") == "clean")
        clean = samples.inputs(xvla)
        shape = (3, xvla["channels"])
        with pytest.raises(ValueError, match="beyond"):
            self.run(xvla, {**clean, "previous": np.zeros(shape), "pull": np.ones(3), "pull_limit": 5.0}, 4)


class TestReuse:
    def test_a_later_run_does_not_remember_an_earlier_one(self):
        config = samples.OPTIONS["gate"]
        first, second = samples.inputs(config, seed=1, passes=2), samples.inputs(config, seed=2, committed=3)
        denoiser = open_denoiser(config, samples.weights(config), second)
        fresh = denoiser.run(second["noise"], 4, second["committed"])
        for steps in (4, 7):
            denoiser.run(first["noise"], steps)
        assert np.array_equal(denoiser.run(second["noise"], 4, second["committed"]), fresh)

    def test_memory_is_taken_at_load(self):
        config = samples.OPTIONS["xiaomi"]
        given = samples.inputs(config)
        denoiser = open_denoiser(config, samples.weights(config), given)
        before = denoiser.arena_bytes
        for steps in (1, 64):
            denoiser.run(given["noise"], steps)
        assert denoiser.arena_bytes == before > 0


class TestThreads:
    """A run works without the GIL, so other threads may come in at any moment."""

    def test_runs_of_several_threads_wait_for_one_another(self):
        config = samples.OPTIONS["rope"]
        given = [samples.inputs(config, seed=seed) for seed in range(4)]
        alone = [run(config, {**given[0], "noise": each["noise"]}) for each in given]
        denoiser = open_denoiser(config, samples.weights(config), given[0])

        def again(index):
            return [denoiser.run(given[index]["noise"], 4) for _ in range(60)]

        with ThreadPoolExecutor(4) as pool:
            for index, results in enumerate(pool.map(again, range(4))):
                assert all(np.array_equal(result, alone[index]) for result in results)

    def test_a_recorder_is_emptied_while_it_fills(self):
        config = samples.OPTIONS["rope"]
        given, recorder = samples.inputs(config), _core.Recorder()
        denoiser = open_denoiser(config, samples.weights(config), given)
        denoiser.run(given["noise"], 4, recorder=recorder)
        one = recorder.take()
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(
                lambda: [denoiser.run(given["noise"], 4, recorder=recorder) for _ in range(50)]
            )
            taken = []
            while not work.done():
                taken += recorder.take()
            work.result()
        taken += recorder.take()
        assert len(taken) == 50 * len(one)
        for (*name, values), (*expected, first) in zip(taken, one * 50, strict=True):
            assert name == expected
            assert np.array_equal(values, first)

    def test_counters_wait_for_nobody(self):
        """They only rise, and stand still once all runs have ended."""
        config = samples.OPTIONS["causal"]
        given = samples.inputs(config)
        denoiser = open_denoiser(config, samples.weights(config), given)
        denoiser.run(given["noise"], 8)
        before = denoiser.weight_bytes_read
        denoiser.run(given["noise"], 8)
        each, seen = denoiser.weight_bytes_read - before, []
        with ThreadPoolExecutor(2) as pool:
            work = [pool.submit(denoiser.run, given["noise"], 8) for _ in range(40)]
            while not all(one.done() for one in work):
                seen.append(denoiser.weight_bytes_read)
        assert seen == sorted(seen)
        assert denoiser.weight_bytes_read - before == 41 * each


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"mask": "lambda"}, "window"),
            ({"head_width": 10**6}, "head_width"),
            ({"rope_sections": [1, 1, 1]}, "rope_sections are three"),
            ({"rope_theta": 1e4, "rope_sections": [1, 1, 2]}, "add up"),
            ({"rope_theta": 1e4, "rope_sections": [0, 2, 1]}, "no room"),
            ({"mask": "sideways"}, "known: causal"),
            ({"masc": "full"}, "no option 'masc'"),
            ({"tail": 3}, "tail needs"),
            ({"layers": 0}, "layers"),
            ({"rows": 10**6}, "rows"),
            ({"domains": 3}, "domain embeddings"),
            ({"zeroed": [5]}, "zeroed"),
            ({"modulation_width": 4}, "adaptive"),
            ({"time": {"width": 7}}, "even width"),
            ({"experts": 3, "top_k": 4, "routed_mlp": 8}, "top_k"),
            ({"rope_theta": 1e4, "positions": 3}, "positions must hold the tokens"),
            ({"embed_activation": "silu_gate"}, "embedding and head take"),
            ({"head_activation": "gelu_tanh_gate"}, "embedding and head take"),
        ],
    )
    def test_configs(self, changes, message):
        with pytest.raises(ValueError, match=message):
            _core.Denoiser({**samples.BASE, **changes}, {})

    def test_claimed_sizes_cost_no_memory(self):
        """Terabytes, were they believed; the list of what is missing ends early instead."""
        block = {**samples.BASE["block"], "width": 8192, "mlp": 32768, "heads": 128, "head_dim": 512}
        with memory_limit(1 << 30), pytest.raises(ValueError, match="missing"):
            _core.Denoiser({**samples.BASE, "block": block, "layers": 256}, {})

    def test_a_cache_that_no_weights_go_with_is_refused(self):
        config = {**samples.BASE, "prefix": 65536, "rows": 1024, "layers": 100}
        config["block"] = {**config["block"], "head_dim": 128}
        with memory_limit(1 << 30), pytest.raises(ValueError, match="far more memory"):
            _core.Denoiser(config, samples.weights(config))

    @pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
    @pytest.mark.parametrize("isa", ISAS)
    def test_experts_of_numbers_that_went_wrong_stay_in_their_lists(self, isa, value):
        """Rows without a best expert came twice to the first one, and its list ran over."""
        config = samples.OPTIONS["routed"]
        given, weights = samples.inputs(config), samples.weights(config)
        name = "layers.1.expert.router.weight"
        weights[name] = np.full_like(weights[name], value)
        denoiser = open_denoiser(config, weights, given, isa)
        assert denoiser.run(given["noise"], 4).shape == given["noise"].shape[1:]
        whole = run(config, given, isa=isa)
        assert np.isfinite(whole).all()

    def test_missing_tensors_are_listed_at_once(self):
        tensors = samples.weights(samples.BASE)
        del tensors["action.w3.bias"], tensors["layers.2.expert.up.weight"]
        tensors["out.norm.weight"] = np.zeros(3, np.float32)
        with pytest.raises(ValueError, match=r"action\.w3\.bias is missing") as caught:
            _core.Denoiser(samples.BASE, tensors)
        assert "layers.2.expert.up.weight is missing" in str(caught.value)
        assert "out.norm.weight has shape (3), expected (24)" in str(caught.value)

    def test_inputs(self):
        config = samples.OPTIONS["rope"]
        given = samples.inputs(config)
        denoiser = open_denoiser(config, samples.weights(config), given)
        noise = given["noise"]
        for call in (
            lambda: denoiser.run(noise, 0),
            lambda: denoiser.run(noise, 65),
            lambda: denoiser.run(noise[:, :-1], 4),
            lambda: denoiser.run(noise, 4, np.zeros((8, 5), np.float32)),
            lambda: denoiser.run(noise, 4, domain=1),
            lambda: denoiser.run(np.tile(noise, (2, 1, 1)), 4),
            lambda: denoiser.set_lead(np.zeros((3, 24), np.float32)),
            lambda: denoiser.set_tail(np.zeros((1, 24), np.float32)),
            lambda: denoiser.set_prefix(0, np.zeros((12, 2, 6)), np.zeros((12, 2, 6))),
        ):
            with pytest.raises(ValueError, match=r"size|range|rows|beyond"):
                call()
