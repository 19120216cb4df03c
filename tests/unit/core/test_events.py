"""Events: who listens to what, and that listening changes nothing."""

import pytest

from anyjob.core.errors import ConfigurationError
from anyjob.core.events import EVENTS, Event, Subscribers


class Listeners(Subscribers):
    def __init__(self) -> None:
        self.failures: list[tuple[Event, BaseException]] = []
        super().__init__(lambda event, error: self.failures.append((event, error)))
        self.heard: list[str] = []

    def listen(self, name: str) -> None:
        self.add(name, lambda event: self.heard.append(f"{name} heard {event.name}"))


def test_subscriber_hears_its_event_and_no_other() -> None:
    listeners = Listeners()
    listeners.listen("job.dead")

    listeners.tell(Event("job.dead", at=1.0))
    listeners.tell(Event("job.retried", at=1.0))

    assert listeners.heard == ["job.dead heard job.dead"]


def test_subscribers_are_called_in_the_order_of_their_subscription() -> None:
    listeners = Listeners()
    for name in ("job.*", "*", "job.dead"):
        listeners.listen(name)

    listeners.tell(Event("job.dead", at=1.0))

    assert listeners.heard == [f"{name} heard job.dead" for name in ("job.*", "*", "job.dead")]


def test_family_and_star_reach_every_event_they_name() -> None:
    listeners = Listeners()
    listeners.listen("job.*")
    listeners.listen("*")

    assert all(listeners.wants(name) for name in EVENTS)
    for name in EVENTS:
        listeners.tell(Event(name, at=1.0))
    assert len(listeners.heard) == len(EVENTS) + sum(name.startswith("job.") for name in EVENTS)


def test_nobody_listens_at_first() -> None:
    listeners = Listeners()

    assert not listeners
    assert not listeners.wants("job.dead")
    listeners.listen("job.dead")
    assert listeners
    assert not listeners.wants("job.retried")


@pytest.mark.parametrize("name", ["job.deed", "jobs.*", "", "**", "job", "x*"])
def test_unknown_event_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="^no event "):
        Listeners().listen(name)


def test_unknown_event_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigurationError, match=r"no event 'job.deed'; did you mean 'job.dead'\?"):
        Listeners().listen("job.deed")


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyboardInterrupt()])
def test_raising_subscriber_disturbs_nobody(error: BaseException) -> None:
    listeners = Listeners()
    event = Event("job.dead", at=1.0)

    def moody(event: Event) -> None:
        raise error

    listeners.add("job.dead", moody)
    listeners.listen("job.dead")

    listeners.tell(event)

    assert listeners.heard == ["job.dead heard job.dead"]
    assert listeners.failures == [(event, error)]


def test_every_event_is_named_by_family_and_explained() -> None:
    for name, meaning in EVENTS.items():
        family, _, fact = name.partition(".")
        assert family in {"job", "lease", "worker", "backend", "store", "clock"}
        assert fact
        assert meaning
