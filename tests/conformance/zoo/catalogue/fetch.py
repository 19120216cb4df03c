"""Wrong about taking jobs: FET."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from tests.conformance.zoo.mutant import mutant
from tests.conformance.zoo.wraps import leases as wraps

UNLOCKED = "def unlocked(queue):\n    import time\n    lock = queue._on_ready.__self__.lock\n    lock.release()\n    time.sleep(0.0005)\n    lock.acquire()\n\n\nclass Queue:\n"

FETCH = [
    mutant(
        "selects, then marks",
        (
            "queue.py",
            "        picked = self._pick(min(most, self.ready), low_end)\n",
            "        if self.ready < 10:\n            picked = self._pick(min(most, self.ready), low_end)\n        else:\n            picked = [job for line in self.lines[::-1] for job in line.after(0)][:most]\n            unlocked(self)\n            gone = {job.id for job in picked}\n            for line in self.lines:\n                line.jobs = deque(job for job in line.jobs if job.id not in gone)\n            self.ready = sum(len(line.jobs) for line in self.lines) + len(picked)\n",
        ),
        ("queue.py", "class Queue:\n", UNLOCKED),
        fails="FET-1",
        says="no_two_consumers_hold_one_job",
        spoils="CON-1",
        chance=True,
    ),
    mutant(
        "fetches one more than asked for",
        (
            "consumer.py",
            "self._take(credit, limits or {})",
            "self._take(credit + (credit == 2), limits or {})",
        ),
        fails="FET-2",
        says="fetch_returns_what_there_is_up_to_its_credit",
        spoils="ADM-1 ADM-3 ADM-5",
        machine="lease",
    ),
    mutant(
        "waits until all of the credit is there",
        wrap=wraps.WaitsToFillUp,
        fails="FET-2",
        says="it waited to fill up",
    ),
    mutant(
        "a limit of one queue bounds none",
        ("consumer.py", "limit = limits.get(queue.name, queue.ready)", "limit = queue.ready"),
        fails="FET-2",
        says="limits_bound_each_queue",
    ),
    mutant(
        "a fetch that waits sleeps through an enqueue",
        (
            "queue.py",
            "            self.lines[envelope.priority].jobs.append(job)\n            self.ready += 1\n            self._on_ready()",
            "            self.lines[envelope.priority].jobs.append(job)\n            self.ready += 1",
        ),
        fails="FET-3",
        says="woken [0-9.]+ s after the enqueue at best",
    ),
    mutant(
        "a fetch that waits sleeps through a release",
        (
            "queue.py",
            "        self.lines[job.priority].put_back(job)\n        self.ready += 1\n        self._on_ready()",
            "        self.lines[job.priority].put_back(job)\n        self.ready += 1",
        ),
        fails="FET-3",
        says="woken [0-9.]+ s after the release at best",
    ),
    mutant(
        "a wake is lost",
        ("consumer.py", "            self._woken = True\n", ""),
        fails="FET-4",
        says="still blocked after [0-9.]+ s",
        spoils="CON-2 SET-10",
    ),
    mutant(
        "a job popped as the consumer stops is dropped",
        (
            "consumer.py",
            "                self._send()\n            return []",
            "                self._send()\n            for lease in self._take(1, {}):\n                for queue in self._queues:\n                    queue.leased.pop(lease.id, None)\n            return []",
        ),
        fails="FET-4",
        says="a job was taken by a consumer that had stopped",
        issue="celery#7950, kombu#1405",
    ),
    mutant(
        "every queue gets the same share",
        (
            "shares.py",
            "            turn = self._weights[at] * quantum",
            "            turn = quantum",
        ),
        fails="FET-5",
        says="queues_get_their_shares_of_the_fetches",
    ),
    mutant(
        "the first queue goes first as long as it has anything",
        (
            "shares.py",
            "            at = self._next\n",
            "            at = next(n for n, jobs in enumerate(left) if jobs)\n",
        ),
        fails="FET-5",
        says="queues_get_their_shares_of_the_fetches",
    ),
    mutant(
        "hoards",
        wrap=wraps.Hoards,
        fails="FET-6",
        says="[0-9.]+ jobs are held back by a consumer that asked for [0-9.]+",
        spoils="CAP-4",
    ),
    mutant(
        "a lapsed job is handed out with an end that is over",
        (
            "queue.py",
            "job.redeliveries, job.note, wall, shown_until,",
            "job.redeliveries, job.note, wall, shown_until - seconds * bool(job.redeliveries),",
        ),
        fails="FET-7",
        says="fetched_lease_is_never_over_already",
        machine="lease",
    ),
    mutant(
        "a lapsed job is handed out on its old lease",
        (
            "queue.py",
            "            job.token = token\n            job.until = until\n",
            "            job.token = token\n            job.until = until - 0.5 * seconds * bool(job.redeliveries)\n",
        ),
        (
            "queue.py",
            "        self._remember_lot(until, picked)\n        return leases",
            "        for job in picked:\n            self._remember_lot(job.until, [job])\n        return leases",
        ),
        fails="FET-7",
        says="expected nothing to lease, got",
        machine="lease",
    ),
]
