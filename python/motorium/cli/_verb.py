"""What every verb shares: `--json`, printing a result, one clear line for an expected error."""

from __future__ import annotations

import contextlib
import json
import math
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from ..errors import MotoriumError
from ._print import echo, echo_text, shown
from ._streams import check_letters, silence

FAILED = 2
LONGEST_LINE = 1000
"""Characters: longer than any first sentence, so that none is cut off."""
INTERRUPTED = 130
LONG_WORD = re.compile(r"\S{400,}")
"""What somebody pasted in the place of a name; nobody wants it back."""
_EXTRA_OF = {
    "mujoco": "sim",
    "PIL": "sim",
    "rich": "sim",
    "torch": "learn",
    "onnx": "bench",
    "onnxruntime": "bench",
    "cv2": "cameras",
    "pyrealsense2": "realsense",
    "pygame": "gamepad",
    "pyarrow": "data",
    "av": "data",
}

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


class Number(click.FloatRange):
    """A number between bounds; `nan`, which passes every comparison with a bound, and `inf` are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it. Raises click.BadParameter."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class Verb(click.Command):
    """A click command whose expected failures end in one line on stderr and exit code 2.

    With `--json` the same failure is also an `{"error": {"kind", "message"}}` object on stdout.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; MotoriumError, OSError, a missing extra and Ctrl-C never show a traceback."""
        as_json = bool(ctx.params.get("as_json"))
        try:
            check_letters(sys.argv[1:])
            return super().invoke(ctx)
        except MotoriumError as error:
            _fail(type(error).__name__, error.for_shell or str(error), as_json, error)
        except ModuleNotFoundError as error:
            extra = _EXTRA_OF.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            advice = f"this needs {error.name}, which is not installed: pip install 'motorium[{extra}]'"
            _fail("MissingExtra", advice, as_json)
        except KeyboardInterrupt:
            echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:  # the reader of a pipe, such as `head`, has gone
            silence(sys.stdout)
            ctx.exit(0)
        except OSError as error:  # a folder, a device, a stream: what it was is in the error
            named = f"{error.filename}: " if isinstance(error.filename, str) else ""
            _fail(type(error).__name__, f"{named}{error.strerror or error}", as_json)


class Group(click.Group):
    """Verbs below a verb, such as those of `motorium data`: its help shows the first sentence of each in full."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs."""
        commands = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(limit=LONGEST_LINE)) for name, one in commands])


def _fail(kind: str, message: str, as_json: bool, error: MotoriumError | None = None) -> None:
    message = LONG_WORD.sub(lambda word: f"{word[0][:60]}... ({len(word[0])} characters)", message)
    try:
        if as_json:
            print_json({"error": {"kind": kind, "message": message, **_last_states(error)}})
        sys.stdout.flush()
    except OSError:  # full or gone meanwhile: then the message below is all there is
        silence(sys.stdout)
    with contextlib.suppress(OSError):
        echo_text(f"error: {message}", err=True)
        _show_last_states(error)
    raise SystemExit(FAILED)


def _last_states(error: MotoriumError | None) -> dict[str, Any]:
    """Return what an arm did last, for JSON; nothing where the error is of no arm."""
    if error is None or not error.last_states:
        return {}
    from ..robots.last_states import plain

    return {"joints": list(error.joint_names), "last_states": plain(error)}


def _show_last_states(error: MotoriumError | None) -> None:
    """Print what an arm did last: of every joint where it was > where it was to go."""
    if error is None or not error.last_states:
        return
    from ..robots.last_states import table

    echo("last control ticks: measured > goal, rad", err=True)
    print_table(*table(error), err=True)


def say(text: str) -> None:
    """Print a line for the person at the terminal; standard output stays for results."""
    echo(text, err=True)


def count(number: int, thing: str) -> str:
    """Return a number with its noun: "1 episode", "2 episodes"."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def print_json(value: Any) -> None:
    """One JSON object on one line; numbers that JSON cannot hold (NaN, infinity) are refused."""
    echo(json.dumps(value, allow_nan=False, default=str))


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]], *, err: bool = False) -> None:
    """Columns padded to their widest cell; plain text, so that it can be piped."""
    lines = [[shown(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), err=err)
