"""botocore's client, made as a Location says; who gets its replies is the business of the link."""

from __future__ import annotations

import logging
from typing import Any

import botocore.exceptions
import botocore.session
from botocore.config import Config

from anyjob.backends.sqs.errors import undriven
from anyjob.backends.sqs.url import Location

#: By the folders that AWS_DATA_PATH names: what reads, and keeps, botocore's descriptions of AWS.
_LOADERS: dict[str | None, Any] = {}


def make_client(place: Location, service: str = "sqs") -> tuple[Any, str | bool]:
    """The client of SQS or S3, and who signs the certificate of what it asks: a file, or True for
    the usual ones. Asks nobody but the sources of credentials; raises ConfigurationError.
    """
    _hush()
    try:
        session = botocore.session.Session(profile=place.profile or None)
        _share_loader(session)
        if place.key:
            session.set_credentials(place.key, place.secret, place.session_token)
        # A request is sent once: what may be sent again is decided by us, and not below.
        config = Config(retries={"total_max_attempts": 1}, tcp_keepalive=True)
        endpoint = place.endpoint
        if service == "s3":
            endpoint, config = place.bucket_endpoint, config.merge(_for_objects(place))
        client = session.create_client(
            service,
            region_name=place.region or None,
            endpoint_url=endpoint or None,
            config=config,
        )
        keys = session.get_credentials()
        bundle = place.ca or session.get_config_variable("ca_bundle") or True
    except botocore.exceptions.BotoCoreError as error:
        raise undriven(place, error) from error
    if keys is None:
        raise undriven(place, botocore.exceptions.NoCredentialsError())
    return client, bundle


def _for_objects(place: Location) -> Config:
    """Plain requests: no sums in trailers, which need another way of sending, and the bucket in the
    path where an endpoint of one's own knows no name for each.
    """
    wanted: dict[str, Any] = {
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    known = {name: each for name, each in wanted.items() if name in Config.OPTION_DEFAULTS}
    style = "path" if place.bucket_endpoint else "auto"
    return Config(s3={"addressing_style": style}, **known)


def _share_loader(session: Any) -> None:
    """Each session would read for itself what is the same for all: a tenth of a second. What boto3
    adds, resources, would be added to each loader anew, so its own sessions cannot share one.
    """
    path = session.get_config_variable("data_path")
    loader = _LOADERS.setdefault(path, session.get_component("data_loader"))
    session.register_component("data_loader", loader)


def _hush() -> None:
    """Keep bodies and signatures out of logs: botocore writes whole requests into its own at the
    level DEBUG, and at INFO where it found credentials. Who wants that gives its loggers a level.
    """
    for name in ("boto3", "botocore", "urllib3"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
