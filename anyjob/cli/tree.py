"""Every verb and the file that has it; a file is imported when its verb is typed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from anyjob.core.names import suggestion

#: By what is typed: the module and function, and the line of help, so that help imports nothing.
ROOT = {
    "worker": ("worker:worker", "Run jobs until told to stop."),
    "enqueue": ("enqueue:enqueue", "Enqueue one job, or one for each line of input."),
    "queues": ("", "Look at queues, pause, resume and purge them."),
    "jobs": ("", "Look at jobs that are not over, and cancel waiting ones."),
    "dead": ("", "Look at dead letters, revive and discard them."),
    "tasks": ("", "Look at the tasks of an application."),
    "doctor": ("doctor:doctor", "Check application and backend for weaknesses."),
    "conformance": ("conformance:conformance", "Prove that a backend or store keeps the contract."),
    "version": ("version:version", "Show the version."),
}
GROUPS = {
    "queues": {
        "ls": ("queues:ls", "List queues and how many jobs wait in them."),
        "pause": ("queues:pause", "Stop deliveries of queues."),
        "resume": ("queues:resume", "Let queues deliver again."),
        "purge": ("queues:purge", "Remove the waiting jobs of a queue."),
    },
    "jobs": {
        "ls": ("jobs:ls", "List jobs."),
        "show": ("jobs:show_", "Show all that is known of jobs."),
        "cancel": ("jobs:cancel", "End waiting jobs."),
    },
    "dead": {
        "ls": ("dead:ls", "List dead letters."),
        "show": ("dead:show_", "Show all that is known of dead letters."),
        "revive": ("dead:revive", "Make dead letters ready again."),
        "discard": ("dead:discard", "Remove dead letters for good."),
    },
    "tasks": {
        "ls": ("tasks:ls", "List the tasks of an application."),
    },
}


class Tree(click.Group):
    """A group whose commands are imported when they are called."""

    def __init__(self, name: str, verbs: Mapping[str, tuple[str, str]], help: str) -> None:
        super().__init__(name, help=help, no_args_is_help=False, invoke_without_command=False)
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in GROUPS and self.verbs is ROOT:
            return Tree(cmd_name, GROUPS[cmd_name], ROOT[cmd_name][1])
        if cmd_name not in self.verbs:
            return None
        module, _, function = self.verbs[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"anyjob.cli.{module}"), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.verbs:
            raise click.UsageError(f"no verb {args[0]!r}{suggestion(args[0], self.verbs)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, line) for name, (_, line) in self.verbs.items()])


def all_verbs(group: Tree | None = None, path: tuple[str, ...] = ()) -> dict[str, click.Command]:
    """Return every verb with its command, by the words that are typed; imports all of them."""
    group = group or root
    context = click.Context(group, info_name="anyjob")
    found: dict[str, click.Command] = {}
    for name in group.verbs:
        command: Any = group.get_command(context, name)
        if isinstance(command, Tree):
            found |= all_verbs(command, (*path, name))
        else:
            found[" ".join((*path, name))] = command
    return found


root = Tree("anyjob", ROOT, "Background jobs with one meaning on every backend.")
