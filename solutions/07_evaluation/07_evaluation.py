# %% [markdown]
# # Exercise 7: Evaluation
#
# Six blanks, 25 points, about 45 minutes; [lesson 7](../../lessons/07_evaluation.ipynb) has all you need.
# Fill a blank in, run its cell, then the `check` below it: the answer comes in about a second, and a wrong answer is
# told *which* mistake it is. `hint("7.1")` gives the first of three hints, `progress()` shows where you stand.
#
# Users and films are numbers from 0 here, as in `movielens.arrays()`.

# %%
import numpy as np
import tensorflow as tf  # what it says in red is about this machine, not about you
import tensorflow_recommenders as tfrs

# %% [markdown]
# ## 7.1 The rival that knows nobody (2 points)
#
# One list for all, the most watched film first. It is a list only if it says what comes first among films that are
# watched equally often. Your scores are judged by the order into which they put the films.


# %%
def popularity_scores(film, stars, n_films):
    """A score for every film, the same for all users: float[n_films], higher is better.

    film: int[rows], the films of the train rows, one row each time that somebody watched one.
    stars: float[rows], 1 to 5, what they thought of it.
    Of films with equally many rows the one with the lower number comes first: no two scores are
    equal. Films without a row come last.
    """
    ### BEGIN SOLUTION
    count = np.bincount(film, minlength=n_films)
    return count - np.arange(n_films) / n_films
    ### END SOLUTION


# %%
check("7.1")  # hint("7.1") when stuck

# %% [markdown]
# ## 7.2 Hits, row by row (5 points)
#
# A share alone cannot be compared with another share row by row, so keep the hits. Seen films leave before the cut,
# and a tie counts against the row: a model that scores all films alike must not hit.


# %%
def row_hits(scores, user, film, seen, k):
    """Whether each test row's film is among the k best of its user: bool[rows], in the order of the rows.

    scores: float[U, N], any sign; higher is better. user, film: int[rows].
    seen: bool[U, N], films that do not compete. A row whose own film was seen is a miss.
    A film is among the k best if, itself counted, at most k films score as high or higher.
    """
    ### BEGIN SOLUTION
    scores = np.where(seen, -np.inf, scores)
    own = scores[user, film]
    places = (scores[user] >= own[:, None]).sum(axis=1)
    return (places <= k) & ~seen[user, film]
    ### END SOLUTION


# %%
check("7.2")  # hint("7.2") when stuck

# %% [markdown]
# ## 7.3 Each user's last films (4 points)
#
# Nobody has watched tomorrow's films yet. Split by time, user by user.


# %%
def per_user_split(user, time, one_in):
    """Which rows are for the test: bool[rows], in the order of the rows.

    user: int[rows]; time: int[rows], seconds. The rows come in no order.
    Of a user with n rows the last n // one_in are for the test, possibly none.
    Of equal times the row that stands later is the later one.
    """
    ### BEGIN SOLUTION
    test = np.zeros(len(user), bool)
    for who in np.unique(user):
        rows = np.flatnonzero(user == who)
        rows = rows[np.argsort(time[rows], kind="stable")]
        test[rows[len(rows) - len(rows) // one_in :]] = True
    return test
    ### END SOLUTION


# %%
check("7.3")  # hint("7.3") when stuck

# %% [markdown]
# ## 7.4 Rows that no dictionary knows (3 points)
#
# One moment for everybody is the split that lives through what a service lives through. First ask how many of its test
# rows a tower of ids can answer at all.


# %%
def cold_rows(user, film, time, cut):
    """Which shares of the test rows have a user or a film without a train row.

    user, film, time: int[rows]. Rows before `cut` are for training; rows at `cut` or later, at
    least one, are the test.
    Returns {"users": share with an unknown user, "films": share with an unknown film, "either":
    share with at least one of them unknown}, each 0 to 1.
    """
    ### BEGIN SOLUTION
    test = time >= cut
    new_user = ~np.isin(user[test], user[~test])
    new_film = ~np.isin(film[test], film[~test])
    both = {"users": new_user, "films": new_film, "either": new_user | new_film}
    return {name: float(new.mean()) for name, new in both.items()}
    ### END SOLUTION


# %%
check("7.4")  # hint("7.4") when stuck

# %% [markdown]
# ## 7.5 How sure? (6 points)
#
# The rows of one user stand or fall together, so resample users, each with all of their rows. The draws are given, so
# that your interval is the only right one. With the *differences* of two models' hits for values, the same function
# compares them.


# %%
def cluster_interval(user, value, draws):
    """The 95% interval of the mean over rows, when users are resampled: (low, high).

    user: int[rows]; value: float[rows], such as hits, or one model's hits less another's.
    draws: int[D, m], each line m users drawn with replacement; all of them have rows. A user
    who was drawn twice counts twice.
    low, high: the quantiles .025 and .975 of the D means, as np.quantile gives them.
    """
    ### BEGIN SOLUTION
    total = np.bincount(user, value)
    rows = np.bincount(user)
    means = total[draws].sum(axis=1) / rows[draws].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return low, high
    ### END SOLUTION


# %%
check("7.5")  # hint("7.5") when stuck

# %% [markdown]
# ## 7.6 Pay for popularity (5 points)
#
# A film comes as a negative as often as it is watched. Tell the loss so, and scores need not unlearn it.


# %%
def corrected_loss(u, v, film, count):
    """The loss of one batch as tfrs.tasks.Retrieval gives it with the logQ correction: a float.

    u: float32[B, d], the users' vectors. v: float32[B, d], the vectors of their films, row for row.
    film: int[B], the number of each row's film. count: int[N], train rows of every film.
    A film's probability to be drawn is its share of the train rows.
    """
    ### BEGIN SOLUTION
    share = np.asarray(count) / np.sum(count)
    drawn = tf.constant(share[film], tf.float32)
    return float(tfrs.tasks.Retrieval()(u, v, candidate_sampling_probability=drawn))
    ### END SOLUTION


# %%
check("7.6")  # hint("7.6") when stuck

# %%
progress()
