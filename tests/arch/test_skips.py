"""Every skipped test has a reason, and every reason a remedy."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from skips import remedy, summary

TESTS = Path(__file__).resolve().parents[1]


def words_of(node):
    """The literal text of a string or of an f-string; None for anything else."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
    return None


def reasons():
    for path in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            if node.func.attr in ("skip", "skipif"):
                given = named.get("reason") or (
                    node.args[0] if node.func.attr == "skip" and node.args else None
                )
                yield (
                    f"{path.relative_to(TESTS)}:{node.lineno}",
                    words_of(given) if given is not None else None,
                )
            elif node.func.attr == "importorskip" and "reason" in named:
                yield f"{path.relative_to(TESTS)}:{node.lineno}", words_of(named["reason"])


def test_every_skip_names_a_reason_with_a_remedy():
    found = list(reasons())
    assert len(found) > 20
    assert [where for where, reason in found if reason is None or remedy(reason) is None] == []


def test_the_summary_is_one_line_per_reason():
    lines = summary(["needs valgrind", "could not import 'cv2': No module named 'cv2'", "needs valgrind"])
    assert lines[1] == "2 skipped: needs valgrind -> make system-packages"
    assert len(lines) == 2


@pytest.mark.parametrize("reason", ["", "because"])
def test_a_reason_that_nobody_knows_has_no_remedy(reason):
    assert remedy(reason) is None
