"""`python -m autograder ranking`: what lesson 6 says of the second stage, over several seeds.

Ratings are predicted by biases, by the tutorial's ranking recipe and by biases with a dot product; then the hundred
retrieved films are put in several orders. The lesson writes its models out; these are the same.
"""

import argparse
import time
from typing import NamedTuple

import numpy as np

from autograder import baselines, two_tower
from autograder.evaluation import best, difference

N = 10  # films shown, of the hundred retrieved
HELD_BACK = 0.2  # of the train rows, for the ranker to learn from


# --- the first stage, and orders of what it hands on -----------------------------------------------------------------


def retrieve(arrays, rows: np.ndarray, seed: int = 0) -> np.ndarray:
    """Scores float64 [U, T] of the two-tower with logQ correction, trained on these rows: lesson 4's last model."""
    return two_tower.all_scores(two_tower.recipe(arrays, rows, seed, corrected=True)[0])


def among(scores: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """The scores [U, T] of each user's candidates alone, [U, k], brought to mean 0 and deviation 1 within each list."""
    of = np.take_along_axis(scores, candidates, axis=1)
    return (of - of.mean(axis=1, keepdims=True)) / of.std(axis=1, keepdims=True)


def reorder(candidates: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The same candidates [U, k] by falling values [U, k]; equal values keep their order."""
    return np.take_along_axis(candidates, np.argsort(-values, axis=1, kind="stable"), axis=1)


def found(lists: np.ndarray, user: np.ndarray, title: np.ndarray, n: int = N) -> np.ndarray:
    """Whether each row's title is among the first n of its user's list: bool [rows]. lists: int [U, k]."""
    return (lists[user, :n] == title[:, None]).any(axis=1)


# --- ratings ---------------------------------------------------------------------------------------------------------


def biases(
    user: np.ndarray,
    title: np.ndarray,
    rating: np.ndarray,
    shape: tuple[int, int],
    damping: float = 5,
    sweeps: int = 10,
) -> np.ndarray:
    """Mean + the film's bias + the user's bias as predictions, float64 [U, T]; each in turn what the other leaves over.

    A bias is a sum over ratings divided by their number + damping: few ratings move little.
    """
    mean, of_user, of_title = rating.mean(), np.zeros(shape[0]), np.zeros(shape[1])
    for _ in range(sweeps):
        left = rating - mean - of_user[user]
        of_title = np.bincount(title, left, shape[1]) / (np.bincount(title, minlength=shape[1]) + damping)
        left = rating - mean - of_title[title]
        of_user = np.bincount(user, left, shape[0]) / (np.bincount(user, minlength=shape[0]) + damping)
    return mean + of_user[:, None] + of_title


def rmse(predicted: np.ndarray, rating: np.ndarray) -> float:
    """Root of the mean squared error, in stars."""
    return float(np.sqrt(np.mean((predicted - rating) ** 2)))


def batches(columns: dict[str, np.ndarray], size: int):
    """A dataset of batches, kept in memory."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(columns).batch(size).cache()


def tutorial(arrays, rows: np.ndarray, seed: int) -> np.ndarray:
    """Predictions [U, T] of TFRS's own ranking tutorial: 32 dimensions, two hidden layers, Adagrad .1, three epochs."""
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    from autograder.stock import tower

    class Model(tfrs.Model):
        def __init__(self):
            super().__init__()
            self.users, self.films = tower(arrays.users), tower(arrays.titles)
            dense = tf.keras.layers.Dense
            self.head = tf.keras.Sequential([dense(256, activation="relu"), dense(64, activation="relu"), dense(1)])
            self.task = tfrs.tasks.Ranking(loss=tf.keras.losses.MeanSquaredError())

        def call(self, rows):
            return self.head(tf.concat([self.users(rows["user_id"]), self.films(rows["movie_title"])], axis=1))

        def compute_loss(self, rows, training=False):
            return self.task(labels=rows["user_rating"], predictions=self(rows))

    tf.keras.utils.set_random_seed(seed)
    model = Model()
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
    model.fit(batches(rated(arrays, rows), 8192), epochs=3, verbose=0)
    users, films = (table.layers[1].get_weights()[0][1:] for table in (model.users, model.films))
    return np.stack([model.head(np.hstack([np.tile(user, (len(films), 1)), films]))[:, 0] for user in users])


class Tables(NamedTuple):
    """A rating model of biases and a dot product: mean + of_user[u] + of_title[t] + users[u] . titles[t]."""

    mean: float
    of_user: np.ndarray  # [U] float32
    of_title: np.ndarray  # [T]
    users: np.ndarray  # [U, dim]
    titles: np.ndarray  # [T, dim]


def rater(arrays, rows: np.ndarray, seed: int) -> Tables:
    """Trained on these rows by TFRS: 32 dimensions, Adam .005, batches of 1,024, seven epochs."""
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    from autograder.stock import tower

    mean = arrays.rating[rows].mean()

    class Model(tfrs.Model):
        def __init__(self):
            super().__init__()
            self.users, self.films = tower(arrays.users), tower(arrays.titles)
            self.of_user, self.of_film = tower(arrays.users, 1), tower(arrays.titles, 1)
            self.task = tfrs.tasks.Ranking(loss=tf.keras.losses.MeanSquaredError())

        def compute_loss(self, rows, training=False):
            user, film = rows["user_id"], rows["movie_title"]
            u, v = self.users(user), self.films(film)
            predictions = mean + self.of_user(user)[:, 0] + self.of_film(film)[:, 0] + tf.reduce_sum(u * v, axis=1)
            length = tf.reduce_mean(tf.reduce_sum(u**2 + v**2, axis=1))
            return self.task(labels=rows["user_rating"], predictions=predictions) + 0.1 * length

    tf.keras.utils.set_random_seed(seed)
    model = Model()
    model.compile(optimizer=tf.keras.optimizers.Adam(0.005))
    model.fit(batches(rated(arrays, rows), 1024), epochs=7, verbose=0)
    towers = model.users, model.films, model.of_user, model.of_film
    u, v, of_user, of_film = (table.layers[1].get_weights()[0][1:] for table in towers)
    return Tables(float(mean), of_user[:, 0], of_film[:, 0], u, v)


def predictions(of: Tables) -> np.ndarray:
    """Predicted ratings [U, T]."""
    return of.mean + of.of_user[:, None] + of.of_title + of.users @ of.titles.T


def rated(arrays, rows: np.ndarray) -> dict[str, np.ndarray]:
    """These rows as columns user_id, movie_title, user_rating."""
    user_id, movie_title = arrays.users[arrays.user[rows]], arrays.titles[arrays.title[rows]]
    return {"user_id": user_id, "movie_title": movie_title, "user_rating": arrays.rating[rows]}


# --- watched or not --------------------------------------------------------------------------------------------------


def watch_weights(columns: np.ndarray, watched: np.ndarray, seed: int) -> np.ndarray:
    """What a linear ranker makes of its columns: float32 [c], by cross-entropy, Adam .05, five epochs.

    columns: float32 [U, k, c], one row a candidate; watched: [U, k], 1 or 0.
    """
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    class Model(tfrs.Model):
        def __init__(self):
            super().__init__()
            self.head = tf.keras.layers.Dense(1, kernel_initializer="zeros")
            self.task = tfrs.tasks.Ranking(loss=tf.keras.losses.BinaryCrossentropy(from_logits=True))

        def compute_loss(self, rows, training=False):
            return self.task(labels=rows["watched"], predictions=self.head(rows["columns"]))

    order = np.random.default_rng(seed).permutation(watched.size)
    rows = {"columns": columns.reshape(watched.size, -1)[order], "watched": watched.reshape(-1, 1)[order]}
    model = Model()
    model.compile(optimizer=tf.keras.optimizers.Adam(0.05))
    model.fit(batches(rows, 1024), epochs=5, verbose=0)
    return model.head.get_weights()[0][:, 0]


def opinions(
    scores: np.ndarray, seen: np.ndarray, candidates: np.ndarray, vouch: np.ndarray | None = None
) -> np.ndarray:
    """The ranker's columns, float32 [U, k, 2]: retrieval's score, and how far the seen films vouch for the candidate
    (EASE), both by `among`. vouch: EASE's scores if they are known already."""
    vouch = baselines.ease(seen) if vouch is None else vouch
    return np.stack([among(scores, candidates), among(vouch, candidates)], axis=-1).astype(np.float32)


# --- the table -------------------------------------------------------------------------------------------------------


def figures(arrays, seed: int) -> tuple[dict[str, float], dict[str, dict[str, float]], dict[str, np.ndarray]]:
    """RMSE by model; by order: hit@10, stars of the hits, hit@10 of films with 4 stars or more; hits by order."""
    train, test = two_tower.course_split()
    user, title, rating = (column[test] for column in (arrays.user, arrays.title, arrays.rating))
    shape = len(arrays.users), len(arrays.titles)
    of_train = arrays.user[train], arrays.title[train], arrays.rating[train]
    predicted = {
        "global mean": np.full(shape, arrays.rating[train].mean()),
        "biases": biases(*of_train, shape),
        "tutorial's recipe": tutorial(arrays, train, seed),
        "biases + dot product": predictions(rater(arrays, train, seed)),
    }
    errors = {name: rmse(of[user, title], rating) for name, of in predicted.items()}

    seen, scores = two_tower.seen_titles(arrays, train), retrieve(arrays, train, seed)
    candidates, vouch = best(scores, seen), baselines.ease(seen)
    columns = opinions(scores, seen, candidates, vouch)
    stars = among(predicted["biases + dot product"], candidates)
    orders = {
        "as retrieved": candidates,
        "at random": np.random.default_rng(seed).permuted(candidates, axis=1),
        "by predicted rating": reorder(candidates, stars),
        "the same, biases only": reorder(candidates, among(predicted["biases"], candidates)),
        "retrieved + rating / 4": reorder(candidates, columns[..., 0] + 0.25 * stars),
        "by rating, no retrieval": best(predicted["biases + dot product"], seen),
        "by EASE": reorder(candidates, columns[..., 1]),
    }
    order = np.random.default_rng(seed).permutation(train)
    later, earlier = np.split(order, [int(HELD_BACK * len(order))])
    known = two_tower.seen_titles(arrays, earlier)
    then = retrieve(arrays, earlier, seed)
    handed_on = best(then, known)
    watched = np.take_along_axis(two_tower.seen_titles(arrays, later), handed_on, axis=1).astype(np.float32)
    weights = watch_weights(opinions(then, known, handed_on), watched, seed)
    orders["watched or not"] = reorder(candidates, columns @ weights)
    whole = best(scores)
    leaking = np.take_along_axis(seen, whole, axis=1).astype(np.float32)
    wrong = watch_weights(opinions(scores, seen, whole, vouch), leaking, seed)
    orders["the same, learnt from seen films"] = reorder(candidates, columns @ wrong)

    hits = {name: found(lists, user, title) for name, lists in orders.items()}
    liked = rating >= 4
    judged = {
        name: {"hit@10": hit.mean(), "stars of hits": rating[hit].mean(), "hit@10, 4 stars +": hit[liked].mean()}
        for name, hit in hits.items()
    }
    judged["watched or not"] |= dict(zip(("weight of retrieval", "of EASE"), weights.tolist()))
    judged["the same, learnt from seen films"] |= dict(zip(("weight of retrieval", "of EASE"), wrong.tolist()))
    return errors, judged, hits


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m autograder ranking", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="5 if not said")
    seeds = range(parser.parse_args(argv).seeds)
    from data import movielens

    arrays, began = movielens.arrays(), time.process_time()
    user = arrays.user[two_tower.course_split()[1]]
    runs = [figures(arrays, seed) for seed in seeds]
    cpu = (time.process_time() - began) / len(seeds)
    print(f"{len(seeds)} seeds, {cpu:.0f} CPU-s each; mean (lowest to highest)\n\nRMSE in stars, 20,000 test rows")
    for name in runs[0][0]:
        print(f"  {name:34}{spread([errors[name] for errors, *_ in runs], 4)}")
    print(f"\nOrders of the 100 retrieved unseen films, of which {N} are shown")
    for name, of in runs[0][1].items():
        print(f"  {name:34}" + "; ".join(f"{what} {spread([run[1][name][what] for run in runs], 4)}" for what in of))
    print("\nMore hits than as retrieved, 95% interval over users, seed by seed")
    for name in list(runs[0][2])[1:]:
        print(f"  {name:34}" + ", ".join(str(difference(hits[name], hits["as retrieved"], user)) for *_, hits in runs))
    name = "watched or not"
    print("and more than by EASE")
    print(f"  {name:34}" + ", ".join(str(difference(hits[name], hits["by EASE"], user)) for *_, hits in runs))


def spread(values: list[float], digits: int) -> str:
    """Mean, and lowest to highest if they differ."""
    mean, low, high = (f"{of:.{digits}f}" for of in (np.mean(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"
