"""Instructions: the words of a task, whoever gives them and whatever reads them."""

from __future__ import annotations

from .errors import PromptError

MAX_CHARS = 1000
"""Of an instruction. The longest prompts of today's policies have 200 tokens of about four characters."""
SHOWN_CHARS = 60


def check_instruction(text: str) -> str:
    """Return `text` when it can be an instruction, empty for policies that read none.

    Raises:
        PromptError: it is longer than MAX_CHARS, or holds characters that are no text.
    """
    if len(text) > MAX_CHARS:
        raise PromptError(
            f"the instruction {shortened(text)} has {len(text)} characters; at most {MAX_CHARS} are allowed: shorten it"
        )
    strange = next((c for c in text if not (c.isprintable() or c in "\t\n")), None)
    if strange is not None:
        raise PromptError(
            f"the instruction {shortened(text)} contains {strange!r}, which is not text: remove it"
        )
    return text


def shortened(text: str) -> str:
    """Quote `text`, cut short where it is long."""
    return repr(text) if len(text) <= SHOWN_CHARS else repr(text[:SHOWN_CHARS]) + " ..."
