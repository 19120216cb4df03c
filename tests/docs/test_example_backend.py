"""The page on writing a backend is the example: its blocks together are the files, to the line."""

from collections import defaultdict
from pathlib import Path

from tests.docs.snippets import snippets

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "filebox"
PAGE = ROOT / "docs" / "tutorial" / "write-a-backend.md"
#: What the page writes beside the package, to use it.
USES = {"shop.py"}


def written(text: str) -> list[str]:
    """The lines of a file, blank ones aside: where blocks meet, the page has none."""
    return [line for line in text.splitlines() if line.strip()]


def test_blocks_of_the_page_are_the_files_of_the_example() -> None:
    on_page = defaultdict[str, list[str]](list)
    for snippet in snippets(PAGE.read_text()):
        if snippet.file:
            # The first line is the block's own: it names the file.
            on_page[snippet.file] += written(snippet.text)[1:]

    in_example = {
        str(path.relative_to(EXAMPLE)): written(path.read_text())
        for path in EXAMPLE.rglob("*")
        if path.suffix in {".py", ".toml"}
    }
    assert on_page.keys() - USES == in_example.keys()
    for name, lines in in_example.items():
        assert on_page[name] == lines, name


def test_example_is_as_long_as_the_page_says() -> None:
    lines = (EXAMPLE / "filebox" / "backend.py").read_text().splitlines()

    assert len(lines) <= 300
    assert "300 lines" in PAGE.read_text()


def test_harness_has_at_most_fifteen_lines() -> None:
    _, _, harness = (EXAMPLE / "filebox" / "harness.py").read_text().partition("class ")

    assert len(harness.splitlines()) <= 15
