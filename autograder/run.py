"""Runs an item's tests against a student and says what came of it, mistakes named."""

import inspect
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autograder.item import Item, Mistake, Wrong
from autograder.student import Call, Host, NotAttempted, Student, StudentRaised
from autograder.wire import same

RIGHT, WRONG, RAISED, NOT_ATTEMPTED = "right", "wrong", "your code raised", "not attempted"


@dataclass
class TestResult:
    """What one test of an item said. `error` is what it raised, `call` the student's last call before that."""

    name: str
    points: int
    error: Exception | None = None
    call: Call | None = None
    calls: int = 0


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
            result.mistake, result.failed = diagnose(item, tests, seed) or (None, failed[0])
            result.outcome = RAISED if isinstance(result.failed.error, StudentRaised) else WRONG
    result.seconds = time.perf_counter() - began
    return result


def diagnose(item: Item, tests: list[TestResult], seed: int) -> tuple[Mistake, TestResult] | None:
    """The known mistake that fails as the student failed, and a test on which both do; None if there is none.

    Of several that fail alike on one test, the one that agrees with the student on most of the others is taken, then
    the one listed first.
    """
    for failed in (test for test in tests if test.error):
        alike_here = [mistake for mistake in item.mistakes if _is(mistake, item, failed, seed)]
        if len(alike_here) > 1:
            others = [test for test in tests if test is not failed]
            alike_here.sort(key=lambda mistake: -sum(_is(mistake, item, test, seed) for test in others))
        if alike_here:
            return alike_here[0], failed
    return None


def _is(mistake: Mistake, item: Item, test: TestResult, seed: int) -> bool:
    if mistake.when is not None:
        return isinstance(test.error, Wrong) and mistake.when(test.error.got)
    return alike(run_test(item, test.name, Host({item.function: mistake.code}).answer, seed), test)


def alike(one: TestResult, other: TestResult) -> bool:
    """Whether two answers met the same end in a test: passed, raised alike, or were refused with the same value."""
    if type(one.error) is not type(other.error):
        return False
    if isinstance(one.error, Wrong):
        return one.error.meaning == other.error.meaning and same(one.error.got, other.error.got)
    if isinstance(one.error, StudentRaised):
        return one.calls == other.calls and _bare(one.error) == _bare(other.error)
    return True


def _bare(error: StudentRaised) -> str:
    """An exception's kind and message without what differs from case to case: numbers, addresses, quoted names."""
    return error.kind + re.sub(r"0x[0-9a-f]+|\d+|'[^']*'|\"[^\"]*\"|\s+", "", error.message)


def run_tests(item: Item, answer: Callable[[dict], dict], seed: int) -> list[TestResult]:
    """Every test of the item, in order."""
    return [run_test(item, name, answer, seed) for name in item.tests]


def run_test(item: Item, name: str, answer: Callable[[dict], dict], seed: int) -> TestResult:
    """One test, as pytest would run it: with a new student and the same fresh inputs for the same seed.

    Only a refusal counts as a verdict. Any other exception is a fault of the test itself and comes through.
    """
    test = item.tests[name]
    student = Student(answer)
    fixtures = {"student": student, "rng": np.random.default_rng(seed)}
    result = TestResult(name, test.points)
    try:
        test.run(**{wanted: fixtures[wanted] for wanted in inspect.signature(test.run).parameters})
    except (Wrong, NotAttempted, StudentRaised) as error:
        result.error = error
    result.calls = len(student.calls)
    result.call = student.calls[-1] if student.calls else None
    return result
