# %% [markdown]
# # Lesson 1: Two stages
#
# 25 minutes · needs Python's lists and sets, and NumPy's `argsort`
#
# After this lesson you can
#
# - work out what a request costs with one stage and with two,
# - tell how good a list of candidates is: its recall at k,
# - show that no ranking brings back what retrieval dropped,
# - turn ratings into "watched", and say what is lost on the way.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from autograder import two_tower
from autograder.figure import Movable
from data import movielens

# %% [markdown]
# ## One request, a million films
#
# Somebody opens the app and wants ten films to choose from. Our best model predicts the rating that this user would
# give a film: it looks at the user, the film, the hour, the device, and takes, say, a millisecond. The catalogue holds
# a million films.

# %%
n_films = 1_000_000
ms_rank = 1.0  # to predict one rating
n_films * ms_rank / 1000  # seconds for one request

# %% [markdown]
# A thousand seconds, some 17 minutes. Nobody waits for that.
#
# So a second model goes in front of the first. It is much simpler: every film is a list of numbers, worked out once and
# stored; the user is another list; the score is their dot product. Say that this takes a microsecond a film. (The good
# model has no such short cut. It mixes user and film in its middle, so it has to run anew for every pair.)
#
# The simple model is called **retrieval** and scores all films. It hands on the best k, the **candidates**; the good
# model, **ranking**, puts those in order.
#
# **Predict.** A million films, 1 µs for retrieval, 1 ms for ranking, 100 candidates. How many times faster are two
# stages than one?

# %%
ms_retrieve = 0.001
one = n_films * ms_rank
two = n_films * ms_retrieve + 100 * ms_rank
one, two, one / two

# %% [markdown]
# From 1,000 seconds to 1.1: about 909 times faster. Both terms of the sum matter: retrieval is quick, but it still
# touches every film, while ranking is slow and touches a hundred.
#
# **Predict.** And for a shop that sells 20 things?

# %%
for n in (20, 1_664, 1_000_000):
    two = n * ms_retrieve + min(n, 100) * ms_rank
    print(f"{n:>9,} films: one stage {n * ms_rank:>11,.1f} ms, two stages {two:>7,.2f} ms")

# %% [markdown]
# With 20 films two stages gain nothing: ranking sees all of them anyway. The first stage exists to save time. If your
# best model can score everything in time, leave retrieval out. MovieLens, our data, has 1,664 titles, for which one
# stage would do if 1.7 seconds were quick enough; it stands in for the million.
#
# ## Six films, by hand
#
# Two models, each with its own opinion of six films. They were trained apart and know nothing of each other. All that
# passes between them is *which films* go on, not what retrieval thought of them.

# %%
films = pd.DataFrame({
    "film": ["Étude in Rain", "Harbour of Glass", "Night Bakery", "Paper Comet", "Seven Umbrellas", "Slow Lightning"],
    "retrieval": [0.3, 0.7, 0.9, 0.1, 0.4, 0.8],
    "predicted rating": [4.0, 3.1, 3.6, 4.9, 2.9, 4.4],
})  # fmt: skip
candidates = films.nlargest(3, "retrieval")
candidates

# %% [markdown]
# Retrieval has handed on three candidates.
#
# **Predict.** *Paper Comet* has by far the highest predicted rating, 4.9. In which place will it be shown?

# %%
candidates.nlargest(2, "predicted rating")

# %% [markdown]
# In none. Ranking moved *Slow Lightning* up from second to first, and *Paper Comet* never reached it. What retrieval
# drops is gone, however good the ranking is.
#
# ## How good are three candidates?
#
# Say this user goes on to watch two films:

# %%
watched = {"Slow Lightning", "Paper Comet"}
watched & set(candidates["film"])

# %% [markdown]
# One of the two was among the three candidates, so **recall@3** is 1/2: of the films that were *wanted*, the share that
# is still there. (Divide by the three candidates instead, and you have precision, 1/3, another question.) The places of
# the candidates do not matter, for ordering is ranking's work. Recall is how a first stage is judged, and it is the
# **ceiling** of the whole system.
#
# ## From ratings to "watched"
#
# Now the real thing: MovieLens 100K, a hundred thousand ratings from 1997 and 1998.

# %%
data = movielens.arrays()
print(f"{len(data.rating):,} ratings by {len(data.users)} users of {len(data.titles):,} titles. The first:")
print(data.users[data.user[0]], data.titles[data.title[0]], data.rating[0], data.timestamp[0], sep=" | ")

# %% [markdown]
# A user, a title, stars from 1 to 5, and a time in seconds. Retrieval is asked "what will this user watch?", so for it
# a rating, whatever its stars, means one thing: *watched*. Such a sign is called **implicit feedback**: nobody said
# "I like this", they only did something.
#
# **Predict.** Does a 1-star rating count as a positive example, then? And how many ratings have at most two stars?

# %%
for stars in (1, 2, 3, 4, 5):
    print(stars, "★" * stars, f"{(data.rating == stars).mean():.1%}")
print(f"at most 2: {(data.rating <= 2).mean():.1%}")

# %% [markdown]
# Yes, it counts: 17.5% of our positives are films that somebody watched and gave two stars or one. What is lost is the
# opinion. The second stage, with its predicted rating, is where the stars come back. And a film without a rating says
# little: it may be disliked, or just unheard of.
#
# ## The real ceiling
#
# We keep 80,000 ratings for training and hide 20,000: the films that users "go on to watch". The retrieval model is the
# one that you will build in lessons 3 and 4, here in a short NumPy form that trains in about a second.

# %%
train, test = two_tower.course_split()
towers, _ = two_tower.recipe(data, train, seed=42)
scores = two_tower.all_scores(towers)  # every user, every title
scores.shape

# %% [markdown]
# Of the hidden films, what share is among their user's k best? Films that the user has in the training part are left
# out first: there is no point in recommending those.

# %%
seen = two_tower.seen_titles(data, train)
found = two_tower.hit_rates(scores, data.user[test], data.title[test], seen, ks=(10, 50, 100, 200, 500))
for k, recall in found.items():
    print(f"recall@{k:<3} {recall:.3f}    chance about {k / len(data.titles):.3f}")

# %% [markdown]
# A hundred candidates hold about a third of the hidden films; from twenty random starts the model gets between .326 and
# .343 (`unseen_100` in autograder/windows.json). Two thirds are lost before ranking begins.
#
# **Predict.** Ten films are shown. What share of the hidden films can *the best ranking there could be* get among those
# ten, out of these hundred candidates?

# %%
hidden = two_tower.seen_titles(data, test)
order = np.argsort(-np.where(seen, -np.inf, scores), axis=1)
per_user = np.take_along_axis(hidden, order, axis=1).cumsum(axis=1)  # hidden films among the first k, for every k
perfect = np.minimum(per_user, 10).sum(axis=0) / hidden.sum()
print(f"perfect ranking of 100 candidates {perfect[99]:.3f}, of every film {perfect[-1]:.3f}")

# %% [markdown]
# A ranking that knew the future would reach .290: less than the ceiling, because ten places are too few for a user with
# eleven hidden films among the hundred. (For the same reason no system whatever, showing ten films to a user, could
# pass .395 here.)
#
# ## Then rank
#
# A modest model for the second stage: the predicted rating of a film is its average, drawn a little towards the
# average of all films, as if ten people had given it just that.

# %%
count = np.bincount(data.title[train], minlength=len(data.titles))
total = np.bincount(data.title[train], data.rating[train], minlength=len(data.titles))
predicted = (total + 10 * data.rating[train].mean()) / (count + 10)

# %% [markdown]
# Both stages at work, for user 24: a hundred candidates, then the five with the highest predicted rating.

# %%
best = order[data.users.tolist().index("24"), :100]
columns = {
    "title": data.titles[best],
    "retrieval's place": range(1, 101),
    "predicted rating": predicted[best],
}
pd.DataFrame(columns).set_index("title").nlargest(5, "predicted rating").round(2)

# %% [markdown]
# Films from far down retrieval's list come first now. Is that list better? One has to measure it:

# %%
places = np.argsort(-predicted[order[:, :100]], axis=1)
ranked = np.take_along_axis(order[:, :100], places, axis=1)
hits, hits_by_rating = (np.take_along_axis(hidden, shown[:, :10], axis=1).sum() for shown in (order, ranked))
own, by_rating = hits / hidden.sum(), hits_by_rating / hidden.sum()
print(
    f"hidden films among the ten that come first: by retrieval {own:.3f}, by predicted rating {by_rating:.3f}"
)

# %% [markdown]
# A little better, and both far below the .290 that these candidates allow. Do not count on the gain: the two models
# answer different questions, *will watch* and *would like*, and a ranking by stars may well push down what is watched.
#
# ## One picture
#
# To the right what a request costs with the times from above, upwards the recall of the candidates: the ceiling.
#
# **Predict.** From 100 candidates to 500: by how much does the ceiling rise, and what does a request cost then? Move k.

# %%
ks = np.union1d(np.geomspace(10, 1664, 40).astype(int), [100, 500])
recall = list(two_tower.hit_rates(scores, data.user[test], data.title[test], seen, ks.tolist()).values())
ms = len(data.titles) * ms_retrieve + ks * ms_rank
some = np.searchsorted(ks, [10, 100, 500, 1664])
alt = "Ceiling: " + ", ".join(f"{ms[i]:.0f} ms and {recall[i]:.3f} for k={ks[i]}" for i in some)
alt += f". Below it a perfect ranking that shows ten: {perfect[99]:.3f} for k=100, {perfect[-1]:.3f} at most."

# %%
figure, axes = plt.subplots(figsize=(8, 4.5))
axes.semilogx(ms, recall, color="black", label="k candidates: the ceiling")
axes.semilogx(ms, perfect[ks - 1], "--", color="tab:blue", label="perfect ranking of them, ten shown")
axes.fill_between(ms, recall, 1, hatch="//", facecolor="none", edgecolor="silver")
axes.text(16, 0.6, "out of any ranking's reach", backgroundcolor="white")
for i in some:
    axes.annotate(f"k = {ks[i]}", (ms[i], recall[i]), (-60, 3), textcoords="offset points", backgroundcolor="white")
axes.plot(101.7, by_rating, "s", color="tab:blue", label="ranking 100 by predicted rating, ten shown")
axes.set(xlabel="ms per request", ylabel="share of the hidden films", ylim=(0, 1.02), xlim=(9, 4000))
axes.set_xticks([10, 100, 1000], ["10", "100", "1,000"])
axes.legend(loc="lower right")
Movable(figure, alt, "funnel", height=292, k=ks, recall=recall, perfect=perfect[ks - 1], ms=ms)

# %% [markdown]
# Larger k lifts the ceiling, and every candidate costs a millisecond; k = 1,664 is one stage again. What ten places can
# hold rises less and less. A better *ranking* comes nearer to the dashed line. A better *retrieval* lifts both lines, at
# no cost per request; that is what the rest of this course is about. (The ceiling ends at .995, not 1: some films are in
# the data under two ids, and a few users rated both. Lesson 2 finds them.)
#
# ## Take away
#
# - One stage costs films × ranking time; two stages cost films × retrieval time + k × ranking time. With 20 films you
#   need no retrieval.
# - Recall@k is the share of the wanted films that are among the k candidates, in whatever order.
# - Ranking orders what it is given: retrieval's recall is the ceiling of the whole system.
# - Every rating counts as "watched", a 1-star rating too. The opinion is lost, and a missing rating is no dislike.
#
# Now [exercise 1](../exercises/01_two_stages/01_two_stages.ipynb), four short functions. Then
# [lesson 2](02_data.ipynb) looks at the data itself.
