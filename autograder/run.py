"""Runs an item's tests against a student and says what came of it, mistakes named."""

import contextlib
import functools
import inspect
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograder.item import Item, Mistake, Wrong, noting
from autograder.student import Call, Host, NotAttempted, Student, StudentRaised
from autograder.wire import same

RIGHT, WRONG, RAISED, NOT_ATTEMPTED = "right", "wrong", "your code raised", "not attempted"


@dataclass
class TestResult:
    """What one test of an item said. `errors`: its refusals, one unless it was run on; `call`: the student's last;
    `changed`: the arguments that some call left changed."""

    name: str
    points: int
    errors: list[Exception] = field(default_factory=list)
    call: Call | None = None
    calls: int = 0
    changed: set[str] = field(default_factory=set)

    @property
    def error(self) -> Exception | None:
        return self.errors[0] if self.errors else None


@dataclass
class Result:
    """What an item's tests said of one student. `failed` is the test to speak of: the first that was refused."""

    item: Item
    outcome: str
    tests: list[TestResult]
    seed: int
    seconds: float
    failed: TestResult | None = None
    mistake: Mistake | None = None

    @property
    def score(self) -> int:
        """The points of the tests that passed. Where none of the tests with fresh inputs did, there are none: what is
        left could have been remembered."""
        fresh = [test for test in self.tests if self.item.tests[test.name].fresh]
        if fresh and all(test.error for test in fresh):
            return 0
        return sum(test.points for test in self.tests if test.error is None)


def check(item: Item, answer: Callable[[dict], dict], seed: int = 0) -> Result:
    """Runs all tests of `item` against the student behind `answer`, with inputs drawn from `seed`."""
    began = time.perf_counter()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # new toys for each check make it warn of retracing
    tests = run_tests(item, answer, seed)
    failed = [test for test in tests if test.error is not None]
    result = Result(item, RIGHT, tests, seed, 0)
    if failed:
        result.failed = failed[0]
        result.outcome = {NotAttempted: NOT_ATTEMPTED, StudentRaised: RAISED}.get(type(failed[0].error), WRONG)
        if result.outcome != NOT_ATTEMPTED:
            result.mistake = diagnose(item, tests, answer, seed)
            if not result.mistake and result.outcome == WRONG:
                result.failed = min((test for test in failed if isinstance(test.error, Wrong)), key=_size)
    result.seconds = time.perf_counter() - began
    return result


def _size(test: TestResult) -> tuple[bool, int]:
    """What a test's last call was given: whether something in it has no code, such as <index of 900>, and how many
    characters. What is read best, and can be tried, is the smallest that fails."""
    given = repr((test.call.args, test.call.kwargs)) if test.call else ""
    return "<" in given, len(given)


def diagnose(item: Item, tests: list[TestResult], answer: Callable[[dict], dict], seed: int) -> Mistake | None:
    """The known mistake that explains the first failure, or None.

    It must have met the student's end in that test and in every other that refuses it, each run past its first
    refusal: one equal value may be chance, and a wrong name is worse than none. The student may fail other tests too,
    of another mistake. Of several, the one that explains most is taken, then the one listed first.
    """

    @functools.cache
    def whole(name: str) -> TestResult:
        return run_test(item, name, answer, seed, to_the_end=True)

    def met(mistake: Mistake, test: TestResult) -> bool | None:
        """Whether the student met this mistake's end in the test; None if the mistake passes it."""
        its = run_test(item, test.name, Host({item.function: mistake.code}).answer, seed, to_the_end=True)
        if not its.errors:
            return None
        # What raised at once has nothing to add when it is run on, and may have taken long.
        hers = test if isinstance(test.error, StudentRaised) else whole(test.name)
        return alike(its, hers, to_the_letter=test is failed)

    failed, *others = sorted(tests, key=lambda test: test.error is None)
    best, most = None, 0
    for mistake in item.mistakes:
        if mistake.when is not None:
            explained = isinstance(failed.error, Wrong) and bool(mistake.when(failed.error.got))
        else:
            ends = [True, *(met(mistake, test) for test in others)] if met(mistake, failed) else [False]
            explained = 0 if False in ends else ends.count(True)
        if explained > most:
            best, most = mistake, explained
    return best


def alike(one: TestResult, other: TestResult, to_the_letter: bool = True) -> bool:
    """Whether two answers met the same end in a test: passed, raised, or were refused with the same values.

    What they raised must be of one kind and message `to_the_letter` only.
    """
    raised = any(isinstance(error, StudentRaised) for error in one.errors)
    if len(one.errors) != len(other.errors) or (raised and one.calls != other.calls):
        return False
    return all(
        _alike(mine, yours, to_the_letter) for mine, yours in zip(one.errors, other.errors, strict=True)
    )


def _alike(one: Exception, other: Exception, to_the_letter: bool) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, Wrong):
        mine, yours = (float(got) if isinstance(got, bool) else got for got in (one.got, other.got))
        return one.meaning == other.meaning and same(_comparable(mine), _comparable(yours))
    return not to_the_letter or _bare(one) == _bare(other)


def _comparable(value: Any) -> Any:
    """The value with a number for each NaN, since here NaN is like NaN."""
    if isinstance(value, dict):
        return {key: _comparable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_comparable(inner) for inner in value]
    if isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
        return np.where(np.isnan(value), -0.123456789, value)[()]
    return value


def _bare(error: StudentRaised) -> str:
    """An exception's kind and message without what differs from case to case: numbers, addresses, names that the
    student chose. What is missing from which class is no such name."""
    quoted = "" if error.kind == "AttributeError" else r"|'[^']*'|\"[^\"]*\""
    return error.kind + re.sub(rf"0x[0-9a-f]+|_?\d+{quoted}|\s+", "", error.message)


def run_tests(item: Item, answer: Callable[[dict], dict], seed: int) -> list[TestResult]:
    """Every test of the item, in order."""
    return [run_test(item, name, answer, seed) for name in item.tests]


def run_test(item: Item, name: str, answer: Callable[[dict], dict], seed: int, to_the_end: bool = False) -> TestResult:
    """One test, as pytest would run it: with a new student and the same fresh inputs for the same seed.

    Only a refusal counts as a verdict. Any other exception is a fault of the test itself and comes through, unless
    the test ran `to_the_end`, past a refusal.
    """
    test = item.tests[name]
    student = Student(answer)
    fixtures = {"student": student, "rng": np.random.default_rng(seed)}
    result = TestResult(name, test.points)
    with noting() if to_the_end else contextlib.nullcontext([]) as refused:
        try:
            test.run(**{wanted: fixtures[wanted] for wanted in inspect.signature(test.run).parameters})
        except (Wrong, NotAttempted, StudentRaised) as error:
            result.errors = [*refused, error]
        except Exception:
            if not refused:
                raise
            result.errors = refused
        else:
            result.errors = refused
    result.calls = len(student.calls)
    result.changed = {name for call in student.calls for name in call.changed}
    result.call = student.calls[-1] if student.calls else None
    return result
