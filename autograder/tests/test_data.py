"""The one door to the data: each way in, each accident, and that out comes what TFDS's own writer gives.

The bytes come from recbole's wheel, processes are killed, and servers on this machine answer or do not.
"""

import contextlib
import functools
import http.server
import io
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data import movielens, sources
from data.sources import DataError, Raw

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def fetched(tmp_path_factory) -> tuple[Raw, str]:
    """The step "recbole", taken once: the files, and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        raw = sources.from_recbole(tmp_path_factory.mktemp("downloads"), print)
    return raw, printed.getvalue()


@pytest.fixture(scope="session")
def raw(fetched) -> Raw:
    return fetched[0]


def zipped(path: Path, raw: Raw, without: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in zip(("u.data", "u.user", "u.item"), raw):
            if name != without:
                archive.writestr(f"ml-100k/{name}", content)
    return path


@pytest.fixture(scope="session")
def zip_path(raw, tmp_path_factory) -> Path:
    return zipped(tmp_path_factory.mktemp("zip") / "ml-100k.zip", raw)


@pytest.fixture
def data_dir(tmp_path, monkeypatch) -> Path:
    """An empty TFDS folder, and no zip but the one a test names."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("MOVIELENS_ZIP", raising=False)
    return tmp_path / "tfds"


@pytest.fixture(scope="session")
def prepared(zip_path, tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("tfds")))
        return movielens.prepare(zip_path, quiet=True)


@pytest.fixture
def copy(prepared, data_dir) -> Path:
    """A prepared folder of this test's own, to be damaged."""
    shutil.copytree(prepared, data_dir)
    return data_dir


@pytest.fixture
def no_fetch(monkeypatch):
    """Lets a test fail that goes to any source."""
    monkeypatch.setattr(sources, "fetch", lambda *_: pytest.fail("what is on disk was enough"))


def assert_sound(data_dir: Path) -> None:
    """All that prepare() promises, down to the last field, and nothing left lying about."""
    from data import builders

    for config in movielens.CONFIGS:
        builders.read(config, data_dir)
    assert movielens._read_arrays(data_dir) is not None
    found = {path.name for path in (data_dir / "movielens_course").iterdir()}
    assert found == {"lock", "arrays-v1.npz", "stamp-v1.json"}


def child(code: str, *arguments, **options) -> subprocess.Popen:
    command = [
        sys.executable,
        "-c",
        f"import os, sys\nfrom data import movielens, sources\n{code}",
        *arguments,
    ]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, **options)


# What comes out


def decoded(data_dir: Path, config: str) -> dict[str, list]:
    """Every field as plain `tfds.load` gives it."""
    import tensorflow_datasets as tfds

    dataset = tfds.load(f"movielens/{config}", split="train", data_dir=data_dir)
    columns = {}
    for batch in dataset.ragged_batch(10_000):
        for name, values in batch.items():
            columns.setdefault(name, []).extend(
                values.to_list() if name == "movie_genres" else values.numpy().tolist()
            )
    return columns


def test_all_examples_are_those_of_tfds_own_writer_in_its_order(raw, prepared, data_dir, no_fetch):
    from data import builders

    builders.official(raw, data_dir)
    for config, length, fields in (("100k-ratings", 100_000, 12), ("100k-movies", 1_682, 3)):
        official, ours = decoded(data_dir, config), decoded(prepared, config)
        assert len(official) == fields
        assert {len(column) for column in official.values()} == {length}
        assert ours.keys() == official.keys()
        assert [name for name in official if ours[name] != official[name]] == []
    movielens.prepare(quiet=True)  # takes the official copy as it is
    assert_sound(data_dir)


def test_load_and_arrays_give_the_same_rows(prepared, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    arrays = movielens.arrays()
    ratings, movies = movielens.load()
    (row,) = ratings.map(lambda r: (r["user_id"], r["movie_title"], r["user_rating"], r["timestamp"])).batch(
        100_000
    )
    user, title, rating, timestamp = (column.numpy() for column in row)
    assert np.char.encode(arrays.users[arrays.user]).tolist() == user.tolist()
    assert np.char.encode(arrays.titles[arrays.title], "utf-8").tolist() == title.tolist()
    assert arrays.rating.tolist() == rating.tolist()
    assert arrays.timestamp.tolist() == timestamp.tolist()
    (row,) = movies.map(lambda m: (m["movie_id"], m["movie_title"])).batch(1682)
    films, titles = (column.numpy() for column in row)
    assert np.char.encode(arrays.movie_id).tolist() == films.tolist()
    assert np.char.encode(arrays.titles[arrays.movie_title], "utf-8").tolist() == titles.tolist()


def test_counts_types_and_order_of_the_arrays(prepared, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    arrays = movielens.arrays()
    assert [len(column) for column in arrays] == [943, 1664, *[100_000] * 4, 1682, 1682]
    assert [column.dtype.kind + str(column.itemsize) for column in arrays[2:6]] == ["i4", "i4", "f4", "i8"]
    for vocabulary in (arrays.users, arrays.titles):
        as_bytes = [word.encode() for word in vocabulary.tolist()]
        assert as_bytes == sorted(set(as_bytes))
    assert arrays.users[:3].tolist() == ["1", "10", "100"]
    assert sum(np.bincount(arrays.movie_title) == 2) == 18
    chasing_amy = arrays.titles.tolist().index("Chasing Amy (1997)")
    assert sorted(arrays.movie_id[arrays.movie_title == chasing_amy].tolist()) == ["246", "268"]


def test_the_tiny_set_has_what_lessons_need():
    tiny = movielens.tiny()
    assert [len(column) for column in tiny] == [6, 7, 24, 24, 24, 24, 8, 8]
    assert [column.dtype.kind + str(column.itemsize) for column in tiny[2:6]] == ["i4", "i4", "f4", "i8"]
    assert tiny.users.tolist() == ["1", "10", "2", "24", "3", "4"]
    assert tiny.titles[-1] == "Étude in Rain (1995)"
    assert np.bincount(tiny.movie_title).tolist() == [1, 1, 1, 1, 1, 2, 1]
    assert set(tiny.title.tolist()) == set(range(7))


def test_once_prepared_no_tensorflow_is_needed(prepared):
    code = "movielens.prepare(); movielens.arrays(); movielens.tiny(); print('tensorflow' in sys.modules)"
    process = child(code, env=os.environ | {"TFDS_DATA_DIR": str(prepared)})
    assert process.communicate()[0] == "False\n"


# The ways in


def test_the_recbole_step_prints_the_terms_the_citation_and_the_source(fetched):
    raw, printed = fetched
    for words in (sources.TERMS, "Harper", "redistributed", "commercial", "recbole 1.2.1", raw.source):
        assert words in printed


def test_another_wheel_is_refused(tmp_path):
    (tmp_path / "recbole-1.2.1.whl").write_bytes(b"another")
    with pytest.raises(DataError, match=f"another file .*{sources.WHEEL_SHA}"):
        sources.from_wheel(tmp_path / "recbole-1.2.1.whl")


def test_a_zip_comes_before_any_download(zip_path, raw, tmp_path, monkeypatch, data_dir):
    for way in ("from_host", "from_recbole"):
        monkeypatch.setattr(sources, way, lambda *_: pytest.fail("a zip was there"))
    monkeypatch.setattr(sources, "__file__", str(tmp_path / "sources.py"))
    shutil.copy(zip_path, tmp_path / "ml-100k.zip")
    other = shutil.copy(zip_path, tmp_path / "other.zip")
    assert sources.fetch(None, tmp_path, print).source == f"the zip {tmp_path / 'ml-100k.zip'}"
    monkeypatch.setenv("MOVIELENS_ZIP", str(other))
    assert sources.fetch(None, tmp_path, print) == Raw(*raw[:3], f"the zip {other}")
    assert sources.fetch(zip_path, tmp_path, print).source == f"the zip {zip_path}"


@pytest.mark.parametrize(
    "damage, words",
    [
        (lambda path, raw: path.unlink(), "no such file"),
        (lambda path, raw: path.write_bytes(b"<html>"), "cannot be unzipped"),
        (lambda path, raw: path.write_bytes(path.read_bytes()[:-9999]), "cannot be unzipped"),
        (lambda path, raw: zipped(path, raw, without="u.user"), "it holds no u.user"),
        (lambda path, raw: zipped(path, raw._replace(ratings=raw.ratings[:-1])), "u.data is not MovieLens's"),
        (
            lambda path, raw: zipped(path, raw._replace(films=raw.films.replace(b"(1995)", b"(1996)", 1))),
            "u.item is",
        ),
    ],
    ids=["missing", "html", "cut", "without u.user", "one byte less", "another title"],
)
def test_a_wrong_zip_is_refused_with_what_was_expected_and_what_to_do(
    damage, words, zip_path, raw, tmp_path, data_dir, capsys
):
    path = shutil.copy(zip_path, tmp_path / "mine.zip")
    damage(path, raw)
    assert movielens.main(["--zip", str(path)]) == 1
    message = capsys.readouterr().err
    for part in (str(path), words, sources.ZIP_SHA, sources.PAGE, "Download it again"):
        assert part in message
    assert [file.name for file in data_dir.glob("**/*")] == ["movielens_course", "lock"]


# A key that keeps nothing: it serves the bad certificate of the next tests.
CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgllw8UsbcovXQV6cj
5I9an24BUmsQ8HQXnPPuxgZkN66hRANCAASYhumP1bOfL09zQbKZJFmkCsyHqaA0
YRiQZ42HkH3WzzmiUk3vJqgEwJ9PZHfGu0MV/h50hit1ordo42Dvn0HY
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUP2Lf+cfgMYBkthWz+tb6Z0qgGGYwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTAwMzEyMloYDzIxMjYxMTAx
MDAzMTIyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASYhumP1bOfL09zQbKZJFmkCsyHqaA0YRiQZ42HkH3WzzmiUk3vJqgE
wJ9PZHfGu0MV/h50hit1ordo42Dvn0HYo1MwUTAdBgNVHQ4EFgQUu1R2UuYPhJgb
VH7xpIP2/+RUWw0wHwYDVR0jBBgwFoAUu1R2UuYPhJgbVH7xpIP2/+RUWw0wDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEArWc7Ha3X80mCgsJWOrgN
qJ/jLf1adN266xdBWsG7830CIFllpRMssr6YNOU/kUYE7z6V9T73K8QWNWqA2JTX
PZ6y
-----END CERTIFICATE-----
"""


@contextlib.contextmanager
def served(folder: Path, certificate: Path | None = None):
    """The address of a server of folder's files on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        log_message = staticmethod(lambda *_: None)

    class Server(http.server.ThreadingHTTPServer):
        handle_error = staticmethod(lambda *_: None)  # a client that turns away from the certificate

    with Server(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextlib.contextmanager
def silent():
    """The address of a server that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def nobody() -> str:
    """An address where no server is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def certificate(tmp_path) -> Path:
    (tmp_path / "certificate.pem").write_text(CERTIFICATE)
    return tmp_path / "certificate.pem"


def test_the_probe_names_the_cause(tmp_path, certificate):
    (tmp_path / "here").touch()
    with served(tmp_path) as url:
        assert sources.unreachable(f"{url}/here") is None
        assert sources.unreachable(f"{url}/elsewhere") == "it answers 404"
    with served(tmp_path, certificate) as url:
        assert sources.unreachable(f"{url}/here").startswith("certificate: ")
    with silent() as url:
        assert sources.unreachable(url, seconds=0.2) == "time-out"
    assert sources.unreachable(nobody()) == "refused"
    assert sources.unreachable("http://name.invalid") == "name not found"


def test_the_address_and_digest_are_those_of_tfds():
    import tensorflow_datasets as tfds

    assert tfds.builder("movielens/100k-ratings").builder_config.download_url == sources.URL
    listed = tfds.core.tfds_path("url_checksums/movielens.txt").read_text()
    assert f"{sources.URL}\t4924029\t{sources.ZIP_SHA}\t" in listed


def test_the_readme_gives_the_digests_and_the_terms_of_the_code():
    from data import builders

    readme = (ROOT / "data" / "README.md").read_text("utf-8")
    ours = [value for name, value in vars(sources).items() if name.endswith("_SHA")]
    for sha in (*ours, *builders.DIGESTS.values()):
        assert f"`{sha}`" in readme
    terms = [line.strip("- ;") for line in sources.TERMS.splitlines() if line.startswith("  - ")]
    assert len(terms) == 4
    assert [line for line in terms if line.removesuffix(" by citing") not in " ".join(readme.split())] == []


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "bad certificate"])
def test_tfds_own_download(secure, zip_path, raw, tmp_path, certificate, monkeypatch):
    said = []
    with served(zip_path.parent, certificate if secure else None) as url:
        monkeypatch.setattr(sources, "URL", f"{url}/ml-100k.zip")
        with pytest.raises(DataError, match=f"sent another file .*{sources.ZIP_SHA}"):
            sources.from_host(tmp_path / "downloads", said.append, quiet=True)
        monkeypatch.setattr(sources, "ZIP_SHA", movielens._sha(zip_path))
        found = sources.from_host(tmp_path / "downloads", said.append, quiet=True)
    assert found[:3] == raw[:3]
    assert "TFDS's download" in found.source
    assert ("overlooked, as the digest decides" in said[-1]) == secure


def test_no_network_at_all_is_said_in_one_sentence_that_knows_a_way_out(
    data_dir, zip_path, monkeypatch, capsys
):
    monkeypatch.setattr(sources, "URL", nobody())
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    assert movielens.main([]) == 1
    out, err = capsys.readouterr()
    assert "MovieLens 100K: the official host files.grouplens.org cannot be reached (refused)\n" in out
    assert "the download of recbole's wheel failed (" in err
    assert f"get ml-100k.zip from {sources.PAGE}" in err
    assert len(err.splitlines()) == 1
    movielens.prepare(zip_path, quiet=True)
    assert_sound(data_dir)


# Accidents


def test_a_folder_that_cannot_be_written_is_one_clear_sentence(tmp_path, zip_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "file"))
    with pytest.raises(DataError, match="cannot be written to .* set TFDS_DATA_DIR to another folder"):
        movielens.prepare(zip_path, quiet=True)


def test_a_full_disk_is_told_before_anything_is_written(data_dir, zip_path, monkeypatch):
    monkeypatch.setattr(movielens, "ROOM", 10**18)
    with pytest.raises(DataError, match="MB are free.* Make room"):
        movielens.prepare(zip_path, quiet=True)
    assert not (data_dir / "movielens").exists()


KILLED = """
def die(*_):
    os.kill(os.getpid(), 9)

moment, zip_path = sys.argv[1:]
if moment == "lock":
    movielens._make = die
elif moment == "half a file":
    from data import builders
    write, written = builders.tf.io.TFRecordWriter.write, []
    def half(writer, record):
        write(writer, record)
        written.append(record)
        if len(written) == 50_000:
            die()
    builders.tf.io.TFRecordWriter.write = half
else:
    replace = os.replace
    os.replace = lambda old, new: die() if moment in str(new) else replace(old, new)
movielens.prepare(zip_path)
"""


@pytest.mark.parametrize("moment", ["lock", "half a file", "100k-ratings", "100k-movies", "arrays", "stamp"])
def test_after_a_kill_at_any_moment_the_next_start_ends_right(moment, data_dir, zip_path):
    process = child(KILLED, moment, zip_path)
    process.communicate()
    assert process.returncode in (-9, 9)
    assert not (data_dir / "movielens_course" / "stamp-v1.json").exists()
    movielens.prepare(zip_path, quiet=True)
    assert_sound(data_dir)


def test_of_two_processes_at_once_one_prepares_and_the_other_waits(data_dir, zip_path):
    with movielens._lock(data_dir / "movielens_course", quiet=True):
        both = [child("movielens.prepare(sys.argv[1])", zip_path) for _ in range(2)]
        for process in both:
            assert "waiting for another process" in process.stdout.readline()
    printed = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("loading TensorFlow" in words for words in printed) == [False, True]
    assert_sound(data_dir)


def records(data_dir: Path) -> Path:
    return next(data_dir.glob("movielens/100k-ratings/*/*.tfrecord*"))


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "cut tfrecord": lambda folder: os.truncate(records(folder), 10**7),
    "bit in a tfrecord": lambda folder: flip_a_bit(records(folder)),
    "no tfrecord": lambda folder: records(folder).unlink(),
    "metadata": lambda folder: (records(folder).parent / "dataset_info.json").write_text("{"),
    "no movies": lambda folder: shutil.rmtree(folder / "movielens" / "100k-movies"),
}
OURS = {
    "cut arrays": lambda ours: os.truncate(ours / "arrays-v1.npz", 10**6),
    "bit in the arrays": lambda ours: flip_a_bit(ours / "arrays-v1.npz"),
    "no arrays": lambda ours: (ours / "arrays-v1.npz").unlink(),
    "stamp": lambda ours: (ours / "stamp-v1.json").write_text('{"files": 1}'),
    "all of ours": lambda ours: shutil.rmtree(ours),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_copy_is_made_anew(damage, copy, zip_path, capsys):
    damage(copy)
    assert movielens.prepare(zip_path) == copy
    assert "it will be made anew" in capsys.readouterr().out
    assert_sound(copy)


@pytest.mark.parametrize("damage", OURS.values(), ids=OURS)
def test_a_damaged_cache_is_made_from_the_copy(damage, copy, no_fetch):
    damage(copy / "movielens_course")
    assert len(movielens.arrays().rating) == 100_000
    assert_sound(copy)


def test_a_whole_copy_of_other_data_is_made_anew(raw, data_dir, zip_path, capsys):
    from data import builders

    other = raw.ratings.replace(b"\t5\t", b"\t4\t", 1)
    builders.write(raw._replace(ratings=other), data_dir, quiet=True)
    movielens.prepare(zip_path)
    assert "100k-ratings in" in (out := capsys.readouterr().out)
    assert "is not the official one; it will be made anew" in out
    assert_sound(data_dir)


def test_the_command_counts(prepared, monkeypatch, capsys):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    assert movielens.main([]) == 0
    out = capsys.readouterr().out
    assert "943 users, 1,664 titles, 100,000 ratings, 1,682 films; read from the cache in " in out
    assert f"ready in {prepared}. Source: the zip " in out
    assert "data/README.md" in out
