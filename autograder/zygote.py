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

# System calls that no honest answer makes: new namespaces and their rights, keyrings (which outlive a process and
# belong to a user), other processes' memory, another core, and the corners of the kernel where most faults are found.
REFUSED = "unshare setns add_key request_key keyctl ptrace process_vm_readv process_vm_writev sched_setaffinity bpf " \
          "perf_event_open userfaultfd io_uring_setup".split()  # fmt: skip
# The kernel's own number for the machine, then those of clone, clone3, and REFUSED in its order.
NUMBERS = {
    "x86_64": (0xC000003E, 56, 435, (272, 308, 248, 249, 250, 101, 310, 311, 203, 321, 298, 323, 425)),
    "aarch64": (0xC00000B7, 220, 435, (97, 268, 217, 218, 219, 117, 270, 271, 122, 280, 241, 282, 425)),
}

libc = ctypes.CDLL(None, use_errno=True)


def main(course: str) -> None:
    """Forks a process for each message {"imports": names, ...options of `worker.serve`} that comes with a socket.

    What is forked answers "ready", or with the reason why it cannot be shut in. Ends with its input.
    """
    sys.path.insert(0, course)
    from autograder import worker

    os.chdir("/")
    control = socket.socket(fileno=0)
    while True:
        message, wires, _, _ = socket.recv_fds(control, 1 << 16, 1)
        if not message:
            return
        options = json.loads(message)
        for name in options["imports"]:
            importlib.import_module(name)
        if "tensorflow" in sys.modules:
            _tensorflow_is_untouched()
        gc.freeze()  # so that a child's collector does not copy what it shares
        if os.fork() == 0:
            _student(control, worker, options, *wires)
        os.close(*wires)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _tensorflow_is_untouched() -> None:
    """Raises RuntimeError if an op has run: TensorFlow has threads then, which a fork does not take along."""
    from tensorflow.python.eager import context

    if context.context()._initialized:
        raise RuntimeError("TensorFlow has run already: it cannot be forked any more")


def _student(control: socket.socket, worker, options: dict, wire: int) -> None:
    """Never returns. A new process namespace holds what is forked after it was made, so there are two forks."""
    try:
        _check(libc.unshare(NAMESPACES), "unshare")
        if child := os.fork():
            os.closerange(0, 1024)
            os.waitpid(child, 0)
            os._exit(0)
        os.setsid()  # a signal to one's own group goes through the walls of a process namespace
        _cover(options["tmp"])
        worker.limit(options)
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


def _cover(size: int) -> None:
    """Mounts what is this student's alone over what the sandbox shares: its own processes, empty places to write to."""
    _check(libc.mount(None, b"/", None, PRIVATE, None), "make mounts private")
    _mount("proc", "/proc", NOSUID | NODEV | NOEXEC, "")
    kept = {path: os.open(path, os.O_PATH) for path in (sys.base_prefix, sys.prefix) if path.startswith("/tmp/")}
    _mount("tmpfs", "/tmp", NOSUID | NODEV, f"mode=1777,size={size}")
    for path, place in kept.items():  # an interpreter that lies there is bound again
        os.makedirs(path, exist_ok=True)
        _check(libc.mount(f"/proc/self/fd/{place}".encode(), path.encode(), None, BIND, None), f"bind {path}")
    _mount("tmpfs", "/dev/shm", NOSUID | NODEV, f"mode=1777,size={128 << 20}")
    _mount("tmpfs", "/dev/pts", NOSUID | NODEV | NOEXEC | RDONLY, "mode=0,size=4k")  # terminals could be shared
    os.chdir("/tmp")


def lock(uid: int | None) -> None:
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
    """A seccomp program: REFUSED and new user namespaces fail with EPERM, all else is allowed."""
    machine, clone, clone3, refused = NUMBERS[platform.machine()]
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill, eperm, enosys = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
    lines = [(load, 0, 0, 4), (equal, 1, 0, machine), (give, 0, 0, kill), (load, 0, 0, 0)]
    for test, number, verdict in [(at_least, 1 << 30, eperm), *((equal, n, eperm) for n in refused), (equal, clone3, enosys)]:
        lines += [(test, 0, 1, number), (give, 0, 0, verdict)]  # enosys: the C library then uses clone
    lines += [(equal, 1, 0, clone), (give, 0, 0, allow), (load, 0, 0, 16), (any_bit, 0, 1, CLONE_NEWUSER),
              (give, 0, 0, eperm), (give, 0, 0, allow)]  # fmt: skip
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def _mount(kind: str, place: str, flags: int, how: str) -> None:
    _check(libc.mount(kind.encode(), place.encode(), kind.encode(), flags, how.encode()), f"mount {place}")


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main(sys.argv[1])
