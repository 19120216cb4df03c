"""URLs and secrets that show themselves to nobody by accident."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"
#: Shorter secrets are masked where they stand in a URL, but not hunted for in other text.
_MIN_HUNTED = 4
#: Messages cut what is long, so that a long secret is hunted by its beginning too.
_BEGINNING = 32
# Such as `true`, `full` or `5000`: hunted for in other text, it would blot out every log.
_PLAIN_PARAMETER = re.compile(r"[A-Za-z]{1,7}|[0-9]{1,7}")

# What stands before "://" is no matter, and looking for it would take quadratic time.
_URL = re.compile(r"://([^\s\"'<>]*)")
_AUTHORITY = re.compile(r"(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>.*)", re.DOTALL)


class Secret:
    """A text that `repr`, `str` and format show as '***'; `reveal()` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class BackendURL(Secret):
    """Where a backend or store is; it shows no password and no value of a parameter."""

    __slots__ = ()

    @property
    def scheme(self) -> str:
        """What stands before "://", in lower case; empty if nothing does."""
        scheme, separator, _ = self._value.partition("://")
        return scheme.lower() if separator else ""

    def secrets(self) -> tuple[Secret, ...]:
        """The password and the parameters' values, as written and as they read decoded; not a
        value that is a mere word or number of up to 7 characters.
        """
        from urllib.parse import unquote_plus

        written = _parts(self._value.partition("://")[2])[1]
        return tuple(
            Secret(text) for text in dict.fromkeys([*written, *map(unquote_plus, written)]) if text
        )

    def __str__(self) -> str:
        scheme, separator, rest = self._value.partition("://")
        if not separator:
            # Not a URL, so nobody can tell which part of it is secret.
            return MASK if set("@?=") & set(self._value) else self._value
        return f"{scheme}://{_parts(rest)[0]}"


def redact(text: str, secrets: Iterable[Secret] = ()) -> str:
    """Return `text` with every URL in it masked, and each of `secrets` of 4 characters or more,
    also where it is written as a repr or cut after 32 characters.
    """
    revealed = {secret.reveal() for secret in secrets}
    forms = revealed | {repr(secret)[1:-1] for secret in revealed}
    for secret in sorted(forms, key=len, reverse=True):
        if len(secret) >= _MIN_HUNTED:
            text = _without(text, secret)
    return _URL.sub(lambda url: f"://{_parts(url[1])[0]}", text)


def _without(text: str, secret: str) -> str:
    text = text.replace(secret, MASK)
    beginning = secret[:_BEGINNING]
    if len(secret) <= _BEGINNING or beginning not in text:
        return text
    return re.sub(re.escape(beginning) + r"\S*", MASK, text)


def _parts(rest: str) -> tuple[str, list[str]]:
    """Split what follows "://" into the form to be shown and the secrets it has."""
    match = _AUTHORITY.fullmatch(rest)
    assert match is not None  # noqa: S101 - the pattern matches every text
    authority, path, query = match["authority"], match["path"], match["query"]
    if "@" not in authority and ":" in authority and "@" in path + query:
        # A password with an unescaped '/', '?' or '#': where it ends is anybody's guess.
        return MASK, [rest]
    secrets = []
    user_info, at, host = authority.rpartition("@")
    user, colon, password = user_info.partition(":")
    if colon:
        secrets.append(password)
        user_info = f"{user}:{MASK}"
    shown_query, values = _masked_query(query)
    hunted = [value for value in values if not _PLAIN_PARAMETER.fullmatch(value)]
    return f"{user_info}{at}{host}{path}{shown_query}", secrets + hunted


def _masked_query(query: str) -> tuple[str, list[str]]:
    """Mask every value after "?" or "#": which of them are secret, only the driver knows."""
    shown, values = [], []
    for part in re.split(r"([?#&;])", query):
        name, equals, value = part.partition("=")
        if equals:
            values.append(value)
        shown.append(f"{name}={MASK}" if equals else name)
    return "".join(shown), values
