"""Words that a policy was never taught are named before the arm moves; where it knows none, it does not move."""

from __future__ import annotations

import logging

import pytest
from turning_policy import Turn

import motorium as mt
from motorium.errors import PromptError
from motorium.evaluation.evaluate import EvalJob, evaluate
from motorium.policies.find import find_checkpoint
from motorium.policies.nano import NanoPolicy
from motorium.runtime.runner import Runner


@pytest.fixture(scope="module")
def policy() -> NanoPolicy:
    return mt.load("so101-pick", seed=1)


def test_unknown_words_are_named_in_log_and_report(
    virtual_robot: mt.Robot, policy: NanoPolicy, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        runner = Runner(virtual_robot, policy, "put the teapot in the tray, gently")
    assert "'teapot', 'gently'" in caplog.text, "before anything moves"
    report = runner.report(None, 0.0, virtual_robot.control.stats())
    assert report.as_dict()["unknown_words"] == ["teapot", "gently"]


@pytest.mark.parametrize("task", ["fetch my slippers", "<unk> <pad>", "roten Würfel holen"])
def test_an_instruction_of_none_but_unknown_words_is_refused(
    virtual_robot: mt.Robot, policy: NanoPolicy, task: str
) -> None:
    before = virtual_robot.control.stats().chunks
    with pytest.raises(PromptError, match=r"knows no word of .*; it was taught: .*cube"):
        mt.run(virtual_robot, policy, task, 5.0)
    assert virtual_robot.control.stats().chunks == before


def test_known_words_and_policies_without_a_vocabulary_say_nothing(
    virtual_robot: mt.Robot, policy: NanoPolicy, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert Runner(virtual_robot, policy, "Put the RED cube in the tray!").unknown_words == ()
        assert Runner(virtual_robot, Turn(virtual_robot.spec), "anything at all").unknown_words == ()
    assert "never taught" not in caplog.text


def test_evaluation_in_lock_step_asks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("motorium.sim.world.instruction", lambda _: "fetch my slippers")
    job = EvalJob(find_checkpoint("so101-pick"), episodes=1, limit_s=1.0, processes=1)
    with pytest.raises(PromptError, match="fetch my slippers"):
        evaluate(job)
