"""Words of an instruction as numbers; the same rule as the run-time policy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import PromptError

PUNCTUATION = ".,!?;:\"'"


def encode_words(text: str, vocabulary: list[str], max_tokens: int) -> NDArray[np.int32]:
    """(max_tokens,) int32, padded with 0; unknown words are 1. Raises PromptError when there are too many words."""
    words = text.lower().translate(str.maketrans("", "", PUNCTUATION)).split()
    if len(words) > max_tokens:
        raise PromptError(f"instruction has {len(words)} words, at most {max_tokens} are possible: {text!r}")
    known = {word: i for i, word in enumerate(vocabulary)}
    ids = [known.get(word, 1) for word in words]
    return np.array(ids + [0] * (max_tokens - len(ids)), dtype=np.int32)
