"""`python -m autograder benchmark`: the tutorial's fit and evaluate against the fast path, in one run.

Both get the same split, the same batches and the same initial weights. CPU-seconds count all threads.
With --checks, instead, the time that a learner waits for each item's check; with --grading, nbgrader against `grade`;
with --scale, what a large class costs `grade`.
"""

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from autograder import two_tower

LIMIT = 0.0005  # of a difference in a metric: 10 of 20,000 rows
REPEATS = 5


def timed(work: Callable) -> tuple[object, float, float]:
    """What `work` returns, its CPU-seconds and its wall-clock seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m autograder benchmark", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=42, help="of the initial weights and the batches (default 42)"
    )
    parser.add_argument("--checks", action="store_true", help="time every item's check instead")
    parser.add_argument("--grading", action="store_true", help="grade a class with nbgrader and with `grade` instead")
    parser.add_argument("--scale", action="store_true", help="grade a large class instead")
    parser.add_argument("--dask", action="store_true", help="on a Dask cluster of this machine's own processes")
    parser.add_argument("--students", type=int, help="of that class (24, at scale 200)")
    parser.add_argument("--lessons", nargs="+", default=["01", "02", "03", "04", "05"], help="that it hands in (all)")
    options = parser.parse_args(argv)
    if options.checks:
        return time_checks()
    if options.grading:
        from autograder import benchmark_grading

        return benchmark_grading.main(options.students or 24, options.lessons)
    if options.scale:
        from autograder import benchmark_grading

        return benchmark_grading.scale(options.students or 200, options.lessons, os.cpu_count(), options.dask)
    seed = options.seed
    from data import movielens

    arrays = movielens.arrays()
    train, test = two_tower.course_split()
    train = np.random.default_rng(seed).permutation(train)
    start = two_tower.initial_embeddings(seed, len(arrays.users), len(arrays.titles))
    user, title = arrays.user[test], arrays.title[test]

    def ours():
        towers, losses = two_tower.fit(arrays.user[train], arrays.title[train], start)
        accuracy = two_tower.factorized_top_k(towers, user, title, arrays.movie_title)
        return towers, losses[-1, -1], accuracy, two_tower.last_batch_loss(towers, user, title)

    runs = [timed(ours) for _ in range(REPEATS)]
    fast = runs[0][0]
    fast_cpu, fast_wall = (median(run[i] for run in runs) for i in (1, 2))
    (stock, stock_cpu, stock_wall), (_, plain_cpu, plain_wall) = (
        timed_stock(arrays, train, test, start, train_metrics) for train_metrics in (True, False)
    )

    print(f"{'three epochs and one evaluation':42}{'CPU-s':>10}{'wall-s':>10}{'CPU ratio':>12}")
    for what, cpu, wall in (
        ("stock, metrics in training too", stock_cpu, stock_wall),
        ("stock, metrics in evaluate only", plain_cpu, plain_wall),
        (f"ours, median of {REPEATS}", fast_cpu, fast_wall),
    ):
        print(f"{what:42}{cpu:10.2f}{wall:10.2f}{cpu / fast_cpu:12.1f}")

    evaluated = two_tower.factorized_top_k(stock[0], user, title, arrays.movie_title)
    exact = [two_tower.hit_rates(two_tower.all_scores(towers), user, title) for towers in (stock[0], fast[0])]
    print(f"\n{'':12}{'stock':>10}{'ours':>10}{'difference':>12}{'of the fit':>12}{'of the metric':>15}")
    worst = 0.0
    for k in two_tower.KS:
        of_fit, of_metric = exact[1][k] - exact[0][k], evaluated[k] - stock[2][k]
        worst = max(worst, abs(of_fit), abs(of_metric))
        differences = (round(value, 5) + 0.0 for value in (fast[2][k] - stock[2][k], of_fit, of_metric))
        print(
            "{:12}{:10.5f}{:10.5f}{:12.5f}{:12.5f}{:15.5f}".format(
                f"top {k}", stock[2][k], fast[2][k], *differences
            )
        )
    for what, i in (("train loss", 1), ("test loss", 3)):
        print(f"{what:12}{stock[i]:10,.2f}{fast[i]:10,.2f}{fast[i] - stock[i]:12.5f}")
    weight = max(np.abs(a - b).max() for a, b in zip(stock[0], fast[0]))
    print(f"largest difference of a weight: {weight:.1e}")
    print(
        "\nof the fit: both fits, ranked exactly. of the metric: stock's weights, ranked by both."
        "\nThe difference holds both, and the rows that rounding moves after any change in a last bit."
    )
    good = worst < LIMIT
    print(f"{'Equal' if good else 'NOT EQUAL'}: the largest of both is {worst:.5f}, the limit {LIMIT}.")
    return 0 if good else 1


def timed_stock(arrays, train, test, start, train_metrics: bool) -> tuple:
    """The tutorial's run: ((towers, train loss, accuracy by k, test loss), CPU-s, wall-s)."""
    import tensorflow as tf
    from tqdm import tqdm

    from autograder import stock

    model = stock.build(arrays, train_metrics=train_metrics)
    stock.set_towers(model, start)
    batches, rows = stock.pairs(arrays, train), stock.pairs(arrays, test, two_tower.TEST_BATCH)
    what = "stock, metrics in training" if train_metrics else "stock, metrics in evaluate"
    with tqdm(total=35, desc=what, unit="batch", ncols=80, leave=False) as progress:
        tick = tf.keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda *_: progress.update(), on_test_batch_end=lambda *_: progress.update()
        )

        def work():
            history = model.fit(batches, epochs=3, verbose=0, callbacks=[tick])
            return history.history["loss"][-1], *stock.evaluate(model, rows, [tick])

        (train_loss, accuracy, test_loss), cpu, wall = timed(work)
    return (stock.get_towers(model), train_loss, accuracy, test_loss), cpu, wall


def time_checks() -> int:
    """Prints, for every item, the seconds from a call of its check to the verdict, imports and data loaded before: on
    the right answer, and on each known mistake, diagnosis included. Medians, and the longest of the mistakes."""
    from autograder.item import LESSONS, items
    from autograder.reference import reference
    from autograder.run import check
    from autograder.student import Host

    medians = {}
    print(f"{'item':6}{'right, s':>10}{'mistaken, s':>13}{'longest, s':>12}")
    for item in items():
        names = reference(LESSONS[item.lesson])
        answers = [{**names, item.function: mistake.code} for mistake in item.mistakes]
        check(item, Host(names).answer)  # imports, traces, loads
        right = [check(item, Host(names).answer, seed).seconds for seed in range(1 if item.slow else REPEATS)]
        wrong = [check(item, Host(answer).answer).seconds for answer in answers[: 2 if item.slow else None]]
        medians[item] = median(right), median(wrong)
        print(f"{item.number:6}{medians[item][0]:10.3f}{medians[item][1]:13.3f}{max(wrong):12.3f}", flush=True)
    plain = [both for item, both in medians.items() if not item.slow]
    print("median of the items that train nothing: {:.3f} right, {:.3f} mistaken".format(*map(median, zip(*plain))))
    return 0
