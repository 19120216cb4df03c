"""Which verbs there are, and what it costs to say them."""

import subprocess
import sys

from anyjob.cli.tree import all_verbs, root
from tests.unit.cli.conftest import Cli

VERBS = {
    "worker",
    "enqueue",
    "queues ls",
    "queues pause",
    "queues resume",
    "queues purge",
    "jobs ls",
    "jobs show",
    "jobs cancel",
    "dead ls",
    "dead show",
    "dead revive",
    "dead discard",
    "tasks ls",
    "conformance",
    "doctor",
    "version",
}


def test_verbs_are_exactly_these() -> None:
    assert set(all_verbs()) == VERBS


def test_line_of_help_is_that_of_the_verb() -> None:
    for verb, command in all_verbs().items():
        assert command.help, verb
        assert command.callback is not None


def test_every_verb_explains_itself(cli: Cli) -> None:
    for verb in VERBS:
        ran = cli(*verb.split(), "--help")

        assert ran.code == 0
        assert f"Usage: anyjob {verb}" in ran.out


def test_every_option_has_a_line_of_help() -> None:
    bare = {
        (verb, parameter.name)
        for verb, command in all_verbs().items()
        for parameter in command.params
        if parameter.param_type_name == "option" and not getattr(parameter, "help", None)
    }

    assert bare == set()


def test_tree_and_version_import_neither_rich_nor_asyncio() -> None:
    program = (
        "import sys; from anyjob.cli import run; run(['version']); run(['--help']);"
        "print(sorted({'rich', 'asyncio', 'sqlite3', 'anyjob.cli.worker'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_root_is_the_group_of_all() -> None:
    assert root.name == "anyjob"
