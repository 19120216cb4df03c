"""What there is to do in a day, and where its results go."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from examples.shop.corrections import corrected
from examples.shop.orders import Order, read_orders
from examples.shop.photos import find_photos, size_of


class UnusableFolder(Exception):
    """Raised for a folder without photographs, or one whose files are not ours to remove."""


@dataclass(frozen=True, slots=True)
class Work:
    """The input of one run."""

    #: Each with its width and height in pixels.
    photos: dict[Path, tuple[int, int]]
    orders: list[Order]
    out: Path

    @property
    def misspelt(self) -> list[Order]:
        """The orders whose receipt will end in the dead letters."""
        return [order for order in self.orders if order.email != corrected(order.email)]


def gather(photos: Path, orders: Path, out: Path) -> Work:
    """Read what there is to do; raises UnusableFolder, OrderError and OSError."""
    found = find_photos(photos)
    if not found:
        raise UnusableFolder(f"{photos} has no photographs; name a folder that has some")
    return Work({photo: size_of(photo) for photo in found}, read_orders(orders), out)


def clear(out: Path) -> None:
    """Make `out` an empty folder; removes nothing but an earlier run's results.

    Raises UnusableFolder.
    """
    if out.exists() and any(out.iterdir()) and not (out / "asked.json").exists():
        raise UnusableFolder(f"{out} holds other files than the shop's; name a folder of its own")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
