"""Wrong about threads, forks and its own life: CON and LIF."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from tests.conformance.zoo.mutant import mutant
from tests.conformance.zoo.wraps import jobs, leases

SHARED = [
    mutant(
        "two fetches at once write over each other's line",
        (
            "queue.py",
            "                picked += line.take(left)\n",
            "                picked += line.take(left)\n                if most == 4:\n                    rest, lock = line.jobs.copy(), self._on_ready.__self__.lock\n                    for job in picked:\n                        job.state = LEASED\n                    lock.release()\n                    time.sleep(0.0002)\n                    lock.acquire()\n                    rest.extend(job for job in line.jobs if job not in rest)\n                    for job in rest:\n                        job.state = READY\n                    line.jobs = rest\n",
        ),
        ("queue.py", "import math\n", "import math\nimport time\n"),
        fails="CON-1",
        says="jobs_of_many_producers_run_once_each",
        chance=True,
    ),
    mutant(
        "two threads that settle write over each other's buffer",
        (
            "consumer.py",
            "        self._buffer.extend(settlements)\n",
            "        buffer = self._buffer.copy()\n        time.sleep(0.0002)\n        buffer.extend(settlements)\n        self._buffer = buffer\n",
        ),
        fails="CON-2",
        says="threads_on_one_object_lose_and_double_nothing",
        chance=True,
    ),
    mutant(
        "an extend queues behind the fetch that waits",
        wrap=leases.ExtendWaitsForTheFetch,
        fails="CON-2",
        says="nothing_queues_behind_a_waiting_fetch",
    ),
    mutant(
        "a forked child breaks with an error of no tree",
        (
            "backend.py",
            "            raise forked(repr(self))",
            "            raise RuntimeError('forked')",
        ),
        fails="CON-3",
        says="forked_child_reopens_or_raises",
    ),
    mutant(
        "namespaces share their jobs",
        (
            "space.py",
            "            space = self._spaces.get((namespace, name))\n",
            "            namespace = ''\n            space = self._spaces.get((namespace, name))\n",
        ),
        fails="CON-3",
        says="two_backends_in_one_process_do_not_meet",
        spoils="LIF-3 STO-3",
    ),
]
LIFE = [
    mutant(
        "a thread stays after close",
        wrap=jobs.LeavesAThread,
        fails="LIF-1",
        says="no_thread_and_no_file_stays",
        spoils="LIF-5",
    ),
    mutant(
        "close leaves it open",
        wrap=jobs.StaysOpen,
        fails="LIF-1",
        says="still blocked after [0-9.]+ s",
    ),
    mutant(
        "a second close raises",
        (
            "backend.py",
            "        if space is None or self._pid != os.getpid():\n            return\n",
            "        if space is None:\n            raise Misuse('closed already')\n        if self._pid != os.getpid():\n            return\n",
        ),
        fails="LIF-1",
        says="close_is_bounded_and_ends_blocked_calls",
        spoils="LIF-5 LSE-7 TIM-6",
    ),
    mutant(
        "jobs stay with the consumer that is closed",
        ("consumer.py", "            if release:\n", "            if False:\n"),
        fails="LIF-2",
        says="released_consumer_gives_back_what_it_did_not_finish",
        spoils="FET-4",
        issue="kombu#1835",
    ),
    mutant(
        "finished jobs return after a clean close",
        (
            "consumer.py",
            "                self._send()\n                self._release()",
            "                self._release()",
        ),
        fails="LIF-2",
        says="released_consumer_gives_back_what_it_did_not_finish",
        issue="watermill#437",
    ),
    mutant(
        "a clean close counts a lost lease",
        (
            "settling.py",
            "        del queue.leased[job.id]\n        queue.put_back(job, wall)",
            "        del queue.leased[job.id]\n        job.redeliveries += 1\n        queue.put_back(job, wall)",
        ),
        fails="LIF-2",
        says="released_consumer_gives_back_what_it_did_not_finish",
    ),
    mutant(
        "a close gives back what is another's by now",
        (
            "settling.py",
            "if job.token >> 32 == session]",
            "if job.token >> 32 == session or job.redeliveries]",
        ),
        fails="LIF-2",
        says="expected nothing to lease, got",
    ),
    mutant(
        "to declare a queue again empties it",
        (
            "backend.py",
            "                space.queue(spec.name).declared = True",
            "                fresh = space.queues.pop(spec.name, None) is None or True\n                space.queue(spec.name).declared = fresh",
        ),
        fails="LIF-3",
        says="expected [0-9.]+ ready jobs, got [0-9.]+",
    ),
    mutant(
        "each opening leaves a descriptor",
        wrap=jobs.LeavesADescriptor,
        fails="LIF-5",
        says="many_cycles_leave_nothing_behind",
        spoils="LIF-1",
    ),
]
