"""The real nbgrader cycle, with nbgrader's own commands, over six submissions."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from autograder import build
from autograder.item import items
from autograder.sandbox import isolation

NAME = "01_two_stages"  # needs no TensorFlow, so a kernel takes two seconds
BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def nbgrader(course: Path, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "nbgrader", *words]
    return subprocess.run(command, cwd=course, env=ENVIRONMENT, capture_output=True, text=True, timeout=600)


def succeed(course: Path, *words: str) -> str:
    done = nbgrader(course, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def answer(function: str, source: str | None = None):
    """An edit that fills one blank: with the reference, or with `source`."""

    def edit(notebook, key):
        for mine, theirs in zip(notebook.cells, key.cells, strict=True):
            if theirs.metadata.get("nbgrader", {}).get("grade_id") == function:
                mine.source = theirs.source if source is None else source

    return edit


FUNCTIONS = [item.function for item in items("01")]
ALL_RIGHT = [answer(function) for function in FUNCTIONS]


def lose_metadata(notebook, key):
    for cell in notebook.cells:
        cell.metadata.clear()


SUBMISSIONS = {
    "right": ALL_RIGHT,
    "half-right": ALL_RIGHT[:2],
    "wrong": [
        answer(
            "serving_cost",
            "def serving_cost(n_items, k, t_retrieve, t_rank):\n    return {'one': 1, 'two': 1, 'speedup': 1}",
        )
    ],
    "syntax-error": ALL_RIGHT[:-1] + [answer(FUNCTIONS[-1], "def recall_curve(:\n    pass")],
    "endless-loop": ALL_RIGHT[:-1]
    + [answer(FUNCTIONS[-1], "def recall_curve(retrieval, relevant, ks):\n    while True:\n        pass")],
    "lost-metadata": ALL_RIGHT + [lose_metadata],
}


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A course folder with the six submissions, graded and exported."""
    root = tmp_path_factory.mktemp("course")
    shutil.copy(build.ROOT / "nbgrader_config.py", root)
    shutil.copytree(build.ROOT / "solutions", root / "solutions")
    (root / "autograder").mkdir()
    succeed(root, "generate_assignment", NAME)
    key = nbformat.read(root / f"solutions/{NAME}/{NAME}.ipynb", as_version=4)
    for student, edits in SUBMISSIONS.items():
        notebook = nbformat.read(root / f"exercises/{NAME}/{NAME}.ipynb", as_version=4)
        for edit in edits:
            edit(notebook, key)
        folder = root / "autograder/runs/submitted" / student / NAME
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / f"{NAME}.ipynb")
    nbgrader(root, "autograde", NAME, "--Execute.timeout=15")
    succeed(root, "generate_feedback", NAME)
    succeed(root, "export", "--to", str(root / "grades.csv"))
    return root


def points(course: Path) -> dict[str, float]:
    with open(course / "grades.csv", newline="", encoding="utf-8") as file:
        return {
            row["student_id"]: float(row["score"] or 0) for row in csv.DictReader(file) if row["assignment"] == NAME
        }


def test_points_are_what_each_submission_deserves(course):
    worth = {item.function: item.points for item in items("01")}
    assert points(course) == {
        "right": 10,
        "half-right": worth["serving_cost"] + worth["candidate_recall"],
        "wrong": 0,
        "syntax-error": 10 - worth["recall_curve"],
        "endless-loop": 10 - worth["recall_curve"],
        "lost-metadata": 10,
    }


def test_feedback_names_the_mistake_and_shows_no_check_source(course):
    page = (course / "autograder/runs/feedback/wrong" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    assert "serving_cost" in page and "expected" in page
    assert "def test_" not in page


@pytest.mark.parametrize("name", sorted(path.stem for path in build.ROOT.glob("solutions/*/*.ipynb")))
def test_the_built_exercise_is_what_generate_assignment_makes(course, name):
    if name != NAME:
        succeed(course, "generate_assignment", name)
    made = course / f"exercises/{name}/{name}.ipynb"
    committed = build.ROOT / f"exercises/{name}/{name}.ipynb"
    assert made.read_text(encoding="utf-8").strip() == committed.read_text(encoding="utf-8").strip()
    assert sorted(path.name for path in made.parent.iterdir()) == [f"{name}.ipynb"]


def test_validate_accepts_the_solution_and_refuses_the_blank(course):
    assert "Success" in succeed(course, "validate", f"solutions/{NAME}/{NAME}.ipynb")
    assert "failed" in nbgrader(course, "validate", f"exercises/{NAME}/{NAME}.ipynb").stdout


def test_formgrader_lists_the_course_in_jupyterlab(course):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ServerApp.token=t",
               f"--port={port}", f"--ServerApp.root_dir={course}"]  # fmt: skip
    with subprocess.Popen(
        command, cwd=course, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as lab:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    url = f"http://127.0.0.1:{port}/formgrader/api/assignments?token=t"
                    listed = json.load(urllib.request.urlopen(url, timeout=10))
                    break
                except OSError:
                    assert time.monotonic() < deadline and lab.poll() is None, "JupyterLab did not come up"
                    time.sleep(0.5)
        finally:
            lab.terminate()
    assert NAME in {assignment["name"] for assignment in listed}
    [ours] = [assignment for assignment in listed if assignment["name"] == NAME]
    assert ours["num_submissions"] == len(SUBMISSIONS) and ours["max_score"] == 10


@pytest.mark.skipif(isolation() == "none", reason="what is not isolated is not entered into a gradebook")
def test_what_grade_finds_stands_in_the_same_gradebook(course):
    submitted = course / "autograder/runs/submitted"
    for student, now in {"new": "right", "wrong": "half-right"}.items():  # one more, and one who handed in again
        shutil.copytree(submitted / now, course / "again" / student, dirs_exist_ok=True)
    before = points(course)
    command = [sys.executable, "-m", "autograder", "grade", "again", "--out", "autograder/runs/grade", "--workers", "1"]
    done = subprocess.run(command, cwd=course, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    succeed(course, "export", "--to", str(course / "grades.csv"))
    assert points(course) == {**before, "new": 10, "wrong": before["half-right"]}
