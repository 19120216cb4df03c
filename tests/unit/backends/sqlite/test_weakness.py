import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from anyjob.backends.sqlite import SQLiteBackend
from anyjob.backends.sqlite.weakness import has_reset_bug

Open = Callable[..., SQLiteBackend]


def test_normal_synchronous_is_a_weakness_and_a_weaker_level(url: str, opened: Open) -> None:
    full, normal = opened(url), opened(f"{url}?synchronous=normal")

    assert full.capabilities.durability == "os"
    assert normal.capabilities.durability == "process"
    found = {finding.id: finding for finding in normal.weaknesses()}
    assert "power cut" in found["sqlite-synchronous-normal"].why
    assert "sqlite-synchronous-normal" not in {finding.id for finding in full.weaknesses()}


@pytest.mark.parametrize(
    ("version", "bad"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_releases_that_may_damage_a_file_are_known(
    version: tuple[int, int, int], bad: bool
) -> None:
    assert has_reset_bug(version) is bad


def test_little_room_is_a_weakness(url: str, path: Path, opened: Open) -> None:
    ids = {finding.id for finding in opened(url).weaknesses()}

    roomy = shutil.disk_usage(path.parent).free >= 128 * 1024 * 1024
    assert ("sqlite-low-disk" in ids) is not roomy
