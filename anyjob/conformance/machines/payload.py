"""The machine of what travels: bodies, notes, outcomes and edits of every size, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from msgspec.structs import replace

from anyjob.conformance.brief import brief
from anyjob.conformance.machines.queue import QueueMachine
from anyjob.conformance.scene import LEASE, QUEUE
from anyjob.conformance.settlements import settlement
from anyjob.core.envelope import ACCEPTED, Envelope
from anyjob.core.errors import PayloadTooLarge
from anyjob.core.settlement import MAX_NOTE, Lease, Settlement
from anyjob.core.state import State

SITUATIONS: dict[str, str | None] = {
    "an empty body was leased again": None,
    "a body of 64 KiB was leased again": None,
    "the largest body came back": None,
    "a note of the largest size was kept": None,
    "an outcome was shown": "results",
    "a child came with a large body": None,
    "a body was replaced by a larger one": "dead",
    "what was too large was refused": None,
}

KIB_64 = 65_536
#: Where more is allowed, the directed examples go to the limit, once.
LARGEST = 1024 * 1024
KEEP = 100.0
#: What a body is made of: NULs, all values there are, what is no UTF-8, line ends.
PATTERNS = [b"\x00", bytes(range(256)), b"\xff\xfe\xc0\xaf", b"\r\n\x1a"]
PATTERN = st.integers(0, len(PATTERNS) - 1)
SIZES = st.sampled_from([20, 20, 0, 1, 255, 256, KIB_64 - 1, KIB_64, KIB_64 + 1])
#: Sizes and patterns, because drawn bytes would be printed whole.
BYTES = st.tuples(PATTERN, SIZES)
NOTE = st.none() | st.tuples(PATTERN, st.sampled_from([0, 0, 1, 300, MAX_NOTE - 1, MAX_NOTE]))
KINDS = st.sampled_from(["retry", "retry", "release", "abandon", "complete", "end", "bury"])
END = st.tuples(KINDS, NOTE, st.none() | BYTES, st.none() | st.none() | BYTES)
WHO = st.integers(0, 1)
#: Which bytes to make, by pattern and size.
Made = tuple[int, int]
#: How a lease ends: kind, note, outcome, body of a child.
Ending = tuple[str, Made | None, Made | None, Made | None]


class PayloadMachine(QueueMachine):
    """Bytes that go in, come back, are replaced, and go in again."""

    situations = SITUATIONS

    def __init__(self) -> None:
        super().__init__()
        #: Large bodies are slow on some wires: one job of them is enough for a run.
        self.was_largest = False

    # In and out

    @initialize(lot=st.lists(BYTES, min_size=1, max_size=4))
    def begin(self, lot: Sequence[Made]) -> None:
        self.enqueue(0, lot)

    @rule(who=WHO, lot=st.lists(BYTES, min_size=1, max_size=4))
    def enqueue(self, who: int, lot: Sequence[Made]) -> None:
        jobs = [self._job_of(*made) for made in lot]
        given = list(jobs)

        assert self.backends[who].enqueue(given) == [ACCEPTED] * len(jobs)
        # The list is the caller's, who may use it for the next jobs.
        given.clear()

        for job in jobs:
            self.model.accept(job)

    @rule(who=WHO, ends=st.lists(END, min_size=1, max_size=4))
    def work(self, who: int, ends: Sequence[Ending]) -> None:
        leases = self._take(who, len(ends))
        settlements = [self._ending(lease, end) for lease, end in zip(leases, ends, strict=False)]
        given = list(settlements)

        self.consumers[who].settle(given)
        given.clear()

        self._settled(settlements, self._flush(who, settlements))
        for each in settlements:
            self.marks["a child came with a large body"] += any(
                len(child.body) >= KIB_64 for child in each.then
            )
        self._look_at_ends(settlements)

    @rule(who=WHO, notes=st.tuples(NOTE, NOTE))
    def note_again(self, who: int, notes: tuple[Made | None, Made | None]) -> None:
        """One note after the other, on what mostly is the same job."""
        for note in notes:
            self.work(who, [("release", note, None, None)])
        self.compare_records()

    @precondition(lambda self: not self.was_largest)
    @rule(who=WHO, short=st.sampled_from([0, 1]), pattern=PATTERN)
    def largest(self, who: int, short: int, pattern: int) -> None:
        """A body of the declared size, or one byte less."""
        self.was_largest = True
        size = min(LARGEST, self.model.capabilities.max_payload)
        self.enqueue(who, [(pattern, size - short)])
        while leases := self._take(1 - who, 20):
            settlements = [settlement("complete", lease) for lease in leases]
            self.consumers[1 - who].settle(settlements)
            self._settled(settlements, self._flush(1 - who, settlements))
            self.marks["the largest body came back"] += short == 0 and any(
                len(lease.body) == size for lease in leases
            )

    @rule(seconds=st.sampled_from([0.5, LEASE + 6.0, KEEP / 2]))
    def advance(self, seconds: float) -> None:
        self.pass_time(seconds)

    # What is too large

    @rule(who=WHO, made=BYTES, first=st.booleans())
    def refuse_a_body(self, who: int, made: Made, first: bool) -> None:
        """One byte too many anywhere in a call, and nothing of it is stored."""
        large = bytes(self.model.capabilities.max_payload + 1)
        jobs = [self._job_of(*made), replace(self._job_of(*made), body=large)]
        given = jobs[::-1] if first else jobs

        with pytest.raises(PayloadTooLarge):
            self.backends[who].enqueue(given)

        assert self.backends[1 - who].get(QUEUE, [job.id for job in jobs]) == [None, None]
        self.marks["what was too large was refused"] += 1

    @rule(who=WHO, made=BYTES, where=st.sampled_from(["note", "then"]))
    def refuse_a_settlement(self, who: int, made: Made, where: str) -> None:
        """One byte too many, and nothing of the call is buffered."""
        leases = self._take(who, 2)
        if len(leases) < 2:
            return
        child = replace(self._job_of(*made), body=bytes(self.model.capabilities.max_payload + 1))
        fields: dict[str, Any] = {"note": {"note": bytes(MAX_NOTE + 1)}, "then": {"then": (child,)}}
        good, large = leases

        with pytest.raises(PayloadTooLarge):
            self.consumers[who].settle(
                [settlement("complete", good), settlement("retry", large, **fields[where])]
            )

        assert self.consumers[who].flush(5.0) == []
        self.compare_records()

    # People

    @precondition(lambda self: not self.scene.lacks("dead"))
    @rule(who=WHO, count=st.integers(1, 3), made=BYTES)
    def die_and_revive(self, who: int, count: int, made: Made) -> None:
        """What died is shown with its bytes, and is revived with others."""
        self.work(who, [("bury", (1, MAX_NOTE), None, None)] * count)
        self.compare_records()
        dead = self.model.in_state(State.DEAD)
        edit = {job.id: self._bytes(*made) for job in dead[:1]}
        given = dict(edit)

        assert self.backends[1 - who].revive(QUEUE, None, edit=given) == len(dead)
        given.update(dict.fromkeys(edit, b"changed afterwards"))

        for job in dead:
            new = edit.get(job.id)
            self.marks["a body was replaced by a larger one"] += new is not None and len(new) > len(
                job.body
            )
            self.model.revived(job, new)

    @rule()
    def look(self) -> None:
        self.compare_records()

    # Steps

    def _take(self, who: int, credit: int) -> list[Lease]:
        """The model compares body and note of each lease with what it has."""
        again = {job.id for job in self.model.jobs.values() if job.tokens}
        leases = self.take(who, credit)
        for lease in leases:
            if lease.id in again:
                self.marks["an empty body was leased again"] += lease.body == b""
                self.marks["a body of 64 KiB was leased again"] += len(lease.body) == KIB_64
                self.marks["a note of the largest size was kept"] += len(lease.note) == MAX_NOTE
        return leases

    def _ending(self, lease: Lease, end: Ending) -> Settlement:
        kind, note, outcome, child = end
        fields: dict[str, Any] = {}
        if note is not None:
            fields["note"] = self._bytes(*note)
        if child is not None:
            fields["then"] = (self._job_of(*child),)
        if outcome is not None and kind in ("complete", "end") and not self.scene.lacks("results"):
            fields |= {"outcome": self._bytes(*outcome), "keep": KEEP}
        return settlement(kind, lease, **fields)

    def _look_at_ends(self, settlements: Sequence[Settlement]) -> None:
        """What was settled last is shown with its outcome, from the other connection, too."""
        ids = [each.lease.id for each in settlements]
        for job_id, record in zip(ids, self.backends[1].get(QUEUE, ids), strict=True):
            job = self.model.jobs[job_id]
            if job.state in (State.SUCCEEDED, State.EXPIRED) and self.model.is_remembered(job):
                assert record is not None
                assert brief(record.outcome) == brief(job.outcome)
                self.marks["an outcome was shown"] += job.outcome is not None

    def _job_of(self, pattern: int, size: int) -> Envelope:
        return replace(self._job(5, None, 0), body=self._bytes(pattern, size))

    def _bytes(self, pattern: int, size: int) -> bytes:
        """So many bytes, that begin with a number of their own."""
        self.made += 1
        filler = PATTERNS[pattern]
        return (b"%d" % self.made + filler * (size // len(filler) + 1))[:size]
