"""Setting the stage: the servers, and the environment in which the tasks find them."""

from __future__ import annotations

import os
from contextlib import ExitStack

from rich.console import Console

from examples.shop.backend import Chosen
from examples.shop.frame_maker import frame_maker
from examples.shop.interruption import Interruption
from examples.shop.mail_server import mail_server
from examples.shop.progress import display
from examples.shop.settings import Settings
from examples.shop.work import Work


def run(work: Work, backend: Chosen, console: Console, interruption: Interruption) -> None:
    """Let the shop do its work; what came of it, and how, is in `work.out`.

    Raises Interrupted, QueueInUse, ShopError and errors of anyjob. Leaves no process behind,
    whatever happens.
    """
    with (
        mail_server(work.out / "mail") as smtp,
        frame_maker(work.out / "supplier") as supplier,
        display(console) as shown,
        ExitStack() as stack,
    ):
        starting = backend.server(work.out / backend.name) if backend.server else None
        server = None if starting is None else stack.enter_context(starting)
        url = server.url if server else backend.url
        settings = Settings(work.out, next(iter(work.photos)).parent, smtp, supplier)
        os.environ.update(settings.as_environment() | {"SHOP_BACKEND": url})
        # The tasks are told of their backend while they are imported, so not before.
        from examples.shop.day import Day

        day = Day(work, shown, interruption, server)
        if backend.processes:
            day.on_worker_processes()
        else:
            day.in_this_program()
