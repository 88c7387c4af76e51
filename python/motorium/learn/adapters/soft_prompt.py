"""Train the robot's soft prompt with the network frozen, then both together, the network slowly.

The two steps of X-VLA's adaptation. Its first step trains the input and output matrices of the robot beside the prompt,
since they are the robot's own and begin random; here all robots share them and they have learned already, so that they
wait for the second. Vectors of new words begin random and are trained with the prompt. Those of known words stay, so
that sentences which the new recordings do not contain keep their meaning.
"""

from __future__ import annotations

from .adapter import PROMPTS, WORDS, Adapter

WARM_UP = 0.2
"""Share of the run that is the first step."""
RAMP = 0.05
"""Share of the run over which the network's rate rises behind it."""
JOINT_RATE = 0.1
"""Of the network, times the prompt's; X-VLA's coefficient."""


class SoftPrompt(Adapter):
    """The prompt of the robots in the data and new words change first, then the network as well."""

    method = "soft-prompt"
    stages = (0.0, 1.0)

    def group(self, name: str) -> str | None:
        """Return "prompt", or "network" for the rest."""
        return "prompt" if name in (PROMPTS, WORDS) else "network"

    def rate(self, group: str, progress: float) -> float:
        """Return 1 for the prompt; for the network 0 in the first step, then up to `JOINT_RATE`."""
        if group == "prompt":
            return 1.0
        return JOINT_RATE * min(1.0, max(0.0, (progress - WARM_UP) / RAMP))
