"""Trials of what a grading must survive: killed at any moment, started twice, on a full disk, over a damaged record.

Each trial is a small class, graded by `python -m autograder grade` in a process of its own. It returns what was lost:
a sentence, or nothing.
"""

import contextlib
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from autograder.corpus import Bait, Draft
from autograder.records import write_whole
from autograder.sandbox import COURSE, bwrap

STUDENTS = [f"student{number}" for number in range(8)]
POINTS = 10


def a_class(folder: Path) -> Path:
    """Eight students, exercise 1, all right."""
    for student in STUDENTS:
        Draft("01", Bait()).write(folder / student)
    return folder


def command(place: Path, out: Path, *options: str) -> list[str]:
    words = ["-m", "autograder", "grade", str(place), "--out", str(out), "--workers", "2", "--seed", "7"]
    return [sys.executable, *words, *options]


def run(place: Path, out: Path, *before: str) -> subprocess.CompletedProcess:
    return subprocess.run([*before, *command(place, out)], cwd=COURSE, capture_output=True, text=True, timeout=600)


def start(place: Path, out: Path) -> subprocess.Popen:
    """A grading under way, as the leader of a group of its own."""
    return subprocess.Popen(command(place, out), cwd=COURSE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True)  # fmt: skip


def finished(out: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (out / "records").glob("*.json")}


def wait_for(out: Path, count: int, process: subprocess.Popen) -> None:
    """Until `count` grades are finished, or the grading has ended."""
    while len(finished(out)) < count and process.poll() is None:
        time.sleep(0.02)


def lost(place: Path, out: Path, before: dict[Path, bytes], regraded: set[Path] = frozenset()) -> str:
    """What is not as it should be once the grading is run again: a finished grade gone, changed or made anew."""
    for path, data in before.items():
        try:
            json.loads(data)
        except ValueError:
            return f"{path.name} was written in part"
    done = run(place, out)
    after = finished(out)
    if done.returncode != 0:
        return f"the second run failed: {(done.stdout + done.stderr)[-400:]}"
    scores = [sum(item["score"] for item in json.loads(data)["exercises"][0]["items"]) for data in after.values()]
    if scores != [POINTS] * len(STUDENTS):
        return f"scores after the second run: {scores}"
    if changed := [path.name for path, data in before.items() if after[path] != data and path not in regraded]:
        return f"graded again: {changed}"
    if list((out / "records").glob("*.tmp")):
        return "a temporary file stayed behind"
    return ""


def killed(whole: bool) -> Callable[[Path, random.Random], str]:
    """kill -9 of the grader or, if `whole`, of all that it started, at a random moment."""

    def trial(folder: Path, rng: random.Random) -> str:
        place, out = a_class(folder / "class"), folder / "out"
        process = start(place, out)
        wait_for(out, rng.randrange(len(STUDENTS)), process)
        time.sleep(rng.uniform(0, 0.5))
        workers = psutil.Process(process.pid).children(recursive=True)
        if whole:
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        process.stdout.close()
        _, alive = psutil.wait_procs(workers, timeout=20)
        if alive:
            return f"{len(alive)} processes outlived the grader"
        return lost(place, out, finished(out))

    return trial


def worker_killed(folder: Path, rng: random.Random) -> str:
    """kill -9 of one worker at a random moment; the grading goes on without."""
    place, out = a_class(folder / "class"), folder / "out"
    process = start(place, out)
    wait_for(out, rng.randrange(1, len(STUDENTS) - 1), process)
    time.sleep(rng.uniform(0, 0.3))
    children = psutil.Process(process.pid).children()
    rng.shuffle(children)
    with contextlib.suppress(StopIteration, psutil.Error):  # they may have ended
        next(one for one in children if "spawn_main" in " ".join(one.cmdline())).kill()
    before = finished(out)
    said, _ = process.communicate(timeout=300)
    return lost(place, out, before) if process.returncode == 0 else f"the grading gave up: {said[-400:]}"


def two_at_once(folder: Path, rng: random.Random) -> str:
    """Two gradings on one folder: the second says so and leaves, the first goes on."""
    place, out = a_class(folder / "class"), folder / "out"
    first = start(place, out)
    wait_for(out, 1, first)
    second = run(place, out)
    if second.returncode != 2 or "Another grading" not in second.stderr or "Traceback" in second.stderr:
        return f"the second run did not leave: {second.stderr[-300:]}"
    said, _ = first.communicate(timeout=300)
    return lost(place, out, finished(out)) if first.returncode == 0 else f"the first run failed: {said[-300:]}"


def full_disk(folder: Path, rng: random.Random) -> str:
    """A disk with room for some records and not for all: it is named, and there is nothing half-written on it."""
    place, out = a_class(folder / "class"), folder / "out"
    out.mkdir()
    # Grades on a tmpfs of 64 kB, then copies what is on it back to where the second run finds it.
    script = f'{shlex.join(command(place, Path("/dev/shm/out")))}; code=$?; cp -r /dev/shm/out/. "$1"; exit $code'
    box = [bwrap(None)[0], "--dev-bind", "/", "/", "--size", str(64 << 10), "--tmpfs", "/dev/shm", "--"]
    done = subprocess.run([*box, "sh", "-c", script, "-", str(out)], cwd=COURSE, capture_output=True, text=True, timeout=600)
    if done.returncode != 2 or "is full" not in done.stderr or "Traceback" in done.stderr:
        return f"the full disk was not named: {done.returncode} {done.stderr[-400:]}"
    return lost(place, out, finished(out)) if finished(out) else "no grade was kept"


def damaged_record(folder: Path, rng: random.Random) -> str:
    """Records cut short, emptied or replaced: those are graded again, and only those."""
    place, out = a_class(folder / "class"), folder / "out"
    run(place, out)
    before = finished(out)
    chosen = rng.sample(sorted(before), 4)
    for path, data in zip(chosen, (before[chosen[0]][:100], b"", b"[1]", b'{"key": null}'), strict=True):
        path.write_bytes(data)
    return lost(place, out, before, set(chosen))


def unwritable(folder: Path, rng: random.Random) -> str:
    """A folder that nobody may write to, root included: a sentence, no traceback."""
    place, out = a_class(folder / "class"), folder / "out"
    out.mkdir()
    write_whole(out / "records.txt", "")
    box = [bwrap(None)[0], "--dev-bind", "/", "/", "--ro-bind", str(out), str(out), "--"]
    done = run(place, out, *box)
    if done.returncode != 2 or "cannot be written" not in done.stderr or "Traceback" in done.stderr:
        return f"the folder was not named: {done.returncode} {done.stderr[-400:]}"
    return lost(place, out, finished(out))


TRIALS: list[tuple[str, Callable[[Path, random.Random], str]]] = [
    ("the grader killed", killed(whole=False)),
    ("everything killed", killed(whole=True)),
    ("a worker killed", worker_killed),
    ("two gradings at once", two_at_once),
    ("the disk full", full_disk),
    ("records damaged", damaged_record),
    ("a folder that cannot be written to", unwritable),
    ("the grader killed", killed(whole=False)),
    ("everything killed", killed(whole=True)),
    ("a worker killed", worker_killed),
]
