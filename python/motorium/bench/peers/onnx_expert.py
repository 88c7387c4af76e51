"""The action expert in ONNX Runtime, float32 and dynamic int8, driven as fast as its interface allows.

The graph is one Euler step, written with the fused operators that ONNX Runtime turns its own transformer exports
into (SimplifiedLayerNormalization, QuickGelu, DynamicQuantizeMatMul). The K steps are K runs with all inputs and
outputs bound once, x going back and forth between two buffers: nothing is copied or looked up between steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnxruntime as ort

from ..._core import Precision
from .expert import EPS, SLOTS, ExpertInputs, ExpertSize, Floats, rotations, time_rows, visible
from .onnx_graph import CONTRIB, Graph

_MASKED = np.float32(-1e9)


class OnnxExpert:
    """A session over one precision, FLOAT32 or INT8, and its bound inputs."""

    def __init__(
        self, size: ExpertSize, weights: Mapping[str, Floats], precision: Precision, threads: int
    ) -> None:
        """Build the graph and let ONNX Runtime optimise and prepack it."""
        self.size = size
        builder = _Builder(size, weights, int8=precision is Precision.INT8)
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        model = builder.build()
        # Kept: the session refers to this memory.
        self._values = {k: ort.OrtValue.ortvalue_from_numpy(v) for k, v in builder.graph.weights.items()}
        options.add_external_initializers(list(self._values), list(self._values.values()))
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def runner(self, inputs: ExpertInputs) -> Callable[[], Floats]:
        """Return a call that computes one chunk (T, 200)."""
        size, value = self.size, ort.OrtValue.ortvalue_from_numpy
        fixed = {"state": value(inputs.state)}
        for layer in range(size.layers):
            # (kv_heads, hd, P) and (kv_heads, P, hd), as the two products read them
            fixed[f"keys_{layer}"] = value(np.ascontiguousarray(inputs.keys[layer].transpose(1, 2, 0)))
            fixed[f"values_{layer}"] = value(np.ascontiguousarray(inputs.values[layer].transpose(1, 0, 2)))
        taus = [value(row[None]) for row in time_rows(size)]
        noise = value(inputs.noise)
        ends = [value(np.zeros_like(inputs.noise)) for _ in range(2)]
        bindings = []
        for k in range(size.steps):
            binding = self.session.io_binding()
            for name, fixed_value in fixed.items():
                binding.bind_ortvalue_input(name, fixed_value)
            binding.bind_ortvalue_input("tau", taus[k])
            binding.bind_ortvalue_input("x", noise if k == 0 else ends[(k + 1) % 2])
            binding.bind_ortvalue_output("next", ends[k % 2])
            bindings.append(binding)
        alive = (fixed, taus, noise, ends)  # a binding refers to memory that its OrtValue does not own

        def run() -> Floats:
            for binding in bindings:
                self.session.run_with_iobinding(binding)
            result: Floats = alive[-1][(size.steps + 1) % 2].numpy().copy()
            return result

        return run


class _Builder:
    def __init__(self, size: ExpertSize, weights: Mapping[str, Floats], *, int8: bool) -> None:
        self.size, self.weights, self.int8 = size, weights, int8
        self.graph = Graph()

    def build(self) -> bytes:
        """Build one Euler step: x, tau, state, keys_*, values_* -> next."""
        s, g = self.size, self.graph
        x = g.input("x", (s.rows, SLOTS))
        tau, state = g.input("tau", (1, s.width)), g.input("state", (s.lead, s.width))
        self._constants()
        e = self._linear(x, "action.w1")
        e = g.add("Concat", e, g.add("Expand", tau, "rows_by_width"), axis=1)
        e = self._silu(self._linear(e, "action.w2"))
        h = g.add("Concat", state, self._linear(e, "action.w3"), axis=0)
        for layer in range(s.layers):
            h = self._layer(h, layer)
        h = g.add("Slice", h, "first_row", "end", "axis_0")
        h = self._rms(h, "norm")
        h = g.add("Relu", self._linear(h, "out.fc1"))
        v = g.add("Mul", self._linear(h, "out.fc2"), g.weight("dt", np.array([1 / s.steps], np.float32)))
        return g.finish(g.add("Add", x, v), "next", (s.rows, SLOTS))

    def _constants(self) -> None:
        s, g = self.size, self.graph
        cos, sin = rotations(s)
        g.weight("cos", cos[:, None])
        g.weight("sin", sin[:, None])
        g.weight("mask", np.where(np.tile(visible(s), (s.heads // s.kv_heads, 1)), np.float32(0), _MASKED))
        g.weight("scale", np.array([s.head_dim**-0.5], np.float32))
        integers = {
            "rows_by_width": (s.rows, s.width), "first_row": (s.lead,), "end": (s.tokens,), "axis_0": (0,),
            "heads": (s.tokens, s.heads, s.head_dim), "kv_heads": (s.tokens, s.kv_heads, s.head_dim),
            "grouped": (s.kv_heads, s.heads // s.kv_heads * s.tokens, s.head_dim),
            "ungrouped": (s.heads, s.tokens, s.head_dim), "joined": (s.tokens, s.heads * s.head_dim),
            "qkv": (s.heads * s.head_dim, s.kv_heads * s.head_dim, s.kv_heads * s.head_dim),
        }  # fmt: skip
        for name, values in integers.items():
            g.integers(name, values)

    def _layer(self, x: str, layer: int) -> str:
        g, here = self.graph, f"layers.{layer}"
        q, k, v = g.add(
            "Split",
            self._product(self._rms(x, f"{here}.norm1"), here, "q", "k", "v"),
            "qkv",
            outputs=3,
            axis=1,
        )
        q = self._rotate(self._rms(g.add("Reshape", q, "heads"), f"{here}.q_norm"))
        k = self._rotate(self._rms(g.add("Reshape", k, "kv_heads"), f"{here}.k_norm"))
        y = self._attend(q, k, g.add("Reshape", v, "kv_heads"), layer)
        x = g.add("Add", x, self._product(y, here, "o"))
        n = self._rms(x, f"{here}.norm2")
        hidden = g.add("Mul", self._silu(self._product(n, here, "gate")), self._product(n, here, "up"))
        return str(g.add("Add", x, self._product(hidden, here, "down")))

    def _attend(self, q: str, k: str, v: str, layer: int) -> str:
        s, g = self.size, self.graph
        keys = g.input(f"keys_{layer}", (s.kv_heads, s.head_dim, s.prefix))
        values = g.input(f"values_{layer}", (s.kv_heads, s.prefix, s.head_dim))
        keys = g.add("Concat", keys, g.add("Transpose", k, perm=[1, 2, 0]), axis=2)
        values = g.add("Concat", values, g.add("Transpose", v, perm=[1, 0, 2]), axis=1)
        q = g.add("Mul", g.add("Reshape", g.add("Transpose", q, perm=[1, 0, 2]), "grouped"), "scale")
        weights = g.add("Softmax", g.add("Add", g.add("MatMul", q, keys), "mask"), axis=-1)
        y = g.add("Reshape", g.add("MatMul", weights, values), "ungrouped")
        return str(g.add("Reshape", g.add("Transpose", y, perm=[1, 0, 2]), "joined"))

    def _rms(self, x: str, name: str) -> str:
        weight = self.graph.weight(f"{name}.weight", self.weights[f"{name}.weight"])
        return str(self.graph.add("SimplifiedLayerNormalization", x, weight, axis=-1, epsilon=EPS))

    def _rotate(self, x: str) -> str:
        g = self.graph
        first, second = g.add("Split", x, outputs=2, axis=-1)
        swapped = g.add("Concat", second, first, axis=-1)
        return str(g.add("Add", g.add("Mul", x, "cos"), g.add("Mul", swapped, "sin")))

    def _silu(self, x: str) -> str:
        return str(self.graph.add("QuickGelu", x, domain=CONTRIB, alpha=1.0))

    def _product(self, x: str, here: str, *names: str) -> str:
        """X times one matrix, or several side by side; without bias."""
        parts = [self.weights[f"{here}.{name}.weight"] for name in names]
        return self._multiply(x, f"{here}.{'_'.join(names)}", np.concatenate(parts), None)

    def _linear(self, x: str, name: str) -> str:
        return self._multiply(x, name, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _multiply(self, x: str, name: str, weight: Floats, bias: Floats | None) -> str:
        g = self.graph
        added = () if bias is None else (g.weight(f"{name}.bias", bias),)
        if not self.int8:
            y = g.add("MatMul", x, g.weight(f"{name}.weight", weight.T))
            return str(g.add("Add", y, *added) if added else y)
        # One symmetric scale per output. Seven bits, as ONNX Runtime's own quantiser has them with `reduce_range`:
        # without VNNI its products of eight bits saturate in 16.
        scale = np.abs(weight).max(axis=1) / np.float32(127 if _has_vnni() else 63)
        quantised = np.rint(weight / scale[:, None]).astype(np.int8)
        inputs = [g.weight(f"{name}.int8", quantised.T), g.weight(f"{name}.scale", scale), "", *added]
        return str(g.add("DynamicQuantizeMatMul", x, *inputs, domain=CONTRIB))


def _has_vnni() -> bool:
    from ..machine import cpu_flags

    return bool(cpu_flags() & {"avx512_vnni", "avx_vnni", "asimddp"})
