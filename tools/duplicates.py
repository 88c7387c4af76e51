"""Count repeated blocks of code, and refuse more of them than the ceiling beside this file allows.

A repeated block is a run of at least 40 tokens that stands somewhere else too, token by token; comments, docstrings,
imports, includes and layout do not count. Each copy after the first is one block. `lizard -Eduplicate` was tried
first: it takes a minute and reports the lines of one table many times over.

    python tools/duplicates.py            # counts against tools/duplicates.json; exit 1 above a ceiling
    python tools/duplicates.py --list     # where the blocks are
    python tools/duplicates.py --lower    # write ceilings that have become too high; they never rise
    python tools/duplicates.py --root DIR # another checkout
"""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WINDOW = 40
GROUPS = {"python and csrc": ("python", "csrc"), "firmware": ("firmware",), "tests": ("tests",)}
C_SUFFIXES = (".c", ".h", ".cpp", ".hpp")
LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
C_TOKEN = re.compile(
    r"""(?P<skip>//[^\n]*|/\*.*?\*/|^[ \t]*\#[ \t]*(?:include|pragma)[^\n]*|\s+)
      | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | \w+(?:\.\d\w*)? | ::|->|\+\+|--|<<|>>|[<>=!+\-*/&|]=
      | && | \|\| | .""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Token:
    """One token of a file and the line on which it stands."""

    text: str
    file: int
    line: int


@dataclass(frozen=True)
class Block:
    """`tokens` tokens at `place` that also stand at `first`; both are tokens of the whole."""

    place: int
    first: int
    tokens: int


def c_tokens(text: str) -> Iterator[tuple[str, int]]:
    """Tokens of C or C++ with their lines."""
    line = 1
    for match in C_TOKEN.finditer(text):
        if match["skip"] is None:
            yield match[0], line
        line += match[0].count("\n")


def python_tokens(text: str) -> Iterator[tuple[str, int]]:
    """Tokens of Python with their lines; statements that only import or only document are left out."""
    statement: list[tuple[str, int]] = []
    kinds: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in LAYOUT:
            statement.append((token.string, token.start[0]))
            kinds.append(token.type)
        if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
            imports = bool(statement) and statement[0][0] in ("import", "from")
            if not imports and set(kinds) != {tokenize.STRING}:
                yield from statement
            statement, kinds = [], []


def read_tokens(root: Path, folders: tuple[str, ...]) -> tuple[list[Token], list[str]]:
    """All tokens below `folders`, and the names of the files."""
    found = (path for folder in folders for path in sorted((root / folder).rglob("*")))
    paths = [p for p in found if p.suffix in (*C_SUFFIXES, ".py")]
    tokens = []
    for number, path in enumerate(paths):
        split = python_tokens if path.suffix == ".py" else c_tokens
        tokens += [Token(text, number, line) for text, line in split(path.read_text(encoding="utf-8"))]
    return tokens, [path.relative_to(root).as_posix() for path in paths]


def window_hashes(tokens: list[Token]) -> list[int]:
    """A rolling hash of each WINDOW tokens."""
    modulus, base = (1 << 61) - 1, 1_000_003
    top = pow(base, WINDOW, modulus)
    numbers: dict[str, int] = {}
    values = [numbers.setdefault(token.text, len(numbers) + 1) for token in tokens]
    hashes, value = [], 0
    for i, number in enumerate(values):
        value = (value * base + number - (values[i - WINDOW] * top if i >= WINDOW else 0)) % modulus
        if i >= WINDOW - 1:
            hashes.append(value)
    return hashes


def common_length(tokens: list[Token], first: int, place: int) -> int:
    """How many tokens agree from both places on, within their files and without running into each other."""
    length = 0
    while place + length < len(tokens) and (
        tokens[first].file != tokens[place].file or first + length < place
    ):
        a, b = tokens[first + length], tokens[place + length]
        if a.text != b.text or a.file != tokens[first].file or b.file != tokens[place].file:
            break
        length += 1
    return length


def repeated_blocks(tokens: list[Token]) -> list[Block]:
    """Each run of tokens that has stood before, the longest one at each place."""
    seen: dict[int, list[int]] = {}
    blocks, fresh = [], 0  # tokens before `fresh` belong to a block already
    for place, value in enumerate(window_hashes(tokens)):
        before = seen.setdefault(value, [])
        if place >= fresh and before:
            length, first = max((common_length(tokens, first, place), first) for first in before)
            if length >= WINDOW:
                blocks.append(Block(place, first, length))
                fresh = place + length
        before.append(place)
    return blocks


def show(block: Block, tokens: list[Token], names: list[str]) -> str:
    """Both places of a block, as file:first-last line."""
    ends = ((start, start + block.tokens - 1) for start in (block.place, block.first))
    places = [f"{names[tokens[a].file]}:{tokens[a].line}-{tokens[b].line}" for a, b in ends]
    return f"{block.tokens:5} tokens  {places[0]}  as  {places[1]}"


def main() -> int:
    """Count, compare, report; the exit status is 1 above a ceiling."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = Path(__file__).resolve()
    parser.add_argument("--root", type=Path, default=here.parents[1])
    parser.add_argument("--list", action="store_true", help="print every block")
    parser.add_argument("--lower", action="store_true", help="lower the ceilings to what is there")
    options = parser.parse_args()
    ceilings = json.loads(here.with_suffix(".json").read_text(encoding="utf-8"))
    failed = False
    for group, folders in GROUPS.items():
        tokens, names = read_tokens(options.root, folders)
        blocks = repeated_blocks(tokens)
        for block in blocks if options.list else ():
            print(show(block, tokens, names))
        total = sum(block.tokens for block in blocks)
        print(
            f"{group}: {len(blocks)} repeated blocks ({total} of {len(tokens)} tokens), ceiling {ceilings[group]}"
        )
        failed |= len(blocks) > ceilings[group]
        ceilings[group] = min(ceilings[group], len(blocks))
    if options.lower:
        here.with_suffix(".json").write_text(json.dumps(ceilings, indent=2) + "\n", encoding="utf-8")
    if failed:
        print(
            "more repeated blocks than allowed: give what is repeated one home (--list shows where)",
            file=sys.stderr,
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
