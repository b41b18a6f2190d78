"""Lesson 8: few shapes, a stale index, candidates that change, an inverted file, and a load test."""

import math
from collections.abc import Callable

import numpy as np

from autograder.item import Item, expect

# --- 8.1 -----------------------------------------------------------------------------------------------------------

recommend_in_buckets = Item(
    "8.1",
    "recommend_in_buckets",
    because="One user and a few widths make a few shapes: each is traced once, and the narrowest that fits wastes least.",
    hints=(
        "How many different shapes may `exclusions` have, and which of them is the narrowest that holds the list?",
        'next(width for width in widths if width >= len(seen)), then the list and as many "" as are missing, as one row.',
        'padded = list(seen) + [""] * (____ - len(seen)); tf.constant([padded], tf.string, shape=(1, width))',
    ),
)
TITLES = [f"T{i}" for i in range(24)]
FALLING = np.arange(24, 0, -1.0)[:, None]


def shop(student, scores=FALLING):
    """An index over 24 titles: user "u" likes them by these scores, user "v" the other way round."""
    tower = student.workshop.table(["u", "v"], np.array([[1.0], [-1.0]]))
    return student.workshop.index(TITLES, scores, tower, k=10)


def shopper(student, rng, k: int, n: int) -> tuple:
    """A shop, one of its users, the n titles they have seen, all among their best n + 1, and the best k of the others.

    "T1" is one of the best, so that it is missed where it was taken to fill a list up.
    """
    seen, others = np.split(rng.permutation(np.delete(np.arange(24), 1)), [n])
    others = np.insert(others, rng.integers(k), 1)
    scores, user = np.empty((24, 1)), "uv"[rng.integers(2)]
    scores[[others[0], *seen, *others[1:]], 0] = np.arange(24, 0, -1) if user == "u" else np.arange(-24, 0)
    return shop(student, scores), user, *([TITLES[i] for i in some] for some in (rng.permutation(seen), others[:k]))


@recommend_in_buckets.test(2)
def test_the_seen_are_left_out_and_k_are_left(student, rng):
    index = shop(student)
    got = student.recommend_in_buckets(index, "u", ["T0", "T2"], 3, [4, 8])
    expect(got, ["T1", "T3", "T4"], "the best three for 'u', who has seen the first and the third")
    got = student.recommend_in_buckets(index, "v", ["T23", "T22", "T21", "T20"], 3, [4, 8])
    expect(
        got, ["T19", "T18", "T17"], "the best three for 'v', who likes the last ones best and has seen four of those"
    )
    k, n = int(rng.integers(3, 6)), int(rng.integers(1, 4))
    index, user, seen, want = shopper(student, rng, k, n)
    got = student.recommend_in_buckets(index, user, seen, k, (n + np.cumsum(rng.integers(1, 6, 2))).tolist())
    expect(got, want, f"the best {k} for {user!r}, who has seen {n} of their best {n + 1}")


@recommend_in_buckets.test(1)
def test_who_has_seen_nothing(student, rng):
    got = student.recommend_in_buckets(shop(student), "u", [], 2, [4, 8])
    expect(got, ["T0", "T1"], "the best two for somebody who has seen nothing")
    k = int(rng.integers(2, 6))
    index, user, seen, want = shopper(student, rng, k, 0)
    got = student.recommend_in_buckets(index, user, seen, k, np.cumsum(rng.integers(2, 8, 2)).tolist())
    expect(got, want, f"the best {k} for somebody else who has seen nothing")


@recommend_in_buckets.test(3)
def test_one_trace_for_each_width_that_is_needed(student, rng):
    scores = rng.permutation(24)[:, None].astype(float)
    index = shop(student, scores)
    order = sorted(range(24), key=lambda i: -scores[i, 0])
    narrow, middle, _ = widths = sorted(rng.permutation(range(3, 21))[:3].tolist())
    for n, width in ((1, narrow), (2, narrow), (narrow, narrow), (narrow + 1, middle), (middle, middle)):
        seen = [TITLES[i] for i in order[1 : n + 1]]
        got = student.recommend_in_buckets(index, "u", rng.permutation(seen).tolist(), 2, widths)
        want = [TITLES[order[0]], TITLES[order[n + 1]]]
        expect(got, want, f"the best two when the second to {n + 1}th best are seen: {n} fit into a width of {width}")
    expect(
        {"widths traced": student.workshop.traced_widths(index)},
        {"widths traced": [narrow, middle]},
        f"lists of 1, 2, {narrow}, {narrow + 1} and {middle}, widths {widths}: two are needed",
    )


def padded(index, user_id, seen, k, width, fill=""):
    """The answer with exclusions of this width, cut or filled up."""
    import tensorflow as tf

    row = (list(seen) + [fill] * width)[:width]
    exclusions = tf.constant([row], tf.string, (1, width))
    return index.query_with_exclusions(tf.constant([user_id]), exclusions, k=k)[1][0].numpy()


def titles_of(names) -> list[str]:
    return [name.decode() for name in names]


def fitting(seen, widths) -> int:
    return next(width for width in widths if width >= len(seen))


@recommend_in_buckets.mistake(
    "a width of its own for each list",
    "The exclusions were as wide as the list of seen titles, so nearly every user makes TensorFlow trace anew: fill the "
    'list up with "" to one of the widths.',
    see='[tf.constant([["A"] * n]).shape for n in (1, 2, 3)]  # each shape is traced by itself',
)
def _(index, user_id, seen, k, widths):
    return titles_of(padded(index, user_id, seen, k, len(seen)))


@recommend_in_buckets.mistake(
    "always the widest",
    "Every list was filled up to the last width. One trace, but everybody pays for the longest list: the index fetches "
    "k + width, and compares each with each.",
)
def _(index, user_id, seen, k, widths):
    return titles_of(padded(index, user_id, seen, k, widths[-1]))


@recommend_in_buckets.mistake(
    "cut to a width that is too narrow",
    "A width that does not hold all of `seen` was taken, and the rest of the list was cut off: seen titles come back.",
)
def _(index, user_id, seen, k, widths):
    return titles_of(padded(index, user_id, seen, k, widths[0]))


@recommend_in_buckets.mistake("cut to a width that is too narrow")
def _(index, user_id, seen, k, widths):
    return titles_of(padded(index, user_id, seen, k, max((w for w in widths if w <= len(seen)), default=widths[0])))


@recommend_in_buckets.mistake(
    "one width too wide",
    "A list that just fits a width was given the next: >=, not >.",
    see="next(width for width in [3, 6] if width > 3)",
)
def _(index, user_id, seen, k, widths):
    return titles_of(padded(index, user_id, seen, k, next((w for w in widths if w > len(seen)), widths[-1])))


@recommend_in_buckets.mistake(
    "dropped after the cut",
    "You took the best k and then dropped the seen ones, so fewer than k are left.",
)
def _(index, user_id, seen, k, widths):
    import tensorflow as tf

    return [title for title in titles_of(index(tf.constant([user_id]), k=k)[1][0].numpy()) if title not in seen]


@recommend_in_buckets.mistake("nothing excluded", "Seen titles are in the list: nothing was left out.")
def _(index, user_id, seen, k, widths):
    import tensorflow as tf

    return titles_of(index(tf.constant([user_id]), k=k)[1][0].numpy())


@recommend_in_buckets.mistake(
    "a title to fill up with",
    'You filled the list up with a title, which is then left out for somebody who has never seen it. "" is no title, and '
    "excludes nothing.",
)
def _(index, user_id, seen, k, widths):
    return titles_of(padded(index, user_id, seen, k, fitting(seen, widths), fill="T1"))


@recommend_in_buckets.mistake("a title to fill up with")
def _(index, user_id, seen, k, widths):
    best = titles_of(padded(index, user_id, [], 1, 1))[0]
    return titles_of(padded(index, user_id, seen, k, fitting(seen, widths), fill=best))


@recommend_in_buckets.mistake(
    "bytes", "An index gives names as bytes, b'T1'. Decode them: name.decode().", see="b'T1' == 'T1'"
)
def _(index, user_id, seen, k, widths):
    return [str(name) for name in padded(index, user_id, seen, k, fitting(seen, widths))]


@recommend_in_buckets.alternative("buckets by bisection, numpy strings")
def _(index, user_id, seen, k, widths):
    import bisect

    import tensorflow as tf

    row = np.full((1, widths[bisect.bisect_left(widths, len(seen))]), "", object)
    row[0, : len(seen)] = seen
    _, names = index.query_with_exclusions(tf.constant([user_id]), tf.convert_to_tensor(row, tf.string), k)
    return names.numpy()[0].astype(str).tolist()


@recommend_in_buckets.alternative("tf.pad")
def _(index, user_id, seen, k, widths):
    import tensorflow as tf

    row = tf.constant(seen, tf.string, (len(seen),))
    row = tf.pad(row, [[0, min(w for w in widths if w >= len(seen)) - len(seen)]], constant_values="")
    names = index.query_with_exclusions(queries=tf.constant([user_id]), exclusions=row[None], k=k)[1]
    return tuple(bytes(name).decode() for name in names[0].numpy())


@recommend_in_buckets.alternative("a loop over the widths")
def _(index, user_id, seen, k, widths):
    for width in widths:
        if len(seen) <= width:
            return titles_of(padded(index, user_id, seen, k, width, fill="no such title"))


# --- 8.2 -----------------------------------------------------------------------------------------------------------

stale_titles = Item(
    "8.2",
    "stale_titles",
    because="The index answers with scores of its snapshot; the towers say what the scores are now. Compare title by title.",
    hints=(
        "You cannot see the vectors in an index. What does it tell you of them, if you ask for all titles?",
        "index(users, k=len(titles)) gives scores with names, best first: bring both sides to one order, by name.",
        "of = dict(zip(names_of_a_user, scores_of_a_user)); stale = abs(of[title] - ____) > 0.001",
    ),
)
FILMS = ["A", "B", "C", "D", "E", "F"]
VECTORS = np.array([[4.0, 1.0], [3.0, 0.5], [2.0, 5.0], [1.0, 2.0], [0.5, 3.0], [-1.0, 4.0]])
VIEWERS = np.array([[1.0, 0.0], [0.0, 1.0]])


def staleness(student, held, now, viewers=VIEWERS, users=("24", "42"), films=FILMS, order=None):
    """What the student finds: the index holds vectors `held`, the film tower gives `now`."""
    order = range(len(films)) if order is None else order
    user_tower = student.workshop.tower(list(users), viewers)
    film_tower = student.workshop.tower(films, now)
    index = student.workshop.index([films[i] for i in order], np.asarray(held)[list(order)], user_tower, k=3)
    return student.stale_titles(index, user_tower, film_tower, list(films), list(users))


def library(rng, n: int) -> tuple:
    """Vectors of n films, and by name: two users, the films, and the order in which they stand in the index."""
    films = rng.permutation(list("ABCDEFGHIJKL"))[:n].tolist()
    users = rng.choice(100, 2, replace=False).astype(str).tolist()
    return rng.normal(size=(n, 2)).round(2), {"users": users, "films": films, "order": rng.permutation(n).tolist()}


@stale_titles.test(2)
def test_five_of_six_films_have_moved(student, rng):
    now = VECTORS + [[0, 0], [0, 2], [0, -1.5], [1, -1], [-3, 0], [2, 0]]
    meaning = "all but A: user 24's scores of D, E, F have changed, user 42's of B, C, D"
    expect(staleness(student, VECTORS, now, order=[5, 3, 1, 0, 2, 4]), ["B", "C", "D", "E", "F"], meaning)
    held, names = library(rng, 9)
    a, b, c, *more = rng.uniform(0.5, 3, 7).round(1)
    alone = [[0, b], [0, -c], *([size, 0] for size in np.array(more) * [1, 1, -1, -1])]
    moves = rng.permutation([[0, 0], [0, 0], [a, -a], *alone])
    want = [film for film, move in zip(names["films"], moves) if move.any()]
    meaning = "two films have not moved, two for the second user alone, four for the first, and one for both"
    expect(staleness(student, held, held + moves, **names), want, meaning)


@stale_titles.test(1)
def test_an_index_of_today_is_not_stale(student, rng):
    expect(staleness(student, VECTORS, VECTORS), [], "nothing has moved")
    hair = VECTORS + 1e-5
    expect(staleness(student, VECTORS, hair), [], "nothing has moved by more than rounding, .00001")
    n = int(rng.integers(5, 9))
    held, names = library(rng, n)
    moved = np.sort(rng.permutation(n)[:2])
    now = held + 1e-5
    now[moved] += 0.4
    want = [names["films"][i] for i in moved]
    expect(staleness(student, held, now, **names), want, f"{n - 2} films have moved by .00001 and two by .4")


@stale_titles.test(2)
def test_any_movement(student, rng):
    films = [f"film {i}" for i in range(9)]
    held, viewers = rng.normal(size=(9, 3)).round(2), rng.normal(size=(4, 3)).round(2)
    moved = sorted(rng.choice(9, 4, replace=False).tolist())
    now = held.copy()
    now[moved[:2]] += 0.4
    now[moved[2:]] -= 0.3
    users = ["1", "2", "3", "4"]
    differ = np.abs(viewers @ (now - held).T) > 0.001
    want = [films[i] for i in range(9) if differ[:, i].any()]
    got = staleness(student, held, now, viewers, users, films, rng.permutation(9).tolist())
    expect(got, want, "the films whose scores differ for any of four users")


def compared(index, user_tower, film_tower, titles, users):
    """Scores of the index and of the towers, both float[B, N] by title."""
    import tensorflow as tf

    scores, names = index(tf.constant(users), k=len(titles))
    rows = [dict(zip(titles_of(row), of)) for row, of in zip(names.numpy(), scores.numpy())]
    held = np.array([[row[title] for title in titles] for row in rows])
    return held, user_tower(tf.constant(users)).numpy() @ film_tower(tf.constant(titles)).numpy().T


def judged_by(tell: Callable) -> Callable:
    """A stale_titles that tells from held and present scores, each [B, N], which titles [N] are stale."""

    def answer(index, user_tower, film_tower, titles, users):
        held, now = compared(index, user_tower, film_tower, titles, users)
        return [title for title, stale in zip(titles, tell(held, now)) if stale]

    return answer


stale_titles.mistake(
    "stale for every user",
    "You report a title only if its score differs for *all* users. A vector that moved shows in some scores and not in "
    "others: one is enough.",
)(judged_by(lambda held, now: (np.abs(held - now) > 0.001).all(axis=0)))

stale_titles.mistake(
    "only one user asked", "You looked at one user's scores. What moved where that user is 0 does not show there."
)(judged_by(lambda held, now: np.abs(held - now)[0] > 0.001))

stale_titles.mistake(
    "rounding taken for a change",
    "You asked whether the scores are equal. Sums in another order differ in the last digits: allow .001.",
    see="0.1 + 0.2 == 0.3",
)(judged_by(lambda held, now: (held != now).any(axis=0)))

stale_titles.mistake(
    "differences that cancel",
    "You added the users' differences up, or averaged them, before you looked at their size: a plus and a minus cancel.",
)(judged_by(lambda held, now: np.abs((held - now).sum(axis=0)) > 0.001))

stale_titles.mistake(
    "only what fell, or only what rose",
    "A score may have risen or fallen: take the absolute difference.",
)(judged_by(lambda held, now: ((held - now) > 0.001).any(axis=0)))

stale_titles.mistake("only what fell, or only what rose")(
    judged_by(lambda held, now: ((now - held) > 0.001).any(axis=0))
)

stale_titles.mistake("the titles that are not stale", "These are the titles whose scores still agree.")(
    judged_by(lambda held, now: (np.abs(held - now) <= 0.001).all(axis=0))
)

stale_titles.mistake("every title", "You report every title. Some of them are as they were.")(
    judged_by(lambda held, now: np.ones(now.shape[1], bool))
)

stale_titles.mistake(
    "nothing is ever stale",
    "You found nothing. Were the index's scores compared with those of *both* towers as they are now?",
)(judged_by(lambda held, now: np.zeros(now.shape[1], bool)))


@stale_titles.mistake(
    "scores in two orders",
    "The index answers best first, the towers in the order of `titles`. Place by place you compare different films: go by "
    "name.",
)
def _(index, user_tower, film_tower, titles, users):
    import tensorflow as tf

    held = index(tf.constant(users), k=len(titles))[0].numpy()
    now = user_tower(tf.constant(users)).numpy() @ film_tower(tf.constant(titles)).numpy().T
    return [title for title, stale in zip(titles, (np.abs(held - now) > 0.001).any(axis=0)) if stale]


@stale_titles.mistake(
    "only the first few titles",
    "The index gave as many titles as its own k says, and the others were never looked at: ask for k=len(titles).",
)
def _(index, user_tower, film_tower, titles, users):
    import tensorflow as tf

    scores, names = index(tf.constant(users))
    now = user_tower(tf.constant(users)).numpy() @ film_tower(tf.constant(titles)).numpy().T
    stale = set()
    for row, of, found in zip(now, scores.numpy(), map(titles_of, names.numpy())):
        stale |= {title for title, score in zip(found, of) if abs(score - row[titles.index(title)]) > 0.001}
    return [title for title in titles if title in stale]


@stale_titles.alternative("with arrays, sorted by name")
def _(index, user_tower, film_tower, titles, users):
    import tensorflow as tf

    scores, names = (tensor.numpy() for tensor in index(tf.constant(users), k=len(titles)))
    by_name = np.take_along_axis(scores, np.argsort(names.astype(str), axis=1), axis=1)
    order = np.argsort(titles)
    now = user_tower(tf.constant(users)).numpy() @ film_tower(tf.constant(titles)).numpy()[order].T
    moved = np.empty(len(titles), bool)
    moved[order] = np.abs(by_name - now).max(axis=0) > 1e-3
    return np.array(titles)[moved]


@stale_titles.alternative("a new index beside the old one")
def _(index, user_tower, film_tower, titles, users):
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    names = tf.constant(titles)
    fresh = tfrs.layers.factorized_top_k.BruteForce(user_tower).index(film_tower(names), names)
    stale = []
    answers = [
        [dict(zip(titles_of(row), of)) for row, of in zip(found.numpy(), scores.numpy())]
        for scores, found in (one(tf.constant(users), k=len(titles)) for one in (index, fresh))
    ]
    for title in titles:
        if any(not math.isclose(old[title], new[title], abs_tol=1e-3) for old, new in zip(*answers)):
            stale.append(title)
    return stale


@stale_titles.alternative("user by user")
def _(index, user_tower, film_tower, titles, users):
    import tensorflow as tf

    worst = dict.fromkeys(titles, 0.0)
    for user in users:
        vector = user_tower(tf.constant([user]))
        scores, names = index(tf.constant([user]), k=len(titles))
        for name, score in zip(names[0].numpy(), scores[0].numpy()):
            title = name.decode()
            now = tf.reduce_sum(vector * film_tower(tf.constant([title])))
            worst[title] = max(worst[title], abs(float(now) - float(score)))
    return [title for title, difference in worst.items() if difference > 0.001]


# --- 8.3 -----------------------------------------------------------------------------------------------------------

with_changes = Item(
    "8.3",
    "with_changes",
    because="A dict from name to vector cannot fall out of step, and keeps a name's place when its vector changes.",
    hints=(
        "Which structure keeps a name and its vector together, and lets a name stand in it once?",
        "dict(zip(names, vectors)) | added has the new vectors in the old places; then pop what is removed.",
        "candidates = dict(zip(names, vectors)) | added; candidates.pop(____, None)",
    ),
)
NAMES, ROWS = ["A", "B", "C"], np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])


def stock(rng) -> tuple:
    """Names and their vectors, two names more, and vectors for two."""
    names, n = rng.permutation(list("ABCDEFGHIJ")).tolist(), int(rng.integers(4, 7))
    vectors = rng.normal(size=(n + 2, 2)).round(2)
    return names[:n], vectors[:n], names[n : n + 2], vectors[n:]


@with_changes.test(1)
def test_one_comes_and_one_goes(student, rng):
    got = student.with_changes(NAMES, ROWS, {"D": np.array([4.0, 0.5])}, ["B", "X"])
    expect(got, (["A", "C", "D"], [[1, 0], [3, 3], [4, 0.5]]), "B goes, D comes last; X was never there")
    names, vectors, new, of = stock(rng)
    gone = names[rng.integers(len(names))]
    changed = dict(zip(new, of)), rng.permutation([gone, "X"]).tolist()
    meaning = f"{gone} goes, {' and '.join(new)} come last, in the order of the dict; X was never there"
    expect(student.with_changes(names, vectors, *changed), changes(names, vectors, *changed), meaning)


@with_changes.test(1)
def test_a_known_name_gets_a_new_vector(student, rng):
    got = student.with_changes(NAMES, ROWS, {"A": np.array([9.0, 9.0]), "E": np.array([1.0, 1.0])}, ["E"])
    expect(
        got,
        (NAMES, [[9, 9], [0, 2], [3, 3]]),
        "A keeps its place and gets its new vector; E is added and removed: gone",
    )
    names, vectors, (new, _), of = stock(rng)
    known = names[rng.integers(len(names) - 1)]
    changed = dict(zip([known, new], of)), [new]
    meaning = f"{known} keeps its place and gets its new vector; {new} is added and removed: gone"
    expect(student.with_changes(names, vectors, *changed), changes(names, vectors, *changed), meaning)


@with_changes.test(1)
def test_any_day(student, rng):
    names = [f"n{i}" for i in range(8)]
    vectors = rng.normal(size=(8, 3)).round(3)
    changed, gone = rng.permutation(8)[:2], rng.permutation(8)[:3]
    added = {names[i]: rng.normal(size=3).round(3) for i in changed}
    added |= {name: rng.normal(size=3).round(3) for name in ("p", "q")}
    removed = [names[i] for i in gone] + ["q"]
    got = student.with_changes(names, vectors, added, removed)
    expect(got, changes(names, vectors, added, removed), "names and vectors after these changes")


def changes(names, vectors, added, removed):
    candidates = {name: list(vector) for name, vector in (dict(zip(names, vectors)) | added).items()}
    return [n for n in candidates if n not in removed], [v for n, v in candidates.items() if n not in removed]


@with_changes.mistake(
    "a known name is in twice",
    "A name that was there already was appended once more: its old vector stays as well, and it takes two places in a list.",
)
def _(names, vectors, added, removed):
    both = [*zip(names, map(list, vectors)), *((name, list(vector)) for name, vector in added.items())]
    both = [(name, vector) for name, vector in both if name not in removed]
    return [name for name, _ in both], [vector for _, vector in both]


@with_changes.mistake(
    "a known name keeps its old vector", "A name that was there already was passed over. It gets the new vector."
)
def _(names, vectors, added, removed):
    return changes(names, vectors, {name: vector for name, vector in added.items() if name not in names}, removed)


@with_changes.mistake(
    "a known name moves to the end", "A name that was there already keeps its place; only new ones come last."
)
def _(names, vectors, added, removed):
    kept = [i for i, name in enumerate(names) if name not in added]
    return changes([names[i] for i in kept], np.asarray(vectors)[kept], added, removed)


@with_changes.mistake(
    "removed before added",
    "You removed first and added then, so what is both added and removed came back. It is gone.",
)
def _(names, vectors, added, removed):
    kept, left = changes(names, vectors, {}, removed)
    return changes(kept, left, added, [])


@with_changes.mistake(
    "names and vectors out of step",
    "The names were changed, and the vectors not in the same way: from the removed row on, each name has the vector of "
    "another.",
)
def _(names, vectors, added, removed):
    right, _ = changes(names, vectors, added, removed)
    _, whole = changes(names, vectors, added, [])
    return right, whole[: len(right)]


@with_changes.mistake("nothing removed", "What is in `removed` is still there.")
def _(names, vectors, added, removed):
    return changes(names, vectors, added, [])


@with_changes.mistake("nothing added", "What is in `added` is missing.")
def _(names, vectors, added, removed):
    return changes(names, vectors, {}, removed)


@with_changes.mistake(
    "removing what is not there",
    "list.remove, del and dict.pop(name) raise for a name that is not there. dict.pop(name, None) does not.",
    see="{}.pop('X', None)",
)
def _(names, vectors, added, removed):
    candidates = dict(zip(names, vectors)) | added
    for name in removed:
        del candidates[name]
    return list(candidates), np.array(list(candidates.values()))


@with_changes.mistake("removing what is not there")
def _(names, vectors, added, removed):
    left = list(dict.fromkeys([*names, *added]))
    for name in removed:
        left.remove(name)
    return left, changes(names, vectors, added, removed)[1]


@with_changes.mistake("removing what is not there")
def _(names, vectors, added, removed):
    candidates = dict(zip(names, vectors)) | added
    for name in removed:
        candidates.pop(name)
    return list(candidates), np.array(list(candidates.values()))


@with_changes.mistake("removing what is not there")
def _(names, vectors, added, removed):
    rows = [names.index(name) for name in removed]
    return changes([n for i, n in enumerate(names) if i not in rows], np.delete(vectors, rows, axis=0), added, removed)


@with_changes.alternative("lists and loops")
def _(names, vectors, added, removed):
    names, vectors = list(names), [row for row in vectors]
    for name, vector in added.items():
        if name in names:
            vectors[names.index(name)] = vector
        else:
            names.append(name)
            vectors.append(vector)
    kept = [i for i, name in enumerate(names) if name not in set(removed)]
    return [names[i] for i in kept], np.stack([vectors[i] for i in kept])


@with_changes.alternative("pandas")
def _(names, vectors, added, removed):
    import pandas as pd

    table = pd.DataFrame(vectors, index=names)
    for name, vector in added.items():
        table.loc[name] = vector
    table = table.drop(index=[name for name in removed if name in table.index])
    return table.index, table.to_numpy()


@with_changes.alternative("one comprehension")
def _(names, vectors, added, removed):
    order = [name for name in dict.fromkeys([*names, *added]) if name not in removed]
    return order, np.array([added[n] if n in added else vectors[list(names).index(n)] for n in order])


# --- 8.4 -----------------------------------------------------------------------------------------------------------

ivf_search = Item(
    "8.4",
    "ivf_search",
    because="Work is what the centroids cost and what lies in the chosen cells; positions there are turned back into items.",
    hints=(
        "Which vectors must be compared with the query to choose the cells, and which to find the best inside them?",
        "np.argsort(-(centroids @ query))[:nprobe] are the cells, np.flatnonzero(np.isin(cell, cells)) the items in them.",
        "order = np.argsort(-(items[inside] @ query))[:k]; return ____[order], len(centroids) + len(inside)",
    ),
)
ITEMS = np.array([[5.0, 0.0], [4.0, 1.0], [0.0, 6.0], [1.0, 5.0], [-3.0, 0.0], [3.5, 3.0], [2.0, 2.0]])
CENTROIDS = np.array([[-3.0, 0.0], [1.0, 4.5], [4.0, 1.0]])
CELL = np.array([2, 2, 1, 1, 0, 1, 2])


def cells(rng, in_the_best: int) -> tuple:
    """A query, items, centroids and the items' cells. The best cell's centroid is far off, that of another is near."""
    query = rng.normal(size=3)
    query /= np.linalg.norm(query)
    along = rng.permutation([5.0, 2.5, 1.0, -2.0])
    centroids = along[:, None] * query + rng.normal(size=(4, 3)) / 10
    cell = rng.permutation(np.repeat(range(4), np.where(along == 5, in_the_best, rng.integers(6, 9, 4))))
    return query, rng.normal(size=(len(cell), 3)) * rng.uniform(0.5, 3, (len(cell), 1)), centroids, cell


@ivf_search.test(2)
def test_seven_items_in_three_cells(student, rng):
    query = np.array([1.0, 0.1])
    expect(
        student.ivf_search(query, ITEMS, CENTROIDS, CELL, 1, 2),
        ([0, 1], 6),
        "the best two of the best cell, 2, which holds items 0, 1 and 6: three centroids and three items were compared",
    )
    expect(
        student.ivf_search(query, ITEMS, CENTROIDS, CELL, 2, 3),
        ([0, 1, 5], 9),
        "with two cells, 2 and 1, item 5 is found as well, for nine dot products",
    )
    given, k = cells(rng, int(rng.integers(6, 9))), int(rng.integers(4, 6))
    for nprobe in 1, 2:
        meaning = f"the best {k} of {nprobe} of 4 cells, and the dot products it took"
        expect(student.ivf_search(*given, nprobe, k), probed(*given, nprobe, k), meaning)


@ivf_search.test(1)
def test_a_cell_with_fewer_than_k(student, rng):
    got = student.ivf_search(np.array([-1.0, 0.0]), ITEMS, CENTROIDS, CELL, 1, 3)
    expect(got, ([4], 4), "the best cell, 0, holds one item: it alone is found, for three centroids and one item")
    n, more = rng.integers([3, 1], [6, 4]).tolist()
    given = cells(rng, n)
    meaning = f"the {n} items of the best cell, though {n + more} were asked for, for four centroids and {n} items"
    expect(student.ivf_search(*given, 1, n + more), probed(*given, 1, n + more), meaning)


@ivf_search.test(3)
def test_any_items(student, rng):
    items = rng.normal(size=(60, 4)) * rng.uniform(0.5, 3, size=(60, 1))
    centroids = items[:7]  # so that no cell is empty
    cell = ((items[:, None] - centroids) ** 2).sum(axis=2).argmin(axis=1)
    for nprobe in (1, 3, 7):
        query = rng.normal(size=4)
        want = probed(query, items, centroids, cell, nprobe, 5)
        meaning = (
            f"the best five of the {nprobe} of 7 cells whose centroids score highest, and the dot products it took"
        )
        expect(student.ivf_search(query, items, centroids, cell, nprobe, 5), want, meaning)


def probed(
    query, items, centroids, cell, nprobe, k, *, near=None, places=False, sign=-1, count=None, cells_sign=-1, by=None
):
    """The right search, and ways to spoil it."""
    of_cells = centroids @ query if near is None else -np.linalg.norm(centroids - query, axis=1)
    cells = np.argsort(cells_sign * of_cells, kind="stable")[:nprobe]
    inside = np.flatnonzero(np.isin(cell, cells))
    scores = items[inside] @ query if by is None else by(items[inside], query)
    order = np.argsort(sign * scores, kind="stable")[:k]
    counted = (count or (lambda cells, inside: len(centroids) + len(inside)))(cells, inside)
    return (order if places else inside[order]).tolist(), int(counted)


def search(**how) -> Callable:
    """An ivf_search with one thing changed."""
    return lambda *given: probed(*given, **how)


ivf_search.mistake(
    "places in the cells instead of items",
    "These are places among the items of the chosen cells. Turn them back: inside[order].",
)(search(places=True))

ivf_search.mistake(
    "the nearest cells",
    "You chose cells by distance. The query looks for high dot products, and a long centroid far off may give those.",
)(search(near=True))

ivf_search.mistake(
    "the worst cells", "argsort goes upwards: the cells with the lowest dot products were looked through."
)(search(cells_sign=1))

ivf_search.mistake("the worst items", "argsort goes upwards: these are the worst items of the right cells.")(
    search(sign=1)
)

ivf_search.mistake(
    "items by their cosine",
    "You divided by the items' lengths. The towers were trained by the plain dot product, in which length counts.",
)(search(by=lambda inside, query: inside @ query / np.linalg.norm(inside, axis=1)))

ivf_search.mistake(
    "centroids cost nothing", "To choose the cells every centroid was compared with the query: those count as well."
)(search(count=lambda cells, inside: len(inside)))

ivf_search.mistake("cells counted, not centroids", "Every centroid was compared, not only those of the chosen cells.")(
    search(count=lambda cells, inside: len(cells) + len(inside))
)


@ivf_search.mistake(
    "everything searched",
    "Items of all cells were compared. Only the nprobe best cells are looked through: that is the point.",
)
def _(query, items, centroids, cell, nprobe, k):
    return probed(query, items, centroids, cell, len(centroids), k)


@ivf_search.mistake("only the best cell", "One cell was looked through, whatever nprobe says.")
def _(query, items, centroids, cell, nprobe, k):
    return probed(query, items, centroids, cell, 1, k)


@ivf_search.mistake(
    "work left at the whole catalogue",
    "The items are right, but you counted all N. What lies in other cells was never compared.",
)
def _(query, items, centroids, cell, nprobe, k):
    return probed(query, items, centroids, cell, nprobe, k)[0], len(items)


ivf_search.mistake("found items counted", "You counted the items that came out. Counted is what was compared.")(
    lambda query, items, centroids, cell, nprobe, k: (
        (best := probed(query, items, centroids, cell, nprobe, k)[0]),
        len(centroids) + len(best),
    )
)


@ivf_search.mistake(
    "k items from each cell",
    "You kept the best k of each cell, one cell after the other. The cells' items compete with one another.",
)
def _(query, items, centroids, cell, nprobe, k):
    cells = np.argsort(-(centroids @ query))[:nprobe]
    found = []
    for one in cells:
        inside = np.flatnonzero(cell == one)
        found += inside[np.argsort(-(items[inside] @ query))[:k]].tolist()
    return found, len(centroids) + int(np.isin(cell, cells).sum())


@ivf_search.alternative("minus infinity outside the cells")
def _(query, items, centroids, cell, nprobe, k):
    cells = np.argsort(centroids @ query)[::-1][:nprobe]
    inside = np.isin(cell, cells)
    scores = np.where(inside, items @ query, -np.inf)
    best = np.argsort(-scores)[: min(k, inside.sum())]
    return best, inside.sum() + centroids.shape[0]


@ivf_search.alternative("lists made beforehand, a heap")
def _(query, items, centroids, cell, nprobe, k):
    import heapq

    lists = {}
    for item, of in enumerate(cell.tolist()):
        lists.setdefault(of, []).append(item)
    cells = heapq.nlargest(nprobe, range(len(centroids)), key=lambda c: float(centroids[c] @ query))
    inside = [item for c in cells for item in lists.get(c, [])]
    return heapq.nlargest(k, inside, key=lambda item: float(items[item] @ query)), len(centroids) + len(inside)


@ivf_search.alternative("faiss inside the cells")
def _(query, items, centroids, cell, nprobe, k):
    import faiss

    cells = np.argpartition(-(centroids @ query), nprobe - 1)[:nprobe]
    inside = np.nonzero(np.isin(cell, cells))[0]
    index = faiss.IndexFlatIP(items.shape[1])
    index.add(items[inside].astype(np.float32))
    _, [found] = index.search(query[None].astype(np.float32), min(k, len(inside)))
    return inside[found].tolist(), len(centroids) + index.ntotal


# --- 8.5 -----------------------------------------------------------------------------------------------------------

load_report = Item(
    "8.5",
    "load_report",
    because="A user waits from asking, not from when the client had a hand free; and a percentile is one of the latencies.",
    hints=(
        "Whose time is it, the user's or the server's? When does it begin?",
        "Sort 1000 * (done - due). The smallest that at least p% do not exceed has rank p * R / 100, rounded up.",
        "rank = math.ceil(p * len(latency) / 100); latency[rank - ____]",
    ),
)


@load_report.test(2)
def test_four_requests_of_which_one_had_to_wait(student, rng):
    due, sent = np.array([0.0, 0.1, 0.2, 0.3]), np.array([0.0, 0.1, 0.5, 0.6])
    done = np.array([0.05, 0.5, 0.6, 0.625])
    expect(
        student.load_report(due, sent, done),
        {"p50": 325.0, "p99": 400.0, "per_second": 6.4},
        "latencies 50, 400, 400 and 325 ms from asking; four requests in .625 s",
    )
    n = int(rng.integers(5, 10))
    due, sent = np.repeat([rng.integers(50, 200, n).cumsum() / 1000], 2, axis=0)
    sent[rng.integers(n - 1)] += rng.integers(300, 600) / 1000
    done = sent + rng.permutation(np.arange(20, 100))[:n] / 1000
    expect(student.load_report(due, sent, done), felt(due, sent, done), f"{n} requests, of which one had to wait")


@load_report.test(1)
def test_the_99th_of_200(student, rng):
    milliseconds = np.arange(1, 201.0)
    due = np.arange(200) / 10
    got = student.load_report(due, due, due + milliseconds[::-1] / 1000)
    want = {"p50": 100.0, "p99": 198.0, "per_second": 200 / 19.901}
    expect(got, want, "latencies of 200, 199, ... 1 ms: 100 of 200 are at most 100 ms, 198 at most 198 ms")
    n = 100 * int(rng.integers(1, 5)) + int(rng.integers(51, 95))
    due, milliseconds = 3.0 * np.arange(n), rng.permutation(np.sort(rng.integers(1, 4, n)).cumsum())
    done = due + milliseconds / 1000
    meaning = f"the latencies that 50% and 99% of {n} do not exceed, which is {math.ceil(99 * n / 100)} at least, and the rate"
    expect(student.load_report(due, due, done), felt(due, due, done), meaning)


@load_report.test(2)
def test_any_load(student, rng):
    due = np.sort(rng.uniform(1, 5, 37)).round(3)
    sent = (due + rng.exponential(0.05, 37)).round(3)
    done = (sent + rng.exponential(0.08, 37)).round(3)
    order = rng.permutation(37)  # answers are noted as they come, not as they were asked for
    got = student.load_report(due[order], sent[order], done[order])
    expect(got, felt(due, sent, done), "p50 and p99 from asking to answer, and the rate")


def felt(due, sent, done, *, begins=None, percentile=None, unit=1000, rate=None) -> dict[str, float]:
    """The right report, and ways to spoil it."""
    due, sent, done = map(np.asarray, (due, sent, done))
    latency = np.sort(unit * (done - (due if begins is None else begins(due, sent))))

    def ranked(values, share):
        return values[math.ceil(share * len(values) / 100 - 1e-9) - 1]

    percentile = percentile or ranked
    seconds = (rate or (lambda due, sent, done: done.max() - due.min()))(due, sent, done)
    values = {f"p{share}": float(percentile(latency, share)) for share in (50, 99)}
    return values | {"per_second": len(due) / float(seconds)}


def timing(**how) -> Callable:
    """A load_report with one thing changed."""
    return lambda due, sent, done: felt(due, sent, done, **how)


load_report.mistake(
    "measured from sending",
    "You measured from when the client sent the request. A request that waited for a free client had begun to wait when "
    "it was due: the slower the service, the more this hides (coordinated omission).",
)(timing(begins=lambda due, sent: sent))

load_report.mistake(
    "time in the queue only",
    "You measured from due to sent. The answer is there at `done`.",
)(lambda due, sent, done: felt(due, sent, sent) | {"per_second": felt(due, sent, done)["per_second"]})

load_report.mistake("seconds", "Latencies are asked for in milliseconds.")(timing(unit=1))

load_report.mistake(
    "between two latencies",
    "np.percentile draws a line between two latencies, and gives a time that nobody waited. Asked for is one of the "
    "latencies: method='inverted_cdf'.",
    see="np.percentile([1, 2], 50)",
)(timing(percentile=lambda latency, share: np.percentile(latency, share)))

load_report.mistake(
    "one rank too high",
    "Ranks begin at 1, places at 0: the latency of rank r stands at place r - 1.",
)(timing(percentile=lambda latency, share: latency[min(math.ceil(share * len(latency) / 100), len(latency) - 1)]))

load_report.mistake(
    "rank rounded down",
    "Rounded down, the rank may leave fewer than p% at or below it. Round up.",
)(timing(percentile=lambda latency, share: latency[max(int(share * len(latency) / 100) - 1, 0)]))

load_report.mistake(
    "not sorted",
    "You took the latency at that place as the requests came. Sort first.",
)(
    lambda due, sent, done: (
        {f"p{share}": float(1000 * (done - due)[math.ceil(share * len(due) / 100 - 1e-9) - 1]) for share in (50, 99)}
        | {"per_second": felt(due, sent, done)["per_second"]}
    )
)

load_report.mistake(
    "a mean for the median",
    "A few slow requests pull the mean up. p50 is the middle one: half wait no longer.",
)(
    timing(
        percentile=lambda latency, share: (
            latency.mean() if share == 50 else latency[math.ceil(0.99 * len(latency) - 1e-9) - 1]
        )
    )
)

load_report.mistake("the slowest for p99", "p99 leaves one request in a hundred out; the slowest of all is p100.")(
    timing(percentile=lambda latency, share: latency[-1] if share == 99 else latency[math.ceil(len(latency) / 2) - 1])
)

load_report.mistake(
    "a rate by latencies",
    "You divided by the sum of the waiting times. Requests overlap: divide by the time from the first asking to the last "
    "answer.",
)(timing(rate=lambda due, sent, done: (done - due).sum()))

load_report.mistake(
    "the rate at which they were asked",
    "You divided by the time in which the requests came. A service that is too slow takes longer than that: up to the last "
    "answer.",
)(timing(rate=lambda due, sent, done: due.max() - due.min()))

load_report.mistake(
    "first and last in the list",
    "You took the first and the last place of the arrays. They need not be in order of time: np.min(due), np.max(done).",
)(timing(rate=lambda due, sent, done: done[-1] - due[0]))


@load_report.alternative("numpy's inverted distribution")
def _(due, sent, done):
    p50, p99 = np.percentile((done - due) * 1e3, [50, 99], method="inverted_cdf")
    return {"p50": p50, "p99": p99, "per_second": due.size / (done.max() - due.min())}


@load_report.alternative("by the definition")
def _(due, sent, done):
    latencies = [1000 * (end - start) for start, end in zip(due.tolist(), done.tolist())]

    def smallest(share):
        return min(x for x in latencies if 100 * sum(y <= x for y in latencies) >= share * len(latencies))

    return {"p50": smallest(50), "p99": smallest(99), "per_second": len(latencies) / (max(done) - min(due))}


@load_report.alternative("pandas")
def _(due, sent, done):
    import pandas as pd

    rows = pd.DataFrame({"due": due, "done": done})
    quantiles = ((rows.done - rows.due) * 1000).sort_values(ignore_index=True)
    place = [int(np.ceil(share * len(rows) / 100)) - 1 for share in (50, 99)]
    return {
        "p50": quantiles[place[0]],
        "p99": quantiles[place[1]],
        "per_second": len(rows) / (rows.done.max() - rows.due.min()),
    }
