# %% [markdown]
# # Lesson 8: Serving
#
# 45 minutes · needs [lesson 5](05_recommend.ipynb) and [lesson 6](06_ranking.ipynb)
#
# After this lesson you can
# - export an index and a two-stage recommender, and say what does not survive;
# - keep TensorFlow from tracing while somebody waits;
# - tell a stale index by what it answers, and change candidates without training;
# - judge approximate search by recall, work and time, and say when brute force is better;
# - put a recommender behind HTTP, and measure what its users feel.

# %%
import json
import tempfile
import time
from pathlib import Path

import faiss
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf

from autograder import ranking, search, serve, two_tower, workshop
from autograder.figure import Described
from data import movielens

# %% [markdown]
# ## Out of the notebook
#
# Lesson 4's last model once more, from the fast path, as an index behind a user tower.

# %%
data = movielens.arrays()
train, test = two_tower.course_split()
towers = search.towers(data)

# %%
user_tower = workshop.tower(data.users, towers.users)  # as lesson 3 builds it
index = workshop.index(data.titles, towers.titles, user_tower, k=10)
users = tf.constant(["24", "42"])

# %% [markdown]
# `tf.saved_model.save` keeps what has been traced, shapes and all. So we ask once each, then save and load. Save the
# *index*, not the `tfrs.Model` around it: the loaded thing needs neither TFRS nor Keras, and so none of the pins that
# this course makes for Keras 2.

# %%
folder = Path(tempfile.mkdtemp())
two_seen = tf.constant([["Toy Story (1995)", "Star Wars (1977)"]] * 2)

# %%
index(users), index.query_with_exclusions(users, two_seen)
tf.get_logger().setLevel("ERROR")  # it warns of a config that nobody needs
tf.saved_model.save(index, str(folder / "index"))
loaded = tf.saved_model.load(str(folder / "index"))

# %% [markdown]
# **Predict.** Which of these still work?

# %%
questions = {
    "the same question": lambda: (loaded(users)[1] == index(users)[1]).numpy().all(),
    "one user instead of two": lambda: loaded(users[:1])[1].shape,
    "k=5": lambda: loaded(users, k=5)[1].shape,
    "two seen films": lambda: loaded.query_with_exclusions(users, two_seen)[1].shape,
    "three seen films": lambda: loaded.query_with_exclusions(users, tf.repeat(two_seen, [1, 2], axis=1))[1].shape,
    "new candidates": lambda: loaded.index(towers.titles, data.titles),
}

# %%
for what, ask in questions.items():
    try:
        print(f"{what:25}", ask())
    except (ValueError, AttributeError) as error:
        print(f"{what:25}", type(error).__name__)

# %% [markdown]
# The answers are the same; `k`, the width of exclusions and the candidates are frozen. A call with `k` left out is
# what was traced, so only that is there.
#
# ## A trace in the way
#
# The live index is not free of this either: it traces anew for each shape it has not met, and somebody waits.
#
# **Predict.** Forty users, one by one, each with their own list of seen films. How many traces?

# %%
seen = two_tower.seen_titles(data, train)
lists = {name: data.titles[row].tolist() for name, row in zip(data.users, seen)}


# %%
def ask_all(width_of):
    fresh = workshop.index(data.titles, towers.titles, user_tower, k=10)
    began = time.process_time()
    for name in data.users[:40]:
        padded = lists[name] + [""] * (width_of(len(lists[name])) - len(lists[name]))
        fresh.query_with_exclusions(tf.constant([name]), tf.constant([padded]))
    return workshop.traces(fresh), (time.process_time() - began) / 40 * 1000


# %%
widths = 64, 256, 1024
for what, width_of in {"own width": int, "of 3 widths": lambda n: min(w for w in widths if w >= n)}.items():
    print("{:12} {:2} traces, {:.0f} CPU-ms a user".format(what, *ask_all(width_of)))

# %% [markdown]
# Three shapes, three traces. (A batch of another size is another shape too: ask for one user at a time, or fill
# batches up as well.) Trace them all before the first user comes.
#
# ## Two stages in one export
#
# Or write down which shapes may vary, and export that. `None` is a length that is free. Unknown words get row -1.


# %%
def rows_of(words):
    pairs = tf.lookup.KeyValueTensorInitializer(words, np.arange(len(words)))
    return tf.lookup.StaticHashTable(pairs, default_value=-1)


# %%
def standard(values):
    return (values - tf.reduce_mean(values)) / tf.math.reduce_std(values)


# %%
class TwoStages(tf.Module):
    def __init__(self, towers, rater):
        self.names, self.user_row, self.film_row = tf.constant(data.titles), rows_of(data.users), rows_of(data.titles)
        self.towers, self.rater = [[tf.Variable(table) for table in tables] for tables in (towers, rater)]

    @tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([None], tf.string)])
    def recommend(self, user, seen):
        row, gone = self.user_row.lookup(user), self.film_row.lookup(seen)
        gone = gone[gone >= 0][:, None]
        scores = tf.linalg.matvec(self.towers[1], self.towers[0][row])
        scores, films = tf.math.top_k(tf.tensor_scatter_nd_add(scores, gone, tf.fill(tf.shape(gone)[:1], -1e9)), 100)
        mean, of_user, of_film, u, v = self.rater
        stars = mean + of_user[row] + tf.gather(of_film, films) + tf.linalg.matvec(tf.gather(v, films), u[row])
        values, order = tf.math.top_k(standard(scores) + 0.25 * standard(stars), 100)
        return tf.gather(self.names, tf.gather(films, order)), values


# %%
both = TwoStages(towers, ranking.rater(data, train, seed=0))
tf.saved_model.save(both, str(folder / "model"))
_ = (folder / "seen.json").write_text(json.dumps(lists))

# %%
again = tf.saved_model.load(str(folder / "model"))
for n in 0, 3, 54:
    films, _ = again.recommend("24", lists["24"][:n])
    print(n, [name.decode() for name in films[:3].numpy()])

# %% [markdown]
# Any number of seen films, one trace. It retrieves a hundred, and orders them as lesson 6 did, with a quarter of the
# predicted rating.
#
# ## A stale index
#
# Overnight the model is trained again, from another start. The index's user tower is live; its film vectors are
# yesterday's. User 24 notices nothing: no error, ten films.
#
# **Predict.** hit@10 was .155. With new users and old films?

# %%
tomorrow = search.towers(data, seed=1)
user, title = data.user[test], data.title[test]


# %%
def hit(users, titles):
    return ranking.found(ranking.best(users @ titles.T, seen), user, title).mean().round(4)


# %%
print("yesterday", hit(*towers), "today", hit(*tomorrow), "mixed", hit(tomorrow.users, towers.titles))

# %% [markdown]
# A mixture worth about chance (10 / 1,664 = .006). Two trainings agree about films, and not at all about what
# dimension 7 means. To detect it, compare what the index *answers* with what the towers say now:

# %%
user_tower.layers[1].set_weights([np.vstack([np.zeros((1, 32)), tomorrow.users])])

# %%
answered, names = index(users, k=1664)
now = dict(zip(data.titles, tomorrow.titles @ tomorrow.users[data.users == "24"][0]))
gap = [abs(score - now[name.decode()]) for name, score in zip(names[0].numpy(), answered[0].numpy())]
print(f"{np.mean(np.array(gap) > 0.001):.1%} of the films are stale; index and towers differ by up to {max(gap):.1f}")

# %% [markdown]
# Run this after every deployment; and ship both towers under one version.
#
# ## New films without training
#
# The films change every day. `index.index(...)` fills a live index anew, whatever the number of rows. Where does a
# new film's vector come from? The film tower knows ids only, and gives the row for unknown words to all of them alike.
# Until the next training, the mean of films that an editor calls similar will do:

# %%
index = workshop.index(data.titles, towers.titles, workshop.tower(data.users, towers.users), k=1664)
alike = ["Star Wars (1977)", "Empire Strikes Back, The (1980)", "Return of the Jedi (1983)"]
vector = towers.titles[np.isin(data.titles, alike)].mean(axis=0)

# %%
stays = data.titles != "Toy Story (1995)"
index.index(np.vstack([towers.titles[stays], vector]), np.append(data.titles[stays], "A New Film"))
_, names = index(users[:1])
ranks = {name.decode(): rank for rank, name in enumerate(names[0].numpy(), start=1)}
{name: ranks.get(name) for name in [*alike, "A New Film", "Toy Story (1995)"]}

# %% [markdown]
# In with one, out with the other, and nothing trained. (An exported index is frozen: export it anew.)
#
# ## A hundred thousand items
#
# Brute force multiplies every vector. An **inverted file** (IVF) sorts items into cells around centroids beforehand,
# and looks only through the `nprobe` cells whose centroids score highest. What lies elsewhere is missed, so there are
# three numbers: *recall* against brute force, *work* (share of vectors multiplied), and time. Our catalogue is made
# up: each item is one of our films plus noise. `faiss` does the searching.
#
# **Predict.** To find 95 of the true best 100, which share of the vectors must be looked at?

# %%
faiss.omp_set_num_threads(1)  # TensorFlow has threads of its own
items, queries = search.catalogue(towers.titles, 100_000), np.ascontiguousarray(towers.users[:200])
best, ms = search.exact(items, queries)

# %%
ivf = search.inverted_file(items, cells=316)
found = pd.DataFrame([search.probe(ivf, queries, best, nprobe) for nprobe in (1, 4, 16, 32, 64)])
print(f"brute force: {ms:.2f} CPU-ms a query; for our {len(data.titles):,} titles {search.exact(towers.titles, queries)[1]:.3f}")
found.round(3)

# %%
figure, axes = plt.subplots(figsize=(7, 3.5))
axes.semilogx(found.work, found.recall, "ko-")
for row in found.itertuples():
    axes.annotate(f"{row.nprobe} cells, {row.ms:.2f} ms", (row.work, row.recall), xytext=(8, -9), textcoords="offset points")
axes.set(xlabel="share of the vectors multiplied", ylabel="recall@100", xlim=(0.006, 0.9), ylim=(0, 1.1))
spots = "; ".join(f"{row.nprobe} cells {row.recall:.2f} for {row.work:.1%}" for row in found.itertuples())
Described(figure, f"Recall@100, upwards, against the share of vectors multiplied, to the right. By cells: {spots}")

# %% [markdown]
# To find nearly all, some tenth of the vectors: a few cells find the half, and the last ones are expensive. With a
# million items (`python -m autograder search`, three catalogues) 64 of 1,000 cells have a recall of .956 to .972 for 8
# to 9% of the work, in 1.4 to 1.6 CPU-ms against 14.6 to 15.8 for brute force: ten times faster. With 10,000 items it is
# twice as fast at a recall of .97, and brute force takes a tenth of a millisecond.
#
# It hangs on the shape of the data, too. Where the items are noise without any shape, the same 64 cells of a million
# find .631 to .654. So measure recall on your own vectors, with your own users, and again when they change.
#
# ## Behind HTTP
#
# `autograder/serve.py` is a small service: `tornado`, the exported model, the lists of seen films. It runs in a
# process of its own. A load test asks at a steady rate, as users do, whether or not it keeps up; latency counts from
# when a request was *due*.
#
# **Predict.** At 20 requests a second half are answered within some milliseconds. At 2,000 a second?

# %%
rng = np.random.default_rng(0)
with serve.running(folder) as address:
    print(serve.ask(address, "/recommend", user="24", k=3)["films"])
    loads = {rate: serve.load(address, rng.choice(data.users, 300), rate) for rate in (20, 100, 2000)}


# %%
def felt(due, sent, done):
    waits = {"from due": done - due, "from sending": done - sent}
    shares = {f"p{p}, {name}": 1000 * np.percentile(wait, p) for name, wait in waits.items() for p in (50, 99)}
    return shares | {"answers a second": len(due) / done.max()}


# %%
pd.DataFrame({f"{rate} a second": felt(*times.T) for rate, times in loads.items()}).T.round(1)

# %% [markdown]
# While the service keeps up, both clocks agree. Past what it can do, requests queue: users wait for longer and longer,
# and who measures from *sending* hardly sees it. The last column is what the service, and this client beside it on
# the same cores, can do; p50 and p99 below that, from due, are what to promise.
#
# ## When not to
#
# - No approximate search for 1,664 titles, nor for 100,000 while a millisecond is no matter: brute force is exact,
#   has no cells to keep up to date, and is one line.
# - No service where the lists can be written once a night: 943 users times 100 films are a small table.
# - No export of the whole index where candidates change hourly: export the user tower, and keep the vectors in a
#   store that can be changed.
#
# ## Take away
#
# - A SavedModel keeps what was traced: the answers survive, other `k`, widths and candidates do not. A signature with
#   `None` keeps a length free.
# - Each new shape is a trace, and a trace costs far more than the query. A few widths, traced beforehand, end that.
# - User and film vectors of different trainings are worth chance together. Compare the index's answers with the
#   towers; change candidates by filling the index anew.
# - Approximate search trades recall for work: for a million items a tenth of the time at a recall of .96. Measure it
#   on your own vectors.
# - Latency begins when the user asks. Report p50 and p99, at a rate that the service can keep.
#
# Now you: [exercise 8](../exercises/08_serving/08_serving.ipynb).
