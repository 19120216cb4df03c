"""The JSON shapes, pinned: other programs read them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anyjob import App
from tests.unit.cli.conftest import Cli, Shop, normal

GOLDEN = Path(__file__).parent / "golden"


def seeded(shop: Shop) -> list[str]:
    (dead,) = shop.bury(1)
    ready = shop.send.using(
        headers={"traceparent": "00-1"}, unique_key="k", expires=3600, priority=9
    ).enqueue("ann", copies=2)
    later = shop.count.using(delay=3600).enqueue(12345678901234567890)
    return [dead.id, ready.id, later.id]


VERBS: dict[str, Callable[[list[str]], list[str]]] = {
    "version": lambda ids: ["version"],
    "tasks": lambda ids: ["tasks", "ls", "--app", "shop:jobs"],
    "queues": lambda ids: ["queues", "ls"],
    "paused": lambda ids: ["queues", "pause", "mail"],
    "resumed": lambda ids: ["queues", "resume", "mail"],
    "purged": lambda ids: ["queues", "purge", "mail", "--yes"],
    "jobs": lambda ids: ["jobs", "ls"],
    "job": lambda ids: ["jobs", "show", *ids],
    "cancelled": lambda ids: ["jobs", "cancel", ids[2], "--yes"],
    "dead": lambda ids: ["dead", "ls"],
    "dead-show": lambda ids: ["dead", "show", ids[0]],
    "revived": lambda ids: ["dead", "revive", ids[0]],
    "discarded": lambda ids: ["dead", "discard", ids[0], "--yes"],
    "doctor": lambda ids: ["doctor", "--app", "shop:jobs"],
}


@pytest.mark.parametrize("name", VERBS)
def test_json_has_the_pinned_shape(shop: Shop, cli: Cli, name: str) -> None:
    words = VERBS[name](seeded(shop))
    where = () if "--app" in words or words == ["version"] else shop.where

    ran = cli(*words, "--json", *where)

    assert ran.code == 0
    shape = json.loads(ran.out)
    assert (shape["anyjob"], type(shape["items"])) == (1, list)
    assert normal(ran.out) == (GOLDEN / f"{name}.json").read_text()


@pytest.mark.parametrize("name", VERBS)
def test_ndjson_has_the_same_items(shop: Shop, cli: Cli, name: str) -> None:
    words = VERBS[name](seeded(shop))
    where = () if "--app" in words or words == ["version"] else shop.where

    ran = cli(*words, "-o", "ndjson", *where)

    items = [json.loads(line) for line in normal(ran.out).splitlines()]
    golden = json.loads((GOLDEN / f"{name}.json").read_text())["items"]
    assert [list(item) for item in items] == [list(item) for item in golden]


#: Apart, because nothing is enqueued from the command line into memory.
ENQUEUED = {"enqueued": (), "enqueued-ended": ("--wait",)}


@pytest.mark.parametrize("name", ENQUEUED)
def test_enqueued_job_has_the_pinned_shape(app: App, cli: Cli, name: str) -> None:
    words = ("enqueue", "send", "to=ann", *ENQUEUED[name], "--app", "shop:jobs")

    with app.worker():
        whole, lines = cli(*words, "--json"), cli(*words, "-o", "ndjson")

    assert (whole.code, lines.code) == (0, 0)
    assert normal(whole.out) == (GOLDEN / f"{name}.json").read_text()
    (item,) = json.loads(normal(whole.out))["items"]
    assert json.loads(normal(lines.out)) == item


_NONE = [{"queue": "default", "jobs": 0}, {"queue": "mail", "jobs": 0}]
#: What does nothing: the words, and the kind and items of its listing.
IDLE: list[tuple[str, str, list[dict[str, Any]]]] = [
    ("queues purge default --yes", "purged", [{"queue": "default", "jobs": 0}]),
    ("queues purge mail --dry-run", "purged", [{"queue": "mail", "jobs": 0}]),
    ("dead revive --all --yes", "revived", _NONE),
    ("dead discard --all --yes", "discarded", _NONE),
    ("dead discard --all --dry-run", "discarded", _NONE),
    ("jobs cancel {waiting} --dry-run", "cancelled", []),
]


@pytest.mark.parametrize(("words", "kind", "items"), IDLE, ids=[case[0] for case in IDLE])
def test_verb_that_does_nothing_is_json_too(
    shop: Shop, cli: Cli, words: str, kind: str, items: list[dict[str, Any]]
) -> None:
    waiting = shop.send.enqueue("ann")

    ran = cli(*words.format(waiting=waiting.id).split(), "--json", *shop.where)

    assert ran.code == 0
    assert json.loads(ran.out) == {"anyjob": 1, "kind": kind, "items": items}
    assert shop.app.counts("mail").ready == 1


def test_every_verb_that_writes_data_has_json() -> None:
    from anyjob.cli.tree import all_verbs

    without = {
        verb
        for verb, command in all_verbs().items()
        if "--json" not in {name for p in command.params for name in p.opts}
    }

    assert without == {"worker"}


def test_every_verb_that_lists_is_pinned() -> None:
    from anyjob.cli.tree import all_verbs

    listing = {
        verb
        for verb, command in all_verbs().items()
        if {"-o", "--json"} <= {name for p in command.params for name in p.opts}
    }
    typed = [" ".join(words(["id"] * 3)) for words in VERBS.values()] + ["enqueue"]

    assert [v for v in listing if not any(f"{t} ".startswith(f"{v} ") for t in typed)] == []
