"""Teach, in training only, in which patch of every picture the target cube is, and where in the patch.

Its small heads are thrown away afterwards; what stays are patches that know what the instruction speaks of. Where the
cube is in a picture follows from the true scene vector and the declared camera (its random shift is ignored).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from motorium.policies.nano.config import Descriptor
from motorium.sim.mjcf import camera_axes
from motorium.specs.kinematics import Chain
from motorium.specs.robot import RobotSpec

NEAR_M = 0.02


class Grounding(nn.Module):
    """One linear head per camera: patch logit and offset inside the patch."""

    def __init__(self, descriptor: Descriptor, spec: RobotSpec) -> None:
        super().__init__()
        self.roles = tuple(camera.role for camera in descriptor.cameras)
        self.heads = nn.ModuleDict({role: nn.Linear(descriptor.dims.prefix_width, 3) for role in self.roles})
        self._columns = {name: i for i, name in enumerate(descriptor.scene.names)}
        self._depth_m = float(-Chain(spec).tcp_offset[2])
        self._cameras = {view.role: view for view in spec.views}

    def forward(self, views: Sequence[Tensor], scene: Tensor) -> Tensor:
        """Compute the loss for per-camera (B, patches, U) tokens and (B, S) true scene vectors in their own units."""
        losses = []
        for role, tokens in zip(self.roles, views, strict=True):
            side = math.isqrt(tokens.shape[1])
            where = self.project(role, scene) * side
            seen = ((where >= 0) & (where < side)).all(dim=-1)
            cell = where.floor().clamp(0, side - 1)
            index = (cell[:, 1] * side + cell[:, 0]).long()
            said = self.heads[role](functional.rms_norm(tokens, tokens.shape[-1:]))
            patch = functional.cross_entropy(said[..., 0], index, reduction="none")
            offset = said[torch.arange(len(index)), index, 1:] - 2.0 * (where - cell - 0.5)
            losses.append(((patch + offset.square().mean(dim=-1)) * seen).sum() / seen.sum().clamp(min=1))
        return torch.stack(losses).mean()

    def project(self, role: str, scene: Tensor) -> Tensor:
        """Return the target cube in a camera's picture, (B, 2) x and y, 0..1 from the upper left."""
        view = self._cameras[role]
        names = (
            ("target_x_m", "target_y_m", "target_z_m")
            if view.mount == "base"
            else ("hand_x_m", "hand_y_m", "hand_z_m")
        )
        point = scene[:, [self._columns[name] for name in names]]
        if view.mount != "base":
            point = point - torch.tensor([0.0, 0.0, self._depth_m])
        ray = point - torch.tensor(view.position_m, dtype=torch.float32)
        right, up = torch.from_numpy(camera_axes(view)).float()
        away = torch.linalg.cross(up, right)
        ahead = (ray @ away).clamp(min=NEAR_M)
        scale = 2.0 * math.tan(math.radians(view.fovy_deg) / 2.0)
        return torch.stack([0.5 + ray @ right / (ahead * scale), 0.5 - ray @ up / (ahead * scale)], dim=-1)
