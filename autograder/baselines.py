"""`python -m autograder baselines`: what the classical models reach on the course's split, seen films excluded.

Each takes who has seen what in the train part, `seen` bool [U, T] (two_tower.seen_titles), and gives scores,
float64 [U, T], higher for better. All but the random starts of iALS and the two-tower are deterministic.
Their settings were chosen on parts of train: `--tune` prints that search again.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import scipy.sparse.linalg

from autograder import two_tower
from autograder.evaluation import hits, interval

KS = (10, 100)


def popularity(seen: np.ndarray) -> np.ndarray:
    """The best-seller list, the same for everybody: how many have watched a title (a user counts once, unlike a row)."""
    return np.broadcast_to(two_tower.popularity(np.nonzero(seen)[1], seen.shape[1]), seen.shape)


def pure_svd(seen: np.ndarray, dim: int = 16) -> np.ndarray:
    """The best approximation of the matrix of zeros and ones by one of rank `dim`.

    Cremonesi, Koren, Turrin: Performance of recommender algorithms on top-n recommendation tasks, RecSys 2010.
    """
    start = np.ones(min(seen.shape))  # else svds draws one
    left, values, right = scipy.sparse.linalg.svds(seen.astype(float), k=dim, v0=start)
    return (left * values) @ right


def ease(seen: np.ndarray, l2: float = 300.0) -> np.ndarray:
    """Each title's column told from all the others' by least squares: a title may not vote for itself.

    Steck: Embarrassingly shallow autoencoders for sparse data, WWW 2019.
    """
    x = seen.astype(float)
    inverse = np.linalg.inv(x.T @ x + l2 * np.eye(x.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return x @ weights


def ials(
    seen: np.ndarray, seed: int = 0, *, dim: int = 64, unseen: float = 0.3, l2: float = 0.015, sweeps: int = 10
) -> np.ndarray:
    """Two towers of ids by alternating least squares: 1 where seen, and 0, weighed by `unseen`, everywhere.

    Hu, Koren, Volinsky: Collaborative filtering for implicit feedback datasets, ICDM 2008; in the form and with the
    regulariser, which grows with a row's weight, of Rendle et al.: Revisiting the performance of iALS, RecSys 2022.
    """
    draw = np.random.default_rng(seed)
    users, titles = (draw.normal(0, 0.1 / np.sqrt(dim), (n, dim)) for n in seen.shape)
    for _ in range(sweeps):
        users = _solve(seen, titles, unseen, l2)
        titles = _solve(seen.T, users, unseen, l2)
    return users @ titles.T


def _solve(seen: np.ndarray, other: np.ndarray, unseen: float, l2: float) -> np.ndarray:
    """The best vector of each row of `seen`, [rows, dim], given those of its columns, [columns, dim]."""
    everywhere, eye = unseen * other.T @ other, np.eye(other.shape[1])
    found = np.empty((len(seen), other.shape[1]))
    for i, row in enumerate(seen):
        mine = other[row]
        strength = l2 * (len(mine) + unseen * len(other))
        found[i] = np.linalg.solve(mine.T @ mine + everywhere + strength * eye, mine.sum(axis=0))
    return found


def two_towers(seen: np.ndarray, seed: int = 0, *, corrected: bool = True, epochs: int = 4) -> np.ndarray:
    """The tutorial's two-tower of lesson 4, by default with its logQ correction (candidate_sampling_probability)."""
    order = np.random.default_rng(seed).permutation(seen.sum())
    user, title = (part[order] for part in np.nonzero(seen))
    share = np.bincount(title, minlength=seen.shape[1]) / len(title)
    start = two_tower.initial_embeddings(seed, *seen.shape)
    towers, _ = two_tower.fit(user, title, start, epochs=epochs, sampling_probability=share if corrected else None)
    return two_tower.all_scores(towers)


MODELS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "popularity": lambda seen, seed: popularity(seen),
    "two-tower": lambda seen, seed: two_towers(seen, seed, corrected=False, epochs=3),
    "two-tower, logQ": lambda seen, seed: two_towers(seen, seed),
    "PureSVD": lambda seen, seed: pure_svd(seen),
    "EASE": lambda seen, seed: ease(seen),
    "iALS": lambda seen, seed: ials(seen, seed),
}
RANDOM = "two-tower", "two-tower, logQ", "iALS"


def validation_split() -> tuple[np.ndarray, np.ndarray]:
    """Rows to fit on, 72,000, and rows to choose by, 8,000: both are train rows of the course's split."""
    train, _ = two_tower.course_split()
    return train[:72_000], train[72_000:]


def validation_folds(n: int = 3) -> list[tuple[np.ndarray, np.ndarray]]:
    """n times rows to fit on, 76,000, and others to choose by, 4,000, all of them train rows.

    Nearly all of train to fit on, because settings do not carry over: with a fifth less, stronger penalties win.
    """
    parts = np.array_split(np.random.default_rng(7).permutation(two_tower.course_split()[0]), 20)
    return [(np.concatenate(parts[:i] + parts[i + 1 :]), parts[i]) for i in range(n)]


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m autograder baselines", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="for the models that start at random (default 5)")
    parser.add_argument("--tune", action="store_true", help="the search for their settings, on a validation part")
    options = parser.parse_args(argv)
    from data import movielens

    arrays = movielens.arrays()
    if options.tune:
        return tune(arrays)
    fit, rows = two_tower.course_split()
    seen, user, title = two_tower.seen_titles(arrays, fit), arrays.user[rows], arrays.title[rows]
    print(f"{len(fit):,} train rows, {len(rows):,} rows judged, seen films excluded; 95% intervals over users")
    print(f"{'':20}{'seeds':>6}" + "".join(f"{f'hit@{k}':>9}{'sd':>7}{'interval':>17}" for k in KS) + f"{'CPU-s':>7}")
    for name, model in MODELS.items():
        seeds = range(options.seeds if name in RANDOM else 1)
        began = time.process_time()
        scores = [model(seen, seed) for seed in seeds]
        line = f"{name:20}{len(seeds):6}"
        cpu = (time.process_time() - began) / len(seeds)
        for k in KS:
            found = [hits(of, user, title, seen, k) for of in scores]
            rates, first = [hit.mean() for hit in found], interval(found[0], user)
            sd = f"{np.std(rates, ddof=1):.4f}" if len(seeds) > 1 else ""
            line += f"{np.mean(rates):9.4f}{sd:>7}{f'{first.low:.4f}–{first.high:.4f}':>17}"
        print(f"{line}{cpu:7.1f}", flush=True)


def tune(arrays) -> None:
    """Prints the mean rates of every setting over the validation folds."""
    folds = [
        (two_tower.seen_titles(arrays, fit), arrays.user[rows], arrays.title[rows]) for fit, rows in validation_folds()
    ]
    for name, model in tuning():
        scores = [model(seen, 0) for seen, _, _ in folds]
        rates = [[hits(of, u, t, seen, k).mean() for k in KS] for of, (seen, u, t) in zip(scores, folds)]
        print(
            f"{name:26}" + "".join(f"  hit@{k} {rate:.4f}" for k, rate in zip(KS, np.mean(rates, axis=0))), flush=True
        )


def tuning() -> list[tuple[str, Callable[[np.ndarray, int], np.ndarray]]]:
    """What is searched: names and models."""
    svd = [(f"PureSVD {d} dims", lambda seen, seed, d=d: pure_svd(seen, d)) for d in (8, 12, 16, 20, 32)]
    shallow = [(f"EASE l2 {l2}", lambda seen, seed, l2=l2: ease(seen, l2)) for l2 in (100, 200, 300, 400, 600)]
    least = [
        (f"iALS unseen {unseen} l2 {l2}", lambda seen, seed, unseen=unseen, l2=l2: ials(seen, unseen=unseen, l2=l2))
        for unseen in (0.08, 0.2, 0.3)
        for l2 in (0.01, 0.015, 0.02, 0.03)
    ]
    towers = [(f"logQ {n} epochs", lambda seen, seed, n=n: two_towers(seen, seed, epochs=n)) for n in (3, 4, 5, 6)]
    return [*svd, *shallow, *least, *towers]
