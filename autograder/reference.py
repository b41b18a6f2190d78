"""The reference solutions, as namespaces."""

import ast
import functools
import sys
import types
from pathlib import Path

SOLUTIONS = Path(__file__).parents[1] / "solutions"


@functools.cache
def reference(lesson: str) -> dict:
    """What the solution of `lesson` ("03_two_tower") defines: its imports, functions, classes and constants."""
    path = SOLUTIONS / lesson / f"{lesson}.py"
    module = types.ModuleType(f"solution_{lesson}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # classes and dataclasses look their module up
    exec(compile(definitions(path.read_text(encoding="utf-8")), str(path), "exec"), vars(module))
    return vars(module)


def definitions(source: str) -> ast.Module:
    """Only what defines names: imports, functions, classes, and assignments of literals."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if _defines(node)]
    return tree


def _defines(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        try:
            ast.literal_eval(node.value)
        except ValueError:
            return False
        return True
    return isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
