"""The seam between a check and a student's code.

`Student` is what a check holds: `student.top_k(scores, ids, 3)` calls the student's function and returns plain data;
`student.workshop.tower(...)` calls a trusted helper that builds, beside the student's code, what cannot cross.
`Host` is the other end: it owns the names and the objects behind handles, and answers one request at a time. Between
them go JSON-ready messages, so the two ends may share a process (a notebook checking itself) or not.
"""

import ast
import difflib
import inspect
import linecache
import re
import sys
import sysconfig
import textwrap
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from autograder import wire

_PACKAGE = str(Path(__file__).parent)
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


class NotAttempted(Exception):
    """The blank is still a blank, or the cell that defines the name has not been run."""


class StudentRaised(Exception):
    """The student's code raised. `kind` is the exception's class name, `where` the student's own lines."""

    def __init__(self, kind: str, message: str, where: str):
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind, self.message, self.where = kind, message, where


@dataclass
class Call:
    """One call of a student's function, as a check made it. `changed`: the arguments that it left changed, by name."""

    name: str
    args: tuple
    kwargs: dict = field(default_factory=dict)
    returned: Any = None
    changed: list[str] = field(default_factory=list)


class Host:
    """Owns a namespace and answers requests on it. In a notebook it runs in the kernel; in a sandbox, inside."""

    def __init__(self, names: dict[str, Any]):
        self.names = names
        self._kept: list[Any] = []

    def answer(self, request: dict) -> dict:
        """{"call": name} | {"workshop": name} | {"method": [handle, name]}, with "args" and "kwargs", to
        {"value": data} | {"missing": name, "near": names} | {"raised": [kind, message, where]}; where a call left
        arguments changed, also {"changed": names}."""
        changed: list[str] = []
        try:
            args = wire.decode(request["args"], self._find)
            kwargs = wire.decode(request["kwargs"], self._find)
            if "call" in request:
                if request["call"] not in self.names:
                    named = [name for name in self.names if callable(self.names[name])]
                    return {"missing": request["call"], "near": difflib.get_close_matches(request["call"], named)}
                function = _watched(self.names[request["call"]], changed)
            elif "workshop" in request:
                from autograder import workshop

                function = getattr(workshop, request["workshop"])
            else:
                handle, name = request["method"]
                function = getattr(wire.decode(handle, self._find), name)
            reply = {"value": wire.encode(function(*args, **kwargs), self._keep)}
        except (Exception, SystemExit) as error:
            kind, message = essence(error)
            if kind == "NotImplementedError" and not message and _beside_more_code(error):
                message = "this line still stands in your function; delete it"
            reply = {"raised": [kind, _shortened(message), own_lines(error)]}
        return {**reply, "changed": changed} if changed else reply

    def _keep(self, value: Any) -> wire.Handle:
        self._kept.append(value)
        return wire.Handle(len(self._kept) - 1, type(value).__name__)

    def _find(self, handle: wire.Handle) -> Any:
        if not 0 <= handle.id < len(self._kept):
            raise wire.WireError(f"no such handle: {handle.id}")
        return self._kept[handle.id]


def _watched(function: Callable, changed: list[str]) -> Callable:
    """The function, which then notes the names of those arguments that it leaves changed."""

    def looks(value: Any) -> Any:
        try:
            return wire.encode(value, lambda thing: wire.Handle(id(thing), ""))
        except Exception:  # made into something that is not data
            return None

    def call(*args, **kwargs):
        try:
            given = inspect.signature(function).bind(*args, **kwargs).arguments
        except (TypeError, ValueError):  # the call itself will say so
            given = {}
        before = {name: looks(value) for name, value in given.items()}
        try:
            return function(*args, **kwargs)
        finally:
            changed.extend(name for name, value in given.items() if looks(value) != before[name])

    return call


class Student:
    """A student's functions, called by name. `calls` records them, the latest last."""

    def __init__(self, answer: Callable[[dict], dict]):
        self._answer = answer
        self.calls: list[Call] = []
        self.workshop = _Workshop(self)

    def __getattr__(self, name: str) -> Callable:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*args, **kwargs):
            record = Call(name, args, kwargs)
            self.calls.append(record)
            record.returned = self.ask({"call": name}, args, kwargs, record.changed)
            return record.returned

        return call

    def method(self, handle: wire.Handle, name: str, *args, **kwargs) -> Any:
        """Calls a method of an object that stayed beside the student's code."""
        return self.ask({"method": [wire.encode(handle), name]}, args, kwargs)

    def ask(self, what: dict, args: tuple, kwargs: dict, changed: list[str] | None = None) -> Any:
        """Sends one request and returns the decoded value; raises NotAttempted or StudentRaised.

        The names of arguments that were left changed are appended to `changed`.
        """
        reply = self._answer({**what, "args": wire.encode(list(args)), "kwargs": wire.encode(kwargs)})
        if changed is not None:
            changed += _names(reply.get("changed"))
        if "missing" in reply:
            near = " or ".join(_names(reply.get("near")))
            raise NotAttempted(
                f"Nothing is named {what.get('call')}: its cell was not run, or raised, or the name was changed"
                f"{f' ({near}?)' if near else ''}."
            )
        try:
            if "raised" not in reply:
                return wire.decode(reply["value"])
            kind, message, where = (_shortened(str(part), 1_000) for part in reply["raised"])
        except (KeyError, TypeError, ValueError) as error:  # not what a Host says
            raise StudentRaised("WireError", f"what came back is no answer: {_shortened(str(error))}", "") from None
        if kind == "NotImplementedError" and not message:
            inner = re.search(r"in (\w+): .*\Z", where)  # another blank may be the one that this one needs
            blank = f"The blank in {inner[1]}" if inner and inner[1] != what.get("call") else "The blank"
            raise NotAttempted(f"{blank} is still empty: replace `raise NotImplementedError()` with your answer.")
        raise StudentRaised(kind, message, where)


def _names(said: Any) -> list[str]:
    """What a reply says are names, as far as it can be so."""
    said = said[:9] if isinstance(said, list) else []
    return [name for name in said if isinstance(name, str) and name.isidentifier() and len(name) <= 60]


class _Workshop:
    def __init__(self, student: Student):
        self._student = student

    def __getattr__(self, name: str) -> Callable:
        def call(*args, **kwargs):
            made = self._student.ask({"workshop": name}, args, kwargs)
            if isinstance(made, wire.Handle):  # a report shows how it was made, or if that is long, its size
                given = [_plain(arg) for arg in args] + [f"{key}={_plain(value)}" for key, value in kwargs.items()]
                short = all(len(one) <= 300 for one in given)
                kind = f"workshop.{name}({', '.join(given)})" if short else f"{name} of {_size(args[0]):,}"
                made = wire.Handle(made.id, kind)
            return made

        return call


def _size(rows: Any) -> int:
    """How many rows: of a list, or of a dict of columns."""
    return len(next(iter(rows.values()))) if isinstance(rows, dict) else len(rows)


def _plain(value: Any) -> str:
    """A value as one would type it; arrays as lists, rounded."""
    if isinstance(value, np.ndarray):
        value = np.round(value, 3).tolist() if value.dtype.kind == "f" else value.tolist()
    return repr(value)


def _shortened(text: str, limit: int = 400) -> str:
    """The beginning and, as long Keras errors say it last, more of the end."""
    text = text.strip()
    return text if len(text) <= limit else f"{text[: limit // 3]} … {text[-limit * 2 // 3 :]}"


WRAPPING = [
    r"(?m)^\s*File .*, line \d+, in .*\n.*$",  # frames of a traced function; the student's own are shown by themselves
    r"(?m)^\s*(?:in user code:|(?:\w+Error: )?Exception encountered when calling .*)$",
    r"(?s)\s*(?:Call arguments|Arguments) received by .*",
    r"\{\{(?:function_)?node [^}]*\}\} ?",
    r"\s*\[Op:\w+\].*",
]


def essence(error: BaseException) -> tuple[str, str]:
    """An exception's class and message, without what TensorFlow and Keras wrap around them: frames, nodes, layers."""
    message = str(error)
    for wrapping in WRAPPING:
        message = re.sub(wrapping, "", message)
    kind, inner = type(error).__name__, re.match(r"\s*(\w+Error): ", message)
    if inner:  # what a traced function raised comes in another class, and names its own
        kind, message = inner[1], message[inner.end() :]
    return kind, message.strip()


def own_lines(error: BaseException) -> str:
    """The lines of the traceback that the student wrote, without those of libraries and of the autograder."""
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        name = frame.filename
        if name.startswith((_PACKAGE, *_LIBRARIES, "<frozen")) or "__autograph_generated_file" in name:
            continue
        source = linecache.getline(name, frame.lineno).strip() or (frame.line or "").strip()
        if source:
            lines.append(f"line {frame.lineno}, in {frame.name}: {_shortened(source, 120)}")
    return "\n".join(lines[-3:])


def _beside_more_code(error: BaseException) -> bool:
    """Whether the function that raised holds more than its docstring and that one statement."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    try:
        [function] = ast.parse(textwrap.dedent(inspect.getsource(frame.f_code))).body
        return len(function.body) - (ast.get_docstring(function) is not None) > 1
    except (AttributeError, OSError, SyntaxError, TypeError, ValueError):  # no source, or no whole function
        return False


def notebook_names() -> dict[str, Any]:
    """The namespace of the running notebook, or of `__main__` outside of one."""
    if "IPython" in sys.modules:
        from IPython import get_ipython

        if (shell := get_ipython()) is not None:
            return shell.user_ns
    return vars(sys.modules["__main__"])
