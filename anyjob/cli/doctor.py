"""`anyjob doctor`: the plan, and every weakness."""

from __future__ import annotations

from typing import Any

import click

from anyjob.app.doctor import Report
from anyjob.cli.failure import FAILED
from anyjob.cli.lookup import Where
from anyjob.cli.options import of_app, of_listing
from anyjob.cli.output import Column, Format, Listing, show
from anyjob.cli.session import Session

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
    with where.existing(in_memory=True) as app:
        report = app.doctor()
        url = str(app.config.backend)
    items = [*_plan(report), *_findings(report)]
    beside = {"backend": _backend(report, url)}
    show(Listing("doctor", _COLUMNS, items, beside), format, session)
    errors, warnings = (sum(f.severity == s for f in report.findings) for s in _SEVERITIES[:2])
    session.say(f"{url}: {_counted(errors, 'error')}, {_counted(warnings, 'warning')}")
    return FAILED if errors or (strict and warnings) else 0


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
