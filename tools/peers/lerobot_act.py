"""Train LeRobot's own ACT on a dataset of ours, and play it in our simulator as `motorium eval` plays a checkpoint.

    python tools/peers/lerobot_act.py pilot --data cubes --out act --size reduced --minutes 3
    python tools/peers/lerobot_act.py train --data cubes --out act --size reduced --minutes 60
    python tools/peers/lerobot_act.py play --out act --episodes 100

`pilot` tries learning rates and normalisations of the picture network for some minutes each, and `train` takes those
with the least error on held-out episodes, or what is given. `train --resume` goes on after a kill or --pause-after, and
`play` leaves out what was played already. All of it ends up in OUT/result.json. Needs motorium[learn,data,sim] and what
`tools/install_lerobot.py` installs.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

from act_import import bring_lerobot, versions

from motorium.errors import MotoriumError
from motorium.files import write_json
from motorium.foreign import read_json
from motorium.learn.run_folder import CHECKPOINT, run_folder

RESULT, PILOT = "result.json", "pilot.json"
LARGEST = 16 << 20
RATES = (1e-5, 3e-5, 1e-4, 3e-4)
"""ACT's default is 1e-5, for batches of 8 and ImageNet's weights; runs of an hour from scratch may want more."""


def main() -> int:
    """Return 0, 1 for an error, 3 for a run that pauses."""
    options = parsed()
    try:
        with run_folder(options.out):
            bring_lerobot(options.lerobot, options.out / ".cache")
            return {"pilot": pilot, "train": train, "play": play}[options.verb](options)
    except MotoriumError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("pilot", "train", "play"):
        own = verbs.add_parser(verb)
        own.add_argument("--out", type=Path, required=True, help="folder of the run")
        own.add_argument(
            "--lerobot", type=Path, default=Path(sys.prefix) / "lerobot", help="where LeRobot lies"
        )
        own.add_argument("--threads", type=int, default=2, help="of torch")
        if verb == "play":
            own.add_argument("--episodes", type=int, default=100, help="scenes")
            own.add_argument("--seed", type=int, default=0, help="of the first scene")
            own.add_argument("--execution", choices=("both", "act", "ours"), default="both",
                             help="rows before it plans again: the whole chunk, or as many as ours")  # fmt: skip
            own.add_argument("--limit", type=float, default=15.0, help="simulated seconds of a scene")
            continue
        own.add_argument("--data", type=Path, required=True, help="dataset of motorium record")
        own.add_argument(
            "--size", choices=("default", "reduced"), required=True, help="ACT's own, or 2.3 M weights"
        )
        own.add_argument("--minutes", type=float, help="of training; for a pilot, of each variant")
        own.add_argument("--steps", type=int, default=100, help="instead of minutes")
        own.add_argument("--batch", type=int, default=8, help="frames of a step; 8 is LeRobot's default")
        own.add_argument("--chunk", type=int, default=100, help="rows of a chunk; 100 is LeRobot's default")
        own.add_argument("--seed", type=int, default=0, help="of weights, batches and held-out episodes")
        own.add_argument("--lr", type=float, nargs="*" if verb == "pilot" else None, help="learning rate")
        own.add_argument("--norm", choices=("frozen", "group"), nargs="*" if verb == "pilot" else None,
                         help="of the ResNet: LeRobot's frozen batches, or groups")  # fmt: skip
        if verb == "train":
            own.add_argument("--judgements", type=int, default=12, help="of held-out episodes")
            own.add_argument("--resume", action="store_true", help="go on where a run was cut off")
            own.add_argument(
                "--pause-after", type=float, metavar="MINUTES", help="save and end, to be resumed"
            )
    return parser.parse_args()


def _job(options: argparse.Namespace, norm: str, lr: float) -> Any:
    from act_sizes import Variant, register_backbones
    from act_training import Job

    register_backbones()
    return Job(
        Variant(options.size, norm, lr, options.chunk), options.out, options.minutes, options.steps, options.batch,
        getattr(options, "judgements", 1), options.seed, options.threads,
    )  # fmt: skip


def _data(options: argparse.Namespace, job: Any) -> Any:
    from act_data import Demonstrations

    data = Demonstrations(options.data, options.seed)
    for line in data.source.left_out:
        say(line)
    data.read(job.variant.config(data.joints, len(data.tasks), data.pictures, data.shape), say)
    say(f"{len(data.training)} frames to learn from, {len(data.held_out)} held out")
    return data


def pilot(options: argparse.Namespace) -> int:
    """Try what was not tried yet, and write OUT/pilot.json after each."""
    from act_sizes import NORMS
    from act_training import pilot as tried

    asked = list(itertools.product(options.norm or NORMS, options.lr or RATES))
    before = _read(options.out / PILOT, {"size": options.size, "variants": []})
    if before["size"] != options.size:
        raise MotoriumError(f"{options.out / PILOT} is of the size {before['size']}: choose another --out")
    lines = before["variants"]
    data = _data(options, _job(options, *asked[0]))
    for norm, lr in asked:
        if not any((line["norm"], line["lr"]) == (norm, lr) for line in lines):
            lines.append(tried(_job(options, norm, lr), data, say))
            write_json(
                options.out / PILOT, {"size": options.size, "minutes": options.minutes, "variants": lines}
            )
    best = min(lines, key=lambda line: line["held_out_rad"])
    say(f"the best: --norm {best['norm']} --lr {best['lr']:g}")
    return 0


def train(options: argparse.Namespace) -> int:
    """Train, and write OUT/result.json at the end."""
    from act_training import Plan, told
    from act_training import train as trained

    tried = _read(options.out / PILOT, None)
    job = _job(options, *_chosen(options, tried))
    pause_s = None if options.pause_after is None else 60.0 * options.pause_after
    run = trained(job, _data(options, job), say, resume=options.resume, pause_s=pause_s)
    if run is None:
        return 3
    plan = Plan.read(options.out)
    result = {"policy": "LeRobot ACT", "versions": versions(), **told(run, plan), "pilot": tried}
    before = _read(options.out / RESULT, {})
    same = before.get("judged") == result["judged"]
    write_json(options.out / RESULT, {**result, "played": before["played"] if same else {}})
    best = result["best"]
    say(f"{result['steps']} steps in {result['minutes']:.1f} min; the best, of step {best['step']}, is "
        f"{best['held_out_rad']:.4f} rad off")  # fmt: skip
    return 0


def _chosen(options: argparse.Namespace, tried: Any) -> tuple[str, float]:
    """Return normalisation and rate: as given, else the best of a pilot. Raises MotoriumError where neither says it."""
    if options.norm is not None and options.lr is not None:
        return options.norm, options.lr
    if tried is not None and tried["size"] != options.size:
        raise MotoriumError(f"{options.out / PILOT} is of the size {tried['size']}: choose another --out")
    fits = [
        line
        for line in (tried or {"variants": []})["variants"]
        if options.norm in {None, line["norm"]} and options.lr in {None, line["lr"]}
    ]
    if not fits:
        raise MotoriumError(f"give --lr and --norm, or let `pilot` find them in {options.out}")
    best = min(fits, key=lambda line: line["held_out_rad"])
    return best["norm"], best["lr"]


def play(options: argparse.Namespace) -> int:
    """Play the checkpoint of OUT, and write each episode into OUT/result.json."""
    import torch
    from act_policy import EXECUTIONS, ActPolicy, known_results, played
    from act_policy import play as through
    from act_sizes import register_backbones

    from motorium.evaluation.evaluate import EvalJob
    from motorium.specs.robot import RobotSpec

    register_backbones()
    torch.set_num_threads(options.threads)
    result, folder = _read(options.out / RESULT, None), options.out / CHECKPOINT
    if result is None:
        raise MotoriumError(f"{options.out} has no {RESULT}: train first")
    robot = RobotSpec.load(result["data"]["robot"])
    for execution in EXECUTIONS if options.execution == "both" else (options.execution,):
        say(f"execution {execution}")
        policy = ActPolicy(folder, robot, result["data"]["instructions"], execution)
        job = EvalJob(
            folder,
            robot.name,
            episodes=options.episodes,
            seed=options.seed,
            limit_s=options.limit,
            processes=1,
        )
        before = result["played"].get(execution)
        same = before is not None and (before["seed"], before["limit_s"]) == (job.seed, job.limit_s)
        known = known_results(before) if same else {}
        known = {seed: line for seed, line in known.items() if seed < job.seed + job.episodes}

        def keep(report: Any, execution: str = execution, policy: Any = policy) -> None:
            result["played"][execution] = played(report, policy)
            result["better"] = max(result["played"], key=lambda e: result["played"][e]["success_rate"])
            write_json(options.out / RESULT, result)

        keep(through(policy, job, known, say, keep))
        found = result["played"][execution]
        low, high = found["wilson95"]
        say(f"execution {execution}: {found['successes']} of {found['episodes']} ({low:.1%} to {high:.1%})")
    return 0


def _read(path: Path, otherwise: Any) -> Any:
    return read_json(path, LARGEST, error=MotoriumError) if path.exists() else otherwise


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
