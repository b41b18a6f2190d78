# %% [markdown]
# # Lesson 2: From ratings to pairs
#
# 30 minutes · needs [lesson 1](01_two_stages.ipynb)
#
# After this lesson you can
#
# - reduce ratings to what retrieval needs: who watched what;
# - build a vocabulary of sorted strings, and say why 1,682 films have 1,664 titles;
# - split data so that train and test stay apart on every pass;
# - report what leaks from a split all the same.

# %%
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf

from autograder.figure import Movable
from data import movielens

# %% [markdown]
# ## One rating, one film
#
# MovieLens 100K comes from TensorFlow Datasets (TFDS) as two datasets. Here is the first rating.

# %%
ratings, movies = movielens.load()
next(ratings.as_numpy_iterator())

# %% [markdown]
# Twelve fields: the user's id, age, sex, occupation and zip code, the film's id, title and genres, and the
# rating with its time in seconds since 1970. Strings are bytes, `b'…'`, and both ids are strings. And the
# first film:

# %%
next(movies.as_numpy_iterator())

# %% [markdown]
# Three fields. The genres are a list of integers. How long is it?

# %%
films = list(movies.as_numpy_iterator())
sorted(Counter(len(film["movie_genres"]) for film in films).items())

# %% [markdown]
# 833 films have one genre, 569 two, and so on up to three films with six. (You may read that it is four at
# most; here 14 films have more.) So whole films do not fit into one batch, which wants tensors of one shape:
# pick your fields first.
#
# ## Two fields are enough
#
# Retrieval asks *who watched what*. The stars and the time go, and so does everything else.

# %%
pairs = ratings.map(lambda rating: {"user_id": rating["user_id"], "movie_title": rating["movie_title"]})
next(pairs.as_numpy_iterator())

# %% [markdown]
# A rating has become "watched". From here on the *title* is the film's name, and `movie_id` is gone.
#
# ## A vocabulary
#
# A tower needs a list of all words it should know. **Predict.** What does this give, and in which order?

# %%
words = tf.data.Dataset.from_tensor_slices(["10", "9", "10", "1"])
np.unique(np.concatenate(list(words.batch(3).as_numpy_iterator())))

# %% [markdown]
# Each word once, sorted *as strings*: `b'10'` stands before `b'9'`, as "ab" before "b". Three steps: batch,
# concatenate, unique. What is the first for?

# %%
print("single:", [word.shape for word in words])
print("batched:", [batch.shape for batch in words.batch(3)])

# %% [markdown]
# An element is a tensor either way, and either can become a NumPy array. But a single word has no dimension,
# and `np.concatenate` wants at least one. Above all, fetching 1,000 rows at a time is far quicker than a
# Python loop over single rows. The last batch is shorter, and it counts too.
#
# **Predict.** At which position among the 943 users will `b"2"` stand?

# %%
users = pairs.map(lambda pair: pair["user_id"]).batch(1_000)
user_ids = np.unique(np.concatenate(list(users.as_numpy_iterator())))
len(user_ids), user_ids[:5], np.flatnonzero(user_ids == b"2")

# %% [markdown]
# At 111, counted from 0: "1" and the 110 ids that begin with a 1 stand before it. (The tables of lesson 3
# keep one row in front for unknown words, so user 2 gets row 112.) Now the titles of the 1,682 films.

# %%
titles = movies.map(lambda film: film["movie_title"]).batch(1_000)
movie_titles = np.unique(np.concatenate(list(titles.as_numpy_iterator())))
len(films), len(movie_titles)

# %% [markdown]
# ## 1,682 ids, 1,664 titles
#
# Eighteen fewer. **Predict.** How many titles are shared, and by how many films each?

# %%
count = Counter(film["movie_title"] for film in films)
print(Counter(count.values()))
print([film["movie_id"] for film in films if film["movie_title"] == b"Chasing Amy (1997)"])

# %% [markdown]
# 1,646 titles have one id and 18 have two; *Chasing Amy* is 246 and 268. It is the same film, entered twice.
# If candidates are taken from `movies` as it is, such a title takes two places in a list of a hundred, so
# this course always makes titles unique first.
#
# ## A split that stays
#
# Shuffle, take some rows to train on, skip those and take others to test with. On ten numbers first.
#
# **Predict.** We read train once and test twice. What comes out?

# %%
tf.random.set_seed(42)
shuffled = tf.data.Dataset.range(10).shuffle(10, seed=42)
train, test = shuffled.take(7), shuffled.skip(7)
for name, part in {"train": train, "test": test, "test again": test}.items():
    print(f"{name:10}", [int(n) for n in part])

# %% [markdown]
# The second test is not the first, and rows of train turn up in it. A dataset is a recipe, not a list: each
# pass runs `shuffle` anew, and it draws a new order unless told not to.

# %%
shuffled = tf.data.Dataset.range(10).shuffle(10, seed=42, reshuffle_each_iteration=False)
train, test = shuffled.take(7), shuffled.skip(7)
for name, part in {"train": train, "test": test, "test again": test}.items():
    print(f"{name:10}", [int(n) for n in part])

# %% [markdown]
# Now for the real size. `shuffle` does not look at the rows, so row numbers will do, and they show at once
# who is who.
#
# **Predict.** 80,000 to train on, 20,000 to test with, and the argument forgotten: how many of the 20,000 are
# in train too?


# %%
def split(rows, **options):
    tf.random.set_seed(42)
    shuffled = rows.shuffle(100_000, seed=42, **options)
    parts = shuffled.take(80_000), shuffled.skip(80_000).take(20_000)
    return [next(part.batch(80_000).as_numpy_iterator()) for part in parts]


numbers = tf.data.Dataset.range(100_000)
train, test = split(numbers)
len(np.intersect1d(train, test))

# %% [markdown]
# 16,094: about 80%, because train is 80% of everything. Nothing warns you; the scores just look good. With
# the argument:

# %%
train, test = split(numbers, reshuffle_each_iteration=False)
len(np.intersect1d(train, test)), train[:3], test[:3]

# %% [markdown]
# None. This is the split of TFRS's tutorial, and ours. Its first argument, the buffer, matters as well:
# `shuffle` picks from the rows in its buffer, so with 1,000 instead of 100,000 the first row out would be one
# of the first 1,000 in.
#
# The tutorial's next line is `train.shuffle(100_000).batch(8192).cache()`. **Predict.** Does *this* shuffle
# change the batches from epoch to epoch?

# %%
for name, batches in {
    "cached last": tf.data.Dataset.range(6).shuffle(6, seed=1).batch(2).cache(),
    "cached first": tf.data.Dataset.range(6).cache().shuffle(6, seed=1).batch(2),
}.items():
    print(name, *([batch.tolist() for batch in batches.as_numpy_iterator()] for _ in range(2)), sep="\n  ")

# %% [markdown]
# No: what lies before `cache` happens once, so every epoch gets the very same batches. In lesson 4 the other
# films of a batch will be the negatives; with the tutorial's order they are the same company every time.
#
# ## What leaks all the same
#
# No row is in both parts. Is the test fair, then? We look at our split with the time back in.

# %%
fields = ratings.map(lambda rating: {name: rating[name] for name in ("user_id", "movie_title", "timestamp")})
rows = pd.DataFrame(next(fields.batch(100_000).as_numpy_iterator()))
pair = ["user_id", "movie_title"]
print(rows.duplicated(pair).sum(), "rows repeat an earlier pair")
print(rows.loc[test, pair].merge(rows.loc[train, pair]).shape[0], "test rows have their pair in train")

# %% [markdown]
# Some users rated both ids of a film: 307 times. So 109 of the test rows can be had by heart.

# %%
for name in pair:
    unseen = rows.loc[test, name][~rows.loc[test, name].isin(rows.loc[train, name])]
    print(name, unseen.nunique(), "not in train,", len(unseen), "test rows")

# %% [markdown]
# Every test user has train rows, but 38 titles have none. They are in the vocabulary, as it is made from all
# data, so they do have vectors: random ones that no training will touch. 41 test rows ask for those.
#
# **Predict.** What share of the test rows is older than their user's newest train row? And what share of
# *train* lies in the future of a test row, on average?

# %%
newest = rows.loc[train].groupby("user_id")["timestamp"].max()
older = rows.loc[test, "timestamp"] < rows.loc[test, "user_id"].map(newest)
places = np.searchsorted(np.sort(rows.loc[train, "timestamp"]), rows.loc[test, "timestamp"], side="right")
f"{older.mean():.1%} of test is older; {1 - places.mean() / len(train):.1%} of train lies in the future"

# %% [markdown]
# 97.6% and half. We train on what a user did later to foretell what they did before: the random split is
# simple, and kind to the model. One can split by time instead: the last fifth of *each user's* rows is test,
# or the last fifth of *all*.

# %%
last_of_user = rows.groupby("user_id")["timestamp"].rank(method="first", pct=True) > 0.8
last_of_all = rows["timestamp"].rank(method="first") > 80_000
splits = {
    "random": rows.index.isin(test),
    "each user's last fifth": last_of_user,
    "the last fifth of all": last_of_all,
}


def counters(is_test):
    train, test = rows[~is_test], rows[is_test]
    older = test["timestamp"] < test["user_id"].map(train.groupby("user_id")["timestamp"].max())
    unknown = ~test["user_id"].isin(train["user_id"])
    return f"{older.mean():.1%} older than own train\n{unknown.mean():.1%} from users without train"


# %% [markdown]
# How long do people stay?

# %%
day = (rows["timestamp"] - rows["timestamp"].min()) / 86_400
visits = day.groupby(rows["user_id"]).agg(["min", "max"]).sort_values("min")
stay = visits["max"] - visits["min"]
some = visits.index[stay > 3][::13]
line = rows["user_id"].map({user: n for n, user in enumerate(some, start=1)})
print(f"{(stay < 1).mean():.0%} for less than a day, half for at most {stay.median() * 24 * 60:.0f} minutes")
print(f"more than three days: {(stay > 3).sum()} users, of whom {len(some)} are in the picture")

# %% [markdown]
# Most come once, and half are gone after 49 minutes. The picture shows some of those who came back, a line
# each. The counters are shares of *all* test rows: those older than their user's newest train row, and those
# of users who have no train row. Choose a split, then move "now": what is right of it is still to come.

# %%
said = {name: counters(is_test).replace("\n", ", ") for name, is_test in splits.items()}
alt = f"Three panels: train dots, test strokes of 21 users over 215 days. Of test: {said}. Strokes lie among the dots; "
alt += "right of each user's dots; all right of day 168."
spots = pd.DataFrame({"line": line, "day": (day * 2).round() / 2, **splits}).dropna().groupby(["line", "day"])
spots = (1 - spots.min() + 2 * spots.max()).reset_index()  # by split, 1: train only, 2: test only, 3: both
later = {name: [(day[~is_test] > now).mean().round(3) for now in range(216)] for name, is_test in splits.items()}
parts = {name: {"counters": said[name], "future": later[name]} for name in splits}

# %%
figure, panels = plt.subplots(1, 3, figsize=(14, 5.5), sharey=True)
for axes, (name, is_test) in zip(panels, splits.items()):
    axes.plot(day[~is_test], line[~is_test] + 0.2, ".", color="grey", label="train (dot)")
    axes.plot(day[is_test], line[is_test] - 0.2, "|", color="tab:red", label="test (stroke)")
    axes.set(title=f"{name}\n{counters(is_test)}", xlabel="days", yticks=[])
panels[0].set_ylabel("users, by first day")
panels[0].legend(loc="upper left")
Movable(figure, alt, "split", height=330, splits=parts, spots=spots.to_numpy(), days=215)

# %% [markdown]
# At random, strokes lie among the dots. With each user's last fifth they lie to the right of each user's own
# dots: no look into one's own future, and nobody unknown. With the last fifth of all one day cuts all lines:
# the only split that knows no future at all, but 85.2% of its test rows belong to users it has never met:
# people come, rate for a while, and leave. So it mostly asks what to show to strangers, and two towers made
# of ids cannot tell.
#
# We keep the random split, to compare with the tutorial, and remember: its scores are for a kind world.
#
# ## Take away
#
# - Retrieval needs who watched what: user id and title. Stars and time go.
# - A vocabulary is batch, concatenate, unique: byte strings sorted as strings. 18 titles have two ids, so
#   1,682 films are 1,664 titles.
# - `shuffle` needs a buffer as large as the data, a seed, and `reshuffle_each_iteration=False`; else 16,094
#   of 20,000 test rows are in train.
# - Even then our split leaks: 109 pairs are in both parts, 38 titles are never trained, and 97.6% of test is
#   older than its user's newest train row.
#
# Now you: [exercise 2](../exercises/02_data/02_data.ipynb). Then [lesson 3](03_two_tower.ipynb) builds the
# towers.
