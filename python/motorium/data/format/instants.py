"""Say what the times and the action of a row mean: which rule of pairing a dataset was recorded with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .schema import Schema
from .tables import Rows

PAIRING = "pairing"
"""Key of the own section of info.json: the rule; absent in datasets of motorium 0.1.0 and of others."""
BY_ROW, BY_OBSERVATION = 1, 2
"""1, of motorium 0.1.0: state and setpoints of the time of the row, pictures older by the delay of their camera. 2: all
of the time of the observation, as `timeline.pairing` says."""
LEADER = "leader_rad"
"""Column of recordings with a leader arm alone."""
MEANING = {
    "row_s": "when the row was taken",
    "capture_s": "when each picture was taken; joints: the time of the observation",
    "observation.state": "joints at the time of the observation: the newest moment that all cameras had seen",
    "commanded_rad": "setpoint in force at the time of the observation",
    "action": "setpoint in force one row (1 / fps) after the observation",
    LEADER: "the leader's own joints at the time of the observation, as joints of the arm",
}
"""What the recorder's columns mean in datasets of rule 2, for the reader of info.json."""
JOINTS = "joints"
"""Name of the clock of the joints in `capture_s`."""


def pairing_of(own: Mapping[str, Any]) -> int:
    """Say by which rule rows were paired; `own` is the section `motorium` of info.json."""
    rule = own.get(PAIRING)
    return rule if isinstance(rule, int) else BY_ROW


def observation_clock(schema: Schema) -> int | None:
    """Return the place in `capture_s` of the time of the observation; None where rows were paired by their own time."""
    if pairing_of(schema.own) < BY_OBSERVATION or not schema.has("capture_s"):
        return None
    feature = schema.feature("capture_s")
    names = feature.names or ()
    if not feature.is_column or feature.shape != (len(names),) or JOINTS not in names:
        return None
    return names.index(JOINTS)


def observation_times_s(schema: Schema, rows: Rows) -> NDArray[np.float64] | None:
    """Return (N,) seconds, the times of the observations, which two rows may share; None where none are kept."""
    clock = observation_clock(schema)
    if clock is not None and "capture_s" in rows:
        return rows["capture_s"][:, clock].astype(np.float64)
    return rows["row_s"].reshape(-1).astype(np.float64) if "row_s" in rows else None
