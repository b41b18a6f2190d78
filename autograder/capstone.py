"""`python -m autograder capstone`: a two-tower of TensorFlow Recommenders against the best classical models.

Its vectors are made of blocks, each trained as a two-tower of its own: the dot product of the whole is the sum of the
blocks' scores, so one index serves a whole committee.
"""


import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from autograder import two_tower
from autograder.stock import get_towers, tower

BLOCKS, DIM = 4, 64
L2 = 0.05
BATCH, EPOCHS = 1024, 12


class Committee(tfrs.Model):
    """Two towers of ids, BLOCKS * DIM wide; each block has a softmax of its own, with logQ.

    users, titles: the vocabularies; count: float [T], how many train rows each title has.
    """

    def __init__(self, users: np.ndarray, titles: np.ndarray, count: np.ndarray, blocks: int = BLOCKS):
        super().__init__()
        self.blocks = blocks
        self.user_tower, self.title_tower = tower(users, blocks * DIM), tower(titles, blocks * DIM)
        self.share = tf.constant(np.append(0, count) / count.sum(), tf.float32)  # row 0: unknown titles
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, features, training=False):
        users, titles = self.user_tower(features["user_id"]), self.title_tower(features["movie_title"])
        drawn = tf.gather(self.share, self.title_tower.layers[0](features["movie_title"]))
        loss = L2 * (tf.reduce_sum(users**2) + tf.reduce_sum(titles**2))
        for user, title in zip(*(tf.split(vectors, self.blocks, axis=1) for vectors in (users, titles))):
            loss += self.task(user, title, candidate_sampling_probability=drawn, compute_metrics=False)
        return loss


def train(users, titles, user, title, seed: int, *, blocks: int = BLOCKS, epochs: int = EPOCHS) -> two_tower.Towers:
    """Trains on these rows, user and title int [rows] into the vocabularies; returns the towers' vectors."""
    tf.keras.utils.set_random_seed(seed)
    order = np.random.default_rng(seed).permutation(len(user))
    rows = {"user_id": users[user[order]], "movie_title": titles[title[order]]}
    model = Committee(users, titles, np.bincount(title, minlength=len(titles)), blocks)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
    model.fit(tf.data.Dataset.from_tensor_slices(rows).batch(BATCH).cache(), epochs=epochs, verbose=0)
    return get_towers(model)
