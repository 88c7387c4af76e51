"""Find what an HDF5 file says in words: the instruction, wherever it was put, and robomimic's environment.

LIBERO: `data.attrs["problem_info"]`, JSON with `language_instruction`, and `bddl_file_name`. RoboCasa: `ep_meta` of
each demo, JSON with `lang`. Others: an attribute, or a dataset of texts, called `language_instruction` or the like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...foreign import parse_json
from ...instructions import MAX_CHARS
from . import hdf5_file

NAMES = (
    "language_instruction", "instruction", "natural_language_instruction", "language", "language_raw",
    "task_description", "lang", "task",
)  # fmt: skip
DOCUMENTS = ("problem_info", "ep_meta", "env_args")
"""Attributes that are JSON objects."""
PATHS = ("bddl_file_name", "bddl_file")
"""Attributes with the path of a LIBERO problem, whose name is SCENE_the_instruction.bddl."""
MAX_RATE = 1000


def instruction(*groups: Any) -> str | None:
    """Find the instruction of an episode; the first group that says one counts. None when none does."""
    for group in groups:
        for text in _said(group):
            if text:
                return text
    return None


def is_instruction(group: Any, name: str) -> bool:
    """Return whether a member of a group is a text that `instruction` looks at."""
    return name in NAMES and isinstance(hdf5_file.text_member(group, name), str)


def _said(group: Any) -> Iterator[str]:
    for name in NAMES:
        yield _words(hdf5_file.attribute(group, name))
    for name in DOCUMENTS:
        document = document_of(group, name)
        for key in NAMES:
            yield _words(document.get(key))
    for name in NAMES:
        yield _words(hdf5_file.text_member(group, name))
    for name in PATHS:
        yield _of_path(hdf5_file.attribute(group, name))


def document_of(group: Any, name: str) -> Mapping[str, Any]:
    """Read a JSON object in an attribute; {} when there is none that can be read."""
    text = hdf5_file.attribute(group, name)
    try:
        value = parse_json(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _words(value: Any) -> str:
    """Return one line of text of what was found; "" of anything else, and of numbers."""
    if isinstance(value, (list, tuple)):
        parts = [part for part in value if isinstance(part, str)]
        joint = "" if parts and all(len(part) == 1 for part in parts) else " "
        value = joint.join(dict.fromkeys(parts) if joint else parts)
    if not isinstance(value, str):
        return ""
    text = value.strip()
    if text.startswith(("{", "[")):
        return ""  # a document, not words
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"\s+", " ", text).strip().strip("\"'")[:MAX_CHARS]


def _of_path(value: Any) -> str:
    if not isinstance(value, str) or not value.endswith(".bddl"):
        return ""
    name = re.split(r"[/\\]", value)[-1].removesuffix(".bddl")
    return _words(re.sub(r"^[A-Z0-9_]+_(?=[a-z])", "", name).replace("_", " "))


def rate(document: Mapping[str, Any], *groups: Any) -> int | None:
    """Return rows per second as robomimic's environment or an attribute `fps` says, when it is a whole number."""
    more = document.get("env_kwargs")
    found = [more.get("control_freq") if isinstance(more, dict) else None]
    found += [hdf5_file.attribute(group, "fps") for group in groups]
    for value in found:
        number = value.item() if isinstance(value, np.generic) else value
        if isinstance(number, (int, float)) and 1 <= number <= MAX_RATE and number == int(number):
            return int(number)
    return None


def robot(document: Mapping[str, Any]) -> str:
    """Return the name of robomimic's robot."""
    more = document.get("env_kwargs")
    robots = more.get("robots") if isinstance(more, dict) else None
    return str(robots[0] if isinstance(robots, list) and robots else robots or "robomimic")[:200]


def environment(document: Mapping[str, Any]) -> str:
    """Return the name of robomimic's environment."""
    return str(document.get("env_name", ""))[:500]
