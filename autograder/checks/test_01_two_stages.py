"""Lesson 1: what a request costs, how good the candidates are, retrieve then rank, and the ceiling for every k."""

import numpy as np

from autograder.item import Item, expect, require

serving_cost = Item(
    "1.1",
    "serving_cost",
    because=(
        "Retrieval touches every film, ranking only k of them: with k fixed the second stage costs the same "
        "however large the catalogue grows."
    ),
    hints=(
        "Which of the two models touches every film, and which only the k films that are left?",
        "One stage is films times ranking time. Two stages are a sum: all films through retrieval, k through ranking.",
        "two = n_items * t_retrieve + ____ * t_rank",
    ),
)


def costs(one, two):
    return {"one": one, "two": two, "speedup": one / two}


def named(got):
    is_so = isinstance(got, dict) and set(got) == {"one", "two", "speedup"}
    require(is_so, got, 'a dictionary with three keys, spelt "one", "two" and "speedup"')
    return got


@serving_cost.test(1)
def test_a_million_films(student):
    got = named(student.serving_cost(1_000_000, 100, 0.001, 1.0))
    meaning = "one: a million rankings of 1 ms; two: a million retrievals of .001 ms and 100 rankings"
    expect(got, costs(1_000_000.0, 1_100.0), meaning)


@serving_cost.test(1)
def test_catalogues_of_other_sizes(student, rng):
    got = named(student.serving_cost(20, 20, 0.001, 1.0))
    expect(
        got, costs(20.0, 20.02), "the costs when all 20 films are ranked anyway: retrieval only adds to them"
    )
    n, k, t = (int(rng.integers(*bounds)) for bounds in ((2_000, 9_000), (10, 500), (2, 9)))
    expect(
        student.serving_cost(n, k, 0.01, float(t)),
        costs(n * t, n / 100 + k * t),
        "the costs of this catalogue",
    )


@serving_cost.mistake(
    "retrieval costs nothing",
    "You count the ranking of the k candidates only. Retrieval is quick, but it still touches every film.",
    see='serving_cost(1_000_000, 100, 0.001, 1.0)["two"]',
)
def _(n_items, k, t_retrieve, t_rank):
    return costs(n_items * t_rank, k * t_rank)


@serving_cost.mistake(
    "every film ranked in both",
    "Your second stage ranks the whole catalogue. With two stages the slow model sees only the k candidates.",
    see='serving_cost(1_000_000, 100, 0.001, 1.0)["two"]',
)
def _(n_items, k, t_retrieve, t_rank):
    return costs(n_items * t_rank, n_items * t_retrieve + n_items * t_rank)


@serving_cost.mistake(
    "k films retrieved",
    "Your first stage scores only k films. It has to score every film to find out which k are the best.",
    see='serving_cost(1_000_000, 100, 0.001, 1.0)["two"]',
)
def _(n_items, k, t_retrieve, t_rank):
    return costs(n_items * t_rank, k * t_retrieve + k * t_rank)


@serving_cost.mistake(
    "the two times are swapped",
    "The quick retrieval model scores all films and the slow ranking model k of them; you have it the other way round.",
    see='serving_cost(1_000_000, 100, 0.001, 1.0)["two"]',
)
def _(n_items, k, t_retrieve, t_rank):
    return costs(n_items * t_rank, n_items * t_rank + k * t_retrieve)


@serving_cost.mistake(
    "one stage with the retrieval model",
    "One stage means that the ranking model, the slow one, scores the whole catalogue.",
    see='serving_cost(1_000_000, 100, 0.001, 1.0)["one"]',
)
def _(n_items, k, t_retrieve, t_rank):
    return costs(n_items * t_retrieve, n_items * t_retrieve + k * t_rank)


@serving_cost.mistake(
    "one stage runs both models",
    "With one stage there is no retrieval: the ranking model alone scores the whole catalogue.",
    see='serving_cost(1_000_000, 100, 0.001, 1.0)["one"]',
)
def _(n_items, k, t_retrieve, t_rank):
    return costs(n_items * (t_retrieve + t_rank), n_items * t_retrieve + k * t_rank)


@serving_cost.mistake(
    "the stages multiplied",
    "The stages run one after the other, so their times add up; a product of two times is no time.",
    see='serving_cost(1_000_000, 100, 0.001, 1.0)["two"]',
)
def _(n_items, k, t_retrieve, t_rank):
    return costs(n_items * t_rank, n_items * t_retrieve * k * t_rank)


@serving_cost.mistake(
    "the speedup is upside down",
    "How many times faster is old time by new time: one / two. Below 1 it would mean that two stages are slower.",
    see='serving_cost(1_000_000, 100, 0.001, 1.0)["speedup"]',
)
def _(n_items, k, t_retrieve, t_rank):
    one, two = n_items * t_rank, n_items * t_retrieve + k * t_rank
    return {"one": one, "two": two, "speedup": two / one}


@serving_cost.mistake(
    "a difference for a speedup",
    "You return the milliseconds saved. How many times faster is a ratio: one / two.",
    see='serving_cost(1_000_000, 100, 0.001, 1.0)["speedup"]',
)
def _(n_items, k, t_retrieve, t_rank):
    one, two = n_items * t_rank, n_items * t_retrieve + k * t_rank
    return {"one": one, "two": two, "speedup": one - two}


@serving_cost.mistake(
    "the speedup cut to a whole number",
    "A speedup just below 1 then becomes 0 or 1, though it says that two stages are slower. Divide with /, unrounded.",
    see='serving_cost(20, 20, 0.001, 1.0)["speedup"]',
)
def _(n_items, k, t_retrieve, t_rank):
    one, two = n_items * t_rank, n_items * t_retrieve + k * t_rank
    return {"one": one, "two": two, "speedup": one // two}


@serving_cost.mistake(
    "the speedup rounded",
    "A speedup just below 1 then becomes 1, though it says that two stages are slower. Leave the ratio as it is.",
    see='serving_cost(20, 20, 0.001, 1.0)["speedup"]',
)
def _(n_items, k, t_retrieve, t_rank):
    one, two = n_items * t_rank, n_items * t_retrieve + k * t_rank
    return {"one": one, "two": two, "speedup": round(one / two)}


@serving_cost.mistake(
    "a share saved for a speedup",
    "You return which share of the time is saved. How many times faster is old time by new time: one / two.",
    see='serving_cost(1_000_000, 100, 0.001, 1.0)["speedup"]',
)
def _(n_items, k, t_retrieve, t_rank):
    one, two = n_items * t_rank, n_items * t_retrieve + k * t_rank
    return {"one": one, "two": two, "speedup": 1 - two / one}


@serving_cost.mistake(
    "the stages at the same time",
    "You took the longer of the two stages. Ranking waits for the candidates, so the times of the stages add up.",
    see='serving_cost(1_000_000, 100, 0.001, 1.0)["two"]',
)
def _(n_items, k, t_retrieve, t_rank):
    return costs(n_items * t_rank, max(n_items * t_retrieve, k * t_rank))


@serving_cost.mistake(
    "seconds instead of milliseconds",
    "The times come in milliseconds and the costs are asked for in milliseconds: nothing to convert.",
    see='serving_cost(20, 20, 0.001, 1.0)["one"]  # 20 films of 1 ms each',
)
def _(n_items, k, t_retrieve, t_rank):
    one, two = n_items * t_rank / 1000, (n_items * t_retrieve + k * t_rank) / 1000
    return {"one": one, "two": two, "speedup": one / two}


@serving_cost.mistake(
    "numbers without names",
    'The three numbers were asked for by name, in a dictionary: {"one": ..., "two": ..., "speedup": ...}.',
    see="type(serving_cost(1_000_000, 100, 0.001, 1.0))",
)
def _(n_items, k, t_retrieve, t_rank):
    return tuple(costs(n_items * t_rank, n_items * t_retrieve + k * t_rank).values())


@serving_cost.alternative("a loop over the films")
def _(n_items, k, t_retrieve, t_rank):
    times = np.full(n_items, t_retrieve)
    times[:k] += t_rank
    return {
        "one": np.full(n_items, t_rank).sum(),
        "two": times.sum(),
        "speedup": n_items * t_rank / times.sum(),
    }


@serving_cost.alternative("pandas, a row a stage")
def _(n_items, k, t_retrieve, t_rank):
    import pandas as pd

    stages = pd.DataFrame({"films": [n_items, n_items, k], "time": [t_rank, t_retrieve, t_rank]})
    one, *two = stages.prod(axis=1)
    return {"one": one, "two": sum(two), "speedup": one / sum(two)}


@serving_cost.alternative("per film, whole numbers where they are")
def _(n_items, k, t_retrieve, t_rank):
    share = t_retrieve / t_rank + k / n_items
    return {"one": int(n_items * t_rank), "two": share * n_items * t_rank, "speedup": 1 / share}


candidate_recall = Item(
    "1.2",
    "candidate_recall",
    because=(
        "Recall divides by what was to be found, so a list that is too short shows it; order and repeats do not "
        "matter, which is what a set says."
    ),
    hints=(
        "Of the films that the user wants, how many are still there after the cut to k?",
        "A set of the first k candidates, the & of two sets, and a division: by how many films in all?",
        "len(set(candidates[:k]) & relevant) / len(____)",
    ),
)


@candidate_recall.test(1)
def test_one_of_two_relevant_films_is_kept(student):
    got = student.candidate_recall(["A", "C", "B", "D"], {"B", "E"}, 3)
    expect(got, 0.5, "one of the two relevant films: B is among A, C, B, and E is not")
    got = student.candidate_recall(["A", "C", "B", "D"], {"B", "E"}, 2)
    expect(got, 0.0, "none of the two relevant films: neither B nor E is among A, C")


@candidate_recall.test(1)
def test_short_and_long_cuts(student, rng):
    films = rng.permutation(list("ABCDEFGHIJKL")).tolist()
    relevant = {films[0], films[2], films[6], films[7], films[10]}
    for k, kept in ((7, 3), (3, 2), (12, 5), (20, 5)):
        expect(
            student.candidate_recall(films, relevant, k),
            kept / 5,
            f"{kept} of 5 relevant films, in the first {k}",
        )
    for _ in range(8):  # one share alone could be guessed
        relevant, k = set(rng.choice(films, 6, replace=False).tolist()), int(rng.integers(3, 9))
        kept = sum(films.index(film) < k for film in relevant)
        got = student.candidate_recall(films, relevant | {"Y", "Z"}, k)
        expect(got, kept / 8, f"{kept} of 8 relevant films, in the first {k}")


@candidate_recall.mistake(
    "divided by k",
    "The share of the *candidates* that are relevant is precision. Recall asks for the share of the *relevant films* "
    "that were kept.",
    see='candidate_recall(["A", "C", "B", "D"], {"B"}, 4)  # the only relevant film was kept: 1.0',
)
def _(candidates, relevant, k):
    return len(set(candidates[:k]) & relevant) / k


@candidate_recall.mistake(
    "divided by the candidates kept",
    "The share of the *candidates* that are relevant is precision. Recall asks for the share of the *relevant films* "
    "that were kept.",
    see='candidate_recall(["A", "C", "B", "D"], {"B"}, 4)  # the only relevant film was kept: 1.0',
)
def _(candidates, relevant, k):
    return np.mean([film in relevant for film in candidates[:k]])


@candidate_recall.mistake(
    "divided by the number of candidates",
    "The length of the candidate list is no part of recall: divide by the number of relevant films.",
    see='candidate_recall(["A", "C", "B", "D"], {"B"}, 4)  # the only relevant film was kept: 1.0',
)
def _(candidates, relevant, k):
    return len(set(candidates[:k]) & relevant) / len(candidates)


@candidate_recall.mistake(
    "divided by k when k is small",
    "You divide by k or by the number of relevant films, whichever is smaller. That is another measure, capped recall; "
    "here a list that is too short for all relevant films has to show it.",
    see='candidate_recall(["A"], {"A", "B"}, 1)  # half of the relevant films: .5',
)
def _(candidates, relevant, k):
    return len(set(candidates[:k]) & relevant) / min(k, len(relevant))


@candidate_recall.mistake(
    "k is not used",
    "You look at all the candidates. Only the first k go on to the ranking stage.",
    see='candidate_recall(["A", "C", "B", "D"], {"B", "E"}, 1)',
)
def _(candidates, relevant, k):
    return len(set(candidates) & relevant) / len(relevant)


@candidate_recall.mistake(
    "counted, not divided",
    "You return how many relevant films were kept; recall is that number as a share of all relevant films.",
    see='candidate_recall(["A", "C", "B", "D"], {"A", "B"}, 4)  # at most 1.0',
)
def _(candidates, relevant, k):
    return len(set(candidates[:k]) & relevant)


@candidate_recall.mistake(
    "any hit counts as full",
    "You say whether any relevant film was kept. Recall says what share of them was.",
    see='candidate_recall(["A", "C", "B", "D"], {"B", "E"}, 4)',
)
def _(candidates, relevant, k):
    return float(any(film in relevant for film in candidates[:k]))


@candidate_recall.mistake("any hit counts as full")
def _(candidates, relevant, k):
    return any(film in relevant for film in candidates[:k])


@candidate_recall.mistake(
    "a percentage",
    "Recall is a share here, a number from 0 to 1: not 50 but .5.",
    see='candidate_recall(["A"], {"A"}, 1)  # 1.0',
)
def _(candidates, relevant, k):
    return 100 * len(set(candidates[:k]) & relevant) / len(relevant)


@candidate_recall.mistake(
    "the lost share",
    "You return the share of relevant films that retrieval dropped; recall is the share that it kept.",
    see='candidate_recall(["A"], {"A"}, 1)  # nothing is lost: 1.0',
)
def _(candidates, relevant, k):
    return len(relevant - set(candidates[:k])) / len(relevant)


@candidate_recall.mistake(
    "the last k instead of the first",
    "The list is best first: the k candidates that go on are candidates[:k].",
    see='candidate_recall(["A", "C", "B", "D"], {"A"}, 1)',
)
def _(candidates, relevant, k):
    return len(set(candidates[-k:]) & relevant) / len(relevant)


@candidate_recall.mistake(
    "one candidate too few",
    "A slice stops before its second number, so candidates[:k] already holds k films; you stop one earlier.",
    see='candidate_recall(["A", "C"], {"A"}, 1)',
)
def _(candidates, relevant, k):
    return len(set(candidates[: k - 1]) & relevant) / len(relevant)


@candidate_recall.mistake(
    "one candidate too many",
    "A slice stops before its second number, so candidates[:k] already holds k films; you take one more.",
    see='candidate_recall(["A", "C"], {"C"}, 1)',
)
def _(candidates, relevant, k):
    return len(set(candidates[: k + 1]) & relevant) / len(relevant)


@candidate_recall.mistake(
    "divided by the union",
    "Shared films by all films of both sets is the Jaccard index. Recall divides by the relevant films alone.",
    see='candidate_recall(["A", "C", "B", "D"], {"B"}, 4)  # the only relevant film was kept: 1.0',
)
def _(candidates, relevant, k):
    kept = set(candidates[:k])
    return len(kept & relevant) / len(kept | relevant)


@candidate_recall.mistake(
    "a film that is not there",
    "list.index raises for a film that is not in the list, and a relevant film need not be a candidate: ask first.",
    see='["A", "C"].index("B")',
)
def _(candidates, relevant, k):
    return sum(candidates.index(film) < k for film in relevant) / len(relevant)


@candidate_recall.mistake(
    "nothing is ever found",
    "Your recall is 0, whatever was kept. NumPy, for one, takes a set for one single object, so np.isin finds nothing "
    "in it. Use `in`, the & of two sets, or a list.",
    see='np.isin(["A"], {"A"}), np.isin(["A"], ["A"])',
)
def _(candidates, relevant, k):
    return np.isin(candidates[:k], relevant).sum() / len(relevant)


@candidate_recall.alternative("a loop over the relevant films")
def _(candidates, relevant, k):
    kept = 0
    for film in relevant:
        if film in candidates and candidates.index(film) < k:
            kept += 1
    return kept / len(relevant)


@candidate_recall.alternative("pandas")
def _(candidates, relevant, k):
    import pandas as pd

    return pd.Series(sorted(relevant)).isin(candidates[:k]).mean()


@candidate_recall.alternative("numpy mean")
def _(candidates, relevant, k):
    return np.isin(list(relevant), candidates[:k]).mean()


two_stage = Item(
    "1.3",
    "two_stage",
    because=(
        "The second argsort speaks of places among the candidates, so it must index the candidates; what "
        "retrieval dropped never competes."
    ),
    hints=(
        "Which films does the ranking model get to see?",
        "np.argsort(-retrieval), keep k; then np.argsort of *their* ranking scores, used to index those k.",
        "candidates = np.argsort(-retrieval)[:k]; return candidates[np.argsort(____)][:n]",
    ),
)
RETRIEVAL, RANKING = np.array([0.9, 0.8, 0.1, 0.7]), np.array([1.0, 5.0, 9.0, 3.0])


@two_stage.test(1)
def test_the_ranker_orders_what_retrieval_kept(student, rng):
    # Of all orders of five films, one in which the likely slips end in different lists.
    retrieval, ranking = np.array([0.9, 0.4, 0.1, 0.8, 0.7]), np.array([7.0, 9.0, 5.0, 1.0, 3.0])
    got = student.two_stage(retrieval, ranking, 3, 2)
    meaning = "the best two of films 0, 3 and 4, which retrieval keeps; their ranking scores are 7, 1, 3"
    expect(got, [0, 4], meaning)
    retrieval, ranking, k = rng.permutation(20) / 10, rng.permutation(20) / 2, int(rng.integers(9, 14))
    kept = np.argsort(-retrieval)[:k]
    for n in k, k - 5:
        got = student.two_stage(retrieval, ranking, k, n)
        expect(got, kept[np.argsort(-ranking[kept])][:n], f"the best {n} of the {k} films that retrieval keeps")


@two_stage.test(1)
def test_few_candidates_and_all_of_them(student, rng):
    got = student.two_stage(RETRIEVAL, RANKING, 2, 2)
    expect(got, [1, 0], "retrieval keeps films 0 and 1, and 1 has the higher ranking score")
    got = student.two_stage(RETRIEVAL, RANKING, 4, 4)
    expect(got, [2, 1, 3, 0], "with every film a candidate ranking alone decides: all four, in its order")
    got = student.two_stage(RETRIEVAL, np.array([-4.0, -2.0, 9.0, -3.0]), 3, 2)
    expect(got, [1, 3], "retrieval keeps films 0, 1 and 3; their ranking scores are -4, -2, -3")
    retrieval, ranking = rng.permutation(9) / 10, -1 - rng.permutation(9) / 2
    for k, n in (9, 9), (7, 7), (int(rng.integers(6, 9)), 3):
        kept = np.argsort(-retrieval)[:k]
        got = student.two_stage(retrieval, ranking, k, n)
        expect(got, kept[np.argsort(-ranking[kept])][:n], f"the best {n} of {k} candidates, all with ranking scores below 0")


@two_stage.test(1)
def test_a_catalogue_of_thirty(student, rng):
    retrieval, ranking = rng.permutation(30) / 10, rng.permutation(30) / 10
    kept = [film for film in range(30) if (retrieval > retrieval[film]).sum() < 12]
    want = sorted(kept, key=lambda film: -ranking[film])[:8]
    got = student.two_stage(retrieval, ranking, 12, 8)
    expect(
        got,
        want,
        "of the 12 films that retrieval scores highest the 8 that ranking scores highest, best first",
    )


@two_stage.mistake(
    "ranked the whole catalogue",
    "You gave the ranking model every film. One that retrieval dropped never reaches the ranker, however high its "
    "ranking score.",
    see="two_stage(np.array([.9, .8, .1, .7]), np.array([1, 5, 9, 3]), 1, 1)  # only film 0 is left to show",
)
def _(retrieval, ranking, k, n):
    return np.argsort(-ranking)[:n]


@two_stage.mistake(
    "positions among the candidates",
    "Your numbers say where a film stands in the candidate list. Turn them back into positions in the catalogue by "
    "indexing the candidates with them.",
    see="two_stage(np.array([.1, .2, .9]), np.array([1, 2, 3]), 1, 1)  # film 2, not 0",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(-retrieval)[:k]
    return np.argsort(-ranking[candidates])[:n]


@two_stage.mistake(
    "retrieval's order kept",
    "You show the candidates as retrieval ordered them. It only chooses the candidates; their order is the ranking's.",
    see="two_stage(np.array([.9, .8]), np.array([1, 5]), 2, 2)",
)
def _(retrieval, ranking, k, n):
    return np.argsort(-retrieval)[:k][:n]


@two_stage.mistake(
    "candidates in catalogue order",
    "The right films compete, but you show them in the order of the catalogue; their order is the ranking's.",
    see="two_stage(np.array([.9, .8]), np.array([1, 5]), 2, 2)",
)
def _(retrieval, ranking, k, n):
    return np.sort(np.argsort(-retrieval)[:k])[:n]


@two_stage.mistake(
    "worst candidates first",
    "The right films compete, but you show those with the lowest ranking scores. argsort, sort and sorted go upwards: "
    "sort the negative scores.",
    see="np.argsort([1, 5, 3]), np.argsort(-np.array([1, 5, 3]))",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(-retrieval)[:k]
    return candidates[np.argsort(ranking[candidates])][:n]


@two_stage.mistake(
    "the best n, worst first",
    "You show the right films, but the best of them last. argsort, sort and sorted go upwards: sort the negative "
    "scores, or turn the list round.",
    see="two_stage(np.array([.9, .8]), np.array([1, 5]), 2, 2)  # film 1, then 0",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(retrieval)[-k:]
    return candidates[np.argsort(ranking[candidates])][-n:]


@two_stage.mistake(
    "cut before turned round",
    "The list goes from worst to best, so its first n are the worst; turning them round afterwards is too late. Turn "
    "it, [::-1], then cut, [:n].",
    see="np.argsort([1, 5, 3])[:2][::-1], np.argsort([1, 5, 3])[::-1][:2]",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(-retrieval)[:k]
    return candidates[np.argsort(ranking[candidates])[:n][::-1]]


@two_stage.mistake(
    "retrieval's best film left out",
    "The film that retrieval scores highest never competes. A slice stops before its second number: of a list that "
    "goes upwards the last k are [-k:], and [-k:-1] lacks the best.",
    see="np.argsort([.9, .8, .1])[-2:], np.argsort([.9, .8, .1])[-2:-1]",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(retrieval)[-k:-1]
    return candidates[np.argsort(-ranking[candidates])][:n]


@two_stage.mistake(
    "dropped films ranked at 0",
    "A ranking score may be negative, so a film that retrieval dropped, and to which you give 0, can still win. Leave "
    "it out, or give it -np.inf.",
    see="two_stage(np.array([.9, .1]), np.array([-1, 5]), 1, 1)  # film 0 is the only candidate",
)
def _(retrieval, ranking, k, n):
    scores = np.zeros(len(ranking))
    kept = np.argsort(-retrieval)[:k]
    scores[kept] = ranking[kept]
    return np.argsort(-scores)[:n]


@two_stage.mistake(
    "counted from 1",
    "Each of your numbers is one too high: positions in the catalogue count from 0, as indices do.",
    see="two_stage(np.array([.9, .8]), np.array([1, 5]), 1, 1)  # film 0",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(-retrieval)[:k]
    return candidates[np.argsort(-ranking[candidates])][:n] + 1


@two_stage.mistake(
    "the worst k retrieved",
    "argsort sorts upwards, so its first k are the films that retrieval likes least. Sort the negative scores.",
    see="np.argsort(np.array([.9, .8, .1, .7]))[:3]",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(retrieval)[:k]
    return candidates[np.argsort(-ranking[candidates])][:n]


@two_stage.mistake(
    "worst first in both stages",
    "argsort sorts upwards, so you keep the films with the lowest scores, twice. Sort the negative scores.",
    see="np.argsort([1, 5, 3]), np.argsort(-np.array([1, 5, 3]))",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(retrieval)[:k]
    return candidates[np.argsort(ranking[candidates])][:n]


@two_stage.mistake(
    "the stages swapped",
    "You let the ranking model choose the k and retrieval order them. The quick model comes first, then the slow one.",
    see="two_stage(np.array([.9, .8]), np.array([1, 5]), 1, 1)  # retrieval's best",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(-ranking)[:k]
    return candidates[np.argsort(-retrieval[candidates])][:n]


@two_stage.mistake(
    "catalogue positions in the list of candidates",
    "You index the k candidates with positions in the whole catalogue, such as np.argsort(-ranking) gives: these "
    "mean other films, or point past the end. Sort only the candidates' own ranking scores.",
    see="np.argsort(np.array([1, 5, 9, 3]))  # numbers up to 3, for a list of 3 candidates",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(-retrieval)[:k]
    return candidates[np.argsort(-ranking)][:n]


@two_stage.mistake("catalogue positions in the list of candidates")
def _(retrieval, ranking, k, n):
    candidates = np.argsort(-retrieval)[:k]
    return candidates[np.argsort(-ranking)[:n]]


@two_stage.mistake(
    "ranking scores of other films",
    "ranking[:k] are the scores of the catalogue's first k films. The candidates are other films: index with them.",
    see="two_stage(np.array([.1, .2, .9, .8]), np.array([1, 2, 3, 4]), 2, 2)  # film 3, then 2",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(-retrieval)[:k]
    return candidates[np.argsort(-ranking[:k])][:n]


@two_stage.mistake(
    "the scores added up",
    "The two models are independent and their scores share no scale: retrieval only says which films go on, and "
    "ranking alone orders those.",
    see="two_stage(np.array([.9, .8]), np.array([1, 5]), 1, 1)",
)
def _(retrieval, ranking, k, n):
    return np.argsort(-(retrieval + ranking))[:n]


@two_stage.mistake(
    "the scores multiplied",
    "The two models are independent and their scores share no scale: retrieval only says which films go on, and "
    "ranking alone orders those.",
    see="two_stage(np.array([.9, .8]), np.array([1, 5]), 1, 1)",
)
def _(retrieval, ranking, k, n):
    return np.argsort(-(retrieval * ranking))[:n]


@two_stage.mistake(
    "candidates ordered by the sum of scores",
    "The right films compete, but the ranking score alone orders them: the two models' scores share no scale.",
    see="two_stage(np.array([9., 8.]), np.array([.1, .5]), 2, 2)",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(-retrieval)[:k]
    return candidates[np.argsort(-(retrieval + ranking)[candidates])][:n]


@two_stage.mistake(
    "scores instead of films",
    "The films are right, but you return their ranking scores; asked for are the films' positions in the catalogue.",
    see="two_stage(np.array([.9, .8]), np.array([1, 5]), 2, 1)  # film 1",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(-retrieval)[:k]
    return np.sort(ranking[candidates])[::-1][:n]


@two_stage.mistake("scores instead of films")
def _(retrieval, ranking, k, n):
    candidates = np.argsort(-retrieval)[:k]
    return np.sort(-ranking[candidates])[:n]


@two_stage.mistake(
    "cut before the filter",
    "You took the n best of the whole catalogue and then dropped what is no candidate, so fewer than n are left. "
    "Keep the candidates first, then cut to n.",
    see="len(two_stage(np.array([.9, .8, .1, .7]), np.array([1, 5, 9, 3]), 3, 2))  # 2 were asked for",
)
def _(retrieval, ranking, k, n):
    kept = set(np.argsort(-retrieval)[:k].tolist())
    return [film for film in np.argsort(-ranking)[:n].tolist() if film in kept]


@two_stage.mistake("cut before the filter")
def _(retrieval, ranking, k, n):
    return np.intersect1d(np.argsort(-retrieval)[:k], np.argsort(-ranking)[:n])


@two_stage.mistake(
    "cut to n before ranking",
    "You cut retrieval's list to the n films to show before ranking saw it. Rank all k candidates, then cut to n.",
    see="two_stage(np.array([.9, .8]), np.array([1, 5]), 2, 1)",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(-retrieval)[:n]
    return candidates[np.argsort(-ranking[candidates])]


@two_stage.mistake(
    "all k candidates shown",
    "The order is right, but all k candidates are there: show the first n of them.",
    see="len(two_stage(np.array([.9, .8]), np.array([1, 5]), 2, 1))",
)
def _(retrieval, ranking, k, n):
    candidates = np.argsort(-retrieval)[:k]
    return candidates[np.argsort(-ranking[candidates])]


@two_stage.alternative("dropped films get minus infinity")
def _(retrieval, ranking, k, n):
    masked = np.full(len(ranking), -np.inf)
    kept = np.argpartition(-retrieval, k - 1)[:k]
    masked[kept] = ranking[kept]
    return np.argsort(-masked)[:n]


@two_stage.alternative("plain Python")
def _(retrieval, ranking, k, n):
    candidates = sorted(range(len(retrieval)), key=lambda film: retrieval[film], reverse=True)[:k]
    return sorted(candidates, key=lambda film: ranking[film], reverse=True)[:n]


@two_stage.alternative("pandas")
def _(retrieval, ranking, k, n):
    import pandas as pd

    films = pd.DataFrame({"retrieval": retrieval, "ranking": ranking})
    return films.nlargest(k, "retrieval").nlargest(n, "ranking").index


recall_curve = Item(
    "1.4",
    "recall_curve",
    because=(
        "One division at the end gives every relevant film one vote; averaging per user would give heavy users' "
        "films less."
    ),
    hints=(
        "Who has a vote here: every user, or every relevant film?",
        "Sort each user's films (argsort of -retrieval, axis=1), count the relevant ones among k, divide at the end.",
        "hits = [len(films & set(best[:k])) for films, best in zip(relevant, order)]; the recall is sum(hits) / ____",
    ),
)
TWO_USERS = np.array([[0.2, 0.9, 0.5, 0.1], [0.3, 0.2, 0.1, 0.9]])


@recall_curve.test(1)
def test_every_film_has_one_vote(student):
    got = student.recall_curve(TWO_USERS, [{2}, {0, 1, 2}], [1, 2, 3, 4])
    meaning = "user 0 wants one film, which comes 2nd; user 1 wants three, which come 2nd, 3rd, 4th: 0, 2, 3, 4 of 4"
    expect(got, [0.0, 0.5, 0.75, 1.0], meaning)
    got = student.recall_curve(TWO_USERS, [{2}, {0, 1, 2}], [3, 1])
    expect(got, [0.75, 0.0], "one number for each of ks, in the order of ks: 3 of 4 films among 3, none among 1")


@recall_curve.test(1)
def test_a_user_who_wants_nothing_has_no_vote(student):
    scores = np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0.2, 0.3, 0.1]])
    got = student.recall_curve(scores, [{0, 2}, set(), {2}], [1, 2, 3])
    expect(
        got,
        [1 / 3, 1 / 3, 1.0],
        "user 0's films come 1st and 3rd, user 2's 3rd: 1, 1, 3 of 3; user 1 wants none",
    )


@recall_curve.test(1)
def test_five_users_and_twelve_films(student, rng):
    scores = rng.permuted(np.tile(np.arange(12) / 12, (5, 1)), axis=1)
    relevant = [set(rng.choice(12, size, replace=False).tolist()) for size in (1, 7, 0, 3, 2)]
    above = [
        int((scores[user] > scores[user, film]).sum())
        for user, films in enumerate(relevant)
        for film in films
    ]
    want = [sum(rank < k for rank in above) / 13 for k in (6, 1, 12, 3)]
    got = student.recall_curve(scores, relevant, [6, 1, 12, 3])
    expect(
        got, want, "the share of all 13 relevant films that are among the first 6, 1, 12 and 3 of their user"
    )


def hits(retrieval, relevant, k):
    """For each user how many relevant films are among the first k."""
    order = np.argsort(-np.asarray(retrieval), axis=1)[:, : max(k, 0)].tolist()
    return np.array([len(films & set(best)) for films, best in zip(relevant, order)])


def sizes(relevant):
    return np.array([len(films) for films in relevant])


@recall_curve.mistake(
    "averaged over users",
    "You took each user's recall and averaged those (macro): a user with one film then weighs as much as one with a "
    "hundred. Sum the hits of all users, and divide once, by all relevant films.",
    see="recall_curve(np.array([[.9, .1], [.9, .1]]), [{0}, {0, 1}], [1])  # 2 of 3 films",
)
def _(retrieval, relevant, ks):
    users = [u for u, films in enumerate(relevant) if films]
    some, films = np.asarray(retrieval)[users], [relevant[u] for u in users]
    return [(hits(some, films, k) / sizes(films)).mean() for k in ks]


@recall_curve.mistake(
    "averaged over users, empty ones too",
    "You took each user's recall and averaged those (macro): a user with one film then weighs as much as one with a "
    "hundred, and a user with none has no recall. Sum the hits of all users, and divide once, by all relevant films.",
    see="recall_curve(np.array([[.9, .1], [.9, .1]]), [{0}, {0, 1}], [1])  # 2 of 3 films",
)
def _(retrieval, relevant, ks):
    each = [
        [h / n for h, n in zip(hits(retrieval, relevant, k).tolist(), sizes(relevant).tolist())] for k in ks
    ]
    return [sum(recalls) / len(recalls) for recalls in each]


@recall_curve.mistake("averaged over users, empty ones too")
def _(retrieval, relevant, ks):
    return [(hits(retrieval, relevant, k) / np.maximum(sizes(relevant), 1)).mean() for k in ks]


@recall_curve.mistake(
    "divided by users times k",
    "The share of the shown films that are relevant is precision. Recall divides by the number of relevant films.",
    see="recall_curve(np.array([[.9, .1]]), [{0}], [2])  # the only relevant film is there: 1.0",
)
def _(retrieval, relevant, ks):
    return [hits(retrieval, relevant, k).sum() / (len(relevant) * k) for k in ks]


@recall_curve.mistake(
    "divided by the number of users",
    "That is hits per user, which may pass 1. Divide by the number of relevant films of all users.",
    see="recall_curve(np.array([[.9, .1]]), [{0, 1}], [2])  # at most 1.0",
)
def _(retrieval, relevant, ks):
    return [hits(retrieval, relevant, k).mean() for k in ks]


@recall_curve.mistake(
    "users with any hit",
    "You count the users who have at least one relevant film among their k best. Count the films.",
    see="recall_curve(np.array([[.9, .1]]), [{0, 1}], [1])  # one of two films: .5",
)
def _(retrieval, relevant, ks):
    return [(hits(retrieval, relevant, k) > 0).mean() for k in ks]


@recall_curve.mistake(
    "the users thrown together",
    "You put all users' wishes into one set and all their lists into another. A film counts once for each user who "
    "wants it, and only in that user's own list.",
    see="recall_curve(np.array([[.9, .1], [.1, .9]]), [{0}, {0}], [1])  # found for one of two users: .5",
)
def _(retrieval, relevant, ks):
    order, wanted = np.argsort(-np.asarray(retrieval), axis=1), set().union(*relevant)
    return [len(wanted & set(order[:, :k].ravel().tolist())) / len(wanted) for k in ks]


@recall_curve.mistake(
    "counted, not divided",
    "You return how many relevant films were found; divide by how many there are.",
    see="recall_curve(np.array([[.9, .1]]), [{0, 1}], [2])  # at most 1.0",
)
def _(retrieval, relevant, ks):
    return [hits(retrieval, relevant, k).sum() for k in ks]


@recall_curve.mistake(
    "divided by k when k is small",
    "A user with more than k relevant films cannot have all of them found, and the curve has to show that: divide by "
    "all relevant films, not by at most k a user.",
    see="recall_curve(np.array([[.9, .1]]), [{0, 1}], [1])  # one of two films: .5",
)
def _(retrieval, relevant, ks):
    return [hits(retrieval, relevant, k).sum() / np.minimum(sizes(relevant), k).sum() for k in ks]


@recall_curve.mistake(
    "k is not used",
    "You look at every user's whole list, in which of course every film is found. Only the first k count.",
    see="recall_curve(np.array([[.9, .1]]), [{1}], [1])  # it comes 2nd: 0",
)
def _(retrieval, relevant, ks):
    return [1.0 for _ in ks]


@recall_curve.mistake(
    "worst films first",
    "argsort sorts upwards, so you count among the k films with the lowest scores. Sort the negative scores.",
    see="np.argsort([.1, .9]), np.argsort(-np.array([.1, .9]))",
)
def _(retrieval, relevant, ks):
    return [hits(-np.asarray(retrieval), relevant, k).sum() / sizes(relevant).sum() for k in ks]


@recall_curve.mistake(
    "sorted over users",
    "You sorted each film's scores over the users (axis=0). Each user's films compete with one another: axis=1.",
    see="np.argsort(-np.array([[.9, .5, .2], [.1, .2, .3]]), axis=0)",
)
def _(retrieval, relevant, ks):
    order = np.argsort(-np.asarray(retrieval), axis=0)
    return [
        sum(len(films & set(best[:k].tolist())) for films, best in zip(relevant, order))
        / sizes(relevant).sum()
        for k in ks
    ]


@recall_curve.mistake(
    "the k-th place only",
    "You count the films that stand exactly at place k. All of the first k count, so the curve never falls as k grows.",
    see="recall_curve(np.array([[.9, .1]]), [{0}], [1, 2])",
)
def _(retrieval, relevant, ks):
    total = sizes(relevant).sum()
    return [(hits(retrieval, relevant, k) - hits(retrieval, relevant, k - 1)).sum() / total for k in ks]


@recall_curve.mistake(
    "one film too many",
    "Your cut keeps k + 1 films a user. If you count places from 0, the k best are those below k.",
    see="recall_curve(np.array([[.9, .1]]), [{1}], [1])  # it comes 2nd: 0",
)
def _(retrieval, relevant, ks):
    return [hits(retrieval, relevant, k + 1).sum() / sizes(relevant).sum() for k in ks]


@recall_curve.mistake(
    "one film too few",
    "Your cut keeps k - 1 films a user. If you count places from 1, the k best are those up to and including k.",
    see="recall_curve(np.array([[.9, .1]]), [{0}], [1])  # it comes 1st: 1",
)
def _(retrieval, relevant, ks):
    return [hits(retrieval, relevant, k - 1).sum() / sizes(relevant).sum() for k in ks]


@recall_curve.mistake(
    "one order for all users",
    "You sorted the first user's scores and used that order for everybody. Each user has an order of their own.",
    see="recall_curve(np.array([[.9, .1], [.1, .9]]), [{0}, {1}], [1])  # each user's best film: 1.0",
)
def _(retrieval, relevant, ks):
    best = np.argsort(-np.asarray(retrieval)[0]).tolist()
    return [sum(len(films & set(best[:k])) for films in relevant) / sizes(relevant).sum() for k in ks]


@recall_curve.mistake(
    "nothing is ever found",
    "Your recall is 0 for every k. NumPy, for one, takes a set for one single object, so np.isin finds nothing in it: "
    "give it list(films), or use sets.",
    see="np.isin([1], {1}), np.isin([1], [1])",
)
def _(retrieval, relevant, ks):
    order = np.argsort(-np.asarray(retrieval), axis=1)
    found = [sum(np.isin(best[:k], films).sum() for films, best in zip(relevant, order)) for k in ks]
    return np.array(found) / sizes(relevant).sum()


@recall_curve.mistake(
    "one argsort taken for ranks",
    "argsort says which film stands at each place, best first; you read it as each film's place. Look films up in "
    "order[:k], or sort once more: the argsort of an argsort is the places.",
    see="np.argsort([.2, .9, .5]), np.argsort(np.argsort([.2, .9, .5]))",
)
def _(retrieval, relevant, ks):
    order = np.argsort(-np.asarray(retrieval), axis=1)
    places = np.array([order[user, film] for user, films in enumerate(relevant) for film in films])
    return [(places < k).mean() for k in ks]


@recall_curve.mistake(
    "divided by the different films",
    "You divide by how many different films are wanted. A film that two users want can be found twice, and counts "
    "twice below the line too: sum the sizes of the sets.",
    see="recall_curve(np.array([[.9, .1], [.9, .1]]), [{0}, {0}], [1])  # both found: 1.0",
)
def _(retrieval, relevant, ks):
    return [hits(retrieval, relevant, k).sum() / len(set().union(*relevant)) for k in ks]


@recall_curve.mistake(
    "hits carried on from one k to the next",
    "Each number holds the hits of those before it too. Every k counts anew: set the sum to 0 inside the loop over ks.",
    see="recall_curve(np.array([[.9, .1]]), [{0}], [1, 2])  # 1.0 twice",
)
def _(retrieval, relevant, ks):
    return np.cumsum([hits(retrieval, relevant, k).sum() for k in ks]) / sizes(relevant).sum()


@recall_curve.alternative("places, film by film")
def _(retrieval, relevant, ks):
    places = []
    for scores, films in zip(retrieval, relevant):
        for film in films:
            places.append(sum(score > scores[film] for score in scores))
    return [sum(place < k for place in places) / len(places) for k in ks]


@recall_curve.alternative("a mask of who wants what, summed up along the list")
def _(retrieval, relevant, ks):
    wanted = np.zeros(retrieval.shape)
    for user, films in enumerate(relevant):
        wanted[user, list(films)] = 1
    found = np.take_along_axis(wanted, np.argsort(-retrieval, axis=1), axis=1).sum(axis=0).cumsum()
    return found[np.array(ks) - 1] / wanted.sum()


@recall_curve.alternative("pandas ranks")
def _(retrieval, relevant, ks):
    import pandas as pd

    ranks = pd.DataFrame(retrieval).rank(axis=1, ascending=False)
    places = pd.Series([ranks.iloc[user, film] for user, films in enumerate(relevant) for film in films])
    return [float((places <= k).mean()) for k in ks]
