"""One page's folder, shell and Python, in which its snippets run as a reader would run them."""

import doctest
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.docs.rabbitmq_server import SHOWN as BROKER
from tests.docs.rabbitmq_server import without_password
from tests.docs.redis_server import SHOWN
from tests.docs.snippets import Snippet, commands

SECONDS = 60
#: Where pages say that an emulator of SQS is.
SQS_SHOWN = "localhost:4566"
MARKER = "--- end of snippet ---"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

# Commands that need the repository or the network, each with what proves it instead.
PROVEN_ELSEWHERE = {
    "make demo": ".ci/run",
    "make test": ".ci/run",
    "make check": ".ci/run",
    "make docs": ".ci/run",
    "make bench": ".ci/run",
    "pip install anyjob": "tests/wheel",
    "pip install 'anyjob[kombu]'": "tests/wheel",
    "pip install 'anyjob[redis]'": "tests/wheel",
    "pip install 'anyjob[rabbitmq]'": "tests/wheel",
    "pip install 'anyjob[sqs]'": "tests/wheel",
}
# Pages that are followed in an environment of their own, each with what does.
FOLLOWED_ELSEWHERE = {"docs/tutorial/write-a-backend.md": "tests/wheel/test_author.py"}


class Session:
    """A process that takes snippets on stdin and marks the end of each one's output."""

    def __init__(
        self, command: list[str], folder: Path, environment: dict[str, str], seconds: float
    ) -> None:
        self._seconds = seconds
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A group of its own, so that what the page left in the background ends with it.
            start_new_session=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def run(self, text: str) -> tuple[int, str]:
        """Returns the status and what was printed; fails after so many seconds of silence."""
        assert self._process.stdin
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()
        output: list[str] = []
        while True:
            line = self._next_line(text, output)
            if line.startswith(MARKER):
                return int(line.removeprefix(MARKER)), "".join(output)
            output.append(line)

    def _next_line(self, text: str, output: list[str]) -> str:
        try:
            line = self._lines.get(timeout=self._seconds)
        except queue.Empty:
            raise AssertionError(
                f"still running after {self._seconds} s: {text}\n{output}"
            ) from None
        assert line is not None, f"the page's process ended in: {text}\n{''.join(output)}"
        return line

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            # What was never read may still wait in stdin's buffer.
            with suppress(BrokenPipeError):
                pipe.close()


class Page:
    """Runs the snippets of one page in its folder; a context manager that ends what they start.

    `server` is where the Redis is that the page calls `localhost:6379`, `sqs` where the emulator is
    that it calls `localhost:4566`.
    """

    def __init__(
        self,
        folder: Path,
        python: Path = Path(sys.executable),
        *,
        seconds: float = SECONDS,
        server: str = SHOWN,
        broker: str = BROKER,
        sqs: str = SQS_SHOWN,
        **variables: str,
    ) -> None:
        self._folder = folder
        self._servers = {SHOWN: server, BROKER: broker, SQS_SHOWN: sqs}
        environment = environment_for(folder, python) | variables
        driver = str(Path(__file__).with_name("python_session.py"))
        self._python = Session([str(python), driver, MARKER], folder, environment, seconds)
        self._shell = Session(["bash", "--norc"], folder, environment, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._python.close()
        self._shell.close()

    def run(self, snippet: Snippet) -> None:
        if snippet.file:
            path = self._folder / snippet.file
            path.parent.mkdir(parents=True, exist_ok=True)
            assert path.exists() or not snippet.continues, f"line {snippet.line}: nothing to go on"
            with path.open("a" if snippet.continues else "w") as file:
                file.write(self._meant(snippet.text))
        elif snippet.language == "python":
            self._run_python(snippet)
        else:
            self._run_console(snippet)

    def _run_python(self, snippet: Snippet) -> None:
        status, output = self._python.run(json.dumps(self._meant(snippet.text)))
        output = self._shown(output)
        is_to_raise = "Traceback (most recent call last)" in (snippet.output or "")
        assert bool(status) == is_to_raise, f"line {snippet.line}:\n{output}"
        check_output(snippet.output, output, f"line {snippet.line}")

    def _run_console(self, snippet: Snippet) -> None:
        for command in commands(snippet.text):
            if command.text in PROVEN_ELSEWHERE:
                continue
            report = f"printf '\\n{MARKER} %d\\n' $?"
            status, output = self._shell.run(f"{self._meant(command.text)}\n{report}")
            output = self._shown(output)
            assert status == 0, f"line {snippet.line}: {command.text}: exit {status}\n{output}"
            check_output(command.output, output, f"line {snippet.line}: {command.text}")

    def _meant(self, text: str) -> str:
        for shown, meant in self._servers.items():
            text = text.replace(shown, meant)
        return text

    def _shown(self, output: str) -> str:
        for shown, meant in self._servers.items():
            for url in (*without_password(meant), meant):
                output = output.replace(url, shown)
        return output


def environment_for(folder: Path, python: Path) -> dict[str, str]:
    """A reader's environment: the installed package, no configuration from outside the folder."""
    scripts = python.parent
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANYJOB_")}
    kept.pop("PYTHONPATH", None)
    own = {"PATH": f"{scripts}:{kept['PATH']}", "HOME": str(folder), "PYTHONUNBUFFERED": "1"}
    return kept | own


def check_output(expected: str | None, output: str, where: str) -> None:
    if expected is None:
        return
    want, got = expected.strip() + "\n", output.strip() + "\n"
    matches = doctest.OutputChecker().check_output(want, got, FLAGS)
    assert matches, f"{where}\nexpected:\n{want}\ngot:\n{got}"
