"""`motorium record --lockstep`: what has no virtual time is refused by name; a live recording is of the same kind."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from motorium.cli.record import command
from motorium.data.format.dataset import Dataset
from motorium.sim.scene import TRAINING_SEEDS_FROM


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["so101", "--leader", "script"], "so101 is a real arm, which moves in real time"),
        (["sim:so101", "--leader", "so101_leader"], "so101_leader is moved by hand"),
        (["sim:so101", "--leader", "script", "--seed", "7"], "seed 7 is a scene of evaluation"),
        (["sim:so101", "--leader", "script", "--strict"], "--strict means nothing with --lockstep"),
        (["sim:so101", "--leader", "script", "--fps", "30"], "30 rows a second do not fit 200 control ticks"),
        (["sim:bi_so101_follower", "--leader", "script"], "several arms"),
    ],
)
def test_what_has_no_virtual_time_is_refused_by_name(tmp_path, arguments, said):
    done = CliRunner().invoke(
        command, [*arguments, "--lockstep", "--dataset", str(tmp_path / "d"), "--episodes", "1"]
    )
    assert done.exit_code == 2
    assert said in done.output
    assert not (tmp_path / "d").exists()


def test_options_of_virtual_time_mean_nothing_without_it(tmp_path):
    done = CliRunner().invoke(
        command,
        ["sim:so101", "--leader", "script", "--processes", "3", "--dataset", str(tmp_path / "d")],
    )
    assert (done.exit_code, "--processes means nothing without --lockstep" in done.output) == (2, True)
    done = CliRunner().invoke(
        command,
        ["sim:so101", "--leader", "script", "--scene", "camera-moved", "--dataset", str(tmp_path / "d")],
    )
    assert (done.exit_code, "--scene means nothing without --lockstep" in done.output) == (2, True)


@pytest.mark.nightly
def test_live_and_in_lock_step_a_scene_gives_the_same_kind_of_recording(shell, tmp_path):
    """Columns, units, rule, rate, notes, words and the look of the scene; the clock is what differs."""
    seed = str(TRAINING_SEEDS_FROM + 3)
    common = ["sim:so101", "--leader", "script", "--episodes", "1", "--seed", seed, "--json"]
    live = shell("record", *common, "--dataset", "live")
    virtual = shell("record", *common, "--dataset", "virtual", "--lockstep", "--operator", "exact")
    assert (live.returncode, virtual.returncode) == (0, 0), live.stderr + virtual.stderr
    ours, theirs = Dataset.open(tmp_path / "virtual"), Dataset.open(tmp_path / "live")
    assert ours.schema == theirs.schema
    ((episode, rows),), ((other, live_rows),) = ours.stream(), theirs.stream()
    notes, live_notes = ours.notes(episode), theirs.notes(other)
    assert set(live_notes) - {"control"} <= set(notes)
    for key in ("leader", "seed", "success", "success_by", "task", "pairing", "robot"):
        assert notes[key] == live_notes[key], key
    told, live_told = (json.loads(done.stdout)["episodes"][0] for done in (virtual, live))
    assert set(told) == set(live_told)
    assert told["rate_hz"] == 20.0 == pytest.approx(live_told["rate_hz"], abs=1.0)
    # The same rule: an action is the setpoint in force a row after the observation.
    for found in (rows, live_rows):
        observed = found["capture_s"][:, -1]
        even = np.flatnonzero(np.abs(np.diff(observed) - 0.05) < 1e-3)
        late = np.abs(found["action"][even] - found["commanded_rad"][even + 1])
        assert late.max() < 0.02
    # The same scene, seen from the same place, the arm at about the same pose.
    first, live_first = (
        next(d.pictures(e, "observation.images.front"))[1] for d, e in ((ours, episode), (theirs, other))
    )
    assert np.abs(first.astype(int) - live_first.astype(int)).mean() < 8
