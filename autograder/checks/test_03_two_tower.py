"""Lesson 3: towers, rows, scores, the best k, and the size of it all."""

import numpy as np

from autograder.item import Item, expect, require

build_tower = Item(
    "3.1",
    "build_tower",
    because="StringLookup gives len(vocab) + 1 different rows, 0 for unknown words, so the table has as many.",
    hints=(
        "How many rows does the table need, if the words that nobody knows need one too?",
        "A tf.keras.Sequential of StringLookup(vocabulary=..., mask_token=None), then Embedding(rows, dim).",
        "tf.keras.layers.Embedding(len(vocab) + ____, dim)",
    ),
)
WORDS = ["1", "10", "2"]
UNKNOWN = ["7", "dd42", "999", "x", ""]


def vocabularies(rng):
    """A small vocabulary and the length of a vector, then both drawn."""
    drawn = sorted(str(n) for n in rng.permutation(range(10, 900))[: rng.integers(4, 12)])
    return (WORDS, 5), (drawn, int(rng.integers(6, 64)))


def embedded(student, vocab, dim, words):
    """What a new tower over `vocab`, `dim` numbers a vector, gives for `words`, and the tower."""
    tower = student.build_tower(vocab, dim)
    meaning = (
        "a tf.keras.Model, such as a tf.keras.Sequential of the layers: not the layers alone, nor the vectors they give"
    )
    require(student.workshop.is_model(tower), tower, meaning)
    return student.workshop.embed(tower, words), tower


def the_same(words, vectors):
    """How many of the words, each of which comes more than once, get the same vector wherever they stand."""
    return sum(different(vectors[[each == word for each in words]]) == 1 for word in set(words))


def different(vectors):
    """How many different vectors of numbers there are, but for rounding: the rows of one matrix product can differ in
    their last bits on some processors, though they are of one word. The vectors are random, their number is not."""
    vectors = np.asarray(vectors)
    if vectors.dtype.kind not in "iuf" or not 0 < vectors.size <= 100_000 or vectors.size > 1_000 * len(vectors):
        return 0  # nothing that can have been asked for
    rows = np.unique(vectors.reshape(len(vectors), -1).astype(float), axis=0)
    return 1 + int((~(np.abs(np.diff(rows, axis=0)) <= 1e-6).all(axis=1)).sum())  # NaN is like nothing


@build_tower.test(2)
def test_every_word_has_a_vector_of_its_own(student, rng):
    for vocab, dim in vocabularies(rng):
        words = rng.permutation([*vocab, *vocab]).tolist()
        vectors, _ = embedded(student, vocab, dim, words)
        n = len(vocab)
        meaning = f"the shape of what the tower gives for a batch of {2 * n} words: a vector of {dim} numbers each"
        expect(shape(vectors), [2 * n, dim], meaning)
        expect(different(vectors), n, f"the number of different vectors that {n} known words get, each asked for twice")
        meaning = f"how many of {n} known words, asked for in any order, get the same vector both times"
        expect(the_same(words, vectors), n, meaning)


@build_tower.test(2)
def test_unknown_words_share_one_vector(student, rng):
    for vocab, dim in vocabularies(rng):
        vectors, _ = embedded(student, vocab, dim, UNKNOWN)
        expect(shape(vectors), [5, dim], "the shape of what the tower gives for a batch of 5 unknown words")
        expect(different(vectors[:4]), 1, "the number of different vectors that 4 unknown words get")
        expect(
            different(vectors),
            1,
            "the number of different vectors that 5 unknown words get, one of them the empty string",
        )
        words = rng.permutation([*UNKNOWN, *vocab[-2:]]).tolist()
        vectors, _ = embedded(student, vocab, dim, words)
        expect(shape(vectors), [7, dim], "the shape of what the tower gives for a batch of 7 words")
        expect(different(vectors), 3, "the number of different vectors that 5 unknown words and 2 known ones get")


@build_tower.test(2)
def test_the_table_has_one_row_a_word_and_one_more(student, rng):
    for vocab, dim in vocabularies(rng):
        words = rng.permutation([*vocab, *UNKNOWN]).tolist()
        vectors, tower = embedded(student, vocab, dim, words)
        n, tables = len(vocab), student.workshop.weights(tower)
        expect(
            [shape(table) for table in tables],
            [[n + 1, dim]],
            f"the shapes of the trained tables: one table, a row for each of {n} words and one for all others",
        )
        expect(shape(vectors), [n + 5, dim], f"the shape of what the tower gives for a batch of {n + 5} words")
        expect(
            different(vectors),
            n + 1,
            f"the number of different vectors that {n} known words and 5 unknown ones get together",
        )
        table = rng.normal(size=(n + 1, dim)).astype(np.float32)  # as if the tower had been trained to this
        student.workshop.fill(tower, [table])
        vectors = student.workshop.embed(tower, words)
        expect(shape(vectors), [n + 5, dim], f"the shape of what the tower gives for a batch of {n + 5} words then")
        meaning = f"how many of the {n + 5} vectors are rows of the table as they stand, when other numbers were put into it"
        expect(standing_in(table, vectors), n + 5, meaning)
        expect(different(vectors), n + 1, "the number of different vectors that the words get then")


def shape(value):
    return list(value.shape) if isinstance(value, np.ndarray) else value


def standing_in(table, vectors):
    """How many of the vectors are rows of the table; none of more than can have been asked for."""
    if shape(vectors) != [len(vectors), table.shape[1]] or np.size(table) * np.size(vectors) > 1_000_000:
        return 0
    return sum(bool(np.isclose(table, vector, atol=1e-6).all(axis=1).any()) for vector in vectors)


def tower_of(*layers):
    """What a Sequential of the layers does, without tracing them at the first call: a diagnosis is twice as quick."""
    import tensorflow as tf

    class Tower(tf.keras.Model):
        def call(self, batch):
            for layer in self.steps:
                batch = layer(batch)
            return batch

    tower = Tower()
    tower.steps = layers
    return tower


def lookup(vocab, **options):
    import tensorflow as tf

    return tf.keras.layers.StringLookup(vocabulary=vocab, **{"mask_token": None, **options})


def table(rows, dim):
    import tensorflow as tf

    return tf.keras.layers.Embedding(rows, dim)


@build_tower.mistake(
    "a row too few",
    "StringLookup keeps row 0 for unknown words, without a word for them in its vocabulary. Its own words stand in the rows "
    "after it, and the last of them asks for a row that your table does not have.",
    see='build_tower(["1", "10", "2"], 5)(tf.constant(["2"]))',
)
def _(vocab, dim):
    return tower_of(lookup(vocab), table(len(vocab), dim))


@build_tower.mistake(
    "a mask token as well",
    "A mask token, here the empty string, gets row 0 for itself, and every other word a row number higher by one. "
    "Nothing is padded in this course: mask_token=None, and row 0 is the unknown word's.",
    see='build_tower(["1", "10", "2"], 5).layers[0](tf.constant(["", "7", "1"]))',
)
def _(vocab, dim):
    return tower_of(lookup(vocab, mask_token=""), table(len(vocab) + 2, dim))


@build_tower.mistake(
    "a mask token, and no row for it",
    "A mask token, here the empty string, takes row 0, and every other row number is higher by one: the last word falls off the table. "
    "Nothing is padded in this course: mask_token=None.",
    see='build_tower(["1", "10", "2"], 5).layers[0](tf.constant(["", "7", "2"]))',
)
def _(vocab, dim):
    return tower_of(lookup(vocab, mask_token=""), table(len(vocab) + 1, dim))


@build_tower.mistake(
    "several unknown rows",
    "Your tower deals the unknown words out over several rows, as a hash does with num_oov_indices=2. One shared row is what "
    "was asked for, and it is the default.",
    see='build_tower(["1", "10", "2"], 5).layers[0](tf.constant(["7", "dd42", "999"]))',
)
def _(vocab, dim):
    return tower_of(lookup(vocab, num_oov_indices=2), table(len(vocab) + 2, dim))


@build_tower.mistake(
    "unknown words are refused",
    "num_oov_indices is how many rows the unknown words get, not which: with 0 there is none, and an unknown word is an error.",
    see='build_tower(["1", "10", "2"], 5)(tf.constant(["7"]))',
)
def _(vocab, dim):
    return tower_of(lookup(vocab, num_oov_indices=0), table(len(vocab), dim))


@build_tower.mistake(
    "a row too many",
    "Without a mask token there is one special row, not two: a row of your table is never asked for.",
    see='build_tower(["1", "10", "2"], 5).layers[1].input_dim',
)
def _(vocab, dim):
    return tower_of(lookup(vocab), table(len(vocab) + 2, dim))


@build_tower.mistake(
    "rows and columns exchanged",
    "Embedding takes the number of rows first, then the length of a vector.",
    see='build_tower(["1", "10", "2"], 5)(tf.constant(["1"])).shape',
)
def _(vocab, dim):
    return tower_of(lookup(vocab), table(dim, len(vocab) + 1))


@build_tower.mistake(
    "dim is not used",
    "Your vectors always have 32 numbers; the caller says how many it wants.",
    see='build_tower(["1", "10", "2"], 5)(tf.constant(["1"])).shape',
)
def _(vocab, dim):
    return tower_of(lookup(vocab), table(len(vocab) + 1, 32))


@build_tower.mistake(
    "row numbers, but no vectors",
    "StringLookup only says in which row a word stands. The vector comes from a second layer, the table.",
    see='build_tower(["1", "10", "2"], 5)(tf.constant(["1"]))',
)
def _(vocab, dim):
    return tower_of(lookup(vocab))


@build_tower.mistake(
    "the vocabulary was not handed over",
    "A StringLookup without a vocabulary has nothing to look words up in. Give it vocab.",
    see='build_tower(["1", "10", "2"], 5)(tf.constant(["1"]))',
)
def _(vocab, dim):
    return tower_of(lookup(None), table(len(vocab) + 1, dim))


@build_tower.mistake(
    "hashed instead of looked up",
    "A hash knows no vocabulary: words collide, and an unknown word gets the vector of a known one.",
    see='build_tower(["1", "10", "2"], 5).layers[0](tf.constant(["1", "10", "2", "7"]))',
)
def _(vocab, dim):
    import tensorflow as tf

    return tower_of(tf.keras.layers.Hashing(len(vocab) + 1), table(len(vocab) + 1, dim))


@build_tower.mistake(
    "an axis too many",
    "A batch of strings has the shape [B]. You declared [B, 1], so each word's vector comes wrapped in one more axis.",
    see='build_tower(["1", "10", "2"], 5)(tf.constant(["1", "2"])).shape',
)
def _(vocab, dim):
    import tensorflow as tf

    words = tf.keras.Input(shape=(1,), dtype=tf.string)
    return tf.keras.Model(words, table(len(vocab) + 1, dim)(lookup(vocab)(words)))


@build_tower.mistake(
    "strings read as numbers",
    "Your tower takes its input for numbers, and ids such as '42' are strings. IntegerLookup and Embedding want numbers; so "
    "does a Sequential if its StringLookup was adapted, not given vocabulary=..., or if its Input lacks dtype=tf.string.",
    see='build_tower(["1", "10", "2"], 5)(tf.constant(["1"]))',
)
def _(vocab, dim):
    import tensorflow as tf

    numbers = tf.keras.layers.IntegerLookup(vocabulary=[int(word) for word in vocab], mask_token=None)
    return tower_of(numbers, table(len(vocab) + 1, dim))


@build_tower.mistake("strings read as numbers")
def _(vocab, dim):
    import tensorflow as tf

    return tf.keras.Sequential([tf.keras.Input(shape=()), lookup(vocab), table(len(vocab) + 1, dim)])


@build_tower.mistake(
    "a text split into words",
    "TextVectorization is for sentences: it splits a text into words and pads them, so it has an axis and a row more. "
    "An id is one word: StringLookup.",
    see='tf.keras.layers.TextVectorization(vocabulary=["1", "10", "2"])(tf.constant(["1"]))',
)
def _(vocab, dim):
    import tensorflow as tf

    return tower_of(tf.keras.layers.TextVectorization(vocabulary=vocab), table(len(vocab) + 1, dim))


@build_tower.mistake("a text split into words")
def _(vocab, dim):
    import tensorflow as tf

    return tower_of(tf.keras.layers.TextVectorization(vocabulary=vocab), table(len(vocab) + 2, dim))


@build_tower.mistake(
    "the vocabulary in the place of max_tokens",
    "StringLookup's first argument is max_tokens. Hand the words over by name: vocabulary=...",
    see='tf.keras.layers.StringLookup(["1", "10", "2"])',
)
def _(vocab, dim):
    import tensorflow as tf

    return tower_of(tf.keras.layers.StringLookup(vocab, mask_token=None), table(len(vocab) + 1, dim))


@build_tower.mistake(
    "a table that does not train",
    "Keras sees no table to train in your tower: it is frozen (trainable=False), or hidden, as a variable in a Lambda is. Its "
    "vectors would stay random for ever.",
    see='build_tower(["1", "10", "2"], 5).layers[1].trainable',
)
def _(vocab, dim):
    tower = tower_of(lookup(vocab), table(len(vocab) + 1, dim))
    tower.trainable = False
    return tower


@build_tower.mistake(
    "a layer too many",
    "Two layers are enough: the dictionary and the table. Your tower trains more than its table.",
    see='build_tower(["1", "10", "2"], 5).layers',
)
def _(vocab, dim):
    import tensorflow as tf

    return tower_of(lookup(vocab), table(len(vocab) + 1, dim), tf.keras.layers.Dense(dim))


@build_tower.mistake(
    "vectors changed after the table",
    "A tower gives the rows of its table as they stand. Yours changes them afterwards, as UnitNormalization does: the length of "
    "a vector counts in the dot product.",
    see='np.linalg.norm(build_tower(["1", "10", "2"], 5)(tf.constant(["1", "2"])), axis=1)',
)
def _(vocab, dim):
    import tensorflow as tf

    return tower_of(lookup(vocab), table(len(vocab) + 1, dim), tf.keras.layers.UnitNormalization())


@build_tower.mistake(
    "all words alike",
    "Every word gets the same vector, as from a table that begins with zeros. An Embedding begins with random numbers if you "
    "leave its initializer alone.",
    see='build_tower(["1", "10", "2"], 5)(tf.constant(["1", "2"]))',
)
def _(vocab, dim):
    import tensorflow as tf

    return tower_of(lookup(vocab), tf.keras.layers.Embedding(len(vocab) + 1, dim, embeddings_initializer="zeros"))


@build_tower.mistake(
    "nothing returned",
    "The function makes a tower and keeps it to itself: the last line must return it.",
)
def _(vocab, dim):
    tower_of(lookup(vocab), table(len(vocab) + 1, dim))


@build_tower.alternative("functional API, looked-up vocabulary size")
def _(vocab, dim):
    import tensorflow as tf

    words = tf.keras.Input(shape=(), dtype=tf.string)
    rows = tf.keras.layers.StringLookup(mask_token=None)
    rows.set_vocabulary(vocab)
    return tf.keras.Model(words, tf.keras.layers.Embedding(rows.vocabulary_size(), dim)(rows(words)))


@build_tower.alternative("a dictionary in TensorFlow, one product with the one-hot row")
def _(vocab, dim):
    import tensorflow as tf

    rows = tf.lookup.KeyValueTensorInitializer(tf.constant(vocab), tf.range(1, len(vocab) + 1))

    class Tower(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.rows = tf.lookup.StaticHashTable(rows, default_value=0)
            self.table = self.add_weight("table", [len(vocab) + 1, dim])

        def call(self, words):
            return tf.one_hot(self.rows.lookup(words), len(vocab) + 1) @ self.table

    return Tower()


@build_tower.alternative("a subclass, with a variable and a gather")
def _(vocab, dim):
    import tensorflow as tf

    class Tower(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.rows = tf.keras.layers.StringLookup(vocabulary=vocab, mask_token=None)
            self.table = tf.Variable(tf.random.normal([len(vocab) + 1, dim]))

        def call(self, words):
            return tf.gather(self.table, self.rows(words))

    return Tower()


row_of = Item(
    "3.2",
    "row_of",
    because="Row 0 is the unknown word's; the others follow the vocabulary's order, whatever the words look like.",
    hints=(
        "Which row is kept for the words that are not in the vocabulary?",
        "vocab.index(word) is the position in the list, counted from 0; ask `word in vocab` first.",
        "return vocab.index(word) + ____ if word in vocab else 0",
    ),
)


@row_of.test(1)
def test_known_words_stand_after_the_unknown_row(student, rng):
    expect(
        student.row_of(["1", "10", "2", "24"], "10"),
        2,
        "the row of '10': row 0 is the unknown word's, row 1 that of '1'",
    )
    expect(student.row_of(["10", "1"], "1"), 2, "the row of '1': the list counts as it stands, row 1 is that of '10'")
    words = rng.permutation([f"{n}{end}" for n in rng.permutation(range(10, 99))[:4] for end in ("", "1a", "0b")]).tolist()
    for row in rng.permutation(range(1, 13)).tolist():
        expect(student.row_of(words, words[row - 1]), row, f"the row of {words[row - 1]!r} among {words}")


@row_of.test(1)
def test_unknown_words_go_to_row_0(student, rng):
    words = [f"{n}{end}" for n in rng.permutation(range(10, 99))[:4] for end in ("1a", "0b")]
    for known, word in (["1", "10", "2"], "3"), (words, words[int(rng.integers(8))][:-1]), (words, words[-1][:2]):
        expect(student.row_of(known, word), 0, "the row of every word that is not in the vocabulary")
    for row in rng.permutation(range(1, 9)).tolist():
        expect(student.row_of(words, words[row - 1]), row, "not row 0: this word is in the vocabulary")


@row_of.test(1)
def test_rows_follow_the_order_of_the_vocabulary(student, rng):
    users = sorted(str(n) for n in range(1, 944))
    for user in "42", str(rng.integers(2, 95)):
        expect(student.row_of(users, user), 1 + users.index(user), f"the row of user {user!r} among the 943, sorted as strings")
    words = rng.permutation(["Fargo", "Babe", "Cube", "Dune", "Evita", "Gattaca", "Heat"]).tolist() + ["Alien"]
    for word in ["Alien", *rng.permutation(words[:7]).tolist()]:
        row = 1 + words.index(word)
        expect(
            student.row_of(words, word),
            row,
            f"the row of word number {row}, whatever the words are: their order counts",
        )


@row_of.mistake(
    "the id is not the row number",
    "You turned the id into a number. Rows follow the vocabulary's order, and that is sorted as strings: '10' before '2'.",
    see='row_of(["1", "10", "2"], "10")',
)
def _(vocab, word):
    return int(word) if word in vocab else 0


@row_of.mistake("the id is not the row number")
def _(vocab, word):
    return int(word) + 1 if word in vocab else 0


@row_of.mistake("the id is not the row number")
def _(vocab, word):
    return int(word) + 1


@row_of.mistake(
    "row 0 forgotten",
    "Row 0 is kept for unknown words: the row of a known word is its position in the list plus one.",
    see='row_of(["1", "10", "2"], "1")',
)
def _(vocab, word):
    return vocab.index(word) if word in vocab else 0


@row_of.mistake(
    "no row for unknown words",
    "vocab.index(word) raises for a word that is not there, and so does a dict. A tower does not: unknown words have a row of "
    "their own.",
    see='row_of(["1", "10", "2"], "3")',
)
def _(vocab, word):
    return vocab.index(word) + 1


@row_of.mistake("no row for unknown words")
def _(vocab, word):
    return {known: row for row, known in enumerate(vocab, start=1)}[word]


@row_of.mistake(
    "the unknown row put last",
    "The row of unknown words is row 0, the first of the table, not the last. The known words follow it.",
    see='row_of(["1", "10", "2"], "3")',
)
def _(vocab, word):
    return vocab.index(word) if word in vocab else len(vocab)


@row_of.mistake("the unknown row put last")
def _(vocab, word):
    return vocab.index(word) + 1 if word in vocab else len(vocab) + 1


@row_of.mistake("the unknown row put last")
def _(vocab, word):
    return vocab.index(word) + 1 if word in vocab else len(vocab)


@row_of.mistake(
    "the number of unknown rows taken for its index",
    "There is *one* row for unknown words, and its index is 0. Index 1 belongs to the first known word.",
    see='row_of(["1", "10", "2"], "3")',
)
def _(vocab, word):
    return vocab.index(word) + 1 if word in vocab else 1


@row_of.mistake(
    "a mask token counted",
    "With mask_token=None nothing is kept for padding: unknown words have row 0, and the first known word row 1.",
    see='row_of(["1", "10", "2"], "1")',
)
def _(vocab, word):
    return vocab.index(word) + 2 if word in vocab else 1


@row_of.mistake("a mask token counted")
def _(vocab, word):
    return vocab.index(word) + 2 if word in vocab else 0


@row_of.mistake(
    "only the first word is found",
    "Only the first word of the list is ever found, as when a loop returns in its `else`. Return 0 after the loop, not in it.",
    see='row_of(["1", "10", "2"], "2")',
)
def _(vocab, word):
    for row, known in enumerate(vocab, start=1):
        return row if known == word else 0


@row_of.mistake(
    "a part taken for the word",
    "Between two strings `in` asks whether one is a part of the other: '1' is a part of '10'. Compare with ==.",
    see='"1" in "10"',
)
def _(vocab, word):
    return next((row for row, known in enumerate(vocab, start=1) if word in known), 0)


@row_of.mistake("a part taken for the word")
def _(vocab, word):
    return next((row for row, known in enumerate(vocab, start=1) if known in word), 0)


@row_of.mistake(
    "no row at all for unknown words",
    "A tower has a vector for every string, so every string has a row: row 0 if it is unknown.",
    see='row_of(["1", "10", "2"], "3")',
)
def _(vocab, word):
    return vocab.index(word) + 1 if word in vocab else None


@row_of.mistake(
    "-1 for unknown words",
    "A tower has a vector for every string, so every string has a row: row 0 if it is unknown.",
    see='row_of(["1", "10", "2"], "3")',
)
def _(vocab, word):
    return vocab.index(word) + 1 if word in vocab else -1


@row_of.mistake(
    "the list sorted again",
    "Rows follow the list as it stands. It is sorted in this course, but the tower does not sort, and neither must you.",
    see='row_of(["b", "a"], "a")',
)
def _(vocab, word):
    return sorted(vocab).index(word) + 1 if word in vocab else 0


@row_of.mistake(
    "sorted as numbers",
    "The words are strings, whatever they look like, and rows follow the list as it stands: '10' before '2'.",
    see='row_of(["1", "10", "2"], "10")',
)
def _(vocab, word):
    return sorted(vocab, key=int).index(word) + 1 if word in vocab else 0


@row_of.mistake(
    "searched as if sorted",
    "searchsorted and bisect find a place for *any* word, known or not, and only in a sorted list. Ask whether the word is "
    "there, and take the list as it stands.",
    see='row_of(["1", "10", "2"], "3")',
)
def _(vocab, word):
    return np.searchsorted(vocab, word) + 1


@row_of.alternative("a dictionary")
def _(vocab, word):
    return {known: row for row, known in enumerate(vocab, start=1)}.get(word, 0)


@row_of.alternative("a loop over the table")
def _(vocab, word):
    row = 0
    for position, known in enumerate([None, *vocab]):
        if known == word:
            row = position
    return row


@row_of.alternative("numpy")
def _(vocab, word):
    (places,) = np.nonzero(np.array(vocab) == word)
    return places[0] + 1 if len(places) else 0


score_matrix = Item(
    "3.3",
    "score_matrix",
    because="A matrix product pairs every row of u with every row of v, once v is turned over: [B, d] times [d, N].",
    hints=(
        "One number for each user and each film: which product of two matrices has B rows and N columns?",
        "A matrix product, u @ ..., with one of the two transposed (.T) so that the axes of length d meet.",
        "return np.asarray(u) @ np.asarray(v).____",
    ),
)


def floats(rows):
    return np.array(rows, np.float32)


@score_matrix.test(2)
def test_two_users_and_two_films_then_one_user_and_three(student, rng):
    got = student.score_matrix(floats([[1, 2], [3, 0.5]]), floats([[2, 1], [0, 3]]))
    expect(got, [[4, 6], [6.5, 1.5]], "a row for each user, a column for each film; 4 is 1·2 + 2·1, and 6 is 1·0 + 2·3")
    got = student.score_matrix(floats([[1, 2]]), floats([[1, 0], [0, 1], [3, 4]]))
    expect(
        got,
        [[1, 2, 11]],
        "one row for one user, and in it a score for each of 3 films: 1·1 + 2·0, 1·0 + 2·1, 1·3 + 2·4",
    )
    for n_users, n_films in (1, 5), (4, 1):
        u, v = (rng.integers(-8, 9, [rows, 3]) / 4 for rows in (n_users, n_films))
        want = [[float(sum(user * film)) for film in v] for user in u]
        expect(student.score_matrix(floats(u), floats(v)), want, f"users by films: [{n_users}, {n_films}]")


@score_matrix.test(2)
def test_every_user_meets_every_film(student, rng):
    u, v = (rng.integers(-8, 9, [rows, 3]) / 4 for rows in (4, 3))
    want = [[sum(a * b for a, b in zip(user, film, strict=True)) for film in v] for user in u]
    got = student.score_matrix(floats(u), floats(v))
    expect(got, want, "4 users by 3 films, each number the dot product of the user's vector with the film's")


@score_matrix.mistake(
    "films by users",
    "The numbers are right, but a row belongs to a film. A row for each user, a column for each film: [B, N].",
    see="score_matrix(np.ones([1, 2]), np.ones([3, 2])).shape",
)
def _(u, v):
    return v @ u.T


@score_matrix.mistake(
    "not transposed",
    "In u @ v the columns of u meet the *rows* of v, and those are films, not dimensions. It runs only when N happens to be d, "
    "and is wrong even then.",
    see="score_matrix(np.ones([1, 2]), np.ones([3, 2]))",
)
def _(u, v):
    return u @ v


@score_matrix.mistake(
    "multiplied, not summed",
    "An elementwise product keeps the dimensions apart. A dot product adds them up, and `*` never pairs all users with all films.",
    see="score_matrix(np.ones([1, 2]), np.ones([3, 2])).shape",
)
def _(u, v):
    return u * v


@score_matrix.mistake(
    "row by row",
    "You paired user 1 with film 1, user 2 with film 2, and so on. Every user must meet every film: B·N numbers, not B.",
    see="score_matrix(np.ones([2, 2]), np.ones([2, 2])).shape",
)
def _(u, v):
    return (u * v).sum(axis=1)


@score_matrix.mistake("row by row")
def _(u, v):
    return np.array([np.dot(user, film) for user, film in zip(u, v)])


@score_matrix.mistake("row by row")
def _(u, v):
    return np.array([u[i] @ v[i] for i in range(len(u))])


@score_matrix.mistake("not transposed")
def _(u, v):
    return np.dot(u, v)


@score_matrix.mistake("not transposed")
def _(u, v):
    import tensorflow as tf

    return tf.matmul(u, v)


@score_matrix.mistake(
    "reshaped, not transposed",
    "reshape deals all numbers out anew, in reading order, and so mixes the films. v.T turns rows into columns.",
    see="np.array([[1, 2], [3, 4], [5, 6]]).reshape(2, 3)",
)
def _(u, v):
    return u @ v.reshape(v.shape[1], v.shape[0])


@score_matrix.mistake(
    "summed over the wrong axis",
    "Of [B, N, d] you summed away the films or the users. A dot product sums over the d dimensions, the last axis.",
    see="score_matrix(np.ones([1, 2]), np.ones([3, 2])).shape",
)
def _(u, v):
    return (u[:, None] * v[None]).sum(axis=1)


@score_matrix.mistake("summed over the wrong axis")
def _(u, v):
    return (u[:, None] * v[None]).sum(axis=0)


@score_matrix.mistake(
    "cut to whole numbers",
    "Scores are float32, and yours lost what stands after the point, as in an array of ints.",
    see="score_matrix(np.array([[0.5]]), np.array([[1.0]]))",
)
def _(u, v):
    return (u @ v.T).astype(int)


@score_matrix.mistake(
    "an axis squeezed away",
    "One user still makes a matrix, of one row: [1, N]. Squeezing it breaks whatever comes next for a batch of one.",
    see="score_matrix(np.ones([1, 2]), np.ones([3, 2])).shape",
)
def _(u, v):
    return np.squeeze(u @ v.T)


@score_matrix.mistake(
    "cosine instead of dot product",
    "You divided by the vectors' lengths. A two-tower score keeps them: a longer film vector scores higher (or lower) with all.",
    see="score_matrix(np.array([[1., 2.]]), np.array([[1., 2.], [3., 6.]]))",
)
def _(u, v):
    return (u / np.linalg.norm(u, axis=1, keepdims=True)) @ (v / np.linalg.norm(v, axis=1, keepdims=True)).T


@score_matrix.mistake(
    "squeezed between 0 and 1",
    "You put a sigmoid over the scores. A score is no probability: it has no bounds, and only its order within one user counts.",
    see="score_matrix(np.array([[1., 2.]]), np.array([[3., 4.]]))",
)
def _(u, v):
    return 1 / (1 + np.exp(-(u @ v.T)))


@score_matrix.mistake(
    "softmax over the films",
    "You turned each row into shares that sum to 1. That is for the loss, in the next lesson; a score is the plain dot product.",
    see="score_matrix(np.array([[1., 2.]]), np.array([[3., 4.], [0., 1.]])).sum()",
)
def _(u, v):
    scores = np.exp(u @ v.T - (u @ v.T).max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


@score_matrix.mistake(
    "averaged, not summed",
    "A dot product adds the products up and does not divide by their number.",
    see="score_matrix(np.ones([1, 2]), np.ones([3, 2]))",
)
def _(u, v):
    return u @ v.T / u.shape[1]


@score_matrix.mistake(
    "divided by the square root of d",
    "That scaling belongs to attention layers. Two towers use the plain dot product.",
    see="score_matrix(np.ones([1, 4]), np.ones([3, 4]))",
)
def _(u, v):
    return u @ v.T / u.shape[1] ** 0.5


@score_matrix.mistake(
    "distance instead of dot product",
    "You measured how far apart the points lie. The dot product multiplies: it grows with a film's length, a distance does not.",
    see="score_matrix(np.array([[1., 2.]]), np.array([[1., 2.]]))",
)
def _(u, v):
    return np.linalg.norm(u[:, None] - v[None], axis=2)


@score_matrix.alternative("two loops")
def _(u, v):
    return [[float(sum(a * b for a, b in zip(user, film, strict=True))) for film in v] for user in u]


@score_matrix.alternative("TensorFlow")
def _(u, v):
    import tensorflow as tf

    return tf.linalg.matmul(u, v, transpose_b=True)


@score_matrix.alternative("broadcast and sum")
def _(u, v):
    return (np.asarray(u)[:, None, :] * np.asarray(v)[None, :, :]).sum(axis=2)


@score_matrix.alternative("einsum")
def _(u, v):
    return np.einsum("bd,nd->bn", u, v)


top_k = Item(
    "3.4",
    "top_k",
    because=(
        "A stable sort of the negative scores puts the best first and leaves equal scores in their order; "
        "positions then look up both."
    ),
    hints=(
        "Which axis of scores is the films', and which order has the best film first?",
        'np.argsort(..., axis=1, kind="stable") sorts upwards, keeps ties in order and gives positions; '
        "np.take_along_axis looks them up, user by user.",
        'best = np.argsort(____, axis=1, kind="stable")[:, :k]',
    ),
)


@top_k.test(2)
def test_the_best_two_of_four(student, rng):
    got = student.top_k(floats([[1, 5.5, 2, 3], [9, 6, 8, 7], [0, 1, 5, 2]]), ["A", "B", "C", "D"], 2)
    want = ([[5.5, 3], [9, 8], [5, 2]], [["B", "D"], ["A", "C"], ["C", "D"]])
    expect(got, want, "two arrays: each user's 2 highest scores, the highest first, and the films that have them")
    scores, films, k = rng.permutation(27).reshape(3, 9) / 8 - 1, rng.permutation(list("KLMNOPQRS")), int(rng.integers(2, 6))
    best = np.argsort(-scores, axis=1)[:, :k]
    got = student.top_k(floats(scores), films.tolist(), k)
    expect(got, (np.take_along_axis(scores, best, axis=1), films[best]), f"each user's {k} highest scores, and the films")


@top_k.test(1)
def test_of_equal_scores_the_first_film_comes_first(student, rng):
    ids = ["Dune", "Cube", "Evita", "Alien", "Babe"]
    got = student.top_k(floats([[5, 7, 5, 7, 5], [-2, -2, -1, -2, -2]]), ids, 3)
    expect(
        got,
        ([[7, 7, 5], [-1, -2, -2]], [["Cube", "Alien", "Dune"], ["Evita", "Dune", "Cube"]]),
        "Cube and Alien tie, so Cube, which stands first, comes first; then Dune, the first of three with 5",
    )
    scores, films = rng.integers(0, 3, (4, 9)), rng.permutation(list("KLMNOPQRS"))
    best = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    got = student.top_k(floats(scores), films.tolist(), 5)
    expect(got, (np.take_along_axis(scores, best, axis=1), films[best]), "of equal scores the film that stands first")


@top_k.test(1)
def test_many_users_and_films(student, rng):
    scores, ids = rng.integers(0, 12, [3, 60]), rng.permutation(100)[:60].tolist()
    best = [sorted(range(60), key=lambda film, row=row: (-row[film], film))[:20] for row in scores.tolist()]
    want = (
        [[row[film] for film in films] for row, films in zip(scores.tolist(), best, strict=True)],
        [[ids[film] for film in films] for films in best],
    )
    got = student.top_k(floats(scores), ids, 20)
    expect(got, want, "the 20 best of 60 films for 3 users; many scores tie, and ties keep the order of ids")


@top_k.mistake(
    "worst first",
    "np.argsort sorts upwards, so you took the lowest scores. The best film is the one with the highest score.",
    see='top_k(np.array([[1., 9.]]), ["A", "B"], 1)',
)
def _(scores, ids, k):
    best = np.argsort(scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake(
    "the right films, the best one last",
    "The last k of an upward sort are the best k, but the best of all stands at the end. Best first.",
    see='top_k(np.array([[1., 4., 2., 3.]]), ["A", "B", "C", "D"], 2)',
)
def _(scores, ids, k):
    best = np.argsort(scores, axis=1, kind="stable")[:, -k:]
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake(
    "ties turned round",
    "Turning an upward sort round also turns the ties round: of equal scores your last film comes first. Sort by -scores instead.",
    see='top_k(np.array([[7., 7.]]), ["A", "B"], 1)',
)
def _(scores, ids, k):
    best = np.argsort(scores, axis=1, kind="stable")[:, ::-1][:, :k]
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake("ties turned round")
def _(scores, ids, k):
    best = np.argsort(scores, axis=1)[:, ::-1][:, :k]
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake("worst first")
def _(scores, ids, k):
    best = np.argsort(scores, axis=1)[:, :k]
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake("the right films, the best one last")
def _(scores, ids, k):
    best = np.argsort(scores, axis=1)[:, -k:]
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake(
    "ties broken by name",
    "Where scores tie, you sorted by the films, as sorting pairs of (score, film) does. Sort by the score alone: then equal "
    "scores keep the order of ids.",
    see='sorted([(7, "A"), (7, "B")], reverse=True)',
)
def _(scores, ids, k):
    pairs = [sorted(zip(row, ids, strict=True), reverse=True)[:k] for row in np.asarray(scores).tolist()]
    return [[score for score, _ in row] for row in pairs], [[film for _, film in row] for row in pairs]


@top_k.mistake("ties broken by name")
def _(scores, ids, k):
    best = np.array([np.lexsort((ids, -row))[:k] for row in scores])
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake(
    "cut to whole numbers",
    "The scores lost what stands after the point. They are float32, and are returned as they came.",
    see='top_k(np.array([[1.5, 9.5]]), ["A", "B"], 1)[0]',
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, best, axis=1).astype(int), np.asarray(ids)[best]


@top_k.mistake(
    "the scores turned negative",
    "The films are right, but the scores have the other sign: you sorted -scores and returned those.",
    see='top_k(np.array([[1., 9.]]), ["A", "B"], 1)[0]',
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(-scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake(
    "ties in no order",
    'np.argsort\'s default sort, like argpartition, may shuffle equal scores, which shows on long rows. kind="stable" keeps their order.',
    see="top_k(np.zeros([1, 200]), range(200), 5)[1]",
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1)[:, :k]
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake(
    "the best k, but in no order",
    "argpartition finds the k best and leaves them unsorted. Sort those k afterwards, best first.",
    see='top_k(np.array([[1., 4., 2., 3.]]), ["A", "B", "C", "D"], 3)',
)
def _(scores, ids, k):
    best = np.sort(np.argsort(-scores, axis=1, kind="stable")[:, :k], axis=1)
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake(
    "positions instead of films",
    "argsort and tf.math.top_k give positions. Look the films up at those positions in ids.",
    see='top_k(np.array([[1., 9.]]), ["A", "B"], 1)[1]',
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, best, axis=1), best


@top_k.mistake(
    "films and scores exchanged",
    "Scores come first, then the films.",
    see='top_k(np.array([[1., 9.]]), ["A", "B"], 1)',
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.asarray(ids)[best], np.take_along_axis(scores, best, axis=1)


@top_k.mistake(
    "only the films",
    "Two things are returned: the scores, and the films that have them.",
    see='top_k(np.array([[1., 9.]]), ["A", "B"], 1)',
)
def _(scores, ids, k):
    return np.asarray(ids)[np.argsort(-scores, axis=1, kind="stable")[:, :k]]


@top_k.mistake(
    "only the scores",
    "A score alone names no film. Sort positions (argsort), and look up the scores and the films at the same positions.",
    see='top_k(np.array([[1., 9.]]), ["A", "B"], 1)',
)
def _(scores, ids, k):
    return -np.sort(-scores, axis=1)[:, :k]


@top_k.mistake(
    "pairs instead of two arrays",
    "Each score came in a pair with its film. Two things are wanted: all scores, [B, k], then all films, [B, k].",
    see='len(top_k(np.array([[1., 9.]]), ["A", "B"], 1))',
)
def _(scores, ids, k):
    pairs = [sorted(zip(row, ids, strict=True), key=lambda pair: -pair[0])[:k] for row in scores.tolist()]
    return [[(score, film) for score, film in row] for row in pairs]


@top_k.mistake("pairs instead of two arrays")
def _(scores, ids, k):
    return [sorted(zip(row, ids, strict=True), reverse=True)[:k] for row in scores.tolist()]


@top_k.mistake(
    "two arrays for each user",
    "You return a pair for each user. Two things are wanted: all scores, [B, k], then all films, [B, k].",
    see='len(top_k(np.ones([3, 2]), ["A", "B"], 1))',
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return [(row[films], np.asarray(ids)[films]) for row, films in zip(scores, best, strict=True)]


@top_k.mistake(
    "rows looked up instead of films",
    "scores[best] takes whole rows, and those are users. np.take_along_axis(scores, best, axis=1) takes from each row its own "
    "positions.",
    see="np.array([[1., 9.]])[np.array([[1, 0]])]",
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1)[:, :k]
    return scores[best], np.asarray(ids)[best]


@top_k.mistake("rows looked up instead of films")
def _(scores, ids, k):
    best = np.argsort(scores)[::-1][:k]
    return scores[best], np.asarray(ids)[best]


@top_k.mistake(
    "everyone's films looked up for everyone",
    "scores[:, best] takes every user's positions from every row: [B, B, k]. np.take_along_axis(scores, best, axis=1) takes "
    "from each row its own.",
    see="np.ones([2, 3])[:, np.array([[0], [1]])].shape",
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return scores[:, best], np.asarray(ids)[best]


@top_k.mistake("everyone's films looked up for everyone")
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1)[:, :k]
    return scores[:, best], np.asarray(ids)[best]


@top_k.mistake(
    "users turned round, not films",
    "[::-1] turns the rows round, and those are users. [:, ::-1] would turn each user's films.",
    see="np.array([[1, 2], [3, 4]])[::-1]",
)
def _(scores, ids, k):
    best = np.argsort(scores, axis=1, kind="stable")[::-1][:, :k]
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake("users turned round, not films")
def _(scores, ids, k):
    best = np.argsort(scores, axis=1)[::-1][:, :k]
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake(
    "the best one left out",
    "You kept the second to the (k+1)th. Positions count from 0: the first k are [:, :k].",
    see='top_k(np.array([[9., 5., 1.]]), ["A", "B", "C"], 1)',
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1, kind="stable")[:, 1 : k + 1]
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake(
    "the lowest scores beside the best films",
    "The films are right, but np.sort goes upwards: its first k are the lowest scores. Look the scores up at the films' positions.",
    see='top_k(np.array([[1., 9.]]), ["A", "B"], 1)',
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.sort(scores, axis=1)[:, :k], np.asarray(ids)[best]


@top_k.mistake(
    "a list asked for many positions at once",
    "ids is a list, and a list gives one element at a time. An array gives many: np.asarray(ids).",
    see='["A", "B"][np.array([1, 0])]',
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, best, axis=1), ids[best]


@top_k.mistake(
    "sorted down the users",
    "axis=0 compares users with one another. A user's films lie along axis 1.",
    see='top_k(np.array([[1., 9.], [2., 3.]]), ["A", "B"], 1)',
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=0, kind="stable")[:, :k]
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake(
    "k is not used",
    "All films came back. Keep the first k columns, after sorting.",
    see='top_k(np.array([[1., 9.]]), ["A", "B"], 1)',
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake(
    "rows cut instead of columns",
    "[:k] keeps the first k users with all their films. [:, :k] keeps every user's first k films.",
    see='top_k(np.ones([1, 3]), ["A", "B", "C"], 2)',
)
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1, kind="stable")[:k]
    return np.take_along_axis(scores[:k], best, axis=1), np.asarray(ids)[best]


@top_k.mistake("rows cut instead of columns")
def _(scores, ids, k):
    best = np.argsort(-scores, axis=1)[:k]
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake(
    "scores sorted, films not",
    "You sorted the scores and left the films as they stood, so a score no longer stands by its film.",
    see='top_k(np.array([[1., 9.]]), ["A", "B"], 1)',
)
def _(scores, ids, k):
    return -np.sort(-scores, axis=1)[:, :k], np.tile(np.asarray(ids)[:k], (len(scores), 1))


@top_k.mistake(
    "the first k, unsorted",
    "You took the first k films as they stand. The best k are wanted: sort by score before you cut.",
    see='top_k(np.array([[1., 9.]]), ["A", "B"], 1)',
)
def _(scores, ids, k):
    return scores[:, :k], np.tile(np.asarray(ids)[:k], (len(scores), 1))


@top_k.mistake(
    "one list for all users",
    "Every user got the same films, as from one row, or from the mean of all. Each user has an order of their own.",
    see='top_k(np.array([[1., 9.], [9., 1.]]), ["A", "B"], 1)',
)
def _(scores, ids, k):
    best = np.tile(np.argsort(-scores[0], kind="stable")[:k], (len(scores), 1))
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.mistake("one list for all users")
def _(scores, ids, k):
    best = np.tile(np.argsort(-scores.mean(axis=0), kind="stable")[:k], (len(scores), 1))
    return np.take_along_axis(scores, best, axis=1), np.asarray(ids)[best]


@top_k.alternative("Python's sort")
def _(scores, ids, k):
    pairs = [sorted(zip(row, ids, strict=True), key=lambda pair: -pair[0])[:k] for row in scores]
    return [[float(score) for score, _ in row] for row in pairs], [[film for _, film in row] for row in pairs]


@top_k.alternative("TensorFlow")
def _(scores, ids, k):
    import tensorflow as tf

    best = tf.math.top_k(scores, k)
    return best.values, tf.gather(tf.constant(ids), best.indices)


@top_k.alternative("pandas, row by row")
def _(scores, ids, k):
    import pandas as pd

    rows = [pd.Series(row, index=ids).sort_values(ascending=False, kind="stable").head(k) for row in scores]
    return np.array([row.to_numpy() for row in rows]), [row.index.tolist() for row in rows]


n_parameters = Item(
    "3.5",
    "n_parameters",
    because=(
        "Two tables, each with a row more than it has words, each row of dim numbers; the dot product has no "
        "parameters."
    ),
    hints=(
        "How many rows do the two tables have together, and how many numbers stand in a row?",
        "Each of the two tables has a row more than it has words. Add the rows up, then multiply by dim.",
        "return (n_users + 1 + n_titles + ____) * dim",
    ),
)


@n_parameters.test(1)
def test_three_users_and_two_films(student):
    expect(student.n_parameters(3, 2, 4), 28, "the numbers in a table of 4 rows and one of 3 rows, 4 in each row")


@n_parameters.test(1)
def test_movielens(student):
    meaning = "the parameters of this course's model: 944·32 + 1665·32"
    expect(student.n_parameters(943, 1664, 32), 83_488, meaning, tolerance=0)


@n_parameters.test(1)
def test_any_sizes(student, rng):
    n_users, n_titles, dim = (int(n) for n in rng.integers(5, 500, 3))
    want = np.empty([n_users + 1, dim]).size + np.empty([n_titles + 1, dim]).size
    expect(student.n_parameters(n_users, n_titles, dim), want, "the numbers in both tables", tolerance=0)


@n_parameters.mistake(
    "no rows for unknown words",
    "Each tower has one more row than it has words, for the unknown ones: one in the user tower and one in the movie tower.",
)
def _(n_users, n_titles, dim):
    return (n_users + n_titles) * dim


@n_parameters.mistake(
    "one unknown row for both towers",
    "The towers share nothing: each has its own table, and each table its own row for unknown words.",
)
def _(n_users, n_titles, dim):
    return (n_users + n_titles + 1) * dim


@n_parameters.mistake(
    "two numbers instead of two rows",
    "The unknown words have a row in each table, and a row holds dim numbers: add before you multiply by dim.",
)
def _(n_users, n_titles, dim):
    return (n_users + n_titles) * dim + 2


@n_parameters.mistake(
    "mask tokens counted",
    "With mask_token=None a table has one special row, not two.",
)
def _(n_users, n_titles, dim):
    return (n_users + 2 + n_titles + 2) * dim


@n_parameters.mistake(
    "rows counted, not numbers",
    "You counted the rows. Each holds dim numbers, and each number is trained.",
)
def _(n_users, n_titles, dim):
    return n_users + 1 + n_titles + 1


@n_parameters.mistake(
    "rows multiplied",
    "Users times films is the size of the score matrix, which is computed and never stored. Two tables add.",
)
def _(n_users, n_titles, dim):
    return (n_users + 1) * (n_titles + 1) * dim


@n_parameters.mistake(
    "the score matrix counted",
    "Users times films is the size of the score matrix, which is computed and never stored. The parameters are the two tables.",
)
def _(n_users, n_titles, dim):
    return n_users * n_titles


@n_parameters.mistake(
    "the tables multiplied",
    "Two tables that stand side by side add: their numbers are summed, not multiplied.",
)
def _(n_users, n_titles, dim):
    return (n_users + 1) * dim * (n_titles + 1) * dim


@n_parameters.mistake(
    "a bias in every row",
    "An Embedding has no bias: a row holds dim numbers and nothing else.",
)
def _(n_users, n_titles, dim):
    return (n_users + 1 + n_titles + 1) * (dim + 1)


@n_parameters.mistake(
    "the users' tower alone",
    "There are two towers, and the movie tower's table is trained as well.",
)
def _(n_users, n_titles, dim):
    return (n_users + 1) * dim


@n_parameters.mistake(
    "the movie tower alone",
    "There are two towers, and the user tower's table is trained as well.",
)
def _(n_users, n_titles, dim):
    return (n_titles + 1) * dim


@n_parameters.mistake(
    "times before plus",
    "`*` is worked out before `+`: without brackets only the 1 beside it is multiplied. Bracket the rows: (... + 1) * dim.",
    see="3 + 1 * 4, (3 + 1) * 4",
)
def _(n_users, n_titles, dim):
    return (n_users + 1) * dim + n_titles + 1 * dim


@n_parameters.mistake("times before plus")
def _(n_users, n_titles, dim):
    return n_users + 1 + n_titles + 1 * dim


@n_parameters.mistake("times before plus")
def _(n_users, n_titles, dim):
    return n_users + 1 * dim + n_titles + 1 * dim


@n_parameters.mistake(
    "the two tables not added",
    "You return a number for each table. One is wanted: all numbers together.",
)
def _(n_users, n_titles, dim):
    return [(n_users + 1) * dim, (n_titles + 1) * dim]


@n_parameters.alternative("asks Keras")
def _(n_users, n_titles, dim):
    import tensorflow as tf

    tables = [tf.keras.layers.Embedding(n + 1, dim) for n in (n_users, n_titles)]
    for each in tables:
        each.build(None)
    return sum(each.count_params() for each in tables)


@n_parameters.alternative("rows one by one")
def _(n_users, n_titles, dim):
    return sum(dim for words in (n_users, n_titles) for _ in ["unknown", *range(words)])


@n_parameters.alternative("counts two arrays")
def _(n_users, n_titles, dim):
    return np.zeros([n_users + 1, dim]).size + np.zeros([n_titles + 1, dim]).size
