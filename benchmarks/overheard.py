"""What clients ask of a server, heard by MONITOR; what their scripts do there is not heard."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from benchmarks.server import client

#: The names of commands, by the number of the database, with how often each was sent.
Heard = dict[int, Counter[str]]


@contextmanager
def overheard(url: str) -> Iterator[Heard]:
    """Count what is asked meanwhile; all of it is there when the block has ended."""
    heard: Heard = {}
    end = uuid4().hex
    with client(url) as asking, client(url) as listening:
        # What a new connection says is said before.
        asking.ping()
        with listening.monitor() as monitor:
            listener = threading.Thread(target=_listen, args=(monitor, end, heard), daemon=True)
            listener.start()
            yield heard
            asking.echo(end)
            listener.join(5)
            if listener.is_alive():
                raise RuntimeError("the server did not tell all that it was asked")


def _listen(monitor: Any, end: str, heard: Heard) -> None:
    while True:
        told = monitor.next_command()
        if told["client_type"] == "lua":
            continue
        name, _, words = str(told["command"]).partition(" ")
        if words == end:
            return
        heard.setdefault(int(told["db"]), Counter())[name] += 1
