"""One student's notebooks: their functions asked in a sandbox, the checks outside of it; out comes a record.

A record is plain data: what was handed in, each item's outcome, score and report, and what happened to the process.
"""

import contextlib
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from autograder import report, submissions
from autograder.item import Item
from autograder.run import RAISED, check
from autograder.sandbox import BARE, FULL, MORE, Isolation, Limits, Sandbox
from autograder.student import StudentRaised
from autograder.submissions import Notebook

MAX_SAID = 64 << 10  # bytes of what the worker says of the cells that it runs
MAX_DEATHS = 12  # after so many ends of a student's process, what is left is not asked
MAX_MEMORY = 4 << 30  # bytes that checks may take: an array of an odd shape, set against another, is large quickly


@dataclass(frozen=True)
class Job:
    """One student's work, and how to grade it. Paths and plain data only, so that it can travel."""

    student: str
    paths: tuple[str, ...]
    seed: int
    isolated: bool
    data_dir: str | None
    limits: Limits = Limits()


def grade(job: Job) -> dict:
    """Grades one student; the record is plain JSON. Never raises for anything that the student's files do."""
    began, cpu = time.perf_counter(), time.process_time()
    notebooks = [submissions.read(Path(path)) for path in job.paths]
    # One notebook an exercise: of several, the one changed last.
    chosen = {notebook.lesson: notebook for notebook in submissions.by_age(one for one in notebooks if one.items)}
    exercises = []
    imports = BARE if set(chosen) <= {"0", "1"} else FULL
    imports += tuple(name for lesson, name in MORE.items() if lesson in chosen)
    data_dir = Path(job.data_dir) if job.data_dir else None
    with _bounded(job.limits.total + 60), Sandbox(job.limits, job.isolated, data_dir, imports) as box:
        runner = Runner(box, chosen)
        for lesson, notebook in sorted(chosen.items()):
            results = [runner.check(item, lesson, job.seed) for item in notebook.items]
            reasons = [*runner.faults.get(lesson, []), *runner.unjudged.get(lesson, [])]
            exercises.append({"lesson": lesson, "file": notebook.path.name, "items": results,
                              "reason": "; ".join(reasons)})  # fmt: skip
    return {
        "student": job.student,
        "seed": job.seed,
        "isolation": "bwrap" if job.isolated else "none",
        "exercises": exercises,
        "unread": [{"file": one.path.name, "reason": one.reason} for one in notebooks if one.reason],
        "deaths": box.deaths,
        "seconds": round(time.perf_counter() - began, 2),
        "cpu": {"grader": round(time.process_time() - cpu, 3), "sandbox": round(box.cpu, 3)},
        "graded_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@contextlib.contextmanager
def _bounded(seconds: float):
    """What is done in here with a student's answers has an end: who asks for more than MAX_MEMORY gets a MemoryError, not
    the machine's last byte, and after `seconds` the kernel ends this process, whatever it is doing."""
    signal.alarm(int(seconds))
    if sys.platform == "linux":
        import resource

        before = resource.getrlimit(resource.RLIMIT_DATA)
        most = psutil.Process().memory_info().data + MAX_MEMORY
        resource.setrlimit(resource.RLIMIT_DATA, (most if before[0] < 0 else min(most, before[0]), before[1]))
    try:
        yield
    finally:
        signal.alarm(0)
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_DATA, before)


class Runner:
    """Asks a student's functions in the sandbox; brings the process back when it died, without the cell it died of."""

    def __init__(self, box: Sandbox, notebooks: dict[str, Notebook]):
        self.box, self.notebooks = box, notebooks
        self.faults: dict[str, list[str]] = {}  # of its cells, when last run
        self.unjudged: dict[str, list[str]] = {}
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
            said = {"outcome": result.outcome, "score": result.score, "details": report.details(result),
                    "mistake": result.mistake.name if result.mistake else None, "seconds": round(result.seconds, 3)}  # fmt: skip
        except (Isolation, OSError):  # the machine's fault
            raise
        except Exception as error:  # plain data, but of a shape that the check did not foresee: no answer is no pass
            what = f"the check could not judge what came back: {type(error).__name__}: {error}"[:300]
            self.unjudged.setdefault(lesson, []).append(f"{item.number}: {what}")
            said = {"outcome": RAISED, "score": 0, "details": [("raised", what)], "mistake": None, "seconds": 0.0}
        source = self.notebooks[lesson].source(item.function)
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
                request = {"run": lesson, "cells": notebook.cells, "functions": functions, "skip": skip}
                message = self.box.ask(request, self.box.limits.cell, MAX_SAID)
                while "cell" in message and begun <= 3 * len(notebook.cells):  # each is parsed, run, and run again
                    cell, begun = message["cell"], begun + 1
                    message = self.box.read(self.box.limits.cell, most=MAX_SAID)
            except StudentRaised:
                if not isinstance(cell, int) or cell in skip or len(self.box.deaths) > MAX_DEATHS:
                    raise
                skip.append(cell)
            else:
                faults = message.get("faults")
                self.faults[lesson] = [str(one)[:300] for one in faults] if isinstance(faults, list) else []
                self._loaded.add(lesson)
