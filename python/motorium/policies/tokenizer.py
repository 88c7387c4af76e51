"""Instruction -> token ids, word by word."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import PromptError
from .descriptor import Prompt

STRIPPED = str.maketrans("", "", ".,!?;:\"'")


class Tokenizer:
    """Words of a fixed vocabulary; unknown ones become `<unk>`, the rest of the row is `<pad>`."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._ids = {word: index for index, word in enumerate(prompt.vocabulary)}

    def encode(self, task: str) -> NDArray[np.int32]:
        """(max_tokens,) int32. Raises PromptError when there is no word or there are too many."""
        words = self._words(task)
        if not words:
            raise PromptError(f"the instruction {task!r} holds no word; try 'put the red cube in the tray'")
        if len(words) > self._prompt.max_tokens:
            raise PromptError(
                f"the instruction {task!r} has {len(words)} words; "
                f"this checkpoint reads at most {self._prompt.max_tokens}"
            )
        ids = np.zeros(self._prompt.max_tokens, np.int32)
        ids[: len(words)] = [self._ids.get(word, 1) for word in words]
        return ids

    def unknown_words(self, task: str) -> list[str]:
        """Words of `task` that the checkpoint was never trained on."""
        return [word for word in self._words(task) if word not in self._ids]

    def _words(self, task: str) -> list[str]:
        text = task.lower() if self._prompt.lowercase else task
        return text.translate(STRIPPED).split()
