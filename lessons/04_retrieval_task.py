# %% [markdown]
# # Lesson 4: The retrieval task
#
# 45 minutes · needs [lesson 3](03_two_tower.ipynb)
#
# After this lesson you can
# - say which scores of a batch are pushed up and which down, and work its loss out by hand;
# - say what the loss of a model is that knows nothing;
# - work out top-k accuracy, ties included;
# - write a `tfrs.Model` and train it on MovieLens;
# - tell apart the numbers that all go by the name of loss;
# - set a metric beside chance and beside a best-seller list.

# %%
import contextlib
import io
import re
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_recommenders as tfrs

from autograder import measure, two_tower
from autograder.figure import Movable
from data import movielens

# %% [markdown]
# ## Nobody says no
#
# All that the data say is who watched what. Nobody told us what they did *not* want: feedback is implicit, and every
# row is a yes. A model that only hears yes learns to say it to everything. So each row borrows its noes from the rows
# beside it. Three of them are a batch:

# %%
users = np.array([[2, 0], [0, 1], [1, 1]], np.float32)
films = np.array([[1, 0], [0, 2], [1, 0]], np.float32)
scores = pd.DataFrame(users @ films.T, ["Ann", "Bob", "Cho"], ["Ann's film", "Bob's film", "Cho's film"])
scores

# %% [markdown]
# Every user with every film of the batch. Each row is a little exam: which of these films is yours? The answers stand
# on the diagonal; the other two films of a row are its *in-batch negatives*. (The matrix is B × B for a batch of B
# rows, never 943 × 1,664.) Softmax turns a row into shares:

# %%
shares = tf.nn.softmax(scores.values).numpy()
pd.DataFrame(shares.round(3), scores.index, scores.columns)

# %% [markdown]
# The loss of a row is -ln of its share on the diagonal; the loss of the batch is their *sum*. By hand, and by TFRS:

# %%
print(-np.log(np.diag(shares)), -np.log(np.diag(shares)).sum())
print(tfrs.tasks.Retrieval()(users, films).numpy())

# %% [markdown]
# **Predict.** Which scores does training push up, which down, and how hard? The slope of the loss:

# %%
pd.DataFrame((shares - np.eye(3)).round(3), scores.index, scores.columns)

# %% [markdown]
# Down where the slope is positive: every negative, by its share. Up on the diagonal, by all that the others lose. So
# negatives are no bystanders. And look at columns one and three: they are equal, as if Ann and Cho had watched the
# same film. Ann is drawn to it by .532 and pushed away from it by .468.
#
# ## A model that knows nothing
#
# **Predict.** A batch has 8,192 rows and all its scores are 0. What is its loss?

# %%
zeros = tf.zeros((8192, 1))
print(tfrs.tasks.Retrieval()(zeros, zeros).numpy(), 8192 * np.log(8192))

# %% [markdown]
# 73,817 = B ln B: each of B rows gives each film 1/B. A loss of seventy thousand is no disaster; divide by B, and
# compare with ln B. Losses of batches of different sizes cannot be compared.
#
# ## The metric asks something else
#
# In the end a user chooses from all films, not from those of a batch. So take a row of the test part, score *all*
# films for its user, and see where the row's film stands. Say that it scores .8, and the others .9, .7, .6 and .5:

# %%
own, others = 0.8, np.array([0.9, 0.7, 0.6, 0.5])
rank = 1 + (others > own).sum()
print(rank, {k: bool(rank <= k) for k in (1, 2, 5)})

# %% [markdown]
# One film scores higher, so it is second: no hit for top-1, a hit for top-2. *Top-k accuracy* is the share of rows
# that hit. Every row is one vote, so whoever watched much votes often.
#
# **Predict.** A model gives 0 to every film for everybody. Its top-1 and top-100 accuracy?

# %%
metric = tfrs.metrics.FactorizedTopK(tf.data.Dataset.from_tensors(tf.zeros((1664, 32))), ks=(1, 100))
metric.update_state(tf.zeros((5, 32)), tf.zeros((5, 32)))
[result.numpy() for result in metric.result()]

# %% [markdown]
# 100%. Nothing scores *higher* than the film, so it ranks first: ties count as hits. If a metric looks too good, look
# for ties.
#
# ## The model
#
# Towers as in lesson 3, and a task that holds loss and metric. The metric's candidates are the 1,664 unique titles;
# the 2,048 says how many are put through the tower at a time, and has nothing to do with negatives.

# %%
data = movielens.arrays()


def build_tower(vocabulary, dim=32):
    lookup = tf.keras.layers.StringLookup(vocabulary=vocabulary, mask_token=None)
    return tf.keras.Sequential([lookup, tf.keras.layers.Embedding(len(vocabulary) + 1, dim)])


# %%
class TwoTower(tfrs.Model):
    def __init__(self):
        super().__init__()
        self.user_tower, self.movie_tower = build_tower(data.users), build_tower(data.titles)
        candidates = tf.data.Dataset.from_tensor_slices(data.titles).batch(2048).map(self.movie_tower)
        self.task = tfrs.tasks.Retrieval(metrics=tfrs.metrics.FactorizedTopK(candidates))

    def compute_loss(self, features, training=False):
        users, films = self.user_tower(features["user_id"]), self.movie_tower(features["movie_title"])
        return self.task(users, films, compute_metrics=not training)


# %% [markdown]
# `compute_loss` is all that TFRS asks for. In training the metric is left out: to rank all films for 8,192 users
# costs more than to learn from them. (The price: `fit` then shows every accuracy as 0. Ask `evaluate`.)
#
# The data are the split of lesson 2, in batches, kept in memory:

# %%
ratings, _ = movielens.load()
pairs = ratings.map(lambda row: {"user_id": row["user_id"], "movie_title": row["movie_title"]})
tf.random.set_seed(42)
shuffled = pairs.shuffle(100_000, seed=42, reshuffle_each_iteration=False)
train = shuffled.take(80_000).batch(8192).cache()
test = shuffled.skip(80_000).take(20_000).batch(4096).cache()

# %% [markdown]
# ## Three epochs
#
# We write down the loss of every batch, and catch what the progress bar says.

# %%
tf.keras.utils.set_random_seed(42)
model = TwoTower()
model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
losses = []
note = tf.keras.callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: losses.append(logs["loss"]))
with contextlib.redirect_stdout(io.StringIO()) as bar:
    history = model.fit(train, epochs=3, callbacks=[note], verbose=1).history
shown = [float(loss) for loss in re.findall(r"10/10 .* - loss: ([\d.]+)", bar.getvalue().replace("\r", "\n"))]
on_test, on_train = (model.evaluate(rows, return_dict=True, verbose=0) for rows in (test, train.shard(5, 2)))

# %% [markdown]
# ## Which number is the loss?
#
# An epoch has nine batches of 8,192 rows and one of 6,272. **Predict.** Which number is the model's loss: that of the
# progress bar, of `History`, of `evaluate`?

# %%
last = losses[-10:]
print(f"first batch of all         {losses[0]:9,.1f}   8,192 ln 8,192 = {8192 * np.log(8192):,.1f}")
print(f"progress bar, epoch 3      {shown[-1]:9,.1f}   (sum + last) / 11 = {(sum(last) + last[-1]) / 11:,.1f}")
print(f"History, epoch 3           {history['loss'][-1]:9,.1f}   last batch: {last[-1]:,.1f}")
print(f"evaluate(test)             {on_test['loss']:9,.1f}   last batch of 3,616 rows")
print(f"per row, last train batch  {last[-1] / 6272:9.2f}   untrained: ln 6,272 = {np.log(6272):.2f}")
print(f"per row, last test batch   {on_test['loss'] / 3616:9.2f}   untrained: ln 3,616 = {np.log(3616):.2f}")

# %% [markdown]
# None of the three is a mean over the data. TFRS gives Keras 2 the loss as a plain number, so `History` and
# `evaluate` keep the last batch. The bar averages, but when it closes it counts the last batch once more.
#
# The blog post that this course grew out of reports 66,302.96 for train and 28,244.77 for test: a bar and a last
# batch. Over twenty trainings the bar ended between 66,247 and 66,347, the last test batch between 28,204 and 28,284.
# That the second is smaller says nothing: it is a sum over fewer rows.
#
# ## What is it worth?
#
# A number alone means nothing. Chance gives k/1,664. And here is a rival that knows no user: the most watched films
# of the train part, the same list for everybody.

# %%
train_rows, test_rows = two_tower.course_split()
count = np.bincount(data.title[train_rows], minlength=1664)
place = 1 + np.argsort(np.argsort(-count, kind="stable"))
data.titles[np.argsort(-count, kind="stable")[:3]]

# %% [markdown]
# **Predict.** Top-100 accuracy on the test rows: which comes first, the trained model or that list?

# %%
ks = [1, 5, 10, 50, 100]
accuracy = pd.DataFrame(columns=ks, dtype=float)
accuracy.loc["chance"] = [k / 1664 for k in ks]
accuracy.loc["best-seller list, test"] = [(place[data.title[test_rows]] <= k).mean() for k in ks]
key = "factorized_top_k/top_{}_categorical_accuracy"
accuracy.loc["our model, test"] = [on_test[key.format(k)] for k in ks]
accuracy.loc["the blog's, test"] = [0.0008, 0.0094, 0.0224, 0.1245, 0.2327]
accuracy.loc["our model, train"] = [on_train[key.format(k)] for k in ks]
accuracy.loc["the blog's, train"] = [0.0029, 0.0213, 0.0440, 0.1855, 0.3135]
accuracy.round(4)

# %% [markdown]
# The list wins: .299 against some .24, and it finds more than twice as many at k = 10. Our model agrees with the
# blog's, and in twenty trainings .233 to .244 of the test films ranked in the top 100. (Top-1 is mostly rounding:
# never trust it. The blog's train row was measured *during* the epoch, by a model that was still worse; ours after
# it, on batches 3 and 8.)
#
# **Predict.** Would ten epochs help? Means of five trainings (with 1,682 candidates, as in TFRS's tutorial, where 18
# titles come twice):

# %%
facts = measure.read()["facts"]
curves = {"train loss": facts["train_loss_by_epoch"]["mean"], "top-100, test": facts["top_100_by_epoch"]["mean"]}
axes = pd.DataFrame(curves, range(1, 11)).plot(subplots=True, layout=(1, 2), figsize=(9, 3), style="o-", xlabel="epochs")
Movable(axes[0, 0].figure, f"Two curves, falling with every epoch. {curves}", "curves", height=245, curves=curves)

# %% [markdown]
# The loss falls and falls, and so does the accuracy, from the first epoch on. The loss is the wrong exam. Why?
#
# ## Look at a batch
#
# Sixteen rows of the first batch, scored by the trained model: the first sixteen in a row in which a film comes
# twice.

# %%
user, title = data.user[train_rows[:8192]], data.title[train_rows[:8192]]
start = next(i for i in range(8192) if len(set(title[i : i + 16])) < 16)
user16, title16 = user[start : start + 16], title[start : start + 16]
seen = np.zeros((943, 1664), bool)
seen[data.user[train_rows], data.title[train_rows]] = True
watched, copy = seen[user16][:, title16], title16[:, None] == title16
scores = model.user_tower(data.users[user16]).numpy() @ model.movie_tower(data.titles[title16]).numpy().T
alt = (
    "A 16 by 16 matrix of scores, a row for each user, a column for each row's film, darker for higher. The diagonal "
    f"is boxed: the own films, pushed up. {copy.sum() - 16} cells off it are hatched: copies of the own film. "
    f"{(watched & ~copy).sum()} are marked w: films that the row's user has watched too. All these are pushed down."
)

# %%
figure, axes = plt.subplots(figsize=(8, 7.5))
figure.colorbar(axes.imshow(scores, cmap="Blues", vmin=-3, vmax=5), label="score", shrink=0.8)
for i, j in np.ndindex(16, 16):
    box = {"fill": False, "edgecolor": "black", "linewidth": 2.5 if i == j else 1.5}
    if i == j or copy[i, j]:
        axes.add_patch(plt.Rectangle((j - 0.45, i - 0.45), 0.9, 0.9, hatch="" if i == j else "////", **box))
    elif watched[i, j]:
        axes.text(j, i, "w", ha="center", va="center", color="white" if scores[i, j] > 2 else "black")
axes.set_xticks(range(16), films := [name.partition(" (")[0][:20] for name in data.titles[title16]], rotation=90)
axes.set_yticks(range(16), users := [f"user {name}" for name in data.users[user16]])
axes.set_title("box: own film, up · hatched: the same film, down · w: watched too, down", fontsize=11)
cells = {"scores": scores.round(2), "watched": watched, "copies": copy}
Movable(figure, alt, "batch", height=245, users=users, films=films, **cells)

# %%
whole = seen[user][:, title]
copies = np.bincount(title)[title] - 1
print(f"{(whole.sum() - 8192) / (8192 * 8191):.1%} of the negatives were watched, {copies.mean():.1f} are copies")

# %% [markdown]
# Only the boxes are pushed up. A quarter of all negatives are films that the very same user watched, and 13.6 of each
# row's are the own film itself. Which films are those? The popular ones: a film comes as a negative as often as it
# was watched. So the better known a film, the harder it is pushed down, and the scores end up telling what a user
# likes *beyond* what everybody likes. The best-seller list knows the rest.
#
# ## One argument
#
# If a film is drawn as a negative with probability p, subtract ln p from its scores while training. Popularity is
# then paid for, and need not be unlearnt. TFRS has an argument for it. We train without it and
# with it, on batches of 1,024, an epoch of which is eight times cheaper:

# %%
share = tf.constant(np.append(0, count) / 80_000, tf.float32)  # row 0 is the unknown title's


class Corrected(TwoTower):
    def compute_loss(self, features, training=False):
        users, films = self.user_tower(features["user_id"]), self.movie_tower(features["movie_title"])
        drawn = tf.gather(share, self.movie_tower.layers[0](features["movie_title"]))
        return self.task(users, films, candidate_sampling_probability=drawn, compute_metrics=not training)


# %%
trained = {}
for name, kind in {"plain": TwoTower, "corrected": Corrected}.items():
    tf.keras.utils.set_random_seed(42)
    trained[name] = kind()
    trained[name].compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
    trained[name].fit(train.rebatch(1024), epochs=3, verbose=0)
    found = trained[name].evaluate(test, return_dict=True, verbose=0)
    accuracy.loc[f"{name}, batches of 1,024, test"] = [found[key.format(k)] for k in ks]
accuracy.filter(like="test", axis=0).round(4)

# %% [markdown]
# The batch's size hardly matters, the argument does: at 50 and 100 the model is far ahead of the list, at 10 level
# with it. (The first places go to films already seen. Leave those out, as lesson 5 does, and it is .155 against .089.)
# Does the score know popularity now? Correlation of a film's mean score with the logarithm of its count:

# %%
known = count > 0
for name, towers in trained.items():
    mean = towers.user_tower(data.users).numpy().mean(axis=0) @ towers.movie_tower(data.titles).numpy().T
    print(f"{name:10}{np.corrcoef(mean[known], np.log(count[known]))[0, 1]:.2f}")

# %% [markdown]
# [Lesson 7](07_evaluation.ipynb) takes this apart. The exercises stay with the plain model: you will recognise what it gets wrong.
#
# ## Something to discover
#
# A batch holds 8,192 rows, and so 67 million scores. **Predict.** How many of them are different?

# %%
batch = next(iter(train))
names, row = tf.unique(batch["user_id"])
titles, column, times = tf.unique_with_counts(batch["movie_title"])
print(len(names), "users,", len(titles), "titles:", f"{8192**2 / len(names) / len(titles):.0f} times fewer pairs")


# %%
def collapsed():
    scores = tf.matmul(model.user_tower(names), model.movie_tower(titles), transpose_b=True)
    total = tf.reduce_logsumexp(scores + tf.math.log(tf.cast(times, tf.float32)), axis=1)
    return tf.reduce_sum(tf.gather(total, row) - tf.gather_nd(scores, tf.stack([row, column], axis=1)))


for loss in (lambda: model.compute_loss(batch, training=True), collapsed):
    began = time.perf_counter()
    with tf.GradientTape() as tape:
        value = loss()
    slopes = [tf.convert_to_tensor(s) for s in tape.gradient(value, model.trainable_variables)]
    took = time.perf_counter() - began
    print(f"loss {value:.1f}, size of the slopes {tf.linalg.global_norm(slopes):.4f}, {took * 1000:.0f} ms")

# %% [markdown]
# Score each pair once, count each title as often as it occurs, and the softmax is the same, slopes and all. Whole
# trainings become far cheaper still; `python -m autograder benchmark` measures how much on your machine, and
# `autograder/two_tower.py` holds it in plain NumPy. The twenty trainings above were made so.
#
# ## Take away
#
# - A batch gives B × B scores. The diagonal is pushed up, everything else down, by its share of the row; the loss is
#   the sum of the rows' -ln shares.
# - Knowing nothing costs B ln B: 73,817 for 8,192 rows. Losses of different batch sizes do not compare.
# - Top-k accuracy: the share of rows with fewer than k films scored higher than their own. Ties count as hits, so all
#   zeros score 100%.
# - A `tfrs.Model` keeps its towers and task, and returns the task's loss; metrics wait until training is over.
# - The bar counts the last batch twice; `History` and `evaluate` keep the last batch alone.
# - Chance is k/1,664, the best-seller list .299 at 100, the plain model .24. Look at such rivals first.
#
# Now you: [exercise 4](../exercises/04_retrieval_task/04_retrieval_task.ipynb). Then [lesson 5](05_recommend.ipynb)
# asks the towers for films, and leaves out what was seen.
