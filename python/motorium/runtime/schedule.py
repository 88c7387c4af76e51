"""When to infer again, and how many rows to commit meanwhile: one set of rules for every clock.

The arithmetic is `csrc/robot/scheduler`, which a program without Python shares; here are the policy's and the robot's
declarations, and the words. The real runner and the lock-step one use the same rules, so that an evaluation in virtual
time is an evaluation of the robot.
"""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

from .. import _core
from ..errors import BindingError
from ..policies.base import PolicyInfo
from ..units import NS_PER_MS, s_to_ns

if TYPE_CHECKING:
    from ..specs.latency import LatencySpec
    from ..specs.robot import RobotSpec

MEMORY = _core.Scheduler.MEMORY
TRUSTED = _core.Scheduler.TRUSTED


class Pace(_core.Pace):
    """Timing of a policy.

    Attributes:
        dt_ns: distance between rows.
        rows: T, rows of a chunk.
        horizon: rows to follow before planning again.
        max_delay: most rows the policy accepts as committed.
    """

    @classmethod
    def of(cls, info: PolicyInfo) -> Pace:
        """Read the rhythm of a policy.

        Raises:
            BindingError: no plan of that shape could ever be followed.
        """
        figures = {name: getattr(info, name) for name in ("rows", "dt_s", "execution_horizon", "max_delay")}
        for name, figure in figures.items():
            if not isinstance(figure, Real):
                raise BindingError(
                    f"the policy's plans cannot be followed: {name} is {figure!r}, which is no number"
                )
        try:
            pace = _core.Pace.checked(*figures.values())
        except ValueError as error:
            raise BindingError(f"the policy's plans cannot be followed: {error}") from None
        return cls(pace.dt_ns, pace.rows, pace.horizon, pace.max_delay)

    def __repr__(self) -> str:
        """Return all four, by a function of Python's: pprint asks for its hash."""
        return _core.Pace.__repr__(self)


class Bridge(_core.Bridge):
    """Whether the rows that a policy accepts as committed last until its next plan arrives.

    Attributes:
        declared_ns: 95 % quantile of the robot's `[latency]`; 0 where it declares none.
        measured_ns: what an inference took here; 0 where none was timed.
        age_ns: of an observation when its inference starts.
        dt_ns: distance between rows.
        accepted: most rows the policy accepts as committed.
        latency_ns: what an inference has to be expected to take.
        needed: rows that must be committed.
        holds: whether the policy accepts as many.
    """

    @classmethod
    def of(cls, pace: _core.Pace, robot: RobotSpec, measured_ns: int = 0) -> Bridge:
        """Compare a policy's rhythm with what is declared for `robot`: its latency, and one frame of age."""
        frame_s = max((1.0 / camera.fps for camera in robot.cameras), default=0.0)
        return cls(_prior_ns(robot.latency), measured_ns, s_to_ns(frame_s), pace.dt_ns, pace.max_delay)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "declared_latency_ms": self.declared_ns / NS_PER_MS,
            "measured_latency_ms": self.measured_ns / NS_PER_MS,
            "observation_age_ms": self.age_ns / NS_PER_MS,
            "row_ms": self.dt_ns / NS_PER_MS,
            "needed_rows": self.needed,
            "accepted_rows": self.accepted,
            "holds": self.holds,
        }

    def __str__(self) -> str:
        """One clause with every number."""
        source = "measured" if self.measured_ns > self.declared_ns else "95 % of the robot's [latency]"
        return (
            f"an inference of {self.latency_ns / NS_PER_MS:.0f} ms ({source}) on an observation "
            f"{self.age_ns / NS_PER_MS:.0f} ms old needs {self.needed} rows of {self.dt_ns / NS_PER_MS:g} ms "
            f"committed, one to spare; this policy accepts {self.accepted}"
        )

    def require(self) -> None:
        """Raise BindingError with the numbers, and the way round, unless the bridge holds."""
        if not self.holds:
            raise BindingError(
                f"the arm would run out of plan: {self}. With --sync, or Runner(..., sync=True), the arm stands "
                "still during inference; otherwise longer plans or faster inference are needed"
            )


class Scheduler(_core.Scheduler):
    """Decides delay and timing from a running estimate of the latency."""

    def __init__(self, pace: _core.Pace, prior: LatencySpec | None = None) -> None:
        """Until `TRUSTED` latencies were measured, that of `prior`, the robot's declared distribution, counts too."""
        super().__init__(pace, _prior_ns(prior))

    @property
    def latency_source(self) -> str:
        """Tell where `latency_ns` comes from, in words."""
        return (
            "measured" if self.measured else f"95 % of the robot's [latency], until {TRUSTED} were measured"
        )


def _prior_ns(latency: LatencySpec | None) -> int:
    timing = _core.PolicyTiming()
    if latency is not None:
        latency.declare(timing)
    return _core.declared_latency_ns(timing)
