import pytest

from anyjob.backends.kombu import KombuBackend
from anyjob.backends.kombu.url import folder_of, parse_url
from anyjob.backends.registry import backend_for
from anyjob.core.errors import ConfigurationError


def test_kombu_gets_what_stands_behind_the_plus() -> None:
    location = parse_url("kombu+redis://:secret@one:6380/2?bands=10&delivery=at_most_once")

    assert (location.transport, location.url) == ("redis", "redis://:secret@one:6380/2")
    assert (location.bands, location.delivery) == (10, "at_most_once")
    assert location.shown == "kombu+redis://one:6380/2"


def test_several_brokers_stand_one_behind_the_other_and_none_shows_its_password() -> None:
    location = parse_url("kombu+amqp://u:p@one//;amqp://u:p@two//")

    assert location.url == "amqp://u:p@one//;amqp://u:p@two//"
    assert location.shown == "kombu+amqp://one//;amqp://two//"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("kombu://localhost", "one of kombu's"),
        ("kombu+a.b:C://localhost", "one of kombu's"),
        ("kombu+redis://x?band=3", "no option 'band'"),
        ("kombu+redis://x?bands=4", "1, 3 or 10"),
        ("kombu+redis://x?bands=3&bands=3", "once"),
        ("kombu+redis://x?delivery=often", "at_most_once"),
        ("kombu+redis://x?consumer_timeout=60", "RabbitMQ alone"),
        ("kombu+amqp://x?consumer_timeout=0", "whole seconds"),
        ("kombu+redis://x?ca=/own.pem", "kombu+rediss://"),
        ("kombu+rediss://x?cert=/own.pem", "both cert and key"),
        ("kombu+redis://:hidden#word@x", "%23"),
        ("kombu+redis://:hidden?word@x", "%3F"),
        ("kombu+redis://:hidden\nword@x", "control character"),
    ],
)
def test_url_that_says_something_else_is_refused(url: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_url(url)

    assert told in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_rabbitmq_takes_back_what_takes_too_long() -> None:
    told = {
        url: parse_url(f"kombu+{url}").consumer_timeout
        for url in ("amqp://x", "amqps://x?consumer_timeout=60", "pyamqp://x?consumer_timeout=none")
    }

    assert [*told.values()] == [1800.0, 60.0, None]
    assert parse_url("kombu+redis://x").consumer_timeout is None


def test_filesystem_names_a_folder() -> None:
    assert folder_of(parse_url("kombu+filesystem:///var/lib/jobs")) == "/var/lib/jobs"
    for url in ("kombu+filesystem://", "kombu+filesystem://host/folder"):
        with pytest.raises(ConfigurationError, match="names a folder"):
            folder_of(parse_url(url))


def test_any_transport_is_found_by_its_scheme() -> None:
    backend = backend_for("KOMBU+redis://localhost")

    assert isinstance(backend, KombuBackend)
    assert repr(backend) == "KombuBackend('kombu+redis://localhost')"


def test_transport_that_kombu_does_not_know_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean kombu\+redis"):
        backend_for("kombu+rediz://localhost")
