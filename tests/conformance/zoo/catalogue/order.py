"""Wrong about who goes first: ORD."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from tests.conformance.zoo.mutant import mutant

ORDER = [
    mutant(
        "the lowest priority goes first",
        (
            "queue.py",
            "        for line in reversed(self.lines):\n            if line.jobs and",
            "        for line in self.lines:\n            if line.jobs and",
        ),
        fails="ORD-1",
        says="higher_priority_goes_first",
        spoils="CAP-2 ORD-3 ORD-4 SET-10 SET-7",
        machine="order",
    ),
    mutant(
        "one job in four comes from the low end",
        ("shares.py", "LOW_SHARE = 16", "LOW_SHARE = 4"),
        fails="ORD-1",
        says="inversions_are_no_more_than_the_low_share",
        machine="order",
    ),
    mutant(
        "last in, first out",
        (
            "line.py",
            "            job = jobs.popleft()\n            if job.state is READY:\n                taken",
            "            job = (jobs.pop() if len(jobs) > 20 else jobs.popleft())\n            if job.state is READY:\n                taken",
        ),
        fails="ORD-2",
        says="first_in_is_first_out_within_a_priority",
        spoils="CAP-2",
        machine="order",
    ),
    mutant(
        "priorities compare as text",
        (
            "queue.py",
            "        for line in reversed(self.lines):\n            if line.jobs and",
            "        for line in sorted(self.lines, key=lambda line: str(3 * self.lines.index(line)), reverse=True):\n            if line.jobs and",
        ),
        fails="ORD-3",
        says="priorities_compare_as_numbers",
        spoils="CAP-2 ORD-1 SET-10 SET-7",
        machine="order",
    ),
    mutant(
        "there are three bands and ten are declared",
        (
            "queue.py",
            "Job(id, envelope.body, envelope.priority, unique",
            "Job(id, envelope.body, 3 * (envelope.priority // 4), unique",
        ),
        (
            "queue.py",
            "            self.lines[envelope.priority].jobs.append(job)",
            "            self.lines[job.priority].jobs.append(job)",
        ),
        fails="ORD-3",
        says="priorities_compare_as_numbers",
        spoils="ADM-5 CAP-2 DLQ-2 DLQ-5 ENQ-1 LSE-8 ORD-4 ORD-6 SET-7",
        machine="order",
    ),
    mutant(
        "a priority out of range is clamped",
        (
            "seam.py",
            "        if type(priority) is not int or not 0 <= priority < PRIORITIES:",
            "        if type(priority) is not int:",
        ),
        (
            "queue.py",
            "        id, unique, due = envelope.id, envelope.unique, envelope.due\n",
            "        envelope = msgspec.structs.replace(envelope, priority=max(0, min(9, envelope.priority)))\n        id, unique, due = envelope.id, envelope.unique, envelope.due\n",
        ),
        ("queue.py", "import math\n", "import math\n\nimport msgspec\n"),
        fails="ORD-3",
        says="DID NOT RAISE InvalidOption",
        spoils="CAP-6 ENQ-2 ENQ-3 ENQ-5",
        machine="order",
    ),
    mutant(
        "a retry resets the priority",
        (
            "settling.py",
            "        case Retry():\n",
            "        case Retry():\n            job.priority = 5\n",
        ),
        fails="ORD-4",
        says="retried_job_keeps_its_priority",
        spoils="DLQ-2 DLQ-5 LSE-8",
        machine="order",
    ),
    mutant(
        "an abandoned job goes to the default priority's line",
        (
            "settling.py",
            "            job.redeliveries += 1\n            queue.put_back(job, wall)",
            "            job.redeliveries += 1\n            job.priority = 5\n            queue.put_back(job, wall)",
        ),
        fails="ORD-4",
        says="abandoned_job_keeps_its_priority",
        spoils="DLQ-2 DLQ-5",
        machine="order",
    ),
    mutant(
        "the low end starves",
        (
            "shares.py",
            "        part, self._account = divmod(self._account + jobs, LOW_SHARE)\n",
            "        part = 0\n",
        ),
        fails="ORD-6",
        says="[0-9.]+ low jobs starve",
        machine="order",
    ),
]
