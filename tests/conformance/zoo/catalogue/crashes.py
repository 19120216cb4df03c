"""Wrong when a process dies, a disk is full or a file is damaged: CRS, DLQ-3, STO-1 and STO-2."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from functools import partial

from tests.conformance.zoo.mutant import mutant

planted = partial(mutant, of="sqlite")

#: Ends the transaction in the middle of what has to be one.
TORN = "connection.execute('COMMIT')\n{indent}connection.execute('BEGIN IMMEDIATE')\n"
TORN_4, TORN_8 = TORN.format(indent="    "), TORN.format(indent="        ")

CRASHES = [
    planted(
        "pops, then records",
        (
            "claim.py",
            "    return _leases(connection, parameters, name, grant) if taken else []",
            "    connection.execute('UPDATE anyjob_jobs SET state=4 WHERE queue=:queue AND state=2 AND token=:token', parameters)\n    "
            + TORN_4
            + "    connection.execute('UPDATE anyjob_jobs SET state=2 WHERE queue=:queue AND state=4 AND token=:token', parameters)\n    return _leases(connection, parameters, name, grant) if taken else []",
        ),
        fails="CRS-1",
        says="client_that_dies_while_it_fetches",
    ),
    planted(
        "removes what is to be added again",
        (
            "settle.py",
            "    _SETTLE.run(connection, rows)",
            "    back = [row[0] for row in rows if row[1] in (READY, SCHEDULED)]\n    if back:\n        connection.execute('UPDATE anyjob_jobs SET state=4 WHERE seq IN (SELECT value FROM json_each(?))', (array(back),))\n        "
            + TORN_8
            + "    _SETTLE.run(connection, rows)",
        ),
        fails="CRS-1",
        says="client_that_dies_while_it_settles",
    ),
    planted(
        "a revival takes in one step and adds in the next",
        (
            "administration.py",
            "    connection.execute(_REVIVE, parameters)",
            "    connection.execute('UPDATE anyjob_jobs SET state=5 WHERE seq IN (SELECT value FROM json_each(:seqs))', parameters)\n    "
            + TORN_4
            + "    connection.execute(_REVIVE, parameters)",
        ),
        fails="CRS-2",
        says="administrator_that_dies",
        spoils="DLQ-5 UNQ-1",
    ),
    planted(
        "a burial removes, then records",
        (
            "settle.py",
            "    _SETTLE.run(connection, rows)",
            "    dead = [row[0] for row in rows if row[1] == DEAD]\n    if dead:\n        connection.execute('UPDATE anyjob_jobs SET state=4 WHERE seq IN (SELECT value FROM json_each(?))', (array(dead),))\n        "
            + TORN_8
            + "    _SETTLE.run(connection, rows)",
        ),
        fails="DLQ-3",
        says="burial_cut_at_every_request",
    ),
    planted(
        "what waits for its time is forgotten at the start",
        (
            "backend.py",
            "        self._database.open()\n        self._opened = True\n",
            "        self._database.open()\n        self._database.write(lambda connection: connection.execute('DELETE FROM anyjob_jobs WHERE state=1'))\n        self._opened = True\n",
        ),
        fails="CRS-5",
        says="what_was_acknowledged_survives_a_kill",
        issue="rabbitmq-server#15725",
        spoils="MNT-1 TIM-6",
    ),
    planted(
        "an id without a body crashes the fetch",
        ("claim.py", "[job[6] or 0 for job in jobs]", "[int(job[6]) for job in jobs]"),
        fails="CRS-7",
        says="half_written_state_stops_no_queue",
        issue="dramatiq#444",
    ),
    planted(
        "a settlement is refused when the disk is full",
        (
            "consumer.py",
            "        self._desk.add(settlements)\n",
            "        self._database.check_room()\n        self._desk.add(settlements)\n",
        ),
        fails="CRS-10",
        says="when_full_no_job_is_taken_and_running_ones_settle",
    ),
    planted(
        "a value goes before the next one comes",
        (
            "values.py",
            "    version = stamps.next()\n    connection.execute(_PUT",
            "    version = stamps.next()\n    connection.execute(_DELETE, (space.namespace, put.key.encode()))\n    "
            + TORN_4
            + "    connection.execute(_PUT",
        ),
        fails="STO-1",
        says="sto_1",
    ),
    planted(
        "what was taken cannot be settled when the disk is full",
        (
            "store.py",
            "        return self._write(lambda connection: agenda.settle_due(connection, self._space, taken))",
            "        return self._add(lambda connection: agenda.settle_due(connection, self._space, taken))",
        ),
        fails="STO-2",
        says="sto_2",
    ),
]
