"""The thread that alone touches a connection, and how calls end that it does not answer."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from anyjob.backends.kombu import link as module
from anyjob.backends.kombu.errors import Lost
from anyjob.backends.kombu.link import Link
from anyjob.backends.kombu.names import Names
from anyjob.backends.kombu.url import parse_url
from anyjob.backends.kombu.virtual_way import VirtualWay
from anyjob.core.errors import BackendFull, BackendUnavailable, Misuse


@pytest.fixture
def link() -> Iterator[Link]:
    location = parse_url("kombu+memory://")
    link = Link(location, VirtualWay(location, Names("n", 3), once=True))
    yield link
    link.close()


def test_one_thread_does_all_the_work(link: Link) -> None:
    threads = {link.call(lambda _: threading.get_ident()) for _ in range(5)}

    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_call_that_is_not_answered_ends_and_the_next_one_goes_on(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND", 0.2)
    go_on = threading.Event()
    epoch = link.epoch

    with pytest.raises(Lost) as lost:
        link.call(lambda _: go_on.wait(20.0), 0.2)

    assert lost.value.__cause__ is not None
    assert link.epoch > epoch
    assert link.call(lambda _: "answered") == "answered"
    go_on.set()


def test_call_with_little_time_costs_nobody_the_connection(link: Link) -> None:
    link.call(lambda _: None)
    epoch = link.epoch

    with pytest.raises(Lost):
        link.call(lambda _: time.sleep(0.3), 0.1)
    with pytest.raises(BackendUnavailable) as refused:
        link.call(lambda _: None, 0.01)

    assert not isinstance(refused.value, Lost)
    assert link.call(lambda _: "answered") == "answered"
    assert link.epoch == epoch


def test_what_breaks_the_connection_is_told_and_another_is_made(link: Link) -> None:
    def fail(_: Any) -> None:
        raise ConnectionResetError("gone")

    first = link.call(lambda channel: channel)
    epoch = link.epoch

    with pytest.raises(Lost):
        link.call(fail)

    assert link.epoch == epoch + 1
    assert link.call(lambda channel: channel) is not first


def test_error_of_our_own_goes_through(link: Link) -> None:
    def full(_: Any) -> None:
        raise BackendFull("no room")

    with pytest.raises(BackendFull):
        link.call(full)


def test_closed_link_says_so(link: Link) -> None:
    link.call(lambda _: None)
    link.close()
    link.close()

    with pytest.raises(Misuse):
        link.call(lambda _: None)


def test_link_of_before_a_fork_is_refused(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    link.call(lambda _: None)
    here = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: here + 1)

    with pytest.raises(Misuse, match="fork"):
        link.call(lambda _: None)
    monkeypatch.undo()
