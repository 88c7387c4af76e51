"""For every test: an off-screen platform for mujoco, chosen before a test module imports it; skips with remedies."""

from __future__ import annotations

from skips import summary

from motorium.sim.opengl import choose_platform

choose_platform()


def pytest_terminal_summary(terminalreporter):
    """End with what was skipped, why, and what makes it run."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped]
    if reasons:
        terminalreporter.section("skipped tests and what makes them run")
        for line in summary(reasons):
            terminalreporter.write_line(line)
