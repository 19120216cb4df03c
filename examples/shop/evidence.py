"""What a run leaves beside its results: enough to judge it later, without asking the product."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from examples.shop.backend import Chosen
from examples.shop.history import History
from examples.shop.journal import Journal
from examples.shop.orders import Order, read_orders
from examples.shop.work import Work


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was given to do, beside the orders; kept as asked.json."""

    backend: str
    #: Whether real worker processes ran, of which one was to be killed.
    processes: bool
    #: Width and height in pixels of each photograph, by file name.
    photos: dict[str, tuple[int, int]]
    #: Whether the demo started the server itself and killed it once.
    is_killed: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """The input of a run and what its tasks wrote down."""

    out: Path
    asked: Asked
    orders: list[Order]
    history: History

    @classmethod
    def of(cls, out: Path) -> Self:
        """Read the evidence in a folder; raises OSError, and ValueError where it is damaged."""
        history = History()
        history.add(Journal(out).read()[0])
        asked = msgspec.json.decode((out / "asked.json").read_bytes(), type=Asked)
        return cls(out, asked, read_orders(out / "orders.csv"), history)


def note_input(work: Work, backend: Chosen, orders: Path) -> None:
    """Keep what a run was given, so that the input may change or vanish afterwards."""
    sizes = {photo.name: size for photo, size in work.photos.items()}
    asked = Asked(
        backend=backend.name,
        processes=backend.processes,
        photos=sizes,
        is_killed=backend.is_killed,
    )
    (work.out / "asked.json").write_bytes(msgspec.json.format(msgspec.json.encode(asked)))
    shutil.copyfile(orders, work.out / "orders.csv")
