"""The help page holds every definition that the checks use, and is found by what one sees."""

import os
import subprocess
import sys

from autograder import help
from autograder.build import ROOT
from autograder.causes import CAUSES
from autograder.item import items


def test_every_exception_and_every_mistake_stands_in_the_page():
    page = help.page()
    for cause in CAUSES:
        seen, meaning = help.literal(cause.message.split(" | ")[0]), help.literal(cause.meaning)
        assert seen in page and meaning in page and cause.example in page
    for item in items():
        assert f"## Item {item.number}, `{item.function}`" in page
        told = [f"### {help.literal(one.name)}\n\n{help.literal(one.why)}" for one in item.mistakes]
        assert told and [one for one in told if one not in page] == []


def test_words_find_what_holds_them_all(capsys):
    assert help.main(["cast", "int", "string"]) == 0
    out = capsys.readouterr().out
    assert "User ids are strings: '24', not 24." in out and "Table not initialized" not in out
    assert help.main(["3.4", "ties"]) == 0
    assert "Item 3.4, top_k: ties in no order" in capsys.readouterr().out


def test_nothing_found_says_what_to_do(capsys):
    assert help.main(["no such words anywhere"]) == 1
    assert "Try fewer" in capsys.readouterr().out


def test_a_reader_who_has_gone_gets_no_traceback():
    reads, writes = os.pipe()
    os.close(reads)  # as `| head` does when it has enough
    ended = subprocess.run(
        [sys.executable, "-m", "autograder", "help"], stdout=writes, stderr=subprocess.PIPE, cwd=ROOT
    )
    os.close(writes)
    assert ended.returncode == 141 and b"Error" not in ended.stderr


def test_the_terminal_page_fits_80_columns_but_for_code():
    code = {line.strip() for symptom in help.symptoms() for line in symptom.code.splitlines()}
    assert all(len(line) <= 80 or line.strip() in code for line in help.text([]).splitlines())
