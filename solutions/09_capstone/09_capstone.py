# %% [markdown]
# # Exercise 9: Your own retriever
#
# Three blanks, 20 points, about 60 minutes; [lesson 9](../../lessons/09_capstone.ipynb) has all you need.
# Fill a blank in, run its cell, then the `check` below it: a wrong answer is told *which* mistake it is.
# `hint("9.1")` gives the first of three hints, `progress()` shows where you stand.

# %%
import numpy as np
import tensorflow as tf  # what it says in red is about this machine, not about you
import tensorflow_recommenders as tfrs

# %% [markdown]
# ## 9.1 Before anybody counts hits (4 points)
#
# Lists come back from a model. Are they lists that may be shown at all? A list can have several faults.


# %%
def faults(lists, k, titles, seen):
    """How many of the lists have each fault.

    lists: B lists of titles, one a user. k: how many titles each should have, exactly.
    titles: all titles that there are. seen: B lists of titles, what each user has seen.
    Returns four counts of lists, each from 0 to B: {"length": not k titles long,
    "repeated": some title more than once, "unknown": some title that there is not,
    "seen": some title that its user has seen}.
    """
    ### BEGIN SOLUTION
    known = set(titles)
    return {
        "length": sum(len(mine) != k for mine in lists),
        "repeated": sum(len(set(mine)) < len(mine) for mine in lists),
        "unknown": sum(not known.issuperset(mine) for mine in lists),
        "seen": sum(not set(old).isdisjoint(mine) for mine, old in zip(lists, seen)),
    }
    ### END SOLUTION


# %%
check("9.1")  # hint("9.1") when stuck

# %% [markdown]
# ## 9.2 A committee in one index (4 points)
#
# Several two-towers have learnt the same films, and their scores, weighed and added up, shall rank them. But an index
# takes one vector a film.


# %%
def join(towers, weights):
    """One two-tower whose scores are the weighed sums of the scores of several.

    towers: M pairs (users, titles) of float arrays [U, d] and [T, d]; each pair has a d of its own.
    weights: M floats above 0.
    Returns a pair (users [U, D], titles [T, D]): the dot product of any user with any title is
    the sum of weight * (dot product in that pair) over the M pairs.
    """
    ### BEGIN SOLUTION
    users = np.concatenate([weight * pair[0] for pair, weight in zip(towers, weights)], axis=1)
    titles = np.concatenate([pair[1] for pair in towers], axis=1)
    return users, titles
    ### END SOLUTION


# %%
check("9.2")  # hint("9.2") when stuck

# %% [markdown]
# ## 9.3 The capstone (12 points)
#
# Whatever you like: TFRS, numpy, a model of your own. It is trained anew on data that the check draws, users renamed,
# and its lists are judged on titles held out. Points are for lists without a fault, for passing the best-seller list,
# and for passing lesson 4's two-tower with logQ: at 10 and at 100, each time by more than chance explains. The check
# takes a minute. The leaderboard of a class goes on from there, to PureSVD, EASE and iALS.


# %%
def fit(train):
    """Trains a model and returns its function recommend(users, k).

    train: {"user_id": n strings, "movie_title": n strings}, row by row who watched what.
    recommend: takes a list of B user ids that train knows and an int k, and returns B lists, in
    the order of the users: the k best titles of train that this user does not have in train, best
    first, each a str. Has two minutes of CPU time, as fit has; k is 100 at most.
    """
    ### BEGIN SOLUTION
    users, user = np.unique(train["user_id"], return_inverse=True)
    titles, title = np.unique(train["movie_title"], return_inverse=True)
    share = tf.constant(np.bincount(title) / len(title), tf.float32)
    seen = np.zeros((len(users), len(titles)), bool)
    seen[user, title] = True

    class TwoTower(tfrs.Model):
        def __init__(self):
            super().__init__()
            self.users = tf.keras.layers.Embedding(len(users), 64)
            self.titles = tf.keras.layers.Embedding(len(titles), 64)
            self.task = tfrs.tasks.Retrieval()

        def compute_loss(self, rows, training=False):
            u, t = self.users(rows["user"]), self.titles(rows["title"])
            drawn = tf.gather(share, rows["title"])
            loss = self.task(u, t, candidate_sampling_probability=drawn)
            return loss + 0.05 * (tf.reduce_sum(u**2) + tf.reduce_sum(t**2))

    model = TwoTower()
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
    rows = np.random.default_rng(0).permutation(len(user))
    pairs = tf.data.Dataset.from_tensor_slices({"user": user[rows], "title": title[rows]})
    model.fit(pairs.batch(1024).cache(), epochs=16, verbose=0)
    scores = model.users.get_weights()[0] @ model.titles.get_weights()[0].T
    order = np.argsort(np.where(seen, np.inf, -scores), axis=1)
    place = {name: i for i, name in enumerate(users)}
    return lambda wanted, k: [titles[order[place[name], :k]].tolist() for name in wanted]
    ### END SOLUTION


# %%
check("9.3")  # hint("9.3") when stuck

# %%
progress()
