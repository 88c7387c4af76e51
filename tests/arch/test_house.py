"""House rules: one version, small files, documented names, nothing dangerous, nothing unfinished."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

import motorium

# Files longer than their room's limit, each with its reason.
LONGER: dict[str, str] = {
    "python/motorium/_core.pyi": "one extension module has one stub, and type checkers read no other",
}

LIMITS = (  # first match wins
    ("firmware/", 230),
    ("csrc/bindings/", 200),
    ("python/motorium/cli/", 200),
    ("examples/", 60),
    ("", 400),
)
SOURCE = (".py", ".pyi", ".c", ".h", ".cpp", ".hpp")
TEXT = (*SOURCE, ".toml", ".md", ".txt", ".cmake", ".json", ".def", "")


def package_modules(tree) -> Iterator[tuple[Path, ast.Module]]:
    for path in tree.files(".py", under="python"):
        yield path, tree.module(path)


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(module) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)))


def test_one_version_number(tree):
    declared = tomllib.loads((tree.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert motorium.__version__ == version("motorium") == declared
    quoted = re.compile(rf"""["']{re.escape(declared)}["']""")
    holders = [tree.name(p) for p in tree.files(*SOURCE, ".toml", ".txt") if quoted.search(tree.text(p))]
    assert holders == ["pyproject.toml"]
    assert f"## {declared}" in (tree.root / "CHANGELOG.md").read_text(encoding="utf-8")


def test_files_are_small(tree):
    long = {}
    for path in tree.files(*SOURCE):
        name = tree.name(path)
        limit = next(limit for prefix, limit in LIMITS if name.startswith(prefix))
        lines = len(tree.text(path).splitlines())
        if lines > limit and name not in LONGER:
            long[name] = f"{lines} lines, limit {limit}"
    assert not long
    assert all((tree.root / name).is_file() and reason for name, reason in LONGER.items())


def test_functions_are_short(tree):
    for path, module in package_modules(tree):
        for function in functions(module):
            assert function.end_lineno is not None
            body = function.body[1:] if ast.get_docstring(function) else function.body
            lines = function.end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 50, f"{tree.name(path)}: {function.name} has {lines} lines"


# Files that make what the rest must refuse.
ATTACKS = {
    "tests/policies/test_checkpoints.py": "writes the pickle that the loader turns away unopened",
    "tests/tools/test_so101_pick_batches.py": "writes the pickled column that the reader must not open",
}
PICKLES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"}
RUNNERS = {"eval", "exec", "torch.load", "__import__"}
SUSPECT = re.compile(r"pickle|" + "|".join(rf"\b{re.escape(name)}\b" for name in sorted(PICKLES | RUNNERS)))
"""In every file that `dangers` says something of: only those are parsed."""


def dangers(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in PICKLES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PICKLES:
            yield str(node.module)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            unpickles = any(
                k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in node.keywords
            )
            if unpickles or called in RUNNERS:
                yield called


def test_nothing_in_the_tree_can_run_a_file_it_reads(tree):
    suspects = [path for path in tree.files(".py") if SUSPECT.search(tree.text(path))]
    found = {tree.name(path): list(dangers(ast.parse(tree.text(path)))) for path in suspects}
    assert {name for name, what in found.items() if what} == set(ATTACKS)


# Written in two halves so that this file does not find itself.
LEFT_BEHIND = {
    "a path of one machine": r"/" + r"(work|root|home|farm)/|/" + r"tmp/[a-z]",
    "unfinished work": r"\b(TO"
    r"DO|FIX"
    r"ME|X"
    r"XX|NotImplemented"
    r"Error|not yet "
    r"implemented)\b",
    "a package index": r"index" + r"-url|pypi\." + r"org|find" + r"-links",
    "a merge left half done": r"^(<{7}|>{7}) ",
}


@pytest.mark.parametrize("what", LEFT_BEHIND)
def test_nothing_is_left_behind(tree, what):
    expression = re.compile(LEFT_BEHIND[what], re.MULTILINE)
    found = []
    for path in tree.files(*TEXT):
        match = expression.search(tree.text(path))
        if match:
            found.append(f"{tree.name(path)}: {match.group(0)!r}")
    assert not found
