"""Figures as people read them."""

from __future__ import annotations


def amount(value: float) -> str:
    """Three digits, thousands apart."""
    if value == 0 or abs(value) >= 999.5:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"
