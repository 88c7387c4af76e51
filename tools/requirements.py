"""Print what pip installs beside the package: its own dependencies and those of the extras that are named.

With `--build` also what `pyproject.toml` needs to build, and the build tools that would otherwise come from the
system: with these in .venv the package builds without isolation, and a second build compiles only what changed.
"""

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
BUILD_TOOLS = ("cmake>=3.22", "ninja")

if __name__ == "__main__":
    table = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    wanted = []
    if "--build" in sys.argv[1:]:
        wanted += [*table["build-system"]["requires"], *BUILD_TOOLS]
    extras = [name for name in sys.argv[1:] if name != "--build"]
    if extras:
        wanted += table["project"]["dependencies"]
    for name in extras:
        wanted += table["project"]["optional-dependencies"][name]
    print("\n".join(dict.fromkeys(wanted)))
