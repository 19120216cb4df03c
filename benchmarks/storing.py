"""Storing jobs for so many seconds, on whatever backend."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from anyjob.core.draft import Draft
from benchmarks.sides import Figures
from benchmarks.tasks import application, task


def one_by_one_for(seconds: float, url: str, *, namespace: str | None = None) -> Figures:
    """By `enqueue`."""
    with application(url, namespace=namespace) as app:
        noop = task(app, "noop")
        noop.enqueue(0)
        began = time.perf_counter()
        number = 0
        while time.perf_counter() - began < seconds:
            noop.enqueue(number)
            number += 1
        return {"rate": number / (time.perf_counter() - began)}


def many_for(seconds: float, url: str, *, namespace: str | None = None) -> Figures:
    """By one call of `enqueue_many`."""
    with application(url, namespace=namespace) as app:
        noop = task(app, "noop")
        noop.enqueue(0)
        began = time.perf_counter()

        def drafts() -> Iterator[Draft[Any]]:
            number = 0
            while time.perf_counter() - began < seconds:
                yield noop.job(number)
                number += 1

        stored = len(app.enqueue_many(drafts()))
        return {"rate": stored / (time.perf_counter() - began)}
