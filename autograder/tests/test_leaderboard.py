"""The leaderboard of a class of five: who has a standing, who has none and why, and what the page and the file hold."""

import json

import nbformat
import pytest

from autograder import contest, leaderboard
from autograder.sandbox import isolation
from data import movielens

HEAD = """
import numpy as np

def fit(train):
    users, user = np.unique(train["user_id"], return_inverse=True)
    titles, title = np.unique(train["movie_title"], return_inverse=True)
    seen = np.zeros((len(users), len(titles)))
    seen[user, title] = 1
"""
TAIL = """
    order = np.argsort(-scores, axis=1, kind="stable")
    place = {name: row for row, name in enumerate(users)}
    return lambda wanted, k: [titles[order[place[name], :k]].tolist() for name in wanted]
"""
POPULAR = HEAD + "    scores = np.where(seen, -1, seen.sum(axis=0))" + TAIL
SHALLOW = HEAD + """
    inverse = np.linalg.inv(seen.T @ seen + 300 * np.eye(len(titles)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    scores = np.where(seen, -np.inf, seen @ weights)""" + TAIL  # fmt: skip
CLASS = {
    "popular": POPULAR,
    "shallow": SHALLOW,
    "seen": HEAD + "    scores = seen" + TAIL,
    "endless": "def fit(train):\n    while True: pass",
    "thief": "def fit(train):\n    from data import movielens\n    movielens.arrays()",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    for student, code in CLASS.items():
        (folder / "in" / student).mkdir(parents=True)
        cells = [nbformat.v4.new_code_cell(code), nbformat.v4.new_code_cell('check("9.3")')]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "in" / student / "09_capstone.ipynb")
    (folder / "in/lost").mkdir()
    (folder / "in/lost/09_capstone.ipynb").symlink_to("/nowhere")
    arguments = [str(folder / "in"), "--salt", "a salt", "--out", str(folder / "out"), "--seconds", "8"]
    arguments += ["--allow-unisolated"] * (isolation() == "none")
    assert leaderboard.main(arguments) == 0
    return folder / "out"


def test_who_has_a_standing_and_why_the_others_have_none(out):
    entries = {one["student"]: one for one in json.loads((out / "leaderboard.json").read_text())["entries"]}
    assert list(entries)[:2] == ["shallow", "popular"]
    assert entries["popular"]["tier"] == 0 and entries["shallow"]["tier"] >= 2
    assert "which train says was seen" in entries["seen"]["why"]
    assert "TimeLimit" in entries["endless"]["why"]
    assert "is a link" in entries["lost"]["why"]


@pytest.mark.skipif(isolation() == "none", reason="where nothing isolates, the data can be reached")
def test_who_reaches_for_the_data_finds_none(out):
    [thief] = [one for one in json.loads((out / "leaderboard.json").read_text())["entries"] if one["student"] == "thief"]
    assert "DataError" in thief["why"]


def test_the_page_names_everybody_and_not_the_salt(out):
    page = (out / "index.html").read_text(encoding="utf-8")
    assert all(f"<bdi>{student}</bdi>" in page for student in CLASS)
    assert "a salt" not in page and "PureSVD" in page
    assert json.loads((out / "leaderboard.json").read_text())["salt"] == "a salt"


def test_the_same_salt_gives_the_same_split_and_another_one_another():
    one, again, other = (contest.draw(movielens.tiny(), leaderboard.rng_of(salt)).train for salt in ("a", "a", "b"))
    assert one == again != other


def test_the_best_known_model_of_the_ladder_is_level_with_itself(out):
    steps = next(one["steps"] for one in json.loads((out / "leaderboard.json").read_text())["entries"] if one["student"] == "shallow")
    assert steps["EASE"]["10"] == [0, 0, 0]
