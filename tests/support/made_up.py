"""Made-up demonstrations."""

from __future__ import annotations

import numpy as np

from so101_pick.shards import DemoFrame

ROWS, JOINTS, SCENE = 16, 6, 12
MANIFEST = {
    "kind": "full",
    "robot": "so101",
    "seeds": [1_000_000_000, 1_000_000_003],
    "episodes": 4,
    "cameras": ["front", "wrist"],
    "vocabulary": ["<pad>", "<unk>", "put", "the", "red", "cube"],
    "scene": [
        *(
            "target_x_m",
            "target_y_m",
            "target_z_m",
            "target_cos4yaw",
            "target_sin4yaw",
            "tray_x_m",
            "tray_y_m",
        ),
        *("hand_x_m", "hand_y_m", "hand_z_m", "hand_cos4yaw", "hand_sin4yaw"),
    ],
    "dt_s": 0.05,
}


def frame(rng: np.random.Generator, *, committed: int = 0, known: int = ROWS) -> DemoFrame:
    """A made-up example: the arm goes where the brightness of the first picture says."""
    goal = rng.uniform(-1, 1)
    state = rng.uniform(-0.5, 0.5, JOINTS).astype(np.float32)
    ramp = np.linspace(0, 1, ROWS, dtype=np.float32)[:, None]
    image = np.full((2, 96, 96, 3), round(127 + 100 * goal), dtype=np.uint8)
    return DemoFrame(
        images=image,
        state=state,
        rows=(state + ramp * goal).astype(np.float32),
        valid=np.arange(ROWS) < known,
        committed=committed,
        scene=np.full(SCENE, goal, dtype=np.float32),
        tokens=np.array([2, 3, 4, 5, 0, 0, 0, 0], dtype=np.int32),
        pregrasp=bool(rng.random() < 0.5),
        seed=1_000_000_000,
    )
