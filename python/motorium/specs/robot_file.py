"""Read a robot from decoded TOML, alone or as several arms, and check that it does not contradict itself."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import SpecError
from . import encoder
from .checks import choice, short_text, unique
from .composition import compose
from .geometry import GEOM_ROLES, SHAPES, GeomSpec, GraspSpec, ViewSpec
from .joint import JointSpec, check_joint
from .latency import LatencySpec
from .robot import (
    EXIT_POLICIES,
    BusSpec,
    CameraSpec,
    ControlSpec,
    ExitSpec,
    PolicyRateSpec,
    RobotSpec,
    TcpSpec,
)
from .servo import MotorSpec
from .servo_family import DRIVERS, FAMILIES, PROTOCOLS
from .toml_table import build, build_all, convert
from .travel import check_bounds
from .zero import JointZero


def parse(table: Mapping[str, object], *, where: str = "robot") -> RobotSpec:
    """Build and check a RobotSpec from decoded TOML. Raises SpecError."""
    if "arms" in table:
        return _parse_pair(table, where)
    required = ("schema", "robot", "control", "policy", "bus", "exit", "tcp", "joints", "cameras")
    sections = (*required, "geoms", "views", "grasp", "latency")
    unknown = sorted(set(table) - set(sections))
    if unknown:
        raise SpecError(f"unknown section {unknown[0]!r} in {where}; valid sections: {', '.join(sections)}")
    missing = [section for section in required if section not in table]
    if missing:
        raise SpecError(f"{where} lacks section {missing[0]!r}; valid sections: {', '.join(sections)}")
    if table["schema"] != 1:
        raise SpecError(f"{where} has schema {table['schema']!r}; this version reads schema 1")
    identity = table["robot"]
    if not isinstance(identity, Mapping) or set(identity) != {"name", "title", "description"}:
        raise SpecError(f"{where}.robot must have exactly the keys name, title, description")
    spec = RobotSpec(
        **{key: convert(identity[key], "str", f"{where}.robot.{key}") for key in identity},
        control=build(ControlSpec, table["control"], f"{where}.control"),
        policy=build(PolicyRateSpec, table["policy"], f"{where}.policy"),
        bus=build(BusSpec, table["bus"], f"{where}.bus"),
        exit=build(ExitSpec, table["exit"], f"{where}.exit"),
        tcp=build(TcpSpec, table["tcp"], f"{where}.tcp"),
        joints=build_all(JointSpec, table, "joints", where),
        cameras=build_all(CameraSpec, table, "cameras", where),
        geoms=build_all(GeomSpec, table, "geoms", where) if "geoms" in table else (),
        views=build_all(ViewSpec, table, "views", where) if "views" in table else (),
        grasp=build(GraspSpec, table["grasp"], f"{where}.grasp") if "grasp" in table else None,
        latency=build(LatencySpec, table["latency"], f"{where}.latency") if "latency" in table else None,
    )
    check(spec, where=where)
    return spec


def _parse_pair(table: Mapping[str, object], where: str) -> RobotSpec:
    if table.get("schema") != 1 or not {"robot", "cameras"} <= set(table):
        raise SpecError(f"{where} needs schema = 1, [robot], [[arms]] and [[cameras]]")
    spec = compose(table, build_all(CameraSpec, table, "cameras", where), where)
    check(spec, where=where)
    return spec


def _check_encoders(spec: RobotSpec, where: str) -> None:
    """Every position that a joint may take must be a count of its servo, with the zeros of the file; so its travel."""
    for joint, name in zip(spec.joints, spec.motor_names, strict=True):
        problem = encoder.problem(joint, MotorSpec.load(name), JointZero(joint.zero_ticks, joint.sign))
        if problem is not None:
            raise SpecError(f"{where}: {problem}")
        check_bounds(joint, f"{where}: joint {joint.name!r}")


def _check_control(control: ControlSpec, where: str) -> None:
    if not 0 < control.approach_velocity_share <= 1:
        raise SpecError(f"{where}.approach_velocity_share must be in (0, 1]")
    if not -1 <= control.cpu < 1024:
        raise SpecError(f"{where}.cpu must be a CPU number, or -1 for any")
    for name, most in (("estop_hold_s", 10), ("settle_s", 10), ("fallback_after_s", 3600)):
        if not 0 <= getattr(control, name) <= most:
            raise SpecError(f"{where}.{name} must be in 0..{most}")
    choice(control.fallback, ("", *EXIT_POLICIES), f"{where}.fallback")


def check(spec: RobotSpec, *, where: str = "robot") -> None:
    """Raise SpecError when a spec contradicts itself."""
    short_text(spec.name, "name", where)
    for kind, texts in (("joint name", spec.joint_names), ("camera role", [c.role for c in spec.cameras])):
        for text in texts:
            short_text(text, kind, where)
    unique([joint.name for joint in spec.joints], "joint name", where)
    for joints in [arm.joints for arm in spec.arms] or [spec.joints]:
        unique([joint.id for joint in joints], "servo id", where)
    unique([joint.slot for joint in spec.joints], "slot", where)
    unique([camera.role for camera in spec.cameras], "camera role", where)
    for joint in spec.joints:
        check_joint(joint, where)
    choice(spec.bus.protocol, PROTOCOLS, f"{where}.bus.protocol")
    choice(spec.bus.driver, DRIVERS, f"{where}.bus.driver")
    if spec.bus.driver not in FAMILIES[spec.bus.protocol].drivers:
        raise SpecError(
            f"{where}.bus: protocol {spec.bus.protocol!r} does not go with driver {spec.bus.driver!r}"
        )
    choice(spec.exit.policy, EXIT_POLICIES, f"{where}.exit.policy")
    choice(spec.tcp.parent, spec.joint_names, f"{where}.tcp.parent")
    _check_shape(spec, where)
    _check_encoders(spec, where)
    if not 1 <= spec.policy.rate_hz <= spec.control.rate_hz <= 2000:
        raise SpecError(f"{where}: need 1 <= policy.rate_hz <= control.rate_hz <= 2000")
    _check_control(spec.control, f"{where}.control")
    if spec.latency is not None and spec.latency.problem():
        raise SpecError(f"{where}.latency: {spec.latency.problem()}")


def _check_shape(spec: RobotSpec, where: str) -> None:
    """Raise SpecError when geoms, views or grasp of `spec` name what it has not, or have no extent."""
    links = ("base", *spec.joint_names)
    for i, geom in enumerate(spec.geoms):
        here = f"{where}.geoms[{i}]"
        choice(geom.link, links, f"{here}.link")
        choice(geom.shape, SHAPES, f"{here}.shape")
        choice(geom.role, GEOM_ROLES, f"{here}.role")
        if geom.shape == "box" and min(geom.size_m) <= 0:
            raise SpecError(f"{here} is a box and needs size_m with three positive lengths")
        if geom.shape != "box" and (geom.radius_m <= 0 or geom.at_m == geom.to_m):
            raise SpecError(f"{here} is a {geom.shape} and needs radius_m > 0 and to_m different from at_m")
    roles = tuple(camera.role for camera in spec.cameras)
    unique([view.role for view in spec.views], "view role", where)
    for i, view in enumerate(spec.views):
        choice(view.role, roles, f"{where}.views[{i}].role")
        choice(view.mount, links, f"{where}.views[{i}].mount")
    if spec.grasp is not None:
        choice(spec.grasp.joint, spec.joint_names, f"{where}.grasp.joint")
