"""A family is one line of the registry, or an entry point of another package; neither imports anything by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import toy_policy

import motorium as mt
from motorium.doctor import check_fit
from motorium.errors import CheckpointError
from motorium.policies import recognise, registry
from motorium.policies.registry import FAMILIES, Family, family_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site folder with a distribution that brings the toy family."""
    info = tmp_path / "site" / "toy_policy-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: toy-policy\nVersion: 1.0\n", encoding="utf-8"
    )
    entries = "[motorium.policies]\ntoy = toy_policy:FAMILY\n"
    (info / "entry_points.txt").write_text(entries, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "site")
    return info


def test_every_module_that_a_line_names_exists() -> None:
    for family in FAMILIES:
        for module in (family.module, family.network):
            assert not module or find_spec(module), module
        assert bool(family.module) != bool(family.refusal), f"{family.name}: it runs, or it says why not"


def test_no_config_is_of_two_families() -> None:
    assert len({json.dumps(family.recognise, sort_keys=True) for family in FAMILIES}) == len(FAMILIES)


def test_the_registry_imports_no_family() -> None:
    code = (
        "import sys; import motorium.policies.registry\n"
        "print([n for n in sys.modules if n.startswith('motorium.policies.') and n.count('.') > 2])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "[]"


@pytest.mark.usefixtures("brought")
def test_an_entry_point_brings_a_family(tmp_path: Path) -> None:
    folder = toy_policy.write(tmp_path / "drift")
    policy = mt.load(folder, seed=2)
    assert policy.info.name == "drift"
    fit = check_fit(str(folder), "so101")
    assert not fit.blocking
    assert fit.pace is not None
    assert fit.pace.bridge.accepted == 11


def test_without_it_the_same_folder_is_told_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="missing keys: format, "):
        mt.load(toy_policy.write(tmp_path / "drift"))


@pytest.mark.usefixtures("brought")
def test_a_family_that_runs_goes_before_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Family("act", {"type": "act"}, "toy_policy")
    monkeypatch.setattr(toy_policy, "FAMILY", mine)
    assert family_of({"type": "act"}) is mine
    assert family_of({"type": "smolvla"}) is next(f for f in FAMILIES if f.name == "smolvla")


MODULES = {
    "raises": "raise RuntimeError('no accelerator')",
    "garbled": "def (",
    "leaves": "import sys; sys.exit(3)",
    "listed": "from motorium.policies.registry import Family\nFAMILY = Family('x', ['type'], 'x')",
    "homeless": "from motorium.policies.registry import Family\n"
    "FAMILY = Family('x', {'model': 'toy-drift'}, 'nowhere_at_all')",
    "empty": "from motorium.policies.registry import Family\n"
    "FAMILY = Family('x', {'model': 'toy-drift'}, 'json.tool')",
}
"""What packages that are broken consist of."""


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("nowhere_at_all:FAMILY", "does not load"),
        ("toy_policy:ARM", "is not a motorium Family"),
        ("raises:FAMILY", "does not load: RuntimeError: no accelerator"),
        ("garbled:FAMILY", "does not load: SyntaxError"),
        ("leaves:FAMILY", "does not load: SystemExit: 3"),
        ("no name at all", "does not load"),
        ("listed:FAMILY", "is not a motorium Family"),
        ("homeless:FAMILY", "does not load its module nowhere_at_all"),
        ("empty:FAMILY", "does not load its module json.tool"),
    ],
)
def test_a_broken_package_is_named_and_our_own_still_load(
    brought: Path, tmp_path: Path, entry: str, told: str
) -> None:
    for name, source in MODULES.items():
        (brought.parent / f"{name}.py").write_text(source + "\n", encoding="utf-8")
    (brought / "entry_points.txt").write_text(f"[motorium.policies]\ntoy = {entry}\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=told):
        mt.load(toy_policy.write(tmp_path / "drift"))
    assert mt.load("so101-pick").info.name


def test_a_broken_package_takes_nothing_from_the_others(brought: Path, tmp_path: Path) -> None:
    entries = "[motorium.policies]\naaa = nowhere_at_all:FAMILY\ntoy = toy_policy:FAMILY\n"
    (brought / "entry_points.txt").write_text(entries, encoding="utf-8")
    assert mt.load(toy_policy.write(tmp_path / "drift")).info.name == "drift"
    act = tmp_path / "act"
    act.mkdir()
    (act / "config.json").write_text('{"type": "act"}', encoding="utf-8")
    assert recognise.foreign_checkpoint(act).startswith("a LeRobot ACT policy")
    with pytest.raises(CheckpointError, match="is a LeRobot ACT policy"):
        mt.load(act)


class OfOldTimes:
    """As documented in 0.1.0."""

    rows, dt_s = 12, 0.05

    def infer(self, obs, *, committed=None):
        rows = np.tile(obs.state, (self.rows, 1))
        return mt.ActionChunk(rows, np.ones(200, np.bool_), obs.t_ns, self.dt_s, len(committed or ()))


class Least(OfOldTimes):
    """As documented today."""

    info = mt.PolicyInfo(rows=12, dt_s=0.05, execution_horizon=6, max_delay=4)


class NoPolicy:
    """Lacks all that makes a policy but one method."""

    def infer(self, obs, *, committed):
        del obs, committed


@pytest.mark.usefixtures("brought")
@pytest.mark.filterwarnings("ignore:OfOldTimes has no `info`:DeprecationWarning")
@pytest.mark.parametrize("policy", [OfOldTimes, Least])
def test_a_family_may_give_info_and_infer_alone(
    policy: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy_policy, "load", lambda folder, options: policy())  # noqa: ARG005
    folder = toy_policy.write(tmp_path / "drift")
    assert mt.load(folder).info.rows == 12
    assert not check_fit(str(folder), "so101").refusal


@pytest.mark.usefixtures("brought")
def test_a_family_that_gives_no_policy_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy_policy, "load", lambda folder, options: NoPolicy())  # noqa: ARG005
    with pytest.raises(
        CheckpointError, match="'toy' gives no policy: NoPolicy is not a policy: give it `info`"
    ):
        mt.load(toy_policy.write(tmp_path / "drift"))


@pytest.mark.parametrize("family", [f for f in FAMILIES if not f.module], ids=lambda f: f.name)
def test_a_family_that_does_not_run_says_what_it_is(family: Family, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(family.recognise), encoding="utf-8")
    with pytest.raises(CheckpointError) as caught:
        mt.load(tmp_path)
    message = str(caught.value)
    assert family.refusal in message
    assert "motorium runs its own checkpoints" in message
    assert (f"its network runs: {family.network}" in message) == bool(family.network)


@pytest.mark.usefixtures("brought")
def test_a_family_of_another_package_is_evaluated(tmp_path: Path) -> None:
    pytest.importorskip("mujoco", reason="the [sim] extra is not installed")
    from motorium.evaluation.evaluate import EvalJob, evaluate

    job = EvalJob(toy_policy.write(tmp_path / "drift"), episodes=1, limit_s=0.5, processes=1)
    result = evaluate(job).results[0]
    assert not result.success
    assert np.isclose(result.time_s, 0.5, atol=0.2)


def test_one_line_of_the_registry_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "FAMILIES", (*FAMILIES, toy_policy.FAMILY))
    assert mt.load(toy_policy.write(tmp_path / "drift")).info.rows == 12
