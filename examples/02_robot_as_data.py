"""A robot is data: its joints, their limits, and their places in the 200 unified slots."""

import numpy as np

import motorium as mt
from motorium.specs.slots import slot_map

spec = mt.RobotSpec.load("so101")
print(spec.title)
for joint in spec.joints:
    print(f"  {joint.name:14} slot {joint.slot:3}  {joint.lower_rad:+.2f} .. {joint.upper_rad:+.2f} rad")

joints = slot_map(spec)
home_rad = np.array([joint.home_rad for joint in spec.joints], dtype=np.float32)
slots = joints.scatter(home_rad)  # (200,) raw magnitudes, zeros where this robot has nothing
print(f"home fills {np.count_nonzero(slots)} of {slots.size} slots; gripper opening {slots[18]:.2f}")

assert np.allclose(joints.gather(slots), home_rad, atol=1e-6), "slots and joints must be the same thing"
