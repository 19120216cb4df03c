"""An error as three lines: what was asked, what stands in the way, what to type. And its code."""

from __future__ import annotations

import re
import shlex
import signal
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from anyjob.cli.clean import one_line
from anyjob.cli.session import Session
from anyjob.core.errors import (
    AnyjobError,
    BackendError,
    ConfigurationError,
    InvalidArguments,
    InvalidOption,
    JobNotFound,
    ResultTimeout,
    TaskNotFound,
    UnsupportedCapability,
)

FAILED = 1
USAGE = 2
UNREACHABLE = 3
CONFIGURATION = 4
NOT_FOUND = 5
UNSUPPORTED = 6
TIMED_OUT = 7
INTERRUPTED = 128 + signal.SIGINT


class NotDone(AnyjobError):
    """Raised when a verb did not do what was asked and no other error says why."""


class NotFound(AnyjobError):
    """Raised when what was named is not there."""


class AppNotLoaded(ConfigurationError):
    """Raised when the application cannot be imported or is none."""


#: The nearest class wins.
_CODES: dict[type[BaseException], int] = {
    click.UsageError: USAGE,
    InvalidArguments: USAGE,
    UnsupportedCapability: UNSUPPORTED,
    ConfigurationError: CONFIGURATION,
    BackendError: UNREACHABLE,
    TaskNotFound: NOT_FOUND,
    JobNotFound: NOT_FOUND,
    NotFound: NOT_FOUND,
    ResultTimeout: TIMED_OUT,
    click.Abort: INTERRUPTED,
    KeyboardInterrupt: INTERRUPTED,
}
#: Nobody reads more of what they typed themselves.
_MOST_ASKED = 400
# click ends its messages in one; ours may end in "expires=...".
_FULL_STOP = re.compile(r"(?<!\.)\.$")
#: What to do where the error itself doesn't say.
_ADVICE = {
    USAGE: "{command} --help",
    UNREACHABLE: "see that it runs and that its address is right, then: anyjob doctor",
    CONFIGURATION: "correct it where it was set",
    UNSUPPORTED: "do without it, or use a backend that declares it",
    NOT_FOUND: "anyjob jobs ls, anyjob queues ls or anyjob tasks ls show what is there",
    TIMED_OUT: "wait longer, or look later with: anyjob jobs show ID",
}


def explain(error: BaseException, arguments: Sequence[str], session: Session) -> int:
    """Tell the person about an error; returns the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    code = code_of(error)
    if session.verbose:
        session.say("".join(traceback.format_exception(error)).rstrip())
    if code == INTERRUPTED:
        session.say("anyjob: interrupted")
        return code
    problem, advice = _problem_and_advice(error, code, session)
    # Masked first: what is quoted or cut is not known again.
    asked = shlex.join(one_line(session.redact(word)) for word in arguments)
    session.say(f"asked: anyjob {_shortened(asked)}")
    session.say(f"error: {problem}")
    session.say(f"to do: {advice}")
    return code


@contextmanager
def as_typed() -> Iterator[None]:
    """Make an option that is refused a mistake of whoever typed it; those of the application are
    checked when it opens.
    """
    try:
        yield
    except InvalidOption as error:
        raise click.UsageError(str(error), click.get_current_context()) from error


def code_of(error: BaseException) -> int:
    """Return the exit code of an error."""
    for kind in type(error).__mro__:
        if kind in _CODES:
            return _CODES[kind]
    return FAILED


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_ASKED else f"{text[:_MOST_ASKED]}…"


def _problem_and_advice(error: BaseException, code: int, session: Session) -> tuple[str, str]:
    if isinstance(error, click.ClickException):
        message = error.format_message()
    elif isinstance(error, AnyjobError | OSError):
        message = str(error)
    else:
        message = f"{type(error).__qualname__}: {error}"
    message = _FULL_STOP.sub("", one_line(session.redact(message)))
    problem, separator, advice = message.rpartition("; ")
    # What others raise may have a semicolon and no advice.
    if separator and isinstance(error, click.ClickException | AnyjobError):
        return problem, advice.replace("known: ", "use one of these: ", 1)
    command = getattr(getattr(error, "ctx", None), "command_path", "anyjob")
    missing = "see the traceback above" if session.verbose else "-v shows the traceback"
    return message, _ADVICE.get(code, missing).format(command=command)
