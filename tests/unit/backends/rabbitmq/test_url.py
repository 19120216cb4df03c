"""What an amqp:// URL says, and what it must not."""

from __future__ import annotations

import pytest

from anyjob.backends.rabbitmq.url import Location, parse_url
from anyjob.core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("amqp://", Location()),
        ("amqp://localhost", Location()),
        ("amqp://localhost/", Location()),
        ("amqp://localhost/%2F", Location()),
        ("amqp://one:1,two:2", Location(hosts=(("one", 1), ("two", 2)))),
        ("amqp://[::1]:1,two/shop", Location(hosts=(("::1", 1), ("two", 5672)), vhost="shop")),
        (
            "amqp://a:b@one/a%2Fb",
            Location(hosts=(("one", 5672),), user="a", password="b", vhost="a/b"),
        ),
        ("amqp://a:p%40%2F%23@one", Location(hosts=(("one", 5672),), user="a", password="p@/#")),
        ("amqps://one", Location(hosts=(("one", 5671),), tls=True)),
        (
            "amqps://one?ca=/a&cert=/b&key=/c",
            Location(hosts=(("one", 5671),), tls=True, ca="/a", cert="/b", key="/c"),
        ),
        ("amqp://?bands=10&heartbeat=3", Location(bands=10, heartbeat=3)),
        ("amqp://?consumer_timeout=none", Location(consumer_timeout=None)),
        ("amqp://?consumer_timeout=7200", Location(consumer_timeout=7200.0)),
    ],
)
def test_url_is_read(url: str, expected: Location) -> None:
    assert parse_url(url) == expected


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("amqp://host/a/b", "write its '/' as %2F"),
        ("amqp://host:port", "cannot be read"),
        ("amqp://host,", "names no host"),
        ("amqp://a:secret#word@host", "write %23"),
        ("amqp://a:secret?word@host", "write %3F"),
        ("amqp://host?band=3", "did you mean 'bands'?"),
        ("amqp://host?bands=4", "1, 3 or 10"),
        ("amqp://host?bands=3&bands=3", "got it twice"),
        ("amqp://host?heartbeat=0", "1 to 600 whole seconds"),
        ("amqp://host?consumer_timeout=soon", "whole seconds"),
        ("amqp://host?ca=/a", "write amqps://"),
        ("amqps://host?cert=/a", "needs both cert and key"),
        ("amqp://ho\x00st", "control character"),
        ("http://host", "expected a URL like amqp://"),
    ],
)
def test_wrong_url_is_refused_by_what_is_wrong(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message.replace("?", r"\?")) as refusal:
        parse_url(url)

    assert "secret" not in str(refusal.value)


def test_no_password_is_shown() -> None:
    location = parse_url("amqps://me:hidden-word@one,two:7/shop")

    assert location.shown == "amqps://one:5671,two:7/shop"
    assert "hidden" not in repr(location)
