"""Invoices as PDF files."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import getRegisteredFontNames, registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from examples.shop.files import replacing
from examples.shop.orders import Order

FONT = "DejaVuSans"
FONT_FILE = Path(__file__).with_name("fonts") / "DejaVuSans.ttf"
LEFT, RIGHT, TOP = 20 * mm, A4[0] - 20 * mm, A4[1] - 25 * mm
STEP = 7 * mm

_registering = Lock()


def invoice_path(out: Path, order_id: str) -> Path:
    return out / "invoices" / f"{order_id}.pdf"


def write_pdf(order: Order, out: Path) -> None:
    """Draw the invoice of an order on one page."""
    with replacing(invoice_path(out, order.id)) as part:
        page = Canvas(str(part), pagesize=A4)
        page.setTitle(f"Invoice {order.id}")
        _head(page, order)
        bottom = _items(page, order, TOP - 6 * STEP)
        _total(page, order, bottom)
        page.save()


def _head(page: Canvas, order: Order) -> None:
    page.setFont(_font(), 16)
    page.drawString(LEFT, TOP, f"Invoice {order.id}")
    page.setFont(_font(), 10)
    page.drawRightString(RIGHT, TOP, f"{order.placed_at:%d %B %Y}")
    page.drawString(LEFT, TOP - 2 * STEP, order.customer)
    page.drawString(LEFT, TOP - 3 * STEP, f"{order.email} · {order.country}")


def _items(page: Canvas, order: Order, y: float) -> float:
    for line in order.lines:
        page.drawString(LEFT, y, f"{line.quantity} x {line.sku}")
        page.drawRightString(RIGHT, y, f"{line.amount:.2f} €")
        y -= STEP
    return y


def _total(page: Canvas, order: Order, y: float) -> None:
    page.line(LEFT, y + 0.6 * STEP, RIGHT, y + 0.6 * STEP)
    page.drawRightString(RIGHT, y - 0.2 * STEP, f"Total {order.total:.2f} €")


def _font() -> str:
    """Name the font of all invoices; the fonts of PDF itself stop at Latin-1."""
    # A font that is registered anew while another thread draws with it would mix up their letters.
    with _registering:
        if FONT not in getRegisteredFontNames():
            registerFont(TTFont(FONT, FONT_FILE))
    return FONT
