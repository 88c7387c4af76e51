"""Names and keywords of 0.1.0 that were changed are found for one release more, with a warning."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from motorium.deprecated import OldAccessWarning
from motorium.errors import DataError
from motorium.moved import GONE, MOVED
from motorium.policies.binding import bind, mapping_table
from motorium.policies.contradictions import contradictions
from motorium.policies.load import load
from motorium.specs.latency import LatencySpec
from motorium.specs.robot import RobotSpec

SPEC = RobotSpec.load("so101")
INFO = load("so101-pick").info


@pytest.mark.parametrize(
    ("module", "name", "home"),
    [
        ("motorium.robots.composition", "adapter_calibrations", "motorium.robots.arm_calibrations"),
        ("motorium.robots.composition", "arm_zeros", "motorium.robots.arm_calibrations"),
        ("motorium.robots.composition", "find_calibration", "motorium.robots.arm_calibrations"),
        ("motorium.robots.composition", "named_calibration", "motorium.robots.arm_calibrations"),
        ("motorium.robots.composition", "split_ports", "motorium.specs.composition"),
        ("motorium.robots.checks", "unique", "motorium.specs.checks"),
        ("motorium.motors.bus", "bus_errors", "motorium.motors.bus_errors"),
        ("motorium.motors.bus", "bus_config", "motorium.robots.bus"),
        ("motorium.motors.reserved", "check_settings", "motorium.specs.reserved"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_name_of_a_module_that_moved_is_found(
    module: str, name: str, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, module, raising=False)
    assert getattr(import_module(module), name) is getattr(import_module(home), name)


@pytest.mark.parametrize(("module", "file"), GONE.items())
def test_a_module_that_left_the_package_says_where_it_is(module: str, file: str) -> None:
    assert (Path(__file__).parents[2] / "tools/so101_pick" / file).is_file()
    with pytest.raises(ImportError, match=rf"{file} of tools/so101_pick in motorium's source"):
        import_module(module)


def test_a_process_group_is_found_as_a_team(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.delitem(sys.modules, "motorium.learn.team", raising=False)
    with pytest.warns(DeprecationWarning, match=MOVED["motorium.learn.team"]):
        team = import_module("motorium.learn.team")
    with pytest.warns(DeprecationWarning, match="Team is ProcessGroup now"):
        assert team.Team is team.ProcessGroup


@pytest.mark.parametrize("function", [bind, mapping_table, contradictions])
def test_what_a_policy_declares_may_still_be_called_its_descriptor(function) -> None:
    with pytest.warns(OldAccessWarning, match="the argument descriptor of"):
        assert function(descriptor=INFO, robot=SPEC) == function(INFO, SPEC)


def test_fractions_may_still_be_called_shares(tmp_path) -> None:
    latency = LatencySpec((0.01, 0.02, 0.03), (1.0, 1.0, 2.0))
    with pytest.warns(OldAccessWarning, match="the argument share of quantile_s"):
        assert latency.quantile_s(share=0.5) == latency.quantile_s(0.5)
    pytest.importorskip("pyarrow")
    from motorium.data.edit.edits import split

    nothing: Any = SimpleNamespace(episodes=())
    with (
        pytest.warns(OldAccessWarning, match="the argument share of split"),
        pytest.raises(DataError, match="of 0 scenes leaves one side empty: record more"),
    ):
        split(nothing, share=0.2, seed=0, train=tmp_path / "a", test=tmp_path / "b")
