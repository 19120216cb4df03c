"""Jobs as the command line shows them; the JSON shapes are pinned by tests."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from anyjob.cli.clean import iso
from anyjob.cli.output import Column
from anyjob.core.view import JobView

JOB_COLUMNS = (
    Column("id"),
    Column("task"),
    Column("queue"),
    Column("state"),
    Column("priority", "number"),
    Column("attempts", "number"),
    Column("due_at", "time", "due"),
    Column("arguments"),
)
DEAD_COLUMNS = (
    Column("id"),
    Column("task"),
    Column("queue"),
    Column("reason"),
    Column("attempts", "number"),
    Column("ended_at", "time", "died"),
    Column("error"),
    Column("arguments"),
)


def summary(job: JobView) -> dict[str, Any]:
    """Return a job as listings have it."""
    return {
        "id": job.id,
        "task": job.task or None,
        "queue": job.queue,
        "state": job.state.value,
        "priority": job.priority,
        "attempts": job.attempts,
        "redeliveries": job.redeliveries,
        "enqueued_at": _time(job.enqueued_at),
        "due_at": _time(job.due),
        "expires_at": _time(job.expires),
        "leased_until": _time(job.until),
        "ended_at": _time(job.ended),
        "unique_key": job.unique_key,
        "arguments": _json(job.arguments),
        "reason": job.reason,
        "error": _error(job) or None,
        "undecodable": job.undecodable or None,
    }


def everything(job: JobView) -> dict[str, Any]:
    """Return all that is known of a job."""
    return {
        **summary(job),
        "headers": dict(job.headers),
        "result": _json(job.result),
        "traceback": job.note.traceback or None,
        "history": [
            {
                "at": iso(run.at),
                "attempt": run.attempt,
                "ended": run.ended,
                "error": run.error or None,
                "worker": run.worker or None,
            }
            for run in job.note.history
        ],
        # A body that no one can decode is all there is of its job.
        "body_base64": _raw_body(job),
    }


def _raw_body(job: JobView) -> str | None:
    if not job.undecodable or job.body is None:
        return None
    return base64.b64encode(job.body).decode()


def _time(at: float | None) -> str | None:
    return None if at is None else iso(at)


def _json(text: str | None) -> msgspec.Raw | None:
    """JSON text as it is, so that no number in it is rounded."""
    return msgspec.Raw(text.encode()) if text else None


def _error(job: JobView) -> str:
    note = job.note
    if not note.type:
        return note.message
    return f"{note.type}: {note.message}" if note.message else note.type
