"""Rectified flow: straight paths, times near noise, and a loss that masked values cannot touch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from motorium.learn.objectives.rectified_flow import (
    BetaTime,
    flow_state,
    integrate,
    masked_mse,
    predicted_clean,
    sample_l1,
    sample_mse,
    velocity_target,
)

SHAPE = (2, 3, 5, 4)


def tensors(count: int, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(SHAPE, generator=generator, dtype=torch.float64) for _ in range(count)]


def test_a_path_begins_at_noise_ends_at_data_and_is_straight():
    noise, clean = tensors(2)
    zero, one = torch.zeros(SHAPE[:3], dtype=torch.float64), torch.ones(SHAPE[:3], dtype=torch.float64)
    assert torch.equal(flow_state(noise, clean, zero), noise)
    assert torch.equal(flow_state(noise, clean, one), clean)
    step = flow_state(noise, clean, zero + 0.7) - flow_state(noise, clean, zero + 0.2)
    torch.testing.assert_close(step, 0.5 * velocity_target(noise, clean))


def test_from_any_time_the_true_velocity_leads_to_the_actions():
    noise, clean = tensors(2)
    time = BetaTime().draw(SHAPE[:3], np.random.default_rng(0)).double()
    reached = predicted_clean(flow_state(noise, clean, time), velocity_target(noise, clean), time)
    torch.testing.assert_close(reached, clean)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_straight_path_needs_no_more_than_one_step(steps):
    noise, clean = tensors(2)
    times = []

    def velocity(state, time):
        assert state.shape == SHAPE
        times.append(time.unique().item())
        return velocity_target(noise, clean)

    torch.testing.assert_close(integrate(velocity, noise, steps), clean)
    assert times == pytest.approx([k / steps for k in range(steps)])


def test_the_best_velocity_is_the_mean_over_paths_that_cross():
    noise, clean = tensors(2)
    target = velocity_target(noise, clean)
    mean = target.mean(0, keepdim=True).expand(SHAPE)
    best = masked_mse(mean, target, torch.ones(()))
    assert all(masked_mse(mean + 0.1 * other, target, torch.ones(())) > best for other in tensors(4, seed=1))


def test_times_are_beta_distributed_and_crowd_at_noise():
    drawn = BetaTime().draw((20000,), np.random.default_rng(1))
    assert drawn.dtype == torch.float32
    assert drawn.min() >= 0.0
    assert drawn.max() <= 1.0
    # P(b <= x) = x^1.5, so P(t >= 1 - x) = x^1.5 up to the scale.
    for x in (0.25, 0.5, 0.75):
        assert (drawn >= 1.0 - x).float().mean() == pytest.approx(x**1.5, abs=0.01)
    assert torch.equal(
        BetaTime().draw((4, 2), np.random.default_rng(3)), BetaTime().draw((4, 2), np.random.default_rng(3))
    )


def test_loss_is_the_mean_of_what_counts():
    predicted, target = tensors(2)
    weight = torch.zeros(*SHAPE[:3], 1)
    weight[0, 1, 2:4] = 1.0
    expected = (predicted - target)[0, 1, 2:4].square().mean()
    torch.testing.assert_close(masked_mse(predicted, target, weight), expected)
    torch.testing.assert_close(sample_mse(predicted, target, weight)[0, 1], expected)
    torch.testing.assert_close(
        sample_l1(predicted, target, weight)[0, 1], (predicted - target)[0, 1, 2:4].abs().mean()
    )
    slots = torch.tensor([1.0, 0.0, 0.0, 1.0])  # an embodiment's
    torch.testing.assert_close(
        masked_mse(predicted, target, weight * slots),
        (predicted - target)[0, 1, 2:4][:, [0, 3]].square().mean(),
    )


def test_what_does_not_count_reaches_neither_loss_nor_gradient():
    predicted, target = tensors(2)
    weight = torch.ones(*SHAPE[:3], 1)
    weight[:, :, :2] = 0.0
    predicted[:, :, 0], predicted[:, :, 1], target[:, :, 1] = torch.inf, torch.nan, torch.nan
    predicted.requires_grad_()
    loss = masked_mse(predicted, target, weight)
    loss.backward()
    assert torch.isfinite(loss)
    assert (predicted.grad[:, :, :2] == 0).all()
    assert (predicted.grad[:, :, 2:] != 0).all()


def test_nothing_that_counts_is_a_loss_of_zero():
    predicted, target = tensors(2)
    predicted.requires_grad_()
    loss = masked_mse(predicted, target, torch.zeros(()))
    loss.backward()
    assert loss == 0
    assert (predicted.grad == 0).all()
