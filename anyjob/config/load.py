"""From every place that a value may come from to the one Config.

Argument over environment over profile over file over default.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from anyjob.config.files import ConfigFile, every_table, find_file, profile_of
from anyjob.config.keys import (
    KEYS,
    NAMING,
    OTHER_VARIABLES,
    PREFIX,
    TABLES,
    Key,
    Text,
    Wrong,
    named_key,
)
from anyjob.config.model import Config, NamedBackend, WorkerConfig
from anyjob.config.secrets import expand
from anyjob.config.several import named_backends, routes_of
from anyjob.config.url import MASK, BackendURL, Secret, redact
from anyjob.core.errors import ConfigurationError
from anyjob.core.names import suggestion

if TYPE_CHECKING:
    from pathlib import Path

# Kubernetes sets these in every pod for a service whose name begins with "anyjob".
_SERVICE_LINK = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_.*)?)?)")


#: What the variables hold that are tables.
_HELD = {"defaults": "options", "backends": "URLs or tables by name", "queues": "tables by name"}


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

    `url` is the backend; `arguments` are further keys of `Config`, `worker`, `defaults` and
    `backends` as mappings, `queues` as a list or a mapping; None stands for not given, but for an
    option in `defaults` it is a value. `environ` is the process's own unless given; a file is
    looked for in `folder`, the current one unless given, and upward. Reads files, blocks for that,
    changes nothing. Raises ConfigurationError.
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
    backends = named_backends(values)
    if "backend" not in values and not backends:
        raise ConfigurationError(
            "no backend is configured; pass App('sqlite:///jobs.db'), set ANYJOB_BACKEND, or write"
            " backend = ... into anyjob.toml"
        )
    routes, queues = routes_of(values, backends)
    plain = {name: value for name, value in values.items() if "." not in name}
    return Config(
        **{"backend": BackendURL(""), **plain, "queues": queues},
        backends=backends,
        routes=routes,
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
        table = variable.removeprefix(PREFIX).lower()
        if table in NAMING and (table != "queues" or text.lstrip().startswith("{")):
            for name, value in _json_table(variable, text, _HELD[table]).items():
                given[f"{table}.{name}"] = Given(value, variable)
        elif variable in by_variable:
            given[by_variable[variable]] = Given(Text(text), variable)
        elif not _SERVICE_LINK.fullmatch(variable):
            naming = (PREFIX + name.upper() for name in NAMING)
            known = {*by_variable, *OTHER_VARIABLES, *naming}
            raise ConfigurationError(
                f"no key is set by the environment's {variable}{suggestion(variable, known)}"
            )
    return given


def _json_table(variable: str, text: str, what: str) -> dict[str, Any]:
    try:
        table = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ConfigurationError(
            f"expected {variable} to be a JSON object of {what}, got what is none: {error}"
        ) from error

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for name, count in Counter(name for name, _ in pairs).items():
            if count > 1:
                raise ConfigurationError(f"{variable} has {name!r} twice; keep one of them")
        return dict(pairs)

    import json

    # Decoding takes the last of two, where a file's TOML refuses them.
    json.loads(text, object_pairs_hook=once)
    return table


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
        if name not in TABLES and not (name == "queues" and isinstance(value, Mapping)):
            flat[name] = value
        elif isinstance(value, Mapping):
            # An option may be None, such as a timeout; no other key may.
            given = {k: v for k, v in value.items() if v is not None or name == "defaults"}
            flat |= {f"{name}.{inner}": v for inner, v in given.items()}
        else:
            raise _wrong(name, "a table", _origin(file, name), value)
    for name in flat:
        if name not in KEYS and name.partition(".")[0] not in NAMING:
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
        key = KEYS.get(name) or named_key(name)
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
    if isinstance(value, BackendURL | NamedBackend):
        urls = [value] if isinstance(value, BackendURL) else [value.url, value.store]
        given = [url for url in urls if url is not None]
        where = [re.split(r"[?#]", str(url))[0] for url in given]
        hidden = [Secret(text) for text in found if not any(text in part for part in where)]
        return [*(secret for url in given for secret in url.secrets()), *hidden]
    if name == "defaults.queue" or not name.startswith("defaults."):
        return ()
    return map(Secret, found)


def _wrong(name: str, expected: str, origin: str, value: Any) -> ConfigurationError:
    if name.partition(".")[0] in ("backend", "store", "backends"):
        value = _masked(value)
    where = "" if origin == "argument" else f" ({origin})"
    return ConfigurationError(f"expected {name}{where} to be {expected}, got {redact(repr(value))}")


def _masked(value: Any) -> Any:
    """Return a URL, or a table of some, without what in it may be secret."""
    if isinstance(value, Mapping):
        return {name: _masked(inner) for name, inner in value.items()}
    return str(BackendURL(value)) if isinstance(value, str) else value


def _below(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{table}."
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }
