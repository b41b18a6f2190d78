"""Lesson 7: popularity, hits row by row, splits by time, cold rows, intervals over users, and the logQ correction."""

import math
from collections.abc import Callable

import numpy as np

from autograder.item import Item, expect, require

popularity_scores = Item(
    "7.1",
    "popularity_scores",
    because=(
        "Counts are whole numbers, so less than 1 taken off by position breaks every tie and nothing else. With ties the "
        "list would be no list, and a metric that counts ties against a film would call it worse than it is."
    ),
    hints=(
        "What makes a film popular: how much it is liked, or how often it is watched? And which is first of two alike?",
        "np.bincount counts; its minlength keeps the films that have no row. A fraction by position breaks ties.",
        "np.bincount(film, minlength=n_films) - np.arange(n_films) / ____",
    ),
)


def is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def numbers(got, n: int, meaning: str) -> np.ndarray:
    """`got` as float[n]; refuses what is not n finite numbers."""
    listed = got.tolist() if isinstance(got, np.ndarray) else got
    require(isinstance(listed, list | tuple) and len(listed) == n and all(map(is_number, listed)), got, meaning)
    return np.array(listed, float)


def judge(got, film, n_films: int, meaning: str) -> None:
    """Refuses scores that do not put the films into the order of popularity."""
    scores, count = numbers(got, n_films, f"{n_films} finite numbers"), np.bincount(film, minlength=n_films)
    order = np.lexsort((np.arange(n_films), -scores)).tolist()
    want = sorted(range(n_films), key=lambda i: (-count[i], i))
    shared = n_films - len(np.unique(scores))
    expect({"order": order, "equal scores": shared}, {"order": want, "equal scores": 0}, meaning)


@popularity_scores.test(1)
def test_seven_films(student):
    film, stars = np.array([5, 2, 2, 4, 5, 1, 2, 4]), np.array([4.0, 2, 1, 5, 5, 5, 1, 4])
    got = student.popularity_scores(film, stars, 7)
    judge(got, film, 7, "film 2 has 3 rows, 4 and 5 two, 1 one, 0, 3 and 6 none; of equals the lower number is first")


@popularity_scores.test(1)
def test_forty_films(student, rng):
    film = rng.choice(36, 200, p=rng.dirichlet(np.ones(36)))
    stars = rng.integers(1, 6, 200).astype(float)
    judge(student.popularity_scores(film, stars, 40), film, 40, "most rows first; of equals the lower number is first")
    film, stars = rng.permutation(np.append(np.arange(1200), rng.integers(0, 1200, 1800))), np.ones(3000)
    meaning = "1,200 films: what is taken off by position must stay below one row"
    judge(student.popularity_scores(film, stars, 1200), film, 1200, meaning)


def broken(count, n_films):
    """Scores with ties told apart by position."""
    return -1.0 * np.argsort(np.lexsort((np.arange(n_films), -np.asarray(count, float))))


@popularity_scores.mistake(
    "ties left",
    "Films with equally many rows have equal scores, and nothing says which comes first. Take a fraction off by position.",
    see="len(np.unique(popularity_scores(np.array([0, 1]), np.ones(2), 2)))",
)
def _(film, stars, n_films):
    return np.bincount(film, minlength=n_films)


@popularity_scores.mistake("ties left")
def _(film, stars, n_films):
    return np.bincount(film, minlength=n_films) / len(film)


@popularity_scores.mistake(
    "ties turned round", "Of equally many rows the film with the lower number comes first; yours puts the higher first."
)
def _(film, stars, n_films):
    return np.bincount(film, minlength=n_films) + np.arange(n_films) / n_films


@popularity_scores.mistake(
    "best rated first",
    "You averaged the stars. One viewer's five stars then beat a thousand viewers: popular is what is watched most.",
)
def _(film, stars, n_films):
    count, total = np.bincount(film, minlength=n_films), np.bincount(film, stars, n_films)
    return broken(total / np.maximum(count, 1), n_films)


@popularity_scores.mistake("best rated first")
def _(film, stars, n_films):
    return np.bincount(film, stars, n_films) / np.maximum(np.bincount(film, minlength=n_films), 1)


@popularity_scores.mistake(
    "stars added up",
    "You added the stars, so that a film watched by four who liked it may pass one that was watched by eight. Count the rows.",
)
def _(film, stars, n_films):
    return broken(np.bincount(film, stars, n_films), n_films)


@popularity_scores.mistake("stars added up")
def _(film, stars, n_films):
    return np.bincount(film, stars, n_films)


@popularity_scores.mistake(
    "only what was liked",
    "You counted the rows of four stars and more. Every row is one viewer, whatever the stars.",
)
def _(film, stars, n_films):
    return broken(np.bincount(film[stars >= 4], minlength=n_films), n_films)


@popularity_scores.mistake("only what was liked")
def _(film, stars, n_films):
    return np.bincount(film[stars >= 4], minlength=n_films)


@popularity_scores.mistake(
    "films without a row missing",
    "There are fewer scores than films: bincount stops at the highest number that occurs. Say minlength=n_films.",
)
def _(film, stars, n_films):
    count = np.bincount(film)
    return count - np.arange(len(count)) / n_films


@popularity_scores.mistake(
    "a place instead of a score", "Your best film has the lowest number. These are ranks; a score is higher for better."
)
def _(film, stars, n_films):
    return -broken(np.bincount(film, minlength=n_films), n_films)


@popularity_scores.mistake(
    "the films instead of scores",
    "You return the films in their order. Asked for is a score for each film, at the film's own place.",
)
def _(film, stars, n_films):
    return np.argsort(-np.bincount(film, minlength=n_films), kind="stable")


@popularity_scores.alternative("places, turned round")
def _(film, stars, n_films):
    return broken(np.bincount(film, minlength=n_films), n_films)


@popularity_scores.alternative("pandas, value_counts")
def _(film, stars, n_films):
    import pandas as pd

    count = pd.Series(film).value_counts().reindex(range(n_films), fill_value=0)
    return count.rank(method="first", ascending=False).mul(-1)


@popularity_scores.alternative("shares, less a hair")
def _(film, stars, n_films):
    share = np.zeros(n_films)
    for i in film:
        share[i] += 1 / len(film)
    return share.round(9) - np.arange(n_films) * 1e-9


# --- 7.2 -----------------------------------------------------------------------------------------------------------

row_hits = Item(
    "7.2",
    "row_hits",
    because=(
        "With >= the row's own score fills the first of its k places and every tie one more. A film that was seen stands "
        "at minus infinity, where everything is as high, and `& ~seen` says so outright."
    ),
    hints=(
        "What should a model get that gives all films the same score? And which films may not take a place?",
        "Seen scores to -np.inf in a new array; then count, for each row, the scores as high as its own or higher.",
        "places = (scores[user] ____ own[:, None]).sum(axis=1)\nreturn (places <= k) & ~seen[user, film]",
    ),
)


def flags(got):
    """Hits given as 1 and 0 are as good as True and False."""
    if isinstance(got, np.ndarray) and got.ndim == 1 and got.dtype.kind in "iuf" and np.isin(got, [0, 1]).all():
        return got.astype(bool)
    if isinstance(got, list) and got and all(type(one) in (int, float) and one in (0, 1) for one in got):
        return [bool(one) for one in got]
    return got


def nothing(scores) -> np.ndarray:
    return np.zeros(scores.shape, bool)


def hits_wanted(scores, user, film, seen, k) -> np.ndarray:
    films = range(scores.shape[1])
    places = [sum(scores[u, j] >= scores[u, i] for j in films if not seen[u, j]) for u, i in zip(user, film)]
    return (np.array(places) <= k) & ~seen[user, film]


def ranked(rng) -> tuple:
    """Scores of two users, all below -1 and no two alike, and the films of each, best first."""
    n = int(rng.integers(8, 12))
    scores = -2.0 - rng.permutation(2 * n).reshape(2, n)
    return scores, np.argsort(-scores, axis=1), int(rng.integers(2, 4))


@row_hits.test(1)
def test_seen_films_do_not_compete(student, rng):
    scores = np.array([[-2.0, -3, -4, -5, -9, -8], [-8, -7, -6, -5, -4, -3]])
    seen = nothing(scores)
    seen[0, [0, 1]] = seen[1, [4, 5]] = True
    user, film = np.array([1, 0, 0, 1, 0]), np.array([3, 2, 5, 1, 4])
    meaning = "hits at k = 2: without the seen films, rows stand at 1, 1, 3, 3 and 4"
    expect(flags(student.row_hits(scores, user, film, seen, 2)), np.array([1, 1, 0, 0, 0], bool), meaning)
    scores, order, k = ranked(rng)
    seen = nothing(scores)
    for row, films in zip(seen, order):
        row[films[: rng.integers(2, 4)]] = True
    user, film = rng.permutation(np.argwhere(~seen)).T
    meaning = f"hits at k = {k}, all films asked that were not seen: the best two or three of each user were"
    got = flags(student.row_hits(scores, user, film, seen, k))
    expect(got, hits_wanted(scores, user, film, seen, k), meaning)


@row_hits.test(1)
def test_ties_count_against(student, rng):
    scores, user, film = np.zeros((3, 8)), np.array([2, 0, 1]), np.array([6, 0, 7])
    scores[1, [7, 3, 4]] = 1.5
    got = flags(student.row_hits(scores, user, film, nothing(scores), 3))
    meaning = (
        "hits at k = 3: all 8 films of users 0 and 2 score 0, so their rows miss; film 7 of user 1 shares three places"
    )
    expect(got, np.array([0, 0, 1], bool), meaning)
    n, k = int(rng.integers(7, 12)), int(rng.integers(2, 5))
    scores = np.repeat(rng.normal(size=(4, 1)).round(2), n, axis=1)
    for row, better in zip(scores, rng.permutation([0, k - 1, k, k + 1])):
        row[rng.permutation(n)[:better]] += 1.5
    user, film = np.divmod(rng.permutation(4 * n), n)
    got = flags(student.row_hits(scores, user, film, nothing(scores), k))
    meaning = f"hits at k = {k}: of each user's {n} films 0, {k - 1}, {k} or {k + 1} share a better score"
    expect(got, hits_wanted(scores, user, film, nothing(scores), k), meaning)


@row_hits.test(1)
def test_a_film_seen_before_is_a_miss(student, rng):
    scores = np.array([[-1.0, -2, -3, -4], [-4, -3, -2, -1]])
    seen = nothing(scores)
    seen[0, 0] = seen[1, 2] = True
    got = flags(student.row_hits(scores, np.array([0, 1, 0, 1, 0]), np.array([0, 3, 1, 2, 3]), seen, 2))
    expect(got, np.array([0, 1, 1, 0, 0], bool), "hits at k = 2: the first and the fourth row's films were seen")
    scores, order, k = ranked(rng)
    seen = nothing(scores)
    seen[[0, 1], order[[0, 1], rng.integers(0, k, 2)]] = True
    # The film that only gets a place because another leaves is not asked: that is another test.
    user, film = rng.permutation([(u, i) for u, films in enumerate(order) for i in np.delete(films, k)]).T
    got = flags(student.row_hits(scores, user, film, seen, k))
    expect(got, hits_wanted(scores, user, film, seen, k), f"hits at k = {k}: each user has seen one of the best {k}")


@row_hits.test(2)
def test_fifty_rows(student, rng):
    scores = rng.integers(-40, -5, (6, 30)).astype(float)
    seen = rng.random((6, 30)) < 0.25
    user, film = rng.integers(0, 6, 50), rng.integers(0, 30, 50)
    for k in (8, 3, 15):
        want = hits_wanted(scores, user, film, seen, k)
        got = flags(student.row_hits(scores, user, film, seen, k))
        expect(got, want, f"the hits at k = {k}, {want.sum()} in all, seen films left out, ties against the row")


def rated(scores, user, film, seen, k, *, masked=-np.inf, hit=None, over=True):
    """row_hits with one part replaced: `hit` of (row of scores, film); `over`: a film seen before is a miss."""
    hit = hit or (lambda row, i: (row >= row[i]).sum() <= k)
    left = scores if masked is None else np.where(seen, masked, scores)
    return np.array([bool(hit(left[u], i)) and not (over and seen[u, i]) for u, i in zip(user, film)])


@row_hits.mistake(
    "seen films still take places",
    "Films that the user has seen still compete for the k places. Set their scores to minus infinity.",
)
def _(scores, user, film, seen, k):
    return rated(scores, user, film, seen, k, masked=None)


@row_hits.mistake(
    "exclusion forgotten",
    "`seen` has no effect at all: seen films take places, and a row whose own film was seen can be a hit.",
)
def _(scores, user, film, seen, k):
    return rated(scores, user, film, seen, k, masked=None, over=False)


@row_hits.mistake(
    "seen films get an ordinary score",
    "0, or -1, is a score like any other, and better than a lower one. What must never win gets minus infinity.",
    see="np.argsort([0.0, -1.5])[::-1]",
)
def _(scores, user, film, seen, k):
    return rated(scores, user, film, seen, k, masked=0)


@row_hits.mistake("seen films get an ordinary score")
def _(scores, user, film, seen, k):
    return rated(scores, user, film, seen, k, masked=0, over=False)


@row_hits.mistake("seen films get an ordinary score")
def _(scores, user, film, seen, k):
    return rated(scores, user, film, seen, k, masked=-1, over=False)


@row_hits.mistake(
    "ties count as hits",
    "You counted only films that score strictly higher, so a model that scores all films alike hits every time.",
    see="row_hits(np.zeros((1, 4)), np.array([0]), np.array([0]), np.zeros((1, 4), bool), 1)",
)
def _(scores, user, film, seen, k):
    return rated(scores, user, film, seen, k, hit=lambda row, i: (row > row[i]).sum() < k)


@row_hits.mistake(
    "ties go to the film that stands first",
    "Sorting breaks a tie by position, so that a film's number earns it hits.",
    see="np.argsort(-np.zeros(4), kind='stable')",
)
def _(scores, user, film, seen, k):
    return rated(scores, user, film, seen, k, hit=lambda row, i: i in np.argsort(-row, kind="stable")[:k])


@row_hits.mistake(
    "the film counted as its own rival", "A film's own score is as high as itself: with >= at most k, not fewer than k."
)
def _(scores, user, film, seen, k):
    return rated(scores, user, film, seen, k, hit=lambda row, i: (row >= row[i]).sum() < k)


@row_hits.mistake("one place too many", "There are k + 1 places in your list: `<= k` belongs to a count with the film.")
def _(scores, user, film, seen, k):
    return rated(scores, user, film, seen, k, hit=lambda row, i: (row >= row[i]).sum() <= k + 1)


@row_hits.mistake("worst films first", "The best film has the highest score; yours are the k lowest.")
def _(scores, user, film, seen, k):
    return rated(scores, user, film, seen, k, masked=np.inf, hit=lambda row, i: (row <= row[i]).sum() <= k)


@row_hits.mistake(
    "a film seen before may be a hit",
    "You compare with the row's own score as it was before the seen films left, so a film that was itself seen is found. "
    "It is not on the list: a miss.",
)
def _(scores, user, film, seen, k):
    left = np.where(seen, -np.inf, scores)
    return np.array([(left[u] >= scores[u, i]).sum() + seen[u, i] <= k for u, i in zip(user, film)])


@row_hits.mistake("a film seen before may be a hit")
def _(scores, user, film, seen, k):
    left = np.where(seen, -np.inf, scores)
    return np.array([(left[u] >= scores[u, i]).sum() <= k for u, i in zip(user, film)])


@row_hits.mistake(
    "a share instead of rows",
    "One number for all rows. Row by row the hits can be resampled and compared; leave the mean for later.",
)
def _(*given):
    return float(rated(*given).mean())


@row_hits.mistake(
    "one answer a user", "You tell which users have a hit. Asked for is one answer for each row, in the rows' order."
)
def _(scores, user, film, seen, k):
    hits = rated(scores, user, film, seen, k)
    return np.array([hits[user == u].any() for u in range(len(scores))])


@row_hits.mistake(
    "rows in the order of users",
    "The hits come user by user, while the rows are in another order. Put each answer where its row stands.",
)
def _(scores, user, film, seen, k):
    return rated(scores, user, film, seen, k)[np.argsort(user, kind="stable")]


@row_hits.alternative("the score that is just not good enough")
def _(scores, user, film, seen, k):
    left = np.where(seen, -np.inf, scores)
    bar = -np.sort(-left, axis=1)[:, k]
    return np.array([bool(left[u, i] > bar[u]) for u, i in zip(user, film)])


@row_hits.alternative("pandas: the highest rank among equals")
def _(scores, user, film, seen, k):
    import pandas as pd

    ranks = pd.DataFrame(scores).mask(seen).rank(axis=1, ascending=False, method="max").to_numpy()
    return ranks[user, film] <= k  # NaN, of a film seen before, is not


@row_hits.alternative("plain loops, 1 and 0")
def _(scores, user, film, seen, k):
    hits = []
    for u, i in zip(user, film):
        rivals = [j for j in range(len(scores[u])) if j != i and not seen[u][j] and scores[u][j] >= scores[u][i]]
        hits.append(int(len(rivals) < k and not seen[u][i]))
    return hits


# --- 7.3 -----------------------------------------------------------------------------------------------------------

per_user_split = Item(
    "7.3",
    "per_user_split",
    because=(
        "Rows are sorted inside one user, and the mask is set at the rows' own places. A stable sort keeps equal times in "
        "the order of the rows, and n // one_in rounds down: a user with few rows stays in train altogether."
    ),
    hints=(
        "Whose rows are sorted, and by what? And how many of them are n // one_in?",
        "For each user: np.flatnonzero finds the rows, a stable argsort of their times orders them, the last become True.",
        "rows = rows[np.argsort(time[rows], kind='stable')]\ntest[rows[len(rows) - len(rows) // ____ :]] = True",
    ),
)


def latest(user, time, one_in) -> np.ndarray:
    want = np.zeros(len(user), bool)
    for u in np.unique(user):
        rows = sorted(np.flatnonzero(user == u), key=lambda row: (time[row], row))
        want[rows[len(rows) - len(rows) // one_in :]] = True
    return want


@per_user_split.test(1)
def test_two_users_with_rows_in_no_order(student, rng):
    user = np.array([7, 3, 7, 3, 7, 3, 7, 3, 7, 7])
    time = np.array([50, 90, 10, 400, 30, 200, 40, 100, 20, 60])
    want = np.array([True, False, False, True, False, False, False, False, False, True])
    got = flags(student.per_user_split(user, time, 3))
    expect(got, want, "True for the last 2 of user 7's six rows (times 50 and 60) and the last of user 3's four (400)")
    user = rng.permutation(np.repeat(rng.choice(50, 2, replace=False), 3 * rng.integers([3, 1], [6, 3]) + [0, 1]))
    time = rng.permutation(90)[: len(user)] + 100 * (user == user[0])
    got = flags(student.per_user_split(user, time, 3))
    expect(got, latest(user, time, 3), "True for the last n // 3 of each user's n rows")


@per_user_split.test(1)
def test_few_rows_and_equal_times(student, rng):
    user, time = np.array([1, 0, 1, 2, 1, 0, 1, 1, 2, 2]), np.array([5, 9, 9, 3, 9, 8, 9, 9, 1, 2])
    got = flags(student.per_user_split(user, time, 5))
    want = np.array([0, 0, 0, 0, 0, 0, 0, 1, 0, 0], bool)
    expect(got, want, "True for one row: users 0 and 2 have fewer than 5; of user 1's four rows at time 9 the last one")
    got = flags(student.per_user_split(np.zeros(20, int), np.arange(20) % 2, 4))
    want = (np.arange(20) > 10) & (np.arange(20) % 2 == 1)
    expect(got, want, "True for the last five of the ten rows at time 1: rows 11, 13, 15, 17, 19")
    one_in, who = int(rng.integers(4, 7)), rng.choice(50, 6, replace=False)
    sizes = [*rng.integers(40, 60, 3), one_in - 1, one_in - 1, 1]
    user, time = rng.permutation(np.repeat(who, sizes)), np.zeros(sum(sizes), int)
    for u, n in zip(who, sizes):
        time[user == u] = rng.permutation(n) % 2
    got = flags(student.per_user_split(user, time, one_in))
    meaning = f"True for the last n // {one_in} of each user's n rows, at times 0 and 1; three users have too few"
    expect(got, latest(user, time, one_in), meaning)


@per_user_split.test(2)
def test_nine_users(student, rng):
    user = rng.permutation(np.repeat(rng.permutation(9), [3, *rng.integers(4, 20, 8)]))
    time = rng.integers(0, 25, len(user)) + 40 * user[::-1]
    for one_in in (4, 2):
        want = latest(user, time, one_in)
        got = flags(student.per_user_split(user, time, one_in))
        expect(got, want, f"True for the last n // {one_in} of each user's n rows, {want.sum()} in all")


def split(user, time, one_in, *, number=None, key=None, first=False):
    """per_user_split with one part replaced: how many of n, by what the rows are sorted, from which end."""
    number, key = number or (lambda n: n // one_in), key or (lambda row: (time[row], row))
    test = np.zeros(len(user), bool)
    for u in np.unique(user):
        rows = sorted(np.flatnonzero(user == u), key=key)
        n = int(number(len(rows)))
        test[rows[:n] if first else rows[len(rows) - n :]] = True
    return test


@per_user_split.mistake(
    "the first rows instead of the last",
    "You test on each user's first films and train on what came after: from the future.",
)
def _(user, time, one_in):
    return split(user, time, one_in, first=True)


@per_user_split.mistake(
    "equal times in no order",
    "np.argsort keeps the order of equal times only if told to, with kind='stable'; in a short list it may by chance.",
)
def _(user, time, one_in):
    test = np.zeros(len(user), bool)
    for u in np.unique(user):
        rows = np.flatnonzero(user == u)
        rows = rows[np.argsort(time[rows])]
        test[rows[len(rows) - len(rows) // one_in :]] = True
    return test


@per_user_split.mistake(
    "one cut for all users",
    "You took the last rows of the whole log. Asked for are the last rows of each user, whenever that user came.",
)
def _(user, time, one_in):
    test = np.zeros(len(user), bool)
    test[np.argsort(time, kind="stable")[len(user) - len(user) // one_in :]] = True
    return test


@per_user_split.mistake(
    "the order of the rows for the order of time",
    "You took each user's last rows as they stand in the log. They stand in no order: sort by time.",
)
def _(user, time, one_in):
    return split(user, time, one_in, key=lambda row: row)


@per_user_split.mistake(
    "not rounded down",
    "n // one_in rounds down. Rounded otherwise, users with few rows give up one that they need for training.",
    see="4 // 5, round(4 / 5)",
)
def _(user, time, one_in):
    return split(user, time, one_in, number=lambda n: math.ceil(n / one_in))


@per_user_split.mistake("not rounded down")
def _(user, time, one_in):
    return split(user, time, one_in, number=lambda n: round(n / one_in))


@per_user_split.mistake("not rounded down")
def _(user, time, one_in):
    return split(user, time, one_in, number=lambda n: max(1, n // one_in))


@per_user_split.mistake(
    "one row a user", "You left out one row of each user. Asked for are n // one_in of a user's n rows."
)
def _(user, time, one_in):
    return split(user, time, one_in, number=lambda n: 1)


@per_user_split.mistake(
    "one_in rows a user", "You took the last one_in rows of each user. one_in is a share: one row in so many."
)
def _(user, time, one_in):
    return split(user, time, one_in, number=lambda n: min(n, one_in))


@per_user_split.mistake(
    "train and test swapped", "True is for the rows of the test, the last and fewer ones; yours is True for training."
)
def _(user, time, one_in):
    return ~split(user, time, one_in)


@per_user_split.mistake(
    "the mask in another order",
    "Your mask belongs to rows sorted by user and time, while the rows come in another order. Set each True where its "
    "row stands.",
)
def _(user, time, one_in):
    return split(user, time, one_in)[np.lexsort((np.arange(len(user)), time, user))]


@per_user_split.mistake(
    "row numbers instead of a mask",
    "You return the numbers of the test rows. Asked for is True or False for every row.",
)
def _(user, time, one_in):
    return np.flatnonzero(split(user, time, one_in))


@per_user_split.mistake(
    "every so many rows",
    "You took one row in so many all along each user's time. So a test row has train rows after it; take the last ones.",
)
def _(user, time, one_in):
    test = np.zeros(len(user), bool)
    for u in np.unique(user):
        test[sorted(np.flatnonzero(user == u), key=lambda row: (time[row], row))[one_in - 1 :: one_in]] = True
    return test


@per_user_split.mistake(
    "equal times turned round",
    "Of equal times you took the rows that stand first, as sorting from the latest time does. The row that stands later "
    "is the later one.",
)
def _(user, time, one_in):
    return split(user, time, one_in, key=lambda row: (time[row], -row))


@per_user_split.mistake(
    "all rows where none should go",
    "Of users with too few rows you took all. rows[-n:] is the last n, but with n = 0 it is rows[0:], the whole.",
    see="[1, 2, 3][-0:]",
)
def _(user, time, one_in):
    return split(user, time, one_in, number=lambda n: n // one_in or n)


@per_user_split.mistake(
    "equal times all taken",
    "You compare times with the time of the first test row, and rows at the same second all go over. Take n // one_in rows.",
)
def _(user, time, one_in):
    test = split(user, time, one_in)
    return np.array([test[(user == u) & (time <= t)].any() for u, t in zip(user, time)])


@per_user_split.mistake(
    "whole users for the test",
    "You gave all rows of some users to the test. Every user is to be in train, with the first rows.",
)
def _(user, time, one_in):
    users = np.unique(user)
    return np.isin(user, users[len(users) - len(users) // one_in :])


@per_user_split.alternative("one lexsort")
def _(user, time, one_in):
    order = np.lexsort((time, user))
    who, place, n = np.unique(user[order], return_index=True, return_counts=True)
    inside = np.arange(len(user)) - np.repeat(place, n)
    test = np.empty(len(user), bool)
    test[order] = inside >= np.repeat(n - n // one_in, n)
    return test


@per_user_split.alternative("pandas, ranks in groups")
def _(user, time, one_in):
    import pandas as pd

    times = pd.DataFrame({"user": user, "time": time}).groupby("user")["time"]
    return times.rank(method="first") > (n := times.transform("size")) - n // one_in


@per_user_split.alternative("a dictionary of lists")
def _(user, time, one_in):
    rows = {}
    for row, who in enumerate(user.tolist()):
        rows.setdefault(who, []).append((time[row], row))
    late = {row for pairs in rows.values() for _, row in sorted(pairs)[len(pairs) - len(pairs) // one_in :]}
    return [row in late for row in range(len(user))]


# --- 7.4 -----------------------------------------------------------------------------------------------------------

cold_rows = Item(
    "7.4",
    "cold_rows",
    because=(
        "A row is what the metric counts, so shares are of rows: one busy newcomer may be a hundred of them. And `either` "
        "is no sum, for a row may be cold twice."
    ),
    hints=(
        "Against which rows is a test row's user unknown, and shares of how many rows are asked for?",
        "np.isin(user[test], user[~test]) says which test rows have a user with train rows. ~ turns it round.",
        "new_user = ~np.isin(user[test], user[____])",
    ),
)


def shares_wanted(user, film, time, cut) -> dict[str, float]:
    users, films = set(user[time < cut].tolist()), set(film[time < cut].tolist())
    cold = [(u not in users, i not in films) for u, i, t in zip(user.tolist(), film.tolist(), time) if t >= cut]
    one, other = np.array(cold).T
    return {"users": float(one.mean()), "films": float(other.mean()), "either": float((one | other).mean())}


def with_newcomers(rng, at_the_cut: int) -> tuple:
    """A log and a cut. A new user has all rows at the cut, and the last ones; a new film has two of the test rows."""
    n, last = int(rng.integers(16, 60)), int(rng.integers(2, 6))
    cut = n // 2 - int(rng.integers(0, 3))
    after = cut + at_the_cut
    user, film = (np.append(rng.permutation(known), rng.integers(0, known, n - known)) for known in (4, 5))
    time = np.sort(rng.choice(90, n, replace=False))
    time[cut:after], user[cut:after], user[-last:], film[[cut, after]] = time[cut], 4, 4, 5
    rows = rng.permutation(n)
    return rng.permutation(20)[user[rows]], rng.permutation(20)[film[rows]], time[rows], int(time[cut])


@cold_rows.test(1)
def test_ten_rows(student, rng):
    user, film = np.array([4, 0, 2, 1, 0, 2, 3, 4, 1, 0]), np.array([5, 1, 9, 1, 5, 9, 2, 2, 7, 8])
    time = np.array([60, 10, 70, 20, 30, 80, 61, 15, 65, 90])
    got = student.cold_rows(user, film, time, 60)
    meaning = (
        "of 6 test rows (times 60 and later) users 2, 2 and 3 are new, films 9, 9, 7 and 8; two rows are new in both"
    )
    expect(got, {"users": 3 / 6, "films": 4 / 6, "either": 5 / 6}, meaning)
    log = with_newcomers(rng, 1)
    meaning = f"shares of the rows at time {log[-1]} and later, in which one user and one film are new"
    expect(student.cold_rows(*log), shares_wanted(*log), meaning)


@cold_rows.test(1)
def test_a_row_at_the_cut_is_a_test_row(student, rng):
    user, film, time = np.array([0, 1, 0, 0, 1]), np.array([0, 1, 2, 1, 0]), np.array([5, 6, 6, 8, 9])
    got = student.cold_rows(user, film, time, 6)
    meaning = "of 4 test rows: the one train row is user 0 with film 0; rows at time 6 belong to the test"
    expect(got, {"users": 0.5, "films": 0.75, "either": 1.0}, meaning)
    n = int(rng.integers(2, 4))
    log = with_newcomers(rng, n)
    meaning = f"shares of the test rows, to which the {n} rows at time {log[-1]} belong"
    expect(student.cold_rows(*log), shares_wanted(*log), meaning)


@cold_rows.test(1)
def test_eighty_rows(student, rng):
    user, film = rng.choice(30, 80, p=rng.dirichlet(np.ones(30))), rng.choice(40, 80, p=rng.dirichlet(np.ones(40)))
    time = rng.integers(0, 1000, 80)
    for cut in (700, 350):
        expect(
            student.cold_rows(user, film, time, cut), shares_wanted(user, film, time, cut), "shares of the test rows"
        )


def cold(user, film, time, cut, *, train=None, test=None, share=None, either=None):
    """cold_rows with one part replaced."""
    train = time < cut if train is None else train
    test = time >= cut if test is None else test
    share = share or (lambda new, column: float(new.mean()))
    new = {name: ~np.isin(column[test], column[train]) for name, column in (("users", user), ("films", film))}
    found = {"users": share(new["users"], user[test]), "films": share(new["films"], film[test])}
    both = new["users"] | new["films"]
    return found | {"either": either(new["users"], new["films"]) if either else share(both, user[test])}


@cold_rows.mistake(
    "shares of users and films",
    "You counted each new user or film once. The metric counts rows, and a newcomer may have many: shares of the test rows.",
)
def _(user, film, time, cut):
    def new(column):
        late = set(column[time >= cut].tolist())
        return len(late - set(column[time < cut].tolist())) / len(late)

    return cold(user, film, time, cut) | {"users": new(user), "films": new(film)}


@cold_rows.mistake("divided by all rows", "You divided by all rows of the log. Divide by the rows of the test.")
def _(user, film, time, cut):
    return cold(user, film, time, cut, share=lambda new, column: float(new.sum() / len(user)))


@cold_rows.mistake("counts, not shares", "These are numbers of rows. Divide by the rows of the test.")
def _(user, film, time, cut):
    return cold(user, film, time, cut, share=lambda new, column: int(new.sum()))


@cold_rows.mistake(
    "rows at the cut taken for training", "A row at `cut` itself is a test row: train is `time < cut`, not `<=`."
)
def _(user, film, time, cut):
    return cold(user, film, time, cut, train=time <= cut, test=time > cut)


@cold_rows.mistake(
    "known instead of unknown", "You count the rows whose user, or film, *is* in train. Asked for are the others."
)
def _(user, film, time, cut):
    found = cold(user, film, time, cut)
    known = ~np.array([~np.isin(c[time >= cut], c[time < cut]) for c in (user, film)])
    return {"users": 1 - found["users"], "films": 1 - found["films"], "either": float(known.any(axis=0).mean())}


@cold_rows.mistake("known instead of unknown")
def _(user, film, time, cut):
    return {name: 1 - share for name, share in cold(user, film, time, cut).items()}


@cold_rows.mistake(
    "the future tested on the past",
    "Train and test are swapped: rows before `cut` are for training, later ones the test.",
)
def _(user, film, time, cut):
    return cold(user, film, time, cut, train=time >= cut, test=time < cut)


@cold_rows.mistake(
    "users and films swapped", "The share of rows with an unknown film stands under users, and the other way round."
)
def _(user, film, time, cut):
    return cold(film, user, time, cut)


@cold_rows.mistake(
    "either added up", "A row with both unknown is one row. Added up, it counts twice: take |, not +.",
)  # fmt: skip
def _(user, film, time, cut):
    found = cold(user, film, time, cut)
    return found | {"either": found["users"] + found["films"]}


@cold_rows.mistake(
    "both for either", "You asked for rows whose user *and* film are unknown. Either means at least one."
)
def _(user, film, time, cut):
    return cold(user, film, time, cut, either=lambda one, other: float((one & other).mean()))


@cold_rows.mistake("percent", "Shares go from 0 to 1.")
def _(user, film, time, cut):
    return {name: 100 * share for name, share in cold(user, film, time, cut).items()}


@cold_rows.mistake(
    "nothing is ever cold",
    "You looked for the test's users and films among all rows, where they are. Look among the train rows.",
)
def _(user, film, time, cut):
    return {"users": 0.0, "films": 0.0, "either": 0.0}


@cold_rows.alternative("sets and a loop")
def _(user, film, time, cut):
    return shares_wanted(np.asarray(user), np.asarray(film), np.asarray(time), cut)


@cold_rows.alternative("each user's and film's first row")
def _(user, film, time, cut):
    import pandas as pd

    log = pd.DataFrame({"user": user, "film": film, "time": time})
    first = {name: log.groupby(name)["time"].transform("min")[log["time"] >= cut] >= cut for name in ("user", "film")}
    either = first["user"] | first["film"]
    return {"users": first["user"].mean(), "films": first["film"].mean(), "either": either.mean()}


@cold_rows.alternative("counts of the train rows")
def _(user, film, time, cut):
    late = time >= cut
    users = np.bincount(user[~late], minlength=user.max() + 1)[user[late]] == 0
    films = np.bincount(film[~late], minlength=film.max() + 1)[film[late]] == 0
    return {"users": users.sum() / late.sum(), "films": np.mean(films), "either": 1 - np.mean(~users & ~films)}


# --- 7.5 -----------------------------------------------------------------------------------------------------------

cluster_interval = Item(
    "7.5",
    "cluster_interval",
    because=(
        "A mean over rows is a sum by a number of rows, and both change with the users drawn. Summed once for each user, "
        "a thousand resamples are two look-ups and a division."
    ),
    hints=(
        "If a user is drawn twice, how many rows come along? And what is a resample's mean divided by?",
        "np.bincount(user, value) sums each user's values, np.bincount(user) counts the rows; index both with draws.",
        "means = total[draws].sum(axis=1) / rows[____].sum(axis=1)",
    ),
)


def interval_wanted(user, value, draws) -> list[float]:
    means = [np.mean(np.concatenate([value[user == u] for u in draw])) for draw in draws]
    return [float(np.quantile(means, q)) for q in (0.025, 0.975)]


def bounds(got) -> list[float]:
    return numbers(got, 2, "two numbers, (low, high)").tolist()


@cluster_interval.test(2)
def test_three_users(student):
    user, value = np.array([2, 0, 1, 2, 2, 1, 2]), np.array([1.0, 0, 1, 0, 1, 0, 1])
    draws = np.array([[0, 1, 2], [2, 2, 2], [0, 0, 1], [2, 1, 1], [0, 2, 2]])
    got = bounds(student.cluster_interval(user, value, draws))
    meaning = "quantiles .025 and .975 of the means 4/7, 3/4, 1/4, 5/8 and 6/9"
    expect(got, interval_wanted(user, value, draws), meaning)


@cluster_interval.test(1)
def test_a_comparison(student, rng):
    who = rng.choice(40, 6, replace=False)
    user = rng.permutation(np.repeat(who, [1, 3, 9, 2, 14, 5]))
    value = rng.choice([-1.0, 0, 1], len(user), p=[0.5, 0.3, 0.2])
    draws = rng.choice(who, (40, 6))
    got = bounds(student.cluster_interval(user, value, draws))
    expect(got, interval_wanted(user, value, draws), "the interval of a difference of hits: values are -1, 0 and 1")


@cluster_interval.test(3)
def test_thirty_users(student, rng):
    user = rng.permutation(np.repeat(np.arange(30), rng.integers(1, 25, 30)))
    value = (rng.random(len(user)) < rng.beta(0.6, 1.2, 30)[user]).astype(float)
    draws = rng.integers(0, 30, (200, 30))
    got = bounds(student.cluster_interval(user, value, draws))
    expect(
        got, interval_wanted(user, value, draws), f"the interval of a mean of {value.mean():.4f} over {len(user)} rows"
    )


def sums(user, value):
    return np.bincount(user, value), np.bincount(user)


def quantiles(means):
    return np.quantile(means, [0.025, 0.975])


def ratio(user, value, draws):
    total, rows = sums(user, value)
    return total[draws].sum(axis=1) / rows[draws].sum(axis=1)


@cluster_interval.mistake(
    "rows resampled",
    "You took the draws for row numbers. They are users: each brings all of its rows. Rows that stand or fall together, "
    "resampled one by one, make an interval that is too narrow.",
)
def _(user, value, draws):
    return quantiles(value[draws].mean(axis=1))


@cluster_interval.mistake(
    "every user one vote",
    "You averaged the users' means, so a user with one row weighs as much as one with a hundred. Sum values and rows, "
    "divide once.",
)
def _(user, value, draws):
    total, rows = sums(user, value)
    return quantiles((total / rows)[draws].mean(axis=1))


@cluster_interval.mistake(
    "drawn twice, counted once",
    "You asked which users were drawn, not how often. That is no resample with replacement: a user drawn twice counts twice.",
    see="np.isin([0, 1], [1, 1])",
)
def _(user, value, draws):
    return quantiles([value[np.isin(user, draw)].mean() for draw in draws])


@cluster_interval.mistake(
    "divided by the rows there were",
    "Each resample has its own number of rows. Divide by that, not by the number of rows of the data.",
)
def _(user, value, draws):
    return quantiles(sums(user, value)[0][draws].sum(axis=1) / len(user))


@cluster_interval.mistake("a 90% interval", "Quantiles .05 and .95 leave out 5% at each end. For 95%: .025 and .975.")
def _(user, value, draws):
    return np.quantile(ratio(user, value, draws), [0.05, 0.95])


@cluster_interval.mistake(
    "percentiles of a quarter percent",
    "np.percentile takes percents: 2.5 and 97.5. With .025 and .975 both ends are the lowest means.",
)
def _(user, value, draws):
    return np.percentile(ratio(user, value, draws), [0.025, 0.975])


@cluster_interval.mistake(
    "the least and the greatest mean", "That is the range of the draws; it grows with their number. Take quantiles."
)
def _(user, value, draws):
    means = ratio(user, value, draws)
    return means.min(), means.max()


@cluster_interval.mistake(
    "1.96 standard deviations",
    "Mean and standard deviation of the draws make an interval too, a symmetric one. Asked for are the draws' quantiles.",
)
def _(user, value, draws):
    means = ratio(user, value, draws)
    return means.mean() - 1.96 * means.std(), means.mean() + 1.96 * means.std()


@cluster_interval.mistake("1.96 standard deviations")
def _(user, value, draws):
    means = ratio(user, value, draws)
    return value.mean() - 1.96 * means.std(), value.mean() + 1.96 * means.std()


@cluster_interval.mistake("1.96 standard deviations")
def _(user, value, draws):
    means = ratio(user, value, draws)
    return value.mean() - 1.96 * means.std(ddof=1), value.mean() + 1.96 * means.std(ddof=1)


@cluster_interval.mistake(
    "the draws not used",
    "This is the textbook interval of independent rows. The rows of a user are not: resample the users, with the draws.",
)
def _(user, value, draws):
    half = 1.96 * value.std() / np.sqrt(len(value))
    return value.mean() - half, value.mean() + half


@cluster_interval.mistake("the draws not used")
def _(user, value, draws):
    half = 1.96 * value.std(ddof=1) / np.sqrt(len(value))
    return value.mean() - half, value.mean() + half


@cluster_interval.mistake("high before low", "The lower end comes first.")
def _(user, value, draws):
    return quantiles(ratio(user, value, draws))[::-1]


@cluster_interval.mistake("sums, not means", "These are sums of the values. Divide each by the rows of its resample.")
def _(user, value, draws):
    return quantiles(sums(user, value)[0][draws].sum(axis=1))


@cluster_interval.mistake(
    "the mean taken off", "Your ends are distances from the mean. Asked for are the ends themselves."
)
def _(user, value, draws):
    return quantiles(ratio(user, value, draws)) - value.mean()


@cluster_interval.mistake(
    "mean and half a width", "You return a mean and a width. Asked for are the two ends, (low, high)."
)
def _(user, value, draws):
    low, high = quantiles(ratio(user, value, draws))
    return value.mean(), (high - low) / 2


@cluster_interval.alternative("all rows of each resample, put together")
def _(user, value, draws):
    rows = [np.flatnonzero(user == u) for u in range(user.max() + 1)]
    return quantiles([value[np.concatenate([rows[u] for u in draw])].mean() for draw in draws])


@cluster_interval.alternative("how often each user was drawn")
def _(user, value, draws):
    times = np.array([np.bincount(draw, minlength=user.max() + 1) for draw in draws])
    total, rows = sums(user, value)
    return np.percentile((times @ total) / (times @ rows), (2.5, 97.5))


@cluster_interval.alternative("pandas, a table of users")
def _(user, value, draws):
    import pandas as pd

    table = pd.Series(value).groupby(user).agg(["sum", "size"])
    means = pd.Series([table.loc[draw, "sum"].sum() / table.loc[draw, "size"].sum() for draw in draws])
    return [means.quantile(0.025), means.quantile(0.975)]


@cluster_interval.alternative("rows with weights")
def _(user, value, draws):
    return quantiles([np.average(value, weights=(user[:, None] == draw).sum(axis=1)) for draw in draws])


# --- 7.6 -----------------------------------------------------------------------------------------------------------

corrected_loss = Item(
    "7.6",
    "corrected_loss",
    because=(
        "Retrieval subtracts the logarithm of what it is given from each film's column, the own film's too. It cuts the "
        "argument to at most 1, so counts would all become 1, and nothing would be corrected, without a word."
    ),
    hints=(
        "Which films come up as negatives more often than others, and what is the probability of each?",
        "candidate_sampling_probability takes a probability for each row of the batch: shares of the train, at `film`.",
        "tfrs.tasks.Retrieval()(u, v, candidate_sampling_probability=tf.constant(share[____], tf.float32))",
    ),
)


def loss_by_hand(u, v, film, count, *, scores=None) -> float:
    """The corrected loss in float64; `scores` are to be used instead of the corrected ones."""
    if scores is None:
        scores = u.astype(float) @ v.astype(float).T - np.log(count / count.sum())[film]
    top = scores.max(axis=1)
    return float((np.log(np.exp(scores - top[:, None]).sum(axis=1)) + top - np.diag(scores)).sum())


@corrected_loss.test(2)
def test_three_rows(student):
    u, v = np.array([[2, 0], [0, 1], [1, 1]], np.float32), np.array([[1, 0], [0, 2], [1, 1]], np.float32)
    film, count = np.array([3, 0, 1]), np.array([10, 30, 5, 60, 95])
    got = student.corrected_loss(u, v, film, count)
    meaning = "the loss when scores in columns 1 to 3 lose ln .3, ln .05 and ln .15"
    expect(got, loss_by_hand(u, v, film, count), meaning)


@corrected_loss.test(3)
def test_eight_rows_of_twenty_films(student, rng):
    count = np.sort(rng.integers(1, 4000, 20))[::-1].copy()
    for _ in range(2):
        u, v = rng.normal(size=(8, 4)).astype(np.float32), rng.normal(size=(20, 4)).astype(np.float32)
        film = rng.permutation(np.append(rng.choice(20, 6, replace=False), [2, 2]))
        got = student.corrected_loss(u, v[film], film, count)
        expect(got, loss_by_hand(u, v[film], film, count), "the sum over 8 rows, of which two or three have film 2")


def spoilt(change: Callable) -> Callable:
    """A corrected_loss by other scores: `change` of (scores, probability by column)."""

    def loss(u, v, film, count):
        scores = u.astype(float) @ v.astype(float).T
        return loss_by_hand(u, v, film, count, scores=change(scores, (count / count.sum())[film]))

    return loss


corrected_loss.mistake(
    "nothing corrected",
    "This is the loss without a correction. Either the argument was not given, or what was given has no effect: it is cut "
    "to between .000001 and 1, so that counts, inverses and logarithms all become the same number.",
    see="np.clip([5, 300, 0.2], 1e-6, 1)",
)(spoilt(lambda scores, p: scores))


@corrected_loss.mistake("nothing corrected")
def _(u, v, film, count):
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    given = tf.constant(np.asarray(count)[film], tf.float32)
    return tfrs.tasks.Retrieval()(u, v, candidate_sampling_probability=given)


corrected_loss.mistake(
    "added instead of subtracted",
    "You added the logarithm: popular films are pushed down even harder. It is subtracted.",
)(spoilt(lambda scores, p: scores + np.log(p)))

corrected_loss.mistake(
    "the share itself subtracted", "You subtracted the probability. It is its logarithm that a softmax multiplies by."
)(spoilt(lambda scores, p: scores - p))

corrected_loss.mistake(
    "scores divided by the share",
    "You divided the scores. In a softmax a factor 1 / p is a logarithm subtracted from the score.",
)(spoilt(lambda scores, p: scores / p))

corrected_loss.mistake("another logarithm", "Softmax works with e, so the logarithm is the natural one, np.log.")(
    spoilt(lambda scores, p: scores - np.log10(p))
)

corrected_loss.mistake("another logarithm")(spoilt(lambda scores, p: scores - np.log2(p)))

corrected_loss.mistake(
    "half of the correction",
    "Your probability is the root of the share: half of the correction. It is a fine dial, but asked for is all of it.",
)(spoilt(lambda scores, p: scores - 0.5 * np.log(p)))

corrected_loss.mistake(
    "the own film not corrected",
    "You corrected the negatives only. The column of the row's own film is corrected like all others.",
)(spoilt(lambda scores, p: scores - np.where(np.eye(len(p), dtype=bool), 0, np.log(p))))

corrected_loss.mistake(
    "only the own film corrected", "You corrected the diagonal only. It is the negatives that are drawn by popularity."
)(spoilt(lambda scores, p: scores - np.diag(np.log(p))))


@corrected_loss.mistake(
    "shares of the batch",
    "You counted the films of the batch. A film's probability is its share of all train rows: count / count.sum().",
)
def _(u, v, film, count):
    scores = u.astype(float) @ v.astype(float).T
    return loss_by_hand(u, v, film, count, scores=scores - np.log(np.bincount(film)[film] / len(film)))


@corrected_loss.mistake(
    "copies of the own film left out",
    "Columns that hold the row's own film once more have been removed. That is remove_accidental_hits, another argument; "
    "here they stay.",
)
def _(u, v, film, count):
    scores = u.astype(float) @ v.astype(float).T - np.log(count / count.sum())[film]
    copies = (film == film[:, None]) & ~np.eye(len(film), dtype=bool)
    return loss_by_hand(u, v, film, count, scores=np.where(copies, -1e9, scores))


@corrected_loss.mistake(
    "mean instead of sum", "Retrieval's loss is the sum over the rows of the batch; yours is their mean."
)
def _(u, v, film, count):
    return loss_by_hand(u, v, film, count) / len(u)


@corrected_loss.mistake(
    "the probabilities of other films",
    "The probability of row i's film is share[film[i]]. You gave the shares of the first films of the catalogue.",
)
def _(u, v, film, count):
    scores = u.astype(float) @ v.astype(float).T
    return loss_by_hand(u, v, film, count, scores=scores - np.log(count / count.sum())[: len(film)])


@corrected_loss.mistake(
    "users compete for a film", "Your softmax runs over the users of the batch. Rows are users, columns are films."
)
def _(u, v, film, count):
    scores = (u.astype(float) @ v.astype(float).T).T - np.log(count / count.sum())[film]
    return loss_by_hand(u, v, film, count, scores=scores)


@corrected_loss.mistake("users compete for a film")
def _(u, v, film, count):
    scores = u.astype(float) @ v.astype(float).T - np.log(count / count.sum())[film]
    return loss_by_hand(u, v, film, count, scores=scores.T)


@corrected_loss.alternative("numpy")
def _(u, v, film, count):
    return loss_by_hand(np.asarray(u), np.asarray(v), np.asarray(film), np.asarray(count))


@corrected_loss.alternative("counts by the greatest: a factor is the same for all films, and falls out")
def _(u, v, film, count):
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    share = tf.constant(np.asarray(count)[film] / np.max(count), tf.float32)
    return tfrs.tasks.Retrieval()(u, v, candidate_sampling_probability=share)


@corrected_loss.alternative("TensorFlow's own cross-entropy")
def _(u, v, film, count):
    import tensorflow as tf

    share = tf.gather(tf.constant(count, tf.float32), film) / float(np.sum(count))
    scores = tf.matmul(u, v, transpose_b=True) - tf.math.log(share)
    return tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(len(u)), scores))


@corrected_loss.alternative("each row's exponentials multiplied by 1 / p")
def _(u, v, film, count):
    lift = np.sum(count) / np.asarray(count, float)[film]
    weights = np.exp(np.asarray(u, float) @ np.asarray(v, float).T) * lift
    return -np.log(np.diag(weights) / weights.sum(axis=1)).sum()
