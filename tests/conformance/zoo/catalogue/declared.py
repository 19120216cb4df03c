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
        says="X",
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
        says="X",
        issue="taskiq",
    ),
    mutant(
        "a refusal names another capability",
        ("backend.py", '                "transaction",\n', '                "transactions",\n'),
        fails="CAP-1",
        says="X",
    ),
    mutant(
        "what is refused was done before",
        (
            "backend.py",
            REFUSED,
            "        if transaction is not None:\n            self.enqueue(jobs)\n            raise UnsupportedCapability(",
        ),
        fails="CAP-1",
        says="X",
    ),
    mutant(
        "pausing is there and declared absent",
        ("backend.py", '    pause="native"', '    pause="none"'),
        fails="CAP-1",
        says="X",
    ),
    mutant(
        "a unique key is declared and ignored",
        (
            "queue.py",
            "        id, unique, due = envelope.id, envelope.unique, envelope.due\n",
            "        id, unique, due = envelope.id, None, envelope.due\n",
        ),
        fails="CAP-2",
        says="X",
    ),
    mutant(
        "less order is declared than there is",
        ("backend.py", '    order="fifo"', '    order="loose"'),
        fails="CAP-2",
        says="X",
    ),
    mutant(
        "fewer priorities are declared than there are",
        ("backend.py", "    priorities=10", "    priorities=3"),
        fails="CAP-2",
        says="X",
    ),
    mutant(
        "a batch may be one larger than declared",
        ("seam.py", "    if len(jobs) > max_batch:", "    if len(jobs) > max_batch + 1:"),
        fails="CAP-3",
        says="X",
    ),
    mutant(
        "a batch may not be as large as declared",
        ("seam.py", "    if len(jobs) > max_batch:", "    if len(jobs) >= max_batch:"),
        fails="CAP-3",
        says="X",
    ),
    mutant(
        "a payload may be one byte larger than declared",
        (
            "seam.py",
            "        if len(body) > max_payload:",
            "        if len(body) > max_payload + 1:",
        ),
        fails="CAP-3",
        says="X",
    ),
    mutant(
        "a payload may not be as large as declared",
        ("seam.py", "        if len(body) > max_payload:", "        if len(body) >= max_payload:"),
        fails="CAP-3",
        says="X",
    ),
    mutant(
        "a unique key may be one byte longer than declared",
        (
            "seam.py",
            "    if not 1 <= size <= MAX_UNIQUE_KEY:",
            "    if not 1 <= size <= MAX_UNIQUE_KEY + 1:",
        ),
        fails="ENQ-9",
        says="X",
    ),
    mutant(
        "a delay over the maximum is clamped",
        ("backend.py", "    resolution=0.001,\n", "    resolution=0.001,\n    max_delay=3600.0,\n"),
        ("queue.py", "else wall + due, wall)", "else wall + min(due, 3600.0), wall)"),
        fails="CAP-3",
        says="X",
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
        says="X",
    ),
    mutant(
        "a driver's error leaks",
        (
            "consumer.py",
            '            raise InvalidOption(f"expected credit',
            '            raise ValueError(f"expected credit',
        ),
        fails="CAP-4",
        says="X",
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
        says="X",
    ),
    mutant(
        "capabilities change while it is open",
        wrap=jobs.LearnsItsLimits,
        fails="CAP-5",
        says="X",
    ),
    mutant(
        "an emulator passes for the service once it is opened again",
        wrap=jobs.EmulatorAtFirst,
        fails="CAP-5",
        says="X",
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
        says="X",
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
        says="X",
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
        says="X",
    ),
    mutant(
        "the wake-up lag is declared too small",
        (
            "space.py",
            "            self.arrived.notify_all()\n        if",
            "            pass\n        if",
        ),
        fails="FET-3",
        says="X",
    ),
    mutant(
        "the redelivery lag is declared too small",
        (
            "queue.py",
            "while lots and lots[0][0] <= mono and lapsed < most:",
            "while lots and lots[0][0] + 0.2 <= mono and lapsed < most:",
        ),
        (
            "queue.py",
            "expiry = self._lots[0][0] - mono if",
            "expiry = self._lots[0][0] + 0.2 - mono if",
        ),
        fails="LSE-3",
        says="X",
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
        says="X",
    ),
]
