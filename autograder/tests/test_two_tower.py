"""The fast path against TensorFlow Recommenders, on sets small enough to see through."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from autograder import stock, two_tower
from autograder.two_tower import Towers


def tf_order(n: int, seed: int) -> np.ndarray:
    tf.random.set_seed(seed)
    rows = tf.data.Dataset.range(n).shuffle(n, seed=seed, reshuffle_each_iteration=False)
    return next(rows.batch(n).as_numpy_iterator())


def test_course_split_is_the_tutorials():
    train, test = two_tower.course_split()
    order = tf_order(100_000, 42)
    assert (len(train), len(test)) == (80_000, 20_000)
    np.testing.assert_array_equal(np.concatenate([train, test]), order)


@pytest.mark.parametrize(("n", "seed"), [(1, 3), (10, 1), (1_001, 2**31 - 2)])
def test_shuffled_is_tf_data_s(n, seed):
    np.testing.assert_array_equal(two_tower.shuffled(n, seed), tf_order(n, seed))


def test_course_split_refuses_more_train_rows_than_rows():
    with pytest.raises(ValueError, match="from 0 to n = 5"):
        two_tower.course_split(5, 6)


@pytest.fixture
def small() -> SimpleNamespace:
    """As Arrays: 6 users, 9 titles, 60 rows full of repeated pairs, 11 films of which two share a title."""
    rng = np.random.default_rng(1)
    return SimpleNamespace(
        users=np.array([f"{i}" for i in range(6)]),
        titles=np.array([f"film é {i}" for i in range(9)]),
        user=rng.integers(0, 6, 60),
        title=np.minimum(rng.geometric(0.3, 60) - 1, 8),
        movie_title=np.array([3, 1, 0, 2, 8, 5, 6, 7, 4, 1, 0]),
    )


def with_tensorflow(arrays, start, batch_size, epochs, learning_rate, probability=None):
    """The retrieval task and tf_keras's Adagrad on two tables: what `fit` must equal."""
    tables = [tf.Variable(table) for table in start]
    optimizer = tf.keras.optimizers.Adagrad(learning_rate)
    task = tfrs.tasks.Retrieval()
    losses = []
    for _ in range(epochs):
        for i in range(0, len(arrays.user), batch_size):
            title = arrays.title[i : i + batch_size]
            q = None if probability is None else tf.constant(probability[title], tf.float32)
            with tf.GradientTape() as tape:
                vectors = [tf.gather(tables[0], arrays.user[i : i + batch_size]), tf.gather(tables[1], title)]
                loss = task(*vectors, candidate_sampling_probability=q)
            optimizer.apply_gradients(zip(tape.gradient(loss, tables), tables))
            losses.append(loss.numpy())
    return Towers(*(table.numpy() for table in tables)), np.reshape(losses, (epochs, -1))


@pytest.mark.parametrize("logq", [False, True])
def test_fit_equals_retrieval_and_adagrad(small, logq):
    start = two_tower.initial_embeddings(5, 6, 9, dim=4)
    share = np.bincount(small.title, minlength=9) / 60 if logq else None
    theirs, their_losses = with_tensorflow(small, start, 16, 8, 0.1, share)
    ours, losses = two_tower.fit(
        small.user, small.title, start, epochs=8, batch_size=16, sampling_probability=share
    )
    np.testing.assert_allclose(losses, their_losses, rtol=1e-5)
    for own, other, before in zip(ours, theirs, start):
        np.testing.assert_allclose(own, other, atol=1e-5)
        assert np.abs(own - before).max() > 0.5, "too little training to compare"


def test_fit_equals_the_stock_model(small):
    rows = np.arange(60)
    start = two_tower.initial_embeddings(5, 6, 9)
    model = stock.build(small)
    stock.set_towers(model, start)
    history = model.fit(stock.pairs(small, rows, 16), epochs=3, verbose=0).history
    accuracy, loss = stock.evaluate(model, stock.pairs(small, rows, 16))

    towers, losses = two_tower.fit(small.user, small.title, start, batch_size=16)
    for own, other in zip(towers, stock.get_towers(model)):
        np.testing.assert_allclose(own, other, atol=1e-5)
    np.testing.assert_allclose(losses[:, -1], history["loss"], rtol=1e-5)
    assert two_tower.last_batch_loss(towers, small.user, small.title, 16) == pytest.approx(loss, rel=1e-5)
    assert sorted(accuracy) == list(two_tower.KS)


def test_fit_leaves_its_start_alone_and_tells_each_epoch(small):
    start = two_tower.initial_embeddings(5, 6, 9)
    before = start.users.copy()
    told = []
    towers, _ = two_tower.fit(
        small.user,
        small.title,
        start,
        epochs=2,
        after_epoch=lambda n, now: told.append((n, now.users.copy())),
    )
    np.testing.assert_array_equal(start.users, before)
    assert [n for n, _ in told] == [1, 2]
    assert not np.array_equal(told[0][1], towers.users)
    np.testing.assert_array_equal(told[1][1], towers.users)


def test_recipe_depends_on_the_seed_alone(small):
    rows = np.arange(40)
    same, other = (two_tower.recipe(small, rows, seed, batch_size=16)[0].users for seed in (3, 4))
    np.testing.assert_array_equal(two_tower.recipe(small, rows, 3, batch_size=16)[0].users, same)
    assert not np.array_equal(same, other)


def test_initial_embeddings_are_keras_s_default():
    towers = two_tower.initial_embeddings(0, 300, 200)
    default = tf.keras.layers.Embedding(1, 1).embeddings_initializer.get_config()
    for table, n in zip(towers, (300, 200)):
        assert table.shape == (n, 32) and table.dtype == np.float32
        assert default["minval"] <= table.min() < -0.049 and 0.049 < table.max() <= default["maxval"]


def test_untrained_loss_is_b_ln_b():
    nothing = Towers(np.zeros((2, 3), np.float32), np.zeros((4, 3), np.float32))
    user, title = np.array([0, 1, 0, 0, 1]), np.array([3, 3, 0, 1, 3])
    assert two_tower.last_batch_loss(nothing, user, title) == pytest.approx(5 * np.log(5))
    assert two_tower.last_batch_loss(nothing, user, title, 3) == pytest.approx(2 * np.log(2))


SCORES = np.array(
    [[5.0, 4, 3, 2], [1, 4, 3, 2], [2, 2, 2, 2]]
)  # the last user's are all equal: ties cost no rank
OWN = np.array([2, 0, 3, 0])  # ranks 3, 4, 1 and 1
USER = np.array([0, 1, 2, 0])


def test_hit_rates_by_hand():
    assert two_tower.ranks(SCORES, USER, SCORES[USER, OWN]).tolist() == [3, 4, 1, 1]
    assert two_tower.hit_rates(SCORES, USER, OWN, ks=(1, 2, 3, 4)) == {1: 0.5, 2: 0.5, 3: 0.75, 4: 1.0}


def test_seen_titles_leave_and_a_seen_row_misses():
    seen = np.zeros((3, 4), bool)
    seen[0, [0, 1]] = True  # title 2 rises from rank 3 to 1; the row (0, 0) can no longer hit
    assert two_tower.hit_rates(SCORES, USER, OWN, seen, ks=(1, 3, 4)) == {1: 0.5, 3: 0.5, 4: 0.75}


def test_seen_titles_are_those_of_the_rows(small):
    seen = two_tower.seen_titles(small, np.array([4, 7]))
    assert set(zip(*np.nonzero(seen))) == {(small.user[i], small.title[i]) for i in (4, 7)}


def test_factorized_top_k_equals_tfrs(small):
    """Small integers have no rounding, but ties and films that share a title."""
    rng = np.random.default_rng(2)
    towers = Towers(*(rng.integers(-2, 3, (n, 4)).astype(np.float32) for n in (6, 9)))
    candidates = tf.data.Dataset.from_tensor_slices(towers.titles[small.movie_title]).batch(4)
    metric = tfrs.metrics.FactorizedTopK(candidates, ks=(1, 2, 3, 5, 10))
    metric.update_state(towers.users[small.user], towers.titles[small.title])
    ours = two_tower.factorized_top_k(towers, small.user, small.title, small.movie_title, (1, 2, 3, 5, 10))
    np.testing.assert_allclose(list(ours.values()), [float(value) for value in metric.result()], atol=1e-6)
    unique = two_tower.hit_rates(two_tower.all_scores(towers), small.user, small.title, ks=(1, 2, 3, 5, 10))
    assert ours != unique and 0 < ours[1] < ours[3] < 1, "a case too easy to tell the two apart"


def test_popularity_is_one_definite_list():
    scores = two_tower.popularity(np.array([2, 2, 0, 3]), 5)
    assert scores.shape == (1, 5)
    assert np.argsort(-scores[0]).tolist() == [2, 0, 3, 1, 4]
