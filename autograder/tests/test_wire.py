"""What may cross between a check and a student, and what may not."""

import json
import math

import numpy as np
import pytest

from autograder.wire import Handle, WireError, decode, encode, same

PLAIN = [
    None, True, 0, -3, 2.5, "날씨", b"\xff", [], [1, [2, "a"]], (1,), {"a": 1, 2: (3,)}, {1, 2}, 2**62,
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_data_crosses_unchanged(value):
    crossed = decode(json.loads(json.dumps(encode(value))))
    assert crossed == value and type(crossed) is type(value)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8", "bool"])
def test_an_array_keeps_dtype_shape_and_values(dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    crossed = decode(json.loads(json.dumps(encode(array))))
    assert crossed.dtype == array.dtype and np.array_equal(crossed, array)


def test_arrays_of_strings_keep_kind_and_shape():
    text = decode(encode(np.array([["a", "bc"]])))
    assert text.dtype.kind == "U" and text.tolist() == [["a", "bc"]]
    raw = decode(encode(np.array([b"a", b"bc"], object)))
    assert raw.dtype == object and raw.tolist() == [b"a", b"bc"]


def test_not_a_number_and_infinity_cross_as_themselves():
    crossed = decode(json.loads(json.dumps(encode([math.nan, math.inf, -math.inf]), allow_nan=False)))
    assert math.isnan(crossed[0]) and crossed[1:] == [math.inf, -math.inf]


def test_numpy_scalars_and_tensors_cross_as_numbers():
    import tensorflow as tf

    assert decode(encode(np.float32(0.5))) == 0.5
    assert decode(encode(np.array(3))) == 3
    assert decode(encode(tf.constant(2.0))) == 2.0
    assert decode(encode(tf.Variable([1.0, 2.0]))).tolist() == [1.0, 2.0]
    assert decode(encode(tf.constant(["a"]))).tolist() == [b"a"]


def test_other_objects_stay_behind_a_handle():
    kept = []
    data = encode([1, object], lambda value: kept.append(value) or Handle(len(kept) - 1, "type"))
    assert kept == [object]
    assert decode(data) == [1, Handle(0, "type")]
    with pytest.raises(WireError, match="type is not plain"):
        encode(object)


@pytest.mark.parametrize(
    "message",
    [
        {"array": ["|O", [1], "AAAA"]},
        {"array": ["<f4", [2**40], ""]},
        {"array": ["<f4", [-1], ""]},
        {"array": ["<f4", [4], "AAAA"]},
        {"pickle": "gASVAAAA"},
        {"list": "ab"},
        {"dict": [[1]]},
        {"a": 1, "b": 2},
        {"bytes": "é"},
        [1],
    ],
    ids=str,
)
def test_a_forged_message_is_refused(message):
    with pytest.raises(WireError):
        decode(message)


def test_depth_is_bounded_both_ways():
    deep: list = []
    for _ in range(50):
        deep = [deep]
    with pytest.raises(WireError, match="nested"):
        encode(deep)
    message: dict = {"list": []}
    for _ in range(50):
        message = {"list": [message]}
    with pytest.raises(WireError, match="nested"):
        decode(message)


@pytest.mark.parametrize(
    "got, want",
    [
        (1.00001, 1),
        ([1, 2], np.array([1, 2])),
        ((1, 2), [1, 2]),
        (b"a", "a"),
        ({b"a": 1}, {"a": 1.0}),
        ({b"a"}, {"a"}),
        (np.array([[1.0]]), [[1]]),
        (1e6 + 1, 1e6),
    ],
    ids=str,
)
def test_equal_in_meaning(got, want):
    assert same(got, want) and same(want, got)


@pytest.mark.parametrize(
    "got, want",
    [
        (math.nan, math.nan),
        (math.nan, 1.0),
        (0.5, math.inf),
        (np.array([5.0]), np.array([math.inf])),
        (1.01, 1),
        (83_425, 83_424),
        (np.array([83_425]), np.array([83_424])),
        (True, 1),
        (1, True),
        ([1], 1),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ({"a": 1}, {"a": 1, "b": 2}),
        ("1", 1),
        (None, 0),
        (np.array([math.nan]), np.array([math.nan])),
        (np.zeros((2, 1)), np.zeros((1, 2))),
        ({1}, [1]),
        (Handle(0, "A"), 0),
        (np.array(["a", "b"]), np.array([1, 2])),
        (np.array([None, None]), np.array([1.0, 2.0])),
    ],
    ids=str,
)
def test_different_in_meaning(got, want):
    assert not same(got, want) and not same(want, got)


ROWS = {"array": ["|i1", [100_000, 0], ""]}
TEXT = {"strings": ["U", [2_000], ["x" * 2_000] + [""] * 1_999]}


@pytest.mark.parametrize(
    "message",
    [
        {"array": ["<i8", [1 << 28, 0], ""]},
        {"array": ["|i1", [200_000, *[1] * 7], ""]},
        {"strings": ["O", [1 << 28, 0], []]},
        {"list": [ROWS] * 11},
        {"list": [TEXT] * 5},
        {"list": [{"tuple": [{"set": [*range(n, n + 1_000)]}, {"dict": [[n, n]]}]} for n in range(10)]},
        {"list": [{"tuple": [n]} for n in range(10_001)]},
    ],
    ids=["rows without columns", "many dimensions", "rows of no text", "many such arrays", "much padding", "many keys",
         "many tuples"],
)
def test_a_message_may_ask_for_so_much_in_all(message):
    with pytest.raises(WireError, match="more room"):
        decode(message)
    assert decode({"list": [ROWS, TEXT, {"set": [1]}]})[0].shape == (100_000, 0)


def test_numbers_chosen_to_have_one_hash_do_not_keep_it():
    """A set of 40,000 of these takes minutes."""
    chosen = [n * (2**61 - 1) for n in range(40_000)]
    assert len(set(map(hash, chosen))) == 1
    assert len(set(map(hash, decode(encode(chosen))))) > 30_000
    assert decode(2**63) == 2**63
