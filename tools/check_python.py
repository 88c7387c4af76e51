"""Stop early, in words, when the interpreter cannot build or run motorium."""

import importlib.util
import shutil
import sys

OLDEST, NEWEST = (3, 10), (3, 13)


def main() -> int:
    """Return 0 when this interpreter and machine can build the package."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        print(f"motorium needs Python 3.10 to 3.13; this is {sys.version.split()[0]}.", file=sys.stderr)
        print("Choose another one, for instance: make demo PYTHON=python3.11", file=sys.stderr)
        return 1
    if importlib.util.find_spec("ensurepip") is None:
        print(
            "This Python cannot make a .venv; on Debian: apt-get install python3-venv",
            file=sys.stderr,
        )
        return 1
    if not any(shutil.which(compiler) for compiler in ("c++", "g++", "clang++")):
        print("A C++20 compiler is needed; on Debian: apt-get install g++", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
