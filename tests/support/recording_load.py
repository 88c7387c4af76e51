"""What recording costs control: three cameras of 640 x 480 at 30 Hz and 200 Hz joints, with recording off, on and off.

    recording_load.py [SECONDS]     one JSON object on stdout; docs/recording.json is such a run

The cameras are pictures prepared beforehand, with sensor noise, so that nothing but recording differs: without a
GPU, the simulator's own at that size take 30 ms of processor time each, 2.7 cores for the 90 a second.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from motorium import Robot
from motorium.data.check.judge import check
from motorium.data.record.recorder import Sampler, schema_for
from motorium.data.record.writer import DatasetWriter
from motorium.types import Frame

FPS, HEIGHT, WIDTH = 30, 480, 640


class Prepared:
    """A camera that has 60 pictures and shows one after the other."""

    def __init__(self, role: str, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.role = role
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
        base = np.stack([80 + x / 8, 60 + y / 6, 120 - x / 16], axis=2)
        self._images = []
        for k in range(60):
            picture = base + rng.normal(0, 3, base.shape)
            picture[100 + k * 4 : 180 + k * 4, 200:320] = (30, 60, 200)
            self._images.append(np.clip(picture, 0, 255).astype(np.uint8))

    def read_latest(self, timeout_s: float = 1.0) -> Frame:
        del timeout_s
        seq = time.monotonic_ns() * FPS // 1_000_000_000
        return Frame(self._images[seq % 60], seq * 1_000_000_000 // FPS, seq)

    def close(self) -> None: ...


def missed(robot: Robot, seconds: float) -> dict:
    before = robot.control.stats()
    time.sleep(seconds)
    return since(robot, before, seconds)


def since(robot: Robot, before: dict, seconds: float) -> dict:
    now = robot.control.stats()
    ticks, lost = (int(now[key] - before[key]) for key in ("ticks", "missed"))
    return {
        "seconds": round(seconds, 2),
        "ticks": ticks,
        "missed": lost,
        "missed_share": round(lost / max(ticks, 1), 5),
    }


def cpu_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(seconds: float) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "d"
        cameras = {role: Prepared(role, i) for i, role in enumerate(("front", "wrist", "top"))}
        with Robot.open("sim:so101", cameras=cameras) as robot:
            robot.home()
            off = [missed(robot, seconds / 3)]
            with DatasetWriter(root, schema_for(robot, FPS)) as writer:
                time.sleep(2.0)  # the encoder has started
                before, begin = robot.control.stats(), time.monotonic()
                used = [cpu_s(writer.encoder_pid), cpu_s(os.getpid())]
                writer.begin("hold still", time.monotonic_ns())
                sampler = Sampler(robot, writer, time.monotonic_ns())
                time.sleep(seconds)
                sampler.stop()
                on = since(robot, before, time.monotonic() - begin)
                used = [cpu_s(writer.encoder_pid) - used[0], cpu_s(os.getpid()) - used[1]]
                finished = writer.end()
            off.append(missed(robot, seconds / 3))
        verdict = check(root, pictures=False)
        return {
            "cores": os.cpu_count(),
            "load_average": [round(x, 1) for x in os.getloadavg()],
            "recording_off": off,
            "recording_on": on,
            "share_of_a_core": {
                "encoder": round(used[0] / on["seconds"], 3),
                "recorder_and_control": round(used[1] / on["seconds"], 3),
            },
            "rows": sampler.rows,
            "rate_hz": round(sampler.rate_hz, 3),
            "late_rows": sampler.late,
            "dropped_frames": dict(finished.dropped),
            "dropped_share": round(sum(finished.dropped.values()) / (3 * sampler.rows), 5),
            "durable_s": round(finished.durable_s, 3),
            "megabytes": round(sum(p.stat().st_size for p in root.rglob("*") if p.is_file()) / 1e6, 1),
            "findings": sorted({f.kind for f in verdict.findings}),
        }


if __name__ == "__main__":
    print(json.dumps(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0), indent=1))
