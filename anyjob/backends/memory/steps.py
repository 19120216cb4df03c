"""The store's verbs on one item each; the shelf's lock is held."""

from __future__ import annotations

import math

from anyjob.backends.memory.shelf import Held, Members, Schedule, Scheduled, Shelf
from anyjob.core.errors import InvalidOption
from anyjob.core.store import (
    Claim,
    ClaimRequest,
    Delete,
    Due,
    Entry,
    Member,
    MemberSettled,
    Put,
    Written,
)


def entry(held: Held | None) -> Entry | None:
    return None if held is None else Entry(held.content, held.number)


def version_of(held: Held | None) -> int | None:
    return None if held is None else held.number


def put(shelf: Shelf, put: Put, mono: float) -> Written:
    present = shelf.values.get(put.key, mono)
    if (put.if_absent and present is not None) or (
        put.if_version is not None and put.if_version != version_of(present)
    ):
        return Written(done=False, version=version_of(present))
    until = math.inf if put.ttl is None else mono + put.ttl
    version = next(shelf.numbers)
    shelf.values.set(put.key, Held(put.value, version, until))
    return Written(done=True, version=version)


def delete(shelf: Shelf, delete: Delete, mono: float) -> Written:
    present = shelf.values.get(delete.key, mono)
    if delete.if_version is not None and delete.if_version != version_of(present):
        return Written(done=False, version=version_of(present))
    shelf.values.remove(delete.key)
    return Written(done=True, version=None)


def claim(shelf: Shelf, request: ClaimRequest, mono: float) -> Claim:
    present = shelf.claims.get(request.key, mono)
    owner = request.owner.encode()
    if present is not None and present.content != owner:
        return Claim(
            granted=False,
            owner=present.content.decode(),
            fence=present.number,
            left=present.until - mono,
        )
    fence = next(shelf.numbers) if present is None else present.number
    shelf.claims.set(request.key, Held(owner, fence, mono + request.ttl))
    return Claim(granted=True, owner=request.owner, fence=fence, left=request.ttl)


def unclaim(shelf: Shelf, key: str, fence: int, mono: float) -> bool:
    if version_of(shelf.claims.get(key, mono)) != fence:
        return False
    shelf.claims.remove(key)
    return True


def create_set(shelf: Shelf, name: str, size: int) -> bool:
    if name in shelf.sets:
        return False
    shelf.sets[name] = Members(bytearray(size), size)
    return True


def check_member(shelf: Shelf, member: Member) -> None:
    members = shelf.sets.get(member.set)
    if members is None:
        raise InvalidOption(f"no set {member.set!r} was created")
    if type(member.ordinal) is not int or not 0 <= member.ordinal < len(members.closed):
        raise InvalidOption(
            f"expected an ordinal of set {member.set!r} from 0 to {len(members.closed) - 1},"
            f" got {member.ordinal!r}"
        )


def settle_member(members: Members, ordinal: int) -> MemberSettled:
    changed = not members.closed[ordinal]
    if changed:
        members.closed[ordinal] = 1
        members.remaining -= 1
    return MemberSettled(changed, members.remaining)


def schedule(shelf: Shelf, set: str, id: str, due: float, value: bytes) -> bool:
    schedule = shelf.schedules.setdefault(set, Schedule())
    if id in schedule.entries:
        return False
    schedule.add(Scheduled(id, due, value))
    return True


def settle_due(shelf: Shelf, taken: Due) -> bool:
    schedule = shelf.schedules.get(taken.set)
    entry = None if schedule is None else schedule.entries.get(taken.id)
    if schedule is None or entry is None or entry.token != taken.token:
        return False
    schedule.remove(entry)
    return True


def unschedule(shelf: Shelf, set: str, id: str, mono: float) -> bool:
    schedule = shelf.schedules.get(set)
    entry = None if schedule is None else schedule.entries.get(id)
    if schedule is None or entry is None or entry.until > mono:
        return False
    schedule.remove(entry)
    return True
