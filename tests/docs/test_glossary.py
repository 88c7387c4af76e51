"""Public text uses the terms of docs/glossary.md: README, docs, help, messages and public docstrings."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
STUB = ROOT / "python" / "motorium" / "_core.pyi"
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')


def refused() -> re.Pattern[str]:
    """Every word of the last table's right column, as a whole word; in any case, unless it is written as a name."""
    table = GLOSSARY.read_text(encoding="utf-8").split("| say | instead of |")[1]
    rows = re.findall(r"^\| .*? \| (.*?) \|$", table, re.MULTILINE)
    words = [word.strip() for row in rows for word in row.split(",")]
    assert len(words) > 8
    return re.compile(
        "|".join(rf"\b{word}\b" if word != word.lower() else rf"(?i:\b{word}\b)" for word in words)
    )


def lines_of(*paths: Path) -> Iterator[tuple[str, str]]:
    """(place, line) of these files."""
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{path.relative_to(ROOT)}:{number}", line


def strings_of(path: Path) -> Iterator[tuple[str, str]]:
    """(place, string) of Python; comments and names are nobody's reading."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def comments_of_the_stub() -> Iterator[tuple[str, str]]:
    """(place, comment): there they are the documentation of the extension."""
    with STUB.open(encoding="utf-8") as stub:
        for token in tokenize.generate_tokens(stub.readline):
            if token.type == tokenize.COMMENT:
                yield f"{STUB.relative_to(ROOT)}:{token.start[0]}", token.string


def texts() -> Iterator[tuple[str, str]]:
    """(place, text) of every page, of every string in package and core, and of every comment in the stub."""
    yield from lines_of(
        *(page for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")) if page != GLOSSARY)
    )
    for path in sorted([*(ROOT / "python").rglob("*.py"), STUB]):
        yield from strings_of(path)
    yield from comments_of_the_stub()
    core = (path for room in ("csrc", "firmware") for path in (ROOT / room).rglob("*.[ch]*"))
    for place, line in lines_of(*sorted(core)):
        yield from ((place, literal) for literal in LITERAL.findall(line))


def test_no_public_text_says_it_otherwise():
    pattern = refused()
    found = [f"{place}: {match.group()}" for place, text in texts() for match in pattern.finditer(text)]
    assert not found, "docs/glossary.md has the term:\n" + "\n".join(found)


def test_the_glossary_is_in_order():
    terms = re.findall(
        r"^\| (\w[^|]*?) \| ", GLOSSARY.read_text(encoding="utf-8").split("## Said")[0], re.MULTILINE
    )
    terms = [term for term in terms if term != "term"]
    assert len(terms) > 30
    assert terms == sorted(terms, key=str.lower)


def test_comments_of_the_stub_and_strings_of_the_core_are_read():
    places = {place.rpartition(":")[0] for place, _ in texts()}
    assert {"python/motorium/_core.pyi", "csrc/robot/causes.cpp"} <= places
    assert any(text.startswith("# ") for _, text in texts())
