"""The frame of the command line: verbs are files, failures are one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import motorium.cli
from motorium.cli._verb import Verb, json_option, print_json
from motorium.cli.main import main
from motorium.errors import BusError

VERBS = main.list_commands(click.Context(main))


def command_of(verb: str) -> click.Command:
    return main.get_command(click.Context(main), verb)


def test_every_verb_of_the_design_is_there():
    assert {"demo", "doctor", "eval", "ports", "robots", "run", "sim"} <= set(VERBS)


def test_help_lists_every_verb_with_its_summary(call):
    result = call("--help")
    assert result.exit_code == 0
    for verb in VERBS:
        path = Path(motorium.cli.__file__).with_name(f"{verb.replace('-', '_')}.py")
        summary = path.read_text(encoding="utf-8").splitlines()[0].strip('"')
        assert len(summary) > 20
        assert " ".join(summary.split()[:4]) in " ".join(result.output.split())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_and_speaks_json(call, verb):
    result = call(verb, "--help")
    assert result.exit_code == 0
    command = command_of(verb)
    for each in command.commands.values() if isinstance(command, click.Group) else [command]:
        assert isinstance(each, Verb)
        assert "as_json" in {parameter.name for parameter in each.params}


@pytest.mark.parametrize("group", [verb for verb in VERBS if isinstance(command_of(verb), click.Group)])
def test_a_group_says_what_each_of_its_verbs_does_in_full(call, group):
    shown = " ".join(call(group, "--help").output.split())
    assert "Every command takes --json" in shown
    assert "..." not in shown.replace("[ARGS]...", "")
    for verb in command_of(group).commands.values():
        sentence = " ".join(verb.help.split("\n\n")[0].split()).partition(". ")[0]
        assert sentence.rstrip(".") in shown


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_a_text(verb):
    command = command_of(verb)
    for each in command.commands.values() if isinstance(command, click.Group) else [command]:
        for option in (one for one in each.params if isinstance(one, click.Option)):
            assert option.help, f"{verb}: {option.opts}"
            assert option.help[0].isupper(), f"{verb}: {option.opts}"


def test_the_script_is_taken_by_its_old_name_too(capsys):
    source = next(one for one in command_of("teleop").params if one.name == "source")
    assert [source.type.convert(word, source, None) for word in ("script", "expert")] == ["script", "script"]
    assert capsys.readouterr().err == "--source expert is now called --source script\n"


def test_version(call):
    assert call("--version").output == f"motorium {motorium.__version__}\n"


def test_an_unknown_verb_is_refused_with_advice(shell):
    result = shell("dance")
    assert result.returncode == 2
    assert "No such command 'dance'" in result.stderr
    assert "Traceback" not in result.stderr


def verb_raising(error: BaseException) -> click.Command:
    @click.command(cls=Verb)
    @json_option
    def command(**_options: object) -> None:
        """Fail."""
        raise error

    return command


def test_an_expected_failure_is_one_line_and_code_2():
    result = CliRunner().invoke(verb_raising(BusError("no reply from servo 3; check its cable")), [])
    assert result.exit_code == 2
    assert result.stderr == "error: no reply from servo 3; check its cable\n"
    assert result.stdout == ""


def test_an_expected_failure_with_json_is_an_object_too():
    result = CliRunner().invoke(verb_raising(BusError("no reply")), ["--json"])
    assert result.exit_code == 2
    assert json.loads(result.stdout) == {"error": {"kind": "BusError", "message": "no reply"}}


@pytest.mark.parametrize(("module", "extra"), [("mujoco", "sim"), ("PIL.Image", "sim"), ("torch", "learn")])
def test_a_missing_extra_names_the_command_that_installs_it(module, extra):
    result = CliRunner().invoke(verb_raising(ModuleNotFoundError("absent", name=module)), [])
    assert result.exit_code == 2
    assert f"pip install 'motorium[{extra}]'" in result.stderr


def test_a_defect_of_our_own_is_not_dressed_up():
    result = CliRunner().invoke(verb_raising(ModuleNotFoundError("absent", name="motorium.nowhere")), [])
    assert isinstance(result.exception, ModuleNotFoundError)


def test_ctrl_c_ends_with_the_shell_convention():
    result = CliRunner().invoke(verb_raising(KeyboardInterrupt()), [])
    assert result.exit_code == 130
    assert result.stderr == "interrupted\n"


def test_json_refuses_numbers_that_json_has_not():
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"rate": float("nan")})


def test_a_closed_pipe_is_no_error(tmp_path):
    command = f"{sys.executable} -m motorium robots so101 | head -n 1"
    result = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert result.stdout.count("\n") == 1
