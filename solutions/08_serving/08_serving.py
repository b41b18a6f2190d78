# %% [markdown]
# # Exercise 8: Serving
#
# Five blanks, 25 points, about 45 minutes; [lesson 8](../../lessons/08_serving.ipynb) has all you need.
# Fill a blank in, run its cell, then the `check` below it: a wrong answer is told *which* mistake it is.
# `hint("8.1")` gives the first of three hints, `progress()` shows where you stand.

# %%
import numpy as np
import tensorflow as tf  # what it says in red is about this machine, not about you

# %% [markdown]
# ## 8.1 Few shapes (6 points)
#
# Every new width of `exclusions` makes TensorFlow trace anew, while somebody waits. Fill each user's list up to one of
# a few widths, and ask for one user at a time.


# %%
def recommend_in_buckets(index, user_id, seen, k, widths):
    """The k best titles for one user, best first, none of them seen. Titles as str.

    index: BruteForce over distinct titles, behind a user tower; user_id: a string; seen: a
    list of titles, perhaps empty. widths: ints, rising; `exclusions` may have no other width.
    Of those that hold all of `seen` the narrowest is taken; the last of them always does.
    """
    ### BEGIN SOLUTION
    width = next(width for width in widths if width >= len(seen))
    padded = list(seen) + [""] * (width - len(seen))
    exclusions = tf.constant([padded], tf.string, shape=(1, width))
    _, titles = index.query_with_exclusions(tf.constant([user_id]), exclusions, k=k)
    return [title.decode() for title in titles[0].numpy()]
    ### END SOLUTION


# %%
check("8.1")  # hint("8.1") when stuck

# %% [markdown]
# ## 8.2 A stale index (5 points)
#
# The user tower in front of an index is live, the film vectors in it are a snapshot. After more training they no
# longer belong together, and nothing complains. What an index holds can be told from what it answers.


# %%
def stale_titles(index, user_tower, film_tower, titles, users):
    """The titles whose vectors in the index are not those of the film tower now, in the order of `titles`.

    index: BruteForce behind user_tower, over each of `titles` once, in any order.
    user_tower, film_tower: string[B] -> float32[B, d]. users: known user ids.
    A title is stale if for any of the users the index's score differs by more than .001
    from the dot product that the towers give.
    """
    ### BEGIN SOLUTION
    scores, names = index(tf.constant(users), k=len(titles))
    now = tf.matmul(user_tower(tf.constant(users)), film_tower(tf.constant(titles)), transpose_b=True).numpy()
    stale = set()
    for row, held, answered in zip(now, scores.numpy(), names.numpy()):
        of = {name.decode(): score for name, score in zip(answered, held)}
        stale |= {title for title, score in zip(titles, row) if abs(of[title] - score) > 0.001}
    return [title for title in titles if title in stale]
    ### END SOLUTION


# %%
check("8.2")  # hint("8.2") when stuck

# %% [markdown]
# ## 8.3 New films, old films (3 points)
#
# Films come and go every day; training every day may be too dear. Names and vectors can be changed without it, if
# they stay in step. (Where a new film's vector comes from is another question: the lesson takes a mean.)


# %%
def with_changes(names, vectors, added, removed):
    """The candidates after a day's changes: (list of names, float[N, d] vectors), row for row.

    names: a list of distinct strings; vectors: float[M, d]. added: {name: vector}; a name
    that is there already gets the new vector, in its old place, others come last in the
    order of the dict. removed: names, which need not be there; what is both added and
    removed is gone.
    """
    ### BEGIN SOLUTION
    candidates = dict(zip(names, vectors)) | added
    for name in removed:
        candidates.pop(name, None)
    return list(candidates), np.array(list(candidates.values())).reshape(-1, np.shape(vectors)[1])
    ### END SOLUTION


# %%
check("8.3")  # hint("8.3") when stuck

# %% [markdown]
# ## 8.4 An inverted file (6 points)
#
# Approximate search in four lines: items lie in cells, each cell has a centroid, and only the cells whose centroids
# score highest are looked through. What lies elsewhere is not found.


# %%
def ivf_search(query, items, centroids, cell, nprobe, k):
    """The best items of the nprobe best cells: (int[<= k] items, best first; how many dot products it took).

    query: float[d]; items: float[N, d]; centroids: float[C, d]; cell: int[N], the cell of each
    item. Cells and items are compared by their dot product with the query. The dot products
    with the centroids count as well. Where the cells hold fewer than k items, all of those.
    """
    ### BEGIN SOLUTION
    cells = np.argsort(-(centroids @ query))[:nprobe]
    inside = np.flatnonzero(np.isin(cell, cells))
    order = np.argsort(-(items[inside] @ query))[:k]
    return inside[order], len(centroids) + len(inside)
    ### END SOLUTION


# %%
check("8.4")  # hint("8.4") when stuck

# %% [markdown]
# ## 8.5 A load test (5 points)
#
# Requests come at their own pace, whether the service is ready or not. When it is slow they queue, and whoever
# measures from the moment of sending does not see the queue.


# %%
def load_report(due, sent, done):
    """What users felt: {"p50", "p99", "per_second"}.

    due, sent, done: seconds, float[R], one place a request: when the user asked, when the
    client got round to sending it, when the answer was there.
    A latency is the time from asking to answer, in milliseconds. "p50" is the smallest of the
    latencies that at least 50% of all do not exceed; "p99" likewise.
    "per_second": requests divided by the seconds from the first asking to the last answer.
    """
    ### BEGIN SOLUTION
    latency = np.sort(1000 * (np.asarray(done) - np.asarray(due)))
    rank = {share: -(-share * len(latency) // 100) for share in (50, 99)}
    return {
        "p50": float(latency[rank[50] - 1]),
        "p99": float(latency[rank[99] - 1]),
        "per_second": len(latency) / float(np.max(done) - np.min(due)),
    }
    ### END SOLUTION


# %%
check("8.5")  # hint("8.5") when stuck

# %%
progress()
