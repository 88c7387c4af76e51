"""What the documents say is true: programs run, commands and their flags exist, links and folders are there."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import click
import pytest
from at_terminal import AtTerminal
from virtual_arm import quick_robot

from motorium.cli.main import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["README.md", "HACKING.md", "CHANGELOG.md"]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[tuple[str, str]]:
    """(flags after the language, code) of every fenced block."""
    return [(flags.strip(), code) for kind, flags, code in BLOCK.findall(text(name)) if kind == language]


def commands(name: str) -> list[list[str]]:
    """Lines after `$` in console blocks, split as a shell would, without comments."""
    lines = [
        line[2:] for _, code in blocks(name, "console") for line in code.splitlines() if line[:2] == "$ "
    ]
    return [shlex.split(line, comments=True) for line in lines]


CONSOLE = [
    pytest.param(command, id=" ".join(command[:3])) for name in DOCUMENTS for command in commands(name)
]


def test_first_program_runs_and_is_short(tmp_path):
    """On an arm that slews faster; `examples/01_first_program.py` runs it as it stands, at night."""
    (_, program), *_ = [block for block in blocks("README.md", "python") if block[0] != "no-run"]
    assert 4 <= len(program.splitlines()) <= 20
    assert '"sim:so101"' in program
    program = program.replace("sim:so101", f"sim:{quick_robot(tmp_path)}")
    with AtTerminal([sys.executable, "-i", "-q"]) as interpreter:  # typed line by line
        for line in program.splitlines():
            assert ">>>" in interpreter.shows(r"(>>>|\.\.\.) $").group(0) or line[:1] in " "
            interpreter.types(line + "\n")
        interpreter.shows(r"put the red cube in the tray: success after", 120)
        interpreter.types("\x04")


def test_the_program_for_hardware_differs_in_one_line():
    assert any("/dev/ttyACM0" in code and "Robot.open" in code for _, code in blocks("README.md", "python"))


def test_first_example_is_the_first_program():
    program = next(code for flags, code in blocks("README.md", "python") if flags != "no-run")
    example = text("examples/01_first_program.py")
    strip = [line.split("#")[0].strip() for line in program.splitlines() if line.strip()]
    assert [
        line for line in strip if line not in [e.split("#")[0].strip() for e in example.splitlines()]
    ] == []


@pytest.mark.parametrize("command", CONSOLE)
def test_commands_and_their_flags_exist(command):
    if command[0] == "make":
        assert re.search(rf"^{command[1]}:", text("Makefile"), re.MULTILINE), f"no target {command[1]}"
    elif command[0] == "motorium":
        verb = main.get_command(click.Context(main), command[1])
        assert verb is not None, f"no verb {command[1]}"
        arguments = ["so101" if a.endswith(".toml") else a for a in command[2:]]
        verb.make_context(command[1], arguments)  # parses; a wrong flag or value raises
    else:
        assert (ROOT / command[0]).exists() or "." in command[0] or "=" in command[0]


def test_both_front_doors_are_told():
    assert ["make", "demo"] in commands("README.md")
    assert ["make", "test"] in commands("README.md")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text(name)):
        assert (ROOT / target).exists(), f"{name} links to {target}"


@pytest.mark.parametrize("name", ["README.md", "HACKING.md"])
def test_named_paths_exist(name):
    for path in re.findall(r"`((?:python|csrc|firmware|models|examples|tests|tools)/[\w./-]*)`", text(name)):
        assert (ROOT / path).exists(), f"{name} speaks of {path}"


def test_what_make_check_runs_is_there():
    listed = re.search(r"^PURE \?= ((?:.*\\\n)*.*)$", text("Makefile"), re.MULTILINE).group(1)
    for path in listed.replace("\\", " ").split():
        assert (ROOT / path).exists(), f"PURE in the Makefile names {path}"


def test_map_of_the_folders_names_every_part_of_the_core():
    (_, chart), *_ = blocks("README.md", "text")
    core = re.search(r"^csrc/ .*$", chart, re.MULTILINE).group()
    rooms = {path.name for path in (ROOT / "csrc").iterdir() if path.is_dir()}
    for room in rooms - {"bench", "fuzz", "include"}:
        assert re.search(rf"\b{room}\b", core), f"the map leaves out csrc/{room}"


def test_map_of_the_folders_names_folders():
    (_, chart), *_ = blocks("README.md", "text")
    for folder in re.findall(r"^((?:[\w./]+/ ?)+)", chart, re.MULTILINE):
        for part in folder.split():
            assert (ROOT / part).is_dir()
