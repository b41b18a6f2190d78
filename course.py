"""The one command of the course. Standard library only; Linux, macOS and Windows.

    python3 course.py start             set up, show the blog's figures beside this machine's, open lesson 1
    python3 course.py start --no-lab    the same, ending after the figures
    python3 course.py test [ARGS]       set up, prepare the data, run every test; ARGS go to pytest
    python3 course.py NAME [ARGS]       set up, then `python -m autograder NAME ARGS`

Set-up makes .venv from requirements.lock; that takes a minute or two, once. Later calls see that .venv is
whole and go on at once; one that is broken, half-made, moved, or made from another lock is made anew.
"""

# Python 3.6 must be able to read this file, so that an old Python gets a sentence instead of a SyntaxError.
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import venv
from contextlib import contextmanager
from errno import EACCES, EAGAIN, EDEADLK, ENOSPC
from importlib.util import find_spec
from pathlib import Path

PYTHONS = ["3.13", "3.12", "3.11"]  # the first choice first; the same as requires-python in pyproject.toml
DISK_GB = 4  # .venv takes 3 GB; while it is made, downloads take up to 1 GB more
LESSON = "lessons/01_two_stages.ipynb"

WINDOWS = os.name == "nt"
ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
ENV = ROOT / ".venv"
BIN = ENV / ("Scripts" if WINDOWS else "bin")
PYTHON = BIN / ("python.exe" if WINDOWS else "python")
STAMP = ENV / "course.stamp"  # written last: the seal, then the names that site-packages held at that moment

DISK_FULL = "The disk ran full (here, or where the temporary folder and the home are). Make room, then"
TROUBLES = {  # what an installer's last words show, and the way out
    "no space left|os error 28|os error 112|not enough space": DISK_FULL,
    "certificate|unknownissuer":
        "The package index's certificate is not trusted here. Set SSL_CERT_FILE to your network's own, then",
    "dns error|name resolution|getaddrinfo|timed? ?out|unreachable|refused|newconnection|proxy|sending":
        "The packages cannot be fetched: no network. Connect (behind a proxy, set HTTPS_PROXY), then",
    "no wheels? with a matching|no matching distribution|not a supported wheel":
        "A package has no build for this computer; README.md says which will do, or opens Colab. There,",
    r"os error (3|206)\b|winerror 206":
        "A path is too long for Windows. Move the course to a short folder such as C:\\course, then",
}


def say(text):
    print(text, flush=True)


def stop(way_out):
    """End with the way out; each leads up to the same command once more."""
    sys.exit(f"\n{way_out} type again:  {Path(sys.executable).stem} course.py {' '.join(sys.argv[1:])}")


def runs(*command):
    """True if the command can be started and ends well."""
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def use_right_python():
    """Go on if this Python will do; else begin again with one that will; else say which to get."""
    version = "{}.{}".format(*sys.version_info)
    if version in PYTHONS:
        return
    for other in [["py", f"-{right}"] if WINDOWS else [f"python{right}"] for right in PYTHONS]:
        if runs(*other, "-c", "import venv"):
            say(f"The course does not run on Python {version}; going on with {' '.join(other)}.")
            sys.exit(subprocess.call([*other, __file__, *sys.argv[1:]]))
    sys.exit(f"The course runs on Python {PYTHONS[-1]} to {PYTHONS[0]}; this is {version}. Install one from "
             f"python.org, then type:  python{PYTHONS[0]} course.py {' '.join(sys.argv[1:])}")


def seal():
    """Where the Python of .venv keeps its packages, and a hash of that place and the lock; None if it fails.

    A moved folder or an upgraded Python has another place, so that comparing one hash finds every change.
    """
    ask = [str(PYTHON), "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    try:
        site = subprocess.check_output(ask, stderr=subprocess.DEVNULL, universal_newlines=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return site, hashlib.sha256(LOCK.read_bytes() + os.fsencode(site)).hexdigest()


def whole():
    """True if .venv was made to the end, in this place, from this lock, and nothing has gone since."""
    now = seal()
    if not now or not STAMP.is_file():
        return False
    then, *names = STAMP.read_text(encoding="utf-8").split("\n")
    return then == now[1] and all(Path(now[0], name).exists() for name in names)


def run(title, *command):
    """Run an installer and show what it says, and that time goes by. Returns True if it ended well.

    Ends the program with the way out if its last words show a trouble that we know.
    """
    began, words, ended = time.time(), [], threading.Event()

    def show(line):
        say(f"  {time.time() - began:3.0f} s  {line:.95}")

    def show_time():
        while not ended.wait(5):
            show("...")

    say(f"{title} ...")
    threading.Thread(target=show_time, daemon=True).start()
    # In another folder, for uv would heed the settings in pyproject.toml, which are for making the lock. With
    # the file that one_at_a_time() locks: an installer that outlives a killed course.py keeps others waiting.
    process = subprocess.Popen([str(word) for word in command], cwd=tempfile.gettempdir(), close_fds=False,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
    for line in process.stdout:
        words.append(line.strip())
        if not words[-1].startswith("+"):  # so uv lists, at the end, each package that it has installed
            show(words[-1])
    ended.set()
    good = process.wait() == 0
    for sign, way_out in {} if good else TROUBLES.items():
        if re.search(sign, "\n".join(words[-40:]), re.IGNORECASE):
            stop(way_out)
    return good


def install():
    """Install the lock, all of it and nothing else: with uv if it can be had, else with pip."""
    hashed = ["--no-deps", "--require-hashes", "-r"]  # on a Mac, TFRS would ask for more than it needs
    pip, uv = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install"], ["uv"]
    if find_spec("ensurepip"):
        run("Adding pip", PYTHON, "-m", "ensurepip", "--default-pip")
    if not runs("uv", "--version"):
        uv = [PYTHON, "-m", "uv"]
        with tempfile.TemporaryDirectory() as folder:
            pin = Path(folder, "uv.txt")
            pin.write_text("".join(re.findall(r"(?m)^uv==(?:.*\\\n)*.*\n", LOCK.read_text(encoding="utf-8"))))
            run("Fetching uv, which installs faster than pip", *pip, *hashed, pin)
    # Compiled now, TensorFlow is imported in a third of the time, also where nobody may write into .venv.
    compiled = ["--compile-bytecode", *hashed, LOCK]
    done = run("Installing the packages", *uv, "pip", "install", "--python", PYTHON, *compiled)
    if not (done or run("Installing the packages with pip", *pip, *hashed, LOCK)):
        stop("The packages could not be installed; the lines above say why. Mend that, then")


def build():
    """Make .venv anew. Killed at any moment, it leaves no stamp, and the next call begins again."""
    began = time.time()
    if STAMP.is_file():
        STAMP.unlink()
    if ENV.is_dir() and not ENV.is_symlink():
        say("Removing .venv, which is broken, half-made or out of date ...")
        shutil.rmtree(str(ENV))
    elif os.path.lexists(str(ENV)):
        ENV.unlink()
    if not find_spec("ensurepip") and not runs("uv", "--version"):
        stop("This Python lacks its venv part. Add it (Debian, Ubuntu: sudo apt install python3-venv), then")
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if free < DISK_GB:
        stop(f"The disk is too full: set-up needs {DISK_GB} GB and {free:.1f} GB are free. Make room, then")
    say("Making .venv with Python {}.{}.{} ...".format(*sys.version_info))
    venv.create(str(ENV), symlinks=not WINDOWS)
    install()
    site, made_of = seal()
    Path(site, "course.pth").write_text(f"{ROOT}\n", encoding="utf-8")  # makes data and autograder importable
    names = sorted(set(os.listdir(site)) - {"__pycache__"})
    unsealed = STAMP.with_suffix(".new")
    unsealed.write_text("\n".join([made_of, *names]), encoding="utf-8")
    os.replace(str(unsealed), str(STAMP))
    say(f"The environment is ready, after {time.time() - began:.0f} s.")


def try_lock(file):
    """True if the file is ours alone now. The system frees it when its last holder ends, however it ends."""
    try:
        if WINDOWS:
            import msvcrt

            file.seek(1 << 30)  # a byte far past the end: Windows keeps others from reading what is locked
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        if error.errno not in (EACCES, EAGAIN, EDEADLK):
            raise
        return False


@contextmanager
def one_at_a_time():
    """Wait until no other set-up runs in this folder. It locks this very file: no lock file lies about."""
    with open(__file__, "r+b") as file:
        os.set_inheritable(file.fileno(), True)
        if not try_lock(file):
            say("Another set-up is running in this folder; waiting for it to end ...")
            while not try_lock(file):
                time.sleep(0.5)
        yield


def set_up():
    """Return with a whole .venv, or end with a sentence that says what to do."""
    try:
        if not whole():
            with one_at_a_time():
                if not whole():  # another set-up may have made it while we waited
                    build()
    except PermissionError as error:
        stop(f"{error.filename} is in use (by JupyterLab, by a terminal) or not yours. Free it, then")
    except OSError as error:
        if error.errno != ENOSPC:
            raise
        stop(DISK_FULL)


def calls(name, arguments):
    """What a sub-command stands for: calls of the Python in .venv, one after the other."""
    if name == "test":
        two = ["--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder"]  # TensorFlow twice, not once a core
        return [["-m", "data.movielens"], ["-m", "pytest", *(arguments or two)]]
    if name == "start":
        rest = [argument for argument in arguments if argument != "--no-lab"]
        lab = [["-m", "jupyterlab", "--ServerApp.root_dir=.", LESSON]]
        return [["-m", "autograder", "start", *rest]] + (lab if rest == arguments else [])
    return [["-m", "autograder", name, *arguments]]


def main(name="--help", *arguments):
    if name in ("-h", "--help"):
        say(__doc__)
        return 0
    use_right_python()
    sys.stdout.reconfigure(errors="replace")
    for foreign in ("PYTHONPATH", "PYTHONHOME"):  # they would mix another Python's packages into .venv
        os.environ.pop(foreign, None)
    set_up()
    os.environ.update(VIRTUAL_ENV=str(ENV), PYTHONUTF8="1", PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for what runs now
    for call in calls(name, list(arguments)):
        code = subprocess.call([str(PYTHON), *call], cwd=str(ROOT) if name in ("start", "test") else None)
        if code:
            return code if code > 0 else 128 - code
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("\nStopped. The same command goes on from here.")
