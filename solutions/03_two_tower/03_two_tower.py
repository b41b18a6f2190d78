# %% [markdown]
# # Exercise 3: Two towers
#
# Five blanks, 20 points, about 30 minutes; [lesson 3](../../lessons/03_two_tower.ipynb) has all you need.
# Fill a blank in, run its cell, then the `check` below it: the answer comes in under a second, and a wrong answer is
# told *which* mistake it is. `hint("3.1")` gives the first of three hints, `progress()` shows where you stand.

# %%
import numpy as np
import tensorflow as tf  # what it says in red is about this machine, not about you

# %% [markdown]
# ## 3.1 A tower (6 points)
#
# A dictionary from strings to row numbers, and a table with one vector a row. One extra row serves every word that
# the dictionary does not know; nothing is padded, so there is no mask token.


# %%
def build_tower(vocab, dim):
    """A tower: from a batch of strings, string[B], to one vector each, float32[B, dim].

    vocab: the known words, a list of distinct strings, without the unknown one.
    dim: numbers in a vector.
    Returns a tf.keras.Model (Sequential will do). A vector is a row of one trained table,
    as it stands. Any unknown word gets the vector of one shared extra row.
    """
    ### BEGIN SOLUTION
    return tf.keras.Sequential(
        [
            tf.keras.layers.StringLookup(vocabulary=vocab, mask_token=None),
            tf.keras.layers.Embedding(len(vocab) + 1, dim),
        ]
    )
    ### END SOLUTION


# %%
check("3.1")  # hint("3.1") when stuck

# %% [markdown]
# ## 3.2 Which row is it? (3 points)
#
# No TensorFlow here: work out in plain Python which row of the table such a tower reads for a word.


# %%
def row_of(vocab, word):
    """The row that a tower over `vocab` reads for `word`, an int from 0.

    vocab: the known words, a list of distinct strings, in the order in which the tower got
    them.
    """
    ### BEGIN SOLUTION
    return vocab.index(word) + 1 if word in vocab else 0
    ### END SOLUTION


# %%
check("3.2")  # hint("3.2") when stuck

# %% [markdown]
# ## 3.3 Every user meets every film (4 points)
#
# The towers have done their part; what is left is one dot product for each pair.


# %%
def score_matrix(u, v):
    """The score of every user with every film, float32[B, N]: a row for each user, a column
    for each film.

    u: the users' vectors, float32[B, d]; v: the films' vectors, float32[N, d]. A score is
    the plain dot product.
    """
    ### BEGIN SOLUTION
    return np.asarray(u) @ np.asarray(v).T
    ### END SOLUTION


# %%
check("3.3")  # hint("3.3") when stuck

# %% [markdown]
# ## 3.4 The best k (4 points)
#
# From scores to a list, for many users at once. Films can tie, so there is a rule for that too.


# %%
def top_k(scores, ids, k):
    """The k best films of each user, best first; of films with equal scores, the one that
    comes first in `ids`.

    scores: float32[B, N], a column for each film; ids: the N films' ids, a list of strings
    or ints; k: at most N.
    Returns two arrays: the scores, float32[B, k], and the ids of the films that have them,
    [B, k].
    """
    ### BEGIN SOLUTION
    best = np.argsort(-np.asarray(scores), axis=1, kind="stable")[:, :k]
    return np.take_along_axis(np.asarray(scores), best, axis=1), np.asarray(ids)[best]
    ### END SOLUTION


# %%
check("3.4")  # hint("3.4") when stuck

# %% [markdown]
# ## 3.5 How large is it? (3 points)
#
# Two towers as in 3.1, one over the users and one over the titles.


# %%
def n_parameters(n_users, n_titles, dim):
    """How many numbers the two towers train together, an int. dim: numbers in a vector."""
    ### BEGIN SOLUTION
    return (n_users + 1 + n_titles + 1) * dim
    ### END SOLUTION


# %%
check("3.5")  # hint("3.5") when stuck

# %%
progress()
