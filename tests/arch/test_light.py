"""The run path is light: no torch, no simulator, and a start-up beside which `import numpy` is slow."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

HEAVY = ("torch", "mujoco", "PIL", "rich", "numpy")


def modules_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


TIMED = {
    "bare": ("-c", "pass"),
    "numpy": ("-c", "import numpy"),
    "import": ("-c", "import motorium"),
    "help": ("-m", "motorium", "--help"),
}
"""What is started, by name."""


@pytest.fixture(scope="module")
def added_s() -> dict[str, float]:
    """Seconds that each adds to a bare interpreter: the fastest of several runs, as noise only ever adds.

    The runs take turns, so that a busy moment of the machine falls upon all of them.
    """
    best = dict.fromkeys(TIMED, float("inf"))
    for _ in range(7):
        for name, arguments in TIMED.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            best[name] = min(best[name], time.perf_counter() - begin)
    return {name: best[name] - best["bare"] for name in TIMED}


@pytest.mark.parametrize("code", ["import motorium", "import motorium.cli.main"])
def test_start_up_loads_nothing_heavy(code):
    assert not modules_after(code) & set(HEAVY)


def test_listing_the_verbs_imports_none_of_them():
    code = "from click.testing import CliRunner\nfrom motorium.cli.main import main\n"
    loaded = modules_after(code + "assert CliRunner().invoke(main, ['--help']).exit_code == 0")
    verbs = {name for name in loaded if name.startswith("motorium.cli.")}
    assert verbs <= {"motorium.cli.main", "motorium.cli._streams", "motorium.cli._print"}
    assert not loaded & set(HEAVY)


def test_run_path_never_imports_torch():
    code = """
import pkgutil, importlib, motorium
for package in ("policies", "robots", "runtime", "cameras", "motors"):
    home = importlib.import_module(f"motorium.{package}")
    for module in pkgutil.walk_packages(home.__path__, home.__name__ + "."):
        importlib.import_module(module.name)
for name in motorium.__all__:
    getattr(motorium, name)
"""
    assert not modules_after(code) & {"torch", "mujoco", "PIL", "rich"}


@pytest.mark.nightly
def test_import_is_quicker_than_numpy(added_s):
    assert added_s["import"] < 0.5 * added_s["numpy"]


@pytest.mark.nightly
def test_help_is_in_the_range_of_numpy(added_s):
    assert added_s["help"] < 2.0 * added_s["numpy"]
