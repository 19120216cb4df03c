"""The orders of the shop, as they stand in orders.csv."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path


class Plan(StrEnum):
    """What the customer pays for being served: premium orders go first."""

    FREE = "free"
    PREMIUM = "premium"


class Payment(StrEnum):
    """When the customer pays; who pays by invoice is reminded."""

    CARD = "card"
    INVOICE = "invoice"


@dataclass(frozen=True, slots=True)
class Line:
    """One position of an order."""

    sku: str
    quantity: int
    price: Decimal

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.price


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the tasks receive it; money is in euros."""

    id: str
    placed_at: datetime
    customer: str
    email: str
    country: str
    plan: Plan
    is_first: bool
    payment: Payment
    lines: tuple[Line, ...]
    total: Decimal

    @property
    def frames(self) -> tuple[Line, ...]:
        """What the frame maker has to supply; the prints are made in the house."""
        return tuple(line for line in self.lines if line.sku.startswith("FRAME-"))


class OrderError(ValueError):
    """Raised when a row of the orders file makes no order."""


def read_orders(path: Path) -> list[Order]:
    """Read all orders, in the order of the file.

    Raises OSError, and OrderError with the line of the first row that makes no order.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        orders = []
        for row in rows:
            try:
                orders.append(_order(row))
            except (KeyError, ValueError, ArithmeticError) as error:
                raise OrderError(f"{path}, line {rows.line_num}: {error!r}") from error
    return orders


def _order(row: dict[str, str]) -> Order:
    order = Order(
        id=row["order"],
        placed_at=datetime.fromisoformat(row["placed_at"]),
        customer=row["customer"],
        email=row["email"],
        country=row["country"],
        plan=Plan(row["plan"]),
        is_first=row["new_customer"] == "yes",
        payment=Payment(row["payment"]),
        lines=tuple(_line(text) for text in row["items"].split("; ")),
        total=Decimal(row["total"]),
    )
    if order.total != sum(line.amount for line in order.lines):
        raise ValueError(f"the items of order {order.id!r} don't add up to {order.total}")
    return order


def _line(text: str) -> Line:
    """Read an item such as "2 x PRINT-CAT-20x30 @ 14.90"."""
    quantity, _, sku, _, price = text.split(" ")
    return Line(sku, int(quantity), Decimal(price))
