"""The shop's tasks: what is done in the background, and what happens when it fails.

A worker for them, started by hand: `anyjob worker examples.shop.tasks:jobs`
"""

from __future__ import annotations

import os
from smtplib import SMTPRecipientsRefused

from anyjob import App, Retry
from examples.shop import invoices, mails, photos, supplier
from examples.shop.journal import Journal
from examples.shop.mails import Mail
from examples.shop.orders import Order
from examples.shop.settings import Settings

jobs = App(os.environ.get("SHOP_BACKEND", "sqlite:///out/shop/jobs.db"))

PHOTOS = "photos"
ORDERS = "orders"

#: A mail server that is down will be up again; an address it refuses stays refused.
MAIL_RETRY = Retry(max_attempts=4, initial=0.5, on=OSError, never=SMTPRecipientsRefused)
#: A supplier who is closed will open. No jitter, so that the report can check the waits.
SUPPLIER_RETRY = Retry(max_attempts=7, initial=supplier.FIRST_WAIT, jitter=False, on=OSError)


@jobs.task(queue=PHOTOS, timeout=30)
def make_thumbnail(photo: str, size: str) -> None:
    settings = Settings.from_environment()
    with Journal(settings.out).attempt("thumbnail"):
        photos.shrink(settings.photos / photo, settings.out, size)


@jobs.task(queue=ORDERS, timeout=30)
def write_invoice(order: Order) -> None:
    settings = Settings.from_environment()
    with Journal(settings.out).attempt("invoice"):
        invoices.write_pdf(order, settings.out)


@jobs.task(queue=ORDERS, retry=MAIL_RETRY, timeout=30)
def send_mail(mail: Mail, to: str, order: Order) -> None:
    settings = Settings.from_environment()
    with Journal(settings.out).attempt(mail):
        mails.send(mails.compose(mail, to, order), settings.smtp)


@jobs.task(queue=ORDERS, retry=SUPPLIER_RETRY, timeout=30)
def order_frames(order: Order) -> None:
    settings = Settings.from_environment()
    with Journal(settings.out).attempt("frames"):
        supplier.order_from(settings.supplier, order)
