"""Turn one instant into numbers: unified slots of joint angles, words, the scene vector."""

from __future__ import annotations

import math

import numpy as np

from motorium.policies.nano.config import PAD, UNKNOWN, Prompt
from motorium.sim.expert import Expert
from motorium.sim.scene import COLOURS
from motorium.sim.tasks import instruction
from motorium.sim.world import SCENE_NAMES, World, scene_vector
from motorium.types import Float32

HAND_NAMES = ("hand_x_m", "hand_y_m", "hand_z_m", "hand_cos4yaw", "hand_sin4yaw")
"""The target cube seen from the gripper: along its x and y, above the tool tip, and turned by."""

MAX_TOKENS = 8


def prompt() -> Prompt:
    """List the words of the task, after padding and unknown."""
    words = {word for colour in COLOURS for word in instruction(colour).split()}
    return Prompt(vocabulary=(PAD, UNKNOWN, *sorted(words)), max_tokens=MAX_TOKENS, lowercase=True)


def scene_names() -> list[str]:
    """List the names of the entries of `scene_features`."""
    return [*SCENE_NAMES, *HAND_NAMES]


def scene_features(world: World, expert: Expert) -> Float32:
    """Return (S,) float32 truth that can be seen in the pictures alone; what the auxiliary head predicts."""
    cube = world.truth().cube
    tool = expert.arm.tool(world.position_rad)
    x = float(expert.arm.pan_xy[0]) + tool.radius * math.cos(tool.pan)
    y = float(expert.arm.pan_xy[1]) - tool.radius * math.sin(tool.pan)
    yaw = tool.roll - tool.pan + expert.arm.yaw_zero
    c, s, dx, dy = math.cos(yaw), math.sin(yaw), cube.x_m - x, cube.y_m - y
    turn = 4.0 * (cube.yaw_rad - yaw)
    hand = [c * dx + s * dy, c * dy - s * dx, cube.z_m - tool.height, math.cos(turn), math.sin(turn)]
    return np.concatenate([scene_vector(world), np.array(hand, dtype=np.float32)])
