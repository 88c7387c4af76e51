"""A recording knows its arm: another robot, another file of its name or another calibration is refused, or accepted."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from motorium.cli.main import main
from motorium.data.check.judge import check
from motorium.data.edit.edits import mirror
from motorium.data.edit.units_edit import Units, merge
from motorium.data.format.dataset import Dataset
from motorium.data.format.identity import Accepted, identity_of
from motorium.data.record.repair import repair
from motorium.data.record.sampler import schema_for
from motorium.data.record.writer import DatasetWriter
from motorium.errors import DataError
from motorium.robots.calibration import Calibration
from motorium.robots.identity import Identity
from motorium.specs.robot import DATA, RobotSpec
from motorium.specs.servo import DATA as SERVOS
from motorium.specs.zero import JointZero
from motorium.teleop.recorded import Playing, load_episode

SPEC = RobotSpec.load("so101")
MINE = Calibration.nominal(SPEC)
OTHER = replace(MINE, joints={**MINE.joints, "elbow_flex": JointZero(2048.0 + 120, 1)})
"""The same arm calibrated anew, or another one: nobody can tell."""
HOME = np.array([joint.home_rad for joint in SPEC.joints], np.float32)
FPS = 20


def arm(spec: RobotSpec = SPEC, calibration: Calibration | None = MINE) -> SimpleNamespace:
    identity = Identity.of(spec, calibration)
    return SimpleNamespace(spec=spec, cameras={}, identity=lambda: identity)


def shorter(folder: Path) -> RobotSpec:
    """Another file of the same name, whose elbow turns less far."""
    text = (DATA / "so101.toml").read_text(encoding="utf-8")
    elbow = text.index('name = "elbow_flex"')
    end = text.index("\n", text.index("upper_rad", elbow))
    path = folder / "so101.toml"
    path.write_text(text[: text.index("upper_rad", elbow)] + "upper_rad = 1.6" + text[end:], encoding="utf-8")
    return RobotSpec.load(str(path))


def add(root: Path, robot: SimpleNamespace, accepted: Accepted | None = None, *, kill: bool = False) -> None:
    """One more episode of a second and a half, or the beginning of one."""
    schema = schema_for(robot, FPS)
    with DatasetWriter(root, schema, reserve_mb=1, accepted=accepted or Accepted()) as writer:
        writer.begin("wave", 0)
        for k in range(30):
            row = {f.key: np.zeros(f.shape) for f in schema.columns}
            pose = HOME + np.float32(0.1 * np.sin(k / 9))
            row |= {"observation.state": pose, "action": pose, "commanded_rad": pose}
            writer.add(row | {"row_s": k / FPS, "capture_s": [k / FPS]}, {})
        if not kill:
            writer.end({})


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    add(tmp_path / "d", arm())
    return tmp_path / "d"


def unsaid(root: Path, **own: object) -> Path:
    """The same as motorium 0.1.0 wrote it: a robot's name, joints and limits, and no word about the arm."""
    path = root / "meta/info.json"
    info = json.loads(path.read_text())
    for key in ("robot", "pairing", "meaning"):
        del info["motorium"][key]
    info["motorium"] |= own
    path.write_text(json.dumps(info))
    notes = root / "meta/motorium/episode-000000.json"
    noted = json.loads(notes.read_text())
    notes.write_text(json.dumps({k: v for k, v in noted.items() if k not in {"robot", "pairing"}}))
    return root


def playing(spec: RobotSpec = SPEC, calibration: Calibration | None = MINE, **more: object) -> Playing:
    return Playing(spec, Identity.of(spec, calibration), **more)  # type: ignore[arg-type]


def test_another_robot_with_the_same_joints_is_not_moved(recorded: Path) -> None:
    said = CliRunner().invoke(
        main,
        ["teleop", "sim:koch_follower", "--leader", "replay", "--dataset", str(recorded), "--seconds", "3"],
    )
    assert said.exit_code == 2
    assert "recorded with so101, and this is koch_follower" in said.output
    assert "--accept robot" in said.output
    koch = RobotSpec.load("koch_follower")
    with pytest.raises(DataError, match="recorded with so101, and this is koch_follower"):
        load_episode(recorded, 0, playing(koch, None))
    replay = load_episode(recorded, 0, playing(koch, None, accepted=Accepted(robot=True)))
    np.testing.assert_allclose(replay.positions_rad[0], HOME, atol=1e-6)


def test_another_file_of_the_same_name_is_another_robot(recorded: Path, tmp_path: Path) -> None:
    spec = shorter(tmp_path)
    with pytest.raises(DataError, match=r"another declaration of so101.*elbow_flex from .* to 1\.6 here"):
        load_episode(recorded, 0, playing(spec))
    with pytest.raises(DataError, match=r"started with another declaration of so101 \(other limits_rad\)"):
        add(recorded, arm(spec))
    add(recorded, arm(spec), Accepted(robot=True))
    dataset = Dataset.open(recorded)
    assert [identity_of(dataset, e) for e in dataset.episodes] == [
        Identity.of(SPEC, MINE), Identity.of(spec, MINE),
    ]  # fmt: skip
    assert load_episode(recorded, 1, playing(spec)).seconds > 1
    with pytest.raises(DataError, match="another declaration"):
        load_episode(recorded, 1, playing())


def test_what_limits_do_not_show_is_told_by_the_hash(recorded: Path) -> None:
    swapped = replace(SPEC, joints=(replace(SPEC.joints[0], id=17), *SPEC.joints[1:]))
    with pytest.raises(DataError, match="servos, ids or joint frames"):
        load_episode(recorded, 0, playing(swapped))
    with pytest.raises(DataError, match="servos, ids or joint frames"):
        add(recorded, arm(swapped))


def test_another_calibration_is_accepted_aloud_and_noted_per_episode(recorded: Path) -> None:
    with pytest.raises(
        DataError, match=r"another calibration.*accepted=Accepted\(calibration=True\)"
    ) as refused:
        add(recorded, arm(calibration=OTHER))
    assert "--accept calibration" in str(refused.value.for_shell)
    assert len(Dataset.open(recorded).episodes) == 1
    add(recorded, arm(calibration=OTHER), Accepted(calibration=True))
    add(recorded, arm(calibration=OTHER))  # once said, it goes on
    dataset = Dataset.open(recorded)
    own, new = Identity.of(SPEC, MINE), Identity.of(SPEC, OTHER)
    assert [identity_of(dataset, e) for e in dataset.episodes] == [own, new, new]
    assert identity_of(dataset) == new
    assert load_episode(recorded, 1, playing(calibration=OTHER)).seconds > 1
    with pytest.raises(DataError, match="episode 0, was recorded with another calibration"):
        load_episode(recorded, 0, playing(calibration=OTHER))
    assert (
        load_episode(recorded, 0, playing(calibration=OTHER, accepted=Accepted(calibration=True))).seconds > 1
    )


def test_a_simulated_arm_plays_what_a_real_one_recorded(
    recorded: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert load_episode(recorded, 0, playing(calibration=None)).seconds > 1
    assert "zeros of its declaration" in caplog.text


def test_a_recovered_episode_knows_its_arm_too(recorded: Path) -> None:
    add(recorded, arm(calibration=OTHER), Accepted(calibration=True), kill=True)
    assert [number for number, _ in repair(recorded).recovered] == [1]
    dataset = Dataset.open(recorded)
    assert identity_of(dataset, dataset.episodes[1]) == Identity.of(SPEC, OTHER)


def test_an_old_dataset_is_compared_by_what_it_says(
    recorded: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = unsaid(recorded)
    with caplog.at_level(logging.WARNING):
        assert load_episode(old, 0, playing()).seconds > 1
    assert "name, joints and limits were compared, nothing more can be" in caplog.text
    with pytest.raises(DataError, match="recorded with so101"):
        load_episode(old, 0, playing(RobotSpec.load("koch_follower"), None))
    with pytest.raises(DataError, match=r"of other limits: elbow_flex"):
        load_episode(old, 0, playing(shorter(tmp_path)))
    with pytest.raises(DataError, match=r"rule 1.*Record into a new dataset; motorium data merge"):
        add(old, arm())


def test_an_old_trajectory_beyond_the_limits_is_not_held_to_them_in_silence(recorded: Path) -> None:
    old = unsaid(recorded, limits_rad=None)
    beyond = replace(SPEC, joints=tuple(replace(j, upper_rad=j.home_rad + 0.05) for j in SPEC.joints))
    with pytest.raises(DataError, match=r"goes 0\.05 rad beyond the limits of .*--units"):
        load_episode(old, 0, playing(beyond))
    assert load_episode(old, 0, playing(beyond, accepted=Accepted(robot=True))).seconds > 1


def test_an_edit_that_leads_beyond_the_limits_of_the_same_arm_is_no_motion_held_to_them(
    tmp_path: Path,
) -> None:
    """A wrist that turns 0.1 rad further to one side than to the other, mirrored."""
    roll = SPEC.joint_names.index("wrist_roll")
    far = HOME.copy()
    far[roll] = SPEC.joints[roll].upper_rad - 0.01
    root = tmp_path / "far"
    schema = schema_for(arm(), FPS)
    with DatasetWriter(root, schema, reserve_mb=1) as writer:
        writer.begin("turn", 0)
        for k in range(30):
            row = {f.key: np.zeros(f.shape) for f in schema.columns}
            row |= {"observation.state": far, "action": far, "commanded_rad": far}
            writer.add(row | {"row_s": k / FPS, "capture_s": [k / FPS]}, {})
        writer.end({})
    assert load_episode(root, 0, playing()).seconds > 1
    mirror(Dataset.open(root), {"wrist_roll": -1}, {}, tmp_path / "mirrored")
    with pytest.raises(DataError, match=r"goes 0\.09 rad beyond the limits of wrist_roll"):
        load_episode(tmp_path / "mirrored", 0, playing())
    assert load_episode(tmp_path / "mirrored", 0, playing(accepted=Accepted(robot=True))).seconds > 1


def test_a_trajectory_file_beyond_the_limits_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    """The brother of a dataset's replay: `--replay`, whose file says nothing of its robot."""
    pose = np.repeat(HOME[None], 3, axis=0)
    pose[1, 2] = SPEC.joints[2].upper_rad + 0.3
    np.savez(tmp_path / "a.npz", t_s=np.arange(3.0), position_rad=pose)
    said = CliRunner().invoke(main, ["teleop", "sim:so101", "--replay", str(tmp_path / "a.npz")])
    assert said.exit_code == 2
    assert "goes 0.30 rad beyond the limits of elbow_flex" in said.output
    assert "--accept robot" in said.output


def test_joints_of_other_names_ask_for_a_map(recorded: Path) -> None:
    names = {"shoulder_pan": "base"}
    path = recorded / "meta/info.json"
    path.write_text(path.read_text().replace('"shoulder_pan.pos"', '"base.pos"'))
    with pytest.raises(DataError, match="--map"):
        load_episode(recorded, 0, playing())
    np.testing.assert_allclose(
        load_episode(recorded, 0, playing(renamed=names)).positions_rad[0], HOME, atol=1e-6
    )


def test_a_damaged_identity_is_none(recorded: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(recorded, tmp_path / "copy")
    path = copy / "meta/info.json"
    info = json.loads(path.read_text())
    for value in (7, [], {"name": 3}, {"name": "so101", "spec_sha256": "a" * 64, "calibration_sha256": 5}):
        info["motorium"]["robot"] = value
        path.write_text(json.dumps(info))
        assert identity_of(Dataset.open(copy)) is None


def test_a_check_finds_episodes_of_two_calibrations_and_of_two_rules(recorded: Path, tmp_path: Path) -> None:
    assert "arm" not in {f.kind for f in check(recorded).findings}
    old = unsaid(shutil.copytree(recorded, tmp_path / "old"))
    add(recorded, arm(calibration=OTHER), Accepted(calibration=True))
    (found,) = [f for f in check(recorded).findings if f.kind == "arm"]
    assert (found.episode, found.blocks) == (1, False)
    assert "another calibration than the first" in found.detail
    # An old dataset and a new one go together by merge alone, which says what not both say.
    _, said = merge([Dataset.open(old), Dataset.open(recorded)], Units(), tmp_path / "both")
    assert {"robot", "pairing"} <= {line.rpartition(" ")[2] for line in said}
    both = Dataset.open(tmp_path / "both")
    assert [identity_of(both, e) for e in both.episodes] == [
        None, Identity.of(SPEC, MINE), Identity.of(SPEC, OTHER),
    ]  # fmt: skip
    assert [f.episode for f in check(both.root).findings if f.kind == "arm"] == [1, 2]


def test_a_merged_dataset_still_asks_whose_arm_goes_on_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    third = replace(MINE, joints={**MINE.joints, "elbow_flex": JointZero(2048.0 - 300, 1)})
    for name, zeros in (("a", MINE), ("b", OTHER)):
        add(tmp_path / name, arm(calibration=zeros))
    both = tmp_path / "both"
    merge([Dataset.open(tmp_path / name) for name in "ab"], Units(), both)
    with pytest.raises(DataError, match="was recorded with another calibration"):
        add(both, arm(calibration=third))
    with pytest.raises(DataError, match="another declaration"):
        add(both, arm(shorter(tmp_path)))
    add(both, arm())  # the one of a
    add(both, arm(calibration=third), Accepted(calibration=True))
    dataset = Dataset.open(both)
    wanted = [Identity.of(SPEC, zeros) for zeros in (MINE, OTHER, MINE, third)]
    assert [identity_of(dataset, e) for e in dataset.episodes] == wanted
    assert "does not say" not in caplog.text


def test_a_leader_s_joints_keep_nothing_from_being_mirrored_or_merged(recorded: Path, tmp_path: Path) -> None:
    led = tmp_path / "led"
    schema = schema_for(arm(), FPS, leader=True)
    with DatasetWriter(led, schema, reserve_mb=1) as writer:
        writer.begin("wave", 0)
        for k in range(30):
            row = {f.key: np.full(f.shape, 0.5) for f in schema.columns}
            writer.add(row | {"row_s": k / FPS, "capture_s": [k / FPS]}, {})
        writer.end({})
    mirror(Dataset.open(led), {"shoulder_pan": -1}, {}, tmp_path / "mirrored")
    ((_, rows),) = Dataset.open(tmp_path / "mirrored").stream()
    assert rows["leader_rad"][0].tolist() == [-0.5, *[0.5] * 5] == rows["action"][0].tolist()
    for order in ([led, recorded], [recorded, led]):
        out = tmp_path / f"with {order[0].name} first"
        _, said = merge([Dataset.open(root) for root in order], Units(), out)
        assert any("leader_rad" in line for line in said)
        assert not Dataset.open(out).schema.has("leader_rad")
        assert len(Dataset.open(out).episodes) == 2


@pytest.mark.parametrize(
    "own",
    [
        {"limits_rad": {"elbow_flex": ["x", None], "gripper": [1]}},
        {"limits_rad": 5, "slots": []},
        {"pairing": 2},
        {"pairing": "newest"},
    ],
)
def test_what_strangers_write_about_their_arm_is_no_traceback(recorded: Path, own: dict) -> None:
    old = unsaid(recorded, **own)
    path = old / "meta/info.json"
    info = json.loads(path.read_text())
    info["features"]["capture_s"]["names"] = ["front", "joints"]  # of one value
    path.write_text(json.dumps(info))
    assert load_episode(old, 0, playing()).seconds > 1
    check(old)
    with pytest.raises(DataError):
        add(old, arm())


def test_a_recording_of_a_robot_with_a_servo_file_goes_on_where_its_folder_was_copied(tmp_path: Path) -> None:
    """0.1.0 noted the servo file's path; today what it says is noted."""
    robot = tmp_path / "here"
    robot.mkdir()
    text = (DATA / "so101.toml").read_text(encoding="utf-8")
    (robot / "so101.toml").write_text(
        text.replace('motor = "sts3215"', 'motor = "my.toml"'), encoding="utf-8"
    )
    shutil.copy(SERVOS / "sts3215.toml", robot / "my.toml")
    here = RobotSpec.load(robot / "so101.toml")
    before = arm(here)
    old = {key: value for key, value in before.identity().as_dict().items() if key != "path_sha256"}
    old["spec_sha256"] = before.identity().path_sha256
    add(tmp_path / "d", SimpleNamespace(spec=here, cameras={}, identity=lambda: Identity.read(old)))
    add(tmp_path / "d", before)
    there = RobotSpec.load(shutil.copytree(robot, tmp_path / "there") / "so101.toml")
    add(tmp_path / "d", arm(there))
    assert not [finding for finding in check(tmp_path / "d").findings if finding.kind == "arm"]
    assert load_episode(tmp_path / "d", 0, playing(here)).seconds > 1
    assert load_episode(tmp_path / "d", 2, playing(here)).seconds > 1
