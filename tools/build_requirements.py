"""Print what `pyproject.toml` needs to build, and the build tools that would otherwise come from the system.

With these in .venv the package builds without isolation: a second build compiles only what changed.
"""

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"

if __name__ == "__main__":
    requires = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["build-system"]["requires"]
    print("\n".join([*requires, "cmake>=3.22", "ninja"]))
