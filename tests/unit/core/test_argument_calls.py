"""A task is called like its function: bound, stored by name, refused with the signature."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anyjob.core.errors import InvalidArguments
from tests.unit.core.functions import (
    everything,
    no_star,
    nothing,
    only_more,
    only_rest,
    ordinary,
    required,
    signature,
    travelled,
)

FUNCTIONS = [everything, no_star, ordinary, required, nothing, only_rest, only_more]
numbers = st.lists(st.integers(0, 99), max_size=5)
named_numbers = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e", "x"]), st.integers(0, 99))


@given(st.sampled_from(FUNCTIONS), numbers, named_numbers)
@example(everything, [0], {"b": 0, "d": 0})
# Each way of calling once for certain: chance alone may leave one out.
@example(everything, [0, 1, 2, 3], {"d": 0, "x": 9})
@example(no_star, [0], {"d": 1})
@example(ordinary, [0], {"c": 1})
@example(required, [0, 1], {})
@example(only_rest, [0, 1], {})
@example(only_more, [], {"x": 9})
def test_job_gets_exactly_what_the_function_would_get(
    function: Callable[..., Any], args: list[int], kwargs: dict[str, int]
) -> None:
    try:
        direct = function(*args, **kwargs)
    except TypeError:
        with pytest.raises(InvalidArguments):
            signature(function).bind(tuple(args), kwargs)
    else:
        assert travelled(function, *args, **kwargs) == direct


def test_argument_that_was_not_passed_is_not_stored() -> None:
    way = signature(ordinary)

    assert way.encode(way.bind((1,), {})) == b'{"a":1}'
    assert way.encode(way.bind((1,), {"c": 3})) == b'{"a":1,"c":3}'


def test_default_of_the_function_that_runs_applies() -> None:
    def newer(a: int, b: int = 99, *, c: int = 3) -> Any:
        return (a, b, c)

    stored = signature(ordinary).encode(signature(ordinary).bind((1,), {}))

    assert signature(newer).call(signature(newer).decode(stored)) == (1, 99, 3)


def test_default_that_json_cannot_carry_is_no_obstacle() -> None:
    marker = object()

    def task(a: int, b: int = marker) -> Any:  # type: ignore[assignment]
        return b

    assert travelled(task, 1) is marker


@pytest.mark.parametrize(
    ("stored", "result"),
    [
        (b'{"b":7,"c":8,"d":9}', "missing required field `a`"),
        (b'{"a":1,"c":8,"d":9}', (1, 2, 8, (), 9, 5, {})),
        (b'{"a":1,"rest":[4],"d":9}', (1, 2, 3, (4,), 9, 5, {})),
        (b'{"a":1,"d":9,"more":{"a":7,"z":8}}', (1, 2, 3, (), 9, 5, {"a": 7, "z": 8})),
        (b'{"a":1,"d":9,"more":{"e":7}}', "'e' stands in 'more' too"),
        (b'{"a":1,"d":9,"more":{"d":7,"c":7}}', "'c' stands in 'more' too"),
        (b'{"a":1,"d":9,"x":0}', "unknown field `x`"),
    ],
)
def test_stored_arguments_keep_their_places(stored: bytes, result: Any) -> None:
    way = signature(everything)

    if isinstance(result, str):
        with pytest.raises(InvalidArguments, match=result):
            way.decode(stored)
    else:
        assert way.call(way.decode(stored)) == result


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((), {}, "missing required argument 'a'"),
        ((1, 2, 3), {}, "extra positional arguments provided"),
        ((1,), {"z": 5}, "unexpected keyword argument 'z'"),
        ((1,), {"a": 5}, "argument 'a' given by name and position"),
    ],
)
def test_wrong_call_is_refused_with_the_signature(
    args: tuple[Any, ...], kwargs: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidArguments) as refused:
        signature(ordinary).bind(args, kwargs)

    text = str(refused.value)
    assert text.startswith("task 'shop.task-1' takes (a: int, b: int = 2, *, c: int = 3)")
    assert said in text.lower()
