"""`python -m examples.shop`: run the shop, or judge the results of an earlier run."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from msgspec import MsgspecError
from rich.console import Console

from anyjob import BackendError, ConfigurationError
from examples.shop.backend import UnknownBackend, choose
from examples.shop.demo import run
from examples.shop.errors import QueueInUse, ShopError
from examples.shop.evidence import Evidence, note_input
from examples.shop.interruption import Interrupted, interruption
from examples.shop.orders import OrderError
from examples.shop.report import show
from examples.shop.settings import OUT
from examples.shop.verify import problems
from examples.shop.work import UnusableFolder, clear, gather

HERE = Path(__file__).parent
WRONG_INPUT = (
    UnknownBackend,
    UnusableFolder,
    OrderError,
    QueueInUse,
    ConfigurationError,
    OSError,
    MsgspecError,
)


def main() -> int:
    """Return 0 if all is well, 1 if something is amiss, 2 for wrong input, 128 + n by signal n."""
    options = arguments().parse_args()
    console = Console(width=None if sys.stdout.isatty() else 100)
    try:
        if options.check is not None:
            return judge(options.check, console)
        cut_short = work_through(options, console)
        return judge(options.out, console, *cut_short)
    except WRONG_INPUT as error:
        print(f"examples.shop: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        print(f"examples.shop: stopped by {interrupted}", file=sys.stderr)
        return 128 + interrupted.signal


def work_through(options: argparse.Namespace, console: Console) -> list[str]:
    """Do all the work, and return what cut it short, if anything did."""
    out = options.out.resolve()
    backend = choose(options.backend, out)
    work = gather(options.photos.resolve(), options.orders, out)
    clear(out)
    note_input(work, backend, options.orders)
    try:
        with interruption() as asked:
            run(work, backend, console, asked)
    except (BackendError, ShopError) as error:
        return [f"{type(error).__name__}: {error}"]
    return []


def judge(out: Path, console: Console, *known: str) -> int:
    """Show the results in a folder, and return 1 if anything is amiss or was `known` to be."""
    evidence = Evidence.of(out)
    wrong = [*known, *problems(evidence)]
    show(evidence, wrong, console)
    return 1 if wrong else 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.shop", description=__doc__)
    add = parser.add_argument
    add(
        "--backend",
        default=os.environ.get("BACKEND") or "sqlite",
        help="a URL, or 'sqlite' or 'memory' (default: $BACKEND, else sqlite)",
    )
    add("--photos", type=Path, default=HERE / "photos", help="any folder of photographs")
    add("--orders", type=Path, default=HERE / "orders.csv", help="a file like orders.csv")
    add("--out", type=Path, default=OUT, help=f"where the results go (default: {OUT})")
    add("--check", type=Path, metavar="OUT", help="judge the results of an earlier run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
