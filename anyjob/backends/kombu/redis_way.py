"""Kombu's Redis transport, with a lease that begins in the same step in which a job is taken.

kombu itself pops a message first and writes into `unacked` after that: whoever dies in between
takes the message along. It also remembers no count of deliveries, and lets a late acknowledgement
end the lease of the next owner, whose message has the same delivery tag (celery#8030, kombu#1391).
So messages are put, counted and purged by kombu, in its format, and taken, kept, renewed and ended
by scripts of ours, of which each is one step. The time is the server's.
"""

from __future__ import annotations

import json
import secrets
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from anyjob.backends.kombu.errors import Lost
from anyjob.backends.kombu.link import COMMAND, CONNECT
from anyjob.backends.kombu.messages import Record, read
from anyjob.backends.kombu.redis_scripts import SCRIPTS
from anyjob.backends.kombu.url import Location
from anyjob.backends.kombu.virtual_way import VirtualWay
from anyjob.backends.kombu.way import Durability, Ending, Letter, Taken
from anyjob.core.errors import AnyjobError, ConfigurationError

#: Leases that are taken back in one step.
_SLICE = 100
_OLDEST = 7


class RedisWay(VirtualWay):
    """Leases by the server's clock."""

    lease: Ending = "timed"

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        stem = f"{self.names.namespace}:kombu:"
        self._keys = [f"{stem}kept", f"{stem}lease", f"{stem}lost"]
        self._mark_key = f"{stem}mark"
        #: By which the server is known again, unless it was emptied.
        self._mark: object = None
        self._client: Any = None
        self._scripts: dict[str, Any] = {}

    def options(self, location: Location) -> dict[str, Any]:
        return {
            "socket_timeout": COMMAND,
            "socket_connect_timeout": CONNECT,
            "socket_keepalive": True,
            "retry_on_timeout": False,
        }

    def tls(self, location: Location) -> dict[str, Any] | None:
        """Kombu checks no certificate of a rediss:// URL unless it is told to."""
        if location.transport != "rediss":
            return None
        return {
            "ssl_cert_reqs": ssl.CERT_REQUIRED,
            "ssl_ca_certs": location.ca or None,
            "ssl_certfile": location.cert or None,
            "ssl_keyfile": location.key or None,
            "ssl_check_hostname": True,
        }

    def prepare(self, channel: Any) -> None:
        with channel.conn_or_acquire() as client:
            self._client = client
        self._scripts = {name: self._client.register_script(text) for name, text in SCRIPTS.items()}

    def barrier(self, channel: Any) -> None:
        self._client.ping()

    def breaks(self, channel: Any, error: AnyjobError) -> bool:
        return isinstance(error, Lost)

    def version(self, channel: Any) -> str:
        version = str(self._client.info("server")["redis_version"])
        if int(version.split(".", maxsplit=1)[0]) < _OLDEST:
            raise ConfigurationError(
                f"{self.location.shown} is Redis {version}, and anyjob needs {_OLDEST}.0 or later;"
                " upgrade it"
            )
        return version

    def survives(self) -> Durability:
        """What an accepted job survives, as far as the server tells."""
        with suppress(Exception):
            return "process" if self._client.info("persistence")["aof_enabled"] else "none"
        return "none"

    def take(
        self, channel: Any, names: Sequence[str], tokens: Sequence[int], lease: float
    ) -> list[Taken]:
        if self.once:
            return super().take(channel, names, tokens, lease)
        now, mark, *found = self._run(
            "take", [self._mark_key, *names], [_ms(lease), secrets.token_hex(8), *tokens]
        )
        self._look_at(mark)
        wall = int(now) / 1000 if self.own_clock is None else self.own_clock.time()
        return [
            self._taken(channel, token, raw, int(lost), wall)
            for token, raw, lost in zip(tokens, found[::2], found[1::2], strict=False)
        ]

    def remove(self, channel: Any, tags: Sequence[Any]) -> list[bool]:
        return super().remove(channel, tags) if self.once else self._each("remove", tags)

    def give_up(self, channel: Any, tags: Sequence[Any]) -> list[bool] | None:
        return super().give_up(channel, tags) if self.once else self._each("give_up", tags)

    def renew(self, channel: Any, tags: Sequence[Any], lease: float) -> list[bool]:
        if self.once:
            return super().renew(channel, tags, lease)
        return self._each("renew", [_ms(lease), *tags])

    def tend(self, channel: Any) -> None:
        taken, mark = _SLICE, self._mark
        while taken == _SLICE:
            taken, mark = self._run("tend", [self._mark_key], [_SLICE, secrets.token_hex(8)])
        self._look_at(mark)

    def letters(self, channel: Any, name: str) -> list[Letter]:
        """Left where they are; the oldest stands last in the list."""
        return [
            Letter(raw, self._record(channel, raw))
            for raw in reversed(self._client.lrange(name, 0, -1))
        ]

    def finish(
        self, channel: Any, name: str, rest: Sequence[Letter], letters: Sequence[Letter]
    ) -> None:
        """They never went away."""

    def drop(self, channel: Any, name: str, letters: Sequence[Letter]) -> list[bool]:
        with self._client.pipeline(transaction=False) as pipe:
            for each in letters:
                # From the end where the old ones stand.
                pipe.lrem(name, -1, each.tag)
            return [bool(count) for count in pipe.execute()]

    def publish(
        self, channel: Any, messages: Sequence[tuple[str, Record]], stored: Callable[[int], None]
    ) -> list[bool]:
        """All in one transaction: a lot costs one round trip."""
        with self._client.pipeline(transaction=True) as pipe:
            for name, record in messages:
                pipe.lpush(name, self._written(channel, name, record))
            pipe.execute()
        for at in range(len(messages)):
            stored(at)
        return [True] * len(messages)

    def move(
        self, channel: Any, name: str, letters: Sequence[Letter], to: Sequence[tuple[str, Record]]
    ) -> list[bool] | None:
        arguments: list[object] = []
        for each, (target, record) in zip(letters, to, strict=True):
            arguments += [each.tag, self._written(channel, target, record)]
        keys = [*(target for target, _ in to), name]
        return [bool(each) for each in self._scripts["move"](keys=keys, args=arguments)]

    # Steps

    def _look_at(self, mark: object) -> None:
        if self._mark not in (None, mark):
            self.on_emptied()
        self._mark = mark

    def _written(self, channel: Any, name: str, record: Record) -> str:
        """A message as kombu writes it."""
        message = self.message(channel, record)
        # As in basic_publish, which sends it, too.
        channel._inplace_augment_message(message, "", name)  # noqa: SLF001
        return json.dumps(message)

    def _run(self, script: str, keys: Sequence[str], arguments: Sequence[object]) -> Any:
        # The server's own time, unless a clock was given to be obeyed.
        clock = self.own_clock
        now = "" if clock is None else str(int(clock.monotonic() * 1000))
        return self._scripts[script](keys=[*self._keys, *keys], args=[now, *arguments])

    def _each(self, script: str, arguments: Sequence[object]) -> list[bool]:
        return [bool(each) for each in self._run(script, [], arguments)]

    def _taken(self, channel: Any, token: int, raw: bytes, lost: int, now: float) -> Taken:
        record = self._record(channel, raw)
        record = msgspec.structs.replace(record, redeliveries=record.redeliveries + lost)
        return Taken(token, record, now)

    def _record(self, channel: Any, raw: bytes) -> Record:
        try:
            message = channel.Message(json.loads(raw), channel=channel)
        except Exception:
            return read(None, raw)
        return read(message.headers, message.body)


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
