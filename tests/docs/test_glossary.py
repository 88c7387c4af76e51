"""Public text uses the terms of docs/glossary.md: README, docs, help, messages and public docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"


def refused() -> re.Pattern[str]:
    """Every word of the last table's right column, as a whole word; in any case, unless it is written as a name."""
    table = GLOSSARY.read_text(encoding="utf-8").split("| say | instead of |")[1]
    rows = re.findall(r"^\| .*? \| (.*?) \|$", table, re.MULTILINE)
    words = [word.strip() for row in rows for word in row.split(",")]
    assert len(words) > 8
    return re.compile(
        "|".join(rf"\b{word}\b" if word != word.lower() else rf"(?i:\b{word}\b)" for word in words)
    )


def texts() -> Iterator[tuple[str, str]]:
    """(place, text) of every page and of every string in the package; comments and names are nobody's reading."""
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        if page != GLOSSARY:
            for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
                yield f"{page.relative_to(ROOT)}:{number}", line
    for path in sorted((ROOT / "python").rglob("*.py*")):
        if path.suffix in (".py", ".pyi"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


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
