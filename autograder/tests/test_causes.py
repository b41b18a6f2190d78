"""Every known cause of an exception is provoked, with the versions that are installed, and told."""

import os
import subprocess
import sys

import numpy as np
import pytest

from autograder import report
from autograder.causes import CAUSES, cause_of
from autograder.item import find
from autograder.run import check
from autograder.student import Host, essence


@pytest.fixture(scope="module")
def names() -> dict:
    """What the examples speak of; a function makes the index, which each example gets anew."""
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    from autograder import workshop

    tower, films = workshop.tower(["24", "42"], np.eye(2)), workshop.tower(list("ABC"), np.ones((3, 2)))

    class Model(tfrs.Model):
        def compute_loss(self, features, training=False):
            return tfrs.tasks.Retrieval()(tower(features["user_id"]), films(features["movie_title"]))

    rows = workshop.dataset({"user_id": ["24", "42"], "movie_title": ["A", "B"]})
    known = {"np": np, "tf": tf, "tfrs": tfrs, "os": os, "tower": tower, "films": films, "model": Model(), "rows": rows}
    return known | {"index": lambda: workshop.index(list("ABC"), np.ones((3, 2)), tower)}


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: f"{cause.kind}: {cause.message}")
def test_an_example_raises_what_its_cause_says(names, cause):
    with pytest.raises(Exception) as caught:
        exec(cause.example, names | {"index": names["index"]()})
    kind, message = essence(caught.value)
    assert cause_of(kind, message) is cause, (kind, message)


@pytest.mark.parametrize("onednn", ["0", "1"])
def test_examples_raise_the_same_where_another_library_multiplies(onednn):
    """TensorFlow's default differs between processors, and with it what a product of odd shapes raises."""
    command = [sys.executable, "-m", "pytest", "-q", "-k", "an_example_raises", __file__]
    told = subprocess.run(command, env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": onednn}, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("call, said", [("matmul", "In a matrix product"), ("multiply", "element by element")])
def test_a_traced_product_is_told_as_what_it_is(names, call, said):
    tf = names["tf"]
    with pytest.raises(Exception) as caught:
        tf.function(getattr(tf, call))(tf.ones([2, 3]), tf.ones([4, 3]))
    assert said in cause_of(*essence(caught.value)).meaning


def test_an_exception_that_nobody_knows_has_no_cause():
    assert cause_of("RuntimeError", "no such words") is None


def in_a_cell(source: str) -> dict:
    """What a cell defines, its lines known to tracebacks as IPython makes them known."""
    import linecache

    names: dict = {}
    linecache.cache["cell 9"] = (len(source), None, source.splitlines(True), "cell 9")
    exec(compile(source, "cell 9", "exec"), names)
    return names


def test_a_report_shows_the_students_lines_and_the_cause():
    names = in_a_cell("import numpy as np\ndef score_matrix(u, v):\n    return np.asarray(v).T @ [1, 2, 3, 4, 5]\n")
    text = report.text(check(find("3.3"), Host(names).answer))
    assert "line 3, in score_matrix: return np.asarray(v).T @ [1, 2, 3, 4, 5]" in text
    assert "In a matrix product the columns of the first meet" in text


def test_what_a_traced_function_raises_is_told_as_if_it_were_not(names):
    source = (
        "import tensorflow_recommenders as tfrs\n"
        "class Model(tfrs.Model):\n"
        "    def compute_loss(self, features, training=False):\n"
        "        return features['user']\n"
        "def train(rows):\n"
        "    model = Model()\n"
        "    model.compile(optimizer='adagrad')\n"
        "    model.fit(rows.batch(2), verbose=0)\n"
    )
    train = in_a_cell(source)["train"]
    host = Host({"go": lambda: train(names["rows"])})
    reply = host.answer({"call": "go", "args": {"list": []}, "kwargs": {"dict": []}})
    kind, message, where = reply["raised"]
    assert (kind, message) == ("KeyError", "'user'")
    assert where.splitlines()[-1] == "line 4, in compute_loss: return features['user']"
