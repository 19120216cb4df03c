"""A stage with an opened store."""

from __future__ import annotations

from typing import Self

from msgspec import structs

from anyjob.conformance.clock import FakeClock
from anyjob.conformance.harness import Harness
from anyjob.conformance.servers import Running
from anyjob.conformance.stage import Stage, maintain_all
from anyjob.conformance.wire import Proxy
from anyjob.core.store import Put, Store, Written

#: A time to live in the examples.
TTL = 30.0


class StoreScene(Stage):
    """An opened store on a site of its own."""

    def __init__(
        self, harness: Harness, clock: FakeClock | None, *, server: Running | None = None
    ) -> None:
        super().__init__(harness, clock, server=server)
        self.ttl = self.seconds(TTL)

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.store = self.fresh()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def lacks(self, capability: str) -> bool:
        return bool(getattr(self.store.capabilities, capability) == "none")

    def round_trip(self) -> None:
        self.put("ready", b"ready")
        assert self.value("ready") == b"ready"

    @property
    def instant(self) -> float:
        """The least time that the store can tell from none."""
        return self.store.capabilities.resolution

    def fresh(self, namespace: str | None = None, *, proxy: Proxy | None = None) -> Store:
        """Open another store on this site: a second connection, perhaps through a wire that can be
        cut, or to a second namespace.
        """
        site = self.site if proxy is None else self.through(proxy)
        if namespace is not None:
            site = structs.replace(site, namespace=f"{site.namespace}.{namespace}")
        store = self.harness.store(site)
        self.at_end(store.close)
        store.open()
        return store

    def client(self, proxy: Proxy | None = None) -> Store:
        return self.fresh(proxy=proxy)

    @property
    def used(self) -> Store:
        return self.store

    def use(self, client: Store) -> None:
        self.store = client

    def put(self, key: str, value: bytes = b"value", ttl: float | None = None) -> Written:
        """Write one value."""
        [written] = self.store.put([Put(key, value, ttl=ttl)])
        assert written.done
        return written

    def value(self, key: str, store: Store | None = None) -> bytes | None:
        """Read one value."""
        [entry] = (store or self.store).get([key])
        return None if entry is None else entry.value

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and whoever maintains do so."""
        self.elapse(seconds)
        maintain_all(self.store.maintain)

    def now(self) -> float:
        """Seconds since the epoch by the store's clock, read off a series."""
        self.store.append([("clock", b"")], keep=1.0)
        after: tuple[float, int] | None = None
        while points := self.store.series("clock", after, 1000):
            after = points[-1].at, points[-1].sequence
        assert after is not None
        return after[0]
