"""Ordering frames from the frame maker, over HTTP."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from examples.shop.orders import Order

#: Seconds before the supplier is asked a second time; each further wait is twice as long.
FIRST_WAIT = 0.5


def order_from(url: str, order: Order) -> None:
    """Ask the supplier for the frames of an order, known there by the order's id.

    Raises OSError; HTTPError, for any answer but success, is one.
    """
    wanted = {"order": order.id, "items": {line.sku: line.quantity for line in order.frames}}
    request = Request(url, json.dumps(wanted).encode(), {"Content-Type": "application/json"})
    try:
        urlopen(request, timeout=10).close()
    except HTTPError as refused:
        refused.close()
        raise
