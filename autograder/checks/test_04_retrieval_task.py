"""Lesson 4: the loss of a batch, the metric, the model, its training on MovieLens, and what the printed "
"losses are."""

import math
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import numpy as np

from autograder.item import Item, expect, require
from autograder.wire import same

# --- 4.1 -----------------------------------------------------------------------------------------------------------

in_batch_loss = Item(
    "4.1",
    "in_batch_loss",
    because=(
        "Row i's own film is class i among the B films of the batch; a function that takes logits also keeps "
        "large scores finite."
    ),
    hints=(
        "Row i of the B x B scores belongs to one user: which of its B films is the right class?",
        "The scores are u times v transposed. Log-softmax of each row, the diagonal, its sum, the other sign.",
        "tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(len(u)), tf.matmul(u, ____)))",
    ),
)
I2 = np.eye(2, dtype=np.float32)


def log_shares(u, v) -> np.ndarray:
    """The log-softmax of each row of u times v transposed, in float64."""
    scores = np.asarray(u, float) @ np.asarray(v, float).T
    scores -= scores.max(axis=1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


@in_batch_loss.test(1)
def test_two_users_two_films(student):
    expect(
        student.in_batch_loss(I2, I2),
        0.626523,
        "two rows, each with scores 1 (own) and 0 (other): 2 ln(1 + 1/e)",
    )


@in_batch_loss.test(1)
def test_users_choose_among_films_not_films_among_users(student):
    u = np.array([[2, 0], [1, 0]], np.float32)
    expect(student.in_batch_loss(u, I2), 1.440190, "the scores are [[2, 0], [1, 0]]: ln(1 + 1/e^2) + ln(1 + e)")


@in_batch_loss.test(1)
def test_a_model_that_knows_nothing(student):
    zeros = np.zeros((8, 4), np.float32)
    expect(student.in_batch_loss(zeros, zeros), 16.635532, "eight rows of eight equal scores: 8 ln 8")


@in_batch_loss.test(1)
def test_large_scores_stay_numbers(student, rng):
    two, users = [[1000, 0], [0, 1]], np.round(40 * rng.normal(size=(4, 3)))
    films = np.round(-users * rng.uniform(0.5, 1.5, size=(4, 1)))
    drawn_loss = float(-np.trace(log_shares(users, films)))
    n = int(rng.integers(3, 7))
    alike = np.tile(rng.integers(20, 40, 3), (n, 1))
    for u, v, want, meaning in (
        (two, [[1, 0], [1, 0]], 1.386294, "two rows of two equal scores, 1,000 and 0: 2 ln 2"),
        (two, [[0, 1], [1, 0]], 1001.313262, "own films score 1,000 and 1 less than the others: 1,000 + ln(1 + e)"),
        (users, films, drawn_loss, "four rows of scores in the thousands, the own films' below 0"),
        (alike, alike, n * math.log(n), f"{n} rows of {n} equal scores of a thousand and more: {n} ln {n}"),
    ):
        loss = student.in_batch_loss(np.array(u, np.float32), np.array(v, np.float32))
        lost = isinstance(loss, float) and not math.isfinite(loss)
        expect("no finite number" if lost else loss, want, meaning)


@in_batch_loss.test(1)
def test_any_batch(student, rng):
    u, v = (rng.normal(size=(6, 3)).astype(np.float32) for _ in "uv")
    want = -np.trace(log_shares(u, v))
    expect(
        student.in_batch_loss(u, v),
        float(want),
        "what tfrs.tasks.Retrieval() gives for this batch",
        tolerance=1e-3,
    )


@in_batch_loss.mistake(
    "mean instead of sum",
    "You averaged over the rows. TFRS sums them, which is why its loss grows with the batch, and why it "
    "learns at this rate.",
    see="in_batch_loss(np.zeros((8, 4), np.float32), np.zeros((8, 4), np.float32)) / np.log(8)",
)
def _(u, v):
    return float(-np.trace(log_shares(u, v)) / len(u))


@in_batch_loss.mistake(
    "not summed", "You returned the loss of each row. The loss of the batch is one number, their sum."
)
def _(u, v):
    return -np.diag(log_shares(u, v))


@in_batch_loss.mistake(
    "each score judged for itself",
    "You asked of each of the B x B scores alone whether it is right or wrong (a sigmoid, binary "
    "cross-entropy). "
    "The task asks which *one* of the B films is the user's: a softmax over the row.",
)
def _(u, v):
    scores = np.asarray(u, float) @ np.asarray(v, float).T
    signs = 1 - 2 * np.eye(len(scores))
    return float(np.logaddexp(0, signs * scores).sum())


@in_batch_loss.mistake(
    "scores taken for probabilities",
    "Scores are logits: any number, summing to anything. The cross-entropy must be told so "
    "(from_logits=True), or be "
    "given the softmax of the scores.",
    see="tf.nn.softmax([1.0, 0.0])",
)
def _(u, v):
    import tensorflow as tf

    scores = tf.matmul(tf.constant(u, tf.float32), tf.constant(v, tf.float32), transpose_b=True)
    loss = tf.keras.losses.CategoricalCrossentropy(reduction=tf.keras.losses.Reduction.SUM)
    return float(loss(tf.eye(len(u)), scores))


@in_batch_loss.mistake("scores taken for probabilities")
def _(u, v):
    import tensorflow as tf

    return tf.reduce_sum(tf.keras.losses.sparse_categorical_crossentropy(tf.range(len(u)), u @ v.T))


@in_batch_loss.mistake(
    "the softmax taken twice",
    "You gave the softmax of the scores to a function that takes a softmax itself. Give it the scores.",
    see="tf.nn.softmax(tf.nn.softmax([1.0, 0.0]))",
)
def _(u, v):
    return float(-np.trace(log_shares(np.exp(log_shares(u, v)), np.eye(len(u)))))


@in_batch_loss.mistake(
    "one softmax over all scores",
    "The shares of the whole B x B matrix sum to 1 in your softmax. Each row is a choice of its own and has its own sum.",
    see="tf.nn.softmax([[1.0, 0.0], [0.0, 1.0]], axis=1)",
)
def _(u, v):
    scores = np.asarray(u, float) @ np.asarray(v, float).T
    return float(len(u) * (scores.max() + np.log(np.exp(scores - scores.max()).sum())) - np.trace(scores))


@in_batch_loss.mistake("one softmax over all scores")
def _(u, v):
    scores = np.asarray(u, float) @ np.asarray(v, float).T
    shares = np.exp(scores - scores.max())
    with np.errstate(divide="ignore"):
        return float(-np.log(np.diag(shares / shares.sum())).sum())


@in_batch_loss.mistake(
    "users compete for a film",
    "You took the softmax over the users, down a column. A row is one user who chooses among the films of the batch.",
    see="tf.nn.softmax([[2.0, 0.0], [1.0, 0.0]], axis=1)",
)
def _(u, v):
    return float(-np.trace(log_shares(v, u)))


@in_batch_loss.mistake("users compete for a film")
def _(u, v):
    scores = np.asarray(u, float) @ np.asarray(v, float).T
    shares = np.exp(scores - scores.max(axis=0))
    with np.errstate(divide="ignore"):
        return float(-np.log(np.diag(shares / shares.sum(axis=0))).sum())


@in_batch_loss.mistake(
    "no negatives",
    "You rewarded the own films only. Without the other films of the row nothing keeps the scores from "
    "growing for ever.",
)
def _(u, v):
    return float(-(np.asarray(u) * np.asarray(v)).sum())


@in_batch_loss.mistake(
    "own film missing below the line",
    "The softmax divides by the sum over *all* films of the batch, the own one included; you left it out.",
)
def _(u, v):
    scores = np.asarray(u, float) @ np.asarray(v, float).T
    others = np.where(np.eye(len(scores)) > 0, -np.inf, scores)
    top = others.max(axis=1)
    return float((top + np.log(np.exp(others - top[:, None]).sum(axis=1)) - np.diag(scores)).sum())


@in_batch_loss.mistake(
    "sign", "A log-probability is negative; the loss is what one makes small, so it is *minus* their sum."
)
def _(u, v):
    return float(np.trace(log_shares(u, v)))


@in_batch_loss.mistake(
    "exp out of range",
    "exp(1000) is infinite and exp(-1000) is 0, and neither has a share of its own kind. Take the largest score *of the "
    "row* off first (the softmax stays the same), or use a function that does.",
    see="np.exp(1000.0)",
)
def _(u, v):
    with np.errstate(all="ignore"):
        e = np.exp(np.asarray(u, float) @ np.asarray(v, float).T)
        return float(-np.log(np.diag(e) / e.sum(axis=1)).sum())


@in_batch_loss.mistake(
    "the share before its logarithm",
    "You worked out the softmax, then its logarithm. The share of a film that scores 1,000 less than another is 0, or "
    "whatever it was kept from falling below: what it was is lost. The log-softmax has no exp to undo: s - log(sum(exp(s))).",
    see="tf.math.log(tf.nn.softmax([0.0, 1000.0])), tf.nn.log_softmax([0.0, 1000.0])",
)
def _(u, v):
    with np.errstate(divide="ignore"):
        return float(-np.log(np.exp(np.diag(log_shares(u, v)))).sum())


@in_batch_loss.mistake("the share before its logarithm")
def _(u, v):
    return float(-np.log(np.exp(np.diag(log_shares(u, v))) + 1e-9).sum())


@in_batch_loss.mistake("the share before its logarithm")
def _(u, v):
    import tensorflow as tf

    shares = tf.nn.softmax(tf.matmul(u, v, transpose_b=True))
    return tf.reduce_sum(tf.keras.losses.sparse_categorical_crossentropy(tf.range(len(u)), shares))


@in_batch_loss.mistake("binary logarithms", "The loss uses natural logarithms: np.log, not np.log2.")
def _(u, v):
    return float(-np.trace(log_shares(u, v)) / np.log(2))


@in_batch_loss.mistake(
    "vectors brought to length 1",
    "You compared directions only (the cosine). The task takes the plain dot product: length counts.",
)
def _(u, v):
    u, v = (np.asarray(x, float) / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in (u, v))
    return float(-np.trace(log_shares(u, v)))


@in_batch_loss.alternative("TFRS itself")
def _(u, v):
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    return tfrs.tasks.Retrieval()(tf.constant(u), tf.constant(v))


@in_batch_loss.alternative("loops, no library but math")
def _(u, v):
    loss = 0.0
    for i, user in enumerate(u.tolist()):
        scores = [sum(a * b for a, b in zip(user, film, strict=True)) for film in v.tolist()]
        loss += max(scores) + math.log(sum(math.exp(s - max(scores)) for s in scores)) - scores[i]
    return loss


@in_batch_loss.alternative("identity labels, Keras loss from logits")
def _(u, v):
    import tensorflow as tf

    loss = tf.keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum")
    return loss(tf.eye(len(u)), u @ v.T).numpy()


# --- 4.2 -----------------------------------------------------------------------------------------------------------

top_k_accuracy = Item(
    "4.2",
    "top_k_accuracy",
    because=(
        "A film's rank is one more than the number of films that score strictly higher, so a tie costs nothing, "
        "as in TFRS."
    ),
    hints=(
        "How many films score strictly higher than the true one?",
        "The film's rank is 1 + (how many score higher); it is a hit if rank <= k; the accuracy is the mean over rows.",
        "rank = 1 + (scores > scores[np.arange(len(true)), true][:, None]).____",
    ),
)
THREE = np.array([[5, 4, 3, 2], [1, 4, 3, 2], [2, 2, 2, 2]], np.float32)


@top_k_accuracy.test(1)
def test_one_film_scores_higher(student):
    scores = np.array([[0.8, 0.9, 0.7, 0.6, 0.5]], np.float32)
    got = student.top_k_accuracy(scores, np.array([0]), [1, 2])
    expect(got, {1: 0.0, 2: 1.0}, "the true film scores .8, one other film more: second place")


@top_k_accuracy.test(2)
def test_three_rows_and_a_tie(student, rng):
    got = student.top_k_accuracy(THREE, np.array([1, 0, 3]), [4, 1, 2])
    expect(
        got,
        {4: 1.0, 1: 1 / 3, 2: 2 / 3},
        "the true films score 4, 1 and 2, so they rank second, fourth and (a tie) first",
    )
    scores, true = rng.integers(0, 4, (9, 6)).astype(np.float32), rng.integers(6, size=9)
    places = [sorted(row, reverse=True).index(row[film]) + 1 for row, film in zip(scores.tolist(), true, strict=True)]
    want = {k: sum(place <= k for place in places) / 9 for k in (3, 1, 2)}
    got = student.top_k_accuracy(scores, true, [3, 1, 2])
    expect(got, want, f"of nine rows with many ties; the true films rank {sorted(places)}, as if they came first of equals")


@top_k_accuracy.test(2)
def test_any_scores(student, rng):
    scores = rng.permuted(np.tile(np.arange(12, dtype=np.float32), (10, 1)), axis=1)
    true = rng.integers(12, size=10)
    places = [sorted(row, reverse=True).index(row[film]) + 1 for row, film in zip(scores.tolist(), true, strict=True)]
    want = {k: sum(place <= k for place in places) / 10 for k in (7, 1, 3)}
    got = student.top_k_accuracy(scores, true, [7, 1, 3])
    expect(got, want, f"the true films stand at {sorted(places)} in their rows")


def by_rank(rank: Callable, accuracy: Callable = lambda ranks, k: float((ranks <= k).mean())) -> Callable:
    """A top_k_accuracy from a rule for ranks, given all scores and the own ones as a column."""

    def top_k_accuracy(scores, true, ks):
        scores, true = np.asarray(scores), np.asarray(true)
        ranks = rank(scores, scores[np.arange(len(true)), true][:, None])
        return {k: accuracy(ranks, k) for k in ks}

    return top_k_accuracy


def higher(scores, own):
    return 1 + (scores > own).sum(axis=1)


top_k_accuracy.mistake(
    "the film counts against itself",
    "With >= the true film is among those that 'score higher', and so is every film that ties with it: "
    "count with > only.",
    see="(np.array([5, 4, 3, 2]) >= 4).sum()",
)(by_rank(lambda scores, own: 1 + (scores >= own).sum(axis=1)))

top_k_accuracy.mistake(
    "worst first",
    "You ranked from the lowest score up. The best film has the highest score.",
    see="top_k_accuracy(np.array([[5, 4, 3, 2]]), np.array([1]), [1, 2, 3])",
)(by_rank(lambda scores, own: 1 + (scores < own).sum(axis=1)))

top_k_accuracy.mistake(
    "ranks counted from 0",
    "The best film then has rank 0, and rank <= k lets k + 1 films in. Add 1 to the rank, or ask for rank < k.",
    see="top_k_accuracy(np.array([[0.8, 0.9]]), np.array([0]), [1])",
)(by_rank(lambda scores, own: (scores > own).sum(axis=1)))

top_k_accuracy.mistake("one place short", "A film of rank k is still among the best k, so the test is rank <= k.")(
    by_rank(higher, lambda ranks, k: float((ranks < k).mean()))
)

top_k_accuracy.mistake(
    "hits divided by k",
    "Each row has one true film, so its hit is 0 or 1, whatever k is; the accuracy is the mean of these over the rows.",
)(by_rank(higher, lambda ranks, k: float((ranks <= k).mean() / k)))

top_k_accuracy.mistake("hits counted, not averaged", "You counted the hits; the accuracy is their share of the rows.")(
    by_rank(higher, lambda ranks, k: int((ranks <= k).sum()))
)

top_k_accuracy.mistake("percent", "The accuracy is a share from 0 to 1, not a percentage.")(
    by_rank(higher, lambda ranks, k: float(100 * (ranks <= k).mean()))
)

top_k_accuracy.mistake("share of misses", "You averaged the rows whose film is *not* among the best k.")(
    by_rank(higher, lambda ranks, k: float((ranks > k).mean()))
)


top_k_accuracy.mistake(
    "hits not averaged",
    "You returned a yes or no for each row; the accuracy is the share of yeses, one number for each k.",
)(by_rank(higher, lambda ranks, k: ranks <= k))


@top_k_accuracy.mistake("worst first")
def _(scores, true, ks):
    order = np.argsort(scores, axis=1, kind="stable")
    return {k: float(np.mean([film in row[:k] for row, film in zip(order, true)])) for k in ks}


top_k_accuracy.mistake(
    "exactly at rank k", "A film of rank 1 is among the best 10 as well: the test is rank <= k, not rank == k."
)(by_rank(higher, lambda ranks, k: float((ranks == k).mean())))


@top_k_accuracy.mistake(
    "rows and scores out of line",
    "Each row is compared with one score, that of its own film: pick it with scores[np.arange(B), true], where "
    "scores[:, true] would give every row's score for every film, and stand the B scores in a column, "
    "[:, None].",
    see="np.array([[5, 4, 3], [1, 4, 3]])[:, [1, 0]]",
)
def _(scores, true, ks):
    ranks = higher(np.asarray(scores), np.asarray(scores)[:, true])
    return {k: float((ranks <= k).mean()) for k in ks}


@top_k_accuracy.mistake(
    "an order taken for ranks",
    "argsort says which film stands first, second, third, not at which place a film stands. Count the "
    "films that score "
    "higher, or look for the film in the order.",
    see="np.argsort([-5, -2, -9])",
)
def _(scores, true, ks):
    places = np.argsort(-np.asarray(scores), axis=1, kind="stable")[np.arange(len(true)), true]
    return {k: float((places < k).mean()) for k in ks}


@top_k_accuracy.mistake(
    "a tie costs a rank",
    "Where two films score the same, yours puts one behind the other, as a sorted list must. TFRS counts the films "
    "that score higher, so a tie counts as a hit.",
    see="top_k_accuracy(np.zeros((1, 4)), np.array([3]), [1])",
)
def _(scores, true, ks):
    order = np.argsort(-np.asarray(scores), axis=1, kind="stable")
    return {k: float((order[:, :k] == np.asarray(true)[:, None]).any(axis=1).mean()) for k in ks}


@top_k_accuracy.mistake(
    "the diagonal taken for the true films",
    "In the batch of the loss the own film of row i stands in column i. Here the columns are all films, "
    "and `true` says "
    "which one is the row's.",
)
def _(scores, true, ks):
    scores = np.asarray(scores)
    ranks = higher(scores, np.diag(scores)[: len(scores), None])
    return {k: float((ranks <= k).mean()) for k in ks}


@top_k_accuracy.mistake(
    "best k of the whole matrix",
    "You sorted all scores of all users together. Each row is ranked for itself: scores of two users "
    "cannot be compared.",
)
def _(scores, true, ks):
    scores, true = np.asarray(scores), np.asarray(true)
    own = scores[np.arange(len(true)), true]
    return {k: float((1 + (scores.ravel() > own[:, None]).sum(axis=1) <= k).mean()) for k in ks}


@top_k_accuracy.mistake(
    "shares under the wrong k",
    "The shares are right, but stand under each other's k: `ks` comes in any order, so {k: ... for k in ks} in its own.",
)
def _(scores, true, ks):
    right = by_rank(higher)(scores, true, sorted(ks))
    return dict(zip(ks, right.values(), strict=True))


@top_k_accuracy.alternative("tf.math.in_top_k")
def _(scores, true, ks):
    import tensorflow as tf

    return {k: float(tf.reduce_mean(tf.cast(tf.math.in_top_k(true, scores, k), tf.float32))) for k in ks}


@top_k_accuracy.alternative("loops")
def _(scores, true, ks):
    hits = dict.fromkeys(ks, 0)
    for row, film in zip(scores.tolist(), true.tolist(), strict=True):
        better = sum(score > row[film] for score in row)
        for k in ks:
            hits[k] += better < k
    return {k: count / len(scores) for k, count in hits.items()}


@top_k_accuracy.alternative("the k-th best score as a bar to reach")
def _(scores, true, ks):
    own, ranked = np.take_along_axis(scores, true[:, None], axis=1)[:, 0], -np.sort(-scores, axis=1)
    return {k: np.mean(own >= ranked[:, k - 1]) for k in ks}


# --- 4.3 -----------------------------------------------------------------------------------------------------------

movielens_model = Item(
    "4.3",
    "MovielensModel",
    because=(
        "The task owns the loss and the metrics; the model only says which vectors are queries, which candidates,"
        " and when to measure."
    ),
    hints=(
        "What does the task need from each tower, in which order, and when is it worth working out the metrics?",
        "super().__init__(), keep the three; then return self.task(user vectors, film vectors, compute_metrics=...).",
        'return self.task(self.user_model(features["user_id"]), ____, compute_metrics=not training)',
    ),
)
USERS, FILMS = list("abcd"), list("ABCD")
USER_VECTORS, FILM_VECTORS = 0.5 * np.eye(4), -0.5 * np.eye(4)[[1, 2, 3, 0]]  # none of one side is of the other
BATCH = {"user_id": ["b", "a", "b"], "movie_title": ["A", "D", "C"]}
LOSS = 7.0  # what the recorder gives back


def toy_model(student, task, user_vectors=USER_VECTORS, film_vectors=FILM_VECTORS):
    """The student's model of two small towers, then the towers."""
    user_tower = student.workshop.tower(USERS, user_vectors)
    film_tower = student.workshop.tower(FILMS, film_vectors)
    return student.MovielensModel(user_tower, film_tower, task), user_tower, film_tower


def recorded(student, *modes: bool, batch: dict = BATCH, loss: float = LOSS) -> list[tuple]:
    """For each value of `training`: what compute_loss returns, and how it called a stand-in for the task."""
    task = student.workshop.recorder(loss)
    model, *_ = toy_model(student, task)
    returned = [student.workshop.compute_loss(model, batch, training) for training in modes]
    notes = student.method(task, "notes")
    expect(
        {"calls of self.task": len(notes)},
        {"calls of self.task": len(modes)},
        "one call of the task for each batch",
    )
    return [(value, *note) for value, note in zip(returned, notes, strict=True)]


def demand_shapes(vectors, before) -> None:
    """Refuses towers that give vectors of other sizes than they did: numpy would stretch them to match."""
    shapes, want = ([list(np.shape(part)) for part in side] for side in (vectors, before))
    require(shapes == want, shapes, f"{want[0]} and {want[1]}, the shapes of what the two towers give")


def three_pairs(rng) -> dict[str, list[str]]:
    """A batch of three users, each with another film."""
    return {"user_id": rng.permutation(USERS)[:3].tolist(), "movie_title": rng.permutation(FILMS)[:3].tolist()}


def demand_towers(queries, candidates, batch: dict) -> None:
    """Refuses a loss and flags that come without what either tower gives."""
    got, want = [named(queries, batch), named(candidates, batch)], ["the users' vectors", "the films' vectors"]
    require(set(got) & set(want), got, f"{want}, handed to the task")


def named(vectors, batch: dict = BATCH) -> str:
    """What a task was given, in words."""
    known = {
        "the users' vectors": USER_VECTORS[[USERS.index(word) for word in batch["user_id"]]],
        "the films' vectors": FILM_VECTORS[[FILMS.index(word) for word in batch["movie_title"]]],
        "the unknown row, three times": np.zeros((3, 4)),
    }
    if isinstance(vectors, np.ndarray) and vectors.dtype.kind == "f" and vectors.shape == (3, 4):
        return next((name for name, want in known.items() if np.allclose(vectors, want, atol=1e-6)), "other vectors")
    if isinstance(vectors, np.ndarray):
        return f"{'numbers' if vectors.dtype.kind in 'fiu' else 'words'} of shape {list(vectors.shape)}"
    return f"a {type(vectors).__name__}"


@movielens_model.test(2)
def test_users_query_and_films_are_the_candidates(student, rng):
    for batch in BATCH, three_pairs(rng):
        [(_, queries, candidates, _, others)] = recorded(student, True, batch=batch)
        want = ["the users' vectors", "the films' vectors"]
        got = [named(queries, batch), named(candidates, batch), *others]
        expect(got, want, f"what the task is handed by compute_loss({batch}, training=True), besides compute_metrics")


@movielens_model.test(1)
def test_the_loss_of_the_task_comes_back(student, rng):
    for loss in LOSS, round(float(rng.uniform(1, 9)), 3):
        batch = three_pairs(rng)
        [(returned, *vectors, _, _)] = recorded(student, True, batch=batch, loss=loss)
        expect(returned, loss, f"what compute_loss returns when the task says that the loss is {loss:g}")
        demand_towers(*vectors, batch)


@movielens_model.test(2)
def test_metrics_wait_until_training_is_over(student, rng):
    batch, modes = three_pairs(rng), rng.permutation([True, False]).tolist()
    notes = recorded(student, *modes, batch=batch)
    flags = {mode: flag for mode, (*_, flag, _) in zip(modes, notes)}
    expect(flags, {True: False, False: True}, "compute_metrics, as the task gets it, by the value of training")
    for _, *vectors, _, _ in notes:
        demand_towers(*vectors, batch)


@movielens_model.test(2)
def test_both_towers_learn(student, rng):
    start = rng.normal(size=(2, 4, 4))
    model, *towers = toy_model(student, student.workshop.retrieval_task(), *start)
    watched = rng.permutation(4)
    batch = {"user_id": USERS, "movie_title": [FILMS[film] for film in watched]}
    student.workshop.train(model, batch, steps=3, learning_rate=0.5)
    learnt = [student.workshop.embed(*each) for each in zip(towers, (USERS, FILMS))]
    demand_shapes(learnt, start)
    moved = {name: not np.allclose(*each) for name, *each in zip(("users", "films"), learnt, start)}
    both = {"users": True, "films": True}
    expect(moved, both, "whether three steps of training move the vectors of the towers")
    there = {name: np.allclose(*each, atol=1e-3) for name, *each in zip(both, learnt, descended(*start, watched))}
    expect(there, both, "whether they move as the gradient of the loss of four users, each with one film, has it")


def descended(users, films, watched, steps: int = 3, rate: float = 0.5) -> list[np.ndarray]:
    """The vectors after gradient descent on the loss of one batch: all users, each with the film that was watched."""
    for _ in range(steps):
        slope = np.exp(log_shares(users, films[watched])) - np.eye(len(users))
        of_watched = slope.T @ users
        users, films = users - rate * slope @ films[watched], films - rate * of_watched[np.argsort(watched)]
    return [users, films]


def model(compute_loss: Callable) -> Callable:
    """A class like the solution's but for its compute_loss; a function, so that TensorFlow is imported "
    "when called."""

    def MovielensModel(user_model, movie_model, task):
        import tensorflow_recommenders as tfrs

        class MovielensModel(tfrs.Model):
            def __init__(self):
                super().__init__()
                self.user_model, self.movie_model, self.task = user_model, movie_model, task

        MovielensModel.compute_loss = compute_loss
        return MovielensModel()

    return MovielensModel


def refused(got) -> Callable:
    """Recognises a mistake by the value that a test refused."""
    return lambda value: same(value, got)


@movielens_model.mistake(
    "towers swapped",
    "The task takes the users' vectors first, then the films'. The other way round the film asks for its "
    "user, and the "
    "metric looks for films among the neighbours of a film. The loss still falls, so nothing seems wrong.",
    when=refused(["the films' vectors", "the users' vectors"]),
)
@model
def _(self, features, training=False):
    users, films = self.user_model(features["user_id"]), self.movie_model(features["movie_title"])
    return self.task(films, users, compute_metrics=not training)


@movielens_model.mistake(
    "features swapped",
    "The user tower got titles and the film tower ids: the features are swapped, or __init__ keeps the towers swapped. "
    "Words that a tower does not know all have the row for unknown ones, so every user looks the same, and every film.",
    see='user_model(tf.constant(["Toy Story (1995)"]))',
    when=refused(["the unknown row, three times", "the unknown row, three times"]),
)
@model
def _(self, features, training=False):
    users, films = self.user_model(features["movie_title"]), self.movie_model(features["user_id"])
    return self.task(users, films, compute_metrics=not training)


@movielens_model.mistake(
    "titles in the user tower",
    'The user tower got features["movie_title"]. It knows no titles, so every user has the row for unknown words.',
    see='user_model(tf.constant(["Toy Story (1995)"]))',
    when=refused(["the unknown row, three times", "the films' vectors"]),
)
@model
def _(self, features, training=False):
    titles = features["movie_title"]
    return self.task(self.user_model(titles), self.movie_model(titles), compute_metrics=not training)


@movielens_model.mistake(
    "one tower on both sides",
    "Both arguments of the task are the films' vectors, so each film looks for itself and finds it.",
    when=refused(["the films' vectors", "the films' vectors"]),
)
@model
def _(self, features, training=False):
    films = self.movie_model(features["movie_title"])
    return self.task(films, films, compute_metrics=not training)


@movielens_model.mistake(
    "not the vectors of these towers",
    "The task got vectors that the two towers do not give for this batch. Keep the towers that __init__ "
    "is handed, and "
    "pass on what they return, unchanged: new towers, or copies, are never the ones that are asked later.",
    when=lambda got: isinstance(got, list) and "other vectors" in got,
)
@model
def _(self, features, training=False):
    import tensorflow as tf

    users, films = (tf.keras.models.clone_model(tower) for tower in (self.user_model, self.movie_model))
    return self.task(users(features["user_id"]), films(features["movie_title"]), compute_metrics=not training)


@movielens_model.mistake(
    "words handed to the task",
    "The task got the ids and titles themselves. It takes vectors: put each feature through its tower first.",
    when=refused(["words of shape [3]", "words of shape [3]"]),
)
@model
def _(self, features, training=False):
    return self.task(features["user_id"], features["movie_title"], compute_metrics=not training)


@movielens_model.mistake(
    "the task not used",
    "The task that __init__ was handed is never called: keep it as self.task, and call it in compute_loss. It holds the "
    "loss *and* the metrics; a loss or a task of your own leaves evaluate without any.",
    when=refused({"calls of self.task": 0}),
)
@model
def _(self, features, training=False):
    import tensorflow as tf

    users, films = self.user_model(features["user_id"]), self.movie_model(features["movie_title"])
    scores = tf.matmul(users, films, transpose_b=True)
    return tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(len(scores)), scores))


@movielens_model.mistake(
    "the third argument is no switch",
    "The task's third argument is sample_weight, the weight of each row: the loss is multiplied by it. Give "
    "compute_metrics by name.",
    when=refused(["the users' vectors", "the films' vectors", "sample_weight"]),
)
@model
def _(self, features, training=False):
    return self.task(self.user_model(features["user_id"]), self.movie_model(features["movie_title"]), not training)


@movielens_model.mistake(
    "candidate ids",
    "With candidate_ids the metric looks for the film by its id, and candidates of vectors alone, as in 4.4, have none. "
    "The two vectors are enough.",
    when=refused(["the users' vectors", "the films' vectors", "candidate_ids"]),
)
@model
def _(self, features, training=False):
    titles = features["movie_title"]
    users, films = self.user_model(features["user_id"]), self.movie_model(titles)
    return self.task(users, films, candidate_ids=titles, compute_metrics=not training)


@movielens_model.mistake(
    "metrics in training",
    "The task worked its metrics out for the training batch too. To rank every film for 8,192 users "
    "takes longer than to "
    "learn from them: compute_metrics must be False when training is True.",
    when=refused({True: True, False: True}),
)
@model
def _(self, features, training=False):
    return self.task(self.user_model(features["user_id"]), self.movie_model(features["movie_title"]))


@movielens_model.mistake(
    "metrics the wrong way round",
    "compute_metrics=training asks for them in training, and leaves them out of evaluate, which then reports 0.",
    when=refused({True: True, False: False}),
)
@model
def _(self, features, training=False):
    users, films = self.user_model(features["user_id"]), self.movie_model(features["movie_title"])
    return self.task(users, films, compute_metrics=training)


@movielens_model.mistake(
    "metrics never",
    "compute_metrics is False in evaluation as well, so evaluate reports 0 for every k. It depends on `training`.",
    when=refused({True: False, False: False}),
)
@model
def _(self, features, training=False):
    users, films = self.user_model(features["user_id"]), self.movie_model(features["movie_title"])
    return self.task(users, films, compute_metrics=False)


@movielens_model.mistake(
    "loss not returned",
    "compute_loss ends without `return`, so the loss is None and there is nothing to learn from.",
    when=refused(None),
)
@model
def _(self, features, training=False):
    users, films = self.user_model(features["user_id"]), self.movie_model(features["movie_title"])
    self.task(users, films, compute_metrics=not training)


@movielens_model.mistake(
    "loss divided by the rows",
    "You divided the task's loss by the number of rows. The recipe learns from the sum; read it per row, "
    "if you like, "
    "when you print it.",
    when=refused(LOSS / 3),
)
@model
def _(self, features, training=False):
    users, films = self.user_model(features["user_id"]), self.movie_model(features["movie_title"])
    return self.task(users, films, compute_metrics=not training) / len(features["user_id"])


@movielens_model.mistake(
    "a tower that stands still",
    "No gradient reaches one of the towers, so its vectors stay as they were drawn.",
    when=lambda got: same(got, {"users": True, "films": False}) or same(got, {"users": False, "films": True}),
)
@model
def _(self, features, training=False):
    import tensorflow as tf

    users, films = (
        self.user_model(features["user_id"]),
        tf.stop_gradient(self.movie_model(features["movie_title"])),
    )
    return self.task(users, films, compute_metrics=not training)


@movielens_model.mistake(
    "super().__init__() does not come first",
    "Keras prepares a model in its own __init__: call super().__init__() before you keep anything in self.",
)
def _(user_model, movie_model, task):
    import tensorflow_recommenders as tfrs

    class MovielensModel(tfrs.Model):
        def __init__(self):
            self.user_model, self.movie_model, self.task = user_model, movie_model, task

    return MovielensModel()


@movielens_model.alternative("arguments by name, towers by other names")
def _(user_model, movie_model, task):
    import tensorflow_recommenders as tfrs

    class MovielensModel(tfrs.Model):
        def __init__(self, users, films, retrieval):
            super().__init__(name="movielens")
            self.towers, self.retrieval = {"user_id": users, "movie_title": films}, retrieval

        def compute_loss(self, inputs, training=False):
            u, v = (tower(inputs[name]) for name, tower in self.towers.items())
            return self.retrieval(candidate_embeddings=v, query_embeddings=u, compute_metrics=not training)

    return MovielensModel(user_model, movie_model, task)


@movielens_model.alternative("no attributes of its own, what it was given is kept in a list")
def _(user_model, movie_model, task):
    import tensorflow_recommenders as tfrs

    class MovielensModel(tfrs.Model):
        def __init__(self, *parts):
            super().__init__()
            self.parts = list(parts)

        def compute_loss(self, inputs, training=False):
            users, films, retrieval = self.parts
            queries = users(inputs["user_id"])
            return retrieval(queries, films(inputs["movie_title"]), compute_metrics=not training)

    return MovielensModel(user_model, movie_model, task)


@movielens_model.alternative("training handed on, as any layer takes it")
@model
def _(self, features, training=False):
    users, films = self.user_model(features["user_id"]), self.movie_model(features["movie_title"])
    return self.task(users, films, training=training, compute_metrics=not training)


@movielens_model.alternative("the task's call itself")
@model
def _(self, features, training=False):
    users, films = self.user_model(features["user_id"]), self.movie_model(features["movie_title"])
    return self.task.call(users, films, compute_metrics=not training)


@movielens_model.alternative("through call, one branch a mode")
def _(user_model, movie_model, task):
    import tensorflow_recommenders as tfrs

    class MovielensModel(tfrs.Model):
        def __init__(self):
            super().__init__()
            self.user_model, self.movie_model, self.task = user_model, movie_model, task

        def call(self, features):
            return self.user_model(features["user_id"]), self.movie_model(features["movie_title"])

        def compute_loss(self, features, training=False):
            vectors = self(features)
            if training:
                return self.task(*vectors, None, None, None, False)
            return self.task(*vectors)

    return MovielensModel()


# --- 4.4 -----------------------------------------------------------------------------------------------------------

fit_and_evaluate = Item(
    "4.4",
    "fit_and_evaluate",
    slow=True,
    because=(
        "The metric gets titles through the tower at every evaluation, so it never sees old vectors, and fit "
        "spares it until the end."
    ),
    hints=(
        "Is the last batch's loss still about 1,856 ln 1,856 = 13,969? Then nothing was learnt. Who gives the metrics?",
        "Retrieval(metrics=FactorizedTopK(titles.batch(2048).map(movie_model), ks=...)); compile, fit, evaluate.",
        "model.compile(optimizer=tf.keras.optimizers.____(0.1)); model.fit(train.batch(2048).cache(), epochs=3)",
    ),
)
SHARES = [10, 50, 100]
KEYS = ["loss", *(f"top_{k}" for k in SHARES)]
TOLERANCE = 0.003  # of a share: FactorizedTopK's rounding costs .001


def columns(arrays, rows) -> dict[str, np.ndarray]:
    return {"user_id": arrays.users[arrays.user[rows]], "movie_title": arrays.titles[arrays.title[rows]]}


def is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@fit_and_evaluate.test(5)
def test_three_epochs_find_as_many_films_as_they_should(student, rng):
    from autograder import measure, two_tower
    from data import movielens

    arrays = movielens.arrays()
    train, test, start = measure.check_set(arrays, rng)
    # Other names and another order each time: towers that were trained before fit nothing.
    arrays = arrays._replace(users=rng.permutation(arrays.users), titles=rng.permutation(arrays.titles))
    user_model = student.workshop.tower(arrays.users, start.users)
    movie_model = student.workshop.tower(arrays.titles, start.titles)
    datasets = [
        student.workshop.dataset(part) for part in (arrays.titles, columns(arrays, train), columns(arrays, test))
    ]
    answer = student.fit_and_evaluate(user_model, movie_model, *datasets)
    known = isinstance(answer, Mapping) and sorted(map(str, answer)) == sorted(KEYS)
    require(
        known and all(map(is_number, answer.values())),
        answer,
        f"a dict of four finite numbers: {', '.join(KEYS)}",
    )

    towers = two_tower.Towers(
        student.workshop.embed(user_model, arrays.users), student.workshop.embed(movie_model, arrays.titles)
    )
    demand_shapes(towers, start)
    moved = {
        "users": not np.allclose(towers.users, start.users),
        "titles": not np.allclose(towers.titles, start.titles),
    }
    require(
        all(moved.values()),
        moved | {"loss": float(answer["loss"])},
        "two times True: whether the vectors of the users and of the titles have changed when you are done",
    )
    own = measure.hits(arrays, test, towers)
    got = {key: float(answer[key]) for key in KEYS} | {f"hit_{k}": round(share, 4) for k, share in own.items()}
    got["gain"] = round(measure.gain(arrays, train, start, towers), 1)
    names = "loss", "shuffled", "gain", "hit_100", "alike"
    loss, reshuffled, gain, hit, alike = (measure.window(f"check_{name}") for name in names)
    within = gain[0] <= got["gain"] <= gain[1] and hit[0] <= got["hit_100"] <= hit[1]
    within &= any(low <= got["loss"] <= high for low, high in (loss, reshuffled))
    loss, reshuffled, lower, found = (measure.between(*window) for window in (loss, reshuffled, gain, hit))
    require(
        within,
        got,
        f"loss from {loss}, or {reshuffled} if you shuffle in each epoch; and of your towers themselves hit_100, this check's own ranks of the test films, from "
        f"{found}, and gain, by how much training them has lowered the loss of all {len(train):,} rows, from {lower}",
    )
    # A training elsewhere, or none: whatever lowers the loss as much goes another way than this recipe's gradients.
    way = measure.alike(towers, measure.trained(arrays, train, start), start)
    require(
        way >= alike[0],
        got | {"alike": round(way, 3)},
        f"alike at least {measure.figure(alike[0])}: the cosine between where your training took the vectors and where "
        "three epochs of Adagrad(0.1) on batches of 2,048 take them",
    )
    agree = all(abs(got[f"top_{k}"] - own[k]) <= TOLERANCE for k in SHARES)
    ranked = ", ".join(f"top_{k} about {own[k]:.4f}" for k in SHARES)
    require(agree, got, f"{ranked}: what your own towers give when this check ranks the test films with them")


def recipe(
    user_model,
    movie_model,
    titles,
    train,
    test,
    *,
    optimizer="Adagrad",
    rate=0.1,
    epochs=3,
    batch_size=2048,
    users_compete=False,
    films_query=False,
    probabilities=False,
    divide=False,
    stale=False,
    candidates=None,
    ks=(10, 50, 100),
    cache=True,
) -> tuple[list[float], dict[str, float]]:
    """The solution, its loss collapsed onto distinct users and titles (as lesson 4 ends), and ways to spoil it.

    Returns the losses that History holds, and what `evaluate` gives.
    """
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    films = candidates or titles.batch(2048).map(movie_model)
    if stale:
        films = tf.data.Dataset.from_tensors(next(iter(films)))
    metric = tfrs.metrics.FactorizedTopK(films, ks=ks)

    class Model(tfrs.Model):
        def __init__(self):
            super().__init__()
            self.towers, self.metric = [user_model, movie_model], metric

        def compute_loss(self, features, training=False):
            users, row = tf.unique(features["user_id"])
            titles, column = tf.unique(features["movie_title"])
            u, v = user_model(users), movie_model(titles)
            if not training:
                pairs = tf.gather(u, row), tf.gather(v, column)
                metric.update_state(*(reversed(pairs) if films_query else pairs))
            if users_compete:
                u, v, row, column = v, u, column, row
            scores, count = tf.matmul(u, v, transpose_b=True), tf.cast(tf.math.bincount(column), tf.float32)
            own = tf.stack([row, column], axis=1)
            if probabilities:
                shares = scores / tf.linalg.matvec(scores, count)[:, None]
                costs = -tf.math.log(tf.clip_by_value(tf.gather_nd(shares, own), 1e-7, 1 - 1e-7))
            else:
                total = tf.reduce_logsumexp(scores + tf.math.log(count), axis=1)
                costs = tf.gather(total, row) - tf.gather_nd(scores, own)
            return tf.reduce_mean(costs) if divide else tf.reduce_sum(costs)

    model = Model()
    model.compile(optimizer=getattr(tf.keras.optimizers, optimizer)(rate))
    losses = []
    if epochs:
        batches = train.batch(batch_size)
        losses = model.fit(batches.cache() if cache else batches, epochs=epochs, verbose=0).history["loss"]
    return losses, model.evaluate(test.batch(4096), return_dict=True, verbose=0)


def answer(loss: float, found: dict[str, float]) -> dict[str, float]:
    """The dict that the item asks for."""
    return {"loss": loss} | {f"top_{k}": found[f"factorized_top_k/top_{k}_categorical_accuracy"] for k in (10, 50, 100)}


def spoilt(**how) -> Callable:
    """A fit_and_evaluate with one thing changed."""

    def fit_and_evaluate(*given):
        losses, found = recipe(*given, **how)
        return answer(losses[-1], found)

    return fit_and_evaluate


def seen(tell: Callable) -> Callable:
    """Recognises a mistake by what the test saw: an object with loss, top_10, ... hit_1, hit_5, ... and gain."""
    return lambda got: isinstance(got, dict) and "gain" in got and bool(tell(SimpleNamespace(**got)))


def learnt(got) -> bool:
    """Whether the towers are as they should be, whatever was returned."""
    from autograder.measure import window

    low, high = window("check_gain")
    return low <= got.gain <= high and got.hit_100 < 0.1


def depths(got) -> list[int]:
    """At which k the towers give the shares that were returned for 10, 50 and 100; 0 if at none."""
    hits, shares = {k: getattr(got, f"hit_{k}") for k in (1, 5, 10, 50, 100)}, [got.top_10, got.top_50, got.top_100]
    nearest = [min(hits, key=lambda k: abs(hits[k] - share)) for share in shares]
    return [k if abs(hits[k] - share) < 0.001 else 0 for k, share in zip(nearest, shares, strict=True)]


def above_the_path(got) -> float:
    """How much higher the loss is than after as many epochs of Adagrad(0.1) as give this gain: 3, 5, 10 and 30 do."""
    return got.loss - np.interp(got.gain, [6_095, 14_728, 25_530, 31_711], [13_426, 11_563, 8_827, 7_140])


def moves(*which: tuple[bool, bool], alike: bool = False) -> Callable:
    """Recognises a mistake by whose vectors have changed, and by whether the loss is that of scores all alike."""

    def tell(got) -> bool:
        if not isinstance(got, dict) or (got.get("users"), got.get("titles")) not in which:
            return False
        return alike == (abs(got["loss"] - 1856 * math.log(1856)) < 0.5)

    return tell


@fit_and_evaluate.mistake(
    "towers never trained",
    "The towers are as they came. Either `fit` was not called, or a model with other towers, or with a loss that does "
    "not depend on them, was fitted.",
    when=moves((False, False)),
)
def _(*given):
    _, found = recipe(*given, epochs=0)
    return answer(found["loss"], found)


@fit_and_evaluate.mistake(
    "titles in the user tower, ids in the other",
    "Nothing was learnt, and the loss is that of scores which are all alike, 1,856 ln 1,856: so it is if the user tower "
    "is asked for titles and the film tower for ids, for then every word is an unknown one. The order is "
    "MovielensModel(user_model, movie_model, task), and the users' vectors come of user_id.",
    see='check("4.3")',
    when=moves((False, False), alike=True),
)
def _(user_model, movie_model, titles, train, test):
    def swap(row):
        return {"user_id": row["movie_title"], "movie_title": row["user_id"]}

    return spoilt(epochs=1)(user_model, movie_model, titles, train.map(swap), test)


@fit_and_evaluate.mistake(
    "one tower not trained",
    "Only one tower has changed: the other got words that it does not know, or a copy of it was trained in its stead.",
    see='check("4.3")',
    when=moves((True, False), (False, True)),
)
def _(user_model, *others):
    import tensorflow as tf

    return spoilt(epochs=1)(tf.keras.models.clone_model(user_model), *others)


@fit_and_evaluate.mistake(
    "mean instead of sum",
    "The loss is that of one row, so the gradients are thousands of times smaller, and Adagrad, which starts "
    "from an accumulator of .1, hardly moves. Leave Retrieval its own loss.",
    when=seen(lambda got: abs(got.gain) < 300 and got.loss < 20),
)
def _(*given):
    return spoilt(divide=True)(*given)


@fit_and_evaluate.mistake(
    "scores taken for probabilities",
    "The loss is far above the untrained one, and yet the towers have hardly learnt: a cross-entropy of your "
    "own must be told that scores are logits (from_logits=True). Retrieval's own loss knows.",
    when=seen(lambda got: 15_200 < got.loss < 30_000 and got.gain < 300),
)
def _(*given):
    return spoilt(probabilities=True)(*given)


@fit_and_evaluate.mistake(
    "steps too small",
    "The loss stands where it began, a little above 1,856 ln 1,856 = 13,969 for the last batch of 1,856 rows: twelve "
    "steps of this size lead nowhere. That is what Adam and Adagrad do at their own default, .001; say Adagrad(0.1).",
    see="1856 * np.log(1856)",
    when=seen(lambda got: abs(got.gain) < 190 and 14_200 < got.loss < 14_600),
)
def _(*given):
    return spoilt(optimizer="Adam", rate=0.001)(*given)


@fit_and_evaluate.mistake(
    "a tenth of the learning rate",
    "Something was learnt, yet the loss is still above 1,856 ln 1,856 = 13,969, that of a model which knows nothing: "
    "so it looks with Adagrad(0.01). Three epochs need 0.1.",
    when=seen(lambda got: 300 <= got.gain < 500 and 14_200 < got.loss < 14_450),
)
def _(*given):
    return spoilt(rate=0.01)(*given)


@fit_and_evaluate.mistake(
    "too little training",
    "So high a loss is what one or two epochs leave, or steps that are too small. The recipe is three epochs "
    "of Adagrad(0.1).",
    when=seen(lambda got: 1_000 <= got.gain < 3_500 and 13_910 < got.loss < 14_250),
)
def _(*given):
    return spoilt(epochs=1)(*given)


@fit_and_evaluate.mistake(
    "too many epochs",
    "The towers stand where more epochs of the recipe take them, and fit their rows too closely. The recipe is three.",
    when=seen(lambda got: got.gain > 7_500 and abs(above_the_path(got)) < 250 and got.hit_100 < 0.3),
)
def _(*given):
    return spoilt(epochs=10)(*given)


@fit_and_evaluate.mistake(
    "steps too large",
    "The vectors were moved further than three epochs of Adagrad(0.1) move them, and not as more epochs would: so it "
    "looks with a learning rate above 0.1.",
    when=seen(lambda got: got.gain < -5_000 or got.gain > 7_500 and 250 < above_the_path(got) < 6_000),
)
def _(*given):
    return spoilt(rate=1.0)(*given)


@fit_and_evaluate.mistake("steps too large")
def _(*given):
    return spoilt(rate=0.2)(*given)


@fit_and_evaluate.mistake(
    "towers swapped",
    "The task was given films first, users second. Then films query, the softmax runs over users, and the "
    "metric ranks films among the neighbours of a film: top_100 comes out much too high.",
    see='check("4.3")',
    when=seen(lambda got: 3_870 < got.gain < 4_900 and 13_190 < got.loss < 13_440 and got.top_100 - got.hit_100 > 0.03),
)
def _(*given):
    return spoilt(users_compete=True, films_query=True)(*given)


@fit_and_evaluate.mistake(
    "users compete for a film",
    "Your towers fit the rows in another way than they should: so it is when the softmax runs over the users "
    "of the batch. Its rows are users, its columns films.",
    see='check("4.3")',
    when=seen(lambda got: 3_870 < got.gain < 4_900 and 13_190 < got.loss < 13_440 and got.top_100 - got.hit_100 < 0.03),
)
def _(*given):
    return spoilt(users_compete=True)(*given)


@fit_and_evaluate.mistake(
    "trained on the test rows",
    "So many hits come of training on the very rows that the test asks about. Fit on `train` alone.",
    when=seen(lambda got: got.hit_100 > 0.3 or got.gain < 3_000 and got.hit_100 > 0.15),
)
def _(user_model, movie_model, titles, train, test):
    return spoilt()(user_model, movie_model, titles, train.concatenate(test), test)


@fit_and_evaluate.mistake("trained on the test rows")
def _(user_model, movie_model, titles, train, test):
    return spoilt()(user_model, movie_model, titles, test, test)


@fit_and_evaluate.mistake(
    "shares read from the wrong place",
    "Your towers are trained as they should be, but what you return for a k is the share for another one, or a loss. "
    "Without return_dict=True `evaluate` gives a list: it begins with the ks of the metric (1, 5, 10, 50, 100 if you "
    "gave none) and ends with losses.",
    when=seen(
        lambda got: (
            learnt(got) and got.top_100 > 0 and (got.top_100 > 1_000 or 0 not in depths(got) and depths(got) != SHARES)
        )
    ),
)
def _(*given):
    losses, found = recipe(*given, ks=(1, 5, 10, 50, 100))
    return dict(zip(KEYS, [losses[-1], *found.values()]))


@fit_and_evaluate.mistake("shares read from the wrong place")
def _(*given):
    losses, found = recipe(*given)
    return answer(losses[-1], found) | {"top_100": answer(losses[-1], found)["top_50"]}


@fit_and_evaluate.mistake("shares read from the wrong place")
def _(*given):
    losses, found = recipe(*given)
    return dict(zip(KEYS, [losses[-1], *[*found.values()][-3:]]))


@fit_and_evaluate.mistake(
    "candidates that are all alike",
    "The three shares are one and the same: so it is when the candidates share one vector, as titles do in the user "
    "tower, or are but a few. All titles go through the film tower.",
    when=seen(lambda got: learnt(got) and 0 < got.top_10 == got.top_50 == got.top_100 <= 1),
)
def _(user_model, movie_model, titles, train, test):
    return spoilt(candidates=titles.batch(128).map(user_model))(user_model, movie_model, titles, train, test)


@fit_and_evaluate.mistake(
    "measured on the train rows",
    "Your towers find fewer of the test films than you report: these are the hits among films they were trained on.",
    when=seen(lambda got: learnt(got) and 0.2 < got.top_100 < 0.6 and got.top_10 < got.top_50 < got.top_100),
)
def _(user_model, movie_model, titles, train, test):
    return spoilt()(user_model, movie_model, titles, train, train.take(4_000))


@fit_and_evaluate.mistake(
    "metrics that nobody worked out",
    "The shares are 0, as they are before any row was counted: in fit's History, for compute_metrics is False in "
    "training, and in evaluate if it is False there.",
    see='check("4.3")',
    when=seen(lambda got: learnt(got) and got.top_100 == 0),
)
def _(*given):
    losses, found = recipe(*given)
    return answer(losses[-1], dict.fromkeys(found, 0.0))


@fit_and_evaluate.mistake(
    "interactions as candidates",
    "The candidates hold a film once for every time somebody watched it, and each copy takes a place in "
    "the top 100. "
    "Candidates are the unique titles.",
    when=seen(lambda got: learnt(got) and 0 < got.top_100 < 0.5 * got.hit_100 and got.top_10 < 0.4 * got.hit_10),
)
def _(user_model, movie_model, titles, train, test):
    films = train.batch(2048).map(lambda row: movie_model(row["movie_title"])).take(8)
    return spoilt(candidates=films)(user_model, movie_model, titles, train, test.take(4096))


@fit_and_evaluate.mistake(
    "candidates frozen before training",
    "The films' vectors were worked out before `fit`, and do not know what was learnt since: your "
    "users' vectors are matched with old films. Give the metric a Dataset that maps through the tower: it asks again at every evaluation.",
    when=seen(lambda got: learnt(got) and 0 < got.top_100 < 0.7 * got.hit_100 and got.top_10 > 0.5 * got.hit_10),
)
def _(*given):
    return spoilt(stale=True)(*given)


@fit_and_evaluate.mistake(
    "percent", "The metrics are shares from 0 to 1.", when=seen(lambda got: learnt(got) and 1 < got.top_100 < 100)
)
def _(*given):
    losses, found = recipe(*given)
    return answer(losses[-1], {key: 100 * value for key, value in found.items()})


@fit_and_evaluate.mistake(
    "loss of the test",
    "This is evaluate's loss, that of the 4,000 test rows. Asked for is the training loss in fit's History.",
    when=seen(lambda got: learnt(got) and 32_900 < got.loss < 33_700),
)
def _(*given):
    _, found = recipe(*given)
    return answer(found["loss"], found)


@fit_and_evaluate.mistake(
    "loss of the first epoch",
    "The towers are trained as they should be, but this is the loss of an earlier epoch. The last one is [-1].",
    when=seen(lambda got: learnt(got) and 13_900 < got.loss < 14_250),
)
def _(*given):
    losses, found = recipe(*given)
    return answer(losses[0], found)


@fit_and_evaluate.mistake(
    "loss of a row",
    "You divided the loss by the rows of the batch: good to read, but asked for is the number in fit's History.",
    when=seen(lambda got: learnt(got) and 0 < got.loss < 20),
)
def _(*given):
    losses, found = recipe(*given)
    return answer(losses[-1] / 1856, found)


@fit_and_evaluate.mistake(
    "the loss of a full batch",
    "So high is the loss of 2,048 rows. The last batch of an epoch holds the 1,856 that are left over: batch after any "
    "shuffling, and drop no row.",
    see="8_000 % 2048",
    when=seen(lambda got: 3_900 < got.gain < 7_000 and 14_700 < got.loss < 15_500),
)
def _(user_model, movie_model, titles, train, test):  # as batch(2048, drop_remainder=True) has it
    return spoilt()(user_model, movie_model, titles, train.take(3 * 2048), test)


@fit_and_evaluate.mistake(
    "another batch size",
    "The loss is that of a batch of another size. It is a sum, and contains ln B besides, so losses "
    "of different batch sizes cannot be compared: take 2,048, which leaves 1,856 of the 8,000 rows for the last batch.",
    see="8_000 % 2048",
    when=seen(
        lambda got: got.gain > 1_500 and (20 < got.loss < 5_500 or 31_000 < got.loss < 32_500 or got.loss > 60_000)
    ),
)
def _(*given):
    return spoilt(batch_size=1024)(*given)


@fit_and_evaluate.alternative("the softmax collapsed onto distinct users and titles")
def _(*given):
    losses, found = recipe(*given)
    return answer(losses[-1], found)


@fit_and_evaluate.alternative("the rows shuffled in each epoch")
def _(user_model, movie_model, titles, train, test):
    losses, found = recipe(user_model, movie_model, titles, train.shuffle(10_000), test, cache=False)
    return answer(losses[-1], found)


@fit_and_evaluate.alternative("a training loop of one's own")
def _(user_model, movie_model, titles, train, test):
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    optimizer = tf.keras.optimizers.Adagrad(0.1)
    tables = user_model.trainable_variables + movie_model.trainable_variables
    for _ in range(3):
        for batch in train.batch(2048):
            # A batch repeats its users and titles: each pair of them is scored once, each title counted as it comes.
            users, row = tf.unique(batch["user_id"])
            films, column, count = tf.unique_with_counts(batch["movie_title"])
            with tf.GradientTape() as tape:
                scores = user_model(users) @ tf.transpose(movie_model(films))
                rivals = tf.reduce_logsumexp(scores + tf.math.log(tf.cast(count, tf.float32)), axis=1)
                loss = tf.reduce_sum(tf.gather(rivals, row) - tf.gather_nd(scores, tf.stack([row, column], axis=1)))
            optimizer.apply_gradients(zip(tape.gradient(loss, tables), tables))
    found = tfrs.metrics.FactorizedTopK(titles.batch(2048).map(movie_model), ks=(10, 50, 100))
    for batch in test.batch(4096):
        found.update_state(user_model(batch["user_id"]), movie_model(batch["movie_title"]))
    return {"loss": loss} | {f"top_{k}": share for k, share in zip((10, 50, 100), found.result())}


@fit_and_evaluate.alternative("all of it in numpy")
def _(user_model, movie_model, titles, train, test):
    from autograder import two_tower

    models = {"user_id": user_model, "movie_title": movie_model}
    tables = {name: model.trainable_variables[0] for name, model in models.items()}  # row 0 is for unknown words

    def columns(rows):
        [batch] = rows.batch(100_000)
        return [model.layers[0](batch[name]).numpy() - 1 for name, model in models.items()]

    start = two_tower.Towers(*(table.numpy()[1:] for table in tables.values()))
    towers, losses = two_tower.fit(*columns(train), start, batch_size=2048)
    for table, trained in zip(tables.values(), towers, strict=True):
        table.assign(np.vstack([table.numpy()[:1], trained]))
    hits = two_tower.hit_rates(two_tower.all_scores(towers), *columns(test), ks=(10, 50, 100))
    return {"loss": losses[-1, -1], **{f"top_{k}": share for k, share in hits.items()}}


# --- 4.5 -----------------------------------------------------------------------------------------------------------

keras2_losses = Item(
    "4.5",
    "keras2_losses",
    because=(
        "Keras averages metrics, but this loss is a plain number: History keeps the last one, and the bar closes "
        "with it once more."
    ),
    hints=(
        "Which batch does History keep, which one does the bar count twice, and what does a mean per row divide by?",
        "History keeps the last. The bar adds all and the last again. A row's mean divides the sum by all rows.",
        '{"history": l[-1], "bar": (sum(l) + ____) / (len(l) + 1), "per_row": sum(l) / sum(sizes)}',
    ),
)
LOSSES, SIZES = [10.0, 8.0, 6.0, 2.0], [4, 4, 4, 3]


def loss_named(student, name: str, losses: list[float], sizes: list[int]):
    """One of the three numbers of the student's answer."""
    answer = student.keras2_losses(losses, sizes)
    keys = sorted(map(str, answer)) if isinstance(answer, Mapping) else None
    require(keys == ["bar", "history", "per_row"], answer, "a dict with the keys history, bar and per_row")
    return answer[name]


def drawn(rng) -> tuple[list[float], list[int]]:
    """Losses and sizes of an epoch of five batches, the last one smaller."""
    return rng.uniform(20, 60, 5).round(1).tolist(), [16, 16, 16, 16, int(rng.integers(3, 12))]


@keras2_losses.test(1)
def test_history_keeps_one_batch(student, rng):
    expect(
        loss_named(student, "history", LOSSES, SIZES),
        2.0,
        "the loss in History after batches of 10, 8, 6 and 2",
    )
    losses, sizes = drawn(rng)
    expect(
        loss_named(student, "history", losses, sizes),
        losses[4],
        f"the loss in History after batches of {losses}",
    )


@keras2_losses.test(1)
def test_the_bar_counts_one_batch_twice(student, rng):
    expect(loss_named(student, "bar", LOSSES, SIZES), 5.6, "what the bar shows: (10 + 8 + 6 + 2 + 2) / 5")
    losses, sizes = drawn(rng)
    want = float(np.mean([*losses, losses[4]]))
    expect(loss_named(student, "bar", losses, sizes), want, f"what the bar shows after batches of {losses}")


@keras2_losses.test(1)
def test_a_row_costs_the_same_wherever_it_stands(student, rng):
    expect(loss_named(student, "per_row", LOSSES, SIZES), 26 / 15, "26 in all, for 4 + 4 + 4 + 3 rows")
    losses, sizes = drawn(rng)
    want = math.fsum(losses) / math.fsum(sizes)
    expect(
        loss_named(student, "per_row", losses, sizes),
        want,
        f"the mean over the rows of batches of {sizes} rows",
    )


def right(losses, sizes) -> dict[str, float]:
    return {
        "history": losses[-1],
        "bar": (sum(losses) + losses[-1]) / (len(losses) + 1),
        "per_row": sum(losses) / sum(sizes),
    }


def three(**wrong: Callable) -> Callable:
    """A keras2_losses that works one of its numbers out otherwise."""
    return lambda losses, sizes: right(losses, sizes) | {name: rule(losses, sizes) for name, rule in wrong.items()}


keras2_losses.mistake(
    "a plain mean for the bar",
    "The finished bar is no mean of the batches: it counts the last batch twice, and divides by one more.",
    see="(10 + 8 + 6 + 2 + 2) / 5",
)(three(bar=lambda losses, sizes: sum(losses) / len(losses)))

keras2_losses.mistake(
    "the last batch added, not counted",
    "The bar adds the last batch once more, so it divides by one more as well: by n + 1, not by n.",
)(three(bar=lambda losses, sizes: (sum(losses) + losses[-1]) / len(losses)))

keras2_losses.mistake(
    "the bar summed, not averaged", "The bar shows a mean: of n + 1 losses, as the last one counts twice."
)(three(bar=lambda losses, sizes: sum(losses) + losses[-1]))

keras2_losses.mistake(
    "the sum in History",
    "The loss of a batch is a sum over its rows, but nothing sums the batches up: History holds the last batch's.",
)(three(history=lambda losses, sizes: sum(losses)))

keras2_losses.mistake(
    "every batch in History", "History holds one loss for an epoch, not one for each batch: that of the last batch."
)(three(history=lambda losses, sizes: losses))

keras2_losses.mistake(
    "losses weighted by rows",
    "A batch's loss is already the sum over its rows. Add the sums up, and divide once, by all rows.",
)(three(per_row=lambda losses, sizes: float(np.average(losses, weights=sizes))))

keras2_losses.mistake("the first batch twice", "It is the last batch that the bar counts twice: it closes with it.")(
    three(bar=lambda losses, sizes: (sum(losses) + losses[0]) / (len(losses) + 1))
)

keras2_losses.mistake(
    "the bar weighted by rows",
    "The bar knows nothing of rows: each batch counts once, whatever its size, and the last one twice.",
)(three(bar=lambda losses, sizes: float(np.average(losses, weights=sizes))))

keras2_losses.mistake(
    "a mean in History",
    "The loss of a TFRS model is a plain number, not a metric, so nothing averages it: History holds the last batch's.",
)(three(history=lambda losses, sizes: sum(losses) / len(losses)))

keras2_losses.mistake("the first batch in History", "Each batch overwrites the one before: the last one stays.")(
    three(history=lambda losses, sizes: losses[0])
)

keras2_losses.mistake(
    "mean of the batches' means",
    "A row in the small last batch then weighs more than the others. Divide all of the loss by all of the rows.",
)(three(per_row=lambda losses, sizes: sum(loss / size for loss, size in zip(losses, sizes, strict=True)) / len(losses)))

keras2_losses.mistake(
    "the last batch alone per row",
    "You divided the last batch's loss by its rows; the epoch has more batches.",
)(three(per_row=lambda losses, sizes: losses[-1] / sizes[-1]))

keras2_losses.mistake(
    "a batch taken for a row",
    "You divided by the number of batches. A batch holds many rows: divide by their number.",
)(three(per_row=lambda losses, sizes: sum(losses) / len(losses)))


@keras2_losses.alternative("numpy")
def _(batch_losses, batch_sizes):
    losses = np.asarray(batch_losses)
    return {
        "history": losses[-1],
        "bar": np.append(losses, losses[-1]).mean(),
        "per_row": np.average(losses / batch_sizes, weights=batch_sizes),
    }


@keras2_losses.alternative("TensorFlow")
def _(batch_losses, batch_sizes):
    import tensorflow as tf

    losses = tf.constant(batch_losses)
    bar = tf.reduce_mean(tf.concat([losses, losses[-1:]], axis=0))
    return {"history": losses[-1], "bar": bar, "per_row": tf.reduce_sum(losses) / sum(batch_sizes)}


@keras2_losses.alternative("a running bar")
def _(batch_losses, batch_sizes):
    total = rows = 0
    for loss, size in zip(batch_losses, batch_sizes, strict=True):
        total, rows, last = total + loss, rows + size, loss
    return {"history": last, "bar": (total + last) / (1 + len(batch_losses)), "per_row": total / rows}
