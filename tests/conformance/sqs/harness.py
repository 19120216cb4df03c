"""SQS as its authors give it to the suite: an emulator, behind a front that is as strict as AWS."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config

from anyjob.backends.sqs import SQSBackend
from anyjob.backends.sqs.names import PLAIN, sqs_name
from anyjob.conformance import Harness, OwnProcess, Site
from tests.conformance.sqs.keeping import forget_time, keep_time
from tests.conformance.sqs.proxy import KEY

SECRET = "hidden-word"
REGION = "us-east-1"
COMMAND = ["ministack-python", "-m", "tests.conformance.sqs.server", "{port}", "{dir}"]
URL = f"sqs://{KEY}:{SECRET}@{REGION}?endpoint=http://{{host}}:{{port}}"
#: Seconds.
_LONGEST_WAIT = "2"
_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
#: Messages that no client of ours would leave, by body and record: somebody else's, one without a
#: body, and those of a damaged or a newer client.
PLANTED = {
    "of somebody else": "",
    "of a job that was cut off": f"1 {_ID} 5 0",
    "no base64": f"1 {_ID} 5 0 0 b -",
    "newer": f"2 {_ID} 5 0 0 t - more",
    '{"v":1}': f"1 {_ID} 5 0 0 t -",
}


class SQSHarness(Harness):
    root = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    #: A consumer that is closed lets its waiting requests end, so none waits long here.
    server = OwnProcess([*COMMAND, _LONGEST_WAIT], url=URL, patience=60.0)

    def backend(self, site: Site) -> SQSBackend:
        keep_time(site)
        return SQSBackend(str(site.url), namespace=site.namespace, clock=site.clock)

    def tidy(self, site: Site) -> None:
        forget_time(site)

    def plant(self, site: Site) -> list[str]:
        return plant(site, fifo=False)

    def attest_durability(self, site: Site) -> str:
        """Nobody can cut the power of a service; that it keeps messages in several data centers is
        AWS's word (Developer Guide, "Amazon SQS standard queues", at-least-once delivery).
        """
        return "several servers"


class SQSFifoHarness(SQSHarness):
    """The same on FIFO queues."""

    def backend(self, site: Site) -> SQSBackend:
        keep_time(site)
        url = str(site.url).replace("sqs://", "sqs+fifo://", 1)
        return SQSBackend(url, namespace=site.namespace, clock=site.clock)

    def plant(self, site: Site) -> list[str]:
        return plant(site, fifo=True)


def plant(site: Site, *, fifo: bool) -> list[str]:
    """Leave messages in the queue "line" that no client of ours would."""
    with contextlib.closing(client(str(site.url).partition("endpoint=")[2])) as asked:
        name = sqs_name(site.namespace, "line", PLAIN, fifo=fifo)
        url = asked.get_queue_url(QueueName=name)["QueueUrl"]
        for body, record in PLANTED.items():
            said = {"anyjob": {"DataType": "String", "StringValue": record}} if record else {}
            asked.send_message(
                QueueUrl=url,
                MessageBody=body,
                MessageAttributes=said,
                **({"MessageGroupId": "g", "MessageDeduplicationId": uuid4().hex} if fifo else {}),
            )
    return list(PLANTED)


def client(endpoint: str) -> Any:
    """boto3's own, past the backend."""
    return boto3.client(
        "sqs",
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        config=Config(retries={"total_max_attempts": 1}),
    )
