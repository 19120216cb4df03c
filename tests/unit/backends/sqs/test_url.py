"""What an sqs:// URL says, and what it may not."""

from __future__ import annotations

import pytest
from rich.pretty import pretty_repr

from anyjob.backends.sqs import SQSBackend
from anyjob.backends.sqs.url import Location, parse_url
from anyjob.core.errors import ConfigurationError

SECRET = "hidden/word+x"


def test_bare_url_leaves_everything_to_the_usual_configuration() -> None:
    assert parse_url("sqs://") == Location()


def test_fifo_is_a_scheme_and_shown() -> None:
    location = parse_url("sqs+fifo://AKIA:word@eu-west-1")

    assert (location.fifo, location.region) == (True, "eu-west-1")
    assert location.shown == "sqs+fifo://eu-west-1"


def test_every_part_is_read() -> None:
    location = parse_url(
        "sqs://AKIA:hidden%2Fword%2Bx@eu-central-1?endpoint=http://localhost:4566/&session_token=t"
        "&ca=/etc/ca.pem"
    )

    assert (location.region, location.endpoint) == ("eu-central-1", "http://localhost:4566")
    assert (location.key, location.secret, location.session_token) == ("AKIA", SECRET, "t")
    assert location.ca == "/etc/ca.pem"
    assert parse_url("sqs://us-gov-west-1?profile=work").profile == "work"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqs://localhost", "expected a region"),
        ("sqs://localhost:4566", "a region has no port"),
        ("sqs://AKIA@eu-west-1", "both an access key and its secret"),
        ("sqs://AKIA:@eu-west-1", "both an access key and its secret"),
        ("sqs://AKIA:hidden/word+x@eu-west-1", "is written as %2F|a region has no port|expected a"),
        ("sqs://eu-west-1/123456789012", "a '/' behind its region"),
        ("sqs://eu-west-1#hidden/word+x", "a '#'"),
        ("sqs://eu-west-1?endpiont=http://x", "did you mean 'endpoint'"),
        ("sqs://eu-west-1?endpoint=localhost:4566", "expected endpoint"),
        ("sqs://eu-west-1?endpoint=http://u:hidden/word+x@x", "without user and password"),
        ("sqs://eu-west-1?endpoint=http://x&endpoint=http://y", "once"),
        ("sqs://eu-west-1?ca=", "to have a value"),
        ("sqs://eu-west-1?session_token=hidden/word+x", "no keys it belongs to"),
        ("sqs://A:hidden%2Fword%2Bx@eu-west-1?profile=p", "keys and a profile"),
        ("sqs://eu-west-1?profile=a%00b", "control character"),
    ],
)
def test_url_that_is_wrong_is_refused_without_showing_a_value(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as error:
        SQSBackend(url)

    assert SECRET not in str(error.value)


def test_secrets_are_shown_nowhere() -> None:
    url = "sqs://AKIA:hidden%2Fword%2Bx@eu-west-1?session_token=hidden%2Fword%2Bx"
    backend = SQSBackend(url)

    for shown in (repr(parse_url(url)), pretty_repr(parse_url(url)), repr(backend)):
        assert SECRET not in shown
        assert "AKIA" not in shown
        assert "eu-west-1" in shown
