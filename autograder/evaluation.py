"""Hits that can be trusted, and how sure they are: seen films excluded, ties lost, intervals over users.

The rows of one user are not independent: who watched much votes often, and hits or misses as one. So an interval here
resamples users, never rows (a cluster bootstrap: Field and Welsh, J. R. Stat. Soc. B 69, 2007). numpy only.
"""

from typing import NamedTuple

import numpy as np

from autograder import two_tower

RESAMPLES = 2000


class Interval(NamedTuple):
    """A mean with its 95% interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def hits(scores: np.ndarray, user: np.ndarray, title: np.ndarray, seen: np.ndarray, k: int) -> np.ndarray:
    """Whether each row's title is among the best k of its user's unseen titles: bool [rows].

    scores: float [U, T]; user, title: int [rows]; seen: bool [U, T], the titles that are no candidates. A row that has
    one of those misses. A tie counts against the row, and so does NaN: equal scores for all titles hit nothing.
    """
    scores = np.where(seen, -np.inf, scores)
    lower = two_tower.ranks(-scores, user, -scores[user, title]) - 1
    return (scores.shape[1] - lower <= k) & ~seen[user, title]


def best(scores: np.ndarray, seen: np.ndarray | bool = False, k: int = 100) -> np.ndarray:
    """The k best unseen titles of each user, best first: int [U, k]. Of equal ones the earlier; seen as in `hits`."""
    return np.argsort(-np.where(seen, -np.inf, scores), axis=1, kind="stable")[:, :k]


def interval(values: np.ndarray, user: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """The mean over rows and its 95% bootstrap interval, users resampled with all their rows.

    values: float or bool [rows], such as hits; user: int [rows]. ValueError if there are no rows.
    """
    if not len(values):
        raise ValueError("no rows, no mean")
    _, user = np.unique(user, return_inverse=True)
    total, rows = np.bincount(user, np.asarray(values, float)), np.bincount(user)
    times = np.random.default_rng(seed).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), resamples)
    low, high = np.quantile((times @ total) / (times @ rows), (0.025, 0.975))
    return Interval(float(total.sum() / rows.sum()), float(low), float(high))


def difference(one: np.ndarray, other: np.ndarray, user: np.ndarray, **options) -> Interval:
    """By how much the mean of `one` exceeds that of `other`, on the very same rows (paired); options as in `interval`."""
    return interval(np.asarray(one, float) - np.asarray(other, float), user, **options)
