"""The mail server that the demo starts: real SMTP on this machine alone, a file for each mail."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from examples.shop.files import replacing
from examples.shop.mails import NAME_HEADER

#: The server knows no other domains and refuses a misspelt one, as a real one would.
DOMAINS = {"example.com", "example.net", "example.org"}
#: A name comes from outside and becomes a file's name.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,79}")


@contextmanager
def mail_server(folder: Path) -> Iterator[str]:
    """Take mail at the "host:port" this yields, on an event loop in a thread of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    listening = socket.create_server(("127.0.0.1", 0))
    stop = asyncio.Event()
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        loop = runner.get_loop()
        serving = threading.Thread(
            target=lambda: runner.run(_serve(listening, Mailbox(folder), stop)), name="mail-server"
        )
        serving.start()
        try:
            yield "{}:{}".format(*listening.getsockname())
        finally:
            loop.call_soon_threadsafe(stop.set)
            serving.join()


async def _serve(listening: socket.socket, mailbox: Mailbox, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def greet() -> SMTP:
        # Named here, because aiosmtpd would ask the DNS for its name at each connection.
        return SMTP(mailbox, hostname="localhost", loop=loop)

    async with await loop.create_server(greet, sock=listening):
        await stop.wait()


class Mailbox:
    """Keeps each mail as `<name>.eml`; one that is sent twice replaces itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd looks for
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        domain = address.rpartition("@")[2]
        if domain not in DOMAINS:
            return f"550 5.1.2 no such domain: {domain}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - likewise
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        content = envelope.original_content or b""
        name = str(message_from_bytes(content)[NAME_HEADER])
        if not NAME.fullmatch(name):
            return f"554 5.6.0 a mail needs a name in {NAME_HEADER}"
        with replacing(self._folder / f"{name}.eml") as part:
            part.write_bytes(content)
        return "250 OK"
