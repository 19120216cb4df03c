"""What the service and the driver say, told in errors of ours."""

from __future__ import annotations

from typing import Any

from anyjob.backends.sqs.url import Location
from anyjob.core.errors import AnyjobError, BackendUnavailable, ConfigurationError

#: Refusals that pass by themselves, and of which nothing was done.
PASSING = frozenset({
    "KmsThrottled", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException",
    "Throttling", "ThrottlingException", "TooManyRequestsException",
})  # fmt: skip
#: The queue is not there; as the two protocols of the service spell it.
NO_QUEUE = frozenset({"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"})
#: What a receipt that is no longer the newest may be answered with.
STALE = frozenset({
    "AWS.SimpleQueueService.MessageNotInflight", "InvalidParameterValue", "InvalidReceiptHandle",
    "MessageNotInflight", "ReceiptHandleIsInvalid",
})  # fmt: skip
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
_DENIED = frozenset({
    "AccessDenied", "AccessDeniedException", "AuthFailure", "AuthorizationError",
    "UnauthorizedOperation", "KmsAccessDenied",
})  # fmt: skip
_UNKNOWN_KEYS = frozenset({
    "IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSecurity",
    "MissingAuthenticationToken", "NotAuthorized", "OptInRequired", "SignatureDoesNotMatch",
    "UnrecognizedClientException",
})  # fmt: skip
_KEYS_WHERE = "in the URL as sqs://KEY:SECRET@REGION, in AWS_ACCESS_KEY_ID, or in ~/.aws"


class Uncertain(BackendUnavailable):
    """The reply is lost: nobody can know what became of the request."""


class NoQueue(BackendUnavailable):
    """The SQS queue that was asked is not there."""


class Refused(BackendUnavailable):
    """The service refused, and nothing was done; `code` is its word for it."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Unfit(ConfigurationError):
    """The service does not let this caller do that, or does not know it."""


def refusal(location: Location, operation: str, code: str, status: int) -> AnyjobError:
    """The error of ours for a reply that is an error."""
    shown = location.shown
    if code in NO_QUEUE:
        return NoQueue(
            f"{shown} has no SQS queue of the name that was asked ({operation}); declare the queue,"
            " or correct region and namespace"
        )
    if code in _EXPIRED:
        return Unfit(f"the credentials for {shown} have expired; renew them {_KEYS_WHERE}")
    if code in _UNKNOWN_KEYS:
        return Unfit(
            f"{shown} does not take these credentials ({code}); correct them {_KEYS_WHERE}"
        )
    if code in _DENIED:
        return Unfit(
            f"{shown} does not let this caller do sqs:{operation}; the page 'Jobs in Amazon SQS'"
            " lists the rights that are needed"
        )
    if status >= 500 and code not in PASSING:
        return Uncertain(f"{shown} failed in {operation} ({code or status})")
    return Refused(f"{shown} refuses {operation} ({code or status})", code)


def bucket_refusal(bucket: str, operation: str, code: str) -> str:
    """What to say of an error of S3."""
    if code == "NoSuchBucket":
        return f"there is no S3 bucket {bucket!r}; make it, or correct ?bucket= in the URL"
    if code in _DENIED:
        right = "PutObject" if operation == "put_object" else "GetObject"
        return f"S3 bucket {bucket!r} does not let this caller do s3:{right} below anyjob/"
    if code in _EXPIRED:
        return f"the credentials for S3 bucket {bucket!r} have expired; renew them {_KEYS_WHERE}"
    return f"S3 bucket {bucket!r} refuses what was asked ({code})"


def undriven(location: Location, error: Exception) -> AnyjobError:
    """The error of ours for what botocore raises before it asks anybody."""
    kind = type(error).__name__
    if kind in ("NoCredentialsError", "PartialCredentialsError"):
        return Unfit(f"there are no credentials for {location.shown}; give them {_KEYS_WHERE}")
    if kind == "NoRegionError":
        return Unfit(
            "no region is configured for sqs://; write sqs://eu-central-1, or set AWS_REGION"
        )
    if kind == "ProfileNotFound":
        return Unfit(f"the profile of {location.shown} is not in ~/.aws/config; correct its name")
    if "Credential" in kind or "Token" in kind or "SSO" in kind:
        return BackendUnavailable(f"the credentials for {location.shown} cannot be had ({kind})")
    return Unfit(f"{location.shown} cannot be asked: botocore says {kind}")


def code_of(reply: dict[str, Any]) -> str:
    """The code of an error or of a failed entry, as the newer protocol spells it."""
    return str(reply.get("Code", "")).rpartition("#")[2]
