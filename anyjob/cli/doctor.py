"""`anyjob doctor`: the plan, and every weakness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from anyjob.app.doctor import Report
from anyjob.cli.failure import FAILED
from anyjob.cli.lookup import Where
from anyjob.cli.options import of_app, of_listing
from anyjob.cli.output import Column, Format, Listing, show
from anyjob.cli.session import Session
from anyjob.cli.site import Site
from anyjob.core.errors import AnyjobError

_COLUMNS = (Column("severity"), Column("id"), Column("seen"), Column("why"), Column("fix"))
#: The worst first.
_SEVERITIES = ("error", "warning", "info")


@click.command()
@click.option("--strict", is_flag=True, help="Let warnings make exit code 1 too.")
@of_listing
@of_app
def doctor(*, strict: bool, where: Where, session: Session, format: Format | None) -> int:
    """Check application and backend for weaknesses; changes no job.

    Prints the plan, that is how each option in use is met, and what was found, such as a task
    whose options the backend cannot honour. Errors make exit code 1.
    """
    with where.existing(in_memory=True) as site:
        examined = [(app.on_backend, str(app.config.backend), app.doctor()) for app in site.apps]
    items = [
        item | ({"backend": name} if site.is_several else {})
        for name, _, report in examined
        for item in (*_plan(report), *_findings(report))
    ]
    items += [_away(name, error) for name, error in site.away.items()]
    columns = (Column("backend"), *_COLUMNS) if site.is_several else _COLUMNS
    show(Listing("doctor", columns, items, _beside(examined, site)), format, session)
    findings = [(url, finding) for _, url, report in examined for finding in report.findings]
    for _, url, _ in examined:
        errors, warnings = (
            sum(of == url and f.severity == s for of, f in findings) for s in _SEVERITIES[:2]
        )
        session.say(f"{url}: {_counted(errors, 'error')}, {_counted(warnings, 'warning')}")
    worst = ("error", "warning") if strict else ("error",)
    return FAILED if any(f.severity in worst for _, f in findings) else 0


def _beside(examined: Sequence[tuple[str, str, Report]], site: Site) -> dict[str, Any]:
    if not site.is_several:
        [(_, url, report)] = examined
        return {"backend": _backend(report, url)}
    return {"backends": {name: _backend(report, url) for name, url, report in examined}}


def _away(name: str, error: AnyjobError) -> dict[str, Any]:
    return {
        "backend": name,
        "severity": "error",
        "id": "backend-away",
        "seen": str(error),
        "why": "its queues are not worked on, and no job for them is stored",
        "fix": "see that it runs and that its address is right",
    }


def _backend(report: Report, url: str) -> dict[str, Any]:
    capabilities = report.capabilities
    return {
        "url": url,
        "product": capabilities.product,
        "version": capabilities.version,
        "durability": capabilities.durability,
        "fencing": capabilities.fencing,
    }


def _plan(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "severity": "ok",
            "id": f"plan-{line.need.capability}",
            "seen": f"{line.need.asked_by} needs {line.need.what}: {line.level}",
            "why": "",
            "fix": "",
        }
        for line in dict.fromkeys(report.plan)
    ]


def _findings(report: Report) -> list[dict[str, Any]]:
    return [
        {"severity": f.severity, "id": f.id, "seen": f.seen, "why": f.why, "fix": f.fix}
        for f in sorted(report.findings, key=lambda f: (_SEVERITIES.index(f.severity), f.id))
    ]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
