"""kombu's pyamqp: the broker keeps what was taken for as long as the connection lives.

Queues are quorum queues: they count deliveries, and what is confirmed is written through.
"""

from __future__ import annotations

import secrets
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from amqp import spec

from anyjob.backends.kombu.amqp_index import entries
from anyjob.backends.kombu.errors import Lost, Refused
from anyjob.backends.kombu.link import COMMAND, CONNECT, make_connection
from anyjob.backends.kombu.messages import Record, headers_of, read
from anyjob.backends.kombu.url import Location
from anyjob.backends.kombu.way import Ending, Letter, Taken, Way

_HEARTBEAT = 10
#: Out of reach: the worker's core buries what is lost too often. Unset, RabbitMQ 4 makes it 20.
_DELIVERIES = 1000
#: People look at the dead as often as they like; RabbitMQ 3.10 takes -1, for none, and drops the
#: message at its first return.
_LOOKS = 10**9
#: Messages that a consumer may have unacknowledged (AMQP 0-9-1: a short).
_MOST = 65_535
#: Seconds without a message after which no more of them come.
_QUIET = 0.5
_COUNTED = "x-delivery-count"


class AmqpWay(Way):
    """Leases on the connection; confirms for what is published."""

    lease: Ending = "connection"

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        #: Whether the connection is, and the first entry of the index: by that the broker is known
        #: again, unless it was emptied.
        self._is_new = True
        self._mark: bytes | None = None
        #: Delivery tags of this connection.
        self._unsettled: set[Any] = set()
        self._sent = 0
        #: By the number that the broker confirms: which message of the lot it is.
        self._unconfirmed: dict[int, int] = {}
        self._refused: set[int] = set()
        self._unroutable: set[int] = set()
        self._stored: Callable[[int], None] = lambda _: None

    def connect(self, location: Location) -> Any:
        return make_connection(
            location, CONNECT, heartbeat=_HEARTBEAT, ssl=self._tls(location) or False
        )

    def prepare(self, channel: Any) -> None:
        self._is_new = True
        self._unsettled.clear()
        channel.confirm_select()
        self._sent = 0
        self._unconfirmed.clear()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.events["basic_return"].add(self._on_return)

    def disconnect(self, connection: Any, *, is_broken: bool) -> None:
        if is_broken:
            # Closing asks the broker, which may not answer.
            self.sever(connection)
            connection.collect()
        else:
            connection.release()

    def sever(self, connection: Any) -> None:
        # Not by `connection.connection`, which makes another one where there is none.
        made = connection._connection  # noqa: SLF001
        sock = made and made._transport and made._transport.sock  # noqa: SLF001
        if sock:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def barrier(self, channel: Any) -> None:
        # Gets are not bound by it; its answer comes after all that was asked before.
        channel.basic_qos(0, 1, a_global=False)

    def version(self, channel: Any) -> str:
        return str(channel.connection.server_properties.get("version", ""))

    def declare(self, channel: Any, queues: Sequence[str]) -> None:
        made = channel.queue_declare(
            self.names.index, durable=True, auto_delete=False,
            arguments={"x-queue-type": "stream"},
        )  # fmt: skip
        for queue in queues:
            dead = self.names.dead(queue)
            self._quorum(channel, dead, {"x-delivery-limit": _LOOKS})
            arguments = {
                "x-delivery-limit": _DELIVERIES,
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": dead,
                # What becomes dead is kept until the broker has it in its new place.
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            }
            for band in self.names.bands(queue):
                self._quorum(channel, band, arguments)
        # A stream that has nothing takes a while to say so.
        known = self.declared(channel) if made.message_count else set()
        # The number tells this stream from another of the same queues.
        new = [f"{queue} {secrets.token_hex(8)}".encode() for queue in queues if queue not in known]
        sent = [(self.names.index, Record(id="", body=entry, is_ours=False)) for entry in new]
        self.publish(channel, sent, lambda _: None)

    def declared(self, channel: Any) -> set[str]:
        return {
            body.split(b" ")[0].decode("ascii", "replace")
            for body in entries(channel, self.names.index)
        }

    def take(
        self, channel: Any, names: Sequence[str], tokens: Sequence[int], lease: float
    ) -> list[Taken]:
        if self._is_new:
            self._is_new = False
            self._look_at(next(iter(entries(channel, self.names.index)), b""))
        messages: list[Any] = []
        for name in names:
            left = len(tokens) - len(messages)
            first = self.get(channel, name) if left else None
            if first is not None:
                messages.append(first)
                ready = int(first.delivery_info["message_count"])
                messages += self._many(channel, name, min(left - 1, ready))
        taken = [self.taken(each) for each in messages]
        self._unsettled.update(each.tag for each in taken)
        return taken

    def size(self, channel: Any, name: str) -> int:
        looking = channel.connection.channel()
        try:
            return int(looking.queue_declare(name, passive=True).message_count)
        except Exception as error:
            if type(error).__name__ != "NotFound":
                raise
            return 0
        finally:
            with suppress(Exception):
                looking.close()

    def purge(self, channel: Any, name: str) -> int:
        looking = channel.connection.channel()
        try:
            return int(looking.queue_purge(name) or 0)
        except Exception as error:
            if type(error).__name__ != "NotFound":
                raise
            return 0
        finally:
            with suppress(Exception):
                looking.close()

    def publish(
        self, channel: Any, messages: Sequence[tuple[str, Record]], stored: Callable[[int], None]
    ) -> list[bool]:
        """Send all, then wait until the broker has confirmed each."""
        self._stored, self._refused, self._unroutable = stored, set(), set()
        self._unconfirmed.clear()
        for index, (name, record) in enumerate(messages):
            self._sent += 1
            self._unconfirmed[self._sent] = index
            channel.basic_publish(
                self.message(channel, record, number=self._sent),
                exchange="", routing_key=name, mandatory=True,
            )  # fmt: skip
        deadline = time.monotonic() + COMMAND
        while self._unconfirmed:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Lost(f"{self.location.shown} did not confirm what was sent")
            with suppress(TimeoutError):
                channel.connection.drain_events(timeout=left)
        if self._refused:
            raise Refused(f"{self.location.shown} refuses {len(self._refused)} messages")
        return [index not in self._unroutable for index in range(len(messages))]

    def message(self, channel: Any, record: Record, *, number: int = 0) -> Any:
        return channel.prepare_message(
            record.body,
            content_type="application/octet-stream",
            headers=headers_of(record),
            properties={"delivery_mode": 2, "message_id": str(number)},
        )

    def taken(self, message: Any) -> Taken:
        record = read(message.properties.get("application_headers"), message.body)
        lost = record.redeliveries + _lost(message)
        return Taken(
            message.delivery_info["delivery_tag"],
            msgspec.structs.replace(record, redeliveries=lost),
            self.clock.time(),
        )

    def remove(self, channel: Any, tags: Sequence[Any]) -> list[bool]:
        if self.once:
            return [True] * len(tags)
        ours = self._settled(tags)
        for tag, is_ours in zip(tags, ours, strict=True):
            if is_ours:
                channel.basic_ack(tag)
        self.barrier(channel)
        return ours

    def give_up(self, channel: Any, tags: Sequence[Any]) -> list[bool] | None:
        if self.once:
            return None
        ours = self._settled(tags)
        for tag, is_ours in zip(tags, ours, strict=True):
            if is_ours:
                channel.basic_reject(tag, requeue=True)
        self.barrier(channel)
        return ours

    def renew(self, channel: Any, tags: Sequence[Any], lease: float) -> list[bool]:
        # Asked before something follows a job: they are ours if the connection answers.
        self.barrier(channel)
        return [True] * len(tags)

    def letters(self, channel: Any, name: str) -> list[Letter]:
        """Held by a channel of their own; what is not dropped is where it was when that closes."""
        looking = channel.connection.channel()
        found: list[Letter] = []
        try:
            first = looking.basic_get(name)
            if first is not None:
                came = [first]
                left = int(first.delivery_info["message_count"])
                # Pushed, as thousands would take too long one by one; without a number of its own
                # a quorum queue stops at 2000.
                looking.basic_qos(0, _MOST, a_global=False)
                looking.basic_consume(name, callback=came.append)
                # Somebody else may hold some of what was counted.
                with suppress(TimeoutError):
                    while len(came) <= left:
                        channel.connection.drain_events(timeout=_QUIET)
                found = [self._letter(looking, message) for message in came]
        except Exception as error:
            if type(error).__name__ != "NotFound":
                raise
        if not found:
            with suppress(Exception):
                looking.close()
        return found

    def finish(
        self, channel: Any, name: str, rest: Sequence[Letter], letters: Sequence[Letter]
    ) -> None:
        for looking in {id(each.tag[0]): each.tag[0] for each in letters}.values():
            looking.close()

    def drop(self, channel: Any, name: str, letters: Sequence[Letter]) -> list[bool]:
        channels = {id(each.tag[0]): each.tag[0] for each in letters}
        for looking, tag in (each.tag for each in letters):
            looking.basic_ack(tag)
        for looking in channels.values():
            looking.basic_qos(0, 1, a_global=False)
        return [True] * len(letters)

    # Steps

    def _settled(self, tags: Sequence[Any]) -> list[bool]:
        """Which of these are unsettled until now: a broker closes the channel of one who settles
        twice, as happens where an answer came too late.
        """
        ours = [tag in self._unsettled for tag in tags]
        self._unsettled.difference_update(tags)
        return ours

    def _many(self, channel: Any, name: str, count: int) -> list[Any]:
        """Ask for so many at once: one after the other, each would take a round trip."""
        came: list[Any] = []
        answers = 0

        def on_ok(*told: Any) -> None:
            nonlocal answers
            answers += 1
            came.append(channel._on_get_ok(*told))  # noqa: SLF001

        def on_empty(*_: Any) -> None:
            nonlocal answers
            answers += 1

        # As py-amqp registers its own; it waits for one answer at a time.
        listeners = channel._callbacks  # noqa: SLF001
        listeners[spec.Basic.GetOk], listeners[spec.Basic.GetEmpty] = on_ok, on_empty
        try:
            for _ in range(count):
                channel.send_method(spec.Basic.Get, "Bsb", (0, name, self.once))
            while answers < count:
                channel.connection.drain_events(timeout=COMMAND)
        finally:
            del listeners[spec.Basic.GetOk], listeners[spec.Basic.GetEmpty]
        return came

    def _look_at(self, mark: bytes) -> None:
        if self._mark not in (None, mark):
            self.on_emptied()
        self._mark = mark

    def _letter(self, looking: Any, message: Any) -> Letter:
        record = read(message.properties.get("application_headers"), message.body)
        if record.died is None:
            record = msgspec.structs.replace(
                record, redeliveries=record.redeliveries + _lost(message)
            )
        return Letter((looking, message.delivery_info["delivery_tag"]), record)

    def _tls(self, location: Location) -> dict[str, Any] | None:
        if location.transport != "amqps":
            return None
        return {
            "cert_reqs": ssl.CERT_REQUIRED,
            "ca_certs": location.ca or ssl.get_default_verify_paths().cafile,
            "certfile": location.cert or None,
            "keyfile": location.key or None,
            # As the host in the URL is called.
            "server_hostname": None,
        }

    def _quorum(self, channel: Any, name: str, arguments: dict[str, Any]) -> None:
        channel.queue_declare(
            name, durable=True, auto_delete=False,
            arguments={"x-queue-type": "quorum", **arguments},
        )  # fmt: skip

    def _confirmed(self, number: int, multiple: bool) -> list[int]:  # noqa: FBT001 - AMQP's own
        numbers = [each for each in self._unconfirmed if each <= number] if multiple else [number]
        return [
            index for each in numbers if (index := self._unconfirmed.pop(each, None)) is not None
        ]

    def _on_ack(self, number: int, multiple: bool) -> None:  # noqa: FBT001 - the same
        for index in self._confirmed(number, multiple):
            if index not in self._unroutable:
                self._stored(index)

    def _on_nack(self, number: int, multiple: bool, *_: Any) -> None:  # noqa: FBT001 - the same
        self._refused.update(self._confirmed(number, multiple))

    def _on_return(self, error: Any, exchange: str, key: str, message: Any) -> None:
        """Before its confirm: there is no such queue."""
        number = int(message.properties.get("message_id") or 0)
        index = self._unconfirmed.get(number)
        if index is not None:
            self._unroutable.add(index)


def _lost(message: Any) -> int:
    headers = message.properties.get("application_headers") or {}
    counted = headers.get(_COUNTED)
    if isinstance(counted, int):
        return int(counted)
    return int(bool(message.delivery_info.get("redelivered")))
