"""Run a checkpoint on a robot, simulated or real, for one task."""

from __future__ import annotations

import click

from ..instructions import check_instruction
from ._arm import open_with_cameras
from ._print import echo
from ._task import check_task
from ._verb import Number, Verb, json_option, print_json, say


@click.command(cls=Verb, name="run")
@click.argument("checkpoint")
@click.option("--robot", required=True, help="Robot from `motorium robots`, or sim:<robot>.")
@click.option(
    "--task",
    required=True,
    help="The instruction, e.g. 'put the red cube in the tray'; or a task's name, for the scene's own.",
)
@click.option("--port", help="Serial port of a real arm, e.g. /dev/ttyACM0; see `motorium ports`.")
@click.option("--calibration", help="Calibration of the arm: name or file.")
@click.option("--duration", "duration_s", type=Number(0.1), default=20.0, show_default=True,
              help="Time limit in seconds.")  # fmt: skip
@click.option("--sync", is_flag=True, help="Hold the arm still during each inference.")
@click.option(
    "--guided",
    is_flag=True,
    help="Guide every new plan by the previous one (soft-masked real-time chunking).",
)
@click.option(
    "--stop-device", "device", help="Stop the arm at once on any input from this device (serial pedal, FIFO)."
)
@json_option
def command(
    checkpoint: str,
    robot: str,
    task: str,
    port: str | None,
    calibration: str | None,
    duration_s: float,
    sync: bool,
    guided: bool,
    device: str | None,
    as_json: bool,
) -> None:
    """Run CHECKPOINT (a name or a directory) on a robot for one task; park the arm at the end.

    Ctrl-C at any moment parks the arm at its rest pose and releases it; Enter ends the run normally. Space or Escape
    is an emergency stop: the arm stops at once, and its torque goes off half a second later.
    """
    from contextlib import closing

    import motorium as mt

    from ..operator.estop import check_device
    from ..operator.operator import Operator
    from ..runtime.run import drive
    from ..runtime.runner import Runner, require_fit
    from ..specs.robot import RobotSpec

    check_instruction(task)
    check_device(device)
    check_task(robot, task)
    policy = mt.load(checkpoint, guidance="soft" if guided else "none")
    require_fit(policy, RobotSpec.load(robot.rpartition(":")[2]), sync=sync)
    arm = open_with_cameras(robot, port, calibration)
    with closing(arm), Operator(say=say, device=device) as operator, operator.attending(arm):
        report = drive(Runner(arm, policy, task, sync=sync), duration_s, ended=operator.ended)
    if as_json:
        print_json(report.as_dict())
    else:
        echo(*str(report).split("\n"))
