"""`python -m autograder grade SUBMISSIONS`: a whole class, each student's code in a sandbox, the checks outside of it.

One record a submission, written when it is done; a second run grades only what changed. Everything else in the output
folder is derived from the records.
"""

import argparse
import concurrent.futures
import errno
import functools
import hashlib
import importlib
import importlib.metadata
import json
import multiprocessing
import os
import re
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import filelock
from tqdm import tqdm

from autograder import report, submissions
from autograder.item import Item
from autograder.run import RAISED, check
from autograder.sandbox import BARE, COURSE, FULL, SCIPY, Isolation, Limits, Sandbox, isolation, why_not
from autograder.student import StudentRaised
from autograder.submissions import Notebook, SubmissionError

RUNS = COURSE / "autograder" / "runs"
MAX_DEATHS = 12  # after so many ends of a student's process, what is left is not asked


@dataclass(frozen=True)
class Job:
    """One student's work, and how to grade it. Paths and plain data only, so that it can travel."""

    student: str
    paths: tuple[str, ...]
    home: str
    seed: int
    isolated: bool
    data_dir: str | None
    limits: Limits = Limits()


def grade(job: Job) -> dict:
    """Grades one student; the record is plain JSON. Never raises for anything that the student's files do."""
    began, cpu = time.perf_counter(), time.process_time()
    notebooks = [submissions.read(Path(path), Path(job.home)) for path in job.paths]
    chosen, exercises = _chosen(notebooks), []
    imports = (BARE if set(chosen) <= {"0", "1"} else FULL) + (SCIPY if "0" in chosen else ())
    with Sandbox(job.limits, job.isolated, Path(job.data_dir) if job.data_dir else None, imports) as box:
        runner = Runner(box, {notebook.lesson: notebook for notebook in chosen.values()})
        for lesson, notebook in sorted(chosen.items()):
            results = [runner.check(item, lesson, job.seed) for item in notebook.items]
            reasons = [notebook.reason, *runner.faults.get(lesson, [])]
            exercises.append({"lesson": lesson, "file": notebook.path.name, "items": results,
                              "reason": "; ".join(filter(None, reasons))})  # fmt: skip
    return {
        "student": job.student,
        "seed": job.seed,
        "isolation": "bwrap" if job.isolated else "none",
        "exercises": exercises,
        "unread": [{"file": one.path.name, "reason": one.reason} for one in notebooks if one.reason],
        "deaths": box.deaths,
        "one_by_one": box.one_by_one,
        "seconds": round(time.perf_counter() - began, 2),
        "cpu": {"grader": round(time.process_time() - cpu, 3), "sandbox": round(box.cpu, 3)},
        "graded_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _source(cells: list[str], item: Item) -> str:
    """The cell that defines the item's function last; that is the one that counts."""
    defining = [cell for cell in cells if re.search(rf"^(def|class) {item.function}\b", cell, re.MULTILINE)]
    return defining[-1][:20_000] if defining else ""


def _chosen(notebooks: list[Notebook]) -> dict[str, Notebook]:
    """One notebook an exercise: of several, the one changed last."""
    readable = [notebook for notebook in notebooks if notebook.items]
    return {n.lesson: n for n in sorted(readable, key=lambda n: (n.path.stat().st_mtime, n.path.name))}


class Runner:
    """Asks a student's functions in the sandbox; brings the process back when it died, without the cell it died of."""

    def __init__(self, box: Sandbox, notebooks: dict[str, Notebook]):
        self.box, self.notebooks = box, notebooks
        self.faults: dict[str, list[str]] = {}
        self._loaded: set[str] = set()
        self._skip: dict[str, list[int]] = {}

    def check(self, item: Item, lesson: str, seed: int) -> dict:
        deaths, cpu = len(self.box.deaths), self.box.cpu

        def answer(request: dict) -> dict:
            if len(self.box.deaths) > deaths or deaths > MAX_DEATHS:
                raise StudentRaised("NotAskedAgain", "an earlier call of this function did not come to an end", "")
            self.load(lesson)
            return self.box.ask({**request, "notebook": lesson}, self.box.limits.call * (5 if item.slow else 1))

        try:
            result = check(item, answer, seed)
        except (Isolation, OSError):  # the machine's fault
            raise
        except Exception as error:  # plain data, but of a shape that the check did not foresee: no answer is no pass
            what = f"the check could not judge what came back: {type(error).__name__}: {error}"[:300]
            self.faults.setdefault(lesson, []).append(f"{item.number}: {what}")
            said = {"outcome": RAISED, "score": 0, "mistake": None, "details": [("raised", what)], "seconds": 0.0}
        else:
            said = {"outcome": result.outcome, "score": result.score, "details": report.details(result),
                    "mistake": result.mistake.name if result.mistake else None,
                    "seconds": round(result.seconds, 3)}  # fmt: skip
        source = _source(self.notebooks[lesson].cells, item)
        return {"item": item.number, "function": item.function, "max": item.points, "source": source, **said,
                "cpu": round(self.box.cpu - cpu, 3)}  # fmt: skip

    def load(self, lesson: str) -> None:
        """Runs the notebook's cells in the process, if that was not done yet; a cell that kills it is left out next."""
        notebook, skip = self.notebooks[lesson], self._skip.setdefault(lesson, [])
        functions = [item.function for item in notebook.items]
        while not self.box.running or lesson not in self._loaded:
            if not self.box.running:
                self.box.start()
                self._loaded.clear()
            cell, begun = None, 0
            try:
                message = self.box.ask({"run": lesson, "cells": notebook.cells, "functions": functions, "skip": skip},
                                       self.box.limits.cell)  # fmt: skip
                while "cell" in message and begun <= 3 * len(notebook.cells):  # each is parsed, run, and run again
                    cell, begun = message["cell"], begun + 1
                    message = self.box.read(self.box.limits.cell)
            except StudentRaised:
                if not isinstance(cell, int) or cell in skip or len(self.box.deaths) > MAX_DEATHS:
                    raise
                skip.append(cell)
            else:
                faults = message.get("faults")
                self.faults[lesson] = [str(one)[:300] for one in faults[:20]] if isinstance(faults, list) else []
                self._loaded.add(lesson)


def home_of(path: Path, place: Path) -> Path:
    """The folder that a student's files must lie in: their own, or the common one where all lie flat."""
    parts = path.relative_to(place).parts if path.is_relative_to(place) else ()
    return place / parts[0] if len(parts) > 1 else path.parent


def key_of(job: Job) -> str:
    """What a record depends on: the student's files, the checks, the grader, the versions, and how it was run."""
    digest = hashlib.sha256(json.dumps([job.isolated, asdict(job.limits), _grader_digest()]).encode())
    for path in job.paths:
        digest.update(os.fsencode(Path(path).name) + submissions.fingerprint(Path(path)))
    return digest.hexdigest()


@functools.cache
def _grader_digest() -> str:
    package = COURSE / "autograder"
    files = sorted([*package.glob("*.py"), *package.glob("checks/*.py"), package / "windows.json"])
    digest = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files))
    for name in ("tensorflow", "tf-keras", "tensorflow-recommenders", "numpy"):
        digest.update(f"{name}=={importlib.metadata.version(name)}".encode())
    return digest.hexdigest()


def stem(student: str) -> str:
    """A file name for any student's name: what a file system might not take is replaced, and a hash keeps it apart."""
    plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in student)[:40]
    return f"{plain}-{hashlib.sha256(os.fsencode(student)).hexdigest()[:8]}".lstrip("-.")  # no hidden file, no option


class Records:
    """The records of one output folder: one JSON file a student, each written whole or not at all."""

    def __init__(self, folder: Path):
        self.folder = folder / "records"
        self.folder.mkdir(parents=True, exist_ok=True)
        for stale in self.folder.glob("*.tmp"):
            stale.unlink()

    def path(self, student: str) -> Path:
        return self.folder / f"{stem(student)}.json"

    def get(self, student: str, key: str) -> dict | None:
        """The record of that student if it was made from the very same things."""
        try:
            record = json.loads(self.path(student).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and record.get("key") == key else None

    def of(self, students: list[str]) -> "Stored":
        return Stored([self.path(student) for student in students])

    def put(self, record: dict) -> None:
        path = self.path(record["student"])
        write_whole(path, json.dumps(record, indent=1) + "\n")  # ASCII: there may be halves of characters in it


@dataclass(frozen=True)
class Stored:
    """Records on disk, to be gone over as often as one likes: memory need not hold a class."""

    paths: list[Path]

    def __iter__(self) -> Iterator[dict]:
        return (json.loads(path.read_text(encoding="utf-8")) for path in self.paths)


def write_whole(path: Path, text: str) -> None:
    """Writes a file so that at any moment the old one or the new one is there, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def run_all(jobs: list[Job], workers: int, scheduler: str | None = None) -> Iterator[dict]:
    """Yields records as they are done. A worker that dies costs time, not grades: its job is given out again."""
    if scheduler:
        from dask.distributed import Client, as_completed

        with Client(scheduler) as client:
            for future in as_completed(client.map(grade, jobs, pure=False, retries=2)):
                yield future.result()
                future.release()
        return
    waiting = {job.student: job for job in jobs}
    tries = 0
    while waiting:
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(workers, context, _in_a_worker) as pool:
            try:
                for future in concurrent.futures.as_completed([pool.submit(grade, job) for job in waiting.values()]):
                    record = future.result()
                    del waiting[record["student"]]
                    yield record
            except concurrent.futures.process.BrokenProcessPool:
                tries += 1
                if tries > 5:
                    raise RuntimeError("the grader's own processes keep dying; is the machine out of memory?") from None
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _in_a_worker() -> None:
    """Ends this process, and with it the sandbox, when the grader is killed; keeps TensorFlow's greeting off the screen.

    Its own exceptions reach the grader in any case.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    grader = multiprocessing.parent_process()
    threading.Thread(target=lambda: (grader.join(), os._exit(1)), daemon=True).start()


def main(argv: list[str]) -> int:
    """Grades, prints a table, writes the outputs. Returns 0; 2 if there is nothing to grade, or it may not be graded."""
    parser = argparse.ArgumentParser(prog="python -m autograder grade", description=__doc__.split("\n")[0])
    parser.add_argument("submissions", nargs="?", type=Path, help="nbgrader's submitted/, a folder, a zip, a notebook; "
                        "without it, the reference solutions and a small sample class")  # fmt: skip
    parser.add_argument("--out", type=Path, help="where records and reports go (autograder/runs/grade, or runs/sample)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="students at a time (one per core)")
    parser.add_argument("--seed", type=int, help="of the fresh inputs; without it, a new one, kept in the records")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster to grade on")
    parser.add_argument("--allow-unisolated", action="store_true", help="grade where no isolation can be had")
    options = parser.parse_args(argv)
    out = options.out or RUNS / ("grade" if options.submissions else "sample")
    return guarded(out, options.allow_unisolated, lambda isolated: grade_class(options, out, isolated))


def guarded(out: Path, allow_unisolated: bool, work: Callable[[bool], int]) -> int:
    """What `work(isolated)` returns, done alone in the folder `out`; 2, with the reason, where it may not or cannot be."""
    isolated = isolation() == "bwrap"
    if not isolated and not allow_unisolated:
        print("No isolation can be had here: what students wrote would run with your rights and could read the checks.\n"
              f"{why_not()}\n"
              "Grade on Linux with bubblewrap, or pass --allow-unisolated; every report will then say 'not isolated'.",
              file=sys.stderr)  # fmt: skip
        return 2
    try:
        out.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(out / "lock", timeout=0):
            return work(isolated)
    except filelock.Timeout:
        print(f"Another grading is writing to {out}. Wait for it, or choose another folder with --out.", file=sys.stderr)
    except (SubmissionError, Isolation) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why = f"The disk that holds {out} is full. Make room and run this again"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            why = f"{out} cannot be written to ({error}). Mend that or choose another folder with --out"
        else:
            raise
        print(f"{why}: finished grades are kept.", file=sys.stderr)
    return 2


def grade_class(options: argparse.Namespace, out: Path, isolated: bool) -> int:
    """Grades who is not graded yet, then derives every output from the records."""
    from autograder import outputs
    from data import movielens

    place = options.submissions
    if place is None:
        from autograder.sample import sample_class

        place = sample_class(out / "submitted")
    data_dir = str(movielens.prepare(quiet=True))
    found = submissions.find_submissions(place, out / "unpacked")
    records, done, jobs = Records(out), 0, {}
    for student, paths in found.items():
        seed = secrets.randbits(32) if options.seed is None else options.seed
        home = home_of(paths[0], place if place.is_dir() else out / "unpacked")
        job = Job(student, tuple(map(str, paths)), str(home), seed, isolated, data_dir)
        key = key_of(job)
        record = records.get(student, key)
        if record and options.seed in (None, record["seed"]):
            done += 1
        else:
            jobs[student] = (job, key)
    if done:
        print(f"{done} of {len(found)} are graded already and have not changed")
    if jobs and isolated:  # nbgrader takes seconds to import, and until the first grades come this process only waits
        threading.Thread(target=importlib.import_module, args=("autograder.gradebook",), daemon=True).start()
    slow = ""
    bar = tqdm(total=len(jobs), unit="student", ncols=80, disable=not jobs, file=sys.stdout)
    for record in run_all([job for job, _ in jobs.values()], options.workers, options.scheduler):
        record["key"] = jobs[record["student"]][1]
        records.put(record)
        bar.update()
        slow = slow or record["one_by_one"]
    bar.close()
    if slow:
        print(f"Slower than it could be: each student's process imported everything itself, for {slow}")
    graded = records.of(sorted(found))
    print(outputs.table(graded))
    outputs.write(graded, out)
    print(f"\nReports: {out / 'index.html'}, grades.csv and a page per student beside it")
    if not isolated:
        print("NOT ISOLATED: these grades can be forged; do not count on them.")
    return 0
