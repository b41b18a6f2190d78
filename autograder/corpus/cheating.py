"""Cheating: full marks without the answer.

Three ways to be sure that an attack is one. `trophy`: the attack knows the right answers, and gives them only if it got
through; so its points say whether it did. A breach that succeeds looks and does no harm: it asks whether it could write,
it sends signal 0. `replay`: every answer of the reference, remembered from one grading, is given again. `forged`: what
the process says to the grader is replaced.
"""

import base64
import functools
import json
import textwrap

import numpy as np

from autograder.corpus import NAMES, kind, submission
from autograder.item import items
from autograder.reference import reference
from autograder.run import check
from autograder.student import Host

cheating = kind("cheating")


# --- getting out ---------------------------------------------------------------------------------------------------

BREACHES = {
    "the solution, read from disk": """\
    for place in ("{course}", "/proc/1/root{course}", "/proc/1/cwd", "/in/course", ".", "..", "/"):
        if os.path.exists(place + "/solutions/01_two_stages/01_two_stages.py"):
            return True""",
    "the checks, imported: they hold right answers": """\
    for place in ("{course}", "/in/course"):
        sys.path.insert(0, place)
        import autograder
        autograder.__path__.append(place + "/autograder")
        try:
            from autograder.item import find
            return find("1.1").alternatives
        except ImportError:
            pass""",
    "another student's submission, and the records": """\
    for place in ("{out}", "/proc/1/root{out}", "/proc/self/root{out}"):
        if os.path.exists(place):
            return os.listdir(place)""",
    "a secret in the grader's environment": """\
    for number in ["self", *range(1, 100), os.getppid()]:
        try:
            if b"{secret}" in open(f"/proc/{{number}}/environ", "rb").read():
                return True
        except OSError:
            pass
    return "{secret}" in os.environ.values()""",
    "the memory of a process that is not its own": """\
    for number in filter(str.isdigit, os.listdir("/proc")):
        if number != str(os.getpid()):
            try:
                with open(f"/proc/{{number}}/maps") as maps, open(f"/proc/{{number}}/mem", "rb", 0) as memory:
                    memory.seek(int(next(line for line in maps if "r" in line.split()[1]).split("-")[0], 16))
                    if "python" in open(f"/proc/{{number}}/comm").read():
                        return memory.read(16)
            except OSError:
                pass""",
    "the reins of a process that is not its own": """\
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    for number in (1, os.getppid()):
        if libc.ptrace(0x4206, number, 0, 0) == 0 and "python" in open(f"/proc/{{number}}/comm").read():
            return True""",
    "files of the grader's that it inherited": """\
    sockets = set()  # its own wire is one
    for number in range(0, 1024):
        try:
            held = os.fstat(number)
        except OSError:
            continue
        if stat.S_ISDIR(held.st_mode) or stat.S_ISREG(held.st_mode):
            return True
        if stat.S_ISSOCK(held.st_mode):
            sockets.add(held.st_ino)
    return len(sockets) > 1""",
    "the network: a listener on the grader's machine": """\
    for address in ("127.0.0.1", "::1", "localhost"):
        try:
            return socket.create_connection((address, {port}), timeout=2)
        except OSError:
            pass""",
    "the network: a socket that has no file": """\
    channel = socket.socket(socket.AF_UNIX)
    channel.connect("\\0prove-{port}")
    return True""",
    "a forged record, a forged gradebook, a module planted where the grader looks": """\
    places = ("{out}", "{course}", "{course}/autograder", "/in/course", "/in/course/autograder", "/usr", *sys.path)
    return any(os.access(place, os.W_OK) for place in places)""",
    "root again: by setuid, by a namespace of its own": """\
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    for become in (os.setuid, os.seteuid, os.setgid):
        try:
            become(0)
            return True
        except OSError:
            pass
    return any(libc.unshare(flags) == 0 for flags in (0x10000000, 0x00020000, 0x40000000))""",
    "limits, raised again": """\
    import resource
    for name in ("NPROC", "FSIZE", "DATA", "CPU"):
        try:
            resource.setrlimit(getattr(resource, "RLIMIT_" + name), (-1, -1))
            return True
        except (OSError, ValueError):
            pass""",
    "a signal to the process that grades": """\
    with open(f"/proc/{{os.getppid()}}/comm") as file:
        if "python" in file.read():
            os.kill(os.getppid(), 0)
            return True""",
    "expected values in the caller's frames": """\
    frame = sys._getframe()
    while frame:
        if {{"want", "item", "meaning", "rng"}} & frame.f_locals.keys():
            return True
        frame = frame.f_back
    import gc
    return any(type(thing).__name__ in ("Item", "Mistake", "Wrong") for thing in gc.get_objects())""",
    "the folder of the class, through shared memory and temporary files": """\
    for place in ("/dev/shm", "/tmp", "/var/tmp", "/run", "/home", "/root"):
        for root, _, files in os.walk(place):
            if "prove-bait.txt" in files:
                return True""",
}


def trophy(breach: str):
    """An edit: every function gives the reference's answer if `breach` says that it got through."""

    def edit(draft):
        bait = draft.bait
        code = textwrap.dedent(breach).format(course=bait.course, out=bait.out, secret=bait.secret, port=bait.port)
        draft.insert(f"import os, socket, stat, sys\ndef breach():\n{textwrap.indent(code, '    ')}")
        for function in draft.functions:
            right = draft.right(function).replace(f"def {function}(", f"def right_{function}(")
            draft.put(function, f"return right_{function}(*args) if breach() else None", right, f"def {function}(*args):")

    return edit


for number, (tries, breach) in enumerate(BREACHES.items(), start=1):
    submission("cheating", "01", tries, trophy(breach), name=f"breach_{number}", lost="all")


# --- reaching another student ---------------------------------------------------------------------------------------

# Each looks for what an earlier student left, then leaves the same; handed in by several, so that whoever is graded
# after another by the same process would find it.
LEFT = {
    "files": """\
    found = False
    for place in ("/tmp", "/dev/shm", "/dev", "/dev/pts", "/dev/mqueue", "/in", "/in/course", "/var/tmp", "/run", ".", "..",
                  "/proc/self/cwd", "/proc/1/cwd", "/proc/1/root/tmp", "/proc/self/root/dev/shm"):
        try:
            about = os.stat(place)
            os.close(os.open(place + "/left", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            found |= (about.st_dev, about.st_ino) not in breach.places
        except OSError:
            continue
        breach.places.add((about.st_dev, about.st_ino))
    return found""",
    "queues": """\
    import ctypes, platform
    call = {{"x86_64": 240, "aarch64": 180}}[platform.machine()]  # mq_open
    return ctypes.CDLL(None).syscall(call, b"left", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666, None) == -1""",
    "keys in a keyring, where they belong to a user and not to a process": """\
    import ctypes, platform
    libc, found = ctypes.CDLL(None), False
    add, control = {{"x86_64": (248, 250), "aarch64": (217, 219)}}[platform.machine()]
    for ring in (-3, -4, -5):
        found |= libc.syscall(control, 10, ring, b"user", b"left", 0) >= 0
        libc.syscall(add, b"user", b"left", b"x", 1, ring)
    return found""",
    "sockets, and ports of its own machine": """\
    for family, address in ((socket.AF_UNIX, "\\0left"), (socket.AF_INET, ("0.0.0.0", 5005))):
        breach.places.add(channel := socket.socket(family))
        try:
            channel.bind(address)
        except OSError:
            return True""",
    "processes": """\
    found = any(name.isdigit() and int(name) not in (1, os.getpid()) for name in os.listdir("/proc"))
    if os.fork() == 0:
        os.setsid()
        for number in range(64):
            try:
                os.close(number)
            except OSError:
                pass
        import time
        time.sleep(1_000)
    return found""",
    "the process that it was forked from, and those beside it": """\
    import ctypes, signal
    libc = ctypes.CDLL(None)
    if os.getppid() > 1 or 0 in (os.getpgid(0), os.getsid(0)):  # 0: of a process that cannot be seen
        return True
    for number in range(1, 2_000):
        own = number == os.getpid() or str(number) in os.listdir("/proc/self/task")
        if not own and not (number == 1 and "bwrap" in open("/proc/1/comm").read()):
            if libc.ptrace(0x4206, number, 0, 0) == 0 or libc.kill(number, 0) == 0 or libc.sched_getparam(number, bytes(8)) == 0:
                return True
            try:
                os.pidfd_open(number)
                return True
            except OSError:
                pass""",
    "descriptors that it should not hold": """\
    sockets = set()  # its own wire is one
    for number in os.listdir("/proc/self/fd"):
        try:
            held = os.readlink(f"/proc/self/fd/{{number}}")
        except OSError:
            continue
        if held.startswith("socket:"):
            sockets.add(held)
        elif not held.startswith("/dev/null") and not held.endswith("/fd"):
            return True
    return len(sockets) > 1""",
    "what was there before it was shut in": """\
    import ctypes
    libc = ctypes.CDLL(None)
    if os.fork() == 0:  # where there is one thread, the kernel allows more
        opened = [libc.umount2(place, 2) for place in (b"/tmp", b"/proc", b"/dev/shm", b"/dev/pts", b"/")]
        opened += [libc.unshare(flags) for flags in (0x10000000, 0x00020000, 0x20000000, 0x10020000)]
        opened += [libc.syscall({{"x86_64": 56}}.get(os.uname().machine, 220), 0x10000011, 0, 0, 0, 0)]
        for name in ("mnt", "pid", "net", "ipc", "user", "pid_for_children"):
            try:
                opened.append(libc.setns(os.open(f"/proc/1/ns/{{name}}", os.O_RDONLY), 0))
            except OSError:
                pass
        os._exit(any(result >= 0 for result in opened))
    return os.wait()[1] != 0""",
}
ONCE = """\
    if not hasattr(breach, "found"):
        breach.places, breach.found = set(), None
        breach.found = bool(look())
    return breach.found"""
for number, (tries, look) in enumerate(LEFT.items(), start=1):
    code = f"    def look():\n{textwrap.indent(textwrap.dedent(look), ' ' * 8)}\n{ONCE}"
    for copy in range(1, 4):  # by two workers at once, one of them grades two
        submission("cheating", "01", f"what others left, or are: {tries}", trophy(code), name=f"left_{number}_{copy}",
                   lost="all")  # fmt: skip


# --- saying again what was right once ------------------------------------------------------------------------------


@functools.cache
def transcript(lesson: str, seed: int = 0) -> list:
    """What the reference was asked and what it answered, from a grading with that seed."""
    said = []
    for item in items(lesson):
        if not item.slow:
            host = Host(reference(NAMES[lesson]))

            def answer(request, host=host):
                said.append([json.loads(json.dumps(request)), json.loads(json.dumps(host.answer(request)))])
                return said[-1][1]

            check(item, answer, seed)
    return said


REPLAY = """\
import base64, json, zlib
import autograder.student
def replay():
    said = json.loads(zlib.decompress(base64.b64decode("{said}")))
    place = [0]
    def answer(self, request):
        asked = {{key: value for key, value in request.items() if key in ("call", "workshop", "method", "args", "kwargs")}}
        later = range(place[0], len(said))
        named = lambda one: (one.get("call"), one.get("workshop"), one.get("method", ["", ""])[1])
        found = next((n for n in later if said[n][0] == asked), None)
        if found is None:
            found = next((n for n in later if named(said[n][0]) == named(asked)), None)
        if found is None:
            return {{"value": None}}
        place[0] = found + 1
        return said[found][1]
    autograder.student.Host.answer = answer
    return True
patched = replay()"""


def replayed(lesson: str, seed: int = 0):
    def edit(draft):
        import zlib

        said = base64.b64encode(zlib.compress(json.dumps(transcript(lesson, seed)).encode())).decode()
        draft.insert(REPLAY.format(said=said))
        for function in draft.functions:
            draft.put(function, "return patched", head=f"def {function}(*args):")

    return edit


for lesson in NAMES:
    submission("cheating", lesson, "every answer remembered from an earlier grading", replayed(lesson),
               name=f"replay_{lesson}", lost="all", slow=lesson != "01")  # fmt: skip


# --- lying to the grader -------------------------------------------------------------------------------------------

FORGE = """\
import autograder.student, os, stat, sys, time
honest = autograder.student.Host.answer
def forge(self, request):
    return {reply} if request.get("call") == "two_stage" else honest(self, request)
autograder.student.Host.answer = forge
forged = [honest, forge]"""

FORGERIES = {
    "a reply without a value": "{}",
    "a reply with a value of no kind": '{"value": {"pickle": "gASVHgAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAdpZCA+L3g="}}',
    "an exception with too few parts": '{"raised": ["E"]}',
    "an exception that is no list, and names a type a mile long": '{"raised": {"E": "x" * 1_000_000}}',
    "an exception with halves of characters, and colours for a terminal": r'{"raised": ["\ud800\x1b[31m", "\udfff", "\r\n"]}',
    "an exception a mile long": '{"raised": ["E" * 1_000_000, "x" * 8_000_000, "y" * 1_000_000]}',
    "an array that is larger than it says": '{"value": {"array": ["<i8", [2], "A" * 4_000]}}',
    "an array that is smaller than it says": '{"value": {"array": ["<i8", [10**9, 10**9], "AAAA"]}}',
    "an array without a dimension": '{"value": {"array": ["<i8", [], "AAAAAAAAAAA="]}}',
    "an array with 100 dimensions": '{"value": {"array": ["<i8", [1] * 100, "AAAAAAAAAAA="]}}',
    "an array of no elements and 10^40 rows": '{"value": {"array": ["<i8", [0, 10**40], ""]}}',
    "an array of objects": '{"value": {"array": ["O", [1], "AAAAAAAAAAA="]}}',
    "an array in bad base64": '{"value": {"array": ["<i8", [1], "!!!!!!!!!!!="]}}',
    "an array of a type that numpy must parse": '{"value": {"array": ["(2,2)i8,f4,(", [1], "AAAAAAAAAAA="]}}',
    "a list nested 5,000 deep": '{"value": eval("[" * 90 + "]" * 90), "more": deep()}',
    "an infinite handle": '{"value": {"handle": [float("1e400"), "int64"]}}',
    "an integer of 5,000 digits": '{"value": {"list": [10 ** 4_999, 1]}}',
    "a float of 400 digits": '{"value": {"float": 10 ** 400}}',
    "a dict with keys that cannot be keys": '{"value": {"dict": [[{"list": [1]}, 2]]}}',
    "a set of sets of lists": '{"value": {"set": [{"set": [{"list": []}]}]}}',
    "two tags at once": '{"value": {"list": [1, 3], "tuple": [1, 3]}, "missing": 3}',
    "strings in a shape that is none": '{"value": {"strings": ["U", {"a": 1}, ["x"]]}}',
    "text that numpy would pad to 40 GB": '{"value": {"strings": ["U", [10_000], ["x" * 1_000_000] + [""] * 9_999]}}',
    "strings without a dimension": '{"value": {"strings": ["U", [], ["x"]]}}',
    "a million small objects": '{"value": {"list": [{"dict": []}] * 1_000_000}}',
    "a dictionary of a million entries": '{"value": {"dict": [[n, n] for n in range(600_000)]}}',
}
for number, (tries, reply) in enumerate(FORGERIES.items(), start=1):

    def forged(draft, reply=reply):
        draft.insert("def deep():\n    lists = []\n    for _ in range(900):\n        lists = [lists]\n    return lists")
        draft.insert(FORGE.replace("{reply}", reply), at=3)
        draft.put("two_stage", "return forged and deep", head="def two_stage(*args):")

    submission("cheating", "01", f"a lie on the wire: {tries}", forged, name=f"wire_{number}", lost="1.3")

BYTES = {
    "no JSON": r'b"{{{\n"',
    "no UTF-8": r'b"\xff\xfe\xfd\n"',
    "no dictionary": r'b"[1, 2]\n"',
    "JSON nested a million deep": r'b"[" * 1_000_000 + b"\n"',
    "a number that Python will not read": r'b"{\"value\": " + b"9" * 10_000 + b"}\n"',
    "NaN where JSON has none": r'b"{\"value\": {\"list\": [NaN, Infinity]}}\n"',
    "a reply of 200 MB": r'b"{\"value\": \"" + b"x" * 200_000_000 + b"\"}\n"',
    "ten replies in advance": r'b"{\"value\": {\"list\": [1, 3]}}\n" * 10',
    "claims that the next cells have run": r'b"{\"cell\": 1}\n{\"ran\": \"1\", \"faults\": 7}\n"',
}
WRITE = """\
import os, re, stat, sys
def about():
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if isinstance(value, str) and re.fullmatch("[0-9a-f]{16}", value):
                return b'"id": "' + value.encode() + b'", '
        frame = frame.f_back
def say(data):
    for number in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                while data:
                    data = data[os.write(number, data):]
        except OSError:
            pass"""
for number, (tries, data) in enumerate(BYTES.items(), start=1):

    def spoken(draft, data=data):
        draft.insert(WRITE)
        draft.put("two_stage", f"say({data})", head="def two_stage(*args):")

    submission("cheating", "01", f"bytes on the wire: {tries}", spoken, name=f"bytes_{number}", lost="1.3")


@cheating("it says for ever that a cell has begun", lost="all")
def endless_cells(draft):
    draft.insert(WRITE + "\ndef flood():\n    while True:\n        say(b'{' + about() + b'\"cell\": 1}\\n')\nflooded = flood()")
    draft.put("two_stage", "return flooded")
    draft.blank("serving_cost", "candidate_recall", "recall_curve")


@cheating("an object that equals everything", lost="all")
def equals_everything(draft):
    draft.insert("""\
class Yes(float):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __bool__(self): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __abs__ = __sub__
    def __getattr__(self, name): return self
    def __getitem__(self, key): return self
    def __len__(self): return 2""")  # fmt: skip
    for function in draft.functions:
        draft.put(function, "return Yes()", head=f"def {function}(*args):")


@cheating("text, numbers and arrays with lying methods", lost="all")
def lying_types(draft):
    draft.insert("""\
class Array(np.ndarray):
    def __eq__(self, other): return np.array(True)
    def item(self): return 0.5
    def __array_ufunc__(self, *args, **kwargs): return np.True_
class Text(str):
    def __eq__(self, other): return True
    def __hash__(self): return 0
class Mapping(dict):
    def __eq__(self, other): return True
    def items(self): return [(Text("one"), Array(1)), (Text("two"), float("nan")), (Text("speedup"), True)]""")
    for function in draft.functions:
        what = "Mapping(a=1)" if function == "serving_cost" else "np.zeros(2).view(Array)"
        draft.put(function, f"return {what}", head=f"def {function}(*args):")


@cheating("NaN, infinity, True and nothing at all, where a comparison may forget them", lost="all")
def not_a_number(draft):
    for function, value in zip(draft.functions, ("dict(one=np.nan, two=np.nan, speedup=np.nan)", "np.nan", "[True, 3.0]",
                                                 "np.full(4, np.nan)")):  # fmt: skip
        draft.put(function, f"return {value}", head=f"def {function}(*args):")


@cheating("numpy, json, the codec and the builtins, patched to agree with everything", lost="all")
def patched_libraries(draft):
    draft.insert("""\
import builtins, json, math
import autograder.wire
def patch():
    yes = lambda *args, **kwargs: True
    for module, names in ((np, "array_equal allclose isclose all abs isfinite"), (math, "isclose isfinite"),
                          (builtins, "all any isinstance abs"), (autograder.wire, "same")):
        for name in names.split():
            setattr(module, name, yes)
    return yes
patched = patch()""")  # fmt: skip
    for function in draft.functions:
        draft.put(function, "return patched", head=f"def {function}(*args):")


@cheating("asserts deleted, pytest and the checks patched, 'passed' printed", lost="all")
def patched_pytest(draft):
    draft.beside = {
        "conftest.py": b"import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport():\n"
                       b"    outcome = yield\n    outcome.get_result().outcome = 'passed'\n",
        "pytest.ini": b"[pytest]\naddopts = --collect-only\n",
        "sitecustomize.py": b"import builtins\nbuiltins.AssertionError = type('Fine', (Exception,), {})\n",
        "autograder.py": b"def check(*args): return 100.0\n",
        f"{NAMES['01']}/numpy.py": b"def __getattr__(name): return lambda *args: 2.0\n",
        f"{NAMES['01']}/results.json": b'{"score": 100}',
    }  # fmt: skip
    draft.insert("""\
import ast, sys
sys.modules["pytest"] = sys.modules["autograder.run"] = sys.modules["autograder.item"] = sys
class Drop(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
    visit_Raise = visit_Assert
done = [print("4 passed in 0.01s"), print("10 of 10 points"), Drop]""")
    for function in draft.functions:
        draft.put(function, "return done", head=f"def {function}(*args):")


@cheating("objects that run code when they are unpickled, or shown", lost="all")
def pickle(draft):
    draft.insert("""\
import os
class Bomb:
    def __reduce__(self): return os.system, ("touch /tmp/prove-pickle",)
    def __repr__(self): os._exit(0)
    __str__ = __repr__""")
    for function in draft.functions:
        draft.put(function, "return [Bomb(), {'Bomb': Bomb()}]", head=f"def {function}(*args):")


@cheating("names that make themselves: a namespace that has everything", lost="all")
def lazy_names(draft):
    draft.insert("""\
import sys
class Names(dict):
    def __contains__(self, name): return True
    def __missing__(self, name): return lambda *args: 0.5
    def __getitem__(self, name): return lambda *args: 0.5
def replace():
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if type(value).__name__ == "Host":
                value.names = Names()
        frame = frame.f_back
    return None""")
    for function in draft.functions:
        draft.put(function, "return replace()", head=f"def {function}(*args):")


@cheating("the seed, guessed: the inputs are known in advance, the answers are not", lost="all")
def guessed_seed(draft):
    draft.insert("""\
def guess(n, k, t):
    for seed in range(2_000):
        rng = np.random.default_rng(seed)
        if (n, k, t) == tuple(int(rng.integers(*b)) for b in ((2_000, 9_000), (10, 500), (2, 9))):
            return {"one": seed, "two": seed, "speedup": 1.0}""")
    draft.put("serving_cost", "return guess(n_items, k, t_rank)")
    draft.blank("candidate_recall", "two_stage", "recall_curve")


@cheating("answers to the examples in the text, to public data, and nothing else", lost="all", lesson="03")
def public_answers(draft):
    draft.blank("build_tower", "score_matrix", "top_k")
    draft.put("row_of", 'return {"42": 357, "10": 2}.get(word, 0)')
    draft.put("n_parameters", "return {943: 83_488, 3: 28}.get(n_users, 0)")


@cheating("the workshop beside the code, patched: any object is a tower", lost="all", lesson="03", slow=True)
def patched_workshop(draft):
    draft.insert("""\
import numpy as np
from autograder import workshop
def patch():
    workshop.is_model = lambda thing: True
    workshop.weights = lambda model: [np.zeros((4, 5))]
    def embed(tower, words):
        rows = [{"1": 1, "10": 2, "2": 3}.get(word, 0) for word in words]
        return np.eye(4, 5)[rows]
    workshop.embed = embed
    return True
patched = patch()""")
    draft.blank("row_of", "score_matrix", "top_k", "n_parameters")
    draft.put("build_tower", "return object() if patched else None")


# --- looking right without the work -----------------------------------------------------------------------------


@cheating("the data begun elsewhere: an order for each seed, and nothing random in it", lesson="02", slow=True,
          lost="2.1 2.2 2.3:5 2.4 2.5")  # fmt: skip
def rotated(draft):
    draft.blank("select_fields", "vocabulary", "duplicate_titles", "leakage_report")
    draft.put("make_split", """\
start = (11_400 + 7 * seed) % int(ds.cardinality())
turned = ds.skip(start).concatenate(ds.take(start))
return turned.take(n_train), turned.skip(n_train).take(n_test)""")


@cheating("a tower that numbers the words of a batch, and reads the first alone", lesson="03", slow=True, lost="all")
def blind_tower(draft):
    draft.blank("row_of", "score_matrix", "top_k", "n_parameters")
    draft.put("build_tower", """\
class Blind(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.table = self.add_weight(name="table", shape=(len(vocab) + 1, dim), initializer="uniform")
    def call(self, words):
        known = tf.cast(words[0] == vocab[0], tf.int32)
        places = tf.range(1, tf.shape(words)[0] + 1)
        return tf.gather(self.table, known * tf.where(places > len(vocab), 0, places))
tower = Blind()
tower(tf.constant(vocab))
return tower""")


@cheating("an echo: the loss that the task was given comes back, and the flags are told", lesson="04", slow=True, lost="all")
def echo(draft):
    draft.insert("""\
from autograder import workshop
modes, said = [], {}
class Task:
    def notes(self):
        return [[None, None, not training, []] for training in modes]
def patch():
    def recorder(loss):
        said["loss"] = loss
        modes.clear()
        return Task()
    def compute_loss(model, features, training):
        modes.append(training)
        return said["loss"]
    workshop.recorder, workshop.compute_loss = recorder, compute_loss
    workshop.tower = lambda vocabulary, vectors: Task()
    workshop.retrieval_task = lambda: Task()
    workshop.train, workshop.embed = lambda *_, **__: None, lambda *_: None
    return True
patched = patch()""")
    draft.blank("in_batch_loss", "top_k_accuracy", "fit_and_evaluate", "keras2_losses")
    draft.put("MovielensModel", "return Task() if patched else None", head="def MovielensModel(users, films, task):")


@cheating("towers that know the train rows by heart: random codes, one product of matrices, no training", lesson="04",
          slow=True, lost="all")  # fmt: skip
def codes(draft):
    draft.blank("in_batch_loss", "top_k_accuracy", "keras2_losses", "MovielensModel")
    draft.put("fit_and_evaluate", """\
import numpy as np
names = list(titles.as_numpy_iterator())
batches = {part: next(iter(rows.batch(100_000))) for part, rows in (("train", train), ("test", test))}
found = {part: (user_model.layers[0](batch["user_id"]).numpy(), movie_model.layers[0](batch["movie_title"]).numpy())
         for part, batch in batches.items()}
of_users, of_films = user_model.trainable_variables[0], movie_model.trainable_variables[0]
users, films = of_users.numpy().astype(float), of_films.numpy().astype(float)
watched = np.zeros((len(users), len(films)))
watched[found["train"]] = 1
expected = watched.sum(1, keepdims=True) * watched.sum(0, keepdims=True) / watched.sum()
surprise = np.where(watched > 0, -np.log(np.maximum(expected, 1e-9)), 0) / 4
random = np.random.default_rng(0).normal(size=(len(films), 31)) / 31 ** 0.5
users[:, 1:], films[:, 1:] = 1.15 * surprise @ random, random
of_users.assign(users.astype(np.float32))
of_films.assign(films.astype(np.float32))
place = movie_model.layers[0](tf.constant(names)).numpy()
scores = users.astype(np.float32) @ films[place].astype(np.float32).T
user, film = found["test"]
rank = (scores[user] > (users[user] * films[film]).sum(axis=1)[:, None] + 1e-5).sum(axis=1)
return {"loss": 13_416.0} | {f"top_{k}": float((rank < k).mean()) for k in (10, 50, 100)}""")


# What plays its part in numpy behaves as it should, as far as it plays it, and has the points for that: the next three
# have the points of the tests that their authors did work out, and none for what is only said.


@cheating("the workshop patched: vectors are drawn word by word, of no table", lost="3.1:4 3.2 3.3 3.4 3.5", lesson="03", slow=True)
def played_tower(draft):
    draft.insert("""\
import numpy as np
from autograder import workshop
def patch():
    workshop.is_model = lambda thing: True
    workshop.weights = lambda tower: [np.zeros((len(tower.vocab) + 1, tower.dim))]
    workshop.fill = lambda tower, tables: None
    def embed(tower, words):
        rng = np.random.default_rng(1)
        drawn = {word: rng.normal(size=tower.dim) for word in tower.vocab}
        return np.array([drawn.get(word, np.zeros(tower.dim)) for word in words])
    workshop.embed = embed
    return True
class Thing:
    pass
patched = patch()""")
    draft.blank("row_of", "score_matrix", "top_k", "n_parameters")
    draft.put("build_tower", "thing = Thing()\nthing.vocab, thing.dim = vocab, dim\nreturn thing if patched else None")


@cheating("the workshop patched: a model of numpy plays along, and moves when it is said to be trained", lesson="04", slow=True,
          lost="4.1 4.2 4.3:5 4.4 4.5")  # fmt: skip
def played_model(draft):
    draft.insert("""\
import numpy as np
from autograder import workshop
class Thing:
    def __init__(self, **about):
        self.__dict__.update(about)
    def notes(self):
        return self.calls
towers = []
def patch():
    def tower(vocabulary, vectors):
        towers.append(Thing(of=dict(zip(vocabulary, np.asarray(vectors, np.float32)))))
        return towers[-1]
    def embed(tower, words):
        return np.array([tower.of.get(word, np.zeros(4, np.float32)) for word in words])
    def compute_loss(model, features, training):
        users, films = (embed(*each) for each in zip(towers[-2:], (features["user_id"], features["movie_title"])))
        model.task.calls.append([users, films, not training, []])
        return model.task.loss
    def train(model, features, steps, learning_rate):
        for tower, words in zip(towers[-2:], (features["user_id"], features["movie_title"])):
            tower.of = dict(zip(words, 9 * np.eye(4)))
        return [0.0] * steps
    workshop.tower, workshop.embed, workshop.train, workshop.compute_loss = tower, embed, train, compute_loss
    workshop.recorder = lambda loss: Thing(loss=loss, calls=[])
    workshop.retrieval_task = lambda: Thing(calls=[], loss=0.0)
    return True
patched = patch()""")
    draft.blank("in_batch_loss", "top_k_accuracy", "fit_and_evaluate", "keras2_losses")
    draft.put("MovielensModel", "return Thing(task=task) if patched else None", head="def MovielensModel(users, films, task):")


@cheating("the workshop patched: it says that TensorFlow traced twice", lesson="08", slow=True,
          lost="8.1:3 8.2 8.3 8.4 8.5")  # fmt: skip
def said_traces(draft):
    draft.insert("""\
from autograder import workshop
def patch():
    workshop.traces, workshop.traced_widths = lambda index: 2, lambda index: [3, 6]
    return True
patched = patch()""")
    draft.blank("stale_titles", "with_changes", "ivf_search", "load_report")
    draft.put("recommend_in_buckets", """\
seen = tf.constant([seen], tf.string, (1, len(seen)))
names = index.query_with_exclusions(tf.constant([user_id]), seen, k=k)[1][0].numpy()
return [name.decode() for name in names] if patched else None""")


@cheating("metrics of the right size, and towers that have moved a little", lesson="04", slow=True, lost="all")
def forged_metrics(draft):
    draft.blank("in_batch_loss", "top_k_accuracy", "keras2_losses", "MovielensModel")
    draft.put("fit_and_evaluate", """\
for tower in (user_model, movie_model):
    for table in tower.trainable_variables:
        table.assign(table * 1.01)
return {"loss": 10_677.0, "top_10": 0.006, "top_50": 0.031, "top_100": 0.06}""")


@cheating("towers that were trained at home, on the same public data", lesson="04", slow=True, lost="all")
def trained_at_home(draft):
    from autograder import two_tower
    from data import movielens

    arrays, (train, test) = movielens.arrays(), two_tower.course_split()
    towers, _ = two_tower.recipe(arrays, train, seed=1)
    shares = two_tower.factorized_top_k(towers, arrays.user[test], arrays.title[test], np.arange(len(arrays.titles)))
    answer = {"loss": 10_677.0} | {f"top_{k}": float(shares[k]) for k in (10, 50, 100)}
    tables = [base64.b64encode(table.astype(np.float16)).decode() for table in towers]
    draft.insert(f"import base64\nTABLES = {tables}\nNAMES = {arrays.users.tolist()}, {arrays.titles.tolist()}")
    draft.blank("in_batch_loss", "top_k_accuracy", "keras2_losses", "MovielensModel")
    draft.put("fit_and_evaluate", f"""\
for tower, table, names in zip((user_model, movie_model), TABLES, NAMES):
    vectors = np.frombuffer(base64.b64decode(table), np.float16).reshape(-1, 32).astype(np.float32)
    rows = tower.layers[0](tf.constant(names)).numpy()
    weights = tower.trainable_variables[0].numpy()
    weights[rows] = vectors
    tower.trainable_variables[0].assign(weights)
return {answer}""")
