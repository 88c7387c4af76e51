"""Time to the safe state, held to the bounds of docs/safety.md; those that are missing here are harms 7 and 9."""

from __future__ import annotations

import safe_state


def test_kill_9() -> None:
    safe_state.check("kill -9")


def test_a_killed_supervisor() -> None:
    safe_state.check("supervisor killed")


def test_a_stopped_supervisor() -> None:
    safe_state.check("supervisor stopped")


def test_an_exception_in_the_policy() -> None:
    safe_state.check("exception in the policy")


def test_an_unplugged_bus() -> None:
    safe_state.check("bus unplugged")


def test_a_frozen_camera() -> None:
    safe_state.check("camera frozen")
