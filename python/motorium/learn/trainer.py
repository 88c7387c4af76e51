"""Train a nano network on recorded datasets alone: the whole run, from datasets to the best checkpoint.

Minutes become a number of steps once, before the first; all schedules follow steps. A run that was cut off goes on
exactly where it was.
"""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from shlex import quote

import numpy as np
import torch

from ..errors import DataError, MotoriumError, SpecError
from ..policies.nano.checkpoint import load_checkpoint
from ..policies.nano.config import FORMAT_VERSION, Descriptor
from ..policies.nano.picture_statistics import PictureStatistics
from .adapters import METHODS, Before, adapter_for
from .closed_loop import Check, has_evaluator, play_closed_loop
from .data import Recordings, TableSpec
from .describe import describe_recordings, table_for
from .event_files import FOLDER, EventFiles, summary_writer
from .examples import ExampleMaker, Examples, Index
from .export import build, network_of, save_network
from .growing import grown, grown_tensors
from .job import Job, Outcome
from .learner import Learner
from .model import NanoModel
from .objectives.commitment import DelayTable
from .process_group import ProcessGroup, launched, process_group
from .progress import Progress
from .pupil import Pupil
from .resume import STATE, Plan, ResumeError, State, save_state
from .run_folder import CHECKPOINT, run_folder
from .scene_targets import SceneTargets
from .torch_policy import TorchPolicy
from .usual_pictures import picture_statistics
from .validation import Judgement, Validation

MEASURED = (8, 15)
"""Steps that are taken and thrown away to measure how long one takes: to warm up, and that count."""
MOST_PASSES = 20
"""Over the frames that a new network learns from, however many minutes it has: on two hundred recordings 38 passes gave
a policy that fails more often than after 21, with the same error on held-out ones (docs/training.md)."""
SAVE_S = 60.0


def train(
    job: Job, report: Callable[[str], None] = print, *, resume: bool = False, until: int | None = None
) -> Outcome:
    """Train to the end of the schedule, or to step `until` of it.

    Where torchrun started this process, its processes share the batches instead of `job.processes`.

    Raises DataError, ResumeError, CheckpointError, StorageError, MotoriumError.
    """
    here = launched()
    if here is not None:
        job = replace(job, processes=here.size)
    if job.examples.observations % (job.processes * job.accumulate):
        raise MotoriumError(
            f"a batch of {job.examples.observations} cannot be shared equally by {job.processes} processes with "
            f"{job.accumulate} parts each"
        )
    if job.student is not None and job.init is None:
        raise MotoriumError("a student is distilled from a checkpoint: give its teacher as `init`")
    job.adapter.checked(tuple(METHODS))
    if job.tensorboard:
        summary_writer()
    if here is not None and here.rank:
        return _follow(job, until)
    with run_folder(job.out):
        plan = Plan.read(job.out)
        if not resume and (plan is not None or (job.out / STATE).exists()):
            raise ResumeError(
                f"there is a run in {job.out}: continue it with --resume, or choose another --out"
            )
        return _train(job, report, plan, until)


def _train(job: Job, report: Callable[[str], None], plan: Plan | None, until: int | None) -> Outcome:
    """Train in a folder that is this process's alone."""
    job = replace(job, table=_table(job))
    with Recordings.open(job.data, job.table, job.cache) as recordings:
        for line in recordings.remarks:
            report(line)
        if plan is not None:
            plan.check(recordings.fingerprint, job.settings(), job.out)
        if job.episodes and not has_evaluator(_simulated(recordings)):
            raise MotoriumError(
                f"nothing that is installed plays {_simulated(recordings)}; leave out --episodes"
            )
        report(
            f"{len(recordings.training)} frames to learn from, {len(recordings.validation)} held out, "
            f"{', '.join(robot.name for robot in recordings.robots)}"
        )
        report(str(recordings.prepare(report)))
        with process_group(job.processes, _run_rank, job, plan, until) as group:
            return _Run(job, recordings, group, report).through(plan, until)


def _follow(job: Job, until: int | None) -> Outcome:
    """Train beside rank 0, which holds the folder, checks the run and tells of it."""
    plan = Plan.read(job.out)  # as rank 0 does; it writes one only when all have met
    job = replace(job, table=_table(job))
    with process_group(job.processes, _run_rank) as group:
        return _run_rank(group, job, plan, until)


def _run_rank(group: ProcessGroup, job: Job, plan: Plan | None, until: int | None) -> Outcome:
    # Pictures are in the cache by now; those that found no room are decoded here.
    with Recordings.open(job.data, job.table, replace(job.cache, workers=0)) as recordings:
        return _Run(job, recordings, group, lambda _line: None).through(plan, until)


class _Run:
    """One process of a run."""

    def __init__(
        self, job: Job, recordings: Recordings, group: ProcessGroup, report: Callable[[str], None]
    ) -> None:
        self.job, self.recordings, self.group, self.report = job, recordings, group, report
        self.device = torch.device("cuda" if torch.cuda.is_available() and group.size == 1 else "cpu")
        self.state = State.read(job.out) if Plan.read(job.out) is not None else None
        self.init = None if job.init is None else load_checkpoint(job.init)
        self.pictures = job.begun()
        before = None if self.init is None else Before(self.init.descriptor, recordings.robots)
        self.adapter = adapter_for(job.adapter, before)
        self.delays = _delays(recordings, job.table.rows - 1)
        self.descriptor = self._described()
        self.delays = self.delays.capped(self.descriptor.prefix_lock.max_delay)
        scene = SceneTargets.of(recordings, self.descriptor.scene.names)
        self.maker = ExampleMaker(recordings, self.descriptor, scene, self.delays, job.examples, job.seed)
        self.teacher = (
            None if self.init is None or job.student is None else network_of(self.init).to(self.device)
        )
        self.validation = Validation(recordings, self.maker, self.teacher)

    def through(self, plan: Plan | None, until: int | None) -> Outcome:
        """Train; returns how it ended, which only rank 0 can tell in full."""
        if plan is None:
            plan = self._plan()
            if self.group.rank == 0:
                plan.write(self.job.out)
        learner = self._learner(plan.steps)
        if self.job.init is not None:
            self.report(self.adapter.told(learner.model))
        progress = Progress(self.job.out, plan.steps, self.report, self._events())
        if self.state is not None:
            self.state.restore(learner)
            progress.restore(self.state.history(), learner.done)
            self.report(f"goes on behind step {learner.done}")
        with contextlib.closing(progress):
            self._train(learner, progress, plan.steps, min(plan.steps, until or plan.steps))
        best = progress.best
        if best is None:
            raise MotoriumError(f"{self.job.out} was left before held-out recordings were judged")
        ended = (learner.done, best.step, best.l1_rad, self.group.rank, best.teacher_rad)
        return Outcome(self.job.out / CHECKPOINT, *ended)

    def _train(self, learner: Learner, progress: Progress, steps: int, stop: int) -> None:
        every = progress.every * math.ceil(steps / self.job.judgements / progress.every)
        saved = time.monotonic()
        if progress.hopeless(self.job.patience):
            return
        for step, parts in self._batches(learner.done, stop):
            whole = progress.measured(step + 1, learner.step(parts))
            judge = (step + 1) % every == 0 or step + 1 == steps
            if judge and progress.judged(self._judged(learner)) and self.group.rank == 0:
                kept = self._exported(learner), self._pictures_seen(learner)
                save_network(self.job.out / CHECKPOINT, self.descriptor, *kept)
            over = judge and progress.hopeless(self.job.patience)
            last = over or step + 1 == stop
            if self.group.rank == 0 and (judge or last or (whole and time.monotonic() - saved > SAVE_S)):
                save_state(self.job.out, learner, self.descriptor.to_json(), progress.history())
                progress.write()
                saved = time.monotonic()
            if over:
                self.report(
                    f"ends at step {step + 1}: held-out recordings have long been worse than at the best"
                )
                break

    def _batches(self, done: int, stop: int) -> Iterator[tuple[int, Iterator[Examples]]]:
        """Yield each step from `done` on, with the parts of its batch that are this process's."""
        own, every = self.job.accumulate, self.group.size * self.job.accumulate
        parts = [slice(self.group.rank * own + number, None, every) for number in range(own)]
        waiting: deque[tuple[int, Index, slice]] = deque()

        def wanted() -> Iterator[Index]:
            for step in range(done, stop):
                index = self.maker.frames(step)
                for part in parts:
                    waiting.append((step, index, part))
                    yield index[part]

        read = self.recordings.ahead(wanted())

        def made() -> Iterator[Examples]:
            for _, pictures in islice(read, own):
                step, index, part = waiting.popleft()
                yield self.maker.make(index, pictures, step, part)

        for step in range(done, stop):
            yield step, made()

    def _judged(self, learner: Learner) -> Judgement:
        """Judge the averaged weights by what is held out, and play them where that was asked for."""
        judgement, job = self.validation.judge(learner), self.job
        if not job.episodes or self.group.rank:
            return judgement
        policy = TorchPolicy(copy.deepcopy(learner.averaged).cpu(), seed=job.seed)
        check = Check(_simulated(self.recordings), episodes=job.episodes)
        return replace(judgement, success=float(np.mean(play_closed_loop(policy, check))))

    def _pictures_seen(self, learner: Learner) -> dict[str, PictureStatistics]:
        """Return what the pictures look like to the averaged weights, where the checkpoint keeps that."""
        if not self.descriptor.picture_statistics:
            return {}
        return picture_statistics(learner.averaged, self.maker, self.recordings, self.device)

    def _plan(self) -> Plan:
        """Decide how many steps the run has; where minutes were given, by measuring some, which are thrown away."""
        job, steps, each = self.job, self.job.learn.steps, 0.0
        learner = self._learner(steps)
        if job.minutes is not None:
            (warm, counted), times = MEASURED, [time.monotonic()]
            learner.done = steps - 1  # where an adapter that goes in steps trains all that it ever does
            for _, parts in self._batches(0, warm + counted):
                learner.step(parts)
                times.append(time.monotonic())
            # The median: the other processes may still be starting, and what runs beside for a moment is no rule.
            each = self.group.mean(float(np.median(np.diff(times)[warm:])))
            began = time.monotonic()
            self._judged(learner)
            self._pictures_seen(learner)
            judging = self.group.mean(time.monotonic() - began) * job.judgements
            steps = max(job.judgements, int((60.0 * job.minutes - judging) / each))
            self.report(
                f"{job.minutes:g} minutes are {steps} steps of {each:.3f} s; {judging:.0f} s are for judging"
            )
            enough = self._enough()
            if enough is not None and steps > enough:
                self.report(
                    f"{enough} steps are enough, {MOST_PASSES} passes over the recordings: more learns them by heart; "
                    "--steps takes more all the same"
                )
                steps = enough
        said = tuple(f"{spec.path}{'' if spec.weight is None else f'={spec.weight:g}'}" for spec in job.data)
        return Plan(steps, each, self.recordings.fingerprint, job.settings(), said)

    def _enough(self) -> int | None:
        """Return the steps after which a new network has seen its recordings often enough; None for another."""
        if self.init is not None:
            return None
        passes = MOST_PASSES * len(self.recordings.training) / self.job.examples.observations
        return max(self.job.judgements, round(passes))

    def _events(self) -> EventFiles | None:
        if not self.job.tensorboard or self.group.rank:
            return None
        self.report(f"curves: tensorboard --logdir {quote(str(self.job.out / FOLDER))}")
        return EventFiles(self.job.out)

    def _learner(self, steps: int) -> Learner:
        torch.manual_seed(self.job.seed)
        model = self._model()
        self.adapter.attach(model)
        self.adapter.told(model)  # refuses what would train nothing, before a run is begun
        params = replace(self.job.learn, steps=steps)
        if self.teacher is not None:
            return Pupil(model, self.teacher, params, self.group, self.adapter)
        return Learner(model, params, self.group, self.device, self.adapter)

    def _exported(self, learner: Learner) -> dict[str, torch.Tensor]:
        return self.adapter.exported(learner.averaged.state_dict())

    def _model(self) -> NanoModel:
        checkpoint, model = self.init, build(self.descriptor)
        if self.state is not None:
            return model
        if checkpoint is None:
            if self.pictures is not None:
                self.pictures.begin(model)
            return model
        tensors = {name: torch.from_numpy(np.array(values)) for name, values in checkpoint.tensors.items()}
        if self.job.student is not None:
            model.load_state_dict(self.job.student.begun(tensors, checkpoint.descriptor))
            return model
        tensors = grown_tensors(tensors, checkpoint.descriptor, self.descriptor, self.job.seed)
        model.load_state_dict(self.adapter.begun(tensors, self.descriptor))
        return model

    def _described(self) -> Descriptor:
        """Return the descriptor of the network: as saved, else of the checkpoint it starts from, else a new one."""
        if self.state is not None:
            return Descriptor.from_json(self.state.descriptor)
        return replace(self._begun(), format_version=FORMAT_VERSION, picture_statistics=True)

    def _begun(self) -> Descriptor:
        job, name = self.job, self.job.name or self.job.out.name
        if self.init is not None and job.student is not None:
            return job.student.checked(self.init.descriptor).described(
                self.init.descriptor, name, self.recordings
            )
        if job.init is not None:
            return grown(self.adapter.described(), name, self.recordings)
        scene = SceneTargets.of(self.recordings)
        most = self.delays.d_max - 1
        return describe_recordings(name, self.recordings, scene, job.dims, most, job.noise)


def _table(job: Job) -> TableSpec:
    """Return how the datasets are read: as a checkpoint needs them, else by the robot's cameras."""
    table = replace(job.table, seed=job.seed)
    if job.init is None:
        return table_for(job.data, table)
    descriptor = load_checkpoint(job.init).descriptor
    sizes = {(camera.height, camera.width) for camera in descriptor.cameras}
    if len(sizes) > 1:
        raise DataError(
            f"checkpoint {descriptor.name!r} takes pictures of different sizes, which training does not"
        )
    roles = tuple(camera.role for camera in descriptor.cameras)
    return replace(table, rows=descriptor.rows, dt_s=descriptor.chunk.dt_s, roles=roles, size=sizes.pop())


def _simulated(recordings: Recordings) -> str:
    return f"sim:{recordings.robots[0].name}"


def _delays(recordings: Recordings, most: int) -> DelayTable:
    """Return how often how many rows are committed, by the robot's `[latency]`; evenly up to a third without one."""
    try:
        table = DelayTable.of_robot(recordings.robots[0], recordings.dt_s)
    except SpecError:
        count = 1 + most // 3
        table = DelayTable((1.0 / count,) * count)
    return table.capped(most)
