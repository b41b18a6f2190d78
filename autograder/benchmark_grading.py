"""`python -m autograder benchmark --grading`: stock `nbgrader autograde` against `grade`, on the same notebooks.
With --scale, instead, what a large class costs `grade`.

Both grade the same class in a folder of their own, by their own commands. CPU-seconds are those of all processes that a
command started, until the last one was waited for: what their parents leave behind comes to this process.
"""

import contextlib
import ctypes
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

import psutil

from autograder.build import ROOT
from autograder.corpus import NAMES, Draft
from autograder.item import items
from autograder.sample import CLASS

BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
SET_CHILD_SUBREAPER = 36


def main(students: int, lessons: list[str]) -> int:
    """Prints the tables; returns 0, or 1 if a verdict differs."""
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder)
        submitted = course / "autograder/runs/submitted"
        write_class(submitted, students, lessons)
        shutil.copy(ROOT / "nbgrader_config.py", course)
        shutil.copytree(ROOT / "solutions", course / "solutions")
        print(f"{students} students; CPU-seconds, and submissions that a core grades in an hour\n")
        print(f"{'':10}{'nbgrader':>10}{'an hour':>9}{'grade':>9}{'an hour':>9}{'ratio':>7}   verdicts", flush=True)
        stock, ours, same = {}, {}, True
        for lesson in lessons:
            timed([sys.executable, "-m", "nbgrader", "generate_assignment", NAMES[lesson]], course)
            stock[lesson] = timed([sys.executable, "-m", "nbgrader", "autograde", NAMES[lesson]], course)[0]
            ours[lesson] = grade(submitted, course / f"out-{lesson}", [lesson])[0]
            verdicts = theirs(course, lesson) == of_records(course / f"out-{lesson}")
            same &= verdicts
            row(NAMES[lesson], stock[lesson], ours[lesson], students, "the same" if verdicts else "DIFFERENT")
        quick = [lesson for lesson in lessons if not any(item.slow for item in items(lesson))]
        if len(quick) < len(lessons):
            cpu = grade(submitted, course / "out-quick", quick)[0]
            row("untrained", sum(stock[lesson] for lesson in quick), cpu, students * len(quick), "")
        together, one = grade(submitted, course / "out", lessons)
        row("together", sum(stock.values()), together, students * len(lessons), "")
        breakdown(course / "out", together)
        two = grade(submitted, course / "out-two", lessons, workers=2)[1]
        print(f"\none worker {one:.1f} s, two {two:.1f} s by the clock: {one / two:.2f} times; "
              f"{os.cpu_count()} cores, load before: {os.getloadavg()[0]:.1f}")  # fmt: skip
    return 0 if same else 1


def row(name: str, stock: float, ours: float, submissions: int, verdicts: str) -> None:
    hours = [3600 * submissions / cpu for cpu in (stock, ours)]
    print(f"{name[:9]:10}{stock:10.1f}{hours[0]:9,.0f}{ours:9.1f}{hours[1]:9,.0f}{stock / ours:7.1f}   {verdicts}", flush=True)


def write_class(place: Path, students: int, lessons: list[str]) -> None:
    """Every student hands in all of it: some all right, some with typical mistakes, each with another blank left."""
    for number in range(students):
        edits = [edits for student, edits in CLASS.items() if student != "fay"]  # whose endless loop nbgrader waits out
        edits = edits[number % len(edits)]
        for lesson in lessons:
            draft = Draft(lesson)
            for function in set(edits) & set(draft.functions):
                draft.blank(function) if edits[function] is None else draft.put(function, edits[function])
            if number % 3 == 1:
                draft.blank(draft.functions[number % len(draft.functions)])
            draft.write(place / f"student{number:04}")


def timed(command: list[str], where: Path) -> tuple[float, float]:
    """CPU-seconds of a command and all it starts, and seconds by the clock. Raises RuntimeError if it fails."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=where, env=ENVIRONMENT, capture_output=True, text=True)
    clock = time.perf_counter() - began
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    while True:  # what it left behind, a sandbox that is on its way out
        try:
            os.wait()
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, clock


def grade(submitted: Path, out: Path, lessons: list[str], workers: int = 1) -> tuple[float, float]:
    """CPU-seconds and seconds of one `grade` of these lessons."""
    place = out.with_name(f"only-{out.name}")
    for student in submitted.iterdir():
        for lesson in lessons:
            shutil.copytree(student / NAMES[lesson], place / student.name / NAMES[lesson])
    return timed(grading(place, out, workers), ROOT)


def grading(place: Path, out: Path, workers: int, *options: str) -> list[str]:
    """The command."""
    return [sys.executable, "-m", "autograder", "grade", str(place), "--out", str(out), "--workers", str(workers),
            "--seed", "0", *options]  # fmt: skip


def of_records(out: Path) -> dict[tuple[str, str], float]:
    """Points by student and item's function."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (out / "records").glob("*.json")]
    return {(record["student"], item["function"]): item["score"]
            for record in records for exercise in record["exercises"] for item in exercise["items"]}  # fmt: skip


def theirs(course: Path, lesson: str) -> dict[tuple[str, str], float]:
    """The same, from nbgrader's gradebook."""
    from nbgrader.api import Gradebook

    functions, points = [item.function for item in items(lesson)], {}
    with Gradebook(f"sqlite:///{course / 'autograder/runs/grade/gradebook.db'}") as book:
        for submission in book.assignment_submissions(NAMES[lesson]):
            for one in submission.notebooks[0].grades:
                [function] = [name for name in functions if one.name in (name, f"check_{name}")]
                points[submission.student.id, function] = one.auto_score or 0
    return points


def breakdown(out: Path, cpu: float) -> None:
    """Where the CPU-seconds of a grading went, from its records."""
    spent = defaultdict(float)
    for path in (out / "records").glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        answered = [(item["item"], item["cpu"]) for exercise in record["exercises"] for item in exercise["items"]]
        training = sum(seconds for number, seconds in answered if number == "4.4")
        spent["training (4.4)"] += training
        spent["students' code, starting its processes included"] += record["cpu"]["sandbox"] - training
        spent["checks"] += record["cpu"]["grader"]
    spent["start-up, import of TensorFlow once, reports, gradebook"] = cpu - sum(spent.values())
    print("\nof the CPU-seconds of `grade` together:")
    for what, seconds in spent.items():
        print(f"{seconds:8.1f}  {what}")


def scale(students: int, lessons: list[str], workers: int, scheduler: bool) -> int:
    """Prints what it costs to grade a large class, on this machine's processes or on a Dask cluster of them."""
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        place, out, options = Path(folder, "submitted"), Path(folder, "out"), []
        write_class(place, students, lessons)
        if scheduler:
            from distributed import LocalCluster

            cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            options = ["--scheduler", stack.enter_context(cluster).scheduler_address]
        seen, ended = Memory(), threading.Event()
        watch = threading.Thread(target=seen.watch, args=(ended,))
        watch.start()
        clock = timed(grading(place, out, workers, *options), ROOT)[1]
        ended.set()
        watch.join()
        records = [json.loads(path.read_text(encoding="utf-8")) for path in (out / "records").glob("*.json")]
        again = timed(grading(place, out, workers), ROOT)[1]
        one = timed(grading(place, Path(folder, "one"), 1), ROOT)[1]
    number = sum(len(record["exercises"]) for record in records)
    cpu = sum(sum(record["cpu"].values()) for record in records)
    print(f"{number:,} submissions of {len(records):,} students on {workers} {'Dask ' if scheduler else ''}workers: "
          f"{clock / 60:.1f} minutes, {3600 * number / clock:,.0f} an hour; {cpu:,.0f} CPU-s in the records, "
          f"{cpu / number:.2f} each")  # fmt: skip
    print(f"the grader's own process: {seen.early:.0f} MB at a third of the time, {seen.late:.0f} MB at most after it; "
          f"all processes together: {seen.all / 1000:.1f} GB at most")  # fmt: skip
    print(f"again, nothing changed: {again:.1f} s, {clock / again:.0f} times faster")
    print(f"the same with one worker: {one / 60:.1f} minutes; {workers} are {one / clock:.2f} times as fast")
    hours = clock / 3600 / number * 10_000
    print(f"10,000 at this pace: {hours:.1f} hours, {hours * workers:.1f} core-hours; {len(os.sched_getaffinity(0))} cores, "
          f"load of the last quarter of an hour: {os.getloadavg()[2]:.1f}")  # fmt: skip
    return 0 if len(records) == students else 1


class Memory:
    """The memory of this process's children while they run, in MB: shared pages are counted once."""

    def __init__(self):
        self.all = self.early = self.late = 0.0
        self._grader: list[float] = []

    def watch(self, ended: threading.Event) -> None:
        while not ended.wait(2):
            total = 0.0
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    size = process.memory_full_info().pss / 1e6
                    total += size
                    if "grade" in process.cmdline() and "autograder" in process.cmdline():
                        self._grader.append(size)
            self.all = max(self.all, total)
        third = len(self._grader) // 3
        self.early, self.late = max(self._grader[: third + 1]), max(self._grader[third:])
