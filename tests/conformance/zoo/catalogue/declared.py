"""Dishonest: what is declared and what is done differ, or an error is of no tree: CAP."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from tests.conformance.zoo.mutant import mutant
from tests.conformance.zoo.wraps import jobs

REFUSED = "        if transaction is not None:\n            raise UnsupportedCapability("

#: Those that lie about what they can; each has to fail CAP, or the property of what it lies about.
LIARS = [
    mutant(
        "a transaction is accepted and ignored",
        ("backend.py", REFUSED, "        if False:\n            raise UnsupportedCapability("),
        fails="CAP-1",
        says="DID NOT RAISE UnsupportedCapability",
        spoils="ENQ-7",
    ),
    mutant(
        "a delay is declared absent, accepted and ignored",
        ("backend.py", '    delay="native"', '    delay="none"'),
        (
            "queue.py",
            "        id, unique, due = envelope.id, envelope.unique, envelope.due\n",
            "        id, unique, due = envelope.id, envelope.unique, None\n",
        ),
        fails="CAP-1",
        says="DID NOT RAISE UnsupportedCapability",
        spoils="ADM-1 ADM-2 CAP-2 ENQ-1 FET-3 MNT-1 MNT-2 MNT-3 ORD-1 SET-4 SET-5 TIM-1 TIM-2 TIM-3 TIM-4 TIM-5 TIM-6",
        issue="taskiq",
    ),
    mutant(
        "a refusal names another capability",
        ("backend.py", '                "transaction",\n', '                "transactions",\n'),
        fails="CAP-1",
        says="what_is_declared_absent_is_refused_by_name",
        spoils="ENQ-7",
    ),
    mutant(
        "what is refused was done before",
        (
            "backend.py",
            REFUSED,
            "        if transaction is not None:\n            self.enqueue(jobs)\n            raise UnsupportedCapability(",
        ),
        fails="CAP-1",
        says="the refused call had an effect",
        spoils="ENQ-7",
    ),
    mutant(
        "pausing is there and declared absent",
        ("backend.py", '    pause="native"', '    pause="none"'),
        fails="CAP-1",
        says="DID NOT RAISE UnsupportedCapability",
        spoils="ADM-3 CAP-2",
    ),
    mutant(
        "a unique key is declared and ignored",
        (
            "queue.py",
            "        id, unique, due = envelope.id, envelope.unique, envelope.due\n",
            "        id, unique, due = envelope.id, None, envelope.due\n",
        ),
        fails="CAP-2",
        says="two jobs hold one unique key",
        spoils="DLQ-5 ENQ-9 UNQ-1 UNQ-2 UNQ-4",
    ),
    mutant(
        "less order is declared than there is",
        ("backend.py", '    order="fifo"', '    order="loose"'),
        fails="CAP-2",
        says=r"over\-declared or under\-declared",
    ),
    mutant(
        "fewer priorities are declared than there are",
        ("backend.py", "    priorities=10", "    priorities=3"),
        fails="CAP-2",
        says=r"over\-declared or under\-declared",
        spoils="ORD-3",
    ),
    mutant(
        "a batch may be one larger than declared",
        ("seam.py", "    if len(jobs) > max_batch:", "    if len(jobs) > max_batch + 1:"),
        fails="CAP-3",
        says="DID NOT RAISE ConfigurationError",
        spoils="ENQ-6",
    ),
    mutant(
        "a batch may not be as large as declared",
        ("seam.py", "    if len(jobs) > max_batch:", "    if len(jobs) >= max_batch:"),
        fails="CAP-3",
        says="expected at most [0-9.]+ jobs in one call, got [0-9.]+; split them",
        spoils="ADM-2 DLQ-5 ENQ-6 FET-5 LSE-12 LSE-3 MNT-1 MNT-3 TIM-2",
    ),
    mutant(
        "a payload may be one byte larger than declared",
        (
            "seam.py",
            "        if len(body) > max_payload:",
            "        if len(body) > max_payload + 1:",
        ),
        fails="CAP-3",
        says="DID NOT RAISE PayloadTooLarge",
        spoils="ENQ-3 ENQ-5 PAY-2 UNQ-3",
    ),
    mutant(
        "a payload may not be as large as declared",
        ("seam.py", "        if len(body) > max_payload:", "        if len(body) >= max_payload:"),
        fails="CAP-3",
        says="largest_payload_holds_and_one_byte_more_is_refused",
        spoils="PAY-1",
    ),
    mutant(
        "a unique key may be one byte longer than declared",
        (
            "seam.py",
            "    if not 1 <= size <= MAX_UNIQUE_KEY:",
            "    if not 1 <= size <= MAX_UNIQUE_KEY + 1:",
        ),
        fails="ENQ-9",
        says="DID NOT RAISE InvalidOption",
    ),
    mutant(
        "a delay over the maximum is clamped",
        ("backend.py", "    resolution=0.001,\n", "    resolution=0.001,\n    max_delay=3600.0,\n"),
        ("queue.py", "else wall + due, wall)", "else wall + min(due, 3600.0), wall)"),
        fails="CAP-3",
        says="DID NOT RAISE UnsupportedCapability",
        spoils="TIM-3",
    ),
    mutant(
        "a lease over the maximum is clamped",
        ("backend.py", '    lease="timed",\n', '    lease="timed",\n    max_lease=3600.0,\n'),
        (
            "consumer.py",
            "            until = space.clock.monotonic() + lease\n",
            "            until = space.clock.monotonic() + min(lease, 3600.0)\n",
        ),
        fails="CAP-3",
        says="DID NOT RAISE UnsupportedCapability",
        spoils="LSE-10",
    ),
    mutant(
        "a driver's error leaks",
        (
            "consumer.py",
            '            raise InvalidOption(f"expected credit',
            '            raise ValueError(f"expected credit',
        ),
        fails="CAP-4",
        says="expected credit to be [0-9.]+ or more, got [0-9.]+",
    ),
    mutant(
        "an error of the programmer is said to pass by itself",
        (
            "checks.py",
            '        raise InvalidOption("expected at least one queue',
            '        raise BackendUnavailable("expected at least one queue',
        ),
        (
            "checks.py",
            "from anyjob.core.errors import ",
            "from anyjob.core.errors import BackendUnavailable, ",
        ),
        fails="CAP-4",
        says="every_error_is_of_our_tree",
    ),
    mutant(
        "capabilities change while it is open",
        wrap=jobs.LearnsItsLimits,
        fails="CAP-5",
        says=r"Capabilities\(product='memory', version='[0-9.]+', emulator=False, reach='p",
    ),
    mutant(
        "an emulator passes for the service once it is opened again",
        wrap=jobs.EmulatorAtFirst,
        fails="CAP-5",
        says=r"Capabilities\(product='memory', version='[0-9.]+', emulator=False, reach='p",
        issue="localstack#12278",
    ),
    mutant(
        "an error shows the payload",
        (
            "seam.py",
            'got {type(body).__name__}")\n        if len(body)',
            'got {body!r}")\n        if len(body)',
        ),
        fails="CAP-6",
        says=r"not \[\"expected a body to be bytes, got 'account [0-9.]+\-[0-9.]+\-[0-9.]+\-[0-9.]+ of",
    ),
    mutant(
        "a log line shows the payload",
        (
            "backend.py",
            "        receipts: list[Receipt] = []\n",
            "        receipts: list[Receipt] = []\n        logging.getLogger('anyjob').debug('storing %r', [job.body for job in jobs])\n",
        ),
        ("backend.py", "import os\n", "import logging\nimport os\n"),
        fails="CAP-6",
        says=r"not \['storing \[b\\'account [0-9.]+\-[0-9.]+\-[0-9.]+\-[0-9.]+ of a customer, to be see",
    ),
    mutant(
        "the visibility lag is declared too small",
        (
            "consumer.py",
            "        leases: list[Lease] = []\n        parts",
            "        if time.monotonic() < self._space.wrote + 0.05:\n            return []\n        leases: list[Lease] = []\n        parts",
        ),
        (
            "space.py",
            "        self._has_arrived = False\n        self._has_ended",
            "        self.wrote = 0.0\n        self._has_arrived = False\n        self._has_ended",
        ),
        (
            "backend.py",
            "        receipts: list[Receipt] = []\n",
            "        receipts: list[Receipt] = []\n        space.wrote = time.monotonic() if isinstance(space.clock, SystemClock) else 0.0\n",
        ),
        (
            "backend.py",
            "from anyjob.core.clock import Clock",
            "from anyjob.core.clock import Clock, SystemClock",
        ),
        fails="ENQ-8",
        says="other_connection_sees_an_accepted_job",
        spoils="CON-2 FET-3 FET-4 LIF-1 SET-10",
    ),
    mutant(
        "the wake-up lag is declared too small",
        (
            "space.py",
            "            self.arrived.notify_all()\n        if",
            "            pass\n        if",
        ),
        fails="FET-3",
        says="woken [0-9.]+ s after the enqueue at best",
    ),
    mutant(
        "the redelivery lag is declared too small",
        (
            "queue.py",
            "        heappush(self._lots, (until, next(self._numbers), jobs))",
            "        late = 0.2 * (len(jobs) > 24)\n        heappush(self._lots, (until + late, next(self._numbers), jobs))",
        ),
        fails="LSE-3",
        says="expected [0-9.]+ ready jobs, got [0-9.]+",
        spoils="MNT-3",
        machine="recovery",
    ),
    mutant(
        "the schedule lag is declared too small",
        (
            "queue.py",
            "while due and due[0][0] <= wall and promoted < most:",
            "while due and due[0][0] + 0.1 <= wall and promoted < most:",
        ),
        ("queue.py", "due = self.due[0][0] - wall if", "due = self.due[0][0] + 0.1 - wall if"),
        fails="TIM-2",
        says="expected a job within [0-9.]+ s",
        spoils="ADM-1 CAP-2 ENQ-1 MNT-2 MNT-3 TIM-1 TIM-3 TIM-6",
        machine="schedule",
    ),
]
