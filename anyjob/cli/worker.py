"""`anyjob worker`: run jobs until told to stop."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import click
import msgspec

from anyjob import __version__
from anyjob.app import App
from anyjob.cli.found import refuse_unknown
from anyjob.cli.lookup import Where, refuse_memory
from anyjob.cli.options import of_tasks
from anyjob.cli.session import Session
from anyjob.cli.values import span
from anyjob.core.place import Place

_LEVELS = ("debug", "info", "warning", "error", "critical")


@click.command()
@click.argument("module", metavar="[APP]", required=False)
@click.option("-q", "--queues", metavar="A,B", multiple=True, help="Only these queues.")
@click.option(
    "-c",
    "--concurrency",
    metavar="N",
    type=click.IntRange(min=1),
    help="How many jobs run at once.",
)
@click.option("--burst", is_flag=True, help="End once no job is ready.")
@click.option(
    "--grace", metavar="SPAN", callback=span, help="What running jobs have to finish in after TERM."
)
@click.option(
    "--cancel-grace",
    metavar="SPAN",
    callback=span,
    help="What a job has to end in past its timeout.",
)
@click.option(
    "--lease", metavar="SPAN", callback=span, help="How long a job is ours unless extended."
)
@click.option("--log-level", type=click.Choice(_LEVELS), help="The least level that is logged.")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="How lines are written.")
@of_tasks
def worker(
    *,
    module: str | None,
    queues: tuple[str, ...],
    log_level: str | None,
    log_format: str | None,
    where: Where,
    session: Session,
    **settings: Any,
) -> None:
    """Run the jobs of APP, written module:attribute, module:make() or module.

    TERM or INT: finish what runs, within --grace. A second one: release what runs. Exit codes: 0
    all finished, 1 some were cut or the worker failed, 130 and 143 ended by a second INT or TERM.
    """
    if module and where.app:
        raise click.UsageError("the app is given twice; leave out --app")
    app = (msgspec.structs.replace(where, app=module) if module else where).found()
    chosen = {name: value for name, value in settings.items() if value is not None}
    _run(app, _split(queues), chosen, log_level, log_format)


def _run(
    app: App,
    queues: Sequence[str],
    settings: dict[str, Any],
    log_level: str | None,
    log_format: str | None,
) -> None:
    from anyjob.worker.process import leave, serve, set_up_logging

    configured = app.config.worker
    set_up_logging(
        log_level or configured.log_level,
        log_format or configured.log_format,
        app.config.redact,
    )
    # Of several backends, one that does not answer keeps no worker from the others.
    with closing(app) if app.backends else app:
        refuse_memory(app, "run a worker process")
        refuse_unknown(app, queues)
        made = app.worker(queues=queues or None, **settings)
        for ground in made.grounds:
            part = app.at(ground.name) if ground.name else app
            _announce(part, [s.queue for s in ground.settings.shares], made.settings.concurrency)
        code = serve(made)
    leave(made, code)


def _announce(app: App, queues: Sequence[str], slots: int) -> None:
    log = logging.getLogger("anyjob.worker")
    config, capabilities, place = app.config, app.backend.capabilities, app.backend.place()
    named = f"{app.on_backend} = " if app.on_backend else ""
    facts = {
        "event": "worker.started",
        "version": __version__,
        "backend": str(config.backend),
        **({"name": app.on_backend} if app.on_backend else {}),
        "place": place.text if place is not None else None,
        "store": str(config.store) if config.store else None,
        "namespace": config.namespace,
        "queues": list(queues),
        "slots": slots,
        "tasks": len(app.tasks),
        "durability": capabilities.durability,
    }
    log.info(
        "anyjob %s works on %s%s%s, queues %s, with %d slots and %d tasks",
        __version__,
        named,
        config.backend,
        _resolved(place, str(config.backend)),
        ", ".join(queues),
        slots,
        len(app.tasks),
        extra={"facts": facts},
    )
    for finding in app.backend.weaknesses():
        log.warning(
            "%s: %s; %s",
            finding.seen,
            finding.why,
            finding.fix,
            extra={"facts": {"event": "weakness", "id": finding.id}},
        )


def _resolved(place: Place | None, url: str) -> str:
    """Where that is, if the URL does not say it: it may be relative."""
    return "" if place is None or place.text in url else f" ({place.text})"


def _split(queues: Sequence[str]) -> list[str]:
    return [name.strip() for part in queues for name in part.split(",") if name.strip()]
