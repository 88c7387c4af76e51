"""Policies that are given less, or something else, than what there is: for evaluations of what they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..policies.base import Policy
from ..specs.robot import RobotSpec
from ..types import ActionChunk, Float32, Observation
from .corruption import Corruption


class Wrapped(Policy):
    """A policy that does what another does; what differs is in the classes below.

    Attributes:
        own: the other one.
    """

    def __init__(self, own: Policy) -> None:
        self.own = own
        self.info = own.info

    def infer(
        self, obs: Observation, *, committed: Float32 | None, previous: Float32 | None = None
    ) -> ActionChunk:
        """Let its own plan."""
        more = {} if previous is None else {"previous": previous}
        return self.own.infer(obs, committed=committed, **more)

    def bind(self, robot: RobotSpec) -> None:
        """Bind its own."""
        self.own.bind(robot)

    def check_task(self, task: str) -> Sequence[str]:
        """Ask its own."""
        return self.own.check_task(task)

    def seed(self, seed: int | None) -> None:
        """Seed its own."""
        self.own.seed(seed)

    def warm_up(self) -> None:
        """Warm its own up."""
        self.own.warm_up()

    def picture_distances(self) -> dict[str, float]:
        """Ask its own."""
        return self.own.picture_distances()


class Watched(Wrapped):
    """A policy whose plans are asked how unlike those of training the pictures were."""

    def __init__(self, own: Policy) -> None:
        super().__init__(own)
        self._found: dict[str, list[float]] = {}

    @property
    def unlike(self) -> dict[str, float]:
        """The mean over all plans, by view; empty where the policy cannot tell."""
        return {role: sum(values) / len(values) for role, values in self._found.items()}

    def infer(
        self, obs: Observation, *, committed: Float32 | None, previous: Float32 | None = None
    ) -> ActionChunk:
        """Let its own plan, and ask it."""
        made = super().infer(obs, committed=committed, previous=previous)
        for role, distance in self.own.picture_distances().items():
            self._found.setdefault(role, []).append(distance)
        return made


class Uncommitted(Wrapped):
    """A policy that gets no committed rows: every chunk starts anew from its observation, as for a naive runner.

    What the arm did while it planned is left out of the chunk when it arrives, and the jump is faded by the plan's
    owner, as of any late chunk.
    """

    def __init__(self, own: Policy) -> None:
        super().__init__(own)
        self.info = replace(own.info, max_delay=0, guidance="none")


class Corrupted(Wrapped):
    """A policy that gets corrupted pictures and words."""

    def __init__(self, own: Policy, corruption: Corruption) -> None:
        super().__init__(own)
        self._corruption = corruption

    def infer(
        self, obs: Observation, *, committed: Float32 | None, previous: Float32 | None = None
    ) -> ActionChunk:
        """Plan from what the corruption leaves."""
        images = {role: self._corruption.picture(role, image) for role, image in obs.images.items()}
        told = self._corruption.told or obs.task
        return super().infer(replace(obs, images=images, task=told), committed=committed, previous=previous)
