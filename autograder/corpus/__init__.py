"""Submissions made by code, each with the points it deserves: what `prove` grades, and a small class to look at.

Every submission starts as the blank exercise with the reference's answers in it; a few lines then break it, make it run
away, make it cheat, or make it odd. Never run one outside of a sandbox: there is a `kill -9 -1` among them.
"""

import functools
import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from autograder.build import ROOT
from autograder.item import items

CORPUS: list["Submission"] = []
NAMES = {path.name[:2]: path.name for path in sorted((ROOT / "exercises").glob("[0-9]*_*"))}
KINDS = ("broken", "runaway", "cheating", "honest")


@dataclass
class Bait:
    """What there is to steal, to spoil or to reach: given to the cheats, as if they had been told."""

    course: Path = ROOT
    out: Path = ROOT / "autograder" / "runs"  # where the grader writes
    secret: str = "a secret"  # the value of PROVE_SECRET in the grader's environment
    port: int = 9  # on which the grader's machine listens, also by an abstract socket of that name


@functools.cache
def _cells(place: str, lesson: str) -> nbformat.NotebookNode:
    name = NAMES[lesson]
    return nbformat.read(ROOT / place / name / f"{name}.ipynb", as_version=4)


@dataclass
class Draft:
    """One student's folder while it is being written: an exercise, filled in with the reference's answers."""

    lesson: str
    bait: Bait = field(default_factory=Bait)
    name: str = ""  # of the notebook's file
    raw: bytes | None = None  # written instead of the notebook
    beside: dict[str, bytes] = field(default_factory=dict)  # other files, by path within the student's folder
    link: str = ""  # what the notebook's file is a link to

    def __post_init__(self):
        self.name = self.name or f"{NAMES[self.lesson]}.ipynb"
        self.notebook = nbformat.from_dict(_cells("exercises", self.lesson))
        for function in self.functions:
            self.cell(function).source = self.right(function)

    @property
    def functions(self) -> list[str]:
        return [item.function for item in items(self.lesson)]

    def cell(self, function: str) -> nbformat.NotebookNode:
        """The cell that defines `function`; with `check_` before its name, the one that checks it."""
        [cell] = [c for c in self.notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == function]
        return cell

    def right(self, function: str) -> str:
        """The reference's source."""
        [cell] = [c for c in _cells("solutions", self.lesson).cells
                  if c.metadata.get("nbgrader", {}).get("grade_id") == function]  # fmt: skip
        return "\n".join(line for line in cell.source.splitlines() if "# BEGIN" not in line and "# END" not in line)

    def blank(self, *functions: str) -> None:
        """Empties blanks again."""
        for function in functions:
            [cell] = [c for c in _cells("exercises", self.lesson).cells
                      if c.metadata.get("nbgrader", {}).get("grade_id") == function]  # fmt: skip
            self.cell(function).source = cell.source

    def put(self, function: str, body: str, before: str = "", head: str = "") -> None:
        """Gives `function` another body: `before` goes above its def, `head` replaces the def line."""
        defines = next(line for line in self.right(function).splitlines() if line.startswith(("def ", "class ")))
        self.cell(function).source = f"{before}\n{head or defines}\n{textwrap.indent(body, '    ')}".strip()

    def insert(self, source: str, at: int = 2) -> None:
        """Puts a code cell in: after the one that sets the notebook up, unless `at` says otherwise."""
        self.notebook.cells.insert(at, nbformat.v4.new_code_cell(source))

    def text(self) -> str:
        """The notebook's file; nbformat's own writer would mend what is broken here on purpose."""
        return json.dumps(self.notebook, indent=1)

    def write(self, folder: Path) -> None:
        """Writes it as nbgrader does: the student's folder, then the exercise's."""
        place = folder / NAMES[self.lesson] / self.name
        place.parent.mkdir(parents=True)
        for path, data in self.beside.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        if self.link:
            place.symlink_to(self.link)
        else:
            place.write_bytes(self.text().encode() if self.raw is None else self.raw)


@dataclass(frozen=True)
class Submission:
    """One student's work, what it tries, and the points that each item of it deserves."""

    name: str
    kind: str
    tries: str
    lesson: str
    edit: Callable[[Draft], None]
    points: dict[str, int]  # by item
    slow: bool  # needs TensorFlow, or waits for a limit: not in `prove --quick`

    @property
    def most(self) -> dict[str, int]:
        """The points that there are, item by item."""
        return {item.number: item.points for item in items(self.lesson)}

    def write(self, folder: Path, bait: Bait | None = None) -> None:
        """Writes the student's folder into `folder`."""
        draft = Draft(self.lesson, bait or Bait())
        self.edit(draft)
        draft.write(folder / self.name)


def submission(kind: str, lesson: str, tries: str, edit: Callable, *, name: str = "", lost: str = "", slow: bool = False):
    """Adds a submission. `lost`: the items that deserve nothing, such as "3.2 3.3", or "all"; or "3.2:1" for 1 point."""
    points = {item.number: 0 if lost == "all" else item.points for item in items(lesson)}
    if lost != "all":
        points |= {number: int(left or 0) for number, _, left in (word.partition(":") for word in lost.split())}
    CORPUS.append(Submission(name or edit.__name__.strip("_"), kind, tries, lesson, edit, points, slow))


def kind(which: str, lesson: str = "01"):
    """A decorator of that kind: `@broken("what it tries", lost="1.4")` over a function that edits a Draft."""

    def decorator(tries: str, *, lost: str = "", lesson: str = lesson, slow: bool = False):
        def add(edit):
            submission(which, lesson, tries, edit, lost=lost, slow=slow)
            return edit

        return add

    return decorator


def corpus() -> list[Submission]:
    """All submissions, in order of kind."""
    from autograder.corpus import broken, cheating, honest, runaway  # noqa: F401  each adds its own

    return sorted(CORPUS, key=lambda one: KINDS.index(one.kind))
