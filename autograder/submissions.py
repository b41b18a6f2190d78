"""Finds the students and their notebooks in whatever an instructor has: a folder, a zip of a platform, one file."""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import statistics
import time
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from autograder.item import Item, item_in, items

MAX_FILE = 48 << 20  # bytes; parsed, what is made for it takes thirty times that
MAX_CELLS = 5_000
# Canvas: name_[LATE_]user_submission_file.ipynb; Moodle: "Name_number_assignsubmission_file_", a folder or before the file.
CANVAS = re.compile(r"^(?P<student>[^_/]+(?:_LATE)?_\d+)_\d+_.+\.ipynb$", re.IGNORECASE)
MOODLE = re.compile(r"^(?P<student>.+?_\d+)_assignsubmission_file")  # the first: what follows, students chose
EXERCISE = re.compile(r"[-_ ]*\d\d_[a-z_]+$")


class SubmissionError(Exception):
    """What was pointed at holds nothing to grade, and what it should look like."""


@dataclass
class Notebook:
    """One notebook of a student: its code cells, the items it answers, or the reason why it cannot be read."""

    path: Path
    cells: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    reason: str = ""

    @property
    def lesson(self) -> str:
        return self.items[0].lesson if self.items else ""

    def source(self, function: str) -> str:
        """The cell that defines the function last; that is the one that counts."""
        defining = [cell for cell in self.cells if re.search(rf"^(def|class) {function}\b", cell, re.MULTILINE)]
        return defining[-1][:20_000] if defining else ""


def find_submissions(place: Path) -> dict[str, list[Path]]:
    """Student to notebook files, of a folder or one notebook. Raises SubmissionError if there is nothing.

    A folder that is a link is not entered, a notebook that is one is found and not followed.
    """
    if place.is_file():
        return {student_of(place, place.parent): [place]}
    found: dict[str, list[Path]] = {}
    for path in sorted(place.rglob("*.ipynb")):
        hidden = any(part.startswith(".") for part in path.relative_to(place).parts)
        if not hidden and (path.is_file() or path.is_symlink()):
            found.setdefault(student_of(path, place), []).append(path)
    if not found:
        raise SubmissionError(
            f"{place} holds no notebook. Point at nbgrader's submitted/ folder, a folder of notebooks or of a folder per "
            "student, the zip that Canvas or Moodle gives you, or one .ipynb file."
        )
    return found


def student_of(path: Path, place: Path) -> str:
    """Whose notebook it is, told from its folder or, if it lies flat, from its name."""
    parts = path.relative_to(place).parts
    if moodle := MOODLE.match(parts[0]):
        return moodle["student"]
    if len(parts) > 1:
        return parts[0]
    if canvas := CANVAS.match(path.name):
        return canvas["student"]
    return EXERCISE.sub("", path.stem) or path.stem


def opened(archive: Path, folder: Path) -> Path:
    """`folder` with the notebooks of a zip; what is no zip itself. Raises SubmissionError if it cannot be read."""
    if not archive.exists():
        raise SubmissionError(f"{archive}: there is no such file or folder")
    if archive.suffix != ".zip":
        return archive
    shutil.rmtree(folder, ignore_errors=True)  # what an earlier archive left
    try:
        with zipfile.ZipFile(archive) as zipped:
            for number, entry in enumerate(zipped.infolist()):
                parts = [part for part in PurePosixPath(entry.filename).parts if part not in ("/", "..")]
                if entry.filename.endswith(".ipynb") and not any(part.startswith(".") for part in parts):
                    with zipped.open(entry) as file:
                        data = file.read(MAX_FILE + 1)  # too large by one byte is found out by `read`
                    place = _unpacked(data, folder, parts, number)
                    with contextlib.suppress(ValueError, OverflowError):  # a date that is none
                        os.utime(place, (time.mktime((*entry.date_time, 0, 0, -1)),) * 2)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise SubmissionError(f"{archive} is not a zip that can be read ({error}): download it again") from None
    return folder


def _unpacked(data: bytes, folder: Path, parts: list[str], number: int) -> Path:
    """Writes a file of an archive; a link becomes a file that holds its target. What lies so deep, or has so long a name,
    that no disk takes it, is named by its number, beside what else its student has."""
    student = os.fsdecode(os.fsencode(parts[0])[:200])
    for place in (folder.joinpath(*parts), folder / student / f"{number}.ipynb"):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            return place
        except OSError as error:
            if error.errno not in (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
                raise
            refused = error.strerror
    raise SubmissionError(f"{'/'.join(parts)[:200]!r} of the archive cannot be unpacked ({refused})")


def fingerprint(path: Path) -> bytes:
    """A hash of the file's bytes; a link is not followed, and what cannot be read has a constant one."""
    with contextlib.suppress(OSError):
        if not path.is_symlink() and path.stat().st_size <= MAX_FILE:  # what is larger is not read at all
            with open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
    return b"nothing to be read"


def read(path: Path) -> Notebook:
    """A notebook, whatever state it is in; what cannot be read, or is a link, has a `reason` and no cells."""
    notebook = Notebook(path)
    if path.is_symlink():
        notebook.reason = "the file is a link, not a notebook"
        return notebook
    try:
        if path.stat().st_size > MAX_FILE:
            notebook.reason = f"the file is larger than {MAX_FILE >> 20} MB: clear its outputs and hand it in again"
            return notebook
        cells = code_cells(path.read_text(encoding="utf-8-sig", errors="replace"))
        if sum(map(bool, map(str.strip, cells))) > MAX_CELLS:
            notebook.reason = f"the notebook has more than {MAX_CELLS:,} code cells"
            return notebook
        notebook.cells = cells
        notebook.items = items_in(notebook.cells)
    except OSError as error:
        notebook.reason = f"the file cannot be read ({error.strerror})"
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, MemoryError) as error:
        notebook.reason = f"the file is not a notebook that can be read ({type(error).__name__})"
    else:
        if not notebook.items:
            notebook.reason = "the notebook defines no function of any exercise"
    return notebook


def by_age(notebooks: Iterable[Notebook]) -> list[Notebook]:
    """From the one changed first to the one changed last."""
    return sorted(notebooks, key=lambda notebook: (notebook.path.stat().st_mtime, notebook.path.name))


def code_cells(text: str) -> list[str]:
    """The sources of a notebook's code cells, of format 4 or 3. Raises whatever a file that is none makes it raise."""
    made = json.loads(text)
    cells = made["cells"] if "cells" in made else [cell for sheet in made["worksheets"] for cell in sheet["cells"]]
    sources = [cell.get("source", cell.get("input", "")) for cell in cells if cell.get("cell_type") == "code"]
    return ["".join(source) for source in sources]


def items_in(cells: list[str]) -> list[Item]:
    """All items of the exercise that most of the cells belong to."""
    lessons: list[str] = []
    for source in cells:
        with contextlib.suppress(KeyError):  # a check of an item that does not exist
            if found := item_in(source):
                lessons.append(found[0].lesson)
    return items(statistics.mode(lessons)) if lessons else []
