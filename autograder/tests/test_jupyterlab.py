"""An exercise in JupyterLab, in a real browser, as a student works on it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Error, expect

from autograder import build

EXERCISE = build.ROOT / "exercises/01_two_stages/01_two_stages.ipynb"
FIRST_TRY = """def serving_cost(n_items, k, t_retrieve, t_rank):
    one, two = n_items * t_rank, k * t_retrieve + k * t_rank
    return {"one": one, "two": two, "speedup": one / two}"""
SECOND_TRY = FIRST_TRY.replace("k * t_retrieve", "n_items * t_retrieve")


class Notebook:
    """A notebook open in JupyterLab."""

    def __init__(self, page):
        self.page = page

    def cell(self, text: str):
        return self.page.locator(".jp-CodeCell").filter(has_text=text).first

    def run(self, text: str, instead: str | None = None):
        """Runs the cell that holds the text, with other contents if given; returns its outputs."""
        cell = self.cell(text)
        cell.locator(".cm-content").click()
        if instead is not None:
            self.page.keyboard.press("ControlOrMeta+a")
            self.page.keyboard.insert_text(instead)
        self.page.keyboard.press("Shift+Enter")
        return cell.locator(".jp-OutputArea")


@pytest.fixture
def notebook(tmp_path, browser):
    shutil.copy(EXERCISE, tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                   "JUPYTER_CONFIG_DIR": str(tmp_path / "settings"), "JUPYTER_DATA_DIR": str(tmp_path / "data")}  # fmt: skip
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ServerApp.token=t",
               f"--port={port}", f"--ServerApp.root_dir={tmp_path}"]  # fmt: skip
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=nowhere, stderr=nowhere) as lab:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    page.goto(f"http://127.0.0.1:{port}/lab/tree/{EXERCISE.name}?token=t")
                    break
                except Error:
                    assert time.monotonic() < deadline and lab.poll() is None, "JupyterLab did not come up"
                    time.sleep(0.5)
            expect(page.get_by_text("| Idle")).to_be_visible(timeout=60_000)
            yield Notebook(page)
        finally:
            page.close()
            lab.terminate()


def test_a_wrong_answer_is_told_its_mistake_then_the_right_one_counts(notebook):
    notebook.run("# Run me first")
    notebook.run("import numpy as np")
    report = notebook.run('check("1.1")')
    expect(report).to_contain_text("not attempted", timeout=60_000)
    notebook.run("def serving_cost", instead=FIRST_TRY)
    report = notebook.run('check("1.1")')
    expect(report).to_contain_text("wrong: k films retrieved", timeout=60_000)
    expect(report).to_contain_text("Your first stage scores only k films")
    notebook.run("def serving_cost", instead=SECOND_TRY)
    report = notebook.run('check("1.1")')
    expect(report).to_contain_text("1.1 serving_cost — right", timeout=60_000)
    expect(notebook.run("progress()")).to_contain_text("1 of 4 items right, 2 of 10 points", timeout=60_000)
