"""MPG: the gate weighs observations by their distance to the actions, and nothing is learned through it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from motorium.learn.objectives.mpg import anchor_of, discrepancy, enhance, gate, unit_directions

B, N, T, H, A, W = 3, 5, 4, 6, 7, 8


def made(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        "hidden": (B, N, H),
        "observe": (W, H),
        "act": (W, A),
        "weight": (H, W),
        "bias": (H,),
        "actions": (B, T, A),
    }
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()
    }


def enhanced(m, hidden, strength=0.1, temperature=1.0, directions=None):
    encoded = torch.tanh(hidden @ m["observe"].T)
    anchor = anchor_of(m["actions"], lambda x: x @ m["act"].T)
    g = gate(discrepancy(encoded, anchor, directions), temperature)
    return enhance(hidden, encoded @ m["weight"].T, m["bias"], g, strength), g


def test_the_gate_is_one_where_both_agree_and_closes_with_distance():
    generator = torch.Generator().manual_seed(1)
    actions, away = torch.randn(2, B, N, W, generator=generator, dtype=torch.float64)
    actions = actions[:, :1].expand(B, N, W)
    anchor = anchor_of(actions, lambda x: x)
    distances = torch.stack([discrepancy(actions + s * away, anchor) for s in (0.0, 0.2, 0.6, 2.0)])
    gates = gate(distances, 2.0)
    torch.testing.assert_close(gates[0], torch.ones(B, dtype=torch.float64))
    assert (gates.diff(dim=0) < 0).all()
    assert (gates > 0).all()
    torch.testing.assert_close(gates, torch.exp(-distances / 2.0))


def test_no_gradient_flows_through_the_gate():
    m = made()
    parameters = [m["act"].requires_grad_(), m["actions"].requires_grad_(), m["weight"].requires_grad_()]
    out, g = enhanced(m, m["hidden"])
    assert not g.requires_grad
    act, actions, weight = torch.autograd.grad(out.square().sum(), parameters, allow_unused=True)
    assert act is None
    assert actions is None
    assert (weight != 0).any()


def test_the_jacobian_is_that_of_equation_16():
    m = made()
    hidden = m["hidden"][:1, :1].clone()
    m["actions"] = m["actions"][:1]
    whole = torch.autograd.functional.jacobian(lambda h: enhanced(m, h)[0], hidden).reshape(H, H)
    _, g = enhanced(m, hidden)
    slope = torch.autograd.functional.jacobian(lambda h: torch.tanh(h @ m["observe"].T), hidden).reshape(W, H)
    torch.testing.assert_close(
        whole, torch.eye(H, dtype=torch.float64) + 0.1 * g.item() * m["weight"] @ slope
    )


def test_the_offset_stays_when_the_gate_is_shut():
    m = made()
    shut, g = enhanced(m, m["hidden"], temperature=1e-4)
    assert (g < 1e-9).all()
    torch.testing.assert_close(shut, m["hidden"] + 0.1 * m["bias"])


def test_without_strength_nothing_changes():
    m = made()
    assert torch.equal(enhanced(m, m["hidden"], strength=0.0)[0], m["hidden"])


def test_many_directions_come_to_the_closed_form():
    m = made()
    encoded = m["hidden"] @ m["observe"].T
    anchor = anchor_of(m["actions"], lambda x: x @ m["act"].T)
    directions = unit_directions(20000, W, np.random.default_rng(0)).double()
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(20000, dtype=torch.float64))
    torch.testing.assert_close(
        discrepancy(encoded, anchor, directions), discrepancy(encoded, anchor), rtol=0.03, atol=0.0
    )


def test_each_chunk_has_its_own_gate():
    m = made()
    _, g = enhanced(m, m["hidden"])
    other = {**m, "hidden": m["hidden"].clone()}
    other["hidden"][1] *= -1.0
    _, changed = enhanced(other, other["hidden"])
    assert torch.equal(g[[0, 2]], changed[[0, 2]])
    assert g[1] != changed[1]


def test_the_anchor_is_pooled_before_or_after_the_encoder():
    m = made()
    first = anchor_of(m["actions"], lambda x: x @ m["act"].T)
    later = anchor_of(m["actions"], lambda x: x @ m["act"].T, pool_first=False)
    assert first.shape == later.shape == (B, W)
    assert first.square().mean().item() == pytest.approx(1.0, abs=1e-3)
    assert later.square().mean().item() < first.square().mean().item()


def test_shapes_of_flow_states_are_taken_too():
    hidden = torch.randn(2, 3, T, H, generator=torch.Generator().manual_seed(2))
    g = gate(discrepancy(hidden, hidden.mean(-2)), 1.0)
    assert g.shape == (2, 3)
    assert enhance(hidden, hidden, torch.zeros(H), g, math.pi).shape == hidden.shape
