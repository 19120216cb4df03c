"""Histories are written by many at once, and read back as one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from anyjob.conformance.history import History, Recorder, check, load, merge, save
from anyjob.conformance.history.events import Cancel, Header, Maintain
from anyjob.conformance.history.keep import FOLDER, keep
from anyjob.core.errors import ConfigurationError
from tests.conformance.history.script import Script
from tests.waiting import until

ENDLESS = """\
import itertools, sys
from pathlib import Path
from anyjob.conformance.history import Recorder
from anyjob.conformance.history.events import Cancel

recorder = Recorder(Path(sys.argv[1]))
for number in itertools.count():
    recorder.write(Cancel(process="w", phase="invoke", job=str(number)))
"""


def test_many_threads_write_one_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "one.jsonl")

    def write(who: int) -> None:
        for number in range(200):
            recorder.write(*(Cancel(process=str(who), phase="ok", job=f"{number}") for _ in "ab"))

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()

    history = merge(Header(), [tmp_path / "one.jsonl"])
    assert len(history.events) == 4 * 200 * 2


def test_what_a_killed_process_wrote_is_there(tmp_path: Path) -> None:
    path = tmp_path / "killed.jsonl"
    process = subprocess.Popen([sys.executable, "-c", ENDLESS, str(path)])
    until(lambda: path.exists() and path.stat().st_size > 100_000)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    events = merge(Header(), [path]).events

    jobs = [event.job for event in events if isinstance(event, Cancel)]
    assert jobs == [str(number) for number in range(len(jobs))]
    assert len(jobs) > 1000


def test_files_are_merged_in_the_order_of_the_machines_clock(tmp_path: Path) -> None:
    for who, times in (("a", (1.0, 4.0)), ("b", (2.0, 3.0))):
        recorder = Recorder(tmp_path / f"{who}.jsonl")
        recorder.write(*(Maintain(process=who, mono=mono, phase="ok") for mono in times))
        recorder.close()

    history = merge(Header(), sorted(tmp_path.iterdir()))

    assert [event.process for event in history.events] == ["a", "b", "b", "a"]


def test_torn_last_line_is_left_out_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    recorder = Recorder(path)
    recorder.write(*(Cancel(process="w", phase="ok", job=str(number)) for number in range(3)))
    recorder.close()
    whole = path.read_bytes()

    path.write_bytes(whole[:-20])
    assert len(merge(Header(), [path]).events) == 2

    path.write_bytes(whole.replace(b'"job":"1"', b'"job":1'))
    with pytest.raises(ConfigurationError, match=r"line 2 of .* is no event of a history"):
        merge(Header(), [path])


def test_saved_history_is_loaded_equal_and_judged_alike(tmp_path: Path) -> None:
    say = Script(seed=7)
    say.capabilities = {"order": "loose"}
    say.one_of_each()
    say.enqueue("a")
    history = say.history()

    save(history, tmp_path / "history.jsonl")
    loaded = load(tmp_path / "history.jsonl")

    assert loaded == History(history.header, list(history.events))
    assert check(loaded).broken == check(history).broken == {"lost": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no history: its first line is no header"),
        (b"\xff\xfe{}\n", "is no history: its first line is no header"),
        (b"hello\n", "is no history: its first line is no header"),
        (b'{"history":2}\n', "a history of format 2, and this release reads 1"),
        (b'{"history":1}\n{"event":"nonsense"}\n{}\n', "line 2 of .* is no event"),
    ],
)
def test_file_that_is_no_history_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=message):
        load(path)


def test_history_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read the history"):
        load(tmp_path / "none.jsonl")


def test_failed_history_is_kept_with_verdict_and_timeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "kept"))
    say = Script(seed=42)
    say.one_of_each()
    say.enqueue("<a>")
    say.settle("<a>", say.lease("<a>"))
    say.kill("c")
    say.settle("<a>", say.lease("<a>", who="c2"), "retry", answer="fail", who="c2")
    history = say.history()
    verdict = check(history)

    first, second = keep(history, verdict), keep(history, verdict)

    assert [folder.name for folder in (first, second)] == ["seed-42-1", "seed-42-2"]
    assert check(load(first / "history.jsonl")).broken == verdict.broken
    assert "resurrected: <a>" in (first / "verdict.txt").read_text()
    page = (first / "timeline.html").read_text()
    assert "seed 42" in page
    assert page.count('<rect class="lease"') == 2 * len(verdict.violations)
    assert '<circle class="fault"' in page
    assert "&lt;a&gt;" in page
    assert "<a>" not in page
