"""Control characters of files, devices and libraries never reach the terminal: they are shown as escapes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import data_samples
import numpy as np
import pytest
from at_terminal import AtTerminal
from click.testing import CliRunner

from motorium.cli.main import main
from motorium.data.format import layout, tables
from motorium.data.view.report import write_report
from motorium.errors import DataError, MotoriumError
from motorium.logs import logger
from motorium.printable import printable
from motorium.specs.robot import RobotSpec

pytest.importorskip("pyarrow")
pytest.importorskip("av")

EVIL = (
    "x\x1b]0;owned\x07\x1b[2J\x1b[31m\r\x9b31m\u202etxt\u2066\u200b\x00\b\x7f\x85\u2028\u2029y\n"
    "score 100: 0 findings"
)
"""Title, clearing, colour, start of line, C1 control, directions, nothing wide, zero, backspace, ends of lines."""
SHOWN = r"x\x1b]0;owned\x07\x1b[2J"
ALLOWED = {"\n"}


def unsafe(text: str, allowed: set[str] = ALLOWED) -> set[str]:
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return {letter for letter in text if unicodedata.category(letter) in kinds} - allowed


def said(*arguments: object, code: int | None = None, usage: bool = False) -> str:
    """What a verb prints on both streams, which is safe and has no line that a file made up."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert code is None or done.exit_code == code, done.output
    assert not unsafe(done.output)
    assert ("Usage:" in done.output) == usage, done.output
    assert "\nscore 100: 0 findings" not in done.output
    return done.output


def test_the_sample_holds_every_kind():
    found = {unicodedata.category(letter) for letter in EVIL}
    assert {"Cc", "Cf", "Zl", "Zp"} <= found
    assert printable(EVIL).startswith(SHOWN)
    assert not unsafe(printable(EVIL))
    assert not unsafe(printable("\udc9b"))
    assert (
        printable("Grüße, 你好, שלום, \U0001f469\u200d\U0001f52c")
        == "Grüße, 你好, שלום, \U0001f469\u200d\U0001f52c"
    )


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """A dataset whose every text is hostile, in a folder of such a name."""
    root = tmp_path_factory.mktemp("d") / EVIL.replace("\x00", "").replace("/", "")
    data_samples.write(root, (EVIL.replace("\x00", ""), "b"), seconds=1, cameras=())
    document = json.loads((root / layout.INFO).read_text())
    document["robot_type"] = EVIL
    document[EVIL] = EVIL
    document["splits"] = {"train": "0:2"}
    for feature in document["features"].values():
        if feature.get("names"):
            feature["names"] = [f"{name}{EVIL}" for name in feature["names"]]
    own = document["motorium"]
    own["limits_rad"] = {f"{name.removesuffix('.pos')}{EVIL}": [-0.1, 0.1] for name in data_samples.NAMES}
    (root / layout.INFO).write_text(json.dumps(document))
    for path in (root / "meta" / "motorium").iterdir():
        notes = json.loads(path.read_text()) | {"leader": EVIL, "started": EVIL, EVIL: EVIL}
        notes["events"] = [{"t_s": 0.1, "kind": EVIL, "text": EVIL}]
        path.write_text(json.dumps(notes))
    return root


VERBS = {
    "info": ("info", 0), "check": ("check", None), "check --details": ("check --details", None), "stats": ("stats", 0),
    "repair": ("repair", 0), "slots": ("slots", None), "delete": ("delete --episodes 9 --out OUT", 2),
    "split": ("split --out OUT", None), "convert": ("convert --to v2.1 --out OUT", None),
    "mirror": ("mirror --out OUT", None), "merge": ("merge OTHER --out OUT", None), "view": ("view --out OUT", None),
    "downsample": ("downsample --fps 10 --out OUT", None), "mark": ("mark --episodes 0 --success", None),
    "mark none": ("mark --episodes 7 --success", 2),
}  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_verbs_of_datasets(dataset, tmp_path, verb, form):
    text, code = VERBS[verb]
    root = shutil.copytree(dataset, tmp_path / dataset.name)
    words = {"OUT": tmp_path / "out\x1b[5m", "OUT2": tmp_path / "out2", "OTHER": dataset}
    name, *rest = (words.get(word, word) for word in text.split())
    told = said("data", name, root, *rest, *form, code=code)
    assert told or verb == "repair"


def test_relabel_names_the_task(dataset):
    assert SHOWN in said(
        "data", "relabel", dataset, "--from", EVIL.replace("\x00", "") + "?", "--to", "c", code=2
    )
    assert SHOWN in said("data", "info", dataset, code=0)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update({"fps": EVIL}),
        lambda d: d.update({"codebase_version": EVIL}),
        lambda d: d.update({"data_path": EVIL}),
        lambda d: d.update({"features": {EVIL: {"dtype": EVIL, "shape": [1]}}}),
        lambda d: d["features"].update({EVIL: {"dtype": "float32", "shape": [1], "names": None}}),
        lambda d: d["features"]["action"].update({"names": [EVIL]}),
    ],
)
def test_errors_about_descriptions(dataset, tmp_path, change):
    root = shutil.copytree(dataset, tmp_path / "d")
    document = json.loads((root / layout.INFO).read_text())
    change(document)
    (root / layout.INFO).write_text(json.dumps(document))
    for verb in ("info", "check", "stats", "repair"):
        assert said("data", verb, root)


def test_damaged_files_of_a_dataset(dataset, tmp_path):
    root = shutil.copytree(dataset, tmp_path / "d\x1b[2J")
    for path in [root / layout.TASKS, *root.glob("data/*/*"), *root.glob("meta/motorium/*")]:
        path.write_text(EVIL)
    for verb in ("info", "check", "stats", "repair", "view"):
        assert said("data", verb, root)


def test_a_page_neither_hides_nor_turns_what_stands_there(dataset, tmp_path):
    root = shutil.copytree(dataset, tmp_path / "d")
    tables.write_table_whole(root, root / layout.TASKS, tables.tasks_table(["<script>\u202e\x1b[2J", "b"]))
    text = write_report(root, tmp_path / "page.html").read_text(encoding="utf-8")
    assert not unsafe(text)
    assert "<script>" not in text
    assert SHOWN in text


@pytest.mark.parametrize(
    "field", ["title", "description", "name", "key", "joint", "camera", "motor", "no toml"]
)
def test_files_of_robots(tmp_path, field):
    from motorium.specs import robot as module

    source = (Path(module.__file__).parent / "robots" / "so101.toml").read_text(encoding="utf-8")
    evil = json.dumps(EVIL)
    lines = {
        "title": ("title =", f"title = {evil}"),
        "description": ("description =", f"description = {evil}"),
        "name": ("name =", f"name = {evil}"),
        "key": ("title =", f"{evil} = 1"),
        "joint": ('name = "gripper"', f"name = {evil}"),
        "camera": ("role =", f"role = {evil}"),
        "motor": ("motor =", f"motor = {evil}"),
        "no toml": ("title =", "title = \x1b[2J"),
    }
    start, line = lines[field]
    changed, done = [], False
    for old in source.splitlines():
        hit = not done and old.strip().startswith(start)
        changed.append(line if hit else old)
        done = done or hit
    assert done
    path = tmp_path / "r\x1b[2J.toml"
    path.write_text("\n".join(changed), encoding="utf-8")
    assert said("robots", path)
    assert said("robots", path, "--json")
    assert said("doctor", "--checkpoint", "so101-pick", "--robot", path)
    assert RobotSpec.load("so101").title


@pytest.mark.parametrize(
    "config",
    [
        {"format": EVIL}, {"type": EVIL}, {"architectures": [EVIL]}, {"_class_name": EVIL}, {EVIL: EVIL},
        {"format": "motorium-nano", EVIL: {EVIL: EVIL}}, {"model_type": EVIL},
    ],
)  # fmt: skip
def test_checkpoints(tmp_path, config):
    folder = tmp_path / "c\x1b[2J"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_text(EVIL)
    assert said("run", folder, "--robot", "sim:so101", "--task", EVIL, "--duration", 1, code=2)
    assert said("doctor", "--checkpoint", folder, "--robot", "so101", code=2)


def test_a_checkpoint_that_loads_and_names_its_parts_so(tmp_path):
    from motorium.policies.find import find_checkpoint

    folder = shutil.copytree(find_checkpoint("so101-pick"), tmp_path / "c")
    document = json.loads((folder / "config.json").read_text())
    document["name"] = EVIL
    (folder / "config.json").write_text(json.dumps(document))
    assert said("doctor", "--checkpoint", folder, "--robot", "so101")
    assert said("doctor", "--checkpoint", folder, "--robot", "koch_follower")


def test_settings_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "motorium"
    for name in ("cameras/so101.json", "calibrations/so101.json", "so101.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps({"format": EVIL, "robot": EVIL, EVIL: EVIL}))
    for document in (
        {"format": "motorium-cameras", "version": 1, "robot": "so101", "cameras": {EVIL: {"kind": EVIL}}},
        [EVIL],
    ):
        (folder / "cameras" / "so101.json").write_text(json.dumps(document))
        assert said("cameras", "list", "--robot", "so101")
        assert said("cameras", "check", "--robot", "so101", code=2)


def test_members_of_an_hdf5_file(tmp_path):
    h5py = pytest.importorskip("h5py")
    name = EVIL.replace("\x00", "").replace("/", "")
    path = tmp_path / "e\x1b[2J.hdf5"
    with h5py.File(path, "w") as file:
        file.attrs["env_args"] = name
        demo = file.create_group("data").create_group("demo_0")
        demo.attrs["task"] = name
        demo["actions"] = np.zeros((20, 6), np.float32)
        demo["obs/joint_positions"] = np.zeros((20, 6), np.float32)
        demo[f"obs/{name}"] = np.zeros((20, 3), np.float32)
    assert said("data", "convert", path, "--out", tmp_path / "d", "--fps", 10)
    assert said("data", "info", tmp_path / "d")


def test_words_of_the_command_line_that_a_pattern_of_the_shell_put_there(tmp_path):
    name = "a\x1b[2J\u202e"
    words = [
        [name], ["data", name], ["data", "info", name, name], ["robots", f"--{name}"], ["data", "info", f"--{name}"],
        ["run", "c", "--duration", name], ["bench", name],
    ]  # fmt: skip
    for each in words:
        assert r"\x1b[2J" in said(*each, code=2, usage=True)
    for verb in (["data", "info"], ["robots"], ["hands"], ["run", "--robot", "sim:so101", "--task", "a"]):
        assert r"\x1b[2J" in said(*verb, tmp_path / name, code=2)


def test_an_error_is_safe_for_a_notebook_too():
    error = DataError(f"{EVIL} is damaged")
    assert not unsafe(str(error))
    assert str(error).startswith(SHOWN)
    shell = MotoriumError.with_remedy(EVIL, program="a", command="b")
    assert not unsafe(str(shell))


def test_a_log_is_safe_for_any_program(caplog):
    log = logger("motorium.example")
    log.warning("%s and %s", EVIL, 1)
    (record,) = caplog.records
    assert record.getMessage().startswith(SHOWN)
    assert record.getMessage().endswith("findings and 1")
    assert not unsafe(record.getMessage())


SURROUNDINGS = """
import logging, sys, warnings
from motorium.cli._print import show_safely
show_safely()
logging.getLogger("motorium.x").warning("log %s", EVIL)
warnings.warn("warning " + EVIL)
raise ValueError("last " + EVIL)
"""


def test_logs_warnings_and_the_last_traceback(tmp_path):
    program = f"EVIL = {EVIL!r}\n{SURROUNDINGS}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, cwd=tmp_path)
    told = done.stderr.decode()
    assert done.returncode == 1
    assert not unsafe(told)
    for start in ("log ", "UserWarning: warning ", "ValueError: last "):
        assert f"{start}{SHOWN}" in told
    assert "\nscore 100" not in told


def test_a_stream_that_knows_ascii_alone(dataset):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "motorium", "data", "info", dataset],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not unsafe(done.stdout.decode("ascii"))


def test_at_a_terminal(dataset):
    """As a person sees it: only what the terminal itself adds is no letter."""
    with AtTerminal(
        [sys.executable, "-m", "motorium", "data", "check", "--details", str(dataset)]
    ) as terminal:
        seen = terminal.shows(r"(?s).*score \d+: \d+ finding", 60)[0]
    colours = {"\x1b[31m", "\x1b[33m", "\x1b[0m", "\x1b[K"}
    for colour in colours:
        seen = seen.replace(colour, "")
    assert SHOWN in seen
    assert not unsafe(seen, {"\n", "\r"})
