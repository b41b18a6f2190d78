"""`python -m autograder coverage`: what the known mistakes prove, item by item, and what is lacking."""

import argparse

from autograder.item import Item, items
from autograder.run import run_test
from autograder.student import Host

MISTAKES, ALTERNATIVES, HINTS = 5, 3, 3  # the least of each that an item should have


def untripped(item: Item) -> list[str]:
    """The tests that every known mistake passes: nothing proves that they can refuse."""
    left = list(item.tests)
    for mistake in item.mistakes:
        answer = Host({item.function: mistake.code}).answer
        left = [name for name in left if run_test(item, name, answer, seed=0).error is None]
        if not left:
            break
    return left


def lacking(item: Item) -> list[str]:
    """What the item lacks, in words; empty if nothing."""
    counts = [
        ("mistakes", {mistake.name for mistake in item.mistakes}, MISTAKES),
        ("right answers beside the reference", item.alternatives, ALTERNATIVES),
        ("hints", item.hints, HINTS),
    ]
    few = [f"{len(have)} {what}, not {least}" for what, have, least in counts if len(have) < least]
    return few + [f"no mistake trips {name}" for name in untripped(item)]


def main(argv: list[str]) -> int:
    """Prints a line an item and what it lacks; returns 1 if any lacks something."""
    argparse.ArgumentParser(prog="python -m autograder coverage", description=__doc__).parse_args(argv)
    print(f"{'item':27} tests  mistakes  right answers  hints")
    complete = True
    for item in items():
        mistakes = {mistake.name for mistake in item.mistakes}
        counts = f"{len(item.tests):5}  {len(mistakes):8}  {1 + len(item.alternatives):13}  {len(item.hints):5}"
        print(f"{item.number:4} {item.function:22} {counts}", flush=True)
        for line in lacking(item):
            complete = False
            print(f"     {line}")
    return 0 if complete else 1
