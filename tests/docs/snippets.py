"""Finds the snippets of a Markdown page. How they are written is in CONTRIBUTING.md."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

RUN = {"python", "console"}
SHOWN = {"text", "json", "toml", "ini", "yaml", "sql"}
FILE_LINE = re.compile(r"# file: (?P<name>[\w./-]+)(?P<more>, continued)?\n")
HIDDEN = re.compile(r"^\s*[`~:]{3,}\s*(python|console)\b", re.MULTILINE)


class BadSnippet(Exception):
    """Raised when a block is written in a way that would escape the test."""


@dataclass(frozen=True)
class Snippet:
    language: str
    text: str
    line: int
    file: str | None = None
    """Where the block is saved instead of run."""

    continues: bool = False
    """Whether it goes below what was saved there before."""

    output: str | None = None
    """What running it prints, `...` for what varies; None if the page doesn't say."""


@dataclass(frozen=True)
class Command:
    text: str
    output: str | None


def snippets(markdown: str) -> list[Snippet]:
    """Every block that runs or is saved, in the page's order."""
    found: list[Snippet] = []
    for token in MarkdownIt().parse(markdown):
        if token.type != "fence":
            continue
        language = token.info.split()[0] if token.info.strip() else "text"
        if language == "output":
            found = [*found[:-1], with_output(found, token)]
        elif snippet := snippet_of(token, language):
            found.append(snippet)
    return found


def with_output(found: list[Snippet], token: Token) -> Snippet:
    if not found or found[-1].language != "python" or found[-1].file:
        raise BadSnippet(f"line {line_of(token)}: output follows no python block that runs")
    return replace(found[-1], output=token.content)


def snippet_of(token: Token, language: str) -> Snippet | None:
    if language.startswith("{"):
        refuse_hidden(token)
        return None
    if language not in RUN | SHOWN:
        allowed = ", ".join(sorted(RUN | SHOWN | {"output"}))
        raise BadSnippet(f"line {line_of(token)}: expected one of {allowed}, got {language!r}")
    saved = FILE_LINE.match(token.content)
    if language not in RUN and not saved:
        return None
    file = saved["name"] if saved else None
    return Snippet(
        language, token.content, line_of(token), file, continues=bool(saved and saved["more"])
    )


def refuse_hidden(token: Token) -> None:
    if "code" in token.info or HIDDEN.search(token.content):
        raise BadSnippet(
            f"line {line_of(token)}: code inside {token.info!r} is not run; write it as a plain"
            " fenced block, or use ::: for the directive around it"
        )


def line_of(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0


def commands(console: str) -> Iterator[Command]:
    """The `$ ` lines of a console block, each with the output below it."""
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        length = 1
        while length < len(lines) and lines[length].startswith("> "):
            length += 1
        text = "".join(line.removeprefix("> ") for line in lines[:length])
        yield Command(text.strip(), "".join(lines[length:]).strip() or None)
