"""`anyjob version`."""

from __future__ import annotations

import sys

import click

from anyjob import __version__
from anyjob.cli.options import of_every_verb, of_listing
from anyjob.cli.output import Column, Format, Listing, show
from anyjob.cli.session import Session


@click.command()
@of_listing
@of_every_verb
def version(*, session: Session, format: Format | None) -> None:
    """Show the version of anyjob and of its Python."""
    python = ".".join(map(str, sys.version_info[:3]))
    items = [{"name": "anyjob", "version": __version__}, {"name": "python", "version": python}]
    show(Listing("version", (Column("name"), Column("version")), items), format, session)
