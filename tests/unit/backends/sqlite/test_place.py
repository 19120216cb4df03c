"""Where a database may be, and what its files are like."""

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from anyjob.backends.sqlite import SQLiteBackend
from anyjob.backends.sqlite.place import network_file_system
from anyjob.core.errors import ConfigurationError
from tests.unit.backends.sqlite.conftest import MakeJob, Start

Open = Callable[..., SQLiteBackend]


def test_files_belong_to_their_owner_alone_whatever_the_umask(
    url: str, path: Path, opened: Open, job: MakeJob
) -> None:
    before = os.umask(0)
    try:
        backend = opened(url)
        backend.enqueue([job()])
    finally:
        os.umask(before)

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes) == {
        "jobs.db",
        "jobs.db-wal",
        "jobs.db-shm",
        "jobs.db-lock",
        "jobs.db-ballast",
    }
    assert set(modes.values()) == {0o600}


def test_missing_folder_is_named_and_not_made(tmp_path: Path, opened: Open) -> None:
    with pytest.raises(ConfigurationError, match=r"folder '.*/absent' .* does not exist; make it"):
        opened(f"sqlite:///{tmp_path}/absent/jobs.db")

    assert list(tmp_path.iterdir()) == []


def test_folder_is_no_database(tmp_path: Path, opened: Open) -> None:
    (tmp_path / "jobs.db").mkdir()

    with pytest.raises(ConfigurationError, match="it is a folder"):
        opened(f"sqlite:///{tmp_path}/jobs.db")


@pytest.mark.parametrize("suffix", ["", "-wal", "-lock", "-ballast"])
def test_symbolic_link_is_refused(tmp_path: Path, opened: Open, suffix: str) -> None:
    target = tmp_path / "elsewhere"
    (tmp_path / f"jobs.db{suffix}").symlink_to(target)

    with pytest.raises(ConfigurationError, match="allow_symlink"):
        opened(f"sqlite:///{tmp_path}/jobs.db")

    assert not target.exists()


def test_symbolic_link_is_followed_when_that_is_asked_for(
    tmp_path: Path, opened: Open, job: MakeJob
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "jobs.db")
    through = opened(f"sqlite:///{tmp_path}/link.db?allow_symlink=true")
    direct = opened(f"sqlite:///{tmp_path}/real/jobs.db")

    through.enqueue([job()])

    assert direct.counts("mail").ready == 1
    assert {file.name for file in tmp_path.iterdir()} == {"real", "link.db"}


def test_network_file_system_is_known_by_the_innermost_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\n"
        "server:/export /srv/data nfs4 rw 0 0\n"
        "tmpfs /srv/data/scratch tmpfs rw 0 0\n"
        "//nas/share /mnt/my\\040share cifs rw 0 0\n"
        "incomplete\n"
    )

    assert network_file_system(Path("/srv/data/jobs.db"), mounts) == "nfs4"
    assert network_file_system(Path("/mnt/my share/jobs.db"), mounts) == "cifs"
    assert network_file_system(Path("/srv/data/scratch/jobs.db"), mounts) is None
    assert network_file_system(Path("/srv/database/jobs.db"), mounts) is None
    assert network_file_system(Path("/jobs.db"), tmp_path / "no-table") is None


AS_NOBODY = """
import os, sys
from anyjob.backends.sqlite import SQLiteBackend
from anyjob.core.errors import ConfigurationError
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
backend = SQLiteBackend(sys.argv[1])
try:
    backend.open()
except ConfigurationError as error:
    print(error)
else:
    print("opened")
"""


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A folder that everybody may enter, as far up as it is ours."""
    folder = tmp_path
    while folder != Path(tempfile.gettempdir()):
        folder.chmod(0o755)
        folder = folder.parent
    return tmp_path


def test_read_only_folder_is_refused_before_any_effect(public: Path, start: Start) -> None:
    folder = public / "folder"
    folder.mkdir()
    folder.chmod(0o555)

    said, _ = start(AS_NOBODY, f"sqlite:///{folder}/jobs.db").communicate(timeout=20)

    assert "cannot be written to" in said
    assert "change its permissions" in said
    assert list(folder.iterdir()) == []


def test_read_only_file_is_refused_before_any_effect(public: Path, start: Start) -> None:
    folder = public / "folder"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "jobs.db").write_bytes(b"")
    (folder / "jobs.db").chmod(0o444)

    said, _ = start(AS_NOBODY, f"sqlite:///{folder}/jobs.db").communicate(timeout=20)

    assert "cannot be written to" in said
    assert [file.name for file in folder.iterdir()] == ["jobs.db"]


def test_folder_that_nobody_may_enter_is_named(public: Path, start: Start) -> None:
    closed = public / "closed"
    (closed / "folder").mkdir(parents=True)
    closed.chmod(0o000)

    said, _ = start(AS_NOBODY, f"sqlite:///{closed}/folder/jobs.db").communicate(timeout=20)
    closed.chmod(0o755)

    assert "cannot be written to (Permission denied)" in said


def test_names_cannot_inject(url: str, opened: Open, job: MakeJob) -> None:
    backend = opened(url)

    for name in ("x'; DROP TABLE anyjob_jobs; --", 'a"b', "a\x00b", "é" * 80, "a" * 81, ""):
        with pytest.raises(ConfigurationError):
            backend.enqueue([job(queue=name)])
        with pytest.raises(ConfigurationError):
            backend.counts(name)

    assert backend.queues() == set()
