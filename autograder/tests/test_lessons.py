"""What every lesson keeps to: short, in small steps, described figures, and it runs from top to bottom."""

import re
import statistics

import nbformat
import pytest

from autograder import build

SOURCES = sorted(build.ROOT.glob("lessons/*.py"))
lessons = pytest.mark.parametrize("source", SOURCES, ids=[source.stem for source in SOURCES])


def cells(source, kind):
    return [cell.source for cell in build.lesson(source).cells[2:] if cell.cell_type == kind and cell.source.strip()]


def text(source) -> str:
    return "\n".join(cell.source for cell in build.lesson(source).cells if cell.cell_type == "markdown")


def section(source, heading: str) -> list[str]:
    """The list items under a heading or lead-in line, first words only, to the end of the list."""
    _, _, below = text(source).partition(heading)
    return re.findall(r"^[-*\d.]+ (.+)$", below.split("\n#")[0], re.MULTILINE)


def test_they_have_the_names_of_their_exercises():
    assert [source.stem for source in SOURCES] == [path.name for path in sorted(build.ROOT.glob("solutions/*"))]


@lessons
def test_it_is_short_and_goes_in_small_steps(source):
    words = len(re.findall(r"\w[\w'’.-]*", text(source)))
    code = [len(cell.splitlines()) for cell in cells(source, "code")]
    assert 900 <= words <= 1400
    assert len(build.lesson(source).cells) <= 45
    assert max(code) <= 15
    assert statistics.median(code) <= 5


@lessons
def test_it_says_minutes_and_objectives_and_takes_away_as_much(source):
    body = text(source)
    assert re.search(r"\b\d\d(–\d\d)? minutes\b", body)
    goals, gains = section(source, "After this lesson you can"), section(source, "Take away")
    assert 3 <= len(goals) == len(gains)


@lessons
def test_the_learner_predicts_before_running(source):
    assert text(source).count("**Predict.**") >= 3


@lessons
def test_it_leads_to_its_exercise(source):
    assert f"../exercises/{source.stem}/{source.stem}.ipynb" in text(source)


@lessons
def test_links_to_files_of_the_course_hold(source):
    for target in re.findall(r"\]\((?!http)([^)#]+)", text(source)):
        assert (source.parent / target).exists(), target


@lessons
def test_every_figure_has_alternative_text(source):
    run = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    outputs = [output for cell in run.cells if cell.cell_type == "code" for output in cell.outputs]
    pages = [output.data.get("text/html", "") for output in outputs if "data" in output]
    figures = [page for page in pages if "<img" in page]
    assert figures and all(re.search(r'<img alt="[^"]{30,}"', figure) for figure in figures)
    assert not any("image/png" in output.data for output in outputs if "data" in output)


@lessons
def test_figures_to_play_with_carry_the_drawing_of_today(source):
    run = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    outputs = [output for cell in run.cells if cell.cell_type == "code" for output in cell.outputs]
    moving = [page for output in outputs if "<figure" in (page := output.get("data", {}).get("text/html", ""))]
    script = (build.ROOT / "autograder/figure.js").read_text(encoding="utf-8")
    assert all(f"<script>{script}</script>" in page for page in moving)


@lessons
def test_it_runs_from_top_to_bottom(source):
    build.execute(build.lesson(source))
