"""The keys of a namespace. All of a queue's carry its name as hash tag, to live in one slot."""

from __future__ import annotations

#: In the order in which scripts count them; lua/prelude.lua says what each holds.
_OF_A_QUEUE = (
    "jobs", "meta", "own", "lease", "sched", "dead", "why", "wake", "flags", "uniq", "holds",
    "ended", "forget", "seen0", "seen1", "tomb", *(f"r{priority}" for priority in range(9, -1, -1)),
)  # fmt: skip
_OWN = _OF_A_QUEUE.index("own")
_WAKE = _OF_A_QUEUE.index("wake")
_FLAGS = _OF_A_QUEUE.index("flags")
_JOBS = _OF_A_QUEUE.index("jobs")
_FOR_READY = [_OF_A_QUEUE.index(name) for name in ("jobs", "ended", "seen0", "seen1", "wake")]


class Keys:
    """The keys of one namespace."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._queues: dict[str, tuple[bytes, ...]] = {}
        self._ready: dict[tuple[str, int], tuple[bytes, ...]] = {}
        #: The names of all queues, and what tells whether the data are still those of before.
        self.names = f"{namespace}:queues".encode()
        self.epoch = f"{namespace}:epoch".encode()
        #: Every key of the namespace, as an access list says it.
        self.pattern = f"{namespace}:*"

    def of(self, queue: str) -> tuple[bytes, ...]:
        """Every key of a queue, as the scripts want them."""
        keys = self._queues.get(queue)
        if keys is None:
            stem = f"{self._namespace}:{{{queue}}}:"
            keys = tuple((stem + name).encode() for name in _OF_A_QUEUE)
            self._queues[queue] = keys
        return keys

    def for_ready(self, queue: str, priority: int) -> tuple[bytes, ...]:
        """Those that jobs of one priority need which are ready at once."""
        name = (queue, priority)
        keys = self._ready.get(name)
        if keys is None:
            all_keys = self.of(queue)
            keys = self._ready[name] = (
                *(all_keys[at] for at in _FOR_READY),
                all_keys[-1 - priority],
            )
        return keys

    def wake(self, queue: str) -> bytes:
        """Where a marker lies while there may be something to fetch."""
        return self.of(queue)[_WAKE]

    def own(self, queue: str) -> bytes:
        """Which jobs are leased."""
        return self.of(queue)[_OWN]

    def flags(self, queue: str) -> bytes:
        return self.of(queue)[_FLAGS]

    def jobs(self, queue: str) -> bytes:
        return self.of(queue)[_JOBS]

    def bell(self, queue: str, session: int) -> bytes:
        """Where a marker wakes one consumer alone."""
        return f"{self._namespace}:{{{queue}}}:bell:{session:08x}".encode()

    def over(self, queue: str) -> bytes:
        """The channel on which the ids of jobs that ended are told."""
        return f"{self._namespace}:{{{queue}}}:over".encode()

    def queue_of(self, channel: bytes) -> str:
        """The queue of such a channel."""
        return channel.decode().split("{")[1].split("}")[0]


class StateKeys:
    """The keys of a namespace's store, all in one slot; no queue has such a name."""

    def __init__(self, namespace: str) -> None:
        self._stem = f"{namespace}:{{~}}:"
        #: The newest version, fence or token that was given.
        self.stamp = f"{self._stem}stamp".encode()

    def value(self, key: str) -> tuple[bytes, ...]:
        return (self._key("value", key),)

    def claim(self, key: str) -> tuple[bytes, ...]:
        return (self._key("claim", key),)

    def counter(self, key: str) -> tuple[bytes, ...]:
        return (self._key("counter", key),)

    def series(self, name: str) -> tuple[bytes, ...]:
        return (self._key("series", name),)

    def members(self, name: str) -> tuple[bytes, ...]:
        """The set and its members."""
        return self._key("set", name), self._key("members", name)

    def schedule(self, name: str) -> tuple[bytes, ...]:
        """What is free by due time, the values, what is held, its tokens."""
        return tuple(self._key(part, name) for part in ("due", "entries", "held", "tokens"))

    def _key(self, part: str, name: str) -> bytes:
        return f"{self._stem}{part}:{name}".encode()
