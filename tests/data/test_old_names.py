"""Names of 0.1.0 that programs use are found for one release more, with a warning."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from motorium.data.check.judge import check
from motorium.data.edit import edits
from motorium.moved import MOVED


@pytest.mark.parametrize("old", sorted(name for name in MOVED if name.startswith("motorium.data.")))
def test_a_module_is_found_under_its_old_name(old, monkeypatch):
    monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(DeprecationWarning, match=MOVED[old]):
        module = import_module(old)
    assert module is import_module(MOVED[old])


def test_names_of_modules_that_are_packages_now_are_found():
    with pytest.warns(DeprecationWarning, match="judge"):
        from motorium.data.check import check as old_check
    with pytest.warns(DeprecationWarning, match="edits"):
        from motorium.data.edit import delete
    assert old_check is check
    assert delete is edits.delete
