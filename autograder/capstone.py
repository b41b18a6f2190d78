"""`python -m autograder capstone`: a two-tower of TensorFlow Recommenders against the best classical models.

Its vectors can be made of blocks, each trained as a two-tower of its own: the dot product of the whole is the sum of
the blocks' scores, so one index serves a whole committee. One block did as well; capstone.md tells what was tried.
"""

import argparse
import itertools
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
WEIGHT = 4  # of iALS in a sum with the two-tower: its scores go from 0 to 1, those of the softmax further


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

    runs: dict[str, list[np.ndarray]] = {"two-tower": [], f"two-tower + {WEIGHT} iALS": [], "iALS": [], "EASE": []}
    shallow = found(baselines.ease(seen))
    for seed in range(options.seeds):
        began = time.process_time()
        towers = train(arrays.users, arrays.titles, arrays.user[fit], arrays.title[fit], seed)
        cpu = time.process_time() - began
        ours, squares = two_tower.all_scores(towers), baselines.ials(seen, seed)
        for name, scores in zip(runs, (ours, ours + WEIGHT * squares, squares)):
            runs[name].append(found(scores))
        runs["EASE"].append(shallow)
        rates = "   ".join(f"{name} {of[-1][0].mean():.4f} {of[-1][1].mean():.4f}" for name, of in runs.items())
        print(f"seed {seed}: {rates}   ({cpu:.0f} CPU-s)", flush=True)
    for i, k in enumerate(baselines.KS):
        print(f"\nhit@{k}, mean of the seeds, its sd, its 95% interval over users")
        for name, of in runs.items():
            sd = np.std([one[i].mean() for one in of], ddof=1) if len(of) > 1 else 0.0
            print(f"  {name:20} {interval(np.mean(of, axis=0)[i], user)}  sd {sd:.4f}")
        for one, other in itertools.product(list(runs)[:2], list(runs)[2:]):
            gain = difference(np.mean(runs[one], axis=0)[i], np.mean(runs[other], axis=0)[i], user)
            each = sum(difference(x[i], y[i], user).low > 0 for x, y in zip(runs[one], runs[other]))
            print(f"  {one} - {other}: {gain}; above 0 in {each} of {options.seeds} seeds")
