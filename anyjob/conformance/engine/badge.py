"""What a badge says, as the endpoints of badge services want it."""

from __future__ import annotations

import msgspec

from anyjob.conformance.engine.report import PartReport, Report


def badge(report: Report) -> bytes:
    """Return badge.json: "core 1.0, durable: process"; of the store where there is no backend."""
    parts = list(report.parts.values())
    message, colour = _said(report, parts[0]) if parts else ("not run", "lightgrey")
    made = {
        "schemaVersion": 1,
        "label": "anyjob conformance",
        "message": message,
        "color": colour,
    }
    return msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n"


def _said(report: Report, part: PartReport) -> tuple[str, str]:
    core = part.profiles["core"]
    if part.emulator:
        return "emulated", "lightgrey"
    if core.standing != "certified":
        return f"core {core.standing}", "red" if core.standing == "failed" else "lightgrey"
    durable = part.profiles.get("durable")
    is_durable = durable is not None and durable.standing == "certified"
    level = f", durable: {durable.level}" if is_durable and durable is not None else ""
    return f"core {report.contract}{level}", "brightgreen"
