# %% [markdown]
# # Exercise 0: Implicit feedback
#
# Four blanks, 10 points, about 20 minutes; [lesson 0](../../lessons/00_implicit_feedback.ipynb) has all you need.
# Fill a blank in, run its cell, then the `check` below it: the answer comes in under a second, and a wrong answer is
# told *which* mistake it is. `hint("0.1")` gives the first of three hints, `progress()` shows where you stand.

# %%
import numpy as np
from scipy.sparse.linalg import svds

# %% [markdown]
# ## 0.1 Who watched what (2 points)
#
# A log of ratings becomes a matrix of ones and zeros, dense here, for the toys are small. A one says "watched",
# whatever the stars; some pairs stand in the log twice.


# %%
def watched_matrix(user, film, stars, n_users, n_films):
    """The interaction matrix: float[n_users, n_films], 1 where the user has rated the film, else 0.

    user, film: int[rows], row and column of each rating, counted from 0.
    stars: float[rows], 1 to 5. Users and films without a rating may be the last of all.
    """
    ### BEGIN SOLUTION
    watched = np.zeros((n_users, n_films))
    watched[user, film] = 1
    return watched
    ### END SOLUTION


# %%
check("0.1")  # hint("0.1") when stuck

# %% [markdown]
# ## 0.2 PureSVD (3 points)
#
# The matrix, squeezed through k directions and spread out again. Where it held a zero there is a score now.


# %%
def pure_svd(watched, k):
    """The score of every film for every user: float[U, N], the best approximation of rank k.

    watched: float[U, N] of ones and zeros. k: dimensions kept, 1 <= k < min(U, N).
    """
    ### BEGIN SOLUTION
    users, sizes, films = svds(watched, k=k)
    return (users * sizes) @ films
    ### END SOLUTION


# %%
check("0.2")  # hint("0.2") when stuck

# %% [markdown]
# ## 0.3 The best k, none of them seen (3 points)
#
# Scores go below zero, and whoever has seen a film need not be told of it.


# %%
def best_unseen(scores, watched, k):
    """The k films to show to each user, best first, none of them watched: int[U, k], columns.

    scores: float[U, N], higher is better, any sign; no two of a user are equal.
    watched: float[U, N] of ones and zeros; every user has at least k zeros.
    """
    ### BEGIN SOLUTION
    left = np.where(watched > 0, -np.inf, scores)
    return np.argsort(-left, axis=1)[:, :k]
    ### END SOLUTION


# %%
check("0.3")  # hint("0.3") when stuck

# %% [markdown]
# ## 0.4 Somebody new (2 points)
#
# Somebody signs up and clicks on three films. No factorization was made with this user, and none is needed: the films'
# directions are known, so take the history to them and back. For a user of the matrix this gives the scores of
# `pure_svd`.


# %%
def fold_in(histories, films):
    """The scores of all films for users that the factorization has not seen: float[B, N].

    histories: float[B, N] of ones and zeros, what they watched.
    films: float[k, N], the films' side of an SVD: k orthogonal rows of length 1.
    """
    ### BEGIN SOLUTION
    return (histories @ films.T) @ films
    ### END SOLUTION


# %%
check("0.4")  # hint("0.4") when stuck

# %%
progress()
