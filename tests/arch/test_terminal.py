"""Verbs print through `cli/_print.py` alone, where control characters of files and devices become visible."""

from __future__ import annotations

import ast
from collections.abc import Iterator

PRINTERS = {"_print.py": "is the way", "_streams.py": "says on the other stream why one cannot be used"}
OF_CLICK = {
    "echo",
    "secho",
    "style",
    "prompt",
    "confirm",
    "progressbar",
    "echo_via_pager",
    "edit",
    "launch",
    "clear",
}
STREAMS = {
    "sys.stdout.write",
    "sys.stderr.write",
    "sys.stdout.writelines",
    "sys.stderr.writelines",
    "os.write",
}


def prints(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module == "click":
            yield "from click import"
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        words = called == "click.pause" and all(isinstance(argument, ast.Constant) for argument in node.args)
        if called in STREAMS or (
            called.startswith("click.") and called.removeprefix("click.") in OF_CLICK and not words
        ):
            yield called
        elif called == "Text" and not ast.unparse(node.args[0]).startswith("shown("):
            yield "Text without shown()"


def test_no_verb_goes_round_the_one_way(tree):
    found = {}
    for path in tree.files(".py", under="python/motorium/cli"):
        what = sorted(set(prints(tree.module(path))))
        if what and path.name not in PRINTERS:
            found[path.name] = what
    assert not found, "use echo and its neighbours of cli/_print.py"


def test_every_logger_shows_control_characters(tree):
    found = []
    for path in tree.files(".py", under="python/motorium"):
        for node in ast.walk(tree.module(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"logging.getLogger", "getLogger"}:
                found.append(tree.name(path))  # noqa: PERF401 - two loops deep
    assert set(found) == {"python/motorium/logs.py", "python/motorium/bench/peers/servo_buses.py"}
