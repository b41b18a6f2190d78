"""The service of lesson 8: a model is exported, started in a process of its own, and asked."""

import json
import urllib.error

import numpy as np
import pytest
import tensorflow as tf

from autograder import search, serve

NAMES = ["A", "B", "C", "D"]


class Alphabet(tf.Module):
    """Recommends what has not been seen, in the order of the alphabet."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([None], tf.string)])
    def recommend(self, user, seen):
        names = tf.constant(NAMES)
        unseen = tf.boolean_mask(names, tf.reduce_all(names[:, None] != seen, axis=1))
        return unseen, tf.range(tf.size(unseen), 0, -1)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    tf.saved_model.save(Alphabet(), str(folder / "model"))
    (folder / "seen.json").write_text(json.dumps({"24": ["A", "C"], "42": []}))
    with serve.running(folder) as address:
        yield address


def test_it_recommends_what_the_user_has_not_seen(address):
    assert serve.ask(address, "/recommend", user="24") == {"user": "24", "films": ["B", "D"], "scores": [2, 1]}
    assert serve.ask(address, "/recommend", user="42", k=3)["films"] == ["A", "B", "C"]
    assert serve.ask(address, "/health") == {"users": 2}


@pytest.mark.parametrize(
    "query, status",
    [({"user": "7"}, 404), ({}, 400), *(({"user": "24", "k": k}, 400) for k in ("0", "101", "-1", "x", "²"))],
)
def test_what_cannot_be_answered_is_refused_and_the_service_goes_on(address, query, status):
    with pytest.raises(urllib.error.HTTPError) as refused:
        serve.ask(address, "/recommend", **query)
    assert refused.value.code == status and json.load(refused.value)["error"]
    assert serve.ask(address, "/health") == {"users": 2}


def test_under_load_every_request_is_answered_in_order_of_time(address):
    times = serve.load(address, ["24", "42"] * 25, per_second=500)
    due, sent, done = times.T
    assert times.shape == (50, 3)
    assert np.all(due <= sent + 1e-3) and np.all(sent < done)
    assert np.allclose(np.diff(due), 1 / 500)


def test_without_an_export_it_says_so(tmp_path):
    with pytest.raises(RuntimeError, match="did not start"), serve.running(tmp_path):
        pass


def test_an_inverted_file_that_looks_everywhere_finds_what_brute_force_finds():
    draw = np.random.default_rng(0)
    items = search.catalogue(draw.normal(size=(50, 8)).astype(np.float32), 2_000)
    queries = draw.normal(size=(20, 8)).astype(np.float32)
    best, _ = search.exact(items, queries, 10)
    assert np.array_equal(best[:, 0], (queries @ items.T).argmax(axis=1))
    index = search.inverted_file(items, 20)
    few, all_cells = (search.probe(index, queries, best, nprobe) for nprobe in (1, 20))
    assert few.recall < all_cells.recall == 1 and few.work < 0.3 and all_cells.work == pytest.approx(1 + 20 / 2_000)
