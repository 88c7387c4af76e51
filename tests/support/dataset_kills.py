"""Kill a recorder at random moments, repair, go on, and look whether anything finished was ever lost.

dataset_kills.py record ROOT        the victim: records until it is killed, saying which episodes are durable
dataset_kills.py COUNT [SEED]       many kills in a row; a JSON record of what happened on stdout
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import data_samples

from motorium.data.format.dataset import Dataset
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter

SPEED = 4
"""Rows come this many times faster than they claim, so that a kill falls into every phase within a second."""


def record(root: Path) -> None:
    with DatasetWriter(root, data_samples.schema(), patience_s=10, reserve_mb=1) as writer:
        print("encoder", writer.encoder_pid, flush=True)
        for episode in range(1000):
            writer.begin(f"task {episode % 3}", 0)
            for k in range(30 + episode % 7):
                images = {c: data_samples.image(episode, k, i) for i, c in enumerate(data_samples.CAMERAS)}
                writer.add(data_samples.row(episode, k), images)
                time.sleep(1 / data_samples.FPS / SPEED)
            print("ending", flush=True)
            finished = writer.end()
            print("durable", finished.episode.index, finished.episode.length, flush=True)


def fingerprint(dataset: Dataset) -> dict[int, str]:
    """Episode -> digest of its rows and videos."""
    out = {}
    for episode in dataset.episodes:
        digest = hashlib.sha256(dataset.data_path(episode).read_bytes())
        for key in episode.videos:
            digest.update(dataset.video_path(episode, key).read_bytes())
        out[episode.index] = digest.hexdigest()
    return out


@dataclass
class Record:
    """What many kills did."""

    kills: list[dict] = field(default_factory=list)
    finished: int = 0
    recovered: int = 0
    lost: int = 0

    def as_dict(self) -> dict:
        return {**self.__dict__, "count": len(self.kills)}


def one_kill(root: Path, rng: random.Random, known: dict[int, str], whom: str) -> tuple[dict, dict[int, str]]:
    """Record, kill after a random while, repair, compare. Raises AssertionError when a finished episode is gone."""
    victim = subprocess.Popen(
        [sys.executable, __file__, "record", str(root)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert victim.stdout is not None
    encoder = int(victim.stdout.readline().split()[1])
    # Most kills fall into the end of an episode: encoding, sealing and publishing take a few hundredths of a second.
    near_the_end = rng.random() < 0.6
    if near_the_end:
        for line in victim.stdout:
            if line.startswith("ending") and rng.random() < 0.6:
                break
        delay_s = rng.uniform(0.0, 0.12)
    else:
        delay_s = rng.uniform(0.0, 1.2)
    time.sleep(delay_s)
    if whom in {"both", "encoder"}:
        os.kill(encoder, signal.SIGKILL)
    if whom in {"both", "recorder"}:
        victim.kill()
    rest = victim.communicate(timeout=60)[0] if whom != "encoder" else _after_encoder(victim)
    announced = [int(line.split()[1]) for line in rest.splitlines() if line.startswith("durable")]
    done = repair(root)
    dataset = Dataset.open(root)
    now = fingerprint(dataset)
    assert not set(known.items()) - set(now.items()), "a finished episode was lost or changed"
    assert set(announced) <= set(now), f"episodes {announced} had been announced, {sorted(now)} are there"
    assert sorted(now) == list(range(len(now)))
    assert dataset.info.episodes == len(now)
    for episode, rows in dataset.stream():
        if episode.index in known:
            continue
        assert len(rows["action"]) == episode.length
        for key in episode.videos:
            assert sum(1 for _ in dataset.pictures(episode, key)) == episode.length
    fresh = {
        "whom": whom, "phase": "ending" if near_the_end else "recording", "delay_s": round(delay_s, 3),
        "published": len(done.published), "recovered_s": [s for _, s in done.recovered],
        "unusable": [told.replace(str(root), "d") for told in done.lost],
    }  # fmt: skip
    return fresh, now


def _after_encoder(victim: subprocess.Popen) -> str:
    """Without its encoder the recorder ends with an error of its own."""
    out = victim.communicate(timeout=60)[0]
    assert victim.returncode not in {0, -signal.SIGKILL}
    return out


def run(root: Path, count: int, seed: int = 0) -> Record:
    rng, known, out = random.Random(seed), {}, Record()
    for n in range(count):
        fresh, known = one_kill(root, rng, known, ("recorder", "both", "encoder")[n % 3])
        out.kills.append(fresh)
        out.recovered += len(fresh["recovered_s"])
    out.finished = len(known)
    return out


if __name__ == "__main__":
    if sys.argv[1] == "record":
        record(Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(run(Path(folder) / "d", *map(int, sys.argv[1:])).as_dict(), indent=1))
