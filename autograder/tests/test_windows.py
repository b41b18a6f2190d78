"""windows.json: complete, true to its rule, and able to tell mistakes from right answers."""

import json
from datetime import date

import numpy as np
import pytest

from autograder import measure, two_tower
from data import movielens

WATCHED = ("test_top_10", "test_top_100", "train_loss", "unseen_100")  # two k, the loss, both protocols
FILE = measure.read()


def test_provenance_is_complete():
    seeds = FILE["seeds"]["windows"]
    assert len(set(seeds)) == len(seeds) >= 20
    assert len(FILE["seeds"]["mistakes and facts"]) >= 5
    assert date.fromisoformat(FILE["date"])
    assert {"python", "numpy", "tensorflow", "tf-keras", "tensorflow-recommenders"} <= set(FILE["versions"])
    assert all(FILE["versions"].values())
    assert FILE["split"]["sha256"] == measure.digest(two_tower.course_split()[1])
    assert list(FILE["windows"]) == list(measure.QUANTITIES)
    assert list(FILE["facts"]) == list(measure.FACTS)


@pytest.mark.parametrize("name", measure.QUANTITIES)
def test_window_follows_the_rule(name):
    of = FILE["windows"][name]
    low, high = measure.window(name)
    half = measure.WIDTH * of["sd"]
    rounding = 0.05 if of["mean"] > 1 else 0.0001
    assert low == pytest.approx(of["mean"] - half, abs=rounding)
    assert high == pytest.approx(of["mean"] + half, abs=rounding)
    assert low < of["min"] < of["mean"] < of["max"] < high
    assert not name.endswith("_1")


@pytest.mark.parametrize("mistake", [name for name in FILE["mistakes"] if name != "what"])
def test_every_mistake_lies_outside_a_window(mistake):
    def outside(name):
        least, most = FILE["mistakes"][mistake][name]
        low, high = measure.window(name)
        return most < low or least > high

    assert any(outside(name) for name in WATCHED)


@pytest.mark.parametrize("name", WATCHED)
def test_no_single_window_sees_every_mistake(name):
    low, high = measure.window(name)
    ranges = [of[name] for mistake, of in FILE["mistakes"].items() if mistake != "what"]
    assert any(most >= low and least <= high for least, most in ranges)


def test_this_machine_gets_what_the_file_says():
    course = measure.Course(movielens.arrays())
    seed = FILE["seeds"]["windows"][0]
    for name, value in measure.windows(course, seed).items():
        of = FILE["windows"][name]
        rounding = 0.5 if of["mean"] > 1 else 0.0005
        assert of["min"] - rounding <= value <= of["max"] + rounding, name


def test_the_bar_counts_the_last_batch_twice():
    assert measure.bar(np.array([10.0, 8, 6, 2])) == 5.6


def test_an_unknown_window_names_the_known_ones():
    with pytest.raises(KeyError, match="test_top_100"):
        measure.window("test_top_1")


def test_text_reads_back_as_written():
    content = {"a": {"b": {"mean": 0.123456, "list": [1.0, 51404.2345]}}, "c": "d", "e": {"f": 1}}
    read = json.loads(measure.as_text(content))
    assert read == {"a": {"b": {"mean": 0.12346, "list": [1.0, 51404.23]}}, "c": "d", "e": {"f": 1}}
