"""A task's signature: bound like the function, stored by name, read back by type hint."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyjob.core.errors import ConfigurationError, InvalidArguments
from anyjob.core.limits import MAX_ARGUMENT_CONTAINERS, MAX_ARGUMENT_DEPTH, MAX_DEPTH
from anyjob.core.wire import decode_body
from tests.unit.core.functions import (
    everything,
    nothing,
    only_more,
    signature,
    travelled,
)

GOLDEN = Path(__file__).parent / "golden"


class Tier(Enum):
    FREE = "free"
    PREMIUM = "premium"


class Rank(IntEnum):
    LOW = 1


class Colour(StrEnum):
    RED = "red"


@dataclasses.dataclass
class Address:
    street: str
    zip: str


class Point(msgspec.Struct):
    x: float
    y: float


class Pair(NamedTuple):
    left: int
    right: str


class Order(pydantic.BaseModel):
    number: int
    total: Decimal
    placed: datetime
    address: Address
    weight: float | None = None
    seal: bytes = b""
    shop: str = pydantic.Field(default="main", alias="shopName")


class StrictOrder(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(
        strict=True, ser_json_bytes="base64", val_json_bytes="base64"
    )
    placed: datetime
    photo: bytes


def one(hint: Any) -> Callable[..., Any]:
    """Return a function of one parameter, `value`, that returns it."""

    def same(value: Any) -> Any:
        return value

    same.__annotations__["value"] = hint
    return same


SAMPLES: list[tuple[Any, Any]] = [
    (int, -(2**63)),
    (int, 10**40),
    (float, 0.1),
    (bool, True),
    (str, "Ça\x00 va 🧨"),
    (None, None),
    (bytes, bytes(range(256))),
    (datetime, datetime(2026, 1, 1, 12, 30, 0, 1, tzinfo=UTC)),
    (datetime, datetime(2026, 1, 1, 12, 30)),
    (date, date(2026, 1, 1)),
    (time, time(12, 30)),
    (timedelta, timedelta(days=1, microseconds=5)),
    (UUID, UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")),
    (Decimal, Decimal("19.90")),
    (Tier, Tier.PREMIUM),
    (Rank, Rank.LOW),
    (Colour, Colour.RED),
    (Literal["a", "b"], "b"),
    (Address, Address("Rue 1", "75001")),
    (Point, Point(1.5, -2.0)),
    (Pair, Pair(1, "one")),
    (list[Address], [Address("Rue 1", "75001")]),
    (dict[str, list[Point]], {"a": [Point(0.0, 0.0)], "b": []}),
    (dict[UUID, Decimal], {UUID(int=1): Decimal("0.10")}),
    (dict[int, str], {7: "seven"}),
    (tuple[int, str], (1, "one")),
    (tuple[int, ...], (1, 2, 3)),
    (set[int], {1, 2}),
    (frozenset[str], frozenset({"a"})),
    (Sequence[int], [1, 2]),
    (Mapping[str, int], {"a": 1}),
    (int | None, None),
    (int | None, 5),
    (int | str, "five"),
    (datetime | None, datetime(2026, 1, 1, tzinfo=UTC)),
    (list[dict[str, tuple[Point, Tier] | None]], [{"a": (Point(1.0, 2.0), Tier.FREE), "b": None}]),
    (Annotated[int, msgspec.Meta(gt=0)], 5),
    (
        Order,
        Order(
            number=7,
            total=Decimal("9.99"),
            placed=datetime(2026, 1, 1, tzinfo=UTC),
            address=Address("Rue 1", "75001"),
            seal=b"\x01text",
            shopName="Lyon",
        ),
    ),
    (StrictOrder, StrictOrder(placed=datetime(2026, 1, 1, tzinfo=UTC), photo=bytes(range(256)))),
    (
        list[Order | None],
        [
            None,
            Order(
                number=1,
                total=Decimal(1),
                placed=datetime(2026, 1, 1, tzinfo=UTC),
                address=Address("a", "b"),
                weight=1.5,
            ),
        ],
    ),
    (Any, {"a": [1, 2.5, None, True, "x", {}]}),
    (dict, {"a": 1}),
    (list, [1, "a"]),
    (dict[str, Any], {"a": [1]}),
]


@pytest.mark.parametrize(("hint", "value"), SAMPLES)
def test_value_comes_back_equal_and_of_its_type(hint: Any, value: Any) -> None:
    back = travelled(one(hint), value)

    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(("hint", "value"), SAMPLES)
def test_result_comes_back_equal_and_of_its_type(hint: Any, value: Any) -> None:
    def task() -> Any: ...

    task.__annotations__["return"] = hint
    way = signature(task)

    assert way.decode_result(way.encode_result(value)) == value


def test_parameter_without_a_hint_takes_what_json_has() -> None:
    def task(a, b=(), *c, **d):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN003, ANN202, RUF100 - no hints are the case
        return a, b, c, d

    assert travelled(task, 1, [2.5], None, x={"y": "z"}) == (1, [2.5], (None,), {"x": {"y": "z"}})
    assert travelled(task, (1, (2,))) == ([1, [2]], (), (), {})


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Any, b"bytes"),
        (Any, datetime(2026, 1, 1, tzinfo=UTC)),
        (Any, Decimal(1)),
        (Any, UUID(int=1)),
        (Any, Tier.FREE),
        (Any, Point(1.0, 2.0)),
        (Any, Address("a", "b")),
        (Any, {1, 2}),
        (Any, {1: "a"}),
        (Any, [{"a": (b"deep",)}]),
        (Any, Pair(1, "a")),
        (dict, {"a": b"bytes"}),
        (list[Any], [b"bytes"]),
        (tuple[Any, ...], (b"bytes",)),
        (dict[str, Any], {"a": datetime(2026, 1, 1, tzinfo=UTC)}),
        (dict[str, Any] | None, {"a": Decimal(1)}),
        (list[dict[str, Any]], [{"a": Decimal(1)}]),
    ],
)
def test_value_that_would_come_back_as_something_else_is_refused(hint: Any, value: Any) -> None:
    way = signature(one(hint))

    with pytest.raises(InvalidArguments, match="for 'value', and without a type hint it would"):
        way.encode(way.bind((value,), {}))


def test_hint_makes_such_a_value_welcome() -> None:
    assert travelled(one(set[Any]), {1, 2}) == {1, 2}
    assert travelled(one(dict[str, bytes]), {"a": b"bytes"}) == {"a": b"bytes"}


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, "5"),
        (int, 5.5),
        (int, True),
        (str, 5),
        (float, "1.5"),
        (float, math.nan),
        (float | None, math.inf),
        (Any, math.nan),
        (list[float | None], [1.0, -math.inf]),
        (dict[str, float | None], {"a": math.nan}),
        (list[int], [1, "2"]),
        (Tier, "gold"),
        (datetime, "soon"),
        (Point, Address("a", "b")),
        (Annotated[int, msgspec.Meta(gt=0)], 0),
        (str, "\ud800"),
        (Any, "\ud800"),
        (Any, object()),
        (Any, {1j: 2}),
        (Any, lambda: None),
        (Any, Path("/tmp")),
        (object, object()),
        (Path, Path("/tmp")),
        (Order, Point(1.0, 2.0)),
    ],
)
def test_value_that_does_not_fit_is_refused_before_any_effect(hint: Any, value: Any) -> None:
    way = signature(one(hint))

    with pytest.raises(InvalidArguments, match="^task 'shop.task-1' was given ") as refused:
        way.encode(way.bind((value,), {}))

    assert len(str(refused.value)) < 500


def test_nan_inside_a_model_is_refused() -> None:
    order = Order(
        number=1,
        total=Decimal(1),
        placed=datetime(2026, 1, 1, tzinfo=UTC),
        address=Address("a", "b"),
        weight=math.nan,
    )
    way = signature(one(Order))

    with pytest.raises(InvalidArguments, match="nan has no place in JSON"):
        way.encode(way.bind((order,), {}))
    with pytest.raises(ValueError, match="nan has no place in JSON"):
        way.encode_result({"orders": (order,)})


def test_refusal_of_a_model_names_the_field_and_not_its_value() -> None:
    way = signature(one(Order))

    with pytest.raises(InvalidArguments) as refused:
        way.decode(b'{"value":{"number":"secret-7","total":"x","placed":"secret-8"}}')

    assert "number: Input should be a valid integer" in str(refused.value)
    assert "secret" not in str(refused.value)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_arguments_as_deep_as_is_accepted_can_be_read_from_a_message() -> None:
    way = signature(one(Any))

    payload = way.encode(way.bind((nested(MAX_ARGUMENT_DEPTH - 1),), {}))

    message = b'{"v":1,"id":"a","task":"a","enqueued_at":1.0,"args":' + payload + b"}"
    assert bytes(decode_body(message).args) == payload


@pytest.mark.parametrize(
    "value",
    [
        nested(MAX_ARGUMENT_DEPTH),
        nested(MAX_DEPTH * 100),
        [[] for _ in range(MAX_ARGUMENT_CONTAINERS)],
    ],
    ids=["a level too deep", "far too deep", "too many"],
)
def test_arguments_too_deep_or_too_many_are_refused(value: Any) -> None:
    way = signature(one(Any))

    with pytest.raises(InvalidArguments, match="^task 'shop.task-1' was given arguments"):
        way.encode(way.bind((value,), {}))


def test_arguments_that_hold_themselves_are_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    way = signature(one(Any))

    with pytest.raises(InvalidArguments, match="nested too deeply"):
        way.encode(way.bind((loop,), {}))


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"[]",
        b"null",
        b'"{}"',
        b"{}",
        b'{"value":"5"}',
        b'{"value":5,"value2":6}',
        b'{"value":99999999999999999999999}{',
        b'{"value":' + b"9" * 100_000 + b"}",
        b'{"value":' + b"[" * 1_000_000,
        b'{"\xff":5}',
        b'{"' + b"x" * 1_000_000 + b'":5}',
    ],
    ids=range(12),
)
def test_stored_arguments_that_do_not_fit_are_refused(stored: bytes) -> None:
    with pytest.raises(InvalidArguments, match="^task 'shop.task-1' cannot take the") as refused:
        signature(one(int)).decode(stored)

    assert len(str(refused.value)) < 500


@given(st.binary(max_size=60))
def test_any_stored_bytes_give_arguments_or_an_error_of_ours(stored: bytes) -> None:
    way = signature(everything)

    try:
        way.call(way.decode(stored))
    except InvalidArguments as refused:
        assert len(str(refused)) < 500  # noqa: PT017 - arguments are as good an answer


class Moody(pydantic.BaseModel):
    value: str

    @pydantic.model_validator(mode="after")
    def refuse(self) -> "Moody":
        raise {"error": RuntimeError, "exit": SystemExit}[self.value]("not today")


@pytest.mark.parametrize("value", [b"error", b"exit"])
def test_surprise_in_a_validator_is_an_error_of_ours(value: bytes) -> None:
    with pytest.raises(InvalidArguments, match="not today"):
        signature(one(Moody)).decode(b'{"value":{"value":"%s"}}' % value)


def test_stored_value_of_a_foreign_class_is_not_read_back() -> None:
    with pytest.raises(InvalidArguments, match="objects of type 'Path' cannot be read back"):
        signature(one(Path)).decode(b'{"value":"/tmp"}')


def test_result_that_does_not_fit_its_hint_is_refused() -> None:
    def task() -> int: ...  # type: ignore[empty-body]

    with pytest.raises(InvalidArguments, match="^the stored result of task 'shop.task-1' does not"):
        signature(task).decode_result(b'"five"')


def test_result_under_a_hint_that_json_cannot_carry_comes_back_plain() -> None:
    def task() -> Address | Point: ...  # type: ignore[empty-body]

    way = signature(task)

    assert way.decode_result(way.encode_result(Point(1.0, 2.0))) == {"x": 1.0, "y": 2.0}


def test_result_that_cannot_be_stored_raises() -> None:
    with pytest.raises(NotImplementedError, match="objects of type 'object' cannot be stored"):
        signature(nothing).encode_result(object())
    with pytest.raises(ValueError, match="inf has no place in JSON"):
        signature(nothing).encode_result([math.inf])


def test_every_type_of_the_golden_message_is_read() -> None:
    def every_type(
        *,
        when: datetime,
        day: date,
        time: time,
        span: timedelta,
        id: UUID,
        price: Decimal,
        photo: bytes,
        tier: Tier,
        address: Address,
        point: Point,
        tags: set[str],
        pair: tuple[int, str],
        by_id: dict[int, list[int]],
        nothing: str | None,
        number: int,
    ) -> Any:
        return dict(locals())

    way = signature(every_type)
    body = decode_body((GOLDEN / "v1-types.json").read_bytes())

    got = way.call(way.decode(body.args))

    assert got == {
        "when": datetime.fromisoformat("2026-01-01T12:30:00.000001+01:00"),
        "day": date(2026, 1, 1),
        "time": time(12, 30),
        "span": timedelta(seconds=90),
        "id": UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        "price": Decimal("19.90"),
        "photo": b"\xff\xd8\xff\xe0\x00\x10",
        "tier": Tier.PREMIUM,
        "address": Address("Rue de l'Église 1", "75001"),
        "point": Point(1.5, -2.0),
        "tags": {"a", "b"},
        "pair": (1, "one"),
        "by_id": {7: [1, 2, 3]},
        "nothing": None,
        "number": 123456789012345678901234567890,
    }
    assert way.call(way.decode(way.encode(way.decode(body.args)))) == got


@pytest.mark.parametrize("name", ["args-list", "args-null", "args-text"])
def test_golden_arguments_that_are_no_object_are_refused(name: str) -> None:
    body = decode_body((GOLDEN / "wrong-arguments" / f"{name}.json").read_bytes())

    with pytest.raises(InvalidArguments):
        signature(only_more).decode(body.args)


class Caller:
    def __call__(self, a: datetime) -> Any:
        return a

    def method(self, a: datetime) -> Any:
        return a


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner


@decorated
def wrapped(a: datetime) -> Any:
    return a


def two(a: datetime, b: int) -> Any:
    return a


@pytest.mark.parametrize(
    "function",
    [
        wrapped,
        Caller(),
        Caller().method,
        functools.partial(two, b=1),
        functools.partial(functools.partial(decorated(two)), b=1),
    ],
)
def test_hints_of_every_kind_of_callable_are_found(function: Callable[..., Any]) -> None:
    assert travelled(function, NOON) == NOON


def later(a: "Late") -> Any:
    return a


class Late(msgspec.Struct):
    x: int


def test_hint_that_is_defined_later_is_found_on_first_use() -> None:
    assert travelled(later, Late(1)) == Late(1)


def test_hint_that_nobody_can_resolve_is_a_configuration_error() -> None:
    def unknown(a: "Nowhere") -> Any:  # type: ignore[name-defined]  # noqa: F821 - nowhere is the case
        return a

    def broken(a: Any) -> Any:
        return a

    broken.__annotations__["a"] = "1 +"

    for function in (unknown, broken):
        with pytest.raises(ConfigurationError, match="^the type hints of task 'shop.task-1' can"):
            signature(function)


def test_hint_that_json_cannot_carry_is_a_configuration_error() -> None:
    def task(a: Point | Address) -> Any:
        return a

    with pytest.raises(ConfigurationError, match="^task 'shop.task-1' has type hints that cannot"):
        signature(task)


@pytest.mark.parametrize("thing", [5, iter, type])
def test_callable_without_a_signature_is_a_configuration_error(thing: Any) -> None:
    with pytest.raises(ConfigurationError, match="^(task|the type hints of task) 'shop.task-1' "):
        signature(thing)
