"""Recognise foreign checkpoints by names and keys; nothing is unpickled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import foreign
from ..containers import CONFIG, LARGEST_CONFIG, WEIGHTS
from ..errors import CheckpointError
from .registry import Family, family_of

ADAPTER = "adapter_config.json"
MAX_ENTRIES = 256
"""Of a folder that are looked at."""
DEPTH = 3
"""Levels below a folder in which its checkpoint is sought: `outputs/train/x` -> `checkpoints/last/pretrained_model`."""
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
OTHER_WEIGHTS = {
    ".onnx": "an ONNX graph",
    ".gguf": "GGUF weights",
    ".h5": "Keras weights",
    ".tflite": "a TensorFlow Lite graph",
    ".engine": "a TensorRT engine",
}
LEROBOT_KEYS = ("input_features", "output_features", "normalization_mapping", "n_obs_steps")
FIRST_PI0 = ("proj_width", "attention_implementation", "use_cache")
"""Keys of LeRobot's first pi0 port, whose weights have other names."""


def foreign_checkpoint(folder: Path) -> str:
    """Return what the checkpoint in `folder` is, such as "a LeRobot ACT policy"; "" for motorium's own or unknown.

    Never raises: a file that cannot be read tells nothing.
    """
    config = read_config(folder)
    if "format" in config:
        return ""
    family = family_of(config)
    if family is not None and family.module:
        return ""
    return _lerobot(config, folder, family) or _library(config, folder, family) or _bare_files(folder)


def read_config(folder: Path) -> Mapping[str, Any]:
    """Return the keys of `config.json`; none where it is absent, damaged or no object."""
    return _read(folder / CONFIG)


def foreign_file(path: Path) -> str:
    """Return what a file that was given in a checkpoint's place is; "" when its name does not say."""
    suffix = path.suffix.lower()
    if suffix in PICKLES:
        return "a pickle (torch.save), which is never opened, because unpickling runs code"
    return OTHER_WEIGHTS.get(suffix, "")


def checkpoint_near(folder: Path) -> Path | None:
    """Return the one folder near `folder` with `config.json`, above it or up to three levels below; None without."""
    if (folder.parent / CONFIG).is_file() and (folder.parent / WEIGHTS).is_file():
        return folder.parent
    level = [folder]
    for _ in range(DEPTH):
        level = [child for parent in level for child in _entries(parent) if child.is_dir()][:MAX_ENTRIES]
        found = [child for child in level if (child / CONFIG).is_file()]
        if found:
            real = {child.resolve() for child in found}  # LeRobot's `last` is a link to one of the others
            return found[0] if len(real) == 1 else None
    return None


def _lerobot(config: Mapping[str, Any], folder: Path, family: Family | None) -> str:
    if "input_shapes" in config and "output_shapes" in config:
        return "a LeRobot policy in its layout of 2024 (`input_shapes`, no `type`)"
    kind = config.get("type")
    known = family is not None and "type" in family.recognise
    if isinstance(kind, str) and (known or any(key in config for key in LEROBOT_KEYS)):
        what = family.refusal if family is not None and known else "a LeRobot policy"
        notes = [f"`type` {kind[:40]!r}"]
        if any(key in config for key in FIRST_PI0) and kind == "pi0":
            notes.append("of the first pi0 port: `proj_width`")
        if config.get("use_peft") is True or (folder / ADAPTER).is_file():
            notes.append("`use_peft`: an adapter, not yet merged into its base")
        return f"{what} ({'; '.join(notes)})"
    if all(key in config for key in LEROBOT_KEYS[:2]):
        return f"a LeRobot policy whose {CONFIG} lacks `type`"
    return ""


def _library(config: Mapping[str, Any], folder: Path, family: Family | None) -> str:
    if family is not None:
        return family.refusal
    index = _read(folder / "model_index.json")
    for document in (config, index):
        name = document.get("_class_name")
        if isinstance(name, str) and ("_diffusers_version" in document or document is index):
            return f"a diffusers folder ({name[:60]})"
    architectures, kind = config.get("architectures"), config.get("model_type")
    if isinstance(architectures, list) and architectures and isinstance(architectures[0], str):
        return f"a transformers model ({architectures[0][:60]})"
    if isinstance(kind, str) and ("transformers_version" in config or "auto_map" in config):
        return f"a transformers model (`model_type` {kind[:40]!r})"
    return ""


def _bare_files(folder: Path) -> str:
    """By what lies there, when no config.json says anything."""
    if (folder / ADAPTER).is_file():
        return "a PEFT adapter (`adapter_config.json`), which needs its base model: merge them first"
    names = [entry.name for entry in _entries(folder)]
    if (folder / CONFIG).exists() or WEIGHTS in names:
        return ""
    if "params" in names and ("_CHECKPOINT_METADATA" in names or "assets" in names):
        return "an openpi (JAX) checkpoint"
    for name in names:
        if told := foreign_file(Path(name)):
            return f"a folder with {name}, {told}"
    return ""


def _entries(folder: Path) -> list[Path]:
    def some() -> Iterator[Path]:
        for count, entry in enumerate(folder.iterdir()):
            if count >= MAX_ENTRIES:
                return
            yield entry

    try:
        return sorted(some())
    except OSError:
        return []


def _read(path: Path) -> Mapping[str, Any]:
    try:
        document = foreign.read_json(path, LARGEST_CONFIG, error=CheckpointError, inside=path.parent)
    except CheckpointError:
        return {}
    return document if isinstance(document, dict) else {}
