"""`check`, `hint` and `progress` in a terminal. A notebook's own cells are run, then the checks of its lesson."""

import argparse
import contextlib
import io
import os
import re
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
from tqdm import tqdm

from autograder import report
from autograder.causes import cause_of
from autograder.item import CHECK_CALL, EXERCISES, Item, find, items
from autograder.metadata import item_of
from autograder.notebook import hint, table, training
from autograder.run import RIGHT, Result, check
from autograder.student import Host, essence, own_lines


def main(argv: list[str]) -> int:
    """Prints a report an item and the sum; returns 0 if every item is right, 1 if not, 2 if something cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m autograder check", description="Checks filled-in exercises.")
    which = "filled-in exercises; 3.1: only that item of theirs"
    parser.add_argument("notebooks", nargs="+", metavar="NOTEBOOK | ITEM", help=which)
    given = parser.parse_args(argv).notebooks
    numbers = [one for one in given if re.fullmatch(r"\d+\.\d+", one)]
    right = True
    try:
        only = [find(number) for number in numbers]
        for path in (Path(one) for one in given if one not in numbers):
            results = checked(path, only)
            print(table([find(number) for number in results], results, report.coloured()))
            right &= all(result.outcome == RIGHT for result in results.values())
            if any(result.outcome == RIGHT for result in results.values()):
                print("In the notebook, the check of a right item unfolds other ways to write it.")
    except Unreadable as error:
        print(error, file=sys.stderr)
        return 2
    except KeyError as error:
        print(error.args[0], file=sys.stderr)
        return 2
    return 0 if right else 1


def hint_main(argv: list[str]) -> int:
    """Prints a hint: the question, the tool, or code with one gap."""
    parser = argparse.ArgumentParser(prog="python -m autograder hint", description="One of an item's three hints.")
    parser.add_argument("item", help="such as 3.1")
    parser.add_argument("level", nargs="?", type=int, choices=(1, 2, 3), default=1, help="1, if you do not say")
    chosen = parser.parse_args(argv)
    try:
        hint(chosen.item, chosen.level)
    except KeyError as error:
        print(error.args[0], file=sys.stderr)
        return 2
    if chosen.level < 3:
        print(f"The next one: hint {chosen.item} {chosen.level + 1}")
    return 0


def progress_main(argv: list[str]) -> int:
    """Prints a line an item of the exercises, and the sum. Items that train a model are left for `check`."""
    parser = argparse.ArgumentParser(prog="python -m autograder progress", description="Shows where you stand.")
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK", help="if none: all in exercises/")
    paths = parser.parse_args(argv).notebooks or sorted(EXERCISES.glob("*/*.ipynb"))
    results: dict[str, Result] = {}
    try:
        chosen = [item for path in paths for item in wanted(read(path))]
        for path in tqdm(paths, unit="notebook", leave=False, ncols=78, disable=not sys.stderr.isatty()):
            with contextlib.redirect_stdout(io.StringIO()):
                results |= checked(path, [item for item in items() if not item.slow])
    except Unreadable as error:
        print(error, file=sys.stderr)
        return 2
    print(table(chosen, results, report.coloured()))
    return 0


class Unreadable(Exception):
    """A file that is no notebook of an exercise; its message says why."""


def read(path: Path) -> nbformat.NotebookNode:
    """The notebook, or Unreadable."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise Unreadable(f"{path}: there is no such file") from None
    except Exception as error:  # nbformat raises whatever its parsers raise
        raise Unreadable(f"{path} is not a notebook that can be read: {error}") from None
    if not wanted(notebook):
        raise Unreadable(f"{path} defines no function of any exercise and calls no check")
    return notebook


def checked(path: Path, only: list[Item]) -> dict[str, Result]:
    """The results of a notebook's items, or of those among them that are in `only`; each is printed as it comes."""
    notebook = read(path)
    chosen = [item for item in wanted(notebook) if item in only or not only]
    if not chosen:
        raise Unreadable(f"{path} does not hold {', '.join(item.number for item in only)}")
    print(path)
    with patience("The notebook"):
        names, faults = run_cells(notebook, path.parent)
    for fault in faults:
        for line, indent in zip(fault.split("\n", 1), ("  ", "    ")):
            print(textwrap.fill(line, 80, initial_indent=indent, subsequent_indent="    "))
    host, results = Host(names), {}
    for item in chosen:
        with training(item) if item.slow else patience(f"{item.number} {item.function}"):
            results[item.number] = check(item, host.answer)
        print(report.text(results[item.number], colour=report.coloured()), flush=True)
    return results


def wanted(notebook: nbformat.NotebookNode) -> list[Item]:
    """The items that the notebook checks or, if its check cells are lost, whose functions it defines."""
    found = [pair for cell in notebook.cells if (pair := item_of(cell))]
    checked = {item.number for item, checks in found if checks}
    return [item for item in items() if item.number in (checked or {item.number for item, _ in found})]


def run_cells(notebook: nbformat.NotebookNode, folder: Path) -> tuple[dict, list[str]]:
    """Runs the code cells in order, but those that check. Returns the names they leave and, for each cell that raised,
    its first line and what it raised, then where.

    What the cells print is not shown; magics and shell lines work as in the notebook.
    """
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.reset()
    faults, before = [], os.getcwd()
    os.chdir(folder)
    try:
        for cell in notebook.cells:
            if cell.cell_type != "code" or CHECK_CALL.search(cell.source):
                continue
            with silence():
                outcome = shell.run_cell(cell.source)
            if error := outcome.error_before_exec or outcome.error_in_exec:
                kind, message = essence(error)
                cause = cause_of(kind, message)
                message, where = (message.splitlines() or [""])[0], own_lines(error)
                if isinstance(error, SyntaxError) and error.text:
                    message, where = error.msg, f"line {error.lineno}: {error.text.strip()}"
                head = next(line for line in cell.source.splitlines() if line.strip())
                what = f"{kind}: {message}{f' ({cause.meaning})' if cause else ''}"
                faults.append(f"The cell `{head:.60}` raised {what}\n{where}".strip())
    finally:
        os.chdir(before)
    return dict(shell.user_ns), faults


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Nothing is shown, not even what TensorFlow's C++ writes past Python when it is imported."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            os.dup2(nowhere.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(kept, 2)
                os.close(kept)


@contextlib.contextmanager
def patience(what: str, seconds: float = 60) -> Iterator[None]:
    """Says that `what` still runs, if it does after so many seconds: a loop may never come to its end."""
    with os.fdopen(os.dup(2), "w") as shown:  # past whatever is silenced meanwhile
        said = f"{what} still runs after {seconds:g} s; Ctrl-C stops it."
        timer = threading.Timer(seconds, print, [said], {"file": shown, "flush": True})
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
