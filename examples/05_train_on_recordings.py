"""From recordings to a policy: record, check, train, judge. Needs motorium[learn,data,sim].

    python 05_train_on_recordings.py [EPISODES MINUTES SCENES]

Without numbers it shows the way in a minute and learns nothing; `200 50 100` gives a policy (docs/training.md). With an
arm of your own, take the dataset that `motorium record so101 --leader so101_leader ...` wrote, and start at the check.
"""

import subprocess
import sys

EPISODES, MINUTES, SCENES = sys.argv[1:4] or ("4", "0.3", "2")


def motorium(command: str) -> None:
    """Run a command as in a terminal, and end where it fails."""
    print("$ motorium", command, flush=True)
    subprocess.run([sys.executable, "-m", "motorium", *command.split()], check=True)


motorium(f"record sim:so101 --leader script --lockstep --dataset cubes --episodes {EPISODES}")
motorium("data check cubes")
motorium(f"train --data cubes --out first-policy --minutes {MINUTES}")
motorium(f"eval first-policy/checkpoint --episodes {SCENES}")
