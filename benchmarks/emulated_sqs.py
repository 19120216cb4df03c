"""The emulated SQS that the tests use, for the length of a measurement: asked by boto3 itself, and
how often it was asked.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config

from anyjob.conformance import OwnProcess
from anyjob.conformance.servers.own_process import Running

#: What the front of the tests' emulator lets in; it is no secret of anybody's.
_KEY, _SECRET, _REGION = "AKIAIOSFODNN7EXAMPLE", "hidden-word", "us-east-1"
_COMMAND = ["ministack-python", "-m", "tests.conformance.sqs.server", "{port}", "{dir}"]
_URL = f"sqs://{_KEY}:{_SECRET}@{_REGION}?endpoint=http://{{host}}:{{port}}"


@contextmanager
def emulated_sqs(folder: Path) -> Iterator[str]:
    """Start one on a free port with its files in `folder`; the URL is valid within the block."""
    running = OwnProcess(_COMMAND, url=_URL, patience=60.0).start(_answers, folder)
    try:
        yield running.url
    finally:
        running.stop()


def client(url: str) -> Any:
    """boto3's own, for so many threads as a loop has."""
    return boto3.client(
        "sqs",
        region_name=_REGION,
        endpoint_url=_endpoint(url),
        aws_access_key_id=_KEY,
        aws_secret_access_key=_SECRET,
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=64),
    )


def requests(url: str) -> int:
    """How many it was asked so far, whatever for."""
    with urllib.request.urlopen(f"{_endpoint(url)}/requests", timeout=10) as reply:
        counted: dict[str, int] = json.load(reply)
    return sum(counted.values())


def _endpoint(url: str) -> str:
    return parse_qs(urlsplit(url).query)["endpoint"][0]


def _answers(running: Running) -> bool:
    asked = client(running.url)
    try:
        asked.list_queues()
    finally:
        asked.close()
    return True
