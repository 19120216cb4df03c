"""A backend that lacks what a verb asks for: what can be shown is shown, the rest is named."""

import pytest
from msgspec.structs import replace

from anyjob.backends.declared import refusing
from anyjob.backends.memory import MemoryBackend
from anyjob.backends.registry import BACKENDS
from anyjob.core.backend import Page
from anyjob.core.state import State
from tests.unit.cli.conftest import Cli, Shop


class Bare(MemoryBackend):
    """Neither pauses queues nor lists jobs."""

    capabilities = replace(MemoryBackend.capabilities, product="bare", pause="none", browse="none")
    pause = resume = paused = refusing("pause")
    browse = refusing("browse")


class DeadOnly(MemoryBackend):
    """Lists dead letters alone."""

    capabilities = replace(MemoryBackend.capabilities, product="deadonly", browse="dead")

    def browse(self, queue: str, state: State, cursor: str | None, limit: int) -> Page:
        if state is not State.DEAD:
            refusing("browse")(self)
        return super().browse(queue, state, cursor, limit)


@pytest.fixture
def bare(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop, which the command line sees through a backend that lacks something."""
    monkeypatch.setitem(BACKENDS, "memory", f"{__name__}:Bare")
    return shop


@pytest.fixture
def dead_only(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setitem(BACKENDS, "memory", f"{__name__}:DeadOnly")
    return shop


def test_queues_are_counted_where_none_can_be_paused(bare: Shop, cli: Cli) -> None:
    bare.send.enqueue("ann")

    ran = cli("queues", "ls", "-q", "mail", *bare.where)

    assert (ran.code, ran.err) == (0, "")
    [[*counts, _, paused]] = ran.rows
    assert (counts, paused) == (["mail", "1", "0", "0", "0"], "")
    assert '"paused":null' in cli("queues", "ls", "-o", "ndjson", *bare.where).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dead", "ls"), "bare cannot list dead jobs: its capability 'browse' is 'none'"),
        (("jobs", "ls"), "bare cannot list leased jobs: its capability 'browse' is 'none'"),
        (
            ("queues", "pause", "mail"),
            "bare cannot do what was asked: 'pause' is declared absent",
        ),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_missing_capability_is_named_and_exit_code_6(
    bare: Shop, cli: Cli, words: tuple[str, ...], said: str
) -> None:
    ran = cli(*words, *bare.where)

    assert (ran.code, ran.out) == (6, "")
    _, error, advice = ran.err.splitlines()
    assert error == f"error: {said}"
    assert "traceback" not in advice


def test_dead_letters_are_listed_where_nothing_else_is(dead_only: Shop, cli: Cli) -> None:
    (job,) = dead_only.bury(1)

    assert [row[0] for row in cli("dead", "ls", *dead_only.where).rows] == [job.id]
    assert cli("jobs", "ls", *dead_only.where).code == 6


def test_purge_shows_the_count_where_it_cannot_show_the_jobs(bare: Shop, cli: Cli) -> None:
    bare.send.enqueue("ann")

    ran = cli("queues", "purge", "mail", "--yes", *bare.where)

    assert (ran.code, ran.rows) == (0, [["mail", "1"]])
    assert ran.err == "about to purge 1 waiting job of queue 'mail'\n"


@pytest.mark.parametrize(("verb", "left"), [("revive", (2, 0)), ("discard", (0, 0))])
def test_all_dead_letters_are_acted_on_where_none_is_listed(
    bare: Shop, cli: Cli, verb: str, left: tuple[int, int]
) -> None:
    bare.bury(2)

    ran = cli("dead", verb, "--all", "--yes", *bare.where)

    assert (ran.code, ran.rows) == (0, [["default", "0"], ["mail", "2"]])
    counts = bare.app.counts("mail")
    assert (counts.ready, counts.dead) == left
