"""What the tasks have to know of the world around them; it comes in the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

OUT = Path("out", "shop")
PHOTOS = Path(__file__).with_name("photos")


@dataclass(frozen=True)
class Settings:
    """Where things are. The defaults suit a worker that somebody starts by hand."""

    #: The folder of all results.
    out: Path = OUT
    #: The folder of the photographs.
    photos: Path = PHOTOS
    #: The SMTP server, "host:port".
    smtp: str = "127.0.0.1:8025"
    #: Where the frame maker takes orders.
    supplier: str = "http://127.0.0.1:8080/orders"

    @classmethod
    def from_environment(cls) -> Settings:
        given = os.environ.get
        return cls(
            out=Path(given("SHOP_OUT", cls.out)),
            photos=Path(given("SHOP_PHOTOS", cls.photos)),
            smtp=given("SHOP_SMTP", cls.smtp),
            supplier=given("SHOP_SUPPLIER", cls.supplier),
        )

    def as_environment(self) -> dict[str, str]:
        return {
            "SHOP_OUT": str(self.out),
            "SHOP_PHOTOS": str(self.photos),
            "SHOP_SMTP": self.smtp,
            "SHOP_SUPPLIER": self.supplier,
        }
