"""A message without what differs from run to run."""

from __future__ import annotations

import re

_WHAT = (
    (re.compile(r"\bs\d+-\d+\b"), "<site>"),
    (re.compile(r"\S*anyjob-conformance-\w+"), "<folder>"),
    (re.compile(r"\b0x[0-9a-f]{6,}\b"), "<address>"),
)
_LONGEST = 2000


def scrubbed(text: str) -> str:
    """Return `text` with names of sites, folders and addresses replaced, and cut to a page."""
    for pattern, word in _WHAT:
        text = pattern.sub(word, text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
