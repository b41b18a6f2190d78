"""How a result reads: as text for a terminal, as HTML for a notebook. One set of lines serves both."""

import html
import textwrap
from typing import Any

import numpy as np

from autograder.causes import cause_of
from autograder.item import NOTHING, Wrong
from autograder.run import NOT_ATTEMPTED, RAISED, RIGHT, Result
from autograder.student import Call
from autograder.wire import Handle

MARKS = {RIGHT: "✓", NOT_ATTEMPTED: "·", RAISED: "✗"}


def headline(result: Result) -> tuple[str, str]:
    """Item and function, and the outcome with the mistake's name or the points."""
    outcome = result.outcome
    if result.mistake:
        outcome += f": {result.mistake.name}"
    return f"{result.item.number}  {result.item.function}", outcome


def details(result: Result) -> list[tuple[str, str]]:
    """The labelled lines below the headline: what was called, returned, expected, why, how to see it, what next."""
    if result.outcome == RIGHT:
        return [("points", f"{result.score} of {result.item.points}")]
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
            lines.append(("note", "A function that comes to its end without `return` gives None."))
        want = "" if failed.error.want is NOTHING else show(failed.error.want) + ", "
        lines.append(("expected", want + failed.error.meaning))
    if result.mistake:
        lines.append(("why", result.mistake.why))
    if result.mistake and result.mistake.see:
        lines.append(("see it", result.mistake.see))
    if 0 < result.score:
        lines.append(("points", f"{result.score} of {result.item.points} so far"))
    lines.append(("next", f'hint("{result.item.number}")'))
    return lines


def text(result: Result, width: int = 80) -> str:
    """The result for a terminal, `width` columns wide."""
    name, outcome = headline(result)
    lines = [f"{MARKS.get(result.outcome, '✗')} {name}{outcome:>{max(len(outcome) + 2, width - 2 - len(name))}}"]
    if result.outcome != RIGHT:
        for label, body in details(result):
            wrapped = [
                piece
                for line in body.splitlines()
                for piece in textwrap.wrap(line, width - 14, drop_whitespace=False) or [""]
            ]
            lines += [f"    {label if i == 0 else '':10}{piece}" for i, piece in enumerate(wrapped)]
    return "\n".join(lines)


CODE_LINES = {"called", "returned", "observed", "raised", "where", "see it"}
COLOURS = {RIGHT: "#1a7f37", NOT_ATTEMPTED: "#6e7781"}


def as_html(result: Result) -> str:
    """The result for a notebook, readable on light and dark ground."""
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
        f"<div style='display:grid;grid-template-columns:6em 1fr;gap:.15em .8em'>{body}</div></div>"
    )


def show_call(call: Call) -> str:
    """A call as the student would type it, long values shortened."""
    parts = [show(arg) for arg in call.args] + [f"{key}={show(value)}" for key, value in call.kwargs.items()]
    return f"{call.name}({', '.join(parts)})"


def show(value: Any, limit: int = 300) -> str:
    """A value as one would type it, shortened in the middle when longer than `limit` characters."""
    written = _written(value)
    if len(written) > limit:
        written = f"{written[: limit * 2 // 3]} … {written[-limit // 4 :]}"
    return written


def _written(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
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
