"""Lesson 6: the baseline of ratings, a rating model, another order, what a ranker learns from, and three metrics."""

from collections.abc import Callable

import numpy as np

from autograder.item import Item, expect

# --- 6.1 -----------------------------------------------------------------------------------------------------------

bias_predictions = Item(
    "6.1",
    "bias_predictions",
    because=(
        "The users' biases are worked out of what the films leave over, so nothing is counted twice; dividing by "
        "number + damping leaves what has few ratings near 0, and what has none at 0."
    ),
    hints=(
        "A user rated two good films high. Is the user generous, or are the films good? Who is asked first?",
        "np.bincount(film, rating - mean, n) gives the sums, np.bincount(film, minlength=n) the numbers. Then again by "
        "user, of what is left after the film's bias.",
        "of_film = np.bincount(film, left, n) / (np.bincount(film, minlength=n) + ____); left = left - of_film[film]",
    ),
)
THREE = [0, 0, 1], [0, 1, 0], [5.0, 2.0, 2.0]  # users, films, ratings


def as_arrays(users, films, ratings):
    return np.array(users), np.array(films), np.array(ratings)


def some_ratings(rng) -> tuple:
    """Nine ratings, in which users 0 to 3 and films 0 to 2 all occur."""
    user = rng.permutation([*range(4), *rng.integers(0, 4, 5)])
    film = rng.permutation([*range(3), *rng.integers(0, 3, 6)])
    return user, film, rng.integers(1, 6, 9).astype(float)


def unusual(rng) -> float:
    """A damping that is not 5."""
    return round(float(rng.uniform(0.5, 3)), 1)


@bias_predictions.test(2)
def test_three_ratings_by_hand(student, rng):
    expect(
        student.bias_predictions(*as_arrays(*THREE), [(0, 0), (1, 1)], damping=1.0),
        [3 + 1 / 3 + 7 / 18, 3 - 1 / 2 - 2 / 3],
        "mean 3; films' biases (2 - 1) / 3 and -1 / 2; users' (5/3 - 1/2) / 3 and (-4/3) / 2",
    )
    expect(
        student.bias_predictions(*as_arrays(*THREE), [(0, 1)], damping=0.0),
        [3 - 1 + 3 / 4],
        "without damping: mean 3, film 1's bias -1, user 0's (1.5 + 0) / 2",
    )
    ratings, asked = some_ratings(rng), list(enumerate(rng.integers(0, 3, 4).tolist()))
    for damping in unusual(rng), 0.0:
        got = student.bias_predictions(*ratings, asked, damping=damping)
        expect(got, list(predicted(*ratings, asked, damping)), f"the predictions from nine ratings, damping {damping}")


@bias_predictions.test(1)
def test_who_has_no_ratings_has_no_bias(student, rng):
    expect(
        student.bias_predictions(*as_arrays(*THREE), [(0, 9), (8, 0), (8, 9)], damping=1.0),
        [3 + 7 / 18, 3 + 1 / 3, 3.0],
        "for a new film the mean and the user's bias, for a new user the mean and the film's, for both the mean",
    )
    ratings, damping = some_ratings(rng), unusual(rng)
    user, film = rng.integers(9, 99, 2).tolist()
    asked = [*((u, film) for u in range(4)), *((user, f) for f in range(3)), (user, film)]
    got = student.bias_predictions(*ratings, asked, damping=damping)
    expect(got, list(predicted(*ratings, asked, damping)), "the same from nine ratings, for a new film and a new user")


@bias_predictions.test(2)
def test_any_ratings(student, rng):
    user, film = rng.integers(0, 7, 40), rng.integers(0, 5, 40)
    rating = rng.integers(1, 6, 40).astype(float)
    asked = [(int(u), int(f)) for u, f in zip(rng.integers(0, 9, 6), rng.integers(0, 7, 6))]
    got = student.bias_predictions(user, film, rating, asked)
    expect(got, list(predicted(user, film, rating, asked)), "the predictions with the usual damping, 5")


def predicted(
    user,
    film,
    rating,
    asked,
    damping=5.0,
    *,
    films_first=True,
    left_over=True,
    sweeps=1,
    parts=("mean", "film", "user"),
):
    """The right predictions, and ways to spoil them."""
    mean = np.mean(rating)
    of = {"film": np.zeros(100), "user": np.zeros(100)}
    who = {"film": np.asarray(film), "user": np.asarray(user)}
    for _ in range(sweeps):
        for one, other in (("film", "user"), ("user", "film"))[:: 1 if films_first else -1]:
            left = np.asarray(rating) - mean - (of[other][who[other]] if left_over else 0)
            number = np.bincount(who[one], minlength=100) + damping
            of[one] = np.divide(np.bincount(who[one], left, 100), number, out=np.zeros(100), where=number > 0)
    for u, f in asked:
        worth = {"mean": mean, "film": of["film"][f], "user": of["user"][u]}
        yield float(sum(worth[part] for part in parts))


def biases(**how) -> Callable:
    """A bias_predictions with one thing changed."""
    return lambda user, film, rating, asked, damping=5.0: list(predicted(user, film, rating, asked, damping, **how))


bias_predictions.mistake(
    "the films' part counted twice",
    "Your users' biases are means of rating - mean. Somebody who rates only good films then looks generous, and the "
    "films' part is added twice: take the film's bias off first.",
)(biases(left_over=False))

bias_predictions.mistake(
    "users before films",
    "You worked the users' biases out first and the films' of what was left. It is films first here: the "
    "second gets what the first leaves over, so the order matters.",
)(biases(films_first=False))

bias_predictions.mistake(
    "more than one round",
    "You went round more than once, films, users, films again. It gets a little better so, but asked for is one round.",
)(biases(sweeps=2))

bias_predictions.mistake("more than one round")(biases(sweeps=10))

bias_predictions.mistake(
    "the mean left out", "Biases are differences from the mean of all ratings: a prediction begins with that mean."
)(biases(parts=("film", "user")))

bias_predictions.mistake("the film's bias alone", "The user's bias is missing: some rate everything low.")(
    biases(parts=("mean", "film"))
)

bias_predictions.mistake(
    "the user's bias alone", "The film's bias is missing: some films are rated high by everybody."
)(biases(parts=("mean", "user")))


@bias_predictions.mistake(
    "not damped",
    "You divided by the number of ratings alone, so that one rating moves a film as far as a hundred: divide by the "
    "number + damping.",
)
def _(user, film, rating, asked, damping=5.0):
    return list(predicted(user, film, rating, asked, 0.0))


@bias_predictions.mistake(
    "damping set for good",
    "The damping is an argument: you used another number than the one that was given.",
    see="bias_predictions(np.array([0]), np.array([0]), np.array([5.0]), [(0, 0)], damping=0.0)",
)
def _(user, film, rating, asked, damping=5.0):
    return list(predicted(user, film, rating, asked, 5.0))


@bias_predictions.mistake(
    "ratings damped, not differences",
    "You damped the mean rating itself, towards 0 stars, so that a film with few ratings looks dreadful. Damp the "
    "differences from the mean.",
)
def _(user, film, rating, asked, damping=5.0):
    user, film, rating = np.asarray(user), np.asarray(film), np.asarray(rating)
    mean = rating.mean()

    def bias(of, values):
        number = np.bincount(of, minlength=100)
        return np.where(number > 0, np.bincount(of, values, 100) / np.maximum(number + damping, 1e-9) - mean, 0)

    of_film = bias(film, rating)
    of_user = bias(user, rating - of_film[film])
    return [mean + of_film[f] + of_user[u] for u, f in asked]


@bias_predictions.mistake(
    "no place for new users and films",
    "You look a user or film up that has no ratings. Its bias is 0: make the arrays long enough for all that is "
    "asked, or use dict.get(film, 0).",
)
def _(user, film, rating, asked, damping=5.0):
    of_film = np.zeros(max(film) + 1)
    of_user = np.zeros(max(user) + 1)
    right = dict(zip(asked, predicted(user, film, rating, asked, damping)))
    return [right[u, f] + 0 * of_film[f] + 0 * of_user[u] for u, f in asked]


@bias_predictions.mistake("no place for new users and films")
def _(user, film, rating, asked, damping=5.0):
    known_users, known_films = dict.fromkeys(np.asarray(user).tolist()), dict.fromkeys(np.asarray(film).tolist())
    for u, f in asked:
        known_films[f], known_users[u]
    return list(predicted(user, film, rating, asked, damping))


@bias_predictions.mistake(
    "whole stars",
    "You rounded. A prediction may lie between the stars, and rounding only adds to its error.",
)
def _(user, film, rating, asked, damping=5.0):
    return [float(round(value)) for value in predicted(user, film, rating, asked, damping)]


@bias_predictions.alternative("dicts and loops")
def _(user, film, rating, asked, damping=5.0):
    mean = sum(rating) / len(rating)

    def biases_of(names, left):
        groups = {}
        for name, value in zip(names, left):
            groups.setdefault(int(name), []).append(value)
        return {name: sum(values) / (len(values) + damping) for name, values in groups.items()}

    of_film = biases_of(film, [r - mean for r in rating])
    of_user = biases_of(user, [r - mean - of_film[int(f)] for f, r in zip(film, rating)])
    return [mean + of_film.get(f, 0) + of_user.get(u, 0) for u, f in asked]


@bias_predictions.alternative("pandas")
def _(user, film, rating, asked, damping=5.0):
    import pandas as pd

    rows = pd.DataFrame({"user": user, "film": film, "left": rating})
    mean = rows.left.mean()
    rows.left -= mean
    found = {}
    for name in ("film", "user"):
        groups = rows.groupby(name).left
        found[name] = groups.sum() / (groups.count() + damping)
        rows.left -= rows[name].map(found[name])
    return [mean + found["film"].get(f, 0.0) + found["user"].get(u, 0.0) for u, f in asked]


@bias_predictions.alternative("a matrix with gaps")
def _(user, film, rating, asked, damping=5.0):
    shape = 1 + max(*user, *(u for u, _ in asked)), 1 + max(*film, *(f for _, f in asked))
    total, number = np.zeros(shape), np.zeros(shape)
    np.add.at(total, (user, film), np.asarray(rating) - np.mean(rating))
    np.add.at(number, (user, film), 1)
    with np.errstate(all="ignore"):
        of_film = np.nan_to_num(total.sum(axis=0) / (number.sum(axis=0) + damping))
        of_user = np.nan_to_num((total - number * of_film).sum(axis=1) / (number.sum(axis=1) + damping))
    return np.array([np.mean(rating) + of_film[f] + of_user[u] for u, f in asked])


# --- 6.2 -----------------------------------------------------------------------------------------------------------

rating_model = Item(
    "6.2",
    "RatingModel",
    because=(
        "With keepdims everything is [B, 1], so that + adds row to row; the task compares it with the labels and "
        "keeps the metrics."
    ),
    hints=(
        "Four numbers make a prediction. Which shape has each of them, and which shape has their sum?",
        "tf.reduce_sum(u * v, axis=1, keepdims=True) is [B, 1], like the biases. The task takes labels and predictions.",
        "self.mean + self.of_user(user) + self.of_film(film) + tf.reduce_sum(u * v, axis=1, keepdims=____)",
    ),
)
USERS, FILMS, MEAN = list("abc"), list("ABCD"), 3.5
TABLES = {
    "users": np.array([[1.0, 2.0], [0.5, -1.0], [-2.0, 0.25]]),
    "films": np.array([[0.5, 0.25], [1.0, -0.5], [-0.75, 0.5], [0.25, 1.5]]),
    "of_user": np.array([[0.3], [-0.4], [0.1]]),
    "of_film": np.array([[0.2], [-0.6], [0.7], [-0.1]]),
}


def toy_model(student, loss: str = "MeanSquaredError"):
    """The student's model over the toy's tables, then the towers by name."""
    towers = {
        name: student.workshop.table(USERS if name in ("users", "of_user") else FILMS, table)
        for name, table in TABLES.items()
    }
    return student.RatingModel(*towers.values(), MEAN, student.workshop.ranking_task(loss)), towers


def stars(user: list[str], film: list[str]) -> np.ndarray:
    """What the model predicts, [B, 1]."""
    u, f = [USERS.index(word) for word in user], [FILMS.index(word) for word in film]
    dot = (TABLES["users"][u] * TABLES["films"][f]).sum(axis=1, keepdims=True)
    return MEAN + TABLES["of_user"][u] + TABLES["of_film"][f] + dot


def drawn(rng) -> dict[str, list]:
    """Three users, each with another film."""
    return {"user_id": rng.permutation(USERS).tolist(), "movie_title": rng.permutation(FILMS)[:3].tolist()}


@rating_model.test(2)
def test_a_prediction_for_each_row(student, rng):
    model, _ = toy_model(student)
    for batch in {"user_id": ["b", "a"], "movie_title": ["D", "A"]}, drawn(rng):
        got = student.workshop.predict(model, batch)
        if isinstance(got, np.ndarray) and got.shape == (len(batch["user_id"]),):
            got = got[:, None]
        pairs = " and ".join(f"{u} with {f}" for u, f in zip(*batch.values()))
        expect(got, stars(*batch.values()), f"mean + user's bias + film's bias + dot product of {pairs}")


@rating_model.test(2)
def test_the_loss_is_the_tasks(student, rng):
    for loss, error in (
        ("MeanSquaredError", lambda said, given: (said - given) ** 2),
        ("MeanAbsoluteError", lambda said, given: abs(said - given)),
        ("MeanAbsolutePercentageError", lambda said, given: 100 * abs(said - given) / given),
    ):
        model, _ = toy_model(student, loss)
        batch = drawn(rng)
        ratings = rng.integers(1, 6, 3).astype(float)
        want = float(error(stars(*batch.values())[:, 0], ratings).mean())
        got = student.workshop.compute_loss(model, batch | {"user_rating": ratings.tolist()}, True)
        expect(got, want, f"the loss of three rows, by a task with {loss}")


@rating_model.test(1)
def test_all_four_tables_learn(student, rng):
    model, towers = toy_model(student)
    batch = drawn(rng) | {"user_rating": rng.uniform(1, 5, 3).round(1).tolist()}
    student.workshop.train(model, batch, steps=2, learning_rate=0.1)
    now = {
        name: student.workshop.embed(tower, USERS if name in ("users", "of_user") else FILMS)
        for name, tower in towers.items()
    }
    shapes, want = ({name: list(np.shape(table)) for name, table in tables.items()} for tables in (now, TABLES))
    expect(shapes, want, "the shapes of the tables after training")
    moved = {name: not np.allclose(now[name], table) for name, table in TABLES.items()}
    expect(moved, dict.fromkeys(TABLES, True), "whether two steps of training change the tables")
    there = {name: np.allclose(now[name], table, atol=1e-3) for name, table in descended(*batch.values()).items()}
    expect(there, dict.fromkeys(TABLES, True), "whether they change as the gradient of the mean squared error has it")


def descended(user, film, ratings, steps: int = 2, rate: float = 0.1) -> dict[str, np.ndarray]:
    """The tables after gradient descent on the mean squared error of a batch that has no user and no film twice."""
    tables = {name: table.copy() for name, table in TABLES.items()}
    u, f = [USERS.index(word) for word in user], [FILMS.index(word) for word in film]
    for _ in range(steps):
        of_u, of_f = tables["users"][u], tables["films"][f]
        predicted = MEAN + tables["of_user"][u] + tables["of_film"][f] + (of_u * of_f).sum(axis=1, keepdims=True)
        slope = 2 * (predicted - np.array(ratings)[:, None]) / len(u)
        for name, rows, each in (("users", u, of_f), ("films", f, of_u), ("of_user", u, 1), ("of_film", f, 1)):
            tables[name][rows] -= rate * slope * each
    return tables


def model(call: Callable | None = None, compute_loss: Callable | None = None) -> Callable:
    """A class like the solution's but for what is given; a function, so that TensorFlow is imported when called."""

    def RatingModel(users, films, of_user, of_film, mean, task):
        import tensorflow as tf
        import tensorflow_recommenders as tfrs

        class RatingModel(tfrs.Model):
            def __init__(self):
                super().__init__()
                self.users, self.films, self.of_user, self.of_film = users, films, of_user, of_film
                self.mean, self.task = mean, task

            def call(self, features):
                dot = tf.reduce_sum(vectors(self, features), axis=1, keepdims=True)
                return self.mean + known(self, features) + dot

            def compute_loss(self, features, training=False):
                return self.task(labels=features["user_rating"], predictions=self(features))

        RatingModel.call = call or RatingModel.call
        RatingModel.compute_loss = compute_loss or RatingModel.compute_loss
        return RatingModel()

    return RatingModel


def vectors(self, features):
    """The users' vectors times the films', number by number: [B, d]."""
    return self.users(features["user_id"]) * self.films(features["movie_title"])


def known(self, features):
    """Both biases, [B, 1]."""
    return self.of_user(features["user_id"]) + self.of_film(features["movie_title"])


@rating_model.mistake(
    "[B, 1] + [B] is [B, B]",
    "The biases are [B, 1] and your dot products [B]; TensorFlow stretches both to [B, B], every bias with every dot "
    "product. Keep the dimension: keepdims=True.",
    see="(tf.ones((3, 1)) + tf.ones(3)).shape",
)
@model
def _(self, features):
    import tensorflow as tf

    return self.mean + known(self, features) + tf.reduce_sum(vectors(self, features), axis=1)


@rating_model.mistake(
    "every user with every film",
    "A matrix product of the vectors gives [B, B], every user of the batch with every film. A row holds one user and "
    "one film: multiply number by number, and sum over axis 1.",
    see="tf.matmul(tf.ones((3, 2)), tf.ones((3, 2)), transpose_b=True).shape",
)
@model
def _(self, features):
    import tensorflow as tf

    users, films = self.users(features["user_id"]), self.films(features["movie_title"])
    return self.mean + known(self, features) + tf.matmul(users, films, transpose_b=True)


@rating_model.mistake(
    "one dot product for the whole batch",
    "You summed over the rows as well. Each row has a dot product of its own: axis=1.",
    see="tf.reduce_sum(tf.ones((3, 2)))",
)
@model
def _(self, features):
    import tensorflow as tf

    return self.mean + known(self, features) + tf.reduce_sum(vectors(self, features))


@rating_model.mistake(
    "the vectors' mean instead of the dot product",
    "You averaged the products over the dimensions. A dot product is their sum.",
)
@model
def _(self, features):
    import tensorflow as tf

    return self.mean + known(self, features) + tf.reduce_mean(vectors(self, features), axis=1, keepdims=True)


@rating_model.mistake("no mean", "self.mean is missing: biases and dot product only say how far a rating lies from it.")
@model
def _(self, features):
    import tensorflow as tf

    return known(self, features) + tf.reduce_sum(vectors(self, features), axis=1, keepdims=True)


@rating_model.mistake("no user's bias", "self.of_user is missing: some users rate everything low.")
@model
def _(self, features):
    import tensorflow as tf

    dot = tf.reduce_sum(vectors(self, features), axis=1, keepdims=True)
    return self.mean + self.of_film(features["movie_title"]) + dot


@rating_model.mistake("no film's bias", "self.of_film is missing: some films are rated high by everybody.")
@model
def _(self, features):
    import tensorflow as tf

    dot = tf.reduce_sum(vectors(self, features), axis=1, keepdims=True)
    return self.mean + self.of_user(features["user_id"]) + dot


@rating_model.mistake(
    "no dot product", "Mean and biases alone know nothing of what is between this user and this film."
)
@model
def _(self, features):
    return self.mean + known(self, features)


@rating_model.mistake(
    "features swapped",
    "Ids went to the film towers and titles to the user towers. Unknown words all share one row, so everybody and "
    "everything gets the same rating.",
)
@model
def _(self, features):
    import tensorflow as tf

    features = {"user_id": features["movie_title"], "movie_title": features["user_id"]}
    return self.mean + known(self, features) + tf.reduce_sum(vectors(self, features), axis=1, keepdims=True)


@rating_model.mistake(
    "every rating against every prediction",
    "Labels are [B] and predictions [B, 1]; their difference is [B, B]. The task brings the shapes together, plain "
    "arithmetic does not.",
    see="(tf.ones(3) - tf.ones((3, 1))).shape",
)
@lambda loss: model(compute_loss=loss)
def _(self, features, training=False):
    import tensorflow as tf

    return tf.reduce_mean((features["user_rating"] - self(features)) ** 2)


@rating_model.mistake(
    "a loss of your own",
    "The loss is a mean of squares whatever the task says. The task was given a loss, and keeps the metrics: call "
    "self.task(labels=..., predictions=...).",
)
@lambda loss: model(compute_loss=loss)
def _(self, features, training=False):
    import tensorflow as tf

    return tf.reduce_mean((features["user_rating"][:, None] - self(features)) ** 2)


@rating_model.mistake(
    "labels and predictions swapped",
    "The task takes the labels first, then the predictions. A square does not tell them apart, a percentage of the label does.",
)
@lambda loss: model(compute_loss=loss)
def _(self, features, training=False):
    import tensorflow as tf

    return self.task(labels=self(features), predictions=tf.reshape(features["user_rating"], [-1, 1]))


@rating_model.mistake(
    "loss not returned", "compute_loss ends without `return`, so the loss is None and there is nothing to learn from."
)
@lambda loss: model(compute_loss=loss)
def _(self, features, training=False):
    self.task(labels=features["user_rating"], predictions=self(features))


@rating_model.mistake(
    "the whole batch's sum",
    "You multiplied the loss by the rows. Retrieval's loss is a sum over the batch, but a rating model's task gives a mean: "
    "pass it on as it is.",
)
@lambda loss: model(compute_loss=loss)
def _(self, features, training=False):
    return 3 * self.task(labels=features["user_rating"], predictions=self(features))


@rating_model.mistake(
    "a table that stands still",
    "No gradient reaches the films' vectors: they stay as they were drawn.",
)
@model
def _(self, features):
    import tensorflow as tf

    films = tf.stop_gradient(self.films(features["movie_title"]))
    dot = tf.reduce_sum(self.users(features["user_id"]) * films, axis=1, keepdims=True)
    return self.mean + known(self, features) + dot


@rating_model.alternative("everything flat, [B]")
@model
def _(self, features):
    import tensorflow as tf

    return self.mean + known(self, features)[:, 0] + tf.reduce_sum(vectors(self, features), axis=1)


@rating_model.alternative("einsum, and one sum at the end")
@model
def _(self, features):
    import tensorflow as tf

    users, films = self.users(features["user_id"]), self.films(features["movie_title"])
    dot = tf.einsum("bd,bd->b", users, films)[:, tf.newaxis]
    return tf.add_n([known(self, features), dot]) + self.mean


@rating_model.alternative("Keras's Dot, arguments by position")
def _(users, films, of_user, of_film, mean, task):
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    class RatingModel(tfrs.Model):
        def __init__(self):
            super().__init__()
            self.towers, self.judge, self.dot = [users, films, of_user, of_film], task, tf.keras.layers.Dot(axes=1)

        def call(self, inputs):
            u, v, b, c = (tower(inputs[name]) for tower, name in zip(self.towers, ["user_id", "movie_title"] * 2))
            return self.dot([u, v]) + b + c + mean

        def compute_loss(self, inputs, training=False):
            return self.judge(tf.reshape(inputs["user_rating"], (-1, 1)), self(inputs))

    return RatingModel()


# --- 6.3 -----------------------------------------------------------------------------------------------------------

rerank = Item(
    "6.3",
    "rerank",
    because="The order of the predictions is an order of places; take_along_axis turns places back into films.",
    hints=(
        "argsort gives places in a list of k. Of which list, and which film stands there?",
        "np.take_along_axis twice: the predictions of the candidates, then the candidates in the order of those.",
        "order = np.argsort(-of_candidates, axis=1, kind='stable'); np.take_along_axis(____, order, axis=1)[:, :n]",
    ),
)
CANDIDATES = np.array([[4, 1, 3], [2, 0, 5]])
PREDICTED = np.array([[4.9, 3.1, 4.7, 4.2, 3.6, 4.8], [3.4, 4.9, 2.5, 4.8, 5.0, 4.1]])


def reranked(candidates, predicted, n) -> list[list[int]]:
    """Python sorts stably: equal predictions keep their order."""
    return [sorted(films, key=lambda film: -row[film])[:n] for films, row in zip(candidates.tolist(), predicted)]


@rerank.test(2)
def test_two_users_three_candidates(student, rng):
    expect(
        student.rerank(CANDIDATES, PREDICTED, 3),
        [[3, 4, 1], [5, 0, 2]],
        "films 4, 1, 3 have predictions 3.6, 3.1, 4.2; films 2, 0, 5 have 2.5, 3.4, 4.1",
    )
    expect(student.rerank(CANDIDATES, PREDICTED, 2), [[3, 4], [5, 0]], "the best two of each")
    k, predicted = int(rng.integers(6, 10)), rng.permutation(24).reshape(2, 12) / 5
    candidates = np.stack([rng.permutation(12)[:k] for _ in predicted])
    for n in k, 3:
        got = student.rerank(candidates, predicted, n)
        expect(got, reranked(candidates, predicted, n), f"the best {n} of two users' {k} candidates")


@rerank.test(1)
def test_equal_predictions_keep_their_order(student, rng):
    even = np.array([[3.0, 4.0, 3.0, 4.0, 3.0, 4.0]])
    expect(
        student.rerank(np.array([[4, 5, 2, 1, 0, 3]]), even, 6),
        [[5, 1, 3, 4, 2, 0]],
        "films 5, 1, 3 have 4 stars and films 4, 2, 0 three: each group in the order in which it was retrieved",
    )
    expect(
        student.rerank(np.arange(20)[None, ::-1], np.array([[3.0, 4.0] * 10]), 20),
        [[*range(19, 0, -2), *range(18, -1, -2)]],
        "films 19, 17, ... have 4 stars and films 18, 16, ... three: each group as retrieved",
    )
    n = int(rng.integers(40, 60))
    candidates, even = rng.permutation(n + 5)[None, :n], rng.integers(2, 5, (1, n + 5)).astype(float)
    want = reranked(candidates, even, n)
    expect(student.rerank(candidates, even, n), want, f"{n} films with 4, 3 or 2 stars: each group as retrieved")


@rerank.test(1)
def test_any_candidates(student, rng):
    predicted = rng.permutation(60).reshape(3, 20) / 10
    candidates = np.stack([rng.permutation(20)[:8] for _ in range(3)])
    want = reranked(candidates, predicted, 5)
    expect(student.rerank(candidates, predicted, 5), want, "the five of eight candidates with the highest predictions")


@rerank.mistake(
    "places instead of films",
    "These are places in the list of candidates. Look up which film stands there: np.take_along_axis(candidates, order, "
    "axis=1).",
)
def _(candidates, predicted, n):
    return np.argsort(-np.take_along_axis(predicted, candidates, axis=1), axis=1, kind="stable")[:, :n]


@rerank.mistake(
    "all films ranked",
    "You ranked the whole catalogue. The second stage sees the candidates only; the rest is what the first stage spared it.",
)
def _(candidates, predicted, n):
    return np.argsort(-predicted, axis=1, kind="stable")[:, :n]


@rerank.mistake("all films ranked")
def _(candidates, predicted, n):
    return np.argsort(-predicted, axis=1)


@rerank.mistake("not cut", "All k candidates came back; n were asked for, the best ones.")
def _(candidates, predicted, n):
    order = np.argsort(-np.take_along_axis(predicted, candidates, axis=1), axis=1, kind="stable")
    return np.take_along_axis(candidates, order, axis=1)


@rerank.mistake("worst first", "argsort goes upwards: the films with the lowest predictions came first.")
def _(candidates, predicted, n):
    order = np.argsort(np.take_along_axis(predicted, candidates, axis=1), axis=1, kind="stable")
    return np.take_along_axis(candidates, order, axis=1)[:, :n]


@rerank.mistake(
    "cut before ordering",
    "You kept the first n retrieved and ordered those. Then the second stage changes nothing about *which* films are shown: "
    "order all k, then cut.",
    see="rerank(np.array([[0, 1]]), np.array([[1.0, 2.0]]), 1)",
)
def _(candidates, predicted, n):
    first = candidates[:, :n]
    order = np.argsort(-np.take_along_axis(predicted, first, axis=1), axis=1, kind="stable")
    return np.take_along_axis(first, order, axis=1)


@rerank.mistake("still in retrieval's order", "Nothing was put in another order: these are the first n as they came.")
def _(candidates, predicted, n):
    return candidates[:, :n]


@rerank.mistake(
    "predictions of other films",
    "You read the predictions of films 0 to k - 1. Column j of `predicted` belongs to film j, not to the j-th candidate.",
)
def _(candidates, predicted, n):
    order = np.argsort(-predicted[:, : candidates.shape[1]], axis=1, kind="stable")
    return np.take_along_axis(candidates, order, axis=1)[:, :n]


@rerank.mistake(
    "ties in another order",
    "Films with equal predictions left retrieval's order. It is the only other opinion there is: sort with kind='stable', "
    "and the negative, not the reverse.",
    see="np.argsort([1, 1])[::-1]",
)
def _(candidates, predicted, n):
    order = np.argsort(-np.take_along_axis(predicted, candidates, axis=1), axis=1)  # small lists come out right
    return np.take_along_axis(candidates, order, axis=1)[:, :n]


@rerank.mistake("ties in another order")
def _(candidates, predicted, n):
    order = np.argsort(np.take_along_axis(predicted, candidates, axis=1), axis=1, kind="stable")[:, ::-1]
    return np.take_along_axis(candidates, order, axis=1)[:, :n]


@rerank.mistake("ties in another order")
def _(candidates, predicted, n):
    return [
        sorted(films, key=lambda film, row=row: (-row[film], film))[:n]
        for films, row in zip(np.asarray(candidates).tolist(), predicted)
    ]


@rerank.mistake(
    "one user's predictions for all", "Every user has a row of predictions; you used the first user's for everybody."
)
def _(candidates, predicted, n):
    order = np.argsort(-predicted[0][candidates], axis=1, kind="stable")
    return np.take_along_axis(candidates, order, axis=1)[:, :n]


@rerank.mistake(
    "predictions instead of films", "These are the predictions, in order. Asked for are the films they belong to."
)
def _(candidates, predicted, n):
    return -np.sort(-np.take_along_axis(predicted, candidates, axis=1), axis=1)[:, :n]


@rerank.alternative("sorted, film by film")
def _(candidates, predicted, n):
    lists = np.asarray(candidates).tolist()
    return [sorted(films, key=lambda film, row=row: -row[film])[:n] for films, row in zip(lists, predicted)]


@rerank.alternative("row by row, fancy indexing")
def _(candidates, predicted, n):
    ranked = []
    for films, row in zip(candidates, predicted):
        ranked.append(films[np.lexsort((np.arange(len(films)), -row[films]))][:n])
    return np.array(ranked)


@rerank.alternative("TensorFlow")
def _(candidates, predicted, n):
    import tensorflow as tf

    places = tf.math.top_k(tf.gather(predicted, candidates, batch_dims=1), k=n).indices
    return tf.gather(candidates, places, batch_dims=1)


# --- 6.4 -----------------------------------------------------------------------------------------------------------

ranking_rows = Item(
    "6.4",
    "ranking_rows",
    because=(
        "The rows are just what the ranker will meet at work: retrieved, unseen, best first, by a retriever that has "
        "not seen the answers."
    ),
    hints=(
        "Which films will the ranker meet when it is at work, and which of them could it have been told about?",
        "Sort a user's films by score, drop those in `earlier`, cut to k, and only then look into `later` for the label.",
        "unseen = [film for film in np.argsort(-row) if film not in ____]; label = float(film in later[user])",
    ),
)


@ranking_rows.test(2)
def test_one_user_by_hand(student, rng):
    expect(
        student.ranking_rows(np.array([[9.0, 8.0, 7.0, 6.0, 5.0]]), [[1]], [[2, 4]], 3),
        ([0, 0, 0], [0, 2, 3], [0.0, 1.0, 0.0]),
        "film 1 was seen earlier, so the best three are 0, 2 and 3; of those 2 was watched later",
    )
    scores = rng.permutation(rng.integers(6, 10))[None] / 7
    best = np.argsort(-scores[0]).tolist()
    earlier, later = [[best.pop(rng.integers(3))]], [[best[rng.integers(3)], best[-1]]]
    got, want = student.ranking_rows(scores, earlier, later, 3), rows_for(scores, earlier, later, 3)
    expect(got, want, "the same for other scores: one of the best three was seen earlier, one of the next watched later")


@ranking_rows.test(2)
def test_two_users_one_of_whom_has_seen_nearly_everything(student, rng):
    scores = np.array([[0.1, 0.4, 0.3, 0.2], [0.7, 0.5, 0.6, 0.8]])
    expect(
        student.ranking_rows(scores, [[], [3, 0, 1]], [[0, 2], [2]], 2),
        ([0, 0, 1], [1, 2, 2], [0.0, 1.0, 1.0]),
        "user 0's best two, 1 and 2, and the only film that user 1 has not seen, 2",
    )
    n, left = int(rng.integers(8, 12)), int(rng.integers(1, 4))
    scores = rng.permutation(2 * n).reshape(2, n) / 7
    best, other = np.argsort(-scores, axis=1).tolist()
    earlier, later = [[], rng.permutation(other[:-left]).tolist()], [[best[rng.integers(4)], best[-1]], other[-1:]]
    got, want = student.ranking_rows(scores, earlier, later, 4), rows_for(scores, earlier, later, 4)
    expect(got, want, f"the best four for user 0, and the {left} that user 1 has not seen")


@ranking_rows.test(2)
def test_any_users(student, rng):
    scores = rng.permutation(36).reshape(3, 12) / 7
    watched = [rng.permutation(12)[:7].tolist() for _ in range(3)]
    earlier, later = [films[:3] for films in watched], [films[3:] for films in watched]
    got = student.ranking_rows(scores, earlier, later, 5)
    expect(got, rows_for(scores, earlier, later, 5), "users, films and labels of the best five unseen films of each")


def rows_for(scores, earlier, later, k, *, dropped=None, after=None, label=None, extra=None, kept=None, sign=-1):
    """The right rows, and ways to spoil them: functions of (earlier films, later films) of a user."""
    users, films, labels = [], [], []
    for user, row in enumerate(np.asarray(scores)):
        before, then = list(map(int, earlier[user])), list(map(int, later[user]))
        gone = before if dropped is None else dropped(before, then)
        best = [film for film in np.argsort(sign * row, kind="stable").tolist() if film not in gone][:k]
        best = [film for film in best if film not in (after(before, then) if after else [])]
        best += [film for film in (extra(before, then) if extra else []) if film not in best]
        best = [film for film in best if film in then] if kept else best
        positive = label(before, then) if label else then
        users += [user] * len(best)
        films += best
        labels += [float(film in positive) for film in best]
    return users, films, labels


def spoilt(**how) -> Callable:
    """A ranking_rows with one thing changed."""
    return lambda scores, earlier, later, k: rows_for(scores, earlier, later, k, **how)


ranking_rows.mistake(
    "seen films are among the rows",
    "Films that the user had watched earlier take places. The retriever was trained on those, puts them on top, and will "
    "never hand them on: drop what is in `earlier`.",
)(spoilt(dropped=lambda earlier, later: []))

ranking_rows.mistake(
    "seen films dropped after the cut",
    "You took the best k and then dropped the seen ones, so fewer than k are left. Drop first, then cut.",
)(spoilt(dropped=lambda earlier, later: [], after=lambda earlier, later: earlier))

ranking_rows.mistake(
    "every label is 0",
    "None of your rows counts as watched. The label asks whether the film is in `later`; in `earlier`, say, none of them can "
    "be, for those were dropped.",
)(spoilt(label=lambda earlier, later: earlier))

ranking_rows.mistake(
    "labels by what was seen earlier",
    "Your labels say what the retriever has been trained on, not what the user did later: the ranker would learn what it "
    "knows already.",
)(spoilt(dropped=lambda earlier, later: [], label=lambda earlier, later: earlier))

ranking_rows.mistake(
    "watched at any time",
    "Seen films are among your rows, and count as watched. Those the retriever has learnt by heart: keep `later` alone "
    "for the labels, and drop `earlier`.",
)(spoilt(dropped=lambda earlier, later: [], label=lambda earlier, later: earlier + later))

ranking_rows.mistake(
    "films that were not retrieved",
    "You added films that were watched later but are not among the best k. At work the ranker never meets such films.",
)(spoilt(extra=lambda earlier, later: later))

ranking_rows.mistake(
    "no negatives", "All your labels are 1. Retrieved but not watched is what the ranker must learn to put below."
)(spoilt(kept=True))

ranking_rows.mistake(
    "watched films are missing",
    "You dropped what was watched later as well, and so every label is 0: that is the answer, not what was seen before.",
)(spoilt(dropped=lambda earlier, later: earlier + later))

ranking_rows.mistake("worst first", "argsort goes upwards: you took the k films with the lowest scores.")(
    spoilt(sign=1)
)


@ranking_rows.mistake(
    "every unseen film",
    "You made a row of every film that the user has not seen. The ranker only meets the k best of them.",
)
def _(scores, earlier, later, k):
    return rows_for(scores, earlier, later, len(scores[0]))


@ranking_rows.mistake("labels turned round", "1.0 says that the film was watched later, 0.0 that it was not.")
def _(scores, earlier, later, k):
    users, films, labels = rows_for(scores, earlier, later, k)
    return users, films, [1 - label for label in labels]


@ranking_rows.mistake(
    "places instead of films",
    "You returned places in the list of unseen films, 0, 1, 2 ... Asked for are the films: columns of `scores`.",
)
def _(scores, earlier, later, k):
    users, films, labels = rows_for(scores, earlier, later, k)
    return users, [users[:row].count(user) for row, user in enumerate(users)], labels


@ranking_rows.mistake(
    "k rows in all", "You stopped after k rows. Every user has k of them, or as many as there are unseen films."
)
def _(scores, earlier, later, k):
    return tuple(column[:k] for column in rows_for(scores, earlier, later, k))


@ranking_rows.mistake(
    "a list for each user", "One flat list each of users, films and labels: row i of all three belongs together."
)
def _(scores, earlier, later, k):
    whole = [rows_for([row], [before], [then], k) for row, before, then in zip(scores, earlier, later)]
    return list(range(len(whole))), [films for _, films, _ in whole], [labels for *_, labels in whole]


@ranking_rows.alternative("minus infinity for the seen, arrays")
def _(scores, earlier, later, k):
    columns = []
    for user, row in enumerate(np.array(scores)):
        row[list(earlier[user])] = -np.inf
        best = np.argsort(-row, kind="stable")[: min(k, np.isfinite(row).sum())]
        columns.append([np.full(len(best), user), best, np.isin(best, later[user]).astype(np.float32)])
    return tuple(map(np.concatenate, zip(*columns)))


@ranking_rows.alternative("rows first, columns at the end")
def _(scores, earlier, later, k):
    rows = []
    for user, row in enumerate(scores.tolist()):
        unseen = sorted(set(range(len(row))) - set(earlier[user]), key=lambda film, row=row: -row[film])
        rows += [(user, film, 1 if film in later[user] else 0) for film in unseen[:k]]
    return [list(column) for column in zip(*rows)]


@ranking_rows.alternative("pandas")
def _(scores, earlier, later, k):
    import pandas as pd

    table = pd.DataFrame(scores).rename_axis(index="user", columns="film").stack().rename("score").reset_index()
    seen, then = ({(user, film) for user, films in enumerate(of) for film in films} for of in (earlier, later))
    table = table[[pair not in seen for pair in zip(table.user, table.film)]]
    table = table.sort_values(["user", "score"], ascending=[True, False]).groupby("user").head(k)
    return table.user, table.film, pd.Series([float(pair in then) for pair in zip(table.user, table.film)])


# --- 6.5 -----------------------------------------------------------------------------------------------------------

report = Item(
    "6.5",
    "report",
    because="Two of the three divide by what was wanted, and one by what was found: they answer different questions.",
    hints=(
        "Three shares and means: what does each divide by, all test films, the hits, or the liked ones?",
        "Make a list of (hit or not, rating), one a test film, over all users. The three are means over parts of it.",
        '"liked": np.mean([hit for hit, stars in pairs if stars >= ____])',
    ),
)
LISTS, TEST = [[3, 1, 4, 5], [2, 6, 5, 7]], [{1: 5, 5: 4, 8: 2, 3: 3}, {2: 2, 9: 4}]


def watched(rng, films, n, hits, missed) -> dict[int, int]:
    """A user's test: films shown with the stars of `hits`, and films of the rest of the list with those of `missed`."""
    shown, others = rng.permutation(films[:n]).tolist(), rng.permutation(films[n:]).tolist()
    stars = [*zip(shown, hits), *zip(others, missed)]
    return dict(stars[i] for i in rng.permutation(len(stars)))


@report.test(2)
def test_two_lists_by_hand(student, rng):
    expect(
        student.report(LISTS, TEST, 2),
        {"hit_rate": 3 / 6, "stars": 10 / 3, "liked": 1 / 3},
        "shown: 3 and 1, 2 and 6; hits: 1 (5 stars), 3 (3) and 2 (2), of six films; liked: 1, 5 and 9, of which 1 is shown",
    )
    expect(
        student.report(LISTS, TEST, 4, liked=5),
        {"hit_rate": 4 / 6, "stars": 14 / 4, "liked": 1.0},
        "with four shown, 5 (4 stars) is a hit too; with liked=5 only film 1 is liked",
    )
    lists, n = [rng.permutation(15).tolist() for _ in "ab"], int(rng.integers(4, 6))
    low = rng.integers(1, 3, rng.integers(5, 8)).tolist()
    # No 4 is found and no 3 is missed, so that the share of the liked changes with every star.
    hits = [3, 5, *rng.choice([3, 5], rng.integers(3)).tolist()]
    test = [watched(rng, lists[0], n, hits, [4, 1]), watched(rng, lists[1], n, hits[-1:], [4, 5, *low])]
    for liked in 3, 5:
        got, want = student.report(lists, test, n, liked=liked), judged(lists, test, n, liked)
        expect(got, want, f"hit_rate, stars and liked when {n} are shown and liked={liked}")


@report.test(1)
def test_nothing_found(student, rng):
    got = student.report([[1, 2], [3, 4]], [{7: 5, 3: 4}, {8: 2}], 2)
    expect(got, {"hit_rate": 0.0, "stars": 0.0, "liked": 0.0}, "no test film was shown to its user")
    lists, n = [rng.permutation(30).tolist() for _ in "ab"], int(rng.integers(2, 5))
    test = [watched(rng, films, n + 1, [], [4, *rng.integers(1, 6, rng.integers(4, 20)).tolist()]) for films in lists]
    test[0][lists[0][n]] = 5
    for shown in n, n + 1:
        got, want = student.report(lists, test, shown), judged(lists, test, shown)
        expect(got, want, f"the {n} first of each list are none of the test films; the next one is, for user 0")


@report.test(2)
def test_any_lists(student, rng):
    lists = [rng.permutation(12).tolist() for _ in range(4)]
    test = [
        dict(zip(rng.permutation(12)[:n].tolist(), rng.integers(1, 6, n).tolist())) | {int(films[0]): 4}
        for n, films in zip((2, 6, 3, 5), lists)
    ]
    want = judged(lists, test, 4)
    expect(student.report(lists, test, 4), want, "hit_rate, stars and liked of the first four of each list")


def pairs_of(lists, test, n) -> list[tuple[bool, float]]:
    """(hit or not, stars) of each test film."""
    return [(film in list(films)[:n], stars) for films, wanted in zip(lists, test) for film, stars in wanted.items()]


def judged(lists, test, n, liked=4, **wrong: Callable) -> dict[str, float]:
    """The right report; `wrong` works some of its numbers out otherwise, from the pairs."""
    pairs = pairs_of(lists, test, n)
    found = [stars for hit, stars in pairs if hit]
    right = {
        "hit_rate": len(found) / len(pairs),
        "stars": sum(found) / max(len(found), 1),
        "liked": sum(stars >= liked for stars in found) / max(sum(stars >= liked for _, stars in pairs), 1),
    }
    return right | {name: float(rule(pairs, found)) for name, rule in wrong.items()}


def answers(**wrong: Callable) -> Callable:
    """A report with some of its numbers otherwise."""
    return lambda lists, test, n, liked=4: judged(lists, test, n, liked, **wrong)


report.mistake(
    "stars of all test films",
    "You averaged the ratings of all test films: the same number for every order. Average those of the hits.",
)(answers(stars=lambda pairs, found: np.mean([stars for _, stars in pairs])))

report.mistake(
    "stars over all test films",
    "You divided the hits' stars by all test films. A mean rating of the hits divides by the hits.",
)(answers(stars=lambda pairs, found: sum(found) / len(pairs)))


@report.mistake(
    "liked among the hits",
    "You divided by the hits: of what was found, how much was liked. Asked for is the share of the liked films that was "
    "found.",
)
def _(lists, test, n, liked=4):
    right, pairs = judged(lists, test, n, liked), pairs_of(lists, test, n)
    liked_hits = sum(hit and stars >= liked for hit, stars in pairs)
    return right | {"liked": liked_hits / max(sum(hit for hit, _ in pairs), 1)}


@report.mistake(
    "liked over all test films",
    "You divided the liked hits by all test films. Only a film that was liked could have been a liked hit: divide by those.",
)
def _(lists, test, n, liked=4):
    pairs = pairs_of(lists, test, n)
    return judged(lists, test, n, liked) | {"liked": sum(hit and stars >= liked for hit, stars in pairs) / len(pairs)}


@report.mistake("more stars than `liked`", "A film rated just `liked` is liked: >=, not >.")
def _(lists, test, n, liked=4):
    return judged(lists, test, n, liked) | {"liked": judged(lists, test, n, liked + 1)["liked"]}


@report.mistake("four stars set for good", "`liked` is an argument, and 4 only its usual value.")
def _(lists, test, n, liked=4):
    return judged(lists, test, n, 4)


@report.mistake(
    "a mean over users",
    "You averaged the users' shares, so that a film of somebody who watched little weighs more. Every test film is one vote.",
)
def _(lists, test, n, liked=4):
    shares = [judged([films], [wanted], n)["hit_rate"] for films, wanted in zip(lists, test)]
    return judged(lists, test, n, liked) | {"hit_rate": float(np.mean(shares))}


@report.mistake(
    "divided by the films shown",
    "You divided the hits by the films that were shown: that is precision. Divide by the films that were watched.",
)
def _(lists, test, n, liked=4):
    right = judged(lists, test, n, liked)
    return right | {"hit_rate": right["hit_rate"] * sum(map(len, test)) / (n * len(lists))}


@report.mistake("the whole lists", "Only the first n films of a list are shown; you looked through all of it.")
def _(lists, test, n, liked=4):
    return judged(lists, test, 10**6, liked)


@report.mistake(
    "no number where nothing is found",
    "The mean of no ratings is NaN, or a division by zero. Where there are no hits, stars is 0.0.",
    see="np.mean([])",
)
def _(lists, test, n, liked=4):
    right = judged(lists, test, n, liked)
    return right if right["hit_rate"] else right | {"stars": float("nan")}


@report.mistake("no number where nothing is found")
def _(lists, test, n, liked=4):
    right = judged(lists, test, n, liked)
    return right if 1 / right["hit_rate"] else right


@report.mistake("counts instead of shares", "Divide: hit_rate and liked are shares, from 0 to 1.")
def _(lists, test, n, liked=4):
    right, pairs = judged(lists, test, n, liked), pairs_of(lists, test, n)
    found = {"hit_rate": sum(hit for hit, _ in pairs), "liked": sum(hit and stars >= liked for hit, stars in pairs)}
    return right | found


@report.alternative("pandas")
def _(lists, test, n, liked=4):
    import pandas as pd

    rows = [(user, film, stars) for user, wanted in enumerate(test) for film, stars in wanted.items()]
    table = pd.DataFrame(rows, columns=["user", "film", "stars"])
    table["hit"] = [film in lists[user][:n] for user, film in zip(table.user, table.film)]
    of_hits = table.stars[table.hit].mean()
    return {
        "hit_rate": table.hit.mean(),
        "stars": 0 if np.isnan(of_hits) else of_hits,
        "liked": table.hit[table.stars >= liked].mean(),
    }


@report.alternative("counters")
def _(lists, test, n, liked=4):
    watched = hits = stars = liked_films = liked_hits = 0
    for films, wanted in zip(lists, test):
        shown = set(films[:n])
        for film, rating in wanted.items():
            watched += 1
            liked_films += rating >= liked
            if film in shown:
                hits, stars, liked_hits = hits + 1, stars + rating, liked_hits + (rating >= liked)
    return {"hit_rate": hits / watched, "stars": stars / hits if hits else 0, "liked": liked_hits / liked_films}


@report.alternative("arrays and masks")
def _(lists, test, n, liked=4):
    stars = np.concatenate([list(wanted.values()) for wanted in test])
    hit = np.concatenate([np.isin(list(wanted), films[:n]) for films, wanted in zip(lists, test)])
    return {
        "hit_rate": hit.mean(),
        "stars": stars[hit].sum() / max(hit.sum(), 1),
        "liked": hit[stars >= liked].mean(),
    }
