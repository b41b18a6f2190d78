"""`python -m autograder check NOTEBOOK ...`: runs a notebook's own cells, then the checks of its lesson."""

import argparse
import contextlib
import io
import os
import sys
from pathlib import Path

import nbformat

from autograder import report
from autograder.item import CHECK_CALL, Item, items
from autograder.metadata import item_of
from autograder.notebook import table, training
from autograder.run import RIGHT, check
from autograder.student import Host


def main(argv: list[str]) -> int:
    """Prints one report an item and the sum; returns 0 if every item is right, 1 if not, 2 if a file cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m autograder check", description=__doc__)
    parser.add_argument("notebooks", nargs="+", type=Path, help="filled-in exercises")
    right = True
    for path in parser.parse_args(argv).notebooks:
        try:
            notebook = nbformat.read(path, as_version=4)
        except FileNotFoundError:
            print(f"{path}: there is no such file", file=sys.stderr)
            return 2
        except Exception as error:  # nbformat raises whatever its parsers raise
            print(f"{path} is not a notebook that can be read: {error}", file=sys.stderr)
            return 2
        chosen = wanted(notebook)
        if not chosen:
            print(f"{path} defines no function of any exercise and calls no check", file=sys.stderr)
            return 2
        print(f"{path}")
        names, faults = run_cells(notebook, path.parent)
        for fault in faults:
            print(f"  {fault}")
        host, results = Host(names), {}
        for item in chosen:
            with training(item) if item.slow else contextlib.nullcontext():
                results[item.number] = check(item, host.answer)
            print(report.text(results[item.number]), flush=True)
        print(table(chosen, results))
        right &= all(result.outcome == RIGHT for result in results.values())
    return 0 if right else 1


def wanted(notebook: nbformat.NotebookNode) -> list[Item]:
    """The items that the notebook checks or, if its check cells are lost, whose functions it defines."""
    found = [pair for cell in notebook.cells if (pair := item_of(cell))]
    checked = {item.number for item, checks in found if checks}
    return [item for item in items() if item.number in (checked or {item.number for item, _ in found})]


def run_cells(notebook: nbformat.NotebookNode, folder: Path) -> tuple[dict, list[str]]:
    """Runs the code cells in order, but those that check. Returns the names they leave and a line per cell that raised.

    What the cells print is not shown; magics and shell lines work as in the notebook.
    """
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.reset()
    faults, before = [], os.getcwd()
    os.chdir(folder)
    try:
        for number, cell in enumerate(notebook.cells, start=1):
            if cell.cell_type != "code" or CHECK_CALL.search(cell.source):
                continue
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                outcome = shell.run_cell(cell.source)
            if error := outcome.error_before_exec or outcome.error_in_exec:
                faults.append(f"cell {number} raised {type(error).__name__}: {str(error).splitlines()[0]}")
    finally:
        os.chdir(before)
    return dict(shell.user_ns), faults
