"""`python -m autograder capstone`: a two-tower of TensorFlow Recommenders against the best classical models.

Its vectors can be made of blocks, each trained as a two-tower of its own: the dot product of the whole is the sum of
the blocks' scores, so one index serves a whole committee. One block did as well; capstone.md tells what was tried.
"""

import argparse
import time

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from autograder import baselines, two_tower
from autograder.evaluation import difference, hits, interval
from autograder.stock import get_towers, tower

BLOCKS, DIM = 1, 64
L2 = 0.05
BATCH, EPOCHS = 1024, 16


class Committee(tfrs.Model):
    """Two towers of ids, BLOCKS * DIM wide; each block has a softmax of its own, with logQ.

    users, titles: the vocabularies; count: float [T], how many train rows each title has.
    """

    def __init__(self, users: np.ndarray, titles: np.ndarray, count: np.ndarray, blocks: int, l2: float):
        super().__init__()
        self.blocks, self.l2 = blocks, l2
        self.user_tower, self.title_tower = tower(users, blocks * DIM), tower(titles, blocks * DIM)
        self.share = tf.constant(np.append(0, count) / count.sum(), tf.float32)  # row 0: unknown titles
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, features, training=False):
        users, titles = self.user_tower(features["user_id"]), self.title_tower(features["movie_title"])
        drawn = tf.gather(self.share, self.title_tower.layers[0](features["movie_title"]))
        loss = self.l2 * (tf.reduce_sum(users**2) + tf.reduce_sum(titles**2))
        for user, title in zip(*(tf.split(vectors, self.blocks, axis=1) for vectors in (users, titles))):
            loss += self.task(user, title, candidate_sampling_probability=drawn, compute_metrics=False)
        return loss


def train(users, titles, user, title, seed: int = 0, *, blocks: int = BLOCKS, l2: float = L2) -> two_tower.Towers:
    """Trains on these rows, user and title int [rows] into the vocabularies; returns the towers' vectors."""
    tf.keras.utils.set_random_seed(seed)
    order = np.random.default_rng(seed).permutation(len(user))
    rows = {"user_id": users[user[order]], "movie_title": titles[title[order]]}
    model = Committee(users, titles, np.bincount(title, minlength=len(titles)), blocks, l2)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
    model.fit(tf.data.Dataset.from_tensor_slices(rows).batch(BATCH).cache(), epochs=EPOCHS, verbose=0)
    return get_towers(model)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m autograder capstone", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="of the two-tower and of iALS (default 5)")
    parser.add_argument("--validate", action="store_true", help="judge on the validation part of train instead")
    options = parser.parse_args(argv)
    from data import movielens

    arrays = movielens.arrays()
    fit, rows = baselines.validation_split() if options.validate else two_tower.course_split()
    seen, user, title = two_tower.seen_titles(arrays, fit), arrays.user[rows], arrays.title[rows]

    def found(scores: np.ndarray) -> np.ndarray:
        return np.array([hits(scores, user, title, seen, k) for k in baselines.KS], float)

    ours = []
    for seed in range(options.seeds):
        began = time.process_time()
        towers = train(arrays.users, arrays.titles, arrays.user[fit], arrays.title[fit], seed)
        cpu = time.process_time() - began
        ours.append(found(two_tower.all_scores(towers)))
        rates = "  ".join(f"hit@{k} {rate:.4f}" for k, rate in zip(baselines.KS, ours[-1].mean(axis=1)))
        print(f"seed {seed}  {rates}  {cpu:.0f} CPU-s", flush=True)
    theirs = {"EASE": [found(baselines.ease(seen))],
              "iALS": [found(baselines.ials(seen, seed)) for seed in range(options.seeds)]}  # fmt: skip
    for i, k in enumerate(baselines.KS):
        rates = [hit[i].mean() for hit in ours]
        print(f"\nhit@{k}: mean of {len(ours)} seeds, sd {np.std(rates, ddof=min(1, len(rates) - 1)):.4f}, "
              f"{interval(np.mean(ours, axis=0)[i], user)}")  # fmt: skip
        for name, runs in theirs.items():
            gain = difference(np.mean(ours, axis=0)[i], np.mean(runs, axis=0)[i], user)
            each = [difference(mine[i], runs[min(s, len(runs) - 1)][i], user).low > 0 for s, mine in enumerate(ours)]
            print(f"  more than {name} ({np.mean(runs, axis=0)[i].mean():.4f}): {gain}; above 0 in {sum(each)} of {len(each)} seeds")
