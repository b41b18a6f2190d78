"""The capstone's contest: a split nobody knows beforehand, the faults of lists, and a ladder of rivals to pass.

Only plain data reach a contestant: `fit` gets user ids and titles, and what it returns gives lists of titles. Hits are
counted here. A rung of the ladder is passed only if the paired 95% interval of the difference, over users, lies above
zero, and only if the rung below is passed. The split is by chance and not by time: a split by time is the same for
everybody and can be looked up, and hardly a tenth as many hits tell the better models apart.
"""

from dataclasses import dataclass

import numpy as np

from autograder import baselines
from autograder.baselines import KS
from autograder.evaluation import best, difference, hits, interval

K = 100  # titles in a list
SHARE = 0.2  # of each user's titles that are held out
LADDER = ("popularity", "two-tower, logQ", "PureSVD", "EASE", "iALS")


@dataclass(frozen=True, eq=False)
class Split:
    """What a contestant is given, and what the judge keeps."""

    train: dict[str, list[str]]  # {"user_id": [rows], "movie_title": [rows]}, in an order that says nothing
    users: list[str]  # [U], renamed, so that nothing known of a user from elsewhere helps
    titles: list[str]  # [T], all of which some train row has
    seen: np.ndarray  # bool [U, T]
    user: np.ndarray  # int [test rows], positions in users
    title: np.ndarray  # int [test rows], positions in titles


def draw(arrays, rng: np.random.Generator, n_users: int | None = None) -> Split:
    """Holds out SHARE of the titles of each user, by chance; of all users, or of n_users drawn from them.

    A title that only test rows would have leaves the contest.
    """
    watched = np.zeros((len(arrays.users), len(arrays.titles)), bool)
    watched[arrays.user, arrays.title] = True
    watched = watched[rng.permutation(len(watched))[:n_users]]
    places = rng.random(watched.shape)
    held = np.zeros_like(watched)
    for row, (mine, place) in enumerate(zip(watched, places)):
        films = np.flatnonzero(mine)[np.argsort(place[mine])]
        held[row, films[: round(SHARE * len(films))]] = True
    known = (watched & ~held).any(axis=0)
    seen, held, titles = (watched & ~held)[:, known], held[:, known], arrays.titles[known].tolist()
    users = [str(number) for number in range(1, len(seen) + 1)]
    user, title = rng.permutation(np.argwhere(seen)).T
    train = {"user_id": [users[u] for u in user], "movie_title": [titles[t] for t in title]}
    return Split(train, users, titles, seen, *np.nonzero(held))


def plain(lists: object) -> object:
    """Lists of titles with every array turned into a list."""
    if isinstance(lists, np.ndarray):
        return lists.tolist()
    return [plain(mine) for mine in lists] if isinstance(lists, list | tuple) else lists


def fault(split: Split, lists: object, k: int = K) -> str:
    """What is wrong with the lists of recommended titles, in a sentence; nothing if they are as they should be."""
    if not isinstance(lists, list | tuple) or len(lists) != len(split.users):
        return f"{len(split.users)} lists were asked for, one a user"
    position = {title: i for i, title in enumerate(split.titles)}
    for user, mine, seen in zip(split.users, lists, split.seen):
        if not isinstance(mine, list | tuple) or len(mine) != k:
            return f"user {user} should get a list of {k} titles"
        unknown = [title for title in mine if not isinstance(title, str) or title not in position]
        if unknown:
            return f"user {user} gets {str(unknown[0])[:80]!r}, which is no title of train"
        if len(set(mine)) < k:
            return f"user {user} gets a title twice"
        old = [title for title in mine if seen[position[title]]]
        if old:
            return f"user {user} gets {old[0]!r}, which train says was seen"
    return ""


def list_hits(split: Split, lists: list[list[str]], k: int) -> np.ndarray:
    """Whether each test row's title is among the first k of its user's list: bool [rows]. The lists have no fault."""
    position = {title: i for i, title in enumerate(split.titles)}
    found = np.zeros(split.seen.shape, bool)
    for row, mine in enumerate(lists):
        found[row, [position[title] for title in mine[:k]]] = True
    return found[split.user, split.title]


def top_lists(split: Split, scores: np.ndarray, k: int = K) -> list[list[str]]:
    """The best k unseen titles of each user, best first, from scores [U, T]."""
    return [[split.titles[title] for title in row] for row in best(scores, split.seen, k)]


def rivals(split: Split, names: tuple[str, ...] = LADDER) -> dict[str, dict[int, np.ndarray]]:
    """Each rival's hits on the test rows, bool [rows], by k. Takes some seconds."""
    scores = {name: baselines.MODELS[name](split.seen, 0) for name in names}
    return {name: {k: hits(of, split.user, split.title, split.seen, k) for k in KS} for name, of in scores.items()}


def standing(split: Split, lists: list[list[str]], ladder: dict[str, dict[int, np.ndarray]]) -> dict:
    """Hits and tier of lists without fault: {"hit": {k: Interval}, "steps": {rival: {k: Interval}}, "tier": rungs passed}.

    ladder: `rivals`, weakest first. A rung counts if it and all below are passed at every k.
    """
    mine = {k: list_hits(split, lists, k) for k in KS}
    steps = {name: {k: difference(mine[k], theirs[k], split.user) for k in KS} for name, theirs in ladder.items()}
    passed = [all(step.low > 0 for step in by_k.values()) for by_k in steps.values()]
    tier = passed.index(False) if False in passed else len(passed)
    return {"hit": {k: interval(mine[k], split.user) for k in KS}, "steps": steps, "tier": tier}
