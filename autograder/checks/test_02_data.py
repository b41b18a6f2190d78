"""Lesson 2: from ratings to pairs, a split that stays, and what leaks through it."""

import itertools

import numpy as np

from autograder.item import Item, expect, require
from autograder.wire import same

select_fields = Item(
    "2.1",
    "select_fields",
    because=(
        "map builds every element anew, so what the dict does not name is gone, and nothing is read until "
        "somebody asks."
    ),
    hints=(
        "Which two of the fields say who watched what?",
        "ratings.map takes a function from one dict to another.",
        'return ratings.map(lambda rating: {"movie_title": rating["movie_title"], "user_id": ____})',
    ),
)
RATINGS = {
    "user_id": ["138", "92", "301"],
    "movie_id": ["3", "1", "2"],
    "movie_title": ["Low Tide (1991)", "Alibi (1995)", "Bread, The (1993)"],
    "user_rating": [4.0, 1.0, 5.0],
    "timestamp": [300, 100, 200],
}
SEE_FIELDS = "select_fields(movielens.load()[0]).element_spec"


def spec(student, got):
    """The element_spec of what the student returned, in words; refuses what is no dataset."""
    found = student.workshop.spec(got)
    require(found is not None, got, "a tf.data.Dataset")
    return found


@select_fields.test(1)
def test_two_string_fields_are_left(student):
    got = student.select_fields(student.workshop.dataset(RATINGS))
    want = {"user_id": "string", "movie_title": "string"}
    expect(spec(student, got), want, "the fields of one element, by name, and the type of each")


@select_fields.test(1)
def test_each_row_keeps_its_user_and_title(student, rng):
    columns = RATINGS | {"user_id": [str(n) for n in rng.integers(1, 944, size=3)]}
    got = student.select_fields(student.workshop.dataset(columns))
    spec(student, got)
    pairs = zip(columns["user_id"], columns["movie_title"], strict=True)
    want = [{"user_id": user, "movie_title": title} for user, title in pairs]
    expect(student.workshop.first(got, 10), want, "user and title of the three ratings, in their order")


@select_fields.mistake(
    "nothing left out",
    "All fields are still there. map builds each new element: return a dict of the two fields you want, and no others.",
    see=SEE_FIELDS,
)
def _(ratings):
    return ratings


@select_fields.mistake(
    "movie_id kept",
    "In this course the title names the film; with movie_id beside it, one film has two names that do not "
    "always agree.",
    see=SEE_FIELDS,
)
def _(ratings):
    return ratings.map(lambda row: {name: row[name] for name in ("user_id", "movie_id", "movie_title")})


@select_fields.mistake(
    "movie_id in place of the title",
    "In this course the title names the film: 1,682 ids are only 1,664 titles, and all later lessons look titles up.",
    see=SEE_FIELDS,
)
def _(ratings):
    return ratings.map(lambda row: {"user_id": row["user_id"], "movie_id": row["movie_id"]})


@select_fields.mistake(
    "movie_id under the title's name",
    "The field called movie_title holds ids: take rating['movie_title'].",
    see="next(select_fields(movielens.load()[0]).as_numpy_iterator())",
)
def _(ratings):
    return ratings.map(lambda row: {"user_id": row["user_id"], "movie_title": row["movie_id"]})


@select_fields.mistake(
    "the rating kept",
    "Retrieval asks who watched what; how much they liked it is left to the ranking stage, so the rating goes.",
    see=SEE_FIELDS,
)
def _(ratings):
    return ratings.map(lambda row: {name: row[name] for name in ("user_id", "movie_title", "user_rating")})


@select_fields.mistake(
    "the time kept",
    "Who watched what is all that the two towers learn from; when they did is needed for other splits, not here.",
    see=SEE_FIELDS,
)
def _(ratings):
    return ratings.map(lambda row: {name: row[name] for name in ("user_id", "movie_title", "timestamp")})


@select_fields.mistake(
    "other names for the fields",
    "The two values are right, but under names of your own. All later code asks for user_id and movie_title.",
    see=SEE_FIELDS,
)
def _(ratings):
    return ratings.map(lambda row: {"user": row["user_id"], "title": row["movie_title"]})


@select_fields.mistake(
    "low ratings left out",
    "Ratings below 4 are gone. Here a rating means that a film was watched, whatever was thought of it: keep every row.",
    see="next(select_fields(movielens.load()[0]).batch(100_000).as_numpy_iterator())['user_id'].shape",
)
def _(ratings):
    liked = ratings.filter(lambda row: row["user_rating"] >= 4)
    return liked.map(lambda row: {"user_id": row["user_id"], "movie_title": row["movie_title"]})


@select_fields.mistake(
    "a tuple, not a dict",
    "The two values lost their names. Return a dict from the function that you give to map.",
    see=SEE_FIELDS,
)
def _(ratings):
    return ratings.map(lambda row: (row["user_id"], row["movie_title"]))


@select_fields.mistake(
    "user and title swapped",
    "Each value stands under the other's name.",
    see="next(select_fields(movielens.load()[0]).as_numpy_iterator())",
)
def _(ratings):
    return ratings.map(lambda row: {"user_id": row["movie_title"], "movie_title": row["user_id"]})


@select_fields.mistake(
    "user ids turned into numbers",
    "A user id is a name made of digits, not a quantity, and StringLookup in lesson 3 wants strings: leave "
    "it as it is.",
    see=SEE_FIELDS,
)
def _(ratings):
    import tensorflow as tf

    def number(row):
        return {"user_id": tf.strings.to_number(row["user_id"], tf.int32), "movie_title": row["movie_title"]}

    return ratings.map(number)


@select_fields.mistake(
    "batched as well",
    "The elements are batches now. Keep one rating an element: the split shuffles rows, and batches come after it.",
    see=SEE_FIELDS,
)
def _(ratings):
    return ratings.map(lambda row: {"user_id": row["user_id"], "movie_title": row["movie_title"]}).batch(1000)


@select_fields.alternative("a named function that drops the others")
def _(ratings):
    def keep(row):
        row = dict(row)
        for name in list(row):
            if name not in ("user_id", "movie_title"):
                del row[name]
        return row

    return ratings.map(keep, num_parallel_calls=2)


@select_fields.alternative("a generator in plain Python")
def _(ratings):
    import tensorflow as tf

    fields = dict.fromkeys(("user_id", "movie_title"), tf.TensorSpec([], tf.string))
    return tf.data.Dataset.from_generator(
        lambda: ({name: row[name] for name in fields} for row in ratings.as_numpy_iterator()), output_signature=fields
    )


@select_fields.alternative("two datasets zipped")
def _(ratings):
    import tensorflow as tf

    users = ratings.map(lambda row: row["user_id"])
    titles = ratings.map(lambda row: row["movie_title"])
    return tf.data.Dataset.zip({"user_id": users, "movie_title": titles}).prefetch(1)


vocabulary = Item(
    "2.2",
    "vocabulary",
    because=(
        "Batches make one pass quick, and np.unique sorts bytes, which is the order that StringLookup then "
        "numbers."
    ),
    hints=(
        "Does your code see every element? Are they numbers or strings?",
        "Three steps: batch, np.concatenate, np.unique. The first makes it quick, the last also sorts.",
        "return np.unique(np.concatenate([batch.numpy() for batch in ____]))",
    ),
)
# The usual batch of 1,000 ends before the last new words, early words come again, and the number of rows is a
# prime, so that every batch size leaves a shorter last batch: the last word is in that.
LONG = [str(1000 + n % 1050) for n in range(1128)] + ["2050"]


def read_in_part(got):
    """Whether these are the words of the beginning of LONG alone."""
    return isinstance(got, np.ndarray | list) and 0 < len(got) < 1051 and same(got, sorted(LONG[: len(got)]))


@vocabulary.test(2)
def test_words_are_sorted_as_strings(student, rng):
    got = student.vocabulary(student.workshop.dataset(["10", "9", "10", "1"]))
    expect(got, [b"1", b"10", b"9"], "each word of '10', '9', '10', '1' once, sorted as strings")
    words = [str(n) for size in (10, 100, 1000) for n in rng.permutation(size)[:3]]
    words = rng.permutation([*words, *words[2:5]]).tolist()
    got = student.vocabulary(student.workshop.dataset(words))
    expect(got, sorted({word.encode() for word in words}), f"each word of {words} once, sorted as strings")


@vocabulary.test(1)
def test_words_far_down_are_found(student, rng):
    further = int(rng.integers(1, 6000))
    for words in LONG, [str(int(word) + further) for word in LONG]:
        got = student.vocabulary(student.workshop.dataset(words))
        expect(got, sorted(set(words)), "the 1,051 different words among 1,129")


@vocabulary.test(1)
def test_any_strings_will_do(student, rng):
    words = ["".join(rng.choice(list("AZaz é,'("), size=3)) for _ in range(12)]
    words += list(rng.choice(words, size=8))
    got = student.vocabulary(student.workshop.dataset(words))
    expect(got, sorted({word.encode() for word in words}), "each string once, sorted by its bytes")


@vocabulary.mistake(
    "sorted as numbers",
    "The words stand in the order of the numbers they spell. They are names: '10' comes before '9', as in a "
    "dictionary.",
    see='sorted(["10", "9", "1"]), sorted(["10", "9", "1"], key=int)',
)
def _(strings):
    return sorted(set(strings.as_numpy_iterator()), key=int)


@vocabulary.mistake(
    "turned into numbers",
    "The ids became numbers. StringLookup wants the strings, sorted as strings: '10' comes before '9'.",
    see='np.unique([b"10", b"9", b"10", b"1"])',
)
def _(strings):
    return np.unique([int(word) for word in strings.as_numpy_iterator()])


@vocabulary.mistake(
    "not sorted",
    "Each word is there once, but in the order in which it first appeared. np.unique also sorts.",
    see='np.unique([b"10", b"9", b"10", b"1"])',
)
def _(strings):
    return list(dict.fromkeys(strings.as_numpy_iterator()))


@vocabulary.mistake(
    "repeats kept",
    "A word that comes twice would get two rows. The 1,682 films have only 1,664 titles: a list that still "
    "has 1,682 names films by id, or names some of them twice.",
    see='len(["10", "9", "10", "1"]), len(set(["10", "9", "10", "1"]))',
)
def _(strings):
    return sorted(strings.as_numpy_iterator())


@vocabulary.mistake(
    "unique in each batch only",
    "np.unique on each batch does not see that a word of one batch comes again in another: first "
    "concatenate, then unique.",
    see="[np.unique(batch) for batch in ([1, 2], [2, 3])]",
)
def _(strings):
    return np.concatenate([np.unique(batch) for batch in strings.batch(1000).as_numpy_iterator()])


@vocabulary.mistake(
    "the last batch dropped",
    "drop_remainder drops the last batch if it is shorter than the others, and its words with it; with few "
    "words no batch is left at all. A shorter batch does no harm here.",
    see="[len(batch) for batch in tf.data.Dataset.range(1129).batch(1000, drop_remainder=True)]",
)
def _(strings):
    return np.unique(np.concatenate(list(strings.batch(100, drop_remainder=True).as_numpy_iterator())))


@vocabulary.mistake(
    "read in part",
    "Words that come first late in the data are missing. Take every batch, not the first alone, and drop no remainder.",
    see="[len(batch) for batch in tf.data.Dataset.range(1129).batch(1000)]",
    when=read_in_part,
)
def _(strings):
    return np.unique(next(strings.batch(1000).as_numpy_iterator()))


@vocabulary.mistake(
    "the bytes written out, not decoded",
    "str(b'A') is the text \"b'A'\", mark and quotes included. Leave the bytes as they are, or .decode() them.",
    see="str(b'10'), b'10'.decode()",
)
def _(strings):
    return np.unique([str(word) for word in strings.as_numpy_iterator()])


@vocabulary.mistake(
    "a word for the unknown",
    "'[UNK]' is no word of the data. StringLookup adds its own row for unknown words to the list that you give it.",
    see='tf.keras.layers.StringLookup(vocabulary=["1", "10"], mask_token=None).get_vocabulary()',
)
def _(strings):
    return ["[UNK]", *sorted({word.decode() for word in strings.as_numpy_iterator()})]


@vocabulary.mistake(
    "single strings concatenated",
    "np.concatenate joins arrays that have at least one dimension; an element of this dataset is one "
    "string, which has none. Batch first: then an element is a vector.",
    see="[strings.shape for strings in tf.data.Dataset.from_tensor_slices(['10', '9']).batch(2)]",
)
def _(strings):
    return np.unique(np.concatenate(list(strings)))


@vocabulary.alternative("a set of the single strings")
def _(strings):
    return np.array(sorted({word.numpy() for word in strings}))


@vocabulary.alternative("tf.unique and tf.sort by hand")
def _(strings):
    import tensorflow as tf

    words = tf.concat(list(strings.batch(7)), axis=0)
    return np.array(sorted(tf.unique(words).y.numpy()), dtype=object)


@vocabulary.alternative("pandas, decoded")
def _(strings):
    import pandas as pd

    return np.sort(pd.Series([word.decode() for word in strings.as_numpy_iterator()]).unique())


make_split = Item(
    "2.3",
    "make_split",
    because=(
        "A buffer as large as the data lets any row come first; without reshuffling take and skip cut the same "
        "order on every pass."
    ),
    hints=(
        "Read test twice: do the same rows come back? And can any row of the data come first?",
        "shuffle has a buffer, a seed, and a flag for the next pass; take and skip cut its result in two.",
        "shuffled = ds.shuffle(ds.cardinality(), seed=seed, reshuffle_each_iteration=____)",
    ),
)
SEE_SPLIT = (
    "train, test = make_split(tf.data.Dataset.range(10), 6, 3, seed=1); "
    "[[int(n) for n in part] for part in (train, test, test)]"
)


def split(student, rows, n_train, n_test, seed):
    """make_split on `rows`: two handles."""
    ds = student.workshop.dataset(rows)
    got = student.make_split(ds, n_train, n_test, seed)
    pair = isinstance(got, tuple | list) and len(got) == 2
    require(
        pair and all(student.workshop.spec(part) for part in got),
        got,
        "a pair (train, test) of tf.data.Datasets",
    )
    element = {name: student.workshop.spec(part) for name, part in zip(("train", "test"), got, strict=True)}
    row = student.workshop.spec(ds)
    require(same(element, dict.fromkeys(element, row)), element, f"elements that are rows of ds as they are: {row}")
    return got


@make_split.test(2)
def test_every_pass_gives_the_same_rows(student, rng):
    rows = rng.permutation(1000)[:10].tolist()
    train, test = split(student, rows, 6, 3, 1)
    for part in (test, train):
        passes = {name: student.workshop.first(part, 20) for name in ("first pass", "second pass")}
        require(
            passes["first pass"] == passes["second pass"],
            passes,
            "the same rows, in the same order, on every pass",
        )
        expect(len(set(passes["first pass"]) - set(rows)), 0, "the number of rows that ds does not have")


@make_split.test(2)
def test_train_and_test_share_no_row(student, rng):
    rows = rng.permutation(1000)[:40].tolist()
    train, test = (student.workshop.first(part, 50) for part in split(student, rows, 24, 12, 1))
    lengths = [len(train), len(test)]
    require(lengths == [24, 12], lengths, "[24, 12], the numbers of rows in train and in test")
    expect(len({*train, *test} - set(rows)), 0, "the number of rows that ds does not have")
    expect(len(set(train) & set(test)), 0, "the number of rows that are in train and in test")
    expect(len({*train, *test}), 36, "the number of different rows in train and test together")


@make_split.test(1)
def test_the_seed_decides(student, rng):
    users, seed = [str(n) for n in rng.permutation(1000)[:20]], int(rng.integers(3, 99))
    rows = {"user_id": users, "movie_title": list("ABCDEFGHIJKLMNOPQRST")}
    tests = [student.workshop.first(split(student, rows, 15, 5, each)[1], 30) for each in (seed, seed, seed + 1)]
    expect(tests[0] == tests[1], True, f"whether two calls with seed {seed} give the same test rows")
    expect(tests[0] == tests[2], False, f"whether seeds {seed} and {seed + 1} give the same test rows")
    whose = {row["user_id"] if isinstance(row, dict) else row for row in itertools.chain(*tests)}
    expect(len(whose - {user.encode() for user in users}), 0, "the number of users in test whom ds does not have")


@make_split.test(1)
def test_any_row_can_come_anywhere(student, rng):
    tests = [split(student, list(range(20)), 15, 5, seed)[1] for seed in (1, 2)]
    tests = [sorted(student.workshop.first(test, 30)) for test in tests]
    last = [[15, 16, 17, 18, 19]] * 2
    require(tests != last, tests, "test rows, with seeds 1 and 2, that are not just the last of ds")
    rows = rng.permutation(12_000)
    train, _ = split(student, rows, 9_600, 2_400, 1)
    head = student.workshop.first(student.method(train, "batch", 600), 1)
    place = {row: number for number, row in enumerate(rows.tolist())}
    places = np.array([place.get(row, -1) for row in np.ravel(head).tolist()])
    from_the_end = bool((places >= 11_400).any())  # a right answer misses this once in 2 * 10**13
    expect(from_the_end, True, "whether any of the first 600 train rows is among the last 600 of ds's 12,000")
    stay = int((np.diff(places) == 1).sum())  # of a right answer's about 0.05
    require(stay < 20, f"{stay} of 600 rows", "an order of its own: hardly any row right before the one it precedes in ds")


@make_split.mistake(
    "reshuffled on every pass",
    "shuffle draws a new order on each pass unless reshuffle_each_iteration=False: test changes under your "
    "hands, and takes in rows that train has had. A cache behind it keeps nothing until it was read to its "
    "end.",
    see=SEE_SPLIT,
    when=lambda got: isinstance(got, dict) and "second pass" in got,
)
def _(ds, n_train, n_test, seed):
    shuffled = ds.shuffle(100_000, seed=seed)
    return shuffled.take(n_train), shuffled.skip(n_train).take(n_test)


@make_split.mistake(
    "cut from the data as it comes",
    "Train is the beginning of the data and test its end: that is no random choice. Shuffle first, then cut.",
    see=SEE_SPLIT,
)
def _(ds, n_train, n_test, seed):
    return ds.take(n_train), ds.skip(n_train).take(n_test)


@make_split.mistake(
    "split before the shuffle",
    "You cut first and shuffled the parts: test still is the end of the data. Shuffle, then cut.",
    see=SEE_SPLIT,
)
def _(ds, n_train, n_test, seed):
    parts = ds.take(n_train), ds.skip(n_train).take(n_test)
    return tuple(part.shuffle(100_000, seed=seed, reshuffle_each_iteration=False) for part in parts)


@make_split.mistake(
    "rows near where they stood",
    "The rows come out near where they stood in ds, so their order is not random. A shuffle does that whose buffer is "
    "smaller than the data: it fills from the front, and a row cannot come out earlier than the buffer reaches.",
    see="[int(n) for n in tf.data.Dataset.range(10).shuffle(2)]",
)
def _(ds, n_train, n_test, seed):
    shuffled = ds.shuffle(1_000, seed=seed, reshuffle_each_iteration=False)
    return shuffled.take(n_train), shuffled.skip(n_train).take(n_test)


@make_split.mistake(
    "no seed",
    "Without a seed every call draws another order, and nobody can repeat your numbers.",
    see="[[int(n) for n in tf.data.Dataset.range(10).shuffle(10)] for _ in range(2)]",
)
def _(ds, n_train, n_test, seed):
    shuffled = ds.shuffle(100_000, reshuffle_each_iteration=False)
    return shuffled.take(n_train), shuffled.skip(n_train).take(n_test)


@make_split.mistake(
    "the seed is not used",
    "Every seed gives the same split: hand the argument `seed` on to shuffle.",
    see="[int(n) for seed in (1, 2) for n in make_split(tf.data.Dataset.range(10), 6, 3, seed)[1]]",
)
def _(ds, n_train, n_test, seed):
    shuffled = ds.shuffle(100_000, seed=42, reshuffle_each_iteration=False)
    return shuffled.take(n_train), shuffled.skip(n_train).take(n_test)


@make_split.mistake(
    "test taken from train",
    "All of test's rows stand in train too. Cut train off first, and take test from what is left: skip(n_train).",
    see=SEE_SPLIT,
)
def _(ds, n_train, n_test, seed):
    shuffled = ds.shuffle(100_000, seed=seed, reshuffle_each_iteration=False)
    return shuffled.take(n_train), shuffled.take(n_test)


@make_split.mistake(
    "test cut from the unshuffled data",
    "train comes from the shuffled rows and test from `ds` itself, so the two share rows. Cut both from the "
    "same order.",
    see=SEE_SPLIT,
)
def _(ds, n_train, n_test, seed):
    shuffled = ds.shuffle(100_000, seed=seed, reshuffle_each_iteration=False)
    return shuffled.take(n_train), ds.skip(n_train).take(n_test)


@make_split.mistake(
    "two orders",
    "train and test were cut from two different orders of the rows, so they share some. Shuffle once, with "
    "reshuffle_each_iteration=False, and cut both from that.",
    see=SEE_SPLIT,
)
def _(ds, n_train, n_test, seed):
    one, other = (ds.shuffle(100_000, seed=s, reshuffle_each_iteration=False) for s in (seed, seed + 1))
    return one.take(n_train), other.skip(n_train).take(n_test)


@make_split.mistake(
    "all the rest is test",
    "skip leaves every row behind the first n_train: take only n_test of them.",
    see=SEE_SPLIT,
)
def _(ds, n_train, n_test, seed):
    shuffled = ds.shuffle(100_000, seed=seed, reshuffle_each_iteration=False)
    return shuffled.take(n_train), shuffled.skip(n_train)


@make_split.mistake("train and test swapped", "The larger part came second: return (train, test).", see=SEE_SPLIT)
def _(ds, n_train, n_test, seed):
    shuffled = ds.shuffle(100_000, seed=seed, reshuffle_each_iteration=False)
    return shuffled.skip(n_train).take(n_test), shuffled.take(n_train)


@make_split.mistake(
    "batched as well",
    "The elements are batches now, and take and skip count batches. Split single rows; batch the parts afterwards.",
    see="make_split(tf.data.Dataset.range(10), 6, 3, seed=1)[0].element_spec",
)
def _(ds, n_train, n_test, seed):
    shuffled = ds.shuffle(100_000, seed=seed, reshuffle_each_iteration=False)
    return shuffled.take(n_train).batch(8192), shuffled.skip(n_train).take(n_test).batch(4096)


@make_split.alternative("test first, two shuffles of one order")
def _(ds, n_train, n_test, seed):
    test = ds.shuffle(200_000, seed=seed, reshuffle_each_iteration=False).take(n_test)
    return ds.shuffle(200_000, seed=seed, reshuffle_each_iteration=False).skip(n_test).take(n_train), test


@make_split.alternative("the global seed")
def _(ds, n_train, n_test, seed):
    import tensorflow as tf

    tf.random.set_seed(seed)
    shuffled = ds.shuffle(n_train + n_test, reshuffle_each_iteration=False)
    return shuffled.take(n_train), shuffled.skip(n_train).take(n_test)


@make_split.alternative("rows drawn by numpy")
def _(ds, n_train, n_test, seed):
    import tensorflow as tf

    rows = next(ds.batch(1_000_000).as_numpy_iterator())
    order = np.random.default_rng(seed).permutation(len(ds))
    parts = order[:n_train], order[n_train : n_train + n_test]
    picked = [tf.nest.map_structure(lambda column, part=part: column[part], rows) for part in parts]
    return [tf.data.Dataset.from_tensor_slices(rows) for rows in picked]


duplicate_titles = Item(
    "2.4",
    "duplicate_titles",
    because="One pass: a dict from title to a list of ids, then only the lists that are longer than one.",
    hints=(
        "Group the ids by title: which titles have more than one?",
        "A dict of lists, then a filter: setdefault(title, []) gives a title's list, or starts an empty one.",
        'ids.setdefault(film["movie_title"], []).append(____)',
    ),
)
FILMS = {  # A has two ids, far apart; C three and E two, one behind the other
    "movie_id": ["101", "102", "103", "104", "105", "106", "107", "108", "109"],
    "movie_title": ["A", "B", "A", "C", "C", "C", "D", "E", "E"],
    "movie_genres": [[7], [0, 4], [7], [1, 2, 3], [1], [1, 2], [5], [6], [6, 7]],
}
DUPLICATES = {b"A": [b"101", b"103"], b"C": [b"104", b"105", b"106"], b"E": [b"108", b"109"]}
SEE_FILMS = "list(duplicate_titles(movielens.load()[1]).items())[:3]"


@duplicate_titles.test(2)
def test_titles_with_several_ids(student, rng):
    got = student.duplicate_titles(student.workshop.records(FILMS))
    expect(got, DUPLICATES, "the ids of each title that more than one film has")
    names, ids = rng.permutation(list("STUVWXYZ"))[:4].tolist(), [str(n) for n in rng.permutation(900)[:10]]
    titles = rng.permutation([name for several, name in enumerate(names, start=1) for _ in range(several)]).tolist()
    want = {name: [i for i, title in zip(ids, titles, strict=True) if title == name] for name in names[1:]}
    films = {"movie_id": ids, "movie_title": titles, "movie_genres": [[1]] * 9 + [[1, 2]]}
    got = student.duplicate_titles(student.workshop.records(films))
    expect(got, want, "the ids of titles that two, three and four films have")


@duplicate_titles.test(1)
def test_any_films_and_none(student, rng):
    titles = [f"{letter} (19{year})" for letter, year in zip("AABCCDEF", rng.integers(10, 99, 8), strict=True)]
    titles = rng.permutation(titles).tolist()
    titles += titles[-1], titles[0]
    ids = [str(n) for n in np.sort(rng.choice(np.arange(100, 1000), size=10, replace=False))]
    want = {title: [i for i, t in zip(ids, titles, strict=True) if t == title] for title in titles}
    want = {title: several for title, several in want.items() if len(several) > 1}
    films = {"movie_id": ids, "movie_title": titles, "movie_genres": [[1]] * 9 + [[1, 2]]}
    got = student.duplicate_titles(student.workshop.records(films))
    expect(got, want, "the ids of each title that more than one film has")
    alone = {"movie_id": ["1", "2"], "movie_title": ["A", "B"], "movie_genres": [[1], [1, 2]]}
    got = student.duplicate_titles(student.workshop.records(alone))
    expect(got, {}, "nothing: neither title has a second film")


def ids_by_title(movies):
    """{title: [id, ...]} of all films, for the mistakes."""
    ids = {}
    for film in movies.as_numpy_iterator():
        ids.setdefault(film["movie_title"], []).append(film["movie_id"])
    return ids


@duplicate_titles.mistake(
    "counts instead of ids",
    "You counted the films of each title. The ids themselves are wanted, in a list.",
    see=SEE_FILMS,
)
def _(movies):
    return {title: len(ids) for title, ids in ids_by_title(movies).items() if len(ids) > 1}


@duplicate_titles.mistake(
    "every title kept",
    "Titles with a single id are still there: keep those whose list is longer than one.",
    see=SEE_FILMS,
)
def _(movies):
    return ids_by_title(movies)


@duplicate_titles.mistake(
    "the first id left out",
    "You noted an id only when its title had come before. The film that came first shares the title too.",
    see=SEE_FILMS,
)
def _(movies):
    return {title: ids[1:] for title, ids in ids_by_title(movies).items() if len(ids) > 1}


@duplicate_titles.mistake(
    "only the last id kept",
    "A dict holds one value a key, so each id overwrote the one before. Let the value be a list, and append to it.",
    see=SEE_FILMS,
)
def _(movies):
    return {title: ids[-1] for title, ids in ids_by_title(movies).items() if len(ids) > 1}


@duplicate_titles.mistake(
    "only two ids kept",
    "A title may have more than two films: C has three. Append every id to the list of its title.",
    see=SEE_FILMS,
)
def _(movies):
    return {title: [ids[0], ids[-1]] for title, ids in ids_by_title(movies).items() if len(ids) > 1}


@duplicate_titles.mistake(
    "neighbours only",
    "Only films that stand one behind the other were compared; A's two films have another between them.",
    see="import itertools; [(key, len(list(group))) for key, group in itertools.groupby('ABACCC')]",
)
def _(movies):
    import itertools

    films = [(film["movie_title"], film["movie_id"]) for film in movies.as_numpy_iterator()]
    groups = itertools.groupby(films, key=lambda film: film[0])
    ids = {title: [film[1] for film in group] for title, group in groups}
    return {title: several for title, several in ids.items() if len(several) > 1}


@duplicate_titles.mistake(
    "exactly two",
    "You kept the titles with exactly two ids. More than one is wanted: C has three.",
    see=SEE_FILMS,
)
def _(movies):
    return {title: ids for title, ids in ids_by_title(movies).items() if len(ids) == 2}


@duplicate_titles.mistake(
    "more than two",
    "You kept the titles with three ids or more. Two films with one title are duplicates already.",
    see=SEE_FILMS,
)
def _(movies):
    return {title: ids for title, ids in ids_by_title(movies).items() if len(ids) > 2}


@duplicate_titles.mistake(
    "titles without their ids",
    "These are the right titles, but their ids are missing: return a dict from title to list.",
    see=SEE_FILMS,
)
def _(movies):
    return [title for title, ids in ids_by_title(movies).items() if len(ids) > 1]


@duplicate_titles.mistake(
    "no duplicates found",
    "The dict is empty. If its key is the id: no id has two titles, so it is the title that has to be the key. If it is a "
    "tensor: two tensors are different keys, whatever they hold, so take their bytes, .numpy().",
    see=SEE_FILMS,
)
def _(movies):
    titles = {}
    for film in movies.as_numpy_iterator():
        titles.setdefault(film["movie_id"], []).append(film["movie_title"])
    return {movie_id: several for movie_id, several in titles.items() if len(several) > 1}


@duplicate_titles.mistake(
    "the bytes written out, not decoded",
    "str(b'A') is the text \"b'A'\", mark and quotes included. Leave the bytes as they are, or .decode() them.",
    see="str(b'A'), b'A'.decode()",
)
def _(movies):
    return {str(title): ids for title, ids in ids_by_title(movies).items() if len(ids) > 1}


@duplicate_titles.mistake(
    "ids turned into numbers",
    "An id is a name made of digits: leave it the byte string that TensorFlow gives.",
    see=SEE_FILMS,
)
def _(movies):
    return {title: [int(i) for i in ids] for title, ids in ids_by_title(movies).items() if len(ids) > 1}


@duplicate_titles.mistake(
    "whole films batched",
    "Films have one to six genres, and a batch wants tensors of one shape. Map to the two fields first, or "
    "go film by film.",
    see="movielens.load()[1].element_spec",
)
def _(movies):
    return next(movies.batch(2000).as_numpy_iterator())


@duplicate_titles.alternative("pandas, two fields in one batch")
def _(movies):
    import pandas as pd

    two = movies.map(lambda film: {"title": film["movie_title"], "id": film["movie_id"]})
    frame = pd.DataFrame(next(two.batch(2000).as_numpy_iterator()))
    several = frame[frame["title"].duplicated(keep=False)]
    return {title: group.tolist() for title, group in several.groupby("title")["id"]}


@duplicate_titles.alternative("numpy, sorted and cut where the title changes")
def _(movies):
    two = movies.map(lambda film: (film["movie_title"], film["movie_id"])).batch(2000)
    titles, ids = (column.astype(str) for column in next(two.as_numpy_iterator()))
    order = np.argsort(titles, kind="stable")
    names, starts = np.unique(titles[order], return_index=True)
    groups = np.split(ids[order], starts[1:])
    return {str(name): group for name, group in zip(names, groups, strict=True) if len(group) > 1}


@duplicate_titles.alternative("Counter, tensors, decoded")
def _(movies):
    from collections import Counter, defaultdict

    films = [(film["movie_id"].numpy().decode(), film["movie_title"].numpy().decode()) for film in movies]
    count, ids = Counter(title for _, title in films), defaultdict(list)
    for movie_id, title in films:
        if count[title] > 1:
            ids[title].append(movie_id)
    return ids


leakage_report = Item(
    "2.5",
    "leakage_report",
    because=(
        "A row leaks if its pair or its future is in train; users and titles are counted once each, rows once "
        "each."
    ),
    hints=(
        "What leaks here: a row, a user, a title, a time? And what does each number count?",
        "Sets for users, for titles and for (user, title) tuples; a dict of each user's newest train time.",
        "np.mean([time < newest[user] for user, time in ____])  # a user without a newest time is not older",
    ),
)


def table(rows):
    """Columns of (user, title, time) rows, as the exercise describes them."""
    users, titles, times = zip(*rows, strict=True)
    return {
        "user_id": np.array([user.encode() for user in users], object),
        "movie_title": np.array([title.encode() for title in titles], object),
        "timestamp": np.array(times, np.int64),
    }


TRAIN = table([("1", "A", 30), ("1", "B", 26), ("2", "A", 40), ("2", "C", 60), ("2", "A", 50), ("3", "D", 5)])
TEST = table(
    [("1", "A", 20), ("1", "A", 25), ("1", "A", 40), ("1", "C", 30), ("2", "A", 45), ("2", "B", 55)]
    + [("9", "E", 1), ("9", "E", 70), ("8", "F", 3)]
)
MEANINGS = {
    "shared_pairs": "the test rows whose (user, title) train has too",
    "unseen_users": "the different users of test whom train does not have",
    "unseen_titles": "the different titles of test that train does not have",
    "older_than_train": "the share of all test rows that are older than their user's newest train row",
}


def report_of(student, train, test):
    got = student.leakage_report(train, test)
    keys = isinstance(got, dict) and set(got) == set(MEANINGS)
    require(keys, got, f"a dict with these keys: {', '.join(MEANINGS)}")
    return got


def by_hand(train, test):
    """The report, row by row against every row."""
    trained, tested = (list(zip(*columns.values(), strict=True)) for columns in (train, test))
    users, titles = {user for user, _, _ in trained}, {title for _, title, _ in trained}
    shared = [any((user, title) == row[:2] for row in trained) for user, title, _ in tested]
    older = [any(user == row[0] and time < row[2] for row in trained) for user, _, time in tested]
    return {
        "shared_pairs": sum(shared),
        "unseen_users": len({user for user, _, _ in tested if user not in users}),
        "unseen_titles": len({title for _, title, _ in tested if title not in titles}),
        "older_than_train": sum(older) / len(older),
    }


@leakage_report.test(1)
def test_shared_pairs(student):
    expect(report_of(student, TRAIN, TEST)["shared_pairs"], 4, MEANINGS["shared_pairs"])


@leakage_report.test(1)
def test_unseen_users_and_titles(student):
    got = report_of(student, TRAIN, TEST)
    expect(got["unseen_users"], 2, MEANINGS["unseen_users"])
    expect(got["unseen_titles"], 2, MEANINGS["unseen_titles"])


@leakage_report.test(2)
def test_older_than_the_users_newest_train_row(student):
    expect(report_of(student, TRAIN, TEST)["older_than_train"], 4 / 9, MEANINGS["older_than_train"])


@leakage_report.test(1)
def test_any_rows(student, rng):
    def rows(n, n_users, letters):
        users, titles = rng.integers(1, n_users, size=n), rng.choice(list(letters), size=n)
        return table(zip(map(str, users), titles, rng.integers(0, 60, size=n).tolist(), strict=True))

    for n in 30, 50:
        train, test = rows(n, 7, "ABCDEF"), rows(n, 9, "CDEFGH")
        got, want = report_of(student, train, test), by_hand(train, test)
        for key, meaning in MEANINGS.items():
            expect(got[key], want[key], meaning)


def pairs(columns):
    return list(zip(columns["user_id"], columns["movie_title"], strict=True))


def newest_of(train, better=max):
    """The newest time of each user in train, for the mistakes."""
    times = {}
    for user, time in zip(train["user_id"], train["timestamp"], strict=True):
        times[user] = better(time, times.get(user, time))
    return times


@leakage_report.mistake(
    "each pair counted once",
    "A pair that stands in test several times counted as one. Every test row whose pair is in train is a leaked row.",
)
def _(train, test):
    return by_hand(train, test) | {"shared_pairs": len(set(pairs(train)) & set(pairs(test)))}


@leakage_report.mistake(
    "train rows counted",
    "You counted the rows of train whose pair is in test. The test rows are wanted: it is they that are no "
    "test any more.",
)
def _(train, test):
    return by_hand(train, test) | {"shared_pairs": sum(pair in set(pairs(test)) for pair in pairs(train))}


@leakage_report.mistake(
    "every match counted",
    "A test row counted as often as train has its pair, as merge or a double loop does. It is one row: count it once.",
)
def _(train, test):
    return by_hand(train, test) | {"shared_pairs": sum(pairs(train).count(pair) for pair in pairs(test))}


@leakage_report.mistake(
    "user and title looked up separately",
    "A user whom train has and a title that train has are not yet a pair that train has: they must stand in one row.",
)
def _(train, test):
    known = np.isin(test["user_id"].astype(str), train["user_id"].astype(str))
    known &= np.isin(test["movie_title"].astype(str), train["movie_title"].astype(str))
    return by_hand(train, test) | {"shared_pairs": int(known.sum())}


@leakage_report.mistake(
    "pairs that never match",
    "No pair was found. What you compared is more than user and title, such as the time too, or tensors, "
    "which are equal only to themselves as members of a set. Compare tuples of plain values.",
)
def _(train, test):
    import tensorflow as tf

    trained, tested = ({(tf.constant(u).ref(), tf.constant(t).ref()) for u, t in pairs(c)} for c in (train, test))
    return by_hand(train, test) | {"shared_pairs": len(trained & tested)}


@leakage_report.mistake(
    "rows counted, not users and titles",
    "A user or a title that stands in several test rows counted several times. Take sets first.",
)
def _(train, test):
    users, titles = set(train["user_id"]), set(train["movie_title"])
    return by_hand(train, test) | {
        "unseen_users": sum(user not in users for user in test["user_id"]),
        "unseen_titles": sum(title not in titles for title in test["movie_title"]),
    }


@leakage_report.mistake(
    "the wrong way round",
    "You counted what train has and test has not. A model is at a loss with what *test* has and train has not.",
)
def _(train, test):
    return by_hand(train, test) | {
        "unseen_users": len(set(train["user_id"]) - set(test["user_id"])),
        "unseen_titles": len(set(train["movie_title"]) - set(test["movie_title"])),
    }


@leakage_report.mistake(
    "in one of the two, not in test alone",
    "The ^ of two sets holds what either has and the other has not. Wanted is what test has and train has not: test - train.",
)
def _(train, test):
    return by_hand(train, test) | {
        "unseen_users": len(set(train["user_id"]) ^ set(test["user_id"])),
        "unseen_titles": len(set(train["movie_title"]) ^ set(test["movie_title"])),
    }


@leakage_report.mistake(
    "every pair of rows has a vote",
    "You compared each test row with each train row of its user, as a merge does, and averaged over these pairs. Each "
    "test row has one vote: find its user's newest train row first.",
)
def _(train, test):
    times = {user: train["timestamp"][train["user_id"] == user] for user in set(test["user_id"])}
    votes = [time < times[user] for user, time in zip(test["user_id"], test["timestamp"], strict=True)]
    return by_hand(train, test) | {"older_than_train": np.concatenate(votes).mean()}


@leakage_report.mistake(
    "everybody's newest row",
    "You compared with the newest row of all of train. Each test row has to be compared with its own user's newest.",
)
def _(train, test):
    return by_hand(train, test) | {"older_than_train": np.mean(test["timestamp"] < train["timestamp"].max())}


def older(train, test, better=max, absent=-1, compare=np.less):
    """The share of older test rows, with another choice at one point or another, for the mistakes."""
    newest = newest_of(train, better)
    return np.mean([compare(time, newest.get(user, absent)) for user, time in zip(test["user_id"], test["timestamp"])])


@leakage_report.mistake(
    "last row instead of newest",
    "You took each user's last row in the order of train. Train is shuffled: the newest row is the one with "
    "the largest time.",
)
def _(train, test):
    return by_hand(train, test) | {"older_than_train": older(train, test, better=lambda time, _: time)}


@leakage_report.mistake(
    "oldest row instead of newest",
    "You compared with each user's oldest train row. One newer train row is enough to have seen the future: "
    "take the newest.",
)
def _(train, test):
    return by_hand(train, test) | {"older_than_train": older(train, test, better=min)}


@leakage_report.mistake(
    "the same second counts as older",
    "A test row at the very time of the user's newest train row is not older: < and not <=.",
)
def _(train, test):
    return by_hand(train, test) | {"older_than_train": older(train, test, compare=np.less_equal)}


@leakage_report.mistake(
    "newer instead of older",
    "These are the test rows that lie after the user's train rows, the ones that do not leak. Turn the "
    "comparison round.",
)
def _(train, test):
    return by_hand(train, test) | {"older_than_train": older(train, test, absent=10**12, compare=np.greater)}


@leakage_report.mistake(
    "unknown users count as older",
    "A user without train rows has no newest one, so no test row of theirs is older.",
)
def _(train, test):
    return by_hand(train, test) | {"older_than_train": older(train, test, absent=10**12)}


@leakage_report.mistake(
    "unknown users left out",
    "You divided by the test rows of the users whom train has. The share is one of all test rows.",
)
def _(train, test):
    known = np.array([user in set(train["user_id"]) for user in test["user_id"]])
    return by_hand(train, test) | {"older_than_train": older(train, {k: v[known] for k, v in test.items()})}


@leakage_report.mistake(
    "one user, one vote",
    "You took a share per user and averaged those: here each test row has one vote, and heavy users have many.",
)
def _(train, test):
    shares = [older(train, {k: v[test["user_id"] == user] for k, v in test.items()}) for user in set(test["user_id"])]
    return by_hand(train, test) | {"older_than_train": np.mean(shares)}


@leakage_report.mistake("a count, not a share", "You counted the older rows. Divide by the number of test rows.")
def _(train, test):
    return by_hand(train, test) | {"older_than_train": older(train, test) * len(test["user_id"])}


@leakage_report.mistake("percent", "A share lies between 0 and 1: leave the factor 100 out.")
def _(train, test):
    return by_hand(train, test) | {"older_than_train": older(train, test) * 100}


@leakage_report.alternative("pandas")
def _(train, test):
    import pandas as pd

    train, test = pd.DataFrame(train), pd.DataFrame(test)
    on = ["user_id", "movie_title"]
    shared = test.merge(train[on].drop_duplicates(), on=on)
    newest = train.groupby("user_id")["timestamp"].max()
    return {
        "shared_pairs": len(shared),
        "unseen_users": test["user_id"][~test["user_id"].isin(train["user_id"])].nunique(),
        "unseen_titles": test["movie_title"][~test["movie_title"].isin(train["movie_title"])].nunique(),
        "older_than_train": (test["timestamp"] < test["user_id"].map(newest)).mean(),
    }


@leakage_report.alternative("one walk over dictionaries")
def _(train, test):
    from collections import Counter

    films, newest = Counter(zip(train["user_id"], train["movie_title"])), {}
    for user, time in zip(train["user_id"].tolist(), train["timestamp"].tolist()):
        newest[user] = max(time, newest.get(user, time))
    shared = older = 0
    for user, title, time in zip(test["user_id"], test["movie_title"], test["timestamp"].tolist()):
        shared += films[user, title] > 0
        older += user in newest and time < newest[user]
    return {
        "shared_pairs": shared,
        "unseen_users": len({user for user in test["user_id"] if user not in newest}),
        "unseen_titles": len(set(test["movie_title"]).difference(train["movie_title"])),
        "older_than_train": older / len(test["timestamp"]),
    }


@leakage_report.alternative("numpy")
def _(train, test):
    user, other = train["user_id"].astype(str), test["user_id"].astype(str)
    both, other_both = (
        np.char.add(np.char.add(u, "|"), c["movie_title"].astype(str)) for u, c in ((user, train), (other, test))
    )
    same_user = other[:, None] == user[None, :]
    return {
        "shared_pairs": np.isin(other_both, both).sum(),
        "unseen_users": np.setdiff1d(other, user).size,
        "unseen_titles": np.setdiff1d(test["movie_title"].astype(str), train["movie_title"].astype(str)).size,
        "older_than_train": (same_user & (test["timestamp"][:, None] < train["timestamp"])).any(axis=1).mean(),
    }
