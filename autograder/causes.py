"""What an exception of TensorFlow, TFRS, numpy or Python most likely means in this course: definitions, as data.

A report shows the cause beneath the student's own traceback, and the help page lists all of them by what one sees.
Each `example` raises its exception; `tests/test_causes.py` runs every one. There `tower`, `films`, `index`, `model` and
`rows` are a user tower, a movie tower, a BruteForce index over three films, an uncompiled tfrs.Model, and a dataset.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """An exception, known by its class and a piece of its message, and what it means.

    `|` stands between alternatives, in either; … in a message for whatever stands there.
    """

    kind: str
    message: str
    meaning: str
    example: str

    def fits(self, kind: str, message: str) -> bool:
        pieces = "|".join(".*?".join(map(re.escape, piece.split("…"))) for piece in self.message.split(" | "))
        return kind in self.kind.split(" | ") and re.search(pieces, message) is not None


CAUSES = [
    # --- strings, numbers, tensors
    Cause(
        "UnimplementedError | InvalidArgumentError",
        "Cast int… to string is not supported",
        "A tower was given numbers. User ids are strings: '24', not 24.",
        "tower(tf.constant([24]))",
    ),
    Cause(
        "UnimplementedError | InvalidArgumentError",
        "Cast string to … is not supported",
        "Words came where numbers are expected: a StringLookup goes before the Embedding, and an Input before it needs "
        "dtype=tf.string.",
        "tf.keras.layers.Embedding(3, 2)(tf.constant(['24']))",
    ),
    Cause(
        "TypeError",
        "can't concat str to bytes | first arg must be bytes | a bytes-like object is required | must be str, not "
        "bytes",
        "Bytes met text. TensorFlow gives strings as bytes, b'A': turn them into text with .decode().",
        "tf.constant('A').numpy() + ' (1995)'",
    ),
    Cause(
        "InvalidArgumentError | TypeError",
        "was expected to be a … tensor but is a … tensor",
        "TensorFlow does not mix types of numbers: bring both to one with tf.cast(..., tf.float32).",
        "tf.constant([1.0]) + tf.constant([1])",
    ),
    Cause(
        "InvalidArgumentError",
        "Value for attr 'T' of string is not in the list of allowed values",
        "TensorFlow does not compare or sort strings, and here some are still tensors: take their values first, with "
        ".numpy() or dataset.as_numpy_iterator().",
        "np.unique([tf.constant('B'), tf.constant('A')])",
    ),
    Cause(
        "TypeError",
        "Tensor is unhashable",
        "A tensor cannot be a member of a set or the key of a dict. Take its value: .numpy().",
        "{tf.constant('A')}",
    ),
    Cause(
        "TypeError",
        "Cannot iterate over a scalar tensor | Scalar tensor has no `len()`",
        "The tensor is one single value, of shape (), and has nothing to go through. Batch the dataset, or use the "
        "value itself.",
        "list(tf.constant(24))",
    ),
    Cause(
        "TypeError",
        "Tensor' object does not support item assignment",
        "A tensor cannot be changed. Take a numpy copy, tensor.numpy().copy(), and change that.",
        "scores = tf.constant([1.0, 2.0]); scores[0] = 0.0",
    ),
    Cause(
        "AttributeError",
        "'SymbolicTensor' object has no attribute 'numpy'",
        "Inside map, and inside a traced function, a tensor is only a plan and has no value yet. Use TensorFlow's "
        "functions there, or go through the dataset with a plain loop.",
        "list(rows.map(lambda row: row['user_id'].numpy()))",
    ),
    Cause(
        "ValueError",
        "The truth value of an array with more than one element is ambiguous",
        "`if`, `and` and `in` want one yes or no, and an array has many. Use (a == b).any(), or .all(), or & "
        "between arrays.",
        "bool(np.array([1, 2]) == np.array([1, 2]))",
    ),
    # --- shapes
    Cause(
        "ValueError",
        "zero-dimensional arrays cannot be concatenated",
        "np.concatenate joins vectors, and an element of the dataset is one single string. Batch it first: "
        ".batch(1000).",
        "np.concatenate(list(tf.data.Dataset.from_tensor_slices(['A', 'B'])))",
    ),
    Cause(
        "InvalidArgumentError",
        "In[0] ndims must be >= 2 | In[0] and In[1] has different ndims",
        "A tower and an index take a batch. One user is a batch of one: tf.constant(['24']), not '24'.",
        "index(tf.constant('24'))",
    ),
    Cause(
        "InvalidArgumentError | ValueError",
        "Matrix size-incompatible | mismatch in its core dimension | shapes … not aligned | Dimensions must be equal…= MatMul",
        "In a matrix product the columns of the first meet the rows of the second. For u of [B, d] and v of [N, d] "
        "turn the second over: u @ v.T, or tf.matmul(u, v, transpose_b=True).",
        "tf.matmul(tf.ones([2, 3]), tf.ones([4, 3]))",
    ),
    Cause(
        "InvalidArgumentError | ValueError",
        "operands could not be broadcast together",
        "Two arrays of different shapes were put side by side, element by element. Print both .shape: for each user "
        "with each film a matrix product is meant.",
        "np.ones([2, 3]) * np.ones([4, 3])",
    ),
    Cause(
        "InvalidArgumentError | ValueError",
        "Incompatible shapes | Dimensions must be equal",
        "Two tensors of different shapes were put side by side, element by element. Print both .shape: for each user "
        "with each film a matrix product is meant; exclusions are one row for each user.",
        "tf.ones([2, 3]) * tf.ones([4, 3])",
    ),
    Cause(
        "ValueError",
        "Can't convert non-rectangular Python sequence to Tensor | inhomogeneous shape",
        "A tensor is a rectangle, and these lists differ in length. Fill the shorter ones up with ''.",
        "tf.constant([['A'], ['A', 'B']])",
    ),
    Cause(
        "InvalidArgumentError",
        "Cannot batch tensors with different shapes | Cannot add tensor to the batch",
        "A batch wants elements of one shape; films have one to six genres. Map to the fields that you need before "
        "you batch.",
        "list(tf.data.Dataset.from_tensor_slices(tf.ragged.constant([[1], [1, 2]])).map(lambda row: row + 0).batch(2))",
    ),
    Cause(
        "TypeError",
        "only integer scalar arrays can be converted to a scalar index | list indices must be integers",
        "One whole number is wanted where something else stands: between a list's [...], where an array would take "
        "many, np.asarray(names)[positions]; or in (...), as the axis of scores.argsort(axis).",
        "['A', 'B'][np.array([1, 0])]",
    ),
    Cause(
        "IndexError",
        "list index out of range",
        "A position points past the end of the list, which may hold fewer than k: a slice, films[:k], then takes what "
        "there is.",
        "['A', 'B'][2]",
    ),
    Cause(
        "IndexError",
        "arrays used as indices must be of integer | only integers, slices (`:`)",
        "Positions are whole numbers, and these are something else, perhaps the scores themselves: np.sort gives "
        "scores, np.argsort positions.",
        "np.arange(3)[np.sort([0.2, 0.1])]",
    ),
    Cause(
        "ValueError",
        "kth(=…) out of bounds",
        "argpartition counts places from 0, so the last of N is N - 1: for the k first pass k - 1, then take [:k].",
        "np.argpartition([0.2, 0.1], 2)",
    ),
    Cause(
        "IndexError",
        "index … is out of bounds",
        "A position points past the end of that axis: it was counted from 1, or in a longer list, or a [B, N] array "
        "was given positions of films where its rows are users (np.take_along_axis(scores, best, axis=1)).",
        "np.arange(3)[3]",
    ),
    Cause(
        "TypeError",
        "bad operand type for unary -: 'list' | unsupported operand type(s) for -: 'list'",
        "Arithmetic with a whole list wants an array: np.asarray(scores).",
        "-[1, 2]",
    ),
    # --- towers and vocabularies
    Cause(
        "InvalidArgumentError",
        "indices[…] = … is not in [0, …)",
        "The table has too few rows. StringLookup keeps row 0 for unknown words: Embedding(len(vocab) + 1, dim).",
        "tf.keras.layers.Embedding(2, 4)(tf.constant([2]))",
    ),
    Cause(
        "ValueError",
        "The passed vocabulary has at least one repeated term",
        "The vocabulary holds a word twice. Make it unique first: np.unique.",
        "tf.keras.layers.StringLookup(vocabulary=['A', 'A'])",
    ),
    Cause(
        "TypeError",
        "not supported between instances of 'list' and 'int' | not supported between instances of 'numpy.ndarray' "
        "and 'int'",
        "StringLookup's first argument is max_tokens. Hand the words over by name: vocabulary=...",
        "tf.keras.layers.StringLookup(['A', 'B'])",
    ),
    Cause(
        "FailedPreconditionError",
        "Table not initialized",
        "A StringLookup has no words. Give it vocabulary=..., or call its adapt first.",
        "tf.keras.layers.StringLookup(mask_token=None)(tf.constant(['A']))",
    ),
    Cause(
        "AttributeError",
        "'str' object has no attribute 'base_dtype'",
        "A layer was called on another layer. Chain them: tf.keras.Sequential([first, second]).",
        "tf.keras.layers.Embedding(3, 2)(tf.keras.layers.StringLookup(vocabulary=['A']))",
    ),
    Cause(
        "ValueError",
        "name for name_scope must be a string",
        "tf.keras.Sequential takes one list of layers, in square brackets: Sequential([first, second]).",
        "tf.keras.Sequential(tf.keras.layers.StringLookup(vocabulary=['A']), tf.keras.layers.Embedding(2, 2))(tf.constant(['A']))",
    ),
    Cause(
        "TypeError",
        "must be an instance of class Layer",
        "Something in the list is no layer, such as a class without its (...): StringLookup(vocabulary=...).",
        "tf.keras.Sequential([tf.keras.layers.StringLookup])",
    ),
    Cause(
        "ValueError",
        "expected min_ndim=2, found ndim=1",
        "A Dense layer wants vectors, [B, d], and was given one number each, [B]. An Embedding makes vectors of rows.",
        "tf.keras.layers.Dense(2)(tf.constant([1.0]))",
    ),
    Cause(
        "ValueError",
        "You tried to call `count_params`",
        "A layer has no table before it is built: layer.build(None), or call it once on a batch.",
        "tf.keras.layers.Embedding(3, 2).count_params()",
    ),
    # --- models and training
    Cause(
        "RuntimeError",
        "You must compile your model before training/testing",
        "model.compile(optimizer=...) is missing before fit or evaluate.",
        "model.fit(rows.batch(2))",
    ),
    Cause(
        "RuntimeError",
        "you forgot to call `super().__init__()`",
        "The first line of a model's __init__ is super().__init__(); only then keep things in self.",
        "class Model(tfrs.Model):\n    def __init__(self):\n        self.tower = tower\nModel()",
    ),
    Cause(
        "NotImplementedError",
        "Implementers must implement the `compute_loss` method",
        "The model has no method of that exact name: def compute_loss(self, features, training=False).",
        "tfrs.Model().compute_loss({})",
    ),
    Cause(
        "ValueError",
        "None values not supported | Attempt to convert a value (None)",
        "Something is None that should be a number or a tensor, most often because compute_loss ends without `return`.",
        "class Model(tfrs.Model):\n"
        "    def compute_loss(self, features, training=False):\n"
        "        tower(features['user_id'])\n"
        "forgetful = Model()\n"
        "forgetful.compile(optimizer='adagrad')\n"
        "forgetful.fit(rows.batch(2))",
    ),
    Cause(
        "ValueError",
        "Model … cannot be saved",
        "A tfrs.Model cannot be saved whole. Save its towers, or the index over them.",
        "model.save('model')",
    ),
    Cause(
        "ImportError",
        "requires tf.keras to be Keras version 2 but got version 3",
        "TFRS 0.7.7 is written for Keras 2, and TensorFlow came up with Keras 3. Restart the kernel and run the "
        "first cell before any other: it sets TF_USE_LEGACY_KERAS=1, which counts only before TensorFlow is "
        "imported.",
        "import subprocess, sys\n"
        "run = subprocess.run([sys.executable, '-c', 'import tensorflow_recommenders'], capture_output=True,\n"
        "                     text=True, env=os.environ | {'TF_USE_LEGACY_KERAS': '0'})\n"
        "raise ImportError(run.stderr.rpartition('ImportError: ')[2])",
    ),
    Cause(
        "ValueError",
        "Shape must be rank 2 but is rank 1 for … MatMul",
        "The rows or the titles came one by one. Batch them first, train.batch(2048) and titles.batch(2048): fit and "
        "evaluate leave a Dataset as it is, and a tower takes a batch.",
        "model.compile(optimizer='adagrad'); model.fit(rows)",
    ),
    Cause(
        "InvalidArgumentError | ValueError | TypeError",
        "slice index 0 of dimension 0 out of bounds | 'b' of 'MatMul' Op has type string",
        "FactorizedTopK was given words. It takes the titles' vectors: titles.batch(2048).map(movie_model).",
        "tfrs.metrics.FactorizedTopK(rows.map(lambda row: row['movie_title']), ks=(1,)).update_state(\n"
        "    tf.ones([1, 2]), tf.ones([1, 2]))",
    ),
    Cause(
        "AttributeError",
        "object has no attribute 'is_exact'",
        "FactorizedTopK wants a Dataset of the titles' vectors, not the tower that makes them: "
        "titles.batch(2048).map(movie_model).",
        "tfrs.metrics.FactorizedTopK(films, ks=(1,)).update_state(tf.ones([1, 2]), tf.ones([1, 2]))",
    ),
    Cause(
        "TypeError",
        "'list' object is not a mapping | list indices must be integers or slices, not str",
        "Something is a list where a dict was meant. evaluate gives a list unless it is asked for names: "
        "model.evaluate(..., return_dict=True).",
        "{**[1.0, 2.0]}",
    ),
    Cause(
        "KeyError",
        "factorized_top_k/top_",
        "evaluate knows only what its task measures: give Retrieval metrics=FactorizedTopK(..., ks=(10, 50, 100)), and "
        "print the keys of what evaluate returns.",
        "{'loss': 1.0}['factorized_top_k/top_10_categorical_accuracy']",
    ),
    # --- the index
    Cause(
        "InvalidArgumentError | ValueError",
        "input must have at least k columns | input must have last dimension >= k",
        "More was asked for than the index holds, or a row of scores: k, and with exclusions k + their width, must "
        "not be more.",
        "index(tf.constant(['24']), k=5)",
    ),
    Cause(
        "AttributeError",
        "'BruteForce' object has no attribute",
        "The index itself is called: index(tf.constant(['24']), k=10). Its other method ends in s: "
        "query_with_exclusions.",
        "index.query(tf.constant(['24']))",
    ),
    Cause(
        "TypeError",
        "Inputs to a layer should be tensors",
        "A layer, a tower and an index take a tensor, not a string or a list of them: tf.constant(['24']).",
        "index(['24'])",
    ),
    Cause(
        "AttributeError",
        "Tensor' object has no attribute 'decode'",
        "A tensor has no .decode(); the bytes that it holds have. Take them out first: tensor.numpy().",
        "tf.constant('A').decode()",
    ),
    Cause(
        "AttributeError",
        "'numpy.ndarray' object has no attribute 'decode'",
        "A whole array was to be decoded, not one title. What an index gives is [B, k]: take row 0, titles[0], and "
        "decode each title of it.",
        "[title.decode() for title in index(tf.constant(['24']), k=2)[1].numpy()]",
    ),
    Cause(
        "AttributeError",
        "'numpy.float32' object has no attribute 'decode'",
        "A score was to be decoded. An index gives the scores first: scores, titles = index(...).",
        "[title.decode() for title in index(tf.constant(['24']), k=2)[0][0].numpy()]",
    ),
    Cause(
        "AttributeError",
        "'str' object has no attribute 'decode'",
        "This is text already; only bytes are decoded.",
        "'A'.decode()",
    ),
    Cause(
        "AttributeError",
        "'bytes' object has no attribute 'numpy'",
        "These are bytes already, and only a tensor has .numpy(): decode them.",
        "tf.constant('A').numpy().numpy()",
    ),
    Cause(
        "AttributeError",
        "module 'tensorflow_recommenders' has no attribute 'factorized_top_k'",
        "`layers.` is missing: tfrs.layers.factorized_top_k.BruteForce.",
        "tfrs.factorized_top_k.BruteForce()",
    ),
    Cause(
        "AttributeError",
        "keras' has no attribute 'StringLookup' | keras' has no attribute 'Embedding'",
        "`layers.` is missing: tf.keras.layers.StringLookup.",
        "tf.keras.StringLookup()",
    ),
    Cause(
        "ValueError",
        "The candidates tensor must be 2D",
        "The index wants vectors of [N, d] where it got something else. In a dataset of pairs the name comes first, "
        "then the vector; in index(...) the vectors come first.",
        "index.index(tf.constant(['A']), tf.ones([1, 2]))",
    ),
    Cause(
        "ValueError",
        "The `index` method must be called first",
        "BruteForce(...) alone holds no films. Fill it first with index_from_dataset, or index.",
        "tfrs.layers.factorized_top_k.BruteForce(tower)(tf.constant(['24']))",
    ),
    Cause(
        "AttributeError",
        "'list' object has no attribute 'shape'",
        "A tensor was expected, not a list, as for the exclusions: tf.constant([['A', 'C']], tf.string).",
        "index.query_with_exclusions(tf.constant(['24']), [['A']], k=1)",
    ),
    Cause(
        "IndexError",
        "tuple index out of range",
        "A tensor has too few axes. Exclusions are [B, width], a row for each user: tf.constant([['A', 'C']]).",
        "index.query_with_exclusions(tf.constant(['24']), tf.constant(['A']), k=1)",
    ),
    Cause(
        "TypeError",
        "unsupported operand type(s) for +: 'int' and 'NoneType'",
        "The exclusions have no fixed width, as a ragged tensor has none. Fill the shorter lists up with ''.",
        "index.query_with_exclusions(tf.constant(['24', '42']), tf.ragged.constant([['A'], ['A', 'B']]), k=1)",
    ),
    Cause(
        "TypeError",
        "has type … that does not match type string",
        "The exclusions are not strings, as empty lists are not: say the type, tf.constant(lists, tf.string).",
        "index.query_with_exclusions(tf.constant(['24']), tf.constant([[]]), k=1)",
    ),
    # --- Python
    Cause(
        "NameError",
        "name … is not defined",
        "Nothing has that name yet: run the cells above it (Run, Run All Above), or look for a misspelling.",
        "movie_tower",
    ),
    Cause(
        "KeyError",
        "",
        "The dict has no such key: print the keys that it has. A row's fields are user_id and movie_title; for a word "
        "that may be unknown there is .get(word, 0).",
        "{'user_id': '24'}['user']",
    ),
    Cause(
        "TypeError",
        "object is not callable",
        "Something that is no function is used as one: a tensor or a list that wants [...]; a name such as `list` or "
        "`index` that was given to a value; key=scores, which wants key=lambda film: scores[film].",
        "tf.constant([1.0])(0)",
    ),
    Cause(
        "TypeError",
        "Dataset' object is not subscriptable",
        "A dataset has no numbered rows. Go through it with a loop, or take its first ones: dataset.take(1).",
        "rows[0]",
    ),
    Cause(
        "AttributeError | TypeError",
        "'NoneType' object has no attribute | 'NoneType' object is not subscriptable | 'NoneType' object is not "
        "iterable | 'NoneType' has no len()",
        "Something is None: what a function without `return` gives; what x.sort() gives, which sorts x in its place; or "
        "an argument such as seen=None.",
        "None.numpy()",
    ),
    Cause(
        "ZeroDivisionError",
        "division by zero",
        "What is divided by is 0, such as the length of a set in which nothing is: leave those out, or sum up first and "
        "divide once.",
        "1 / len(set())",
    ),
    Cause(
        "ValueError",
        "list.remove(x): x not in list",
        "list.remove raises if the value is not there, and b'A' is not 'A'. Better: keep the others in a new list.",
        "[b'A'].remove('A')",
    ),
    Cause(
        "UnicodeDecodeError",
        "codec can't decode byte",
        "These bytes are text in UTF-8, and another alphabet was named: .decode() without a name reads it.",
        "'é'.encode().decode('ascii')",
    ),
    Cause(
        "ValueError",
        "is not in list",
        "list.index raises if the value is not there. Ask first: value in the_list.",
        "['A'].index('B')",
    ),
    Cause(
        "ValueError",
        "too many values to unpack | not enough values to unpack",
        "There are more or fewer values than names on the left. An index gives two, scores and titles, each of "
        "shape [B, k].",
        "scores, titles = index(tf.constant(['24']), k=3)[0][0]",
    ),
    Cause(
        "TypeError",
        "missing … required positional argument",
        "A call gave too few arguments. Look at the first line of the function, or of its help: help(function).",
        "tf.keras.layers.Embedding(3)",
    ),
]


def cause_of(kind: str, message: str) -> Cause | None:
    """The definition that fits an exception's class and message, or None."""
    return next((one for one in CAUSES if one.fits(kind, message)), None)
