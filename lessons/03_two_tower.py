# %% [markdown]
# # Lesson 3: Two towers
#
# 30 minutes · needs [lesson 2](02_data.ipynb)
#
# After this lesson you can
# - build a tower from `StringLookup` and `Embedding`;
# - say in which row of its table a word stands, and what an unknown word gets;
# - predict how many numbers a model trains;
# - score every film for a user, and say why film vectors can be stored;
# - say what a score means and what it does not.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf

from autograder import two_tower
from autograder.figure import Movable
from data import movielens

# %% [markdown]
# ## A dictionary and a table
#
# A tower turns an id into a vector. It has two parts: a dictionary that knows the row of each word, and a table with one
# vector a row. Three words are enough to see all of it.

# %%
words = tf.keras.layers.StringLookup(vocabulary=["1", "10", "2"], mask_token=None)
print(*words.get_vocabulary())

# %% [markdown]
# Four rows for three words. Row 0, `[UNK]`, serves every word that is *not* in the vocabulary. (`num_oov_indices`, 1 by
# default, says how many such rows there are, not where: there is one, and its index is 0. A mask token, meant for
# padding, would take row 0 for itself and move all others down by one. We have nothing to pad: `mask_token=None`.)
#
# **Predict.** Which rows do `"2"`, `"3"` and `"dd42"` get?

# %%
words(["2", "3", "dd42"]).numpy()

# %% [markdown]
# `"2"` is the third known word, so row 3. The others are unknown: row 0, both of them. Now the table.

# %%
tf.keras.utils.set_random_seed(3)
table = tf.keras.layers.Embedding(3 + 1, 2)
table(words(["2", "3", "dd42"])).numpy().round(3)

# %% [markdown]
# Two numbers for each word, drawn at random between -.05 and .05: they mean nothing until they are trained. Dictionary
# and table, one after the other, are a tower.

# %%
tower = tf.keras.Sequential([words, table])
tower(tf.constant(["10"])).numpy().round(3)

# %% [markdown]
# It takes a batch, even if of one: `["10"]`, not `"10"`. And it takes *strings*:

# %%
try:
    tower(tf.constant([10]))
except tf.errors.UnimplementedError as error:
    print(str(error).partition("}} ")[2].partition(" [")[0])

# %% [markdown]
# MovieLens's ids look like numbers; they are names.
#
# ## The real towers
#
# The vocabularies are those of lesson 2; 32 numbers a vector, as many as TFRS's own tutorial takes.

# %%
data = movielens.arrays()
len(data.users), len(data.titles), data.users[:5]


# %%
def build_tower(vocabulary, dim=32):
    lookup = tf.keras.layers.StringLookup(vocabulary=vocabulary, mask_token=None)
    return tf.keras.Sequential([lookup, tf.keras.layers.Embedding(len(vocabulary) + 1, dim)])


user_tower, movie_tower = build_tower(data.users), build_tower(data.titles)

# %% [markdown]
# **Predict.** In which row of the user table does user `"42"` stand? And user `"24"`?

# %%
user_tower.layers[0](["42", "24"]).numpy()

# %% [markdown]
# Not 42: ids are strings and sorted as strings, `"1", "10", "100", "101", …`, so 356 of the 943 come before `"42"`, and
# one more row is the unknown one's. Whoever reads row 42 of the table reads somebody else.
#
# **Predict.** How many numbers do the two towers train together?

# %%
users, films = user_tower(data.users).numpy(), movie_tower(data.titles).numpy()
user_tower.count_params() + movie_tower.count_params(), (943 + 1) * 32 + (1664 + 1) * 32

# %% [markdown]
# 83,488, by Keras and by hand: one row a word, one more in each table, 32 numbers a row. (Keras makes a table when it is
# first used; before that, `count_params` has nothing to count.)
#
# ## They meet in one number
#
# The user tower never sees a film, the movie tower never sees a user. They meet once: in the dot product of their two
# vectors, multiplied number by number and summed.
#
# **Predict.** Two users, three films: what does the first user's row hold?

# %%
np.array([[1, 2], [0, 1]]) @ np.array([[1, 0], [0, 1], [3, 4]]).T

# %% [markdown]
# 1·1 + 2·0 = 1, then 2, then 1·3 + 2·4 = 11. A row for each user, a column for each film. The real thing is the same:

# %%
scores = users @ films.T
print(scores.shape, scores.size)

# %% [markdown]
# One and a half million scores from 83,488 numbers. If you know the SVD or matrix factorization, you know this form: a
# table of users times a table of films, U·Vᵀ. The objective is another. The SVD wants the smallest squared error over the
# whole matrix; our towers will be asked, in lesson 4, to put the film that was watched above others. Same form, other
# numbers in it, other lists.
#
# ## Film vectors can wait in store
#
# **Predict.** User `"42"` asks for films. Which of the 1,664 film vectors have to be computed anew?

# %%
request = user_tower(tf.constant(["42"])).numpy() @ films.T
np.allclose(request, scores[list(data.users).index("42")], atol=1e-6)

# %% [markdown]
# None: nothing about a film vector depends on who asks. A request is one row of the user table and one matrix product with
# vectors that were stored beforehand. A model that takes user and film *together* would have to run 1,664 times. That is
# what makes two towers a good first stage, and the store is what lesson 5 calls an index.
#
# ## What a score is not
#
# Lesson 4 trains the towers. To see where that leads, we borrow vectors trained in the same way.

# %%
train, test = two_tower.course_split()
trained, _ = two_tower.recipe(data, train, seed=1)
scores = trained.users @ trained.titles.T
watched = scores[data.user[test], data.title[test]]
print(f"from {scores.min():.1f} to {scores.max():.1f}")
print(f"above 1: {(scores > 1).mean():.1%} of all pairs, {(watched > 1).mean():.1%} of those watched later")

# %% [markdown]
# It is tempting to read a score near 1 as "will watch" and near 0 as "will not". But a score has no bounds and no unit,
# and 1 is no border: of the pairs in the test part, all of them watched, more than half lie below. (Over five trainings
# the lowest score was -4.4 to -4.0, the highest 5.8 to 6.1, and the two shares 15% and 41 to 42%.)
#
# **Predict.** Add 10 to all scores of one user. What changes in the softmax that training will use, and in the list?

# %%
for row in (scores[0], scores[0] + 10):
    print(tf.nn.softmax(row)[:3].numpy(), np.argsort(-row)[:5])

# %% [markdown]
# Nothing. A score is a *logit*, and only the order within one user means something: a 2.1 of yours and a 2.1 of mine do
# not compare.
#
# ## The row that nobody trains
#
# Training moves only the rows that were asked for:

# %%
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(user_tower(tf.constant(["42", "24"])) * movie_tower(tf.constant(data.titles[:2])))
tape.gradient(loss, user_tower.trainable_variables)[0].indices.numpy()

# %% [markdown]
# Rows 357 and 157, no others. All 943 users are in the vocabulary, so no training example ever asks for row 0: it stays as
# random as on the first day.
#
# **Predict.** Two strangers come, `"dd42"` and `"anna"`; the film vectors are trained. Do they get an error, two lists, or
# the same list twice?

# %%
for stranger in ("dd42", "anna"):
    row = user_tower(tf.constant([stranger])).numpy() @ trained.titles.T
    print(stranger, data.titles[np.argsort(-row[0])[:3]])

# %% [markdown]
# The same list, and no error. Nothing made it a list *for* newcomers: another random start gives another. So if all your
# users seem to get the same films, look at their ids first: `"42.0"` is a stranger too.
#
# ## Length counts
#
# The dot product is not the cosine: it grows with a vector's length. Here is a user in a plane, with six films.

# %%
user = np.array([2.0, 1.0])
six = {"A": [1.1, 1.6], "B": [0.5, 2.3], "C": [1.9, -0.8], "D": [0.9, -0.1], "E": [-1, 1], "F": [-0.5, -1]}
for name, film in six.items():
    cosine = user @ film / np.linalg.norm(user) / np.linalg.norm(film)
    print(name, "dot", round(user @ film, 1), " cosine", round(cosine, 2))

# %% [markdown]
# **Predict.** D is fourth. Make its vector three times longer, in the same direction: where is it then? And its cosine?


# %%
def plane(axes, films, title):
    points, blank = np.array(list(films.values())), {"facecolor": "white", "edgecolor": "none", "pad": 1}
    places = np.argsort(np.argsort(-points @ user)) + 1
    for score in (-2, 0, 2, 4):
        axes.axline([score / 2, 0], slope=-2, linestyle=":", color="grey")  # where the dot product is `score`
        axes.text(score / 2 + 0.86, -1.7, f"score {score}", color="grey", rotation=-63, fontsize=8)
    axes.annotate("user", [0, 0], user, arrowprops={"arrowstyle": "<-", "linewidth": 2})
    fill = np.where(places <= 3, "lightblue", "white")
    axes.scatter(*points.T, s=300, c=fill, edgecolors="black", zorder=3)
    for name, point, place in zip(films, points, places):
        axes.text(*point, place, ha="center", va="center", zorder=4)
        axes.text(point[0] + 0.22, point[1] - 0.07, f"{name}: {point @ user:.1f}", bbox=blank)
    axes.set(title=title, xlim=(-1.5, 3.7), ylim=(-1.8, 2.7), aspect="equal")


# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5))
plane(left, six, "The three best: A, B, C")
plane(right, {**six, "D": [2.7, -0.3]}, "D three times longer: D, A, B")
right.annotate("", [2.53, -0.28], [0.9, -0.1], arrowprops={"arrowstyle": "->", "linestyle": "--"})
alt = (
    "Two planes, each with a user's arrow to (2, 1), six films as numbered discs, shaded for the best three, and dotted "
    "lines of equal score that cross the arrow's direction at right angles. Left: A 3.8, B 3.3, C 3.0, then D 1.7, which "
    "lies near the origin. Right: D, three times as far out in the same direction, has 5.1 and is first; C is fourth."
)
Movable(figure, alt, "plane", height=360, user=user, films=six, longer="D")

# %% [markdown]
# From fourth to first, while the cosine is .84 as before. The same happens for everybody who looks D's way, and for those
# who look away it falls just as fast. So length acts like popularity: it is the film's own, whoever asks. Training uses it:

# %%
count = np.bincount(data.title[train], minlength=len(data.titles))
length = pd.DataFrame({"mean length": np.linalg.norm(trained.titles, axis=1)})
ratings = pd.cut(count, [-1, 0, 4, 19, 600], labels=["none", "1 to 4", "5 to 19", "20 and more"])
length.groupby(ratings, observed=True).mean().round(2)

# %% [markdown]
# By number of train ratings: a film that nobody rated keeps its short random vector, and the more training has seen of a
# film, the longer its vector, up to a point. If you want films that are *alike*, divide by the lengths first.
#
# ## Take away
#
# - A tower is a `StringLookup` and an `Embedding(len(vocabulary) + 1, dim)`; it takes batches of strings.
# - A word stands in the row of its place in the sorted list plus one: `"42"` in 357. Unknown words share row 0, which no
#   training moves if every user is in the vocabulary.
# - Two towers train (943 + 1 + 1664 + 1) · 32 = 83,488 numbers.
# - They meet only in the dot product, U·Vᵀ, so film vectors are computed once and stored.
# - A score is unbounded and means something only beside the same user's other scores. Length counts: it is no cosine.
#
# Now you: [exercise 3](../exercises/03_two_tower/03_two_tower.ipynb). Then [lesson 4](04_retrieval_task.ipynb) gives the
# towers something to learn.
