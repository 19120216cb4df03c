"""Wrong between a client and RabbitMQ: in what is sent, in what is settled, in what is believed.

Not among the others: each takes real time on a broker of its own process, so it meets the examples
of its own property alone.
"""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from functools import partial

from tests.conformance.zoo.mutant import mutant

rabbitmq = partial(mutant, of="rabbitmq")

RABBITMQ = [
    rabbitmq(
        "a settlement takes along what was delivered before it",
        (
            "line.py",
            "            if tag > last:\n                self._channel.basic_ack(tag)\n",
            "            if tag > last:\n                self._channel.basic_ack(tag, multiple=True)\n",
        ),
        fails="SET-2",
        says="second_settlement_is_lost",
    ),
    rabbitmq(
        "an enqueue that was not confirmed is a definite error",
        (
            "sending.py",
            "        if not all(fate in _CERTAIN for fate in fates):\n            raise EnqueueUncertain(",
            "        if not all(fate in _CERTAIN for fate in fates):\n            raise unreachable(self._link.location, 'was lost')\n            raise EnqueueUncertain(",
        ),
        fails="ENQ-3",
        says="enqueue_that_reached_nobody_is_refused_and_one_in_doubt",
    ),
    rabbitmq(
        "a settlement of which nobody heard is called done",
        (
            "settling.py",
            "        line.barrier(lambda alive: self._answer_all(live, Answer.DONE if alive else Answer.UNKNOWN))\n",
            "        line.barrier(lambda alive: self._answer_all(live, Answer.DONE))\n",
        ),
        fails="CRS-3",
        says="settlement_that_lost_its_answer_is_unknown",
    ),
    rabbitmq(
        "a lease outlives its channel",
        (
            "line.py",
            "            self.epoch += 1\n            self.window = self.used = self.promised = 0\n",
            "            self.window = self.used = self.promised = 0\n",
        ),
        ("line.py", "            self._lines.lose(self)\n", ""),
        fails="LSE-5",
        says="stale_lease_is_reported_as_lost",
    ),
    rabbitmq(
        "a delay is rounded down to what a level holds",
        (
            "ladder.py",
            "    least = min(math.ceil(delay / UNIT), _BEYOND - 1)\n",
            "    least = max(1, min(int(delay / UNIT), _BEYOND - 1))\n",
        ),
        fails="TIM-1",
        says="delayed_job_is_never_early",
    ),
    rabbitmq(
        "ten priorities are one line",
        (
            "sending.py",
            "        band = self._names.ready(queue, priority)\n",
            "        band = self._names.ready(queue, 0)\n",
        ),
        fails="ORD-1",
        says="priority_counts_for_what_waited",
    ),
]
