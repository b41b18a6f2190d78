"""Every notebook as Colab runs it: a fresh environment with Colab's versions, a clone, and nothing of ours but the first cell."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from autograder import build
from data import movielens

PINS = Path(__file__).with_name("colab.txt")
NOTEBOOKS = [*sorted(build.ROOT.glob("lessons/*.ipynb")), *sorted(build.ROOT.glob("exercises/*/*.ipynb"))]



def run(*command, cwd=None) -> str:
    return subprocess.run([str(part) for part in command], cwd=cwd, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def colab(tmp_path_factory) -> Path:
    """A folder that stands for /content, with an environment, a kernel of it, and a repository to clone from."""
    place = tmp_path_factory.mktemp("colab")
    uv = [sys.executable, "-m", "uv"]
    found = subprocess.run([*uv, "python", "find", "--no-python-downloads", "3.13"], capture_output=True, text=True)
    version = found.stdout.strip() or sys.executable  # Colab's Python, if there is one here
    run(*uv, "venv", "-q", "--seed", "--no-python-downloads", "--python", version, place / "env", cwd=place)
    python = place / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run(*uv, "pip", "install", "-q", "--compile-bytecode", "--no-deps", "--python", python, "-r", PINS, cwd=place)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "google/colab").mkdir(parents=True)
    (site / "google/colab/__init__.py").write_text("")
    (site / "colab.pth").write_text("import google.colab\n")

    for name in run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=build.ROOT).splitlines():
        if (build.ROOT / name).is_file():
            (place / "origin" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(build.ROOT / name, place / "origin" / name)
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "course"]):
        run("git", *command, cwd=place / "origin")

    kernel = place / "jupyter/kernels/colab/kernel.json"
    kernel.parent.mkdir(parents=True)
    bins = f"{python.parent}:/usr/local/bin:/usr/bin:/bin"
    environment = {"PATH": bins, "TFDS_DATA_DIR": str(movielens.prepare(quiet=True)), "TF_CPP_MIN_LOG_LEVEL": "3"}
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "Colab", "language": "python", "env": environment}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(place / "jupyter"))
        for name in ("TF_USE_LEGACY_KERAS", "PYTHONPATH"):
            patch.delenv(name, raising=False)
        yield place


def as_in_colab(path: Path, place: Path) -> nbformat.NotebookNode:
    """The notebook, with this folder for Colab's, this repository for the published one, and a look at what is there
    before the first cell and after the last."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("/content", str(place)).replace(build.REPOSITORY, (place / "origin").as_uri())
    before = "import sys; assert 'google.colab' in sys.modules and 'tensorflow' not in sys.modules"
    after = "import autograder; print(autograder.__file__)"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(before))
    notebook.cells.append(nbformat.v4.new_code_cell(after))
    return notebook


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.relative_to(build.ROOT).parts[0] + path.stem[2:] for path in NOTEBOOKS])
def test_a_notebook_runs_in_colab(colab, path):
    freeze = [sys.executable, "-m", "uv", "pip", "freeze", "-q", "--python", colab / "env"]
    had = set(run(*freeze, cwd=colab).split())
    notebook = as_in_colab(path, colab)
    NotebookClient(notebook, timeout=300, kernel_name="colab", resources={"metadata": {"path": str(colab)}}).execute()
    assert str(colab / "course") in notebook.cells[-1].outputs[0].text
    new = {line.split("==")[0].lower() for line in had ^ set(run(*freeze, cwd=colab).split())}
    assert new <= {*build.COLAB_LACKS, *build.COLAB_LACKS_FOR.values()}


def test_badges_point_at_their_own_file_on_the_main_branch():
    for path in NOTEBOOKS:
        place = path.relative_to(build.ROOT).as_posix()
        assert f"{build.REPOSITORY.removeprefix('https://github.com/')}/blob/main/{place})" in path.read_text(encoding="utf-8")
