"""The denoising engine against PyTorch and ONNX Runtime: the same action expert, weights and inputs for all.

Contenders are compared before they are timed: a float32 result must equal the reference's, and what a lower precision
costs is reported as a cosine. A chunk is K steps from noise to (T, 200) actions over a prefix whose keys and values
are cached, as on the run path; see `peers/expert.py` for the math.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from .._core import Precision
from ..errors import BenchmarkError
from .machine import machine
from .ours import PRECISIONS, own_contenders, peak_ops_s, roofline_s, stream_bytes_s
from .peers.expert import SIZES, ExpertInputs, ExpertSize, Floats, make_inputs, make_weights
from .timing import Pace, Race, race

SAME = 2e-5  # largest difference over largest value between float32 contenders
GOOD_ENOUGH = 0.999  # cosine to float32 below which a precision does not count as ours
PEERS = ("torch", "onnxruntime")

Run = Callable[[], Floats]


@dataclass(frozen=True)
class Job:
    """What to compare: sizes by name, threads of every contender, peers by library."""

    sizes: Sequence[str] = ("S", "M", "B")
    threads: int = 2
    peers: Sequence[str] = PEERS
    compiled: bool = True
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True)
class Contender:
    """One implementation in one precision."""

    run: Run
    precision: Precision
    ours: bool = False


def measure(
    job: Job,
    say: Callable[[str], None] = lambda _: None,
    on_size: Callable[[str, dict[str, Any]], None] = lambda *_: None,
) -> dict[str, Any]:
    """Compare at every size; JSON values.

    Per size: `float32_vs_best_peer`, `best_vs_best_peer` (ratios of the same run, above 1 is faster), the precision of
    the latter and its cosine to float32, `peak_share_*` (roofline time over measured time), `ms` of every contender,
    `least_ms` of its quickest round.
    A figure without its contenders is None. A contender that is not installed, fails, or computes another network is
    left out, and `notes` says why. `recompute_ratio_M`: see `recompute_ratio`.

    Args:
        job: what to compare.
        say: called with a line of progress.
        on_size: called with each size and its figures as soon as they are known, so that hours of measuring are not
            lost to what comes after.
    """
    notes: list[str] = []
    sizes = {}
    for name in job.sizes:
        say(f"size {name}: weights")
        here: list[str] = []
        sizes[name] = _measure_size(SIZES[name], job, here, say)
        notes += [f"size {name}: {note}" for note in here]
        on_size(name, sizes[name])
    recompute = None
    if "torch" in job.peers and find_spec("torch"):
        recompute = _attempt("recompute_ratio_M", lambda: recompute_ratio(job, say), notes)
    limits = {
        f"peak_{precision}_gops": round(peak_ops_s(precision, job.threads) / 1e9, 1)
        for precision in PRECISIONS
    }
    limits["stream_gb_s"] = round(stream_bytes_s(job.threads) / 1e9, 2)
    return {
        "machine": {**machine(job.threads), **limits},
        "sizes": sizes,
        "recompute_ratio_M": recompute,
        "notes": sorted(set(notes)),
    }


def _attempt(what: str, make: Callable[[], Any], notes: list[str]) -> Any:
    """Return what `make` returns; None and a note when it fails, since libraries raise what they like."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001 - a peer's failure must not cost the other figures
        words = (str(error).strip().splitlines() or ["no message"])[0][:200]
        notes.append(f"{what} was left out: {type(error).__name__}: {words}")
        return None


def recompute_ratio(job: Job, say: Callable[[str], None]) -> float:
    """Return how many times faster our engine is, at size M, than the way Being-H0.5's own code runs (`recompute.py`).

    Raises BenchmarkError when the two do not compute the same chunk.
    """
    from .recompute import contenders

    say("Being-H0.5 at size M: everything at every step, gate on")
    runs = contenders(SIZES["M"], job.threads)
    compare({name: (run(), Precision.FLOAT32) for name, run in runs.items()})
    return round(race(runs, job.pace).ratio("motorium", "reference"), 3)


def _measure_size(size: ExpertSize, job: Job, notes: list[str], say: Callable[[str], None]) -> dict[str, Any]:
    weights, inputs = make_weights(size), make_inputs(size)
    found: dict[str, Contender] = {}
    outputs: dict[str, tuple[Floats, Precision]] = {}

    def admit(name: str, contender: Contender) -> None:
        y = _attempt(name, contender.run, notes)
        if y is not None:
            found[name], outputs[name] = contender, (y, contender.precision)

    for name, (run, precision) in own_contenders(size, weights, inputs, job.threads).items():
        admit(name, Contender(run, precision, ours=True))
    for library in job.peers:
        if find_spec(library) is None:
            notes.append(f"{library} is not installed: pip install 'motorium[bench]'")
            continue
        say(f"  {library}")
        for name, precision, make in _LIBRARIES[library](size, weights, inputs, job):
            peer = _attempt(name, make, notes)
            if peer is not None:
                admit(name, Contender(peer, precision))
    say("  comparing outputs")
    errors, wrong = agreement(outputs)
    notes += [f"{name} was left out: {why}" for name, why in wrong.items()]
    kept = {name: contender for name, contender in found.items() if name in errors}
    say("  timing")
    result = race({name: c.run for name, c in kept.items()}, job.pace)
    ratios = figures(size, kept, errors, result, job.threads)
    return {**ratios, "ms": result.medians_ms(), "least_ms": result.least_ms()}


def compare(outputs: Mapping[str, tuple[Floats, Precision]]) -> dict[str, float]:
    """Return the cosine of every output to the first float32 one.

    Raises BenchmarkError when one is not finite, or a float32 output differs by more than SAME of the largest value:
    then it is another network, and its time says nothing.
    """
    cosines, wrong = agreement(outputs)
    for name, why in wrong.items():
        raise BenchmarkError(f"{name} {why}")
    return cosines


def agreement(outputs: Mapping[str, tuple[Floats, Precision]]) -> tuple[dict[str, float], dict[str, str]]:
    """Return the cosine to the first float32 output of each contender that may be timed, and for others the reason.

    Raises BenchmarkError when nothing was computed in float32.
    """
    reference = next((y for y, precision in outputs.values() if precision is Precision.FLOAT32), None)
    if reference is None:
        raise BenchmarkError("no contender computes in float32")
    cosines: dict[str, float] = {}
    wrong: dict[str, str] = {}
    for name, (y, precision) in outputs.items():
        if y.shape != reference.shape or not np.isfinite(y).all():
            wrong[name] = f"gave {y.shape}, or numbers that are not finite"
            continue
        off = float(np.abs(y - reference).max() / np.abs(reference).max())
        if precision is Precision.FLOAT32 and off > SAME:
            wrong[name] = f"computes something else: off by {off:.2g} of the largest value"
            continue
        cosines[name] = _cosine(y, reference)
    return cosines, wrong


def _cosine(a: Floats, b: Floats) -> float:
    x, y = a.ravel().astype(float), b.ravel().astype(float)
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def figures(
    size: ExpertSize,
    contenders: Mapping[str, Contender],
    cosines: Mapping[str, float],
    result: Race,
    threads: int,
) -> dict[str, Any]:
    """Return the ratios of one size."""
    ours = [name for name, c in contenders.items() if c.ours and cosines[name] >= GOOD_ENOUGH]
    peers = [name for name, c in contenders.items() if not c.ours]
    exact = [name for name in peers if contenders[name].precision is Precision.FLOAT32]
    best, best_peer, best_exact = (result.best_of(names) for names in (ours, peers, exact))

    def ratio(mine: str | None, other: str | None) -> float | None:
        return None if mine is None or other is None else round(result.ratio(mine, other), 3)

    def fraction(precision: Precision) -> float | None:
        name = f"motorium_{precision}"
        if name not in contenders:
            return None
        return round(roofline_s(size, precision, threads) / result.median_s(name), 3)

    return {
        "float32_vs_best_peer": ratio("motorium_float32" if "motorium_float32" in ours else None, best_exact),
        "best_vs_best_peer": ratio(best, best_peer),
        "best_precision": None if best is None else contenders[best].precision.value,
        "best_cosine": None if best is None else round(cosines[best], 6),
        "peak_share_float32": fraction(Precision.FLOAT32),
        "peak_share_int8": fraction(Precision.INT8),
        "best_peer_float32": best_exact,
        "best_peer": best_peer,
        "cosine": {name: round(value, 6) for name, value in cosines.items()},
    }


_Candidates = Iterator[tuple[str, Precision, Callable[[], Run]]]
"""Name, precision, and what builds the contender; built one after another, so that a failure costs only itself."""


def _torch(size: ExpertSize, weights: Mapping[str, Floats], inputs: ExpertInputs, job: Job) -> _Candidates:
    import torch

    from .peers.torch_expert import TorchExpert, runner, set_threads

    set_threads(job.threads)
    for precision in (Precision.FLOAT32, Precision.BFLOAT16):
        module = TorchExpert(size, weights).to(getattr(torch, precision.value))
        for compiled in (False, True) if job.compiled else (False,):
            name = f"torch_{'compiled' if compiled else 'eager'}_{precision}"
            yield name, precision, partial(runner, module, inputs, compiled=compiled)


def _onnxruntime(
    size: ExpertSize, weights: Mapping[str, Floats], inputs: ExpertInputs, job: Job
) -> _Candidates:
    from .peers.onnx_expert import OnnxExpert

    def make(precision: Precision) -> Run:
        return OnnxExpert(size, weights, precision, job.threads).runner(inputs)

    for precision in (Precision.FLOAT32, Precision.INT8):
        yield f"onnxruntime_{precision}", precision, partial(make, precision)


_LIBRARIES = {"torch": _torch, "onnxruntime": _onnxruntime}
