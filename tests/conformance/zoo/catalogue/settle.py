"""Wrong about how leases end: SET."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from tests.conformance.zoo.mutant import mutant
from tests.conformance.zoo.wraps import leases as wraps

ANSWER = "            answered.append(Settled(settlement, apply(space, settlement, wall, mono)))"
RETRIED = (
    "            job.attempts += 1\n            queue.wait(job, wall + settlement.delay, wall)"
)
RELEASED = "        case Release():\n            queue.put_back(job, wall)"

SETTLE = [
    mutant(
        "of three jobs completed together one comes back",
        (
            "consumer.py",
            ANSWER,
            "            if len(answered) == 2 and isinstance(settlement, Complete):\n                answered.append(Settled(settlement, Answer.DONE))\n                continue\n"
            + ANSWER,
        ),
        (
            "consumer.py",
            "import Lease, Settled, Settlement",
            "import Answer, Complete, Lease, Settled, Settlement",
        ),
        fails="SET-1",
        says="expected nothing to lease, got",
        spoils="CON-1 CON-2 ENQ-2 LIF-2 LSE-12 LSE-3 SET-2 SET-6 SET-9",
        machine="lease",
    ),
    mutant(
        "a second settlement raises",
        (
            "settling.py",
            "        return LEASE_LOST\n",
            "        known = queue and queue.jobs.get(lease.id)\n        if known and known.state is SUCCEEDED:\n            raise LeaseLost('a lease is lost')\n        return LEASE_LOST\n",
        ),
        (
            "settling.py",
            "from anyjob.core.state import State",
            "from anyjob.core.errors import LeaseLost\nfrom anyjob.core.state import State",
        ),
        fails="SET-2",
        says="second_settlement_is_lost_whatever_it_is",
        spoils="LSE-4 LSE-5 SET-6 SET-7 SET-9",
        machine="lease",
    ),
    mutant(
        "a token counts for every job of its fetch",
        (
            "settling.py",
            "job = None if queue is None else queue.leased.get(lease.id)",
            "job = None if queue is None else queue.leased.get(lease.id) or next((each for each in queue.leased.values() if each.token == lease.token), None)",
        ),
        ("settling.py", "    del queue.leased[lease.id]", "    del queue.leased[job.id]"),
        fails="SET-2",
        says="lease_of_another_queue_or_backend_is_lost",
        spoils="SET-6",
    ),
    mutant(
        "the note is dropped",
        ("settling.py", "        job.note = settlement.note", "        job.note = b''"),
        fails="SET-3",
        says="retry_counts_an_attempt_and_keeps_the_note",
        spoils="ADM-5 DLQ-2 DLQ-5 LSE-4 LSE-8 PAY-1 SET-10",
        machine="lease",
    ),
    mutant(
        "a settlement without a note drops the last one",
        (
            "settling.py",
            "    if settlement.note is not None:\n        job.note = settlement.note",
            "    job.note = settlement.note or b''",
        ),
        fails="SET-3",
        says="settlement_without_a_note_keeps_the_last_one",
        spoils="DLQ-5",
        machine="administration",
    ),
    mutant(
        "the delay of a retry is dropped",
        (
            "settling.py",
            RETRIED,
            "            job.attempts += 1\n            queue.wait(job, wall, wall)",
        ),
        fails="SET-4",
        says="expected nothing to lease, got",
        machine="schedule",
    ),
    mutant(
        "the second hop of a delayed job is lost",
        (
            "settling.py",
            RETRIED,
            "            job.attempts += 1\n            if settlement.delay and job.attempts > 1:\n                queue.drop(job)\n            else:\n                queue.wait(job, wall + settlement.delay, wall)",
        ),
        fails="SET-4",
        says="expected a job within [0-9.]+ s",
        issue="celery#9867",
        machine="schedule",
    ),
    mutant(
        "a release costs an attempt",
        (
            "settling.py",
            RELEASED,
            RELEASED.replace("queue", "job.attempts += 1\n            queue", 1),
        ),
        fails="SET-5",
        says="released_job_is_back_with_nothing_counted",
        machine="lease",
    ),
    mutant(
        "a release costs a redelivery",
        (
            "settling.py",
            RELEASED,
            RELEASED.replace("queue", "job.redeliveries += 1\n            queue", 1),
        ),
        fails="SET-5",
        says="released_job_is_back_with_nothing_counted",
        spoils="CAP-2 DLQ-4",
        machine="lease",
    ),
    mutant(
        "a released job goes to the tail",
        ("settling.py", RELEASED, RELEASED.replace("put_back", "append")),
        fails="SET-5",
        says="released_job_is_at_the_head_of_its_priority",
        spoils="CAP-2",
        machine="order",
    ),
    mutant(
        "the delay of a release is dropped",
        (
            "settling.py",
            "        case Release() if settlement.delay:\n            queue.wait(job, wall + settlement.delay, wall)",
            "        case Release() if settlement.delay:\n            queue.put_back(job, wall)",
        ),
        fails="SET-5",
        says="expected nothing to lease, got",
        machine="lease",
    ),
    mutant(
        "what comes after a stale lease fails with it",
        (
            "consumer.py",
            ANSWER,
            "            stale = answered and answered[-1].answer is Answer.LEASE_LOST\n            answer = Answer.LEASE_LOST if stale else apply(space, settlement, wall, mono)\n            answered.append(Settled(settlement, answer))",
        ),
        (
            "consumer.py",
            "import Lease, Settled, Settlement",
            "import Answer, Lease, Settled, Settlement",
        ),
        fails="SET-6",
        says="stale_leases_in_a_batch_spoil_no_other",
        machine="lease",
    ),
    mutant(
        "of several children the first is enqueued",
        (
            "settling.py",
            "    for child in settlement.then:",
            "    for child in settlement.then[:1]:",
        ),
        fails="SET-7",
        says="children_are_enqueued_if_and_only_if_it_is_done",
    ),
    mutant(
        "the children of a burial are forgotten",
        (
            "settling.py",
            "    for child in settlement.then:",
            "    for child in settlement.then * (not isinstance(settlement, Bury)):",
        ),
        fails="SET-7",
        says="children_are_enqueued_if_and_only_if_it_is_done",
    ),
    mutant(
        "the result is stored after the completion",
        (
            "queue.py",
            "            job.outcome = outcome",
            "            threading.Timer(0.02, setattr, (job, 'outcome', outcome)).start()",
        ),
        ("queue.py", "import math\n", "import math\nimport threading\n"),
        fails="SET-8",
        says="ended_job_is_never_seen_without_its_outcome",
        spoils="CAP-2 LSE-4",
    ),
    mutant(
        "a result is kept for a minute whatever was asked",
        (
            "queue.py",
            "            job.until = mono + keep",
            "            job.until = mono + DEDUP_WINDOW",
        ),
        fails="SET-8",
        says="outcome_is_kept_for_its_time",
        spoils="ADM-4",
    ),
    mutant(
        "says done of what was never sent",
        (
            "consumer.py",
            ANSWER,
            "            if len(answered) >= 40:\n                answered.append(Settled(settlement, Answer.DONE))\n                continue\n"
            + ANSWER,
        ),
        (
            "consumer.py",
            "import Lease, Settled, Settlement",
            "import Answer, Lease, Settled, Settlement",
        ),
        fails="SET-9",
        says="flush_names_each_settlement_once",
        spoils="ADM-2 CON-2 DLQ-5",
    ),
    mutant(
        "a flush names no more than forty settlements",
        (
            "consumer.py",
            "            answered, self._answered = self._answered, []",
            "            answered, self._answered = self._answered[:40], []",
        ),
        fails="SET-9",
        says="flush_names_each_settlement_once",
        spoils="ADM-2 CON-2 DLQ-5 LSE-3",
    ),
    mutant(
        "a flush names what the last one named",
        (
            "consumer.py",
            "            answered, self._answered = self._answered, []",
            "            answered = list(self._answered)",
        ),
        fails="SET-9",
        says="flush_names_each_settlement_once",
    ),
    mutant(
        "settlements stay in the buffer when a fetch leaves",
        (
            "consumer.py",
            "                self._send()\n                leases = self._take",
            "                leases = self._take",
        ),
        fails="SET-10",
        says="buffered_settlement_leaves_with_the_next_fetch",
    ),
    mutant(
        "a flush waits for the fetch",
        wrap=wraps.FlushWaitsForTheFetch,
        fails="SET-10",
        says="flush_waits_for_no_fetch",
        spoils="CON-2",
    ),
]
