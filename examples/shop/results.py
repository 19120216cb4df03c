"""What the files and the mails of a run say: each check yields a line for each thing amiss."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from PIL import Image

from examples.shop.corrections import corrected
from examples.shop.evidence import Evidence
from examples.shop.invoices import invoice_path
from examples.shop.mails import Mail
from examples.shop.orders import Order, Payment
from examples.shop.photos import SIZES, thumbnail_path


def thumbnails(evidence: Evidence) -> Iterator[str]:
    for photo, original in evidence.asked.photos.items():
        for size, longest in SIZES.items():
            path = thumbnail_path(evidence.out, photo, size)
            try:
                with Image.open(path) as image:
                    image.load()
                    sides = image.size
            except FileNotFoundError:
                yield f"thumbnail {size}/{photo}: missing"
                continue
            except OSError as error:
                yield f"thumbnail {size}/{photo}: {error}"
                continue
            if max(sides) != min(longest, max(original)):
                yield f"thumbnail {size}/{photo}: is {sides[0]} x {sides[1]}"


def invoices(evidence: Evidence) -> Iterator[str]:
    for order in evidence.orders:
        path = invoice_path(evidence.out, order.id)
        content = path.read_bytes() if path.exists() else b""
        if not (content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")):
            yield f"invoice {path.name}: missing or not a whole PDF"


def mails(evidence: Evidence) -> Iterator[str]:
    expected = {f"{mail}-{order.id}": order for order in evidence.orders for mail in due(order)}
    folder = evidence.out / "mail"
    found = {path.stem for path in folder.glob("*.eml")}
    yield from (f"mail {name}.eml: missing" for name in sorted(expected.keys() - found))
    yield from (f"mail {name}.eml: nobody asked for it" for name in sorted(found - expected.keys()))
    for name in sorted(found & expected.keys()):
        recipient = recipient_of(folder / f"{name}.eml")
        if recipient != corrected(expected[name].email):
            yield f"mail {name}.eml: went to {recipient}"


def due(order: Order) -> list[Mail]:
    """The mails that the customer of an order is to get."""
    mails = [Mail.RECEIPT]
    if order.is_first:
        mails.append(Mail.WELCOME)
    if order.payment is Payment.INVOICE:
        mails.append(Mail.REMINDER)
    return mails


def recipient_of(path: Path) -> str:
    message = message_from_bytes(path.read_bytes(), EmailMessage, policy=policy.default)
    to = message["To"]
    return ", ".join(address.addr_spec for address in to.addresses) if to else "nobody"


def frames(evidence: Evidence) -> Iterator[str]:
    for order in evidence.orders:
        path = evidence.out / "supplier" / f"{order.id}.json"
        if not order.frames:
            continue
        if not path.exists():
            yield f"frames of order {order.id}: the supplier never took the order"
        elif json.loads(path.read_bytes())["items"] != {f.sku: f.quantity for f in order.frames}:
            yield f"frames of order {order.id}: the supplier took another order"
