"""Runs a page's python blocks one after another in one namespace: a block is a JSON line on stdin.

After each, a line with the marker named on the command line and 0 or 1 stands on stdout.
"""

import json
import sys
import traceback
from types import ModuleType


def main(marker: str) -> None:
    # The folder of the page, so that blocks import the files that blocks before them wrote.
    sys.path[0] = ""
    page = ModuleType("__main__")
    sys.modules["__main__"] = page
    for line in sys.stdin:
        status = run(json.loads(line), page)
        sys.stdout.write(f"\n{marker} {status}\n")
        sys.stdout.flush()


def run(source: str, page: ModuleType) -> int:
    try:
        exec(compile(source, "<page>", "exec"), page.__dict__)
    except Exception as error:
        below = error.__traceback__ and error.__traceback__.tb_next
        traceback.print_exception(error.with_traceback(below))
        return 1
    finally:
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
