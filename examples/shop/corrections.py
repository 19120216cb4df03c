"""What the person who looks at dead letters knows: how customers misspell their addresses."""

from __future__ import annotations

MISSPELT = {"exmaple.org": "example.org"}


def corrected(email: str) -> str:
    """Return the address that was meant."""
    name, _, domain = email.rpartition("@")
    return f"{name}@{MISSPELT.get(domain, domain)}"
