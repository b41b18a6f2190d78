"""What comes out of a grading, from made-up records full of hostile text, from a real one, and through nbgrader itself."""

import base64
import csv
import errno
import hashlib
import html.parser
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import nbformat
import pytest
import sqlalchemy
from nbgrader.api import Gradebook
from wcwidth import wcswidth

from autograder import grade, gradebook, outputs
from autograder.item import items
from autograder.report import details
from autograder.run import NOT_ATTEMPTED, RAISED, RIGHT, WRONG, check
from autograder.sandbox import COURSE, isolation
from autograder.student import Host

NAME = "01_two_stages"
EVIL = (
    "</pre></title><script>alert(1)</script><img src=x onerror='alert(1)'>\" onload=\"x\x1b[2J\x00\ud800\u202e{{ 7*7 }}"
)
NAMES = ["Ada", "김민수", "=1+1", "O'Brien, Pat", "new\nline", "../up", "a" * 200, EVIL]


def result(item, answer=None, **changes) -> dict:
    """An item of a record, made by the real check of `answer` (a reference, a mistake, or nothing)."""
    names = {} if answer is None else {item.function: answer}
    made = check(item, Host(names).answer)
    return {"item": item.number, "function": item.function, "outcome": made.outcome, "score": made.score,
            "max": item.points, "mistake": made.mistake and made.mistake.name, "details": details(made),
            "source": f"def {item.function}(): ...", "seconds": 0.01, **changes}  # fmt: skip


def right(item) -> dict:
    return {"item": item.number, "function": item.function, "outcome": RIGHT, "score": item.points, "max": item.points,
            "mistake": None, "details": [("points", "all")], "source": f"def {item.function}(): ...", "seconds": 0}  # fmt: skip


def record(student="Ada", lessons="1", results=None, **changes) -> dict:
    """A record of a student with everything right, but for `results`, by item number."""
    exercises = [{"lesson": lesson, "file": f"0{lesson}.ipynb", "reason": "",
                  "items": [(results or {}).get(item.number) or right(item) for item in items(lesson)]}
                 for lesson in lessons]  # fmt: skip
    return {"student": student, "seed": 7, "isolation": "bwrap", "exercises": exercises, "unread": [], "deaths": [],
            "seconds": 1.5, "graded_at": "2026-11-25T01:02:03+00:00", **changes}  # fmt: skip


FIRST = items("1")[0]
MISTAKE = FIRST.mistakes[0]


@pytest.fixture(scope="module")
def klass() -> list[dict]:
    """Two named mistakes alike, one exception, one blank, one hostile student, one without 02, one without anything."""
    raised = {"outcome": RAISED, "score": 0, "mistake": None,
              "details": [("raised", "KeyError: 'x'"), ("where", EVIL), ("next", 'hint("1.1")')], "source": EVIL}  # fmt: skip
    wrong = result(FIRST, MISTAKE.code)
    return [
        record("Ada", "12"),
        record("김민수", "12", {"1.1": wrong}),
        record("O'Brien, Pat", "12", {"1.1": wrong}),
        record("=1+1", "1", {"1.1": result(FIRST)}),
        record(EVIL, "12", {"1.1": {**right(FIRST), **raised}}, deaths=[EVIL]),
        record("empty", "", unread=[{"file": f"{NAME}.ipynb", "reason": "not a notebook"}]),
    ]


def rows(records) -> list[dict]:
    return list(csv.DictReader(io.StringIO(outputs.grades_csv(records))))


def test_the_made_up_results_are_what_they_claim(klass):
    outcomes = [one["exercises"][0]["items"][0]["outcome"] for one in klass[:5]]
    assert outcomes == [RIGHT, WRONG, WRONG, NOT_ATTEMPTED, RAISED]
    assert klass[1]["exercises"][0]["items"][0]["mistake"] == MISTAKE.name


# The table


def test_a_table_of_eighty_columns_whatever_the_names(klass):
    lines = outputs.table([*klass, *(record(name, "12345") for name in NAMES)]).splitlines()
    assert len(lines) == 2 + len(klass) + len(NAMES)
    assert max(wcswidth(line) for line in lines) <= 80 and min(wcswidth(line) for line in lines) > 0


def test_a_reason_without_room_is_left_out(klass):
    assert "reason" in outputs.table(klass) and "reason" not in outputs.table(klass, width=60)


def test_the_table_says_score_isolation_and_first_reason(klass):
    lines = outputs.table([*klass[:4], {**klass[0], "isolation": "none"}]).splitlines()
    assert lines[2].split() == ["Ada", "10", "20", "30", "bwrap"]
    assert lines[5].split() == ["=1+1", "8", "–", "8", "bwrap", "no", "notebook", "for", "02"]
    assert lines[6].split() == ["Ada", "10", "20", "30", "not", "isolated"]


# grades.csv


def test_the_csv_has_a_row_a_student_and_exercise_and_a_column_an_item(klass):
    found = rows(klass)
    assert list(found[0]) == [
        "student",
        "exercise",
        *(item.number for item in items()),
        "score",
        "max",
        "isolated",
        "reason",
    ]
    assert len(found) == 2 * len(klass)
    ada = found[0]
    assert (ada["exercise"], ada["1.1"], ada["2.1"], ada["score"], ada["max"], ada["isolated"]) == (
        NAME, "2", "", "10", "10", "bwrap")  # fmt: skip
    for row in found:
        assert int(row["score"]) == sum(int(row[item.number] or 0) for item in items())


def test_what_was_not_handed_in_has_a_row_with_nought_and_the_reason(klass):
    by = {(row["student"], row["exercise"][:2]): row for row in rows(klass)}
    assert (by["'=1+1", "02"]["score"], by["'=1+1", "02"]["reason"]) == ("0", "no notebook")
    assert (by["empty", "01"]["score"], by["empty", "01"]["reason"]) == ("0", f"{NAME}.ipynb: not a notebook")
    assert by["empty", "02"]["reason"] == "no notebook"
    assert {row["max"] for row in rows([klass[-1]])} == {"10", "20", "25"}, "nobody handed in any: all five"


def test_no_cell_of_the_csv_is_a_formula_and_names_come_back(klass):
    found = rows([record(name) for name in [*NAMES, "@x", "-1", "+1", " =1", "\t=1", "x;=1", "x; @1\n+1"]])
    texts = [part for row in found for text in row.values() for part in re.split("[;\n]", text)]
    assert not [text for text in texts if text.lstrip()[:1] in tuple("=+-@|%")]
    assert [row["student"] for row in found][:7] == [
        "Ada",
        "김민수",
        "'=1+1",
        "O'Brien, Pat",
        "new\nline",
        "../up",
        "a" * 200,
    ]


# results.json


def test_gradescope_gets_what_it_takes(klass):
    kinds = {"score": float, "max_score": float, "name": str, "output": str, "output_format": str, "status": str,
             "number": str, "tags": list, "name_format": str, "extra_data": dict}  # fmt: skip
    for one in outputs.views(klass):
        made = json.loads(json.dumps(outputs.gradescope(one)).encode())
        assert made["score"] == sum(test["score"] for test in made["tests"])
        assert isinstance(made["output"], str) and isinstance(made["extra_data"], dict) and made["tests"]
        for test in made["tests"]:
            assert {key: type(value) for key, value in test.items()} == kinds
            assert test["output_format"] == "text" and test["status"] in ("passed", "failed")
            assert (test["status"] == "passed") == (test["score"] == test["max_score"])
        assert "bwrap" in made["output"] and made["extra_data"]["seed"] == 7


def test_a_failed_test_says_the_mistake_why_and_the_hint(klass):
    one = list(outputs.views(klass))[1]
    said = outputs.gradescope(one)["tests"][0]["output"]
    assert said.startswith(f"wrong: {MISTAKE.name}\n") and MISTAKE.why in said and FIRST.hints[1] in said


# junit.xml


def test_junit_is_xml_whatever_the_text_and_counts_every_failure(klass):
    root = ET.fromstring(outputs.junit(klass).encode())
    suites = {suite.get("name"): suite for suite in root}
    assert len(suites) == len(klass) and suites["Ada"].get("failures") == "0"
    failure = suites["김민수"].find("testcase/failure")
    assert failure.get("message") == f"wrong: {MISTAKE.name}" and MISTAKE.why in failure.text
    assert suites["empty"].get("failures") == suites["empty"].get("tests") == str(len(items("1")) + len(items("2")))
    assert int(root.get("failures")) == len(root.findall(".//failure")) > 0
    assert int(root.get("tests")) == len(root.findall(".//testcase"))


# The pages


class Tags(html.parser.HTMLParser):
    """The tags of a page, their attributes, and its text."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.attributes, self.texts = [], [], []
        self.feed(page)
        self.text = "".join(self.texts)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.texts.append(data)


def pages(records) -> dict[str, str]:
    made = {one["student"]: outputs.page("student.html", student=one) for one in outputs.views(records)}
    return {**made, "class": outputs.page("class.html", **outputs.class_of(records))}


def test_no_text_of_a_student_becomes_a_tag(klass):
    plain, hostile = (pages([record(name, "1", {"1.1": {**klass[4]["exercises"][0]["items"][0], "source": name,
                                                        "details": [("raised", name), ("where", name)]}},
                                    unread=[{"file": name, "reason": name}])])
                      for name in ("plain", EVIL))  # fmt: skip
    for made, tame in zip(hostile.values(), plain.values(), strict=True):
        assert Tags(made).tags == Tags(tame).tags
        assert [name for name, _ in Tags(made).attributes] == [name for name, _ in Tags(tame).attributes]
        assert "<script>alert(1)</script>" in Tags(made).text and "{{ 7*7 }}" in Tags(made).text
        assert not outputs.UNSHOWN.search(made)


def test_pages_run_nothing_and_fetch_nothing(klass):
    for made in pages(klass).values():
        tags = Tags(made)
        assert not {"script", "iframe", "object", "form", "img", "link", "base"} & set(tags.tags)
        assert not [name for name, _ in tags.attributes if name.startswith("on") or name == "style"]
        links = [value for name, value in tags.attributes if name in ("href", "src")]
        assert links and all(link.startswith(("#", "students/", "grades.csv", "junit.xml")) for link in links)
        style = made.split("<style>")[1].split("</style>")[0]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        [policy] = [value for name, value in tags.attributes if value and "default-src" in value]
        assert policy.startswith("default-src 'none'") and f"'sha256-{digest}'" in policy and "unsafe" not in policy
        assert "url(" not in style and "@import" not in style


def test_a_feedback_page_names_the_mistake_and_gives_the_next_hint(klass):
    made = {name: Tags(page).text for name, page in pages(klass).items()}
    wrong, untried = made["김민수"], made["=1+1"]
    assert f"wrong: {MISTAKE.name}" in wrong and MISTAKE.why in wrong and MISTAKE.see in wrong
    assert f"{FIRST.hints[1]} (hint 2 of 3)" in wrong and FIRST.hints[0] not in wrong
    assert f"{FIRST.hints[0]} (hint 1 of 3)" in untried and FIRST.hints[1] not in untried
    assert "hint 1" not in made["Ada"] and "hint 2" not in made["Ada"]
    assert "def serving_cost(): ..." in wrong and "no notebook" in untried and "isolation: bwrap" in wrong


def test_pages_say_when_nothing_was_isolated(klass):
    for made in pages([{**one, "isolation": "none"} for one in klass]).values():
        assert "not isolated" in Tags(made).text.lower() and "isolation: bwrap" not in Tags(made).text.lower()


def test_the_class_page_counts_outcomes_and_ranks_mistakes(klass):
    shown = outputs.class_of(klass)
    entry = shown["exercises"][0]["items"][0]
    assert entry["counts"] == {RIGHT: 1, WRONG: 2, NOT_ATTEMPTED: 1, RAISED: 1, outputs.NO_NOTEBOOK: 1}
    assert [(label, len(who)) for label, who, _ in entry["mistakes"]] == [(MISTAKE.name, 2), ("raised KeyError", 1)]
    assert sum(one["n"] for one in shown["bins"]) == len(klass) and shown["bins"][9]["n"] == 4
    text = Tags(outputs.page("class.html", **shown)).text
    assert f"2 × {MISTAKE.name}" in text and "seed 7" in text and "2026-11-25 01:02" in text


# Writing


@pytest.fixture(scope="module")
def written(tmp_path_factory, klass) -> Path:
    """An output folder as `write` leaves it; nobody changes it."""
    folder = tmp_path_factory.mktemp("written")
    outputs.write(klass, folder)
    return folder


@pytest.fixture
def out(written, tmp_path) -> Path:
    """A copy of it, to change."""
    return shutil.copytree(written, tmp_path / "out")


def test_the_same_records_give_the_same_files_and_touch_none(klass, out):
    tmp_path = out
    names = {path.name for path in (tmp_path / "students").iterdir()}
    assert len(names) == len(klass) == len(list((tmp_path / "results").iterdir()))
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".db"]
    before = {path: (path.stat().st_ino, path.read_bytes()) for path in written}
    outputs.write(klass, tmp_path)
    assert before == {path: (path.stat().st_ino, path.read_bytes()) for path in written}
    index = Tags((tmp_path / "index.html").read_text(encoding="utf-8"))
    students = [value for name, value in index.attributes if name == "href" and value.startswith("students/")]
    assert {Path(link).name for link in students} <= {outputs.quote(name) for name in names} and len(
        set(students)
    ) == len(klass)


def test_a_record_of_the_grader_itself(tmp_path):
    folder = tmp_path / "ada" / NAME
    folder.mkdir(parents=True)
    shutil.copy(COURSE / "solutions" / NAME / f"{NAME}.ipynb", folder)
    job = grade.Job("ada", (str(folder / f"{NAME}.ipynb"),), 3, isolation() == "bwrap", None)
    made = json.loads(json.dumps(grade.grade(job)))
    [one] = outputs.views([made])
    assert one["score"] == one["max"] == 10
    assert "def serving_cost" in Tags(outputs.page("student.html", student=one)).text


# nbgrader's gradebook


def nbgrader(course: Path, *words: str) -> str:
    command = [sys.executable, "-m", "nbgrader", *words]
    beside = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=course, env=beside, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def course(out) -> Path:
    """A course whose gradebook was written from records alone: no generate_assignment, no autograde."""
    (out / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'two-tower-course'\n")
    return out


def exported(course: Path) -> dict[tuple[str, str], float]:
    nbgrader(course, "export")
    with open(course / "grades.csv", newline="", encoding="utf-8") as file:
        return {(row["student_id"], row["assignment"]): float(row["score"]) for row in csv.DictReader(file)}


def test_export_gives_the_scores_of_the_records(course, klass):
    found = exported(course)
    for one in outputs.views(klass):
        for exercise in one["exercises"]:
            if exercise["handed_in"]:
                assert found[gradebook.student_id(one["student"]), exercise["name"]] == exercise["score"]
    assert found["Ada", NAME] == 10 and found["김민수", NAME] == 8
    assert not [student for student, _ in found if student[:1] in "=+-@"]


def test_feedback_shows_the_students_code_the_report_and_the_score(course):
    nbgrader(course, "generate_feedback", NAME)
    made = (course / "feedback/김민수" / NAME / f"{NAME}.html").read_text(encoding="utf-8")
    text = Tags(made).text
    assert f"wrong: {MISTAKE.name}" in text and MISTAKE.why in text and "Score: 8.0 / 10.0" in text
    assert len(list(course.glob(f"feedback/*/{NAME}/{NAME}.html"))) == 5
    hostile = (course / "feedback" / gradebook.student_id(outputs.shown(EVIL)) / NAME / f"{NAME}.html").read_text(
        "utf-8"
    )
    assert "<script>alert(1)" not in hostile and "<img src=x" not in hostile


def test_the_graded_notebook_is_the_exercise_with_answers_and_reports(course):
    path = course / "autograded/김민수" / NAME / f"{NAME}.ipynb"
    made = nbformat.read(path, 4)
    nbformat.validate(made)
    blank = nbformat.read(COURSE / "exercises" / NAME / f"{NAME}.ipynb", 4)
    assert [cell.metadata for cell in made.cells] == [cell.metadata for cell in blank.cells]
    by = {cell.metadata.nbgrader.grade_id: cell for cell in made.cells if "nbgrader" in cell.metadata}
    assert by["serving_cost"].source == "def serving_cost(): ..."
    assert MISTAKE.name in by["check_serving_cost"].outputs[0].data["text/html"]


def test_what_people_entered_stays_and_new_scores_come_in(course, klass):
    url = f"sqlite:///{course / 'gradebook.db'}"
    with Gradebook(url, gradebook.COURSE_ID) as book:
        book.find_grade("check_two_stage", NAME, NAME, "Ada").extra_credit = 5
        book.db.commit()
    better = [klass[0], record("김민수", "1"), record("late", "1")]
    gradebook.write(better, course / "gradebook.db", course / "autograded")
    found = exported(course)
    assert (found["Ada", NAME], found["김민수", NAME], found["late", NAME]) == (15, 10, 10)
    with Gradebook(url, gradebook.COURSE_ID) as book:
        assert not any(submission.needs_manual_grade for submission in book.assignment_submissions(NAME))


def test_the_gradebook_is_entered_anew_only_after_a_change(klass, out, monkeypatch):
    entered = []
    monkeypatch.setattr(gradebook, "write", lambda records, *rest: entered.append(records))
    outputs.write(klass, out)
    assert not entered
    outputs.write(klass[1:], out)
    outputs.write(klass, out)
    os.utime(out / "gradebook.db")
    outputs.write(klass, out)
    assert [len(records) for records in entered] == [len(klass) - 1, len(klass), len(klass)]


def test_generate_assignment_agrees_with_the_cells_that_were_entered(course):
    shutil.copytree(COURSE / "solutions" / NAME, course / "source" / NAME)
    with sqlite3.connect(course / "gradebook.db") as database:
        cells = set(
            database.execute("select base_cell.name, checksum, source from source_cell join base_cell using (id)")
        )
    nbgrader(course, "generate_assignment", NAME)
    with sqlite3.connect(course / "gradebook.db") as database:
        assert cells == set(
            database.execute("select base_cell.name, checksum, source from source_cell join base_cell using (id)")
        )


def test_a_gradebook_with_another_version_of_an_exercise_is_named(klass, out, capsys):
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}", gradebook.COURSE_ID) as book:
        book.add_grade_cell("check_of_last_year", NAME, NAME, max_score=1, cell_type="code")
    outputs.write(klass, out)
    assert "holds submissions of a version of 01_two_stages with other items" in capsys.readouterr().out


def test_all_scores_are_entered_or_none(out, monkeypatch):
    def scores():
        with sqlite3.connect(out / "gradebook.db") as database:
            return sorted(database.execute("select auto_score from grade"))

    before, send = scores(), gradebook.Session.execute
    worse = [record("Ada", "12", {"1.1": result(FIRST, MISTAKE.code)}), record("new", "1")]

    def fail_last(session, statement, *rest, **more):
        if getattr(statement, "is_insert", False) and statement.table.name == "comment":
            raise OSError("killed")
        return send(session, statement, *rest, **more)

    with monkeypatch.context() as patched:
        patched.setattr(gradebook.Session, "execute", fail_last)
        with pytest.raises(OSError, match="killed"):
            gradebook.write(worse, out / "gradebook.db", out / "autograded")
    assert scores() == before
    gradebook.write(worse, out / "gradebook.db", out / "autograded")
    assert scores() != before


def test_a_full_disk_and_a_locked_gradebook_are_named_and_harm_nothing(klass, out, capsys):
    more = [*klass, *(record(f"new{number}", "12") for number in range(200))]
    before = (out / "gradebook.db").read_bytes()

    def full(connection, _):
        connection.execute("PRAGMA max_page_count = 1")  # as many pages as there are

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", full)
    try:
        with pytest.raises(OSError) as raised:
            outputs.write(more, out)
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "connect", full)
    assert raised.value.errno == errno.ENOSPC and (out / "gradebook.db").read_bytes() == before
    writer = sqlite3.connect(out / "gradebook.db", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    outputs.write(more, out)
    writer.close()
    assert "database is locked" in capsys.readouterr().out and (out / "gradebook.db").read_bytes() == before


def test_what_was_not_isolated_stays_out_of_the_gradebook(klass, tmp_path, capsys):
    outputs.write([{**one, "isolation": "none"} for one in klass], tmp_path)
    assert not (tmp_path / "gradebook.db").exists() and "Not isolated" in capsys.readouterr().out
    assert {row["isolated"] for row in csv.DictReader(open(tmp_path / "grades.csv", encoding="utf-8"))} == {
        "not isolated"
    }


@pytest.mark.parametrize("name", NAMES)
def test_nbgrader_gets_an_id_that_it_can_use(name):
    made = gradebook.student_id(outputs.shown(name))
    assert Path(made).name == made and not set(made) & set("*?[]/\\,\n=") and made[:1] not in "=+-@."
    assert made == name or made == outputs.stem(outputs.shown(name)).lstrip(".-")
