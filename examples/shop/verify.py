"""Whether a run did all it was asked to, judged by its files, its mails and its journal alone."""

from __future__ import annotations

from examples.shop import conduct, results
from examples.shop.evidence import Evidence

CHECKS = (
    results.thumbnails,
    results.invoices,
    results.mails,
    results.frames,
    conduct.every_job_is_done,
    conduct.supplier_was_asked_again,
    conduct.nothing_was_early,
    conduct.letters_were_revived,
    conduct.killed_worker_lost_nothing,
    conduct.server_died_in_the_middle,
    conduct.premium_went_first,
)


def problems(evidence: Evidence) -> list[str]:
    """List what is missing or wrong, a line each; empty if all is well. Only reads."""
    return [problem for check in CHECKS for problem in check(evidence)]
