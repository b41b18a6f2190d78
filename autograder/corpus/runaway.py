"""Runaway: code that does not come to an end, or takes what there is with it. The other items keep their points."""

from autograder.corpus import kind

runaway = kind("runaway")


@runaway("an endless loop in one function", lost="1.3")
def endless_function(draft):
    draft.put("two_stage", "while True:\n    pass")


@runaway("an endless loop in the cell that defines a function", lost="1.4")
def endless_cell(draft):
    draft.put("recall_curve", "return TABLE[0]", before="TABLE = [0]\nwhile True:\n    TABLE.append(TABLE.pop())")


@runaway("a loop that swallows every exception and every signal", lost="1.3")
def deaf_loop(draft):
    draft.put("two_stage", """\
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    try:
        while True:
            pass
    except BaseException:
        pass""")  # fmt: skip


@runaway("more cells than anybody writes, to keep whoever looks for functions busy", lost="all", slow=True)
def cells_without_end(draft):
    cell = '{"cell_type": "code", "source": "def two_stage(): 0"}, '
    draft.raw = draft.text().encode().replace(b'"cells": [', b'"cells": [' + cell.encode() * 780_000, 1)


@runaway("a deadlock: it waits, and uses no time of the processor", lost="1.3", slow=True)
def deadlock(draft):
    draft.put("two_stage", "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()")


@runaway("a memory bomb", lost="1.3", slow=True)
def memory_bomb(draft):
    draft.put("two_stage", "taken = []\nwhile True:\n    taken.append(bytearray(64 << 20))")


@runaway("a memory bomb of many processes, each of them small", lost="1.3", slow=True)
def memory_bombs(draft):
    draft.put("two_stage", """\
import os, time
for _ in range(100):
    if os.fork() == 0:
        taken = bytearray(b"x" * (200 << 20))
        time.sleep(1_000)
time.sleep(1_000)""")  # fmt: skip


@runaway("vectors of a shape that takes 20 GB of the grader's memory to compare", lost="4.4", lesson="04", slow=True)
def memory_of_the_grader(draft):
    draft.put("fit_and_evaluate", """\
import numpy as np
from autograder import workshop
workshop.embed = lambda tower, words: np.ones((80_000, 1, 1), np.int8)
return {"loss": 1.0, "top_10": 0.1, "top_50": 0.1, "top_100": 0.1}""")  # fmt: skip


@runaway("a fork bomb", lost="1.3", slow=True)
def fork_bomb(draft):
    draft.put("two_stage", "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass")


@runaway("a chain of processes, each of which starts the next and dies", lost="1.3", slow=True)
def fork_chain(draft):
    draft.put("two_stage", "import os\nwhile True:\n    if os.fork():\n        os._exit(0)")


@runaway("threads until there are no more", lost="1.3")
def thread_bomb(draft):
    draft.put("two_stage", """\
import threading, time
while True:
    threading.Thread(target=time.sleep, args=[1_000]).start()""")  # fmt: skip


@runaway("files until the disk is full", lost="1.3")
def disk_filler(draft):
    draft.put("two_stage", """\
for place in ("/tmp", "/dev/shm", "/dev", "/in", "."):
    number = 0
    while True:
        try:
            with open(f"{place}/{number}", "wb") as file:
                for _ in range(64):
                    file.write(bytes(1 << 20))
        except OSError:
            break
        number += 1
raise MemoryError("every place is full")""")  # fmt: skip


@runaway("a million lines of output, and its answers are right")
def chatter(draft):
    draft.put("serving_cost", "print('all work and no play\\n' * 1_000_000)\n" + body(draft, "serving_cost"))


@runaway("a flood on every pipe it holds", lost="1.3")
def pipe_flood(draft):
    draft.put("two_stage", """\
import os, stat
while True:
    for number in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                os.write(number, b"x" * 65_536)
        except OSError:
            pass""")  # fmt: skip


@runaway("it leaves at once: os._exit, in the middle of a call", lost="1.3")
def os_exit(draft):
    draft.put("two_stage", "import os\nos._exit(0)")


@runaway("sys.exit, in a call and in a cell; the answers around it are right", lost="1.3")
def sys_exit(draft):
    draft.put("two_stage", "import sys\nsys.exit(0)")
    draft.insert("import sys\nwaste = sys.exit(0)")


@runaway("an exception that is none of Exception's", lost="1.3")
def base_exception(draft):
    draft.put("two_stage", "raise KeyboardInterrupt")


@runaway("a segmentation fault", lost="1.3")
def segfault(draft):
    draft.put("two_stage", "import ctypes\nreturn ctypes.string_at(0)")


@runaway("recursion without an end, and without Python's own limit", lost="1.3")
def recursion(draft):
    draft.put("two_stage", "import sys\nsys.setrecursionlimit(10**9)\nreturn two_stage(retrieval, ranking, k, n)")


@runaway("it asks the teacher for input", lost="1.3")
def asks_for_input(draft):
    draft.put("two_stage", "return eval(input('films? '))")


@runaway("one C call that no signal of Python's interrupts", lost="1.3")
def long_c_call(draft):
    draft.put("two_stage", "return len(str(10 ** 10 ** 9))")


@runaway("right answers, and then a thread and an exit handler that hang")
def hang_at_exit(draft):
    draft.insert("""\
import atexit, threading, time
def hang():
    while True:
        time.sleep(1_000)
atexit.register(hang)
thread = threading.Thread(target=hang)
thread.start()""")  # fmt: skip
    draft.put("serving_cost", f"assert thread and atexit\n{body(draft, 'serving_cost')}")


@runaway("right answers, and a daemon of its own session that outlives the run")
def daemon(draft):
    draft.insert("""\
import os, time
def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(3, 64):
                try:
                    os.close(number)
                except OSError:
                    pass
            os.execv("/usr/bin/env", ["left-behind-by-a-student", "sleep", "1000"])
        os._exit(0)
    return True
started = daemon()""")  # fmt: skip
    draft.put("serving_cost", f"assert started\n{body(draft, 'serving_cost')}")


@runaway("it kills every process it may", lost="1.3")
def kills_all(draft):
    draft.put("two_stage", """\
import os, signal
for number in [-1, os.getppid(), 1, *range(2, 500)]:
    try:
        os.kill(number, signal.SIGKILL)
    except OSError:
        pass""")  # fmt: skip


def body(draft, function: str) -> str:
    """The reference's body."""
    lines = draft.right(function).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("def ")) + 1
    return "\n".join(line.removeprefix("    ") for line in lines[start:])
