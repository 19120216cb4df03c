"""The part of docs/reference/cli.md that follows from the verbs themselves.

`python -m tests.unit.cli.reference` writes it anew below the hand-written part.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from anyjob.cli.output import Column
from anyjob.cli.shapes import DEAD_COLUMNS, JOB_COLUMNS
from anyjob.cli.tree import all_verbs

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"
BEGIN = "## Options of every verb\n"
EXCEPTIONS = """\
`worker` has no output of its own, so it lacks `-o` and `--json`. `worker`, `enqueue` and `tasks`
need an application, so they lack `-b` and `--store`; `version` needs nothing.
"""


def columns() -> dict[str, tuple[Column, ...]]:
    def of(module: str, name: str) -> tuple[Column, ...]:
        found: tuple[Column, ...] = getattr(import_module(f"anyjob.cli.{module}"), name)
        return found

    return {
        "queues ls": of("queues", "_COLUMNS"),
        "jobs ls": JOB_COLUMNS,
        "dead ls": DEAD_COLUMNS,
        "tasks ls": of("tasks", "_COLUMNS"),
        "doctor": of("doctor", "_COLUMNS"),
        "enqueue": of("enqueue", "_COLUMNS"),
    }


def reference() -> str:
    verbs = all_verbs()
    shared = {row for verb in ("queues ls",) for row in rows(verbs[verb]) if "`-q" not in row}
    common = [row for row in rows(verbs["queues ls"]) if row in shared]
    parts = [
        f"{BEGIN}\n{EXCEPTIONS}\n{table(common)}",
    ]
    for verb, command in verbs.items():
        own = [row for row in rows(command) if row not in shared]
        parts.append(section(verb, command, own))
    return "\n".join(parts)


def section(verb: str, command: click.Command, own: list[str]) -> str:
    usage = " ".join(
        [
            verb,
            *(
                p.make_metavar(_context(command))
                for p in command.params
                if isinstance(p, click.Argument)
            ),
        ]
    )
    text = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    lines = [f"## `anyjob {usage}`", "", text, ""]
    if verb in columns():
        named = ", ".join(f"`{column.key}`" for column in columns()[verb])
        lines += [f"Columns: {named}.", ""]
    if own:
        lines += [table(own)]
    return "\n".join(lines)


def rows(command: click.Command) -> list[str]:
    return [row(p) for p in command.params if isinstance(p, click.Option)]


def row(option: click.Option) -> str:
    record: Any = option.get_help_record(_context(click.Command("x")))
    names, text = record
    escaped = names.replace("|", "\\|")
    return f"| `{escaped}` | {text.replace('|', chr(92) + '|')} |"


def table(found: list[str]) -> str:
    return "\n".join(["| option | meaning |", "|---|---|", *found, ""])


def _context(command: click.Command) -> click.Context:
    return click.Context(command)


if __name__ == "__main__":
    before = PAGE.read_text().partition(BEGIN)[0]
    PAGE.write_text(before + reference())
