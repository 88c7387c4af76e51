"""Run by the tests in a process of its own: real LeRobot opens a dataset, or writes one, and says what it saw.

lerobot_reader.py read ROOT write OTHER ...     one JSON list on stdout, an object per job
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import numpy as np
from lerobot.datasets.compute_stats import compute_episode_stats
from lerobot.datasets.lerobot_dataset import LeRobotDataset

FPS = 20


def read(root: str) -> dict:
    dataset = LeRobotDataset("test/ours", root=root, video_backend="pyav")
    meta = dataset.meta
    items = [dataset[i] for i in range(0, len(dataset), 7)]
    recomputed = {}
    for key in ("observation.state", "action", "timestamp"):
        column = np.array(dataset.hf_dataset.with_format("numpy")[key][:])
        recomputed[key] = compute_episode_stats({key: column}, meta.features)[key]
    return {
        "length": len(dataset),
        "episodes": dataset.num_episodes,
        "fps": dataset.fps,
        "tasks": list(meta.tasks.index),
        "lengths": [int(n) for n in meta.episodes["length"]],
        "indices": [int(item["index"]) for item in items],
        "item_tasks": [item["task"] for item in items],
        "states": [item["observation.state"].tolist() for item in items],
        "pictures": {
            key: [
                (item[key] * 255).round().byte().permute(1, 2, 0).numpy().mean((0, 1)).tolist()
                for item in items
            ]
            for key in meta.video_keys
        },
        "stats": {
            key: {k: np.asarray(v).tolist() for k, v in value.items()} for key, value in meta.stats.items()
        },
        "recomputed": {
            key: {k: np.asarray(v).tolist() for k, v in value.items()} for key, value in recomputed.items()
        },
    }


def write(root: str) -> dict:
    features = {
        "observation.state": {"dtype": "float32", "shape": (3,), "names": ["a", "b", "c"]},
        "action": {"dtype": "float32", "shape": (3,), "names": ["a", "b", "c"]},
        "observation.images.top": {
            "dtype": "video",
            "shape": (64, 96, 3),
            "names": ["height", "width", "channels"],
        },
    }
    dataset = LeRobotDataset.create("test/theirs", FPS, features, root=root, use_videos=True, vcodec="h264")
    for episode, task in enumerate(["first", "zweitens", "first"]):
        for k in range(30 + episode):
            picture = np.full((64, 96, 3), 40 + 60 * episode, np.uint8)
            picture[:, 3 * (k % 30) : 3 * (k % 30) + 3] = 250
            values = np.array([k, episode, 0.5], np.float32)
            dataset.add_frame(
                {
                    "observation.state": values,
                    "action": -values,
                    "observation.images.top": picture,
                    "task": task,
                }
            )
        dataset.save_episode()
    dataset.finalize()
    return {"length": len(dataset)}


def stills(root: str) -> dict:
    """Two episodes of 12 rows whose pictures lie in the data files."""
    shapes = {"observation.state": (2,), "action": (2,)}
    features = {
        key: {"dtype": "float32", "shape": shape, "names": ["a", "b"]} for key, shape in shapes.items()
    }
    features["observation.images.top"] = {
        "dtype": "image", "shape": (32, 48, 3), "names": ["height", "width", "channels"],
    }  # fmt: skip
    dataset = LeRobotDataset.create("test/stills", FPS, features, root=root, use_videos=False)
    for episode in range(2):
        for k in range(12):
            values = np.array([k, episode], np.float32)
            picture = np.full((32, 48, 3), 10 * k + episode, np.uint8)
            row = {
                "observation.state": values,
                "action": values,
                "observation.images.top": picture,
                "task": "t",
            }
            dataset.add_frame(row)
        dataset.save_episode()
    dataset.finalize()
    return {"length": len(dataset)}


def upgrade(root: str) -> dict:
    """A v2.1 dataset, converted in place by LeRobot's own script, then read."""
    from lerobot.datasets.v30.convert_dataset_v21_to_v30 import convert_dataset

    path = Path(root)
    with contextlib.redirect_stdout(sys.stderr):
        convert_dataset(path.name, root=path.parent, push_to_hub=False)
    return read(root)


if __name__ == "__main__":
    jobs = zip(sys.argv[1::2], sys.argv[2::2], strict=True)
    verbs = {"read": read, "write": write, "upgrade": upgrade, "stills": stills}
    print(json.dumps([verbs[verb](root) for verb, root in jobs]))
