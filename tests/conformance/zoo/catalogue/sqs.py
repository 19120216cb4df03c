"""Wrong between a client and SQS: in what is sent, and in what is believed."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from functools import partial

from tests.conformance.zoo.mutant import mutant

sqs = partial(mutant, of="sqs")

SQS = [
    sqs(
        "a request that got no answer from SQS is sent again",
        (
            "link.py",
            "                reply = self._ask(operation, deadline, group, params)\n",
            "                try:\n                    reply = self._ask(operation, deadline, group, params)\n                except Uncertain:\n                    reply = self._ask(operation, deadline, group, params)\n",
        ),
        fails="CRS-9",
        says="call_that_lost_its_answer_is_on_the_wire_once",
        spoils="ENQ-3 CRS-3 SET-1",
    ),
    sqs(
        "a settlement that SQS did not answer is called done",
        (
            "settling.py",
            "Answer.LEASE_LOST if told is Fate.STALE else Answer.UNKNOWN",
            "Answer.LEASE_LOST if told is Fate.STALE else Answer.DONE",
        ),
        fails="CRS-3",
        says="settlement_that_lost_its_answer_is_unknown",
        spoils="SET-9 SET-10 CRS-4",
    ),
    sqs(
        "an enqueue that SQS did not answer is a definite error",
        (
            "backend.py",
            "            if isinstance(doubt, Uncertain):\n",
            "            if False:\n",
        ),
        fails="ENQ-3",
        says="enq_3",
        spoils="CRS-9",
    ),
    sqs(
        "an old receipt that SQS takes in vain settles a job",
        (
            "held.py",
            "        if found is not None and now >= found.deadline:\n",
            "        if False:\n",
        ),
        (
            "settling.py",
            "            is_late = now >= held.deadline\n",
            "            is_late = False\n",
        ),
        fails="LSE-5",
        says="lse_5",
        spoils="LSE-4 LSE-6 LSE-12 SET-6 SET-7 ADM-1 DLQ-3 TIM-4",
    ),
    sqs(
        "a delay is cut at the 15 minutes of SQS",
        (
            "held.py",
            "    return (rest, None) if rest <= LONGEST_DELAY else (LONGEST_DELAY, due)\n",
            "    return min(rest, LONGEST_DELAY), None\n",
        ),
        fails="TIM-3",
        says="tim_3",
        spoils="TIM-1 TIM-2 TIM-5 TIM-6 MNT-2",
    ),
    sqs(
        "characters that SQS does not take are sent as they are",
        (
            "messages.py",
            "    if _UNSENDABLE.search(text):\n",
            "    if not text:\n",
        ),
        fails="PAY-1",
        says="pay_1",
        spoils="CRS-4 PAY-5 DLQ-7",
    ),
]
