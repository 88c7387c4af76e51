"""The stub of the extension says what the extension does: names, parameters, defaults, results."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from motorium import _core

UNSAID = re.compile(  # what a stub cannot say
    r"is inconsistent, metaclass differs$"  # pybind11's own, which has no name
    r"|__init__ is inconsistent, stub does not have \*args"  # object's: only C++ makes one
    r"|__new__ is inconsistent"  # of enums: made by their functional form
)
EXPECTED = {
    "motorium._core.Buffer is not present at runtime",  # a name for annotations
    "motorium._core.Cause.__pybind11_native_enum__ is not present in stub",  # pybind11's own mark
}
PLAIN = {"bool", "int", "float", "str", "bytes", "None"}
RECEIVERS = {"self", "arg0"}
Parameter = tuple[str, bool, "str | None"]
"""Name, whether it goes by name only, and its default as text."""
Signature = tuple[list[Parameter], str]
"""Parameters and result."""


@pytest.fixture(scope="module")
def stub(request) -> ast.Module:
    path = request.config.rootpath / "python" / "motorium" / "_core.pyi"
    return ast.parse(path.read_text(encoding="utf-8"))


def public(names: Iterable[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def names_in(body: list[ast.stmt]) -> set[str]:
    """Public names that a body of the stub declares; an alias for its annotations is nobody's."""
    defined = [node.name for node in body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    said = [n for n in body if isinstance(n, ast.AnnAssign) and ast.unparse(n.annotation) != "TypeAlias"]
    values = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    return public([*defined, *(ast.unparse(node.target) for node in said), *map(ast.unparse, values)])


def unlike(stub: ast.Module) -> Iterator[str]:
    """Each public name that only the stub has, or only the extension."""
    classes = {node.name: node for node in stub.body if isinstance(node, ast.ClassDef)}

    def with_bases(node: ast.ClassDef) -> set[str]:
        bases = [classes[name] for name in map(ast.unparse, node.bases) if name in classes]
        return names_in(node.body).union(*map(with_bases, bases))

    yield from names_in(stub.body) ^ public(vars(_core))
    for name in public(classes) & public(vars(_core)):
        bound = getattr(_core, name)
        missing = names_in(classes[name].body) - public(dir(bound))
        unsaid = public(vars(bound)) - with_bases(classes[name])
        yield from (f"{name}.{member}" for member in missing | unsaid)


def test_stub_and_extension_have_the_same_names(stub):
    assert sorted(unlike(stub)) == []


@pytest.mark.nightly
def test_mypy_finds_the_same_names_in_stub_and_extension(tree):
    command = [sys.executable, "-m", "mypy.stubtest", "--concise", "--mypy-config-file", "pyproject.toml"]
    done = subprocess.run(
        [*command, "motorium._core"], capture_output=True, text=True, check=False, cwd=tree.root
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    assert not done.stderr, done.stderr
    found = {line for line in done.stdout.splitlines() if not UNSAID.search(line)}
    assert found - {f"Found {n} errors" for n in range(1000)} == EXPECTED


def outer_commas(text: str) -> list[str]:
    """The parts of `text` between commas that stand in no bracket."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "([{<") - (sign in ")]}>")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]


def parameter(text: str, *, keyword_only: bool) -> Parameter:
    declared, _, default = text.partition(" = ")
    return declared.partition(":")[0], keyword_only, default or None


def usable(parameters: list[Parameter]) -> list[Parameter]:
    """Without the defaults that nobody can use, because a parameter behind them has none."""
    for i, (name, keyword_only, _) in enumerate(parameters):
        if any(p[2] is None and not p[1] for p in parameters[i + 1 :]) and not keyword_only:
            parameters[i] = (name, keyword_only, None)
    return parameters


def signatures(name: str, doc: str) -> list[Signature]:
    """Parameters (without self) and result of every overload that pybind11's docstring of `name` lists."""
    found = []
    for line in doc.splitlines():
        match = re.match(rf"(?:\d+\. )?{re.escape(name)}\((.*)\) -> (.*)$", line)
        if match and "): " not in line:  # a lean method, whose text is written by hand
            parts = outer_commas(match[1])
            star = parts.index("*") if "*" in parts else len(parts)
            listed = [parameter(p, keyword_only=i > star) for i, p in enumerate(parts) if p[0] not in "*/"]
            found.append((usable([p for p in listed if p[0] not in RECEIVERS]), match[2]))
    return found


def stub_signature(node: ast.FunctionDef) -> Signature:
    """As `signatures`, of one function of the stub."""
    args = node.args
    positional = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults))
    rows = [(a, d, False) for a, d in zip(positional, [*defaults, *args.defaults], strict=True)]
    rows += [(a, d, True) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    listed = [(a.arg, kw, ast.unparse(d) if d is not None else None) for a, d, kw in rows]
    result = ast.unparse(node.returns) if node.returns is not None else ""
    return [p for p in listed if p[0] not in RECEIVERS], result


def same_default(ours: str | None, theirs: str | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    if "..." in {ours, theirs} or theirs.startswith("<"):
        return True
    try:
        ours_value, theirs_value = ast.literal_eval(ours), ast.literal_eval(theirs)
    except ValueError:
        return ours == theirs.removeprefix("motorium._core.")
    return (ours_value or None) == (theirs_value or None)


def same_result(ours: str, theirs: str) -> bool:
    """Whether a declared result may be what pybind11 says; an alias of the stub may say more than str or int."""
    if theirs.startswith("motorium._core."):
        return ours == theirs.removeprefix("motorium._core.")
    if theirs in PLAIN:
        return ours == theirs or ours.startswith("_")
    return ours not in PLAIN


def stub_functions(body: list[ast.stmt], where: str, owner: Any) -> Iterator[tuple[str, str, list[Any], Any]]:
    """(place, name, declarations, runtime object) of every function below `body`."""
    grouped: dict[str, list[Any]] = {}
    for node in body:
        if isinstance(node, ast.ClassDef) and hasattr(owner, node.name):
            yield from stub_functions(node.body, f"{where}.{node.name}", getattr(owner, node.name))
        elif isinstance(node, ast.FunctionDef):
            grouped.setdefault(node.name, []).append(node)
    for name, nodes in grouped.items():
        yield f"{where}.{name}", name, nodes, vars(owner).get(name, None)


def agrees(declared: Signature, actual: Signature) -> bool:
    ours, theirs = declared[0], actual[0]
    return (
        [p[:2] for p in ours] == [p[:2] for p in theirs]
        and all(same_default(a[2], b[2]) for a, b in zip(ours, theirs, strict=True))
        and same_result(declared[1], actual[1])
    )


def test_parameters_and_results_are_those_of_the_extension(stub):
    wrong, compared = [], 0
    for place, name, nodes, bound in stub_functions(stub.body, "_core", _core):
        function = bound.fget if isinstance(bound, property) else getattr(bound, "__func__", bound)
        actual = signatures("" if isinstance(bound, property) else name, function.__doc__ or "")
        declared = [stub_signature(node) for node in nodes]
        for one in actual:
            compared += 1
            if not any(agrees(ours, one) for ours in declared):
                wrong.append(f"{place}: the extension has {one}, the stub {declared}")
    assert not wrong, "\n".join(wrong)
    assert compared > 150, "pybind11 writes its signatures differently now"


def test_an_attribute_that_can_be_set_is_no_property_in_the_stub(stub):
    wrong = []
    for node in stub.body:
        members = vars(getattr(_core, node.name, object)) if isinstance(node, ast.ClassDef) else {}
        for part in node.body if members else []:
            name = part.target.id if isinstance(part, ast.AnnAssign) else getattr(part, "name", "")
            bound = members.get(name)
            if name.startswith("__") or not isinstance(bound, property):
                continue
            if isinstance(part, ast.AnnAssign) == (bound.fset is None):
                wrong.append(f"{node.name}.{name}")
    assert not wrong


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("def f(self, a: int) -> str: ...", "f(self: X, b: int) -> str"),
        ("def f(self, a: int) -> str: ...", "f(self: X, a: int, b: int) -> str"),
        ("def f(self, a: int) -> str: ...", "f(self: X, a: int) -> int"),
        ("def f(self, a: int) -> str: ...", "f(self: X, *, a: int) -> str"),
        ("def f(self, a: int = 1) -> str: ...", "f(self: X, a: int = 2) -> str"),
        ("def f(self, a: int = 1) -> str: ...", "f(self: X, a: int) -> str"),
        ("def f(self) -> Mode: ...", "f(self: X) -> motorium._core.Reason"),
    ],
)
def test_a_difference_is_seen(ours, theirs):
    node = ast.parse(ours).body[0]
    (actual,) = signatures("f", theirs)
    assert not agrees(stub_signature(node), actual)
