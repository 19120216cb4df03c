"""Wrong about when: TIM and MNT."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from tests.conformance.zoo.mutant import mutant

DUE = "due.timestamp() if isinstance(due, datetime) else wall + due"

TIME = [
    mutant(
        "a delay is rounded down to seconds",
        ("queue.py", DUE, DUE.replace("wall + due", "wall + math.floor(due)")),
        fails="TIM-1",
        says="s early",
        machine="schedule",
    ),
    mutant(
        "an instant is rounded down to a minute",
        ("queue.py", DUE, DUE.replace("due.timestamp()", "due.timestamp() // 60 * 60")),
        fails="TIM-1",
        says="expected nothing to lease, got",
        machine="schedule",
    ),
    mutant(
        "a due job is found two seconds late",
        (
            "queue.py",
            "while due and due[0][0] <= wall and promoted < most:",
            "while due and due[0][0] + 2.0 <= wall and promoted < most:",
        ),
        ("queue.py", "due = self.due[0][0] - wall if", "due = self.due[0][0] + 2.0 - wall if"),
        fails="TIM-2",
        says="expected a job within [0-9.]+ s",
        spoils="ADM-1 CAP-2 ENQ-1 MNT-2 MNT-3 ORD-1 TIM-1 TIM-3 TIM-6",
        machine="schedule",
    ),
    mutant(
        "a naive instant is read as the machine's time",
        ("seam.py", "        if due.tzinfo is None:", "        if False:"),
        fails="TIM-3",
        says="DID NOT RAISE InvalidOption",
        spoils="ENQ-3 ENQ-5",
        machine="schedule",
    ),
    mutant(
        "a negative delay is read as none",
        (
            "seam.py",
            '        check_seconds(due, "a delay")',
            '        check_seconds(abs(due), "a delay")',
        ),
        fails="TIM-3",
        says="DID NOT RAISE InvalidOption",
        spoils="CAP-4",
        machine="schedule",
    ),
    mutant(
        "an hour that comes twice comes once",
        ("queue.py", DUE, DUE.replace("due.timestamp()", "due.replace(fold=0).timestamp()")),
        fails="TIM-3",
        says="instants_survive_the_end_of_summer_time",
        machine="schedule",
    ),
    mutant(
        "leases end by the wall clock",
        (
            "space.py",
            "        self.clock = clock\n        self.lock",
            "        self.clock = type('Wall', (), {'time': clock.time, 'monotonic': clock.time})\n        self.lock",
        ),
        (
            "space.py",
            "        if clock is not None and space.clock is not clock:",
            "        if False:",
        ),
        fails="TIM-4",
        says="expected nothing to lease, got",
        spoils="UNQ-2",
        machine="recovery",
    ),
    mutant(
        "a delay over the lease runs twice",
        (
            "queue.py",
            "        self._on_ready()  # who waits for the next due",
            "        if due - wall > 100.0:\n            twin = msgspec.structs.replace(job)\n            self.scheduled += 1\n            heappush(self.due, (due + 30.0, next(self._numbers), twin))\n        self._on_ready()  # who waits for the next due",
        ),
        ("queue.py", "import math\n", "import math\n\nimport msgspec\n"),
        fails="TIM-5",
        says="expected nothing to lease, got",
        spoils="TIM-3",
        issue="kombu#337",
        machine="schedule",
    ),
    mutant(
        "delays are counted in the worker and begin anew in the next",
        (
            "backend.py",
            "            self._open = None\n            for consumer",
            "            self._open = None\n            for queue in space.queues.values():\n                queue.due = [(at + 10.0, number, job) for at, number, job in queue.due]\n            for consumer",
        ),
        fails="TIM-6",
        says="expected a job within [0-9.]+ s",
        issue="celery#3501",
        machine="recovery",
    ),
    mutant(
        "a lease tells when its job became ready in place of now",
        (
            "queue.py",
            "job.redeliveries, job.note, wall, shown_until,",
            "job.redeliveries, job.note, min(wall, job.ready_at), shown_until,",
        ),
        fails="TIM-7",
        says="job_leased_after_its_expiry_ends_as_expired",
        machine="lease",
    ),
    mutant(
        "an expired job is shown as succeeded",
        (
            "settling.py",
            "queue.end(job, State(settlement.state), wall",
            "queue.end(job, SUCCEEDED, wall",
        ),
        fails="TIM-7",
        says="job_leased_after_its_expiry_ends_as_expired",
        machine="lease",
    ),
]
MAINTAIN = [
    mutant(
        "two maintainers count one lapse twice",
        (
            "queue.py",
            "            _, _, jobs = heappop(lots)\n",
            "            _, _, jobs = lots[0]\n            jobs = [job for job in jobs if job.state is LEASED and job.until <= mono]\n            unlocked(self)\n            if lots:\n                heappop(lots)\n",
        ),
        (
            "queue.py",
            "                if job.state is LEASED and job.until <= mono:\n                    del self.leased[job.id]",
            "                if True:\n                    self.leased.pop(job.id, None)",
        ),
        (
            "queue.py",
            "class Queue:\n",
            "def unlocked(queue):\n    import time\n    lock = queue._on_ready.__self__.lock\n    lock.release()\n    time.sleep(0.0005)\n    lock.acquire()\n\n\nclass Queue:\n",
        ),
        fails="MNT-1",
        says="many_maintainers_at_once_double_nothing",
        chance=True,
    ),
    mutant(
        "maintaining waits until there is something to do",
        (
            "backend.py",
            "        return max(0.0, min(1.0, *waits)) if waits else 1.0",
            "        wait = max(0.0, min(1.0, *waits)) if waits else 1.0\n        time.sleep(0.25 * (budget == 0.0))\n        return wait",
        ),
        fails="MNT-1",
        says="[0-9.]+ calls without a budget took [0-9.]+ s",
    ),
    mutant(
        "wants to be called in a minute, and a fetch does not look itself",
        ("consumer.py", "            queue.advance(wall, mono)\n", ""),
        (
            "backend.py",
            "        return max(0.0, min(1.0, *waits)) if waits else 1.0",
            "        return 60.0",
        ),
        fails="MNT-2",
        says="due_job_is_there_without_maintaining_sooner",
        spoils="FET-3",
    ),
    mutant(
        "one step is too large",
        (
            "queue.py",
            "        lots, lapsed = self._lots, 0\n",
            "        lots, lapsed = self._lots, 0\n        if sum(len(lot[2]) for lot in lots if lot[0] <= mono) > 2000:\n            raise BackendUnavailable('too many results to unpack')\n",
        ),
        (
            "queue.py",
            "from anyjob.core.settlement import Lease",
            "from anyjob.core.errors import BackendUnavailable\nfrom anyjob.core.settlement import Lease",
        ),
        fails="MNT-3",
        says="too many results to unpack",
        issue="dramatiq#258",
    ),
    mutant(
        "what does not fit the page of due jobs is dropped",
        (
            "queue.py",
            "        due, promoted = self.due, 0\n",
            "        due, promoted = self.due, 0\n        if len(due) > 2000:\n            del due[2000:]\n",
        ),
        fails="MNT-3",
        says="more_than_a_page_of_due_jobs_all_pass",
    ),
]
