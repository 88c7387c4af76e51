"""`motorium robots`."""

from __future__ import annotations

import json

from motorium.specs.robot import DATA


def test_lists_every_robot_that_ships(call):
    robots = json.loads(call("robots", "--json").output)["robots"]
    assert sorted(robot["name"] for robot in robots) == sorted(path.stem for path in DATA.rglob("*.toml"))
    so101 = next(robot for robot in robots if robot["name"] == "so101")
    assert [joint["id"] for joint in so101["joints"]] == [1, 2, 3, 4, 5, 6]


def test_shows_one_robot_with_its_joints_and_cameras(call):
    shown = call("robots", "so101").output
    for word in ("shoulder_pan", "gripper", "opening", "wrist", "96x96", "200 Hz"):
        assert word in shown


def test_reads_a_robot_from_a_file(call, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text((DATA / "so101.toml").read_text(encoding="utf-8").replace("SO-101 follower", "My"))
    assert "My arm" in call("robots", str(mine)).output


def test_an_unknown_robot_is_refused_with_the_known_ones(shell):
    result = shell("robots", "r2d2")
    assert result.returncode == 2
    known = "koch_follower, koch_leader, so101, so101_leader, bi_so101_follower"
    assert result.stderr == f"error: no robot 'r2d2'; known robots: {known}\n"


def test_a_duplicate_slot_is_refused_by_name(call, tmp_path):
    text = (DATA / "so101.toml").read_text(encoding="utf-8")
    bad = tmp_path / "bad.toml"
    bad.write_text(text.replace("slot = 51", "slot = 50"))
    result = call("robots", str(bad))
    assert result.exit_code == 2
    assert "slot 50 is used more than once" in result.stderr
