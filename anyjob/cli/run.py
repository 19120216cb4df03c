"""From what was typed to an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from anyjob.cli.failure import explain
from anyjob.cli.session import Session
from anyjob.cli.tree import root


def main() -> None:
    """Run the command line of this process and exit with its code."""
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        # Text of jobs may hold what the terminal's encoding lacks.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def _open_missing_streams() -> None:
    """Lead the standard streams nowhere that whoever started us has closed.

    In the order of their numbers, or a file of ours would get one of them.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code.

    Data goes to stdout, everything else to stderr. Raises nothing: an error is three lines and a
    code, its traceback comes with `-v`.
    """
    session = Session()
    try:
        code = root.main(list(arguments), prog_name="anyjob", standalone_mode=False, obj=session)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who read our data has seen enough; the interpreter must not fail on its last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except BaseException as error:  # whatever it is, it becomes lines and a code
        return explain(error, arguments, session)
    return code or session.code
