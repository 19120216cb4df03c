"""Bodies that no message can hold, as objects in a bucket of S3; the message has a claim check."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import botocore.exceptions
from botocore.utils import get_environ_proxies

from anyjob.backends.sqs.client import make_client
from anyjob.backends.sqs.errors import bucket_refusal
from anyjob.backends.sqs.transport import Broken, Transport
from anyjob.backends.sqs.url import Location
from anyjob.core.errors import BackendUnavailable

#: Bytes of a body that a call of five seconds carries.
LARGEST_CLAIM = 16 * 1024 * 1024


class Claims:
    """Puts and gets objects; any thread may.

    None is removed: a job may be in two messages for a while, and either needs it. A rule of the
    bucket removes what nobody can want any more.
    """

    def __init__(self, location: Location, now: Callable[[], float]) -> None:
        self._location = location
        self._client, bundle = make_client(location, "s3")
        url = str(self._client.meta.endpoint_url)
        self._transport = Transport(
            ca=bundle,
            proxy=get_environ_proxies(url).get(url.partition(":")[0]),
            # What time it is at SQS is not told by S3.
            heard=lambda date, asked: None,
            now=now,
        )
        self._client.meta.events.register("before-send.s3", self._transport.send)

    def put(self, id: str, body: bytes, deadline: float) -> str:
        """Store the body of a job by `deadline`, and return its key; raises BackendUnavailable."""
        key = f"anyjob/{id}-{secrets.token_hex(8)}"
        self._ask("put_object", deadline, Key=key, Body=body)
        return key

    def get(self, key: str, deadline: float) -> bytes | None:
        """What was stored; None if it is not there. Raises BackendUnavailable."""
        reply = self._ask("get_object", deadline, Key=key)
        content: bytes | None = None if reply is None else reply["Body"].read()
        return content

    def cut(self) -> None:
        """End all calls, as if the connection had broken."""
        self._transport.cut()

    def close(self) -> None:
        """End all calls, now and later."""
        self._transport.close()
        self._client.close()

    def _ask(self, operation: str, deadline: float, **params: Any) -> dict[str, Any] | None:
        bucket = self._location.bucket
        try:
            with self._transport.within(deadline):
                reply: dict[str, Any] = getattr(self._client, operation)(Bucket=bucket, **params)
                return reply
        except Broken as error:
            raise BackendUnavailable(f"S3 bucket {bucket!r} {error.why}") from error
        except botocore.exceptions.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code == "NoSuchKey":
                return None
            raise BackendUnavailable(bucket_refusal(bucket, operation, code)) from error
        except botocore.exceptions.BotoCoreError as error:
            kind = type(error).__name__
            raise BackendUnavailable(f"S3 bucket {bucket!r} cannot be asked ({kind})") from error
