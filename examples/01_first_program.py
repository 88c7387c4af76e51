"""The first program: a shipped checkpoint drives the simulated arm for one task."""

import motorium as mt

policy = mt.load("so101-pick")  # a name in models/, or a directory
with mt.Robot.open("sim:so101") as robot:  # on hardware: Robot.open("so101", port="/dev/ttyACM0", ...)
    report = mt.run(robot, policy, task="put the red cube in the tray", duration_s=20)
print(report)
