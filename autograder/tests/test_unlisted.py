"""Wrong answers that stand in no list get the right name or none: a name that does not fit is worse than silence.

Beside each answer stands what it may be called, or None. Those with None once bore the name of a mistake that agrees
with them in one value: what makes a test's inputs tell answers apart is kept from wearing off here.
"""

import numpy as np
import pytest

from autograder.item import find
from autograder.run import RIGHT, check
from autograder.student import Host

ANSWERS = []


def unlisted(number: str, name: str | None, answer) -> None:
    ANSWERS.append(pytest.param(number, name, answer, id=f"{number} {name} {len(ANSWERS)}"))


# --- lesson 1


def costs(one, two, speedup=None):
    return {"one": one, "two": two, "speedup": one / two if speedup is None else speedup}


unlisted("1.1", None, lambda n, k, quick, slow: costs(n * slow, (n - k) * quick + k * slow))
unlisted("1.1", None, lambda n, k, quick, slow: costs(n * slow, n * quick + k * (quick + slow)))
unlisted("1.1", "the two times are swapped", lambda n, k, quick, slow: costs(slow * n, sum([slow] * n) + quick * k))
unlisted("1.2", None, lambda films, wanted, k: 1.0)
unlisted("1.2", None, lambda films, wanted, k: len(set(films[k:]) & wanted) / len(wanted))
unlisted("1.2", None, lambda films, wanted, k: len(set(films[:k]) & wanted) // len(wanted))
unlisted("1.2", "any hit counts as full", lambda films, wanted, k: bool(set(films[:k]) & wanted))
unlisted("1.2", "nothing is ever found", lambda films, wanted, k: films[:k].count(wanted) / len(wanted))


def kept(retrieval, k):
    return np.argsort(-retrieval)[:k]


unlisted("1.3", None, lambda quick, slow, k, n: np.argsort(-slow)[:k])
unlisted("1.3", None, lambda quick, slow, k, n: [i for i in np.argsort(-slow).tolist() if quick[i] > 0.5][:n])
unlisted("1.3", None, lambda quick, slow, k, n: kept(quick, k)[np.argsort(-slow[kept(quick, k)])][:n] + 1)
unlisted("1.3", "the worst k retrieved", lambda q, s, k, n: sorted(np.argsort(q)[:k], key=lambda i: -s[i])[:n])


def shares(scores, relevant, ks, own_order=True):
    order = np.argsort(-scores, axis=1) if own_order else [np.argsort(-scores.mean(axis=0))] * len(scores)
    found = [[len(films & set(best[:k].tolist())) for films, best in zip(relevant, order)] for k in ks]
    return found, [len(films) for films in relevant]


@lambda answer: unlisted("1.4", None, answer)
def macro_with_zeros(scores, relevant, ks):
    found, sizes = shares(scores, relevant, ks)
    return [np.mean([hit / max(size, 1) for hit, size in zip(hits, sizes)]) for hits in found]


@lambda answer: unlisted("1.4", None, answer)
def mean_order(scores, relevant, ks):
    found, sizes = shares(scores, relevant, ks, own_order=False)
    return [sum(hits) / sum(sizes) for hits in found]


# --- lesson 2


def rows(films):
    return [(film["movie_title"], film["movie_id"]) for film in films.as_numpy_iterator()]


unlisted("2.2", None, lambda strings: np.unique([word[:1] for word in strings.as_numpy_iterator()]))
unlisted("2.2", "turned into numbers", lambda strings: sorted({int(word) for word in strings.as_numpy_iterator()}))
unlisted("2.2", "read in part", lambda strings: np.unique(list(strings.take(1000).as_numpy_iterator())))


@lambda answer: unlisted("2.3", "reshuffled on every pass", answer)
def shuffled_twice(ds, n_train, n_test, seed):
    return ds.shuffle(100_000, seed).take(n_train), ds.shuffle(100_000, seed).skip(n_train).take(n_test)


unlisted("2.4", "no duplicates found", lambda films: {})
unlisted("2.4", None, lambda films: dict(rows(films)))
unlisted("2.5", None, lambda train, test: dict.fromkeys(("shared_pairs", "unseen_users", "unseen_titles"), 0))

# --- lesson 3

unlisted("3.2", None, lambda vocab, word: 0)
unlisted("3.2", "row 0 forgotten", lambda vocab, word: {known: row for row, known in enumerate(vocab)}.get(word, 0))
unlisted("3.2", "no row at all for unknown words", lambda vocab, word: dict(zip(vocab, range(1, 10**4))).get(word))
unlisted("3.3", None, lambda u, v: np.maximum(u @ v.T, 0))
unlisted("3.3", "films by users", lambda u, v: [[float(np.dot(user, film)) for user in u] for film in v])
unlisted("3.4", None, lambda scores, ids, k: (scores.max(axis=1), np.array(ids)[scores.argmax(axis=1)]))
unlisted("3.4", "the best k, but in no order", lambda scores, ids, k: best_in_the_order_of_ids(scores, ids, k))
unlisted("3.5", None, lambda users, titles, dim: 83_488)


def best_in_the_order_of_ids(scores, ids, k):
    best = [sorted(sorted(range(len(ids)), key=lambda film: -row[film])[:k]) for row in scores.tolist()]
    return [[row[i] for i in films] for row, films in zip(scores, best)], [[ids[i] for i in films] for films in best]


# --- lesson 4


def shares_of(scores, axis):
    each = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return each / each.sum(axis=axis, keepdims=True)


@lambda answer: unlisted("4.1", "users compete for a film", answer)
def down_the_columns(u, v):
    with np.errstate(divide="ignore"):
        return -np.log(np.diag(shares_of(u @ v.T, axis=0))).sum()


unlisted("4.1", None, lambda u, v: 1 - np.diag(shares_of(u @ v.T, axis=1)).mean())
unlisted("4.1", None, lambda u, v: 0.626523)
unlisted("4.2", None, lambda scores, true, ks: dict.fromkeys(ks, 1.0))
unlisted("4.2", None, lambda scores, true, ks: {k: np.mean(scores.argmax(axis=1) == true) for k in ks})
unlisted("4.5", None, lambda losses, sizes: {"history": min(losses), "bar": losses[-1], "per_row": losses[-1]})

# --- lesson 5


def lists(index, users, seen, k):
    import tensorflow as tf

    names = index(tf.constant(users), k=index._candidates.shape[0])[1].numpy().astype(str).tolist()
    return [[title for title in row if title not in gone][:k] for row, gone in zip(names, seen)]


unlisted("5.3", None, lambda index, users, seen, k: lists(index, users, [seen[-1]] * len(users), k))
unlisted("5.3", None, lambda index, users, seen, k: lists(index, users[:1], seen[:1], k))
unlisted("5.4", "no title is ever found", lambda wanted, titles, seen=(): dict.fromkeys(wanted))
unlisted("5.4", None, lambda wanted, titles, seen=(): dict.fromkeys(wanted, 1))


def hit_rate(scores, test, seen, k):
    hits = 0
    for row, films, gone in zip(np.array(scores, float), test, seen or [[] for _ in test]):
        row[list(gone)] = -np.inf
        hits += sum((row >= row[film]).sum() <= k for film in films)
    return hits / sum(map(len, test))


unlisted("5.5", None, lambda scores, test, seen, k: hit_rate(scores, test, seen and [seen[0]] * len(test), k))
unlisted("5.5", None, lambda scores, test, seen, k: hit_rate(scores, test, seen and [range(len(s)) for s in seen], k))
unlisted("5.5", "seen films still take places", lambda scores, test, seen, k: hit_rate(scores, test, None, k))

# --- lesson 9


def four_faults(lists, k, titles, seen, **other):
    counts = {"length": sum(len(mine) != k for mine in lists), "repeated": sum(len(set(m)) < len(m) for m in lists)}
    counts["unknown"] = sum(not set(mine) <= set(titles) for mine in lists)
    return counts | {"seen": sum(bool(set(mine) & set(old)) for mine, old in zip(lists, seen))} | other


unlisted("9.1", None, lambda lists, k, titles, seen: dict.fromkeys(("length", "repeated", "unknown", "seen"), 0))
unlisted("9.1", None, lambda lists, k, titles, seen: four_faults(lists, k, titles, seen, length=len(lists) != k))
unlisted("9.1", None, lambda lists, k, titles, seen: four_faults(lists, k, titles, seen, seen=len(seen)))
unlisted("9.1", "only the short ones", lambda *given: four_faults(*given, length=len([m for m in given[0] if len(m) < given[1]])))
unlisted("9.2", None, lambda towers, weights: (np.zeros((len(towers[0][0]), 2)), np.zeros((len(towers[0][1]), 2))))
unlisted("9.2", None, lambda towers, weights: towers)
unlisted("9.2", "weights forgotten", lambda towers, weights: [np.hstack([pair[i] for pair in towers]) for i in (0, 1)])
unlisted("9.3", None, lambda train: 7)
unlisted("9.3", "fit gives no function", lambda train: [])
unlisted("9.3", "lists of another length", lambda train: lambda users, k: [[] for _ in users])


@pytest.mark.parametrize("number, name, answer", ANSWERS)
def test_an_unlisted_answer_gets_the_right_name_or_none(number, name, answer):
    item = find(number)
    result = check(item, Host({item.function: answer}).answer)
    assert result.outcome != RIGHT
    assert (result.mistake.name if result.mistake else None) == name
