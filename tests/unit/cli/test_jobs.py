"""`anyjob jobs`."""

import json

from anyjob.core.state import State
from tests.unit.cli.conftest import Cli, Shop


def test_ls_lists_jobs_in_the_order_of_their_run(shop: Shop, cli: Cli) -> None:
    low = shop.send.using(priority=1).enqueue("low")
    high = shop.send.using(priority=9).enqueue("high")
    later = shop.send.using(delay=60).enqueue("later")
    other = shop.count.enqueue(3)

    ran = cli("jobs", "ls", *shop.where)

    assert [row[0] for row in ran.rows] == [other.id, high.id, low.id, later.id]
    assert ran.rows[1][1:] == ["send", "mail", "ready", "9", "0", "", '{"to":"high"}']


def test_ls_filters_by_queue_and_state(shop: Shop, cli: Cli) -> None:
    (dead,) = shop.bury(1)
    later = shop.send.using(delay=60).enqueue("later")
    shop.count.enqueue(3)

    ran = cli("jobs", "ls", "-q", "mail", "--state", "dead", "--state", "scheduled", *shop.where)

    assert [row[0] for row in ran.rows] == [dead.id, later.id]


def test_ls_says_that_it_is_capped(shop: Shop, cli: Cli) -> None:
    for n in range(3):
        shop.count.enqueue(n)

    ran = cli("jobs", "ls", "--limit", "2", *shop.where)

    assert len(ran.rows) == 2
    assert "only the first 2 ready jobs of queue 'default'; --limit shows more" in ran.err


def test_ls_pages_through_more_jobs_than_a_page_has(shop: Shop, cli: Cli) -> None:
    shop.app.enqueue_many(shop.count.job(n) for n in range(1200))

    ran = cli("jobs", "ls", "--limit", "1100", "-o", "ndjson", *shop.where)

    items = [json.loads(line) for line in ran.out.splitlines()]
    assert [item["arguments"]["n"] for item in items] == list(range(1100))


def test_ls_of_nothing_is_empty(shop: Shop, cli: Cli) -> None:
    assert cli("jobs", "ls", *shop.where)[:2] == (0, "")
    assert "no such jobs" in cli("jobs", "ls", "-o", "table", *shop.where).err


def test_show_finds_jobs_in_any_queue_and_state(shop: Shop, cli: Cli) -> None:
    waiting = shop.count.enqueue(3)
    done = shop.send.enqueue("ann")
    with shop.app.worker(queues=["mail"], burst=True):
        done.result(timeout=10)

    ran = cli("jobs", "show", waiting.id, done.id, *shop.where)

    assert ["arguments", '{"n":3}'] in ran.rows
    assert ["state", "succeeded"] in ran.rows
    assert ["result", '"ann x 1"'] in ran.rows


def test_show_keeps_big_numbers_exact(shop: Shop, cli: Cli) -> None:
    job = shop.count.enqueue(12345678901234567890123)

    ran = cli("jobs", "show", job.id, "--json", *shop.where)

    assert json.loads(ran.out)["items"][0]["arguments"] == {"n": 12345678901234567890123}


def test_unknown_job_is_exit_code_5(shop: Shop, cli: Cli) -> None:
    job = shop.send.enqueue("ann")

    for words in (["show", "nope"], ["cancel", "nope", "-y"], ["show", job.id, "-q", "default"]):
        ran = cli("jobs", *words, *shop.where)

        assert (ran.code, ran.out) == (5, "")
        assert "error: there is no job" in ran.err
    assert job.status() == State.READY


def test_undecodable_job_is_shown_with_its_raw_body(shop: Shop, cli: Cli) -> None:
    from anyjob.core.envelope import Envelope

    shop.app.backend.enqueue([Envelope("alien", "default", b"\xff\x00 no job")])

    listed = cli("jobs", "ls", *shop.where)
    shown = cli("jobs", "show", "alien", "--json", *shop.where)

    assert listed.rows[0][0] == "alien"
    item = json.loads(shown.out)["items"][0]
    assert item["task"] is None
    assert item["undecodable"]
    assert item["body_base64"] == "/wAgbm8gam9i"


def test_cancel_ends_waiting_jobs(shop: Shop, cli: Cli) -> None:
    ready, later = shop.send.enqueue("ann"), shop.send.using(delay=60).enqueue("bob")

    ran = cli("jobs", "cancel", ready.id, later.id, "--yes", *shop.where)

    assert ran.code == 0
    assert ran.rows == [[ready.id, "mail", "cancelled"], [later.id, "mail", "cancelled"]]
    assert {ready.status(), later.status()} == {State.CANCELLED}


def test_cancel_of_a_job_that_is_over_is_exit_code_1(shop: Shop, cli: Cli) -> None:
    job = shop.send.enqueue("ann")
    job.cancel()

    ran = cli("jobs", "cancel", job.id, "--yes", *shop.where)

    assert ran.code == 1
    assert ran.rows == [[job.id, "mail", "ended"]]
    assert "1 of 1 jobs were not cancelled: they run or are over" in ran.err


def test_cancel_refuses_without_a_terminal_and_dry_run_changes_nothing(
    shop: Shop, cli: Cli
) -> None:
    job = shop.send.enqueue("ann")

    assert cli("jobs", "cancel", job.id, *shop.where).code == 2
    assert cli("jobs", "cancel", job.id, "--dry-run", *shop.where).code == 0
    assert job.status() == State.READY
