"""Choice heads: only the winner learns, the scores learn the errors, and candidates keep apart."""

from __future__ import annotations

import pytest
import torch

from motorium.learn.objectives.choice import choice_loss, follow

B, N, T, C = 3, 4, 5, 2
ALL = torch.ones(B, 1, T, 1)


def made(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    candidates = torch.randn(B, N, T, C, generator=generator).requires_grad_()
    scores = torch.randn(B, N, generator=generator).requires_grad_()
    return candidates, scores, torch.randn(B, T, C, generator=generator)


def test_only_the_winner_gets_gradient():
    candidates, scores, clean = made()
    loss = choice_loss(candidates, scores, clean, ALL)
    (loss.action + loss.score).backward()
    errors = (candidates - clean[:, None]).abs().mean((-2, -1))
    assert torch.equal(loss.winner, errors.argmin(1))
    for b in range(B):
        for k in range(N):
            touched = candidates.grad[b, k] != 0
            assert touched.all() if k == loss.winner[b] else not touched.any()
    torch.testing.assert_close(loss.action, errors.min(1).values.mean())


def test_scores_learn_the_errors_of_all_candidates():
    candidates, scores, clean = made()
    loss = choice_loss(candidates, scores, clean, ALL)
    loss.score.backward()
    assert candidates.grad is None
    torch.testing.assert_close(scores.grad, 2.0 * (scores.detach() - loss.errors) / (B * N))


def test_the_lowest_score_is_followed():
    candidates, _, clean = made()
    loss = choice_loss(candidates, torch.zeros(B, N), clean, ALL)
    chosen = follow(candidates, loss.errors)
    assert torch.equal(chosen, torch.stack([candidates[b, loss.winner[b]] for b in range(B)]))


def test_unknown_rows_decide_nothing():
    candidates, scores, clean = made()
    weight = ALL.clone()
    weight[:, :, 3:] = 0.0
    weight[1] = 0.0  # nothing is known of this observation
    before = choice_loss(candidates, scores, clean, weight)
    clean[:, 3:], clean[1] = 1e6, -1e6
    after = choice_loss(candidates, scores, clean, weight)
    assert torch.equal(before.winner, after.winner)
    assert before.action == after.action
    assert before.score == after.score
    known = torch.stack([before.errors[b, before.winner[b]] for b in (0, 2)])
    torch.testing.assert_close(before.action, known.mean())


def test_two_ways_to_do_it_stay_two():
    """Half of the time left, half of the time right: one candidate each, where a mean would go into the middle."""
    sides = torch.tensor([-1.0, 1.0] * 16)[:, None, None].expand(32, T, C)
    heads = torch.tensor([-0.1, 0.2])[:, None, None].repeat(1, T, C).requires_grad_()
    scores = torch.zeros(32, 2)
    optimiser = torch.optim.SGD([heads], lr=1.0)
    for _ in range(60):
        optimiser.zero_grad()
        choice_loss(heads.expand(32, 2, T, C), scores, sides, torch.ones(32, 1, T, 1)).action.backward()
        optimiser.step()
    assert heads[0].mean().item() == pytest.approx(-1.0, abs=0.1)
    assert heads[1].mean().item() == pytest.approx(1.0, abs=0.1)
