"""The blog's two-tower model without the framework: trained in a fraction of a second, ranked exactly.

TensorFlow Recommenders scores a batch of B rows as a B x B matrix, 8,192 x 8,192 in the tutorial. Its
numbers repeat: a row is only a (user, title) pair, so no more scores differ than distinct users times
distinct titles. Score those once, weigh each by how often it occurs, and the loss and its gradients are the
same sums as before. `python -m autograder benchmark` compares the two; lessons teach the plain TFRS way.

Users and titles are positions in `Arrays.users` and `Arrays.titles` (data/movielens.py). numpy only.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

KS = (1, 5, 10, 50, 100)
BATCH = 8192  # training rows in a batch, as in the tutorial
TEST_BATCH = 4096  # test rows in a batch, as in the tutorial


class Towers(NamedTuple):
    """What two towers of ids amount to: a vector for each user and each title, none for unknown words."""

    users: np.ndarray  # [U, dim] float32
    titles: np.ndarray  # [T, dim] float32


# --- the split ----------------------------------------------------------------------------------------------


def shuffled(n: int, seed: int) -> np.ndarray:
    """The order of `tf.data.Dataset.range(n).shuffle(n, seed)` after `tf.random.set_seed(seed)`.

    Returns int64 [n]. tf.data draws 32-bit numbers from Philox4x32-10 (Salmon et al., SC 2011; TensorFlow's
    philox_random.h); number i picks among the n - i elements left (its shuffle_dataset_op.cc).
    """
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    block = np.arange((n + 3) // 4, dtype=np.uint64)
    counter = [block, np.zeros_like(block), np.full_like(block, seed), np.zeros_like(block)]
    key = [seed, 0]
    for _ in range(10):
        a, b = counter[0] * np.uint64(0xD2511F53), counter[2] * np.uint64(0xCD9E8D57)
        left, right = np.uint64(key[0]), np.uint64(key[1])
        counter = [b >> half ^ counter[1] ^ left, b & low, a >> half ^ counter[3] ^ right, a & low]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    draws = np.stack(counter, axis=1).ravel()[:n]
    order = list(range(n))
    for i, step in enumerate((draws % np.arange(n, 0, -1, dtype=np.uint64)).tolist()):
        order[i], order[i + step] = order[i + step], order[i]
    return np.array(order)


def course_split(n: int = 100_000, n_train: int = 80_000, seed: int = 42) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the tutorial's split, in its order: (train int64 [n_train], test int64 [n - n_train]).

    Equal to `tf.random.set_seed(seed)`, `ratings.shuffle(n, seed=seed, reshuffle_each_iteration=False)`, then
    `take` and `skip`, for a seed from 1 to 2**31 - 2. ValueError if n_train is not from 0 to n.
    """
    if not 0 <= n_train <= n:
        raise ValueError(f"n_train is {n_train}; it must be from 0 to n = {n}.")
    order = shuffled(n, seed)
    return order[:n_train], order[n_train:]


# --- training -----------------------------------------------------------------------------------------------


def initial_embeddings(seed: int, n_users: int, n_titles: int, dim: int = 32) -> Towers:
    """Untrained towers: uniform from -.05 to .05, the default of tf_keras's Embedding."""
    draw = np.random.default_rng(seed)
    return Towers(*(draw.uniform(-0.05, 0.05, (n, dim)).astype(np.float32) for n in (n_users, n_titles)))


class Batch(NamedTuple):
    """A batch by its a distinct users and b distinct titles; counts are float32."""

    users: np.ndarray  # [a]
    titles: np.ndarray  # [b]
    of_user: np.ndarray  # [a] rows of each user
    of_title: np.ndarray  # [b] rows of each title
    of_pair: np.ndarray  # [a, b] rows of each (user, title)


def collapse(user: np.ndarray, title: np.ndarray) -> Batch:
    """Counts the rows of a batch: user and title are int [B]."""
    users, a, of_user = np.unique(user, return_inverse=True, return_counts=True)
    titles, b, of_title = np.unique(title, return_inverse=True, return_counts=True)
    of_pair = np.bincount(a * len(titles) + b, minlength=len(users) * len(titles))
    counts = (of_user, of_title, of_pair.reshape(len(users), len(titles)))
    return Batch(users, titles, *(count.astype(np.float32) for count in counts))


def loss_and_slopes(
    towers: Towers, batch: Batch, log_q: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """The loss of tfrs.tasks.Retrieval, a sum over rows, and its slope by each distinct score, [a, b].

    A row (u, t) costs log z(u) - s(u, t), where z(u) is the sum of exp s(u, t') over all rows' titles t'.
    Let m rows have user u, n title t, and c both: z(u) = sum over t of n exp s, the loss is
    sum over u of m log z - sum over u, t of c s, and the slope m n exp(s) / z - c.
    log_q, float32 [T], is subtracted from the scores (`candidate_sampling_probability`).
    """
    grid = towers.users[batch.users] @ towers.titles[batch.titles].T
    if log_q is not None:
        grid -= log_q[batch.titles]
    positive = float(np.vdot(batch.of_pair, grid))
    top = grid.max(axis=1)
    grid -= top[:, None]
    np.exp(grid, out=grid)
    grid *= batch.of_title
    total = grid.sum(axis=1)
    loss = float(batch.of_user @ (np.log(total) + top)) - positive
    grid *= (batch.of_user / total)[:, None]
    grid -= batch.of_pair
    return loss, grid


def fit(
    user: np.ndarray,
    title: np.ndarray,
    start: Towers,
    *,
    epochs: int = 3,
    batch_size: int = BATCH,
    learning_rate: float = 0.1,
    sampling_probability: np.ndarray | None = None,
    reshuffle: np.random.Generator | None = None,
    after_epoch: Callable[[int, Towers], None] | None = None,
) -> tuple[Towers, np.ndarray]:
    """Trains as the tutorial does: Retrieval's loss, tf_keras's Adagrad, the same batches in every epoch, or, if
    `reshuffle` is given, such as it draws anew for each.

    user, title: int [rows], in the order in which they are to be batched; the last batch may be smaller.
    sampling_probability: float [T] or None, by title what `candidate_sampling_probability` holds by row.
    after_epoch(epoch from 1, towers) may read the towers, which go on changing.
    Returns new towers and the loss of each batch, float64 [epochs, batches], a sum over the batch's rows.
    """
    towers = Towers(start.users.copy(), start.titles.copy())
    squares = [np.full_like(table, 0.1) for table in towers]  # initial_accumulator_value
    log_q = None
    if sampling_probability is not None:
        log_q = np.log(np.clip(sampling_probability, 1e-6, 1)).astype(np.float32)

    def cut(order: np.ndarray) -> list[Batch]:
        parts = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        return [collapse(user[part], title[part]) for part in parts]

    batches = cut(np.arange(len(user)))
    losses = np.empty((epochs, len(batches)))
    for epoch in range(epochs):
        if reshuffle is not None:
            batches = cut(reshuffle.permutation(len(user)))
        for i, batch in enumerate(batches):
            losses[epoch, i], slopes = loss_and_slopes(towers, batch, log_q)
            gradients = slopes @ towers.titles[batch.titles], slopes.T @ towers.users[batch.users]
            for table, square, rows, gradient in zip(towers, squares, batch[:2], gradients):
                square[rows] += gradient * gradient
                table[rows] -= np.float32(learning_rate) * gradient / np.sqrt(square[rows] + np.float32(1e-7))
        if after_epoch:
            after_epoch(epoch + 1, towers)
    return towers, losses


def recipe(
    arrays, rows: np.ndarray, seed: int, *, dim: int = 32, corrected: bool = False, **options
) -> tuple[Towers, np.ndarray]:
    """`fit` as in the tutorial: these rows of `arrays`, shuffled once, from new towers, both by `seed`.

    corrected: with the logQ correction, a title's share of the rows as its sampling_probability.
    """
    if corrected:
        options["sampling_probability"] = np.bincount(arrays.title[rows], minlength=len(arrays.titles)) / len(rows)
    order = np.random.default_rng(seed).permutation(rows)
    start = initial_embeddings(seed, len(arrays.users), len(arrays.titles), dim)
    return fit(arrays.user[order], arrays.title[order], start, **options)


def last_batch_loss(
    towers: Towers, user: np.ndarray, title: np.ndarray, batch_size: int = TEST_BATCH
) -> float:
    """What `model.evaluate` gives as the loss: the last batch's alone (3,616 of the 20,000 test rows)."""
    last = (len(user) - 1) // batch_size * batch_size
    return loss_and_slopes(towers, collapse(user[last:], title[last:]))[0]


# --- evaluation ---------------------------------------------------------------------------------------------


def all_scores(towers: Towers) -> np.ndarray:
    """The dot product of every user with every title: float64 [U, T], where rounding makes no ties."""
    return towers.users.astype(np.float64) @ towers.titles.astype(np.float64).T


def popularity(title: np.ndarray, n_titles: int) -> np.ndarray:
    """The best-seller list as scores, float64 [1, T]: rows of each title among `title`, int [rows].

    Equal counts are told apart by position, the earlier first, so that the scores make one definite list.
    """
    return np.bincount(title, minlength=n_titles)[None] - np.arange(n_titles) / n_titles


def ranks(candidates: np.ndarray, user: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Rank of each row's own score among its user's candidates: 1 + how many score higher, int64 [rows].

    candidates: float [U, C]; user: int [rows]; own: float [rows]. A tie costs no rank, as in FactorizedTopK:
    if all scores are equal, every row ranks first.
    """
    found = np.empty(len(user), np.int64)
    order = np.argsort(user, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(user[order])) + 1):
        found[rows] = 1 + (candidates[user[rows[0]]] > own[rows, None]).sum(axis=1)
    return found


def hit_rates(
    scores: np.ndarray,
    user: np.ndarray,
    title: np.ndarray,
    seen: np.ndarray | None = None,
    ks: Sequence[int] = KS,
) -> dict[int, float]:
    """Share of rows whose title is among its user's k best titles, for each k: every row is one vote (micro).

    scores: float [U, T], every title once; user, title: int [rows]. Ties as in `ranks`.
    seen: bool [U, T] or None, the titles that are no candidates for a user; a row that has one is a miss.
    """
    if seen is not None:
        scores = np.where(seen, -np.inf, scores)
    found = ranks(scores, user, scores[user, title])
    if seen is not None:
        found[seen[user, title]] = scores.shape[1] + 1
    return {k: float((found <= k).mean()) for k in ks}


def seen_titles(arrays, rows: np.ndarray) -> np.ndarray:
    """Who has seen what in these rows: bool [U, T]."""
    seen = np.zeros((len(arrays.users), len(arrays.titles)), bool)
    seen[arrays.user[rows], arrays.title[rows]] = True
    return seen


def factorized_top_k(
    towers: Towers, user: np.ndarray, title: np.ndarray, candidates: np.ndarray, ks: Sequence[int] = KS
) -> dict[int, float]:
    """What tfrs.metrics.FactorizedTopK reports for these rows, to within its own rounding.

    candidates: int [C], positions in titles, 1,682 with the tutorial's `movies`, where 18 titles come twice.
    FactorizedTopK adds up a row's own score in one way and the candidates' in another (reduce_sum, matmul).
    In a third of the rows the film's own copy among the candidates then scores a hair higher and costs it a
    place. The same happens here; to which rows, that hangs on the last bits of the weights.
    """
    own = (towers.users[user] * towers.titles[title]).sum(axis=1)
    found = ranks(towers.users @ towers.titles[candidates].T, user, own)
    return {k: float((found <= k).mean()) for k in ks}
