"""Makes every notebook from its source; `--check` fails on anything stale or stray.

lessons/NN_name.py            -> lessons/NN_name.ipynb              executed
solutions/NN_name/NN_name.py  -> solutions/NN_name/NN_name.ipynb    the answer key, nbgrader's source
                              -> exercises/NN_name/NN_name.ipynb    the answers cut by nbgrader's own preprocessors
"""

import argparse
import copy
import hashlib
import re
import sys
import time
import tomllib
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from autograder.item import Item
from autograder.metadata import item_of, mark

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY = PROJECT["urls"]["Repository"]
BADGE = (
    "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    "(https://colab.research.google.com/github/{}/blob/main/{})"
)
FIRST_CELL = """# Run me first. Everywhere I pick Keras 2, which TFRS needs; in Colab I also fetch the course and what Colab lacks.
import os, sys
os.environ["TF_USE_LEGACY_KERAS"] = "1"  # before TensorFlow is imported
if "google.colab" in sys.modules:
    if not os.path.exists("/content/course"):
        get_ipython().system("git clone -q --depth 1 {repository} /content/course")
        get_ipython().system("pip install -q --no-deps {packages}")
    sys.path.insert(0, "/content/course")"""
COLAB_LACKS = ("tensorflow-recommenders", "importlib-resources", "tensorflow-metadata")
COLAB_LACKS_FOR = {"import faiss": "faiss-cpu"}  # what else a notebook gets there that says this


class BuildError(Exception):
    """A source that cannot be built, and what to change in it."""


def main(argv: list[str]) -> int:
    """`build [PLACE ...] [--check]`: builds all, or the lessons and solutions named by path or by name."""
    parser = argparse.ArgumentParser(prog="python -m autograder build", description=__doc__.split("\n")[0])
    parser.add_argument("places", nargs="*", help="lessons/03_two_tower, solutions/03_two_tower or 03_two_tower")
    parser.add_argument("--check", action="store_true", help="change nothing; fail on anything stale or stray")
    options = parser.parse_args(argv)
    wanted = [place.removesuffix(".py").removesuffix(".ipynb").strip("/") for place in options.places]

    def chosen(path: Path) -> bool:
        place = path.relative_to(ROOT).with_suffix("").as_posix()
        return not wanted or any(place.startswith(w) or path.stem == w for w in wanted)

    try:
        if options.check:
            return check()
        for source in sorted(ROOT.glob("solutions/*/*.py")):
            if chosen(source):
                for path, text in exercise(source).items():
                    write(path, text)
        for source in sorted(ROOT.glob("lessons/*.py")):
            if chosen(source):
                began = time.perf_counter()
                print(f"running {source.relative_to(ROOT)} …", end=" ", flush=True)
                notebook = execute(lesson(source))
                print(f"{time.perf_counter() - began:.0f} s")
                write(source.with_suffix(".ipynb"), nbformat.writes(notebook) + "\n")
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def check() -> int:
    """Prints what is stale, missing or stray, each with its mend; returns the number of such faults, at most 1."""
    faults = []
    built = set()
    for source in sorted(ROOT.glob("solutions/*/*.py")):
        for path, text in exercise(source).items():
            built.add(path)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                faults.append(f"{path.relative_to(ROOT)} is stale: python -m autograder build {source.stem}")
    for source in sorted(ROOT.glob("lessons/*.py")):
        path = source.with_suffix(".ipynb")
        built.add(path)
        if not path.exists() or not is_run_of(lesson(source), nbformat.read(path, as_version=4)):
            faults.append(f"{path.relative_to(ROOT)} is stale: python -m autograder build lessons/{source.stem}")
    for folder in ("lessons", "solutions", "exercises"):
        for path in sorted((ROOT / folder).rglob("*")):
            stray = path.is_file() and path not in built and path.suffix != ".py"
            if stray and not {".ipynb_checkpoints", "__pycache__"} & set(path.parts):
                faults.append(f"{path.relative_to(ROOT)} is stray: no source builds it; remove it or move it")
        if folder == "exercises":
            faults += [f"{p.relative_to(ROOT)} is stray" for p in (ROOT / folder).rglob("*.py")]
    print("\n".join(faults) or f"{len(built)} notebooks are as their sources make them")
    return int(bool(faults))


def write(path: Path, text: str) -> None:
    """Writes `text` if it differs from what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


def notebook(source: Path, place: str, last_line: str = "") -> NotebookNode:
    """The source as a notebook: stable cell ids, the Colab badge under the title, the first cell below it."""
    made = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    title = made.cells[0]
    if title.cell_type != "markdown" or not title.source.startswith("# "):
        raise BuildError(f"{source.relative_to(ROOT)}: the first cell must be markdown and begin with '# Title'")
    head, _, rest = title.source.partition("\n")
    title.source = f"{head}\n\n{BADGE.format(REPOSITORY.removeprefix('https://github.com/'), place)}\n{rest}".rstrip()
    setup = FIRST_CELL.format(repository=REPOSITORY, packages=" ".join(map(_pin, COLAB_LACKS)))
    for words, name in COLAB_LACKS_FOR.items():
        if any(words in cell.source for cell in made.cells):
            setup += f'\n    get_ipython().system("pip install -q --no-deps {_pin(name)}")'
    made.cells.insert(1, nbformat.v4.new_code_cell(setup + (f"\n{last_line}" if last_line else "")))
    for position, cell in enumerate(made.cells):
        cell.id = hashlib.sha256(f"{source.stem} {position}".encode()).hexdigest()[:12]
        cell.metadata = NotebookNode()
    made.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    made.nbformat, made.nbformat_minor = 4, 5
    return made


def _pin(name: str) -> str:
    [pin] = [pin for pin in PROJECT["dependencies"] if re.split(r"[=<>~!; \[]", pin)[0] == name]
    return pin


def lesson(source: Path) -> NotebookNode:
    """A lesson, not yet run."""
    return notebook(source, f"lessons/{source.stem}.ipynb")


def execute(made: NotebookNode) -> NotebookNode:
    """Runs a lesson top to bottom in its folder; a cell that raises stops the build with its traceback."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    run = copy.deepcopy(made)
    try:
        NotebookClient(run, timeout=600, resources={"metadata": {"path": str(ROOT / "lessons")}}).execute()
    except CellExecutionError as error:
        raise BuildError(str(error)) from None
    for cell in run.cells:
        cell.metadata.pop("execution", None)  # times, which differ from run to run
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_start_up(output)]
    run.metadata = made.metadata
    return run


def _is_start_up(output: NotebookNode) -> bool:
    """Whether an output is only what TensorFlow's libraries say of the machine when they are loaded."""
    if output.get("name") != "stderr":
        return False
    return all(re.search("InitializeLog|port.cc|cudart_stub|cpu_feature_guard|rebuild TensorFlow", line)
               for line in output.text.splitlines() if line.strip())  # fmt: skip


def is_run_of(made: NotebookNode, run: NotebookNode) -> bool:
    """Whether `run` is `made`, cell for cell, after a clean run from top to bottom."""
    if [(c.cell_type, c.source) for c in made.cells] != [(c.cell_type, c.source) for c in run.cells]:
        return False
    code = [cell for cell in run.cells if cell.cell_type == "code" and cell.source.strip()]
    return [cell.execution_count for cell in code] == list(range(1, len(code) + 1)) and not any(
        output.output_type == "error" for cell in code for output in cell.outputs
    )


def exercise(source: Path) -> dict[Path, str]:
    """The answer key and the blank exercise of one solution, as texts by path."""
    name = source.stem
    blank = ROOT / "exercises" / name / f"{name}.ipynb"
    key = notebook(source, blank.relative_to(ROOT).as_posix(), "from autograder import check, hint, progress")
    seen: list[str] = []
    blanks = 0
    for position, cell in enumerate(key.cells):
        found = _item_of(source, cell)
        mark(cell)
        if "### BEGIN SOLUTION" in cell.source:
            blanks += 1
            if found is None:
                raise BuildError(f"{source.relative_to(ROOT)}: this blank defines no item's function:\n{cell.source}")
        if found and found[1]:
            seen.append(found[0].number)
            _demand_heading(source, key.cells[:position], found[0])
    if len(seen) != len(set(seen)) or len(seen) != blanks:
        raise BuildError(f"{source.relative_to(ROOT)}: {blanks} blanks, but checks of {seen}; each blank has one check")
    return {
        source.with_suffix(".ipynb"): nbformat.writes(key) + "\n",
        blank: nbformat.writes(release(key)) + "\n",
    }


def _item_of(source: Path, cell: NotebookNode) -> tuple[Item, bool] | None:
    try:
        return item_of(cell)
    except KeyError as error:
        raise BuildError(f"{source.relative_to(ROOT)}: {error.args[0]}") from None


def _demand_heading(source: Path, above: list[NotebookNode], item: Item) -> None:
    """The heading above a check names the item and its points."""
    headings = [c.source for c in above if c.cell_type == "markdown" and c.source.startswith("## ")]
    wanted = rf"## {re.escape(item.number)} .*\({item.points} points?\)"
    if not headings or not re.match(wanted, headings[-1]):
        raise BuildError(
            f"{source.relative_to(ROOT)}: the heading above check({item.number!r}) must read "
            f"'## {item.number} Title ({item.points} points)'; the tests sum to {item.points} points"
        )


def release(key: NotebookNode) -> NotebookNode:
    """The exercise as students get it: what `nbgrader generate_assignment` makes of the answer key."""
    from nbgrader import preprocessors as steps

    blank = copy.deepcopy(key)
    for step in (steps.LockCells, steps.ClearSolutions, steps.ClearOutput, steps.CheckCellMetadata,
                 steps.ComputeChecksums, steps.CheckCellMetadata):  # fmt: skip
        blank, _ = step().preprocess(blank, {})
    return blank
