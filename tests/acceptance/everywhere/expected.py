"""What each step has to come to, and what a declared level makes of it instead."""

from __future__ import annotations

from collections.abc import Callable

from anyjob.core.capabilities import Capabilities
from tests.acceptance.everywhere.places import Ready

EXPECTED = {
    "priorities": "higher first",
    "expiry": "not begun",
    "cancelling": "cancelled: True, begun 0 times",
    "unique key": "one job",
    "delay": "not early",
    "retry": "attempts [1, 2, 3], then dead",
    "burial": "dead with its reason, revived with an edit, attempts [1, 1]",
    "result": "done",
    "state": "succeeded",
    "worker killed": "run again, attempts [1]",
    "server killed": "none lost",
    "worker stopped": "exit code 0",
}


def _without(capability: str) -> Callable[[Capabilities, Ready], str | None]:
    def instead(declared: Capabilities, ready: Ready) -> str | None:
        return f"refused: {capability}" if declared.lacks(capability) else None

    return instead


def _unseen(declared: Capabilities, ready: Ready) -> str | None:
    return None if declared.browse == "all" else "refused: browse"


def _in_one_line(declared: Capabilities, ready: Ready) -> str | None:
    return "as they came" if declared.priorities == 1 else None


def _alone(declared: Capabilities, ready: Ready) -> str | None:
    is_alone = declared.reach == "process"
    return "not here: memory ends with its process" if is_alone else None


def _serverless(declared: Capabilities, ready: Ready) -> str | None:
    return "not here: there is no server" if ready.restart is None else None


#: What a step may come to where a level is lower, by what is declared.
INSTEAD: dict[str, Callable[[Capabilities, Ready], str | None]] = {
    "priorities": _in_one_line,
    "cancelling": _without("cancel"),
    "unique key": _without("unique"),
    "delay": _without("delay"),
    "retry": _without("delay"),
    "result": _without("results"),
    "state": _unseen,
    "worker killed": _alone,
    "server killed": _serverless,
}


def differences(
    came: dict[str, str], declared: Capabilities, ready: Ready
) -> tuple[dict[str, str], dict[str, str]]:
    """The steps that came to something else: as the declared levels say, and against them."""
    allowed: dict[str, str] = {}
    wrong: dict[str, str] = {}
    assert list(came) == list(EXPECTED)
    for step, outcome in came.items():
        instead = INSTEAD[step](declared, ready) if step in INSTEAD else None
        # Where a level says what comes instead, the full meaning would be a lie of that level; but
        # who lists no jobs may know of one that ended.
        if outcome == EXPECTED[step] and (instead is None or step == "state"):
            continue
        (allowed if outcome == instead else wrong)[step] = outcome
    return allowed, wrong
