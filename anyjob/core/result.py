"""What is kept of a job that ended: its result, or why there is none."""

from __future__ import annotations

import msgspec

from anyjob.core.errors import DecodeError

#: What a stored result takes beside itself, at most.
RESULT_OVERHEAD = 64
#: Largest result that is kept unless configured otherwise.
MAX_RESULT = 1024 * 1024


class Ended(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of a job that ended, as it is stored: the result as JSON, or the reason."""

    result: msgspec.Raw = msgspec.Raw(b"null")
    reason: str = ""
    #: Seconds since the epoch until which the result is shown; 0: as long as the end is.
    until: float = 0.0

    def is_shown(self, now: float) -> bool:
        """Whether the result is still to be shown."""
        return not self.until or now < self.until


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Ended)


def encode_success(result: bytes, until: float = 0.0) -> bytes:
    """Return the stored form of a result that is JSON already.

    `until` is for a result that is to be shown more briefly than its backend remembers ends.
    """
    if until:
        return b'{"result":' + result + b',"until":%.3f}' % until
    return b'{"result":' + result + b"}"


def encode_end(reason: str) -> bytes:
    """Return the stored form of an end without a result."""
    return _encoder.encode(Ended(reason=reason))


def decode_end(data: bytes) -> Ended:
    """Return what was stored; raises DecodeError."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise DecodeError(f"expected the outcome of a job, got {error}") from error
