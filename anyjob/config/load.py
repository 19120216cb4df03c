"""From every place that a value may come from to the one Config.

Argument over environment over profile over file over default.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from anyjob.config.files import ConfigFile, every_table, find_file, profile_of
from anyjob.config.keys import KEYS, OTHER_VARIABLES, PREFIX, TABLES, Key, Text, Wrong, option_key
from anyjob.config.model import Config, WorkerConfig
from anyjob.config.secrets import expand
from anyjob.config.url import MASK, BackendURL, Secret, redact
from anyjob.core.errors import ConfigurationError
from anyjob.core.names import suggestion

if TYPE_CHECKING:
    from pathlib import Path

# Kubernetes sets these in every pod for a service whose name begins with "anyjob".
_SERVICE_LINK = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_.*)?)?)")


class Given(msgspec.Struct, frozen=True):
    """A value as somebody gave it."""

    value: Any
    #: As `Config.origins` shows it.
    origin: str
    #: Where a relative `file:` begins.
    folder: Path | None = None


def load(
    *,
    url: str | BackendURL | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    profile: str | None = None,
    **arguments: Any,
) -> Config:
    """Return the configuration of an application.

    `url` is the backend; `arguments` are further keys of `Config`, `worker` and `defaults` as
    mappings; None stands for not given, but for an option in `defaults` it is a value. `environ` is
    the process's own unless given; a file is looked for in `folder`, the current one unless given,
    and upward. Reads files, blocks for that, changes nothing. Raises ConfigurationError.
    """
    environ = os.environ if environ is None else environ
    file = find_file(folder)
    profile = profile or environ.get("ANYJOB_PROFILE") or ""
    given = (
        _from_file(file, profile)
        | _from_environment(environ)
        | _from_arguments({"backend": url, **arguments}, folder)
    )
    values, secrets, referenced = _read_all(given, environ)
    if "backend" not in values:
        raise ConfigurationError(
            "no backend is configured; pass App('sqlite:///jobs.db'), set ANYJOB_BACKEND, or write"
            " backend = ... into anyjob.toml"
        )
    return Config(
        **{name: value for name, value in values.items() if "." not in name},
        defaults=_below("defaults", values),
        worker=WorkerConfig(**_below("worker", values)),
        failpoint=environ.get("ANYJOB_FAILPOINT", ""),
        profile=profile,
        file=str(file.path) if file is not None else "",
        origins=dict.fromkeys(KEYS, "default") | {name: g.origin for name, g in given.items()},
        secrets=secrets,
        referenced=referenced,
    )


def _from_file(file: ConfigFile | None, profile: str) -> dict[str, Given]:
    """What the file says and, over it, its profile.

    Every profile is looked through for keys that nobody knows, also the ones not chosen.
    """
    chosen = [profile_of(file, profile)] if profile else []
    if file is None:
        return {}
    own, *profiles = every_table(file)
    for table in profiles:
        _flat(table.table, table)
    given: dict[str, Given] = {}
    for table in (own, *chosen):
        for name, value in _flat(table.table, table).items():
            given[name] = Given(value, table.origin(name), file.path.parent)
    return given


def _from_environment(environ: Mapping[str, str]) -> dict[str, Given]:
    by_variable = {key.variable: name for name, key in KEYS.items()}
    given = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES:
            continue
        if variable == f"{PREFIX}DEFAULTS":
            for option, value in _json_table(variable, text).items():
                given[f"defaults.{option}"] = Given(value, variable)
        elif variable in by_variable:
            given[by_variable[variable]] = Given(Text(text), variable)
        elif not _SERVICE_LINK.fullmatch(variable):
            known = [*by_variable, *OTHER_VARIABLES, f"{PREFIX}DEFAULTS"]
            raise ConfigurationError(
                f"no key is set by the environment's {variable}{suggestion(variable, known)}"
            )
    return given


def _json_table(variable: str, text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ConfigurationError(
            f"expected {variable} to be a JSON object of options, got what is none: {error}"
        ) from error


def _from_arguments(arguments: Mapping[str, Any], folder: Path | None) -> dict[str, Given]:
    plain = {
        name: value.reveal() if isinstance(value, BackendURL) else value
        for name, value in arguments.items()
        if value is not None
    }
    return {name: Given(value, "argument", folder) for name, value in _flat(plain, None).items()}


def _flat(table: Mapping[str, Any], file: ConfigFile | None) -> dict[str, Any]:
    """Return a table by dotted keys; raises ConfigurationError for a key that nobody knows."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if name not in TABLES:
            flat[name] = value
        elif isinstance(value, Mapping):
            # An option may be None, such as a timeout; no other key may.
            given = {k: v for k, v in value.items() if v is not None or name == "defaults"}
            flat |= {f"{name}.{inner}": v for inner, v in given.items()}
        else:
            raise _wrong(name, "a table", _origin(file, name), value)
    for name in flat:
        if name not in KEYS and not name.startswith("defaults."):
            # Within a table only its own keys are a help.
            family = name.rpartition(".")[0]
            known = [key for key in (*KEYS, *TABLES) if key.rpartition(".")[0] == family]
            where = f" in {file.path}" if file is not None else ""
            whole = f"{file.prefix}{name}" if file is not None else name
            raise ConfigurationError(f"no key {whole!r}{where}{suggestion(name, known)}")
    return flat


def _origin(file: ConfigFile | None, name: str) -> str:
    return file.origin(name) if file is not None else "argument"


def _read_all(
    given: Mapping[str, Given], environ: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[Secret, ...], frozenset[str]]:
    values: dict[str, Any] = {}
    secrets: list[Secret] = []
    referenced: set[str] = set()
    for name, one in given.items():
        key = KEYS.get(name) or option_key(name.removeprefix("defaults."))
        values[name], found = _read(key, one, environ)
        secrets.extend(_secrets_of(name, values[name], found))
        if found:
            referenced.add(name)
    return values, tuple(dict.fromkeys(secrets)), frozenset(referenced)


def _read(key: Key, given: Given, environ: Mapping[str, str]) -> tuple[Any, tuple[str, ...]]:
    """Return a key's value, and the texts in it that references stood for."""
    expanded = expand(given.value, f"{key.name} ({given.origin})", environ, given.folder)
    try:
        return key.read(expanded.value), expanded.found
    except Wrong as wrong:
        shown = MASK if expanded.found else expanded.value
        raise _wrong(key.name, str(wrong), given.origin, shown) from None


def _secrets_of(name: str, value: Any, found: tuple[str, ...]) -> Iterable[Secret]:
    """Return what is to be hunted for; not the name of a namespace or queue, nor a log level, for
    every line has them, nor where a backend is.
    """
    if isinstance(value, BackendURL):
        where = re.split(r"[?#]", str(value))[0]
        return (*value.secrets(), *(Secret(text) for text in found if text not in where))
    if name == "defaults.queue" or not name.startswith("defaults."):
        return ()
    return map(Secret, found)


def _wrong(name: str, expected: str, origin: str, value: Any) -> ConfigurationError:
    if name in ("backend", "store") and isinstance(value, str):
        value = str(BackendURL(value))
    where = "" if origin == "argument" else f" ({origin})"
    return ConfigurationError(f"expected {name}{where} to be {expected}, got {redact(repr(value))}")


def _below(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{table}."
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }
