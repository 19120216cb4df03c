"""Wrong about what travels: PAY."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from tests.conformance.zoo.mutant import mutant
from tests.conformance.zoo.wraps.leases import KeepsTheCallersList

STORED = "job = Job(id, envelope.body, envelope.priority"

PAYLOAD = [
    mutant(
        "a body is cut at 64 KiB",
        ("queue.py", STORED, STORED.replace("envelope.body", "envelope.body[:65536]")),
        fails="PAY-1",
        says="bodies_come_back_byte_for_byte",
    ),
    mutant(
        "a body ends with its last byte that is not NUL",
        ("queue.py", STORED, STORED.replace("envelope.body", "envelope.body.rstrip(b'\\0')")),
        fails="PAY-1",
        says="bodies_come_back_byte_for_byte",
        spoils="DLQ-7",
        machine="payload",
    ),
    mutant(
        "a body passes through text",
        (
            "queue.py",
            STORED,
            STORED.replace("envelope.body", "envelope.body.decode(errors='replace').encode()"),
        ),
        fails="PAY-1",
        says="bodies_come_back_byte_for_byte",
        spoils="DLQ-2 DLQ-7 ENQ-1",
        machine="payload",
    ),
    mutant(
        "an empty note is none",
        ("settling.py", "    if settlement.note is not None:", "    if settlement.note:"),
        fails="PAY-1",
        says="notes_and_outcomes_come_back_byte_for_byte",
        machine="payload",
    ),
    mutant(
        "the limit is measured before the job is packed",
        (
            "seam.py",
            "        if len(body) > max_payload:",
            "        if len(body.rstrip(b'\\0')) > max_payload:",
        ),
        fails="PAY-2",
        says="DID NOT RAISE PayloadTooLarge",
        spoils="CAP-3 ENQ-3 ENQ-5 UNQ-3",
    ),
    mutant(
        "part of a refused batch of settlements is buffered",
        (
            "consumer.py",
            "        check_settlements(settlements, max_batch",
            "        self._buffer.extend(settlements[:-1])\n        check_settlements(settlements, max_batch",
        ),
        (
            "consumer.py",
            "        self._buffer.extend(settlements)\n",
            "        self._buffer.extend(settlements[-1:])\n",
        ),
        fails="PAY-2",
        says="part of a refused batch was buffered",
    ),
    mutant(
        "a NUL in a header is dropped",
        (
            "queue.py",
            STORED,
            STORED.replace("envelope.body", "envelope.body.replace(b'\\\\u0000', b'')"),
        ),
        fails="PAY-3",
        says="headers_come_back_equal",
    ),
    mutant(
        "settlements stay in the caller's list until they leave",
        wrap=KeepsTheCallersList,
        fails="PAY-4",
        says="lists_that_were_handed_over_are_the_callers_again",
        spoils="CAP-4 PAY-2",
    ),
    mutant(
        "an envelope of a newer version is refused",
        (
            "queue.py",
            "        id, unique, due = envelope.id, envelope.unique, envelope.due\n",
            "        if envelope.body.startswith(b'{\"v\":2'):\n            raise InvalidOption('expected version 1')\n        id, unique, due = envelope.id, envelope.unique, envelope.due\n",
        ),
        (
            "queue.py",
            "from anyjob.core.settlement import Lease",
            "from anyjob.core.errors import InvalidOption\nfrom anyjob.core.settlement import Lease",
        ),
        fails="PAY-5",
        says="unknown_version_is_handed_over_as_such",
    ),
    mutant(
        "an envelope is written anew, without what is not known here",
        (
            "queue.py",
            STORED,
            STORED.replace(
                "envelope.body", "envelope.body.replace(b',\"unique_key\":\"order 7\"', b'')"
            ),
        ),
        fails="PAY-5",
        says="golden_jobs_of_every_version_decode",
    ),
]
