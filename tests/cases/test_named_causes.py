"""What a machine lacks is named, not something else that would fail in the same place."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import motorium

OPEN = "from motorium.sim.backend import open_backend\nwith open_backend('so101') as arm: print(arm.port)"


def refusal(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)
    assert done.returncode != 0, done.stdout
    return done.stderr.strip().splitlines()[-1]


def test_too_little_address_space_is_not_a_missing_opengl():
    few = 400 << 20

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (few, few))

    fail = "from motorium.sim.opengl import OpenGLError; raise OpenGLError('no memory')"
    said = refusal(sys.executable, "-c", fail, preexec_fn=limit)
    assert "may map only 0.39 GB" in said
    assert "ulimit -v unlimited" in said
    assert "apt-get" not in said
    assert said.count("ulimit") == 1


@pytest.mark.nightly
@pytest.mark.parametrize(("gone", "said"), [("/proc", "mount -t proc"), ("/dev/pts", "is /dev/pts mounted")])
def test_a_system_folder_that_is_not_mounted_is_named(gone, said):
    hide = f"mount -t tmpfs none {gone}"
    probe = ["unshare", "--mount", "sh", "-c", hide]
    if os.geteuid() != 0 or not shutil.which("unshare") or subprocess.run(probe, check=False).returncode:
        pytest.skip("only root, with the right to mount, can take a system folder away")
    assert said in refusal(
        "unshare", "--mount", "sh", "-c", f'{hide} && exec "$0" -c "$1"', sys.executable, OPEN
    )


def test_an_archive_that_holds_the_package_says_what_to_do(tmp_path):
    package = Path(motorium.__file__).parent
    with zipfile.ZipFile(tmp_path / "site.zip", "w") as archive:
        archive.write(package / "__init__.py", "motorium/__init__.py")
    load = f"import sys; sys.path[:0] = [{str(tmp_path / 'site.zip')!r}]; import motorium"
    said = refusal(sys.executable, "-S", "-c", load)
    assert "cannot be loaded from an archive" in said
    assert "install it with pip" in said
