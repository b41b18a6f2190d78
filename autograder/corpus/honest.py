"""Honest but odd: right answers that a careless grader would take points from."""

import json

from autograder.corpus import NAMES, _cells, kind
from autograder.corpus.runaway import body

honest = kind("honest")


@honest("prints, warnings, lines on stderr, a plot that nobody sees")
def noise(draft):
    for function in draft.functions:
        noise = "import sys, warnings\nprint('here')\nwarnings.warn('deprecated')\nprint('careful', file=sys.stderr)\n"
        draft.put(function, noise + body(draft, function))


@honest("plain Python, without numpy")
def plain_python(draft):
    draft.notebook.cells[2].source = "# no numpy needed"
    draft.put("two_stage", """\
films = sorted(range(len(retrieval)), key=lambda film: -retrieval[film])[:k]
return sorted(films, key=lambda film: -ranking[film])[:n]""")
    draft.put("recall_curve", """\
total, curve = sum(map(len, relevant)), []
for k in ks:
    hits = 0
    for scores, films in zip(retrieval, relevant):
        best = sorted(range(len(scores)), key=lambda film: -scores[film])[:k]
        hits += len(films.intersection(best))
    curve.append(hits / total)
return curve""")


@honest("numpy scalars, float32, arrays, tuples and a dict of other order")
def numpy_scalars(draft):
    draft.put("serving_cost", """\
one, two = np.float64(n_items * t_rank), np.float64(n_items * t_retrieve + k * t_rank)
return {"two": two, "speedup": one / two, "one": one}""")
    draft.put("candidate_recall", "return np.float32(len(relevant & set(candidates[:k])) / len(relevant))")
    draft.put("two_stage", body(draft, "two_stage").replace("return ", "return tuple(") + ".astype(np.int16))")
    draft.put("recall_curve", body(draft, "recall_curve").replace("return ", "return np.array(") + ", np.float32)")


@honest("Korean names, comments and texts")
def korean(draft):
    draft.insert("# 두 단계 추천: 검색, 그다음 순위\n영화 = '쉬리 🎬'\ndef 점수순(점수):\n    '''높은 점수부터'''\n    return np.argsort(-점수)")
    draft.put("two_stage", "후보 = 점수순(retrieval)[:k]  # 후보\nreturn 후보[점수순(ranking[후보])][:n]")


@honest("a byte order mark and Windows' line ends")
def windows(draft):
    for cell in draft.notebook.cells:
        cell.source = cell.source.replace("\n", "\r\n")
    draft.raw = b"\xef\xbb\xbf" + draft.text().encode()


@honest("a remainder that a line begins with, and a text that looks like a magic")
def percent(draft):
    draft.put("serving_cost", '''\
one, two = n_items * t_rank, n_items * t_retrieve + k * t_rank
note = """
%s of the time
!
""" % one
return {"one": one, "two": two, "speedup": (one
    % 1e30) / two}''')


@honest("names that only a call binds, and everything that numpy has")
def set_up(draft):
    draft.insert("from numpy import *\ndef set_up():\n    global SIZE\n    SIZE = len\nset_up()")
    draft.put("recall_curve", """\
order = argsort(-retrieval, axis=1)
total = sum([SIZE(films) for films in relevant])
return [sum([SIZE(films & set(best[:k])) for films, best in zip(relevant, order)]) / total for k in ks]""")


@honest("cells out of order: a constant before the function that makes it")
def out_of_order(draft):
    draft.insert("TABLE = make_table()", at=2)
    draft.put("two_stage", body(draft, "two_stage").replace("[:n]", "[:n + TABLE[0]]"),
              before="def make_table():\n    return np.zeros(1, int)")  # fmt: skip


@honest("lambdas, decorators, a class, a cache, a dataclass and a helper that calls itself")
def styles(draft):
    draft.insert("""\
from __future__ import annotations
import functools
from dataclasses import dataclass
@dataclass
class Cost:
    one: float
    two: float
    def speedup(self) -> float | None:
        return self.one / self.two
def traced(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        return function(*args, **kwargs)
    return call
@functools.cache
def depth(n):
    return 0 if n == 0 else depth(n - 1)""")
    draft.put("serving_cost", """\
cost = Cost(n_items * t_rank, n_items * t_retrieve + k * t_rank)
return {"one": cost.one + depth(5), "two": cost.two, "speedup": cost.speedup()}""", before="@traced")
    draft.cell("candidate_recall").source = """\
candidate_recall = lambda candidates, relevant, k: len(set(candidates[:k]) & relevant) / len(relevant)"""


@honest("conditions, loops, with and try around definitions")
def nested(draft):
    two_stage = "\n".join("    " + line for line in draft.right("two_stage").splitlines())
    draft.cell("two_stage").source = f"if np:\n{two_stage}\n"
    draft.insert("try:\n    import cupy as xp\nexcept ImportError:\n    xp = np\nwith np.errstate(all='ignore'):\n    ZERO = 0")
    draft.put("recall_curve", body(draft, "recall_curve").replace("np.", "xp.").replace("/ total", "/ total + ZERO"))


@honest("another seed, and a setting of numpy's")
def seeds(draft):
    draft.insert("import random\nrandom.seed(7)\nnp.random.seed(7)\nnp.set_printoptions(precision=2)\nrng = np.random.default_rng(7)")
    draft.put("two_stage", "rng.random()\nnp.random.random()\n" + body(draft, "two_stage"))


@honest("extra cells: tries, plots, training, a check of its own, a question")
def extra_cells(draft):
    draft.insert("two_stage(np.arange(4.), np.arange(4.), 2, 1)\nprint(serving_cost(10, 2, 1, 1))", at=12)
    draft.insert("import time\nfor epoch in range(1_000):\n    time.sleep(60)  # trains")
    draft.insert("?? is this right ??")
    draft.insert("%%writefile notes.txt\nk is not used?")


@honest("each answer takes its time: a slow machine")
def slow_machine(draft):
    for function in draft.functions:
        draft.put(function, f"import time\nend = time.process_time() + .5\nwhile time.process_time() < end:\n    pass\n"
                            f"{body(draft, function)}")  # fmt: skip


@honest("it changes what it was given: lists, sets and arrays are emptied after use")
def spoils_inputs(draft):
    draft.put("candidate_recall", "answer = len(set(candidates[:k]) & relevant) / len(relevant)\n"
                                  "candidates.clear()\nrelevant.clear()\nreturn answer")  # fmt: skip
    draft.put("two_stage", "answer = np.argsort(-retrieval)[:k]\nanswer = answer[np.argsort(-ranking[answer])][:n]\n"
                           "retrieval[:] = ranking[:] = 0\nreturn answer")  # fmt: skip


@honest("exercise 3 without TensorFlow, its tower not yet tried", lesson="03", lost="3.1")
def without_towers(draft):
    draft.blank("build_tower")


@honest("tensors, a Variable and a pandas Series for answers", lesson="03", slow=True)
def tensors(draft):
    draft.put("row_of", "return tf.constant(vocab.index(word) + 1 if word in vocab else 0)")
    draft.put("score_matrix", "return tf.Variable(tf.matmul(u, v, transpose_b=True))")
    draft.put("top_k", "best = tf.math.top_k(scores, k)\nreturn best.values, tf.gather(tf.constant(ids), best.indices)")
    draft.put("n_parameters", "return tf.reduce_sum([(n_users + 1) * dim, (n_titles + 1) * dim])")


@honest("the reference, with a graph function and a TensorFlow set to run eagerly", lesson="02", slow=True)
def graph_functions(draft):
    draft.insert("import tensorflow as tf\ntf.random.set_seed(1)\ntf.config.run_functions_eagerly(False)\n@tf.function\n"
                 "def two(rating):\n    return {name: rating[name] for name in ('user_id', 'movie_title')}")  # fmt: skip
    draft.put("select_fields", "return ratings.map(two)")


@honest("the reference of exercise 4, which trains", lesson="04", slow=True)
def trains(draft):
    pass


@honest("the reference of exercise 5", lesson="05", slow=True)
def recommends(draft):
    pass


@honest("two files: an unfinished first try and the finished one")
def second_try(draft):
    blank = json.dumps(_cells("exercises", "01")).encode()
    draft.beside = {f"{NAMES['01']}/{NAMES['01']}-Copy1.ipynb": blank}
