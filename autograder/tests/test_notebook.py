"""What a student meets: check, hint and progress, in a kernel and in a terminal."""

import html
import os
import re
import sys
import time
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

from autograder import build, check_notebook, notebook, report
from autograder.item import find, items
from autograder.run import WRONG, Result
from autograder.run import check as check_item
from autograder.student import Host

WRONG_ROW = "def row_of(vocab, word):\n    return vocab.index(word) if word in vocab else 0"
RIGHT_ROW = "def row_of(vocab, word):\n    return vocab.index(word) + 1 if word in vocab else 0"


@pytest.fixture(autouse=True)
def main_module(monkeypatch):
    """IPython puts a module of its own in its place; later tests, which start processes, want it back."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def names(monkeypatch) -> dict:
    names: dict = {}
    monkeypatch.setattr(notebook, "notebook_names", lambda: names)
    monkeypatch.setattr(notebook, "_results", {})
    monkeypatch.setattr(notebook, "_hints_shown", {})
    return names


def test_the_score_is_the_bare_number_and_shows_the_report(names):
    exec(WRONG_ROW, names)
    score = notebook.check("3.2")
    assert repr(score) == "0.0" and score == 0
    assert "row 0 forgotten" in score._repr_html_() and "Row 0 is kept" in score._repr_html_()


def test_a_remembered_answer_gets_nothing_though_some_tests_pass(names):
    exec("def n_parameters(n_users, n_titles, dim):\n    return {943: 83_488, 3: 28}.get(n_users, 0)", names)
    result = check_item(find("3.5"), Host(names).answer)
    assert any(test.error is None for test in result.tests) and result.score == 0


def test_part_of_an_answer_gets_part_of_the_points():
    item = find("3.1")
    scores = {check_item(item, Host({item.function: one.code}).answer).score for one in item.mistakes}
    assert scores & set(range(1, item.points))


def test_a_right_answer_gets_all_points(names):
    exec(RIGHT_ROW, names)
    assert notebook.check("3.2") == find("3.2").points


def test_an_unknown_item_names_those_there_are(names):
    with pytest.raises(KeyError, match=r"no item '9.9'; there are .*1\.1, "):
        notebook.check("9.9")


def test_an_item_goes_by_its_functions_name_too_and_no_item_is_one_sentence(names):
    assert find("row_of") is find("3.2")
    from IPython.core.interactiveshell import InteractiveShell

    with pytest.raises(KeyError) as caught:
        notebook.check("row")
    shown = []
    shell = InteractiveShell.instance()
    shell._showtraceback = lambda kind, value, lines: shown.extend(lines)
    shell.showtraceback((caught.type, caught.value, caught.tb))
    assert len(shown) == 1 and shown[0].startswith("there is no item 'row'; there are 0.1, ")


def test_a_right_answer_that_changes_its_arguments_is_told_so_and_gets_its_points(names, capsys):
    exec(
        "def row_of(vocab, word):\n    vocab.insert(0, None)\n    return vocab.index(word) if word in vocab else 0",
        names,
    )
    score = notebook.check("3.2")
    assert score == find("3.2").points
    assert "changes what it is given, vocab, also for whoever" in " ".join(capsys.readouterr().out.split())


def test_hints_come_one_after_the_other_and_the_last_stays(names, capsys):
    for level in (1, 2, 3, 3):
        notebook.hint("3.2")
        assert f"hint {level} of 3: {find('3.2').hints[level - 1]}" in " ".join(capsys.readouterr().out.split())
    notebook.hint("3.2", 1)
    assert "hint 1 of 3" in capsys.readouterr().out
    with pytest.raises(ValueError, match="from 1 to 3"):
        notebook.hint("3.2", 4)


def test_progress_counts_what_was_checked(names, capsys):
    exec(RIGHT_ROW, names)
    notebook.check("3.2")
    capsys.readouterr()
    notebook.progress()
    out = capsys.readouterr().out
    assert "1 of 5 items right, 3 of 20 points" in out and "not checked yet" in out
    assert "2.1" not in out


def test_a_report_fits_80_columns_and_has_every_part(names):
    exec(WRONG_ROW, names)
    text = report.text(check_item(find("3.2"), Host(names).answer))
    assert max(map(len, text.splitlines())) <= 80
    for part in ("called", "returned", "expected", "why", 'hint("3.2")'):
        assert part in text


def test_html_is_escaped(names):
    names["row_of"] = lambda vocab, word: "<script>alert(1)</script>"
    page = report.as_html(check_item(find("3.2"), Host(names).answer))
    assert "<script>" not in page and "&lt;script&gt;" in page


def filled(tmp_path, cell: str, item: str = "3.2"):
    """Exercise 3 with one blank filled in."""
    path = build.ROOT / "exercises/03_two_tower/03_two_tower.ipynb"
    made = nbformat.read(path, as_version=4)
    for position, one in enumerate(made.cells):
        if one.cell_type == "code" and f"def {find(item).function}(" in one.source:
            made.cells[position].source = cell
    target = tmp_path / "mine.ipynb"
    nbformat.write(made, target)
    return target


def test_check_in_a_terminal(tmp_path, capsys):
    assert check_notebook.main([str(filled(tmp_path, WRONG_ROW))]) == 1
    out = capsys.readouterr().out
    assert "wrong: row 0 forgotten" in out and "0 of 5 items right, 0 of 20 points" in out


def test_one_item_in_a_terminal(tmp_path, capsys):
    path = str(filled(tmp_path, RIGHT_ROW))
    assert check_notebook.main([path, "3.2"]) == 0
    out = capsys.readouterr().out
    assert "1 of 1 items right, 3 of 3 points" in out and "3.1" not in out and "other ways to write it" in out
    assert check_notebook.main([path, "2.2"]) == 2 and "does not hold 2.2" in capsys.readouterr().err
    assert check_notebook.main([path, "9.9"]) == 2 and "there is no item '9.9'" in capsys.readouterr().err


def test_a_hint_in_a_terminal(capsys):
    assert check_notebook.hint_main(["5.3", "2"]) == 0
    out = capsys.readouterr().out
    assert "hint 2 of 3: Fetch" in out and "The next one: hint 5.3 3" in out
    assert max(map(len, out.splitlines())) <= 80
    assert check_notebook.hint_main(["9.9"]) == 2 and "there is no item" in capsys.readouterr().err


def test_progress_in_a_terminal_leaves_out_what_trains(tmp_path, capsys):
    exercise = str(build.ROOT / "exercises/04_retrieval_task/04_retrieval_task.ipynb")
    assert check_notebook.progress_main([str(filled(tmp_path, RIGHT_ROW)), exercise]) == 0
    out = capsys.readouterr().out
    assert "3.2   row_of               3 / 3  right" in out
    assert "4.4   fit_and_evaluate     – / 5  not checked yet" in out
    assert "1 of 10 items right, 3 of 45 points" in out


@pytest.mark.parametrize("item", items(), ids=lambda item: item.number)
def test_every_name_in_a_table_fits_80_columns(item):
    for mistake in item.mistakes:
        result = Result(item, WRONG, [], 0, 0, mistake=mistake)
        told = notebook.table([item], {item.number: result}).splitlines()
        assert max(map(len, told)) <= 80 and mistake.name in " ".join(" ".join(told).split())


def test_colour_repeats_what_the_words_say(names):
    exec(WRONG_ROW, names)
    result = check_item(find("3.2"), Host(names).answer)
    plain, coloured = report.text(result), report.text(result, colour=True)
    assert "\x1b[31m" in coloured and re.sub(r"\x1b\[\d+m", "", coloured) == plain


@pytest.mark.parametrize("no_color, tty, wanted", [("", True, True), ("1", True, False), ("", False, False)])
def test_colour_is_for_terminals_that_want_it(monkeypatch, no_color, tty, wanted):
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: tty))
    assert report.coloured() is wanted


def test_after_success_the_reference_and_other_right_ways_are_there_folded(names):
    exec(RIGHT_ROW, names)
    page = notebook.check("3.2")._repr_html_()
    assert "<details open" not in page and page.count("<details") == 2 + len(find("3.2").alternatives)
    assert "return vocab.index(word) + 1 if word in vocab else 0" in page and html.escape(find("3.2").because) in page
    assert "def row_of(vocab, word):" in page and "### " not in page
    exec(WRONG_ROW, names)
    assert "<details" not in notebook.check("3.2")._repr_html_()


def test_without_solutions_no_reference_is_shown(names, monkeypatch, tmp_path):
    monkeypatch.setattr("autograder.answers.SOLUTIONS", tmp_path)
    exec(RIGHT_ROW, names)
    page = notebook.check("3.2")._repr_html_()
    assert "The reference" not in page and "a dictionary" in page


@pytest.mark.parametrize("item", [item for item in items() if not item.slow], ids=lambda item: item.number)
def test_the_call_that_a_report_shows_can_be_run(item):
    """An answer that no mistake explains gets a call to try oneself, and the call is whole."""
    from autograder import workshop

    result = check_item(item, Host({item.function: lambda *args, **kwargs: "nonsense"}).answer)
    shown = report.show_call(result.failed.call)
    assert result.mistake is None and "Run the call above yourself" in report.text(result)
    names = {"np": np, "workshop": workshop, item.function: lambda *args, **kwargs: "it ran"}
    assert eval(shown, names) == "it ran"


def test_check_in_a_terminal_names_a_cell_that_raises(tmp_path, capsys):
    assert check_notebook.main([str(filled(tmp_path, RIGHT_ROW + "\n1 / 0"))]) == 1
    out = capsys.readouterr().out
    assert "raised ZeroDivisionError" in out and "1 of 5 items right, 3 of 20 points" in out


def test_check_in_a_terminal_shows_the_line_that_is_no_python_and_a_name_like_the_one_it_misses(tmp_path, capsys):
    assert check_notebook.main([str(filled(tmp_path, RIGHT_ROW.replace("if", "iff"))), "3.2"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "The cell `def row_of(vocab, word):` raised SyntaxError: invalid syntax line 2: return vocab.index" in out
    assert check_notebook.main([str(filled(tmp_path, RIGHT_ROW.replace("row_of", "rows_of"))), "3.2"]) == 1
    assert "or the name was changed (rows_of?)" in " ".join(capsys.readouterr().out.split())


def test_what_runs_long_says_so_and_nothing_else_is_seen_of_what_is_silenced(capfd):
    with check_notebook.patience("3.2 row_of", 0.05), check_notebook.silence():
        os.write(2, b"from C++")
        print("from Python")
        time.sleep(0.5)
    with check_notebook.patience("3.3"):
        os.write(2, b"heard again")
    out, err = capfd.readouterr()
    assert out == "" and err == "3.2 row_of still runs after 0.05 s; Ctrl-C stops it.\nheard again"


def test_the_reference_solution_is_all_right_in_a_terminal(capsys):
    assert check_notebook.main([str(build.ROOT / "solutions/03_two_tower/03_two_tower.ipynb")]) == 0
    assert "5 of 5 items right, 20 of 20 points" in capsys.readouterr().out


@pytest.mark.parametrize("content, said", [(None, "no such file"), ("{", "not a notebook"), ("EMPTY", "no function")])
def test_a_file_that_cannot_be_checked_says_why(tmp_path, capsys, content, said):
    path = tmp_path / "odd.ipynb"
    if content == "EMPTY":
        nbformat.write(nbformat.v4.new_notebook(), path)
    elif content is not None:
        path.write_text(content)
    assert check_notebook.main([str(path)]) == 2
    assert said in capsys.readouterr().err


def test_a_real_kernel_shows_the_report_and_the_bare_number(tmp_path):
    from nbclient import NotebookClient

    path = filled(tmp_path, WRONG_ROW)
    made = nbformat.read(path, as_version=4)
    made.cells = [c for c in made.cells if "check(" not in c.source or 'check("3.2")' in c.source]
    NotebookClient(made, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    [cell] = [c for c in made.cells if 'check("3.2")' in c.source]
    data = cell.outputs[-1].data
    assert data["text/plain"] == "0.0" and "row 0 forgotten" in data["text/html"]
