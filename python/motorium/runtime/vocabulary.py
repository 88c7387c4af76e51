"""What a policy knows of an instruction, asked before anything moves."""

from __future__ import annotations

from ..logs import logger
from ..policies.base import Policy

_log = logger(__name__)


def unknown_words(policy: Policy, task: str) -> tuple[str, ...]:
    """Return the words of `task` that `policy` was never taught.

    Raises:
        PromptError: it knows none of them, or cannot read the instruction at all.
    """
    return tuple(policy.check_task(task))


def warn_of_unknown(words: tuple[str, ...], task: str) -> None:
    """Say which words of `task` were never taught; nothing where there are none."""
    if words:
        named = ", ".join(repr(word) for word in words)
        _log.warning(
            "the policy was never taught %s in the instruction %r; tell it in words that it knows",
            named,
            task,
        )
