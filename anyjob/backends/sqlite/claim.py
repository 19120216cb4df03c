"""How ready jobs are leased."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

import msgspec

from anyjob.backends.sqlite.clock import seconds
from anyjob.backends.sqlite.lots import array
from anyjob.backends.sqlite.states import LEASED, READY
from anyjob.core.settlement import Lease, Verdict

_LEASE = f"UPDATE anyjob_jobs SET state={LEASED}, at=:until, token=:token"
# The next jobs of the first level that has any at or above `least` (at <= 9 - least).
_TAKE_LOW = f"""
{_LEASE} WHERE seq IN (
  SELECT seq FROM anyjob_jobs WHERE queue=:queue AND state={READY} AND at=(
    SELECT max(at) FROM anyjob_jobs WHERE queue=:queue AND state={READY} AND at<=9-:least)
  ORDER BY place LIMIT :want)
"""
_TAKE_TOP = f"""
{_LEASE} WHERE seq IN (
  SELECT seq FROM anyjob_jobs WHERE queue=:queue AND state={READY}
  ORDER BY at, place LIMIT :want)
"""
_SEVERAL_LEVELS = f"""
SELECT (SELECT min(at) FROM anyjob_jobs WHERE queue=:queue AND state={READY})
    <> (SELECT max(at) FROM anyjob_jobs WHERE queue=:queue AND state={READY})
"""
# Everything but bodies and notes in one row, so that the interpreter lock is won back once.
_TAKEN = f"""
SELECT json_group_array(json_array(-priority, place, seq, id, attempts, redeliveries,
  length(body), coalesce(length(note), 0)))
FROM anyjob_jobs LEFT JOIN anyjob_bodies USING (seq)
WHERE queue=:queue AND state={LEASED} AND at=:until AND token=:token
"""
# Bodies and notes as one value. A cast to text keeps every byte, NUL and what is not UTF-8 too.
_BODIES = """
SELECT CAST(group_concat(CAST(body AS TEXT), '') AS BLOB) FROM (
  SELECT body FROM json_each(?) JOIN anyjob_bodies ON seq=value ORDER BY key)
"""
_NOTES = """
SELECT CAST(group_concat(CAST(note AS TEXT), '') AS BLOB) FROM (
  SELECT note FROM json_each(?) JOIN anyjob_jobs ON seq=value ORDER BY key)
"""
_BODY = "SELECT body FROM anyjob_bodies WHERE seq=?"
#: Together longer than this, bodies come one by one: SQLite's longest value is 1 GB.
_MOST_AT_ONCE = 16 * 1024 * 1024

#: The length of a body that is gone is None; what is left is handed over as undecodable.
_Job = tuple[int, int, int, str, int, int, int | None, int]
_jobs = msgspec.json.Decoder(list[_Job])


class Grant(msgspec.Struct, frozen=True):
    """Under what every lease of one claim is given."""

    token: int
    wall: int
    #: Steady end of the leases, and how long they last.
    until: int
    length: int


def claim(
    connection: sqlite3.Connection,
    queue: tuple[int, str],
    want: int,
    low: Iterable[int],
    grant: Grant,
) -> list[Lease]:
    """Lease up to `want` ready jobs of a queue, given as (number, name), highest priority first.

    One of them is taken at or above each priority in `low`, as long as there are several priorities
    at all.
    """
    number, name = queue
    parameters: dict[str, Any] = {
        "queue": number,
        "until": grant.until,
        "token": grant.token,
    }
    taken = _take_low(connection, parameters, low)
    if taken < want:
        taken += connection.execute(_TAKE_TOP, {**parameters, "want": want - taken}).rowcount
    return _leases(connection, parameters, name, grant) if taken else []


def _take_low(
    connection: sqlite3.Connection, parameters: dict[str, Any], low: Iterable[int]
) -> int:
    levels = list(low)
    if not levels or not connection.execute(_SEVERAL_LEVELS, parameters).fetchone()[0]:
        return 0
    return sum(
        connection.execute(_TAKE_LOW, {**parameters, "least": level, "want": 1}).rowcount
        for level in levels
    )


def _leases(
    connection: sqlite3.Connection, parameters: dict[str, Any], name: str, grant: Grant
) -> list[Lease]:
    jobs = _jobs.decode(connection.execute(_TAKEN, parameters).fetchone()[0])
    jobs.sort()
    seqs = [job[2] for job in jobs]
    bodies = _bodies(connection, seqs, [job[6] or 0 for job in jobs])
    notes = _cut(connection, _NOTES, seqs, [job[7] for job in jobs])
    now, until = seconds(grant.wall), seconds(grant.wall + grant.length)
    token, run, gone = grant.token, Verdict.RUN, Verdict.UNDECODABLE
    return [
        Lease(
            job_id,
            name,
            token,
            body,
            -minus,
            attempts + 1,
            redeliveries,
            note,
            now,
            until,
            gone if length is None else run,
        )
        for (minus, _, _, job_id, attempts, redeliveries, length, _), body, note in zip(
            jobs, bodies, notes, strict=True
        )
    ]


def _bodies(connection: sqlite3.Connection, seqs: list[int], lengths: list[int]) -> list[bytes]:
    if sum(lengths) <= _MOST_AT_ONCE:
        return _cut(connection, _BODIES, seqs, lengths)
    rows = [connection.execute(_BODY, (seq,)).fetchone() for seq in seqs]
    return [row[0] if row else b"" for row in rows]


def _cut(
    connection: sqlite3.Connection, query: str, seqs: list[int], lengths: list[int]
) -> list[bytes]:
    """The values of `query`, which come as one, in the order of `seqs`."""
    if not any(lengths):
        return [b""] * len(lengths)
    whole = connection.execute(query, (array(seqs),)).fetchone()[0]
    ends = list(accumulate(lengths))
    return [whole[end - length : end] for end, length in zip(ends, lengths, strict=True)]
