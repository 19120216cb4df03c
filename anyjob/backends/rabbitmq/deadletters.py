"""The dead jobs of a queue: shown, looked up, and taken out, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from anyjob.backends.rabbitmq import dead, messages
from anyjob.backends.rabbitmq.dead import Reader
from anyjob.backends.rabbitmq.errors import Uncertain
from anyjob.backends.rabbitmq.line import Delivery
from anyjob.backends.rabbitmq.link import COMMAND, Link
from anyjob.backends.rabbitmq.loop import Loop
from anyjob.backends.rabbitmq.names import Names
from anyjob.core.backend import JobRecord, Page
from anyjob.core.errors import BackendUnavailable


class DeadLetters:
    """Of one namespace; each look takes the whole queue out, and puts back what it leaves."""

    def __init__(self, loop: Loop, link: Link, names: Names) -> None:
        self._loop = loop
        self._link = link
        self._names = names

    def page(self, queue: str, first: int, limit: int) -> Page:
        """So many records from the `first` one on."""
        last = first + limit
        records: list[JobRecord] = []
        seen = 0
        with self._reading(queue) as reader:
            for lot in reader.read():
                for delivery in lot:
                    if first <= seen < last:
                        records.append(_record(queue, delivery))
                    seen += 1
                if seen > last:
                    break
        return Page(records, str(last) if seen > last else None)

    def find(self, queue: str, wanted: set[str]) -> dict[str, JobRecord]:
        """By id, those of these jobs that are dead."""
        found: dict[str, JobRecord] = {}
        if not wanted:
            return found
        with self._reading(queue) as reader:
            for lot in reader.read():
                for delivery in lot:
                    record = _record(queue, delivery)
                    if record.id in wanted:
                        found[record.id] = record
                if len(found) == len(wanted):
                    break
        return found

    def take(
        self, queue: str, ids: Sequence[str] | None, use: Callable[[list[Delivery]], None]
    ) -> int:
        """Use dead jobs, each once, and remove them; None: all. Returns how many."""
        wanted = None if ids is None else set(ids)
        if wanted is not None and not wanted:
            return 0
        taken = 0
        with self._reading(queue) as reader:
            for lot in reader.read():
                chosen = [
                    delivery
                    for delivery in lot
                    if wanted is None
                    or messages.received(delivery.properties, delivery.body).id in wanted
                ]
                if taken:
                    with in_doubt():
                        use(chosen)
                else:
                    use(chosen)
                reader.settle([delivery.tag for delivery in chosen])
                taken += len(chosen)
            if taken:
                with in_doubt():
                    reader.finish()
        return taken

    def _reading(self, queue: str) -> AbstractContextManager[Reader]:
        return dead.looking(self._loop, self._link, self._names.dead(queue), COMMAND)


@contextmanager
def in_doubt() -> Iterator[None]:
    """What is lost in the block may have been done."""
    try:
        yield
    except BackendUnavailable as error:
        raise Uncertain(str(error)) from error


def _record(queue: str, delivery: Delivery) -> JobRecord:
    return messages.dead_record(queue, delivery.properties, delivery.body)
