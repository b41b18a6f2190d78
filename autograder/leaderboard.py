"""`python -m autograder leaderboard SUBMISSIONS`: the capstone of a class on one secret split, as a page.

Each notebook's `fit` and the function it returns run in a sandbox without MovieLens, on a split drawn from a salt that
never enters it. The salt is kept with the result: with --salt the same split comes again.
"""

import argparse
import functools
import hashlib
import json
import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from tqdm import tqdm

from autograder import contest, outputs, submissions
from autograder.grade import RUNS, guarded, run_all
from autograder.item import find
from autograder.runner import Job, Runner
from autograder.sandbox import FULL, Limits, Sandbox
from autograder.student import NotAttempted, Student, StudentRaised
from autograder.wire import Handle

ITEM = "9.3"
SECONDS = 120  # of CPU time, for fit and for recommend each
CODE = 40_000  # characters: room for any model, and none for the data


def rng_of(salt: str) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256(salt.encode()).digest()))


def entry(job: Job, split: contest.Split, ladder: dict) -> dict:
    """One student's standing, or `why` there is none. Never raises for anything that the student's files do."""
    item, student = find(ITEM), job.student
    notebooks = [submissions.read(Path(path)) for path in job.paths]
    mine = submissions.by_age(notebook for notebook in notebooks if item in notebook.items)
    if not mine:
        reasons = "; ".join(notebook.reason for notebook in notebooks if notebook.reason)
        return {"student": student, "why": reasons or f"no notebook defines {item.function}", "cpu": 0.0}
    if sum(map(len, mine[-1].cells)) > CODE:
        return {"student": student, "why": f"the notebook's code has more than {CODE:,} characters", "cpu": 0.0}
    with Sandbox(job.limits, job.isolated, None, FULL) as box:
        runner = Runner(box, {item.lesson: mine[-1]})

        def answer(request: dict) -> dict:
            if box.deaths:
                raise StudentRaised("NotAskedAgain", box.deaths[-1], "")
            runner.load(item.lesson)
            return box.ask({**request, "notebook": item.lesson}, job.limits.call)

        asked = Student(answer)
        try:
            recommend = getattr(asked, item.function)(split.train)
            if not isinstance(recommend, Handle):
                why = f"{item.function} should return a function recommend(users, k)"
            else:
                lists = contest.plain(asked.method(recommend, "__call__", split.users, contest.K))
                why = contest.fault(split, lists)
        except (StudentRaised, NotAttempted) as error:
            why = str(error)
        cpu = round(box.cpu, 1)
    return {"student": student, "why": why, "cpu": cpu} | ({} if why else contest.standing(split, lists, ladder))


def places(entries: list[dict]) -> list[dict]:
    """Best first: by tier, then by hit@10; those without a standing last."""
    return sorted(entries, key=lambda one: (bool(one["why"]), -one.get("tier", 0), -_rate(one), one["student"]))


def _rate(one: dict) -> float:
    return one["hit"][contest.KS[0]].mean if "hit" in one else 0.0


def main(argv: list[str]) -> int:
    """Runs everybody and writes index.html and leaderboard.json. Returns 0; 2 if there is nothing to run or no sandbox."""
    parser = argparse.ArgumentParser(prog="python -m autograder leaderboard", description=__doc__.split("\n")[0])
    parser.add_argument("submissions", type=Path, help="as for `grade`")
    parser.add_argument("--salt", help="of the split (a new one); do not tell it before everybody has handed in")
    parser.add_argument("--out", type=Path, default=RUNS / "leaderboard", help="where the page goes")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="students at a time (one per core)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of CPU time for each call ({SECONDS})")
    parser.add_argument("--allow-unisolated", action="store_true", help="run where no isolation can be had")
    options = parser.parse_args(argv)
    return guarded(options.out, options.allow_unisolated, lambda isolated: run_class(options, isolated))


def run_class(options: argparse.Namespace, isolated: bool) -> int:
    """Runs everybody, prints a line each, writes the page."""
    from data import movielens

    out, salt = options.out, options.salt or secrets.token_hex(16)
    limits = Limits(call=options.seconds, cell=min(60, options.seconds), total=10 * options.seconds)
    place = submissions.opened(options.submissions, out / "unpacked")
    found = submissions.find_submissions(place)
    split = contest.draw(movielens.arrays(), rng_of(salt))
    ladder = contest.rivals(split)
    jobs = [
        Job(student, tuple(map(str, paths)), 0, isolated, None, limits)
        for student, paths in found.items()
    ]
    work = functools.partial(entry, split=split, ladder=ladder)
    done = run_all(jobs, options.workers, work=work)
    entries = places(list(tqdm(done, total=len(jobs), unit="student", ncols=80, file=sys.stdout)))
    write(out, salt, split, ladder, entries, isolated)
    for one in entries:
        said = one["why"] or f"tier {one['tier']}, hit@10 {one['hit'][10]}, hit@100 {one['hit'][100]}"
        print(f"{outputs.shown(one['student']):24} {outputs.shown(said)}")
    print(f"\nThe page: {out / 'index.html'}; the salt is in leaderboard.json beside it")
    return 0


def write(out: Path, salt: str, split: contest.Split, ladder: dict, entries: list[dict], isolated: bool) -> None:
    """index.html for the class; leaderboard.json, with the salt, for the teacher."""
    rungs = [{"name": name, "hit": {k: contest.interval(found, split.user) for k, found in hits.items()}}
             for name, hits in ladder.items()]  # fmt: skip
    about = {"made": datetime.now(UTC).isoformat(timespec="minutes"), "isolated": isolated, "rows": len(split.user)}
    shown = [outputs.shown({key: value for key, value in one.items() if key in ("student", "why")}) for one in entries]
    rows = [{**one, **text} for one, text in zip(entries, shown, strict=True)]
    outputs.put(out / "index.html", outputs.page("leaderboard.html", entries=rows, rungs=rungs, ks=contest.KS, **about))
    kept = {"salt": salt, **about, "ladder": rungs, "entries": entries}
    outputs.put(out / "leaderboard.json", json.dumps(kept, indent=1) + "\n")
