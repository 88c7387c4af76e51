"""Binding by name: every input and output of a checkpoint gets the robot's joint or camera, or is refused."""

from __future__ import annotations

from dataclasses import dataclass

from ..deprecated import renamed_keyword
from ..errors import BindingError
from ..specs.joint import JointSpec
from ..specs.robot import RobotSpec
from .channels import ActionChannel, Interface, StateChannel

Channel = StateChannel | ActionChannel


@dataclass(frozen=True)
class Binding:
    """A checkpoint that fits a robot.

    Attributes:
        embodiment: index of the robot in the checkpoint's list.
        state: robot joint index behind each state input.
        action: robot joint index behind each action output.
        cameras: the roles to hand over, in the checkpoint's order.
    """

    embodiment: int
    state: tuple[int, ...]
    action: tuple[int, ...]
    cameras: tuple[str, ...]


@dataclass(frozen=True)
class MappingRow:
    """One line of `motorium doctor`: what the checkpoint says and what the robot has in that place.

    `lower`, `upper` are the robot's limits and `low`, `high` the checkpoint's range, both in `unit`.
    `mean` and `std` are None where the checkpoint has none. `problem` is empty when the two agree.
    """

    kind: str
    name: str
    slot: int | None
    unit: str
    robot_name: str
    lower: float | None
    upper: float | None
    low: float | None
    high: float | None
    mean: float | None
    std: float | None
    problem: str


def slot_limits(joint: JointSpec) -> tuple[float, float]:
    """Return the limits of a joint in slot units."""
    return (
        joint.slot_scale * joint.lower_rad + joint.slot_offset,
        joint.slot_scale * joint.upper_rad + joint.slot_offset,
    )


@renamed_keyword(descriptor="policy")
def bind(policy: Interface, robot: RobotSpec) -> Binding:
    """Match by joint name, slot, unit, camera role and size. Raises BindingError with both full lists.

    Every joint of the robot must be commanded; state inputs may be fewer than the robot's joints.
    """
    problems = [row.problem for row in mapping_table(policy, robot) if row.problem]
    if robot.name not in policy.embodiments:
        problems.append(f"robot {robot.name!r} is not among its embodiments")
    commanded = {channel.joint for channel in policy.action}
    problems += [f"no action for joint {j.name!r}" for j in robot.joints if j.name not in commanded]
    if problems:
        raise BindingError(
            f"checkpoint {policy.name!r} does not fit robot {robot.name!r}: {'; '.join(problems)}\n"
            f"  checkpoint: {_describe_checkpoint(policy)}\n"
            f"  robot:      {_describe_robot(robot)}"
        )
    index = {joint.name: i for i, joint in enumerate(robot.joints)}
    return Binding(
        embodiment=policy.embodiments.index(robot.name),
        state=tuple(index[channel.joint] for channel in policy.state),
        action=tuple(index[channel.joint] for channel in policy.action),
        cameras=tuple(camera.role for camera in policy.cameras),
    )


@renamed_keyword(descriptor="policy")
def mapping_table(policy: Interface, robot: RobotSpec) -> list[MappingRow]:
    """Return every input and output of the checkpoint beside what the robot has for it."""
    rows = [_channel_row("state", channel, robot) for channel in policy.state]
    rows += [_channel_row("action", channel, robot) for channel in policy.action]
    return rows + [_camera_row(policy, index, robot) for index in range(len(policy.cameras))]


def _channel_row(kind: str, channel: Channel, robot: RobotSpec) -> MappingRow:
    joint = next((j for j in robot.joints if j.name == channel.joint), None)
    owner = next((j for j in robot.joints if j.slot == channel.slot), None)
    lower, upper = slot_limits(joint) if joint is not None else (None, None)
    return MappingRow(
        kind=kind,
        name=channel.joint,
        slot=channel.slot,
        unit=channel.unit,
        robot_name=owner.name if owner is not None else "-",
        lower=lower,
        upper=upper,
        low=channel.min,
        high=channel.max,
        mean=channel.mean if isinstance(channel, StateChannel) else None,
        std=channel.std if isinstance(channel, StateChannel) else None,
        problem=_channel_problem(kind, channel, joint),
    )


def _channel_problem(kind: str, channel: Channel, joint: JointSpec | None) -> str:
    if joint is None:
        return f"{kind} {channel.joint!r} is not a joint of the robot"
    if joint.slot != channel.slot:
        return (
            f"{kind} {channel.joint!r} is in slot {channel.slot}, but the robot has it in slot {joint.slot}"
        )
    if joint.unit != channel.unit:
        return f"{kind} {channel.joint!r} is in {channel.unit}, the robot uses {joint.unit}"
    return ""


def _camera_row(policy: Interface, index: int, robot: RobotSpec) -> MappingRow:
    camera = policy.cameras[index]
    size = f"{camera.width}x{camera.height}"
    own = next((c for c in robot.cameras if c.role == camera.role), None)
    problem = ""
    if own is None:
        problem = f"camera {camera.role!r} is not a camera of the robot"
    elif (own.width, own.height) != (camera.width, camera.height):
        problem = f"camera {camera.role!r} is {size}, the robot's is {own.width}x{own.height}"
    name = own.role if own is not None else "-"
    return MappingRow("camera", camera.role, None, size, name, *(None,) * 6, problem=problem)


def _describe_channels(channels: tuple[Channel, ...]) -> str:
    return ", ".join(f"{c.joint}@{c.slot}[{c.unit}]" for c in channels)


def _describe_checkpoint(policy: Interface) -> str:
    cameras = ", ".join(f"{c.role} {c.width}x{c.height}" for c in policy.cameras)
    return (
        f"state {_describe_channels(policy.state)}; action {_describe_channels(policy.action)}; cameras {cameras}; "
        f"embodiments {', '.join(policy.embodiments)}"
    )


def _describe_robot(robot: RobotSpec) -> str:
    joints = ", ".join(f"{j.name}@{j.slot}[{j.unit}]" for j in robot.joints)
    cameras = ", ".join(f"{c.role} {c.width}x{c.height}" for c in robot.cameras)
    return f"joints {joints}; cameras {cameras}; name {robot.name}"
