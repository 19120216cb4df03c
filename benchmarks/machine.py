"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import msgspec

#: Turns a second of an empty Python loop for which the targets in jobs a second are stated.
REFERENCE_TURNS = 70e6


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Processor, system, versions and the two costs that figures depend on."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    file_system: str
    python: str
    versions: dict[str, str]
    #: Of an empty `for _ in range(...): pass`.
    turns_per_second: float
    #: Milliseconds to append 4 KiB to a file in the databases' folder and make it durable.
    fsync_ms: float


def describe(folder: Path) -> Machine:
    """Look at this machine; takes about two seconds."""
    # Not above: what reads figures that are kept runs without it.
    import psutil

    from benchmarks import server

    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        file_system=_file_system(folder),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions={
            "anyjob": version("anyjob"),
            "msgspec": version("msgspec"),
            "sqlite": sqlite3.sqlite_version,
            "redis-server": server.version(),
            "redis-py": version("redis"),
            "hiredis": version("hiredis"),
        },
        turns_per_second=turns_per_second(),
        fsync_ms=statistics.median(fsync_costs(folder)) * 1000,
    )


def turns_per_second(turns: int = 10_000_000) -> float:
    """Time an empty loop."""
    began = time.perf_counter()
    for _ in range(turns):
        pass
    return turns / (time.perf_counter() - began)


def fsync_costs(folder: Path, times: int = 100) -> list[float]:
    """Seconds of each of so many durable appends of 4 KiB."""
    path = folder / "fsync-cost"
    block, costs = b"x" * 4096, []
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(block)
            began = time.perf_counter()
            os.fsync(file.fileno())
            costs.append(time.perf_counter() - began)
    path.unlink()
    return costs


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file_system(folder: Path) -> str:
    """The type of the file system whose mount point is the nearest above `folder`."""
    import psutil

    place = folder.resolve()
    mounts = [
        part for part in psutil.disk_partitions(all=True) if place.is_relative_to(part.mountpoint)
    ]
    return max(mounts, key=lambda part: len(part.mountpoint)).fstype if mounts else "unknown"
