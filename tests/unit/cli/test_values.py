"""What a person types for a span, an instant and a job's arguments."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import click
import msgspec
import pytest

from anyjob import App, InvalidArguments
from anyjob.cli.values import (
    arguments_for,
    arguments_from,
    as_json,
    aware_instant,
    changes_for,
    span,
    span_or_instant,
)
from anyjob.core.state import State
from anyjob.core.view import JobView

CONTEXT = click.Context(click.Command("x"))
PARAMETER = click.Option(["--x"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5", 1.5),
        ("30s", 30),
        ("0.5s", 0.5),
        ("5m", 300),
        ("1h30m", 5400),
        ("2d", 172800),
    ],
)
def test_span_is_seconds_or_units(text: str, seconds: float) -> None:
    assert span(CONTEXT, PARAMETER, text) == seconds


@pytest.mark.parametrize("text", ["", "5x", "m", "-1", "nan", "inf", "30s5m", "1 h"])
def test_wrong_span_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a span such as 90, 30s, 5m or 1h30m"):
        span(CONTEXT, PARAMETER, text)


def test_instant_has_its_offset() -> None:
    assert aware_instant(CONTEXT, PARAMETER, "2030-01-31T09:00Z") == datetime(
        2030, 1, 31, 9, tzinfo=UTC
    )
    assert aware_instant(CONTEXT, PARAMETER, "2030-01-31T10:00+01:00") == datetime(
        2030, 1, 31, 9, tzinfo=UTC
    )


@pytest.mark.parametrize("text", ["2030-01-31T09:00", "tomorrow", "2030-13-01T00:00Z"])
def test_naive_or_wrong_instant_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a time with its offset"):
        aware_instant(CONTEXT, PARAMETER, text)


def test_expiry_is_either() -> None:
    assert span_or_instant(CONTEXT, PARAMETER, "5m") == 300
    assert isinstance(span_or_instant(CONTEXT, PARAMETER, "2030-01-31T09:00Z"), datetime)
    assert span_or_instant(CONTEXT, PARAMETER, None) is None


jobs = App("memory://")


@jobs.task
def charge(
    customer: str,
    amount: Decimal,
    /,
    *,
    at: datetime | None = None,
    parts: list[int] | None = None,
    note: Any = None,
) -> None: ...


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["customer=ann", "amount=3.10"], {"customer": "ann", "amount": Decimal("3.10")}),
        (["customer=42", "amount=3"], {"customer": "42", "amount": Decimal(3)}),
        (
            ["customer=a=b", "amount=1", "parts=[1,2]"],
            {"customer": "a=b", "amount": Decimal(1), "parts": [1, 2]},
        ),
        (
            ["customer=", "amount=1", "note=null"],
            {"customer": "", "amount": Decimal(1), "note": None},
        ),
        (
            ["customer=true", "amount=1", "note=true"],
            {"customer": "true", "amount": Decimal(1), "note": True},
        ),
        (
            ["customer=x", "amount=1", "at=2030-01-31T09:00:00Z"],
            {"customer": "x", "amount": Decimal(1), "at": datetime(2030, 1, 31, 9, tzinfo=UTC)},
        ),
        (['{"customer": "ann", "amount": "3.10"}'], {"customer": "ann", "amount": Decimal("3.10")}),
        (['["ann", "3.10"]'], {"customer": "ann", "amount": Decimal("3.10")}),
    ],
)
def test_words_become_arguments_by_the_type_hints(
    words: list[str], expected: dict[str, Any]
) -> None:
    arguments = arguments_for(charge, words)

    given = {
        name: value
        for name in arguments.__struct_fields__
        if (value := getattr(arguments, name)) is not msgspec.UNSET
    }
    assert given == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "takes .*missing required field"),
        (["customer=x"], "missing required field `amount`"),
        (["customer=x", "amount=lots"], "task 'charge' takes .customer: str, amount"),
        (["customer=x", "amount=1", "nope=1"], "unknown field `nope`"),
        (["ann", "3"], "expected arguments as name=value, .*, got 'ann'"),
        (["{"], "expected the arguments as JSON, got what is none"),
        (["[1,2,3]"], "takes"),
        (["3"], "expected arguments as name=value, .*, got '3'"),
    ],
)
def test_words_that_do_not_fit_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(InvalidArguments, match=message):
        arguments_for(charge, words)


def test_line_of_input_is_an_object_or_a_list() -> None:
    assert arguments_from(charge, b'["ann", 3]') == arguments_from(
        charge, b'{"customer": "ann", "amount": 3}'
    )
    with pytest.raises(InvalidArguments, match="expected the arguments as a JSON object or list"):
        arguments_from(charge, b'"ann"')


def test_as_json_falls_back_to_text() -> None:
    assert [as_json(text) for text in ("1", "null", "[1]", "x", "")] == [1, None, [1], "x", ""]


def job(task: str) -> JobView:
    return JobView(
        id="1",
        queue="default",
        state=State.DEAD,
        priority=5,
        attempts=1,
        redeliveries=0,
        task=task,
        arguments='{"customer":"ann","amount":"3"}',
    )


def test_edit_is_read_by_the_task_if_the_app_knows_it() -> None:
    assert changes_for(jobs, job("charge"), ["customer=7", '{"parts": [1]}']) == {
        "customer": "7",
        "parts": [1],
    }
    assert changes_for(jobs, job("elsewhere"), ["customer=7"]) == {"customer": 7}


def test_edit_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidArguments, match="task 'charge' takes"):
        changes_for(jobs, job("charge"), ["amount=lots"])
    with pytest.raises(InvalidArguments, match="expected a JSON object of arguments"):
        changes_for(jobs, job("charge"), ["{"])
