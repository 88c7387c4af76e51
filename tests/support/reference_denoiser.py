"""The denoiser in numpy float64, from its definition: every token recomputed at every step, masks as matrices."""

from __future__ import annotations

import math

import numpy as np


def silu(x):
    return x / (1.0 + np.exp(-x))


def gelu(x):
    return 0.5 * x * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


def gelu_tanh(x):
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0.0),
    "silu": silu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "silu_gate": silu,
    "gelu_tanh_gate": gelu_tanh,
}


def plain_norm(x, layer, eps):
    centred = x - x.mean(-1, keepdims=True) if layer else x
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)


def guidance(clean, given, k, steps):
    """(T, channels): how an earlier plan draws at the velocity; arXiv 2506.07339 with the identity as Jacobian."""
    tau = k / steps
    with np.errstate(divide="ignore"):
        wanted = (1 - tau) / (np.float64(tau) * (1 - tau) ** 2 / (tau**2 + (1 - tau) ** 2))
    pull, n = np.zeros(len(clean)), len(given["pull"])
    pull[:n] = min(given.get("pull_limit", 5.0), steps, wanted) * given["pull"]
    plan = np.zeros_like(clean)
    plan[:n] = given["previous"]
    return pull[:, None] * (plan - clean)


def masked(x, given):
    """Actions as the network gets them."""
    return x if given.get("mask") is None else x * given["mask"]


class ReferenceDenoiser:
    """Same configs, tensors and inputs as `_core.Denoiser`."""

    def __init__(self, config, tensors):
        self.c, self.b = config, config["block"]
        self.eps = self.b.get("eps", 1e-6)
        self.w = {name: np.asarray(value, np.float64) for name, value in tensors.items()}

    def linear(self, name, x):
        y = x @ self.w[f"{name}.weight"].T
        return y + self.w[f"{name}.bias"] if f"{name}.bias" in self.w else y

    def norm(self, name, x):
        layer = self.b.get("norm") == "layer"
        y = plain_norm(x, layer, self.eps) * self.w[f"{name}.weight"]
        return y + self.w[f"{name}.bias"] if layer else y

    def sinusoid(self, t, time):
        half = time["width"] // 2
        number = np.atleast_1d(t) * time.get("scale", 1.0)
        number = np.floor(number + 1e-6) if time.get("whole") else number
        angle = number[:, None] * time.get("period", 10000.0) ** (-np.arange(half) / half)
        parts = [np.sin(angle), np.cos(angle)]
        return np.concatenate(parts[::-1] if time.get("cosine_first") else parts, -1)

    # One action to one token and back.

    def embed(self, x, t, context, domain):
        kind = self.c.get("embedding", "timed")
        width = self.b["width"]
        if kind == "domain":
            tau = self.sinusoid(t, self.c["time"])
            whole = np.concatenate([x, np.tile(context, (len(x), 1)), tau], -1)
            y = (
                whole @ self.w["action.fc.weight"][domain].reshape(-1, width)
                + self.w["action.bias.weight"][domain]
            )
        else:
            y = self.linear("action.w1", x)
            y = y + self.adapted("in", x, domain)
            if kind == "timed":
                y = self.linear("action.w2", np.concatenate([y, self.sinusoid(t, self.c["time"])], -1))
            y = self.linear("action.w3", ACTIVATIONS[self.c.get("embed_activation", "silu")](y))
        return y + self.w["action.position"] if self.c.get("learnt_positions") else y

    def head(self, x, domain):
        x = self.norm("out.norm", x) if self.c.get("head_norm", True) else x
        if self.c.get("embedding") == "domain":
            return (
                x @ self.w["out.fc.weight"][domain].reshape(x.shape[1], -1)
                + self.w["out.bias.weight"][domain]
            )
        h = ACTIVATIONS[self.c.get("head_activation", "silu")](self.linear("out.fc1", x))
        y = self.linear("out.fc2", h)
        return y + self.adapted("out", h, domain)

    def adapted(self, end, x, domain):
        """What adapters add: a table for each embodiment, or matrices of slots (Being-H0.5, eq. 12)."""
        if not self.c.get("adapters"):
            return 0.0
        if self.c.get("format", 1) == 1:
            return x @ self.w[f"adapter.{end}.weight"][domain].T + self.w[f"adapter.{end}.bias"][domain]
        bank, active = self.w[f"slot.{end}.weight"], self.c["adapters"][domain]
        if end == "in":
            return sum(x[:, [k]] @ bank[k].T for k in active)
        return np.stack([x @ bank[k][0] * (k in active) for k in range(len(bank))], axis=1)

    # The blocks.

    def mask(self, prefix, count):
        """(count, prefix + count): what each token sees."""
        lead, kind = self.c["lead"], self.c.get("mask", "causal")
        i, j = np.arange(count)[:, None], np.arange(count)[None]
        own = {
            "full": np.ones((count, count), bool),
            "causal": j <= i,
            "block": (i >= lead) | (j < lead),
            "lambda": (j <= i) & ((j < lead) | (i - j <= self.before())),
        }[kind]
        return np.concatenate([np.ones((count, prefix), bool), own], 1)

    def before(self):
        """Rows before its own that a row sees through the lambda mask; format 1 counts its own, too."""
        return self.c.get("window", 0) - (self.c.get("format", 1) == 1)

    def rotate(self, x, positions):
        """Positions (n, 3): of time, height and width."""
        if not self.c.get("rope_theta"):
            return x
        half = x.shape[-1] // 2
        axis = np.zeros(half, int)
        for index, pairs in enumerate(self.c.get("rope_sections", ())):
            axis[index : 3 * pairs : 3] = index
        angle = positions[:, None, axis] * self.c["rope_theta"] ** (-np.arange(half) / half)
        low, high = x[..., :half], x[..., half:]
        return np.concatenate([low * np.cos(angle) - high * np.sin(angle),
                               high * np.cos(angle) + low * np.sin(angle)], -1)  # fmt: skip

    def attention(self, here, x, keys, values, positions):
        b = self.b
        heads, kv, dim = b["heads"], b.get("kv_heads", b["heads"]), b["head_dim"]
        q, k, v = (self.linear(here + n, x).reshape(len(x), -1, dim) for n in "qkv")
        if b.get("qk_norm"):
            q = plain_norm(q, False, self.eps) * self.w[here + "q_norm.weight"]
            k = plain_norm(k, False, self.eps) * self.w[here + "k_norm.weight"]
        q, k = self.rotate(q, positions), self.rotate(k, positions)
        k, v = np.concatenate([keys, k]), np.concatenate([values, v])
        k, v = (np.repeat(a, heads // kv, axis=1) for a in (k, v))
        scores = np.einsum("ihd,jhd->hij", q, k) / math.sqrt(dim)
        scores = np.where(self.mask(len(keys), len(x)), scores, -np.inf)
        share = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("hij,jhd->ihd", share / share.sum(-1, keepdims=True), v)
        return self.linear(here + "o", mixed.reshape(len(x), -1)) * self.w.get(here + "ls1", 1.0)

    def mlp(self, here, x):
        activation = self.b.get("activation", "silu_gate")
        act = ACTIVATIONS[activation]
        if here + "router.weight" in self.w:
            return np.stack([self.routed(here, row) for row in x])
        if activation.endswith("_gate"):
            return self.linear(
                here + "down", act(self.linear(here + "gate", x)) * self.linear(here + "up", x)
            )
        return self.linear(here + "fc2", act(self.linear(here + "fc1", x))) * self.w.get(here + "ls2", 1.0)

    def routed(self, here, row):
        logits = self.w[here + "router.weight"] @ row
        chosen = np.argsort(-logits, kind="stable")[: self.c["top_k"]]
        share = np.exp(logits[chosen] - logits[chosen].max())
        gate, up, down = (self.w[f"{here}experts.{name}.weight"] for name in ("gate", "up", "down"))
        results = [down[e] @ (silu(gate[e] @ row) * (up[e] @ row)) for e in chosen]
        return share / share.sum() @ np.stack(results)

    def modulation(self, here, t):
        """(tokens, 6, width) or None."""
        if not self.b.get("adaptive"):
            return None
        time = {"width": self.c["modulation_width"], "scale": 1000.0, "cosine_first": True}
        h = self.linear("time.fc2", silu(self.linear("time.fc1", self.sinusoid(t, time))))
        return self.linear("time.fc3", h).reshape(len(t), 6, -1) + self.w[here + "adaln_table"]

    def block(self, layer, x, given, positions, t):
        here = f"layers.{layer}.expert."
        order, m = self.b.get("order", "before"), self.modulation(here, t)
        branches = (
            lambda n: self.attention(here, n, given["keys"][layer], given["values"][layer], positions),
            lambda n: self.mlp(here, n),
        )
        for index, branch in enumerate(branches):
            name = f"{here}norm{index + 1}"
            n = x if order == "after" else self.norm(name, x)
            if m is None:
                x = x + branch(n)
            else:
                shift, scale, gate = m[:, 3 * index], m[:, 3 * index + 1], m[:, 3 * index + 2]
                x = x + gate * branch(n * (1.0 + scale) + shift)
            if order == "after":
                x = self.norm(name, x)
            elif order == "sandwich":
                x = self.norm(f"{here}norm{index + 3}", x)
        return x

    # The gate.

    def gate(self, tokens, clean, directions):
        g = self.c["gate"]
        observed = np.concatenate([np.zeros((1, g["width"])), self.linear("gate.to_observation", tokens)])
        o = self.linear("gate.observation", observed)
        centre = plain_norm(self.linear("gate.action", clean), True, 1e-5).mean(0)
        normed = plain_norm(o, True, 1e-5)
        if g["directions"]:
            # As published: both projections sorted, then compared.
            rows = np.tile(centre, (len(normed), 1))
            pairs = [(np.sort(normed @ d), np.sort(rows @ d)) for d in directions]
            distance = np.mean([np.mean((a - b) ** 2) for a, b in pairs])
        else:
            distance = ((normed - centre) ** 2).sum(1).mean() / g["width"]
        strength = math.exp(-distance / g["temperature"])
        out = observed + g["strength"] * self.linear("gate.enhance", strength * o)
        return self.linear("gate.to_action", out[1:])

    # The flow.

    def predict(self, x, times, given, domain, committed, gate):
        now, t = times
        context = given["context"] if given["context"] is not None else np.zeros(0)
        tokens = self.embed(masked(x, given), t, context, domain)
        if gate is not None:
            tokens = self.gate(tokens, *gate)
        lead, rows = self.c["lead"], self.c["rows"]
        sequence = np.concatenate([given["lead"], tokens, given["tail"]]).astype(np.float64)
        free = np.arange(len(sequence)) >= lead + committed
        first = given.get("positions", [given["keys"].shape[1]] * 3)
        behind = np.arange(len(sequence)) + free * self.c.get("rope_gap", 0)
        positions = np.asarray(first) + behind[:, None]
        times = np.full(len(sequence), now)
        times[lead : lead + rows] = t
        for layer in range(self.c["layers"]):
            sequence = self.block(layer, sequence, given, positions, times)
        return self.head(sequence[lead : lead + rows], domain)

    def run(self, given, steps, domain=0):
        """(T, channels)."""
        at_one, clean_model = self.c.get("noise_at_one", False), self.c.get("prediction") == "clean"
        kept = given["committed"] if given["committed"] is not None else np.zeros((0, self.c["channels"]))
        d, sign = len(kept), -1.0 if at_one else 1.0
        result = None
        for index, noise in enumerate(given["noise"].astype(np.float64)):
            start = np.full(self.c["rows"], 1.0 if at_one else 0.0)
            clean = self.embed(masked(result, given), start, np.zeros(0), domain) if index else None
            x, result = noise.copy(), np.zeros_like(noise)
            x[:d] = kept
            for k in range(steps):
                now = 1.0 - k / steps if at_one else k / steps
                t = np.full(self.c["rows"], now)
                if self.c.get("locked_done", True):
                    t[:d] = 0.0 if at_one else 1.0
                if clean_model:
                    x = (1 - k / steps) * noise + k / steps * result
                    x[:d] = kept
                x[:, self.c.get("zeroed", [])] = 0.0
                directions = given["directions"]
                along = directions[(index - 1) * steps + k] if index and directions is not None else None
                gate = (clean, along) if index else None
                y = self.predict(x, (now, t), given, domain, d, gate)
                if given.get("pull") is not None:
                    y = y + sign * guidance(x + sign * (1 - k / steps) * y, given, k, steps)
                x = x if clean_model else x + sign * y / steps
                result = y if clean_model else x
                result[:d] = kept
        free = np.ix_(range(d, self.c["rows"]), self.c.get("sigmoid", []))
        result[free] = 1.0 / (1.0 + np.exp(-result[free]))
        return result
