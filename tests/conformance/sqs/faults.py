"""Faults that a test asks the proxy for, each so many times: the service has its bad days, and says
of each in its documents that it may come.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(kw_only=True)
class Fault:
    """One thing that goes wrong with the next requests."""

    #: throttle: "The request was denied due to request throttling." (RequestThrottled)
    #: fail: "The request has failed due to a temporary failure of the server." (API Reference,
    #:   "Common Errors", ServiceUnavailable)
    #: expire: "The security token included in the request is expired", of which the documents of
    #:   other services tell ("Common Errors", ExpiredTokenException); that SQS says ExpiredToken
    #:   and 403 is known from those who met it (aws-sdk-go#249, aws-sdk-js#3807).
    #: deny: "You do not have sufficient access to perform this action." (API Reference, "Common
    #:   Errors", AccessDeniedException, HTTP status code 400)
    #: entries: "Specifies whether the error happened due to the caller of the batch API action."
    #:   (BatchResultErrorEntry, SenderFault)
    #: double: "it is possible to receive a message even after you delete it. This might happen on
    #:   rare occasions if one of the servers which stores a copy of the message is unavailable when
    #:   you send the request to delete the message." (DeleteMessage)
    #: crowd: as many messages are in flight as may be, to who receives and to who counts.
    #: unheard: the request is carried out, and its answer lost.
    #: unsent: the connection breaks before the request is carried out.
    kind: Literal[
        "throttle", "fail", "expire", "deny", "entries", "double", "crowd", "unheard", "unsent"
    ]
    #: The action that it strikes; "" is any.
    action: str = ""
    times: int = 1
    #: Of `entries`: which of a batch, its code, and whether the sender is to blame.
    entries: tuple[int, ...] = (0,)
    code: str = "InternalError"
    by_sender: bool = False


class Faults:
    """Those that are still to come; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        #: By action: how many requests came.
        self.requests: dict[str, int] = {}

    def set(self, faults: list[Fault]) -> None:
        """In place of all others."""
        with self._lock:
            self._waiting = faults

    def count(self, action: str) -> None:
        with self._lock:
            self.requests[action] = self.requests.get(action, 0) + 1

    def strike(self, kind: str, action: str) -> Fault | None:
        """The next fault of this kind for this action, if there is one."""
        with self._lock:
            for fault in self._waiting:
                if fault.kind == kind and fault.action in ("", action) and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None


def faults_in(content: bytes) -> list[Fault]:
    return [Fault(**each) for each in json.loads(content)]


def written(faults: list[Fault]) -> bytes:
    return json.dumps([asdict(each) for each in faults]).encode()
