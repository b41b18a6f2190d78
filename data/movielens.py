"""MovieLens 100K, by one door: TFDS's official examples, order included, however the bytes came.

    python -m data.movielens                    prepare, verify and count; soon over when it is done already
    python -m data.movielens --zip ml-100k.zip  from a zip of one's own
    python -m data.movielens --benchmark        our writer against TFDS's

Four ways, in this order: a TFDS copy that is there already, a zip that the user has, TFDS's own download,
the copy in recbole's wheel (`data.sources`). All end in TFDS's builders (`data.builders`) and in one file of
arrays.
"""

import argparse
import contextlib
import csv
import errno
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data import sources
from data.sources import DataError

CONFIGS = "100k-ratings", "100k-movies"
ARRAYS_SHA = "fbf60eb5157ade8f0f2e01e43daac0e3e7a6fcf571e6bb572a1f2610c2c75b7b"  # what verified datasets give
ROOM = 100_000_000  # bytes that must be free; less than half of them are used


class Arrays(NamedTuple):
    """MovieLens 100K as arrays. The shapes are those of the real set; `tiny()` has the same fields."""

    users: np.ndarray  # [943] str, sorted by their UTF-8 bytes, as a StringLookup's vocabulary
    titles: np.ndarray  # [1664] str, sorted likewise
    user: np.ndarray  # [100000] int32, position in users; rows as in TFDS's 100k-ratings
    title: np.ndarray  # [100000] int32, position in titles
    rating: np.ndarray  # [100000] float32, 1 to 5
    timestamp: np.ndarray  # [100000] int64, seconds since 1970 (UTC)
    movie_id: np.ndarray  # [1682] str; rows as in TFDS's 100k-movies
    movie_title: np.ndarray  # [1682] int32, position in titles


def prepare(zip_path: str | Path | None = None, *, quiet: bool = False) -> Path:
    """TFDS's data_dir with both datasets in it, verified. The first call makes it; others find it.

    It is $TFDS_DATA_DIR, else ~/tensorflow_datasets. zip_path: an ml-100k.zip, read if there is nothing yet.
    quiet: print nothing, save MovieLens's terms where they must be shown. Raises DataError.
    """
    data_dir = _data_dir()
    if _stamp(data_dir):
        return data_dir
    try:
        with _lock(_ours(data_dir), quiet):
            if not _stamp(data_dir):
                _make(data_dir, zip_path, quiet)
    except OSError as error:
        raise DataError(
            f"MovieLens cannot be written to {data_dir} ({error}). Make room there or mend its permissions;"
            " or set TFDS_DATA_DIR to another folder, on a local disk, and start again."
        ) from error
    return data_dir


def load():
    """TFDS's own (ratings, movies): the datasets movielens/100k-ratings and 100k-movies, split "train"."""
    data_dir = prepare()
    from data import builders

    return tuple(builders.load(config, data_dir) for config in CONFIGS)


def arrays() -> Arrays:
    """The same rows in the same order, as arrays. Imports TensorFlow only if nothing is prepared yet."""
    data_dir = _data_dir()
    found = _read_arrays(data_dir)
    if found is None:
        prepare()
        found = _read_arrays(data_dir)
    if found is None:
        raise DataError(f"The arrays in {_ours(data_dir)} are not right. Delete that folder and start again.")
    return found


def tiny() -> Arrays:
    """A set of our own with invented titles: 6 users, 8 films, 7 titles (one has two ids), 24 ratings."""
    with open(Path(__file__).with_name("tiny.csv"), encoding="utf-8", newline="") as file:
        user, film, title, rating, timestamp = zip(*list(csv.reader(file))[1:])
    films = dict(sorted(zip(film, title)))
    return _arrays(user, title, rating, timestamp, list(films), list(films.values()))


def _arrays(user, title, rating, timestamp, movie_id, movie_title) -> Arrays:
    # numpy sorts strings by code point, which is also the order of their UTF-8 bytes.
    users, user = np.unique(np.asarray(user, str), return_inverse=True)
    titles, movie_title = np.unique(np.asarray(movie_title, str), return_inverse=True)
    title = np.searchsorted(titles, np.asarray(title, str))
    return Arrays(
        users,
        titles,
        user.astype(np.int32),
        title.astype(np.int32),
        np.asarray(rating, np.float32),
        np.asarray(timestamp, np.int64),
        np.asarray(movie_id, str),
        movie_title.astype(np.int32),
    )


# On disk: TFDS's folder movielens/, and beside it movielens_course/ with a lock, arrays and a stamp.
# The stamp, made last, holds the SHA-256 of all other files. Without it, or when one differs, `_make` runs.


def _data_dir() -> Path:
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser().absolute()


def _ours(data_dir: Path) -> Path:
    return data_dir / "movielens_course"


def _stamp(data_dir: Path) -> dict | None:
    """{"source": words, "files": {path: SHA-256}} if all those files are there and unchanged."""
    try:
        stamp = json.loads((_ours(data_dir) / "stamp-v1.json").read_bytes())
        return stamp if all(_sha(data_dir / path) == sha for path, sha in stamp["files"].items()) else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # nothing there, or damaged


def _sha(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make(data_dir: Path, zip_path: str | Path | None, quiet: bool) -> None:
    """Makes everything in data_dir; the caller holds the lock. Files are made in tmp*, then renamed."""

    def say(message: str) -> None:
        if not quiet:
            print(f"MovieLens 100K: {message}", flush=True)

    ours = _ours(data_dir)
    for left_by_a_killed_process in ours.glob("tmp*"):
        shutil.rmtree(left_by_a_killed_process, ignore_errors=True)
    if shutil.disk_usage(ours).free < ROOM:
        raise OSError(errno.ENOSPC, f"less than {ROOM // 10**6} MB are free")
    say("loading TensorFlow, which takes some seconds")
    from data import builders

    with tempfile.TemporaryDirectory(prefix="tmp", dir=ours, ignore_cleanup_errors=True) as tmp:
        tmp = Path(tmp)
        folders = [Path(builders.builder(config, tmp).data_dir).relative_to(tmp) for config in CONFIGS]
        source, tables = "a TFDS copy that was there already", None
        if any((data_dir / folder).exists() for folder in folders):
            say(f"verifying the copy in {data_dir}")
            try:
                tables = [builders.read(config, data_dir) for config in CONFIGS]
            except DataError as error:
                say(f"{error}; it will be made anew")
        if tables is None:
            raw = sources.fetch(zip_path, data_dir / "downloads", say, quiet)
            builders.write(raw, tmp, quiet)
            source, tables = raw.source, [builders.read(config, tmp) for config in CONFIGS]
            for folder in folders:
                if (data_dir / folder).exists():
                    os.replace(data_dir / folder, tmp / f"damaged-{folder.parent.name}")
                (data_dir / folder).parent.mkdir(parents=True, exist_ok=True)
                os.replace(tmp / folder, data_dir / folder)
        with open(tmp / "arrays", "wb") as file:
            np.savez(file, **_from_tables(*tables)._asdict())
        os.replace(tmp / "arrays", ours / "arrays-v1.npz")
        files = [
            ours / "arrays-v1.npz",
            *(file for folder in folders for file in (data_dir / folder).iterdir()),
        ]
        shas = {file.relative_to(data_dir).as_posix(): _sha(file) for file in files}
        (tmp / "stamp").write_text(json.dumps({"source": source, "files": shas}, indent=1))
        os.replace(tmp / "stamp", ours / "stamp-v1.json")


def _from_tables(ratings: dict, movies: dict) -> Arrays:
    def text(column):
        return [value.decode() for value in column]

    user, title = text(ratings["user_id"]), text(ratings["movie_title"])
    films = text(movies["movie_id"]), text(movies["movie_title"])
    return _arrays(user, title, ratings["user_rating"], ratings["timestamp"], *films)


def _read_arrays(data_dir: Path) -> Arrays | None:
    try:
        with np.load(_ours(data_dir) / "arrays-v1.npz") as file:
            found = Arrays(*(file[name] for name in Arrays._fields))
    except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile, zlib.error):
        return None  # not there, or damaged
    return found if _arrays_sha(found) == ARRAYS_SHA else None


def _arrays_sha(arrays: Arrays) -> str:
    parts = [part for array in arrays for part in (array.dtype.str.encode(), array.tobytes())]
    return hashlib.sha256(b"".join(parts)).hexdigest()


@contextlib.contextmanager
def _lock(folder: Path, quiet: bool):
    """One process at a time. The system releases the lock when its holder ends, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "ab") as file:
        waiting = False
        while not _locked(file):
            if not waiting and not quiet:
                print("MovieLens 100K: waiting for another process, which is preparing it", flush=True)
            waiting = True
            time.sleep(0.1)
        yield


def _locked(file) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        raise
    return True


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m data.movielens", description="Prepare MovieLens 100K.")
    parser.add_argument("--zip", metavar="PATH", help="an ml-100k.zip, read if nothing is prepared yet")
    parser.add_argument(
        "--benchmark",
        action="store_true",
        help="our writer against TFDS's; writes only to a temporary folder",
    )
    options = parser.parse_args(argv)
    try:
        if options.benchmark:
            from data import builders

            with tempfile.TemporaryDirectory() as folder:
                builders.benchmark(sources.fetch(options.zip, Path(folder), print), Path(folder))
            return 0
        data_dir = prepare(options.zip)
        start = time.perf_counter()
        found = arrays()
        seconds = time.perf_counter() - start
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"MovieLens 100K is ready in {data_dir}. Source: {_stamp(data_dir)['source']}.")
    print(
        f"{len(found.users):,} users, {len(found.titles):,} titles, {len(found.rating):,} ratings,"
        f" {len(found.movie_id):,} films; read from the cache in {seconds:.2f} s."
    )
    print("Terms and citation: data/README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
