"""Trusted helpers that run beside the student's code and build what cannot cross: datasets, towers, indexes.

A check calls them as `student.workshop.NAME(...)`: plain data in, plain data or a handle out. Nothing here knows an
expected value. TensorFlow is imported inside, so that lessons without it stay quick.
"""

import itertools
from typing import Any

import numpy as np


def dataset(rows: list | dict[str, list]) -> Any:
    """A tf.data.Dataset with one element per row: of scalars, or of dicts when given {"field": column}."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(rows)


def rows(dataset: Any) -> list:
    """The elements of a dataset in one pass, as plain data."""
    return list(dataset.as_numpy_iterator())


def tower(vocabulary: list[str], vectors: np.ndarray) -> Any:
    """A Keras model from string[B] to float32[B, d] that gives `vectors[i]` for `vocabulary[i]`, zeros for others."""
    import tensorflow as tf

    vectors = np.asarray(vectors, np.float32)
    table = tf.keras.layers.Embedding(len(vectors) + 1, vectors.shape[1])
    lookup = tf.keras.layers.StringLookup(vocabulary=list(vocabulary), mask_token=None)
    model = tf.keras.Sequential([tf.keras.Input(shape=(), dtype=tf.string), lookup, table])
    table.set_weights([np.vstack([np.zeros_like(vectors[:1]), vectors])])
    return model


def index(titles: list[str], vectors: np.ndarray, user_tower: Any = None, k: int = 10) -> Any:
    """A BruteForce index over `vectors[i]` named `titles[i]`, in front of `user_tower` if one is given."""
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    layer = tfrs.layers.factorized_top_k.BruteForce(user_tower, k=k)
    layer.index(tf.constant(np.asarray(vectors, np.float32)), tf.constant(list(titles)))
    return layer


def is_model(thing: Any) -> bool:
    """Whether it is a model of tf.keras, which here is Keras 2."""
    import tensorflow as tf

    return isinstance(thing, tf.keras.Model)


def embed(tower: Any, words: list[str]) -> Any:
    """What a tower gives for a batch of strings: float32[B, d] from a good one."""
    import tensorflow as tf

    return tower(tf.constant(list(words)))


def weights(model: Any) -> list[np.ndarray]:
    """The trainable tables of a model, in its own order."""
    return [variable.numpy() for variable in model.trainable_variables]


def fill(model: Any, tables: list[np.ndarray]) -> None:
    """Puts other numbers into the trainable tables of a model; the shapes are those that `weights` gives."""
    for variable, table in zip(model.trainable_variables, tables, strict=True):
        variable.assign(table)


# --- the retrieval task (lesson 4) ---------------------------------------------------------------------------------


def recorder(loss: float) -> Any:
    """A tfrs.tasks.Retrieval that gives `loss`, whatever it is asked; its method `notes` tells how it was called."""
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    class Recorder(tfrs.tasks.Retrieval):
        def call(
            self,
            query_embeddings,
            candidate_embeddings,
            sample_weight=None,
            candidate_sampling_probability=None,
            candidate_ids=None,
            compute_metrics=True,
            compute_batch_metrics=True,
            score_mask=None,
        ):
            optional = {
                "sample_weight": sample_weight,
                "candidate_sampling_probability": candidate_sampling_probability,
                "candidate_ids": candidate_ids,
                "score_mask": score_mask,
            }
            given = [name for name, value in optional.items() if value is not None]
            calls.append([query_embeddings, candidate_embeddings, compute_metrics, given])
            return tf.constant(loss, tf.float32)

        def notes(self) -> list:
            """One [query embeddings, candidate embeddings, compute_metrics, names of what else was given] a call."""
            return calls

    calls: list = []  # not in self, where Keras would put its own list
    return Recorder()


def retrieval_task() -> Any:
    """A tfrs.tasks.Retrieval without metrics."""
    import tensorflow_recommenders as tfrs

    return tfrs.tasks.Retrieval()


def compute_loss(model: Any, features: dict[str, list], training: bool) -> Any:
    """What a tfrs.Model's compute_loss returns for one batch."""
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    if not isinstance(model, tfrs.Model):  # it could be trained by hand, but has no fit that asks compute_loss
        raise TypeError(f"{type(model).__name__} is no tfrs.Model: class MovielensModel(tfrs.Model)")
    if getattr(type(model), "compute_loss", None) is tfrs.Model.compute_loss:  # it would raise NotImplementedError
        raise AttributeError(f"{type(model).__name__} has no method compute_loss(self, features, training=False)")
    return model.compute_loss({name: tf.constant(list(words)) for name, words in features.items()}, training=training)


def train(model: Any, features: dict[str, list], steps: int, learning_rate: float) -> list[float]:
    """Gradient descent of a tfrs.Model on one batch; the loss before each step. No graph: for toys that is quicker."""
    import tensorflow as tf

    batch, losses = {name: tf.constant(list(words)) for name, words in features.items()}, []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(batch, training=True)
        tables = model.trainable_variables
        for table, slope in zip(tables, tape.gradient(loss, tables), strict=True):
            if slope is not None:  # the loss does not depend on it
                table.assign_sub(learning_rate * tf.convert_to_tensor(slope))
        losses.append(float(loss))
    return losses


# --- ranking (lesson 6) ---------------------------------------------------------------------------------------------


def table(vocabulary: list[str], vectors: np.ndarray) -> Any:
    """What `tower` gives, as one layer that is made in a fraction of the time."""
    import tensorflow as tf

    class Table(tf.keras.layers.Layer):
        def __init__(self):
            super().__init__()
            rows = tf.lookup.KeyValueTensorInitializer(list(vocabulary), range(1, len(vocabulary) + 1), tf.string, tf.int64)
            self.rows = tf.lookup.StaticHashTable(rows, default_value=0)
            values = np.vstack([np.zeros_like(vectors[:1]), vectors])
            self.vectors = tf.Variable(values, dtype=tf.float32)

        def call(self, words):
            return tf.gather(self.vectors, self.rows.lookup(words))

    return Table()


def ranking_task(loss: str) -> Any:
    """A tfrs.tasks.Ranking with one of Keras's losses, by name."""
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    return tfrs.tasks.Ranking(loss=getattr(tf.keras.losses, loss)())


def predict(model: Any, features: dict[str, list[str]]) -> Any:
    """What a model gives for one batch of strings."""
    import tensorflow as tf

    return model({name: tf.constant(list(words)) for name, words in features.items()})


# --- data (lesson 2) -----------------------------------------------------------------------------------------------


def records(columns: dict[str, list]) -> Any:
    """A dataset of dicts as TFDS gives them: a column of lists may hold lists of different lengths."""
    import tensorflow as tf

    ragged = {name: tf.ragged.constant(c) if isinstance(c[0], list) else c for name, c in columns.items()}
    return _plainly(tf.data.Dataset.from_tensor_slices(ragged).map(dict))  # the map turns ragged rows to tensors


def spec(value: Any) -> Any:
    """The element_spec of a dataset in words, such as {"user_id": "string"} or "int64[2]"; None if it is no dataset."""
    import tensorflow as tf

    if not isinstance(value, tf.data.Dataset):
        return None

    def words(leaf):
        if not isinstance(leaf, tf.TensorSpec) or leaf.shape.rank is None:
            return str(leaf)
        return leaf.dtype.name + (str(leaf.shape.as_list()) if leaf.shape.rank else "")

    return tf.nest.map_structure(words, value.element_spec)


def first(dataset: Any, n: int) -> list:
    """The first `n` elements of a dataset, or all if it has fewer, as plain data."""
    return list(itertools.islice(_plainly(dataset).as_numpy_iterator(), n))


def _plainly(dataset: Any) -> Any:
    """The same dataset, read as it is: to tune the reading of a toy takes longer than to read it."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = options.experimental_optimization.apply_default_optimizations = False
    return dataset.with_options(options)


# --- indexes (lesson 5) --------------------------------------------------------------------------------------------


def held(thing: Any) -> int | None:
    """How many rows a BruteForce index holds, 0 if it was never filled; None if the thing is no such index."""
    import tensorflow_recommenders as tfrs

    if not isinstance(thing, tfrs.layers.factorized_top_k.BruteForce):
        return None
    return 0 if thing._candidates is None else int(thing._candidates.shape[0])


def takes_ids(index: Any) -> bool:
    """Whether a BruteForce index has a tower in front. Without one it takes vectors."""
    return index.query_model is not None


def search(index: Any, users: list[str], k: int | None = None) -> Any:
    """What an index answers for a batch of users: (scores float32[B, k], names bytes[B, k]) from a good one."""
    import tensorflow as tf

    return index(tf.constant(list(users)), k=k)


def traces(index: Any) -> int:
    """How often TensorFlow has traced the index's query_with_exclusions since the index was filled."""
    return index.query_with_exclusions.experimental_get_tracing_count()


def traced_widths(index: Any) -> list[int]:
    """How many exclusions the index's query_with_exclusions was traced for, each trace's in ascending order."""
    traced = index.query_with_exclusions._list_all_concrete_functions()
    return sorted(trace.function_type.parameters["exclusions"].type_constraint.shape[1] for trace in traced)
