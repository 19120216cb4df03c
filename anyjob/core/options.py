"""How a job is treated: its options, their checks and their one merge rule, call over task over
app.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from anyjob.core.capabilities import Need
from anyjob.core.durations import instant, positive_seconds, seconds
from anyjob.core.envelope import DEFAULT_PRIORITY, MAX_UNIQUE_KEY
from anyjob.core.errors import InvalidOption, shown
from anyjob.core.names import checked_name, suggestion
from anyjob.core.retry import Retry

DEFAULT_QUEUE = "default"
#: How long a result other than None is kept.
DEFAULT_KEEP = 3600.0
MAX_HEADER_NAME = 1024
MAX_HEADER = 65_536


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How one job, or every job of a task, is treated. Spans in seconds."""

    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    retry: Retry | None = None
    #: What one attempt may take.
    timeout: float | None = None
    delay: float | None = None
    run_at: datetime | None = None
    #: When a job that has not begun is no longer worth starting: a span from its enqueue, or an
    #: instant.
    expires: float | datetime | None = None
    unique_key: str | None = None
    unique_ttl: float | None = None
    headers: Mapping[str, str] = {}
    keep: float = DEFAULT_KEEP
    #: The options that middleware declared.
    extra: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        # Of headers and of what middleware adds the names alone: their values may be secret.
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        fields |= {"headers": list(self.headers), "extra": list(self.extra)}
        return f"Options({', '.join(f'{name}={value!r}' for name, value in fields.items())})"


#: The names of the options that anyjob itself knows.
NAMES = tuple(name for name in Options.__struct_fields__ if name != "extra")


def checked(given: Mapping[str, Any], declared: Mapping[str, type]) -> dict[str, Any]:
    """Return `given` with every value checked and durations turned into seconds.

    `declared` are the options that middleware adds, name to type. Raises InvalidOption for a name
    nobody knows and a value out of range.
    """
    return {name: _checked_one(name, value, declared) for name, value in given.items()}


def travelled(options: Mapping[str, Any], declared: Mapping[str, type]) -> dict[str, Any]:
    """Return the middleware's options of a message as the types they were declared with.

    A name that nobody declared is left as it is. Raises InvalidOption.
    """
    return {
        name: _typed(name, value, declared[name]) if name in declared else value
        for name, value in options.items()
    }


def merged(app: Mapping[str, Any], task: Mapping[str, Any], call: Mapping[str, Any]) -> Options:
    """Join checked options: what the call says goes before the task, the task before the app.

    `delay` and `run_at` are two ways to say one thing: the nearer level replaces both. A default
    `unique_ttl` holds for the jobs that have a `unique_key`. Raises InvalidOption if one level says
    both `delay` and `run_at`, or the call a `unique_ttl` for no key.
    """
    joined: dict[str, Any] = {}
    for level in (app, task, call):
        if level.get("delay") is not None and level.get("run_at") is not None:
            raise InvalidOption(
                f"expected delay or run_at, got both: {level['delay']!r} and {level['run_at']!r}"
            )
        if "delay" in level or "run_at" in level:
            joined.pop("delay", None)
            joined.pop("run_at", None)
        joined |= level
    if joined.get("unique_key") is None:
        joined.pop("unique_ttl", None)
        if call.get("unique_ttl") is not None:
            raise InvalidOption("expected unique_ttl together with unique_key, got it alone")
    known = {name: joined.pop(name) for name in NAMES if name in joined}
    return Options(**known, extra=joined)


def needs_of(options: Options, asked_by: str, now: float) -> list[Need]:
    """Return what these options ask of a backend beyond storing and leasing."""
    needs = []
    wait = options.delay or 0.0
    if options.run_at is not None:
        wait = options.run_at.timestamp() - now
    if wait > 0:
        needs.append(Need("delay", "a delay", asked_by, wait))
    if options.retry is not None and options.retry.max_attempts > 1:
        needs.append(Need("delay", "a delayed retry", asked_by, seconds(options.retry.cap, "cap")))
    if options.unique_key is not None:
        needs.append(Need("unique", "a unique key", asked_by))
    return needs


def _checked_one(name: str, value: Any, declared: Mapping[str, type]) -> Any:
    if name in declared:
        return _typed(name, value, declared[name])
    if name not in _CHECKS:
        raise InvalidOption(f"no option {name!r}{suggestion(name, [*_CHECKS, *declared])}")
    return _CHECKS[name](value)


def _typed(name: str, value: Any, kind: type) -> Any:
    try:
        converted: Any = msgspec.convert(value, kind, strict=True)
        # It travels as JSON, and what comes back has to be the same.
        travelled: Any = msgspec.json.decode(msgspec.json.encode(converted), type=kind)
    except (msgspec.MsgspecError, TypeError, UnicodeError, RecursionError) as error:
        raise InvalidOption(
            f"expected {name} to be {_kind_name(kind)}, got {shown(value)}"
        ) from error
    if travelled != converted:
        raise InvalidOption(
            f"expected {name} to be a value that JSON can carry, got {shown(value)}"
        )
    return converted


def _kind_name(kind: Any) -> str:
    return kind.__name__ if type(kind) is type else str(kind)


def _queue(value: Any) -> str:
    return checked_name(value, "queue")


def _priority(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 9:
        raise InvalidOption(
            f"expected priority to be an int from 0 to 9, higher first, got {shown(value)}"
        )
    return value


def _retry(value: Any) -> Retry | None:
    if value is None or isinstance(value, Retry):
        return value
    raise InvalidOption(f"expected retry to be a Retry or None, got {shown(value)}")


def _timeout(value: Any) -> float | None:
    return None if value is None else positive_seconds(value, "timeout")


def _delay(value: Any) -> float | None:
    return None if value is None else seconds(value, "delay")


def _run_at(value: Any) -> datetime | None:
    return None if value is None else instant(value, "run_at")


def _expires(value: Any) -> float | datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return instant(value, "expires")
    return positive_seconds(value, "expires")


def _unique_key(value: Any) -> str | None:
    if value is None:
        return None
    if not _is_text(value, MAX_UNIQUE_KEY) or not value:
        raise InvalidOption(
            f"expected unique_key to be text of 1 to {MAX_UNIQUE_KEY} bytes, got {shown(value)}"
        )
    return str(value)


def _unique_ttl(value: Any) -> float | None:
    return None if value is None else positive_seconds(value, "unique_ttl")


def _headers(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise InvalidOption(f"expected headers to map text to text, got {shown(value)}")
    for name, text in value.items():
        if not _is_text(name, MAX_HEADER_NAME) or not _is_text(text, MAX_HEADER):
            raise InvalidOption(
                f"expected headers to map text of at most {MAX_HEADER_NAME} bytes to text of at"
                f" most {MAX_HEADER}, got {shown(name)}: {shown(text)}"
            )
    return dict(value)


def _is_text(value: Any, most: int) -> bool:
    """Whether `value` is text of at most `most` bytes that UTF-8 can write."""
    try:
        return isinstance(value, str) and len(value.encode()) <= most
    except UnicodeEncodeError:
        return False


def _keep(value: Any) -> float:
    return seconds(value, "keep")


_CHECKS = {
    "queue": _queue,
    "priority": _priority,
    "retry": _retry,
    "timeout": _timeout,
    "delay": _delay,
    "run_at": _run_at,
    "expires": _expires,
    "unique_key": _unique_key,
    "unique_ttl": _unique_ttl,
    "headers": _headers,
    "keep": _keep,
}
