"""Wrong between a client and kombu's Redis transport: in what is taken, believed and counted."""

from __future__ import annotations

from functools import partial

from tests.conformance.zoo.mutant import mutant

kombu = partial(mutant, of="kombu")

KOMBU = [
    kombu(
        "pops a message before it notes that it did",
        (
            "redis_way.py",
            "        now, mark, *found = self._run(\n",
            "        for name in names:\n"
            "            raw = self._client.rpop(name)\n"
            "            if raw:\n"
            "                self._client.rpush(name, raw)\n"
            "        now, mark, *found = self._run(\n",
        ),
        fails="CRS-1",
        says="client_that_dies_while_it_fetches",
        spoils="FET-4 SET-1",
        issue="kombu#1835",
    ),
    kombu(
        "a lease that Redis took back is not counted",
        (
            "redis_scripts.py",
            "  call('HINCRBY', lost, redis.sha1hex(raw), 1)\n",
            "",
        ),
        fails="LSE-8",
        says="lse_8",
        spoils="LSE-3 LSE-7 SET-9 CAP-2 CRS-1 DLQ-4",
    ),
    kombu(
        "an enqueue that the transport did not answer is a definite error",
        (
            "backend.py",
            "            raise EnqueueUncertain(\n",
            "            raise error\n            raise EnqueueUncertain(\n",
        ),
        fails="ENQ-3",
        says="enq_3",
        spoils="ENQ-4 ENQ-5",
    ),
    kombu(
        "the low end of the bands gets no share",
        (
            "consumer.py",
            "        if low and len(bands) > 1:\n",
            "        if False:\n",
        ),
        fails="ORD-6",
        says="[0-9.]+ low jobs starve",
    ),
    kombu(
        "nobody says that what kombu spoke to was emptied",
        (
            "redis_way.py",
            "        if self._mark not in (None, mark):\n",
            "        if False:\n",
        ),
        fails="CRS-8",
        says="nobody was told",
    ),
    kombu(
        "a revival publishes, and drops in another step",
        (
            "backend.py",
            "        if told is None:\n",
            "        told = None\n        if told is None:\n",
        ),
        (
            "redis_way.py",
            "        arguments: list[object] = []\n",
            "        return None\n        arguments: list[object] = []\n",
        ),
        fails="DLQ-5",
        says="revived_(twice|by_many)_at_once_is_ready_once",
        spoils="CRS-2 ADM-2",
    ),
]
