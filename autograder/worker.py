"""The process that a student's notebooks run in. It sees no check, no solution, nobody else's work.

Started by `sandbox.py`, it reads JSON lines and answers each with one: first the notebooks, of which it runs what
defines the names that the graded functions need; then requests to call those functions. It is not trusted: whatever it
says is data, and the verdict is made elsewhere.
"""

import ast
import builtins
import json
import linecache
import os
import re
import resource
import sys


def main(options: dict) -> None:
    """What `zygote.py` does where nothing isolates: limits itself for good, and serves."""
    sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))
    limit(options["limits"])
    serve(options)


def limit(limits: dict[str, int]) -> None:
    """Sets the limits of this process, by their names in `resource`."""
    for name, limit in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))


def serve(options: dict) -> None:
    """Answers the requests on its standard input until that ends."""
    requests, replies = (os.fdopen(os.dup(0), mode, encoding="utf-8") for mode in "rw")
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # a student's input() ends at once, and what is printed goes nowhere
        os.dup2(quiet, stream)

    from autograder.student import Host

    def say(message: dict, about: str) -> None:
        replies.write(json.dumps({**message, "id": about}, allow_nan=False) + "\n")
        replies.flush()

    say({"ready": True}, options["id"])
    hosts: dict[str, Host] = {}
    for line in requests:
        request = json.loads(line)
        about = request.pop("id")
        if "run" in request:
            names, faults = run_cells(request, lambda number, about=about: say({"cell": number}, about))
            hosts[request["run"]] = Host(names)
            say({"ran": request["run"], "faults": [fault[:300] for fault in faults[:20]]}, about)
        else:
            say(hosts[request.pop("notebook")].answer(request), about)


def run_cells(request: dict, before) -> tuple[dict, list[str]]:
    """Runs, cell by cell, the statements that the graded functions need; returns the names and a line per fault.

    request: "cells", the sources; "functions", their names; "skip", the numbers of cells to leave out.
    `before(n)` is called before cell n is parsed, and again before it runs.
    """
    trees, faults = [], []
    for number, source in enumerate(request["cells"], start=1):
        if number in request["skip"]:
            faults.append(f"cell {number} was left out: it did not come to an end")
            continue
        before(number)
        try:
            trees.append((number, parsed(source, f"cell {number}")))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            faults.append(f"cell {number}: {type(error).__name__}: {error}")
    names: dict = {"__name__": "__main__", "__builtins__": builtins}
    waiting = needed(trees, request["functions"])
    for last in (False, True):  # a second time what missed a name, for cells that were run in another order
        missed = []
        for number, tree in waiting:
            before(number)
            try:
                exec(compile(tree, f"cell {number}", "exec"), names)
            except (Exception, SystemExit, KeyboardInterrupt) as error:
                if isinstance(error, NameError) and not last:
                    missed.append((number, tree))
                else:
                    faults.append(f"cell {number}: {type(error).__name__}: {str(error)[:200]}")
        waiting = missed
    return names, faults


def parsed(source: str, name: str) -> ast.Module:
    """A cell's syntax tree; where it is no Python as it stands, without the lines that only IPython takes."""
    if re.match(r"\s*%%(?!time|capture|prun)", source):  # a page, a script, a file
        source = ""
    try:
        return _parsed(source, name)
    except SyntaxError:
        lines = ["" if re.fullmatch(r"\s*[%!?].*|.*\?\s*", line) else line for line in source.split("\n")]
        return _parsed("\n".join(lines), name)


def _parsed(source: str, name: str) -> ast.Module:
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    return ast.parse(source + "\n", name)


def needed(trees: list[tuple[int, ast.Module]], functions: list[str]) -> list[tuple[int, ast.Module]]:
    """The cells, each cut down to the statements that bind or change a name that `functions` come to use."""
    nodes = [(number, node) for number, tree in trees for node in tree.body]
    sets = {node.name: sets_globally(node) for _, node in nodes if isinstance(node, ast.FunctionDef)}
    statements = [(number, node, bound(node, sets), used(node)) for number, node in nodes]
    wanted, before = {*functions, "*"}, set()
    while wanted != before:
        before = set(wanted)
        for _, _, binds, uses in statements:
            if binds & wanted:
                wanted |= uses
    cut: dict[int, list] = {}
    for number, node, binds, _ in statements:
        if binds & wanted:
            cut.setdefault(number, []).append(node)
    return [(number, ast.Module(body, [])) for number, body in cut.items()]


def bound(statement: ast.stmt, sets: dict[str, set[str]]) -> set[str]:
    """The names that a top-level statement binds or whose objects it may change: targets, and roots of calls.

    sets: the global names that a call of each function binds. "*" stands for what is always wanted.
    """
    names: set[str] = set()
    for node in _outside_functions(statement):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
            names |= {"*"} if getattr(node, "module", "") == "__future__" else set()
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            names |= _root(node)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        names |= _root(function) if isinstance(function, ast.Attribute) else sets.get(getattr(function, "id", ""), set())
    return names


def sets_globally(function: ast.FunctionDef) -> set[str]:
    """The names that a function declares global."""
    return {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}


def used(statement: ast.stmt) -> set[str]:
    """The names that a statement, or a function or class it defines, may read."""
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _outside_functions(statement: ast.stmt):
    left = [statement]
    while left:
        node = left.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            left.extend(ast.iter_child_nodes(node))


def _root(node: ast.AST) -> set[str]:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return {node.id} if isinstance(node, ast.Name) else set()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
