"""Keys while recording: letters and Enter ask for something, and what stops the arm is none of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("pyarrow")

import data_samples

from motorium.cli._record_view import KEY_HELP, Live, fitting, telling_what_is_kept
from motorium.operator.marks import DISCARD, KEEP, QUIT, RECORD_KEYS, REDO
from motorium.operator.operator import Operator
from motorium.operator.terminal import END, STOP_KEYS, KeyPress

SAMPLER = SimpleNamespace(writer=SimpleNamespace(rows=3, dropped={}), rate_hz=20.0)


class Typed:
    def __init__(self, text: str) -> None:
        self.text = text

    def presses(self) -> list[KeyPress]:
        typed, self.text = self.text, ""
        return [KeyPress(100 + at, key) for at, key in enumerate(typed)]


def at_keys(typed: Typed) -> Operator:
    operator = Operator(-1, keys=RECORD_KEYS)
    operator.terminal = typed
    return operator


@pytest.mark.parametrize(
    ("key", "request_"), [(END, KEEP), ("r", REDO), ("d", DISCARD), ("q", QUIT), ("x", None)]
)
def test_a_key_asks(key: str, request_: str | None) -> None:
    live = Live(at_keys(Typed(key)))
    assert live.watches(SAMPLER) == request_
    assert live.watches(SAMPLER) is None


def test_no_stop_key_asks_for_anything() -> None:
    assert not {*RECORD_KEYS.requests, *RECORD_KEYS.marks, RECORD_KEYS.contact} & set(STOP_KEYS.decode())


def test_marks_carry_the_time_of_the_key_and_an_episode_begins_without_old_keys() -> None:
    typed = Typed("ncmc")
    operator = at_keys(typed)
    live = Live(operator)
    live.watches(SAMPLER)
    assert [(event.t_ns, str(event.kind)) for event in operator.log.take()] == [
        (100, "subtask"), (101, "contact"), (102, "mark"), (103, "release"),
    ]  # fmt: skip
    typed.text = "d"
    live.begins(0, 1, "task")
    assert live.watches(SAMPLER) is None


@pytest.mark.parametrize("columns", [20, 40, 80, 100, 200])
def test_the_live_line_fits_the_terminal(columns: int) -> None:
    line = fitting("  1234 rows, 20.0 Hz, 12 dropped  ", columns)
    assert len(line) < columns
    assert (columns < 80) or "space" in line
    assert fitting("", 200) == KEY_HELP[0]


def test_a_session_that_is_stopped_says_what_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = data_samples.write(tmp_path / "my cubes", ["t"], seconds=0.5)
    with pytest.raises(KeyboardInterrupt), telling_what_is_kept(root):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == f"1 episode kept in {root}\n"
    (root / ".recording" / "episode-000001.part").mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt), telling_what_is_kept(root):
        raise KeyboardInterrupt
    assert f"1 episode cut off; to recover: motorium data repair '{root}'" in capsys.readouterr().err
