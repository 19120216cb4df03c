"""What stands for a secret in a configured text: `${NAME}` and `file:`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from anyjob.config.keys import Text
from anyjob.core.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE = "file:"


class Expanded(msgspec.Struct, frozen=True):
    """A value with its references replaced, and the texts that came in for them."""

    value: Any
    found: tuple[str, ...] = ()


def expand(value: Any, key: str, environ: Mapping[str, str], folder: Path | None) -> Expanded:
    """Replace references in a text, and in each text of a list or table.

    `file:path` stands for the whole value, without its last line break; a relative path begins at
    `folder`. `$${` stands for `${`. Raises ConfigurationError, which names `key`, for an unset
    variable and a missing file.
    """
    if isinstance(value, str):
        return _expand_text(value, key, environ, folder)
    if isinstance(value, Mapping):
        parts = {k: expand(v, f"{key}.{k}", environ, folder) for k, v in value.items()}
        return Expanded({k: p.value for k, p in parts.items()}, _all_found(list(parts.values())))
    if isinstance(value, list | tuple):
        items = [expand(v, key, environ, folder) for v in value]
        return Expanded([item.value for item in items], _all_found(items))
    return Expanded(value)


def _all_found(parts: list[Expanded]) -> tuple[str, ...]:
    return tuple(text for part in parts for text in part.found)


def _expand_text(text: str, key: str, environ: Mapping[str, str], folder: Path | None) -> Expanded:
    if text.startswith(_FILE):
        content = _content(text.removeprefix(_FILE), key, folder)
        return Expanded(Text(content), (content,))
    found: list[str] = []

    def replaced(reference: re.Match[str]) -> str:
        if reference[0] == "$${":
            return "${"
        found.append(_variable(reference, key, environ))
        return found[-1]

    expanded = _REFERENCE.sub(replaced, text)
    is_text = isinstance(text, Text) or bool(found)
    return Expanded(Text(expanded) if is_text else expanded, tuple(found))


def _variable(reference: re.Match[str], key: str, environ: Mapping[str, str]) -> str:
    name = reference[1]
    if not reference[0].endswith("}") or not _VARIABLE.fullmatch(name):
        # Not shown, because what follows a brace that isn't closed may be a password.
        raise ConfigurationError(
            f"expected {key} to name a variable as ${{NAME}}, got something else;"
            " write $${ for a plain ${"
        )
    if name not in environ:
        raise ConfigurationError(
            f"{key} takes ${{{name}}} from the environment, where it is not set; set {name}"
        )
    return environ[name]


def _content(name: str, key: str, folder: Path | None) -> str:
    from pathlib import Path

    path = (folder or Path()) / name
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise ConfigurationError(
            f"{key} takes its value from the file {str(path)!r}, which cannot be read: {why};"
            " make the file, or correct the path"
        ) from error
    return text.removesuffix("\n").removesuffix("\r")
