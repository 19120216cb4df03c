"""Which queues were declared: a stream of RabbitMQ, which is read and stays as it is."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

#: Messages of a stream that may be on their way unacknowledged.
_PREFETCH = 500
#: A stream whose last entry does not come in so many seconds has none; and all of it has come in so
#: many.
_EMPTY, _ALL = 0.5, 2.0


def entries(channel: Any, stream: str) -> list[bytes]:
    """All that stands in the stream, the oldest first; nothing if there is none."""
    found: dict[int, bytes] = {}
    last = [-1]
    reading = channel.connection.channel()
    try:
        reading.basic_qos(0, _PREFETCH, a_global=False)

        def on_last(message: Any) -> None:
            last[0] = max(last[0], _offset(message))

        def on_first(message: Any) -> None:
            found[_offset(message)] = bytes(message.body)
            reading.basic_ack(message.delivery_tag)

        for callback, place in ((on_last, "last"), (on_first, "first")):
            # Known before it is asked for: py-amqp rejects what comes for an unknown one, which
            # ends the connection where it comes from a stream.
            reading.callbacks[place] = callback
            reading.basic_consume(
                stream,
                consumer_tag=place,
                callback=callback,
                arguments={"x-stream-offset": place},
            )
        began = time.monotonic()
        while last[0] < 0 or last[0] not in found:
            left = began + (_EMPTY if last[0] < 0 else _ALL) - time.monotonic()
            if left <= 0:
                break
            with suppress(TimeoutError):
                channel.connection.drain_events(timeout=left)
        # The rest of the last chunk has come with its first entry.
        reading.basic_qos(0, _PREFETCH, a_global=False)
    except Exception as error:
        if type(error).__name__ != "NotFound":
            raise
        return []
    finally:
        with suppress(Exception):
            reading.close()
    return [found[offset] for offset in sorted(found)]


def _offset(message: Any) -> int:
    return int((message.headers or {}).get("x-stream-offset", -1))
