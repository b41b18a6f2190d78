# %% [markdown]
# # Exercise 1: Two stages
#
# Four blanks, 10 points, about 20 minutes; [lesson 1](../../lessons/01_two_stages.ipynb) has all you need.
# Fill a blank in, run its cell, then the `check` below it: the answer comes in under a second, and a wrong answer is
# told *which* mistake it is. `hint("1.1")` gives the first of three hints, `progress()` shows where you stand.

# %%
import numpy as np

# %% [markdown]
# ## 1.1 What a request costs (2 points)
#
# One stage runs the slow ranking model on every film. Two stages run the quick retrieval model on every film, and the
# slow one on the `k` films that retrieval puts first. How long does each take, and how many times faster are two?


# %%
def serving_cost(n_items, k, t_retrieve, t_rank):
    """What one request costs with one stage and with two.

    n_items: films in the catalogue; k: films that retrieval hands on, at most n_items.
    t_retrieve, t_rank: milliseconds that retrieval and ranking take for one film.
    Returns {"one": ms of one stage, "two": ms of two stages, "speedup": how many times
    faster two stages are}.
    """
    ### BEGIN SOLUTION
    one = n_items * t_rank
    two = n_items * t_retrieve + k * t_rank
    return {"one": one, "two": two, "speedup": one / two}
    ### END SOLUTION


# %%
check("1.1")  # hint("1.1") when stuck

# %% [markdown]
# ## 1.2 How good are the candidates? (2 points)
#
# Retrieval has done its work if the films that a user goes on to watch are among the candidates.
# Where among them they stand is the ranking's business.


# %%
def candidate_recall(candidates, relevant, k):
    """The share of the relevant films that are among the first k candidates, 0 to 1.

    candidates: a list of distinct films, best first. relevant: a set of at least one film.
    k: how many candidates count, at least 1; there may be fewer.
    """
    ### BEGIN SOLUTION
    return len(set(candidates[:k]) & relevant) / len(relevant)
    ### END SOLUTION


# %%
check("1.2")  # hint("1.2") when stuck

# %% [markdown]
# ## 1.3 Retrieve, then rank (3 points)
#
# Both models have scored every film here, which makes the exercise short. In earnest the second score is worked out
# for the `k` candidates only, so a film that retrieval dropped must not come back, however high its ranking score.


# %%
def two_stage(retrieval, ranking, k, n):
    """The n films to show, best first, as positions in the catalogue: int[n].

    retrieval, ranking: float[N], each model's score for every film; higher is better, and
    no two are equal.
    k: how many films retrieval hands on; n: how many of these are shown; 1 <= n <= k <= N.
    """
    ### BEGIN SOLUTION
    candidates = np.argsort(-retrieval)[:k]
    return candidates[np.argsort(-ranking[candidates])][:n]
    ### END SOLUTION


# %%
check("1.3")  # hint("1.3") when stuck

# %% [markdown]
# ## 1.4 The ceiling, for every k (3 points)
#
# The recall of many users at once, in which every relevant film has one vote: a user with 30 relevant films weighs
# thirty times as much as a user with one. (Averages of this kind are called *micro*.) You will meet this number again
# in lesson 4, where its name is top-k accuracy.


# %%
def recall_curve(retrieval, relevant, ks):
    """The share of all users' relevant films that are among their user's k best:
    float[len(ks)], one for each k in ks.

    retrieval: float[U, N], the score of every film for every user; higher is better, no two
    of a user are equal.
    relevant: U sets of positions in the catalogue, one set a user. A set may be empty, but
    not all of them are.
    ks: a list of numbers from 1 to N.
    """
    ### BEGIN SOLUTION
    order = np.argsort(-retrieval, axis=1)
    total = sum(len(films) for films in relevant)
    return [
        sum(len(films & set(best[:k])) for films, best in zip(relevant, order)) / total
        for k in ks
    ]
    ### END SOLUTION


# %%
check("1.4")  # hint("1.4") when stuck

# %%
progress()
