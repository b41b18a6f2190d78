"""`check`, `hint` and `progress`: what a student calls in a notebook."""

import contextlib
import io
import sys
import textwrap
import threading
from collections.abc import Iterator

from tqdm import tqdm

from autograder import report
from autograder.answers import own_source
from autograder.item import Item, find, items
from autograder.run import RIGHT, Result
from autograder.run import check as check_item
from autograder.student import Host, notebook_names

_results: dict[str, Result] = {}
_hints_shown: dict[str, int] = {}


class Score(float):
    """The points of one check. Its plain text is the bare number, which nbgrader reads as partial credit."""

    result: Result
    own: str = ""

    def __repr__(self) -> str:
        return str(float(self))

    def _repr_html_(self) -> str:
        return report.as_html(self.result, self.own)


def check(number: str) -> Score:
    """Checks one item against the notebook's own functions, and shows what came of it.

    Args:
        number: the item, such as "3.1".
    Returns:
        The points, as a number that displays as the full report in a notebook.
    """
    item, names = find(number), notebook_names()
    with training(item) if item.slow else contextlib.nullcontext():
        result = check_item(item, Host(names).answer)
    _results[item.number] = result
    score = Score(result.score)
    score.result, score.own = result, own_source(names.get(item.function))
    if not _in_notebook():
        print(report.text(result, colour=report.coloured()))
    return score


@contextlib.contextmanager
def training(item: Item, expected: int = 15) -> Iterator[None]:
    """A bar of seconds while an item trains. What the student's code prints meanwhile comes after it, the last lines."""
    out, printed, done = sys.stdout, io.StringIO(), threading.Event()
    bar = tqdm(total=expected, desc=f"{item.number} trains a model", unit="s", file=out, ncols=78, leave=False)

    def tick():
        while not done.wait(1):
            bar.total = max(bar.total, bar.n + 2)
            bar.update(1)

    ticking = threading.Thread(target=tick, daemon=True)
    ticking.start()
    try:
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        done.set()
        ticking.join()
        bar.close()
        lines = [line.rpartition("\r")[2].rstrip("\b") for line in printed.getvalue().splitlines()]
        print("\n".join([line for line in lines if line.strip()][-6:]))


def hint(number: str, level: int | None = None) -> None:
    """Prints the next of an item's three hints: a question, a tool, then code with one gap. Level 1, 2 or 3 picks one."""
    item = find(number)
    if level is None:
        level = min(_hints_shown.get(item.number, 0) + 1, len(item.hints))
    if level not in (1, 2, 3):
        raise ValueError(f"hints go from 1 to 3, not {level!r}")
    _hints_shown[item.number] = max(level, _hints_shown.get(item.number, 0))
    head, words = f"{item.number}  {item.function}, hint {level} of {len(item.hints)}:", item.hints[level - 1]
    print(f"{head}\n{words}" if level == 3 else textwrap.fill(f"{head} {words}", 80))  # the third is code


def progress() -> None:
    """Prints the items of the lessons checked in this notebook so far, and the points."""
    begun = {find(number).lesson for number in _results}
    print(table([item for item in items() if not begun or item.lesson in begun], _results))


def table(chosen: list, results: dict[str, Result], colour: bool = False) -> str:
    """One line an item, then the sum."""
    lines = []
    for item in chosen:
        result = results.get(item.number)
        score = f"{result.score:>3}" if result else "  –"
        outcome = report.headline(result)[1] if result else "not checked yet"
        line = f"{item.number:5} {item.function:18} {score} /{item.points:>2}  {outcome}"
        line = textwrap.fill(line, 80, subsequent_indent=" " * 34)
        lines.append(report.shade(result.outcome).format(line) if colour and result else line)
    got = sum(results[item.number].score for item in chosen if item.number in results)
    right = sum(item.number in results and results[item.number].outcome == RIGHT for item in chosen)
    total = sum(item.points for item in chosen)
    lines.append(f"{right} of {len(chosen)} items right, {got} of {total} points")
    return "\n".join(lines)


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
