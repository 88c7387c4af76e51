"""Print which of torch and LeRobot the tests of pytest's arguments use: `make test TESTS=...` installs no more.

Exit status 1: a file or folder among them does not exist.
"""

import re
import sys
from pathlib import Path

WORDS = {
    "torch": re.compile(r"import torch|importorskip\(\"torch"),
    "lerobot": re.compile(r"\blerobot(_path)?[,)]"),
}


def needs(paths: list[Path]) -> list[str]:
    """Of WORDS, those that a test module in `paths` asks for; LeRobot brings torch."""
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("test_*.py"))]
    texts = [file.read_text(encoding="utf-8") for file in files if file.suffix == ".py"]
    found = {name for name, word in WORDS.items() if any(word.search(text) for text in texts)}
    return sorted(found | ({"torch"} if "lerobot" in found else set()))


def paths_of(arguments: list[str]) -> list[Path]:
    """Of pytest's arguments, the files and folders; all tests where none is named.

    What follows an option may be its value (`-k word`), so there only what exists is a path.
    """
    named = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        path = Path(argument.partition("::")[0])
        a_value = before.startswith("-") and "=" not in before and not path.exists()
        if not argument.startswith("-") and not a_value:
            named.append(path)
    return named or [Path("tests")]


if __name__ == "__main__":
    asked = paths_of(sys.argv[1:])
    if missing := [str(path) for path in asked if not path.exists()]:
        sys.exit(f"no such file or folder: {', '.join(missing)}")
    print(" ".join(needs(asked)))
