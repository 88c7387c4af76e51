"""For every test: an off-screen platform for mujoco, chosen before a test module imports it; skips with remedies."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from skips import summary

from motorium.sim.opengl import choose_platform

choose_platform()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of a job that a script started in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as under nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

TIMED = frozenset(
    {"bench", "bus", "cases", "cli", "compat", "docs", "harms", "operator", "robots", "runtime", "teleop"}
)
"""Rooms whose tests drive arms by the clock. They come last: beside one another, which mostly wait, and not beside
tests that keep a core busy."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def pytest_configure(config):
    """Refuse old forms in motorium itself; under pytest-xdist, hand out files in the order of the collection."""
    # Not in pyproject.toml: pytest reads that before `motorium` can be found.
    config.addinivalue_line("filterwarnings", "error::motorium.deprecated.OldAccessWarning")
    config.option.loadscopereorder = False


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    """A verb that a test calls in this process leaves its handlers behind: they are not the next test's."""
    before = [(number, signal.getsignal(number)) for number in SIGNALS]
    yield
    for number, handler in before:
        if handler is not None and signal.getsignal(number) != handler:
            signal.signal(number, handler)


def pytest_terminal_summary(terminalreporter):
    """End with what was skipped, why, and what makes it run."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped]
    if reasons:
        terminalreporter.section("skipped tests and what makes them run")
        for line in summary(reasons):
            terminalreporter.write_line(line)


def pytest_collection_modifyitems(config, items):
    """Put the rooms of TIMED last; under pytest-xdist a file stays on one worker."""
    here = Path(__file__).parent

    def timed(item) -> bool:
        return item.path.is_relative_to(here) and item.path.relative_to(here).parts[0] in TIMED

    items.sort(key=timed)
    if config.pluginmanager.hasplugin("xdist"):  # the smallest environments have none
        for item in items:
            item.add_marker(pytest.mark.xdist_group(str(item.path)))
