"""How a result reads: as text for a terminal, as HTML for a notebook. One set of lines serves both."""

import html
import os
import sys
import textwrap
from typing import Any

import numpy as np

from autograder.answers import other_ways, reference_source
from autograder.causes import cause_of
from autograder.item import NOTHING, Item, Wrong
from autograder.run import NOT_ATTEMPTED, RAISED, RIGHT, Result
from autograder.student import Call
from autograder.wire import Handle

ANSI = {RIGHT: "\x1b[32m{}\x1b[0m", RAISED: "\x1b[31m{}\x1b[0m", NOT_ATTEMPTED: "\x1b[2m{}\x1b[0m"}
MARKS = {RIGHT: "✓", NOT_ATTEMPTED: "·", RAISED: "✗"}


def headline(result: Result) -> tuple[str, str]:
    """Item and function, and the outcome with the mistake's name or the points."""
    outcome = result.outcome
    if result.mistake:
        outcome += f": {result.mistake.name}"
    return f"{result.item.number}  {result.item.function}", outcome


def details(result: Result) -> list[tuple[str, str]]:
    """The labelled lines below the headline: what was called, returned, expected, why, how to see it, what next."""
    changed = sorted(set().union(*(test.changed for test in result.tests)))
    names = " and ".join(changed)
    copies = f"Your function changes what it is given, {names}, also for whoever uses that next: change a copy."
    noted = [("note", copies)] if changed else []
    if result.outcome == RIGHT:
        return [("points", f"{result.score} of {result.item.points}"), *noted]
    failed, lines = result.failed, []
    if result.outcome == NOT_ATTEMPTED:
        return [("next", f'{failed.error} hint("{result.item.number}") when stuck.')]
    called = show_call(failed.call) if failed.call else ""
    if called:
        lines.append(("called", called))
    if result.outcome == RAISED:
        lines.append(("raised", str(failed.error)))
        if failed.error.where:
            lines.append(("where", failed.error.where))
        if not result.mistake and (cause := cause_of(failed.error.kind, failed.error.message)):
            lines.append(("likely", cause.meaning))
    elif isinstance(failed.error, Wrong):
        judged_itself = failed.call is not None and failed.error.got is failed.call.returned
        lines.append(("returned" if judged_itself else "observed", show(failed.error.got)))
        if judged_itself and failed.error.got is None:
            lines.append(("note", "None came back: some way through the function ends without `return`, or returns None."))
        want = "" if failed.error.want is NOTHING else show(failed.error.want) + ", "
        lines.append(("expected", want + failed.error.meaning))
    if result.mistake:
        lines.append(("why", result.mistake.why))
    if result.mistake and result.mistake.see:
        lines.append(("see it", result.mistake.see))
    lines += noted
    if 0 < result.score:
        lines.append(("points", f"{result.score} of {result.item.points} so far"))
    further = f'hint("{result.item.number}")'
    if not result.mistake and complete(called):
        first = ", after `from autograder import workshop`" if "workshop." in called else ""
        further = f"Run the call above yourself{first}; or {further}."
    lines.append(("next", further))
    return lines


def complete(called: str) -> bool:
    """Whether a call, as shown, can be typed: nothing was shortened, and nothing stands in it that has no code."""
    return bool(called) and not any(gap in called for gap in ("…", "array of shape", "<"))


def coloured() -> bool:
    """Whether the terminal wants colours: it is one, and NO_COLOR is not set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def shade(outcome: str) -> str:
    """A terminal's colour for an outcome, around {}."""
    return ANSI.get(outcome, ANSI[RAISED])


def text(result: Result, width: int = 80, colour: bool = False) -> str:
    """The result for a terminal, `width` columns wide. Colour repeats what the words say."""
    name, outcome = headline(result)
    mark = f"{MARKS.get(result.outcome, '✗')} {name}"
    if len(mark) + 2 + len(outcome) > width:  # a long name goes on the next line
        head = [mark, *textwrap.wrap(outcome, width, initial_indent="    ", subsequent_indent="    ")]
    else:
        head = [f"{mark}{outcome:>{width - len(mark)}}"]
    lines = [shade(result.outcome).format(line) if colour else line for line in head]
    for label, body in details(result):
        if result.outcome == RIGHT and label == "points":  # the sum below says it
            continue
        room = width - 14
        if label == "see it" and any(len(line) > room for line in body.splitlines()):
            body = body.replace("  # ", "\n# ")  # rather than break a comment, which could not be pasted
        wrapped = [piece for line in body.splitlines() for piece in textwrap.wrap(line, room) or [""]]
        first = (ANSI[NOT_ATTEMPTED] if colour else "{}").format(f"{label:10}")
        lines += [f"    {first if i == 0 else ' ' * 10}{piece}" for i, piece in enumerate(wrapped)]
    return "\n".join(lines)


CODE_LINES = {"called", "returned", "observed", "raised", "where", "see it"}
COLOURS = {RIGHT: "#1a7f37", NOT_ATTEMPTED: "#6e7781"}


def as_html(result: Result, own: str = "") -> str:
    """The result for a notebook, readable on light and dark ground. `own`: the student's code, for comparison."""
    name, outcome = headline(result)
    colour = COLOURS.get(result.outcome, "#cf222e")
    body = "".join(
        f"<div style='opacity:.65'>{label}</div><div style='white-space:pre-wrap;overflow-wrap:anywhere;"
        f"font-family:{'monospace' if label in CODE_LINES else 'inherit'}'>{html.escape(line)}</div>"
        for label, line in details(result)
    )
    return (
        f"<div style='border-left:4px solid {colour};padding:.2em .9em;margin:.3em 0;max-width:60em'>"
        f"<b>{MARKS.get(result.outcome, '✗')} {html.escape(name)}</b> — {html.escape(outcome)}"
        f"<div style='display:grid;grid-template-columns:6em 1fr;gap:.15em .8em'>{body}</div>"
        f"{compared(result.item, own) if result.outcome == RIGHT else ''}</div>"
    )


def compared(item: Item, own: str) -> str:
    """The student's code beside the reference, why that is so, and other right ways, all folded until asked for."""
    reference = reference_source(item)
    sides = "".join(
        f"<div style='flex:1 1 24em;min-width:0'>{title}{_code(code)}</div>"
        for title, code in (("Yours", own), ("The reference", reference))
        if code
    )
    beside = f"<div style='display:flex;flex-wrap:wrap;gap:0 1em'>{sides}</div>" if reference else ""
    ways = "".join(_folded(name, _code(code)) for name, code in other_ways(item).items())
    note = f"<div>Helpers of these stand in autograder/checks/, in the file of lesson {item.lesson}.</div>"
    why = f"<div>{html.escape(item.because)}</div>"
    return _folded("Compare", beside + why) + _folded("Other right ways", ways + note)


def _folded(title: str, body: str) -> str:
    return f"<details style='margin:.3em 0 .3em .6em'><summary>{html.escape(title)}</summary>{body}</details>"


def _code(source: str) -> str:
    return f"<pre style='white-space:pre-wrap;overflow-wrap:anywhere;margin:.2em 0'>{html.escape(source)}</pre>"


def show_call(call: Call) -> str:
    """A call as the student would type it, long values shortened."""
    parts = [show(arg, 600) for arg in call.args] + [f"{key}={show(value, 600)}" for key, value in call.kwargs.items()]
    return f"{call.name}({', '.join(parts)})"


def show(value: Any, limit: int = 300) -> str:
    """A value as one would type it, shortened in the middle when longer than `limit` characters."""
    written = _written(value)
    if len(written) > limit:
        written = f"{written[: limit * 2 // 3]} … {written[-limit // 4 :]}"
    return written


def _written(value: Any) -> str:
    if isinstance(value, float):
        short = f"{value:.6g}"
        return f"{short}." if short.lstrip("-").isdigit() else short  # typed in again it stays a float
    if isinstance(value, Handle):
        return repr(value)
    if isinstance(value, np.ndarray):
        if value.size > 60:
            return f"array of shape {list(value.shape)}, dtype {value.dtype}"
        return f"np.array({_written(value.tolist())})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_written, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        if len(value) > 40:
            return f"[{', '.join(map(_written, value[:20]))}, … {len(value)} in all]"
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_written(k)}: {_written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, set):
        return "{" + ", ".join(sorted(map(_written, value))) + "}" if value else "set()"
    return repr(value)
