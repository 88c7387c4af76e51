"""X-VLA's end-effector loss: its parts and weights, and rotations as six numbers in both packings."""

from __future__ import annotations

import math

import pytest
import torch

from motorium.learn.objectives.eef import (
    LEFT,
    RIGHT,
    EefWeights,
    eef_loss,
    hide_grippers,
    rot6d_to_rotation,
    rotation_to_rot6d,
)

SHAPE = (2, 3, 4, 20)
ONES = torch.ones(*SHAPE[:3], 1)
PACKINGS = ("columns", "rows")


def rotations(count: int = 50) -> torch.Tensor:
    """(count, 3, 3), from unit quaternions."""
    drawn = torch.randn(count, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    w, x, y, z = torch.nn.functional.normalize(drawn, dim=1).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def made(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    predicted, target = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(seed))
    target[..., [9, 19]] = (target[..., [9, 19]] > 0).float()
    return predicted, target


@pytest.mark.parametrize("packing", PACKINGS)
def test_rotations_survive_six_numbers(packing):
    rotation = rotations()
    torch.testing.assert_close(rot6d_to_rotation(rotation_to_rot6d(rotation, packing), packing), rotation)


def test_the_two_packings_are_those_of_the_data_sets():
    matrix = torch.arange(9.0).reshape(3, 3)
    assert rotation_to_rot6d(matrix, "columns").tolist() == [0.0, 3.0, 6.0, 1.0, 4.0, 7.0]
    assert rotation_to_rot6d(matrix, "rows").tolist() == [0.0, 1.0, 3.0, 4.0, 6.0, 7.0]


@pytest.mark.parametrize("packing", PACKINGS)
def test_any_six_numbers_become_a_rotation(packing):
    six = torch.randn(50, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    rotation = rot6d_to_rotation(six, packing)
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3, dtype=torch.float64).expand(50, 3, 3))
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(50, dtype=torch.float64))
    first = six[:, :3] if packing == "columns" else six[:, ::2]
    torch.testing.assert_close(rotation[..., 0], first / first.norm(dim=1, keepdim=True))


def test_six_numbers_have_no_jump_where_angles_have_one():
    def about_z(angle):
        c, s = math.cos(angle), math.sin(angle)
        return torch.tensor([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

    below, above = (rotation_to_rot6d(about_z(angle)) for angle in (math.pi - 0.01, -math.pi + 0.01))
    assert (below - above).square().mean() < 1e-3


def test_the_loss_is_the_weighted_sum_of_its_parts():
    predicted, target = made()
    loss = eef_loss(predicted, target, ONES, (LEFT, RIGHT))
    error = (predicted - target).square()
    position = error[..., 0:3].mean() + error[..., 10:13].mean()
    rotation = error[..., 3:9].mean() + error[..., 13:19].mean()
    p, closed = torch.sigmoid(predicted[..., [9, 19]]), target[..., [9, 19]]
    gripper = -(closed * p.log() + (1 - closed) * (1 - p).log()).mean()
    torch.testing.assert_close(loss.position, 500.0 * position)
    torch.testing.assert_close(loss.rotation, 10.0 * rotation)
    torch.testing.assert_close(loss.gripper, gripper)
    torch.testing.assert_close(loss.total, 500.0 * position + 10.0 * rotation + gripper)
    assert (
        eef_loss(predicted, target, ONES, (LEFT,), EefWeights(1.0, 0.0, 0.0)).total == error[..., 0:3].mean()
    )


def test_rows_and_arms_that_do_not_count_get_no_gradient():
    predicted, target = made()
    weight = ONES.clone()
    weight[:, :, 2:] = 0.0
    predicted[:, :, 2:], target[:, :, 3:] = torch.inf, torch.nan
    predicted.requires_grad_()
    total = eef_loss(predicted, target, weight).total
    total.backward()
    assert torch.isfinite(total)
    assert (predicted.grad[:, :, :2, :10] != 0).all()
    assert (predicted.grad[:, :, 2:] == 0).all()
    assert (predicted.grad[..., 10:] == 0).all()


def test_a_sure_wrong_gripper_still_has_a_gradient():
    predicted, target = torch.zeros(1, 1, 1, 10), torch.zeros(1, 1, 1, 10)
    predicted[..., 9], target[..., 9] = -200.0, 1.0
    predicted.requires_grad_()
    loss = eef_loss(predicted, target, torch.ones(1, 1, 1, 1))
    loss.total.backward()
    assert loss.gripper == 200.0
    assert predicted.grad[..., 9] == -1.0


def test_the_network_never_sees_a_gripper():
    x = torch.ones(2, 20)
    hidden = hide_grippers(x, (LEFT, RIGHT))
    assert hidden[:, [9, 19]].sum() == 0
    assert hidden.sum() == 36
    assert x.sum() == 40
