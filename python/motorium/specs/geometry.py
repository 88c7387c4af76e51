"""Shape of a robot as data: primitive geoms, all that the simulated world and viewers know of its looks."""

from __future__ import annotations

from dataclasses import dataclass

Vec3 = tuple[float, float, float]

SHAPES = ("box", "capsule", "cylinder")
GEOM_ROLES = ("body", "finger")


@dataclass(frozen=True)
class GeomSpec:
    """One primitive fixed in a link.

    Attributes:
        link: "base" or the joint that moves the link.
        shape: "box" uses `size_m` and `rpy_rad`; "capsule" and "cylinder" run from `at_m` to `to_m`.
        role: "finger" geoms touch things; "body" geoms are only seen.
        at_m: centre of a box, first end of a capsule or cylinder, in the link frame.
        size_m: full edge lengths of a box.
    """

    link: str
    shape: str
    role: str
    colour: Vec3
    at_m: Vec3
    rpy_rad: Vec3 = (0.0, 0.0, 0.0)
    size_m: Vec3 = (0.0, 0.0, 0.0)
    to_m: Vec3 = (0.0, 0.0, 0.0)
    radius_m: float = 0.0


@dataclass(frozen=True)
class ViewSpec:
    """Where the camera of a role sits; vectors are in the link of `mount` ("base" or a joint's name)."""

    role: str
    mount: str
    position_m: Vec3
    look_at_m: Vec3
    up: Vec3
    fovy_deg: float


@dataclass(frozen=True)
class GraspSpec:
    """The gripper as a pair of flat pads, in the link of the tool's parent.

    Attributes:
        joint: the joint that moves the far pad.
        pad_x_m: where the fixed pad's face is on the link's x axis; the far pad closes towards it.
        grip_rad: gripper angle at which the pads are parallel, `grip_width_m` apart.
        open_rad: angle for approaching an object.
        closed_rad: goal that squeezes an object of `grip_width_m`.
        pad_length_m: distance from the moving pad's hinge to the height of the tool centre point.
    """

    joint: str
    pad_x_m: float
    grip_rad: float
    grip_width_m: float
    open_rad: float
    closed_rad: float
    pad_length_m: float
