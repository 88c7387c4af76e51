"""Instruction -> token ids, word by word. Words that a network was never taught: see `sub_words`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import PromptError
from .config import Prompt
from .sub_words import LONGEST_SENTENCE, Lacking, says_something, strange

LISTED = 40
"""Words of a vocabulary shown in a message."""
STRIPPED = str.maketrans("", "", ".,!?;:\"'")


class Tokenizer:
    """Words of a fixed vocabulary; unknown ones become `<unk>`, the rest of the row is `<pad>`."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._ids = dict(zip(prompt.vocabulary[2:], range(2, len(prompt.vocabulary)), strict=True))

    def encode(self, task: str) -> NDArray[np.int32]:
        """Encode `task` as (max_tokens,) int32. Raises PromptError when there is no word or there are too many."""
        words = self._counted(task, self._prompt.max_tokens)
        ids = np.zeros(self._prompt.max_tokens, np.int32)
        ids[: len(words)] = [self._ids.get(word, 1) for word in words]
        return ids

    def lacking(self, task: str) -> Lacking:
        """Return what the checkpoint lacks to read `task` by pieces, for `sub_words.extended`; nothing without pieces.

        Raises PromptError when there is no word or there are too many.
        """
        prompt = self._prompt
        if not prompt.pieces:
            return (), prompt.max_tokens
        return strange(prompt, self._counted(task, max(prompt.max_tokens, LONGEST_SENTENCE)))

    def check(self, task: str) -> list[str]:
        """Return words of `task` that the checkpoint was never trained on.

        Raises:
            PromptError: it knows none of them and nothing that they are made of, or as `encode`.
        """
        if self._prompt.pieces:
            self.lacking(task)
        else:
            self.encode(task)
        unknown = self.unknown_words(task)
        told = self._ids.keys() & self._words(task)
        if not told and not any(says_something(word, self._prompt) for word in unknown):
            raise PromptError(
                f"this checkpoint knows no word of the instruction {task!r}; it was taught: {self._listed()}"
            )
        return unknown

    def unknown_words(self, task: str) -> list[str]:
        """Return words of `task` that the checkpoint was never trained on, each once."""
        return [word for word in dict.fromkeys(self._words(task)) if word not in self._ids]

    def _counted(self, task: str, most: int) -> list[str]:
        words = self._words(task)
        if not words:
            raise PromptError(f"the instruction {task!r} has no word; try 'put the red cube in the tray'")
        if len(words) > most:
            raise PromptError(
                f"the instruction {task!r} has {len(words)} words; this checkpoint reads at most {most}"
            )
        return words

    def _listed(self) -> str:
        more = len(self._ids) - LISTED
        return ", ".join(sorted(self._ids)[:LISTED]) + (f" and {more} more" if more > 0 else "")

    def _words(self, task: str) -> list[str]:
        return words_of(task, lowercase=self._prompt.lowercase)


def words_of(task: str, *, lowercase: bool) -> list[str]:
    """Return the words of an instruction, as vocabularies hold them."""
    return (task.lower() if lowercase else task).translate(STRIPPED).split()
