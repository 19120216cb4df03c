"""Histories that nobody thought of: legal ones pass, and each flaw of the backend is found."""

from __future__ import annotations

import os
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from anyjob.conformance.history import History, check
from tests.conformance.history.simulated import FLAWS, Simulated

#: The number of the promise when certifying.
EVENTS = 1_000_000 if os.environ.get("CERTIFY") == "1" else 50_000
SEEDS = st.integers(0, 2**32)
#: What a flaw breaks at least.
BREAKS = {
    "loses what lapsed": "lost",
    "delivers what nobody sent": "phantom",
    "changes a body": "corrupt",
    "comes before the delay": "early",
    "completed job comes back": "resurrected",
    "gives a job to two": "overlap",
    "counts no retry": "step",
    "stale settlement acts": "fence",
    "issues a token twice": "token",
    "takes the lowest priority": "inversion",
    "takes the newest": "fifo",
    "dead letter without its reason": "dead_unequal",
    "keys are not looked at": "unique",
    "fetch sleeps on": "wakeup",
}


@given(SEEDS, st.integers(1, 4))
def test_legal_history_breaks_no_rule(seed: int, consumers: int) -> None:
    history = Simulated(seed, consumers=consumers).history()

    verdict = check(history, without=["operations"])

    assert verdict.holds, str(verdict)


@pytest.mark.parametrize("flaw", FLAWS)
def test_flaw_is_found(flaw: str) -> None:
    # Order shows where more comes in than goes out, and where no killed fetch may have been first.
    ordered = flaw.startswith(("takes", "fetch"))
    runs = [
        Simulated(seed, jobs=150, consumers=1 if ordered else 3, flaw=flaw, kills=not ordered)
        for seed in range(10)
    ]
    verdicts = [check(run.history()) for run in runs]

    shown = [verdict for run, verdict in zip(runs, verdicts, strict=True) if run.has_shown]
    missed = [verdict for verdict in shown if BREAKS[flaw] not in verdict.broken]

    assert shown
    assert not missed, f"{len(missed)} of {len(shown)} unseen"


def test_double_is_counted_where_the_level_allows_it() -> None:
    runs = [Simulated(seed, jobs=150, flaw="completed job comes back") for seed in range(10)]
    histories = [run.history() for run in runs]
    weak = {"low_share": "none", "exclusive": False}

    verdicts = [
        check(History(replace(history.header, capabilities=weak), history.events))
        for history in histories
    ]

    assert [str(verdict) for verdict in verdicts if not verdict.holds] == []
    assert any(verdict.counts["doubles"] for verdict in verdicts)


def test_situations_are_reached() -> None:
    verdict = check(Simulated(1, jobs=3000).history())

    assert verdict.holds, str(verdict)
    assert not verdict.missed(
        "a lease lapsed while its holder lived",
        "a stale settlement was sent",
        "a call was cut after it had acted",
        "a killed holder's job was delivered again",
        "a job was buried",
        "a job was retried",
        "a unique key was refused",
    )


@pytest.mark.timeout(600)
def test_million_events_are_judged_in_half_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    history = Simulated(1, jobs=EVENTS // 4, consumers=16).history()
    begun = time.process_time()

    verdict = check(history)

    took = time.process_time() - begun
    with capsys.disabled():
        sys.stdout.write(f"\n{len(history.events)} events judged in {took:.1f} s\n")
    assert len(history.events) >= EVENTS
    assert verdict.holds, str(verdict)
    assert took <= 30.0
