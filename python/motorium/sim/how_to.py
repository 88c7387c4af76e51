"""How other programs reach a virtual arm, in words."""

from __future__ import annotations

from collections.abc import Mapping

from ..specs.robot import RobotSpec
from ..specs.servo_family import FAMILIES

LEROBOT = {
    "so101": "SO101FollowerConfig",
    "so101_leader": "SO101LeaderConfig",
    "koch_follower": "KochFollowerConfig",
    "koch_leader": "KochLeaderConfig",
}
"""LeRobot's classes (0.4) for the same arms."""
FOLLOWERS = {"so101_leader": "so101", "koch_leader": "koch_follower"}


def how_to(spec: RobotSpec, port: str, cameras: Mapping[str, str]) -> str:
    """Return instructions for driving the virtual arm of `spec` on `port`; `cameras`: role -> path of its ring."""
    kit = f'PortHandler("{port}"), {spec.bus.baud} baud'
    vendor = FAMILIES[spec.bus.protocol].kit
    lines = [", ".join([f"  {vendor[0]:<13} {kit}", *vendor[1:]])] if vendor else []
    if spec.name in LEROBOT:
        lines.append(f'  LeRobot       {LEROBOT[spec.name]}(port="{port}", id="virtual")')
    if spec.name in FOLLOWERS:
        leader = f"--leader {spec.name} --leader-port {port} --leader-calibration nominal"
        lines.append(f"  motorium      motorium teleop sim:{FOLLOWERS[spec.name]} {leader}")
    else:
        lines.append(f'  motorium      Robot.open("{spec.name}", port="{port}", calibration="nominal")')
    if cameras:
        lines.append("  frames        motorium.sim.shared_frames.FrameReader(path):")
        lines += [f"    {role:<11} {path}" for role, path in cameras.items()]
    return "\n".join(lines)
