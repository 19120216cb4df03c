"""What a person at a terminal sees."""

import sys
import threading
import time
from pathlib import Path

import pytest

from anyjob.cli.progress import Progress
from anyjob.cli.session import Session
from anyjob.core.errors import BackendUnavailable
from tests.unit.cli.terminal import on_terminal, run_on_terminal

BOLD = "\x1b[1m"


def left(folder: Path) -> int:
    return int((folder / "left").read_text())


def test_listing_is_a_table_with_a_head_on_a_terminal(tmp_path: Path) -> None:
    seen = on_terminal(tmp_path, "queues", "ls", jobs=2)

    assert seen.code == 0
    head, rule, default, mail = seen.screen.splitlines()
    assert "oldest ready" in head
    assert "───" in rule
    assert default.split() == ["default", "0", "0", "0", "0", "-", "no"]
    assert mail.split()[:5] == ["mail", "2", "0", "0", "0"]
    assert "\t" not in seen.screen


def test_times_on_a_terminal_are_said_in_words_too(tmp_path: Path) -> None:
    seen = on_terminal(tmp_path, "queues", "ls", "-q", "mail", jobs=1)

    assert " 0 s " in seen.screen


def test_json_on_a_terminal_is_json(tmp_path: Path) -> None:
    seen = on_terminal(tmp_path, "queues", "ls", "--json")

    assert seen.screen.startswith('{\n  "anyjob": 1,\n  "kind": "queues"')


@pytest.mark.parametrize(
    ("words", "environment", "coloured"),
    [
        ([], {}, True),
        (["--color", "never"], {}, False),
        ([], {"NO_COLOR": "1"}, True),
    ],
)
def test_colour_follows_option_and_environment(
    tmp_path: Path, words: list[str], environment: dict[str, str], coloured: bool
) -> None:
    # A head in bold is no colour: NO_COLOR leaves it, `--color never` means no escape at all.
    seen = on_terminal(tmp_path, "queues", "ls", *words, environment=environment)

    assert (BOLD in seen.screen) is coloured
    assert "\x1b[3" not in seen.screen


def test_destructive_verb_asks_and_acts_on_yes(tmp_path: Path) -> None:
    seen = on_terminal(tmp_path, "queues", "purge", "mail", jobs=7, answer="y\n")

    assert "about to purge 7 waiting jobs of queue 'mail'" in seen.screen
    assert "recipient 4" in seen.screen
    assert "… and 2 more" in seen.screen
    assert "go on? [y/N]" in seen.screen
    assert (seen.code, left(tmp_path)) == (0, 0)


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_destructive_verb_changes_nothing_on_no(tmp_path: Path, answer: str) -> None:
    seen = on_terminal(tmp_path, "queues", "purge", "mail", jobs=3, answer=answer)

    assert "error: nothing was changed" in seen.screen
    assert (seen.code, left(tmp_path)) == (1, 3)


def test_interrupt_at_the_question_changes_nothing(tmp_path: Path) -> None:
    # Python notices a signal that comes just before it begins to read only with the next input,
    # hence the line break; the interrupt still goes before the answer.
    seen = on_terminal(tmp_path, "queues", "purge", "mail", jobs=3, answer="\x03\n")

    assert (seen.code, left(tmp_path)) == (130, 3)
    assert "anyjob: interrupted" in seen.screen


def test_yes_leaves_out_the_question(tmp_path: Path) -> None:
    seen = on_terminal(tmp_path, "queues", "purge", "mail", "--yes", jobs=3)

    assert "go on?" not in seen.screen
    assert (seen.code, left(tmp_path)) == (0, 0)


def test_progress_shows_nothing_of_what_ends_soon(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("reviving", 3, Session()) as progress:
        progress.add(3)

    assert capsys.readouterr().err == ""


def test_progress_in_a_pipe_is_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anyjob.cli.progress._LINE_EVERY", 0.02)
    told: list[str] = []

    class Listener(Session):
        def say(self, text: str) -> None:
            told.append(text)

    with Progress("reviving", 1200, Listener()) as progress:
        progress.add(600)
        deadline = time.monotonic() + 10
        while not told and time.monotonic() < deadline:
            time.sleep(0.01)
        progress.add(600)

    assert told[0].startswith("reviving: 600 of 1,200, ")
    assert told[-1].startswith("reviving: done, 1,200 of 1,200, ")


def test_progress_of_what_failed_says_how_far_it_got(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("enqueuing", None, Session())
    progress.__enter__()
    progress.add(5)

    progress.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)

    assert capsys.readouterr().err.startswith("enqueuing: ended early, 5, ")


def test_progress_of_a_single_call_is_looked_up_while_it_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("anyjob.cli.progress._LINE_EVERY", 0.02)
    told: list[str] = []
    has_told = threading.Event()

    class Listener(Session):
        def say(self, text: str) -> None:
            told.append(text)
            has_told.set()

    with Progress("purging", 1200, Listener(), look=lambda: 500) as progress:
        assert has_told.wait(10)
        progress.add(1200)

    assert told[0].startswith("purging: 500 of 1,200, ")
    assert told[-1].startswith("purging: done, 1,200 of 1,200, ")


def test_progress_that_cannot_look_goes_on() -> None:
    def fail() -> int:
        raise BackendUnavailable("gone")

    told: list[str] = []

    class Listener(Session):
        def say(self, text: str) -> None:
            told.append(text)

    with pytest.raises(KeyboardInterrupt), Progress("purging", 9, Listener(), look=fail):
        raise KeyboardInterrupt

    assert told[-1].startswith("purging: ended early, 0 of 9, ")


SLOW = """
import time
from anyjob.cli.progress import Progress
from anyjob.cli.session import Session
with Progress("reviving", 10, Session()) as progress:
    for _ in range(8):
        time.sleep(0.2)
        progress.add(1)
"""


def test_progress_on_a_terminal_is_a_bar_that_goes_away(tmp_path: Path) -> None:
    seen = run_on_terminal([sys.executable, "-c", SLOW], tmp_path).screen

    assert "━" in seen
    assert "of 10" in seen
    assert seen.splitlines()[-1].startswith("\x1b[1A\x1b[2Kreviving: done, 8 of 10, ")
