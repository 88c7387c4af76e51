"""Put the real LeRobot into a folder of its own, for the tests that open our datasets with it.

Its own requirements would bring a second torch and gigabytes more, so the few packages that its dataset code imports
are named here. torch, numpy, pyarrow and PyAV are those of the environment; torchvision, which has no build for every
torch, is stood in for by `tests/data/lerobot_stand_ins`. Without a package index those tests skip and say so.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PACKAGES = (
    "lerobot==0.4.4", "datasets==4.1.1", "accelerate==1.12.0", "huggingface-hub==0.35.3", "draccus==0.10.0",
    "dill==0.4.0", "multiprocess==0.70.18", "pandas>=2.2,<4", "python-dateutil", "six", "pytz", "tzdata", "xxhash",
    "psutil", "pyyaml", "tqdm", "jsonlines", "attrs", "packaging", "requests", "idna", "charset-normalizer", "urllib3",
    "certifi", "typing-inspect", "mypy-extensions", "mergedeep", "pyyaml-include", "toml", "deepdiff", "orderly-set",
    "fsspec", "filelock", "typing-extensions",
)  # fmt: skip


def main() -> int:
    """Always 0: the oracle is optional."""
    folder = Path(sys.argv[1])
    if (folder / "lerobot").is_dir():
        return 0
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    if subprocess.run([*command, "--target", str(folder), *PACKAGES], check=False).returncode:
        print(
            "LeRobot could not be installed: the tests that open datasets with it will skip", file=sys.stderr
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
