"""Runs an item's tests against a student and says what came of it, mistakes named."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from autograder.item import Item, Mistake, Wrong
from autograder.student import Call, Host, NotAttempted, StudentRaised
from autograder.wire import same

RIGHT, WRONG, RAISED, NOT_ATTEMPTED = "right", "wrong", "your code raised", "not attempted"
CHECKS = Path(__file__).parent / "checks"
ANSWER = pytest.StashKey[Callable[[dict], dict]]()
SEED = pytest.StashKey[int]()
# Quiet, and quick: the last two collect garbage at every start and end, .3 s beside a loaded TensorFlow.
UNUSED_PLUGINS = ("terminal", "cacheprovider", "faulthandler", "unraisableexception", "threadexception")


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
        return sum(test.points for test in self.tests if test.error is None)


def check(item: Item, answer: Callable[[dict], dict], seed: int = 0) -> Result:
    """Runs all tests of `item` against the student behind `answer`, with inputs drawn from `seed`."""
    began = time.perf_counter()
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

    A mistake that agrees with the student on more tests is preferred, then the one that was listed first.
    """
    best, best_score = None, 0
    for mistake in item.mistakes:
        if mistake.when is not None:
            shared = [t for t in tests if isinstance(t.error, Wrong) and mistake.when(t.error.got)]
            score = 2 * len(tests) * bool(shared)
        else:
            theirs = run_tests(item, Host({item.function: mistake.code}).answer, seed)
            shared = [t for t, m in zip(tests, theirs, strict=True) if t.error and alike(t, m)]
            score = sum(1 if alike(t, m) else -1 for t, m in zip(tests, theirs, strict=True)) + len(tests)
        if shared and score > best_score:
            best, best_score = (mistake, shared[0]), score
    return best


def alike(one: TestResult, other: TestResult) -> bool:
    """Whether two answers met the same end in a test: passed, raised alike, or were refused with the same value."""
    if type(one.error) is not type(other.error):
        return False
    if isinstance(one.error, Wrong):
        return one.error.meaning == other.error.meaning and same(one.error.got, other.error.got)
    if isinstance(one.error, StudentRaised):
        return one.calls == other.calls and one.error.kind == other.error.kind
    return one.error is None


def run_tests(item: Item, answer: Callable[[dict], dict], seed: int) -> list[TestResult]:
    """One pytest run of the item's tests, quietly, in this process."""
    session = _Session(item, answer, seed)
    options = ["-s", "--rootdir", str(CHECKS), "-c", str(CHECKS / "pytest.ini")]
    options += [word for plugin in UNUSED_PLUGINS for word in ("-p", f"no:{plugin}")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        patch.delenv("PYTEST_ADDOPTS", raising=False)
        code = pytest.main([str(_module(item)), *options], plugins=[session])
    if session.crash is not None:
        raise session.crash
    if set(session.results) != set(item.tests):
        raise RuntimeError(f"pytest ended with {code!r} before all tests of {item.number} had run")
    return [session.results[name] for name in item.tests]


def _module(item: Item) -> Path:
    lesson = int(item.number.split(".")[0])
    [path] = CHECKS.glob(f"test_{lesson:02}_*.py")
    return path


@dataclass
class _Session:
    """The pytest plugin of one run: hands over the student, keeps the results."""

    item: Item
    answer: Callable[[dict], dict]
    seed: int
    results: dict[str, TestResult] = field(default_factory=dict)
    crash: BaseException | None = None

    def pytest_configure(self, config):
        config.stash[ANSWER] = self.answer
        config.stash[SEED] = self.seed

    def pytest_collection_modifyitems(self, items):
        items[:] = [test for test in items if test.name in self.item.tests]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        result = self.results[item.name] = TestResult(item.name, self.item.tests[item.name])
        try:
            return (yield)
        except (Wrong, NotAttempted, StudentRaised) as error:
            result.error = error
        except BaseException as error:  # a fault of the check itself, or an interrupt: never a verdict
            self.crash = error
            raise
        finally:
            student = item.funcargs["student"]
            result.calls = len(student.calls)
            result.call = student.calls[-1] if student.calls else None

    def pytest_runtest_setup(self, item):
        if self.crash is not None:
            pytest.exit("stopped")

    def pytest_collectreport(self, report):
        if report.failed and self.crash is None:
            self.crash = RuntimeError(str(report.longrepr))
