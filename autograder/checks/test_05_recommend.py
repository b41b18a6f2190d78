"""Lesson 5: the index, a list for one user, lists without the seen, ranks, and the metric that leaves the seen out."""

import numpy as np

from autograder.item import Item, expect, require
from autograder.wire import same

# Scores of five films for two users: "24" likes C, E, B, D, A in that order; "42" likes A, D, E, C, B.
USERS, FILMS = ["24", "42"], ["A", "B", "C", "D", "E"]
USER_VECTORS, FILM_VECTORS = [[1, 0], [0, 1]], [[1, 5], [3, 1], [5, 2], [2, 4], [4, 3]]


def has_bytes(value):
    """Whether bytes are anywhere in a list of lists."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return isinstance(value, bytes) or (isinstance(value, list | tuple) and any(map(has_bytes, value)))


def demand_text(got):
    require(not has_bytes(got), got, "titles as text, such as 'A'; an index gives bytes, b'A'")


def named(rng, n, word="Film"):
    """n different titles, in an order that no alphabet has."""
    return [f"{word} {number}" for number in rng.choice(np.arange(100, 1000), n, replace=False)]


def drawn(rng, n_users, n_films):
    """Users, films and scores[user, film], of which no two of one user are alike."""
    users = [str(number) for number in rng.choice(np.arange(1, 944), n_users, replace=False)]
    scores = [rng.choice(np.arange(1, 1000), n_films, replace=False) / 8 for _ in users]
    return users, named(rng, n_films), np.array(scores)


def ranked(films, scores, k=None):
    """What an index is to give: the k best scores of each user, and the films that have them."""
    best = np.argsort(-scores, axis=1)[:, :k]
    return np.take_along_axis(scores, best, axis=1).tolist(), np.array(films)[best].tolist()


def brute_force(user_tower, k=10):
    import tensorflow_recommenders as tfrs

    return tfrs.layers.factorized_top_k.BruteForce(user_tower, k=k)


def text(words, shape=None):
    import tensorflow as tf

    return tf.constant(words, tf.string, shape)


build_index = Item(
    "5.1",
    "build_index",
    because="Names and vectors come from one dataset, so they cannot fall out of step, and each title is in it once.",
    hints=(
        "An index needs a vector and a name for each film, and the user tower. What if a title is listed twice?",
        "Batch a dataset of distinct titles and zip it with itself mapped through the movie tower. These pairs "
        "(name, vector) go to index_from_dataset of a BruteForce(user_tower, k=k).",
        "names = tf.data.Dataset.from_tensor_slices(sorted(set(titles))).batch(100)\n"
        "index.index_from_dataset(tf.data.Dataset.zip((names, names.map(____))))",
    ),
)


TOY = (USERS, USER_VECTORS), (FILMS, FILM_VECTORS)


def answer_of(student, titles, users, asked, k, toy=TOY):
    """What the student's index over the toy's towers answers."""
    index = student.build_index(*(student.workshop.tower(*words) for words in toy), titles, k=k)
    demand_index(student, index)
    return found_in(student, index, users, asked)


def found_in(student, index, users, asked=None):
    """What the index answers: scores and titles. Row numbers for titles, and scores of 0, depend on the order of the
    rows; here they are refused in any order."""
    got = student.workshop.search(index, users, asked)
    if are_arrays(got):
        scores, names = got
        require(names.dtype.kind == "O", index, "an index that answers with titles; this one answers with row numbers")
        require(np.any(scores != 0), index, "an index of the films' own vectors; in this one every score is 0")
    return got


def are_arrays(got):
    return isinstance(got, tuple) and [type(part) for part in got] == [np.ndarray, np.ndarray]


def demand_in_step(got, want, films=FILMS):
    """Refuses the right scores beside titles of other films, in whatever order those stand."""
    known = [film.encode() for film in films]
    moved = are_arrays(got) and same(got[0], want[0]) and not same(got[1], want[1])
    moved = moved and all(name in known for name in got[1].ravel().tolist())
    require(not moved, "titles of other films", f"{want[1]} beside the scores {want[0]}; only the scores are right")


def demand_index(student, index):
    rows = student.workshop.held(index)
    require(rows is not None, index, "a tfrs.layers.factorized_top_k.BruteForce")
    require(rows != 0, index, "an index that holds films; this one was never filled")
    require(student.workshop.takes_ids(index), index, "an index behind the user tower, so that it takes user ids")


@build_index.test(2)
def test_each_user_finds_the_best_three(student, rng):
    got = answer_of(student, ["C", "A", "E", "B", "D"], USERS, 3, k=3)
    want = [[5, 4, 3], [5, 4, 3]], [["C", "E", "B"], ["A", "D", "E"]]
    demand_in_step(got, want)
    expect(got, want, "scores and titles that the index gives for users '24' and '42', asked for 3")
    (users, films, scores), k = drawn(rng, int(rng.integers(3, 6)), int(rng.integers(9, 16))), int(rng.integers(4, 8))
    got = answer_of(student, films, users, k, k, toy=((users, np.eye(len(users))), (films, scores.T)))
    want = ranked(films, scores, k)
    demand_in_step(got, want, films)
    expect(got, want, f"scores and titles of the {k} best of {len(films)} for each of {len(users)} users")


@build_index.test(2)
def test_every_title_is_in_it_once(student, rng):
    got = answer_of(student, ["A", "B", "A", "C", "B", "D", "E", "A"], USERS[:1], 5, k=3)
    want = [[5, 4, 3, 2, 1]], [["C", "E", "B", "D", "A"]]
    demand_in_step(got, want)
    expect(
        got,
        want,
        "scores and titles of the 5 best for user '24': A was listed three times and B twice, each is in once",
    )
    users, films, scores = drawn(rng, 2, int(rng.integers(8, 14)))
    twice = [*sorted(films), *films[:3], films[0]]  # as above, the first of each in the order of the alphabet
    got = answer_of(student, twice, users, len(films), 3, toy=((users, np.eye(2)), (films, scores.T)))
    want = ranked(films, scores)
    demand_in_step(got, want, films)
    expect(got, want, f"scores and titles of all {len(films)} films for two users: three were listed more than once")


@build_index.test(1)
def test_of_250_titles_it_gives_as_many_as_k_says(student, rng):
    titles, scores = [f"T{i}" for i in range(250)], rng.permutation(250).tolist()
    vectors = [[score, 1000] for score in scores]  # of different directions too
    towers = student.workshop.tower(["7"], [[1, 0]]), student.workshop.tower(titles, vectors)
    index = student.build_index(*towers, titles, 12)
    demand_index(student, index)
    got = found_in(student, index, ["7"])
    best = sorted(range(250), key=lambda i: -scores[i])[:12]
    want = [[scores[i] for i in best]], [[titles[i] for i in best]]
    demand_in_step(got, want, titles)
    expect(got, want, "scores and titles of the best 12 of 250: k was 12 for the index, and the query says none")


@build_index.mistake(
    "titles listed twice are in twice",
    "Every row of the index takes a place of its own in a list, so a title that is in twice is recommended twice. "
    "Keep each title once.",
    see='build_index(users, films, ["A", "A", "B"])(tf.constant(["24"]), k=3)[1]',
)
def _(user_tower, movie_tower, titles, k=100):
    return brute_force(user_tower, k).index(movie_tower(text(titles)), text(titles))


@build_index.mistake(
    "vector and name the wrong way round",
    "The index took the names for vectors, which must be 2D. A pair of a dataset is (name, vector); index(...) takes the "
    "vectors first.",
)
def _(user_tower, movie_tower, titles, k=100):
    import tensorflow as tf

    names = tf.data.Dataset.from_tensor_slices(sorted(set(titles))).batch(100)
    return brute_force(user_tower, k).index_from_dataset(tf.data.Dataset.zip((names.map(movie_tower), names)))


@build_index.mistake(
    "distinct names beside repeated vectors",
    "You kept each title once among the names, but took the vectors of the whole list: row i of both must be one film.",
)
def _(user_tower, movie_tower, titles, k=100):
    return brute_force(user_tower, k).index(movie_tower(text(titles)), text(list(dict.fromkeys(titles))))


@build_index.mistake(
    "titles one by one, not in batches",
    "A tower takes a batch, and the index puts batches end to end. Batch the dataset of titles first: .batch(100).",
    see="tf.data.Dataset.from_tensor_slices(['A', 'B']).batch(100).element_spec",
)
def _(user_tower, movie_tower, titles, k=100):
    import tensorflow as tf

    names = tf.data.Dataset.from_tensor_slices(sorted(set(titles)))
    return brute_force(user_tower, k).index_from_dataset(tf.data.Dataset.zip((names, names.map(movie_tower))))


@build_index.mistake(
    "no names",
    "Without names the index answers with row numbers. index(vectors, names) takes them second; in a dataset they come "
    "first in each pair.",
)
def _(user_tower, movie_tower, titles, k=100):
    return brute_force(user_tower, k).index(movie_tower(text(sorted(set(titles)))))


@build_index.mistake(
    "names and vectors out of step",
    "Row i of the vectors must belong to name i. You put the names in another order than the titles whose vectors you "
    "took.",
)
def _(user_tower, movie_tower, titles, k=100):
    distinct = list(dict.fromkeys(titles))
    return brute_force(user_tower, k).index(movie_tower(text(distinct)), text(sorted(distinct)))


@build_index.mistake(
    "the index has no user tower",
    "Without a user tower the index takes vectors for a query, not user ids: give BruteForce the user tower.",
)
def _(user_tower, movie_tower, titles, k=100):
    distinct = text(sorted(set(titles)))
    return brute_force(None, k).index(movie_tower(distinct), distinct)


@build_index.mistake(
    "towers swapped",
    "You put the movie tower in front and took the films' vectors from the user tower, where every title is an "
    "unknown word.",
)
def _(user_tower, movie_tower, titles, k=100):
    distinct = text(sorted(set(titles)))
    return brute_force(movie_tower, k).index(user_tower(distinct), distinct)


@build_index.mistake(
    "k is not handed on",
    "BruteForce has a k of its own, 10, which it uses if neither you nor the query says another.",
)
def _(user_tower, movie_tower, titles, k=100):
    distinct = text(sorted(set(titles)))
    return brute_force(user_tower).index(movie_tower(distinct), distinct)


@build_index.mistake("k written in", "Your index has a k of its own, whatever is asked for: hand k on.")
def _(user_tower, movie_tower, titles, k=100):
    distinct = text(sorted(set(titles)))
    return brute_force(user_tower, 100).index(movie_tower(distinct), distinct)


@build_index.mistake(
    "vectors brought to length 1",
    "The index holds directions only. The towers were trained by the plain dot product, in which a film's length counts: "
    "index the vectors as the movie tower gives them.",
    see='index(tf.constant(["24"]), k=1)[0]',
)
def _(user_tower, movie_tower, titles, k=100):
    import tensorflow as tf

    distinct = text(sorted(set(titles)))
    return brute_force(user_tower, k).index(tf.nn.l2_normalize(movie_tower(distinct), axis=1), distinct)


@build_index.mistake(
    "the index is empty",
    "BruteForce(...) alone holds no films: fill it with index_from_dataset, or with index.",
)
def _(user_tower, movie_tower, titles, k=100):
    return brute_force(user_tower, k)


@build_index.alternative("one batch, straight into index")
def _(user_tower, movie_tower, titles, k=100):
    names = text(np.unique(titles))
    index = brute_force(user_tower, k=k)
    index.index(candidates=movie_tower(names), identifiers=names)
    return index


@build_index.alternative("pandas, numpy vectors")
def _(user_tower, movie_tower, titles, k=100):
    import pandas as pd
    import tensorflow as tf

    films = pd.Series(titles).drop_duplicates().tolist()
    vectors = np.concatenate(
        [movie_tower(text(films[start : start + 50])).numpy() for start in range(0, len(films), 50)]
    )
    index = brute_force(user_tower, k=k)
    index.index_from_dataset(tf.data.Dataset.from_tensors((text(films), vectors)))
    return index


@build_index.alternative("dataset.unique, odd batches")
def _(user_tower, movie_tower, titles, k=100):
    import tensorflow as tf

    names = tf.data.Dataset.from_tensor_slices(titles).unique().batch(7)
    index = brute_force(user_tower, k=k)
    index.index_from_dataset(names.map(lambda batch: (batch, movie_tower(batch))))
    return index


recommend = Item(
    "5.2",
    "recommend",
    because="An index answers a batch: row 0 of each result belongs to the one user, and its names are bytes.",
    hints=(
        "What does the index take, one user or a batch of users? What does it return, and in which shapes?",
        "index(tf.constant([...]), k=k) returns (scores, titles), both [1, k]. Take row 0 of each; .decode() turns "
        "bytes into text, float() a number into Python's own.",
        "scores, titles = index(tf.constant([____]), k=k)\n"
        "return [(title.decode(), float(score)) for title, score in zip(titles[0].numpy(), scores[0].numpy())]",
    ),
)


@recommend.test(2)
def test_the_best_three_with_their_scores(student, rng):
    tower, films = student.workshop.tower(USERS, USER_VECTORS), ["A", "B", "C", "D", "Été"]
    got = student.recommend(student.workshop.index(films, FILM_VECTORS, tower, k=2), "24", 3)
    demand_text(got)
    expect(
        got,
        [("C", 5.0), ("Été", 4.0), ("B", 3.0)],
        "the 3 best titles for user '24' with their scores, best first",
    )
    users, _, scores = drawn(rng, 3, int(rng.integers(12, 20)))
    films, k = named(rng, len(scores[0]), "Été"), int(rng.integers(5, 10))
    index = student.workshop.index(films, scores.T, student.workshop.tower(users, np.eye(3)), k=2)
    for user, best, titles in zip(users, *ranked(films, scores, k)):
        got = student.recommend(index, user, k)
        demand_text(got)
        want = list(zip(titles, best))
        expect(got, want, f"the {k} best of {len(films)} titles for user {user!r} with their scores, best first")


@recommend.test(1)
def test_each_of_six_users_gets_a_list_of_their_own(student, rng):
    users, films = [str(n) for n in range(1, 7)], [f"Film {i}" for i in range(20)]
    scores = np.array([rng.permutation(20) for _ in users]) / 8 - 1
    index = student.workshop.index(films, scores.T, student.workshop.tower(users, np.eye(6)))
    for user, row in zip(users[::-1], scores[::-1].tolist()):
        got = student.recommend(index, user, 4)
        demand_text(got)
        want = sorted(zip(films, row), key=lambda pair: -pair[1])[:4]
        expect(got, want, f"the 4 best of 20 titles for user {user!r} with their scores, best first")


@recommend.mistake(
    "bytes, not text",
    "An index gives its names as bytes, and b'A' == 'A' is False in Python: no title would ever match. Decode them.",
    see="b'A' == 'A', b'A'.decode() == 'A'",
)
def _(index, user_id, k):
    scores, titles = index(text([user_id]), k=k)
    return list(zip(titles[0].numpy(), scores[0].numpy()))


@recommend.mistake(
    "the bytes written out, not decoded",
    "str(b'A') is the text \"b'A'\", mark and quotes included. .decode() gives the text itself.",
    see="str(b'A'), b'A'.decode()",
)
def _(index, user_id, k):
    scores, titles = index(text([user_id]), k=k)
    return [(str(title), float(score)) for title, score in zip(titles[0].numpy(), scores[0].numpy())]


@recommend.mistake(
    "the index asked in the wrong way",
    "Call the index with a tensor: index(tf.constant([user_id]), k=k). It takes neither a bare string nor a list.",
    see='index(tf.constant(["24"]), k=2)',
)
def _(index, user_id, k):
    scores, titles = index([user_id], k=k)
    return [(title.decode(), float(score)) for title, score in zip(titles[0].numpy(), scores[0].numpy())]


@recommend.mistake(
    "the id as a number",
    "User ids are strings, and the tower's StringLookup takes nothing else.",
)
def _(index, user_id, k):
    import tensorflow as tf

    scores, titles = index(tf.constant([int(user_id)]), k=k)
    return [(title.decode(), float(score)) for title, score in zip(titles[0].numpy(), scores[0].numpy())]


@recommend.mistake(
    "the batch is still there",
    "You paired the rows of the two results, and there is one row: take row 0 of each, then pair what is in them.",
)
def _(index, user_id, k):
    scores, titles = index(text([user_id]), k=k)
    return [([t.decode() for t in row], values.tolist()) for row, values in zip(titles.numpy(), scores.numpy())]


@recommend.mistake("the batch is still there")
def _(index, user_id, k):
    scores, titles = index(text([user_id]), k=k)
    return list(zip(titles.numpy(), scores.numpy()))


@recommend.mistake(
    "cut from the index's own list",
    "You cut the list to k, but let the index choose how long it is: where it gives fewer than k, cutting adds none.",
    see='index(tf.constant(["24"]))[1].shape',
)
def _(index, user_id, k):
    scores, titles = index(text([user_id]))
    return [(title.decode(), float(score)) for title, score in zip(titles[0].numpy(), scores[0].numpy())][:k]


@recommend.mistake(
    "k is left to the index",
    "Without k the index gives as many titles as were set when it was built.",
)
def _(index, user_id, k):
    scores, titles = index(text([user_id]))
    return [(title.decode(), float(score)) for title, score in zip(titles[0].numpy(), scores[0].numpy())]


@recommend.mistake(
    "the score before the title",
    "The index gives (scores, titles), in that order; a pair is to be (title, score).",
)
def _(index, user_id, k):
    scores, titles = index(text([user_id]), k=k)
    return [(float(score), title.decode()) for title, score in zip(titles[0].numpy(), scores[0].numpy())]


def pairs(index, user_id, k):
    """The right pairs."""
    scores, titles = index(text([user_id]), k=k)
    return [(title.decode(), float(score)) for title, score in zip(titles[0].numpy(), scores[0].numpy())]


@recommend.mistake("worst first", "The index gives the best first: leave the order as it is.")
def _(index, user_id, k):
    return pairs(index, user_id, k)[::-1]


@recommend.mistake("worst first")
def _(index, user_id, k):
    return sorted(pairs(index, user_id, k), key=lambda pair: pair[1])


@recommend.mistake(
    "in the order of the alphabet", "Pairs are sorted by title. The index gives the best first: keep that."
)
def _(index, user_id, k):
    return sorted(pairs(index, user_id, k))


@recommend.mistake("a dict, not a list", "A dict is looked up by its keys; a list of pairs says who comes first.")
def _(index, user_id, k):
    return dict(pairs(index, user_id, k))


@recommend.mistake(
    "two lists, not pairs", "Titles and scores are two lists: zip pairs them.", see="list(zip('AB', [5, 4]))"
)
def _(index, user_id, k):
    titles, scores = zip(*pairs(index, user_id, k))
    return list(titles), list(scores)


@recommend.mistake("a zip, not a list", "zip gives its pairs once, when they are asked for: list(zip(...)).")
def _(index, user_id, k):
    return zip(*zip(*pairs(index, user_id, k)))


@recommend.mistake(
    "decoded by another alphabet",
    "TensorFlow writes text in UTF-8, and 'é' takes two bytes there: .decode() without a name reads it.",
    see="'é'.encode().decode('latin-1')",
)
def _(index, user_id, k):
    scores, titles = index(text([user_id]), k=k)
    return [(title.decode("latin-1"), float(score)) for title, score in zip(titles[0].numpy(), scores[0].numpy())]


@recommend.mistake("decoded by another alphabet")
def _(index, user_id, k):
    scores, titles = index(text([user_id]), k=k)
    return [(title.decode("ascii"), float(score)) for title, score in zip(titles[0].numpy(), scores[0].numpy())]


for digits in 0, 1, 2:

    @recommend.mistake("scores rounded", "The scores are rounded. Give them as the index does; round when you print.")
    def _(index, user_id, k, digits=digits):
        return [(title, round(score, digits)) for title, score in pairs(index, user_id, k)]


@recommend.mistake("the scores are missing", "Every title comes with its score: a list of pairs.")
def _(index, user_id, k):
    _, titles = index(text([user_id]), k=k)
    return [title.decode() for title in titles[0].numpy()]


@recommend.alternative("pandas")
def _(index, user_id, k):
    import pandas as pd

    scores, titles = index(text([user_id]), k=k)
    table = pd.DataFrame({"title": titles[0].numpy(), "score": scores[0].numpy()})
    table["title"] = table["title"].str.decode("utf-8")
    return list(table.itertuples(index=False, name=None))


@recommend.alternative("numpy, from the index's own vectors")
def _(index, user_id, k):
    scores = index._candidates.numpy() @ index.query_model(text([user_id])).numpy()[0]
    titles = index._identifiers.numpy()
    return [(titles[i].decode(), scores[i]) for i in np.argsort(-scores)[:k]]


@recommend.alternative("a loop over places")
def _(index, user_id, k):
    import tensorflow as tf

    scores, titles = (part.numpy() for part in index(tf.convert_to_tensor(np.array([user_id])), k))
    return [[tf.compat.as_str(titles[0, place]), scores[0, place]] for place in range(k)]


recommend_unseen = Item(
    "5.3",
    "recommend_unseen",
    because=(
        "What is fetched must outlast what is dropped: k and as many more as the longest list of seen titles, if "
        "the index holds them."
    ),
    hints=(
        "You cut to k and then drop what was seen: how many are left? And what is the most that an index can give?",
        "Fetch as many more than k as the longest list of seen titles, but no more than size(index); drop, then cut to "
        'k. query_with_exclusions does so too, if you pad the lists to one width with "" and give the tensor its type, '
        "tf.string; but where k + width is more than the index holds, it raises.",
        "most_seen = max(len(titles) for titles in seen)\n"
        "_, best = index(tf.constant(user_ids), k=min(k + ____, size(index)))",
    ),
)
# Six films; "u" likes A, B, C, D, E, F in that order, "v" the other way round.
SIX = ["A", "B", "C", "D", "E", "F"]


def six(student):
    tower = student.workshop.tower(["u", "v"], [[1], [-1]])
    return student.workshop.index(SIX, [[6], [5], [4], [3], [2], [1]], tower)


def shelf(student, rng, n_users, n_films):
    """An index of drawn scores, its users, and all its titles for each of them, best first."""
    users, films, scores = drawn(rng, n_users, n_films)
    index = student.workshop.index(films, scores.T, student.workshop.tower(users, np.eye(n_users)))
    return index, users, ranked(films, scores)[1]


def left_of(best, seen, k):
    """The first k of each list once the seen titles have left it."""
    return [[title for title in row if title not in gone][:k] for row, gone in zip(best, seen)]


@recommend_unseen.test(2)
def test_the_seen_leave_and_three_remain(student, rng):
    got = student.recommend_unseen(six(student), ["u"], [["A", "C"]], 3)
    demand_text(got)
    expect(got, [["B", "D", "E"]], "the 3 best titles that 'u' has not seen; best first: A, B, C, D, E, F")
    index, users, best = shelf(student, rng, 1, int(rng.integers(20, 30)))
    k = int(rng.integers(5, 9))
    seen = [rng.choice(best[0][:k], rng.integers(2, 5), replace=False).tolist()]
    got = student.recommend_unseen(index, users, seen, k)
    demand_text(got)
    expect(got, left_of(best, seen, k), f"the {k} best unseen titles of one user, of {len(best[0])} titles")


@recommend_unseen.test(1)
def test_each_user_has_seen_other_films(student, rng):
    got = student.recommend_unseen(six(student), ["u", "v"], [["B"], ["F", "D", "E"]], 2)
    expect(got, [["A", "C"], ["C", "B"]], "the 2 best unseen titles of 'u' (A to F) and of 'v' (F to A)")
    index, users, best = shelf(student, rng, 3, int(rng.integers(24, 34)))
    k, more = int(rng.integers(4, 7)), int(rng.integers(1, 4))
    # The third has seen all of the best, and what the first has seen is the next.
    seen = [[best[2][k + more]], best[1][1:4], rng.permutation(best[2][: k + more]).tolist()]
    got = student.recommend_unseen(index, users, seen, k)
    expect(got, left_of(best, seen, k), f"the {k} best unseen titles of three users who have seen other films")


@recommend_unseen.test(1)
def test_who_has_seen_nothing_gets_the_best(student, rng):
    got = student.recommend_unseen(six(student), ["u", "v"], [[], []], 2)
    expect(got, [["A", "B"], ["F", "E"]], "the 2 best titles of 'u' and of 'v', who have seen nothing")
    index, users, best = shelf(student, rng, 3, int(rng.integers(12, 20)))
    seen, k = [[], [], []], int(rng.integers(5, 9))
    got = student.recommend_unseen(index, users, seen, k)
    expect(got, left_of(best, seen, k), f"the {k} best titles of three users who have seen nothing")


@recommend_unseen.test(1)
def test_where_fewer_are_left_all_of_them_come(student, rng):
    index = six(student)
    got = student.recommend_unseen(index, ["u"], [["A", "C"]], 5)
    expect(
        got,
        [["B", "D", "E", "F"]],
        "all that 'u' has not seen: of 6 titles 2 are seen, so 4 are left where 5 are asked for",
    )
    got = student.recommend_unseen(index, ["u"], [["C", "A", "no such title", "F", "E", "D", "B"]], 3)
    expect(got, [[]], "one empty list: 'u' has seen all six titles, and one that the index does not hold")
    got = student.recommend_unseen(index, ["u", "v"], [["A", "C"], []], 5)
    want = [["B", "D", "E", "F"], ["F", "E", "D", "C", "B"]]
    expect(got, want, "the 4 titles that 'u' has not seen, and 5 for 'v', who has seen nothing")
    n, many = int(rng.integers(10, 15)), int(rng.integers(3, 6))
    index, users, best = shelf(student, rng, 3, n)
    some = rng.choice(best[1][:-1], many, replace=False).tolist()
    seen, k = [[*rng.permutation(best[0]).tolist(), "no such title"], some, []], n - many + int(rng.integers(1, many))
    got = student.recommend_unseen(index, users, seen, k)
    meaning = f"none for who has seen all {n} titles, {n - many} for who has seen {many}, and {k} for the third user"
    expect(got, left_of(best, seen, k), meaning)


@recommend_unseen.test(1)
def test_eight_users_of_forty_films(student, rng):
    users, films = [f"user {i}" for i in range(8)], [f"Film {i}" for i in range(40)]
    scores = np.array([rng.permutation(40) for _ in users])
    best = ranked(films, scores)[1]
    seen = [list(rng.permutation(row[:12])[: rng.integers(3, 9)]) + row[-3:] for row in best]
    seen[0] = best[0][:20]  # all of the best: it takes k + 20 to find what is left
    index = student.workshop.index(films, scores.T, student.workshop.tower(users, np.eye(8)))
    got = student.recommend_unseen(index, users, [[str(title) for title in titles] for titles in seen], 6)
    want = left_of(best, seen, 6)
    expect(got, want, "the 6 best unseen titles of 8 users, each with other scores and other seen titles")


@recommend_unseen.test(1)
def test_fifty_users_cost_three_traces_at_most(student, rng):
    index, users, best = shelf(student, rng, 50, 12)
    widths = rng.permutation([rng.integers(1, 5), 5, 6, 7, 8] * 10)
    seen = [row[:width] for row, width in zip(best, widths)]
    got = student.recommend_unseen(index, users, seen, 2)
    expect(got, left_of(best, seen, 2), "the 2 best unseen titles of each of 50 users")
    traces = student.workshop.traces(index)
    meaning = (
        "at most 3 traces of query_with_exclusions for 50 users; TensorFlow traces anew for every new width and every k"
    )
    require(isinstance(traces, int) and traces <= 3, traces, meaning)


def padded(lists):
    """Lists of strings as one tensor, the shorter ones filled up with empty strings."""
    width = max(map(len, lists))
    return text([[*titles, *[""] * (width - len(titles))] for titles in lists], (len(lists), width))


def decoded(rows):
    return [[title.decode() for title in row] for row in rows.numpy()]


def fetched(index, user_ids, k):
    """Titles of the best k or, where there are fewer, of all."""
    return decoded(index(text(user_ids), k=min(k, index._candidates.shape[0]))[1])


def unseen(index, user_ids, seen, k):
    """The right lists."""
    rows = fetched(index, user_ids, k + max(map(len, seen)))
    return [[title for title in row if title not in titles][:k] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake(
    "filtered after the cut",
    "You took the best k and then dropped the seen ones, so fewer than k are left. Fetch more first.",
    see='len(recommend_unseen(index, ["u"], [["A", "C"]], 3)[0])',
)
def _(index, user_ids, seen, k):
    rows = fetched(index, user_ids, k)
    return [[title for title in row if title not in titles] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake(
    "seen films are still there",
    "Nothing has left the lists. If you do drop titles, compare like with like: an index gives bytes, and b'A' is not "
    "in ['A'].",
    see="b'A' in ['A']",
)
def _(index, user_ids, seen, k):
    return fetched(index, user_ids, k)


@recommend_unseen.mistake(
    "bytes, not text",
    "An index gives its names as bytes. Decode them: b'A' is not in ['A'], and the lists are to hold text.",
    see="b'A' in ['A']",
)
def _(index, user_ids, seen, k):
    rows = index(text(user_ids), k=min(k + max(map(len, seen)), index._candidates.shape[0]))[1].numpy()
    return [[title for title in row if title not in titles][:k] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake(
    "the bytes written out, not decoded",
    "str(b'A') is the text \"b'A'\", mark and quotes included. .decode() gives the text itself.",
    see="str(b'A'), b'A'.decode()",
)
def _(index, user_ids, seen, k):
    rows = index(text(user_ids), k=min(k + max(map(len, seen)), index._candidates.shape[0]))[1].numpy()
    return [[str(title) for title in row if str(title) not in titles][:k] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake("the bytes written out, not decoded")
def _(index, user_ids, seen, k):
    return [[str(title.encode()) for title in titles] for titles in unseen(index, user_ids, seen, k)]


@recommend_unseen.mistake(
    "bytes in the lists",
    "The right titles, as bytes: the lists are to hold text. Decode them.",
    see="b'A'.decode()",
)
def _(index, user_ids, seen, k):
    rows = index(text(user_ids), k=min(k + max(map(len, seen)), index._candidates.shape[0]))[1].numpy()
    return [[title for title in row if title.decode() not in titles][:k] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake(
    "one user's films leave everybody's list",
    "Exclusions of one row serve all users of the batch, without a word: everybody lost what the first user has seen. "
    "Give one row for each user.",
)
def _(index, user_ids, seen, k):
    rows = fetched(index, user_ids, k + len(seen[0]))
    return [[title for title in row if title not in seen[0]][:k] for row in rows]


@recommend_unseen.mistake(
    "what anybody has seen leaves every list",
    "You pooled the seen titles of all users. Each list is to lose only what its own user has seen.",
)
def _(index, user_ids, seen, k):
    pool = {title for titles in seen for title in titles}
    return [[title for title in row if title not in pool][:k] for row in fetched(index, user_ids, k + len(pool))]


@recommend_unseen.mistake(
    "fetched too few",
    "You fetched too few: all that a user has seen may stand above the first unseen title. Fetch k and as many as the "
    "longest list of seen titles.",
)
def _(index, user_ids, seen, k):
    rows = fetched(index, user_ids, k + len(seen))
    return [[title for title in row if title not in titles][:k] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake("fetched too few")
def _(index, user_ids, seen, k):
    rows = fetched(index, user_ids, 2 * k)
    return [[title for title in row if title not in titles][:k] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake("fetched too few")
def _(index, user_ids, seen, k):
    rows = fetched(index, user_ids, k + min(map(len, seen)))
    return [[title for title in row if title not in titles][:k] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake("fetched too few")
def _(index, user_ids, seen, k):
    rows = fetched(index, user_ids, k + 10)
    return [[title for title in row if title not in titles][:k] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake("fetched too few")
def _(index, user_ids, seen, k):
    rows = fetched(index, user_ids, k + len(seen[0]))
    return [[title for title in row if title not in titles][:k] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake(
    "removed from the list in its own loop",
    "Once a title is removed the next one moves into its place, and the loop passes it by. Make a new list.",
    see="row = ['A', 'B']; [row.remove(title) for title in row]; row",
)
def _(index, user_ids, seen, k):
    rows = fetched(index, user_ids, 10**6)
    for row, titles in zip(rows, seen):
        for title in row:
            if title in titles:
                row.remove(title)
    return [row[:k] for row in rows]


@recommend_unseen.mistake(
    "in no order",
    "A set keeps no order, so the best unseen titles are no longer the first. Go down the list and leave out what was seen.",
    see='recommend_unseen(index, ["u"], [["A", "C"]], 3)',
)
def _(index, user_ids, seen, k):
    rows = fetched(index, user_ids, k + max(map(len, seen)))
    return [sorted(set(row) - set(titles))[::-1][:k] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake(
    "the seen instead of the unseen",
    "You kept the titles that the user has seen, and dropped the others.",
    see='recommend_unseen(index, ["u"], [["A", "C"]], 3)',
)
def _(index, user_ids, seen, k):
    return [
        [title for title in row if title in titles][:k] for row, titles in zip(fetched(index, user_ids, 10**6), seen)
    ]


@recommend_unseen.mistake(
    "filled up with what was seen",
    "Where fewer than k unseen titles are left the list is shorter. You put the seen ones last, but they are still there.",
    see='recommend_unseen(index, ["u"], [["A", "B", "C", "D", "E", "F"]], 3)',
)
def _(index, user_ids, seen, k):
    rows = fetched(index, user_ids, 10**6)
    return [sorted(row, key=lambda title: title in titles)[:k] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake(
    "filled up with empty titles",
    "Where fewer than k unseen titles are left the list is shorter: do not fill it up.",
    see='recommend_unseen(index, ["u"], [["A", "B", "C", "D", "E", "F"]], 3)',
)
def _(index, user_ids, seen, k):
    return [(titles + [""] * k)[:k] for titles in unseen(index, user_ids, seen, k)]


@recommend_unseen.mistake(
    "not cut back to k",
    "You fetched more than k, as one must, and kept all that was unseen. Cut to k at the end.",
)
def _(index, user_ids, seen, k):
    rows = fetched(index, user_ids, k + max(map(len, seen)))
    return [[title for title in row if title not in titles] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake("not cut back to k")
def _(index, user_ids, seen, k):
    rows = fetched(index, user_ids, 10**6)
    return [[title for title in row if title not in titles] for row, titles in zip(rows, seen)]


@recommend_unseen.mistake(
    "more than the index holds",
    "You asked for more titles than the index holds. size(index) is the most it gives.",
    see="index(tf.constant(['u']), k=size(index) + 1)",
)
def _(index, user_ids, seen, k):
    rows = decoded(index(text(user_ids), k=k + max(map(len, seen)))[1])
    return [[title for title in row if title not in titles][:k] for row, titles in zip(rows, seen)]


# The next five are what goes wrong with query_with_exclusions. Where it would give the right lists they are made in the
# quick way: each index of a test would have to be traced for each mistake.


@recommend_unseen.mistake(
    "lists of different lengths",
    'A tensor is a rectangle, and your users have seen different numbers of films. Pad the shorter lists with "".',
    see='tf.constant([["A", "C", "E"], ["F", "D"]])',
)
def _(index, user_ids, seen, k):
    text(seen)
    return unseen(index, user_ids, seen, k)


@recommend_unseen.mistake(
    "empty lists have no type",
    "tf.constant([[], []]) is a tensor of numbers, which cannot be compared with titles. Say its type: tf.string.",
    see="tf.constant([[], []]).dtype",
)
def _(index, user_ids, seen, k):
    import tensorflow as tf

    if not any(seen):
        return index.query_with_exclusions(text(user_ids), tf.constant(seen), k=k)
    return unseen(index, user_ids, seen, k)


@recommend_unseen.mistake(
    "exclusions wider than the index allows",
    "query_with_exclusions fetches k + width, which must not be more than the index holds: it raises instead of "
    "giving what is there. size(index) tells when to fetch all and drop the seen ones yourself.",
)
def _(index, user_ids, seen, k):
    if k + max(map(len, seen)) > index._candidates.shape[0]:
        return index.query_with_exclusions(text(user_ids), padded(seen), k=k)
    return unseen(index, user_ids, seen, k)


@recommend_unseen.mistake(
    "k below zero",
    "The size of the index minus the number of seen titles is below zero here, as not all of them are in the index, and "
    "no query takes such a k. Fetch all, and drop the seen ones yourself.",
)
def _(index, user_ids, seen, k):
    left = min(k, index._candidates.shape[0] - max(map(len, seen)))
    if left < 0:
        return index.query_with_exclusions(text(user_ids), padded(seen), k=left)
    return unseen(index, user_ids, seen, left)


@recommend_unseen.mistake(
    "k cut for the one who has seen most",
    "You made k smaller for the whole batch so that the longest list of seen titles fits. Who has seen less still has "
    "more to get: fetch up to size(index) and drop each user's own.",
)
def _(index, user_ids, seen, k):
    return unseen(index, user_ids, seen, min(k, max(index._candidates.shape[0] - max(map(len, seen)), 0)))


@recommend_unseen.mistake(
    "a trace for every width",
    "You ask user by user, each with a list of its own length, and TensorFlow traces query_with_exclusions anew for "
    'every length. Pad all lists to one width with "", in one batch.',
    see='[tf.constant([["A"] * n]).shape for n in (1, 2, 3)]  # each shape is traced by itself',
)
def _(index, user_ids, seen, k):
    lists = []
    for user, titles in zip(user_ids, seen):
        left = min(k, max(index._candidates.shape[0] - len(titles), 0))
        exclusions = text([titles], (1, len(titles)))
        lists += decoded(index.query_with_exclusions(text([user]), exclusions, k=left)[1]) if left else [[]]
    return lists


@recommend_unseen.alternative("query_with_exclusions, and all that there is where that raises")
def _(index, user_ids, seen, k):
    held = index._candidates.shape[0]
    if k + max(map(len, seen)) <= held:
        return decoded(index.query_with_exclusions(text(user_ids), padded(seen), k=k)[1])
    return [
        [title for title in row if title not in titles][:k]
        for row, titles in zip(decoded(index(text(user_ids), k=held)[1]), seen)
    ]


@recommend_unseen.alternative("numpy: all scores, seen ones to minus infinity")
def _(index, user_ids, seen, k):
    names = [name.decode() for name in index._identifiers.numpy()]
    scores = index.query_model(text(user_ids)).numpy() @ index._candidates.numpy().T
    lists = []
    for row, titles in zip(scores, seen):
        row[np.isin(names, titles)] = -np.inf
        lists.append([names[i] for i in np.argsort(-row, kind="stable")[:k] if row[i] > -np.inf])
    return lists


@recommend_unseen.alternative("user by user, in a loop")
def _(index, user_ids, seen, k):
    lists = []
    for user, titles in zip(user_ids, seen):
        best = []
        for title in fetched(index, [user], k + len(titles))[0]:
            if title not in titles and len(best) < k:
                best.append(title)
        lists.append(best)
    return lists


ranks_of = Item(
    "5.4",
    "ranks_of",
    because=(
        "Once the seen titles are gone, a title's place in what is left is its rank; nothing needs to be subtracted."
    ),
    hints=(
        "If 8 seen films above it vanish, where does a film at rank 12 stand? Which films do not move it?",
        "Decode the bytes, drop the seen titles, and find each title's place in what is left. Or take the rank before "
        "minus the seen titles above it. Either way, first ask whether the title is there.",
        "left = [title.decode() for title in recommended if title.decode() not in ____]\n"
        "return {title: left.index(title) + 1 if title in left else None for title in test_titles}",
    ),
)


def as_bytes(titles):
    return [title.encode() for title in titles]


@ranks_of.test(2)
def test_the_best_has_rank_1(student, rng):
    got = student.ranks_of(["C", "Été (1996)"], as_bytes(["Été (1996)", "A", "C", "B"]))
    expect(got, {"C": 3, "Été (1996)": 1}, "the places of two titles in a list of four, the first place being 1")
    titles = [f"{title} (1996)" for title in named(rng, int(rng.integers(8, 16)), "Été")]
    wanted = rng.permutation(len(titles))[:4].tolist()
    got = student.ranks_of([titles[i] for i in wanted], as_bytes(titles))
    expect(got, {titles[i]: i + 1 for i in wanted}, f"the places of four titles in a list of {len(titles)}")


@ranks_of.test(1)
def test_a_title_that_is_not_there_has_rank_none(student, rng):
    got = student.ranks_of(["B", "Z"], as_bytes(["A", "B", "C"]))
    expect(got, {"B": 2, "Z": None}, "B stands second, and Z is not in the list")
    got = student.ranks_of(["B", "C"], as_bytes(["A", "B", "C"]), ["B", "A"])
    expect(got, {"B": None, "C": 1}, "B was seen and has left the list, and so has A; C is all that is left")
    *titles, absent, other = named(rng, int(rng.integers(14, 22)))
    there, gone = np.split(rng.permutation(len(titles))[:9], [3])
    wanted = [titles[gone[0]], *(titles[i] for i in there), absent]
    got = student.ranks_of(wanted, as_bytes(titles), [*(titles[i] for i in gone), other])
    want = dict.fromkeys(wanted) | {titles[i]: i + 1 - int((gone < i).sum()) for i in there.tolist()}
    expect(got, want, "the first of five titles was seen and the last is not in the list; seven were seen")


@ranks_of.test(1)
def test_12_26_65_become_4_13_44(student, rng):
    titles = [f"Film {place}" for place in range(1, 101)]
    seen = titles[:8] + titles[12:17] + titles[26:34] + titles[70:79] + ["Film 200", "Film 300"]
    got = student.ranks_of(["Film 12", "Film 26", "Film 65"], as_bytes(titles), seen)
    want = {"Film 12": 4, "Film 26": 13, "Film 65": 44}
    expect(
        got,
        want,
        "12 - 8, 26 - 13 and 65 - 21: the seen films above each; 9 more stand below, 2 are not in the list",
    )
    *titles, absent, other = named(rng, int(rng.integers(90, 130)))
    inner = 1 + rng.permutation(len(titles) - 2)  # all but the first and the last, which were seen
    there, gone = inner[:3].tolist(), np.append(inner[3:33], [0, len(titles) - 1])
    got = student.ranks_of([titles[i] for i in there], as_bytes(titles), [absent, *(titles[i] for i in gone), other])
    want = {titles[i]: i + 1 - int((gone < i).sum()) for i in there}
    expect(got, want, "three places, minus the seen films above each; others stand below, 2 are not in the list")


@ranks_of.test(1)
def test_rank_after_is_rank_before_minus_seen_above(student, rng):
    scores = rng.permutation(60)
    order = np.argsort(-scores)
    roles = rng.permutation(60)
    test, seen = roles[:8], roles[8:35]
    got = student.ranks_of([f"F{i}" for i in test], [b"F%d" % i for i in order[:40]], [f"F{i}" for i in seen])
    above = {i: int((scores > scores[i]).sum()) for i in test}
    gone = {i: int((scores[seen] > scores[i]).sum()) for i in test}
    want = {f"F{i}": above[i] + 1 - gone[i] if above[i] < 40 else None for i in test}
    expect(got, want, "for each of 8 titles: the rank among the best 40 of 60 minus the seen titles above it")


def places(recommended):
    return {title.decode(): place for place, title in enumerate(recommended, start=1)}


def less_the_seen(test_titles, recommended, seen, count):
    """Rank before minus what `count` makes of (place, places of the seen titles)."""
    at = {title: place for title, place in places(recommended).items()}
    gone = [at[title] for title in seen if title in at]
    return {t: at[t] - count(at[t], gone) if t in at and t not in seen else None for t in test_titles}


@ranks_of.mistake(
    "no title is ever found",
    "Every rank is None. The list holds bytes, and b'A' == 'A' is False, as is str(b'A') == 'A': .decode() them first. If "
    "you do, look at what you leave out: only the seen titles go.",
    see="'A' in [b'A']",
)
def _(test_titles, recommended, seen=()):
    left = [title for title in recommended if title not in seen]
    return {title: left.index(title) + 1 if title in left else None for title in test_titles}


@ranks_of.mistake("counted from 0", "The best film has rank 1. Python's positions begin at 0.")
def _(test_titles, recommended, seen=()):
    left = [title.decode() for title in recommended if title.decode() not in seen]
    return {title: left.index(title) if title in left else None for title in test_titles}


@ranks_of.mistake(
    "the seen films are still in the list",
    "These are the ranks before the seen films leave. If you do drop them, compare like with like: the list holds bytes, "
    "and b'A' is not in ['A'].",
    see="b'A' in ['A']",
)
def _(test_titles, recommended, seen=()):
    return less_the_seen(test_titles, recommended, (), lambda place, gone: 0)


@ranks_of.mistake(
    "all seen films subtracted",
    "Only seen films that stand above a film move it up; those below it, or not in the list, do not.",
)
def _(test_titles, recommended, seen=()):
    return less_the_seen(test_titles, recommended, seen, lambda place, gone: len(seen))


@ranks_of.mistake("all seen films subtracted")
def _(test_titles, recommended, seen=()):
    at = places(recommended)
    return {t: at[t] - len(seen) if t in at else None for t in test_titles}


@ranks_of.mistake(
    "seen films below it subtracted too",
    "You subtracted every seen film of the list. Those that stand below a film do not move it.",
)
def _(test_titles, recommended, seen=()):
    return less_the_seen(test_titles, recommended, seen, lambda place, gone: len(gone))


@ranks_of.mistake(
    "seen test films keep a rank",
    "A test title that was itself seen has left the list, so its rank is None.",
)
def _(test_titles, recommended, seen=()):
    at = places(recommended)
    gone = [at[title] for title in seen if title in at]
    return {t: at[t] - sum(g < at[t] for g in gone) if t in at else None for t in test_titles}


@ranks_of.mistake("seen test films keep a rank")
def _(test_titles, recommended, seen=()):
    at = places(recommended)
    gone = [at[title] for title in seen if title in at]
    return {t: at[t] - sum(g <= at[t] for g in gone) if t in at else None for t in test_titles}


@ranks_of.mistake(
    "missing titles left out",
    "Every test title is to be in the dict: with None if it is not in the list, so that a miss can be seen and "
    "counted.",
)
def _(test_titles, recommended, seen=()):
    left = [title.decode() for title in recommended if title.decode() not in seen]
    return {title: left.index(title) + 1 for title in test_titles if title in left}


@ranks_of.mistake("missing titles left out")
def _(test_titles, recommended, seen=()):
    ranks = less_the_seen(test_titles, recommended, seen, lambda place, gone: sum(g < place for g in gone))
    return {title: rank for title, rank in ranks.items() if title not in seen}


@ranks_of.mistake("missing titles left out")
def _(test_titles, recommended, seen=()):
    ranks = less_the_seen(test_titles, recommended, seen, lambda place, gone: sum(g < place for g in gone))
    return {title: rank for title, rank in ranks.items() if rank or title in seen}


@ranks_of.mistake(
    "a list, not a dict", "A rank without its title says little: give a dict from each test title to its rank."
)
def _(test_titles, recommended, seen=()):
    ranks = less_the_seen(test_titles, recommended, seen, lambda place, gone: sum(g < place for g in gone))
    return list(ranks.values())


for name, number in ("0 for what is not there", 0), ("-1 for what is not there", -1):

    @ranks_of.mistake(name, f"A title that is not in the list has no rank: None. {number} would look like a good one.")
    def _(test_titles, recommended, seen=(), number=number):
        left = [title.decode() for title in recommended if title.decode() not in seen]
        return {title: left.index(title) + 1 if title in left else number for title in test_titles}


@ranks_of.mistake(
    "a last place for what is not there",
    "A title that is not in the list has no rank: None. How far behind the list it stands, nobody knows.",
)
def _(test_titles, recommended, seen=()):
    left = [title.decode() for title in recommended if title.decode() not in seen]
    return {title: left.index(title) + 1 if title in left else len(recommended) + 1 for title in test_titles}


@ranks_of.mistake("a last place for what is not there")
def _(test_titles, recommended, seen=()):
    left = [title.decode() for title in recommended if title.decode() not in seen]
    return {title: left.index(title) + 1 if title in left else len(left) + 1 for title in test_titles}


@ranks_of.mistake(
    "list.index raises on what is not there",
    "list.index raises a ValueError if the title is not in the list. Ask first with `in`.",
)
def _(test_titles, recommended, seen=()):
    left = [title.decode() for title in recommended if title.decode() not in seen]
    return {title: left.index(title) + 1 for title in test_titles}


@ranks_of.alternative("rank before minus the seen above")
def _(test_titles, recommended, seen=()):
    return less_the_seen(test_titles, recommended, seen, lambda place, gone: sum(g < place for g in gone))


@ranks_of.alternative("pandas: places counted where nothing was seen")
def _(test_titles, recommended, seen=()):
    import pandas as pd

    titles = pd.Series(list(recommended), dtype=object).str.decode("utf-8")
    unseen = titles[~titles.isin(list(seen))]
    ranks = pd.Series(range(1, len(unseen) + 1), index=unseen)
    return {title: int(ranks[title]) if title in ranks.index else None for title in test_titles}


@ranks_of.alternative("one walk down the list")
def _(test_titles, recommended, seen=()):
    ranks, place = dict.fromkeys(test_titles), 0
    for title in np.array(recommended, object):
        title = str(title, "utf-8")
        if title in seen:
            continue
        place += 1
        if title in ranks:
            ranks[title] = place
    return ranks


hit_rate = Item(
    "5.5",
    "hit_rate",
    because=(
        "With >= a film's own score counts as the first of its k places, and every tie against it; minus infinity"
        " never competes."
    ),
    hints=(
        "Which films must not compete for a user's k places? And what would a model get that scores all films alike?",
        "For each user set the scores of the seen films to -infinity, in a copy of the row. A film is a hit if at most "
        "k scores are as high as its own, itself counted. Add up over all users, then divide.",
        "row = np.array(row, float)\n"
        "row[list(gone)] = -np.inf\n"
        "hits += sum(film not in gone and (row ____ row[film]).sum() <= k for film in films)",
    ),
)


def expect_shares(student, scores, test, seen, ks, words):
    """Counts one by one what the hit rate is to be, for each k."""
    votes = sum(map(len, test))
    for k in ks:
        got = student.hit_rate(scores, test, seen, k)
        hits = 0
        for u, films in enumerate(test):
            candidates = [i for i in range(scores.shape[1]) if seen is None or i not in seen[u]]
            for film in films:
                rivals = [i for i in candidates if i != film and scores[u, i] >= scores[u, film]]
                hits += film in candidates and len(rivals) < k
        expect(got, hits / votes, f"the share of {votes} test films among their user's best {k}, {words}")


def roles_of(rng, scores):
    """Each user's films in a drawn order, but the best first and the worst last, so that worst first finds fewer."""
    orders = [np.argsort(-row).tolist() for row in scores]
    return [[best, *rng.permutation(others).tolist(), worst] for best, *others, worst in orders]


@hit_rate.test(1)
def test_every_test_film_is_one_vote(student, rng):
    got = student.hit_rate(np.array([[5.0, 4, 3, 2, 1], [1, 2, 3, 4, 5]]), [[0, 4, 3], [2]], None, 3)
    expect(
        got,
        0.5,
        "2 of 4: the first user's films 0, 4 and 3 stand at ranks 1, 5 and 4, the second user's film 2 at 3",
    )
    _, films, scores = drawn(rng, int(rng.integers(4, 7)), int(rng.integers(8, 12)))
    test = [row[: 1 + u] for u, row in enumerate(roles_of(rng, scores))]
    expect_shares(student, scores, test, None, range(1, len(films) + 1), "all films competing")


@hit_rate.test(2)
def test_seen_films_do_not_compete(student, rng):
    scores = np.array([[6.0, 5, 4, 3, -1, -2], [-6, -5, -4, -3, -2, -1]])
    got = student.hit_rate(scores, [[2, 3, 5, 0], [3, 2]], [[0, 1], [5, 4]], 2)
    meaning = (
        "4 of 6: without the seen films the first user's films 2, 3 and 5 stand at ranks 1, 2 and 4, and film 0 was "
        "itself seen, a miss; the second user's films 3 and 2 stand at 1 and 2"
    )
    expect(got, 4 / 6, meaning)
    got = student.hit_rate(np.array([[1.0, 2, 3]]), [[0, 1]], [[0]], 3)
    expect(got, 0.5, "1 of 2: film 0 was seen and is no candidate, so it is a miss even where every place is given")
    _, films, scores = drawn(rng, 4, int(rng.integers(14, 19)))
    roles = roles_of(rng, scores)
    test = [row[: 4 + u] for u, row in enumerate(roles)]
    seen = [row[3 + u : 8 + u] for u, row in enumerate(roles)]  # the last of each user's test films too
    below_0 = scores - 130
    expect_shares(student, below_0, test, seen, (*range(1, 8), len(films)), "seen films left out")


@hit_rate.test(1)
def test_ties_count_against(student, rng):
    got = student.hit_rate(np.zeros((2, 4)), [[0], [3]], None, 2)
    expect(
        got,
        0.0,
        "no hit: all four scores are 0, so three others score as high as any film, and there are two places",
    )
    got = student.hit_rate(np.array([[2.0, 2, 1, 1]]), [[0, 2]], None, 2)
    expect(got, 0.5, "1 of 2: one other film scores as high as film 0, three score as high as film 2 or higher")
    scores = rng.integers(0, 3, (3, rng.integers(7, 11))).astype(float)
    scores[0] = 1  # all films alike
    test = [rng.permutation(scores.shape[1])[:votes].tolist() for votes in (2, 3, 6)]
    expect_shares(student, scores, test, None, range(1, scores.shape[1] + 1), "where a tie counts against a film")


@hit_rate.test(1)
def test_six_users_of_thirty_films(student, rng):
    scores = rng.integers(-19, 0, (6, 30)).astype(float)
    roles = [rng.permutation(30).tolist() for _ in scores]
    test = [row[: 1 + 2 * i] for i, row in enumerate(roles)]
    seen = [row[12 : 24 - i] for i, row in enumerate(roles)]
    leaving = (seen, "seen films left out"), (None, "all films competing")
    for gone, words in leaving:
        expect_shares(student, scores, test, gone, (5, 2, 9), words)


def rated(scores, test, seen, k, *, masked=-np.inf, hit=None, share=None):
    """hit_rate with one part replaced: `hit` of (row, film), `share` of (hits per user, films per user, k)."""
    hit = hit or (lambda row, film: row[film] > -np.inf and (row >= row[film]).sum() <= k)
    share = share or (lambda hits, films, k: sum(hits) / sum(films))
    hits = []
    for row, films, gone in zip(scores, test, seen or [[] for _ in test]):
        row = np.array(row, float)
        if masked is not None:
            row[list(gone)] = masked
        hits.append(int(sum(bool(hit(row, film)) for film in films)))
    return share(hits, [len(films) for films in test], k)


@hit_rate.mistake(
    "seen films still take places",
    "The seen films still compete, so the result is the same with and without them. Dropping them after the cut to k "
    "does not help either: nothing moves up.",
)
def _(scores, test, seen, k):
    return rated(scores, test, seen, k, masked=None)


@hit_rate.mistake(
    "seen films get an ordinary score",
    "0, or -1, is a score like any other, and better than a lower one. What must never win gets minus infinity.",
    see="np.argsort([0.0, -1.5])[::-1]",
)
def _(scores, test, seen, k):
    return rated(scores, test, seen, k, masked=0)


@hit_rate.mistake(
    "ties count as hits",
    "You counted only films that score strictly higher. So a model that gives every film the same score hits every "
    "time.",
    see="hit_rate(np.zeros((1, 4)), [[0]], None, 1)",
)
def _(scores, test, seen, k):
    return rated(scores, test, seen, k, hit=lambda row, film: row[film] > -np.inf and (row > row[film]).sum() < k)


@hit_rate.mistake(
    "ties go by position",
    "Sorting breaks a tie by position, so a film's column number earns it hits. A film with k others as good has no "
    "place for sure.",
    see="np.argsort(-np.zeros(4), kind='stable')",
)
def _(scores, test, seen, k):
    def hit(row, film):
        return row[film] > -np.inf and film in np.argsort(-row, kind="stable")[:k]

    return rated(scores, test, seen, k, hit=hit)


@hit_rate.mistake(
    "the film counted as its own rival",
    "A film's own score is as high as itself. Count the others only, or allow one more.",
)
def _(scores, test, seen, k):
    return rated(scores, test, seen, k, hit=lambda row, film: (row >= row[film]).sum() < k)


@hit_rate.mistake(
    "one place too many",
    "Ranks counted from 0 go up to k - 1. With `<= k` there are k + 1 places.",
)
def _(scores, test, seen, k):
    return rated(scores, test, seen, k, hit=lambda row, film: (row >= row[film]).sum() <= k + 1)


@hit_rate.mistake("worst films first", "The best film has the highest score; you sorted ascending.")
def _(scores, test, seen, k):
    def hit(row, film):
        return row[film] > -np.inf and film in np.argsort(np.where(row == -np.inf, np.inf, row), kind="stable")[:k]

    return rated(scores, test, seen, k, hit=hit)


@hit_rate.mistake(
    "a seen film can be a hit",
    "A seen film is no candidate, so it is a miss: ask first whether it was seen. Minus infinity only puts it last, and "
    "where there are places for all, last is a hit.",
    see="hit_rate(np.array([[1.0, 2, 3]]), [[0]], [[0]], 3)",
)
def _(scores, test, seen, k):
    def hit(row, film):
        return (row >= row[film]).sum() <= k

    return rated(scores, test, seen, k, hit=hit)


@hit_rate.mistake("a seen film can be a hit")
def _(scores, test, seen, k):
    rows = [np.delete(row, list(gone)) for row, gone in zip(scores, seen or [[] for _ in test])]
    return float(
        np.mean([(row >= own[film]).sum() <= k for row, own, films in zip(rows, scores, test) for film in films])
    )


def by_sorting(scores, test, seen, k, best, *, cut_first=False):
    """hit_rate with the k best looked up in the order that `best` gives, the seen ones dropped before or after."""
    hits = []
    for row, films, gone in zip(np.array(scores, float), test, seen or [[] for _ in test]):
        order = best(row)[:k] if cut_first else best(row)
        left = [film for film in order if film not in gone][:k]
        hits += [film in left for film in films]
    return float(np.mean(hits))


for best in lambda row: np.argsort(-row), lambda row: np.argsort(row)[::-1]:

    @hit_rate.mistake("seen films still take places")
    def _(scores, test, seen, k, best=best):
        return by_sorting(scores, test, seen, k, best, cut_first=True)

    @hit_rate.mistake("ties go by position")
    def _(scores, test, seen, k, best=best):
        return by_sorting(scores, test, seen, k, best)


@hit_rate.mistake("worst films first")
def _(scores, test, seen, k):
    return by_sorting(scores, test, seen, k, np.argsort)


@hit_rate.mistake("worst films first")
def _(scores, test, seen, k):
    def hit(row, film):
        return film in np.argsort(row)[:k]

    return rated(scores, test, seen, k, hit=hit)


@hit_rate.mistake("worst films first")
def _(scores, test, seen, k):
    def hit(row, film):
        return row[film] > -np.inf and film in np.argsort(row)[:k]

    return rated(scores, test, seen, k, hit=hit)


@hit_rate.mistake(
    "the other test films are no rivals", "Other test films are candidates too: they compete for the k places."
)
def _(scores, test, seen, k):
    found = []
    for row, films, gone in zip(scores, test, seen or [[] for _ in test]):
        rivals = np.delete(row, [*films, *gone])
        found += [film not in gone and (rivals >= row[film]).sum() < k for film in films]
    return float(np.mean(found))


@hit_rate.mistake(
    "one vote a user",
    "You averaged over users, so a user with one test film weighs as much as one with a hundred. One vote for each "
    "film: add up first, divide once.",
)
def _(scores, test, seen, k):
    def share(hits, films, k):
        return float(np.mean([h / n for h, n in zip(hits, films) if n]))

    return rated(scores, test, seen, k, share=share)


@hit_rate.mistake(
    "share of users with a hit",
    "You asked whether a user has any hit at all. Every test film is one vote, hit or miss.",
)
def _(scores, test, seen, k):
    return rated(scores, test, seen, k, share=lambda hits, films, k: float(np.mean([h > 0 for h in hits])))


@hit_rate.mistake(
    "divided by k",
    "Hits divided by the places shown is precision. The hit rate divides by the films that were to be found.",
)
def _(scores, test, seen, k):
    return rated(scores, test, seen, k, share=lambda hits, films, k: sum(hits) / (k * len(hits)))


@hit_rate.mistake(
    "divided by the users",
    "Hits per user may pass 1. Every test film is one vote: divide by the number of test films of all users.",
)
def _(scores, test, seen, k):
    return rated(scores, test, seen, k, share=lambda hits, films, k: sum(hits) / len(hits))


@hit_rate.mistake(
    "divided by k when k is small",
    "A user with more than k test films cannot have all of them found, and the rate has to show that: divide by all test "
    "films, not by at most k a user.",
)
def _(scores, test, seen, k):
    return rated(scores, test, seen, k, share=lambda hits, films, k: sum(hits) / sum(min(n, k) for n in films))


@hit_rate.mistake(
    "seen test films have no vote",
    "You left the test films that were seen before out of the sum. They are misses: each test film has one vote.",
)
def _(scores, test, seen, k):
    unseen = [[film for film in films if film not in gone] for films, gone in zip(test, seen or [[] for _ in test])]
    return rated(scores, unseen, seen, k)


@hit_rate.mistake("a count, not a share", "That is the number of hits. Divide by the number of test films.")
def _(scores, test, seen, k):
    return rated(scores, test, seen, k, share=lambda hits, films, k: sum(hits))


@hit_rate.mistake("a percentage", "A share lies between 0 and 1.")
def _(scores, test, seen, k):
    return rated(scores, test, seen, k, share=lambda hits, films, k: 100 * sum(hits) / sum(films))


@hit_rate.mistake(
    "columns moved",
    "Once the seen columns are deleted, those behind them move up, and a film's number is that of another film. Keep "
    "the columns and set their scores to minus infinity.",
    see="np.delete(np.array([6, 5, 4, 3]), [0, 1])[2]",
)
def _(scores, test, seen, k):
    rows = [np.delete(row, gone) for row, gone in zip(scores, seen or [[] for _ in test])]
    hits = [(row >= row[film]).sum() <= k for row, films in zip(rows, test) for film in films]
    return float(np.mean(hits))


@hit_rate.mistake(
    "the test films left out instead",
    "You took the films that are to be found out of the race. It is the seen ones that leave.",
)
def _(scores, test, seen, k):
    return rated(
        scores,
        test,
        seen and test,
        k,
        hit=lambda row, film: row[film] > -np.inf and (row >= row[film]).sum() <= k,
    )


@hit_rate.mistake(
    "seen is None",
    "With seen=None all films stay in the race: do not go through it then.",
    see="[gone for gone in None]",
)
def _(scores, test, seen, k):
    return rated(scores, test, [list(gone) for gone in seen], k)


@hit_rate.alternative("numpy, one row of booleans for all test films of a user")
def _(scores, test, seen, k):
    scores = np.array(scores, float)
    hits = []
    for u, films in enumerate(test):
        if seen is not None:
            scores[u, seen[u]] = np.nan
        with np.errstate(invalid="ignore"):
            rivals = (scores[u] >= scores[u, films][:, None]).sum(axis=1) - 1
        hits.append((rivals < k) & ~np.isnan(scores[u, films]))
    return np.concatenate(hits).mean()


@hit_rate.alternative("pandas: the highest rank among equals")
def _(scores, test, seen, k):
    import pandas as pd

    table = pd.DataFrame(scores, dtype=float)
    for user, films in enumerate(seen or []):
        table.loc[user, list(films)] = np.nan
    ranks = table.rank(axis=1, ascending=False, method="max")
    return float(np.mean([ranks.loc[user, film] <= k for user, films in enumerate(test) for film in films]))


@hit_rate.alternative("plain loops")
def _(scores, test, seen, k):
    found = films = 0
    for u in range(len(test)):
        gone = set() if seen is None else set(seen[u])
        for film in test[u]:
            films += 1
            better = 0
            for other in range(len(scores[u])):
                better += other != film and other not in gone and bool(scores[u][other] >= scores[u][film])
            found += film not in gone and better < k
    return found / films
