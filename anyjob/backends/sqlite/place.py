"""What the path of a database must be like before SQLite may touch it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from anyjob.backends.sqlite.url import Location
from anyjob.core.errors import ConfigurationError
from anyjob.core.place import Place

_MOUNTS = Path("/proc/self/mounts")
#: File systems on which locks or shared memory do not reach every process that sees the file.
_NETWORK = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.ceph", "fuse.davfs2",
        "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gfs", "gfs2", "glusterfs",
        "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb2", "smb3", "smbfs",
    }
)  # fmt: skip
SUFFIXES = ("", "-wal", "-shm", "-journal", "-lock", "-ballast")


def check_place(location: Location) -> None:
    """Raise ConfigurationError unless a database may live at `location`; changes nothing."""
    path = location.path
    if not path.parent.is_dir():
        raise ConfigurationError(
            f"the folder {str(path.parent)!r} for the database does not exist; make it, or name"
            " another path"
        )
    if path.is_dir():
        raise ConfigurationError(f"expected {str(path)!r} to be a file, and it is a folder")
    if not location.allow_symlink:
        _refuse_symlinks(location)
    if not location.allow_network and (kind := network_file_system(path)):
        raise ConfigurationError(
            f"{str(path)!r} lies on a network file system ({kind}), where SQLite's locks do not"
            " hold; use a local disk, or add ?allow_network=true if only one machine ever opens it"
        )
    _check_access(path)


def place_of(location: Location) -> Place:
    """The file and whether it is there; raises ConfigurationError where none may be."""
    check_place(location)
    return Place(str(location.path), location.path.exists())


def network_file_system(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """The kind of network file system that holds `path`, or None. Known on Linux only."""
    if sys.platform != "linux" or not mounts.exists():
        return None
    target = os.path.realpath(path)
    best, kind = -1, ""
    for line in mounts.read_text(errors="surrogateescape").splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = _unescaped(fields[1])
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        # A later mount on the same point hides the earlier one.
        if inside and len(point) >= best:
            best, kind = len(point), fields[2]
    return kind if kind in _NETWORK else None


def _refuse_symlinks(location: Location) -> None:
    for suffix in SUFFIXES:
        path = location.beside(suffix)
        if path.is_symlink():
            raise ConfigurationError(
                f"{str(path)!r} is a symbolic link, which could lead the jobs elsewhere; name the"
                " file itself, or add ?allow_symlink=true"
            )


def _check_access(path: Path) -> None:
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"the folder {str(path.parent)!r} cannot be written to, and the database keeps files"
            " beside itself; change its permissions, or name another path"
        )
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise ConfigurationError(
            f"the database {str(path)!r} cannot be written to; change its permissions, or name"
            " another path"
        )


def _unescaped(field: str) -> str:
    # /proc/mounts writes space, tab, newline and backslash as three octal digits.
    for code in ("040", "011", "012", "134"):
        field = field.replace("\\" + code, chr(int(code, 8)))
    return field
