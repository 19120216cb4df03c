"""`anyjob queues`."""

from collections.abc import Collection

import pytest

from anyjob.backends.memory import MemoryBackend
from anyjob.backends.registry import BACKENDS
from anyjob.core.state import State
from tests.unit.cli.conftest import Cli, Shop


def test_ls_counts_the_jobs_of_each_queue(shop: Shop, cli: Cli) -> None:
    shop.bury(1)
    shop.send.enqueue("ann")
    shop.send.using(delay=60).enqueue("bob")
    shop.app.pause("mail")

    ran = cli("queues", "ls", *shop.where)

    assert ran.code == 0
    assert ran.rows[0] == ["default", "0", "0", "0", "0", "", "false"]
    name, ready, scheduled, leased, dead, oldest, paused = ran.rows[1]
    assert (name, ready, scheduled, leased, dead, paused) == ("mail", "1", "1", "0", "1", "true")
    assert float(oldest) >= 0


def test_ls_shows_only_the_queues_that_are_named(shop: Shop, cli: Cli) -> None:
    assert [row[0] for row in cli("queues", "ls", "-q", "mail", *shop.where).rows] == ["mail"]


def test_pause_and_resume_hold_for_each_queue_named(shop: Shop, cli: Cli) -> None:
    paused = cli("queues", "pause", "mail", "default", *shop.where)

    assert paused.rows == [["mail", "true"], ["default", "true"]]
    assert shop.app.paused() == {"mail", "default"}

    resumed = cli("queues", "resume", "mail", *shop.where)

    assert resumed.rows == [["mail", "false"]]
    assert shop.app.paused() == {"default"}


def test_unknown_queue_is_exit_code_5_and_nothing_is_done(shop: Shop, cli: Cli) -> None:
    for verb in ("pause", "resume", "purge"):
        names = ["mail", "mial"] if verb != "purge" else ["mial"]

        ran = cli("queues", verb, *names, *shop.where)

        assert ran.code == 5
        assert "error: there is no queue 'mial'\nto do: did you mean 'mail'?" in ran.err
    assert shop.app.paused() == set()


def test_purge_removes_waiting_jobs_and_shows_what_it_touches(shop: Shop, cli: Cli) -> None:
    shop.bury(1)
    for n in range(6):
        shop.send.enqueue(f"recipient {n}")
    shop.send.using(delay=60).enqueue("later")

    ran = cli("queues", "purge", "mail", "--yes", *shop.where)

    assert ran.code == 0
    assert ran.rows == [["mail", "7"]]
    assert "about to purge 7 waiting jobs of queue 'mail'" in ran.err
    assert ran.err.count("recipient") == 5
    assert "… and 2 more" in ran.err
    counts = shop.app.counts("mail")
    assert (counts.ready, counts.scheduled, counts.dead) == (0, 0, 1)


def test_purge_takes_only_the_state_that_is_named(shop: Shop, cli: Cli) -> None:
    shop.send.enqueue("now")
    shop.send.using(delay=60).enqueue("later")

    ran = cli("queues", "purge", "mail", "--state", "scheduled", "-y", *shop.where)

    assert ran.rows == [["mail", "1"]]
    assert shop.app.counts("mail").ready == 1


def test_purge_refuses_without_a_terminal_unless_yes(shop: Shop, cli: Cli) -> None:
    shop.send.enqueue("ann")

    ran = cli("queues", "purge", "mail", *shop.where)

    assert ran.code == 2
    assert "there is no terminal to ask on\nto do: add --yes" in ran.err
    assert shop.app.counts("mail").ready == 1


def test_purge_dry_run_changes_nothing(shop: Shop, cli: Cli) -> None:
    shop.send.enqueue("ann")

    ran = cli("queues", "purge", "mail", "--dry-run", "--yes", *shop.where)

    assert (ran.code, ran.rows) == (0, [["mail", "0"]])
    assert "would purge 1 waiting job of queue 'mail'" in ran.err
    assert shop.app.counts("mail").ready == 1


def test_purge_of_an_empty_queue_asks_nothing(shop: Shop, cli: Cli) -> None:
    ran = cli("queues", "purge", "mail", *shop.where)

    assert (ran.code, ran.rows) == (0, [["mail", "0"]])
    assert "would purge 0 waiting jobs" in ran.err


class Interrupted(MemoryBackend):
    """Is interrupted between two slices of a purge, as a backend that keeps each of them."""

    def purge(self, queue: str, states: Collection[State]) -> int:
        self.cancel(queue, [job.id for job in self.browse(queue, State.READY, None, 3).records])
        raise KeyboardInterrupt


def test_interrupted_purge_says_how_far_it_got_and_how_to_go_on(
    shop: Shop, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKENDS, "memory", f"{__name__}:Interrupted")
    for n in range(7):
        shop.send.enqueue(f"recipient {n}")

    ran = cli("queues", "purge", "mail", "--yes", *shop.where)

    assert (ran.code, ran.out) == (130, "")
    *_, told, _, last = ran.err.splitlines()
    assert told.startswith("purging 'mail': ended early, 3 of 7, ")
    assert told.endswith("; the same command goes on with the rest")
    assert last == "anyjob: interrupted"
    assert shop.app.counts("mail").ready == 4
