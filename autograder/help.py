"""`python -m autograder help [WORDS]`: "I get …", a page indexed by what one sees; with words, what of it has them all.

Built from the definitions that the checks use, `causes.CAUSES` and the known mistakes of every item.
"""

import argparse
import pydoc
import re
import shutil
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from autograder.causes import CAUSES
from autograder.item import items


class Symptom(NamedTuple):
    """What one sees, in which part of the page it stands, what it means, and code that shows it."""

    part: str
    seen: str
    meaning: str
    code: str


def symptoms(words: list[str] | tuple = ()) -> Iterator[Symptom]:
    """Every symptom, or those that hold all of the words, in the order of the page."""
    exceptions = (
        Symptom("An exception", f"{one.kind}: {one.message}".replace(" | ", " or "), one.meaning, one.example)
        for one in CAUSES
    )
    mistakes = (
        Symptom(f"Item {item.number}, `{item.function}`", name, mistake.why, mistake.see)
        for item in items()
        for name, mistake in {mistake.name: mistake for mistake in item.mistakes}.items()
    )
    for symptom in (*exceptions, *mistakes):
        text = " ".join(symptom).lower()
        if all(word.lower() in text for word in words):
            yield symptom


def literal(text: str) -> str:
    """The text for Markdown, which would take __init__ for a bold init; what is marked as code is safe already."""
    return re.sub(r"(`[^`]*`)|([_*<])", lambda found: found[1] or "\\" + found[2], text)


def page(words: list[str] | tuple = ()) -> str:
    """The page as Markdown, of the symptoms that hold all of the words."""
    lines, part = ["# Help: I get …", ""], ""
    for symptom in symptoms(words):
        if symptom.part != part:
            part = symptom.part
            lines += [f"## {part}", ""]
        lines += [f"### {literal(symptom.seen)}", "", literal(symptom.meaning), ""]
        if symptom.code:
            lines += ["```python", symptom.code, "```", ""]
    return "\n".join(lines)


def text(words: list[str], width: int = 80) -> str:
    """The same for a terminal, `width` columns wide."""
    blocks = []
    for part, seen, meaning, code in symptoms(words):
        head = seen if part == "An exception" else f"{part.replace('`', '')}: {seen}"
        body = [*textwrap.wrap(meaning, width - 4), *(f"  {line}" for line in code.splitlines())]
        blocks.append("\n".join([*textwrap.wrap(head, width), *(f"    {line}" for line in body)]))
    return "\n\n".join(blocks)


def main(argv: list[str]) -> int:
    """Prints the symptoms that hold all of the words; returns 1 if none does."""
    parser = argparse.ArgumentParser(prog="python -m autograder help", description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", metavar="WORD", help='of what you see, such as "not in [0" or 3.4 ties')
    words = parser.parse_args(argv).words
    found = text(words, min(shutil.get_terminal_size().columns, 100))
    if not words:  # thousands of lines
        pydoc.pager(found)
    else:
        print(
            found or "Nothing is known that holds all of these words. Try fewer of them, or one piece of the message."
        )
    return 0 if found else 1
