"""Trusted helpers that run beside the student's code and build what cannot cross: datasets, towers, indexes.

A check calls them as `student.workshop.NAME(...)`: plain data in, plain data or a handle out. Nothing here knows an
expected value. TensorFlow is imported inside, so that lessons without it stay quick.
"""

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
    model = tf.keras.Sequential([lookup, table])
    model(tf.constant([""]))
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
