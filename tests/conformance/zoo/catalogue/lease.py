"""Wrong about leases, how they lapse and who they belong to: LSE."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from tests.conformance.zoo.mutant import mutant
from tests.conformance.zoo.wraps import leases as wraps

OURS = "if queue is None or job is None or job.token != lease.token:"
LAPSE = "                    job.redeliveries += 1\n"
EXTENDED = "                job.until = until\n                extended.append(job)"

LEASE = [
    mutant(
        "an extend is ignored",
        ("queue.py", EXTENDED, "                extended.append(job)"),
        fails="LSE-1",
        says="lease_extended_in_time_never_lapses",
        spoils="FET-7 LSE-10 LSE-12",
        issue="bull#308",
        machine="lease",
    ),
    mutant(
        "whoever maintains takes back what is leased now",
        ("backend.py", "queue.reap(wall, mono, PAGE)", "queue.reap(wall, mono + 2.0, PAGE)"),
        ("queue.py", "if job.state is LEASED and job.until <= mono:", "if job.state is LEASED:"),
        fails="LSE-2",
        says="expected nothing to lease, got",
        spoils="ADM-1 CAP-2 FET-7 LSE-1 LSE-10 LSE-11 LSE-12",
        issue="kombu#1098",
        machine="lease",
    ),
    mutant(
        "a lease ends a tenth too early",
        ("consumer.py", "self._lease, wall, mono)", "0.9 * self._lease, wall, mono)"),
        fails="LSE-2",
        says="expected nothing to lease, got",
        spoils="ADM-1 CAP-2 FET-7 LSE-11",
        machine="lease",
    ),
    mutant(
        "ten a sweep come back",
        (
            "queue.py",
            "            self._in_lots -= len(jobs)\n            for job in jobs:",
            "            self._in_lots -= len(jobs)\n            for job in jobs[:10]:",
        ),
        fails="LSE-3",
        says="expected [0-9.]+ ready jobs, got [0-9.]+",
        spoils="MNT-1 MNT-3",
        issue="kombu#164",
        machine="recovery",
    ),
    mutant(
        "there is a sweep in a hundred seconds whatever the lease",
        (
            "queue.py",
            "        heappush(self._lots, (until, next(self._numbers), jobs))",
            "        sweep = math.ceil(until / 100.0) * 100.0 if len(jobs) > 2 else until\n        heappush(self._lots, (sweep, next(self._numbers), jobs))",
        ),
        fails="LSE-3",
        says="expected [0-9.]+ ready jobs, got [0-9.]+",
        spoils="FET-7 LSE-12 LSE-7 MNT-1 MNT-3",
        issue="kombu#2558",
        machine="lease",
    ),
    mutant(
        "a stale failure overwrites the owner",
        (
            "settling.py",
            OURS,
            OURS[:-1].replace(
                "job.token != lease.token",
                "(job.token != lease.token and not isinstance(settlement, Retry)):",
            ),
        ),
        fails="LSE-4",
        says="stale_settlement_leaves_the_owner_alone",
        issue="bull#1416",
        machine="lease",
    ),
    mutant(
        "a stale burial buries",
        (
            "settling.py",
            OURS,
            OURS[:-1].replace(
                "job.token != lease.token",
                "(job.token != lease.token and not isinstance(settlement, Bury)):",
            ),
        ),
        fails="LSE-4",
        says="stale_settlement_leaves_the_owner_alone",
        spoils="UNQ-4",
        machine="lease",
    ),
    mutant(
        "a stale completion completes",
        (
            "settling.py",
            OURS,
            OURS[:-1].replace(
                "job.token != lease.token",
                "(job.token != lease.token and not isinstance(settlement, Complete)):",
            ),
        ),
        fails="LSE-4",
        says="stale_settlement_leaves_the_owner_alone",
        spoils="LSE-5 LSE-6 SET-2 UNQ-4",
        machine="lease",
    ),
    mutant(
        "the note of a stale owner stays",
        (
            "settling.py",
            "        return LEASE_LOST\n",
            "        if job is not None and settlement.note:\n            job.note = settlement.note\n        return LEASE_LOST\n",
        ),
        fails="LSE-4",
        says="stale_settlement_leaves_the_owner_alone",
        machine="lease",
    ),
    mutant(
        "the children of a stale owner are enqueued",
        (
            "settling.py",
            "        return LEASE_LOST\n",
            "        for child in settlement.then:\n            space.queue(child.queue).add(child, wall, mono)\n        return LEASE_LOST\n",
        ),
        fails="LSE-4",
        says="stale_settlement_leaves_the_owner_alone",
        spoils="SET-7",
        machine="lease",
    ),
    mutant(
        "a late result replaces the owner's",
        (
            "settling.py",
            "        return LEASE_LOST\n",
            "        late = queue and queue.jobs.get(lease.id)\n        if late and settlement.outcome:\n            late.outcome = settlement.outcome\n        return LEASE_LOST\n",
        ),
        fails="LSE-4",
        says="stale_settlement_leaves_a_result_alone",
        machine="recovery",
    ),
    mutant(
        "a loss is not reported",
        (
            "settling.py",
            "        return LEASE_LOST\n",
            "        return LEASE_LOST if queue is None or lease.id not in queue.leased else DONE\n",
        ),
        fails="LSE-5",
        says="stale_lease_is_reported_as_lost",
        spoils="LSE-4 LSE-6 SET-2 UNQ-4",
        machine="lease",
    ),
    mutant(
        "an extend does not report a loss",
        ("queue.py", "                lost.append(lease)", "                pass"),
        fails="LSE-5",
        says="stale_lease_is_reported_as_lost",
        spoils="CON-3 LSE-12 LSE-6",
        machine="lease",
    ),
    mutant(
        "a late extend steals the job back",
        (
            "queue.py",
            "            if job is None or job.token != lease.token:\n                lost.append(lease)",
            "            if job is not None:\n                job.token = lease.token\n            if job is None:\n                lost.append(lease)",
        ),
        fails="LSE-6",
        says="late_extend_takes_no_job_back",
        spoils="LSE-12 LSE-5",
        issue="lion-reader#917",
        machine="lease",
    ),
    mutant(
        "a late extend lengthens the lease of the new owner",
        (
            "queue.py",
            "            if job is None or job.token != lease.token:\n                lost.append(lease)",
            "            if job is not None and job.token != lease.token:\n                job.until = until\n            if job is None or job.token != lease.token:\n                lost.append(lease)",
        ),
        fails="LSE-6",
        says="expected [0-9.]+ ready jobs, got [0-9.]+",
        spoils="LSE-12",
        machine="lease",
    ),
    mutant(
        "with the dead worker's row goes what it held",
        (
            "backend.py",
            "                consumer.abandon()\n",
            "                consumer.abandon()\n                for queue in consumer._queues:\n                    queue._lots.clear()\n",
        ),
        fails="LSE-7",
        says="expected [0-9.]+ ready jobs, got [0-9.]+",
        issue="procrastinate#1518",
        machine="recovery",
    ),
    mutant(
        "a worker of the same name is taken for the dead one",
        wrap=wraps.AdoptsItsNamesake,
        fails="LSE-7",
        says="expected [0-9.]+ ready jobs, got [0-9.]+",
        issue="procrastinate#1518",
        machine="recovery",
    ),
    mutant(
        "a lapse counts as an attempt",
        ("queue.py", LAPSE, LAPSE + "                    job.attempts += 1\n"),
        fails="LSE-8",
        says="lost_lease_counts_one_redelivery_and_no_attempt",
        spoils="DLQ-1 LSE-4",
        machine="lease",
    ),
    mutant(
        "no more than one lapse is counted",
        ("queue.py", LAPSE, "                    job.redeliveries = 1\n"),
        fails="LSE-8",
        says="lost_lease_counts_one_redelivery_and_no_attempt",
        spoils="DLQ-1 DLQ-4 LSE-6",
        machine="lease",
    ),
    mutant(
        "a lapse drops the priority",
        ("queue.py", LAPSE, LAPSE + "                    job.priority = 5\n"),
        fails="LSE-8",
        says="lost_lease_counts_one_redelivery_and_no_attempt",
        spoils="ORD-4",
        machine="lease",
    ),
    mutant(
        "a lapse drops the note",
        ("queue.py", LAPSE, LAPSE + "                    job.note = b''\n"),
        fails="LSE-8",
        says="lost_lease_counts_one_redelivery_and_no_attempt",
        machine="lease",
    ),
    mutant(
        "an abandoned lease counts for nothing",
        (
            "settling.py",
            "            job.redeliveries += 1\n            queue.put_back(job, wall)",
            "            queue.put_back(job, wall)",
        ),
        fails="LSE-8",
        says="abandoned_lease_counts_as_a_lost_one",
        spoils="DLQ-2",
        machine="lease",
    ),
    mutant(
        "tokens are numbered by each consumer for itself",
        ("consumer.py", "self._session = secrets.randbits(31)", "self._session = 1"),
        fails="LSE-9",
        says="no_token_of_a_job_is_issued_twice",
        spoils="LIF-2 LSE-12 LSE-4 LSE-5 LSE-6 SET-2 UNQ-4",
        machine="lease",
    ),
    mutant(
        "an extend adds to what is left",
        (
            "queue.py",
            EXTENDED,
            "                job.until = until + max(0.0, job.until - self._on_ready.__self__.clock.monotonic())\n                extended.append(job)",
        ),
        fails="LSE-10",
        says="expected a job within [0-9.]+ s",
        spoils="TIM-4",
        machine="lease",
    ),
    mutant(
        "an extend makes no lease shorter",
        (
            "queue.py",
            EXTENDED,
            "                job.until = max(job.until, until)\n                extended.append(job)",
        ),
        fails="LSE-10",
        says="expected [0-9.]+ ready jobs, got [0-9.]+",
        machine="lease",
    ),
    mutant(
        "declares a local fence and has none",
        ("backend.py", 'fencing="token"', 'fencing="local"'),
        fails="LSE-11",
        says="only_a_local_fence_ends_a_lease_before_its_time",
        spoils="CAP-2",
        machine="recovery",
    ),
    mutant(
        "one loss fails the whole extend",
        (
            "consumer.py",
            "        return [each for each in leases if id(each) in lost]",
            "        return list(leases) if lost else []",
        ),
        fails="LSE-12",
        says="extend_names_the_lost_leases_and_extends_the_rest",
        machine="lease",
    ),
    mutant(
        "an extend reaches the first thousand leases",
        (
            "queue.py",
            "        for lease in leases:\n            job = self.leased.get(lease.id)",
            "        for lease in list(leases)[:1000]:\n            job = self.leased.get(lease.id)",
        ),
        fails="LSE-12",
        says="extend_names_the_lost_leases_and_extends_the_rest",
        machine="recovery",
    ),
]
