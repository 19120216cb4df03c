"""A broken history as a page to look at: one row for each process, one bar for each lease."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from anyjob.conformance.history.check import Verdict, Violation, told
from anyjob.conformance.history.events import Delivered, Event, FaultStart, Settle
from anyjob.conformance.history.record import History

#: Pixels.
_WIDTH, _ROW, _LABEL = 1000, 22, 150

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 14px system-ui, sans-serif; margin: 2em; }}
pre {{ background: #f4f4f4; padding: .5em; overflow-x: auto; }}
svg {{ background: #fafafa; border: 1px solid #ddd; }}
.lease {{ fill: #7aa6d8; }} .settled {{ stroke: #176b2c; stroke-width: 3; }}
.refused {{ stroke: #b3261e; stroke-width: 3; }} .fault {{ fill: #b3261e; opacity: .5; }}
</style></head><body>
<h1>{title}</h1>
<p>{summary}</p>
{parts}
</body></html>
"""


def timeline(history: History, verdict: Verdict) -> str:
    """An HTML page that needs nothing else: each violation with its job's timeline and lines."""
    faults = [event for event in history.events if isinstance(event, FaultStart)]
    parts = [_violation(each, faults) for each in verdict.violations]
    capabilities = history.header.capabilities
    return _PAGE.format(
        title=f"A history of {escape(str(capabilities.get('product', 'a backend')))}",
        summary=escape(f"seed {history.header.seed}; {verdict}".splitlines()[0]),
        parts="\n".join(parts),
    )


def _violation(violation: Violation, faults: Sequence[FaultStart]) -> str:
    lines = "\n".join(escape(told(event)) for event in violation.lines)
    return (
        f"<h2>{escape(violation.rule)}: {escape(violation.job)}</h2>"
        f"<p>{escape(violation.what)}</p>{_drawing(violation.lines, faults)}<pre>{lines}</pre>"
    )


def _drawing(events: Sequence[Event], faults: Sequence[FaultStart]) -> str:
    if not events:
        return ""
    begin, end = events[0].mono, events[-1].mono
    scale = (_WIDTH - _LABEL - 20) / max(end - begin, 1e-6)

    def across(mono: float) -> float:
        return round(_LABEL + 10 + (min(max(mono, begin), end) - begin) * scale, 1)

    rows = {event.process: _down(row) for row, event in enumerate(_firsts(events))}
    names = [f'<text x="4" y="{top + 15}">{escape(name)}</text>' for name, top in rows.items()]
    bars = [_bar(each, rows, events, across) for each in events if isinstance(each, Delivered)]
    strokes = [
        _stroke(each, rows, across)
        for each in events
        if isinstance(each, Settle) and each.phase != "invoke"
    ]
    dots = [
        _dot(fault, rows, across)
        for fault in faults
        if fault.target in rows and begin <= fault.mono <= end
    ]
    height = _down(len(rows)) + 4
    drawn = "".join([*names, *bars, *strokes, *dots])
    return f'<svg width="{_WIDTH}" height="{height}">{drawn}</svg>'


def _firsts(events: Sequence[Event]) -> list[Event]:
    """The first event of each process, in order."""
    found: dict[str, Event] = {}
    for event in events:
        found.setdefault(event.process, event)
    return list(found.values())


def _bar(
    lease: Delivered,
    rows: Mapping[str, int],
    events: Sequence[Event],
    across: Callable[[float], float],
) -> str:
    """A lease, until it was answered or would have lapsed."""
    lasts = lease.mono + lease.until - (lease.at or lease.until)
    for event in events:
        if isinstance(event, Settle) and event.token == lease.token and event.phase != "invoke":
            lasts = event.mono
    left, top = across(lease.mono), rows[lease.process] + 4
    width = max(across(lasts) - left, 2.0)
    return (
        f'<rect class="lease" x="{left}" y="{top}" width="{width:.1f}" height="14">'
        f"<title>{escape(told(lease))}</title></rect>"
    )


def _stroke(answer: Settle, rows: Mapping[str, int], across: Callable[[float], float]) -> str:
    kind = "settled" if answer.phase == "ok" else "refused"
    at, top = across(answer.mono), rows[answer.process]
    return (
        f'<line class="{kind}" x1="{at}" x2="{at}" y1="{top + 1}" y2="{top + 21}">'
        f"<title>{escape(told(answer))}</title></line>"
    )


def _dot(fault: FaultStart, rows: Mapping[str, int], across: Callable[[float], float]) -> str:
    return (
        f'<circle class="fault" cx="{across(fault.mono)}" cy="{rows[fault.target] + 11}" r="7">'
        f"<title>{escape(told(fault))}</title></circle>"
    )


def _down(row: int) -> int:
    return row * _ROW
