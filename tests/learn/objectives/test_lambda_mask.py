"""Lambda mask: who sees committed rows, against attention itself, the model's mask and the engine's definition."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from reference_denoiser import ReferenceDenoiser
from torch.nn import functional

from motorium.learn.model import causal_mask
from motorium.learn.objectives.lambda_mask import lambda_mask

PREFIX, LEAD, ROWS = 4, 2, 10


@pytest.mark.parametrize("delay", [0, 3, 6])
@pytest.mark.parametrize("window", [1, 2, 4])
def test_only_the_first_noisy_rows_see_committed_ones(delay, window):
    rows = lambda_mask(PREFIX, LEAD, ROWS, window)[LEAD:, PREFIX + LEAD :]
    for row in range(delay, ROWS):
        sees_committed = bool(rows[row, :delay].any())
        assert sees_committed == (delay > 0 and row < delay + window)


def test_every_row_sees_prefix_lead_and_itself_but_no_future():
    mask = lambda_mask(PREFIX, LEAD, ROWS, 2)
    assert mask[:, :PREFIX].all()
    assert mask[LEAD:, : PREFIX + LEAD].all()
    own = mask[:, PREFIX:]
    assert own.diagonal().all()
    assert not own.triu(1).any()


def test_a_wide_window_is_the_causal_mask_of_the_network():
    assert torch.equal(lambda_mask(PREFIX, 1, ROWS, ROWS), causal_mask(PREFIX, ROWS + 1))


@pytest.mark.parametrize("window", [0, 1, 3, 20])
def test_it_is_the_mask_that_the_engine_was_tested_against(window):
    config = {"lead": LEAD, "mask": "lambda", "window": window, "format": 2}
    asked = SimpleNamespace(c=config, before=lambda: ReferenceDenoiser.before(SimpleNamespace(c=config)))
    expected = torch.from_numpy(ReferenceDenoiser.mask(asked, PREFIX, LEAD + ROWS))
    assert torch.equal(lambda_mask(PREFIX, LEAD, ROWS, window), expected)


def test_attention_of_a_late_row_does_not_depend_on_committed_rows():
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 1, 1, LEAD + ROWS, 8, generator=generator)
    mask = lambda_mask(0, LEAD, ROWS, 2)
    before = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    k[..., LEAD : LEAD + 3, :] += 5.0  # three committed rows
    after = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    changed = (before != after).any(-1).flatten()
    assert changed[LEAD : LEAD + 5].all()
    assert not changed[LEAD + 5 :].any()
