"""Text, times and ages made fit to be read."""

import json

import pytest

from anyjob.cli.clean import away, clean, counted, escaped, in_words, iso, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain äöü 🙂", "plain äöü 🙂"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("bell\x07 back\x08 null\x00 delete\x7f c1\x85", "bell back null delete c1"),
        ("left \u202e right \u2066 on", "left  right  on"),
        ("lone \ud800 half", "lone  half"),
        ("carriage\r return", "carriage return"),
    ],
)
def test_clean_text_holds_no_control_characters(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_one_line_is_one_line() -> None:
    assert one_line("  a\n\n\tb\u2028c\r\n") == "a b c"


def test_escaped_json_is_exact_and_harmless() -> None:
    value = {"a": "\x1b[31m \x9b \u202e ä"}

    text = escaped(json.dumps(value, ensure_ascii=False))

    assert json.loads(text) == value
    assert "ä" in text
    assert not set(text) & {"\x1b", "\x9b", "\u202e"}


def test_instant_is_written_in_utc_to_the_millisecond() -> None:
    assert iso(0) == "1970-01-01T00:00:00.000Z"
    assert iso(1_700_000_000.1239) == "2023-11-14T22:13:20.123Z"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (86400, "1 d"),
        (180000, "2 d 2 h"),
    ],
)
def test_span_is_said_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_distance_is_said_in_words() -> None:
    assert away(100, 160) == "1 min ago"
    assert away(160, 100) == "in 1 min"


def test_count_agrees_with_its_noun() -> None:
    assert [counted(n, "job") for n in (0, 1, 1200)] == ["0 jobs", "1 job", "1,200 jobs"]
