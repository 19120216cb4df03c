"""Ten defects of SQLite that were planted when the zoo stood, to see what it had missed."""

from __future__ import annotations

from functools import partial

from tests.conformance.zoo.mutant import mutant

planted = partial(mutant, of="sqlite")

BY_HAND = [
    planted(
        "an extend counts by the wall clock",
        (
            "extend.py",
            "        until = space.clock.steady() + microseconds(seconds)",
            "        until = space.clock.wall() + microseconds(seconds)",
        ),
        fails="TIM-4",
        says="jump_of_the_wall_clock_moves_no_extended_lease",
        machine="recovery",
    ),
    planted(
        "to revive all ends after a slice",
        (
            "backend.py",
            "        while after is not None:\n            some, after",
            "        for _ in range(1):\n            some, after",
        ),
        fails="DLQ-5",
        says="more_than_a_page_is_revived",
    ),
    planted(
        "a cancel forgets how long it is to be shown",
        (
            "administration.py",
            "        forget = forget_at(steady, keep)",
            "        forget = forget_at(steady, 0.0)",
        ),
        fails="ADM-4",
        says="cancelled_job_is_shown_for_as_long_as_was_asked",
    ),
    planted(
        "the queues of other namespaces are named too",
        (
            "backend.py",
            "SELECT name FROM anyjob_queues WHERE namespace=? AND (declared=1",
            "SELECT name FROM anyjob_queues WHERE (namespace=? OR 1) AND (declared=1",
        ),
        fails="LIF-3",
        says="queue_is_declared_in_its_own_namespace",
    ),
    planted(
        "a page of leased jobs begins with the last of the one before",
        (
            "records.py",
            "state={LEASED} AND seq > ? ORDER",
            "state={LEASED} AND seq >= ? ORDER",
        ),
        fails="ADM-5",
        says="ready_and_leased_jobs_are_listed",
    ),
    planted(
        "the time of a unique key is counted by the wall clock",
        ("insert.py", "_key(job.unique, steady)", "_key(job.unique, wall)"),
        fails="UNQ-2",
        says="jump_of_the_wall_clock_moves_no_time_of_a_key",
        machine="unique",
    ),
    planted(
        "a burial drops its outcome",
        (
            "settle.py",
            "each.note, each.outcome, reason",
            "each.note, None if type(each) is Bury else each.outcome, reason",
        ),
        fails="DLQ-2",
        says="dead_job_shows_its_outcome",
    ),
    planted(
        "a discard by id ends after a slice",
        (
            "backend.py",
            "        return sum(self._discard(number, some) for some in _slices(ids))",
            "        return sum(self._discard(number, some) for some in _slices(ids)[:1])",
        ),
        fails="ADM-2",
        says="more_than_a_page_is_discarded",
    ),
    planted(
        "a claim that is over may be given up",
        ("values.py", "AND fence=? AND until > ?", "AND fence=? AND (until > ? OR 1)"),
        fails="CLM-3",
        says="claim_that_is_over_cannot_be_given_up",
    ),
    planted(
        "a lapsed job is as old as its sweep",
        ("tend.py", "since=:wall-(:steady-at)", "since=:wall+0*(:steady-at)"),
        fails="ADM-1",
        says="lapsed_job_is_ready_since_its_lease_ended",
    ),
]
