"""What an app is asked for and cannot give is one clear error of ours, on every backend."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from anyjob import AnyjobError, App, Middleware

Door = Callable[[App, Any], object]

THINGS: list[Any] = [5, 1.5, True, b"x", object(), ["x", 5], {"a": 1}, "\ud800", "a b", (1, 2)]
DOORS: dict[str, Door] = {
    "get": lambda jobs, thing: jobs.get(thing),
    "get, queue": lambda jobs, thing: jobs.get("x", thing),
    "show": lambda jobs, thing: jobs.show(thing),
    "browse, queue": lambda jobs, thing: jobs.browse(thing, "ready"),  # type: ignore[arg-type]
    "browse, state": lambda jobs, thing: jobs.browse("default", thing),
    "counts": lambda jobs, thing: jobs.counts(thing),
    "pause": lambda jobs, thing: jobs.pause(thing),
    "resume": lambda jobs, thing: jobs.resume(thing),
    "purge": lambda jobs, thing: jobs.purge(thing),
    "purge, states": lambda jobs, thing: jobs.purge("default", thing),
    "cancel, queue": lambda jobs, thing: jobs.cancel(["x"], thing),
    "revive, queue": lambda jobs, thing: jobs.revive(thing, None),
    "revive, edit": lambda jobs, thing: jobs.revive("default", None, edit=thing),
    "revive, changes": lambda jobs, thing: jobs.revive("default", None, edit={"x": thing}),
    "discard, queue": lambda jobs, thing: jobs.discard(thing, None),
    "enqueue": lambda jobs, thing: jobs.enqueue(thing),
    "aenqueue": lambda jobs, thing: asyncio.run(jobs.aenqueue(thing)),
    "tasks.get": lambda jobs, thing: jobs.tasks.get(thing),
    "on": lambda jobs, thing: jobs.on(thing, print),
    "on, subscriber": lambda jobs, thing: jobs.on("job.dead", thing),
    "worker": lambda jobs, thing: jobs.worker(queues=thing),
    "middleware": lambda _, thing: App("memory://", middleware=[thing]),
    "middleware, all": lambda _, thing: App("memory://", middleware=thing),
    "defaults": lambda _, thing: App("memory://", defaults=thing).defaults,
}
#: What has to be several things, and takes any text in it.
LISTS: dict[str, Door] = {
    "browse, cursor": lambda jobs, thing: jobs.browse("default", "ready", thing),  # type: ignore[arg-type]
    "cancel": lambda jobs, thing: jobs.cancel(thing),
    "revive": lambda jobs, thing: jobs.revive("default", thing),
    "discard": lambda jobs, thing: jobs.discard("default", thing),
}


@pytest.fixture(params=["memory", "sqlite"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[App]:
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/jobs.db"
    with App(url) as app:
        yield app


@pytest.mark.parametrize("door", DOORS)
def test_wrong_thing_is_an_error_of_ours(stored: App, door: str) -> None:
    for thing in THINGS:
        with pytest.raises(AnyjobError):
            DOORS[door](stored, thing)


@pytest.mark.parametrize("door", LISTS)
def test_what_is_no_list_of_texts_is_an_error_of_ours(stored: App, door: str) -> None:
    for thing in (5, 1.5, True, b"x", object(), ["x", 5], {"a": 1}, "abc", (1, 2)):
        with pytest.raises(AnyjobError):
            LISTS[door](stored, thing)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda jobs: jobs.get(5), "expected a job's id to be text, got 5; pass job.id"),
        (lambda jobs: jobs.browse("default", "redy"), "no state 'redy'; did you mean 'ready'?"),
        (
            lambda jobs: jobs.browse("default", 3),
            "expected a state, got 3; pass State.READY, for example",
        ),
        (
            lambda jobs: jobs.cancel("0199"),
            "expected ids to be a list of jobs' ids, got '0199'; pass [job.id]",
        ),
        (
            lambda jobs: jobs.purge("default", "ready"),
            "expected states to be a list of them, got 'ready'; pass [State.READY], for example",
        ),
        (
            lambda jobs: jobs.revive("default", None, edit={"x": "secret"}),
            "expected edit to map ids to arguments by name, got something else;"
            " pass {job.id: {'name': value}}",
        ),
        (
            lambda jobs: jobs.enqueue_many(5),
            "expected jobs to enqueue, such as [task.job(...)], got 5; pass a list or a generator",
        ),
        (
            lambda jobs: jobs.on(5, print),
            "expected the name of an event, got 5; pass 'job.dead', for example",
        ),
        (
            lambda _: App("memory://", middleware=[Middleware]),  # type: ignore[list-item]
            "expected middleware to be a list of Middleware objects, got"
            " <class 'anyjob.core.middleware.Middleware'> for one; pass [Timing()], for example",
        ),
        (
            lambda jobs: jobs.task(name="a", aliases=5)(print),
            "expected aliases of task 'a' to be a list of names, got 5; pass aliases=[...]",
        ),
    ],
)
def test_error_says_what_was_asked_and_what_to_pass(
    jobs: App, ask: Callable[[App], object], message: str
) -> None:
    with pytest.raises(AnyjobError) as raised:
        ask(jobs)

    assert str(raised.value) == message
