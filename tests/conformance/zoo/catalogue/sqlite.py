"""Wrong in SQL: defects of the backend that keeps its jobs in a file."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from functools import partial

from tests.conformance.zoo.mutant import mutant

planted = partial(mutant, of="sqlite")

SQLITE = [
    planted(
        "a transaction of the caller's is ignored",
        (
            "backend.py",
            "            return enqueue_in(transaction, self._space, jobs)",
            "            return self._enqueue(jobs)",
        ),
        fails="ENQ-7",
        says="job_appears_with_the_commit_of_its_caller",
    ),
    planted(
        "looks for a holder of the key and inserts without the index",
        (
            "schema.py",
            'joinpath("schema.sql").read_text("utf-8")',
            "joinpath(\"schema.sql\").read_text(\"utf-8\").replace('CREATE UNIQUE INDEX anyjob_jobs_key', 'CREATE INDEX anyjob_jobs_key')",
        ),
        fails="UNQ-1",
        says="conflict_names_the_holder_and_stores_nothing",
        spoils="CAP-2 DLQ-5 ENQ-9 UNQ-2 UNQ-4",
        machine="unique",
    ),
    planted(
        "who lost a key to another forgets it",
        ("insert.py", "SET key_until=NULL WHERE seq=?", "SET ukey=NULL, key_ttl=NULL WHERE seq=?"),
        fails="UNQ-1",
        says="revived_job_takes_its_key_again",
        machine="unique",
    ),
    planted(
        "a lapse is not counted the second time",
        ("tend.py", "  redeliveries=redeliveries+1\n", "  redeliveries=1\n"),
        fails="LSE-8",
        says="lost_lease_counts_one_redelivery_and_no_attempt",
        spoils="DLQ-1 DLQ-4 LSE-6",
        machine="lease",
    ),
    planted(
        "a due job is promoted at the next full second",
        (
            "tend.py",
            "state={SCHEDULED} AND at<=?",
            "state={SCHEDULED} AND at<=?/1000000*1000000",
        ),
        fails="TIM-2",
        says="expected a job within [0-9.]+ s",
        spoils="CAP-2 MNT-2 TIM-1",
        machine="schedule",
    ),
    planted(
        "a due time is stored in whole seconds",
        (
            "insert.py",
            "    return wall + microseconds(due)",
            "    return (wall + microseconds(due)) // 1000000 * 1000000",
        ),
        fails="TIM-1",
        says="delayed_job_is_never_early",
        machine="schedule",
    ),
    planted(
        "the fence asks for no token",
        ("settle.py", "            if token == leases[own[index]].token:", "            if True:"),
        fails="LSE-4",
        says="stale_settlement_leaves_the_owner_alone",
        spoils="LSE-12 LSE-5 LSE-6 SET-2 UNQ-4",
        machine="lease",
    ),
    planted(
        "the order of a priority is that of the ids",
        (
            "claim.py",
            "  ORDER BY at, place LIMIT :want)",
            "  ORDER BY at, id DESC LIMIT :want)",
        ),
        fails="ORD-2",
        says="first_in_is_first_out_within_a_priority",
        spoils="CAP-2",
        machine="order",
    ),
    planted(
        "priorities are stored upside down for what is delayed",
        (
            "tend.py",
            "UPDATE anyjob_jobs SET state={READY}, at=9-priority, place=:place",
            "UPDATE anyjob_jobs SET state={READY}, at=priority, place=:place",
        ),
        fails="ORD-1",
        says="priority_counts_for_what_waited_for_its_time",
        machine="order",
    ),
    planted(
        "a purge ends after a slice",
        (
            "backend.py",
            "            removed += some\n        return removed + some",
            "            return some\n        return removed + some",
        ),
        fails="ADM-2",
        says="purge_removes_more_than_a_page",
    ),
    planted(
        "a pause is kept in the object that paused",
        (
            "backend.py",
            "            connection.execute(_PAUSE, (int(paused), number))\n",
            "            self.__dict__.setdefault('held', {})[queue] = number\n            connection.execute(_PAUSE, (int(paused), number))\n",
        ),
        (
            "backend.py",
            "        if self._opened:\n            self._opened = False\n",
            "        if self._opened:\n            for queue in self.__dict__.pop('held', {}):\n                self.resume(queue)\n            self._opened = False\n",
        ),
        fails="ADM-3",
        says="pause_survives_a_restart",
    ),
    planted(
        "dead letters are swept when the file is opened",
        (
            "backend.py",
            "        self._database.open()\n        self._opened = True\n",
            "        self._database.open()\n        self._database.write(lambda connection: connection.execute('DELETE FROM anyjob_jobs WHERE state=3'))\n        self._opened = True\n",
        ),
        fails="DLQ-6",
        says="dead_letters_survive_a_restart",
    ),
    planted(
        "to make a backend makes its file",
        (
            "backend.py",
            "        self._location = parse_url(url)\n",
            "        self._location = parse_url(url)\n        self._location.path.touch()\n",
        ),
        fails="LIF-5",
        says="making_a_backend_touches_nothing",
    ),
    planted(
        "a NUL ends a body",
        (
            "claim.py",
            "SELECT CAST(group_concat(CAST(body AS TEXT), '') AS BLOB) FROM (",
            "SELECT CAST(replace(group_concat(CAST(body AS TEXT), ''), x'ff', x'fe') AS BLOB) FROM (",
        ),
        fails="PAY-1",
        says="bodies_come_back_byte_for_byte",
        spoils="DLQ-7 ENQ-1",
    ),
    planted(
        "versions are counted by the store that gives them out",
        (
            "stamps.py",
            '            self._connection.execute("UPDATE anyjob_meta SET stamp=?", (self._last,))',
            "            pass",
        ),
        fails="KEY-3",
        says="version_never_returns",
        spoils="CLM-2 KEY-2 ORD-2 SER-1",
    ),
    planted(
        "a claim is over when its number is older than the file's",
        (
            "values.py",
            "    fence = stamps.next() if present is None else present[1]",
            "    fence = stamps.next()",
        ),
        fails="CLM-4",
        says="claim_asked_again_is_the_same_claim",
        spoils="CLM-3",
    ),
    planted(
        "the last point's sequence is not asked",
        ("agenda.py", "AND (at, sequence) > (?, ?) ORDER BY", "AND at > ? + 0*? ORDER BY"),
        fails="SER-1",
        says="series_keeps_every_append_of_many_writers",
    ),
]
