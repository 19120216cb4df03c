"""Wrong about what people ask of queues: ADM."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from tests.conformance.zoo.mutant import mutant

AVAILABLE = "available.append(0 if queue.paused else max(0, min(queue.ready, limit)))"

ADMIN = [
    mutant(
        "counts omit what is leased",
        ("backend.py", "len(found.leased), len(found.dead)", "0, len(found.dead)"),
        fails="ADM-1",
        says="counts_equal_what_is_there",
        spoils="ADM-2 DLQ-6",
        machine="administration",
    ),
    mutant(
        "the oldest is the youngest",
        ("backend.py", "space.clock.time() - min(ready_at)", "space.clock.time() - max(ready_at)"),
        fails="ADM-1",
        says="oldest_ready_age_is_that_of_the_longest_ready",
    ),
    mutant(
        "a purge takes what is leased",
        (
            "administration.py",
            "    return len(waiting)\n",
            "    for job in list(queue.leased.values()):\n        del queue.leased[job.id]\n        queue.drop(job)\n    return len(waiting)\n",
        ),
        fails="ADM-2",
        says="purge_removes_what_was_named_and_nothing_else",
        machine="administration",
    ),
    mutant(
        "a purge of one state takes the other too",
        (
            "administration.py",
            "    waiting = _ready(queue) if state is READY else _scheduled(queue)\n",
            "    waiting = _ready(queue) + _scheduled(queue)\n",
        ),
        fails="ADM-2",
        says="purge_removes_what_was_named_and_nothing_else",
        machine="administration",
    ),
    mutant(
        "a discard of some takes them all",
        ("backend.py", "discard(found, dead(found, ids))", "discard(found, dead(found, None))"),
        fails="ADM-2",
        says="discard_removes_the_dead_that_were_named",
        machine="administration",
    ),
    mutant(
        "a pause forgets what is redelivered",
        (
            "consumer.py",
            AVAILABLE,
            "redelivered = any(job.redeliveries for line in queue.lines for job in line.jobs)\n            available.append(0 if queue.paused and not redelivered else max(0, min(queue.ready, limit)))",
        ),
        fails="ADM-3",
        says="expected nothing to lease, got",
        machine="administration",
    ),
    mutant(
        "a pause does nothing",
        ("consumer.py", AVAILABLE, "available.append(max(0, min(queue.ready, limit)))"),
        fails="ADM-3",
        says="expected nothing to lease, got",
        spoils="CAP-2",
        machine="administration",
    ),
    mutant(
        "one pause stops all queues",
        (
            "consumer.py",
            AVAILABLE,
            AVAILABLE.replace("queue.paused", "any(each.paused for each in self._queues)"),
        ),
        fails="ADM-3",
        says="pause_stops_only_its_own_queue",
    ),
    mutant(
        "a paused queue settles nothing",
        (
            "settling.py",
            "    if queue is None or job is None or job.token",
            "    if queue is None or queue.paused or job is None or job.token",
        ),
        fails="ADM-3",
        says="paused_queue_delivers_nothing_until_resumed",
        machine="administration",
    ),
    mutant(
        "a cancelled job is delivered all the same",
        (
            "administration.py",
            "    queue.withdraw(job)\n    queue.end(job, State.CANCELLED, wall, mono, keep, None)\n",
            "",
        ),
        fails="ADM-4",
        says="cancelled_job_is_never_delivered",
        spoils="CAP-2 UNQ-2",
        machine="administration",
    ),
    mutant(
        "a delayed job cannot be cancelled and is said to be",
        (
            "administration.py",
            "    queue.withdraw(job)\n    queue.end(",
            "    if job.state is SCHEDULED:\n        return CancelResult.CANCELLED\n    queue.withdraw(job)\n    queue.end(",
        ),
        fails="ADM-4",
        says="cancelled_job_is_never_delivered",
        spoils="UNQ-2",
        machine="administration",
    ),
    mutant(
        "a cancel takes a running job",
        (
            "administration.py",
            "    if job.state is LEASED:\n        return CancelResult.RUNNING\n",
            "    if job.state is LEASED:\n        del queue.leased[job.id]\n        queue.end(job, State.CANCELLED, wall, mono, keep, None)\n        return CancelResult.RUNNING\n",
        ),
        fails="ADM-4",
        says="running_and_ended_jobs_are_left_alone",
        machine="administration",
    ),
    mutant(
        "a page begins with the last job of the one before",
        ("browse.py", "entries[limit - 1][0] if", "entries[max(0, limit - 2)][0] if"),
        fails="ADM-5",
        says="pages_neither_skip_nor_repeat_under_change",
    ),
    mutant(
        "a page counts jobs from the first, whatever has gone",
        (
            "browse.py",
            "        return list(islice(_ready(queue, cursor), most))",
            "        first = int(cursor or 0)\n        found = islice(_ready(queue, None), first, first + most)\n        return [(str(first + n), job) for n, (_, job) in enumerate(found, 1)]",
        ),
        fails="ADM-5",
        says="pages_neither_skip_nor_repeat_under_change",
    ),
    mutant(
        "get answers in the order of its jobs",
        (
            "backend.py",
            "    jobs = (queue.find(id, mono) for id in ids)",
            "    jobs = (queue.find(id, mono) for id in sorted(ids))",
        ),
        fails="ADM-5",
        says="get_answers_in_the_order_it_was_asked",
    ),
    mutant(
        "a peek counts as a delivery",
        (
            "browse.py",
            '            yield f"{priority}:{job.place}", job',
            '            job.redeliveries += 1\n            yield f"{priority}:{job.place}", job',
        ),
        fails="ADM-6",
        says="looking_changes_nothing",
    ),
    mutant(
        "a look turns the line around",
        (
            "backend.py",
            "            jobs, behind = page(found, State(state), cursor, limit)\n",
            "            jobs, behind = page(found, State(state), cursor, limit)\n            if state == 'leased' and len(found.lines[5].jobs) > 1:\n                found.lines[5].jobs = deque(sorted(found.lines[5].jobs, key=lambda job: -job.place))\n",
        ),
        ("backend.py", "import os\n", "import os\nfrom collections import deque\n"),
        fails="ADM-6",
        says="looking_changes_nothing",
    ),
]
