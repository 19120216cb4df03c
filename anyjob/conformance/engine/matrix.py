"""Several reports side by side: a row for each backend, a column for each profile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from anyjob.conformance.engine.profiles import PROFILES, Certificate
from anyjob.conformance.engine.report import PartReport, Report
from anyjob.conformance.manifest import CONTRACT

_WORDS = {
    "certified": "yes",
    "absent": "-",
    "failed": "**failed**",
    "untested": "?",
    "emulated": "emulated",
}
#: The levels that tell one backend from another.
_LEVELS = (
    "lease",
    "fencing",
    "durability",
    "dedup",
    "priorities",
    "order",
    "redeliveries",
    "release",
    "counts",
    "browse",
    "wait",
)


def matrix(reports: Iterable[Report]) -> str:
    """Return both tables as Markdown: profiles, and levels."""
    rows = [
        (report, part)
        for report in sorted(reports, key=lambda each: each.harness)
        for part in [report.parts.get("backend")]
        if part is not None
    ]
    stores = [
        (report, part)
        for report in sorted(reports, key=lambda each: each.harness)
        for part in [report.parts.get("store")]
        if part is not None
    ]
    return "\n".join(
        [
            *_table(
                ["backend", *PROFILES, "properties", "tier"],
                [
                    [name, *_profiles(part), _held(part), report.tier]
                    for name, (report, part) in zip(_names(rows), rows, strict=True)
                ],
            ),
            *_table(
                ["backend", *(f"`{level}`" for level in _LEVELS)],
                [
                    [name, *_levels(part)]
                    for name, (_, part) in zip(_names(rows), rows, strict=True)
                ],
            ),
            *_table(
                ["store", "core", "`durability`", "properties", "tier"],
                [
                    [
                        name,
                        _word(part.profiles["core"]),
                        str(part.capabilities.get("durability", "?")),
                        _held(part),
                        report.tier,
                    ]
                    for name, (report, part) in zip(_names(stores), stores, strict=True)
                ],
            ),
            f"Contract {CONTRACT}. yes: certified · -: not offered, and refused when asked for ·"
            " ?: not tried in full · emulated: holds on an emulator, which certifies nothing.",
            "",
        ]
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    yield _row(head)
    yield _row(["---"] * len(head))
    yield from map(_row, rows)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _names(rows: Sequence[tuple[Report, PartReport]]) -> list[str]:
    """What each row is called: by its harness as well, where a product has several."""
    names = [_name(part) for _, part in rows]
    return [
        f"{name} ({report.harness})" if names.count(name) > 1 else name
        for name, (report, _) in zip(names, rows, strict=True)
    ]


def _name(part: PartReport) -> str:
    name = f"{part.product} {part.version}".strip() or "could not be opened"
    return f"{name} (emulated)" if part.emulator else name


def _profiles(part: PartReport) -> list[str]:
    return [_word(part.profiles[profile]) for profile in PROFILES]


def _word(certificate: Certificate) -> str:
    if certificate.standing == "certified" and certificate.level:
        return certificate.level
    return _WORDS[certificate.standing]


def _levels(part: PartReport) -> list[str]:
    return [str(part.capabilities.get(level, "?")) for level in _LEVELS]


def _held(part: PartReport) -> str:
    held = sum(each.status in ("PASS", "ABSENT") for each in part.properties.values())
    return f"{held} of {len(part.properties)}"
