"""`python -m autograder measure`: what the blog's model gives over many seeds, and so what a check accepts.

Writes windows.json beside this file. `window` hands a check its bounds, `read` hands out the whole file.
The rule: a window is the mean plus or minus six standard deviations of the seeds, on both sides.

* Six, because a right answer must pass. With 20 seeds one new run in 80,000 lies outside (Student's t with
  19 degrees of freedom, at 6 / sqrt(1 + 1/20)). The least and the greatest of the seeds are no bounds: one
  new run in ten lies outside those.
* Both sides, because many mistakes score higher than the right answer.
* A check looks at two k and a loss, never at k = 1, which is mostly rounding (`two_tower.factorized_top_k`).
  No single number tells every mistake from the right answer; together they do (tests/test_windows.py).
"""

import argparse
import functools
import hashlib
import json
import multiprocessing
import os
import platform
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from autograder import two_tower
from autograder.two_tower import Towers

FILE = Path(__file__).with_name("windows.json")
SEEDS = 20  # for the windows
FEW = 5  # for mistakes and facts
WIDTH = 6  # standard deviations on each side
DEPTHS = (10, 50, 100, 200, 500)

QUANTITIES = {
    "test_top_10": "top-10 accuracy on the test rows, 1,682 candidates, as model.evaluate gives it",
    "test_top_50": "the same, top 50",
    "test_top_100": "the same, top 100",
    "train_loss": "loss that History keeps for the last epoch: its last batch alone, 6,272 rows",
    "train_loss_bar": "loss that the bar ends on: the sum over batches, the last one twice, over batches + 1",
    "test_loss": "loss that model.evaluate gives: the last test batch alone, 3,616 rows",
    "hit_10": "share of test rows whose film is in its user's top 10, exact ranks, 1,664 titles",
    "hit_100": "the same, top 100",
    "unseen_10": "the same, top 10, the user's train films excluded; a repeated film is a miss",
    "unseen_100": "the same, top 100",
    "check_gain": "check 4.4: by how much training lowers Retrieval's loss of all its train rows as one batch",
    "check_loss": "check 4.4: loss that History keeps, of the last batch of its train rows",
    "check_shuffled": "the same if every epoch shuffles the rows anew, as `shuffle` does unless told otherwise",
    "check_hit_100": "check 4.4: share of its test rows whose film is in its user's top 100",
    "check_alike": "check 4.4: `alike` of two trainings that differ in the order of the rows, and so in their batches",
}
CHECK_ROWS = 8_000, 4_000  # that 4.4 trains on and tests
CHECK_BATCH = 2048


@functools.cache
def read() -> dict:
    """windows.json, parsed."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def window(name: str) -> tuple[float, float]:
    """Lowest and highest value that a check accepts. KeyError, listing the names, for an unknown one."""
    known = read()["windows"]
    if name not in known:
        raise KeyError(f"no window for {name!r}; there are {', '.join(known)}")
    return known[name]["low"], known[name]["high"]


class Course:
    """The data in the course's split, and what is asked of towers trained on them."""

    def __init__(self, arrays):
        self.arrays = arrays
        self.train, self.test = two_tower.course_split(len(arrays.user))
        self.user, self.title = arrays.user[self.test], arrays.title[self.test]
        self.seen = two_tower.seen_titles(arrays, self.train)

    def fit(self, seed: int, rows: np.ndarray | None = None, **options) -> tuple[Towers, np.ndarray]:
        return two_tower.recipe(self.arrays, self.train if rows is None else rows, seed, **options)

    def figures(self, towers: Towers, losses: np.ndarray, rows: np.ndarray | None = None) -> dict[str, float]:
        """Every one of QUANTITIES. losses: [batches] of the last epoch; rows: to evaluate instead of test."""
        user, title = self.user, self.title
        if rows is not None:
            user, title = self.arrays.user[rows], self.arrays.title[rows]
        ks, scores = (10, 50, 100), two_tower.all_scores(towers)
        stock = two_tower.factorized_top_k(towers, user, title, self.arrays.movie_title, ks)
        hit = two_tower.hit_rates(scores, user, title, ks=ks)
        unseen = two_tower.hit_rates(scores, user, title, self.seen, ks)
        return {
            **{f"test_top_{k}": stock[k] for k in ks},
            "train_loss": losses[-1],
            "train_loss_bar": bar(losses),
            "test_loss": two_tower.last_batch_loss(towers, user, title),
            **{f"hit_{k}": hit[k] for k in (10, 100)},
            **{f"unseen_{k}": unseen[k] for k in (10, 100)},
        }


def bar(losses: np.ndarray) -> float:
    """What Keras 2 shows at the end of an epoch: when it closes, its bar adds the last batch once more."""
    return (losses.sum() + losses[-1]) / (len(losses) + 1)


def windows(course: Course, seed: int) -> dict[str, float]:
    """The figures of the right training, at full size and as check 4.4 has it done."""
    train, test, start = check_set(course.arrays, np.random.default_rng(seed))
    columns = course.arrays.user[train], course.arrays.title[train], start
    towers, losses = two_tower.fit(*columns, batch_size=CHECK_BATCH)
    _, anew = two_tower.fit(*columns, batch_size=CHECK_BATCH, reshuffle=np.random.default_rng(seed))
    return course.figures(*last(course.fit(seed))) | {
        "check_gain": gain(course.arrays, train, start, towers),
        "check_loss": losses[-1, -1],
        "check_shuffled": anew[-1, -1],
        "check_hit_100": hits(course.arrays, test, towers)[100],
        "check_alike": alike(trained(course.arrays, np.random.default_rng(seed).permutation(train), start), towers, start),
    }


def check_set(arrays, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, Towers]:
    """What check 4.4 has trained: train rows, test rows, and the towers to begin with.

    A batch costs as the square of its rows, so there are a few small ones, and a part of one that tells their size.
    So few steps from nothing would be the same whether films or users compete: both gradients are. So every film begins
    with a lean of its own, the first coordinate, which a softmax over films feels and one over users does not.
    """
    rows = [rng.choice(part, n, replace=False) for part, n in zip(two_tower.course_split(), CHECK_ROWS)]
    start = two_tower.initial_embeddings(int(rng.integers(2**31)), len(arrays.users), len(arrays.titles))
    start.users[:, 0], start.titles[:, 0] = 1, rng.permutation(np.linspace(-1.2, 1.2, len(arrays.titles)))
    return *rows, start


def gain(arrays, rows: np.ndarray, before: Towers, after: Towers) -> float:
    """By how much lower Retrieval's loss of these rows as one batch is."""
    batch = two_tower.collapse(arrays.user[rows], arrays.title[rows])
    return two_tower.loss_and_slopes(before, batch)[0] - two_tower.loss_and_slopes(after, batch)[0]


def trained(arrays, rows: np.ndarray, start: Towers) -> Towers:
    """The towers after the training that check 4.4 asks for."""
    return two_tower.fit(arrays.user[rows], arrays.title[rows], start, batch_size=CHECK_BATCH)[0]


def alike(one: Towers, other: Towers, start: Towers) -> float:
    """Cosine between where the vectors went in one training and in another; of users' and titles' the smaller one."""
    went = [[after - before for after, before in zip(towers, start)] for towers in (one, other)]
    return min(float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b))) for a, b in zip(*went))


def hits(arrays, rows: np.ndarray, towers: Towers, ks=two_tower.KS) -> dict[int, float]:
    """Share of these rows whose film is in its user's top k, for each k."""
    return two_tower.hit_rates(two_tower.all_scores(towers), arrays.user[rows], arrays.title[rows], ks=ks)


def mistakes(course: Course, seed: int) -> dict[str, dict[str, float]]:
    """The figures of plausible wrong trainings and evaluations, by what was done."""
    figures = course.figures
    right = course.fit(seed)
    return {
        "not trained": figures(*last(course.fit(seed, learning_rate=0))),
        "Adagrad .001": figures(*last(course.fit(seed, learning_rate=0.001))),
        "Adagrad .01": figures(*last(course.fit(seed, learning_rate=0.01))),
        "1 epoch": figures(*last(course.fit(seed, epochs=1))),
        "10 epochs": figures(*last(course.fit(seed, epochs=10))),
        "evaluated on the train rows": figures(*last(right), rows=course.train),
        "trained on all rows": figures(*last(course.fit(seed, np.concatenate([course.train, course.test])))),
        "task(title, user) for task(user, title)": swapped(course, seed),
        "train rows as candidates": figures(*last(right)) | interactions_as_candidates(course, right[0]),
    }


def last(fitted: tuple[Towers, np.ndarray]) -> tuple[Towers, np.ndarray]:
    """Towers and the losses of the last epoch."""
    return fitted[0], fitted[1][-1]


def swapped(course: Course, seed: int) -> dict[str, float]:
    """The task's arguments swapped: films query, users are the batch's candidates, films rank among films."""
    arrays = course.arrays
    order = np.random.default_rng(seed).permutation(course.train)
    start = Towers(*reversed(two_tower.initial_embeddings(seed, len(arrays.users), len(arrays.titles))))
    (titles, users), losses = two_tower.fit(arrays.title[order], arrays.user[order], start)
    own = (titles[course.title] * users[course.user]).sum(axis=1)
    ranks = two_tower.ranks(titles @ titles[arrays.movie_title].T, course.title, own)
    return course.figures(Towers(users, titles), losses[-1]) | {
        **{f"test_top_{k}": float((ranks <= k).mean()) for k in (10, 50, 100)},
        "test_loss": two_tower.last_batch_loss(Towers(titles, users), course.title, course.user),
    }


def interactions_as_candidates(course: Course, towers: Towers) -> dict[str, float]:
    """80,000 candidates with every film as often as it was watched: each copy takes a place."""
    candidates = course.arrays.title[course.train]
    accuracy = two_tower.factorized_top_k(towers, course.user, course.title, candidates, (10, 50, 100))
    return {f"test_top_{k}": value for k, value in accuracy.items()}


FACTS = {
    "seen_in_top_100": "films among a user's top 100 that this user had in train, mean over users",
    "seen_in_batch": "share of a row's in-batch negatives that its user had in train, one batch of 8,192",
    "copies_in_batch": "other rows of the batch with the row's own film, mean over rows, one batch of 8,192",
    "by_user_100": "hit_100 as a mean over users instead of rows",
    "score_lowest": "lowest score of all users and titles",
    "score_highest": "highest score of all users and titles",
    "score_above_1": "share of all scores above 1",
    "score_above_1_test": "share of the test rows' own scores above 1",
    "median_rank": "median rank of a test film among the 1,664 titles",
    "median_rank_unseen": "the same, the user's train films excluded",
    "top_100_by_epoch": "test_top_100 after 1, 2, ... 10 epochs",
    "unseen_100_by_epoch": "unseen_100 after 1, 2, ... 10 epochs",
    "train_loss_by_epoch": "train_loss after 1, 2, ... 10 epochs",
    "recall_curve": f"share of test rows found, train films excluded, at k = {', '.join(map(str, DEPTHS))}",
    "recall_curve_logq": "the same, trained with candidate_sampling_probability = share of the train rows",
}


def facts(course: Course, seed: int) -> dict[str, float | list[float]]:
    """What lessons cite, for one seed, in the order of FACTS."""
    arrays, user, title = course.arrays, course.user, course.title
    towers, _ = course.fit(seed)
    scores = two_tower.all_scores(towers)
    own = scores[user, title]
    top_100 = np.argsort(-scores, axis=1)[:, :100]
    ranks = two_tower.ranks(scores, user, own)
    ranks_unseen = two_tower.ranks(np.where(course.seen, -np.inf, scores), user, own)
    votes = np.bincount(user, minlength=len(arrays.users))
    by_user = np.bincount(user, ranks <= 100, len(arrays.users))[votes > 0] / votes[votes > 0]

    batch = np.random.default_rng(seed).permutation(course.train)[: two_tower.BATCH]
    count = np.bincount(arrays.title[batch], minlength=len(arrays.titles))
    watched = course.seen[arrays.user[batch]] @ count.astype(np.float32) - 1  # a row is no negative to itself

    epochs = []
    _, losses = course.fit(
        seed,
        epochs=10,
        after_epoch=lambda _, now: epochs.append(
            (
                two_tower.factorized_top_k(now, user, title, arrays.movie_title, (100,))[100],
                two_tower.hit_rates(two_tower.all_scores(now), user, title, course.seen, (100,))[100],
            )
        ),
    )
    logq, _ = course.fit(seed, corrected=True)
    values = (
        course.seen[np.arange(len(top_100))[:, None], top_100].sum(axis=1).mean(),
        watched.mean() / (len(batch) - 1),
        count[arrays.title[batch]].mean() - 1,
        by_user.mean(),
        scores.min(),
        scores.max(),
        (scores > 1).mean(),
        (own > 1).mean(),
        np.median(ranks),
        np.median(ranks_unseen),
        [test for test, _ in epochs],
        [unseen for _, unseen in epochs],
        losses[:, -1],
        list(two_tower.hit_rates(scores, user, title, course.seen, DEPTHS).values()),
        list(two_tower.hit_rates(two_tower.all_scores(logq), user, title, course.seen, DEPTHS).values()),
    )
    return dict(zip(FACTS, values, strict=True))


def baselines(course: Course) -> dict[str, dict]:
    """What needs no training: the best-seller list (train counts), and chance, k of the candidates."""
    arrays, user, title = course.arrays, course.user, course.title
    n = len(arrays.titles)
    counts = np.broadcast_to(two_tower.popularity(arrays.title[course.train], n), course.seen.shape)
    own = counts[user, title]
    top = two_tower.ranks(counts[:, arrays.movie_title], user, own)
    hit = two_tower.hit_rates(counts, user, title)
    unseen = two_tower.hit_rates(counts, user, title, course.seen)
    return {
        "best-seller list": {
            **{f"test_top_{k}": float((top <= k).mean()) for k in (10, 50, 100)},
            **{f"hit_{k}": hit[k] for k in (10, 50, 100)},
            **{f"unseen_{k}": unseen[k] for k in (10, 50, 100)},
        },
        "chance": {
            **{f"test_top_{k}": k / len(arrays.movie_title) for k in (10, 50, 100)},
            **{f"hit_{k}": k / n for k in (10, 50, 100)},
        },
    }


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m autograder measure", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"for the windows (default {SEEDS})")
    seeds = range(parser.parse_args(argv).seeds)
    if len(seeds) < SEEDS:
        parser.error(
            f"windows from fewer than {SEEDS} seeds are too uncertain; give --seeds {SEEDS} or more."
        )
    jobs = [(mistakes, seed) for seed in seeds[:FEW]] + [(facts, seed) for seed in seeds[:FEW]]
    jobs += [(windows, seed) for seed in seeds]
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # these matrices are too small to share one among the cores
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        done = list(tqdm(pool.map(run, jobs), "measuring", len(jobs), unit="job", ncols=80))
    write(
        seeds,
        *(
            [result for (of, _), result in zip(jobs, done) if of is kind]
            for kind in (windows, mistakes, facts)
        ),
    )
    table()
    print(f"\nWritten to {FILE.name}.")


@functools.cache
def course() -> Course:
    from data import movielens

    return Course(movielens.arrays())


def run(job: tuple[Callable, int]) -> dict:
    of, seed = job
    return of(course(), seed)


def spread(values: list) -> dict:
    """mean, sd, min and max over seeds, of numbers or of lists of equal length, place by place."""
    values = np.array(values, float)
    found = {"mean": values.mean(axis=0), "sd": values.std(axis=0, ddof=1)}
    return found | {"min": values.min(axis=0), "max": values.max(axis=0)}


def write(seeds: range, right: list[dict], wrong: list[dict], known: list[dict]) -> None:
    bounds = {}
    for name, what in QUANTITIES.items():
        of = spread([figures[name] for figures in right])
        accepted = {"low": of["mean"] - WIDTH * of["sd"], "high": of["mean"] + WIDTH * of["sd"]}
        bounds[name] = {"what": what} | of | accepted
    ranges = {}
    for name in wrong[0]:
        of = spread([list(figures[name].values()) for figures in wrong])
        ranges[name] = dict(zip(wrong[0][name], zip(of["min"], of["max"])))
    content = {
        "about": "Written by `python -m autograder measure`, never by hand; measure.py explains it.",
        "date": date.today().isoformat(),
        "seeds": {"windows": list(seeds), "mistakes and facts": list(seeds[:FEW])},
        "versions": {
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            **{
                name: version(name) for name in ("numpy", "tensorflow", "tf-keras", "tensorflow-recommenders")
            },
        },
        "split": {
            "rows": "shuffle(100_000, seed=42), take 80,000 to train, the other 20,000 to test",
            "sha256": digest(course().test),
        },
        "recipe": "32 dimensions, Adagrad .1, batches of 8,192 shuffled once, 3 epochs",
        "rule": f"low and high are the mean minus and plus {WIDTH} standard deviations of the seeds",
        "windows": bounds,
        "mistakes": {"what": "lowest and highest over the seeds"} | ranges,
        "baselines": baselines(course()),
        "facts": {name: {"what": what} | spread([of[name] for of in known]) for name, what in FACTS.items()},
    }
    FILE.write_text(as_text(content), encoding="utf-8")
    read.cache_clear()


def digest(rows: np.ndarray) -> str:
    """SHA-256 of rows as little-endian int64."""
    return hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()


def as_text(content: dict) -> str:
    """JSON with one line an entry, and figures as short as they mean something."""

    def short(value):
        if isinstance(value, dict):
            return {key: short(part) for key, part in value.items()}
        if isinstance(value, list | tuple | np.ndarray):
            return [short(part) for part in value]
        return round(float(value), 2 if abs(value) >= 10 else 5) if isinstance(value, float) else value

    def entry(value) -> str:
        if isinstance(value, dict) and any(isinstance(part, dict) for part in value.values()):
            inner = ",\n".join(f"    {json.dumps(key)}: {json.dumps(part)}" for key, part in value.items())
            return f"{{\n{inner}\n  }}"
        return json.dumps(value)

    lines = ",\n".join(f"  {json.dumps(key)}: {entry(value)}" for key, value in short(content).items())
    return f"{{\n{lines}\n}}\n"


def table() -> None:
    """Prints the windows as a table."""
    print(f"{'':14}{'mean':>10}{'sd':>8}{'min':>11}{'max':>10}{'accepted':>25}")
    for name, of in read()["windows"].items():
        mean, sd, least, most = (figure(of[key], of["mean"]) for key in ("mean", "sd", "min", "max"))
        print(f"{name:14}{mean:>10}{sd:>8}{least:>11}{most:>10}{between(*window(name)):>25}")


def figure(value: float, like: float | None = None) -> str:
    """A rate as .1234, a loss as 12,345.6; which of the two is told from `like`, else from the value."""
    return f"{value:,.1f}" if (value if like is None else like) > 1 else f"{value:.4f}".lstrip("0")


def between(low: float, high: float) -> str:
    """A window in words."""
    return f"{figure(low)} to {figure(high)}"
