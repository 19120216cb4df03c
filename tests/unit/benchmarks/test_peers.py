"""Peers stand beside anyjob with what they reached, or with the reason why they did not run."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers.field import Comparison, Field, own_row
from benchmarks.peers.recovery import RECOVERIES
from benchmarks.peers.roster import PEERS, Peer, on_redis, peer
from benchmarks.result import Target
from benchmarks.sides import Figures, Rounds

ROOT = Path(__file__).parents[3]
DRAIN = Comparison(measurement="m", label="drain", title="a drain", unit="jobs/s")
LAG = Comparison(
    measurement="m", label="lag", title="a lag", unit="ms", of="p50", is_less_better=True
)
EARLY, SLOW, FAST = "Huey", "Celery threads", "Dramatiq"


@pytest.fixture
def field() -> Field:
    names = (EARLY, SLOW, FAST)
    return Field(
        {name: peer(name) for name in names}, {name: peer(name).sweep[0] for name in names}, {}
    )


def rounds(comparison: Comparison, **rates: float) -> Rounds:
    """One round, of peers that are called by their first word."""
    figures: dict[str, list[Figures]] = {
        f"{comparison.label}: {name}": [{comparison.of: rates[name.split()[0]]}]
        for name in (EARLY, SLOW, FAST)
        if name.split()[0] in rates
    }
    return Rounds(figures)


def test_the_best_peer_is_the_fastest_of_those_that_acknowledge_late(field: Field) -> None:
    assert field.best(DRAIN, rounds(DRAIN, Huey=9, Celery=1, Dramatiq=4)) == FAST


def test_the_best_peer_is_the_lowest_where_less_is_better(field: Field) -> None:
    assert field.best(LAG, rounds(LAG, Huey=1, Celery=2, Dramatiq=9)) == SLOW


def test_a_ratio_names_the_peer_it_was_taken_with(field: Field) -> None:
    ratio = field.ratio(
        DRAIN,
        rounds(DRAIN, Celery=1, Dramatiq=4),
        [{"rate": 40.0}],
        "ours by theirs",
        "ours_by_theirs",
        Target("least", 8),
    )

    assert (ratio.title, ratio.samples, ratio.is_met) == (
        "ours by theirs (Dramatiq, 64 threads)",
        [10.0],
        True,
    )


def test_a_ratio_with_nobody_is_neither_met_nor_missed(field: Field) -> None:
    ratio = field.ratio(
        DRAIN, rounds(DRAIN), [{"rate": 40.0}], "ours by theirs", "ours", Target("least", 8)
    )

    assert (ratio.samples, ratio.is_met) == ([], None)


def test_a_peer_that_could_not_run_has_a_row_with_the_reason(field: Field) -> None:
    for name in (EARLY, SLOW, FAST):
        field.drop(name, "Traceback:\nNoSuchCommand: XREADGROUP")

    [row, *_] = field.rows(DRAIN, rounds(DRAIN))

    assert row.contender is not None
    assert (row.contender.name, row.samples) == (EARLY, [])
    assert row.contender.failure == "NoSuchCommand: XREADGROUP"


def test_a_row_says_how_a_peer_was_set_and_when_it_acknowledged_so(field: Field) -> None:
    field.notes[EARLY] = "with retries"
    field.acknowledges[EARLY] = "late"
    for name in (EARLY, SLOW, FAST):
        field.drop(name, "no network")

    [row, *_] = field.rows(DRAIN, rounds(DRAIN))

    assert row.contender is not None
    assert row.contender.setting == "1 thread; with retries"
    assert row.contender.acknowledges == "late"


def test_our_row_keeps_what_else_was_seen() -> None:
    row = own_row(DRAIN, [{"rate": 40.0, "seconds": 5.0}], "32 slots")

    assert (row.samples, row.seen) == ([40.0], {"seconds": [5.0]})


@pytest.mark.parametrize("known", PEERS, ids=lambda known: known.name)
def test_every_peer_has_an_application_and_a_command(known: Peer) -> None:
    application = ROOT / "benchmarks" / "peers" / f"{known.application}.py"

    assert application.exists()
    assert known.has_bulk == ("def enqueue_many" in application.read_text())
    if on_redis(known):
        # Where delays and killed workers are measured.
        assert "def enqueue_later" in application.read_text()
        assert known.name in RECOVERIES
    assert not any("{" in word for word in known.worker(8, 0, "redis://127.0.0.1"))


@pytest.mark.parametrize("known", [*filter(on_redis, PEERS)], ids=lambda known: known.name)
def test_options_that_a_measurement_adds_reach_the_worker(known: Peer) -> None:
    options = RECOVERIES[known.name].options

    command = known.worker(8, 0, "redis://127.0.0.1", options)

    assert set(options.split()) <= set(command)


def test_what_runs_in_an_environment_of_a_peer_needs_nothing_that_is_installed() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r});"
        "import benchmarks.bodies, benchmarks.peers.given, benchmarks.peers.send"
    )

    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)
