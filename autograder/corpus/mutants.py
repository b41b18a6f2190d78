"""Mutants: the reference with one small thing changed, by rule. The checks must refuse each, or it is told here why not.

A mutant that lives is either the same function written otherwise, or something that no test asks for.
"""

import ast
import contextlib
import copy
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.item import LESSONS, Item, items
from autograder.reference import SOLUTIONS, reference
from autograder.run import check
from autograder.student import Host

# Mutants that may live, by item and change, each with the reason.
_SIZE = "the size of a batch of evaluation or of reading, which no answer shows"
_AXIS = "the default axis is the last, and there are two"
_ARRAY = "what comes is an array already; the reference also takes lists"
_FLOAT = "numbers of numpy and tensors cross as floats in any case"
SURVIVORS: dict[tuple[str, str], str] = {
    ("0.3", "np.argsort(-left, axis=1) -> np.argsort(-left)"): _AXIS,
    ("1.4", "np.argsort(-retrieval, axis=1) -> np.argsort(-retrieval)"): _AXIS,
    ("2.2", "1000 -> 1001"): _SIZE,
    ("3.1", "tf.keras.layers.StringLookup(vocabulary=vocab, mask_token=None) -> "
            "tf.keras.layers.StringLookup(vocabulary=vocab)"): "None is the default; the lesson writes it out",
    ("3.3", "np.asarray(u) -> u"): _ARRAY,
    ("3.3", "np.asarray(v) -> v"): _ARRAY,
    ("3.4", "np.asarray(scores) -> scores"): _ARRAY,
    ("3.4", "np.take_along_axis(np.asarray(scores), best, axis=1) -> "
            "np.take_along_axis(np.asarray(scores), best)"): _AXIS,
    ("3.4", "np.argsort(-np.asarray(scores), axis=1, kind='stable') -> "
            "np.argsort(-np.asarray(scores), kind='stable')"): _AXIS,
    ("4.1", "float(tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(own, scores))) -> "
            "tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(own, scores))"): _FLOAT,
    ("4.2", "np.asarray(true) -> true"): _ARRAY,
    ("4.2", "np.asarray(scores) -> scores"): _ARRAY,
    ("4.2", "float((rank <= k).mean()) -> (rank <= k).mean()"): _FLOAT,
    ("4.3", "False -> True"): "Keras always says which mode it is, and so do the checks",
    ("4.4", "2048 -> 2049"): "a batch larger by one row trains as well: within the window, as it should be",
    ("5.1", "100 -> 101"): "the checks always say k: what the signature gives as its default stands in the exercise",
    ("5.2", "float(score) -> score"): _FLOAT,
    ("5.3", "min(k + most_seen, size(index)) -> min(size(index), k + most_seen)"): "the same number",
    ("5.4", "set(seen) -> seen"): "the same films, only looked up more slowly",
    ("5.5", "float(hits / sum((len(films) for films in test))) -> hits / sum((len(films) for films in test))"): _FLOAT,
    ("5.5", "list(gone) -> gone"): "what comes is a list already",
    ("6.1", "1 -> 2"): "room for one more, which nobody asks for",
    ("6.1", "max(*film, *(f for _, f in asked)) -> max(*(f for _, f in asked), *film)"): "the same number",
    ("6.3", "np.argsort(-of_candidates, axis=1, kind='stable') -> np.argsort(-of_candidates, kind='stable')"): _AXIS,
    ("6.3", "np.take_along_axis(predicted, candidates, axis=1) -> np.take_along_axis(predicted, candidates)"): _AXIS,
    ("6.3", "np.take_along_axis(candidates, order, axis=1) -> np.take_along_axis(candidates, order)"): _AXIS,
    ("6.2", "False -> True"): "the task is asked the same in both modes: training is not read",
    ("6.4", "set(earlier[user]) -> earlier[user]"): "the same films, only looked up more slowly",
    ("6.5", "list(films) -> films"): "what comes is a list already",
    ("6.5", "float(np.mean(of_liked)) -> np.mean(of_liked)"): _FLOAT,
    ("7.3", "np.unique(user) -> user"): "each user's rows are found once for each of them: slower, no different",
    ("7.4", "float(new.mean()) -> new.mean()"): _FLOAT,
    ("7.6", "float(tfrs.tasks.Retrieval()(u, v, candidate_sampling_probability=drawn)) -> "
            "tfrs.tasks.Retrieval()(u, v, candidate_sampling_probability=drawn)"): _FLOAT,
    ("7.6", "np.asarray(count) -> count"): _ARRAY,
    ("8.1", "tf.constant([padded], tf.string, shape=(1, width)) -> tf.constant([padded], tf.string)"):
        "the shape that it has in any case, unless a width is 0",
    ("8.1", "list(seen) -> seen"): "what comes is a list already",
    ("8.2", "abs(of[title] - score) > 0.001 -> abs(of[title] - score) >= 0.001"): "no difference is exactly that",
    ("8.3", "1 -> 2"): "numpy takes any negative size for the one to be found",
    ("8.5", "np.asarray(done) -> done"): _ARRAY,
    ("8.5", "float(latency[rank[50] - 1]) -> latency[rank[50] - 1]"): _FLOAT,
    ("8.5", "float(latency[rank[99] - 1]) -> latency[rank[99] - 1]"): _FLOAT,
    ("9.1", "zip(lists, seen) -> zip(seen, lists)"): "to have nothing in common goes both ways",
    ("8.5", "float(np.max(done) - np.min(due)) -> np.max(done) - np.min(due)"): _FLOAT,
}  # fmt: skip
COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.In: ast.NotIn,
            ast.NotIn: ast.In}  # fmt: skip
COUNTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.MatMult: ast.Mult,
           ast.BitAnd: ast.BitOr}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    item: Item
    change: str  # "before -> after"
    tree: ast.Module

    @property
    def excuse(self) -> str:
        """Why it may live, or nothing."""
        return next((why for (number, change), why in SURVIVORS.items()
                     if number == self.item.number and _plain(change) == _plain(self.change)), "")  # fmt: skip

    def lives(self, seed: int = 0) -> bool:
        """Whether the item's tests all accept it. Takes the reference's other names as they are."""
        names = dict(reference(LESSONS[self.item.lesson]))
        exec(compile(self.tree, "mutant", "exec"), names)
        with _alarm(60), contextlib.suppress(TimeoutError):
            return check(self.item, Host(names).answer, seed).score == self.item.points
        return False


def mutants(item: Item, most: int) -> list[Mutant]:
    """At most `most` mutants of the item's reference, spread over its source; the same ones each time."""
    name = LESSONS[item.lesson]
    source = ast.parse((SOLUTIONS / name / f"{name}.py").read_text(encoding="utf-8"))
    [function] = [node for node in source.body if getattr(node, "name", "") == item.function]
    made = {}
    for change, changed in _changes(function):
        made.setdefault(change, Mutant(item, change, ast.fix_missing_locations(ast.Module([changed], []))))
    chosen = random.Random(item.number).sample(sorted(made), min(most, len(made)))
    return [made[change] for change in chosen]


def _changes(function: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """Every function that differs from this one in one place, and in what."""
    for number, node in enumerate(ast.walk(function)):
        for after in _variants(node):
            changed = copy.deepcopy(function)
            target = list(ast.walk(changed))[number]
            parent = next(p for p in ast.walk(changed) for child in ast.iter_child_nodes(p) if child is target)
            for name, value in ast.iter_fields(parent):
                if value is target:
                    setattr(parent, name, after)
                elif isinstance(value, list):
                    setattr(parent, name, [after if one is target else one for one in value])
            yield f"{ast.unparse(node)} -> {ast.unparse(after)}", changed


def _variants(node: ast.AST) -> Iterator[ast.expr]:
    """What may stand in the place of an expression."""

    def like(**fields) -> ast.AST:
        twin = copy.deepcopy(node)
        for name, value in fields.items():
            setattr(twin, name, value)
        return twin

    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARED:
            yield like(ops=[COMPARED[type(op)]()])
        case ast.BinOp(op=op) if type(op) in COUNTED:
            yield like(op=COUNTED[type(op)]())
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield operand
        case ast.IfExp(body=body, orelse=orelse):
            yield like(body=orelse, orelse=body)
        case ast.Slice(upper=ast.expr()):
            yield like(upper=None)
        case ast.Call(args=args, keywords=keywords):
            if len(args) == 2:
                yield like(args=args[::-1])
            if len(args) == 1 and not keywords:
                yield args[0]
            for keyword in keywords:
                yield like(keywords=[other for other in keywords if other is not keyword])


@contextlib.contextmanager
def _alarm(seconds: int):
    def ring(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _plain(change: str) -> str:
    """Without what versions of Python write differently."""
    return change.translate(dict.fromkeys(map(ord, " ()")))


def all_mutants(most: int, slow: bool) -> list[Mutant]:
    """Mutants of every item; of those that train a model two, and only if `slow`."""
    return [one for item in items() if slow or not item.slow for one in mutants(item, 2 if item.slow else most)]
