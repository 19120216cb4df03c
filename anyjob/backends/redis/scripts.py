"""The scripts, as the server knows them: by the SHA-1 of their text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files

import msgspec

from anyjob.backends.redis.resp import Word, pack

#: The commands in use whose first argument is no key.
_KEYLESS = (b"CLUSTER", b"INFO", b"SCRIPT", b"WAIT")
_FOLDER = files("anyjob.backends.redis") / "lua"


class Script(msgspec.Struct, frozen=True):
    """One script."""

    text: bytes
    sha: bytes


def script(*names: str, may_fill: bool = False) -> Script:
    """The script made of these files, one behind the other.

    Those that `may_fill` a server are refused while it is at its limit of memory, before they
    write; the others must pass, because it is they who make room.
    """
    head = "#!lua\n" if may_fill else "#!lua flags=allow-oom\n"
    text = head + "\n".join((_FOLDER / f"{name}.lua").read_text("utf-8") for name in names)
    data = text.encode()
    # The server names scripts by it: no secret depends on it.
    return Script(data, hashlib.sha1(data, usedforsecurity=False).hexdigest().encode())


class Call(msgspec.Struct, frozen=True):
    """A script with its keys and arguments."""

    script: Script
    keys: Sequence[bytes]
    args: Sequence[Word]

    @property
    def key(self) -> bytes | None:
        """What says which node of a Cluster it is for."""
        return self.keys[0]

    def packed(self) -> bytes:
        return pack([b"EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.args])

    def packed_whole(self) -> bytes:
        """The same for a server that has not got the script."""
        return pack([b"EVAL", self.script.text, len(self.keys), *self.keys, *self.args])


class Plain(msgspec.Struct, frozen=True):
    """A command."""

    words: Sequence[Word]

    @property
    def key(self) -> bytes | None:
        """What says which node of a Cluster it is for; None for any."""
        key = None if self.words[0] in _KEYLESS else self.words[1]
        return key if isinstance(key, bytes) else None

    def packed(self) -> bytes:
        return pack(self.words)


Command = Call | Plain

# These as scripts too, because a full server would refuse the plain command, and a worker must
# begin all the same.
LIST = script("list")
EPOCH = script("epoch")

_JOBS = ("clock", "prelude")
ENQUEUE_READY = script("clock", "enqueue_ready", may_fill=True)
ENQUEUE = script(*_JOBS, "put", "enqueue", may_fill=True)
FETCH = script(*_JOBS, "fetch")
SETTLE = script(*_JOBS, "put", "settle")
EXTEND = script(*_JOBS, "extend")
RING = script("ring")
RIGHTS = script("rights")
RELEASE = script(*_JOBS, "release")
GET = script(*_JOBS, "show", "get")
BROWSE = script(*_JOBS, "show", "browse")
COUNTS = script(*_JOBS, "counts")
CANCEL = script(*_JOBS, "cancel")
PURGE = script(*_JOBS, "purge")
REVIVE = script(*_JOBS, "revive")
DISCARD = script(*_JOBS, "discard")
MAINTAIN = script(*_JOBS, "maintain")
LISTEN = script(*_JOBS, "listen")
LOOK = script(*_JOBS, "look")
FLAG = script(*_JOBS, "flag")

#: What a backend tells a server when it is opened.
OF_JOBS = [
    LIST, ENQUEUE_READY, ENQUEUE, FETCH, SETTLE, EXTEND, RING, RELEASE, GET, BROWSE, COUNTS,
    CANCEL, PURGE, REVIVE, DISCARD, MAINTAIN, LISTEN, FLAG, LOOK,
]  # fmt: skip

_STATE = ("clock", "store")
STORE_GET = script(*_STATE, "store_get")
STORE_PUT = script(*_STATE, "store_put", may_fill=True)
STORE_DELETE = script(*_STATE, "store_delete")
STORE_CLAIM = script(*_STATE, "store_claim")
STORE_UNCLAIM = script(*_STATE, "store_unclaim")
STORE_CREATE_SETS = script(*_STATE, "store_create_sets", may_fill=True)
STORE_SETTLE_MEMBERS = script(*_STATE, "store_settle_members")
STORE_INCREMENT = script(*_STATE, "store_increment")
STORE_SCHEDULE = script(*_STATE, "store_schedule", may_fill=True)
STORE_TAKE_DUE = script(*_STATE, "store_take_due")
STORE_SETTLE_DUE = script(*_STATE, "store_settle_due")
STORE_UNSCHEDULE = script(*_STATE, "store_unschedule")
STORE_APPEND = script(*_STATE, "store_append", may_fill=True)

#: What a store tells it.
OF_STATE = [
    STORE_GET, STORE_PUT, STORE_DELETE, STORE_CLAIM, STORE_UNCLAIM, STORE_CREATE_SETS,
    STORE_SETTLE_MEMBERS, STORE_INCREMENT, STORE_SCHEDULE, STORE_TAKE_DUE, STORE_SETTLE_DUE,
    STORE_UNSCHEDULE, STORE_APPEND,
]  # fmt: skip
