# %% [markdown]
# # Exercise 2: From ratings to pairs
#
# Five blanks, 20 points, about 30 minutes; [lesson 2](../../lessons/02_data.ipynb) has all you need. Fill a
# blank in, run its cell, then the `check` below it: the answer comes in under a second, and a wrong answer is
# told *which* mistake it is. `hint("2.1")` gives the first of three hints, `progress()` shows where you
# stand.

# %%
from contextlib import suppress

import numpy as np
import pandas as pd
import tensorflow as tf  # what it says in red is about this machine, not about you

from data import movielens

# %% [markdown]
# ## 2.1 Keep two fields (2 points)
#
# A rating comes with a dozen fields. The towers of lesson 3 look at two of them only.


# %%
def select_fields(ratings):
    """Only who watched what.

    ratings: a tf.data.Dataset of dicts that hold, among others, the strings "user_id" and
    "movie_title".
    Returns a tf.data.Dataset of as many elements, in the same order: dicts of these two
    strings, same names.
    """
    ### BEGIN SOLUTION
    return ratings.map(
        lambda rating: {"user_id": rating["user_id"], "movie_title": rating["movie_title"]}
    )
    ### END SOLUTION


# %%
check("2.1")  # hint("2.1") when stuck

# %% [markdown]
# ## 2.2 A vocabulary (4 points)
#
# `StringLookup` wants each word once. We sort them, so that everyone gets the same row for the same word.


# %%
def vocabulary(strings):
    """Each word once, sorted as strings.

    strings: a tf.data.Dataset of scalar strings, perhaps 100,000 of them, words repeated.
    Returns a one-dimensional numpy array of byte strings, as in TensorFlow.
    """
    ### BEGIN SOLUTION
    return np.unique(np.concatenate(list(strings.batch(1_000).as_numpy_iterator())))
    ### END SOLUTION


# %%
check("2.2")  # hint("2.2") when stuck

# %% [markdown]
# ## 2.3 A split that stays (6 points)
#
# Train and test must be a random choice of the rows, share none, and hold the same rows however often they
# are read.


# %%
def make_split(ds, n_train, n_test, seed):
    """A random choice of `n_train` rows to train on, and of `n_test` others to test on, in
    random order.

    ds: a tf.data.Dataset of at least n_train + n_test elements, whatever these are.
    seed: an int.
    Returns two tf.data.Datasets, (train, test), of elements of `ds` as they are. Every pass
    over them gives the same rows in the same order, and so does every call with the same
    seed; another seed, another split.
    """
    ### BEGIN SOLUTION
    shuffled = ds.shuffle(ds.cardinality(), seed=seed, reshuffle_each_iteration=False)
    return shuffled.take(n_train), shuffled.skip(n_train).take(n_test)
    ### END SOLUTION


# %%
check("2.3")  # hint("2.3") when stuck

# %% [markdown]
# ## 2.4 One title, two films (3 points)
#
# This course names a film by its title. Find out where that goes wrong.


# %%
def duplicate_titles(movies):
    """The titles that belong to more than one film, each with the ids of its films.

    movies: a tf.data.Dataset of dicts like TFDS's `movielens/100k-movies`: "movie_id" and
    "movie_title" are strings, "movie_genres" is a vector whose length differs from film to
    film.
    Returns a dict from title to the list of its ids, in the dataset's order; byte strings,
    as in TensorFlow.
    """
    ### BEGIN SOLUTION
    ids = {}
    for film in movies.as_numpy_iterator():
        ids.setdefault(film["movie_title"], []).append(film["movie_id"])
    return {title: several for title, several in ids.items() if len(several) > 1}
    ### END SOLUTION


# %%
check("2.4")  # hint("2.4") when stuck

# %% [markdown]
# ## 2.5 What leaks? (5 points)
#
# Four numbers that say how far a test can be trusted. No TensorFlow here: numpy, pandas
# (`pd.DataFrame(train)`) or plain Python, as you like.


# %%
def leakage_report(train, test):
    """What train knows of test, and what it cannot know.

    train, test: dicts of numpy arrays of equal length, one entry a row: "user_id" and
    "movie_title", strings, and "timestamp", seconds, an int. Returns a dict:

    "shared_pairs": the number of test rows whose user and title stand together in some row
      of train.
    "unseen_users": the number of different users in test that have no row in train.
    "unseen_titles": the number of different titles in test that have no row in train.
    "older_than_train": the share, 0 to 1, of all test rows that are older than their user's
      newest train row. A row of that very second is not older, nor is a row of a user who
      has no row in train.
    """
    ### BEGIN SOLUTION
    known_pairs = set(zip(train["user_id"], train["movie_title"]))
    newest = pd.Series(train["timestamp"]).groupby(train["user_id"]).max()
    return {
        "shared_pairs": sum(
            pair in known_pairs for pair in zip(test["user_id"], test["movie_title"])
        ),
        "unseen_users": len(set(test["user_id"]) - set(train["user_id"])),
        "unseen_titles": len(set(test["movie_title"]) - set(train["movie_title"])),
        "older_than_train": np.mean(
            test["timestamp"] < newest.reindex(test["user_id"]).to_numpy()
        ),
    }
    ### END SOLUTION


# %%
check("2.5")  # hint("2.5") when stuck

# %% [markdown]
# ## All together, on MovieLens
#
# Nothing to fill in: your functions meet the real data. Expect 943 users, 1,664 titles, 18 of them shared by
# two films, and the four numbers of the lesson: 109, 0, 38 and .976. A blank that is still empty keeps the
# cell silent.

# %%
data = movielens.arrays()
films = {"movie_id": data.movie_id, "movie_title": data.titles[data.movie_title]}
ratings = {
    "user_id": data.users[data.user],
    "movie_title": data.titles[data.title],
    "timestamp": data.timestamp,
}
films, ratings = (tf.data.Dataset.from_tensor_slices(columns) for columns in (films, ratings))

with suppress(NotImplementedError):
    pairs = select_fields(ratings)
    print(len(vocabulary(pairs.map(lambda pair: pair["user_id"]))), "users")
    print(len(vocabulary(pairs.map(lambda pair: pair["movie_title"]))), "titles")
    print(len(duplicate_titles(films)), "titles with more than one film")
    tf.random.set_seed(42)
    split = make_split(ratings, 80_000, 20_000, seed=42)
    print(leakage_report(*(next(part.batch(80_000).as_numpy_iterator()) for part in split)))

# %%
progress()
