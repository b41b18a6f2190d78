# %% [markdown]
# # Lesson 0: Implicit feedback
#
# 20 minutes · needs NumPy, and a rough idea of what an SVD is
#
# After this lesson you can
# - say what a one and a zero of the interaction matrix mean, and what they do not;
# - recommend by PureSVD: factor, multiply, leave out what was seen, take the best k;
# - choose the number of directions without a look at the test;
# - say what becomes of the zeros when ratings are centred, and why it matters.
#
# The post before the one that this course grew out of factored a table of ratings with an SVD. So we begin there, with
# two lines of SciPy. Keep the result: the neural model of lesson 4 will be measured against it, and lose.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from autograder import two_tower
from autograder.figure import Described
from data import movielens

# %% [markdown]
# ## What a zero says
#
# Five people, six films, a one for "has watched":

# %%
people, letters = ["Ann", "Bob", "Cho", "Dev", "Eve"], list("ABCDEF")
tiny = [[1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1]]
tiny = pd.DataFrame(tiny, people, letters, dtype=float)
tiny

# %% [markdown]
# A one is something that happened. It is not "liked": whoever gives a film one star has sat through it. A zero is
# something that did *not* happen, for any of a dozen reasons: never heard of it, not tonight, saw it at a friend's,
# hated the poster. Such signs are called *implicit feedback*: what people did, not what they said.
#
# MovieLens has ratings, and each becomes a one. The first 80,000 rows of a shuffle are for training, the other 20,000
# for the test ([lesson 2](02_data.ipynb) tells how).
#
# **Predict.** Of all pairs of 943 users and 1,664 films, which share is a one?

# %%
data = movielens.arrays()
train, test = two_tower.course_split()
seen = two_tower.seen_titles(data, train)
user, film = data.user[test], data.title[test]
print(f"{seen.sum():,} ones of {seen.size:,}: {seen.mean():.1%}")
print(f"{(~seen[user, film]).sum():,} of the 20,000 test rows stand there as zeros")

# %% [markdown]
# One in twenty. And look at the second line: practically every film that somebody is *about* to watch is a zero too.
# The answers that we seek are written down as noes. A model that believed every zero would be wrong exactly where it
# counts; it must forget a little.
#
# Nobody stores the zeros. A sparse matrix keeps the ones and where they stand:

# %%
watched = csr_array(seen.astype(float))
watched

# %% [markdown]
# ## Forgetting by SVD
#
# An SVD writes the matrix as a sum of directions, widest first: who leans that way, how wide it is, which films lie
# there. Keep k of them, and you have the nearest matrix that k directions can make. This is *PureSVD*.
#
# **Predict.** Bob has seen A and B. With two directions, which of his zeros rises most, and which falls?

# %%
who, width, what = svds(tiny.to_numpy(), k=2)
pd.DataFrame((who * width) @ what, people, letters).round(2)

# %% [markdown]
# C, at .55: those who watch A and B watch it as well. D gets a little, through Cho. E and F go below zero. With two
# directions for five people the model cannot remember every cell, so it falls back on what goes together. That is all
# the learning there is.
#
# **Predict.** And with four directions?

# %%
who, width, what = svds(tiny.to_numpy(), k=4)
print(f"largest difference: {np.abs((who * width) @ what - tiny.to_numpy()).max():.6f}")

# %% [markdown]
# Nothing is left out: four directions hold this table exactly, and each of Bob's zeros is a zero again. A perfect fit
# recommends nothing.
#
# ## The real matrix
#
# Sixteen directions; a moment will show why.

# %%
who, width, what = svds(watched, k=16)
scores = (who * width) @ what
print(f"{scores.shape[0]} users, {scores.shape[1]} films, scores from {scores.min():.2f} to {scores.max():.2f}")

# %% [markdown]
# Now the best k. Films already seen have the highest scores, so they must go *before* the cut, and they go to minus
# infinity: 0 would not do, for many scores lie below it.

# %%
left = np.where(seen, -np.inf, scores)
row = data.users.tolist().index("24")
print(f"scores below zero among what user 24 has not seen: {(left[row] < 0).sum() - seen[row].sum()}")
data.titles[np.argsort(-left[row])[:5]]

# %% [markdown]
# Plausible, and well known. How good is it? For each test row we ask whether its film is among its user's best k, the
# films of the train part left out: *hit@k*. The rival knows nobody: the most watched films, the same list for all.
#
# **Predict.** The list finds some 41% of the films within 100 places. PureSVD?


# %%
def hits(scores):
    return two_tower.hit_rates(scores, user, film, seen, ks=(10, 100))


best_sellers = np.broadcast_to(two_tower.popularity(data.title[train], 1664), seen.shape)
table = pd.DataFrame({"best-seller list": hits(best_sellers), "PureSVD, watched": hits(scores)}).T
table.round(3)

# %% [markdown]
# .614 against .407 at 100, and nearly twice as many at 10. Two lines of linear algebra. (Chance would be 100 of 1,664:
# .06.) How far such numbers can be trusted is a question for [lesson 7](07_evaluation.ipynb).
#
# ## How many directions?
#
# More directions hold more of the matrix. To choose by the test rows would be to train on them, so we hide a tenth of
# the train rows, factor the rest, and ask for the hidden ones.
#
# **Predict.** From 1 direction to 256: what does the fit do, and what do the hits?

# %%
fit, hidden = train[:72_000], train[72_000:]
known = two_tower.seen_titles(data, fit)
who, width, what = svds(csr_array(known.astype(float)), k=256)  # the widest come last
ks, found = [1, 2, 4, 8, 12, 16, 20, 32, 64, 128, 256], []
for k in ks:
    guess = (who[:, -k:] * width[-k:]) @ what[-k:]
    found.append(two_tower.hit_rates(guess, data.user[hidden], data.title[hidden], known, (100,))[100])
held = [(width[-k:] ** 2).sum() / known.sum() for k in ks]

# %%
figure, axes = plt.subplots(figsize=(7, 3.2))
axes.plot(ks, held, "s--", label="share of the matrix held")
axes.plot(ks, found, "o-", label="hit@100, hidden rows")
axes.set_xscale("log", base=2)
axes.set_xticks(ks, ks)
axes.set_xlabel("directions")
axes.legend()
points = ", ".join(f"{k}: {share:.2f} and {hit:.3f}" for k, share, hit in zip(ks, held, found))
alt = "Two curves over the number of directions. The share of the matrix held rises all the way; the hits rise to 16 "
Described(figure, alt + f"directions and then fall. Directions, share held and hit@100: {points}.")

# %% [markdown]
# The fit only gets better. The hits rise to sixteen directions and then fall, with 256 below what one direction finds:
# by then the model has learnt the zeros by heart. Lesson 4 will show the same with a falling loss. (The test had no
# say in the 16.)
#
# ## Are ratings not better?
#
# We threw the stars away. Give them back, in two ways: the ratings as they are, and the ratings less their user's
# mean, as one does to *predict* ratings. What nobody rated is 0 in both.
#
# **Predict.** Which of the three is best at finding what will be watched?

# %%
stars = np.zeros(seen.shape)
stars[data.user[train], data.title[train]] = data.rating[train]
mean = stars.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
for name, matrix in {"ratings": stars, "ratings, centred": np.where(seen, stars - mean[:, None], 0)}.items():
    who, width, what = svds(csr_array(matrix), k=16)
    table.loc[f"PureSVD, {name}"] = hits((who * width) @ what)
table.round(3)

# %% [markdown]
# The stars do not help, and the centred ones fall behind the list that knows nobody. Ask what the zeros say. Beside
# plain ratings of 1 to 5 a zero is still far from them all: mostly "not watched", in disguise. Once the mean is taken
# off, 0 is an average rating. The model is told that everybody has seen everything and found it middling, and what is
# left to learn is taste among films already chosen. A fine question, and lesson 6 asks it; but it is not the question
# *what will she watch next?*
#
# ## When not to use it
#
# - The catalogue changes by the hour: the factors know only the films of the day they were made. (A new *user* is
#   no trouble, as exercise 0.4 shows.)
# - There are millions of users and films. Then the full table of scores does not fit anywhere, and one looks up the
#   nearest vectors instead: [lesson 1](01_two_stages.ipynb).
# - You know more than who and what: text, pictures, time of day. A matrix has no place for them; towers have.
#
# ## Take away
#
# - A one says "it happened", not "liked"; a zero says nothing for certain, and the films to be found are zeros.
# - PureSVD is `svds`, a product, minus infinity for the seen, and a cut: .614 at 100, where the best-seller list has
#   .407.
# - Fit and hits part ways: choose the directions, 16 here, by rows hidden from train.
# - Centring turns "not watched" into "average", and the hits fall to .327. What fills the gaps is part of the model.
#
# Now you: [exercise 0](../exercises/00_implicit_feedback/00_implicit_feedback.ipynb). Then
# [lesson 1](01_two_stages.ipynb) asks what happens when there are a million films.
