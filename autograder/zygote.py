"""A process that is prepared once, and forks one for each student, shut in as well as a new sandbox would be.

Importing TensorFlow costs more than most gradings. This process, in a sandbox of its own, does it once and never reads
a byte of a student's. What it forks leaves its namespaces, covers every place that could be written to, gives up every
right, and only then reads what `worker.py` reads. So no student's process can see, signal or reach this one, another
student's, or what another student's left behind. See autograder/README.md.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import platform
import socket
import struct
import sys

CLONE_NEWUSER = 0x10000000
# Its own mounts, host name, interprocess communication, network and control groups; what it forks, its own processes.
NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x40000000 | 0x02000000 | 0x20000000
RDONLY, NOSUID, NODEV, NOEXEC, BIND, PRIVATE = 1, 2, 4, 8, 0x1000 | 0x4000, 1 << 18 | 0x4000

# System calls that no honest answer makes, by their numbers on x86_64 and aarch64: new namespaces and their rights,
# keyrings (which outlive a process and belong to a user), other processes' memory, another core, descriptors sent over
# the wire, memory that no process shows, and the corners of the kernel where most faults are found.
REFUSED = {
    "unshare": (272, 97), "setns": (308, 268), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "sched_setaffinity": (203, 122),
    "sendmsg": (46, 211), "sendmmsg": (307, 269), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "vmsplice": (278, 75), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
}  # fmt: skip
# The same of those with an argument: its place, the bits that count, and what these must not be.
REFUSED_IF = {
    "clone": (56, 220, 0, CLONE_NEWUSER, CLONE_NEWUSER), "rt_sigaction, of SIGCHLD": (13, 134, 0, 0xFFFFFFFF, 17),
    "socket, AF_VSOCK": (41, 198, 0, 0xFFFFFFFF, 40), "mmap, shared and of no file": (9, 222, 3, 0x21, 0x21),
}  # fmt: skip
CLONE3 = 435  # has its flags in memory, where no filter looks; the C library then uses clone
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # which of the numbers; the kernel's name for it

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Forks a process for each message {"imports": names, ...options of `worker.serve`} that comes with a socket.

    What is forked answers "ready", or with the reason why it cannot be shut in. Ends with its input.
    """
    sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))
    from autograder import worker

    control = socket.socket(fileno=0)
    while True:
        message, wires, _, _ = socket.recv_fds(control, 1 << 16, 1)
        if not message:
            return
        options = json.loads(message)
        for name in options["imports"]:
            importlib.import_module(name)
        if "tensorflow" in sys.modules:
            from tensorflow.python.eager import context

            assert not context.context()._initialized  # once an op has run it has threads, which a fork loses
        gc.freeze()  # so that a child's collector does not copy what it shares
        if os.fork() == 0:
            _student(control, worker, options, *wires)
        os.close(*wires)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _student(control: socket.socket, worker, options: dict, wire: int) -> None:
    """Never returns. A new process namespace holds what is forked after it was made, so there are two forks."""
    try:
        _check(libc.unshare(NAMESPACES), "unshare")
        if child := os.fork():
            os.closerange(0, 1024)
            os.waitpid(child, 0)
            os._exit(0)
        with open("/proc/self/oom_score_adj", "w") as file:  # of the sandbox around; the student's own cannot be written
            file.write("1000")
        os.setsid()  # a signal to one's own group goes through the walls of a process namespace
        _cover()
        worker.limit(options["limits"])
        if options["core"] is not None:
            os.sched_setaffinity(0, {options["core"]})
        _lock(options["uid"])
        control.send(b"ready")
        os.dup2(wire, 0)
        os.closerange(3, 1024)
        control.detach()
        worker.serve(options)
    except BaseException as error:
        with contextlib.suppress(OSError):
            control.send(f"{type(error).__name__}: {error}".encode()[:1000])
    finally:
        os._exit(1)


def _cover() -> None:
    """Mounts what is this student's alone over what the sandbox shares: its own processes, empty places to write to."""
    _check(libc.mount(None, b"/", None, PRIVATE, None), "make mounts private")
    _mount("proc", "/proc", NOSUID | NODEV | NOEXEC | RDONLY, "")
    kept = {path: os.open(path, os.O_PATH) for path in (sys.base_prefix, sys.prefix) if path.startswith("/tmp/")}
    _mount("tmpfs", "/tmp", NOSUID | NODEV, f"mode=1777,size={512 << 20},nr_inodes=20000")
    for path, place in kept.items():  # an interpreter that lies there is bound again
        os.makedirs(path, exist_ok=True)
        _check(libc.mount(f"/proc/self/fd/{place}".encode(), path.encode(), None, BIND, None), f"bind {path}")
    _mount("tmpfs", "/dev/shm", NOSUID | NODEV, f"mode=1777,size={128 << 20},nr_inodes=20000")
    _mount("tmpfs", "/dev/pts", NOSUID | NODEV | NOEXEC | RDONLY, "mode=0,size=4k")  # terminals could be shared
    os.chdir("/tmp")


def _lock(uid: int | None) -> None:
    """Becomes that user, if one is given, and gives up every right for good. Raises OSError."""
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    no_rights = struct.pack("6I", *[0] * 6)
    _check(libc.capset(struct.pack("Ii", 0x20080522, 0), no_rights), "give up capabilities")
    _check(libc.prctl(38, 1, 0, 0, 0), "never gain rights")
    program = ctypes.create_string_buffer(_filter())
    what = struct.pack("HP", len(program) // 8, ctypes.addressof(program))
    _check(libc.prctl(22, 2, what, 0, 0), "refuse system calls")


def _filter() -> bytes:
    """A seccomp program: REFUSED and REFUSED_IF fail with EPERM, all else is allowed."""
    which, machine = MACHINES[platform.machine()]
    load, equal, at_least, bits, ret = 0x20, 0x15, 0x35, 0x54, 0x06
    allow, kill, eperm, enosys = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
    lines = [(load, 0, 0, 4), (equal, 1, 0, machine), (ret, 0, 0, kill), (load, 0, 0, 0)]
    refused = [(equal, numbers[which], eperm) for numbers in REFUSED.values()]
    for test, number, verdict in [(at_least, 1 << 30, eperm), (equal, CLONE3, enosys), *refused]:
        lines += [(test, 0, 1, number), (ret, 0, 0, verdict)]
    for *numbers, place, mask, value in REFUSED_IF.values():
        lines += [(equal, 0, 5, numbers[which]), (load, 0, 0, 16 + 8 * place), (bits, 0, 0, mask), (equal, 0, 1, value),
                  (ret, 0, 0, eperm), (ret, 0, 0, allow)]  # fmt: skip
    return b"".join(struct.pack("HBBI", *line) for line in [*lines, (ret, 0, 0, allow)])


def _mount(kind: str, place: str, flags: int, how: str) -> None:
    _check(libc.mount(kind.encode(), place.encode(), kind.encode(), flags, how.encode()), f"mount {place}")


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
