"""The gate: what every graded item must hold, whoever writes it."""

import ast
import json
import re
from collections import Counter

import nbformat
import numpy as np
import pytest

from autograder import build
from autograder.coverage import lacking
from autograder.item import LESSONS, Item, items
from autograder.reference import definitions, reference
from autograder.run import NOT_ATTEMPTED, RAISED, RIGHT, WRONG, Result, check, run_tests
from autograder.student import Host

ALL = items()
QUICK = [item for item in ALL if not item.slow]


def lesson(item: Item) -> str:
    return LESSONS[item.lesson]


def each(kind: str):
    pairs = [(item, entry) for item in ALL for entry in getattr(item, kind)]
    names = [f"{item.number} {entry if isinstance(entry, str) else entry.name}" for item, entry in pairs]
    return pytest.mark.parametrize("item, entry", pairs, ids=names)


def by_item(chosen):
    return pytest.mark.parametrize("item", chosen, ids=[item.number for item in chosen])


def test_the_five_lessons_have_24_items_and_100_points():
    points = Counter()
    core = [item for item in ALL if item.lesson in "12345"]
    for item in core:
        points[item.lesson] += item.points
    assert len(core) == 24
    assert points == {"1": 10, "2": 20, "3": 20, "4": 25, "5": 25}


@by_item(ALL)
def test_three_hints_that_lead_from_a_question_to_code_with_one_gap(item):
    question, tool, code = item.hints
    assert question.strip() and tool.strip()
    assert code.count("____") == 1


@by_item(ALL)
def test_an_item_knows_five_mistakes_and_three_other_right_answers_and_each_test_refuses_some(item):
    assert lacking(item) == []
    assert all(mistake.why.strip() for mistake in item.mistakes)
    whys = {mistake.name: mistake.why for mistake in item.mistakes}
    assert all(whys[mistake.name] == mistake.why for mistake in item.mistakes)


@by_item(ALL)
def test_the_solution_is_right(item):
    for seed in range(1 if item.slow else 4):
        result = check(item, Host(reference(lesson(item))).answer, seed)
        assert (result.outcome, result.score) == (RIGHT, item.points), result.failed


@by_item(ALL)
def test_the_blank_is_not_attempted(item):
    path = build.ROOT / "exercises" / lesson(item) / f"{lesson(item)}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    source = "\n".join(cell.source for cell in cells if cell.cell_type == "code" and "get_ipython" not in cell.source)
    names: dict = {"__name__": "exercise"}
    exec(compile(definitions(source), str(path), "exec"), names)
    result = check(item, Host(names).answer)
    assert (result.outcome, result.score) == (NOT_ATTEMPTED, 0)


@each("mistakes")
def test_a_known_mistake_is_refused_by_its_own_name(item, entry):
    result = check(item, Host({item.function: entry.code}).answer)
    assert result.outcome in (WRONG, RAISED)
    assert result.score < item.points
    assert result.mistake is not None and result.mistake.name == entry.name, (result.mistake, result.failed)


def key(request: dict) -> str:
    """A request without the numbers of its handles; how they were made is in it."""
    return re.sub(r'"handle": \[\d+, ', '"handle": [', json.dumps(request))


def known_by_heart(item: Item) -> dict[str, dict]:
    """What the solution answers to calls that are the same whatever the seed, where the answer is plain data."""
    heard: list[dict[str, dict]] = []
    for seed in (1, 2):
        host = Host(reference(lesson(item)))
        heard.append({})

        def answer(request, host=host, heard=heard[-1]):
            reply = host.answer(request)
            if "call" in request and "handle" not in json.dumps(reply):
                heard[key(request)] = reply
            return reply

        run_tests(item, answer, seed)
    return {asked: reply for asked, reply in heard[0].items() if asked in heard[1]}


@by_item(QUICK)
def test_the_examples_known_by_heart_earn_nothing(item):
    """A mistake beside the right answers to all inputs that are never drawn has the points of the mistake."""
    examples, gains = known_by_heart(item), {}
    for mistake in item.mistakes:
        host = Host({**reference(lesson(item)), item.function: mistake.code})
        forged = run_tests(item, lambda request, host=host: examples.get(key(request)) or host.answer(request), 3)
        if (score := Result(item, WRONG, forged, 3, 0).score) == 0:
            continue
        own = run_tests(item, host.answer, 3)
        if score > Result(item, WRONG, own, 3, 0).score:
            passed = [{test.name for test in tests if not test.error} for tests in (own, forged)]
            gains[mistake.name] = passed[1] - passed[0]
    assert not gains


@each("alternatives")
def test_another_right_answer_is_right(item, entry):
    for seed in range(1 if item.slow else 3):
        result = check(item, Host({**reference(lesson(item)), item.function: item.alternatives[entry]}).answer, seed)
        assert (result.outcome, result.score) == (RIGHT, item.points), result.failed


class Odd:
    """An object that claims to equal everything."""

    def __repr__(self):
        return "Odd()"

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


STRANGE = [np.array(["a", "b"]), np.array([None, None]), np.zeros((0, 3)), [None, [1, "a"]], np.arange(4.0)]


PLAIN = [None, True, 17, -0.5, float("nan"), "x", b"x", [], {}, (), [[1]], Odd(), object]


@pytest.mark.parametrize("value", [*STRANGE, *PLAIN], ids=repr)
@by_item(QUICK)
def test_a_strange_answer_is_refused_and_the_check_survives_it(item, value):
    tests = run_tests(item, Host({item.function: lambda *args, **kwargs: value}).answer, 0)
    assert any(test.error for test in tests)


@pytest.mark.parametrize("value", [STRANGE[0], STRANGE[1], None, Odd()], ids=repr)
@by_item(QUICK)
def test_the_diagnosis_survives_a_strange_answer(item, value):
    result = check(item, Host({item.function: lambda *args, **kwargs: value}).answer)
    assert result.outcome in (WRONG, RAISED)
    assert result.score < item.points


@by_item(ALL)
def test_a_mistake_is_written_for_the_signature_of_its_item(item):
    source = (build.ROOT / "solutions" / lesson(item) / f"{lesson(item)}.py").read_text(encoding="utf-8")
    names = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert item.function in names


def test_nothing_built_is_stale_or_stray(capsys):
    assert build.check() == 0, capsys.readouterr().out
