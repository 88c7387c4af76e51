"""Training reaches the simulator by an entry point alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("mujoco")


from motorium.errors import MotoriumError
from motorium.evaluation import in_training
from motorium.learn.closed_loop import APART, Check, has_evaluator, play_closed_loop
from motorium.policies.find import find_checkpoint
from motorium.policies.load import load
from motorium.sim.scene import TRAINING_SEEDS_FROM


def test_a_policy_is_played_by_the_evaluator_of_its_robot():
    policy = load(find_checkpoint("so101-pick"))
    short = Check("sim:so101", episodes=2, limit_s=0.5)
    assert play_closed_loop(policy, short) == [False, False]
    assert play_closed_loop(policy, Check("sim:so101", episodes=1)) == [True]


def test_scenes_of_a_check_are_neither_those_of_training_nor_those_of_a_report():
    assert TRAINING_SEEDS_FROM > APART + 10_000
    assert APART > 100_000
    with pytest.raises(MotoriumError, match="overlap the training scenes"):
        in_training.play(None, Check("sim:so101", seed=TRAINING_SEEDS_FROM))


def test_what_nothing_plays_is_refused_by_name():
    assert has_evaluator("sim:so101")
    assert not has_evaluator("so101")
    with pytest.raises(MotoriumError, match="nothing plays so101 in closed loop; evaluators: sim:"):
        play_closed_loop(None, Check("so101"))


def test_looking_for_an_evaluator_imports_no_simulator():
    code = (
        "import sys, motorium.learn.closed_loop as c; c.has_evaluator('sim:so101'); "
        "sys.exit(any(name.split('.')[:2] == ['motorium', 'sim'] or name == 'mujoco' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_module_of_learning_imports_a_simulator():
    code = (
        "import importlib, pkgutil, sys, motorium.learn as learn\n"
        "for module in pkgutil.walk_packages(learn.__path__, 'motorium.learn.'): importlib.import_module(module.name)\n"
        "assert 'motorium.learn.trainer' in sys.modules\n"
        "sys.exit(any(name.split('.')[:2] == ['motorium', 'sim'] or name == 'mujoco' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
