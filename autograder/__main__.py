"""`python -m autograder COMMAND`: hands over to the module of that name."""

import importlib
import os
import sys

COMMANDS = {
    "start": "prepare the data, train the blog's model, print the table beside the blog's figures",
    "check": "check a filled-in exercise notebook, or one item of it (check NOTEBOOK 3.1)",
    "hint": "a hint for an item (hint 3.1), the next ones with 2 or 3 behind it",
    "progress": "where you stand in the exercises",
    "grade": "grade a class, each student's code in a sandbox",
    "capstone": "the two-tower of lesson 9 against EASE and iALS, with intervals",
    "leaderboard": "run the capstone of a class on a secret split, and write a page",
    "prove": "try to forge grades and to lose them; ends with one line of counts",
    "help": "I get ...: what an exception or a mistake means (help WORDS: those that hold the words)",
    "coverage": "item by item: known mistakes, right answers, hints, tests that no mistake trips",
    "build": "make notebooks and exercises from their sources (--check: fail on anything stale)",
    "site": "make the web site (--out DIR)",
    "measure": "measure the metric windows over seeds",
    "environment": "make environment.yml from the lock (--check: fail if it is out of date)",
    "baselines": "what the classical models reach on the split of the course",
    "ranking": "what the orders of lesson 6 reach, over seeds",
    "search": "approximate search on catalogues up to a million: recall, work, time",
    "serve": "a recommender that lesson 8 exported, behind HTTP",
    "benchmark": "time the stock tutorial against the course's fast path",
}


def main(argv: list[str]) -> int:
    if not argv or argv[0] not in COMMANDS:
        print("usage: python -m autograder COMMAND [...]\n")
        for name, what in COMMANDS.items():
            print(f"  {name:10} {what}")
        return 0 if argv and argv[0] in ("-h", "--help") else 2
    # The names of these three are those of the functions that notebooks import.
    in_a_terminal = {"check": "main", "hint": "hint_main", "progress": "progress_main"}
    module = importlib.import_module(f"autograder.{'check_notebook' if argv[0] in in_a_terminal else argv[0]}")
    try:
        code = getattr(module, in_a_terminal.get(argv[0], "main"))(argv[1:]) or 0
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `... | head`, which has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
