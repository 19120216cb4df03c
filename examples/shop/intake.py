"""Handing in the work: which jobs the photographs and the orders make."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anyjob import Draft, Rejected
from examples.shop.errors import JobRefused, QueueInUse
from examples.shop.journal import Enqueued, Journal
from examples.shop.mails import Mail
from examples.shop.orders import Order, Payment, Plan
from examples.shop.photos import SIZES
from examples.shop.tasks import (
    ORDERS,
    PHOTOS,
    jobs,
    make_thumbnail,
    order_frames,
    send_mail,
    write_invoice,
)

#: Whoever pays more is served first; 5 is what a job has that asks for nothing.
PRIORITY = {Plan.PREMIUM: 8, Plan.FREE: 5}
#: Seconds after which a customer is reminded of an invoice; a week, in a shop that has more time.
REMIND_AFTER = 6.0


@dataclass(frozen=True, slots=True)
class Item:
    """A job to be handed in, and what the journal is to say of it."""

    draft: Draft[None]
    task: str
    about: str
    plan: Plan | None = None
    delay: float = 0.0

    def enqueued(self, job: str, at: float) -> Enqueued:
        return Enqueued(
            at=at, job=job, task=self.task, about=self.about, plan=self.plan, delay=self.delay
        )


def check_queues() -> None:
    """Raise QueueInUse if jobs are there that are not ours: they would be run, and counted too."""
    for queue in (PHOTOS, ORDERS):
        found = jobs.counts(queue)
        count = found.ready + (found.scheduled or 0) + (found.leased or 0) + found.dead
        if count:
            raise QueueInUse(
                f"queue {queue!r} holds {count} jobs already; run or remove them"
                " (anyjob queues purge, anyjob dead discard), or name another backend"
            )


def hand_in(photos: list[Path], orders: list[Order], journal: Journal) -> int:
    """Enqueue all there is to do and note it in the journal; returns how many jobs that makes.

    Raises JobRefused for the first job that was refused.
    """
    items = [*photo_items(photos), *(item for order in orders for item in order_items(order))]
    at = time.time()
    answers = jobs.enqueue_many(item.draft for item in items)
    for item, answer in zip(items, answers, strict=True):
        if isinstance(answer, Rejected):
            raise JobRefused(f"{item.task} of {item.about}: {answer.why}")
        journal.write(item.enqueued(answer.id, at))
    return len(items)


def photo_items(photos: list[Path]) -> Iterator[Item]:
    for photo in photos:
        for size in SIZES:
            yield Item(make_thumbnail.job(photo.name, size), "thumbnail", f"{photo.name}, {size}")


def order_items(order: Order) -> Iterator[Item]:
    """The jobs of one order, all in its customer's plan."""
    priority = PRIORITY[order.plan]
    invoice = write_invoice.using(priority=priority).job(order)
    yield Item(invoice, "invoice", order.id, order.plan)
    mail = send_mail.using(priority=priority)
    yield Item(mail.job(Mail.RECEIPT, order.email, order), Mail.RECEIPT, order.id, order.plan)
    if order.is_first:
        yield Item(mail.job(Mail.WELCOME, order.email, order), Mail.WELCOME, order.id, order.plan)
    if order.payment is Payment.INVOICE:
        later = send_mail.using(priority=priority, delay=REMIND_AFTER)
        reminder = later.job(Mail.REMINDER, order.email, order)
        yield Item(reminder, Mail.REMINDER, order.id, order.plan, REMIND_AFTER)
    if order.frames:
        frames = order_frames.using(priority=priority).job(order)
        yield Item(frames, "frames", order.id, order.plan)
