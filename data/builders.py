"""TFDS's movielens/100k-ratings and movielens/100k-movies on disk: written fast, read back, verified.

Only public TFDS API. Examples and order are those of TFDS's own writer: `python -m data.movielens
--benchmark` runs both and compares them. Importing this module imports TensorFlow.
"""

import contextlib
import functools
import hashlib
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import autograder  # noqa: F401  asks TensorFlow for Keras 2, before it is imported

# isort: split
import tensorflow as tf
import tensorflow_datasets as tfds
from tqdm import tqdm

from data.sources import DataError, Raw

# SHA-256 of every field of every example, in order, as TFDS's own writer gives them: see `--benchmark`.
DIGESTS = {
    "100k-ratings": "5d749bfc2484a332079c02742d4aa4693c100bd67d706e71124fd3b0bd82f916",
    "100k-movies": "638eea907e6307477e9966ae7d9e36efd2f9caff26da12e12c1ad4d173a4a2b2",
}
FILM = ["movie_id", "movie_title", "movie_genres"]
USER = [
    "user_id", "user_gender", "user_zip_code", "raw_user_age", "bucketized_user_age",
    "user_occupation_label", "user_occupation_text",
]  # fmt: skip


def builder(config: str, data_dir: Path) -> tfds.core.DatasetBuilder:
    return tfds.builder(f"movielens/{config}", data_dir=data_dir)


def load(config: str, data_dir: Path) -> tf.data.Dataset:
    return tfds.load(f"movielens/{config}", split="train", data_dir=data_dir, download=False)


def write(raw: Raw, data_dir: Path, quiet: bool = False) -> None:
    """Both configs, under data_dir, which must not hold them yet.

    A rating's record is four parts one after another: its film, its user, its value and its time. To a
    protobuf that is one message with all their fields. So TFDS parses and serializes 1,682 films and 943
    users, instead of 100,000 ratings with their film and user.
    """
    movies, ratings = builder("100k-movies", data_dir), builder("100k-ratings", data_dir)
    rows = [line.split("\t") for line in raw.ratings.decode().splitlines()]
    one_of_each_user = {row[0]: row for row in rows}.values()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "u.user").write_bytes(raw.users)
        Path(folder, "u.item").write_bytes(raw.films)
        Path(folder, "u.data").write_text("".join("\t".join(row) + "\n" for row in one_of_each_user))
        films = [example for _, example in movies.builder_config.parsing_fn(folder)]
        users = [example for _, example in ratings.builder_config.parsing_fn(folder)]
    features = ratings.info.features
    film_part, user_part, value_part = (_part(features, names) for names in (FILM, USER, ["user_rating"]))
    film = {example["movie_id"]: film_part(example) for example in films}
    user = {example["user_id"]: user_part(example) for example in users}
    value = {stars: value_part({"user_rating": stars}) for stars in "12345"}
    bar = tqdm(rows, "writing", unit=" ratings", leave=False, disable=quiet)
    _save(movies, list(film.values()))
    _save(ratings, [film[f] + user[u] + value[v] + _time_part(t) for u, f, v, t in bar])


def _part(features: tfds.features.FeaturesDict, names: list[str]) -> Callable[[dict], bytes]:
    serialize = tfds.features.FeaturesDict({name: features[name] for name in names}).serialize_example
    return lambda example: serialize({name: example[name] for name in names})


@functools.cache
def _time_part(seconds: str) -> bytes:
    # There are tens of thousands of times; `_part` would take as long for them as all the rest takes.
    feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[int(seconds)]))
    return tf.train.Example(features=tf.train.Features(feature={"timestamp": feature})).SerializeToString()


def _save(to: tfds.core.DatasetBuilder, records: list[bytes]) -> None:
    folder = Path(to.data_dir)
    folder.mkdir(parents=True)
    # TFDS's order: by the MD5 of the split's name followed by the row's number.
    order = sorted(range(len(records)), key=lambda row: hashlib.md5(b"train%d" % row).digest())
    try:
        with tf.io.TFRecordWriter(str(folder / "movielens-train.tfrecord-00000-of-00001")) as file:
            for row in order:
                file.write(records[row])
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
    size = sum(map(len, records))
    train = tfds.core.SplitInfo(name="train", shard_lengths=[len(records)], num_bytes=size)
    to.info.set_splits(tfds.core.SplitDict([train]))
    to.info.write_to_directory(folder)


def read(config: str, data_dir: Path) -> dict[str, np.ndarray]:
    """Every field, all examples in order: [n], strings as bytes; a sequence as its values and its n lengths.

    DataError if the copy in data_dir cannot be read, or differs anywhere from what TFDS's own writer gives.
    """
    try:
        columns = _columns(builder(config, data_dir))
    except Exception as error:  # whatever a damaged file makes TFDS, protobuf or TensorFlow raise
        raise DataError(f"{config} in {data_dir} cannot be read ({type(error).__name__})") from error
    if digest(columns) != DIGESTS[config]:
        raise DataError(f"{config} in {data_dir} is not the official one")
    return columns


def _columns(of: tfds.core.DatasetBuilder) -> dict[str, np.ndarray]:
    # All examples in one call. TFDS itself decodes them one by one, which takes some twenty times as long.
    specs = {}
    for name, info in of.info.features.get_tensor_info().items():
        dtype = tf.int64 if info.tf_dtype == tf.bool else info.tf_dtype  # truth values are stored as integers
        specs[name] = tf.io.RaggedFeature(dtype) if info.shape else tf.io.FixedLenFeature([], dtype)
    files = [str(path) for path in of.info.splits["train"].filepaths]
    (records,) = tf.data.TFRecordDataset(files).batch(10**6)
    columns = {}
    for name, column in tf.io.parse_example(records, specs).items():
        if isinstance(column, tf.RaggedTensor):
            columns[f"{name}/length"], column = column.row_lengths().numpy(), column.values
        columns[name] = column.numpy()
    return columns


def digest(columns: dict[str, np.ndarray]) -> str:
    """SHA-256 over names and values."""
    sha = hashlib.sha256()
    for name, column in sorted(columns.items()):
        sha.update(name.encode() + (b"\n".join(column) if column.dtype == object else column.tobytes()))
    return sha.hexdigest()


def official(raw: Raw, data_dir: Path) -> None:
    """Both configs by TFDS's own writer, row by row, from raw. The yardstick of benchmark and tests."""

    class Movielens(tfds.builder_cls("movielens"), skip_registration=True):
        name = "movielens"

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(folder)}

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        for name, content in zip(("u.data", "u.user", "u.item"), raw):
            Path(folder, name).write_bytes(content)
        for config in DIGESTS:
            Movielens(config=config, data_dir=data_dir).download_and_prepare()


def benchmark(raw: Raw, data_dir: Path) -> None:
    """Prints CPU seconds of both writers, in one process, and whether all their examples agree."""
    write(raw, data_dir / "unmeasured", quiet=True)  # because TFDS imports much on first use
    moments = [time.process_time()]
    official(raw, data_dir / "official")
    moments.append(time.process_time())
    write(raw, data_dir / "ours", quiet=True)
    moments.append(time.process_time())
    ours = {config: read(config, data_dir / "ours") for config in DIGESTS}
    moments.append(time.process_time())
    slow, fast, check = np.diff(moments)
    print(f"CPU seconds: TFDS's writer {slow:.1f}; ours {fast:.1f}, and {check:.1f} to verify what it wrote")
    print(f"ratio: {slow / fast:.1f} for writing, {slow / (fast + check):.1f} with the verification")
    for config, columns in ours.items():
        found = digest(_columns(builder(config, data_dir / "official")))
        same = "the same examples" if found == digest(columns) else "DIFFERENT EXAMPLES"
        print(f"movielens/{config}: {same}, SHA-256 {found}")
