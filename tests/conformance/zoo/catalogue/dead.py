"""Wrong about dead letters: DLQ."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from tests.conformance.zoo.mutant import mutant

RETRIED = "            job.attempts += 1\n            queue.wait"
REVIVED = "    job.attempts = job.redeliveries = 0\n"

DEAD = [
    mutant(
        "a job has one run too many",
        (
            "settling.py",
            RETRIED,
            "            job.attempts += job.attempts != 2\n            queue.wait",
        ),
        fails="DLQ-1",
        says="failing_job_has_all_its_runs_and_no_more",
        spoils="SET-4",
    ),
    mutant(
        "the last run vanishes",
        (
            "settling.py",
            RETRIED,
            "            job.attempts += 1 + (job.attempts == 2)\n            queue.wait",
        ),
        fails="DLQ-1",
        says="failing_job_has_all_its_runs_and_no_more",
        spoils="SET-4",
    ),
    mutant(
        "a burial keeps no body",
        (
            "queue.py",
            "        job.reason = reason\n",
            "        job.reason = reason\n        job.body = b''\n",
        ),
        fails="DLQ-2",
        says="dead_job_equals_the_original_and_says_why",
        spoils="DLQ-5 DLQ-7",
        machine="administration",
    ),
    mutant(
        "a burial keeps no reason",
        ("queue.py", "        job.reason = reason\n", "        job.reason = ''\n"),
        fails="DLQ-2",
        says="dead_job_equals_the_original_and_says_why",
        spoils="LSE-4",
        machine="administration",
    ),
    mutant(
        "a burial always counts a run",
        (
            "settling.py",
            "            job.attempts += settlement.ran\n",
            "            job.attempts += 1\n",
        ),
        fails="DLQ-2",
        says="job_buried_unrun_has_no_attempt_more",
    ),
    mutant(
        "a burial does not count its run",
        ("settling.py", "            job.attempts += settlement.ran\n", ""),
        fails="DLQ-2",
        says="dead_job_equals_the_original_and_says_why",
        machine="administration",
    ),
    mutant(
        "poison goes round for ever",
        (
            "queue.py",
            "                    job.redeliveries += 1\n",
            "                    job.redeliveries = min(5, job.redeliveries + 1)\n",
        ),
        fails="DLQ-4",
        says="job_that_is_always_lost_is_delivered_until_judged_poison",
    ),
    mutant(
        "a revived job keeps its attempts",
        ("administration.py", REVIVED, "    job.redeliveries = 0\n"),
        fails="DLQ-5",
        says="revived_job_begins_anew_and_keeps_its_past",
        machine="administration",
    ),
    mutant(
        "a revived job loses its note",
        ("administration.py", REVIVED, REVIVED + "    job.note = b''\n"),
        fails="DLQ-5",
        says="revived_job_begins_anew_and_keeps_its_past",
        machine="administration",
    ),
    mutant(
        "the edit of a revived job is ignored",
        ("administration.py", "    if body is not None:\n        job.body = body\n", ""),
        fails="DLQ-5",
        says="edit_replaces_the_body",
        machine="administration",
    ),
    mutant(
        "a revived job takes a key that another holds",
        (
            "administration.py",
            "    if job.unique is not None and queue.holder(job.unique.key, mono) is not None:\n        return False\n",
            "",
        ),
        fails="DLQ-5",
        says="revive_respects_a_unique_key",
        machine="unique",
        spoils="UNQ-1",
    ),
    mutant(
        "two who revive at once make a job ready twice",
        (
            "administration.py",
            "    del queue.dead[job.id]\n    job.attempts",
            "    unlocked(queue)\n    queue.dead.pop(job.id, None)\n    job.attempts",
        ),
        (
            "administration.py",
            "def cancel(",
            "def unlocked(queue):\n    import time\n    lock = queue._on_ready.__self__.lock\n    lock.release()\n    time.sleep(0.0005)\n    lock.acquire()\n\n\ndef cancel(",
        ),
        fails="DLQ-5",
        says="job_revived_twice_at_once_is_ready_once",
        chance=True,
    ),
    mutant(
        "dead letters are dropped after a week",
        (
            "queue.py",
            "        fading, kept, forgotten = self._fading, self._kept, 0\n",
            "        fading, kept, forgotten = self._fading, self._kept, 0\n        week = self._on_ready.__self__.clock.time() - 7 * 86400.0\n        self.dead = {id: job for id, job in self.dead.items() if job.ended > week}\n",
        ),
        fails="DLQ-6",
        says="dead_letters_stay_until_a_person_acts",
    ),
    mutant(
        "a fetch reads what it hands over, and fails on what it cannot read",
        (
            "queue.py",
            "        until, shown_until = mono + seconds, wall + seconds\n",
            "        until, shown_until = mono + seconds, wall + seconds\n        for job in picked:\n            if job.body[:1] == b'{':\n                msgspec.json.decode(job.body)\n",
        ),
        ("queue.py", "import math\n", "import math\n\nimport msgspec\n"),
        fails="DLQ-7",
        says="Input data was truncated",
    ),
]
