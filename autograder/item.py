"""A graded item: its function, points, hints, known mistakes, other right answers and tests, all in one place.

An item's tests are pytest tests that take the `student` fixture. `expect` and `require` say what an answer should have
been; when they refuse one, every known mistake is put through the same test, and the one that is refused with the same
answer names what happened.
"""

import contextlib
import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.wire import same

ITEMS: dict[str, "Item"] = {}
EXERCISES = Path(__file__).parents[1] / "exercises"
LESSONS = {str(int(path.name[:2])): path.name for path in sorted(EXERCISES.glob("[0-9]*_*"))}  # "3": "03_two_tower"


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong answer: code, and the sentence that sets it right.

    `see` is one line to try oneself. `when`, if given, recognises the mistake from the value that a test refused;
    it is for items that train, where putting each mistake through the test would take seconds.
    """

    name: str
    why: str
    code: Any
    see: str = ""
    when: Callable[[Any], bool] | None = None


@dataclass(frozen=True)
class Test:
    """A pytest test of an item, and the points it is worth."""

    run: Callable[..., None]
    points: int

    @property
    def fresh(self) -> bool:
        """Whether its inputs are drawn anew for each seed."""
        return "rng" in inspect.signature(self.run).parameters


class Item:
    """One graded blank. `number` is "lesson.item", `function` the name that the student defines.

    `because`, shown once an answer is right, says why the reference does as it does.
    """

    def __init__(self, number: str, function: str, *, hints: tuple[str, str, str], because: str, slow: bool = False):
        if number in ITEMS:
            raise ValueError(f"item {number} is defined twice")
        self.number, self.function, self.hints, self.because, self.slow = number, function, hints, because, slow
        self.tests: dict[str, Test] = {}
        self.mistakes: list[Mistake] = []
        self.alternatives: dict[str, Any] = {}
        ITEMS[number] = self

    @property
    def lesson(self) -> str:
        """The lesson's number, such as "3"."""
        return self.number.split(".")[0]

    @property
    def points(self) -> int:
        return sum(test.points for test in self.tests.values())

    def test(self, points: int):
        """Marks a pytest test as one of this item's, worth `points`. It takes the fixtures `student` and `rng`."""

        def mark(test):
            if test.__name__ in self.tests:
                raise ValueError(f"item {self.number} has two tests named {test.__name__}")
            self.tests[test.__name__] = Test(test, points)
            return test

        return mark

    def mistake(self, name: str, why: str = "", *, see: str = "", when: Callable[[Any], bool] | None = None):
        """Registers a known mistake: the decorated function or class stands for the student's.

        Without `why` it is one more way to make the mistake of that name, where no one code can show all that it does.
        """
        if not why:
            first = {mistake.name: mistake for mistake in self.mistakes}[name]
            why, see, when = first.why, first.see, when or first.when

        def add(code):
            self.mistakes.append(Mistake(name, why, code, see, when))
            return code

        return add

    def alternative(self, name: str):
        """Registers another right answer, which the tests must accept."""

        def add(code):
            self.alternatives[name] = code
            return code

        return add


class Wrong(AssertionError):
    """An answer that a test refused: what was `got`, what was `want`ed, and what that means in words."""

    def __init__(self, got: Any, want: Any, meaning: str):
        super().__init__(meaning)
        self.got, self.want, self.meaning = got, want, meaning


NOTHING = type("Nothing", (), {"__repr__": lambda self: ""})()


_noted: ContextVar[list[Wrong] | None] = ContextVar("refusals that are noted, not raised", default=None)


def expect(got: Any, want: Any, meaning: str, tolerance: float = 1e-4) -> None:
    """Refuses `got` unless it is the `same` as `want`; `meaning` says what the expected value is."""
    if not same(got, want, tolerance):
        wrong, noted = Wrong(got, want, meaning), _noted.get()
        if noted is None:
            raise wrong
        noted.append(wrong)


def require(holds: bool, got: Any, meaning: str) -> None:
    """Refuses `got` unless `holds`; `meaning` says what was expected, where no single value is."""
    if not holds:
        raise Wrong(got, NOTHING, meaning)


@contextlib.contextmanager
def noting() -> Iterator[list[Wrong]]:
    """Lets a test run on: what it does not `expect` is appended to the list. What it requires it still requires."""
    before = _noted.set([])
    try:
        yield _noted.get()
    finally:
        _noted.reset(before)


@functools.cache
def _import_checks() -> None:
    from autograder import checks

    for module in pkgutil.iter_modules(checks.__path__):
        if module.name.startswith("test_"):
            importlib.import_module(f"{checks.__name__}.{module.name}")


def items(lesson: str = "") -> list[Item]:
    """All items, or those of one lesson ("03"), in order."""
    _import_checks()
    chosen = [item for item in ITEMS.values() if not lesson or item.lesson == str(int(lesson))]
    return sorted(chosen, key=lambda item: [int(part) for part in item.number.split(".")])


CHECK_CALL = re.compile(r'^check\("(\d+\.\d+)"\)', re.MULTILINE)


def item_in(source: str) -> tuple[Item, bool] | None:
    """The item of a code cell, and whether the cell checks it (True) or defines its function (False)."""
    if call := CHECK_CALL.search(source):
        return find(call[1]), True
    functions = {item.function: item for item in items()}
    defined = re.search(rf"^(?:def|class) ({'|'.join(functions)})\b", source, re.MULTILINE)
    return (functions[defined[1]], False) if defined else None


class NoSuchItem(KeyError):
    """Says which items there are. In a notebook that sentence is all that is shown."""

    def _render_traceback_(self) -> list[str]:
        return [self.args[0]]


def find(number: str) -> Item:
    """The item of that number, or whose function has that name; NoSuchItem if there is none."""
    for item in items():
        if str(number) in (item.number, item.function):
            return item
    raise NoSuchItem(f"there is no item {number!r}; there are {', '.join(item.number for item in items())}")
