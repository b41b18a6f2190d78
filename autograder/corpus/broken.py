"""Broken: files that no honest tool would make, and honest ones that something has damaged."""

import json

import nbformat

from autograder.corpus import NAMES, kind

broken = kind("broken")


@broken("a syntax error in one cell costs that cell", lost="1.4")
def syntax_error(draft):
    draft.cell("recall_curve").source = "def recall_curve(:\n    return 1"


@broken("a cell so nested that Python's parser gives up", lost="1.4")
def parser_bomb(draft):
    draft.put("recall_curve", f"return {'-' * 200_000}1")


@broken("a null byte in a cell", lost="1.4")
def null_byte(draft):
    draft.cell("recall_curve").source += "\n\0"


@broken("the file breaks off in the middle", lost="all")
def truncated(draft):
    draft.raw = draft.text().encode()[:3_000]


@broken("an empty file", lost="all")
def empty(draft):
    draft.raw = b""


@broken("a PDF that was renamed", lost="all")
def renamed_pdf(draft):
    draft.raw = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(range(256)) * 40


@broken("JSON, but no notebook", lost="all")
def json_null(draft):
    draft.raw = b"null"


@broken("JSON nested 100,000 deep", lost="all")
def deep_json(draft):
    draft.raw = b"[" * 100_000 + b"]" * 100_000


@broken("cells, sources and metadata of the wrong types", lost="all")
def wrong_types(draft):
    draft.raw = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": 3, "cells": [None, 5, {"source": {}}]}).encode()


@broken("bytes that are no UTF-8, in a comment")
def invalid_utf8(draft):
    draft.insert("# caf\ufffe")
    draft.raw = draft.text().encode().replace(b"\\ufffe", b"\xe9\xff")


@broken("half of a surrogate pair, in a comment and in a function's error", lost="1.1")
def surrogate(draft):
    draft.put("serving_cost", "raise ValueError('\\ud800')")
    draft.insert("# X")
    draft.raw = draft.text().encode().replace(b"# X", b"# \\ud800")


@broken("the notebook format of 2013")
def nbformat_3(draft):
    draft.raw = nbformat.writes(nbformat.convert(draft.notebook, 3), version=3).encode()


@broken("40 MB of stored output", slow=True)
def stored_output(draft):
    draft.cell("two_stage").outputs = [nbformat.v4.new_output("stream", text="all work and no play\n" * 2_000_000)]


@broken("a file of 80 MB is refused with a reason", lost="all", slow=True)
def too_large(draft):
    draft.raw = draft.text().encode() + b" " * (80 << 20)


@broken("100,000 empty cells")
def many_cells(draft):
    cells = json.loads(draft.text())
    cells["cells"] += [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": ""}] * 100_000
    draft.raw = json.dumps(cells).encode()


@broken("every test cell deleted, the metadata stripped, the file renamed")
def stripped(draft):
    draft.notebook.cells = [cell for cell in draft.notebook.cells if not cell.source.startswith("check(")]
    for cell in draft.notebook.cells:
        cell.metadata.clear()
    draft.name = "Untitled (3).ipynb"


@broken("test cells copied, edited, turned into markdown, their ids and points changed")
def test_cells(draft):
    draft.notebook.cells.append(nbformat.from_dict(draft.cell("check_two_stage")))
    draft.cell("check_serving_cost").source = 'check("9.9")'
    draft.cell("check_candidate_recall").cell_type = "markdown"
    draft.cell("check_recall_curve").metadata["nbgrader"] = {"grade_id": "two_stage", "points": 99, "grade": True}


@broken("cells in reverse order, answers turned into markdown", lost="1.2")
def reordered(draft):
    draft.cell("candidate_recall").cell_type = "markdown"
    draft.notebook.cells.reverse()


@broken("an answer's cell copied and the copy changed: the last one counts", lost="1.3")
def copied_answer(draft):
    draft.insert(draft.right("two_stage").replace("-ranking", "ranking"), at=len(draft.notebook.cells))


@broken("magics, shell lines, help lines and pip install")
def magics(draft):
    draft.insert("%matplotlib inline\n!pip install --quiet pandas\n?np.argsort\nimport numpy as np\nnp.argsort?")
    draft.cell("two_stage").source = "%%time\n" + draft.cell("two_stage").source


@broken("scratch cells that raise, and one that asks for Colab's drive")
def scratch(draft):
    draft.insert("from google.colab import drive\ndrive.mount('/content/drive')\nscores = open('/content/drive/scores')")
    draft.insert("1 / 0\nnp.argsort(undefined)\nassert False")


@broken("a module that is not there, which one function needs", lost="1.3")
def missing_module(draft):
    draft.put("two_stage", "return pl.Series(retrieval).top_k(n)", before="import polars_of_mine as pl")


@broken("the notebook is a link to another student's", lost="all")
def link(draft):
    draft.link = f"../../link_target/{NAMES['01']}/{draft.name}"


@broken("a right answer, to which another's notebook links")
def link_target(draft):
    pass


@broken("a folder that is called like a notebook, beside the notebook")
def folder_called_ipynb(draft):
    draft.beside = {f"{NAMES['01']}/scratch.ipynb/notes.txt": b"mine"}
