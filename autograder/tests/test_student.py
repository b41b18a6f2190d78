"""The seam: what a check sees of a student, in this process and across a pipe."""

import json
import linecache
import subprocess
import sys

import numpy as np
import pytest

from autograder.item import find
from autograder.run import RIGHT, WRONG, check
from autograder.student import Host, NotAttempted, Student, StudentRaised
from autograder.wire import Handle


def student(**names) -> Student:
    return Student(Host(names).answer)


def in_a_cell(source: str, cell: str) -> dict:
    """What a cell defines, its lines known to tracebacks as IPython makes them known."""
    names: dict = {}
    linecache.cache[cell] = (len(source), None, source.splitlines(True), cell)
    exec(compile(source, cell, "exec"), names)
    return names


def test_a_call_takes_and_gives_plain_data_and_is_recorded():
    one = student(double=lambda x, by=2: np.asarray(x) * by)
    assert one.double([1, 2], by=3).tolist() == [3, 6]
    assert [(c.name, c.args, c.kwargs, c.returned.tolist()) for c in one.calls] == [
        ("double", ([1, 2],), {"by": 3}, [3, 6])
    ]


def test_what_the_student_gets_is_a_copy():
    mine = [1, 2]
    student(spoil=lambda x: x.append(9)).spoil(mine)
    assert mine == [1, 2]


def test_a_name_that_is_not_there_is_not_attempted():
    with pytest.raises(NotAttempted, match=r"Nothing is named top_k: .* changed \(topk\?\)"):
        student(topk=len, other=1).top_k([1], 1)


def test_a_blank_is_not_attempted():
    def blank():
        raise NotImplementedError()

    with pytest.raises(NotAttempted, match="still empty"):
        student(blank=blank).blank()


def test_an_answer_beside_the_line_that_stands_for_it_is_told_of_that_line():
    source = "def double(x):\n    'Twice x.'\n    if x:\n        return x\n    raise NotImplementedError()\n"
    with pytest.raises(StudentRaised, match="NotImplementedError: this line still stands in your function") as caught:
        student(**in_a_cell(source, "cell 8")).double(0)
    assert caught.value.where == "line 5, in double: raise NotImplementedError()"


def test_changed_arguments_are_told_by_name_whether_the_call_returns_or_raises():
    def spoil(films, scores, more=()):
        films.discard("A")
        scores[0] = 1 / len(films)

    one = student(spoil=spoil)
    one.spoil({"A", "B"}, np.zeros(2))
    with pytest.raises(StudentRaised):
        one.spoil({"A"}, scores=np.zeros(2))
    one.spoil({"B"}, [1.0])
    assert [call.changed for call in one.calls] == [["films", "scores"], ["films"], []]


def test_names_in_a_reply_are_names_or_nothing():
    for said in (None, 7, "top_k", {"a": 1}, [1, "<b>", "x" * 61, None]):
        one = Student(lambda request, said=said: {"value": 1, "changed": said})
        assert one.top_k() == 1 and one.calls[-1].changed == []


def test_an_exception_shows_the_students_own_lines_only():
    source = "import json\ndef broken(x):\n    return json.loads(x)\n"
    with pytest.raises(StudentRaised) as caught:
        student(**in_a_cell(source, "cell 7")).broken("{")
    assert caught.value.kind == "JSONDecodeError"
    assert caught.value.where == "line 3, in broken: return json.loads(x)"


def test_exit_is_an_answer_like_any_other_exception():
    with pytest.raises(StudentRaised, match="SystemExit"):
        student(leave=lambda: sys.exit(0)).leave()


def test_an_object_stays_behind_a_handle_and_comes_back_as_itself():
    class Box:
        def open(self, times):
            return "x" * times

    box = Box()
    one = student(make=lambda: box, same=lambda other: other is box)
    handle = one.make()
    assert isinstance(handle, Handle) and handle.kind == "Box"
    assert one.same(handle) is True
    assert one.method(handle, "open", 3) == "xxx"


def test_private_names_are_never_asked_for():
    with pytest.raises(AttributeError):
        student(_secret=lambda: 1)._secret()


PROXY = """
import json, sys
import autograder
from autograder.student import Host
names = {}
exec(sys.argv[1], names)
host = Host(names)
for line in sys.stdin:
    print(json.dumps(host.answer(json.loads(line)), allow_nan=False), flush=True)
"""


@pytest.mark.parametrize(
    "source, outcome, mistake",
    [
        ("def row_of(vocab, word): return vocab.index(word) + 1 if word in vocab else 0", RIGHT, None),
        ("def row_of(vocab, word): return vocab.index(word) if word in vocab else 0", WRONG, "row 0 forgotten"),
    ],
)
def test_the_same_check_works_across_a_pipe(source, outcome, mistake):
    """What a sandbox needs: the student in another process, JSON lines between."""
    with subprocess.Popen(
        [sys.executable, "-c", PROXY, source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def answer(request: dict) -> dict:
            process.stdin.write(json.dumps(request, allow_nan=False) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        result = check(find("3.2"), answer)
        process.stdin.close()
    assert result.outcome == outcome
    assert (result.mistake.name if result.mistake else None) == mistake
