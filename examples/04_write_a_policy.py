"""Anything with `infer` is a policy: this one nods with the wrist. Its chunks pass the same gate as a checkpoint's."""

import numpy as np

import motorium as mt
from motorium.specs.slots import valid_mask


class Nod(mt.Policy):
    """Keeps every joint where it is and swings one slot as a sine of time."""

    info = mt.PolicyInfo(rows=16, dt_s=0.05, execution_horizon=8, max_delay=15)

    def __init__(
        self, spec: mt.RobotSpec, joint: str, amplitude_rad: float = 0.3, period_s: float = 2.0
    ) -> None:
        self.slot = next(j.slot for j in spec.joints if j.name == joint)
        self.amplitude_rad, self.rate_rad_s = amplitude_rad, 2 * np.pi / period_s
        self.valid = valid_mask(spec)
        self.start: tuple[int, np.ndarray] | None = None

    def infer(self, obs: mt.Observation, *, committed: np.ndarray | None) -> mt.ActionChunk:
        """Row i is the setpoint at obs.t_ns + i * dt; the committed rows come first, unchanged."""
        self.start = self.start or (obs.t_ns, obs.state.copy())
        begin_ns, pose = self.start
        times_s = (obs.t_ns - begin_ns) * 1e-9 + self.info.dt_s * np.arange(self.info.rows)
        rows = np.tile(pose, (self.info.rows, 1))
        rows[:, self.slot] += self.amplitude_rad * np.sin(self.rate_rad_s * times_s)
        delay = 0 if committed is None else len(committed)
        if committed is not None:
            rows[:delay] = committed
        return mt.ActionChunk(rows.astype(np.float32), self.valid, obs.t_ns, self.info.dt_s, delay=delay)


with mt.Robot.open("sim:so101") as robot:
    robot.home()
    print(mt.run(robot, Nod(robot.spec, "wrist_flex"), task="nod", duration_s=2))
