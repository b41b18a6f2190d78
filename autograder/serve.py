"""`python -m autograder serve FOLDER`: a recommender behind HTTP, and a load test that asks it.

FOLDER holds what lesson 8 exports: `model/`, a SavedModel whose `recommend(user, seen)` gives the names and scores of
films, best first, and `seen.json`, {user: films}. The service needs TensorFlow, but neither Keras nor TFRS.

    GET /recommend?user=24&k=10     {"user": "24", "films": [...], "scores": [...]}; 404 for an unknown user, 400 for a bad k
    GET /health                     {"users": 943}
"""

import argparse
import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tornado.ioloop
import tornado.web

Recommend = Callable[[str, list[str]], tuple[list[str], list[float]]]


class Recommendations(tornado.web.RequestHandler):
    def initialize(self, recommend: Recommend, seen: dict[str, list[str]]):
        self.recommend, self.seen = recommend, seen

    def get(self):
        user, k = self.get_query_argument("user"), self.get_query_argument("k", "10")
        if not (k.isdecimal() and 1 <= int(k) <= 100):
            raise tornado.web.HTTPError(400, reason="k is a number from 1 to 100")
        if user not in self.seen:
            raise tornado.web.HTTPError(404, reason="nobody of that name")
        films, scores = self.recommend(user, self.seen[user])
        self.write({"user": user, "films": films[: int(k)], "scores": scores[: int(k)]})

    def write_error(self, status_code: int, **_):
        self.write({"error": self._reason})


class Health(tornado.web.RequestHandler):
    def initialize(self, users: int):
        self.users = users

    def get(self):
        self.write({"users": self.users})


def application(recommend: Recommend, seen: dict[str, list[str]]) -> tornado.web.Application:
    """The service around any `recommend(user, seen films)`. It answers one request at a time."""
    handlers = [
        ("/recommend", Recommendations, {"recommend": recommend, "seen": seen}),
        ("/health", Health, {"users": len(seen)}),
    ]
    return tornado.web.Application(handlers, log_function=lambda handler: None)


def loaded(folder: Path) -> Recommend:
    """The exported model as plain Python: text in, text and floats out."""
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))

    def recommend(user: str, seen: list[str]) -> tuple[list[str], list[float]]:
        names, scores = model.recommend(tf.constant(user), tf.constant(seen, tf.string))
        return [name.decode() for name in names.numpy()], scores.numpy().tolist()

    return recommend


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m autograder serve", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="what lesson 8 exports")
    parser.add_argument("--port", type=int, default=0, help="0, as it is if not said, takes a free one")
    options = parser.parse_args(argv)
    seen = json.loads((options.folder / "seen.json").read_text(encoding="utf-8"))
    recommend = loaded(options.folder / "model")
    recommend(*next(iter(seen.items())))  # the first call is slow: nobody should have to wait for it
    server = application(recommend, seen).listen(options.port, "127.0.0.1")
    [socket] = server._sockets.values()
    print(f"http://127.0.0.1:{socket.getsockname()[1]}", flush=True)
    tornado.ioloop.IOLoop.current().start()


@contextmanager
def running(folder: Path):
    """Starts the service in a process of its own and gives its address; ends it afterwards."""
    command = [sys.executable, "-m", "autograder", "serve", str(folder)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().strip()
        if not address.startswith("http"):
            raise RuntimeError(f"the service did not start from {folder}")
        yield address
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def ask(address: str, path: str, **query: object) -> dict:
    """The service's answer, parsed; urllib.error.HTTPError for one that is refused."""
    url = f"{address}{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def load(address: str, users: Sequence[str], per_second: float, clients: int = 16) -> np.ndarray:
    """Asks for every user once, at a steady rate whether or not answers come: seconds, float64 [len(users), 3].

    The columns: when a request was due, when one of the `clients` was free to send it, when its answer was there.
    """
    began = time.perf_counter() + 0.05

    def one(number: int) -> tuple[float, float, float]:
        due = number / per_second
        time.sleep(max(0.0, began + due - time.perf_counter()))
        sent = time.perf_counter() - began
        ask(address, "/recommend", user=users[number])
        return due, sent, time.perf_counter() - began

    with ThreadPoolExecutor(clients) as pool:
        return np.array(list(pool.map(one, range(len(users)))))
