"""Wrong at the near end of a wire: defects of the client of a server."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from functools import partial

from tests.conformance.zoo.mutant import mutant

wired = partial(mutant, of="wired")

UNKNOWN = "                # The caller hears of it as unknown, and settles again.\n                self._desk.give_up(lot)"
UNANSWERED = (
    '            raise Unanswered(f"{self!r} did not answer {verb!r}; it may be done") from error'
)

WIRED = [
    wired(
        "the client resends what got no answer",
        (
            "connections.py",
            UNANSWERED,
            "            if verb in ('enqueue', 'flush', 'fetch', 'extend', 'put', 'increment'):\n                return self._again(verb, *arguments, seconds=seconds)\n"
            + UNANSWERED,
        ),
        (
            "connections.py",
            "    def _burst(",
            "    def _again(self, verb, *arguments, seconds):\n        connection = self._take()\n        try:\n            return self._result(verb, connection.ask(self._burst(connection, verb, arguments), seconds))\n        finally:\n            self._give(connection)\n\n    def _burst(",
        ),
        fails="CRS-9",
        says="call_that_lost_its_answer_is_on_the_wire_once",
        issue="redis-py",
    ),
    wired(
        "a settlement whose answer got lost is called done",
        ("client.py", UNKNOWN, "                self._desk.answer(lot, [Answer.DONE] * len(lot))"),
        fails="CRS-3",
        says="settlement_that_lost_its_answer_is_unknown",
    ),
    wired(
        "a frozen server hangs a call",
        ("connections.py", "CALL_SECONDS = 3.0", "CALL_SECONDS = 25.0"),
        fails="CRS-4",
        says="still blocked after",
    ),
    wired(
        "a driver's error leaks when the wire is cut",
        (
            "connections.py",
            "            if reads:\n                raise BackendUnavailable(",
            "            if reads:\n                raise error\n                raise BackendUnavailable(",
        ),
        fails="CRS-4",
        says="TimeoutError",
    ),
    wired(
        "a lost answer to an enqueue is a definite error",
        (
            "client.py",
            "            raise EnqueueUncertain(str(error), jobs) from error",
            "            raise BackendUnavailable(str(error)) from error",
        ),
        fails="ENQ-3",
        says="enq_3",
    ),
    wired(
        "a batch leaves in two requests",
        (
            "client.py",
            '            receipts = self._wire.ask("enqueue", list(map(Job.of, jobs)))',
            '            receipts = self._wire.ask("enqueue", list(map(Job.of, jobs[:1])))\n            receipts += self._wire.ask("enqueue", list(map(Job.of, jobs[1:])))',
        ),
        fails="ENQ-5",
        says="batch_cut_at_every_request",
    ),
    wired(
        "the children leave after the settlement",
        (
            "client.py",
            "            lot = self._desk.take()\n            try:\n",
            "            lot = self._desk.take()\n            late = [child for each in lot for child in each.then]\n            try:\n",
        ),
        (
            "client.py",
            "list(map(Sent.of, lot)), seconds=deadline",
            "[Sent.of(msgspec.structs.replace(each, then=())) for each in lot], seconds=deadline",
        ),
        (
            "client.py",
            "                self._desk.answer(lot, list(map(Answer, answers)))\n            except",
            "                if late:\n                    self._wire.ask('enqueue', list(map(Job.of, late)))\n                self._desk.answer(lot, list(map(Answer, answers)))\n            except",
        ),
        ("client.py", "from typing import Any\n", "from typing import Any\n\nimport msgspec\n"),
        fails="SET-7",
        says="children_and_settlement_cut_at_every_request",
        spoils="LSE-4",
    ),
    wired(
        "nobody is told that the server was emptied",
        (
            "connections.py",
            "        if known not in (None, epoch) and self.report is not None:",
            "        if False:",
        ),
        fails="CRS-8",
        says="crs_8",
    ),
    wired(
        "an emptied server is asked in a hot loop",
        (
            "connections.py",
            "        known, self._epoch = self._epoch, epoch\n",
            "        known, self._epoch = self._epoch, epoch\n        self.is_emptied = known not in (None, epoch) or getattr(self, 'is_emptied', False)\n",
        ),
        (
            "client.py",
            "        self._fetching = True\n",
            "        self._fetching = True\n        timeout *= not getattr(self._wire, 'is_emptied', False)\n",
        ),
        fails="CRS-8",
        says="crs_8",
        issue="faststream#2611",
    ),
    wired(
        "alive after an outage, and not consuming",
        (
            "client.py",
            "        except Misuse:\n            # The server ends its half of a close before this end knows of it.\n            if self._stopped or not self._wire.is_open:",
            "        except (BackendUnavailable, Unanswered):\n            self._stopped = True\n            raise\n        except Misuse:\n            # The server ends its half of a close before this end knows of it.\n            if self._stopped or not self._wire.is_open:",
        ),
        fails="CRS-6",
        says="crs_6",
        issue="dramatiq#207",
    ),
    wired(
        "a cut connection stays open",
        (
            "connections.py",
            "        self.has_ended = True\n        with contextlib.suppress(OSError):\n            self._wire.shutdown(socket.SHUT_RDWR)\n        self._wire.close()",
            "        self.has_ended = True\n        KEPT.append(self._wire)",
        ),
        ("connections.py", "CALL_SECONDS = 3.0\n", "CALL_SECONDS = 3.0\nKEPT = []\n"),
        fails="CRS-4",
        says="crs_4",
        spoils="LIF-1 LIF-5 STO-4",
    ),
]
