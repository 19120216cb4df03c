"""`anyjob dead`."""

import json
from collections.abc import Mapping, Sequence

import pytest

from anyjob import JobDead
from anyjob.backends.memory import MemoryBackend
from anyjob.backends.registry import BACKENDS
from anyjob.core.state import State
from tests.unit.cli.conftest import Cli, Shop


def test_ls_lists_dead_letters_without_control_characters(shop: Shop, cli: Cli) -> None:
    (job,) = shop.bury(1)

    ran = cli("dead", "ls", *shop.where)

    (row,) = ran.rows
    assert [*row[:5], *row[6:]] == [
        job.id,
        "send",
        "mail",
        "failed",
        "1",
        "ValueError: no such address",
        '{"to":"nobody"}',
    ]


def test_show_has_traceback_and_history(shop: Shop, cli: Cli) -> None:
    (job,) = shop.bury(1)

    ran = cli("dead", "show", job.id, "-o", "table", *shop.where)

    assert 'raise ValueError("no such' in ran.out
    assert "attempt 1 dead" in ran.out
    assert "\x1b" not in ran.out


def test_show_of_a_job_that_lives_is_exit_code_1(shop: Shop, cli: Cli) -> None:
    job = shop.send.enqueue("ann")

    ran = cli("dead", "show", job.id, *shop.where)

    assert ran.code == 1
    assert f"job '{job.id}' is not dead but ready\nto do: anyjob jobs show {job.id}" in ran.err


def test_revive_by_id_asks_nothing(shop: Shop, cli: Cli) -> None:
    first, second = shop.bury(2)

    ran = cli("dead", "revive", first.id, *shop.where)

    assert (ran.code, ran.rows) == (0, [["mail", "1"]])
    assert (first.status(), second.status()) == (State.READY, State.DEAD)


def test_revive_with_an_edit_changes_the_arguments(shop: Shop, cli: Cli) -> None:
    (job,) = shop.bury(1)

    ran = cli("dead", "revive", job.id, "--edit", "to=ann", "--edit", '{"copies": 2}', *shop.where)

    assert ran.code == 0
    with shop.app.worker(burst=True):
        assert job.result(timeout=10) == "ann x 2"


def test_edit_is_read_by_the_type_hints_of_the_app(shop: Shop, cli: Cli) -> None:
    (job,) = shop.bury(1)

    ran = cli("dead", "revive", job.id, "--edit", "to=42", "--app", "shop:jobs")

    assert ran.code == 0
    assert shop.app.show(job.id, "mail").arguments == '{"to":"42"}'


def test_edit_that_does_not_fit_is_exit_code_2_and_nothing_is_done(shop: Shop, cli: Cli) -> None:
    (job,) = shop.bury(1)

    for edit in ("copies=many", "nope=1", "just text", "{"):
        ran = cli("dead", "revive", job.id, "--edit", edit, "--app", "shop:jobs")

        assert ran.code == 2, edit
    assert job.status() == State.DEAD


def test_revive_dry_run_changes_nothing(shop: Shop, cli: Cli) -> None:
    (job,) = shop.bury(1)

    ran = cli("dead", "revive", job.id, "--dry-run", *shop.where)

    assert (ran.code, ran.rows) == (0, [["mail", "0"]])
    assert "would revive 1 dead letter of 'mail'" in ran.err
    assert job.status() == State.DEAD


def test_revive_all_wants_an_answer(shop: Shop, cli: Cli) -> None:
    shop.bury(3)

    assert cli("dead", "revive", "--all", *shop.where).code == 2
    assert shop.app.counts("mail").dead == 3

    ran = cli("dead", "revive", "--all", "-q", "mail", "--yes", *shop.where)

    assert (ran.code, ran.rows) == (0, [["mail", "3"]])
    assert shop.app.counts("mail").ready == 3


def test_revive_goes_through_more_dead_letters_than_a_page_has(shop: Shop, cli: Cli) -> None:
    shop.bury(1100)

    ran = cli("dead", "revive", "--all", "-y", *shop.where)

    assert ran.rows == [["default", "0"], ["mail", "1100"]]
    assert shop.app.counts("mail").ready == 1100


def test_revive_that_left_a_job_out_is_exit_code_1(shop: Shop, cli: Cli) -> None:
    job = shop.send.using(unique_key="k").enqueue("nobody")
    with shop.app.worker(burst=True), pytest.raises(JobDead):
        job.result(timeout=10)
    shop.send.using(unique_key="k").enqueue("ann")

    ran = cli("dead", "revive", job.id, *shop.where)

    assert ran.code == 1
    assert ran.rows == [["mail", "0"]]
    assert "1 of 1 jobs were not revived: another job holds their unique key" in ran.err


def test_discard_removes_dead_letters_and_wants_yes(shop: Shop, cli: Cli) -> None:
    first, second, third = shop.bury(3)

    assert cli("dead", "discard", first.id, *shop.where).code == 2
    assert cli("dead", "discard", "--all", "--dry-run", *shop.where).code == 0
    assert shop.app.counts("mail").dead == 3

    assert cli("dead", "discard", first.id, "--yes", *shop.where).rows == [["mail", "1"]]
    assert second.status() == third.status() == State.DEAD
    ran = cli("dead", "discard", "--all", "--json", "-y", *shop.where)
    assert json.loads(ran.out)["items"] == [
        {"queue": "default", "jobs": 0},
        {"queue": "mail", "jobs": 2},
    ]
    assert shop.app.counts("mail").dead == 0


class Interrupted(MemoryBackend):
    """Is interrupted at its second page of dead letters."""

    calls = 0

    def revive(
        self, queue: str, ids: Sequence[str] | None, *, edit: Mapping[str, bytes] | None = None
    ) -> int:
        self.calls += 1
        if self.calls > 1:
            raise KeyboardInterrupt
        return super().revive(queue, ids, edit=edit)


def test_interrupted_revival_of_all_says_how_to_go_on(
    shop: Shop, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.bury(600)
    monkeypatch.setitem(BACKENDS, "memory", f"{__name__}:Interrupted")

    ran = cli("dead", "revive", "--all", "--yes", *shop.where)

    assert ran.code == 130
    assert "reviving: ended early, 500 of 600, " in ran.err
    assert "; the same command goes on with the rest\n" in ran.err


def test_ids_or_all_and_not_both(shop: Shop, cli: Cli) -> None:
    for verb in ("revive", "discard"):
        assert cli("dead", verb, *shop.where).code == 2
        assert cli("dead", verb, "x", "--all", *shop.where).code == 2
    assert cli("dead", "revive", "--all", "--edit", "to=x", *shop.where).code == 2
    assert cli("dead", "revive", "x", "-q", "a", "-q", "b", *shop.where).code == 2
    assert cli("dead", "revive", "x", *shop.where).code == 5
