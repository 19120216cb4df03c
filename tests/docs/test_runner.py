"""The runner of the snippets sees what is wrong with a page."""

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.page import Page
from tests.docs.redis_server import SHOWN, redis_server
from tests.docs.snippets import BadSnippet, snippets
from tests.waiting import until


def run(markdown: str, folder: Path, server: str = SHOWN) -> None:
    with Page(folder, server=server) as page:
        for snippet in snippets(markdown):
            page.run(snippet)


def test_blocks_of_a_page_share_names_files_and_shell(tmp_path: Path) -> None:
    run(
        """
```python
# file: shop.py
PRICE = 40
```
```python
import shop
total = shop.PRICE + 2
```
```python
print(total)
```
```output
42
```
```console
$ price=7
$ echo $price; \\
> python -c "import shop; print(shop.PRICE)"
7
40
```
""",
        tmp_path,
    )


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("```python\nprint(1)\n```\n```output\n2\n```", id="python-prints-otherwise"),
        pytest.param("```python\n1 / 0\n```", id="python-raises"),
        pytest.param(
            "```python\n1\n```\n```output\nTraceback (most recent call last)\n```", id="calm"
        ),
        pytest.param("```console\n$ echo 1\n2\n```", id="command-prints-otherwise"),
        pytest.param("```console\n$ false\n```", id="command-fails"),
        pytest.param("```console\n$ exit 0\n```", id="shell-ends"),
    ],
)
def test_page_that_lies_fails(page: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run(page, tmp_path)


def test_file_can_be_continued(tmp_path: Path) -> None:
    run(
        """
```python
# file: shop.py
def price():
```
```python
# file: shop.py, continued
    return 40
```
```console
$ python -c "import shop; print(shop.price())"
40
```
""",
        tmp_path,
    )


def test_file_that_is_not_there_cannot_be_continued(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="nothing to go on"):
        run("```python\n# file: shop.py, continued\npass\n```", tmp_path)


def test_dots_stand_for_what_varies(tmp_path: Path) -> None:
    run("```console\n$ echo job 0193-ab done\njob ... done\n```", tmp_path)


def test_shown_traceback_is_expected(tmp_path: Path) -> None:
    run(
        "```python\n1 / 0\n```\n```output\nTraceback (most recent call last):\n  ...\n"
        "ZeroDivisionError: division by zero\n```",
        tmp_path,
    )


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("```{code-block} python\n1 / 0\n```", id="code-in-a-directive"),
        pytest.param("````{note}\n```python\n1 / 0\n```\n````", id="fence-in-a-directive"),
        pytest.param("```bash\nfalse\n```", id="unknown-language"),
        pytest.param("```output\n1\n```", id="output-of-nothing"),
    ],
)
def test_block_that_would_escape_is_refused(page: str) -> None:
    with pytest.raises(BadSnippet):
        snippets(page)


def test_background_process_ends_with_its_page(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alive")
    reader = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    writers = select.poll()
    writers.register(reader, select.POLLHUP)

    run("```console\n$ exec 3> alive\n$ sleep 600 &\n```", tmp_path)

    # The other end hangs up when the last process that holds it is gone.
    assert writers.poll(5_000)
    os.close(reader)


def test_server_that_a_page_names_is_a_private_one_and_ends_with_it(tmp_path: Path) -> None:
    page = """
```python
# file: place.py
URL = "redis://localhost:6379"
```
```python
import place
import redis
redis.Redis.from_url(place.URL).set("key", "value")
print(redis.Redis.from_url("redis://localhost:6379").keys(), place.URL)
```
```output
[b'key'] redis://localhost:6379
```
```console
$ echo localhost:6379
localhost:6379
$ cat place.py
...
URL = "redis://localhost:6379"
```
"""
    with redis_server(tmp_path / "server") as server:
        assert server != SHOWN
        (tmp_path / "page").mkdir()
        run(page, tmp_path / "page", server)

    host, _, port = server.partition(":")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), 5)


def test_server_of_a_page_ends_when_the_tests_are_killed(tmp_path: Path) -> None:
    source = (
        "import os, pathlib, sys\n"
        "from tests.docs.redis_server import redis_server\n"
        "with redis_server(pathlib.Path(sys.argv[1])) as server:\n"
        "    print(server, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", source, str(tmp_path / "server")],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )

    host, _, port = killed.stdout.strip().partition(":")
    assert killed.returncode == -signal.SIGKILL
    assert port
    until(lambda: not is_open(host, int(port)))


def is_open(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 5).close()
    except OSError:
        return False
    return True
