"""Errors leave without the secrets of a configuration."""

import traceback

import pytest

from anyjob.config.hiding import hiding
from anyjob.core.errors import BackendUnavailable, UnsupportedCapability


def redact(text: str) -> str:
    return text.replace("hunter2", "***")


def test_error_keeps_its_kind_and_facts_and_loses_the_secret() -> None:
    with pytest.raises(UnsupportedCapability) as raised, hiding(redact):
        raise UnsupportedCapability("browse", "none for hunter2")

    assert raised.value.name == "browse"
    assert str(raised.value) == "none for ***"


@pytest.mark.parametrize(("cause", "count"), [("refused hunter2", 0), ("no route", 1)])
def test_cause_stays_unless_it_tells_the_secret(cause: str, count: int) -> None:
    with pytest.raises(BackendUnavailable) as raised, hiding(redact):
        raise BackendUnavailable("no answer") from OSError(cause)

    shown = "".join(traceback.format_exception(raised.value))
    assert shown.count(f"OSError: {cause}") == count


def test_surprise_passes_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError, match="hunter2"), hiding(redact):
        raise ZeroDivisionError("hunter2")
