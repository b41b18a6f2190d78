# %% [markdown]
# # Exercise 5: Recommend, and leave out what was seen
#
# Five blanks, 25 points, about 40 minutes; [lesson 5](../../lessons/05_recommend.ipynb) has all you need.
# Fill a blank in, run its cell, then the `check` below it: a wrong answer is told *which* mistake it is.
# `hint("5.1")` gives the first of three hints, `progress()` shows where you stand.

# %%
import numpy as np
import tensorflow as tf  # what it says in red is about this machine, not about you
import tensorflow_recommenders as tfrs


def size(index):
    """How many rows a BruteForce index holds. Yours to use: TFRS has no public name for it."""
    return index._candidates.shape[0]


# %% [markdown]
# ## 5.1 The index (5 points)
#
# Film vectors and their names, side by side, with the user tower in front. MovieLens lists some titles under two ids:
# every title goes in once.


# %%
def build_index(user_tower, movie_tower, titles, k=100):
    """A tfrs.layers.factorized_top_k.BruteForce that maps a batch of user ids to the k best
    titles of each.

    user_tower, movie_tower: Keras models from string[B] to float32[B, d]. titles: a list of
    strings, in which a title may come more than once. k: how many titles the index gives if
    a query does not say.
    Returns the index, filled: each distinct title once, named by its title.
    """
    ### BEGIN SOLUTION
    names = tf.data.Dataset.from_tensor_slices(sorted(set(titles))).batch(100)
    index = tfrs.layers.factorized_top_k.BruteForce(user_tower, k=k)
    return index.index_from_dataset(tf.data.Dataset.zip((names, names.map(movie_tower))))
    ### END SOLUTION


# %%
check("5.1")  # hint("5.1") when stuck

# %% [markdown]
# ## 5.2 A list for one user (3 points)
#
# An index speaks tensors: a batch of users in, scores and bytes out. Make it speak Python.


# %%
def recommend(index, user_id, k):
    """The k best titles for one user, best first, with their scores.

    index: BruteForce behind a user tower; user_id: a string such as "24".
    Returns a list of k pairs (title, score): the title a str, the score a float.
    """
    ### BEGIN SOLUTION
    scores, titles = index(tf.constant([user_id]), k=k)
    return [
        (title.decode(), float(score))
        for title, score in zip(titles[0].numpy(), scores[0].numpy())
    ]
    ### END SOLUTION


# %%
check("5.2")  # hint("5.2") when stuck

# %% [markdown]
# ## 5.3 Nothing seen before (7 points)
#
# For many users at once, and each still gets k titles as long as there are that many. Fetching more and dropping the
# seen ones yourself is one way. `query_with_exclusions` is another, a longer one: it wants all lists of one width, raises
# where k + width is more than the index holds, and is traced anew for each width. Think of a user who has seen nothing, of one who
# has seen nearly everything, and of how often TensorFlow has to trace.


# %%
def recommend_unseen(index, user_ids, seen, k):
    """The k best titles for each user, best first, none of them seen by that user.

    index: BruteForce over distinct titles, behind a user tower; user_ids: B strings; seen:
    B lists of titles (str), of any length, in which a title need not be in the index.
    Returns B lists of k titles (str); where fewer than k unseen ones exist, all of those.
    """
    ### BEGIN SOLUTION
    most_seen = max(len(titles) for titles in seen)
    _, best = index(tf.constant(user_ids), k=min(k + most_seen, size(index)))
    lists = []
    for row, titles in zip(best.numpy(), map(set, seen)):
        unseen = [title.decode() for title in row if title.decode() not in titles]
        lists.append(unseen[:k])
    return lists
    ### END SOLUTION


# %%
check("5.3")  # hint("5.3") when stuck

# %% [markdown]
# ## 5.4 Where does it stand? (5 points)
#
# The rank of a user's test films in a list, before and after the seen films have left it. A film's new rank is its old
# rank minus the seen films that stood above it; whether you subtract or drop and count again is up to you.


# %%
def ranks_of(test_titles, recommended, seen=()):
    """The rank of each test title in a list of recommendations once the seen titles have
    left it.

    test_titles: strings; recommended: a list of bytes, the titles as an index gives them, best
    first; seen: strings, which need not be in the list. Returns a dict from every test title to
    its rank, the best being 1, or to None if it is not in the list or was itself seen.
    """
    ### BEGIN SOLUTION
    decoded = [title.decode() for title in recommended]
    left = [title for title in decoded if title not in set(seen)]
    return {title: left.index(title) + 1 if title in left else None for title in test_titles}
    ### END SOLUTION


# %%
check("5.4")  # hint("5.4") when stuck

# %% [markdown]
# ## 5.5 The metric that leaves out what was seen (5 points)
#
# Hit rate at k: of all test films, the share that is among the k best of its user. With `seen`, what the user has seen
# does not compete. A tie counts against you: a model that gives every film the same score has found nothing.


# %%
def hit_rate(scores, test, seen, k):
    """The share of test films that are among their user's k best candidates. A float.

    scores: float[U, N], the score of every film for every user; test: U lists of columns,
    the films to find, each film one vote, at least one in all; seen: U lists of columns
    that leave the candidates of that user, or None if all N stay. A film is a hit if it is
    a candidate and fewer than k other candidates score as high or higher.
    """
    ### BEGIN SOLUTION
    hits = 0
    for row, films, gone in zip(scores, test, seen or [[] for _ in test]):
        row = np.array(row, float)
        row[list(gone)] = -np.inf
        hits += sum(film not in gone and (row >= row[film]).sum() <= k for film in films)
    return float(hits / sum(len(films) for films in test))
    ### END SOLUTION


# %%
check("5.5")  # hint("5.5") when stuck

# %%
progress()
