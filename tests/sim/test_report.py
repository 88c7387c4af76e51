"""What a demo leaves behind: pictures that show what happened, files that are whole or absent."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from motorium.files import write_json
from motorium.sim.report import (
    FAILURE,
    SUCCESS,
    EpisodePictures,
    Shot,
    contact_sheet,
    film,
    write_film,
    write_sheet,
)


def episode(success: bool = True, shots: int = 9, level: int = 0) -> EpisodePictures:
    def picture(value: int) -> np.ndarray:
        return np.full((96, 96, 3), value, np.uint8)

    taken = [Shot(0.1 * i, {"front": picture(10 * i + level), "wrist": picture(200)}) for i in range(shots)]
    return EpisodePictures("put the red cube in the tray", "scene 7", success, taken)


def test_triptych_is_first_middle_and_last():
    assert [int(p[0, 0, 0]) for p in episode().triptych("front")] == [0, 40, 80]
    assert [int(p[0, 0, 0]) for p in episode(shots=1).triptych("front")] == [0]
    assert episode(shots=0).triptych("front") == []
    assert [int(p[0, 0, 0]) for p in episode().for_sheet().triptych("front")] == [0, 40, 80]
    assert len(episode().for_sheet().shots) == 3


@pytest.mark.parametrize(("success", "colour"), [(True, SUCCESS), (False, FAILURE)])
def test_border_tells_success_from_failure(success, colour):
    sheet = np.asarray(contact_sheet([episode(success)]))
    assert tuple(sheet[7, 7]) == colour


def test_sheet_shows_every_episode_and_stays_screen_sized():
    episodes = [episode(success=i % 3 != 0, level=i) for i in range(20)]
    sheet = np.asarray(contact_sheet(episodes))
    assert sheet.shape[1] <= 1900
    borders = (sheet == SUCCESS).all(-1).sum(), (sheet == FAILURE).all(-1).sum()
    one = (np.asarray(contact_sheet([episode()])) == SUCCESS).all(-1).sum()
    assert borders == (13 * one, 7 * one)


def test_sheet_survives_an_episode_without_pictures():
    assert contact_sheet([episode(shots=0), episode()]).width > 0


def test_film_has_one_frame_per_complete_shot_with_cameras_side_by_side(tmp_path):
    incomplete = Shot(0.95, {"front": np.zeros((96, 96, 3), np.uint8)})
    whole = episode()
    mixed = EpisodePictures(whole.title, whole.detail, True, [*whole.shots, incomplete])
    frames = film(mixed, roles=["front", "wrist"])
    assert len(frames) == 9
    assert frames[0].getpixel((60, 60)) == (0, 0, 0)
    assert frames[0].getpixel((300, 60)) == (200, 200, 200)
    path = tmp_path / "episode.gif"
    assert write_film(path, mixed, roles=["front", "wrist"])
    with Image.open(path) as movie:
        assert movie.n_frames == 9
        assert movie.info["duration"] == 100


def test_nothing_filmed_leaves_no_file(tmp_path):
    assert not write_film(tmp_path / "episode.gif", episode(shots=0), roles=["front"])
    assert list(tmp_path.iterdir()) == []


def test_files_appear_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "report.json"
    write_json(path, {"successes": 3})
    assert json.loads(path.read_text()) == {"successes": 3}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"successes": float("inf")})
    assert json.loads(path.read_text()) == {"successes": 3}
    assert [p.name for p in path.parent.iterdir()] == ["report.json"]


def test_a_failing_writer_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="No space"):
        write_sheet(tmp_path / "sheet.png", [episode()])
    assert list(tmp_path.iterdir()) == []
