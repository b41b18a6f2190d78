"""The tutorial's model in plain TensorFlow Recommenders, as lessons 03 and 04 build it.

The fast path (two_tower.py) is held to it.

Recipe: https://www.tensorflow.org/recommenders/examples/basic_retrieval
"""

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from autograder import two_tower
from autograder.two_tower import BATCH, Towers


def tower(vocabulary: np.ndarray, dim: int = 32) -> tf.keras.Model:
    """strings [B] -> float32 [B, dim]: a look-up and a table with one more row, 0, for unknown words."""
    lookup = tf.keras.layers.StringLookup(vocabulary=list(vocabulary), mask_token=None)
    return tf.keras.Sequential([lookup, tf.keras.layers.Embedding(len(vocabulary) + 1, dim)])


class TwoTower(tfrs.Model):
    """Two towers and the retrieval task, whose metric ranks a row's film among `candidates`, titles [C]."""

    def __init__(self, users, titles, candidates, *, dim=32, train_metrics=False):
        super().__init__()
        self.user_tower = tower(users, dim)
        self.title_tower = tower(titles, dim)
        self.train_metrics = train_metrics
        films = tf.data.Dataset.from_tensor_slices(candidates).batch(128).map(self.title_tower)
        self.task = tfrs.tasks.Retrieval(metrics=tfrs.metrics.FactorizedTopK(films))

    def compute_loss(self, features, training=False):
        return self.task(
            self.user_tower(features["user_id"]),
            self.title_tower(features["movie_title"]),
            compute_metrics=self.train_metrics or not training,
        )


def build(arrays, *, dim: int = 32, learning_rate: float = 0.1, train_metrics: bool = False) -> TwoTower:
    """The tutorial's model for these data, compiled. train_metrics=True is the tutorial's own, slower way."""
    candidates = arrays.titles[arrays.movie_title]
    model = TwoTower(arrays.users, arrays.titles, candidates, dim=dim, train_metrics=train_metrics)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(learning_rate))
    return model


def pairs(arrays, rows: np.ndarray, batch_size: int = BATCH) -> tf.data.Dataset:
    """These rows as batches of {"user_id", "movie_title"}, kept in memory, the same in every epoch."""
    user_id, movie_title = arrays.users[arrays.user[rows]], arrays.titles[arrays.title[rows]]
    columns = {"user_id": user_id, "movie_title": movie_title}
    return tf.data.Dataset.from_tensor_slices(columns).batch(batch_size).cache()


def set_towers(model: TwoTower, towers: Towers) -> None:
    """Gives the known words of a model these vectors; the row for unknown words becomes 0."""
    for part, table in ((model.user_tower, towers.users), (model.title_tower, towers.titles)):
        part(tf.constant(["any"]))  # Keras makes the table at the first call
        part.layers[1].set_weights([np.vstack([np.zeros_like(table[:1]), table])])


def get_towers(model: TwoTower) -> Towers:
    """The vectors of a model's known words, in the order of its vocabularies."""
    return Towers(*(part.layers[1].get_weights()[0][1:] for part in (model.user_tower, model.title_tower)))


def evaluate(model: TwoTower, batches: tf.data.Dataset, callbacks=()) -> tuple[dict[int, float], float]:
    """`model.evaluate`: the top-k accuracies by k, and the loss of the last batch."""
    found = model.evaluate(batches, return_dict=True, verbose=0, callbacks=list(callbacks))
    accuracies = zip(two_tower.KS, model.task.factorized_metrics[0].metrics)
    return {k: found[metric.name] for k, metric in accuracies}, found["loss"]
