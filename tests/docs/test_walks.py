"""The walks in HACKING.md name what stands in the files they pass; every page and the stub name files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WALKS = {"a chunk", "a frame", "a joint state", "a recording", "an emergency stop"}
BASES = ("", "python/motorium", "csrc", "csrc/kernels", "csrc/include", "firmware")
NAMED = re.compile(r"\b[\w./*-]+/[\w.*-]+\.(?:py|pyi|cpp|hpp|c|h|def|toml|patch)(?!\w)")
PAGES = (ROOT / "HACKING.md", ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
STUB = ROOT / "python" / "motorium" / "_core.pyi"
STEP = re.compile(r"^(\d)\. (.*)$")


def found(name: str) -> Path | None:
    """The file that a page means by `name`, from the root or from the room where such pages begin."""
    return next(
        (path for base in BASES for path in sorted((ROOT / base).glob(name)) if path.is_file()),
        None,
    )


def walks() -> dict[str, list[str]]:
    """Steps by walk: lines `1. ...` with what is indented below them."""
    text = (ROOT / "HACKING.md").read_text(encoding="utf-8").split("## Walks\n")[1].split("\n## ")[0]
    found: dict[str, list[str]] = {}
    steps: list[str] = []
    for line in text.splitlines():
        title = re.match(r"^\*\*(.*?)\*\*", line)
        if title:
            steps = found.setdefault(title.group(1).lower(), [])
        elif STEP.match(line):
            steps.append(line)
        elif line.startswith("   ") and steps:
            steps[-1] += " " + line.strip()
    return found


def test_every_walk_is_there_in_five_steps():
    found = walks()
    assert set(found) == WALKS
    for name, steps in found.items():
        assert [int(step[0]) for step in steps] == [1, 2, 3, 4, 5], name


@pytest.mark.parametrize("walk", sorted(WALKS))
def test_files_and_names_exist(walk):
    for step in walks()[walk]:
        quoted = re.findall(r"`([^`]+)`", step)
        files = [word for word in quoted if "/" in word]
        assert files, f"no file in: {step}"
        texts = []
        for name in files:
            path = found(name)
            assert path is not None, f"{walk}: no file {name}"
            texts.append(path.read_text(encoding="utf-8"))
        for name in (word for word in quoted if "/" not in word):
            last = re.split(r"\.|::", name)[-1].removesuffix("()")
            assert any(re.search(rf"\b{re.escape(last)}\b", text) for text in texts), (
                f"{walk}: {name} is not in {files}"
            )


@pytest.mark.parametrize("page", [*PAGES, STUB], ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    said = text if page == STUB else "\n".join(re.findall(r"`([^`\n]+)`", text))
    for line in said.splitlines():
        if page == STUB or not re.search(r"[\s<]", line):
            for name in NAMED.findall(line):
                assert found(name) is not None, f"{page.name}: no file {name}"
