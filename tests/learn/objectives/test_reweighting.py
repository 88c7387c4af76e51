"""Re-weighting: behind committed rows a chunk counts by its online error, within bounds."""

from __future__ import annotations

import torch

from motorium.learn.objectives.commitment import locked_rows, loss_weight
from motorium.learn.objectives.reweighting import online_weights, reweighted

T, C = 6, 4


def test_the_weight_is_the_l1_error_within_bounds():
    clean = torch.zeros(1, 4, T, C)
    predicted = clean + torch.tensor([0.1, 0.9, 3.0, 40.0])[:, None, None]
    delay = torch.full((1, 4), 2)
    weight = loss_weight(torch.ones(1, T, dtype=torch.bool), locked_rows(delay, T))
    got = online_weights(predicted, clean, weight, delay)
    torch.testing.assert_close(got, torch.tensor([[0.5, 0.9, 3.0, 5.0]]))


def test_chunks_without_committed_rows_count_as_ever():
    predicted = torch.full((1, 2, T, C), 3.0)
    got = online_weights(
        predicted, torch.zeros_like(predicted), torch.ones(1, 2, T, 1), torch.tensor([[0, 1]])
    )
    assert got.tolist() == [[1.0, 3.0]]


def test_committed_rows_are_not_part_of_the_error():
    delay = torch.tensor([[2]])
    weight = loss_weight(torch.ones(1, T, dtype=torch.bool), locked_rows(delay, T))
    predicted = torch.full((1, 1, T, C), 2.0)
    predicted[:, :, :2] = 1e6
    assert online_weights(predicted, torch.zeros_like(predicted), weight, delay).item() == 2.0


def test_what_is_learned_is_the_loss_not_the_weight():
    predicted = torch.full((1, 1, T, C), 2.0, requires_grad=True)
    weights = online_weights(predicted, torch.zeros(1, 1, T, C), torch.ones(()), torch.tensor([[1]]))
    assert not weights.requires_grad
    losses = (predicted * 3.0).mean((-2, -1))
    loss = reweighted(losses, weights)
    loss.backward()
    assert loss.item() == 12.0
    torch.testing.assert_close(predicted.grad, torch.full_like(predicted, 6.0 / (T * C)))
