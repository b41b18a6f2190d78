"""Grading in the sandbox: what each submission of the corpus deserves, how a class may be handed in, what a rerun does."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from autograder import build, grade, submissions
from autograder.corpus import corpus
from autograder.grade import key_of
from autograder.records import Records
from autograder.runner import Job
from autograder.sandbox import COURSE, isolation

QUICK = [one for one in corpus() if not one.slow]
SOLUTION = build.ROOT / "solutions/01_two_stages/01_two_stages.ipynb"


def scores(record: dict) -> dict[str, int]:
    return {item["item"]: item["score"] for exercise in record["exercises"] for item in exercise["items"]}


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> dict[str, dict]:
    """The quick part of the corpus, graded as one class."""
    assert isolation() == "bwrap", "the corpus attacks what it runs on: it is graded in a sandbox or not at all"
    place, jobs = tmp_path_factory.mktemp("class"), []
    for one in QUICK:
        one.write(place)
    for student, paths in submissions.find_submissions(place).items():
        jobs.append(Job(student, tuple(map(str, paths)), 7, True, None))
    return {record["student"]: record for record in grade.run_all(jobs, workers=2)}


@pytest.mark.parametrize("one", QUICK, ids=[f"{one.kind}: {one.name}" for one in QUICK])
def test_a_submission_gets_what_it_deserves(records, one):
    got = scores(records[one.name])
    assert {number: got.get(number, 0) for number in one.points} == one.points, one.tries


def test_the_same_seed_gives_the_same_verdicts(tmp_path):
    again = [grade.grade(Job("s", (str(SOLUTION),), 11, True, None)) for _ in range(2)]
    verdicts = [[(i["item"], i["outcome"], i["details"]) for e in one["exercises"] for i in e["items"]] for one in again]
    assert verdicts[0] == verdicts[1] and sum(scores(again[0]).values()) == 10


def copy_to(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(SOLUTION.read_bytes())
    return path


@pytest.mark.parametrize(
    "files, students",
    [
        (["ada/01_two_stages/01_two_stages.ipynb", "ben/01_two_stages/01_two_stages.ipynb"], {"ada", "ben"}),
        (["ada_01_two_stages.ipynb", "ben-01_two_stages.ipynb"], {"ada", "ben"}),
        (["ada/mine.ipynb", "ben/yours.ipynb", "ben/.ipynb_checkpoints/yours.ipynb"], {"ada", "ben"}),
        (["lovelaceada_123_4567_01_two_stages.ipynb", "bell_LATE_9_88_x.ipynb"], {"lovelaceada_123", "bell_LATE_9"}),
        (["Ada Lovelace_12_assignsubmission_file_/01_two_stages.ipynb"], {"Ada Lovelace_12"}),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_the_layouts_that_instructors_have(tmp_path, files, students, zipped):
    place = tmp_path / "in"
    for name in files:
        copy_to(place / name)
    if zipped:
        with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
            for path in sorted(place.rglob("*.ipynb")):
                archive.write(path, path.relative_to(place))
        place = tmp_path / "class.zip"
    assert set(submissions.find_submissions(submissions.opened(place, tmp_path / "unpacked"))) == students


@pytest.mark.parametrize("content, said", [(None, "no such file"), (b"PK no", "not a zip"), ("folder", "no notebook")])
def test_nothing_to_grade_says_what_it_should_look_like(tmp_path, capsys, content, said):
    place = tmp_path / "class.zip"
    if content == "folder":
        place = tmp_path / "class"
        place.mkdir()
    elif content:
        place.write_bytes(content)
    assert grade.main([str(place), "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err


def test_a_second_run_grades_only_what_changed(tmp_path, capsys):
    place, out = tmp_path / "class", tmp_path / "out"
    for student in ("ada", "ben"):
        copy_to(place / student / "01_two_stages.ipynb")
    command = [str(place), "--out", str(out), "--workers", "1"]
    assert grade.main(command) == 0
    before = {path.name: path.read_text(encoding="utf-8") for path in (out / "records").iterdir()}
    assert grade.main(command) == 0
    assert "2 of 2 are graded already" in capsys.readouterr().out
    assert before == {path.name: path.read_text(encoding="utf-8") for path in (out / "records").iterdir()}

    notebook = nbformat.read(place / "ben/01_two_stages.ipynb", as_version=4)
    [cell] = [cell for cell in notebook.cells if "def serving_cost" in cell.source]
    cell.source = "def serving_cost(*given):\n    raise NotImplementedError()"
    nbformat.write(notebook, place / "ben/01_two_stages.ipynb")
    assert grade.main(command) == 0
    assert "1 of 2 are graded already" in capsys.readouterr().out
    after = {json.loads(path.read_text(encoding="utf-8"))["student"]: path for path in (out / "records").iterdir()}
    assert after["ada"].read_text(encoding="utf-8") == before[after["ada"].name]
    assert scores(json.loads(after["ben"].read_text(encoding="utf-8"))) == {"1.1": 0, "1.2": 2, "1.3": 3, "1.4": 3}


def test_a_damaged_record_is_graded_again(tmp_path):
    job = Job("ada", (str(SOLUTION),), 3, True, None)
    records = Records(tmp_path)
    records.put({"student": "ada", "key": key_of(job)})
    assert records.get("ada", key_of(job)) is not None
    records.path("ada").write_text('{"student": "ada", "key":', encoding="utf-8")
    assert records.get("ada", key_of(job)) is None


def test_a_second_grader_on_the_same_folder_leaves(tmp_path, capsys):
    import filelock

    copy_to(tmp_path / "class/ada/01_two_stages.ipynb")
    (tmp_path / "out").mkdir()
    with filelock.FileLock(tmp_path / "out/lock"):
        assert grade.main([str(tmp_path / "class"), "--out", str(tmp_path / "out")]) == 2
    assert "Another grading is writing" in capsys.readouterr().err


def test_on_windows_it_says_where_to_grade(tmp_path, capsys, monkeypatch):
    copy_to(tmp_path / "class/ada/01_two_stages.ipynb")
    monkeypatch.setattr(sys, "platform", "win32")
    assert grade.main([str(tmp_path / "class"), "--out", str(tmp_path / "out"), "--allow-unisolated"]) == 2
    monkeypatch.undo()
    assert "WSL" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_without_isolation_it_refuses_unless_told(tmp_path, capsys, monkeypatch):
    copy_to(tmp_path / "class/ada/01_two_stages.ipynb")
    monkeypatch.setattr(grade, "isolation", lambda: "none")
    command = [str(tmp_path / "class"), "--out", str(tmp_path / "out"), "--workers", "1"]
    assert grade.main(command) == 2
    assert "--allow-unisolated" in capsys.readouterr().err
    assert grade.main([*command, "--allow-unisolated"]) == 0
    assert "NOT ISOLATED" in capsys.readouterr().out


FIRST = """
import sys
from autograder import grade
from data import movielens
ready = movielens.prepare
def prepare(**how):
    import pip, distutils.core  # the standard library's, as what builds the data takes
    return ready(**how)
movielens.prepare = prepare
sys.exit(grade.main(sys.argv[1:]))
"""


def test_a_first_grading_that_builds_the_data_has_a_gradebook(tmp_path):
    done = subprocess.run([sys.executable, "-c", FIRST, str(SOLUTION), "--out", str(tmp_path / "out")], cwd=COURSE,
                          capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "gradebook.db").exists()
