"""The interpreter of one side: `python -m benchmarks.side module:function '{"argument": 1}'`."""

from __future__ import annotations

import json
import logging
import sys
from importlib import import_module


def main() -> None:
    target, arguments = sys.argv[1:]
    module, _, name = target.partition(":")
    logging.basicConfig(level=logging.WARNING)
    figures = getattr(import_module(module), name)(**json.loads(arguments))
    print(json.dumps(figures), flush=True)


main()
