"""Print which of torch and LeRobot the tests below the given paths use: `make test TESTS=...` installs no more."""

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


if __name__ == "__main__":
    arguments = [
        Path(argument.partition("::")[0]) for argument in sys.argv[1:] if not argument.startswith("-")
    ]
    print(" ".join(needs([path for path in arguments if path.exists()])))
