"""RoPE offset: noisy rows stand apart from committed ones, and among themselves as before."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from reference_denoiser import ReferenceDenoiser

from motorium.learn.objectives.rope_offset import rotate, token_positions

LEAD, ROWS, THETA = 2, 8, 10000.0


def scores(delay: int, offset: int) -> torch.Tensor:
    """(rows, rows) of the same queries and keys."""
    q, k = torch.randn(2, ROWS, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    positions = token_positions(torch.tensor([[delay]]), LEAD + ROWS, LEAD, 7, offset)[0, 0, LEAD:]
    return rotate(q, positions, THETA) @ rotate(k, positions, THETA).T


def test_noisy_rows_get_ten_more():
    positions = token_positions(torch.tensor([[0, 3], [6, ROWS]]), LEAD + ROWS, LEAD, 7)
    plain = 7 + torch.arange(LEAD + ROWS)
    for delay, got in zip([0, 3, 6, ROWS], positions.flatten(0, 1), strict=True):
        free = torch.arange(LEAD + ROWS) >= LEAD + delay
        assert torch.equal(got, plain + 10 * free)


def test_rows_of_a_kind_attend_to_each_other_as_without_offset():
    near, far = scores(3, 0), scores(3, 10)
    torch.testing.assert_close(near[:3, :3], far[:3, :3])
    torch.testing.assert_close(near[3:, 3:], far[3:, 3:])
    assert (near[3:, :3] - far[3:, :3]).abs().min() > 1e-4


def test_a_committed_row_looks_ten_rows_further_away():
    q, k = torch.randn(2, 1, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    positions = token_positions(torch.tensor([[3]]), ROWS)[0, 0]
    apart = rotate(q, positions[5:6], THETA) @ rotate(k, positions[2:3], THETA).T
    same = rotate(q, torch.tensor([13]), THETA) @ rotate(k, torch.tensor([0]), THETA).T
    torch.testing.assert_close(apart, same)


def test_it_turns_as_the_engine_was_tested_to_turn():
    x = torch.randn(5, 3, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)  # tokens, heads
    positions = torch.tensor([0, 1, 2, 13, 14])
    reference = SimpleNamespace(c={"rope_theta": THETA})
    expected = ReferenceDenoiser.rotate(reference, x.numpy(), np.tile(positions.numpy()[:, None], 3))
    got = rotate(x.transpose(0, 1), positions, THETA).transpose(0, 1)
    assert got.numpy() == pytest.approx(expected, abs=1e-12)
