"""Jobs in files: a folder for each queue, a file for each job, and in its name all that changes.

The one atomic step is to rename a file from exactly the name it was seen under. Of all who try, one
succeeds; who dies before it has changed nothing, and who dies after it has done it all.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from anyjob import backends as seam
from anyjob.backends import Consumer, Envelope, JobRecord, Lease, QueueShare, Settlement, State

T = TypeVar("T")
CAPABILITIES = seam.Capabilities(
    product="filebox", version="1.0", reach="host", durability="process",
    lease="timed", fencing="token", redeliveries="exact", release="place",
    dedup="none", dedup_window=0.0, unique="none", transaction=False,
    atomic_batch=False, atomic_children=False, max_batch=1000, max_payload=4 * 1024 * 1024,
    delay="native", resolution=0.001, order="fifo", priorities=10, low_share="none",
    dead="native", results="native", browse="none", counts="exact", pause="none", cancel="none",
    wait="poll", visibility_lag=0.0, wakeup_lag=0.05, schedule_lag=0.05, redelivery_lag=0.05,
)  # fmt: skip
READY, SCHEDULED, LEASED, DEAD = State.READY, State.SCHEDULED, State.LEASED, State.DEAD
ENDED = ("succeeded", "expired", "cancelled")
#: Seconds between two looks; that an ended job is shown at least; that a dead writer's draft stays.
POLL, KEPT, STALE = 0.02, 60.0, 3600.0
BEGIN = time.time_ns() - time.monotonic_ns()  # makes places in line that never go back


def step(function: Callable[..., T]) -> Callable[..., T | None]:
    """Make of a function a step on the disk: None where a file has another name by now."""

    def stepping(*args: Any, **fields: Any) -> T | None:
        try:
            return function(*args, **fields)
        except FileNotFoundError:
            return None
        except OSError as error:
            is_full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            raise (seam.BackendFull if is_full else seam.BackendUnavailable)(str(error)) from error

    return stepping


class Ticket(NamedTuple):
    """What the name of a file says of its job; sorted, names are in the order of delivery."""

    rank: int  # 9 less the priority
    place: int
    id: str
    attempts: int
    redeliveries: int
    token: int  # 0 unless it is leased
    since: float  # ready or ended from then on; leased: the same, on the clock that never jumps
    until: float  # leased, or remembered, until then; waiting: it was put there then
    at: int  # where in the file its content begins
    folder: Path  # new, open, dead, or how it ended: all that is not in the name

    @classmethod
    def of(cls, folder: Path, name: str) -> Ticket | None:
        try:
            rank, place, id, attempts, lost, token, since, until, at = name.split("_")
            counts = int(rank), int(place), id, int(attempts), int(lost), int(token)
            return cls(*counts, float(since), float(until), int(at), folder)
        except ValueError:
            return None  # a file that is none of ours

    @property
    def path(self) -> Path:
        return self.folder / "_".join([f"{self.rank}_{self.place:020}", *map(str, self[2:-1])])

    @step
    def move(self, folder: str = "open", **changes: Any) -> Ticket:
        """The one step of a job, from this very name to the one that is returned."""
        moved = self._replace(folder=self.folder.with_name(folder), **changes)
        self.path.rename(moved.path)
        return moved

    @step
    def remove(self) -> bool:
        self.path.unlink()
        return True

    @step
    def write(self, *content: bytes) -> int:
        """Append body, note, reason and perhaps outcome; they count once a name says where."""
        line = json.dumps([part.hex() for part in content]).encode() + b"\n"
        flags = os.O_WRONLY | os.O_APPEND | (os.O_CREAT if self.folder.name == "new" else 0)
        with os.fdopen(os.open(self.path, flags, 0o600), "ab", buffering=0) as file:
            if file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return file.tell() - len(line)

    @step
    def read(self) -> list[bytes]:
        with self.path.open("rb") as file:
            file.seek(self.at)
            line = file.readline()
        try:
            return [bytes.fromhex(part) for part in json.loads(line)]
        except (ValueError, TypeError):
            return [line, b"", b""]  # damaged: no worker finds a job in it, and one buries it


class FileBackend(seam.Backend):
    """`filebox:///jobs` is a folder here, `filebox:////srv/jobs` one anywhere on this machine."""

    capabilities = CAPABILITIES
    pause = resume = paused = seam.refusing("pause")
    browse, cancel = seam.refusing("browse"), seam.refusing("cancel")

    def __init__(self, url: str, *, namespace: str = "anyjob", clock: Any = None) -> None:
        if not re.fullmatch("filebox:///[^?#]+", url):
            raise seam.ConfigurationError("expected a URL like filebox:///jobs")
        root = Path(url.removeprefix("filebox:///"), seam.checked_name(namespace, "a namespace"))
        self._root = root.absolute()
        self.clock: seam.Clock = clock or seam.SystemClock()
        self._pid = 0

    def open(self) -> None:
        step(os.makedirs)(self._root, exist_ok=True)
        self._pid = os.getpid()

    def close(self) -> None:
        self._pid = 0

    def require(self) -> None:
        if self._pid != os.getpid():
            raise seam.Misuse("this filebox is not open in this process; call open()")
        if not step(self._root.is_dir)():
            self.open()  # for the next call
            raise seam.BackendUnavailable("the folder was removed, and all jobs with it")

    def declare(self, queues: Collection[seam.QueueSpec]) -> None:
        for box in [self._box(spec.name) for spec in queues]:
            for folder in ("open", "dead", *ENDED, "new"):
                step(os.makedirs)(box / folder, exist_ok=True)

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[seam.Receipt]:
        now = self.clock.time()
        seam.check_jobs(jobs, CAPABILITIES, now=now, transaction=transaction)
        drafts = [self._draft(job, now) for job in jobs]
        unmade = {draft.folder.parent.name for draft in drafts if not step(draft.folder.is_dir)()}
        self.declare([seam.QueueSpec(queue) for queue in unmade])
        for job, draft in zip(jobs, drafts, strict=True):
            draft.write(job.body, b"", b"")  # a full disk shows here, while nobody sees a job
        try:
            moved = [draft.move() for draft in drafts]
        except seam.BackendError as error:
            raise seam.EnqueueUncertain("some of the jobs may be stored", jobs) from error
        return [seam.ACCEPTED if each else seam.Rejected("its draft is gone") for each in moved]

    def _draft(self, job: Envelope, now: float) -> Ticket:
        due = job.due.timestamp() if isinstance(job.due, datetime) else now + (job.due or 0.0)
        place, new = BEGIN + time.monotonic_ns(), self._box(job.queue) / "new"
        return Ticket(9 - job.priority, place, job.id, 0, 0, 0, max(now, due), now, 0, new)

    def consume(self, queues: Sequence[QueueShare], *, lease: float, worker: str) -> Consumer:
        return seam.PollingConsumer(self, queues, lease=lease, poll=POLL)

    def lease(self, queue: str, seconds: float) -> Iterator[tuple[Lease, Ticket]]:
        # Twice: a folder that others write to may show a file without one that was there before.
        newest = max((ticket.place for ticket in self._open(queue, READY)), default=0)
        for ticket in (each for each in self._open(queue, READY) if each.place <= newest):
            # A lapsed lease goes to its next owner in the same one step.
            lost = ticket.redeliveries + bool(ticket.token)
            mine = self.extend(ticket, seconds, redeliveries=lost, token=secrets.randbits(62) + 1)
            if mine and (content := mine.read()):
                now = self.clock.time()
                lease = Lease(
                    id=mine.id, queue=queue, body=content[0], priority=9 - mine.rank,
                    attempt=mine.attempts + 1, redeliveries=lost, note=content[1],
                    token=mine.token, now=now, until=now + seconds,
                )  # fmt: skip
                yield lease, mine

    def extend(self, hold: Ticket, seconds: float, **changes: Any) -> Ticket | None:
        return hold.move(since=(now := self.clock.monotonic()), until=now + seconds, **changes)

    def end(self, hold: Ticket, settlement: Settlement) -> Ticket | None:
        folder, changes = "open", dict[str, Any](token=0, until=(now := self.clock.time()))
        match settlement:
            case seam.Complete() | seam.End():
                folder = getattr(settlement, "state", "succeeded")
                changes["until"] = now + max(settlement.keep, KEPT)
            case seam.Bury():
                folder, changes["attempts"] = "dead", hold.attempts + settlement.ran
            case seam.Retry():
                changes["attempts"] = hold.attempts + 1
            case seam.Abandon():
                changes["redeliveries"] = hold.redeliveries + 1
        reason, outcome = getattr(settlement, "reason", None), settlement.outcome
        if not (settlement.note is reason is outcome is None):
            body, note, *_ = hold.read() or [b"", b""]
            note = note if settlement.note is None else settlement.note
            more = [] if outcome is None or folder == "open" else [outcome]
            # On a full disk better settled without the words; a result alone is worth a wait.
            with suppress(*([] if more else [seam.BackendFull])):
                changes["at"] = hold.write(body, note, (reason or "").encode(), *more)
        return hold.move(folder, since=now + getattr(settlement, "delay", 0.0), **changes)

    def maintain(self, budget: float) -> float:
        deadline = time.monotonic() + budget
        for queue in self.queues():
            for ticket in self._tickets(queue, "new", *ENDED):
                if ticket.until + STALE * (ticket.folder.name == "new") <= self.clock.time():
                    ticket.remove()
                    if time.monotonic() >= deadline:
                        return 0.0
        return 1.0

    def queues(self) -> set[str]:
        self.require()
        return {new.parent.name for new in self._root.glob("*/new")}

    def counts(self, queue: str) -> seam.Counts:
        wall, mono = self.clock.time(), self.clock.monotonic()
        ages = [mono - t.until if t.token else wall - t.since for t in self._open(queue, READY)]
        oldest = max(0.0, *ages) if ages else None
        n = [self._state(ticket) for ticket in self._tickets(queue, "open", "dead")].count
        return seam.Counts(n(READY), n(SCHEDULED), n(LEASED), n(DEAD), oldest)

    def get(self, queue: str, ids: Sequence[str], wait: float = 0.0) -> list[JobRecord | None]:
        deadline = time.monotonic() + wait
        while True:
            found: dict[str, JobRecord] = {}
            # Twice, because a file that is renamed while its folder is read can be missed.
            for ticket in self._tickets(queue, *(*ENDED, "dead", "open") * 2):
                if ticket.id in ids and (content := ticket.read()):
                    found[ticket.id] = self._record(queue, ticket, content)
            records = [found.get(each) for each in ids]
            goes_on = all(record and not record.state.is_terminal for record in records)
            if not (ids and goes_on) or time.monotonic() >= deadline:
                return records
            time.sleep(POLL)

    def purge(self, queue: str, states: Collection[State]) -> int:
        seam.check_states(states, seam.WAITING, "purge()")
        return sum(ticket.remove() is not None for ticket in self._open(queue, *states))

    def revive(
        self, queue: str, ids: Sequence[str] | None, *, edit: Mapping[str, bytes] | None = None
    ) -> int:
        seam.check_edit(edit or {}, CAPABILITIES.max_payload)
        revived, times = 0, dict.fromkeys(("since", "until"), self.clock.time())
        for ticket in self._dead(queue, ids):
            body, note, *_ = ticket.read() or [b"", b""]
            at = ticket.write((edit or {}).get(ticket.id, body), note, b"")
            revived += ticket.move(at=at, attempts=0, redeliveries=0, **times) is not None
        return revived

    def discard(self, queue: str, ids: Sequence[str] | None) -> int:
        return sum(ticket.remove() is not None for ticket in self._dead(queue, ids))

    def _dead(self, queue: str, ids: Sequence[str] | None) -> list[Ticket]:
        return [t for t in self._tickets(queue, "dead") if ids is None or t.id in ids]

    def _open(self, queue: str, *states: State) -> Iterator[Ticket]:
        return (each for each in self._tickets(queue, "open") if self._state(each) in states)

    def _box(self, queue: str) -> Path:
        self.require()
        return self._root / seam.checked_name(queue, "a queue's name")

    def _tickets(self, queue: str, *folders: str) -> Iterator[Ticket]:
        for folder in [self._box(queue) / name for name in folders]:
            names = sorted(step(os.listdir)(folder) or ())
            yield from filter(None, (Ticket.of(folder, name) for name in names))

    def _state(self, ticket: Ticket) -> State:
        """What a name means now: a job comes due, and a lease lapses, without anybody's doing."""
        if ticket.folder.name != "open":
            return State(ticket.folder.name)
        if not ticket.token:
            return READY if ticket.since <= max(self.clock.time(), ticket.until) else SCHEDULED
        # A lease that begins in the future is from before the machine's last start.
        return LEASED if ticket.since <= self.clock.monotonic() < ticket.until else READY

    def _record(self, queue: str, ticket: Ticket, content: list[bytes]) -> JobRecord:
        (body, note, why, *outcome), state = content, self._state(ticket)
        end = self.clock.time() + ticket.until - self.clock.monotonic()
        return JobRecord(
            id=ticket.id, queue=queue, state=state, priority=9 - ticket.rank, note=note,
            body=None if ticket.folder.name in ENDED else body, attempts=ticket.attempts,
            redeliveries=ticket.redeliveries + (state is READY and ticket.token > 0),
            due=ticket.since if state is SCHEDULED else None, outcome=next(iter(outcome), None),
            until=end if state is LEASED else None, reason=why.decode() if state is DEAD else None,
            ended=ticket.since if state.is_terminal else None,
        )  # fmt: skip
