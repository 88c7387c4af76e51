"""Put the real LeRobot into a folder of its own, for the tests that open our datasets and set up servos with it.

Its own requirements would bring a second torch and gigabytes more, so the few packages that its dataset, motor and ACT
code imports are named here. torch, numpy, pyarrow and PyAV are those of the environment; torchvision, which has no
build for every torch, is stood in for by `tests/data/lerobot_stand_ins` except where a policy of LeRobot's is trained
(`tools/peers/lerobot_act.py`). Without a package index those tests skip and say so.

`feetech-servo-sdk`, which LeRobot's motors need, and `ftservo-python-sdk`, which our own tests compare with, both bring
a module `scservo_sdk`: the first is in this folder alone, the second in the environment alone.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGES = (
    "lerobot==0.4.4", "datasets==4.1.1", "accelerate==1.12.0", "huggingface-hub==0.35.3", "draccus==0.10.0",
    "dill==0.4.0", "multiprocess==0.70.18", "pandas>=2.2,<4", "python-dateutil", "six", "pytz", "tzdata", "xxhash",
    "psutil", "pyyaml", "tqdm", "jsonlines", "attrs", "packaging", "requests", "idna", "charset-normalizer", "urllib3",
    "certifi", "typing-inspect", "mypy-extensions", "mergedeep", "pyyaml-include", "toml", "deepdiff>=8,<9",
    "orderly-set>=5.4.1,<6", "fsspec", "filelock", "typing-extensions",
)  # fmt: skip

MOTORS = ("pyserial==3.5", "feetech-servo-sdk==1.0.0", "dynamixel-sdk==3.8.4")
"""What `lerobot.motors` imports beyond; separately, for one of them comes as source and has to be built."""
POLICIES = ("torchvision==0.28.0", "einops==0.8.2", "imageio==2.37.0")
"""What `lerobot.policies.act` imports beyond: the torchvision that goes with the torch of `install_torch.py`."""
DONE = "installed-by-motorium.txt"
"""Names what is in the folder, so that another list installs again."""


def main() -> int:
    """Always 0: the oracle is optional."""
    folder = Path(sys.argv[1])
    wanted = "\n".join((*PACKAGES, *MOTORS, *POLICIES)) + "\n"
    if (folder / DONE).is_file() and (folder / DONE).read_text(encoding="utf-8") == wanted:
        return 0
    if not _install(folder, PACKAGES):
        print(
            "LeRobot could not be installed: the tests that open datasets with it will skip", file=sys.stderr
        )
    elif not _install(folder, MOTORS):
        print("LeRobot's motor kits could not be installed: its motor set-up will skip", file=sys.stderr)
    elif not _install(folder, POLICIES):
        print("What LeRobot's ACT needs could not be installed: its training will skip", file=sys.stderr)
    else:
        (folder / DONE).write_text(wanted, encoding="utf-8")
    return 0


def _install(folder: Path, packages: Sequence[str]) -> bool:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    return not subprocess.run(
        [*command, "--upgrade", "--target", str(folder), *packages], check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
