"""A policy of one's own: with `info` alone, or as 0.1.0 wanted it, which still runs and is told what to write."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from motorium.errors import BindingError, PromptError
from motorium.policies.adapt import as_policy
from motorium.policies.base import Policy, PolicyInfo
from motorium.runtime.runner import require_fit
from motorium.runtime.schedule import Pace
from motorium.specs.robot import RobotSpec
from motorium.types import SLOTS, ActionChunk

ROBOT = RobotSpec.load("so101")
INFO = PolicyInfo(rows=10, dt_s=0.1, execution_horizon=4, max_delay=2)


class Old:
    """As documented in 0.1.0: two attributes and `infer`."""

    dt_s = 0.1
    rows = 10

    def infer(self, obs, *, committed=None):
        del obs
        return ActionChunk(np.zeros((10, SLOTS), np.float32), np.ones(SLOTS, bool), 0, 0.1, committed or 0)


class OldGuided(Old):
    execution_horizon, max_delay, guidance = 3, 7, "soft"

    def __init__(self):
        self.bound, self.told = [], []

    def bind(self, robot):
        self.bound.append(robot.name)

    def check_task(self, task):
        return [word for word in task.split() if word != "nod"]

    def infer(self, obs, *, committed=None, previous=None):
        self.told.append(previous)
        return super().infer(obs, committed=committed)


class Minimal:
    info = INFO

    def infer(self, obs, *, committed):
        del obs, committed
        return ActionChunk(np.zeros((10, SLOTS), np.float32), np.ones(SLOTS, bool), 0, 0.1)


def test_a_policy_of_0_1_0_runs_and_is_told_what_to_write() -> None:
    with pytest.warns(DeprecationWarning, match="Old has no `info`: give it a motorium.PolicyInfo") as caught:
        policy = as_policy(Old())
    assert caught[0].filename == __file__, "or the default filter would hide it"
    assert policy.info == PolicyInfo(10, 0.1, execution_horizon=5, max_delay=9, name="Old")
    assert Pace.of(policy.info) == Pace(100_000_000, 10, 5, 9)
    policy.bind(ROBOT)
    policy.seed(3)
    policy.warm_up()
    assert policy.check_task("anything at all") == ()
    assert policy.infer(None, committed=None).rows.shape == (10, SLOTS)


def test_whatever_else_it_had_is_used() -> None:
    own = OldGuided()
    with pytest.warns(DeprecationWarning, match="OldGuided"):
        policy = as_policy(own)
    assert (policy.info.execution_horizon, policy.info.max_delay, policy.info.guidance) == (3, 7, "soft")
    policy.bind(ROBOT)
    assert own.bound == ["so101"]
    assert policy.check_task("nod twice") == ("twice",)
    previous = np.ones((2, SLOTS), np.float32)
    policy.infer(None, committed=None, previous=previous)
    assert own.told[0] is previous


class LateOld(Old):
    """Knows its rhythm when it knows the robot, which 0.1.0 asked for in this order."""

    def bind(self, robot):
        self.rows, self.dt_s = 20, 1.0 / robot.policy.rate_hz


@pytest.mark.parametrize("known_before", [True, False])
def test_a_policy_of_0_1_0_may_say_its_rhythm_when_it_is_bound(
    known_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not known_before:
        monkeypatch.delattr(Old, "rows")
        monkeypatch.delattr(Old, "dt_s")
    with pytest.warns(DeprecationWarning, match="LateOld has no `info`"):
        pace = require_fit(LateOld(), ROBOT)
    assert pace == Pace.of(PolicyInfo(20, 1.0 / ROBOT.policy.rate_hz, 10, 19))


def test_what_bind_should_say_is_missed_before() -> None:
    late = type("Late", (), {"infer": lambda *_: None, "bind": lambda *_: None})()
    with pytest.warns(DeprecationWarning, match="Late has no `info`"):
        policy = as_policy(late)
    for ask in (lambda: policy.info, lambda: policy.bind(ROBOT)):
        with pytest.raises(BindingError, match="Late is not a policy: give it `info`"):
            ask()


def test_info_and_infer_are_enough_and_warn_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        policy = as_policy(Minimal())
        assert policy.info is INFO
        policy.bind(ROBOT)
        assert as_policy(policy) is policy, "filled in once"


def test_a_subclass_inherits_the_rest_and_is_not_wrapped() -> None:
    class Taught(Policy):
        info = PolicyInfo(10, 0.1, 5, 9, words=frozenset({"nod", "twice"}))

        def infer(self, obs, *, committed):
            del obs, committed

    policy = Taught()
    assert as_policy(policy) is policy
    assert policy.check_task("nod twice") == []
    assert policy.check_task("nod thrice nod thrice") == ["thrice"]
    with pytest.raises(PromptError, match="no word"):
        policy.check_task("shake")


@pytest.mark.parametrize("figure", [None, "10", [10]])
@pytest.mark.parametrize("name", ["rows", "dt_s", "execution_horizon", "max_delay"])
def test_figures_that_are_no_numbers_are_named(name: str, figure: Any) -> None:
    policy = Minimal()
    policy.info = replace(INFO, **{name: figure})
    with pytest.raises(BindingError, match=re.escape(f"{name} is {figure!r}, which is no number")):
        require_fit(policy, ROBOT)


def test_numbers_of_numpy_are_numbers() -> None:
    info = replace(INFO, rows=np.int64(10), dt_s=np.float32(0.1))
    assert Pace.of(info).rows == 10


@pytest.mark.parametrize(("name", "value"), [("rows", None), ("rows", "many"), ("dt_s", [0.1])])
@pytest.mark.filterwarnings("ignore:Wrong has no `info`:DeprecationWarning")
def test_figures_of_0_1_0_that_are_no_numbers_are_refused(name: str, value: Any) -> None:
    with pytest.raises(BindingError, match="Wrong says rows, dt_s"):
        as_policy(type("Wrong", (Old,), {name: value})())


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        (object(), "object is not a policy: it has no method infer"),
        (type("Bare", (), {"infer": lambda *_: None})(), "it lacks .'rows', 'dt_s'"),
    ],
)
def test_what_is_no_policy_is_refused(thing: object, told: str) -> None:
    with pytest.raises(BindingError, match=told):
        as_policy(thing)


def test_names_of_0_1_0_warn() -> None:
    import motorium.types
    from motorium.policies.nano import NanoPolicy

    with pytest.warns(DeprecationWarning, match="motorium.Policy"):
        assert motorium.types.Policy is Policy
    with pytest.warns(DeprecationWarning, match="ChunkPolicy is motorium.Policy"):
        assert import_module("motorium.policies.base").ChunkPolicy is Policy
    nano = NanoPolicy.__new__(NanoPolicy)
    nano.info = INFO
    with pytest.warns(DeprecationWarning, match="NanoPolicy.info.max_delay"):
        assert nano.max_delay == 2
    with pytest.raises(AttributeError, match="no attribute 'speed'"):
        nano.speed  # noqa: B018
