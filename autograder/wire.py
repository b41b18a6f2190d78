"""What crosses between a check and a student's code: plain data as JSON, anything else as a handle.

Numbers, strings, lists, tuples, dicts, sets and arrays cross by value, an array as dtype, shape and bytes, or, if it
holds strings, as shape and strings. What cannot cross (a Keras model, an index, a dataset) stays where it is and is
spoken of by a handle. Nothing is ever unpickled. The notebook's own check uses the same codec, so it and a grade agree.
"""

import base64
import itertools
import math
import operator
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

MAX_DEPTH = 12
MAX_BYTES = 256 << 20
# Of one message, where little text can ask for much room or time:
MAX_TEXT = 64 << 20  # bytes of its arrays of text, in which the longest fixes the room of all
MAX_LISTS = 1_000_000  # of which its arrays would consist as lists: one of no columns has rows that take no byte
MAX_KEYS = 10_000  # of its sets and dicts, and tuples, of which a check may make some: they can be chosen to collide


class WireError(ValueError):
    """The message is not one that `encode` makes, or it is too large or too deep."""


@dataclass(frozen=True)
class Handle:
    """An object that stays beside the student's code. `kind`, for messages only: its class, or the call that made it."""

    id: int
    kind: str

    def __repr__(self) -> str:
        return self.kind if "(" in self.kind else f"<{self.kind}>"


@dataclass
class _Room:
    """What is left of what one message may ask for."""

    text: int = MAX_TEXT
    lists: int = MAX_LISTS
    keys: int = MAX_KEYS

    def take(self, what: str, amount: int) -> None:
        left = getattr(self, what) - amount
        setattr(self, what, left)
        if left < 0:
            raise WireError(f"the {what} of one message take more room than they may")

    def take_shape(self, shape: Any) -> None:
        """That of an array."""
        dimensions = shape if isinstance(shape, list) else []
        if not (0 < len(dimensions) <= 8 and all(type(n) is int and 0 <= n <= MAX_BYTES for n in dimensions)):
            raise WireError(f"{shape!r} is not the shape of an array")
        self.take("lists", sum(itertools.accumulate(shape[:-1], operator.mul)))


def encode(value: Any, keep: Callable[[Any], Handle] | None = None, depth: int = 0) -> Any:
    """`value` as JSON-ready data. Objects that are not plain go to `keep`, which returns their handle.

    Raises WireError if something is not plain and there is no `keep`, or if it is nested deeper than MAX_DEPTH.
    """
    if depth > MAX_DEPTH:
        raise WireError(f"nested deeper than {MAX_DEPTH} levels")

    def inner(items):
        return [encode(item, keep, depth + 1) for item in items]

    if isinstance(value, Handle):
        return {"handle": [value.id, value.kind]}
    if isinstance(value, np.generic):
        value = value.item()
    if hasattr(value, "numpy") and hasattr(value, "dtype") and hasattr(value, "shape"):  # a tensor or a variable
        value = np.asarray(value.numpy())
    elif hasattr(value, "to_numpy") and getattr(value, "ndim", 0) == 1:  # a pandas Series or Index
        value = value.to_numpy()
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | Fraction | Decimal):
        value = float(value)
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "biuf":
            data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
            return {"array": [value.dtype.str, list(value.shape), data]}
        if value.dtype.kind in "OSUT":
            dtype = "U" if value.dtype.kind in "UT" else "O"
            return {"strings": [dtype, list(value.shape), inner(value.ravel().tolist())]}
    if isinstance(value, tuple):
        return {"tuple": inner(value)}
    if isinstance(value, list):
        return {"list": inner(value)}
    if isinstance(value, Set):
        return {"set": inner(value)}
    if isinstance(value, Mapping):
        return {"dict": [inner(pair) for pair in value.items()]}
    if keep is None:
        raise WireError(f"{type(value).__name__} is not plain data")
    return encode(keep(value))


def decode(
    data: Any, find: Callable[[Handle], Any] = lambda handle: handle, depth: int = 0, room: _Room | None = None
) -> Any:
    """The value that `encode` was given, tensors as arrays, handles through `find`.

    Raises WireError on anything that `encode` does not make.
    """
    if depth > MAX_DEPTH:
        raise WireError(f"nested deeper than {MAX_DEPTH} levels")
    room = room or _Room()

    def inner(items):
        if not isinstance(items, list):
            raise WireError("a list was expected")
        return [decode(item, find, depth + 1, room) for item in items]

    if isinstance(data, int) and data.bit_length() > 1000:
        raise WireError("a number of more than 300 digits")
    if isinstance(data, int) and data.bit_length() > 64:  # such can be chosen to have one hash, floats cannot
        return float(data)
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if not (isinstance(data, dict) and len(data) == 1):
        raise WireError("unknown message")
    [(tag, body)] = data.items()
    try:
        if tag == "list":
            return inner(body)
        if tag in ("set", "dict", "tuple"):
            room.take("keys", 1 if tag == "tuple" else len(body))
        if tag == "tuple":
            return tuple(inner(body))
        if tag == "set":
            return set(inner(body))
        if tag == "dict":
            return dict(map(inner, body))
        if tag == "bytes":
            return base64.b64decode(body, validate=True)
        if tag == "float":
            return float(body)
        if tag == "array":
            return _array(room, *body)
        if tag == "strings":
            dtype, shape, flat = body
            room.take_shape(shape)
            if dtype == "U" and not all(isinstance(one, str) for one in flat):
                raise WireError("an array of text with something else in it")
            array = np.empty(len(flat), object)
            array[:] = inner(flat)
            if dtype == "U":
                room.take("text", 4 * len(flat) * max(map(len, flat), default=0))
            return (array.astype(str) if dtype == "U" else array).reshape(shape)
        if tag == "handle":
            number, kind = body
            return find(Handle(int(number), str(kind)))
    except (TypeError, ValueError, OverflowError) as error:
        raise WireError(f"malformed {tag}: {error}") from None
    raise WireError(f"unknown tag {tag!r}")


def _array(room: _Room, dtype: str, shape: list[int], data: str) -> np.ndarray:
    if not re.fullmatch(r"[<>|][biuf]\d+", dtype):
        raise WireError(f"an array of {dtype!r} may not cross")
    room.take_shape(shape)
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if size > MAX_BYTES or len(data) != 4 * math.ceil(size / 3):
        raise WireError(f"an array of {size} bytes came with {len(data)} characters")
    return np.frombuffer(base64.b64decode(data, validate=True), kind).reshape(shape).copy()


def same(got: Any, want: Any, tolerance: float = 1e-4) -> bool:
    """Whether two decoded values are equal: integers exactly, other numbers within `tolerance` (relative above 1),
    containers item by item.

    Lists, tuples and arrays of equal content are the same; bytes equal the string they encode; NaN equals nothing.
    True and False are not numbers here.
    """
    if isinstance(got, bytes):
        got = got.decode(errors="replace")
    if isinstance(want, bytes):
        want = want.decode(errors="replace")
    if isinstance(want, Mapping) or isinstance(got, Mapping):
        if not (isinstance(want, Mapping) and isinstance(got, Mapping) and len(got) == len(want)):
            return False
        got, want = ({_text(key): value for key, value in side.items()} for side in (got, want))
        return got.keys() == want.keys() and all(same(got[key], want[key], tolerance) for key in want)
    if isinstance(want, Set) or isinstance(got, Set):
        return (
            isinstance(want, Set)
            and isinstance(got, Set)
            and {_text(item) for item in got} == {_text(item) for item in want}
        )
    if all(isinstance(side, np.ndarray) and side.dtype.kind in "iuf" for side in (got, want)):
        if got.shape != want.shape:
            return False
        if "f" not in (got.dtype.kind, want.dtype.kind):
            return bool(np.array_equal(got, want))
        with np.errstate(invalid="ignore"):  # infinity less infinity
            near = np.isfinite(want) & (np.abs(got - want) <= tolerance * np.maximum(1, np.abs(want)))
            return bool(np.all((got == want) | near))
    if isinstance(want, list | tuple | np.ndarray):
        if not isinstance(got, list | tuple | np.ndarray) or len(got) != len(want):
            return False
        return all(same(g, w, tolerance) for g, w in zip(got, want, strict=True))
    got, want = (side.item() if isinstance(side, np.generic) else side for side in (got, want))
    if isinstance(want, bool) or isinstance(got, bool):
        return got is want
    if isinstance(want, int) and isinstance(got, int):
        return got == want
    if isinstance(want, int | float) and isinstance(got, int | float):
        return got == want or abs(got - want) <= tolerance * max(1, abs(want)) < math.inf
    if isinstance(want, Handle) or isinstance(got, Handle):
        return isinstance(want, Handle) and isinstance(got, Handle) and got.kind == want.kind
    return type(got) is type(want) and got == want


def _text(key: Any) -> Any:
    return key.decode(errors="replace") if isinstance(key, bytes) else key
