"""Start a run of training by the options that a person gives."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..errors import MotoriumError
from ..policies.nano.config import NO_NOISE, NORMAL
from .adapters import AdapterSpec
from .data import SourceSpec
from .examples import ExampleParams
from .job import Job, Outcome
from .learner import LearnParams
from .pictures import DRAWN
from .process_group import launched
from .student import StudentSpec
from .trainer import train

REGRESSION, FLOW = "regression", "flow"
OBJECTIVES = {REGRESSION: NO_NOISE, FLOW: NORMAL}
"""By what a new network learns chunks, and what it then makes them of."""
TUNING = LearnParams(learning_rate=4e-4, warm_up=50)
"""Of a network that has learned already: it forgets at the rate of a fresh one."""
BEGUN = LearnParams(learning_rate=2e-3, pictures_rate=0.2)
"""Of a network whose picture side has learned already; points learn at a higher rate than patches."""
TAUGHT = LearnParams(warm_up=50)
"""Of a student: a fresh network's rate, since its target is exact."""
ADDED = LearnParams(warm_up=50)
"""Of what is added to a network: it is fresh, and learns at the rate of a fresh network."""


def start(
    sources: tuple[SourceSpec, ...],
    out: Path,
    init: Path | None,
    given: Mapping[str, Any],
    report: Callable[[str], None],
) -> Outcome:
    """Train on datasets.

    Args:
        sources: datasets.
        out: folder of the run.
        init: checkpoint to start from.
        given: any of steps, minutes, seed, batch, accumulate, processes, episodes, resume, objective, pictures,
            tensorboard; method, freeze, rank; student.
        report: gets a line now and then.

    Raises what `trainer.train` does, and MotoriumError: an option that says nothing here.
    """
    if init is not None and "objective" in given:
        raise MotoriumError(
            f"{init} says by itself how it makes chunks; --objective is for a new network: leave it out"
        )
    group = launched()
    if group is not None and "processes" in given:
        raise MotoriumError(
            f"torchrun started {group.size} processes, and --processes asks for {given['processes']}: leave one of the "
            f"two out"
        )
    alone = torch.cuda.is_available() or len(os.sched_getaffinity(0)) < 2
    parts = tuple(part.strip() for text in given.get("freeze", ()) for part in text.split(","))
    student: StudentSpec | None = given.get("student")
    adapter = AdapterSpec(given.get("method", "full"), parts, given.get("rank"))
    if student is not None:
        adapter = student.adapter
    fresh = LearnParams(learning_rate=2e-3) if given.get("pictures") == "none" else BEGUN
    learn = fresh if init is None else TUNING if adapter.method == "full" else ADDED
    learn = learn if student is None else TAUGHT
    job = Job(
        sources,
        out,
        init=init,
        adapter=adapter,
        minutes=given.get("minutes"),
        seed=given.get("seed", 0),
        learn=replace(learn, steps=given.get("steps", learn.steps)),
        examples=replace(ExampleParams(), observations=given.get("batch", ExampleParams().observations)),
        accumulate=given.get("accumulate", 1),
        episodes=given.get("episodes", 0),
        processes=given.get("processes", 1 if alone else 2),
        noise=OBJECTIVES[given.get("objective", REGRESSION)],
        student=student,
        pictures=None if (pictures := given.get("pictures", DRAWN)) == "none" else pictures,
        tensorboard=bool(given.get("tensorboard")),
    )
    return train(job, report, resume=bool(given.get("resume")))
