"""From a draft to an envelope: middleware, options, checks against the backend, encoding. Stores
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from anyjob.core.capabilities import Capabilities, Planned, plan
from anyjob.core.clock import Clock
from anyjob.core.draft import AnyDraft, Draft
from anyjob.core.envelope import Envelope, Rejected, Unique
from anyjob.core.errors import ConfigurationError, InvalidOption, PayloadTooLarge, shown
from anyjob.core.middleware import Middleware, overrides
from anyjob.core.names import suggestion
from anyjob.core.options import Options, needs_of
from anyjob.core.task import Registry, Task
from anyjob.core.wire import VERSION, Body, RetryOverride, encode_body


def drafted(draft: AnyDraft, middleware: Sequence[Middleware]) -> AnyDraft | Rejected:
    """Return what middleware makes of a draft; raises ConfigurationError for what is none."""
    if not isinstance(draft, Draft):
        raise ConfigurationError(f"expected a job, such as task.job(...), got {shown(draft)}")
    for one in middleware:
        changed = one.enqueue(draft)
        if isinstance(changed, Rejected):
            return changed
        if not isinstance(changed, Draft):
            raise ConfigurationError(
                f"expected enqueue() of {type(one).__name__} to return the draft or Rejected,"
                f" got {shown(changed)}"
            )
        draft = changed
    return draft


class Planner:
    """Plans drafts for one opened backend; any thread may call it."""

    def __init__(
        self,
        capabilities: Capabilities,
        middleware: Sequence[Middleware],
        new_id: Callable[[float], str],
        clock: Clock,
        max_payload: int,
        registry: Registry,
        queues: Callable[[], Collection[str]],
        *,
        allow_long_jobs: bool,
    ) -> None:
        self._capabilities = capabilities
        self._enqueuing = [one for one in middleware if overrides(one, "enqueue")]
        self._new_id = new_id
        self._clock = clock
        self._max_payload = min(max_payload, capabilities.max_payload)
        self._registry = registry
        self._queues = queues
        self._allow_long_jobs = allow_long_jobs
        self._checked: set[Task[..., Any]] = set()

    def envelope(self, draft: AnyDraft) -> Envelope | Rejected:
        """Return what to store, or why a middleware refuses it.

        Raises InvalidArguments, InvalidOption, PayloadTooLarge, UnsupportedCapability, and
        ConfigurationError for a queue that nobody declared.
        """
        if self._enqueuing or not isinstance(draft, Draft):
            changed = drafted(draft, self._enqueuing)
            if isinstance(changed, Rejected):
                return changed
            draft = changed
        return self.planned(draft)

    def planned(self, draft: AnyDraft) -> Envelope:
        """Return what to store of a draft that went through the middleware; raises as
        `envelope`.
        """
        task = draft.task
        options = task.options_for(draft.options)
        if draft.options or task not in self._checked:
            self.check(task, options)
            if not draft.options:
                self._checked.add(task)
        payload = task.signature.encode(draft.arguments)
        return self._envelope(task, options, draft.options, payload)

    def check(self, task: Task[..., Any], options: Options) -> list[Planned]:
        """Return how the backend meets what the options ask; raises for what it cannot."""
        if self._registry.find(task.name) is not task:
            raise ConfigurationError(
                f"task {task.name!r} is registered with another app; enqueue its jobs through that"
                " one, whose workers know it"
            )
        queues = self._queues()
        if options.queue not in queues:
            raise ConfigurationError(
                f"task {task.name!r} wants queue {options.queue!r}, which nobody declared"
                f"{suggestion(options.queue, queues)}; give a task that queue, or name it in"
                " queues=[...]"
            )
        asked_by, now = f"task {task.name!r}", self._clock.time()
        _refuse_stillborn(options, asked_by, now)
        if not self._allow_long_jobs:
            self._capabilities.check_length(options.timeout, asked_by)
        return plan(self._capabilities, needs_of(options, asked_by, now))

    def _envelope(
        self, task: Task[..., Any], options: Options, call: Mapping[str, Any], payload: bytes
    ) -> Envelope:
        now = self._clock.time()
        job_id = self._new_id(now)
        common = Body(
            v=VERSION,
            id=job_id,
            task=task.name,
            args=msgspec.Raw(payload),
            queue=options.queue,
            priority=options.priority,
            enqueued_at=now,
        )
        # Apart, because a call with ** takes four times as long, and few jobs have any of these.
        rare = _rare(options, call, now)
        body = encode_body(msgspec.structs.replace(common, **rare) if rare else common)
        if len(body) > self._max_payload:
            raise PayloadTooLarge(
                f"a job of task {task.name!r} takes {len(body)} bytes, more than the"
                f" {self._max_payload} that are allowed; send a reference, or raise max_payload"
            )
        unique = None
        if options.unique_key is not None:
            unique = Unique(options.unique_key, options.unique_ttl)
        due = options.delay or options.run_at
        return Envelope(job_id, options.queue, body, options.priority, due, unique)


def _refuse_stillborn(options: Options, asked_by: str, now: float) -> None:
    """Raise InvalidOption for a job that would expire before it is ready."""
    if options.expires is None:
        return
    wait = options.delay or 0.0
    if options.run_at is not None:
        wait = options.run_at.timestamp() - now
    left = _expiry(options.expires, now) - now
    if wait > 0 and left <= wait:
        raise InvalidOption(
            f"{asked_by} wants a delay of {wait:g} s, and the job would expire {max(left, 0):g} s"
            " from now, before it is ready; let it expire later, or wait less"
        )


def _rare(options: Options, call: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return the fields that most jobs do not have."""
    found = _overrides(options, call) if call else {}
    if options.delay is not None:
        found["delay"] = options.delay
    if options.run_at is not None:
        found["run_at"] = options.run_at.timestamp()
    if options.expires is not None:
        found["expires"] = _expiry(options.expires, now)
    if options.unique_key is not None:
        found["unique_key"] = options.unique_key
        found["unique_ttl"] = options.unique_ttl
    if options.headers:
        found["headers"] = dict(options.headers)
    return found


def _expiry(expires: float | datetime, now: float) -> float:
    return expires.timestamp() if isinstance(expires, datetime) else now + expires


def _overrides(options: Options, call: Mapping[str, Any]) -> dict[str, Any]:
    """Return what travels only because this job says so: the rest is read from its task when it
    runs.
    """
    found: dict[str, Any] = {}
    if "timeout" in call:
        found["timeout"] = options.timeout or 0.0
    if "keep" in call:
        found["keep"] = options.keep
    if "retry" in call:
        found["retry"] = (
            False if options.retry is None else RetryOverride(**options.retry.portable())
        )
    extra = {name: value for name, value in options.extra.items() if name in call}
    if extra:
        found["options"] = extra
    return found
