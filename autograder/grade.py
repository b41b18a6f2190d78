"""`python -m autograder grade SUBMISSIONS`: a whole class, each student's code in a sandbox, the checks outside of it.

One record a submission, written when it is done; a second run grades only what changed. Everything else in the output
folder is derived from the records.
"""

import argparse
import concurrent.futures
import errno
import functools
import hashlib
import importlib.metadata
import json
import multiprocessing
import os
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import filelock
from tqdm import tqdm

from autograder import sandbox, submissions
from autograder.records import Records
from autograder.runner import Job, grade
from autograder.sandbox import COURSE, Isolation, isolation, why_not

RUNS = COURSE / "autograder" / "runs"


def key_of(job: Job) -> str:
    """What a record depends on: the student's files, the checks, the grader, the versions, and how it was run."""
    digest = hashlib.sha256(json.dumps([job.isolated, asdict(job.limits), _grader_digest()]).encode())
    for path in job.paths:
        digest.update(os.fsencode(Path(path).name) + submissions.fingerprint(Path(path)))
    return digest.hexdigest()


@functools.cache
def _grader_digest() -> str:
    package = COURSE / "autograder"
    files = [*package.glob("*.py"), *package.glob("checks/*.py"), *COURSE.glob("data/*.py"), package / "windows.json"]
    digest = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in sorted(files)))
    for name in ("tensorflow", "tf-keras", "tensorflow-recommenders", "numpy", "scipy", "pandas", "faiss-cpu"):
        digest.update(f"{name}=={importlib.metadata.version(name)}".encode())
    return digest.hexdigest()


def run_all(jobs: list[Job], workers: int, scheduler: str | None = None, work: Callable[[Job], dict] = grade
            ) -> Iterator[dict]:  # fmt: skip
    """Yields what `work` makes of each job, as it is done; it has the job's "student".

    A worker that dies costs time, not grades: its job is given out again. Who ends one worker after the other is given
    up, and ends nobody else's grading.
    """
    if scheduler:
        from dask.distributed import Client, KilledWorker, as_completed

        with Client(scheduler) as client:
            futures, killed = dict(zip(client.map(work, jobs, pure=False, retries=2), jobs)), []
            for future in as_completed(futures):
                try:
                    yield future.result()
                except KilledWorker:
                    killed.append(futures[future])
                future.release()
            for job in killed:  # one of those whom the worker had in hand did it; so each by itself
                try:
                    yield client.submit(work, job, pure=False).result()
                except KilledWorker:
                    yield _given_up(job, work)
        return
    waiting, ends, lost = {job.student: job for job in jobs}, Counter(), 0
    while waiting:
        suspect = next((student for student in waiting if ends[student] > 2), None)  # is alone from now on
        given = list(waiting) if suspect is None else [suspect]
        context = multiprocessing.get_context("spawn")
        pool = concurrent.futures.ProcessPoolExecutor(min(workers, len(given)), context, _in_a_worker)
        try:
            for future in concurrent.futures.as_completed([pool.submit(work, waiting[student]) for student in given]):
                record = future.result()
                del waiting[record["student"]]
                lost = 0
                yield record
        except concurrent.futures.BrokenExecutor:
            ends.update([student for student in given if student in waiting][: workers + 1])  # one of them, it seems
            if ends[suspect] > 5:
                lost += 1
                if lost > workers + 1:  # nobody was graded in between
                    why = "The grader's own processes keep dying. Is the machine out of memory? Finished grades are kept."
                    raise concurrent.futures.BrokenExecutor(why) from None
                yield _given_up(waiting.pop(suspect), work)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.kill()  # it may wait for ever, for a lock of the pool's that one who was killed had taken


def _given_up(job: Job, work: Callable[[Job], dict]) -> dict:
    """What `work` makes of one who hands in nothing, with the reason; the next run does not take it for done."""
    why = "the process that grades it ended each time: is the machine out of memory? Look at it by hand"
    unread = [{"file": Path(path).name, "reason": why} for path in job.paths]
    return work(replace(job, paths=())) | {"unread": unread, "why": why, "key": ""}


def _in_a_worker() -> None:
    """Ends this process, and with it the sandbox, when the grader is killed; keeps TensorFlow's greeting off the screen.

    Its own exceptions reach the grader in any case.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    if sys.platform == "linux":
        sandbox.core = core_of(multiprocessing.current_process().name)
    grader = multiprocessing.parent_process()
    threading.Thread(target=lambda: (grader.join(), os._exit(1)), daemon=True).start()


def core_of(worker: str) -> int:
    """Another core for each worker, told by the number at the end of its name; two gradings on one machine do not both
    begin with the first core."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[(os.getppid() + int(worker.rpartition("-")[2])) % len(cores)]


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
    if sys.platform == "win32":
        print("Students' code is run with what Linux and macOS have: on Windows grade in WSL (wsl --install), which is a "
              "Linux and isolates too.", file=sys.stderr)  # fmt: skip
        return 2
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
    except (submissions.SubmissionError, Isolation, concurrent.futures.BrokenExecutor) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why = f"The disk that holds {out} is full. Make room and run this again"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            why = f"{error.filename or out} cannot be written to ({error}). Mend that or choose another folder with --out"
        else:
            raise
        print(f"{why}: finished grades are kept.", file=sys.stderr)
    return 2


def grade_class(options: argparse.Namespace, out: Path, isolated: bool) -> int:
    """Grades who is not graded yet, then derives every output from the records."""
    import setuptools  # noqa: F401  nbgrader takes it, which fails after TensorFlow, which builds the data the first time

    from autograder import outputs
    from data import movielens

    place = options.submissions
    if place is None:
        from autograder.sample import sample_class

        place = sample_class(out / "submitted")
    data_dir = str(movielens.prepare(quiet=True))
    place = submissions.opened(place, out / "unpacked")
    found = submissions.find_submissions(place)
    records, jobs = Records(out, found), {}
    for student, paths in found.items():
        seed = secrets.randbits(32) if options.seed is None else options.seed
        job = Job(student, tuple(map(str, paths)), seed, isolated, data_dir)
        key = key_of(job)
        record = records.get(student, key)
        if not record or options.seed not in (None, record["seed"]):
            jobs[student] = (job, key)
    if done := len(found) - len(jobs):
        print(f"{done} of {len(found)} are graded already and have not changed")
    if jobs and isolated:  # nbgrader takes seconds to import, and until the first grades come this process only waits
        threading.Thread(target=importlib.import_module, args=("autograder.gradebook",), daemon=True).start()
    graded = run_all([job for job, _ in jobs.values()], options.workers, options.scheduler)
    for record in tqdm(graded, total=len(jobs), unit="student", ncols=80, disable=not jobs, file=sys.stdout):
        record.setdefault("key", jobs[record["student"]][1])
        records.put(record)
    print(outputs.table(records))
    outputs.write(records, out)
    print(f"\nReports: {out / 'index.html'}, grades.csv and a page per student beside it")
    if not isolated:
        print("NOT ISOLATED: these grades can be forged; do not count on them.")
    return 0
