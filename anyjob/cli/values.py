"""What a person types for a span, an instant and a job's arguments."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click
import msgspec

from anyjob.app import App
from anyjob.core.durations import instant, seconds
from anyjob.core.errors import InvalidArguments, InvalidOption
from anyjob.core.task import Task
from anyjob.core.view import JobView

_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_UNITS = (86400.0, 3600.0, 60.0, 1.0)
_NAMED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
#: Of so many arguments at most it is tried which ones are meant as text.
_MOST_TRIED = 8


def span(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read an option's span of time: seconds, or 1d2h3m4s. A click callback."""
    if value is None:
        return None
    try:
        return seconds(_span(value), "it")
    except (InvalidOption, ValueError) as error:
        raise click.BadParameter(
            f"expected a span such as 90, 30s, 5m or 1h30m, got {value!r}"
        ) from error


def aware_instant(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    """Read an option's instant, ISO 8601 with its offset from UTC. A click callback."""
    if value is None:
        return None
    try:
        return instant(datetime.fromisoformat(value), "it")
    except (InvalidOption, ValueError) as error:
        raise click.BadParameter(
            f"expected a time with its offset such as 2030-01-31T09:00Z, got {value!r}"
        ) from error


def span_or_instant(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> float | datetime | None:
    """Read an option that is either of the two. A click callback."""
    if value is not None and "-" in value:
        return aware_instant(ctx, parameter, value)
    return span(ctx, parameter, value)


def _span(text: str) -> float:
    match = _SPAN.fullmatch(text)
    if match is None or not text:
        return float(text)
    parts = zip(match.groups(), _UNITS, strict=True)
    return sum(float(part) * unit for part, unit in parts if part)


def arguments_for(task: Task[..., Any], words: Sequence[str]) -> msgspec.Struct:
    """Return a task's arguments from `name=value` words, or from one word of JSON.

    JSON is an object by parameter name or a list by position. A value after `=` is taken as JSON
    where the task's type hint takes it so, else as text. Raises InvalidArguments.
    """
    if len(words) == 1 and words[0][:1] in ("{", "["):
        return arguments_from(task, words[0])
    named = named_values(words)
    for reading in _readings(named):
        if _fits(task, reading):
            return arguments_from(task, reading)
    return arguments_from(task, {name: as_json(text) for name, text in named.items()})


def arguments_from(task: Task[..., Any], json: str | bytes | Mapping[str, Any]) -> msgspec.Struct:
    """Return a task's arguments from JSON, as text or decoded; raises InvalidArguments."""
    try:
        decoded = msgspec.json.decode(json) if isinstance(json, str | bytes) else json
    except msgspec.MsgspecError as error:
        raise InvalidArguments(
            f"expected the arguments as JSON, got what is none: {error}"
        ) from error
    if isinstance(decoded, list):
        return _fitted(task, task.signature.bind(tuple(decoded), {}))
    if not isinstance(decoded, Mapping):
        raise InvalidArguments(
            f"expected the arguments as a JSON object or list, got {decoded!r:.80}"
        )
    return _decoded(task, msgspec.json.encode(decoded))


def named_values(words: Sequence[str]) -> dict[str, str]:
    """Split `name=value` words; raises InvalidArguments."""
    named: dict[str, str] = {}
    for word in words:
        match = _NAMED.fullmatch(word)
        if match is None:
            raise InvalidArguments(
                f"expected arguments as name=value, as one JSON object or list, or -, got {word!r}"
            )
        named[match[1]] = match[2]
    return named


def _readings(named: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every way to read the values, as JSON or as text, JSON first."""
    readings = [
        [value, text] if value != text else [text]
        for text in named.values()
        for value in [as_json(text)]
    ]
    if sum(len(both) - 1 for both in readings) > _MOST_TRIED:
        return [{name: as_json(text) for name, text in named.items()}]
    return [dict(zip(named, values, strict=True)) for values in itertools.product(*readings)]


def as_json(text: str) -> Any:
    """Return the JSON value that `text` writes, or `text` itself."""
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return text


def _fitted(task: Task[..., Any], bound: msgspec.Struct) -> msgspec.Struct:
    """Give plain JSON values the types of the task's hints, by the way they will travel."""
    return _decoded(task, msgspec.json.encode(bound))


def _decoded(task: Task[..., Any], payload: bytes) -> msgspec.Struct:
    try:
        return task.signature.decode(payload)
    except InvalidArguments as error:
        raise InvalidArguments(
            f"task {task.name!r} takes {inspect.signature(task.function)}: {error.__cause__};"
            " write them as name=value or as JSON"
        ) from error


def changes_for(app: App, job: JobView, words: Sequence[str]) -> dict[str, Any]:
    """Return the arguments that `--edit` replaces in one job, by name.

    If the app knows the task, its type hints decide how a `name=value` is read. Raises
    InvalidArguments.
    """
    changes: dict[str, Any] = {}
    named: dict[str, str] = {}
    for word in words:
        if word.startswith("{"):
            changes |= _object(word)
        else:
            named |= named_values([word])
    plain = changes | {name: as_json(text) for name, text in named.items()}
    task = app.tasks.find(job.task)
    if task is None:
        return plain
    before = msgspec.json.decode(job.arguments) if job.arguments else {}
    for reading in _readings(named):
        if _fits(task, before | changes | reading):
            return changes | reading
    arguments_from(task, before | plain)  # raises, and says what doesn't fit
    return plain


def _object(word: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(word, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise InvalidArguments(
            f"expected a JSON object of arguments, got what is none: {error}"
        ) from error


def _fits(task: Task[..., Any], arguments: Mapping[str, Any]) -> bool:
    try:
        arguments_from(task, arguments)
    except InvalidArguments:
        return False
    return True
