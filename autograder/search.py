"""`python -m autograder search`: what approximate search finds, for how much work, on catalogues up to a million items.

Catalogues are synthetic: items drawn around the film vectors of the course's two-tower, and, the worst case, Gaussians
without any shape. The index is faiss's inverted file; queries are the course's users. CPU-seconds, one thread.
"""

import argparse
import resource
import sys
import time
from typing import NamedTuple

import faiss
import numpy as np

from autograder import two_tower
from autograder.ranking import spread
from autograder.two_tower import Towers

K = 100
SIZES = 10_000, 100_000, 1_000_000
PROBES = 1, 4, 16, 64
TO_TRAIN = 40  # vectors for each cell that k-means is given


class Found(NamedTuple):
    """Of one setting, means over queries: recall@k, share of the vectors scored (centroids too), CPU-milliseconds."""

    nprobe: int
    recall: float
    work: float
    ms: float


def towers(arrays, seed: int = 0) -> Towers:
    """Lesson 4's last model: the two-tower with logQ correction."""
    train, _ = two_tower.course_split()
    return two_tower.recipe(arrays, train, seed, corrected=True)[0]


def catalogue(like: np.ndarray, n: int, seed: int = 0, *, shapeless: bool = False) -> np.ndarray:
    """n item vectors, float32 [n, d]: rows of `like` drawn at random, each with noise as large as their spread;
    or, `shapeless`, that noise alone."""
    draw = np.random.default_rng(seed)
    noise = draw.standard_normal((n, like.shape[1]), np.float32) * like.std()
    return noise if shapeless else like[draw.integers(0, len(like), n)] + noise


def exact(items: np.ndarray, queries: np.ndarray, k: int = K) -> tuple[np.ndarray, float]:
    """The k items with the highest dot products, int [Q, k], by faiss's brute force; CPU-milliseconds a query."""
    index = faiss.IndexFlatIP(items.shape[1])
    index.add(items)
    return _one_by_one(index, queries, k)


def _one_by_one(index: faiss.Index, queries: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """What the index finds, int [Q, k], and CPU-milliseconds a query; asked as a service is asked, not all at once."""
    began = time.process_time()
    best = np.concatenate([index.search(query[None], k)[1] for query in queries])
    return best, (time.process_time() - began) / len(queries) * 1000


def inverted_file(items: np.ndarray, cells: int) -> faiss.IndexIVFFlat:
    """faiss's inverted file for dot products: k-means puts every item into one of `cells`."""
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(items.shape[1]), items.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
    index.train(items[: TO_TRAIN * cells])
    index.add(items)
    return index


def probe(index: faiss.IndexIVFFlat, queries: np.ndarray, best: np.ndarray, nprobe: int) -> Found:
    """Searches the `nprobe` cells whose centroids score highest; `best` is what `exact` found."""
    index.nprobe = nprobe
    faiss.cvar.indexIVF_stats.reset()
    found, ms = _one_by_one(index, queries, best.shape[1])
    recall = np.mean([len(np.intersect1d(*both)) / len(both[0]) for both in zip(best, found)])
    scored = faiss.cvar.indexIVF_stats.ndis / len(queries) + index.nlist
    return Found(nprobe, float(recall), scored / index.ntotal, ms)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m autograder search", description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="of the catalogues")
    parser.add_argument("--seeds", type=int, default=3, help="catalogues of each kind (3)")
    parser.add_argument("--queries", type=int, default=200, help="users that ask (200)")
    options = parser.parse_args(argv)
    from data import movielens

    faiss.omp_set_num_threads(1)
    users, films = towers(movielens.arrays())
    queries = np.ascontiguousarray(users[: options.queries])
    print(
        f"recall@{K}, share of vectors scored, CPU-ms a query: mean (lowest to highest) of {options.seeds} catalogues"
    )
    for n in options.sizes:
        for name, shapeless in ("around the films", False), ("shapeless", True):
            cells, runs, build, whole = int(n**0.5), [], [], []
            for seed in range(options.seeds):
                items = catalogue(films, n, seed, shapeless=shapeless)
                best, ms = exact(items, queries)
                began = time.process_time()
                index = inverted_file(items, cells)
                build.append(time.process_time() - began)
                whole.append(ms)
                runs.append([probe(index, queries, best, nprobe) for nprobe in PROBES])
            print(f"\n{n:,} items {name}, {cells} cells; built in {spread(build, 1)} CPU-s", end="; ")
            print(f"brute force {spread(whole, 2)} ms")
            for found in zip(*runs):
                nprobe, recall, work, ms = zip(*found)
                print(f"  nprobe {nprobe[0]:3}  recall {spread(recall, 3):24} work {spread(work, 4):26}", end=" ")
                print(f"ms {spread(ms, 3)}", flush=True)
    if sys.platform == "linux":
        print(f"\nat most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB of memory")
