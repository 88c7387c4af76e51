"""MJCF text of a robot on a table, built from its RobotSpec and from primitives alone (no meshes).

The world frame is the robot's base frame; the table top is z = 0. Only fingers, cubes, distractors, tray and
table collide. Contact settings (elliptic cone, impratio 10, condim 4) keep a squeezed cube from creeping; see the
MuJoCo documentation, "Computation: contact".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

import numpy as np

from ..specs.geometry import GeomSpec, ViewSpec
from ..specs.kinematics import rotation_rpy
from ..specs.robot import RobotSpec
from .scene import COLOURS, CUBE_M, DISTRACTORS, TRAY_FLOOR_M, TRAY_INNER_M, TRAY_WALL_HEIGHT_M, TRAY_WALL_M
from .servo import ServoModel

TIMESTEP_S = 0.0025
CUBE_KG = 0.015
FINGER_FRICTION = "1.6 0.03 0.0001"
THING_FRICTION = "0.9 0.01 0.0001"


def build_mjcf(spec: RobotSpec, servos: Sequence[ServoModel], colours: Iterable[str] = tuple(COLOURS)) -> str:
    """Return the whole world as MJCF, one servo per joint and one cube per colour.

    Bodies keep the names of joints, colours and distractors.
    """
    root = ET.Element("mujoco", model=spec.name)
    ET.SubElement(root, "compiler", angle="radian", autolimits="true")
    ET.SubElement(
        root, "option", timestep=str(TIMESTEP_S), integrator="implicitfast", cone="elliptic", impratio="10"
    )
    visual = ET.SubElement(root, "visual")
    ET.SubElement(visual, "headlight", ambient="0.45 0.45 0.45", diffuse="0.25 0.25 0.25", specular="0 0 0")
    ET.SubElement(visual, "map", znear="0.01", zfar="10")
    ET.SubElement(visual, "quality", offsamples="4")
    sky = ET.SubElement(ET.SubElement(root, "asset"), "texture", type="skybox", builtin="flat")
    for key, value in {
        "rgb1": "0.55 0.57 0.6",
        "rgb2": "0.55 0.57 0.6",
        "width": "8",
        "height": "48",
    }.items():
        sky.set(key, value)
    world = ET.SubElement(root, "worldbody")
    ET.SubElement(world, "light", name="lamp", pos="0.3 0 0.9", dir="0 0 -1", castshadow="false")
    ET.SubElement(world, "geom", name="table", type="plane", size="1.5 1.5 0.1", friction=THING_FRICTION)
    _add_arm(world, root, spec, servos)
    _add_things(world, colours)
    return ET.tostring(root, encoding="unicode")


def _text(values: object) -> str:
    return " ".join(f"{float(v):.9g}" for v in np.ravel(np.asarray(values)))


def _quaternion(rotation: np.ndarray) -> str:
    w = np.sqrt(max(0.0, 1.0 + np.trace(rotation))) / 2.0
    if w > 1e-3:
        skew = (rotation - rotation.T) / (4.0 * w)
        return _text([w, skew[2, 1], skew[0, 2], skew[1, 0]])
    values, vectors = np.linalg.eigh((rotation + rotation.T) / 2.0)
    return _text([0.0, *vectors[:, int(np.argmax(values))]])


def _add_geom(body: ET.Element, geom: GeomSpec, mass_kg: float) -> None:
    element = ET.SubElement(
        body, "geom", type=geom.shape, rgba=_text([*geom.colour, 1.0]), mass=f"{mass_kg:.6g}"
    )
    if geom.shape == "box":
        element.set("pos", _text(geom.at_m))
        element.set("quat", _quaternion(rotation_rpy(geom.rpy_rad)))
        element.set("size", _text(np.array(geom.size_m) / 2.0))
    else:
        element.set("fromto", _text([*geom.at_m, *geom.to_m]))
        element.set("size", _text([geom.radius_m]))
    finger = geom.role == "finger"
    element.set("contype", "1" if finger else "0")
    element.set("conaffinity", "1" if finger else "0")
    if finger:
        element.set("name", f"finger_{geom.link}")
        element.set("friction", FINGER_FRICTION)
        element.set("condim", "4")


def camera_axes(view: ViewSpec) -> np.ndarray:
    """Return (2, 3) right and up vectors of a camera that looks from `position_m` at `look_at_m`."""
    back = np.array(view.position_m) - np.array(view.look_at_m)
    back /= np.linalg.norm(back)
    right = np.cross(np.array(view.up), back)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(back, right)])


def _add_link_extras(body: ET.Element, spec: RobotSpec, link: str) -> None:
    for geom in spec.geoms:
        if geom.link == link:
            _add_geom(body, geom, 0.0)
    for view in spec.views:
        if view.mount == link:
            ET.SubElement(
                body,
                "camera",
                name=view.role,
                pos=_text(view.position_m),
                xyaxes=_text(camera_axes(view)),
                fovy=_text([view.fovy_deg]),
            )


def _add_arm(world: ET.Element, root: ET.Element, spec: RobotSpec, servos: Sequence[ServoModel]) -> None:
    parent = ET.SubElement(world, "body", name="base")
    _add_link_extras(parent, spec, "base")
    actuators = ET.SubElement(root, "actuator")
    exclude = ET.SubElement(root, "contact")
    for joint, servo in zip(spec.joints, servos, strict=True):
        quat = _quaternion(rotation_rpy(joint.origin_rpy_rad))
        body = ET.SubElement(
            parent, "body", name=joint.name, pos=_text(joint.origin_xyz_m), quat=quat, gravcomp="1"
        )
        # The radius of gyration is a guess (20 mm); the servo's reflected inertia outweighs it.
        inertia = _text([joint.mass_kg * 0.02**2] * 3)
        ET.SubElement(
            body, "inertial", pos=_text(joint.com_m), mass=f"{joint.mass_kg:.6g}", diaginertia=inertia
        )
        hinge = ET.SubElement(
            body,
            "joint",
            name=joint.name,
            type="hinge",
            axis="0 0 1",
            limited="true",
            actuatorgravcomp="true",
        )
        hinge.set("range", _text([joint.lower_rad, joint.upper_rad]))
        hinge.set("damping", f"{servo.back_emf_nm_s_rad:.6g}")
        hinge.set("armature", f"{servo.armature_kg_m2:.6g}")
        hinge.set("frictionloss", "0.02")
        hinge.set("actuatorfrclimited", "true")
        hinge.set("actuatorfrcrange", _text([-servo.stall_torque_nm, servo.stall_torque_nm]))
        _add_link_extras(body, spec, joint.name)
        actuator = ET.SubElement(actuators, "position", name=joint.name, joint=joint.name)
        actuator.set("kp", f"{servo.stiffness_nm_rad:.6g}")
        actuator.set("kv", f"{servo.damping_nm_s_rad:.6g}")
        parent = body
    ET.SubElement(exclude, "exclude", body1=spec.joints[-2].name, body2=spec.joints[-1].name)


def _add_thing(body: ET.Element, name: str, shape: str, size_m: Sequence[float]) -> ET.Element:
    return ET.SubElement(body, "geom", name=name, type=shape, size=_text(size_m), friction=THING_FRICTION)


def _add_things(world: ET.Element, colours: Iterable[str]) -> None:
    for colour in colours:
        body = ET.SubElement(world, "body", name=colour)
        ET.SubElement(body, "freejoint", name=colour)
        cube = _add_thing(body, colour, "box", [CUBE_M / 2.0] * 3)
        cube.set("mass", str(CUBE_KG))
        cube.set("solref", "0.006 1")
    for name, (shape, size) in DISTRACTORS.items():
        _add_thing(ET.SubElement(world, "body", name=name, mocap="true"), name, shape, size)
    tray = ET.SubElement(world, "body", name="tray", mocap="true")
    inner, wall, high = TRAY_INNER_M / 2.0, TRAY_WALL_M / 2.0, TRAY_WALL_HEIGHT_M / 2.0
    outer, floor = inner + 2.0 * wall, TRAY_FLOOR_M / 2.0
    _add_thing(tray, "tray_floor", "box", (outer, outer, floor)).set("pos", _text((0, 0, floor)))
    for name, sx, sy in (("east", 1, 0), ("west", -1, 0), ("north", 0, 1), ("south", 0, -1)):
        side = _add_thing(tray, f"tray_{name}", "box", (wall, outer, high) if sx else (inner, wall, high))
        side.set("pos", _text((sx * (inner + wall), sy * (inner + wall), high)))
