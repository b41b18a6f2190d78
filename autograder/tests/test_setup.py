"""Set-up: course.py, requirements.lock and environment.yml.

course.py is copied into a folder of its own, with a lock that asks for nothing, so that a real .venv takes a
moment. Tests marked `network` ask the package index.
"""

import ast
import errno
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from unittest.mock import Mock

import pytest
import yaml
from packaging.requirements import Requirement
from uv import find_uv_bin

from autograder import environment

ROOT = Path(__file__).resolve().parents[2]
UV = find_uv_bin()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = environment.pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))

# Stands in for autograder, data.movielens, pytest and jupyterlab: says how it was called.
STUB = """
import os, shutil, sys
print(__spec__.name, sys.argv[1:], os.path.basename(os.getcwd()), sys.flags.utf8_mode, flush=True)
assert os.path.samefile(shutil.which("python"), sys.executable) and "PYTHONPATH" not in os.environ
sys.exit(7 if "fail" in sys.argv else 0)
"""


def load(folder: Path):
    spec = importlib.util.spec_from_file_location("course_under_test", folder / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A course of stubs, with uv on the PATH."""
    folder = tmp_path / "course"
    for stub in "autograder/__main__.py", "data/movielens.py", "pytest.py", "jupyterlab.py":
        (folder / stub).parent.mkdir(parents=True, exist_ok=True)
        (folder / stub).write_text(STUB)
    (folder / "requirements.lock").write_text("# nothing\n")
    shutil.copy(ROOT / "course.py", folder)
    monkeypatch.setenv("PATH", os.path.dirname(UV) + os.pathsep + os.environ["PATH"])
    return folder


@pytest.fixture
def course(folder, monkeypatch):
    """Its course.py as a module. Leaves pip out, which would take most of the time."""
    course = load(folder)
    monkeypatch.setattr(course, "find_spec", lambda name: None)
    return course


def call(folder: Path, *arguments: str, **options) -> subprocess.Popen:
    """Starts its course.py from a folder beside it, where a student's notebook may lie."""
    (desk := folder.with_name("desk")).mkdir(exist_ok=True)
    options = dict(cwd=desk, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    return subprocess.Popen([sys.executable, str(folder / "course.py"), *arguments], **options)


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


# ---- Pythons


def test_pythons_are_those_of_the_project(course):
    low, high = (int(minor) for minor in re.findall(r"3\.(\d+)", PROJECT["requires-python"]))
    assert course.PYTHONS == [f"3.{minor}" for minor in range(high - 1, low - 1, -1)]


def test_python_3_6_can_read_the_file():
    ast.parse((ROOT / "course.py").read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 6, 9), (3, 10, 0), (3, 14, 1)])
def test_wrong_python_is_told_what_to_install_and_type(course, monkeypatch, tmp_path, version):
    monkeypatch.setattr(course.sys, "version_info", version)
    monkeypatch.setattr(course.sys, "argv", ["course.py", "start"])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as end:
        course.main("start")
    assert f"3.11 to 3.13; this is 3.{version[1]}." in end.value.code
    assert end.value.code.endswith("python3.13 course.py start")


def test_wrong_python_hands_over_to_a_right_one(course, monkeypatch, tmp_path, capfd):
    script(tmp_path / "python3.13", "exit 127")  # as pyenv's, for a Python that is not chosen
    script(tmp_path / "python3.12", 'case "$1" in -c) ;; *) echo 3.12 runs "${1##*/}" "$2"; exit 3 ;; esac')
    monkeypatch.setattr(course.sys, "version_info", (3, 9, 0))
    monkeypatch.setattr(course.sys, "argv", ["course.py", "start"])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as end:
        course.main("start")
    said = capfd.readouterr().out
    assert end.value.code == 3 and "going on with python3.12" in said and "3.12 runs course.py start" in said


def test_python_without_venv_is_told_the_package(course, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="sudo apt install python3-venv"):
        course.set_up()


# ---- .venv: made once, mended when it must be


def new_lock(course):
    course.LOCK.write_text("# another\n")


def no_stamp(course):
    course.STAMP.unlink()


def empty_stamp(course):
    course.STAMP.write_text("")


def no_python(course):
    course.PYTHON.unlink()


def dying_python(course):
    course.PYTHON.unlink()
    script(course.PYTHON, "exit 1")


def upgraded_python(course):
    course.PYTHON.unlink()
    script(course.PYTHON, f"echo {course.ENV}/lib/python3.99/site-packages")


def lost_packages(course):
    shutil.rmtree(next(course.ENV.glob("lib/python3.*/site-packages")))


def lost_package(course):
    next(course.ENV.glob("lib/python3.*/site-packages/course.pth")).unlink()


def only_a_file(course):
    shutil.rmtree(course.ENV)
    course.ENV.write_text("")


def dangling_link(course):
    shutil.rmtree(course.ENV)
    course.ENV.symlink_to("nowhere")


DAMAGES = [new_lock, no_stamp, empty_stamp, no_python, dying_python, upgraded_python, lost_package,
           lost_packages, only_a_file, dangling_link]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_seen_and_mended(course, damage):
    course.set_up()
    assert course.whole()
    damage(course)
    assert not course.whole()
    course.set_up()
    assert course.whole()


def test_whole_environment_is_left_alone(course, monkeypatch):
    course.set_up()
    (course.ENV / "mine").write_text("")
    made = course.STAMP.stat().st_mtime_ns
    monkeypatch.setattr(course.shutil, "disk_usage", None)  # would break a second build
    course.set_up()
    assert (course.ENV / "mine").exists() and course.STAMP.stat().st_mtime_ns == made


def test_moved_folder_is_seen(course, folder):
    course.set_up()
    moved = load(folder.rename(folder.with_name("elsewhere")))
    assert moved.PYTHON.exists() and not moved.whole()


def test_interrupted_removal_is_seen(course, monkeypatch):
    course.set_up()
    lock = course.LOCK.read_bytes()
    new_lock(course)
    with monkeypatch.context() as interrupted, pytest.raises(KeyboardInterrupt):
        interrupted.setattr(course.shutil, "rmtree", Mock(side_effect=KeyboardInterrupt))
        course.set_up()
    course.LOCK.write_bytes(lock)
    assert not course.whole()


def test_uv_does_not_read_the_settings_for_the_lock(course, folder, monkeypatch, capfd):
    (folder / "pyproject.toml").write_text("[tool.uv]\nrequired-version = '==0.0.1'\n")
    monkeypatch.chdir(folder)
    course.set_up()
    assert "0.0.1" not in capfd.readouterr().out


def test_killed_set_up_begins_again(folder, tmp_path):
    started = tmp_path / "started"
    script(tmp_path / "uv", f'[ "$1" = --version ] || {{ touch "{started}"; exec sleep 60; }}')
    env = dict(os.environ, PATH=f"{tmp_path}:{os.environ['PATH']}")
    killed = call(folder, "x", env=env, start_new_session=True)
    while not started.exists():
        assert killed.poll() is None, killed.stdout.read()
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    course = load(folder)
    assert course.PYTHON.exists() and not course.whole()
    # Its installer lives on and would write into the next .venv: so the next set-up waits for it.
    waiting = call(folder, "x")
    assert "waiting" in waiting.stdout.readline()
    os.killpg(killed.pid, signal.SIGKILL)
    waiting.communicate()
    assert waiting.returncode == 0 and course.whole()


def test_two_at_once_make_one(folder):
    both = [call(folder, "x") for _ in range(2)]
    said = "".join(one.communicate()[0] for one in both)
    assert [one.returncode for one in both] == [0, 0]
    assert said.count("The environment is ready") == 1 and said.count("autograder.__main__ ['x']") == 2


# ---- troubles: one sentence, with the way out


@pytest.mark.parametrize(("last_words", "sentence"), [
    ("OSError: [Errno 28] No space left on device", "The disk ran full"),
    ("There is not enough space on the disk. (os error 112)", "The disk ran full"),
    ("invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"),
    ("SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "SSL_CERT_FILE"),
    ("NewConnectionError('...: Failed to establish'\nNo matching distribution found for uv", "no network"),
    ("client error (Connect)\ndns error\nfailed to lookup address information", "no network"),
    ("Because tensorflow==2.21.0 has no wheels with a matching platform tag", "no build for this computer"),
    ("The system cannot find the path specified. (os error 3)", "too long for Windows"),
])
def test_installer_that_fails_is_understood(course, last_words, sentence):
    with pytest.raises(SystemExit, match=re.escape(sentence)):
        course.run("Trying", sys.executable, "-c", f"print({last_words!r}); raise SystemExit(2)")


def test_installer_that_fails_otherwise_is_only_reported(course, capfd):
    assert not course.run("Trying", sys.executable, "-c", "print('out of luck'); raise SystemExit(2)")
    assert "out of luck" in capfd.readouterr().out


def test_no_network(course, monkeypatch):
    course.LOCK.write_text("iniconfig==2.0.0 --hash=sha256:" + 64 * "0" + "\n")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")  # nobody listens on the discard port
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    with pytest.raises(SystemExit, match="no network"):
        course.set_up()
    assert not course.whole()


def test_disk_too_small(course, monkeypatch):
    monkeypatch.setattr(course.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9e9, 8e9, 1e9))
    with pytest.raises(SystemExit, match="needs 4 GB and 1.0 GB are free"):
        course.set_up()


@pytest.mark.parametrize(("code", "sentence"), [(errno.ENOSPC, "disk ran full"), (errno.EACCES, "not yours")])
def test_system_that_refuses(course, monkeypatch, code, sentence):
    monkeypatch.setattr(course.venv, "create", Mock(side_effect=OSError(code, "refused", "a/file")))
    with pytest.raises(SystemExit, match=sentence):
        course.set_up()


def test_every_way_out_ends_with_the_command(course, monkeypatch):
    monkeypatch.setattr(course.sys, "argv", ["course.py", "start", "--no-lab"])
    with pytest.raises(SystemExit, match=r"Make room, then type again:  python.* course.py start --no-lab$"):
        course.stop(course.DISK_FULL)


# ---- handing over


@pytest.mark.parametrize(("arguments", "code", "called"), [
    ("start --no-lab", 0, ["autograder.__main__ ['start'] course 1"]),
    ("start", 0, ["autograder.__main__ ['start'] course 1",
                  "jupyterlab ['--ServerApp.root_dir=.', 'lessons/01_two_stages.ipynb'] course 1"]),
    ("test -k x", 0, ["data.movielens [] course 1", "pytest ['-k', 'x'] course 1"]),
    ("start fail", 7, ["autograder.__main__ ['start', 'fail'] course 1"]),
    ("test fail", 7, ["data.movielens [] course 1", "pytest ['fail'] course 1"]),
    ("check my.ipynb", 0, ["autograder.__main__ ['check', 'my.ipynb'] desk 1"]),
])
def test_hands_over(course, folder, arguments, code, called):
    course.set_up()
    process = call(folder, *arguments.split(), env=dict(os.environ, PYTHONPATH="elsewhere"))
    assert process.communicate()[0].splitlines() == called and process.returncode == code


# ---- the lock and environment.yml


def test_lock_is_hashed_and_names_no_host():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    requirements = lock.replace("\\\n", " ").splitlines()[2:]
    hashed = r"[\w.-]+==[^ ]+ (; .+?)? +(--hash=sha256:[0-9a-f]{64} *)+"
    assert len(requirements) == len(PINS) and all(re.fullmatch(hashed, line) for line in requirements)
    assert "://" not in lock and "index" not in lock


def test_lock_has_every_dependency():
    locked = dict(pin.split(" ")[0].split("==") for pin in PINS)
    for dependency in map(Requirement, PROJECT["dependencies"]):
        assert dependency.specifier.contains(locked[dependency.name], prereleases=True)


def test_environment_yml_has_the_same_pins():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, listed = conda["dependencies"]
    assert python == "python " + PROJECT["requires-python"] and pip == "pip"
    assert listed == {"pip": ["-e .", *PINS]}


def test_stale_environment_yml_is_refused(monkeypatch, tmp_path, capsys):
    assert environment.main(["--check"]) == 0
    for name in "pyproject.toml", "requirements.lock":
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    assert environment.main(["--check"]) == 1
    assert "python -m autograder environment" in capsys.readouterr().err
    assert environment.main([]) == 0 and environment.main(["--check"]) == 0
    with open(tmp_path / "requirements.lock", "a") as lock:
        lock.write("another==1.0\n")
    assert environment.main(["--check"]) == 1


@pytest.mark.network
def test_lock_is_what_the_project_asks_for(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    lock = Path(shutil.copy(ROOT / "requirements.lock", tmp_path))
    (command,) = re.findall(r"uv (pip compile .+)", lock.read_text().splitlines()[1])
    subprocess.run([UV, *command.split(), "--quiet"], cwd=tmp_path, check=True)
    assert environment.pins(lock.read_text()) == PINS


@pytest.mark.network
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("platform", ["aarch64-apple-darwin", "x86_64-pc-windows-msvc"])
def test_lock_has_a_build_of_everything(platform, python, tmp_path):
    there = ["--python-platform", platform, "--python-version", python, "--target", tmp_path]
    lock = ["--no-deps", "--require-hashes", "-r", ROOT / "requirements.lock"]
    subprocess.run([UV, "pip", "install", "--quiet", "--dry-run", *there, *lock], cwd=tmp_path, check=True)


@pytest.mark.network
def test_environment_yml_installs(tmp_path):
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"][-1]["pip"]
    (tmp_path / "list.txt").write_text("\n".join(listed))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    python = tmp_path / "env/bin/python"
    install = [UV, "pip", "install", "-q", "--no-deps", "--python", python, "-r", tmp_path / "list.txt"]
    subprocess.run(install, cwd=ROOT, check=True)  # in ROOT, as conda's pip is, for `-e .`
    freeze = subprocess.check_output([UV, "pip", "freeze", "--python", python], cwd=tmp_path, text=True)
    requirements = [Requirement(pin) for pin in PINS]
    expected = {f"{r.name}{r.specifier}" for r in requirements if not r.marker or r.marker.evaluate()}
    assert {line for line in freeze.splitlines() if "==" in line} == expected
    subprocess.run([python, "-c", "import autograder, data"], cwd=tmp_path, check=True)
