"""The sandbox, the wire and the records by themselves: what they do when something goes wrong. See also `prove`."""

import concurrent.futures.process
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil
import pytest

from autograder import grade, prove, sandbox, submissions, wire
from autograder.corpus import Bait, Draft, corpus
from autograder.corpus.cheating import LEFT, ONCE, WRITE
from autograder.corpus.trials import unwritable
from autograder.grade import key_of
from autograder.item import LESSONS, find
from autograder.outputs import view
from autograder.records import Records
from autograder.run import run_test
from autograder.runner import Job
from autograder.sandbox import COURSE, Isolation, Limits, Sandbox
from autograder.student import Student, StudentRaised

NAME = "01_two_stages/01_two_stages.ipynb"
RIGHT = COURSE / "solutions" / NAME


# --- what is handed in ---------------------------------------------------------------------------------------------


def found(place: Path) -> dict[str, list[Path]]:
    return submissions.find_submissions(submissions.opened(place, place.parent / "unpacked"))


def test_an_archive_writes_nothing_outside_its_folder_and_makes_no_links(tmp_path):
    archive = tmp_path / "class.zip"
    link = zipfile.ZipInfo("eve/link.ipynb")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(archive, "w") as zipped:
        for name in ("../../ada.ipynb", "/ben/01.ipynb", "cleo/../../../01.ipynb"):
            zipped.writestr(name, RIGHT.read_bytes())
        zipped.writestr(link, "/etc/passwd")
    assert set(found(archive)) == {"ada", "ben", "cleo", "eve"}
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*.ipynb")} == {"unpacked"}


def test_a_second_archive_does_not_mix_with_the_first(tmp_path):
    for student in ("ada", "ben"):
        with zipfile.ZipFile(tmp_path / "class.zip", "w") as zipped:
            zipped.writestr(f"{student}/{NAME}", RIGHT.read_bytes())
        assert set(found(tmp_path / "class.zip")) == {student}


def test_names_that_no_disk_takes_cost_nobody_a_grade(tmp_path):
    """A platform writes its own words before a name that may be as long as a disk takes."""
    names = ["Eve_2_assignsubmission_file_" + "x" * 240 + ".ipynb", "fay/" + "\u4e00" * 120 + ".ipynb", "fay/.hidden/" + "d/" * 2100 + "a.ipynb",
             "gus/a.ipynb", "gus/a.ipynb/b.ipynb", "hal/a.ipynb/b.ipynb", "hal/a.ipynb", "ida/" + "d/" * 2100 + "a.ipynb",
             "Joe_3_assignsubmission_file_Ann_9_assignsubmission_file_.ipynb"]  # fmt: skip
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as zipped:
        for name in ["ada/01.ipynb", *names]:
            zipped.writestr(name, RIGHT.read_bytes())
    students = found(tmp_path / "class.zip")
    assert {name: len(paths) for name, paths in students.items()} == {
        "ada": 1, "Eve_2": 1, "fay": 1, "gus": 2, "hal": 2, "ida": 1, "Joe_3": 1}  # fmt: skip
    for paths in students.values():
        assert all(submissions.read(path).items for path in paths)


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: data.replace(b"serving_cost", b"serving_cusp", 1)])
def test_a_damaged_archive_is_named(tmp_path, damage):
    archive = tmp_path / "class.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr(f"ada/{NAME}", RIGHT.read_bytes())
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(submissions.SubmissionError, match="download it again"):
        found(archive)


def test_moodle_without_folders_links_and_odd_files(tmp_path):
    place = tmp_path / "class"
    (place / "fay/notes.ipynb").mkdir(parents=True)
    shutil.copy(RIGHT, place / "Ada Lovelace_12_assignsubmission_file_mine.ipynb")
    shutil.copy(RIGHT, place / "fay/mine.ipynb")
    os.mkfifo(place / "pipe.ipynb")
    (place / "gus.ipynb").symlink_to(RIGHT)
    (place / "hal").symlink_to(place / "fay")
    students = found(place)
    assert set(students) == {"Ada Lovelace_12", "fay", "gus"}
    assert submissions.student_of(place / "Joe_3_assignsubmission_file_Ann_9_assignsubmission_file_.ipynb", place) == "Joe_3"
    assert [path.name for path in students["fay"]] == ["mine.ipynb"]
    assert "link" in submissions.read(students["gus"][0]).reason
    assert submissions.read(students["fay"][0]).items


def test_what_is_too_large_in_an_archive_keeps_its_row_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "MAX_FILE", 10_000)
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as zipped:
        zipped.writestr(f"ada/{NAME}", RIGHT.read_bytes() + b" " * 10_000)
    [path] = found(tmp_path / "class.zip")["ada"]
    assert "clear its outputs" in submissions.read(path).reason


# --- records -------------------------------------------------------------------------------------------------------


def job(path: Path, seed: int = 7, **limits) -> Job:
    return Job("ada", (str(path),), seed, True, None, Limits(**limits))


def test_a_key_changes_with_the_file_the_checks_the_limits_and_the_isolation(tmp_path, monkeypatch):
    path = tmp_path / "mine.ipynb"
    path.write_bytes(RIGHT.read_bytes())
    keys = [key_of(job(path)), key_of(job(path, call=1))]
    keys.append(key_of(Job("ada", (str(path),), 7, False, None)))
    path.write_bytes(RIGHT.read_bytes() + b" ")
    keys.append(key_of(job(path)))
    monkeypatch.setattr(grade, "_grader_digest", lambda: "another")
    keys.append(key_of(job(path)))
    assert len(set(keys)) == len(keys)
    assert key_of(job(path)) == key_of(job(path, seed=8))


@pytest.mark.parametrize("text", ["", "[1]", "null", '{"key": 3}', '{"key": "k"'])
def test_a_record_that_is_none_is_no_record(tmp_path, text):
    records = Records(tmp_path)
    records.path("ada").write_text(text)
    assert records.get("ada", "k") is None


@pytest.mark.parametrize("student", ["Ada", "아다", "a/b", "..", "x" * 300, "\U00020000" * 80, "-rf", ".hidden", "=1+1", "\udcff", "a\nb"])
def test_any_name_makes_a_record_of_its_own(tmp_path, student):
    records = Records(tmp_path)
    records.put({"student": student, "key": "k", "why": "\ud800"})
    assert records.get(student, "k")["why"] == "\ud800"
    assert records.path(student).parent == tmp_path / "records"


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    assert unwritable(tmp_path, random.Random(0)) == ""


# --- the sandbox ---------------------------------------------------------------------------------------------------


def box_of(cell: str, **limits) -> Sandbox:
    """A sandbox in which a notebook of one cell has run."""
    box = Sandbox(Limits(**limits))
    box.start()
    message = box.ask({"run": "1", "cells": [cell], "functions": ["f"], "skip": []}, 60)
    while "ran" not in message:
        message = box.read(60)
    return box


def call(box: Sandbox, *args):
    return Student(lambda request: box.ask({**request, "notebook": "1"}, 10)).f(*args)


LOOK = """
import os, resource
def f():
    status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines())
    return {"uid": os.getuid(), "environment": dict(os.environ), "init": open_or("/proc/1/environ"),
            "capabilities": [status[name] for name in ("CapPrm", "CapEff", "CapAmb")], "no_new_privs": status["NoNewPrivs"],
            "in": sorted(os.listdir("/in/course/autograder")), "root": sorted(os.listdir("/")),
            "writable": [place for place in ("/", "/in", "/usr", "/dev", "/in/course") if os.access(place, os.W_OK)],
            "interfaces": os.listdir("/proc/sys/net/ipv4/conf"), "processes": [n for n in os.listdir("/proc") if n.isdigit()],
            "files": sorted(int(n) for n in os.listdir("/proc/self/fd"))}
def open_or(path):
    try:
        return open(path).read()
    except OSError:
        return ""
"""


def test_what_can_be_seen_from_inside(monkeypatch, anew):
    monkeypatch.setenv("SECRET_OF_THE_GRADER", "s3cr3t")
    with box_of(LOOK) as box:
        seen = call(box)
    assert seen["uid"] != 0 and set(seen["capabilities"]) == {"0" * 16} and seen["no_new_privs"] == "1"
    assert "s3cr3t" not in json.dumps(seen) and "PYTHONPATH" not in seen["environment"]
    assert seen["in"] == [Path(name).name for name in sorted(sandbox.INSIDE) if name.startswith("autograder")]
    assert not {"checks", "run.py", "report.py", "windows.json", "reference.py"} & set(seen["in"])
    bound = {Path(prefix).parts[1] for prefix in (sys.prefix, sys.base_prefix)}  # the interpreter may lie anywhere
    assert not {"home", "root", "mnt", "var", "run", "boot"} & set(seen["root"]) - bound and seen["writable"] == []
    assert set(seen["interfaces"]) == {"all", "default", "lo"}
    assert len(seen["processes"]) <= 3 and len(seen["files"]) <= 7


def test_boxes_of_two_grading_processes_are_two_users(monkeypatch):
    if os.getuid() != 0:  # an ordinary user's boxes have a user namespace each
        assert "--unshare-user" in sandbox.bwrap(None)
        return
    seen = []
    for pid in (70_001, 70_002):
        monkeypatch.setattr(threading, "get_native_id", lambda pid=pid: pid)
        with box_of("import os\ndef f():\n    return os.getuid()") as box:
            seen.append(call(box))
    assert len(set(seen)) == 2 and 0 not in seen


SPREAD = """
import os
def f():
    try:
        os.sched_setaffinity(0, range(os.cpu_count()))
    except OSError as error:
        return [type(error).__name__, *os.sched_getaffinity(0)]
"""


def test_a_student_stays_on_the_core_of_their_worker(monkeypatch):
    core = max(os.sched_getaffinity(0))
    monkeypatch.setattr(sandbox, "core", core)
    with box_of(SPREAD) as box:
        assert call(box) == ["PermissionError", core]


REFUSED = """
import ctypes, mmap, os, signal, socket
def f():
    one, other = socket.socketpair()
    tries = {
        "descriptors over the wire": lambda: socket.send_fds(one, [b"x"], [0]), "the host of a machine": lambda: socket.socket(40, 1),
        "memory without a name": lambda: os.memfd_create("x"), "shared memory": lambda: mmap.mmap(-1, 4096),
        "children that nobody counts": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
        "another's turn to go": lambda: (ctypes.CDLL(None).prctl(4, 1), open("/proc/self/oom_score_adj", "w").write("0")),
    }
    held = []
    for name, attempt in tries.items():
        try:
            attempt()
        except OSError:
            held.append(name)
    return len(tries) - len(held), mmap.mmap(-1, 4096, mmap.MAP_PRIVATE)[0], signal.signal(signal.SIGUSR1, signal.SIG_IGN)
"""


def test_what_no_honest_answer_asks_of_the_kernel_is_refused():
    with box_of(REFUSED) as box:
        assert call(box) == (0, 0, 0)


def test_workers_take_a_core_each():
    cores = os.sched_getaffinity(0)
    for first in (1, 7):  # where a worker died, a new one has the next number
        assert {grade.core_of(f"SpawnProcess-{first + number}") for number in range(len(cores))} == cores


def test_a_course_inside_of_what_is_bound_is_hidden(monkeypatch):
    monkeypatch.setattr(sandbox, "COURSE", Path("/usr/share/a-course"))
    monkeypatch.setattr(sandbox, "INSIDE", ())
    words = sandbox.bwrap(None)
    assert words[words.index("/usr/share/a-course") - 1] == "--tmpfs"


@pytest.fixture
def anew(monkeypatch):
    """No process that earlier tests have prepared."""
    monkeypatch.setattr(sandbox._Zygote, "_own", threading.local())


def reach(lookout: str) -> str:
    """A cell whose f() says whether that look of the corpus finds anything."""
    look = LEFT[lookout].replace("{{", "{").replace("}}", "}")
    code = f"    def look():\n{textwrap.indent(textwrap.dedent(look), ' ' * 8)}\n{ONCE}"
    return f"import os, socket, stat, sys\ndef breach():\n{code}\ndef f():\n    return breach()"


WALLS = {
    "files": ('_mount("tmpfs", "/tmp"', '_mount("tmpfs", "/dev/shm"'),
    "queues": ("0x08000000 | ", ""),
    "keys in a keyring, where they belong to a user and not to a process": ('"add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),', ""),
    "sockets, and ports of its own machine": ("0x40000000 | ", ""),
    "processes": ("0x02000000 | 0x20000000", "0x02000000"),
    "the process that it was forked from, and those beside it": ("os.setsid()", "pass"),
    "descriptors that it should not hold": ("os.dup2(wire, 0)\n        os.closerange(3, 1024)", "os.dup2(0, 9), os.dup2(wire, 0)"),
    "what was there before it was shut in": ("CLONE_NEWUSER, CLONE_NEWUSER)", "CLONE_NEWUSER, 1)"),
}  # fmt: skip


@pytest.mark.parametrize("wall", LEFT)
def test_students_of_one_prepared_process_do_not_reach_each_other(wall, anew):
    """The first is still there when the second looks, and left what it could; a third comes after both."""
    with box_of(reach(wall)) as first, box_of(reach(wall)) as second:
        assert [call(first), call(second)] == [False, False]
    with box_of(reach(wall)) as third:
        assert call(third) is False


@pytest.mark.parametrize("wall", WALLS)
def test_without_a_wall_they_would(wall, tmp_path, monkeypatch, anew):
    for name in sandbox.INSIDE:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(COURSE / name, tmp_path / name)
    file, (there, instead) = tmp_path / "autograder/zygote.py", WALLS[wall]
    source = file.read_text(encoding="utf-8")
    assert there in source
    file.write_text(source.replace(there, instead, 1), encoding="utf-8")
    monkeypatch.setattr(sandbox, "COURSE", tmp_path)
    with box_of(reach(wall)) as first, box_of(reach(wall)) as second:
        assert call(first) or call(second)


def test_a_box_that_does_not_start_is_nobodys_fault(monkeypatch, anew):
    monkeypatch.setattr(sandbox, "PYTHON", ("/usr/bin/no-such-python",))
    with Sandbox() as box, pytest.raises(Isolation, match="no-such-python"):
        box.start()
    assert box.deaths == []


REWRITES = """
import autograder.autograph
from tensorflow.python.autograph.impl import api
from autograder.item import find
from autograder.reference import reference
from autograder.run import check
from autograder.student import Host
rewrite, rewritten = api._TRANSPILER.transform_ast, []
api._TRANSPILER.transform_ast = lambda node, context: (rewritten.append(node.name), rewrite(node, context))[1]
result = check(find("4.4"), Host(reference("04_retrieval_task")).answer, 5)
print(result.outcome, *rewritten)
"""


def test_what_a_training_traces_is_rewritten_beforehand():
    told = subprocess.run([sys.executable, "-c", REWRITES], cwd=COURSE, capture_output=True, text=True, timeout=300)
    outcome, *rewritten = told.stdout.split()
    assert outcome == "right" and "train_function" in rewritten, told.stderr
    assert not {"call", "update_state"} & set(rewritten)


def test_a_prepared_process_that_ended_is_replaced(anew):
    for _ in range(2):
        with box_of("def f():\n    return 1") as box:
            assert call(box) == 1
        sandbox._tree(sandbox._Zygote._own.zygote._process)[-1].kill()


def test_time_that_ends_while_a_process_starts_ends_one_student_and_no_grading(monkeypatch):
    with Sandbox() as box:
        launch = box._launch
        monkeypatch.setattr(box, "_launch", lambda: (launch(), setattr(box, "_began", -1e9)))
        box.start()
        with pytest.raises(StudentRaised, match="all notebooks"):
            call(box)


def test_a_request_that_nobody_takes_blocks_nothing():
    with box_of("import time\ndef f(*args):\n    return 1", patience=1) as box:
        box.limits = Limits(patience=0.2)
        os.kill(inside(box), 19)  # SIGSTOP
        with pytest.raises(StudentRaised, match="TimeLimit"):
            call(box, "x" * 10_000_000)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_runs_unwatched(monkeypatch):
    with box_of("import time\ndef f():\n    time.sleep(1000)") as box:
        monkeypatch.setattr(Sandbox, "running", property(lambda box: 1 / 0))
        with pytest.raises(StudentRaised, match="ProcessEnded"):
            call(box)


def inside(box: Sandbox) -> int:
    return sandbox._tree(box._process)[-1].pid


HEADLESS = """
import ctypes, os, threading, time
def f():
    threading.Thread(target=time.sleep, args=(100,)).start()
    ctypes.CDLL(None).syscall({"x86_64": 60}.get(os.uname().machine, 93), 0)
"""


def test_a_process_whose_first_thread_ends_has_ended():
    with box_of(HEADLESS) as box, pytest.raises(StudentRaised, match="ProcessEnded"):
        call(box)


HIDDEN = """
import ctypes, os, threading, time
def f():
    if (child := os.fork()) == 0:
        libc = ctypes.CDLL(None)
        libc.prctl(15, b"Threads:\\t1", 0, 0, 0)
        threading.Thread(target=time.sleep, args=(100,)).start()
        libc.syscall({"x86_64": 60}.get(os.uname().machine, 93), 0)
    time.sleep(1.5)
    return os.waitpid(child, os.WNOHANG)[0] == child
"""


def test_a_child_whose_first_thread_has_ended_is_ended_whatever_its_name():
    with box_of(HIDDEN) as box:
        assert call(box) is True


def test_what_was_said_before_the_end_is_still_heard():
    with Sandbox() as box:
        box.start()
        cells = ["x = 1", "import os\ny = os._exit(x)", "def f():\n    return y"]
        heard = [box.ask({"run": "1", "cells": cells, "functions": ["f"], "skip": []}, 60)["cell"]]
        time.sleep(1)
        with pytest.raises(StudentRaised, match="ProcessEnded"):
            while True:
                heard.append(box.read(60)["cell"])
    assert heard == [1, 2, 3, 1, 2]


def test_a_second_zip_of_the_same_notebook_counts_by_its_date(tmp_path):
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as zipped:
        for name, year in (("new", 2026), ("old", 2025)):
            zipped.writestr(zipfile.ZipInfo(f"ada/{name}.ipynb", (year, 1, 2, 3, 4, 6)), RIGHT.read_bytes())
    read = [submissions.read(path) for path in found(tmp_path / "class.zip")["ada"]]
    assert [notebook.path.stem for notebook in submissions.by_age(read)] == ["old", "new"]


def test_a_cell_is_announced_in_few_words(tmp_path):
    notebook = Draft("01", Bait())
    notebook.insert(WRITE + "\nflooded = say(b'{' + about() + b'\"cell\": 1, \"and\": \"' + b'x' * 100_000 + b'\"}\\n')")
    notebook.put("two_stage", "return flooded")
    notebook.write(tmp_path)
    record = grade.grade(job(next(tmp_path.rglob("*.ipynb"))))
    assert "TooMuch" in record["deaths"][0]


SLEEPER = """
from autograder.tests.test_grade import box_of, call
call(box_of("import os, time\\ndef f():\\n    os.fork()\\n    time.sleep(100)"))
"""


def test_nothing_outlives_a_killed_grader():
    grader = subprocess.Popen([sys.executable, "-c", SLEEPER], cwd=COURSE)
    asleep = 5  # bubblewrap, what forks, what waits, the student and a child
    while len(started := psutil.Process(grader.pid).children(recursive=True)) < asleep:
        assert grader.poll() is None
        time.sleep(0.1)
    grader.kill()
    grader.wait()
    assert psutil.wait_procs(started, timeout=20)[1] == []


STOPPED = """
import dataclasses, multiprocessing, os
from autograder.grade import run_all
from autograder.run import run_test
from autograder.runner import Job
for record in run_all([Job("ada", (), 7, True, None)], 2, work=dataclasses.asdict):
    for worker in multiprocessing.active_children():
        os.kill(worker.pid, 19)
"""


def test_a_worker_that_never_ends_holds_up_nobody():
    assert subprocess.run([sys.executable, "-c", STOPPED], cwd=COURSE, timeout=60).returncode == 0


ENDLESS = """
from autograder.runner import _bounded
with _bounded(1):
    {n * (2**61 - 1) for n in range(10**6)}
"""


def test_a_check_that_does_not_end_is_ended_by_the_kernel():
    done = subprocess.run([sys.executable, "-c", ENDLESS], cwd=COURSE, timeout=60)
    assert done.returncode == -signal.SIGALRM


class Deadly(Job):
    """A job that ends whoever takes it."""

    def __reduce__(self):
        return os._exit, (1,)


def test_who_ends_every_worker_is_given_up_and_nobody_else():
    jobs = [kind(name, ("a.ipynb",), 7, True, None) for name, kind in (("eve", Deadly), ("ada", Job), ("bob", Job))]
    records = {record["student"]: record for record in grade.run_all(jobs, 2, work=asdict)}
    assert {name: "unread" in record for name, record in records.items()} == {"eve": True, "ada": False, "bob": False}


def test_a_reply_to_another_request_is_no_reply():
    cell = "import os\ndef f():\n    for n in range(3, 9):\n        try:\n            os.write(n, b'{\"value\": 1}\\n')\n" \
           "        except OSError:\n            pass\n    return 2"  # fmt: skip
    with box_of(cell) as box, pytest.raises(StudentRaised, match="Garbled"):
        call(box)


def test_all_that_a_student_handed_in_has_a_limit_too():
    with box_of("import time\ndef f():\n    time.sleep(.6)", total=1) as box, pytest.raises(StudentRaised, match="all notebooks"):
        for _ in range(5):
            call(box)


def test_whoever_had_all_their_time_gets_nothing_more_and_stops_nobody(tmp_path):
    notebook = Draft("01", Bait())
    notebook.put("serving_cost", "import time\ntime.sleep(2)")
    notebook.write(tmp_path)
    record = grade.grade(job(next(tmp_path.rglob("*.ipynb")), total=1))
    assert [item["score"] for item in record["exercises"][0]["items"]] == [0, 0, 0, 0]
    assert "all notebooks together" in record["deaths"][-1]


@pytest.mark.parametrize(
    "reply",
    [
        {}, {"value": {"handle": [1e400, "x"]}}, {"value": {"float": 10**400}}, {"value": 10**400}, {"raised": 3},
        {"raised": ["E"]}, {"value": {"array": ["<f8", [], "AAAAAAAAAAA="]}}, {"value": {"array": ["(2,)i4,(", [1], ""]}},
        {"value": {"array": ["<f8", [0, 10**40], ""]}}, {"value": {"strings": ["U", [1000], ["x" * 10**6] + [""] * 999]}},
        {"value": {"array": ["<f8", [10**4000] * 900, ""]}}, {"value": {"strings": ["U", [2], [{"handle": [0, "x"]}, ""]]}},
        {"value": {"set": [n * (2**61 - 1) for n in range(100_000)]}}, {"value": {"strings": ["U", [64], ["x" * 10**6] + [""] * 63]}},
        {"value": {"set": [{"list": []}]}}, {"value": {"dict": [[{"list": []}, 1]]}}, {"value": {"strings": ["U", [], ["x"]]}},
    ],
    ids=range(17),
)  # fmt: skip
def test_a_lie_on_the_wire_is_an_exception_of_the_students(reply):
    with pytest.raises(StudentRaised):
        Student(lambda request: reply).f()


def forged(**replies):
    """What answers for a student who made all of it up: a value for each name that is called."""

    def answer(request: dict) -> dict:
        return {"value": wire.encode(replies.get(request.get("call") or request.get("workshop"), wire.Handle(0, "Model")))}

    return answer


def test_no_more_vectors_are_compared_than_were_asked_for(monkeypatch):
    monkeypatch.setattr(np, "isclose", lambda *_, **__: pytest.fail("a million rows with a million rows"))
    many = np.ones((2_000, 1))
    answer = forged(is_model=True, embed=many, weights=[many])
    assert run_test(find("3.1"), "test_the_table_has_one_row_a_word_and_one_more", answer, 0, to_the_end=True).errors


@pytest.mark.parametrize("number, test", [("4.3", "test_both_towers_learn"),
                                          ("4.4", "test_three_epochs_find_as_many_films_as_they_should")])  # fmt: skip
def test_vectors_of_another_shape_are_not_stretched(number, test):
    found = dict.fromkeys(("loss", "top_10", "top_50", "top_100"), 0.5)
    answer = forged(train=[0.0], embed=np.ones((300, 1, 1), np.int8), fit_and_evaluate=found)
    assert run_test(find(number), test, answer, 0).error.got == [[300, 1, 1]] * 2


def test_an_exception_is_cut_to_a_length_that_can_be_shown():
    with pytest.raises(StudentRaised) as caught:
        Student(lambda request: {"raised": ["E" * 10**6, "m" * 10**6, "w" * 10**6]}).f()
    assert len(caught.value.kind + caught.value.message + caught.value.where) < 4_000


@pytest.mark.parametrize("fault", ["fell over", "Unable to allocate 5.00 GiB"])
def test_a_check_that_cannot_judge_costs_its_item_and_says_so(monkeypatch, fault):
    def judge(student):
        np.empty((5, 1 << 30), np.int8) if "GiB" in fault else None
        raise TypeError(fault)

    name, test = next(iter(find("1.3").tests.items()))
    monkeypatch.setitem(find("1.3").tests, name, type(test)(judge, test.points))
    record = grade.grade(job(RIGHT))
    [exercise] = record["exercises"]
    assert {item["item"]: item["score"] for item in exercise["items"]} == {"1.1": 2, "1.2": 2, "1.3": 0, "1.4": 3}
    assert fault in exercise["reason"] and ("Memory" in exercise["reason"]) == ("GiB" in fault)


def as_ordinary_user() -> list[str]:
    """What to put before a command; for root, where closed folders lie above an interpreter, they are opened up to it."""
    if os.getuid() != 0:
        return []
    words, needed = [sandbox.bwrap(None)[0], "--dev-bind", "/", "/"], [sys.base_prefix, sys.prefix, str(COURSE)]
    closed = [next((p for p in reversed(Path(path).parents) if not p.stat().st_mode & 1), None) for path in needed]
    for folder in {folder for folder in closed if folder}:
        words += ["--perms", "0755", "--tmpfs", str(folder)]
    for path, folder in zip(needed, closed):
        if folder:
            for parent in reversed(Path(path).relative_to(folder).parents[:-1]):
                words += ["--perms", "0755", "--dir", str(folder / parent)]
            words += ["--ro-bind", path, path]
    return [*words, "--", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
            "--bounding-set=-all", "--"]  # fmt: skip


GRADE = """
import json, sys
from autograder.runner import Job, grade
from autograder.sandbox import isolation
assert isolation() == "bwrap", "no user namespace can be made here"
record = grade(Job("one", (sys.argv[1],), 7, True, None))
print(json.dumps({item["item"]: item["score"] for exercise in record["exercises"] for item in exercise["items"]}))
"""


@pytest.mark.parametrize("which", ["breach_4", "breach_5", "daemon", "os_exit", "noise", "thread_bomb"])
def test_an_ordinary_user_grades_as_root_does(which):
    [one] = [one for one in corpus() if one.name == which]
    with tempfile.TemporaryDirectory() as folder:
        one.write(Path(folder), Bait(secret="s3cr3t"))
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        [path] = Path(folder).rglob("*.ipynb")
        done = subprocess.run(
            [*as_ordinary_user(), sys.executable, "-B", "-c", GRADE, str(path)], cwd=COURSE, capture_output=True,
            env={"HOME": "/nowhere", "PATH": "/usr/bin:/bin", "PROVE_SECRET": "s3cr3t"}, text=True, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == one.points


class Breaks:
    """A pool whose processes end when they grade an eve, and with them what had not been yielded by then."""

    def __init__(self, *_):
        self.broken = False

    def submit(self, _, job: Job) -> concurrent.futures.Future:
        future = concurrent.futures.Future()
        self.broken |= job.student.startswith("eve")
        if self.broken:
            future.set_exception(concurrent.futures.process.BrokenProcessPool())
        else:
            future.set_result({"student": job.student})
        return future

    def shutdown(self, **_):
        pass


@pytest.mark.parametrize("students", [["eve", *"abcdefgh"], [*"abcd", "eve", *"efgh", "eve 2"]])
def test_who_ends_the_grading_process_ends_no_grading(monkeypatch, students):
    monkeypatch.setattr(concurrent.futures, "ProcessPoolExecutor", Breaks)
    jobs = [Job(student, (f"{student}/01.ipynb",), 7, True, None) for student in students]
    records = {record["student"]: record for record in grade.run_all(jobs, workers=2)}
    assert sorted(records) == sorted(students)
    lost = {student for student, record in records.items() if record.get("unread")}
    assert lost == {student for student in students if student.startswith("eve")}
    assert all(view(records[student], LESSONS)["score"] == 0 and records[student]["key"] == "" for student in lost)


def test_where_every_grading_process_ends_the_grading_does_with_a_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(concurrent.futures, "ProcessPoolExecutor", Breaks)
    jobs = [Job(f"eve {n}", (), 7, True, None) for n in range(9)]
    assert grade.guarded(tmp_path, False, lambda isolated: list(grade.run_all(jobs, workers=1))) == 2
    assert "keep dying" in capsys.readouterr().err


# --- prove ---------------------------------------------------------------------------------------------------------


def test_prove_counts_what_is_wrong(capsys):
    chosen = [one for one in corpus() if one.name in ("os_exit", "noise", "lying_types")]
    record = {"exercises": [{"items": [{"item": "1.1", "score": 2, "details": []}, {"item": "1.3", "score": 3, "details": []}]}],
              "unread": []}  # fmt: skip
    proof = prove.Proof()
    prove.judge(chosen, {one.name: record for one in chosen if one.name != "os_exit"}, proof)
    assert (proof.accepts, proof.rejects, proof.faults) == ([5, 13], [12, 17], [0, 1])
    assert proof.wrong() and "FAULT os_exit" in capsys.readouterr().out


def test_prove_ends_with_its_line(capsys):
    assert prove.main(["--only", "syntax_error", "--workers", "1"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == "false accepts 0/3, false rejects 0/7, mutants 0/0, faults 1/1, lost 0/0, isolation bwrap"


def test_prove_runs_nothing_without_isolation(capsys, monkeypatch):
    monkeypatch.setattr(prove, "isolation", lambda: "none")
    assert prove.main([]) == 2
    assert "nothing of this may be run" in capsys.readouterr().err
