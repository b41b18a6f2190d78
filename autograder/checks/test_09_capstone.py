"""Lesson 9: the faults of lists, a committee as one two-tower, and a model of one's own against its rivals."""

import contextlib
import functools
from collections.abc import Callable, Mapping

import numpy as np

from autograder import contest
from autograder.item import Item, expect, require
from autograder.wire import Handle

# --- 9.1 -----------------------------------------------------------------------------------------------------------

faults = Item(
    "9.1",
    "faults",
    because="Each question is one about sets: a list that differs from its set repeats, one that meets seen is stale.",
    hints=(
        "What tells a list with a title twice from one without? Which of the four needs to know the user?",
        "len(mine) != k; len(set(mine)) < len(mine); a set's issuperset and isdisjoint. Count lists, not titles.",
        'sum(not set(old).____(mine) for mine, old in zip(lists, seen))  # for "seen"',
    ),
)
NAMES = ["length", "repeated", "unknown", "seen"]
FIVE = [["A", "B", "C"], ["A", "A", "B"], ["A", "Z"], ["D", "D", "D", "Z", "Y"], ["E", "D", "C"]]
SEEN = [["D", "E"], ["D"], [], ["B", "D"], ["C", "E"]]


def count_of(student, name: str, lists, k, titles, seen):
    """One of the four counts of the student's answer."""
    answer = student.faults(lists, k, titles, seen)
    keys = sorted(map(str, answer)) if isinstance(answer, Mapping) else None
    require(keys == sorted(NAMES), answer, f"a dict with the keys {', '.join(NAMES)}")
    return answer[name]


def drawn(rng) -> tuple:
    """Eight lists of one to six of eight titles and two that there are not; k; the titles; what was seen."""
    titles, seen = (
        list("ABCDEFGH"),
        [rng.choice(list("ABCDEFGH"), rng.integers(1, 4), replace=False).tolist() for _ in range(8)],
    )
    lists = [rng.choice([*titles, "Y", "Z"], rng.integers(1, 7)).tolist() for _ in range(8)]
    return [*lists, list("ABC")], 3, titles, [*seen, ["C", "B"]]


def counted(lists, k, titles, seen) -> dict[str, int]:
    return {
        "length": sum(len(mine) != k for mine in lists),
        "repeated": sum(any(mine.count(title) > 1 for title in mine) for mine in lists),
        "unknown": sum(any(title not in titles for title in mine) for mine in lists),
        "seen": sum(any(title in old for title in mine) for mine, old in zip(lists, seen)),
    }


def ask(student, rng, name: str, meaning: str) -> None:
    expect(count_of(student, name, FIVE, 3, list("ABCDE"), SEEN), counted(FIVE, 3, list("ABCDE"), SEEN)[name], meaning)
    for _ in range(3):
        given = drawn(rng)
        expect(count_of(student, name, *given), counted(*given)[name], meaning)


@faults.test(1)
def test_lists_of_another_length(student, rng):
    ask(student, rng, "length", "how many lists have not exactly k titles")


@faults.test(1)
def test_lists_that_repeat_a_title(student, rng):
    ask(student, rng, "repeated", "how many lists have a title more than once")


@faults.test(1)
def test_lists_with_a_title_that_there_is_not(student, rng):
    ask(student, rng, "unknown", "how many lists have a title that is not among the titles")


@faults.test(1)
def test_lists_with_a_title_that_their_user_has_seen(student, rng):
    ask(student, rng, "seen", "how many lists have a title that their own user has seen")


def four(**wrong: Callable) -> Callable:
    """A `faults` that counts one of the four otherwise."""
    return lambda lists, k, titles, seen: (
        counted(lists, k, titles, seen) | {name: rule(lists, k, titles, seen) for name, rule in wrong.items()}
    )


faults.mistake("only the short ones", "A list with more than k titles has the wrong length as well: compare with !=.")(
    four(length=lambda lists, k, titles, seen: sum(len(mine) < k for mine in lists))
)
faults.mistake("only the long ones", "A list with fewer than k titles has the wrong length as well: compare with !=.")(
    four(length=lambda lists, k, titles, seen: sum(len(mine) > k for mine in lists))
)
faults.mistake(
    "different titles for length",
    "You compared the number of *different* titles with k. A list of k titles with one twice has the right length.",
    see="len([1, 1]), len(set([1, 1]))",
)(four(length=lambda lists, k, titles, seen: sum(len(set(mine)) != k for mine in lists)))
faults.mistake(
    "length taken for repetition",
    "A list repeats if it has fewer different titles than titles, whatever k is: compare with len(mine), not with k.",
)(four(repeated=lambda lists, k, titles, seen: sum(len(set(mine)) < k for mine in lists)))
faults.mistake(
    "titles counted, not lists",
    "A list with two unknown titles counts once: ask of each list whether it has any.",
)(four(unknown=lambda lists, k, titles, seen: sum(title not in titles for mine in lists for title in mine)))
faults.mistake(
    "known titles required to be shown",
    "You asked whether all titles are in the list. The question is whether all of the list are titles.",
)(four(unknown=lambda lists, k, titles, seen: sum(not set(mine).issuperset(titles) for mine in lists)))
faults.mistake(
    "seen by anybody",
    "What other users have seen may well be shown to this one: compare each list with its own user's.",
)(four(seen=lambda lists, k, titles, seen: sum(any(t in old for old in seen for t in mine) for mine in lists)))
faults.mistake("seen titles counted, not lists", "A list with two seen titles counts once.")(
    four(seen=lambda lists, k, titles, seen: sum(len(set(old) & set(mine)) for mine, old in zip(lists, seen)))
)
faults.mistake("all of it seen", "One seen title is enough to spoil a list; you asked for lists of nothing else.")(
    four(seen=lambda lists, k, titles, seen: sum(set(mine) <= set(old) for mine, old in zip(lists, seen)))
)


@faults.mistake("the first fault only", "A list may have several faults, and counts under each of them: no elif.")
def _(lists, k, titles, seen):
    found = dict.fromkeys(NAMES, 0)
    for mine, old in zip(lists, seen):
        for name, count in counted([mine], k, titles, [old]).items():
            if count:
                found[name] += 1
                break
    return found


@faults.mistake(
    "sound lists counted",
    "You counted the lists without the fault. What is wanted is how many have it.",
)
def _(lists, k, titles, seen):
    return {name: len(lists) - count for name, count in counted(lists, k, titles, seen).items()}


@faults.alternative("a loop")
def _(lists, k, titles, seen):
    found = {"length": 0, "repeated": 0, "unknown": 0, "seen": 0}
    for mine, old in zip(lists, seen):
        found["length"] += len(mine) != k
        found["repeated"] += len(mine) != len(set(mine))
        found["unknown"] += bool(set(mine) - set(titles))
        found["seen"] += bool(set(mine) & set(old))
    return found


@faults.alternative("numpy")
def _(lists, k, titles, seen):
    return {
        "length": np.sum([len(mine) != k for mine in lists]),
        "repeated": np.sum([np.unique(mine, return_counts=True)[1].max(initial=0) > 1 for mine in lists]),
        "unknown": np.sum([not np.isin(mine, titles).all() for mine in lists]),
        "seen": np.sum([np.isin(mine, old).any() for mine, old in zip(lists, seen)]),
    }


@faults.alternative("a Counter")
def _(lists, k, titles, seen):
    from collections import Counter

    counts = [Counter(mine) for mine in lists]
    return {
        "length": len([1 for count in counts if count.total() != k]),
        "repeated": len([1 for count in counts if max(count.values(), default=0) > 1]),
        "unknown": len([1 for count in counts if count.keys() - set(titles)]),
        "seen": len([1 for count, old in zip(counts, seen) if count.keys() & set(old)]),
    }


# --- 9.2 -----------------------------------------------------------------------------------------------------------

join = Item(
    "9.2",
    "join",
    because=(
        "A dot product is a sum over coordinates, so vectors laid end to end add their dot products up; a weight goes "
        "into one side, once."
    ),
    hints=(
        "The dot product of (1, 2, 3) with (4, 5, 6) is 1·4 + 2·5 + 3·6. What if you cut both after the second number?",
        "Lay the vectors of a user end to end, and those of a title: np.concatenate along axis 1. Weigh one side.",
        "users = np.concatenate([w * pair[0] for pair, w in zip(towers, weights)], axis=____)",
    ),
)
# One user, two titles: scores 1·3 + 2·1 = 5 and 2·2 = 4 in the first pair, 3·1 and 3·2 in the second.
TOY = [([[1.0, 2.0]], [[3.0, 1.0], [0.0, 2.0]]), ([[3.0]], [[1.0], [2.0]])]


def matrix(part) -> np.ndarray | None:
    """A table of numbers as an array; None if it is none."""
    with contextlib.suppress(ValueError):  # rows of different lengths
        made = np.asarray(part)
        return made.astype(float) if made.ndim == 2 and made.dtype.kind in "fiu" else None


def scores_of(answer, n_users: int, n_titles: int):
    """All dot products of the student's pair."""
    pair = [matrix(part) for part in answer] if isinstance(answer, list | tuple) and len(answer) == 2 else [None]
    numbers = all(part is not None for part in pair)
    fit = numbers and [len(part) for part in pair] == [n_users, n_titles] and pair[0].shape[1] == pair[1].shape[1]
    require(fit, answer, f"a pair of arrays, [{n_users}, D] and [{n_titles}, D], of one width D")
    return pair[0] @ pair[1].T


@join.test(2)
def test_two_small_pairs(student):
    towers = [tuple(np.array(part) for part in pair) for pair in TOY]
    for weights, want in (([1.0, 1.0], [[8.0, 10.0]]), ([2.0, 1.0], [[13.0, 14.0]]), ([1.0, 3.0], [[14.0, 22.0]])):
        got = scores_of(student.join(towers, weights), 1, 2)
        expect(got, want, f"{weights[0]:g} times the scores 5 and 4, plus {weights[1]:g} times 3 and 6")


@join.test(2)
def test_any_towers(student, rng):
    widths = [int(width) for width in rng.permutation([2, 3, 5])]
    towers = [(rng.normal(size=(3, width)), rng.normal(size=(6, width))) for width in widths]
    weights = rng.uniform(0.3, 3, 3).round(2).tolist()
    want = sum(weight * users @ titles.T for weight, (users, titles) in zip(weights, towers))
    expect(
        scores_of(student.join(towers, weights), 3, 6), want, f"the sum of the three pairs' scores, weighed {weights}"
    )


def joined(on_users: Callable, on_titles: Callable = lambda weight: 1.0) -> Callable:
    """A `join` that puts other weights on the sides."""

    def join(towers, weights):
        users = np.concatenate([on_users(w) * np.asarray(u, float) for (u, _), w in zip(towers, weights)], axis=1)
        return users, np.concatenate(
            [on_titles(w) * np.asarray(v, float) for (_, v), w in zip(towers, weights)], axis=1
        )

    return join


join.mistake("weights forgotten", "Every pair counts the same in your sum; multiply one side of each by its weight.")(
    joined(lambda weight: 1.0)
)
join.mistake(
    "weighed twice",
    "With the weight on users and on titles, a score is multiplied by its square: weigh one side.",
    see="(2 * 3) * (2 * 5), 2 * (3 * 5)",
)(joined(lambda weight: weight, lambda weight: weight))
join.mistake(
    "the root on one side only",
    "A square root belongs on both sides, whose product is the weight; or the weight on one.",
)(joined(lambda weight: weight**0.5))
join.mistake("divided by the weights", "A large weight should make a pair count more: multiply.")(
    joined(lambda weight: 1 / weight)
)


@join.mistake("the weights made to sum to 1", "That ranks the same, but scores were asked for as they are.")
def _(towers, weights):
    return joined(lambda weight: weight / sum(weights))(towers, weights)


@join.mistake("the first pair alone", "The other pairs have a say, too: lay all vectors of a user end to end.")
def _(towers, weights):
    return weights[0] * np.asarray(towers[0][0]), np.asarray(towers[0][1])


@join.mistake("only the last pair", "Each round of the loop replaced what was there. Collect, then lay end to end.")
def _(towers, weights):
    return weights[-1] * np.asarray(towers[-1][0]), np.asarray(towers[-1][1])


@join.mistake(
    "cut to the smallest width",
    "The vectors were added up, as far as the shorter ones go. Sums of vectors mix one pair's users with another's titles.",
)
def _(towers, weights):
    width = min(np.shape(users)[1] for users, _ in towers)
    users = sum(weight * np.asarray(pair[0])[:, :width] for pair, weight in zip(towers, weights))
    return users, sum(np.asarray(pair[1])[:, :width] for pair in towers)


@join.mistake("the titles' order turned", "The pairs of titles must follow in the order of those of users.")
def _(towers, weights):
    users, _ = joined(lambda weight: weight)(towers, weights)
    return users, np.concatenate([np.asarray(titles) for _, titles in reversed(towers)], axis=1)


join.alternative("the root on both sides")(joined(lambda weight: weight**0.5, lambda weight: weight**0.5))
join.alternative("weights on the titles")(joined(lambda weight: 1.0, lambda weight: weight))


@join.alternative("the sums themselves, and a unit matrix")
def _(towers, weights):
    scores = sum(weight * np.asarray(u) @ np.asarray(v).T for (u, v), weight in zip(towers, weights))
    return scores, np.eye(scores.shape[1])


# --- 9.3 -----------------------------------------------------------------------------------------------------------

fit = Item(
    "9.3",
    "fit",
    slow=True,
    because=(
        "logQ pays for popularity, and the penalty on the batch's vectors keeps them from learning train by heart, so "
        "that sixteen epochs are not too many."
    ),
    hints=(
        "Which model of the course passes the best-seller list? What does it lack beside iALS: a penalty, or epochs?",
        "Retrieval with candidate_sampling_probability, plus .05 times the sum of squares of the batch's vectors, some "
        "sixteen epochs in batches of 1,024. Or EASE: one inverse in numpy.",
        "loss = self.task(u, t, candidate_sampling_probability=drawn) + ____ * (tf.reduce_sum(u**2) + tf.reduce_sum(t**2))",
    ),
)


@functools.lru_cache(maxsize=6)
def arena(n_users: int, seed: int) -> contest.Split:
    from data import movielens

    return contest.draw(movielens.arrays(), np.random.default_rng(seed), n_users)


@functools.lru_cache(maxsize=6)
def rival(name: str, n_users: int, seed: int) -> dict[int, np.ndarray]:
    return contest.rivals(arena(n_users, seed), (name,))[name]


def lists_of(student, split: contest.Split, k: int) -> list[list[str]]:
    """The student's lists in the order of split.users; asked for in the opposite order, and refused for any fault."""
    recommend = student.fit(split.train)
    require(isinstance(recommend, Handle), recommend, "a function recommend(users, k)")
    lists = contest.plain(student.method(recommend, "__call__", split.users[::-1], k))
    backwards = lists[::-1] if isinstance(lists, list) else lists
    fault = contest.fault(split, backwards, k)
    if fault and not contest.fault(split, lists, k):
        fault = "the lists come in another order than the users that were asked for"
    require(not fault, fault, f"a list of {k} known and unseen titles for each user, in the order of the users")
    return backwards


def passes(student, rng, name: str, n_users: int) -> None:
    """Refuses unless the student's lists hit more often than the rival's, at 10 and at 100, interval and all."""
    seed = int(rng.integers(2**32))
    split = arena(n_users, seed)
    lists, theirs = lists_of(student, split, contest.K), rival(name, n_users, seed)
    got, passed = {"rival": name, "chance at 100": contest.K / len(split.titles)}, True
    for k in contest.KS:
        mine = contest.list_hits(split, lists, k)
        gain = contest.difference(mine, theirs[k], split.user)
        got |= {f"hit@{k}": round(float(mine.mean()), 4), f"more at {k}": gain.mean, f"interval at {k}": str(gain)}
        passed &= gain.low > 0
    require(passed, got, f"more hits than {name}: an interval above 0 at {' and '.join(map(str, contest.KS))}")


@fit.test(3)
def test_lists_without_a_fault(student, rng):
    lists_of(student, arena(100, int(rng.integers(2**32))), 7)


@fit.test(4)
def test_it_passes_the_best_seller_list(student, rng):
    passes(student, rng, "popularity", 300)


@fit.test(5)
def test_it_passes_the_two_tower_with_log_q(student, rng):
    passes(student, rng, "two-tower, logQ", 600)


def by_scores(score: Callable, spoil: Callable = lambda lists, k: lists, mask: bool = True) -> Callable:
    """A `fit` from a rule that turns seen, bool [U, T], into scores; `spoil` changes the lists before they go out."""

    def fit(train):
        users, user = np.unique(train["user_id"], return_inverse=True)
        titles, title = np.unique(train["movie_title"], return_inverse=True)
        seen = np.zeros((len(users), len(titles)), bool)
        seen[user, title] = True
        scores = np.array(score(seen), float)
        order = np.argsort(np.where(seen & mask, np.inf, -scores), axis=1, kind="stable")
        place = {name: row for row, name in enumerate(users)}
        return lambda wanted, k: spoil([titles[order[place[name], :k]].tolist() for name in wanted], k)

    return fit


def ease(seen):
    x = seen.astype(float)
    inverse = np.linalg.inv(x.T @ x + 300 * np.eye(x.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return x @ weights


def least_squares(seen):
    from autograder import baselines

    return baselines.ials(seen, 1, unseen=0.08, l2=0.03, sweeps=6)


def says(words: str) -> Callable:
    return lambda got: isinstance(got, str) and words in got


def figures(rule: Callable) -> Callable:
    """A recogniser of what `passes` refused."""
    return lambda got: isinstance(got, Mapping) and "rival" in got and bool(rule(got))


def near_chance(got) -> bool:
    return got["hit@100"] < 1.6 * got["chance at 100"]


def level(got) -> bool:
    return abs(got["more at 10"]) < 0.004 and abs(got["more at 100"]) < 0.01


fit.mistake(
    "seen titles in the lists",
    "What train says a user has watched must not be recommended: take it out before you cut to k.",
    when=says("was seen"),
)(by_scores(ease, mask=False))
fit.mistake(
    "lists of another length",
    "Some lists have not k titles. One way to it: cut to k first, then drop what was seen.",
    when=says("a list of"),
)(by_scores(ease, lambda lists, k: [mine[: k - 1] for mine in lists]))
fit.mistake(
    "a title twice", "A title takes one place. Make titles unique before you score them.", when=says("a title twice")
)(by_scores(ease, lambda lists, k: [[*mine[: k - 1], mine[0]] for mine in lists]))
fit.mistake(
    "no titles of train",
    "A list holds titles as text, just as train has them; numbers and bytes are none.",
    when=says("no title of train"),
)(by_scores(ease, lambda lists, k: [[title.encode() for title in mine] for mine in lists]))
fit.mistake(
    "lists in another order",
    "The lists belong to other users: give them in the order in which the users were asked for.",
    when=says("another order"),
)(by_scores(ease, lambda lists, k: lists[::-1]))
fit.mistake(
    "fit gives no function",
    "fit should return a function that takes users and k, such as a def inside of it.",
    when=lambda got: got is None or isinstance(got, list),
)(lambda train: None)
fit.mistake(
    "the best-seller list itself",
    "Your lists hit as often as the most watched titles do, which know no user: nothing of users was learnt.",
    when=figures(lambda got: got["rival"] == "popularity" and level(got)),
)(by_scores(lambda seen: np.broadcast_to(seen.sum(axis=0), seen.shape)))
fit.mistake(
    "no better than chance",
    "Your lists hit about as often as titles drawn by lot. Was anything trained, and are the best ones first?",
    when=figures(near_chance),
)(by_scores(lambda seen: np.random.default_rng(0).normal(size=seen.shape)))
fit.mistake(
    "behind the best-seller list",
    "The model learns something, and yet the most watched titles hit more often. Does it pay for popularity (logQ)?",
    when=figures(lambda got: got["rival"] == "popularity" and not near_chance(got) and not level(got)),
)(by_scores(lambda seen: of_lesson_4(seen)))
fit.mistake(
    "past the list, not past lesson 4",
    "It passes the best-seller list, but a two-tower with logQ, four epochs and no penalty is not surely behind it.",
    when=figures(lambda got: got["rival"] != "popularity" and not near_chance(got)),
)(by_scores(lambda seen: of_low_rank(seen, 4)))


def of_lesson_4(seen):
    from autograder import baselines

    return baselines.two_towers(seen, corrected=False, epochs=3)


def of_low_rank(seen, dim):
    from autograder import baselines

    return baselines.pure_svd(seen, dim)


fit.alternative("EASE in numpy")(by_scores(ease))
fit.alternative("alternating least squares")(by_scores(least_squares))


@fit.alternative("a class with __call__, two models averaged")
class _:
    def __init__(self, train):
        def both(seen):
            return 3 * ease(seen) + least_squares(seen)

        self.recommend = by_scores(both)(train)

    def __call__(self, users, k):
        return [tuple(mine) for mine in self.recommend(users, k)]
