# %% [markdown]
# # Lesson 5: Recommend, and leave out what was seen
#
# 35 minutes · needs [lesson 4](04_retrieval_task.ipynb)
#
# After this lesson you can
# - build a `BruteForce` index of distinct titles, and say what in it is a copy and what is live;
# - ask it for one user or for many, and read the answer;
# - leave out what each user has seen, and say why dropping it afterwards is not the same;
# - work out a film's new rank from its old one;
# - measure what this does to the metric, beside the best-seller list.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_recommenders as tfrs

from autograder import two_tower
from autograder.figure import Movable
from data import movielens

BruteForce = tfrs.layers.factorized_top_k.BruteForce

# %% [markdown]
# ## Six films first
#
# An index holds a vector for each film and, beside it, a name. Six films of one number each will do.

# %%
vectors = tf.constant([[6.0], [5.0], [4.0], [3.0], [2.0], [1.0]])
six = BruteForce(k=3).index(vectors, tf.constant(list("ABCDEF")))
scores, names = six(tf.constant([[1.0], [-1.0]]))
print(scores.numpy(), names.numpy(), sep="\n")

# %% [markdown]
# Two users came as vectors, `[1.]` and `[-1.]`; each got the 3 highest dot products, best first, and the names that
# go with them, as *bytes*. "Brute force" says how: score every film, keep the best `k`. Given a user tower,
# `BruteForce(user_tower)`, it takes ids instead of vectors. What else can it do?

# %%
[name for name in vars(tfrs.layers.factorized_top_k.TopK) if not name.startswith("_")]

# %% [markdown]
# You ask it by calling it: there is no `query`. For what follows there is `query_with_exclusions`.
#
# **Predict.** User `[1.]` has seen A and C. Take the best 3, then drop those two. How many are left?

# %%
seen = ["A", "C"]
[name for name in names[0].numpy() if name.decode() not in seen]

# %% [markdown]
# One: we filtered *after* the cut. Now let the index do it.

# %%
six.query_with_exclusions(tf.constant([[1.0]]), exclusions=tf.constant([seen]), k=3)

# %% [markdown]
# Three, and their scores are their own. The index fetched k + width of `exclusions`, here 3 + 2 = 5: at worst both
# seen films stand on top. It took 100,000 off the scores of A and C, sorted again, cut to 3, and returned the old
# scores. Keep the **k + width** in mind: it explains most of what can go wrong.
#
# **Predict.** Now A is in the index three times. Exclude A, ask for 2. What comes?

# %%
triple = BruteForce(k=2).index(vectors, tf.constant(list("AAABCD")))
triple.query_with_exclusions(tf.constant([[1.0]]), tf.constant([["A"]]))[1].numpy()

# %% [markdown]
# The excluded film, twice. It fetched 2 + 1 = 3, which were A, A, A; all three were pushed down, and there was nobody
# to pass them. The remedy is an index in which every title stands once.
#
# ## The real model
#
# Data and model of lesson 4, in plain TFRS. Batches of 1,024 instead of 8,192 will do as well, as the last table
# shows, and take a fraction of the time: a batch of B rows costs B × B scores.

# %%
data = movielens.arrays()
train, test = two_tower.course_split()
rows = {"user_id": data.users[data.user[train]], "movie_title": data.titles[data.title[train]]}


# %%
def tower(vocabulary):
    lookup = tf.keras.layers.StringLookup(vocabulary=vocabulary, mask_token=None)
    return tf.keras.Sequential([lookup, tf.keras.layers.Embedding(len(vocabulary) + 1, 32)])


class Model(tfrs.Model):
    def __init__(self):
        super().__init__()
        self.users, self.films = tower(data.users), tower(data.titles)
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, features, training=False):
        return self.task(self.users(features["user_id"]), self.films(features["movie_title"]))


# %%
tf.keras.utils.set_random_seed(42)
model = Model()
model.compile(tf.keras.optimizers.Adagrad(0.1))
_ = model.fit(tf.data.Dataset.from_tensor_slices(rows).batch(1024).cache(), epochs=3, verbose=0)

# %% [markdown]
# ## Its index
#
# `index_from_dataset` takes batches of pairs (name, vector). The names usually come straight from `movies`. `k` is
# how many films the index gives if a query does not say.

# %%
_, movies = movielens.load()
titles = movies.map(lambda film: film["movie_title"])


def build_index(titles):
    pairs = tf.data.Dataset.zip((titles.batch(100), titles.batch(100).map(model.films)))
    return BruteForce(model.users, k=100).index_from_dataset(pairs)


# %% [markdown]
# `batch(100)` is only the helping in which vectors are computed; whatever its size, all films are searched.
#
# **Predict.** The 1,682 films have 1,664 different titles. What does that do to a list of 100?

# %%
everyone = tf.constant(data.users)
_, best = build_index(titles)(everyone)
repeated = sum(len(set(row)) < 100 for row in best.numpy())
print(f"{repeated} of 943 users are shown some title twice")

# %% [markdown]
# Same title, same vector, same score: the copies stand together and take a place each. `unique` keeps one of them.

# %%
index = build_index(titles.unique())
scores, best = index(tf.constant(["24"]), k=5)
pd.DataFrame({"title": [title.decode() for title in best[0].numpy()], "score": scores[0].numpy().round(2)})

# %% [markdown]
# The five best for user 24. The scores order this list; they are no probabilities.
#
# ## Where do the test films stand?
#
# Some films that user 24 watched were kept from training. Where does the list of 100 have them?


# %%
def films_of(user, rows):
    mine = rows[data.users[data.user[rows]] == user]
    return data.titles[data.title[mine]].tolist()


def places(names):
    return {name.decode(): place for place, name in enumerate(names, start=1)}


seen, wanted = films_of("24", train), films_of("24", test)
before = places(index(tf.constant(["24"]))[1][0].numpy())
print(f"{len(seen)} seen, {len(wanted)} kept for the test, of which the top 100 has:")
print({film: before[film] for film in wanted if film in before})

# %% [markdown]
# Some of the places above them go to films that the user has rated *already*. The blog post that this course grew out
# of left those out and saw films of user 24 rise from ranks 12, 26 and 65 to 4, 13 and 44.
#
# **Predict.** From 12 to 4: how many of the eleven films above had user 24 rated?
#
# `exclusions` is a tensor with one row a user, so shorter lists are filled up with `""`, which excludes nothing. We
# ask for three users at once, and for the whole list, or as much as k + width lets us.

# %%
users = ["24", "42", "405"]
seen = [films_of(user, train) for user in users]
width = max(map(len, seen))
padded = [films + [""] * (width - len(films)) for films in seen]
_, whole = index(tf.constant(users), k=1664)
_, unseen = index.query_with_exclusions(tf.constant(users), tf.constant(padded), k=1664 - width)
index.query_with_exclusions.experimental_get_tracing_count()

# %% [markdown]
# One call, and TensorFlow traced the method once. User by user, each with a width of their own, it would trace three
# times, which takes far longer than the query. So pad to one width. What did it do for user 24?


# %%
def moves(row):
    old, new = places(whole[row].numpy()), places(unseen[row].numpy())
    films = [film for film in films_of(users[row], test) if film in new]
    above = [sum(old[other] < old[film] for other in set(seen[row])) for film in films]
    ranks = {
        "before": [old[film] for film in films],
        "seen above": above,
        "after": [new[film] for film in films],
    }
    return pd.DataFrame(ranks, index=films).sort_values("after")


moves(0).query("after <= 100")

# %% [markdown]
# The blog's answer is eight: 12 − 8 = 4. Here as there, **rank after = rank before − seen films above**. A seen film
# that leaves lifts what stands below it by one, so nothing ever falls, and films from below 100 move in. Which ranks
# you see depends on the training's seed; the identity does not. For all three users and every place in the list:

# %%
for row, user in enumerate(users):
    table = moves(row)
    holds = (table.before - table["seen above"] == table.after).sum()
    inside = f"{(table.before <= 100).sum()} before, {(table.after <= 100).sum()} after"
    taken = sum(title.decode() in seen[row] for title in whole[row, :100].numpy())
    print(f"{user}: holds for {holds} of {len(table)} films; in the top 100 {inside}; {taken} of its places were taken")

# %% [markdown]
# Taken, that is, by films already seen. Look at user 405: a list of 100, and hardly a film in it is new. As a
# picture, user 24 again:


# %%
def ladder(axes, y, names, label):
    taken = [name.decode() in seen[0] for name in names]
    bars = axes.bar(range(1, len(taken) + 1), 0.3, 1, y - 0.15, edgecolor="grey")
    for bar, hatched in zip(bars, taken):
        bar.set(hatch="////" * hatched, facecolor="lightgrey" if hatched else "white")
    axes.text(-1, y, label, ha="right", va="center")


def arrow(axes, old, above, new):
    axes.annotate("", [new, 0.17], [old, 0.83], arrowprops={"arrowstyle": "->", "linewidth": 2})
    for x, y, label in (old, 1.25, old), ((old + new) / 2 + 3.5, 0.5, f"− {above}"), (new, -0.28, f"= {new}"):
        axes.text(x, y, label, ha="center", va="center")


# %%
figure, axes = plt.subplots(figsize=(13, 3))
best = moves(0).query("after <= 100").to_numpy()
ladder(axes, 1, whole[0, : max(100, *best[:, 0])].numpy(), "before")
ladder(axes, 0, unseen[0, :100].numpy(), "after")
axes.vlines(100.5, 0.7, 1.3, color="black", linewidth=3)
for ranks in best:
    arrow(axes, *ranks)
axes.set(ylim=(-0.4, 1.4), frame_on=False, xticks=[], yticks=[])
alt = (
    "Two ladders of places, best first, the upper one, 'before', with a mark at 100. In it the films that user 24 has "
    "seen are hatched, most of them near the top; 'after' has none. An arrow leads from each test film's place to one "
    "further left: " + ", ".join("{} - {} = {}".format(*ranks) for ranks in best)
)
taken = [place for name, place in places(whole[0].numpy()).items() if name in seen[0]]
Movable(figure, alt, "ladder", height=172, seen=taken, kept=best[:, 0], k=100)

# %% [markdown]
# ## All 943 users
#
# **Predict.** Of a list of 100, how many films has its user already rated, on average?

# %%
scores = model.users(everyone).numpy() @ model.films(tf.constant(data.titles)).numpy().T
seen = two_tower.seen_titles(data, train)  # bool, one row a user, one column a title
top = np.argsort(-scores, axis=1)[:, :100]
rated = np.take_along_axis(seen, top, axis=1).sum(axis=1)
print(f"{rated.mean():.1f} on average, from {rated.min()} to {rated.max()}")

# %% [markdown]
# About 30 of 100 (with the tutorial's batches 30.2 to 30.5 in five trainings). Drop them after the cut, and some 70
# are left, for the heaviest users next to none. No training will teach this model better: its user tower knows an id
# and no history, and films that were watched are just what it learns to put on top.
#
# ## What it does to the metric
#
# **Predict.** The vectors stay as they are; only the question changes. Does hit@100 rise a little, or by a third and
# more?

# %%
best_sellers = np.broadcast_to(two_tower.popularity(data.title[train], 1664), scores.shape)
table = {}
for name, scored in ("two towers", scores), ("best-seller list", best_sellers):
    for words, gone in ("all films", None), ("unseen films", seen):
        table[name, words] = two_tower.hit_rates(scored, data.user[test], data.title[test], gone, ks=(10, 100))
pd.DataFrame(table).T.rename(columns="hit@{}".format).round(3)

# %% [markdown]
# Two fifths more at 100, and more than twice as much at 10, from the same vectors. (Over 20 trainings with the
# tutorial's batches: hit@100 .233 to .244, and .326 to .343 without the seen films.) So never compare two such
# numbers before you know which of the two they are. `model.evaluate` knows only the first: exclusion is not part of
# `FactorizedTopK`. And chance is 100/1664 = .060.
#
# The best-seller list, the same for everybody, is ahead of our two towers in all four. Leaving out what was seen is
# right, and it does not repair the model.
#
# ## A snapshot
#
# **Predict.** We set all film vectors of the *model* to zero, then all user vectors. (That ruins it, so it comes
# last.) What does the index answer each time?

# %%
for tower in model.films, model.users:
    tower.set_weights([np.zeros_like(table) for table in tower.get_weights()])
    print(index(tf.constant(["24"]), k=3)[0].numpy())

# %% [markdown]
# The scores of the beginning, then zeros. Film vectors are copies, made when the index was filled; the user tower is
# the model's own, and live. Train on without filling the index anew, and new user vectors meet old film vectors, with
# no error. So build the index after training, and again after every training.
#
# ## When it complains, and when it does not

# %%
two = tf.constant([[1.0], [-1.0]])
wrong = {"a list": [["A"], ["F"]], "one dimension": tf.constant(["A", "F"]), "no type": tf.constant([[], []])}
wrong |= {
    "ragged": tf.ragged.constant([["A", "B"], ["F"]]),
    "k + width > 6": tf.constant([["A", "B", "C", "D"]] * 2),
}
for what, exclusions in wrong.items():
    try:
        six.query_with_exclusions(two, exclusions)
    except Exception as error:
        print(f"{what:15}{type(error).__name__}")

# %% [markdown]
# It wants a tensor `[B, width]` of the names' own type, and k + width at most the number of films; `tf.constant([[],
# []])` is a tensor of numbers unless you say `tf.string`. A title that the index does not know is harmless. So much
# is loud. Quiet is this:

# %%
six.query_with_exclusions(two, tf.constant([["A", "F"]]))[1].numpy()

# %% [markdown]
# One row for two users: the second lost F, their best film, because the first had seen it. Quiet as well: with scores
# of 100,000 and more, taking off 100,000 is not enough.
#
# ## Take away
#
# - An index is film vectors, copied, and names beside them, behind a user tower that is live. Each title goes in
#   once.
# - Call it with a batch of ids: it returns scores and names, the names as bytes. There is no `query`.
# - Dropping seen films after the cut leaves fewer than k. `query_with_exclusions` fetches k + width and then cuts; it
#   wants one row a user, padded to one width.
# - Rank after = rank before − seen films above. No rank gets worse.
# - About 30 of a user's top 100 are films already rated. Without them hit@100 goes from about .24 to about .34, and
#   the best-seller list is still ahead.
#
# Now you: [exercise 5](../exercises/05_recommend/05_recommend.ipynb). It closes the first stage: what it hands on is
# the hundred films from which the second stage of [lesson 1](01_two_stages.ipynb) would choose. How to
# get past the best-seller list, and how sure such numbers are: [lesson 7](07_evaluation.ipynb).
