"""A Cluster of three primaries, perhaps with replicas, private, for the length of a block."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot

from anyjob.conformance import OwnProcess
from anyjob.conformance.servers.own_process import Running
from anyjob.conformance.wire.proxy import Proxy
from tests.waiting import until

PASSWORD = "hidden-word"
SLOTS = 16384
PRIMARIES = 3
#: A node counts as failed after so long, and its replica takes over soon after.
NODE_TIMEOUT_MS = 1000
_NODE = [
    *("--port", "{port}"),
    *("--bind", "{host}"),
    *("--dir", "{dir}"),
    *("--requirepass", PASSWORD),
    *("--masterauth", PASSWORD),
    *("--appendonly", "yes"),
    *("--save", ""),
    *("--repl-diskless-sync-delay", "0"),
    *("--cluster-enabled", "yes"),
    *("--cluster-node-timeout", str(NODE_TIMEOUT_MS)),
    *("--loglevel", "warning"),
]


class Cluster:
    """Its nodes: the primaries as they began, and the replica of each, if there are any."""

    def __init__(self, primaries: Sequence[Running], replicas: Sequence[Running]) -> None:
        self.primaries = list(primaries)
        self.replicas = list(replicas)

    @property
    def url(self) -> str:
        return url_of([node.port for node in self.primaries])

    def node_of(self, queue: str) -> Running:
        """The primary in which a queue was when the Cluster began."""
        return self.primaries[number_of(queue)]

    def queue_on(self, number: int) -> str:
        """The name of a queue whose jobs such a primary has."""
        return next(
            name for name in (f"line{at}" for at in range(1000)) if number_of(name) == number
        )

    def move(self, queue: str, to: Running) -> None:
        """Move the slot of a queue, with what is in it, as redis-cli does it."""
        slot, source = slot_of(queue), self.node_of(queue)
        here, there = _id_of(source), _id_of(to)
        say(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", here)
        say(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", there)
        while keys := say(source, "CLUSTER", "GETKEYSINSLOT", slot, 10):
            say(
                source,
                "MIGRATE",
                "127.0.0.1",
                to.port,
                "",
                0,
                5000,
                "AUTH",
                PASSWORD,
                "KEYS",
                *keys,
            )
        for node in (to, source, *(each for each in self.primaries if each not in (to, source))):
            say(node, "CLUSTER", "SETSLOT", slot, "NODE", there)

    def give_away(self, source: int, to: int) -> None:
        """Give every slot of a primary to another; there must be nothing in them."""
        target, here = self.primaries[to], _id_of(self.primaries[source])
        there = _id_of(target)
        with client(target.port) as asked, asked.pipeline(transaction=False) as together:
            for slot in _slots_of(source):
                together.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", here)
                together.execute_command("CLUSTER", "SETSLOT", slot, "NODE", there)
            together.execute()
        others = {node.port for node in self.primaries} - {self.primaries[source].port}
        for node in self.primaries:
            until(lambda node=node: _ports_told_by(node) == others, "for word")  # type: ignore[misc]

    def leave(self, replica: Running) -> None:
        """Let a replica be of no Cluster, until `join`."""
        id = _id_of(replica)
        say(replica, "CLUSTER", "RESET", "HARD")
        for node in (*self.primaries, *self.replicas):
            if node is not replica:
                say(node, "CLUSTER", "FORGET", id)

    def join(self, replica: Running, primary: Running) -> None:
        """Let it be a replica of this one; returns once it has the data."""
        say(replica, "CLUSTER", "MEET", "127.0.0.1", primary.port, _bus_port(primary))
        number = len(self.primaries) + len(self.replicas)
        until(lambda: _knows(replica, number), "for the nodes to meet")
        say(replica, "CLUSTER", "REPLICATE", _id_of(primary))
        until(lambda: _follows(replica), "for a replica")

    def is_told_of(self, replica: Running) -> bool:
        """Whether clients are told of it, as they are once it has got something."""
        return all(replica.port in _ports_told_by(node, copies=True) for node in self.primaries)


def number_of(queue: str) -> int:
    """Which of the primaries has a queue in the beginning."""
    return slot_of(queue) * PRIMARIES // SLOTS


def slot_of(queue: str) -> int:
    return int(key_slot(queue.encode()))


def url_of(ports: Sequence[int]) -> str:
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"redis+cluster://:{PASSWORD}@{hosts}"


@contextmanager
def cluster(
    root: Path | None, *, replicas: bool = False, options: Callable[[], Sequence[str]] = tuple
) -> Iterator[Cluster]:
    """Start the nodes, each with `options` of its own, join them, and wait until they agree."""
    with ExitStack() as stack:
        nodes = [
            _started(stack, root, options()) for _ in range(PRIMARIES * (2 if replicas else 1))
        ]
        primaries, others = nodes[:PRIMARIES], nodes[PRIMARIES:]
        for number, node in enumerate(primaries):
            own = _slots_of(number)
            say(node, "CLUSTER", "ADDSLOTSRANGE", own[0], own[-1])
            say(node, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in nodes[1:]:
            say(node, "CLUSTER", "MEET", "127.0.0.1", nodes[0].port, _bus_port(nodes[0]))
        until(lambda: all(_knows(node, len(nodes)) for node in nodes), "for the nodes to meet")
        for primary, replica in zip(primaries, others, strict=False):
            say(replica, "CLUSTER", "REPLICATE", _id_of(primary))
        until(lambda: all(map(_is_fit, nodes)), "for the Cluster")
        for replica in others:
            until(lambda replica=replica: _follows(replica), "for a replica")  # type: ignore[misc]
        yield Cluster(primaries, others)


@contextmanager
def wired(running: Cluster, kind: type[Proxy] = Proxy) -> Iterator[list[Proxy]]:
    """A wire to each of the primaries, by which clients find them; for a Cluster that ends soon."""
    with ExitStack() as stack:
        wires = [stack.enter_context(kind(node.port)) for node in running.primaries]
        ports = {wire.port for wire in wires}
        for node, wire in zip(running.primaries, wires, strict=True):
            say(node, "CONFIG", "SET", "cluster-announce-port", wire.port)
        for node in running.primaries:
            until(lambda node=node: _ports_told_by(node) == ports, "for the ports")  # type: ignore[misc]
        yield wires


def say(node: Running, *words: Any) -> Any:
    """The answer to a command as it stands."""
    with client(node.port) as asked:
        return asked.execute_command(*words)


def client(port: int) -> redis.Redis:
    """A client of the administrator's to one node."""
    return redis.Redis(port=port, password=PASSWORD, socket_timeout=5.0)


def _slots_of(number: int) -> range:
    """Those of a primary in the beginning."""
    return range(-(-number * SLOTS // PRIMARIES), -(-(number + 1) * SLOTS // PRIMARIES))


def _started(stack: ExitStack, root: Path | None, options: Sequence[str]) -> Running:
    # The bus would be on port + 10000, which may be taken, or no port at all.
    bus = ["--cluster-port", str(free_port())]
    running = OwnProcess(["redis-server", *_NODE, *options, *bus]).start(_answers, root)
    stack.callback(running.stop)
    return running


def _bus_port(node: Running) -> int:
    return int(node.recipe.command[-1])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _answers(node: Running) -> bool:
    return bool(say(node, "PING"))


def _id_of(node: Running) -> str:
    found: bytes = say(node, "CLUSTER", "MYID")
    return found.decode()


def _knows(node: Running, number: int) -> bool:
    lines: list[bytes] = say(node, "CLUSTER", "NODES").splitlines()
    return len(lines) == number and not any(b"handshake" in line for line in lines)


def _is_fit(node: Running) -> bool:
    return b"cluster_state:ok" in say(node, "CLUSTER", "INFO")


def _ports_told_by(node: Running, *, copies: bool = False) -> set[int]:
    """The ports of primaries, or of replicas too."""
    told: list[list[Any]] = say(node, "CLUSTER", "SLOTS")
    return {each[1] for _, _, *nodes in told for each in (nodes if copies else nodes[:1])}


def _follows(node: Running) -> bool:
    with client(node.port) as asked:
        return bool(asked.info("replication").get("master_link_status") == "up")
