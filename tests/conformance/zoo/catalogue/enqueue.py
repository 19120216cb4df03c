"""Wrong about storing jobs: ENQ and UNQ."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from tests.conformance.zoo.mutant import mutant
from tests.conformance.zoo.wraps import jobs

ENQUEUE = [
    mutant(
        "a delayed job loses its priority",
        (
            "queue.py",
            "            self.wait(job, due.timestamp()",
            "            job.priority = 5\n            self.wait(job, due.timestamp()",
        ),
        fails="ENQ-1",
        says="delayed_job_is_leased_as_it_was_stored",
        spoils="ORD-1",
    ),
    mutant(
        "every twentieth end leaves an echo under a new id",
        (
            "queue.py",
            '        job.ended = wall\n        job.body = b""',
            "        job.ended = wall\n        if next(self._ends) % 20 == 0:\n            self.add(Envelope('f' * 36, self.name, job.body), wall, mono)\n        job.body = b\"\"",
        ),
        (
            "queue.py",
            "        self._numbers = count(1)",
            "        self._numbers = count(1)\n        self._ends = count(1)",
        ),
        fails="ENQ-2",
        says="expected nothing to lease, got",
        spoils="CON-1 CON-2 LSE-3 SET-9",
    ),
    mutant(
        "a bad priority is mended and stored before it is refused",
        (
            "backend.py",
            "        check_envelopes(\n",
            "        for job in jobs:\n            if job.priority == 10:\n                from msgspec.structs import replace\n                self.enqueue([replace(job, priority=9)])\n        check_envelopes(\n",
        ),
        fails="ENQ-3",
        says="job_of_a_refused_call_is_never_delivered",
        spoils="ENQ-2 ENQ-5 ORD-3",
    ),
    mutant(
        "an id that is known is stored again",
        ("queue.py", "if id in self.jobs and self.find(id, mono) is not None:", "if False:"),
        fails="ENQ-4",
        says="id_sent_again_makes_one_job",
        spoils="CAP-2 ENQ-6 UNQ-3",
    ),
    mutant(
        "what was begun is answered without a look at what came of it",
        fails="ENQ-4",
        says="id_sent_again_by_another_way_makes_one_job",
        spoils="ENQ-6",
        wrap=jobs.ForgetsWhatItBegan,
    ),
    mutant(
        "calls of one event loop get each other's answers",
        fails="ENQ-6",
        says="calls_of_one_moment_each_get_their_own_answer",
        wrap=jobs.MixesUpALoopsAnswers,
    ),
    mutant(
        "the id of an ended job is forgotten after a second",
        (
            "queue.py",
            "            job.until = mono + DEDUP_WINDOW",
            "            job.until = mono + 1.0",
        ),
        fails="ENQ-4",
        says="id_of_an_ended_job_is_known_for_the_window",
        spoils="ADM-4",
    ),
    mutant(
        "half a batch stays",
        (
            "backend.py",
            "        check_envelopes(\n            jobs,\n",
            "        check_envelopes(\n            jobs if len(jobs) > 1000 else jobs[:1],\n",
        ),
        (
            "backend.py",
            "            for job in jobs:\n                if queue is None",
            "            for job in jobs:\n                check_envelopes([job], max_batch=1000, max_payload=CAPABILITIES.max_payload, known_queues=space.queues)\n                if queue is None",
        ),
        fails="ENQ-5",
        says="one_bad_job_refuses_the_whole_call",
        spoils="ENQ-2 ORD-3 PAY-2 TIM-3 UNQ-3",
    ),
    mutant(
        "receipts are shuffled",
        ("backend.py", "        return receipts\n", "        return sorted(receipts, key=repr)\n"),
        fails="ENQ-6",
        says="receipts_come_in_the_order_of_the_jobs",
        spoils="ENQ-4 UNQ-1",
    ),
    mutant(
        "one call takes any number of jobs",
        ("seam.py", "    if len(jobs) > max_batch:", "    if False:"),
        fails="ENQ-6",
        says="DID NOT RAISE ConfigurationError",
        spoils="CAP-3",
    ),
    mutant(
        "a dot and an underscore are one character in a queue's name",
        (
            "space.py",
            "        queue = self.queues.get(name)\n",
            "        name = name.replace('.', '_')\n        queue = self.queues.get(name)\n",
        ),
        fails="ENQ-9",
        says="queues_of_similar_names_do_not_mix",
    ),
    mutant(
        "a unique key ends at its first NUL",
        (
            "seam.py",
            "def _check_unique(unique: Unique) -> None:\n",
            "def _check_unique(unique: Unique) -> None:\n    return\n",
        ),
        fails="ENQ-9",
        says="DID NOT RAISE InvalidOption",
    ),
    mutant(
        "a name may end in a line break",
        (
            "seam.py",
            '            checked_name(job.queue, "a queue\'s name")',
            '            checked_name(job.queue.rstrip(), "a queue\'s name")',
        ),
        ("space.py", '            checked_name(name, "a queue\'s name")', "            pass"),
        fails="ENQ-9",
        says="DID NOT RAISE ConfigurationError",
    ),
]
UNIQUE = [
    mutant(
        "looks for a holder, then inserts",
        (
            "queue.py",
            "            return Duplicate(holder.id)\n",
            "            return Duplicate(holder.id)\n        if unique is not None:\n            unlocked(self)\n",
        ),
        (
            "queue.py",
            "class Queue:\n",
            "def unlocked(queue):\n    import time\n    lock = queue._on_ready.__self__.lock\n    lock.release()\n    time.sleep(0.0005)\n    lock.acquire()\n\n\nclass Queue:\n",
        ),
        fails="UNQ-1",
        says="one_of_many_producers_at_once_wins",
        chance=True,
    ),
    mutant(
        "a conflict names the job that was refused",
        (
            "queue.py",
            "            return Duplicate(holder.id)\n",
            "            return Duplicate(id)\n",
        ),
        fails="UNQ-1",
        says="conflict_names_the_holder_and_stores_nothing",
        spoils="DLQ-5 ENQ-9 UNQ-2 UNQ-4",
        machine="unique",
    ),
    mutant(
        "a revived job does without its key",
        ("administration.py", "    queue.take_key(job, mono)\n", ""),
        fails="UNQ-1",
        says="revived_job_takes_its_key_again",
        machine="unique",
        spoils="DLQ-5",
    ),
    mutant(
        "a key is never free",
        ("queue.py", "        if job.unique is not None:\n            self.free_key(job)\n", ""),
        fails="UNQ-2",
        says="key_is_free_once_its_job_is_over",
        spoils="DLQ-5 UNQ-1",
        machine="unique",
    ),
    mutant(
        "a purged job keeps its key",
        (
            "queue.py",
            '        """Forget a job at once."""\n        self.free_key(job)',
            '        """Forget a job at once."""',
        ),
        fails="UNQ-2",
        says="key_is_free_once_its_job_is_cancelled_or_purged",
        machine="unique",
    ),
    mutant(
        "the time of a key counts for nothing",
        ("queue.py", "math.inf if ttl is None else mono + ttl", "math.inf"),
        fails="UNQ-2",
        says="key_is_free_after_its_time_and_not_before",
        spoils="UNQ-1 UNQ-4",
        machine="unique",
    ),
    mutant(
        "a key whose time is set is free at half of it",
        (
            "queue.py",
            "math.inf if ttl is None else mono + ttl",
            "math.inf if ttl is None else mono + ttl / 2",
        ),
        fails="UNQ-2",
        says="key_is_free_after_its_time_and_not_before",
        machine="unique",
    ),
    mutant(
        "a job that is refused for its id takes the key all the same",
        (
            "queue.py",
            "            return Duplicate(id)\n        if unique",
            "            if unique is not None:\n                ghost = Job(id, b'', 5, unique, READY, 0, wall, key_until=math.inf)\n                self._keys.setdefault(unique.key, ghost)\n            return Duplicate(id)\n        if unique",
        ),
        fails="UNQ-3",
        says="job_refused_for_its_id_takes_no_key",
        machine="unique",
    ),
    mutant(
        "an enqueue that failed leaves its key",
        (
            "backend.py",
            "        check_envelopes(\n",
            "        for job in jobs:\n            if job.unique and len(jobs) > 1 and len(jobs[-1].body) > CAPABILITIES.max_payload:\n                self.enqueue([job])\n                space.queue(job.queue).lines[5].jobs.clear()\n                space.queue(job.queue).ready = 0\n        check_envelopes(\n",
        ),
        fails="UNQ-3",
        says="refused_enqueue_leaves_no_key_behind",
        machine="unique",
    ),
    mutant(
        "a retry frees the key",
        (
            "settling.py",
            "        case Retry():\n",
            "        case Retry():\n            queue.free_key(job)\n",
        ),
        fails="UNQ-4",
        says="job_that_comes_back_keeps_its_key",
        machine="unique",
    ),
    mutant(
        "a lost lease frees the key",
        (
            "queue.py",
            "                    job.redeliveries += 1\n",
            "                    job.redeliveries += 1\n                    self.free_key(job)\n",
        ),
        fails="UNQ-4",
        says="job_that_comes_back_keeps_its_key",
        machine="unique",
    ),
    mutant(
        "a stale owner frees the key",
        (
            "settling.py",
            "        return LEASE_LOST\n",
            "        if queue is not None and job is not None:\n            queue.free_key(job)\n        return LEASE_LOST\n",
        ),
        fails="UNQ-4",
        says="stale_owner_cannot_free_the_key",
        machine="unique",
    ),
    mutant(
        "who held a key once frees it for the next",
        ("queue.py", "self._keys.get(job.unique.key) is job:", "job.unique.key in self._keys:"),
        fails="UNQ-4",
        says="former_holder_cannot_free_the_key_of_the_next",
        machine="unique",
        spoils="UNQ-1",
    ),
]
