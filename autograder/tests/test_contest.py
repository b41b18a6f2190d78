"""The contest's split gives nothing away, its judge sees every fault of a list, and its hits are those of the scores."""

import numpy as np
import pytest

from autograder import contest
from autograder.evaluation import hits
from data import movielens


@pytest.fixture
def split():
    return contest.draw(movielens.tiny(), np.random.default_rng(1))


def test_a_split_holds_out_a_share_of_each_users_titles(split):
    tiny = movielens.tiny()
    pairs = {*zip(split.train["user_id"], split.train["movie_title"])}
    held = {(split.users[u], split.titles[t]) for u, t in zip(split.user, split.title)}
    assert len(pairs) == len(split.train["user_id"]) and not pairs & held
    assert {title for _, title in pairs} == set(split.titles)
    assert len(pairs | held) <= len({*zip(tiny.user, tiny.title)})
    assert [round(contest.SHARE * n) for n in (split.seen.sum(axis=1) + held_by_user(split))] == held_by_user(split).tolist()


def held_by_user(split):
    return np.bincount(split.user, minlength=len(split.users))


def test_another_rng_gives_another_split_and_the_same_one_the_same(split):
    again, other = (contest.draw(movielens.tiny(), np.random.default_rng(seed)) for seed in (1, 2))
    assert again.train == split.train and other.train != split.train


def test_lists_from_scores_have_no_fault_and_the_hits_of_the_scores(split):
    scores = np.random.default_rng(0).normal(size=split.seen.shape)
    lists = contest.top_lists(split, scores, 2)
    assert contest.fault(split, lists, 2) == ""
    for k in (1, 2):
        assert (contest.list_hits(split, lists, k) == hits(scores, split.user, split.title, split.seen, k)).all()


@pytest.mark.parametrize("spoil, why", [
    (lambda lists, seen: None, "6 lists"),
    (lambda lists, seen: lists[:-1], "6 lists"),
    (lambda lists, seen: [lists[0][:1], *lists[1:]], "a list of 2 titles"),
    (lambda lists, seen: ["ab", *lists[1:]], "a list of 2 titles"),
    (lambda lists, seen: [[lists[0][0]] * 2, *lists[1:]], "a title twice"),
    (lambda lists, seen: [[lists[0][0], "Solaris"], *lists[1:]], "'Solaris', which is no title"),
    (lambda lists, seen: [[lists[0][0], b"Solaris"], *lists[1:]], "no title"),
    (lambda lists, seen: [[lists[0][0], ["x"]], *lists[1:]], "no title"),
    (lambda lists, seen: [[lists[0][0], seen], *lists[1:]], "was seen"),
])  # fmt: skip
def test_every_fault_of_a_list_is_named(split, spoil, why):
    lists = contest.top_lists(split, np.zeros(split.seen.shape), 2)
    seen = split.titles[int(split.seen[0].argmax())]
    assert why in contest.fault(split, spoil(lists, seen), 2)
