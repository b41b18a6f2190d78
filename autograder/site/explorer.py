"""What the explorer page computes with: the trained towers, who has seen what, and a predicted rating per film.

From the hand-made set. Or, for a site that stays on one's own machine, from MovieLens 100K: its publisher allows no
copies, and a table of vectors with names is made of its data.
"""

import base64

import numpy as np

from autograder import two_tower
from data import movielens


def data(*, real: bool = False) -> dict:
    """Plain data for explorer.js; vectors are float32 in base64, films are positions in "titles"."""
    arrays = movielens.arrays() if real else movielens.tiny()
    train, test = two_tower.course_split() if real else last_of_each_user(arrays)
    how = {} if real else {"dim": 4, "epochs": 10, "batch_size": len(train)}
    towers, _ = two_tower.recipe(arrays, train, seed=42, **how)
    seen, kept = (two_tower.seen_titles(arrays, rows) for rows in (train, test))
    return {
        "set": "MovieLens 100K" if real else "hand-made",
        "users": arrays.users.tolist(),
        "titles": arrays.titles.tolist(),
        "user_vectors": base64.b64encode(towers.users.tobytes()).decode(),
        "title_vectors": base64.b64encode(towers.titles.tobytes()).decode(),
        "seen": [np.flatnonzero(row).tolist() for row in seen],
        "kept": [np.flatnonzero(row).tolist() for row in kept & ~seen],
        "rating": predicted_ratings(arrays, train).round(6).tolist(),
        "user": "24",
        "candidates": {"start": 100, "most": 200} if real else {"start": 3, "most": 7},
        "shown": 10 if real else 2,
    }


def last_of_each_user(arrays: movielens.Arrays) -> tuple[np.ndarray, np.ndarray]:
    """(train, test): each user's newest rating is for the test."""
    newest = {user: row for row, user in sorted(enumerate(arrays.user.tolist()), key=lambda x: arrays.timestamp[x[0]])}
    test = np.isin(np.arange(len(arrays.user)), list(newest.values()))
    return np.flatnonzero(~test), np.flatnonzero(test)


def predicted_ratings(arrays: movielens.Arrays, rows: np.ndarray) -> np.ndarray:
    """The ranking model of lesson 1: a film's average, as if ten more people had given the average of all. [T]"""
    count = np.bincount(arrays.title[rows], minlength=len(arrays.titles))
    total = np.bincount(arrays.title[rows], arrays.rating[rows], minlength=len(arrays.titles))
    return (total + 10 * arrays.rating[rows].mean()) / (count + 10)
