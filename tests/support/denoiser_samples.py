"""Configs, weights and inputs of small denoisers, one per option of the engine."""

from __future__ import annotations

import numpy as np

BASE = {
    "block": {"width": 24, "heads": 4, "kv_heads": 2, "head_dim": 6, "mlp": 40, "qk_norm": True},
    "layers": 3,
    "rows": 7,
    "channels": 5,
    "lead": 2,
    "prefix": 11,
    "time": {"width": 24, "scale": 1000.0},
    "head_activation": "relu",
}
BIASES = {"qkv_bias": True, "out_bias": True, "mlp_bias": True}


def config(block=(), **changes):
    """BASE with some keys replaced."""
    return {**BASE, **changes, "block": {**BASE["block"], **dict(block)}}


OPTIONS = {
    "causal": config(),
    "rope": config(rope_theta=1e4),
    "rope_gap": config(rope_theta=1e4, rope_gap=10),
    "rope_sections": config(
        {"head_dim": 12}, rope_theta=1e4, rope_sections=[3, 2, 1], rope_gap=2, positions=99
    ),
    "full_with_tail": config(mask="full", tail=4),
    "block_mask": config(mask="block"),
    "lambda_mask": config(mask="lambda", window=3),
    "lambda_mask_2": config(format=2, mask="lambda", window=3),
    "lambda_alone": config(format=2, mask="lambda", window=0),
    "index_time": config(time={"width": 24, "scale": 1000.0, "whole": True}),
    "layer_norm_gelu": config({"norm": "layer", "activation": "gelu", "qk_norm": False, **BIASES}),
    "gelu_tanh": config({"norm": "layer", "activation": "gelu_tanh", **BIASES}),
    "geglu": config({"activation": "gelu_tanh_gate"}),
    "norm_after": config({"norm": "layer", "order": "after", "activation": "gelu", **BIASES}),
    "layer_scale": config({"layer_scale": True, "activation": "gelu", **BIASES}),
    "adaptive": config({"adaptive": True}, modulation_width=16),
    "xiaomi": config(
        {"adaptive": True, "order": "sandwich", "qkv_bias": True},
        format=2,
        modulation_width=16,
        mask="lambda",
        window=2,
        rope_theta=1e6,
        rope_sections=[1, 1, 1],
        rope_gap=10,
        positions=200,
        locked_done=False,
        head_width=5,
        embedding="untimed",
        embed_activation="gelu_tanh",
        head_activation="gelu_tanh",
        embed_bias=False,
        head_bias=False,
        head_norm=False,
        time={"width": 0},
    ),
    "pi0": config(
        {"activation": "gelu_tanh_gate", "qk_norm": False},
        mask="block",
        noise_at_one=True,
        rope_theta=1e4,
        time={"width": 16, "cosine_first": True},
    ),
    "routed": config(experts=4, top_k=2, routed_mlp=12, shared_layers=1),
    "domains": config(
        embedding="domain",
        domains=3,
        context=4,
        prediction="clean",
        noise_at_one=True,
        mask="full",
        zeroed=[1, 4],
        sigmoid=[1, 4],
        learnt_positions=True,
        time={"width": 8, "period": 100.0, "cosine_first": True},
    ),
    "adapters": config(adapters=3),
    "slot_adapters": config(format=2, adapters=[[0, 1, 2], [2, 4], []]),
    "untimed_slot_adapters": config(
        format=2, adapters=[[3], [0, 3, 4], [1]], embedding="untimed", time={"width": 0}, head_width=7
    ),
    "head_width": config(head_width=9),
    "locked_time": config(locked_done=False),
    "clean_noise_at_zero": config(prediction="clean"),
    "gate": config(gate={"width": 10, "directions": 6, "strength": 0.5, "temperature": 2.0}),
    "gate_closed_form": config(gate={"width": 10, "directions": 0, "strength": 0.5, "temperature": 2.0}),
}


def shapes(c):
    """Tensor name -> shape for a config of `_core.Denoiser`."""
    names = {**_ends(c), **_extras(c)}
    for layer in range(c["layers"]):
        here = f"layers.{layer}.expert."
        names |= {here + name: shape for name, shape in {**_attention(c), **_mlp(c, layer)}.items()}
    return names


def _linear(name, n, k, bias=True):
    return {f"{name}.weight": (n, k), **({f"{name}.bias": (n,)} if bias else {})}


def _norm(name, c):
    w = c["block"]["width"]
    layer = c["block"].get("norm") == "layer"
    return {f"{name}.weight": (w,), **({f"{name}.bias": (w,)} if layer else {})}


def _ends(c):
    """The embedding of actions and the head."""
    w, t, channels = c["block"]["width"], c.get("time", {}).get("width", 0), c["channels"]
    embedding, domains = c.get("embedding", "timed"), c.get("domains", 1)
    names = _norm("out.norm", c) if c.get("head_norm", True) else {}
    if embedding == "domain":
        return names | {
            "action.fc.weight": (domains, (channels + c.get("context", 0) + t) * w),
            "action.bias.weight": (domains, w),
            "out.fc.weight": (domains, w * channels),
            "out.bias.weight": (domains, channels),
        }
    before, behind = c.get("embed_bias", True), c.get("head_bias", True)
    names |= _linear("action.w1", w, channels, before) | _linear("action.w3", w, w, before)
    if embedding == "timed":
        names |= _linear("action.w2", w, w + t, before)
    inner = c.get("head_width", w)
    return names | _linear("out.fc1", inner, w, behind) | _linear("out.fc2", channels, inner, behind)


def _extras(c):
    w, channels, names = c["block"]["width"], c["channels"], {}
    if c.get("learnt_positions"):
        names["action.position"] = (c["rows"], w)
    if c.get("adapters") and c.get("format") == 2:
        names["slot.in.weight"], inner = (channels, w, 1), c.get("head_width", w)
        names["slot.out.weight"] = (channels, 1, inner)
    elif adapters := c.get("adapters", 0):
        names["adapter.in.weight"], names["adapter.in.bias"] = (adapters, w, channels), (adapters, w)
        names["adapter.out.weight"], names["adapter.out.bias"] = (adapters, channels, w), (adapters, channels)
    if h := c.get("gate", {}).get("width"):
        for name, n, k in (("to_observation", h, w), ("to_action", w, h), ("observation", h, h),
                           ("action", h, w), ("enhance", h, h)):  # fmt: skip
            names |= _linear(f"gate.{name}", n, k)
    if m := c.get("modulation_width", 0):
        names |= _linear("time.fc1", w, m, False) | _linear("time.fc2", w, w, False)
        names |= _linear("time.fc3", 6 * w, w)
    return names


def _attention(c):
    b = c["block"]
    w, queries, keys = b["width"], b["heads"] * b["head_dim"], b.get("kv_heads", b["heads"]) * b["head_dim"]
    names = {}
    for name in ("norm1", "norm2", *(("norm3", "norm4") if b.get("order") == "sandwich" else ())):
        names |= _norm(name, c)
    if b.get("qk_norm"):
        names["q_norm.weight"] = names["k_norm.weight"] = (b["head_dim"],)
    if b.get("layer_scale"):
        names["ls1"] = names["ls2"] = (w,)
    if b.get("adaptive"):
        names["adaln_table"] = (6, w)
    for name, n in (("q", queries), ("k", keys), ("v", keys)):
        names |= _linear(name, n, w, b.get("qkv_bias", False))
    return names | _linear("o", w, queries, b.get("out_bias", False))


def _mlp(c, layer):
    b, w = c["block"], c["block"]["width"]
    if c.get("experts") and layer >= c.get("shared_layers", c["layers"]):
        experts, inner = c["experts"], c["routed_mlp"]
        wide = (experts, inner, w)
        return {
            "router.weight": (experts, w),
            "experts.gate.weight": wide,
            "experts.up.weight": wide,
            "experts.down.weight": (experts, w, inner),
        }
    if b.get("activation", "silu_gate").endswith("_gate"):
        gates = _linear("gate", b["mlp"], w, False) | _linear("up", b["mlp"], w, False)
        return gates | _linear("down", w, b["mlp"], False)
    bias = b.get("mlp_bias", False)
    return _linear("fc1", b["mlp"], w, bias) | _linear("fc2", w, b["mlp"], bias)


def weights(c, seed=0):
    """Random weights of a sensible size: norms around one, linear maps that keep the scale."""
    rng = np.random.default_rng(seed)

    def draw(name, shape):
        values = rng.standard_normal(shape)
        if "norm" in name and name.endswith("weight"):
            return 1.0 + 0.2 * values
        # Domain-aware layers keep [in, out] of a domain in one row.
        fan = c["block"]["width"] if len(shape) == 1 or name.endswith("fc.weight") else shape[-1]
        return values / np.sqrt(fan) * (0.3 if len(shape) == 1 else 1.0)

    return {name: draw(name, shape).astype(np.float32) for name, shape in shapes(c).items()}


def inputs(c, seed=1, committed=0, passes=1, steps=4):
    """Everything a run takes, as float32."""
    rng = np.random.default_rng(seed)
    b = c["block"]

    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    kv = (c["layers"], c["prefix"], b.get("kv_heads", b["heads"]), b["head_dim"])
    gate = c.get("gate", {})
    directions = normal(max(passes - 1, 0) * steps, gate.get("directions", 0), gate.get("width", 1))
    norm = np.linalg.norm(directions, axis=-1, keepdims=True) if directions.size else 1.0
    return {
        "keys": normal(*kv),
        "values": normal(*kv),
        "lead": normal(c["lead"], b["width"]),
        "tail": normal(c.get("tail", 0), b["width"]),
        "noise": normal(passes, c["rows"], c["channels"]),
        "committed": normal(committed, c["channels"]) if committed else None,
        "context": normal(c["context"]) if c.get("context") else None,
        "directions": directions / norm if directions.size else None,
        **({"positions": [c["prefix"], 3, 20]} if c.get("rope_sections") else {}),
    }
