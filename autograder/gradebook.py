"""Enters what `grade` found into nbgrader's gradebook, so that formgrader, feedback and export show it.

Formgrader and feedback also want the graded notebook. It is made here: the exercise as it was given out, with the
student's cell in each blank and the report under each check. So a student's own outputs and markdown, which may hold
scripts, never reach the teacher's browser.
"""

import contextlib
import errno
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import nbformat
import nbgrader.api
from alembic.script import ScriptDirectory
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    InvalidEntry,
    MissingEntry,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    new_uuid,
)
from nbgrader.preprocessors import SaveCells
from nbgrader.utils import parse_utc
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from autograder.item import items
from autograder.outputs import as_text, lessons_of, page, put, stem, views
from autograder.sandbox import COURSE

COURSE_ID = "two-tower-course"  # as in nbgrader_config.py
# nbgrader uses an id as a folder, in a glob, in a regular expression, and in a CSV without quotes.
SAFE_ID = re.compile(r"\w(?:[\w .@+()-]{0,78}[\w.@+()-])?")


class GradebookError(Exception):
    """The gradebook cannot take the scores, and what to do."""


def write(records: Iterable[dict], database: Path, autograded: Path) -> None:
    """Enters the scores of everything that was handed in, and writes its graded notebooks into `autograded`.

    The scores are one transaction: the gradebook has all of them or none. What people entered by hand (points, extra
    credit, comments) stays. Raises GradebookError if it holds submissions of another version of an exercise or cannot
    be written, OSError if the disk is full.
    """
    lessons = lessons_of(records)
    try:
        for lesson, name in lessons.items():
            _save_cells(name, lesson, database)
        with _opened(database) as book:
            _enter(book.db(), _handed_in(records))
    except (DatabaseError, InvalidEntry) as error:
        if "disk is full" in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(database)) from None
        reason = getattr(error, "orig", error)
        raise GradebookError(
            f"No score was entered into the gradebook {database} ({reason}). Close what else writes to it and grade again; "
            "that takes seconds."
        ) from None
    blanks = {name: json.loads(_blank(name).read_text(encoding="utf-8")) for name in lessons.values()}
    for student, word, exercise in _handed_in(records):
        folder = autograded / student / exercise["name"]
        folder.mkdir(parents=True, exist_ok=True)
        made = graded_notebook(blanks[exercise["name"]], exercise, word)
        put(folder / f"{exercise['name']}.ipynb", json.dumps(made, ensure_ascii=False) + "\n")


def _blank(name: str) -> Path:
    return COURSE / "exercises" / name / f"{name}.ipynb"


def _handed_in(records: Iterable[dict]) -> Iterator[tuple[str, str, dict]]:
    for one in views(records):
        for exercise in one["exercises"]:
            if exercise["handed_in"]:
                yield student_id(one["student"]), one["word"], exercise


def student_id(student: str) -> str:
    """The student's name if nbgrader can take it, else the name of the student's page."""
    return student if SAFE_ID.fullmatch(student) else stem(student)


def _opened(database: Path) -> Gradebook:
    """The gradebook; a new one is there whole or not at all."""
    if not database.exists():
        new = database.with_name(f"{database.name}.new")
        new.unlink(missing_ok=True)
        # nbgrader would ask `alembic`, in a process that imports it all again, for what is read here.
        version = ScriptDirectory(Path(nbgrader.api.__file__).with_name("alembic")).get_current_head()
        nbgrader.api.get_alembic_version = lambda: version
        Gradebook(f"sqlite:///{new.resolve()}", COURSE_ID).close()
        os.replace(new, database)
    return Gradebook(f"sqlite:///{database.resolve()}", COURSE_ID)


def _save_cells(name: str, lesson: str, database: Path) -> None:
    """What `nbgrader generate_assignment` enters of an exercise, unless it is there."""
    points = {f"check_{item.function}": item.points for item in items(lesson)}
    with _opened(database) as book:
        book.update_or_create_assignment(name)
        with contextlib.suppress(MissingEntry):
            if {cell.name: cell.max_score for cell in book.find_notebook(name, name).grade_cells} == points:
                return
    where = {"notebook": name, "assignment": name, "db_url": f"sqlite:///{database.resolve()}"}
    try:
        SaveCells().preprocess(nbformat.read(_blank(name), 4), {"nbgrader": where})
    except RuntimeError:
        raise GradebookError(
            f"The gradebook {database} holds submissions of a version of {name} with other items. Move it away to begin "
            "a new one; grades.csv and the pages are written."
        ) from None


def _enter(session: Session, submitted: Iterable[tuple[str, str, dict]]) -> None:
    """Scores into the database. nbgrader's own methods commit row by row, which takes minutes for a large class."""
    assignments = {assignment.name: assignment for assignment in session.scalars(select(Assignment))}
    students = set(session.scalars(select(Student.id)))
    dates = {(one.assignment_id, one.student_id): (one.id, one.timestamp) for one in session.execute(
        select(SubmittedAssignment.assignment_id, SubmittedAssignment.student_id, SubmittedAssignment.id,
               SubmittedAssignment.timestamp))}  # fmt: skip
    grades = defaultdict(list)
    for submission, *grade in session.execute(
        select(SubmittedNotebook.assignment_id, BaseCell.name, Grade.id, Grade.auto_score, Grade.needs_manual_grade)
        .join(Grade.notebook).join(Grade.cell)
    ):  # fmt: skip
        grades[submission].append(grade)
    new, changed = defaultdict(list), defaultdict(list)
    for student, _, exercise in submitted:
        assignment, when = assignments[exercise["name"]], _timestamp(exercise)
        scores = {f"check_{item['function']}": float(item["score"]) for item in exercise["items"]}
        if student not in students:
            students.add(student)
            new[Student].append({"id": student})
        if (assignment.id, student) in dates:
            submission, before = dates[assignment.id, student]
            if before != when:
                changed[SubmittedAssignment].append({"id": submission, "timestamp": when})
            for cell, grade, score, manual in grades[submission]:
                if manual or score != scores.get(cell):
                    changed[Grade].append({"id": grade, "auto_score": scores.get(cell), "needs_manual_grade": False})
            continue
        submission = new_uuid()
        new[SubmittedAssignment].append(
            {"id": submission, "assignment_id": assignment.id, "student_id": student, "timestamp": when}
        )
        for notebook in assignment.notebooks:
            inside = {"notebook_id": new_uuid()}
            new[SubmittedNotebook].append(
                {"id": inside["notebook_id"], "notebook_id": notebook.id, "assignment_id": submission}
            )
            new[Comment] += [{"cell_id": cell.id, **inside} for cell in notebook.solution_cells]
            new[Grade] += [{"cell_id": cell.id, "auto_score": scores.get(cell.name), "needs_manual_grade": False, **inside}
                           for cell in notebook.grade_cells]  # fmt: skip
    for table in (Student, SubmittedAssignment, SubmittedNotebook, Grade, Comment):
        if new[table]:
            session.execute(insert(table), new[table])
        if changed[table]:
            session.execute(update(table), changed[table])
    session.commit()


def _timestamp(exercise: dict) -> datetime | None:
    """When it was submitted, as nbgrader's collecting says; formgrader compares it with the file's."""
    with contextlib.suppress(KeyError, TypeError, ValueError, OverflowError):
        return parse_utc(exercise["timestamp"])
    return None


def graded_notebook(blank: dict, exercise: dict, word: str) -> dict:
    """The exercise with the student's answers in its blanks and the reports as the outputs of its checks."""
    answers, cells = {item["function"]: item for item in exercise["items"]}, []
    for cell in blank["cells"]:
        marked = cell["metadata"].get("nbgrader", {})
        item = answers.get(marked.get("grade_id", "").removeprefix("check_"))
        if item and marked["grade"]:
            data = {"text/html": page("cell.html", item=item, word=word, reason=exercise["reason"]),
                    "text/plain": as_text(item)}  # fmt: skip
            cell = {**cell, "outputs": [{"output_type": "display_data", "data": data, "metadata": {}}]}
        elif item:
            cell = {**cell, "source": item["source"] or f"# no cell defines {item['function']}"}
        cells.append(cell)
    return {**blank, "cells": cells}
