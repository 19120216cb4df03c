"""`python -m benchmarks [names] [--quick] [--folder DIR]`, and `python -m benchmarks report`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from benchmarks import profile_table
from benchmarks.amounts import amount
from benchmarks.machine import REFERENCE_TURNS, Machine, describe
from benchmarks.report import DOCUMENT, described, report
from benchmarks.result import Result, keep, kept
from benchmarks.settings import Settings

#: In the order in which they run.
MEASUREMENTS = (
    "import_cost",
    "memory_enqueue",
    "memory_drain",
    "sqlite_enqueue",
    "sqlite_drain",
    "commits",
    "idle",
    "wakeup",
    "delayed",
    "kills",
    "redis_enqueue",
    "redis_drain",
    "redis_latency",
    "redis_io",
    "redis_idle",
    "redis_memory",
    "redis_kills",
    "redis_profile",
    "rabbitmq_enqueue",
    "rabbitmq_drain",
    "rabbitmq_latency",
    "sqs_cycle",
    "kombu_drain",
)


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.names == ["report"]:
        _write_report()
        return 0
    arguments.folder.mkdir(parents=True, exist_ok=True)
    machine = describe(arguments.folder)
    _introduce(machine)
    missed = 0
    for name in arguments.names or MEASUREMENTS:
        with tempfile.TemporaryDirectory(dir=arguments.folder, prefix=f"{name}-") as folder:
            settings = Settings(is_quick=arguments.quick, folder=Path(folder).resolve())
            missed += _run(name, settings, machine)
    print(f"\n{missed} targets missed" if missed else "\nevery target met")
    if not arguments.quick:
        _write_report()
    # A figure is no verdict here: what is measured is published, whether it won or lost.
    return 0


def _write_report() -> None:
    lines = list(kept())
    explained = profile_table.DOCUMENT
    for path, text in (
        (DOCUMENT, report(lines)),
        (explained, profile_table.with_profile(explained.read_text(), lines)),
    ):
        path.write_text(text)
        print(f"wrote {os.path.relpath(path)}")


def _run(name: str, settings: Settings, machine: Machine) -> int:
    print(f"\n{name}", flush=True)
    began = time.monotonic()
    measure: Callable[[Settings], Sequence[Result]] = import_module(f"benchmarks.{name}").measure
    results = measure(settings)
    title = ""
    for result in results:
        if result.contender is not None and result.title != title:
            title = result.title
            print(f"  {title}:")
        _show(result)
    path = keep(name, results, machine, is_quick=settings.is_quick)
    print(f"  {time.monotonic() - began:.0f} s, kept in {os.path.relpath(path)}", flush=True)
    return sum(result.is_met is False for result in results)


def _introduce(machine: Machine) -> None:
    share = machine.turns_per_second / REFERENCE_TURNS
    print(f"{machine.processor}, {machine.cores} cores, {machine.python}, {machine.system}")
    print(
        f"an empty Python loop: {machine.turns_per_second / 1e6:.1f} M turns/s,"
        f" {share:.2f} of the machine for which targets are stated"
    )
    print(f"an fsync on {machine.file_system}: {machine.fsync_ms:.2f} ms")


def _show(result: Result) -> None:
    about = f"  {result.title}"
    if result.contender is not None:
        about = f"    {described(result.contender)}"
    if not result.samples:
        reason = result.contender.failure if result.contender else ""
        print(f"{about}: {reason or 'not measured'}", flush=True)
        return
    verdict = {True: "met", False: "MISSED", None: ""}[result.is_met]
    target = (
        "" if result.target is None else f"at {result.target.kind} {amount(result.target.value)}"
    )
    spread = f"{amount(min(result.samples))} to {amount(max(result.samples))}"
    print(
        f"{about}: {amount(result.value)} {result.unit} ({spread}) {target} {verdict}", flush=True
    )


def _name(text: str) -> str:
    known = [*MEASUREMENTS, "report"]
    if text not in known:
        raise argparse.ArgumentTypeError(f"no measurement {text!r}; known: {', '.join(known)}")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    # Checked by a type, not by choices: before 3.12 those refuse that nothing is named.
    parser.add_argument("names", nargs="*", type=_name, metavar="name")
    parser.add_argument("--quick", action="store_true", default=bool(os.environ.get("QUICK")))
    parser.add_argument("--folder", type=Path, default=Path("out/benchmarks"))
    return parser


sys.exit(main())
