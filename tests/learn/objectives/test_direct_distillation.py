"""Direct distillation: one step of the student ends where many of its teacher's do, and committed rows stay."""

from __future__ import annotations

import pytest
import torch

from motorium.learn.objectives.direct_distillation import reached

SHAPE = (64, 1, 2, 3)
FREE = torch.zeros(SHAPE[:3], dtype=torch.bool)
TEACHER_STEPS = 4


def curved(state: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    """The velocity from noise to two places, +-1 (E[data | x_t] - x_t) / (1 - t): one step ends between them."""
    left = 1.0 - time[..., None]
    return (torch.tanh(state * time[..., None] / left.square().clamp(min=1e-6)) - state) / left.clamp(
        min=1e-3
    )


def test_a_student_reaches_in_one_step_what_takes_its_teacher_more():
    generator = torch.Generator().manual_seed(0)
    size, basis = (128, 1, 1, 1), torch.arange(1, 8)
    weight = torch.zeros(len(basis), requires_grad=True)
    free = torch.zeros(size[:3], dtype=torch.bool)

    def student(state: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        return curved(state, time) + torch.sin(state * basis) @ weight[:, None]

    def apart(network, noise: torch.Tensor, steps: int = 1) -> torch.Tensor:
        target = reached(curved, noise, free, TEACHER_STEPS)
        return (reached(network, noise, free, steps) - target).square().mean()

    optimiser = torch.optim.Adam([weight], lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        apart(student, torch.randn(size, generator=generator)).backward()
        optimiser.step()
    noise = torch.randn(size, generator=generator)
    with torch.inference_mode():
        assert apart(student, noise) < 0.02 * apart(curved, noise)
        assert apart(student, noise) < 0.1 * apart(curved, noise, 2)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_committed_rows_are_a_fixed_point_of_every_flow(steps):
    start = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    locked = FREE.clone()
    locked[..., 0] = True
    seen: list[torch.Tensor] = []

    def velocity(state, time):
        seen.append(time)
        return curved(state, time)

    found = reached(velocity, start, locked, steps)
    assert torch.equal(found[:, :, 0], start[:, :, 0])
    assert not torch.equal(found[:, :, 1], start[:, :, 1])
    assert len(seen) == steps
    assert all((time[..., 0] == 1.0).all() for time in seen)
    assert [time[0, 0, 1].item() for time in seen] == [k / steps for k in range(steps)]
