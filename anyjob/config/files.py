"""Which file is read, and what stands in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from anyjob.config.url import redact
from anyjob.core.errors import ConfigurationError, shown
from anyjob.core.names import suggestion

if TYPE_CHECKING:
    from pathlib import Path

OWN_FILE = "anyjob.toml"
SHARED_FILE = "pyproject.toml"


class ConfigFile(msgspec.Struct, frozen=True):
    """The table of one file; `prefix` is what its keys begin with there."""

    path: Path
    prefix: str
    table: dict[str, Any]

    def origin(self, key: str) -> str:
        return f"{self.path}: {self.prefix}{key}"


def find_file(folder: Path | None) -> ConfigFile | None:
    """Return the configuration in `folder` or in the nearest folder above it that has one.

    None is the current folder. Raises ConfigurationError if one folder has both files, and for a
    file that cannot be read.
    """
    from pathlib import Path

    try:
        start = (folder or Path.cwd()).absolute()
    except FileNotFoundError:
        # The current folder was removed under the process: there is nothing to be found in it.
        return None
    for place in (start, *start.parents):
        found = [file for file in (_own(place), _shared(place)) if file is not None]
        if len(found) > 1:
            raise ConfigurationError(
                f"configuration was read from {str(place)!r}, which has it twice: in {OWN_FILE} and"
                f" in [tool.anyjob] of {SHARED_FILE}; keep one of them"
            )
        if found:
            return found[0]
    return None


def profile_of(file: ConfigFile | None, profile: str) -> ConfigFile:
    """Return the table of a profile; raises ConfigurationError if there is none of that name."""
    profiles = _profiles(file) if file is not None else {}
    if file is None or profile not in profiles:
        where = file.path if file is not None else "any configuration file"
        raise ConfigurationError(
            f"no profile {profile!r} in {where}{suggestion(profile, profiles)}"
        )
    return ConfigFile(file.path, f"{file.prefix}profiles.{profile}.", profiles[profile])


def every_table(file: ConfigFile) -> list[ConfigFile]:
    """Return the table of the file, without its profiles, and each profile's."""
    own = {key: value for key, value in file.table.items() if key != "profiles"}
    return [
        ConfigFile(file.path, file.prefix, own),
        *(profile_of(file, profile) for profile in _profiles(file)),
    ]


def _own(place: Path) -> ConfigFile | None:
    table = _read(place / OWN_FILE)
    return None if table is None else ConfigFile(place / OWN_FILE, "", table)


def _shared(place: Path) -> ConfigFile | None:
    document = _read(place / SHARED_FILE) or {}
    tools = document.get("tool", {})
    if not isinstance(tools, dict) or "anyjob" not in tools:
        return None
    table = tools["anyjob"]
    if not isinstance(table, dict):
        raise ConfigurationError(
            f"expected tool.anyjob in {place / SHARED_FILE} to be a table,"
            f" got {redact(shown(table))}"
        )
    return ConfigFile(place / SHARED_FILE, "tool.anyjob.", table)


def _read(path: Path) -> dict[str, Any] | None:
    import tomllib

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}; correct it") from error
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}; correct its permissions, or remove it"
        ) from error


def _profiles(file: ConfigFile) -> dict[str, dict[str, Any]]:
    profiles = file.table.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(t, dict) for t in profiles.values()):
        raise ConfigurationError(
            f"expected {file.prefix}profiles in {file.path} to be a table of tables,"
            f" got {redact(shown(profiles))}"
        )
    return profiles
