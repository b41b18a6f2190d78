"""Answers to compare with once one's own is right: the reference, other right ways, and why, as source code."""

import ast
import inspect
import textwrap

from autograder.item import LESSONS, Item
from autograder.reference import SOLUTIONS


def reference_source(item: Item) -> str:
    """The reference's code without its docstring; empty where the course was handed out without solutions."""
    path = SOLUTIONS / LESSONS[item.lesson] / f"{LESSONS[item.lesson]}.py"
    if not path.exists():
        return ""
    source = path.read_text(encoding="utf-8")
    [node] = [node for node in ast.parse(source).body if getattr(node, "name", None) == item.function]
    left_out = {
        line
        for part in ast.walk(node)
        if isinstance(part, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(part)
        for line in range(part.body[0].lineno, part.body[0].end_lineno + 1)
    }
    lines = enumerate(source.splitlines(), start=1)
    kept = [line for at, line in lines if node.lineno <= at <= node.end_lineno and at not in left_out]
    return "\n".join(line for line in kept if not line.lstrip().startswith("### "))


def other_ways(item: Item) -> dict[str, str]:
    """The other right answers that the tests are proved with, by name."""
    return {name: _renamed(inspect.getsource(code), item.function) for name, code in item.alternatives.items()}


def _renamed(source: str, function: str) -> str:
    """The source of a function registered as `_`, under the item's name and without its registration."""
    lines = [line for line in source.splitlines() if not line.startswith("@")]
    return textwrap.dedent("\n".join(lines)).replace("def _(", f"def {function}(", 1)


def own_source(answer) -> str:
    """The code of what the student defined; empty if Python does not know it."""
    try:
        return textwrap.dedent(inspect.getsource(answer)).rstrip()
    except (OSError, TypeError):
        return ""
