"""The peers compute the same action expert: PyTorch and ONNX Runtime against plain numpy in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from motorium._core import Precision
from motorium.bench import engine, ours
from motorium.bench.ours import own_contenders, peak_ops_s, roofline_s, stream_bytes_s
from motorium.bench.peers.expert import (
    EPS,
    SIZES,
    TINY,
    ExpertInputs,
    ExpertSize,
    make_inputs,
    make_weights,
    rotations,
    time_rows,
    visible,
)
from motorium.bench.timing import QUICK
from motorium.errors import BenchmarkError


class Plain:
    """The math of `peers/expert.py`, written once more and slowly."""

    def __init__(self, size: ExpertSize) -> None:
        self.size = size
        self.weights = {name: value.astype(float) for name, value in make_weights(size).items()}

    def linear(self, x, name):
        return x @ self.weights[f"{name}.weight"].T + self.weights.get(f"{name}.bias", 0.0)

    def rms(self, x, name):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + EPS) * self.weights[f"{name}.weight"]

    def rope(self, x):
        cos, sin = (part[:, None].astype(float) for part in rotations(self.size))
        half = x.shape[-1] // 2
        return x * cos + np.concatenate([x[..., half:], x[..., :half]], -1) * sin

    def heads(self, x, name):
        return self.linear(x, name).reshape(self.size.tokens, -1, self.size.head_dim)

    def layer(self, h, layer, inputs: ExpertInputs):
        s, here = self.size, f"layers.{layer}"
        n = self.rms(h, f"{here}.norm1")
        q = self.rope(self.rms(self.heads(n, f"{here}.q"), f"{here}.q_norm"))
        k = self.rope(self.rms(self.heads(n, f"{here}.k"), f"{here}.k_norm"))
        group = s.heads // s.kv_heads
        keys = np.concatenate([inputs.keys[layer], k]).repeat(group, 1)
        values = np.concatenate([inputs.values[layer], self.heads(n, f"{here}.v")]).repeat(group, 1)
        scores = np.einsum("thd,khd->htk", q, keys) / np.sqrt(s.head_dim)
        weights = np.exp(np.where(visible(s), scores, -np.inf))
        weights /= weights.sum(-1, keepdims=True)
        h = h + self.linear(np.einsum("htk,khd->thd", weights, values).reshape(s.tokens, -1), f"{here}.o")
        n = self.rms(h, f"{here}.norm2")
        return h + self.linear(
            silu(self.linear(n, f"{here}.gate")) * self.linear(n, f"{here}.up"), f"{here}.down"
        )

    def run(self, inputs: ExpertInputs):
        x = inputs.noise.astype(float)
        for tau in time_rows(self.size):
            e = self.linear(x, "action.w1")
            e = self.linear(np.concatenate([e, np.broadcast_to(tau, e.shape)], 1), "action.w2")
            h = np.concatenate([inputs.state, self.linear(silu(e), "action.w3")])
            for layer in range(self.size.layers):
                h = self.layer(h, layer, inputs)
            h = np.maximum(self.linear(self.rms(h[self.size.lead :], "norm"), "out.fc1"), 0)
            x = x + self.linear(h, "out.fc2") / self.size.steps
        return x


def silu(x):
    return x / (1 + np.exp(-x))


@pytest.fixture(scope="module")
def expected():
    return Plain(TINY).run(make_inputs(TINY))


def off(actual, expected) -> float:
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("compiled", [False])
def test_torch_is_the_same_network(expected, compiled):
    pytest.importorskip("torch")
    from motorium.bench.peers.torch_expert import TorchExpert, runner

    run = runner(TorchExpert(TINY, make_weights(TINY)), make_inputs(TINY), compiled=compiled)
    assert off(run(), expected) < 1e-6
    assert off(run(), expected) < 1e-6, "a second chunk starts from the same noise and cache"


@pytest.mark.parametrize(("precision", "tolerance"), [(Precision.FLOAT32, 2e-6), (Precision.INT8, 0.2)])
def test_onnxruntime_is_the_same_network(expected, precision, tolerance):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from motorium.bench.peers.onnx_expert import OnnxExpert

    run = OnnxExpert(TINY, make_weights(TINY), precision, 1).runner(make_inputs(TINY))
    assert off(run(), expected) < tolerance
    assert off(run(), expected) < tolerance, "a second chunk starts from the same noise and cache"


def test_the_state_token_does_not_change_between_steps():
    """Only then may it be computed once, and be left out of the operations that are counted."""
    assert not visible(TINY)[0, TINY.prefix + 1 :].any()
    assert visible(TINY)[:, : TINY.prefix + 1].all()


def test_operations_are_counted_from_the_matrices():
    size = SIZES["B"]
    matrices = sum(v.size for v in make_weights(replace(size, layers=1)).values() if v.ndim == 2)
    assert replace(size, layers=1).weights == matrices
    assert size.flops > 2 * size.weights * size.rows * size.steps


def test_a_contender_that_computes_something_else_is_not_timed():
    y = np.ones((3, 200), np.float32)
    with pytest.raises(BenchmarkError, match="wrong computes something else"):
        engine.compare({"right": (y, Precision.FLOAT32), "wrong": (y + 1e-4, Precision.FLOAT32)})
    with pytest.raises(BenchmarkError, match="not finite"):
        engine.compare({"right": (y, Precision.FLOAT32), "broken": (y * np.nan, Precision.INT8)})
    cosines = engine.compare({"right": (y, Precision.FLOAT32), "rough": (y + 1e-4, Precision.INT8)})
    assert cosines == pytest.approx({"right": 1.0, "rough": 1.0})


def test_a_contender_that_fails_costs_only_itself(monkeypatch):
    def peers(size, weights, inputs, job):
        del job
        _, (right, _) = own_contenders(size, weights, inputs, 1, [Precision.FLOAT32]).popitem()

        def breaks():
            raise RuntimeError("out of registers\nand more")

        yield "peer_right", Precision.FLOAT32, lambda: right
        yield "peer_unbuildable", Precision.FLOAT32, breaks
        yield "peer_breaks", Precision.FLOAT32, lambda: breaks
        yield "peer_wrong", Precision.FLOAT32, lambda: lambda: right() * 1.01

    monkeypatch.setattr(engine, "_LIBRARIES", {"torch": peers})
    monkeypatch.setattr(engine, "find_spec", lambda _: True)
    monkeypatch.setattr(engine, "recompute_ratio", lambda *_: 1 / 0)
    monkeypatch.setitem(engine.SIZES, "tiny", TINY)
    seen = []
    job = engine.Job(sizes=["tiny"], peers=["torch"], pace=QUICK)
    found = engine.measure(job, on_size=lambda name, figures: seen.append((name, figures["best_peer"])))
    assert seen == [("tiny", "peer_right")]
    assert set(found["sizes"]["tiny"]["ms"]) > {"peer_right", "motorium_int8"}
    assert found["recompute_ratio_M"] is None
    notes = "\n".join(found["notes"])
    assert "size tiny: peer_breaks was left out: RuntimeError: out of registers" in notes
    assert "peer_unbuildable was left out" in notes
    assert "peer_wrong was left out: computes something else: off by 0.01" in notes
    assert "recompute_ratio_M was left out: ZeroDivisionError" in notes


@pytest.mark.parametrize("library", engine.PEERS)
def test_a_peer_that_is_not_installed_is_named(monkeypatch, library):
    monkeypatch.setattr(engine, "find_spec", lambda _: None)
    notes: list[str] = []
    job = engine.Job(peers=[library], pace=QUICK)
    figures = engine._measure_size(TINY, job, notes, lambda _: None)
    assert figures["float32_vs_best_peer"] is None
    assert set(figures["ms"]) == {"motorium_float32", "motorium_bfloat16", "motorium_int8"}
    assert figures["peak_share_float32"] > 0
    assert notes == [f"{library} is not installed: pip install 'motorium[bench]'"]


@pytest.mark.parametrize(
    ("precision", "tolerance"), [(Precision.FLOAT32, 2e-6), (Precision.BFLOAT16, 0.05), (Precision.INT8, 0.2)]
)
def test_our_engine_is_the_same_network(expected, precision, tolerance):
    runs = own_contenders(TINY, make_weights(TINY), make_inputs(TINY), 2)
    run, _ = runs[f"motorium_{precision}"]
    assert off(run(), expected) < tolerance
    assert off(run(), expected) < tolerance, "a second chunk starts from the same noise and cache"


def test_a_prefix_inside_the_sequence_is_the_same_network_too():
    size = replace(TINY, prefix=0, lead=6)
    inputs = make_inputs(size)
    run, _ = own_contenders(size, make_weights(size), inputs, 1)["motorium_float32"]
    assert off(run(), Plain(size).run(inputs)) < 2e-6


@pytest.mark.parametrize(("gops", "gb_s"), [(10.0, 1000.0), (1e6, 1.0)])
def test_a_roofline_is_arithmetic_or_traffic_whichever_takes_longer(gops, gb_s, monkeypatch):
    monkeypatch.setattr(ours, "peak_ops_s", lambda *_: gops * 1e9)
    monkeypatch.setattr(ours, "stream_bytes_s", lambda *_: gb_s * 1e9)
    whole = SIZES["B"]
    arithmetic_s, traffic_s = whole.flops / (gops * 1e9), whole.steps * whole.weights * 4 / (gb_s * 1e9)
    assert roofline_s(whole, Precision.FLOAT32, 1) == pytest.approx(max(arithmetic_s, traffic_s))
    assert (arithmetic_s > traffic_s) == (gops == 10.0)


def test_weights_that_stay_in_the_cache_cost_no_traffic(monkeypatch):
    monkeypatch.setattr(ours, "peak_ops_s", lambda *_: 1e15)
    monkeypatch.setattr(ours, "stream_bytes_s", lambda *_: 1.0)
    assert roofline_s(TINY, Precision.FLOAT32, 1) == pytest.approx(TINY.flops / 1e15)


def test_the_limits_of_this_machine_are_found():
    assert peak_ops_s(Precision.FLOAT32, 1) > 0
    assert stream_bytes_s(1) > 0
