"""The `motorium` command: finds its verbs as files beside this one and loads only the one that is called.

A verb is a module `cli/<verb>.py` (dashes are underscores) with a click command named `command`; the first line
of its docstring is its line in `motorium --help`, read as text so that listing the verbs imports none of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click

_HERE = Path(__file__).parent
_NOT_VERBS = {"main", "__init__"}


def _module(verb: str) -> str:
    return verb.replace("-", "_")


def _summary(verb: str) -> str:
    with (_HERE / f"{_module(verb)}.py").open(encoding="utf-8") as source:
        return source.readline().strip().strip('"')


@contextlib.contextmanager
def _shown_errors() -> Iterator[None]:
    """Escape what click quotes when it cannot use it: a pattern of the shell may have put names of files there."""
    try:
        yield
    except click.ClickException as error:
        from ._print import shown

        if isinstance(error.message, str):
            vars(error)["message"] = shown(error.message, err=True)
        raise


class _Verbs(click.Group):
    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        from ._print import show_safely
        from ._streams import prepare_streams

        prepare_streams()  # before help and version, which are printed while the words are read
        show_safely()
        with _shown_errors():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _shown_errors():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        stems = (path.stem for path in _HERE.glob("*.py"))
        return sorted(s.replace("_", "-") for s in stems if s not in _NOT_VERBS and not s.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = import_module(f"motorium.cli.{_module(cmd_name)}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, _summary(verb)) for verb in self.list_commands(ctx)])


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        import motorium

        from ._print import echo

        echo(f"motorium {motorium.__version__}")
        ctx.exit()


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version,
              help="Show the version and exit.")  # fmt: skip
def main() -> None:
    """motorium: from a vision-language-action checkpoint to the servo bus, in one process.

    Every command takes --json. Start with `motorium doctor`, then `motorium demo`.
    """
