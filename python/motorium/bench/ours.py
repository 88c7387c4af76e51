"""Our own engine as a contender, and the time that the machine itself would need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from .. import _core
from .._core import Precision
from .peers.expert import ROPE_BASE, SLOTS, ExpertInputs, ExpertSize, Floats

BYTES_PER_WEIGHT = {Precision.FLOAT32: 4, Precision.BFLOAT16: 2, Precision.INT8: 1}
PRECISIONS = tuple(BYTES_PER_WEIGHT)
CACHED = (
    24 << 20
)  # weights below this stay in a last-level cache from one step to the next: no memory traffic


def own_contenders(
    size: ExpertSize,
    weights: Mapping[str, Floats],
    inputs: ExpertInputs,
    threads: int,
    precisions: Sequence[Precision] = PRECISIONS,
) -> dict[str, tuple[Callable[[], Floats], Precision]]:
    """Name -> (call that computes one chunk (T, 200), precision)."""
    return {
        f"motorium_{precision}": (_runner(size, weights, inputs, precision, threads), precision)
        for precision in precisions
    }


def denoiser_config(size: ExpertSize) -> dict[str, Any]:
    """Return the denoiser's description of the action expert of `peers/expert.py`."""
    return {
        "block": {
            "width": size.width,
            "heads": size.heads,
            "kv_heads": size.kv_heads,
            "head_dim": size.head_dim,
            "mlp": size.mlp,
            "qk_norm": True,
        },
        "layers": size.layers,
        "rows": size.rows,
        "lead": size.lead,
        "prefix": size.prefix,
        "channels": SLOTS,
        "rope_theta": ROPE_BASE,
        "time": {"width": size.width, "scale": 1000.0, "whole": True},
        "head_activation": "relu",
    }


def denoiser_tensors(weights: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the same weights under the denoiser's names."""

    def renamed(name: str) -> str:
        if name.startswith("layers."):
            _, layer, rest = name.split(".", 2)
            return f"layers.{layer}.expert.{rest}"
        return "out.norm.weight" if name == "norm.weight" else name

    return {renamed(name): value for name, value in weights.items()}


def _runner(
    size: ExpertSize, weights: Mapping[str, Floats], inputs: ExpertInputs, precision: Precision, threads: int
) -> Callable[[], Floats]:
    denoiser = _core.Denoiser(
        denoiser_config(size), denoiser_tensors(weights), precision=precision, threads=threads
    )
    for layer, (keys, values) in enumerate(zip(inputs.keys, inputs.values, strict=True)):
        denoiser.set_prefix(layer, keys, values)
    denoiser.set_lead(inputs.state)
    return lambda: denoiser.run(inputs.noise, size.steps)


def roofline_s(size: ExpertSize, precision: Precision, threads: int) -> float:
    """Return the shortest time of one chunk on this machine: arithmetic or weight traffic, whichever takes longer.

    Both limits are measured here and now. Every step reads every weight once.
    """
    step_bytes = size.weights * BYTES_PER_WEIGHT[precision]
    traffic = 0.0 if step_bytes < CACHED else size.steps * step_bytes / stream_bytes_s(threads)
    return max(size.flops / peak_ops_s(precision, threads), traffic)


@cache
def peak_ops_s(precision: Precision, threads: int) -> float:
    """Measure operations per second of the best product in registers, two per multiply-add."""
    return float(_core.kernels.measure_peak(precision, threads, seconds=0.3))


@cache
def stream_bytes_s(threads: int) -> float:
    """Measure bytes per second read from memory."""
    return float(_core.kernels.measure_stream(1 << 28, threads))
