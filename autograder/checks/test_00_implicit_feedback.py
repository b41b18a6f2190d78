"""Lesson 0: the interaction matrix, PureSVD, the best k without the seen, and a user who was not there before."""

import numpy as np

from autograder.item import Item, expect

watched_matrix = Item(
    "0.1",
    "watched_matrix",
    because=(
        "Assigning a 1 twice leaves a 1, and the shape is given, not read off the rows: whoever has no rating keeps a "
        "row of zeros."
    ),
    hints=(
        "Does it matter how many stars there were, or how often the pair stands in the log?",
        "Begin with zeros of the shape that is asked for. NumPy sets many cells at once: table[rows, columns] = value.",
        "watched = np.zeros((n_users, n_films))\nwatched[user, ____] = 1",
    ),
)


def numbers(got):
    """A matrix of True and False as one of 1 and 0: both say who watched what."""
    return got.astype(int) if isinstance(got, np.ndarray) and got.dtype == bool else got


@watched_matrix.test(1)
def test_six_ratings(student):
    user, film, stars = np.array([0, 0, 1, 2, 2, 0]), np.array([0, 3, 1, 3, 0, 3]), np.array([5.0, 1, 3, 4, 2, 2])
    got = student.watched_matrix(user, film, stars, 4, 5)
    want = np.array([[1, 0, 0, 1, 0], [0, 1, 0, 0, 0], [1, 0, 0, 1, 0], [0, 0, 0, 0, 0]])
    expect(numbers(got), want, "1 where there is a rating, of one star too; nobody has rated film 4, user 3 nothing")


@watched_matrix.test(1)
def test_a_longer_log(student, rng):
    n_users, n_films = (int(n) for n in rng.integers(8, 12, 2) + [0, 4])
    user, film = rng.integers(0, n_users - 1, 60), rng.integers(0, n_films - 1, 60)
    want = np.zeros((n_users, n_films), int)
    for u, i in zip(user, film):
        want[u, i] = 1
    got = student.watched_matrix(user, film, rng.integers(1, 6, 60).astype(float), n_users, n_films)
    expect(numbers(got), want, f"{want.sum()} ones, for 60 rows in which some pairs come more than once")


@watched_matrix.mistake(
    "pairs counted",
    "A pair that stands in the log twice became a 2. Watched is watched: 1.",
    see="watched_matrix([0, 0], [0, 0], [5.0, 5.0], 1, 1)",
)
def _(user, film, stars, n_users, n_films):
    table = np.zeros((n_users, n_films))
    np.add.at(table, (np.array(user), np.array(film)), 1)
    return table


@watched_matrix.mistake(
    "stars for ones",
    "The entries are the ratings. Asked for is who watched what: a film of one star was watched too.",
    see="watched_matrix([0], [0], [2.0], 1, 1)",
)
def _(user, film, stars, n_users, n_films):
    table = np.zeros((n_users, n_films))
    table[user, film] = stars
    return table


@watched_matrix.mistake("stars for ones")
def _(user, film, stars, n_users, n_films):
    table = np.zeros((n_users, n_films))
    np.add.at(table, (np.array(user), np.array(film)), stars)
    return table


@watched_matrix.mistake(
    "only what was liked",
    "You kept the high ratings only. To give a film one or two stars one must have watched it.",
    see="watched_matrix([0], [0], [2.0], 1, 1)",
)
def _(user, film, stars, n_users, n_films):
    table, good = np.zeros((n_users, n_films)), np.array(stars) >= 4
    table[np.array(user)[good], np.array(film)[good]] = 1
    return table


@watched_matrix.mistake("only what was liked")
def _(user, film, stars, n_users, n_films):
    table, good = np.zeros((n_users, n_films)), np.array(stars) >= 3
    table[np.array(user)[good], np.array(film)[good]] = 1
    return table


@watched_matrix.mistake(
    "films by users",
    "A row is a user and a column a film: n_users rows, n_films columns. Yours is the other way round.",
)
def _(user, film, stars, n_users, n_films):
    table = np.zeros((n_films, n_users))
    table[film, user] = 1
    return table


@watched_matrix.mistake(
    "shape read off the rows",
    "Users and films without a rating are missing: the highest number in the rows need not be the last. The shape is "
    "given, (n_users, n_films).",
    see="watched_matrix([0], [0], [5.0], 2, 3).shape",
)
def _(user, film, stars, n_users, n_films):
    table = np.zeros((max(user) + 1, max(film) + 1))
    table[user, film] = 1
    return table


@watched_matrix.mistake(
    "whole rows and columns filled",
    "table[user][:, film] = … and np.ix_ take every user with every film. Give the two lists side by side: "
    "table[user, film].",
    see="watched_matrix([0, 1], [0, 1], [5.0, 5.0], 2, 2)",
)
def _(user, film, stars, n_users, n_films):
    table = np.zeros((n_users, n_films))
    table[np.ix_(user, film)] = 1
    return table


@watched_matrix.mistake(
    "ones and zeros swapped", "A 1 says watched and a 0 not watched; yours says the opposite.",
    see="watched_matrix([0], [0], [5.0], 1, 2)",
)  # fmt: skip
def _(user, film, stars, n_users, n_films):
    table = np.ones((n_users, n_films))
    table[user, film] = 0
    return table


@watched_matrix.alternative("a sparse matrix, made dense")
def _(user, film, stars, n_users, n_films):
    from scipy.sparse import coo_array

    return (coo_array((np.ones(len(user)), (user, film)), shape=(n_users, n_films)).toarray() > 0).astype(float)


@watched_matrix.alternative("pandas, a table of counts")
def _(user, film, stars, n_users, n_films):
    import pandas as pd

    counts = pd.crosstab(np.array(user), np.array(film))
    return counts.reindex(index=range(n_users), columns=range(n_films), fill_value=0).clip(upper=1).to_numpy()


@watched_matrix.alternative("a loop over a set of pairs")
def _(user, film, stars, n_users, n_films):
    pairs = set(zip(map(int, user), map(int, film)))
    return [[float((u, i) in pairs) for i in range(n_films)] for u in range(n_users)]


@watched_matrix.alternative("True and False")
def _(user, film, stars, n_users, n_films):
    table = np.zeros((n_users, n_films), bool)
    table[user, film] = True
    return table


# --- 0.2 -----------------------------------------------------------------------------------------------------------

pure_svd = Item(
    "0.2",
    "pure_svd",
    because=(
        "svds gives the k largest singular values and their vectors, in an order that does not matter, since the "
        "product adds them up. No other matrix of rank k comes nearer to the ones and zeros."
    ),
    hints=(
        "An SVD is three factors. Which of them must be multiplied, and how many directions stay?",
        "svds(watched, k=k) gives users [U, k], sizes [k], films [k, N]. A size stretches its own direction.",
        "users, sizes, films = svds(watched, k=k)\n(users * ____) @ films",
    ),
)
TASTES = np.array(
    [[1.0, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1]]
)
# Of rank 3, exactly: three kinds of users.
KINDS = np.array([[1.0, 1, 0, 0, 1, 0, 0], [0, 0, 1, 1, 0, 0, 0], [0, 1, 0, 0, 0, 1, 0]])[[0, 1, 1, 2, 0, 1, 2, 2]]


def best(watched, k):
    """The approximation of rank k, by NumPy's full SVD."""
    users, sizes, films = np.linalg.svd(watched, full_matrices=False)
    return (users[:, :k] * sizes[:k]) @ films[:k]


@pure_svd.test(1)
def test_three_kinds_of_users_need_three_directions(student):
    expect(student.pure_svd(KINDS, 3), KINDS, "the matrix itself: its rank is 3, so three directions hold all of it")


@pure_svd.test(1)
def test_five_users_through_two_directions(student):
    meaning = "the scores by two directions: user 1 has seen films 0 and 1, and film 2 gets .55, film 5 -.09"
    expect(student.pure_svd(TASTES, 2), best(TASTES, 2), meaning)


@pure_svd.test(1)
def test_twenty_users_of_thirty_films(student, rng):
    watched = (rng.random((20, 30)) < rng.uniform(0.1, 0.6, 30)).astype(float)
    for k in (1, 4, 9):
        expect(student.pure_svd(watched, k), best(watched, k), f"the best approximation of rank {k}")


def factors(watched, k):
    users, sizes, films = np.linalg.svd(watched, full_matrices=False)
    return users[:, :k], sizes[:k], films[:k]


@pure_svd.mistake(
    "singular values forgotten",
    "Users times films alone: every direction then counts the same, the widest no more than the narrowest. Multiply by "
    "the sizes as well.",
)
def _(watched, k):
    users, _, films = factors(watched, k)
    return users @ films


@pure_svd.mistake(
    "singular values twice",
    "The sizes went in twice, once with the users and once with the films. In an SVD they stand once.",
)
def _(watched, k):
    users, sizes, films = factors(watched, k)
    return (users * sizes) @ (sizes[:, None] * films)


@pure_svd.mistake(
    "singular values by their root",
    "A root of the sizes with one side only is half of them. Either all of them once, or the root with each side.",
)
def _(watched, k):
    users, sizes, films = factors(watched, k)
    return (users * np.sqrt(sizes)) @ films


@pure_svd.mistake(
    "the narrowest directions",
    "You kept the smallest singular values. svds gives the largest; np.linalg.svd lists the largest first.",
)
def _(watched, k):
    users, sizes, films = np.linalg.svd(watched, full_matrices=False)
    return (users[:, -k:] * sizes[-k:]) @ films[-k:]


@pure_svd.mistake(
    "nothing left out",
    "All directions give the matrix itself, in which every film not watched scores 0. Keep the k largest.",
    see="np.abs(pure_svd(np.eye(3), 1) - np.eye(3)).max()  # 0 means: nothing was left out",
)
def _(watched, k):
    users, sizes, films = np.linalg.svd(watched, full_matrices=False)
    return (users * sizes) @ films


@pure_svd.mistake(
    "one direction too few", "There are k - 1 directions in your scores. A slice [:k] already holds k of them."
)
def _(watched, k):
    users, sizes, films = factors(watched, k - 1)
    return (users * sizes) @ films


@pure_svd.mistake(
    "one direction too many", "There are k + 1 directions in your scores. A slice [:k] already holds k of them."
)
def _(watched, k):
    users, sizes, films = factors(watched, k + 1)
    return (users * sizes) @ films


@pure_svd.mistake(
    "means taken off and not put back",
    "You took the films' means off first, and the scores are what is left. PureSVD factors the ones and zeros as they are.",
)
def _(watched, k):
    users, sizes, films = factors(watched - watched.mean(axis=0), k)
    return (users * sizes) @ films


@pure_svd.mistake(
    "means taken off and put back",
    "You took the films' means off and added them again: a principal component analysis, near to PureSVD, but asked for "
    "is the SVD of the ones and zeros as they are.",
)
def _(watched, k):
    means = watched.mean(axis=0)
    users, sizes, films = factors(watched - means, k)
    return (users * sizes) @ films + means


@pure_svd.mistake(
    "films by users", "A row is a user and a column a film, in the scores too. Yours are the other way round."
)
def _(watched, k):
    users, sizes, films = factors(watched, k)
    return ((users * sizes) @ films).T


@pure_svd.mistake(
    "users without films",
    "These are the users in k directions. Multiply by the films' side, and every film has a score again.",
)
def _(watched, k):
    users, sizes, _ = factors(watched, k)
    return users * sizes


@pure_svd.mistake(
    "rounded to ones and zeros",
    "The scores are cut at .5 or held between 0 and 1. Leave them as they are: it is their order that is used.",
)
def _(watched, k):
    users, sizes, films = factors(watched, k)
    return (((users * sizes) @ films) > 0.5).astype(float)


@pure_svd.mistake("rounded to ones and zeros")
def _(watched, k):
    users, sizes, films = factors(watched, k)
    return np.clip((users * sizes) @ films, 0, 1)


@pure_svd.alternative("NumPy's full SVD, cut")
def _(watched, k):
    users, sizes, films = np.linalg.svd(watched, full_matrices=False)
    return users[:, :k] @ np.diag(sizes[:k]) @ films[:k, :]


@pure_svd.alternative("films that are watched together")
def _(watched, k):
    _, vectors = np.linalg.eigh(watched.T @ watched)
    return watched @ vectors[:, -k:] @ vectors[:, -k:].T


@pure_svd.alternative("a sparse matrix, the root of the sizes with each side")
def _(watched, k):
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import svds

    users, sizes, films = svds(csr_array(watched), k=k, which="LM")
    return (users * np.sqrt(sizes)) @ (films * np.sqrt(sizes)[:, None])


@pure_svd.alternative("the rest taken away")
def _(watched, k):
    users, sizes, films = np.linalg.svd(watched, full_matrices=False)
    return watched - (users[:, k:] * sizes[k:]) @ films[k:]


# --- 0.3 -----------------------------------------------------------------------------------------------------------

best_unseen = Item(
    "0.3",
    "best_unseen",
    because="Minus infinity loses to any score, and the columns keep their numbers; only then comes the cut to k.",
    hints=(
        "What must a watched film's score become, so that no other film can be worse, even one below zero?",
        "np.where(watched > 0, ..., scores) makes the new scores; argsort goes upwards, and so minus the scores downwards.",
        "left = np.where(watched > 0, ____, scores)\nnp.argsort(-left, axis=1)[:, :k]",
    ),
)


@best_unseen.test(1)
def test_two_users_of_six_films(student):
    scores = np.array([[0.9, 0.2, 0.8, 0.5, 0.7, 0.1], [0.3, 0.95, 0.1, 0.4, 0.6, 0.5]])
    watched = np.array([[1.0, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, 0]])
    meaning = "columns, best first: the first user has watched films 0 and 4, the second film 1"
    expect(student.best_unseen(scores, watched, 3), np.array([[2, 3, 1], [4, 5, 3]]), meaning)


@best_unseen.test(1)
def test_scores_below_zero(student):
    scores = np.array([[6.0, -3, 4, -1.5, -2], [-5, -4, -9, 7, -8]])
    watched = np.array([[1.0, 0, 1, 0, 0], [0, 0, 0, 1, 0]])
    meaning = (
        "columns, best first: what is left scores below zero, below -1 even, and the watched films are out all the same"
    )
    expect(student.best_unseen(scores, watched, 2), np.array([[3, 4], [1, 0]]), meaning)


@best_unseen.test(1)
def test_twelve_users_of_forty_films(student, rng):
    scores = rng.normal(size=(12, 40)).round(4) + np.arange(40) * 1e-6 - 50
    watched = (rng.random((12, 40)) < rng.uniform(0.2, 0.7, (12, 1))).astype(float)
    watched[:, :6] = 0
    for k in (1, 5):
        want = [[i for i in np.argsort(-row) if not gone[i]][:k] for row, gone in zip(scores, watched)]
        expect(student.best_unseen(scores, watched, k), np.array(want), f"each user's {k} best that are not watched")
    many = rng.permutation(2000)[None] / 8  # few come in order though nothing sorts them, as argpartition may leave them
    order = np.argsort(-many[0])
    watched = np.zeros((1, 2000))
    watched[0, order[:300:3]] = 1
    want = [i for i in order if not watched[0, i]][:500]
    expect(student.best_unseen(many, watched, 500), np.array([want]), "the 500 best of 2,000 films, best first")


@best_unseen.mistake(
    "watched films not left out", "There are films on the list that the user has watched: their scores still compete."
)
def _(scores, watched, k):
    return np.argsort(-scores, axis=1)[:, :k]


@best_unseen.mistake(
    "watched films get an ordinary score",
    "0, as scores * (1 - watched) makes it, or -1 is a score like any other, and better than all below it. What must "
    "never win gets minus infinity.",
    see="best_unseen(np.array([[-1.0, 5.0]]), np.array([[0.0, 1.0]]), 1)",
)
def _(scores, watched, k):
    return np.argsort(-(scores * (1 - watched)), axis=1)[:, :k]


@best_unseen.mistake("watched films get an ordinary score")
def _(scores, watched, k):
    return np.argsort(-np.where(watched > 0, -1, scores), axis=1)[:, :k]


@best_unseen.mistake(
    "filtered after the cut",
    "You took the best k and then dropped the watched ones, so fewer than k are left. Leave out first, then cut.",
)
def _(scores, watched, k):
    order = np.argsort(-scores, axis=1)[:, :k]
    return [[i for i in row.tolist() if not gone[i]] for row, gone in zip(order, watched)]


@best_unseen.mistake("worst first", "argsort goes upwards: its first k are the lowest scores. Sort minus the scores.")
def _(scores, watched, k):
    return np.argsort(np.where(watched > 0, np.inf, scores), axis=1)[:, :k]


@best_unseen.mistake(
    "the right films, worst first",
    "These are the k best, but the last of them stands first. argsort goes upwards; turn the row round.",
)
def _(scores, watched, k):
    return np.argsort(np.where(watched > 0, -np.inf, scores), axis=1)[:, -k:]


@best_unseen.mistake(
    "the right films, in the order of the catalogue",
    "These are the k best, but in the order of their columns. Asked for is best first.",
)
def _(scores, watched, k):
    return np.sort(np.argsort(-np.where(watched > 0, -np.inf, scores), axis=1)[:, :k], axis=1)


@best_unseen.mistake(
    "only watched films",
    "Your list holds what the user *has* watched. Leave out where watched is 1, not where it is 0.",
)
def _(scores, watched, k):
    return np.argsort(-np.where(watched > 0, scores, -np.inf), axis=1)[:, :k]


@best_unseen.mistake(
    "left out for everybody",
    "A film that anybody has watched is gone from every list. Leave out for each user what this user has watched.",
)
def _(scores, watched, k):
    return np.argsort(-np.where(watched.max(axis=0) > 0, -np.inf, scores), axis=1)[:, :k]


@best_unseen.mistake(
    "columns moved",
    "Once the watched films are deleted, those behind them move up, and a number is that of another film. Keep the "
    "columns and set the scores to minus infinity.",
)
def _(scores, watched, k):
    return np.array([np.argsort(-row[gone == 0])[:k] for row, gone in zip(scores, watched)])


@best_unseen.mistake("scores instead of films", "These are the best scores. Asked for are the films: their columns.")
def _(scores, watched, k):
    return -np.sort(-np.where(watched > 0, -np.inf, scores), axis=1)[:, :k]


@best_unseen.mistake("films counted from 1", "The columns are counted from 0; all your numbers are one too high.")
def _(scores, watched, k):
    return np.argsort(-np.where(watched > 0, -np.inf, scores), axis=1)[:, :k] + 1


@best_unseen.mistake(
    "the same list for everybody",
    "The films are ranked by their mean over all users. Rank each row by itself: axis=1.",
)
def _(scores, watched, k):
    order = np.argsort(-scores.mean(axis=0))
    return np.array([[i for i in order if not gone[i]][:k] for gone in watched])


@best_unseen.alternative("a partition, then its k sorted")
def _(scores, watched, k):
    left = np.array(scores, float)
    left[watched == 1] = -1e30
    some = np.argpartition(-left, k - 1, axis=1)[:, :k]
    return np.take_along_axis(some, np.argsort(-np.take_along_axis(left, some, axis=1), axis=1), axis=1)


@best_unseen.alternative("a list a user")
def _(scores, watched, k):
    lists = []
    for row, gone in zip(scores, watched):
        unseen = [i for i in range(len(row)) if not gone[i]]
        lists.append(sorted(unseen, key=lambda i: -row[i])[:k])
    return lists


@best_unseen.alternative("pandas, nlargest")
def _(scores, watched, k):
    import pandas as pd

    left = pd.DataFrame(scores).mask(watched.astype(bool))
    return np.array([row.nlargest(k).index for _, row in left.iterrows()])


# --- 0.4 -----------------------------------------------------------------------------------------------------------

fold_in = Item(
    "0.4",
    "fold_in",
    because=(
        "The films' rows are orthogonal and of length 1, so their product with the history is the user, in k "
        "directions; sizes are in it already, for the history is not squeezed."
    ),
    hints=(
        "In which directions does this history point, and how do k directions become N films again?",
        "histories @ films.T is [B, k]: the users. A second product with films is [B, N]: their scores.",
        "(histories @ films.T) @ ____",
    ),
)


def directions(watched, k):
    return np.linalg.svd(watched, full_matrices=False)[2][:k]


@fold_in.test(1)
def test_a_user_of_the_matrix_gets_the_scores_of_pure_svd(student):
    got = student.fold_in(TASTES[[1, 3]], directions(TASTES, 2))
    expect(got, best(TASTES, 2)[[1, 3]], "the scores that pure_svd gives to users 1 and 3 of the matrix")


@fold_in.test(1)
def test_new_users(student, rng):
    films = directions((rng.random((20, 12)) < rng.uniform(0.2, 0.7, 12)).astype(float), 4)
    histories = np.array([rng.permutation(12) < n for n in (1, 3, 6)], float)
    want = np.array(
        [[sum(h[j] * (films[:, i] @ films[:, j]) for j in range(12)) for i in range(12)] for h in histories]
    )
    expect(student.fold_in(histories, films), want, "the scores of 12 films for users with 1, 3 and 6 films")


@fold_in.mistake(
    "users without films",
    "These are the users in k directions. Multiply once more, by the films, and every film has a score.",
    see="fold_in(np.ones((1, 3)), np.array([[0.6, 0.8, 0.0]])).shape",
)
def _(histories, films):
    return histories @ films.T


@fold_in.mistake(
    "the mean of the history",
    "You divided by the number of films watched. For a user of the matrix the scores are then not those of pure_svd: "
    "add up, do not average.",
)
def _(histories, films):
    return (histories @ films.T) @ films / histories.sum(axis=1, keepdims=True)


@fold_in.mistake(
    "users of length 1",
    "You scaled the users to length 1. The order of the films stays, but these are not the scores of pure_svd.",
)
def _(histories, films):
    users = histories @ films.T
    return users / np.linalg.norm(users, axis=1, keepdims=True) @ films


@fold_in.mistake(
    "films of length 1",
    "You scaled the films' vectors to length 1: a cosine. A film's length says how much the directions hold of it; "
    "leave it.",
)
def _(histories, films):
    films = films / np.linalg.norm(films, axis=0)
    return (histories @ films.T) @ films


@fold_in.mistake(
    "watched films left out already",
    "The films of the history have no score of their own any more. To leave them out is `best_unseen`'s business; here "
    "every film has a score.",
)
def _(histories, films):
    return np.where(histories > 0, -np.inf, (histories @ films.T) @ films)


@fold_in.mistake("watched films left out already")
def _(histories, films):
    return (1 - histories) * ((histories @ films.T) @ films)


@fold_in.mistake(
    "the history added",
    "The history itself has been added to the scores, or taken off. The two products are all.",
)
def _(histories, films):
    return (histories @ films.T) @ films + histories


@fold_in.mistake("the history added")
def _(histories, films):
    return (histories @ films.T) @ films - histories


@fold_in.mistake(
    "films by users", "A row is a user and a column a film, in the scores too. Yours are the other way round."
)
def _(histories, films):
    return ((histories @ films.T) @ films).T


@fold_in.mistake(
    "everybody at once",
    "The histories were added up to one, and every user gets the same scores. One row a user.",
)
def _(histories, films):
    return np.tile((histories.sum(axis=0) @ films.T) @ films, (len(histories), 1))


@fold_in.alternative("films by films first")
def _(histories, films):
    return histories @ (films.T @ films)


@fold_in.alternative("least squares: the users that come nearest to the histories")
def _(histories, films):
    users, *_ = np.linalg.lstsq(films.T, histories.T, rcond=None)
    return users.T @ films


@fold_in.alternative("a sum over the watched films")
def _(histories, films):
    return [sum((films[:, i] for i in np.flatnonzero(row)), np.zeros(len(films))) @ films for row in histories]
