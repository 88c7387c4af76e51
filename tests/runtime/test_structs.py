"""Structs of the extension are Python values like others: pprint, JSON, copies and pickles take them."""

from __future__ import annotations

import copy
import json
import pprint
from multiprocessing import Pipe
from typing import Any

import numpy as np
import pytest

from motorium import _core
from motorium._core import ControlConfig, ControlCore, JointState, Mode
from motorium.errors import SafetyError
from motorium.runtime.schedule import Pace

STRUCTS = [kind for kind in vars(_core).values() if isinstance(kind, type) and hasattr(kind, "as_dict")]


def sent(value: Any) -> Any:
    """What another process would get."""
    end, other_end = Pipe()
    with end, other_end:
        end.send(value)
        return other_end.recv()


@pytest.fixture
def core() -> ControlCore:
    limits = {"lower_rad": [-1.0, -1.0], "rest_rad": [0.0, 0.0]}
    ones = ("upper_rad", "max_velocity_rad_s", "max_acceleration_rad_s2", "max_effort")
    made = ControlCore(ControlConfig(**limits, **{name: [1.0, 1.0] for name in ones}))
    made.tick(1, [0.1, 0.2], [0.0, 0.0], [0.0, 0.0], 1)
    return made


@pytest.mark.parametrize("kind", [*STRUCTS, Pace], ids=lambda kind: kind.__name__)
def test_pprint_can_look_up_how_a_struct_is_shown(kind):
    assert hash(kind.__repr__)


def test_pprint_shows_statistics(core):
    assert pprint.pformat({"stats": core.stats()}).startswith("{'stats': CoreStats(mode=<Mode.IDLE")


def test_as_dict_has_values_for_json():
    state = JointState()
    assert json.loads(json.dumps(state.as_dict()))["position_rad"] == []
    assert state.position_rad.dtype == np.float32


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, sent])
def test_a_copy_has_the_same_fields(core, copied):
    stats = core.stats()
    other = copied(stats)
    assert other.mode is Mode.IDLE
    assert other.arrival.target_rad == stats.arrival.target_rad
    assert other.as_dict() == stats.as_dict()
    assert repr(other) == repr(stats)
    assert json.dumps(other.as_dict())


def test_an_error_with_its_last_states_goes_to_another_process():
    error = SafetyError("stopped")
    error.last_states, error.joint_names = (JointState(),), ("elbow",)
    other = sent(error)
    assert type(other) is SafetyError
    assert (str(other), other.joint_names) == ("stopped", ("elbow",))
    assert other.last_states[0].position_rad.shape == (0,)
    assert str(copy.deepcopy(error)) == "stopped"
