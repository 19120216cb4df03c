"""The service's time, from the Dates of its replies."""

from __future__ import annotations

from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from anyjob.backends.sqs.clock import ServiceClock
from anyjob.conformance.clock import FakeClock

AHEAD = 3600.25


class Heard:
    """A service whose clock is ahead, and what was heard of it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.known = ServiceClock(self.clock)

    @property
    def now(self) -> float:
        return self.clock.time() + AHEAD

    def ask(self, there: float, back: float) -> tuple[str, float, float]:
        """A request and its reply, so many seconds on their ways: its Date, when it was asked, and
        when it left there, on our monotonic clock.
        """
        asked = self.clock.monotonic()
        self.clock.advance(there)
        date, left = formatdate(self.now, usegmt=True), self.clock.monotonic()
        self.clock.advance(back)
        self.known.heard(date, asked)
        return date, asked, left


waits = st.floats(0.0, 5.0)


@given(st.lists(st.tuples(waits, waits, waits), min_size=1, max_size=30))
def test_never_ahead_of_the_service_nor_far_behind(steps: list[tuple[float, float, float]]) -> None:
    heard = Heard()

    for there, back, pause in steps:
        date, asked, left = heard.ask(there, back)
        best = min(each[1] for each in steps) if len(steps) == 1 else back
        assert heard.now - 1.0 - best - 0.001 <= heard.known.time() <= heard.now + 0.001
        assert asked - 0.001 <= heard.known.left_after(date, asked) <= left + 0.001
        heard.clock.advance(pause)


def test_request_that_waited_long_left_shortly_before_its_reply_came() -> None:
    heard = Heard()
    for _ in range(20):
        heard.ask(0.005, 0.005)
        heard.clock.advance(0.11)

    date, asked, left = heard.ask(20.0, 0.005)

    assert left - 1.5 <= heard.known.left_after(date, asked) <= left


def test_instant_of_a_message_makes_it_exact() -> None:
    heard = Heard()
    heard.ask(0.005, 0.005)
    asked = heard.clock.monotonic()
    heard.clock.advance(0.01)
    instant = heard.now
    heard.clock.advance(0.01)

    heard.known.showed(instant, asked)

    assert heard.now - 0.011 <= heard.known.time() <= heard.now
    date, asked, left = heard.ask(20.0, 0.005)
    assert left - 1.02 <= heard.known.left_after(date, asked) <= left


def test_before_any_reply_the_machine_tells_the_time() -> None:
    heard = Heard()

    assert heard.known.time() == heard.clock.time()
    assert heard.known.left_after("noise", 5.0) == 5.0
    heard.known.heard(None, 5.0)
    heard.known.heard("noise", 5.0)
    assert heard.known.time() == heard.clock.time()


def test_clock_that_drifts_is_followed() -> None:
    heard = Heard()
    heard.ask(0.0, 0.0)
    said = heard.known.time()

    # Ours was too fast by 5 s within a quarter of an hour.
    heard.clock.advance(900.0)
    heard.known.heard(formatdate(said + 895.0, usegmt=True), heard.clock.monotonic())

    assert heard.known.time() <= said + 895.0 + 1.0
