"""Move an arm by a leader arm, keys, a gamepad, the script of a simulated task or a recorded trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..files import check_file
from ._print import echo
from ._verb import FAILED, Number, Verb, json_option, print_json, say

if TYPE_CHECKING:
    from ..teleop.report import TeleopReport

ENDS = {"time": "time", "ended": "Enter", "source": "its own end", "stopped": "an emergency stop"}
"""What a person reads of `TeleopReport.reason`."""


class SourceChoice(click.Choice):  # type: ignore[type-arg, unused-ignore]  # generic in click 8.2
    """Sources of motion by name; `expert`, as the script used to be called, is taken too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the source. Raises click.BadParameter."""
        if value == "expert":
            say("--source expert is now called --source script")
            return "script"
        return super().convert(value, param, ctx)


@click.command(cls=Verb, name="teleop")
@click.argument("robot")
@click.option(
    "--leader",
    help="Leader arm: so101_leader, koch_leader, or sim:so101_leader (scripted); or replay, to play a --dataset.",
)
@click.option(
    "--source",
    type=SourceChoice(["keys", "gamepad", "script"]),
    help="What to follow instead of a leader arm; script is that of a simulated task.",
)
@click.option(
    "--replay", type=click.Path(exists=True, dir_okay=False), help="Play a trajectory (.npz) instead."
)
@click.option("--dataset", type=click.Path(exists=True, file_okay=False), help="Dataset for --leader replay.")
@click.option(
    "--episode", type=click.IntRange(0), default=0, show_default=True, help="Episode of the dataset."
)
@click.option(
    "--units",
    type=click.Choice(["rad", "deg", "lerobot"]),
    help="Units of the dataset's joints, where it does not give them; lerobot is -100 to 100.",
)
@click.option(
    "--accept",
    type=click.Choice(["robot", "calibration"]),
    multiple=True,
    help="Play a recording even if this differs for the arm.",
)
@click.option("--seconds", type=Number(0.1), help="Time limit; without it, until Enter or Ctrl-C.")
@click.option("--port", help="Serial port of the follower; see `motorium ports`.")
@click.option("--leader-port", help="Serial port of the leader.")
@click.option("--calibration", help="Follower calibration: name or file.")
@click.option("--leader-calibration", help="Leader calibration: name or file.")
@click.option(
    "--map",
    "renamed",
    multiple=True,
    metavar="FOLLOWER=LEADER",
    help="Map a joint to one of another name in the leader or dataset.",
)
@click.option(
    "--pedal", help="Foot switch, /dev/input/by-id/...: the arm moves only while its third key is held."
)
@click.option("--events", type=click.Path(dir_okay=False), help="File for the pedal's marks (JSON lines).")
@click.option("--speed", default=1.0, show_default=True, help="Speed of a replay.")
@json_option
def command(
    robot: str,
    leader: str | None,
    source: str | None,
    replay: str | None,
    dataset: str | None,
    episode: int,
    units: str | None,
    accept: tuple[str, ...],
    seconds: float | None,
    port: str | None,
    leader_port: str | None,
    calibration: str | None,
    leader_calibration: str | None,
    renamed: tuple[str, ...],
    pedal: str | None,
    events: str | None,
    speed: float,
    as_json: bool,
) -> None:
    """Move ROBOT by hand; it starts where it is and approaches the leader in a ramp.

    In a terminal: space and Escape stop the arm at once, Enter ends, p pauses and resumes. Ctrl-C parks the arm.
    """
    from ..operator.marks import TELEOP_KEYS
    from ..operator.operator import Operator
    from ..robots.health import emergency_stop
    from ..robots.robot import Robot
    from ..teleop.keys import HELP, JOG_HELP
    from ..teleop.report import SessionEnd
    from ..teleop.run import Request, run

    if (leader == "replay") != (dataset is not None):
        raise click.UsageError("--leader replay and --dataset go together")
    if sum(chosen is not None for chosen in (leader, source, replay)) != 1:
        raise click.UsageError("give one of --leader, --source and --replay")
    if events is not None:
        check_file(Path(events), "the pedal's marks")
    request = Request(
        leader=None if dataset else leader,
        leader_port=leader_port,
        leader_calibration=leader_calibration,
        renamed=dict(_pair(text) for text in renamed),
        source=source,
        replay=replay,
        dataset=dataset,
        episode=episode,
        units=units,
        accept=accept,
        events=events,
        speed=speed,
        seconds=seconds,
    )
    with Operator(say=say, keys=TELEOP_KEYS, pedal=pedal) as operator:
        if operator.terminal.present and not as_json:
            echo(*(JOG_HELP if source == "keys" else HELP).split("\n"))
        report = run(lambda: Robot.open(robot, port=port, calibration=calibration), request, operator)
    if as_json:
        print_json(report.as_dict())
    else:
        _show(report)
    if report.reason is SessionEnd.STOPPED:
        say(f"error: {emergency_stop().for_shell}")
        raise SystemExit(FAILED)


def _pair(text: str) -> tuple[str, str]:
    theirs, equals, ours = text.partition("=")
    if not (equals and theirs and ours):
        raise click.BadParameter(f"{text!r} is not like wrist_flex=wrist", param_hint="--map")
    return theirs, ours


def _show(report: TeleopReport) -> None:
    echo(f"{report.source} -> {report.robot}: {report.seconds:.1f} s, ended by {ENDS[report.reason.value]}")
    control = report.control
    echo(
        f"control  {report.rate_hz:.1f} Hz, {control.missed} missed, period p99 {control.period_us.p99:.0f} us, "
        f"{control.clamped} ticks held to a limit"
    )
    if report.tracking:
        t = report.tracking
        echo(
            f"tracking lag {t.lag_ms:.0f} ms (command {t.command_lag_ms:.0f} ms), error rms {t.rms_rad:.4f} "
            f"max {t.max_rad:.4f} rad"
        )
    if report.losses:
        echo(f"the leader fell silent {report.losses} times; the arm held and went on")
