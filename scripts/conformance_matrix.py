"""Writes the page of the documentation that says what each backend of ours is certified for.

Reads the reports in build/conformance. Where one is missing, or is of other sources than these, a
run of that backend makes it, so that the page is never empty and never old: a quick one for `make
docs`, a full one for `make certify`, which calls this with `--tier full`. There a run that is not
clean fails, and more is certified: the pair of a line server and its client in full; Valkey, a
Redis that a sentinel names and a Cluster by a quick run, as they differ from Redis in little.

`make certify-brokers` calls it with `--brokers`, for what takes longest: RabbitMQ, SQS and the
filebox in full; by a quick run FIFO queues of SQS, which differ little, two transports of kombu,
and each pair of a backend and a store, whose parts have runs of their own. The page shows these
where they are fresh.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from anyjob.conformance.engine.matrix import matrix
from anyjob.conformance.engine.report import Report, read_json

REPORTS = Path("build/conformance")
SOURCES = (Path("anyjob"), Path("tests/conformance"), Path("examples/filebox"))
KINDS = (".py", ".lua", ".toml")
PAGE = Path("docs/reference/certified-backends.md")
#: By the name of the report: the harness.
HARNESSES = {
    "memory": "tests.conformance.test_memory:MemoryHarness",
    "sqlite": "tests.conformance.test_sqlite:SQLiteHarness",
    "redis": "tests.conformance.redis.harness:RedisHarness",
}
#: Those that only the longer tier certifies; their reports are shown where they are fresh.
MORE = {
    "wired": "tests.conformance.wire.harness:WiredHarness",
}
#: The same of a quick run.
QUICKLY = {
    "valkey": "tests.conformance.redis.harness:ValkeyHarness",
    "redis-sentinel": "tests.conformance.redis.harness:SentinelHarness",
    "redis-cluster": "tests.conformance.redis.cluster_harness:ClusterHarness",
}
#: What only `--brokers` runs, in full and by a quick run.
BROKERS = {
    "rabbitmq": "tests.conformance.rabbitmq.harness:RabbitHarness",
    # On an emulator: that is stamped on its row, and certifies nothing.
    "sqs": "tests.conformance.sqs.harness:SQSHarness",
    "filebox": "filebox.harness:FileboxHarness",
}
BROKERS_QUICKLY = {
    "kombu-redis": "tests.conformance.kombu.redis_harness:KombuRedisHarness",
    "kombu-amqp": "tests.conformance.kombu.amqp_harness:KombuAmqpHarness",
    "sqs-fifo": "tests.conformance.sqs.harness:SQSFifoHarness",
    "rabbitmq-with-redis": "tests.conformance.paired.rabbit:RabbitRedisPair",
    "rabbitmq-with-sqlite": "tests.conformance.paired.rabbit:RabbitSQLitePair",
    "sqs-with-redis": "tests.conformance.paired.sqs:SQSRedisPair",
}
HEAD = """\
# Certified backends

What the [conformance suite](conformance-report.md) found, on the backends that come with anyjob.
This page is made by `make docs` from the reports of the same commit.

"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tier", choices=["quick", "full"], default="quick")
    parser.add_argument("--brokers", action="store_true", help="run these, in full")
    options = parser.parse_args()
    tier: str = "full" if options.brokers else options.tier
    REPORTS.mkdir(parents=True, exist_ok=True)
    sources = digest()
    codes = [
        make(name, harness, sources, wanted)
        for name, harness, wanted in (broker_runs() if options.brokers else runs(tier))
        if not is_fresh(name, sources, wanted)
    ]
    known = HARNESSES | BROKERS | BROKERS_QUICKLY | MORE | QUICKLY
    names = [name for name in known if is_fresh(name, sources, "quick")]
    if not set(HARNESSES) <= set(names) and not options.brokers:
        return max(codes, default=0)
    reports = [read_json(REPORTS / f"{name}.json") for name in names]
    found = failures(reports)
    PAGE.write_text(HEAD + matrix(reports) + "\n" + found)
    # A page is no judge: only who certifies fails for what a run found.
    return max([*codes, int(bool(found))]) if tier == "full" else 0


def runs(tier: str) -> list[tuple[str, str, str]]:
    """What there is to certify: the report's name, the harness and the tier of its run."""
    found = [(name, harness, tier) for name, harness in HARNESSES.items()]
    if tier == "full":
        found += [(name, harness, "full") for name, harness in MORE.items()]
        found += [(name, harness, "quick") for name, harness in QUICKLY.items()]
    return found


def broker_runs() -> list[tuple[str, str, str]]:
    """The same of brokers."""
    found = [(name, harness, "full") for name, harness in BROKERS.items()]
    return found + [(name, harness, "quick") for name, harness in BROKERS_QUICKLY.items()]


def digest() -> str:
    """What tells this commit's sources from another's."""
    found = hashlib.sha256()
    paths = (path for folder in SOURCES for path in folder.rglob("*") if path.suffix in KINDS)
    for path in sorted(paths):
        found.update(path.as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def is_fresh(name: str, sources: str, tier: str) -> bool:
    """Whether there is a report of these sources, of this tier or a longer one."""
    report, stamp = REPORTS / f"{name}.json", REPORTS / f"{name}.sources"
    if not (report.exists() and stamp.exists() and stamp.read_text() == sources):
        return False
    return tier == "quick" or read_json(report).tier != "quick"


def make(name: str, harness: str, sources: str, tier: str) -> int:
    """Run the suite; returns the command's code."""
    report = REPORTS / f"{name}.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "anyjob", "conformance", harness, "--tier", tier]
    command += ["--processes", "3"]
    paths = os.pathsep.join([".", "examples/filebox"])
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run([*command, "--json", str(report)], env=environment, check=False)
    if report.exists():
        (REPORTS / f"{name}.sources").write_text(sources)
    return done.returncode


def failures(reports: list[Report]) -> str:
    """What is not held, so that a gap is not hidden behind a word."""
    lines = [
        f"- {report.harness}: {id} {verdict.status}: {verdict.reason}"
        for report in reports
        for id, verdict in report.verdicts.items()
        if verdict.status in ("FAIL", "VACUOUS", "UNKNOWN", "XFAIL")
    ]
    return "\n".join(["Not held:", "", *lines, ""]) if lines else ""


if __name__ == "__main__":
    raise SystemExit(main())
