"""Check before the first frame whether all camera modes fit on their USB buses, and what each costs.

A video class camera reserves isochronous bandwidth when it starts: so many bytes in each microframe of 125 us, and in
steps, since it offers a few alternate settings (here 1, 2 or 3 packets of 1024 bytes, the most that USB 2.0 allows an
endpoint, section 5.6.3). At most 80 % of a high-speed microframe may be reserved (section 5.6.4). The second camera
that asks for more than is left does not start, with an error that says "No space left on device".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import CameraError

BYTES_PER_PIXEL: Mapping[str, float] = {
    "YUYV": 2.0,
    "NV12": 1.5,
    "RGB3": 3.0,
    "Z16": 2.0,
    "MJPG": 0.25,  # an estimate: a camera's JPEG at its default quality has about two bits to a pixel
    "H264": 0.03,
}
HIGH_SPEED_STEPS = (8_192_000, 16_384_000, 24_576_000)
"""Bytes per second of 1, 2 and 3 packets of 1024 bytes in each of 8000 microframes."""
BUS_LIMITS = {12: 1_023_000, 480: 48_000_000, 5_000: 400_000_000, 10_000: 900_000_000, 20_000: 1_800_000_000}
"""Link speed in Mbit/s -> bytes per second that periodic transfers may reserve (80 % after line coding; 12: one packet
of 1023 bytes per millisecond)."""


@dataclass(frozen=True)
class Mode:
    """Size, rate and pixel format of a stream.

    Attributes:
        width, height: pixels.
        fps: frames per second.
        pixels: FOURCC name, one of BYTES_PER_PIXEL.
    """

    width: int = 640
    height: int = 480
    fps: float = 30.0
    pixels: str = "MJPG"

    @property
    def bytes_per_s(self) -> float:
        """Payload of the stream."""
        return self.width * self.height * self.fps * BYTES_PER_PIXEL[self.pixels]

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.pixels} at {self.fps:g} Hz"


@dataclass(frozen=True)
class Stream:
    """One camera's demand on a bus."""

    role: str
    mode: Mode
    bus: int
    speed_mbps: float

    @property
    def reserved_bytes_per_s(self) -> float:
        """What the camera reserves, which is a step at high speed, and the payload otherwise."""
        needed = self.mode.bytes_per_s
        if self.speed_mbps == 480:
            return next((step for step in HIGH_SPEED_STEPS if needed <= step), needed)
        return needed


@dataclass(frozen=True)
class BusLoad:
    """Reservations on one bus at one speed, bytes per second."""

    bus: int
    speed_mbps: float
    reserved: float
    limit: float
    streams: tuple[Stream, ...]

    @property
    def fits(self) -> bool:
        """Whether the bus, and every endpoint on it, can carry this."""
        endpoint = HIGH_SPEED_STEPS[-1] if self.speed_mbps == 480 else self.limit
        return self.reserved <= self.limit and all(s.reserved_bytes_per_s <= endpoint for s in self.streams)

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "bus": self.bus,
            "speed_mbps": self.speed_mbps,
            "reserved_mb_s": round(self.reserved / 1e6, 2),
            "limit_mb_s": round(self.limit / 1e6, 2),
            "fits": self.fits,
            "roles": [stream.role for stream in self.streams],
        }


def bus_loads(streams: Iterable[Stream]) -> list[BusLoad]:
    """Sum reservations per bus and speed. A bus of unknown speed counts as high-speed USB 2."""
    groups: dict[tuple[int, float], list[Stream]] = {}
    for stream in streams:
        known = stream.speed_mbps if stream.speed_mbps in BUS_LIMITS else 480.0
        placed = Stream(stream.role, stream.mode, stream.bus, known)
        groups.setdefault((stream.bus, known), []).append(placed)
    return [
        BusLoad(
            bus, speed, sum(s.reserved_bytes_per_s for s in group), BUS_LIMITS[round(speed)], tuple(group)
        )
        for (bus, speed), group in sorted(groups.items())
    ]


def check_bandwidth(streams: Iterable[Stream]) -> list[BusLoad]:
    """Return the loads of all buses. Raises CameraError naming the bus that is over its limit and what to change."""
    loads = bus_loads(streams)
    for load in loads:
        if not load.fits:
            demands = "; ".join(
                f"{s.role} {s.mode} reserves {s.reserved_bytes_per_s / 1e6:.1f} MB/s" for s in load.streams
            )
            raise CameraError(
                f"USB bus {load.bus} carries {load.limit / 1e6:.1f} MB/s of video, its cameras would reserve "
                f"{load.reserved / 1e6:.1f} MB/s ({demands}). Use pixels MJPG, a lower size or rate, or another "
                f"bus (ports on the same hub share one)"
            )
    return loads
