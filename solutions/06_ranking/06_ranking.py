# %% [markdown]
# # Exercise 6: Ranking
#
# Five blanks, 25 points, about 45 minutes; [lesson 6](../../lessons/06_ranking.ipynb) has all you need.
# Fill a blank in, run its cell, then the `check` below it: a wrong answer is told *which* mistake it is.
# `hint("6.1")` gives the first of three hints, `progress()` shows where you stand.

# %%
import numpy as np
import tensorflow as tf  # what it says in red is about this machine, not about you
import tensorflow_recommenders as tfrs

# %% [markdown]
# ## 6.1 What any rating model must beat (5 points)
#
# Some films are rated high by everybody, some users rate everything low. No model that knows less than this deserves
# a place in a second stage. The *damping* pulls what rests on few ratings towards 0.


# %%
def bias_predictions(user, film, rating, asked, damping=5.0):
    """Ratings predicted by the mean, the film and the user. Floats, one for each pair asked.

    user, film: int[R] and rating: float[R], the ratings to learn from, row for row.
    asked: a list of pairs (user, film), in which there may be users and films without ratings.
    A film's bias is the sum of (rating - mean) over its ratings, divided by their number +
    damping. A user's bias is the same of what is then left over, rating - mean - film's bias.
    Who or what has no ratings has bias 0. A prediction is mean + film's bias + user's bias.
    """
    ### BEGIN SOLUTION
    mean = np.mean(rating)
    n_users = 1 + max(*user, *(u for u, _ in asked))
    n_films = 1 + max(*film, *(f for _, f in asked))
    left = rating - mean
    of_film = np.bincount(film, left, n_films) / (np.bincount(film, minlength=n_films) + damping)
    left = left - of_film[film]
    of_user = np.bincount(user, left, n_users) / (np.bincount(user, minlength=n_users) + damping)
    return [float(mean + of_film[f] + of_user[u]) for u, f in asked]
    ### END SOLUTION


# %%
check("6.1")  # hint("6.1") when stuck

# %% [markdown]
# ## 6.2 A rating model (5 points)
#
# The same biases, now learnt, and a dot product for what is between this user and this film. Watch the shapes: a bias
# tower gives `[B, 1]`, and `[B, 1] + [B]` is `[B, B]`, without a word of warning. There are two blanks in this cell.


# %%
class RatingModel(tfrs.Model):
    """Mean + user's bias + film's bias + dot product."""

    def __init__(self, users, films, of_user, of_film, mean, task):
        """users, films: towers string[B] -> float32[B, d]; of_user, of_film: towers string[B]
        -> float32[B, 1], the biases; mean: a float; task: a tfrs.tasks.Ranking."""
        super().__init__()
        self.users, self.films, self.of_user, self.of_film = users, films, of_user, of_film
        self.mean, self.task = mean, task

    def call(self, features):
        """Predicted ratings, float32[B, 1].

        features: {"user_id": string[B], "movie_title": string[B]}, and perhaps more.
        """
        ### BEGIN SOLUTION
        user, film = features["user_id"], features["movie_title"]
        dot = tf.reduce_sum(self.users(user) * self.films(film), axis=1, keepdims=True)
        return self.mean + self.of_user(user) + self.of_film(film) + dot
        ### END SOLUTION

    def compute_loss(self, features, training=False):
        """The loss of a batch as the task gives it, a scalar. features: also "user_rating", float32[B]."""
        ### BEGIN SOLUTION
        return self.task(labels=features["user_rating"], predictions=self(features))
        ### END SOLUTION


# %%
check("6.2")  # hint("6.2") when stuck

# %% [markdown]
# ## 6.3 Put the candidates in another order (4 points)
#
# The second stage sees only what the first handed on. What it likes equally stays in the order in which it came.


# %%
def rerank(candidates, predicted, n):
    """The n candidates with the highest predictions, best first, for each user.

    candidates: int[U, k], each user's retrieved films, best first, as columns of `predicted`.
    predicted: float[U, N], a prediction for every film. n: at most k.
    Returns int[U, n], films. Of equal predictions, what was retrieved first stays first.
    """
    ### BEGIN SOLUTION
    of_candidates = np.take_along_axis(predicted, candidates, axis=1)
    order = np.argsort(-of_candidates, axis=1, kind="stable")
    return np.take_along_axis(candidates, order, axis=1)[:, :n]
    ### END SOLUTION


# %%
check("6.3")  # hint("6.3") when stuck

# %% [markdown]
# ## 6.4 What a ranker learns from (6 points)
#
# For a ranker that is to raise the hits, each retrieved film is a row, and the label says whether the user watched it
# *later*, in rows that the retriever has not seen. What the user had watched before is no candidate, neither here nor
# when the ranker is at work.


# %%
def ranking_rows(scores, earlier, later, k):
    """The rows that a ranker is trained on: (users, films, labels), three lists of one length.

    scores: float[U, N], by a retriever that was trained on the `earlier` films alone.
    earlier, later: U lists of films (columns), watched before and after.
    For each user in turn, the k best films that are not in `earlier`, best first, with the
    label 1.0 if the film is in `later`, else 0.0. With fewer than k unseen films, all of
    those.
    """
    ### BEGIN SOLUTION
    users, films, labels = [], [], []
    for user, row in enumerate(scores):
        unseen = [film for film in np.argsort(-row).tolist() if film not in set(earlier[user])]
        for film in unseen[:k]:
            users.append(user)
            films.append(film)
            labels.append(float(film in later[user]))
    return users, films, labels
    ### END SOLUTION


# %%
check("6.4")  # hint("6.4") when stuck

# %% [markdown]
# ## 6.5 Three questions to one list (5 points)
#
# How much of what was watched did we show? How were the hits liked? How much of what was *liked* did we show? One
# order can be best at one and worst at another, so know which of them your product lives by.


# %%
def report(lists, test, n, liked=4):
    """What became of the first n films of each list: {"hit_rate", "stars", "liked"}.

    lists: U lists of films, best first. test: U dicts {film: rating}, what each user went on
    to watch; at least one film in all was rated `liked` or higher.
    "hit_rate": of all test films, the share that is among the first n of its user's list.
    "stars": the mean rating of those that are, 0.0 if there are none.
    "liked": of the test films rated `liked` or higher, the share that is among the first n.
    Every test film is one vote, whoever watched it.
    """
    ### BEGIN SOLUTION
    pairs = [
        (film in list(films)[:n], stars)
        for films, wanted in zip(lists, test)
        for film, stars in wanted.items()
    ]
    of_hits = [stars for hit, stars in pairs if hit]
    of_liked = [hit for hit, stars in pairs if stars >= liked]
    return {
        "hit_rate": len(of_hits) / len(pairs),
        "stars": float(np.mean(of_hits)) if of_hits else 0.0,
        "liked": float(np.mean(of_liked)),
    }
    ### END SOLUTION


# %%
check("6.5")  # hint("6.5") when stuck

# %%
progress()
