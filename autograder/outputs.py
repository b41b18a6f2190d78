"""What a grading gives out: a table, grades.csv, JSON for Gradescope, JUnit XML, pages, nbgrader's gradebook.

Everything is derived from the records and from nothing else, so the same records give the same files. What students
wrote is text here: it is shown, never run. See `view` for what the templates and the writers below are given.
"""

import base64
import csv
import functools
import hashlib
import io
import json
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import jinja2
from wcwidth import clip, ljust, wcswidth

from autograder.item import LESSONS, Item, items
from autograder.records import stem, write_whole
from autograder.report import CODE_LINES, COLOURS, MARKS
from autograder.run import NOT_ATTEMPTED, RAISED, RIGHT, WRONG

NO_NOTEBOOK = "no notebook"
OUTCOMES = {RIGHT: "right", WRONG: "wrong", RAISED: "raised", NOT_ATTEMPTED: "untried", NO_NOTEBOOK: "untried"}
TEMPLATES = Path(__file__).parent / "templates"
# What no XML may hold, no terminal should obey and no page should reorder itself by: controls, halves of pairs, bidi.
UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
FORMULA = re.compile(r"(^|[;\t\n])(?=\s*[=+@|%-])")  # at the start of a cell, in a country where ; parts cells too


def write(records: Iterable[dict], out: Path) -> None:
    """Writes everything below into `out`, each file whole, and only those that change. Goes over `records` more than once."""
    for folder in ("students", "results"):
        (out / folder).mkdir(exist_ok=True)
    for one in views(records):
        name = stem(one["student"])
        put(out / "students" / f"{name}.html", page("student.html", student=one))
        put(out / "results" / f"{name}.json", json.dumps(gradescope(one), ensure_ascii=False) + "\n")
    put(out / "grades.csv", grades_csv(records))
    put(out / "junit.xml", junit(records))
    put(out / "index.html", page("class.html", **class_of(records)))
    if not all(record["isolation"] == "bwrap" for record in records):
        print("Not isolated: nothing was entered into nbgrader's gradebook.")
        return
    database, entered = out / "gradebook.db", out / "gradebook.entered"
    if entered.exists() and entered.read_text() == _state(records, database):
        return
    from autograder import gradebook  # nbgrader takes seconds to import

    try:
        gradebook.write(records, database, out / "autograded")
        put(entered, _state(records, database))
    except gradebook.GradebookError as error:
        print(error)


def _state(records: Iterable[dict], database: Path) -> str:
    """Tells whether the gradebook has these records and nobody has written to it since."""
    digest = hashlib.sha256((TEMPLATES / "cell.html").read_bytes())
    for record in records:
        digest.update(json.dumps(record, sort_keys=True).encode())
    return f"{digest.hexdigest()} {database.stat().st_mtime_ns if database.exists() else 0}\n"


def put(path: Path, text: str) -> None:
    """Writes a file whole, unless that is what it holds."""
    if not path.exists() or path.read_bytes() != text.encode():
        write_whole(path, text)


def shown(value: Any) -> Any:
    """Plain data with every character that cannot or should not be shown written as an escape."""
    if isinstance(value, str):
        return UNSHOWN.sub(lambda found: found[0].encode("unicode_escape").decode(), value.replace("\r\n", "\n"))
    if isinstance(value, dict):
        return {shown(key): shown(inner) for key, inner in value.items()}
    return [shown(inner) for inner in value] if isinstance(value, list | tuple) else value


@functools.cache
def _known() -> dict[str, Item]:
    return {item.number: item for item in items()}


def lessons_of(records: Iterable[dict]) -> dict[str, str]:
    """The exercises that anyone handed in, number to name ("3" to "03_two_tower"); all, if nobody handed in any."""
    taken = {exercise["lesson"] for record in records for exercise in record["exercises"]}
    return {lesson: name for lesson, name in LESSONS.items() if lesson in taken or not taken}


def views(records: Iterable[dict]) -> Iterator[dict]:
    """The records as the outputs need them, one at a time."""
    lessons = lessons_of(records)
    return (view(shown(record), lessons) for record in records)


def view(record: dict, lessons: dict[str, str]) -> dict:
    """A record with every exercise of the class in it, sums, reasons, hints and the isolation word filled in."""
    mine, exercises = {exercise["lesson"]: exercise for exercise in record["exercises"]}, []
    for lesson, name in lessons.items():
        exercise = mine.get(lesson) or _missing(record, lesson, name, lessons)
        results = [{**item, "lines": _lines(item), "class": OUTCOMES[item["outcome"]],
                    "verdict": ": ".join(filter(None, (item["outcome"], item["mistake"])))}
                   for item in exercise["items"]]  # fmt: skip
        exercises.append({**exercise, "name": name, "items": results, "handed_in": lesson in mine,
                          "score": sum(item["score"] for item in results),
                          "max": sum(item["max"] for item in results)})  # fmt: skip
    return {
        **record,
        "exercises": exercises,
        "isolated": record["isolation"] == "bwrap",
        "word": "bwrap" if record["isolation"] == "bwrap" else "not isolated",
        "score": sum(exercise["score"] for exercise in exercises),
        "max": sum(exercise["max"] for exercise in exercises),
        "reasons": _reasons(record, exercises),
    }


def _reasons(record: dict, exercises: list[dict]) -> list[str]:
    """Why there are not more points, apart from the answers: each thing once."""
    lost = [
        f"{exercise['name'][:2]} {exercise['reason']}"
        for exercise in exercises
        if exercise["handed_in"] and exercise["reason"]
    ]
    missing = ", ".join(exercise["name"][:2] for exercise in exercises if not exercise["handed_in"])
    unread = [f"{one['file']}: {one['reason']}" for one in record["unread"]]
    return [*lost, *unread, *([f"{NO_NOTEBOOK} for {missing}"] if missing else [])]


def _missing(record: dict, lesson: str, name: str, lessons: dict[str, str]) -> dict:
    """An exercise that was not handed in, or not so that it can be read, with the reason: points for nothing."""
    about = [one for one in record["unread"]
             if name in one["file"] or not any(other in one["file"] for other in lessons.values())]  # fmt: skip
    reason = "; ".join(f"{one['file']}: {one['reason']}" for one in about) or NO_NOTEBOOK
    nothing = {"outcome": NO_NOTEBOOK, "score": 0, "mistake": None, "details": [], "source": "", "seconds": 0}
    blanks = [{"item": item.number, "function": item.function, "max": item.points, **nothing} for item in items(lesson)]
    return {"lesson": lesson, "file": "", "items": blanks, "reason": reason}


def _lines(item: dict) -> list[tuple[str, str]]:
    """The lines of a report with the next hint itself: the question to who has not begun, the tool to who has."""
    if item["outcome"] in (RIGHT, NO_NOTEBOOK):
        return []
    lines = [(label, line) for label, line in item["details"] if label != "next"]
    if item["outcome"] == NOT_ATTEMPTED:
        lines += [("note", line.split(" hint(")[0]) for label, line in item["details"] if label == "next"]
    level = 1 if item["outcome"] == NOT_ATTEMPTED else 2
    return [*lines, ("next", f"{_known()[item['item']].hints[level - 1]} (hint {level} of 3)")]


def table(records: Iterable[dict], width: int = 80) -> str:
    """The class for a terminal: student, points an exercise, total, isolation, the first reason why there are not more.

    Where many exercises leave no room for a reason there is none; grades.csv has them all.
    """
    lessons = lessons_of(records)
    full = [sum(item.points for item in items(lesson)) for lesson in lessons]
    rows = [["student", *(name[:2] for name in lessons.values()), "total", "isolated", "reason"],
            ["of", *full, sum(full), "", ""]]  # fmt: skip
    for one in views(records):
        points = [exercise["score"] if exercise["handed_in"] else "–" for exercise in one["exercises"]]
        rows.append([one["student"], *points, one["score"], one["word"], next(iter(one["reasons"]), "")])
    word = max(len(row[-2]) for row in rows) + 2
    room = width - 16 - 4 * len(lessons) - 7 - 2 - word
    lines = []
    for who, *points, total, isolated, reason in rows:
        numbers = "".join(f"{one:>4}" for one in points) + f"{total:>7}"
        why = _clipped(reason, room) if room >= 20 else ""
        lines.append(f"{ljust(_clipped(who, 16), 16)}{numbers}  {isolated:{word}}{why}".rstrip())
    return "\n".join(lines)


def _clipped(text: str, room: int) -> str:
    text = " ".join(text.split())
    return text if wcswidth(text) <= room else clip(text, 0, room - 1) + "…"


def grades_csv(records: Iterable[dict]) -> str:
    """One row a student and exercise, one column an item. Text that a spreadsheet would take for a formula gets a '."""
    file = io.StringIO()
    columns = ["student", "exercise", *_known(), "score", "max", "isolated", "reason"]
    rows = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    rows.writeheader()
    for one in views(records):
        for exercise in one["exercises"]:
            texts = {"student": one["student"], "exercise": exercise["name"], "isolated": one["word"],
                     "reason": exercise["reason"]}  # fmt: skip
            rows.writerow({key: FORMULA.sub(r"\1'", text) for key, text in texts.items()}
                          | {item["item"]: item["score"] for item in exercise["items"]}
                          | {"score": exercise["score"], "max": exercise["max"]})  # fmt: skip
    return file.getvalue()


def as_text(item: dict) -> str:
    """What came of an item, for those who show plain text only."""
    lines = [f"{label:10}{line}".replace("\n", "\n" + " " * 10) for label, line in item["lines"]]
    return "\n".join([item["verdict"], *lines])


def gradescope(one: dict) -> dict:
    """What Gradescope takes as results.json: https://gradescope-autograders.readthedocs.io/en/latest/specs/"""
    tests = [{"number": item["item"], "name": f"{item['item']} {item['function']}", "name_format": "text",
              "score": float(item["score"]), "max_score": float(item["max"]), "tags": [exercise["name"]],
              "status": "passed" if item["outcome"] == RIGHT else "failed", "output": as_text(item),
              "output_format": "text", "extra_data": {"outcome": item["outcome"], "mistake": item["mistake"]}}
             for exercise in one["exercises"] for item in exercise["items"]]  # fmt: skip
    said = [f"{one['score']} of {one['max']} points. Isolation: {one['word']}.", *one["reasons"]]
    facts = ("student", "seed", "isolation", "graded_at", "deaths", "unread")
    return {"score": float(one["score"]), "output": "\n".join(said), "output_format": "text",
            "execution_time": round(one["seconds"]), "tests": tests,
            "extra_data": {fact: one[fact] for fact in facts}}  # fmt: skip


def junit(records: Iterable[dict]) -> str:
    """A test suite a student, a test case an item; what is not right is a failure."""
    suites, cases, failures = [], 0, 0
    for one in views(records):
        results = [(exercise, item) for exercise in one["exercises"] for item in exercise["items"]]
        failed = sum(item["outcome"] != RIGHT for _, item in results)
        suite = ET.Element("testsuite", name=one["student"], tests=str(len(results)), failures=str(failed), errors="0",
                           skipped="0", time=str(one["seconds"]), timestamp=one["graded_at"][:19])  # fmt: skip
        properties = ET.SubElement(suite, "properties")
        for name, value in (("isolation", one["word"]), ("seed", str(one["seed"]))):
            ET.SubElement(properties, "property", name=name, value=value)
        for exercise, item in results:
            case = ET.SubElement(suite, "testcase", classname=exercise["name"], name=f"{item['item']} {item['function']}",
                                 time=str(item["seconds"]))  # fmt: skip
            if item["outcome"] != RIGHT:
                message = exercise["reason"] if item["outcome"] == NO_NOTEBOOK else item["verdict"]
                ET.SubElement(case, "failure", message=message, type=item["outcome"]).text = as_text(item)
        suites.append(ET.tostring(suite, encoding="unicode"))
        cases, failures = cases + len(results), failures + failed
    head = f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="grade" tests="{cases}" failures="{failures}">\n'
    return head + "\n".join([*suites, "</testsuites>\n"])


def class_of(records: Iterable[dict]) -> dict:
    """What the instructor's page shows."""
    students, outcomes, mistakes = [], defaultdict(Counter), defaultdict(lambda: defaultdict(list))
    for one in views(records):
        students.append({key: one[key] for key in ("student", "score", "max", "word", "reasons", "seed", "graded_at")}
                        | {"link": f"students/{quote(stem(one['student']))}.html",
                           "points": [e["score"] if e["handed_in"] else None for e in one["exercises"]]})  # fmt: skip
        for exercise in one["exercises"]:
            for item in exercise["items"]:
                outcomes[item["item"]][item["outcome"]] += 1
                if item["outcome"] in (WRONG, RAISED):
                    mistakes[item["item"]][_mistake(item)].append(students[-1])
    exercises = []
    for lesson, name in lessons_of(records).items():
        entries = []
        for item in items(lesson):
            whys = {mistake.name: mistake.why for mistake in item.mistakes}
            found = sorted(mistakes[item.number].items(), key=lambda pair: (-len(pair[1]), pair[0]))
            entries.append({"item": item, "counts": outcomes[item.number],
                            "mistakes": [(label, who, whys.get(label, "")) for label, who in found]})  # fmt: skip
        exercises.append({"name": name, "items": entries, "max": sum(item.points for item in items(lesson))})
    totals = [one["score"] for one in students]
    return {
        "students": students,
        "exercises": exercises,
        "max": sum(exercise["max"] for exercise in exercises),
        "bins": _bins(students),
        "median": statistics.median(totals or [0]),
        "mean": statistics.fmean(totals or [0]),
        "not_isolated": sum(one["word"] != "bwrap" for one in students),
        "seeds": sorted({one["seed"] for one in students}),
        "graded_at": max((one["graded_at"] for one in students), default=""),
    }


def _mistake(item: dict) -> str:
    """The name of what went wrong: a known mistake's, the exception's, or that it has none."""
    if item["mistake"]:
        return item["mistake"]
    raised = dict(item["details"]).get("raised", "").split(":")[0]
    return f"raised {raised[:60]}" if raised else "none of the known mistakes"


def _bins(students: list[dict]) -> list[dict]:
    """Students by tenths of the points there are."""
    counts = Counter(min(9, int(10 * one["score"] / (one["max"] or 1))) for one in students)
    most = max(counts.values(), default=1)
    return [{"label": f"{10 * tenth}–{10 * tenth + (10 if tenth == 9 else 9)}", "n": counts[tenth],
             "share": counts[tenth] / most} for tenth in range(10)]  # fmt: skip


@functools.cache
def _templates() -> jinja2.Environment:
    made = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True,
                              lstrip_blocks=True, undefined=jinja2.StrictUndefined)  # fmt: skip
    css = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    made.globals.update(css=css, css_hash=digest, MARKS=MARKS, COLOURS=COLOURS, CODE_LINES=CODE_LINES, RIGHT=RIGHT,
                        WRONG=WRONG, RAISED=RAISED, NOT_ATTEMPTED=NOT_ATTEMPTED, NO_NOTEBOOK=NO_NOTEBOOK)  # fmt: skip
    return made


def page(template: str, **content: Any) -> str:
    """A page from one of the templates; every text in it is escaped."""
    return _templates().get_template(template).render(**content)
