# %% [markdown]
# # Lesson 7: Evaluation
#
# 45 minutes · needs [lesson 4](04_retrieval_task.ipynb) and [lesson 5](05_recommend.ipynb)
#
# After this lesson you can
# - count hits that neither ties nor seen films can flatter;
# - put an interval around a hit rate, and around the difference of two, by resampling users;
# - take the model past the best-seller list with one argument;
# - say what that costs in novelty and coverage, and set the price without training again;
# - choose a split by what leaks through it.
#
# Models are trained by the fast path that lesson 4 ends with: same loss, same slopes, half a second each.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from autograder import baselines, evaluation, two_tower
from autograder.figure import Described
from data import movielens

# %%
data = movielens.arrays()
train, test = two_tower.course_split()
seen = two_tower.seen_titles(data, train)
user, film = data.user[test], data.title[test]
count = np.bincount(data.title[train], minlength=1664)

# %% [markdown]
# ## A metric that cannot be flattered
#
# A film is among the best k if fewer than k films beat it. And those that score just as high? Five films, of which
# ours has .5:

# %%
own, others = 0.5, np.array([0.9, 0.5, 0.5, 0.1])
print("ties forgiven: place", 1 + (others > own).sum(), "· ties against: place", 1 + (others >= own).sum())

# %% [markdown]
# TFRS forgives. **Predict.** A model gives 0 to every film for everybody. Its hit@100, the seen films left out, first
# with ties forgiven, then with ties against?

# %%
zeros = np.zeros(seen.shape)
print(two_tower.hit_rates(zeros, user, film, seen, ks=(100,)))
print(evaluation.hits(zeros, user, film, seen, 100).mean())

# %% [markdown]
# .99455 or nothing. (Not 1: 109 rows repeat a film of the train part, and a seen film is a miss.) From here on ties
# count against, and seen films do not compete. `evaluation.hits` gives a yes or no for each row rather than a share;
# you will see why.


# %%
def best_sellers(rows):
    return np.broadcast_to(two_tower.popularity(data.title[rows], 1664), seen.shape)


def hits(scores, k=100):
    return evaluation.hits(scores, user, film, seen, k)


# %%
plain = two_tower.all_scores(two_tower.recipe(data, train, 0, batch_size=1024)[0])
models = {"best-seller list": best_sellers(train), "tutorial's model": plain}
for name, scores in models.items():
    print(f"{name:17} hit@10 {hits(scores, 10).mean():.3f}   hit@100 {hits(scores).mean():.3f}")

# %% [markdown]
# The order of lesson 4: the list, then the model. Is it luck?
#
# ## How sure?
#
# A textbook says: 20,000 rows, so the mean is known to 1.96 standard deviations by √20,000. That holds for rows that
# know nothing of one another. But the rows of a user hit or miss together, and one user has 152 of them.
#
# So draw *users*, with replacement, each with all of their rows, and take the mean. Three users with 1, 2 and 4 rows,
# and two draws:

# %%
total, rows = np.array([0, 1, 4]), np.array([1, 2, 4])  # hits and rows of each user
for draw in [0, 1, 1], [2, 0, 2]:
    print(draw, total[draw].sum(), "hits of", rows[draw].sum(), "rows")

# %% [markdown]
# Do that two thousand times with all 943, and keep the middle 95% of the means.
#
# **Predict.** Does that interval come out wider or narrower, and by how much?

# %%
mine = hits(plain)
total, rows = np.bincount(user, mine, 943), np.bincount(user, minlength=943)
draws = np.random.default_rng(0).integers(0, 943, (2000, 943))

# %%
means = total[draws].sum(axis=1) / rows[draws].sum(axis=1)
low, high = np.quantile(means, [0.025, 0.975])
print(f"rows:  {mine.mean():.3f} ± {1.96 * mine.std() / np.sqrt(len(mine)):.4f}")
print(f"users: {low:.3f} to {high:.3f}, ± {(high - low) / 2:.4f}")

# %% [markdown]
# More than twice as wide. Who believes the rows will find winners where there are none.
#
# To *compare* two models, do not look whether their intervals overlap. Both were asked the same rows, and easy users
# are easy for both. Take the difference row by row (1, 0 or -1), and resample that. Lesson 0 factored watched and
# ratings; at 100 they came to .614 and .601:

# %%
stars = zeros.copy()
stars[data.user[train], data.title[train]] = data.rating[train]
watched, rated = (hits(baselines.pure_svd(matrix)) for matrix in (seen, stars))

# %%
for name, found in {"watched": watched, "ratings": rated}.items():
    print(f"{name:22}{evaluation.interval(found, user)}")
print(f"watched less ratings  {evaluation.difference(watched, rated, user)}")
print(f"tutorial less list    {evaluation.difference(mine, hits(models['best-seller list']), user)}")

# %% [markdown]
# The two intervals overlap, and the difference is sure all the same. And the tutorial's model does lose to the list.
#
# One caution. These intervals say what other *users* would change, not what another training would. So train more
# than once.
#
# ## Past the list
#
# Lesson 4 found the fault: a film comes as a negative as often as it is watched, so popular films are pushed down for
# being popular. The cure is the *logQ correction*: while training, subtract from each film's score ln of the
# probability with which it is drawn. In TFRS:
#
# `task(users, films, candidate_sampling_probability=drawn)`
#
# where `drawn` holds, for each row of the batch, its film's share of the train rows. It wants a *probability*: TFRS
# cuts what is above 1 to 1, so that counts would all become 1, and correct nothing, without a word.
#
# **Predict.** The list has .407, PureSVD .614. And the corrected towers? Five trainings of each:


# %%
def trained(seed, drawn):
    towers, _ = two_tower.recipe(data, train, seed, batch_size=1024, sampling_probability=drawn)
    return two_tower.all_scores(towers)


# %%
for name, drawn in {"plain": None, "corrected": count / len(train)}.items():
    rates = [hits(trained(seed, drawn)).mean() for seed in range(5)]
    print(f"{name:10} hit@100 {np.mean(rates):.3f}, from {min(rates):.3f} to {max(rates):.3f}")

# %%
corrected = trained(0, count / len(train))
print("corrected less list   ", evaluation.difference(hits(corrected), hits(models["best-seller list"]), user))
print("corrected less PureSVD", evaluation.difference(hits(corrected), watched, user))

# %% [markdown]
# From .34 to .61: past the list by .2. One argument. With PureSVD it is level: that interval has zero in it, so nobody
# should call either of them the better one.
#
# ## The same without training
#
# If the plain model has learnt what a user likes *beyond* what everybody likes, then what everybody likes can be added
# afterwards. **Predict.** Its scores plus ln of each film's count: hit@100?

# %%
log_count = np.log(np.maximum(count, 1))
later = plain + log_count
print(f"{hits(later).mean():.3f}", evaluation.difference(hits(later), hits(corrected), user))

# %% [markdown]
# Level with the corrected one. So if a plain model is in service today, there is something to try before lunch. And
# it is a dial: add a half of ln count, or none.
#
# ## What it costs
#
# Hits are not all that a product wants. A list of what everybody knows helps nobody discover. Of the ten films shown
# to each user: how often is such a film watched (novelty), and how many different films are shown to anybody at all
# (coverage)?


# %%
def shown(scores):
    top = np.argsort(-np.where(seen, -np.inf, scores), axis=1)[:, :10]
    return {"median count": np.median(count[top]), "films shown": len(np.unique(top)),
            "under 20 rows": (count[top] < 20).mean(), "hit@10": hits(scores, 10).mean()}  # fmt: skip


# %%
models |= {"plain + ln count": later, "corrected": corrected, "PureSVD": baselines.pure_svd(seen)}
pd.DataFrame({name: shown(scores) for name, scores in models.items()}).T.round(3)

# %% [markdown]
# **Predict.** The plain model shows 1,078 different films. What do its hits cost, once they are tripled?
#
# Half of the catalogue's breadth: 541 films are left, and rarities, a quarter of what was shown, are gone. The list
# itself shows 48 films to 943 people. The whole dial, from 0 to 1½:

# %%
dial = np.arange(0, 1.75, 0.25)
curve = [shown(plain + strength * log_count) for strength in dial]
points = ", ".join(f"{s:g}: {at['films shown']} films and {at['hit@10']:.3f}" for s, at in zip(dial, curve))
alt = f"Hits against breadth. More strength, more hits and fewer different films. By strength, {points}. The corrected "
alt += "model and PureSVD lie on the same curve, near 1 and 1.5; the best-seller list lies far below it."

# %%
figure, axes = plt.subplots(figsize=(7, 3.4))
axes.plot(*zip(*[(at["films shown"], at["hit@10"]) for at in curve]), "o-", label="plain + strength × ln count")
for strength, at in zip(dial, curve):
    axes.annotate(f"{strength:g}", (at["films shown"], at["hit@10"]), xytext=(4, 6), textcoords="offset points")
for name, mark in {"corrected": "s", "PureSVD": "^", "best-seller list": "v"}.items():
    at = shown(models[name])
    axes.plot(at["films shown"], at["hit@10"], mark, label=name)
axes.set(xlabel="different films shown, of 1,664", ylabel="hit@10")
axes.legend()
Described(figure, alt)

# %% [markdown]
# All but the list lie on one curve: what they differ in is how much popularity they hold. No point of it is the best.
# At ½ the model has more than twice the hits of none, and keeps four fifths of the breadth. Which one the product
# wants is not a question for the metric.
#
# ## Three ways to split
#
# All this was measured on rows drawn by chance. MovieLens says when a rating was given; so cut instead where each
# user's last fifth begins, or at one moment for all.

# %%
order = np.lexsort((data.timestamp, data.user))
n = np.bincount(data.user)
place = np.arange(100_000) - np.repeat(np.cumsum(n) - n, n)
last = np.zeros(100_000, bool)
last[order] = place >= np.repeat(n - n // 5, n)

# %%
by_time = np.argsort(data.timestamp, kind="stable")
splits = {"random": (train, test), "last of each user": (np.flatnonzero(~last), np.flatnonzero(last))}
splits["one moment"] = by_time[:80_000], by_time[80_000:]

# %% [markdown]
# **Predict.** People rate a page of films at a sitting. For which share of the random test rows is there a train row
# of the same user *in the very same second*?


# %%
def leaks(fit, rows):
    when, who = data.timestamp[rows], data.user[rows]
    seconds, newest = set(zip(data.user[fit], data.timestamp[fit])), np.zeros(943, int)
    np.maximum.at(newest, data.user[fit], data.timestamp[fit])
    return {
        "same second": np.mean([pair in seconds for pair in zip(who, when)]),
        "same user, later": (newest[who] > when).mean(),
        "anybody, later": (data.timestamp[fit].max() > when).mean(),
        "user unknown": (~np.isin(who, data.user[fit])).mean(),
    }


# %%
pd.DataFrame({name: leaks(*parts) for name, parts in splits.items()}).T.round(3)

# %% [markdown]
# Seven in ten. A random split asks for the missing films of a page whose other films are known, and nearly every row
# is asked with its user's own future in hand. Each user's last films shut that off; what is left is everybody else's
# future, such as a film that is about to become a success. One moment for all leaks nothing. It asks what a service is
# asked, and 85% of its rows come from people of whom nothing is known.
#
# **Predict.** The same four models, trained and tested on each split. Does their order stay?


# %%
def on(fit, rows):
    known, who, what = two_tower.seen_titles(data, fit), data.user[rows], data.title[rows]
    share = np.bincount(data.title[fit], minlength=1664) / len(fit)
    towers = [two_tower.recipe(data, fit, 0, batch_size=1024, sampling_probability=q)[0] for q in (None, share)]
    models = dict(zip(["plain", "corrected"], map(two_tower.all_scores, towers)))
    models |= {"list": best_sellers(fit), "PureSVD": baselines.pure_svd(known)}
    old = np.isin(who, data.user[fit])  # users with train rows
    found = {name: evaluation.hits(scores, who, what, known, 100)[old] for name, scores in models.items()}
    gain = evaluation.difference(found["corrected"], found["list"], who[old])
    shares = {name: f"{hit.mean():.3f}" for name, hit in found.items()}
    return {"users": len(set(who[old])), **shares, "corrected less list": str(gain)}


# %%
pd.DataFrame({name: on(*parts) for name, parts in splits.items()}).T

# %% [markdown]
# (Rows of known users only; with the others the last line would be worse still.) With the user's own future closed
# off, the two good ones lose a third of their hits. At one moment for all, model and list are level, and the few users left can say no
# more than that: the interval goes from -.05 to .06. For the 85% that are new, towers of ids have no vector; there the
# list is all there is. Had we decided by the first line, we would have shipped a gain of .2 that nobody can find.
#
# ## When not to
#
# - No random split for a decision about a product. It serves to compare models of one kind, as in this course.
# - No correction where the list beside it is the best-seller list anyway: you would show the same films twice.
# - No bootstrap over users with a handful of them, and none as a cure for a test that was looked at ten times: choose
#   on a validation part.
# - No offline hit rate as the last word. It asks what people found without you; only an experiment asks what they do
#   with your list.
#
# ## Take away
#
# - Seen films leave before the cut, ties count against the film: all zeros then hit nothing instead of 99.5%.
# - Rows of one user go together, so resample users; compare models by the interval of their paired difference.
# - `candidate_sampling_probability`, a share of the train rows, takes the towers from .34 to .61 at 100; the list has
#   .407.
# - The hits are bought with breadth. Adding strength × ln count sets the price afterwards.
# - Random splits leak the user's own future, last-of-each-user the others'; one moment leaks nothing, and there the
#   list holds its own.
#
# Now you: [exercise 7](../exercises/07_evaluation/07_evaluation.ipynb).
