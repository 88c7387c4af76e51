"""Recorder, repair and every edit are killed at any call that changes a file, or find the disk full from there on.

python tests/support/kill_soak.py 200 100 --out docs/kill_soak.json      200 kills and 100 full disks of each kind

What is killed is a copy of one small dataset with two episodes, one that was cut off, one that is finished and not in
its place, and one that lies aside. Every other time the file system cannot exchange two names. Afterwards the next verb
looks: every episode must be in the dataset, waiting, or aside with its reason; what is there must be whole; and nothing
else may be left beside it. Calls are counted and failed by `fault_shim.c`.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import json
import mmap
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COUNT, KILL, FULL = range(3)
TIMEOUT_S = 60.0
ERRORS = (errno.ENOSPC, errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""What a disk that takes nothing more says."""
WARM = {"motorium", "pyarrow", "av", "numpy", "inspect", "tempfile", "secrets", "importlib", "json", "email"}
ENDED, REFUSED, CRASHED = 0, 2, 70
"""Exit codes of a child: all well; a MotoriumError; anything else."""


@dataclass
class Tally:
    """What happened to one kind."""

    calls: int = 0
    kills: int = 0
    full: int = 0
    finished_before: int = 0
    refused: int = 0
    old: int = 0
    new: int = 0
    put_right: int = 0
    faults: list[str] = field(default_factory=list)


def build_shim(folder: Path) -> Path:
    """Compile it. Raises CalledProcessError; FileNotFoundError without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise FileNotFoundError("no C compiler")
    target = folder / "fault_shim.so"
    command = [compiler, "-std=c11", "-O1", "-shared", "-fPIC", "-o", target, HERE / "fault_shim.c", "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return target


class Faults:
    """The numbers that the shim reads, and children in which it acts."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 64)
        self.set(COUNT, 0, exchange=True)

    def set(self, mode: int, chosen: int, *, exchange: bool, error: int = errno.ENOSPC) -> None:
        self._memory[:] = struct.pack("8q", 0, chosen, mode, not exchange, 0, os.getpid(), error, 0)

    @property
    def calls(self) -> int:
        return struct.unpack_from("q", self._memory)[0]

    def counts_me(self) -> None:
        """Called by the victim."""
        struct.pack_into("q", self._memory, 32, os.getpid())


def forked(act: Callable[[Callable[[str], None]], None]) -> tuple[int, list[str]]:
    """Run `act` in a copy of this process, which has everything imported; (exit code or -signal, what it told)."""
    inner, outer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(inner)
        code = CRASHED
        try:
            os.dup2(outer, 2)
            code = _told(act, lambda line: os.write(outer, (line + "\n").encode()))
        finally:
            os._exit(code)
    os.close(outer)
    signal.alarm(int(TIMEOUT_S))
    with os.fdopen(inner, "rb") as pipe:
        said = pipe.read().decode(errors="replace").splitlines()
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    return os.waitstatus_to_exitcode(status), said


def _told(act: Callable[[Callable[[str], None]], None], tell: Callable[[str], object]) -> int:
    from motorium.errors import MotoriumError

    try:
        act(lambda line: (tell(line), None)[1])
    except MotoriumError as error:
        tell(f"refused: {error}")
        return REFUSED
    except BaseException:  # noqa: BLE001 - whatever it is, it is told
        tell(traceback.format_exc())
        return CRASHED
    return ENDED


class Soak:
    """A folder in memory, a template, and one attempt after the other."""

    def __init__(self, folder: Path, faults: Faults) -> None:
        import kill_scenes

        self.scenes, self.faults = kill_scenes, faults
        self.template, self.place = folder / "template" / "d", folder / "now"
        self.template.parent.mkdir()
        self._must(lambda tell: (kill_scenes.template(self.template), tell("written"))[1])
        self._import_what_children_use()

    def _import_what_children_use(self) -> None:
        """Import it once, in the process that they are copies of."""

        def act(tell: Callable[[str], None]) -> None:
            self.scenes.KINDS["mirror"](self.fresh(), tell)
            self.scenes.contents(self.place / "d")
            tell(json.dumps([name for name in sys.modules if name.partition(".")[0] in WARM]))

        for name in json.loads(self._must(act)[-1]):
            importlib.import_module(name)

    @staticmethod
    def _must(act: Callable[[Callable[[str], None]], None]) -> list[str]:
        code, said = forked(act)
        if code != ENDED:
            raise RuntimeError("\n".join(said))
        return said

    def fresh(self) -> Path:
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.template.parent, self.place)
        return self.place / "d"

    def attempt(
        self, kind: str, mode: int, chosen: int, *, exchange: bool, error: int = errno.ENOSPC
    ) -> tuple[int, list[str], int]:
        """Exit code, what was told, and how many calls there were."""
        root = self.fresh()
        self.faults.set(mode, chosen, exchange=exchange, error=error)

        def act(tell: Callable[[str], None]) -> None:
            self.faults.counts_me()
            self.scenes.KINDS[kind](root, tell)

        code, said = forked(act)
        calls = self.faults.calls
        self.faults.set(COUNT, 0, exchange=exchange)
        return code, said, calls

    def look(self, first: Callable[[Path], Any] | None) -> dict[str, Any]:
        """What the next verb finds; then everything is repaired and counted."""
        root = self.place / "d"

        def act(tell: Callable[[str], None]) -> None:
            from motorium.data.record.repair import repair

            if first is not None:
                first(root)
            done = repair(root)
            found = self.scenes.contents(root)
            assert found["waiting"] == 0
            found["told"] = done.as_dict()
            found["beside"] = {}
            for name in self.scenes.beside(root):
                found["beside"][name] = self.scenes.contents(root.with_name(name))["episodes"]
            tell(json.dumps(found))

        return json.loads(self._must(act)[-1])

    def run(self, kind: str, counts: dict[int, int], seed: int = 0) -> Tally:
        from motorium.data.format.dataset import Dataset

        rng, tally = random.Random(f"{kind} {seed}"), Tally()
        for exchange in (True, False):
            code, said, calls = self.attempt(kind, COUNT, 0, exchange=exchange)
            if code != ENDED:
                raise RuntimeError("\n".join(said))
            tally.calls = max(tally.calls, calls)
            self.judge(kind, ENDED, said, self.look(None))
        for mode, count in counts.items():
            for i in range(count):
                chosen = 1 + int((i + rng.random()) / count * tally.calls)
                exchange, first = rng.random() < 0.5, rng.choice((None, Dataset.open))
                error = rng.choice(ERRORS)
                code, said, _ = self.attempt(kind, mode, chosen, exchange=exchange, error=error)
                self._count(tally, mode, code)
                try:
                    seen = self.look(first)
                    changed = self.judge(kind, code, said, seen)
                except (AssertionError, RuntimeError) as fault:
                    where = f"call {chosen} of {tally.calls}, {('count', 'kill', 'full')[mode]}, exchange {exchange}"
                    tally.faults.append(f"{where}: {fault}; it said {said}")
                    continue
                tally.new += changed
                tally.old += not changed
                tally.put_right += any("edit" in line for line in seen["told"]["fixed"])
        return tally

    @staticmethod
    def _count(tally: Tally, mode: int, code: int) -> None:
        tally.kills += mode == KILL
        tally.full += mode == FULL
        tally.finished_before += code == ENDED
        tally.refused += code == REFUSED

    def judge(self, kind: str, code: int, said: list[str], seen: dict[str, Any]) -> bool:
        """Whether the dataset is the new one. Raises AssertionError when something is neither here nor there."""
        scenes = self.scenes
        assert code in {ENDED, REFUSED, -signal.SIGKILL}, f"it ended with {code}"
        if code == REFUSED:
            assert any(os.strerror(number) in said[-1] for number in ERRORS), "the cause is not named"
        all_of_it = sorted([*scenes.WHOLE, scenes.CUT, scenes.FINISHED])
        there, others = seen["episodes"], {k: v for k, v in seen["beside"].items() if k != "d"}
        asides = len(seen["aside"])
        assert asides >= 1, "what lay aside is gone"
        assert not [name for name in others if name.startswith(".")], f"left beside: {sorted(others)}"
        if kind == "record":
            self._judge_recording(said, there, asides)
            return code == ENDED
        assert asides == 1, f"aside now: {seen['aside']}"
        edited = [0] if kind == "delete" else []
        new = sorted(set(all_of_it) - set(edited))
        if "d_old" in others:
            assert there == new
            assert others == {"d_old": all_of_it}
            return True
        assert there == all_of_it, f"{there} of {all_of_it} are there"
        assert not ("changed" in said and kind in self.scenes.IN_PLACE)
        wanted = {"merge": {"out"}, "split": {"d_train", "d_test"}, "slots": {"out"}}.get(kind, set())
        assert set(others) <= wanted
        if "changed" in said:
            assert set(others) == wanted
        if wanted and set(others) == wanted:
            copies = 2 if kind == "merge" else 1
            assert sorted(which for there in others.values() for which in there) == sorted(
                list(scenes.WHOLE) * copies
            )
        return "changed" in said or kind.startswith("repair")

    def _judge_recording(self, said: list[str], there: list[int], asides: int) -> None:
        scenes = self.scenes
        old = sorted([*scenes.WHOLE, scenes.CUT, scenes.FINISHED])
        assert [which for which in there if which < scenes.FIRST_NEW] == old, f"{there} are there of {old}"
        assert len(set(there)) == len(there), f"twice: {there}"
        for line in said:
            word, _, which = line.partition(" ")
            if word == "ended":
                assert int(which) in there, f"{which} had been finished"
            elif word == "ending":  # every row was written
                assert int(which) in there or asides > 1, f"{which} is gone"


def soak(given: argparse.Namespace, tallies: dict[str, Any]) -> None:
    """Add the kinds to `tallies`, in a process in which the shim is loaded."""
    import av  # noqa: F401 - once, for all children
    import pyarrow.parquet  # noqa: F401

    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory, prefix="kill-soak-") as name:
        run = Soak(Path(name), Faults(Path(os.environ["FAULT_SHIM"])))
        for kind in given.kinds or list(run.scenes.KINDS):
            tallies[kind] = asdict(run.run(kind, {KILL: given.kills, FULL: given.full}, given.seed))
            print(f"{kind}: {tallies[kind]}", file=sys.stderr, flush=True)
            if given.out:
                given.out.write_text(json.dumps(record(tallies), indent=1) + "\n")


def record(tallies: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a run."""
    return {
        "kills": sum(t["kills"] for t in tallies.values()),
        "full_disks": sum(t["full"] for t in tallies.values()),
        "faults": sum(len(t["faults"]) for t in tallies.values()),
        "kinds": tallies,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kills", type=int, help="of each kind")
    parser.add_argument("full", type=int, help="disks, of each kind")
    parser.add_argument("kinds", nargs="*")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, help="also written here after each kind; kinds that are there stay"
    )
    given = parser.parse_args()
    if "FAULT_SHIM" in os.environ:
        sys.path.insert(0, str(HERE))
        before = json.loads(given.out.read_text())["kinds"] if given.out and given.out.exists() else {}
        soak(given, before)
        print(json.dumps(record(before), indent=1))
        return
    with tempfile.TemporaryDirectory(prefix="fault-shim-") as name:
        state = Path(name) / "state"
        state.write_bytes(bytes(64))
        shim = build_shim(Path(name))
        environment = {**os.environ, "LD_PRELOAD": str(shim), "FAULT_SHIM": str(state)}
        raise SystemExit(subprocess.run([sys.executable, *sys.argv], env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
