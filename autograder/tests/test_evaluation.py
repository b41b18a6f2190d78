"""Hits and their intervals, and the classical models, on sets that can be worked out by hand."""

import numpy as np
import pytest

from autograder import baselines, two_tower
from autograder.evaluation import difference, hits, interval


def test_a_hit_is_among_the_best_unseen():
    scores, seen = np.array([[4.0, 3, 2, 1]]), np.array([[True, False, False, False]])
    user, title = np.zeros(4, int), np.arange(4)
    assert hits(scores, user, title, seen, 1).tolist() == [False, True, False, False]
    assert hits(scores, user, title, seen, 2).tolist() == [False, True, True, False]
    assert hits(scores, user, title, seen, 4).tolist() == [False, True, True, True]


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_score_that_is_the_same_for_all_hits_nothing(value):
    scores, seen = np.full((2, 5), value), np.zeros((2, 5), bool)
    assert not hits(scores, np.array([0, 1]), np.array([0, 4]), seen, 4).any()


def test_a_tie_counts_against_the_film():
    scores, seen = np.array([[1.0, 1, 0]]), np.zeros((1, 3), bool)
    assert [bool(hits(scores, np.array([0]), np.array([1]), seen, k)) for k in (1, 2)] == [False, True]


def test_without_ties_hits_are_hit_rates():
    draw = np.random.default_rng(3)
    scores, seen = draw.normal(size=(7, 30)), draw.random((7, 30)) < 0.3
    user, title = draw.integers(0, 7, 200), draw.integers(0, 30, 200)
    rates = two_tower.hit_rates(scores, user, title, seen, (1, 5, 20))
    assert {k: hits(scores, user, title, seen, k).mean() for k in rates} == rates


def test_an_interval_of_what_never_varies_is_a_point():
    assert interval(np.ones(6), np.array([5, 5, 7, 9, 9, 9])) == (1, 1, 1)


def test_an_interval_over_users_is_wider_than_over_rows():
    hit, user = np.repeat([0, 1], 500), np.repeat(np.arange(20), 50)
    over_users, over_rows = interval(hit, user), interval(hit, np.arange(1000))
    assert over_users.mean == over_rows.mean == 0.5
    # 20 coins and 1,000 coins: standard errors of .112 and .0158, times 1.96 on each side
    assert over_users.high - over_users.low == pytest.approx(0.438, abs=0.07)
    assert over_rows.high - over_rows.low == pytest.approx(0.062, abs=0.005)


def test_every_row_is_one_vote():
    assert interval(np.array([1, 0, 0, 0]), np.array([0, 1, 1, 1])).mean == 0.25


def test_a_paired_difference_cancels_what_both_share():
    draw = np.random.default_rng(0)
    user = np.repeat(np.arange(200), 10)
    other = draw.random(2000) < np.repeat(draw.random(200), 10)
    one = other | (draw.random(2000) < 0.05)
    gain = difference(one, other, user)
    assert gain.low > 0 and gain.high - gain.low < 0.25 * (interval(one, user).high - interval(one, user).low)
    assert difference(one, one, user) == (0, 0, 0)
    assert difference(other, one, user).mean == -gain.mean


def test_no_rows_have_no_mean():
    with pytest.raises(ValueError, match="no rows"):
        interval(np.array([]), np.array([], int))


# Three users like the first three titles, three the others; each of them has yet to see one of their own kind's.
TWO_TASTES = np.kron(np.eye(2), 1 - np.eye(3)).astype(bool)


@pytest.mark.parametrize("model", [
    lambda seen: baselines.pure_svd(seen, dim=2),
    lambda seen: baselines.ease(seen, l2=0.5),
    lambda seen: baselines.ials(seen, dim=2),
    lambda seen: baselines.two_towers(seen, epochs=200),
], ids=["PureSVD", "EASE", "iALS", "two towers"])  # fmt: skip
def test_a_model_recommends_what_the_like_minded_watched(model):
    scores = np.where(TWO_TASTES, -np.inf, model(TWO_TASTES))
    assert scores.argmax(axis=1).tolist() == [0, 1, 2, 3, 4, 5]


def test_the_best_seller_list_is_the_same_for_everybody():
    scores = baselines.popularity(np.array([[1, 1, 0], [0, 1, 0]], bool))
    assert np.argsort(-scores, axis=1).tolist() == [[1, 0, 2], [1, 0, 2]]


def test_pure_svd_of_full_rank_gives_the_matrix_back():
    seen = np.random.default_rng(0).random((5, 8)) < 0.5
    np.testing.assert_allclose(baselines.pure_svd(seen, dim=4), two_best(seen, 4), atol=1e-9)


def two_best(seen, dim):
    left, values, right = np.linalg.svd(seen.astype(float), full_matrices=False)
    return (left[:, :dim] * values[:dim]) @ right[:dim]


def test_ease_lets_no_title_vote_for_itself():
    # Two titles, each watched by two users, one user has both: the other title's weight is 1 / (2 + l2).
    seen = np.array([[1, 1], [1, 0], [0, 1]], bool)
    np.testing.assert_allclose(baselines.ease(seen, l2=1), np.array([[1, 1], [0, 1], [1, 0]]) / 3)


def test_ials_solves_its_least_squares():
    draw = np.random.default_rng(1)
    seen, titles = draw.random((3, 9)) < 0.4, draw.normal(size=(9, 2))
    found = baselines._solve(seen, titles, 0.2, 0.1)
    for row, vector in zip(seen, found):
        rows = np.vstack([titles[row], np.sqrt(0.2) * titles, np.sqrt(0.1 * (row.sum() + 1.8)) * np.eye(2)])
        want = np.concatenate([np.ones(row.sum()), np.zeros(9 + 2)])
        np.testing.assert_allclose(vector, np.linalg.lstsq(rows, want, rcond=None)[0])
