"""`python -m autograder prove`: tries to get points that are not deserved, and to lose points that are.

Grades every submission of `corpus/` in its sandbox, right answers beside a fork bomb and under load and with many draws
of inputs, mutants of the reference, and gradings that are killed. The last line sums up; the exit code is 1 if anything
is wrong.
"""

import argparse
import contextlib
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
from tqdm import tqdm

from autograder import outputs, submissions
from autograder.corpus import KINDS, Bait, Draft, Submission, corpus
from autograder.corpus.mutants import all_mutants
from autograder.corpus.trials import TRIALS
from autograder.grade import run_all
from autograder.item import LESSONS, items
from autograder.records import Records
from autograder.reference import reference
from autograder.run import check
from autograder.runner import Job
from autograder.sandbox import Limits, isolation
from autograder.student import Host
from data import movielens

QUICK = Limits(cell=20, call=6, memory=3 << 30)  # for exercise 1, which needs milliseconds
LEFT_BEHIND = "left-behind-by-a-student"


def main(argv: list[str]) -> int:
    """Prints what went wrong, a table, and the line; returns 0 if nothing did, 1 if something, 2 without isolation."""
    parser = argparse.ArgumentParser(prog="python -m autograder prove", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a part that takes about two minutes")
    parser.add_argument("--only", metavar="NAME", help="the submissions whose name begins so, and nothing else")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="students at a time (one per core)")
    parser.add_argument("--seed", type=int, default=7, help="of the fresh inputs (7)")
    options = parser.parse_args(argv)
    if isolation() != "bwrap":
        print("No isolation can be had here, and without it nothing of this may be run.", file=sys.stderr)
        return 2
    began = time.perf_counter()
    chosen = [one for one in corpus() if not (options.quick and one.slow) and one.name.startswith(options.only or "")]
    with tempfile.TemporaryDirectory(prefix="prove-") as folder:
        proof = Proof()
        judge(chosen, grade_class(chosen, Path(folder), options.workers, options.seed), proof)
        if not options.only:
            neighbours(Path(folder) / "neighbours", proof)
            draw_again(2 if options.quick else 10, proof, slow=not options.quick)
            refuse_mutants(4 if options.quick else 12, proof, slow=not options.quick)
            survive(TRIALS[:5] if options.quick else TRIALS, Path(folder), proof)
    print(f"\n{time.perf_counter() - began:.0f} s\n{proof}")
    return int(proof.wrong())


def bar(things: Iterable, unit: str, total: int | None = None) -> tqdm:
    """The things, with a bar where somebody looks on."""
    return tqdm(things, total=total, unit=unit, ncols=80, file=sys.stdout, disable=None)


class Proof:
    """What was counted: pairs of wrong (for mutants and faults: right) and all; and the mutants that may live."""

    def __init__(self):
        self.accepts, self.rejects, self.mutants, self.faults, self.lost = ([0, 0] for _ in range(5))
        self.explained = 0

    def __str__(self) -> str:
        say = "false accepts {}/{}, false rejects {}/{}, mutants {}/{}, faults {}/{}, lost {}/{}, isolation {}"
        return say.format(*self.accepts, *self.rejects, *self.mutants, *self.faults, *self.lost, isolation())

    def wrong(self) -> bool:
        unexplained = self.mutants[1] - self.mutants[0] - self.explained
        return bool(self.accepts[0] or self.rejects[0] or unexplained or self.faults[0] < self.faults[1] or self.lost[0])

    def points(self, name: str, got: dict[str, int], deserved: dict[str, int], most: dict[str, int]) -> bool:
        """Counts one submission's points; says what is wrong. Returns whether nothing is."""
        more = {item: got[item] - deserved[item] for item in got if got[item] > deserved[item]}
        less = {item: deserved[item] - got[item] for item in got if got[item] < deserved[item]}
        self.accepts[0] += sum(more.values())
        self.accepts[1] += sum(most.values()) - sum(deserved.values())
        self.rejects[0] += sum(less.values())
        self.rejects[1] += sum(deserved.values())
        for what, points in (("FALSE ACCEPT", more), ("FALSE REJECT", less)):
            if points:
                print(f"{what} {name}: {', '.join(f'{n} of {item}' for item, n in points.items())}")
        return not (more or less)


@contextlib.contextmanager
def bait(out: Path) -> Iterator[Bait]:
    """Something to steal and to reach: a listener, a secret in the environment, a file where grades are written."""
    out.mkdir(parents=True)
    (out / "prove-bait.txt").write_text("a grade\n")
    secret = os.environ["PROVE_SECRET"] = secrets.token_hex(16)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as channel:
        port = server.getsockname()[1]
        channel.bind(f"\0prove-{port}")
        channel.listen()
        yield Bait(out=out, secret=secret, port=port)
    del os.environ["PROVE_SECRET"]


def grade_class(chosen: list[Submission], folder: Path, workers: int, seed: int) -> dict[str, dict]:
    """The records of the submissions, by name, graded as a class is."""
    place, out = folder / "submitted", folder / "out"
    with bait(out) as lure:
        for one in chosen:
            one.write(place, lure)
        found = submissions.find_submissions(place)
        data = str(movielens.prepare(quiet=True))
        limits = {one.name: QUICK if one.lesson == "01" else Limits() for one in chosen}
        jobs = [Job(name, tuple(map(str, paths)), seed, True, data, limits[name]) for name, paths in found.items()]
        records, graded = Records(out), {}
        for record in bar(run_all(jobs, workers), "student", len(jobs)):
            records.put(record)
            graded[record["student"]] = json.loads(records.path(record["student"]).read_text(encoding="utf-8"))
    outputs.table([graded[name] for name in sorted(graded)])
    return graded


def judge(chosen: list[Submission], graded: dict[str, dict], proof: Proof) -> None:
    """Compares what each got with what it deserves, and prints the table."""
    rows = {kind: [0, 0] for kind in KINDS}
    for one in chosen:
        record = graded.get(one.name, {"exercises": [], "unread": []})
        items = {item["item"]: item for exercise in record["exercises"] for item in exercise["items"]}
        most = one.most
        got = {number: items[number]["score"] if number in items else 0 for number in most}
        right = proof.points(f"{one.name} ({one.tries})", got, one.points, most)
        if one.kind in ("broken", "runaway"):
            told = [*record["unread"], *(item["details"] for number, item in items.items() if got[number] < most[number])]
            survived = one.name in graded and right and (got == most or bool(told))
            proof.faults[0] += survived
            proof.faults[1] += 1
            if not survived:
                print(f"FAULT {one.name} ({one.tries}): {'no row' if one.name not in graded else 'no reason, or points'}")
        rows[one.kind][0] += right
        rows[one.kind][1] += 1
    for process in psutil.process_iter(["cmdline"]):
        if LEFT_BEHIND in (process.info["cmdline"] or []):
            proof.faults[1] += 1
            print(f"FAULT a student's process outlived its grading: {process.pid}")
    print("\n" + "\n".join(f"{kind:9} {right:3} of {all_:3} as deserved" for kind, (right, all_) in rows.items()))


def neighbours(folder: Path, proof: Proof) -> None:
    """Right answers at the side of a fork bomb, while every core is busy otherwise."""
    bombs = [one for one in corpus() if one.name in ("fork_bomb", "thread_bomb")]
    names = [f"neighbour{number}" for number in range(4)]
    for name in names:
        Draft("01", Bait()).write(folder / name)
    for one in bombs:
        one.write(folder, Bait())
    found = submissions.find_submissions(folder)
    jobs = [Job(name, tuple(map(str, found[name])), 7, True, None, QUICK)
            for name in [*(one.name for one in bombs), *names]]  # fmt: skip
    burn = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count())]
    try:
        graded = {record["student"]: record for record in run_all(jobs, 4)}
    finally:
        for process in burn:
            process.kill()
            process.wait()
    for name in names:
        items = [item for exercise in graded[name]["exercises"] for item in exercise["items"]]
        most = {item["item"]: item["max"] for item in items}
        proof.points(f"{name} (beside a fork bomb, under load)", {i["item"]: i["score"] for i in items}, most, most)


def draw_again(most: int, proof: Proof, slow: bool) -> None:
    """Every right answer that is known, in this process, with inputs drawn again and again: none may refuse it."""
    for item in bar([item for item in items() if slow or not item.slow], "item"):
        names = reference(LESSONS[item.lesson])
        for name, answer in {"the solution": names[item.function], **item.alternatives}.items():
            seeds = [secrets.randbits(32) for _ in range(1 if item.slow else most)]
            given = {**names, item.function: answer}
            score, seed = min((check(item, Host(given).answer, seed).score, seed) for seed in seeds)
            points = {item.number: item.points}
            proof.points(f"{name} (seed {seed})", {item.number: score}, points, points)


def refuse_mutants(most: int, proof: Proof, slow: bool) -> None:
    """Puts mutants of the reference through the checks, in this process."""
    for mutant in bar(all_mutants(most, slow), "mutant"):
        lives = mutant.lives()
        proof.mutants[0] += not lives
        proof.mutants[1] += 1
        if lives:
            proof.explained += bool(mutant.excuse)
            tqdm.write(f"{mutant.item.number} lives: {mutant.change}: {mutant.excuse or 'UNEXPLAINED'}", file=sys.stdout)


def survive(trials: list, folder: Path, proof: Proof) -> None:
    """Kills gradings, fills disks; each from a seed of its own, which is printed if something was lost."""
    for number, (what, trial) in enumerate(bar(trials, "trial")):
        seed = secrets.randbits(32)
        try:
            gone = trial(folder / f"trial{number}", random.Random(seed))
        except subprocess.TimeoutExpired as error:
            gone = f"it did not end in {error.timeout:.0f} s"
        proof.lost[0] += bool(gone)
        proof.lost[1] += 1
        if gone:
            tqdm.write(f"LOST {what} (seed {seed}): {gone}", file=sys.stdout)
