"""Transports on kombu's virtual channels: what is taken is deleted, whatever the transport says
later. The weakest of all, and what an unknown one is taken for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anyjob.backends.kombu.link import CONNECT, make_connection
from anyjob.backends.kombu.url import Location, folder_of
from anyjob.backends.kombu.way import Way


class VirtualWay(Way):
    """By kombu's own calls alone."""

    def __init__(self, *args: Any, transport: str | None = None, **more: Any) -> None:
        """`transport` is a class by its name, in place of the URL's scheme."""
        super().__init__(*args, **more)
        self._transport = transport

    def connect(self, location: Location) -> Any:
        more = {} if self._transport is None else {"transport": self._transport}
        return make_connection(
            location,
            CONNECT,
            transport_options=self.options(location),
            ssl=self.tls(location) or False,
            **more,
        )

    def options(self, location: Location) -> dict[str, Any]:
        return {}

    def tls(self, location: Location) -> dict[str, Any] | None:
        return None

    def barrier(self, channel: Any) -> None:
        """Nothing is under way when a call has returned."""

    def declare(self, channel: Any, queues: Sequence[str]) -> None:
        channel.exchange_declare(self.names.index, "direct", durable=True)
        known = self.declared(channel)
        for queue in queues:
            for name in (*self.names.bands(queue), self.names.dead(queue)):
                channel.queue_declare(name, durable=True)
            if queue not in known:
                # kombu remembers what it has bound, also where somebody has deleted it since.
                channel.state.binding_delete(queue, self.names.index, queue)
                channel.queue_bind(queue, self.names.index, queue)

    def declared(self, channel: Any) -> set[str]:
        channel.exchange_declare(self.names.index, "direct", durable=True)
        return {str(entry[2]) for entry in channel.get_table(self.names.index)}

    def size(self, channel: Any, name: str) -> int:
        return int(channel.queue_declare(name, durable=True).message_count)


class FilesystemWay(VirtualWay):
    """A file for each message, in one folder."""

    def options(self, location: Location) -> dict[str, Any]:
        folder = folder_of(location)
        return {
            "data_folder_in": folder,
            "data_folder_out": folder,
            "control_folder": f"{folder}/control",
        }

    def connect(self, location: Location) -> Any:
        # kombu makes the folder of its exchanges alone.
        Path(folder_of(location)).mkdir(mode=0o700, parents=True, exist_ok=True)
        return super().connect(location)
