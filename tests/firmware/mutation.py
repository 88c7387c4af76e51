"""Small errors planted in C source: one token, one statement or one condition at a time.

Operators: arithmetic and bitwise, relational, logical, constants (0, one more, one less), deleted statements, negated
conditions. What a mutation of a type or a pointer would be does not compile, and is no mutant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"(?P<skip>\s+|/\*.*?\*/|//[^\n]*|\\\n)"
    r"|(?P<text>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')"
    r"|(?P<number>0[xX][0-9a-fA-F]+[uUlL]*|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?[fFuUlL]*)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<operator><<=|>>=|->|\+\+|--|&&|\|\||<<|>>|[-+*/%&|^<>=!]=|[-+*/%&|^<>=!~?:;,.(){}\[\]])",
    re.DOTALL,
)
SWAPS = {
    "arithmetic": {
        "+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "&": "|", "|": "&", "^": "&", "<<": ">>", ">>": "<<",
        "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "|=": "&=", "&=": "|=", "^=": "&=", "++": "--", "--": "++",
    },
    "relational": {"<": "<= >=", "<=": "< >", ">": ">= <=", ">=": "> <", "==": "!=", "!=": "=="},
    "logical": {"&&": "||", "||": "&&"},
}  # fmt: skip
CLOSERS = {")": "(", "]": "[", "}": "{"}
NO_OPERAND = {"return", "case", "else", "sizeof"}


@dataclass(frozen=True)
class Token:
    """One token of C and where it stands."""

    kind: str
    text: str
    begin: int

    @property
    def end(self) -> int:
        return self.begin + len(self.text)


@dataclass(frozen=True)
class Mutant:
    """Source text with `new` in place of `begin`..`end`."""

    operator: str
    begin: int
    end: int
    new: str

    def apply(self, source: str) -> str:
        return source[: self.begin] + self.new + source[self.end :]

    def describe(self, source: str) -> str:
        """Line and column, and the change."""
        line = source.count("\n", 0, self.begin) + 1
        old = " ".join(source[self.begin : self.end].split())
        first = source.rfind("\n", 0, self.begin) + 1
        last = source.find("\n", self.begin)
        context = " ".join(source[first:last].split())
        return f"{line}:{self.begin - first + 1}: {old or 'nothing'} -> {self.new or 'nothing'} in: {context}"


def tokens(source: str) -> list[Token]:
    """All tokens but comments; of preprocessor lines only the value of a #define."""
    found, at = [], 0
    directive = re.compile(r"[ \t]*#[ \t]*(define[ \t]+\w+(?!\()|[^\n]*)(?=[ \t\n])")
    while at < len(source):
        if at == 0 or source[at - 1] == "\n":
            line = directive.match(source, at)
            if line:
                at = line.end()
                continue
        match = TOKEN.match(source, at)
        if match is None:
            raise ValueError(f"not C: {source[at : at + 40]!r}")
        kind = str(match.lastgroup)
        if kind != "skip":
            found.append(Token(kind, match.group(), at))
        at = match.end()
    return found


def is_operand(token: Token) -> bool:
    return (
        token.kind in ("number", "text")
        or token.text in (")", "]")
        or (token.kind == "name" and token.text not in NO_OPERAND)
    )


def constants(token: Token) -> Iterator[str]:
    """0, one more and one less."""
    hexadecimal = token.text.lower().startswith("0x")
    suffix = re.search(r"[uUlL]+$" if hexadecimal else r"(?<=[\d.])[fFuUlL]+$", token.text)
    ending = suffix.group() if suffix else ""
    digits = token.text[: len(token.text) - len(ending)]
    whole = re.fullmatch(r"0[xX][0-9a-fA-F]+|\d+", digits) is not None
    value: float = int(digits, 0) if whole else float(digits)
    zero = "0" if whole else "0.0"
    for other in (0, value + 1, value - 1):
        if other != value and not (other == 0 and value in (1, -1)):
            number = zero if other == 0 else repr(other)
            yield f"({number}{ending})" if number.startswith("-") else f"{number}{ending}"
    if value in (1, -1):
        yield zero + ending


def token_mutants(found: list[Token]) -> Iterator[Mutant]:
    for i, token in enumerate(found):
        before = found[i - 1] if i else None
        binary = before is not None and is_operand(before)
        if token.kind == "number":
            yield from (Mutant("constant", token.begin, token.end, new) for new in constants(token))
        elif token.text in ("true", "false"):
            yield Mutant("constant", token.begin, token.end, "false" if token.text == "true" else "true")
        elif token.kind == "operator":
            if token.text in ("-", "~", "!") and not binary:
                yield Mutant("logical" if token.text == "!" else "arithmetic", token.begin, token.end, " ")
                continue
            for name, swaps in SWAPS.items():
                if token.text in swaps and (binary or token.text in ("++", "--")):
                    for new in swaps[token.text].split():
                        yield Mutant(name, token.begin, token.end, new)


def matching(found: list[Token]) -> dict[int, int]:
    """Index of each bracket's partner."""
    pairs, open_ = {}, []
    for i, token in enumerate(found):
        if token.text in "([{" and token.kind == "operator":
            open_.append(i)
        elif token.text in CLOSERS and token.kind == "operator":
            first = open_.pop()
            pairs[first], pairs[i] = i, first
    return pairs


def conditions(found: list[Token], pairs: dict[int, int]) -> Iterator[Mutant]:
    for i, token in enumerate(found):
        span = None
        if token.text in ("if", "while"):
            span = (i + 2, pairs[i + 1])
        elif token.text == "for":
            inside = [k for k in range(i + 2, pairs[i + 1]) if found[k].text == ";"]
            span = (inside[0] + 1, inside[1])
        elif token.text == "?":
            first = i
            while found[first - 1].text not in (
                "=",
                "(",
                "[",
                ",",
                ";",
                "{",
                "}",
                "?",
                ":",
                "return",
                "+=",
                "-=",
                "|=",
            ):
                first -= 1
                first = pairs[first] if found[first].text in CLOSERS else first
            span = (first, i)
        if span and span[0] < span[1]:
            begin, end = found[span[0]].begin, found[span[1] - 1].end
            yield Mutant("condition", begin, end, "!({})")


class Statements:
    """Where the statements of all function bodies begin and end; indices of tokens."""

    def __init__(self, found: list[Token], pairs: dict[int, int]) -> None:
        self.found, self.pairs = found, pairs
        self.spans: list[tuple[int, int]] = []
        i = 0
        while i < len(found):
            if found[i].text == "{" and found[i - 1].text == ")":
                self.block(i)
            i = pairs[i] + 1 if found[i].text in CLOSERS.values() else i + 1

    def block(self, i: int) -> int:
        """The statements between the brace at `i` and its partner; the index behind that."""
        last = self.pairs[i]
        i += 1
        while i < last:
            i = self.statement(i)
        return last + 1

    def statement(self, i: int) -> int:
        """Note the statement at `i`, and what is in it; the index behind it."""
        text, first = self.found[i].text, i
        if text == "{":
            return self.block(i)
        if text in ("if", "while", "for"):
            i = self.statement(self.pairs[i + 1] + 1)
            if self.found[i].text == "else":
                i = self.statement(i + 1)
        else:
            while self.found[i].text != ";":
                i = self.pairs[i] + 1 if self.found[i].text in CLOSERS.values() else i + 1
            i += 1
        self.spans.append((first, i))
        return i


def deletions(found: list[Token], pairs: dict[int, int]) -> Iterator[Mutant]:
    for first, behind in Statements(found, pairs).spans:
        yield Mutant("statement", found[first].begin, found[behind - 1].end, ";")


def mutants(source: str) -> list[Mutant]:
    """Every mutant of a C file, in the order of the text."""
    found = tokens(source)
    pairs = matching(found)
    all_ = [*token_mutants(found), *deletions(found, pairs)]
    all_ += [
        Mutant(one.operator, one.begin, one.end, one.new.format(source[one.begin : one.end]))
        for one in conditions(found, pairs)
    ]
    distinct = {(m.begin, m.end, m.new): m for m in all_}
    return sorted(distinct.values(), key=lambda m: (m.begin, m.end, m.new))
