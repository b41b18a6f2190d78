"""`grade --scheduler`: the same grades on a Dask cluster of two workers, one of which is killed while it grades."""

import csv
import os
import signal
import threading
import time
from dataclasses import asdict

import nbformat
from distributed import LocalCluster

from autograder import build, grade
from autograder.runner import Job

NAME = "01_two_stages"
STUDENTS = [f"student{number}" for number in range(6)]


def hand_in(place):
    """The reference with an answer that takes a while, so that there is a middle to be killed in."""
    notebook = nbformat.read(build.ROOT / f"solutions/{NAME}/{NAME}.ipynb", as_version=4)
    [cell] = [cell for cell in notebook.cells if "def serving_cost" in cell.source]
    cell.source += "\n\n\nquick, slept = serving_cost, []\n\n\ndef serving_cost(*args, **kwargs):\n    import time\n\n"
    cell.source += "    if not slept:\n        slept.append(time.sleep(3))\n    return quick(*args, **kwargs)\n"
    for student in STUDENTS:
        (place / student).mkdir(parents=True)
        nbformat.write(notebook, place / student / f"{NAME}.ipynb")


def test_a_worker_killed_in_the_middle_costs_no_grade(tmp_path):
    hand_in(tmp_path / "class")
    killed = []
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:

        def kill_one():
            while not all(worker.processing for worker in cluster.scheduler.workers.values()):
                time.sleep(0.05)
            time.sleep(1)
            killed.append(cluster.workers[0].pid)
            os.kill(killed[0], signal.SIGKILL)

        threading.Thread(target=kill_one, daemon=True).start()
        arguments = [str(tmp_path / "class"), "--out", str(tmp_path / "out"), "--scheduler", cluster.scheduler_address]
        assert grade.main(arguments) == 0
        assert killed and cluster.workers[0].pid != killed[0], "it was killed, and another one took its place"
    with open(tmp_path / "out/grades.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["student"] for row in rows] == STUDENTS
    assert {(row["score"], row["isolated"], row["reason"]) for row in rows} == {("10", "bwrap", "")}


def ends_its_worker(job: Job) -> dict:
    if job.student == "eve" and job.paths:
        os._exit(1)
    return asdict(job)


def test_who_ends_every_worker_of_a_cluster_is_given_up_and_nobody_else():
    jobs = [Job(name, ("a.ipynb",), 7, True, None) for name in ("eve", *STUDENTS)]
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        records = list(grade.run_all(jobs, 2, cluster.scheduler_address, ends_its_worker))
    assert sorted(record["student"] for record in records) == ["eve", *STUDENTS]
    assert [record["student"] for record in records if "unread" in record] == ["eve"]
