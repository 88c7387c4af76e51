"""Read servos through the bus driver, as a program below the robot layer would. No motor is commanded.

The virtual arm answers the real protocol on a pseudo-terminal; give a real port instead to read a real arm.
"""

import sys

from motorium._core import ServiceBus
from motorium.sim.backend import open_backend

PRESENT_POSITION, POSITION_BYTES = 56, 2  # STS3215 control table


def read(port: str) -> None:
    """Print the position of servos 1 to 6 and what the bus counted."""
    bus = ServiceBus("feetech", port)
    for servo, reply in bus.sync_read([1, 2, 3, 4, 5, 6], PRESENT_POSITION, POSITION_BYTES).items():
        print(f"servo {servo}: {int.from_bytes(reply, 'little') if reply else 'no reply'}")
    print(bus.counters())


if len(sys.argv) > 1:
    read(sys.argv[1])
else:
    with open_backend("so101") as arm:
        print(f"virtual arm on {arm.port}")
        read(arm.port)
