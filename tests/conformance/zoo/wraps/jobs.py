"""Defects of a backend as a whole that no line of its source makes."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec.structs import replace

from anyjob.core.capabilities import Capabilities
from anyjob.core.envelope import ACCEPTED, Envelope, Receipt
from tests.conformance.zoo.wrapped import WrappedBackend


class LeavesAThread(WrappedBackend):
    def open(self) -> None:
        super().open()
        threading.Thread(target=threading.Event().wait, args=(30.0,), daemon=True).start()


class StaysOpen(WrappedBackend):
    def close(self) -> None:
        pass


class LeavesADescriptor(WrappedBackend):
    def open(self) -> None:
        super().open()
        if len(_DESCRIPTORS) < 300:
            _DESCRIPTORS.append(os.open(os.devnull, os.O_RDONLY))


class LearnsItsLimits(WrappedBackend):
    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        stored = self.memory.kept.get("stored", 0)
        return replace(self.inner.capabilities, version=f"1.{min(stored, 3) // 3}")

    def enqueue(self, jobs: Sequence[Envelope], *, transaction: Any = None) -> list[Receipt]:
        self.memory.kept["stored"] = self.memory.kept.get("stored", 0) + len(jobs)
        return super().enqueue(jobs, transaction=transaction)


class ForgetsWhatItBegan(WrappedBackend):
    """Answers for what was begun without waiting for it: as if each had been new."""

    def start_enqueue(self, jobs: Sequence[Envelope]) -> Callable[[], list[Receipt]]:
        self.enqueue(jobs)
        return lambda: [ACCEPTED] * len(jobs)


class MixesUpALoopsAnswers(WrappedBackend):
    """Gives the calls of one moment each other's answers."""

    def aenqueue(self, jobs: Sequence[Envelope]) -> Awaitable[list[Receipt]]:
        waiting: list[Any] = self.memory.kept.setdefault("waiting", [])
        future = asyncio.get_running_loop().create_future()
        receipts = self.enqueue(jobs)
        if not waiting:
            asyncio.get_running_loop().call_soon(self._answer)
        waiting.append((future, receipts))
        return future

    def _answer(self) -> None:
        waiting = self.memory.kept.pop("waiting")
        answers = [receipts for _, receipts in reversed(waiting)]
        for (future, _), receipts in zip(waiting, answers, strict=True):
            if not future.done():
                future.set_result(receipts)


class EmulatorAtFirst(WrappedBackend):
    def open(self) -> None:
        super().open()
        first = self.memory.kept.setdefault("first", id(self)) == id(self)
        self.memory.kept.setdefault("objects", []).append(self)
        self._emulator = first

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return replace(self.inner.capabilities, emulator=self._emulator)


_DESCRIPTORS: list[int] = []
