"""Somebody moved the camera: adapt a checkpoint with a few demonstrations, and see whether it helped.

    python 06_adapt_to_a_moved_camera.py [EPISODES MINUTES SCENES]

Without numbers it shows the way in a minute; `25 10 100` adapts. Needs motorium[learn,data,sim].
"""

import subprocess
import sys

EPISODES, MINUTES, SCENES = sys.argv[1:4] or ("4", "0.3", "2")


def motorium(command: str) -> None:
    """Run a command as in a terminal, and end where it fails."""
    print("$ motorium", command, flush=True)
    subprocess.run([sys.executable, "-m", "motorium", *command.split()], check=True)


motorium(
    f"record sim:so101 --leader script --lockstep --scene camera-moved --dataset moved --episodes {EPISODES}"
)
motorium(f"finetune so101-pick --data moved --out adapted --method full --minutes {MINUTES}")
motorium(f"eval adapted/checkpoint --scene camera-moved --against so101-pick --episodes {SCENES}")
