"""Bring LeRobot into this process, from the folder that `tools/install_lerobot.py` fills, without a network.

LeRobot's code runs as it is. Around it four things are missing here, and are put in place before it is imported:

- the package `lerobot.policies` would import every policy that LeRobot has, with a gigabyte of what they need; it is
  entered without its `__init__`, so that only the policy that is asked for is imported;
- torchvision comes as a build for GPUs, whose C++ part does not load beside a torch for processors. Its networks need
  none of it; its Python part only wants two operators to be declared;
- the video reader of `torchvision.io`, which newer ones lack: the one over PyAV that the tests use;
- the hub is switched off, and caches go to the folder of the run.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import types
from pathlib import Path

from motorium.errors import MotoriumError

ROOT = Path(__file__).resolve().parents[2]
READER = ROOT / "tests" / "data" / "lerobot_stand_ins" / "torchvision" / "io.py"
OPERATORS = ("nms", "qnms")
_declared: list[object] = []
"""Libraries of operators, kept alive: what one declares goes with it."""


def bring_lerobot(folder: Path, cache: Path) -> None:
    """Make `lerobot.policies.act` and `lerobot.datasets` importable.

    Args:
        folder: where LeRobot, torchvision and einops lie.
        cache: where its libraries keep what they derive from a dataset.

    Once is enough; more does nothing. Raises MotoriumError: something is not there, or torchvision does not fit torch.
    """
    os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_HOME=str(cache))
    if "lerobot.policies" in sys.modules:
        return
    missing = [name for name in ("lerobot", "torchvision", "einops") if not (folder / name).is_dir()]
    if missing:
        raise MotoriumError(
            f"{folder} lacks {', '.join(missing)}; install it: python tools/install_lerobot.py {folder}"
        )
    sys.path.append(str(folder))
    _bring_torchvision()
    package = types.ModuleType("lerobot.policies")
    package.__path__ = [str(folder / "lerobot" / "policies")]
    sys.modules["lerobot.policies"] = package


def versions() -> dict[str, str]:
    """Return what the comparison was made with."""
    from importlib.metadata import version

    return {name: version(name) for name in ("lerobot", "torch", "torchvision", "motorium")}


def _bring_torchvision() -> None:
    import torch

    try:
        vision = importlib.import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for name in OPERATORS:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
        try:
            vision = importlib.import_module("torchvision")
        except RuntimeError as error:
            raise MotoriumError(
                f"this torchvision does not go with torch {torch.__version__} ({error}); install the pair that "
                "tools/install_torch.py and tools/install_lerobot.py name"
            ) from error
    if not hasattr(vision.io, "VideoReader"):
        spec = importlib.util.spec_from_file_location("act_video_reader", READER)
        assert spec is not None
        assert spec.loader is not None
        reader = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(reader)
        vision.io.VideoReader = reader.VideoReader
    if not hasattr(vision, "set_video_backend"):
        vision.set_video_backend = lambda _name: None  # there is one
