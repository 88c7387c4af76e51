"""The control core on 200 seeded traces: what it showed when they were recorded, it shows today."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from core_traces import KEPT, KEPT_TRACES, PROGRAM, run
from cpp_program import ROOT, build

# Mode: its reasons, as numbers of the enums. No other pair is ever seen.
REASONS = {0: [0], 1: [0, 5, 7, 12], 2: [0], 3: [0, 1, 2, 11], 4: [2, 3, 4, 8, 9, 10], 5: [0, 6, 7, 12]}
STATES = {f"state {mode}.{reason}" for mode, reasons in REASONS.items() for reason in reasons}
MOVE_ENDS = range(12)  # the last three are never in a snapshot


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("traces") / "core_traces", ROOT / PROGRAM, "-O1")


def test_traces_show_what_they_showed(traces: Path) -> None:
    kept = KEPT.read_text(encoding="utf-8").splitlines()
    assert len(kept) == KEPT_TRACES
    differing = []
    for old, new in zip(kept, run(traces, "digest", 0, KEPT_TRACES), strict=True):
        (seed, digest, *goals), (_, new_digest, *new_goals) = old.split(), new.split()
        np.testing.assert_allclose(
            np.array(new_goals, float), np.array(goals, float), rtol=0, atol=1e-12, err_msg=f"seed {seed}"
        )
        if digest != new_digest:
            differing.append(seed)
    assert not differing, "goals agree where they were kept, but something else differs"


@pytest.mark.nightly
def test_traces_visit_every_state(traces: Path) -> None:
    visits = dict(line.rsplit(" ", 1) for line in run(traces, "visits", 0, KEPT_TRACES))
    assert {what for what in visits if what.startswith("state ")} == STATES
    assert {f"move_end {e}" for e in MOVE_ENDS} == {what for what in visits if what.startswith("move_end ")}
    assert "source stream" in visits
