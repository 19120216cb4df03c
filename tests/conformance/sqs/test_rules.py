"""The proxy is as strict as AWS, rule by rule: what the emulator lets pass does not pass here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from tests.conformance.sqs.faults import Fault
from tests.conformance.sqs.service import Service, shared


@pytest.fixture(scope="module")
def service() -> Service:
    return shared()


@pytest.fixture
def client(service: Service) -> Iterator[Any]:
    client = service.client()
    yield client
    client.close()


@pytest.fixture
def queue(client: Any) -> str:
    return str(client.create_queue(QueueName=f"q{uuid4().hex}")["QueueUrl"])


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"]).rpartition("#")[2]


def one(client: Any, queue: str, **fields: Any) -> Any:
    [message] = client.receive_message(QueueUrl=queue, WaitTimeSeconds=2, **fields)["Messages"]
    return message


def test_delay_of_15_minutes_is_taken_and_a_second_more_refused(client: Any, queue: str) -> None:
    client.send_message(QueueUrl=queue, MessageBody="a", DelaySeconds=900)

    with pytest.raises(ClientError) as error:
        client.send_message(QueueUrl=queue, MessageBody="b", DelaySeconds=901)

    assert code_of(error) == "InvalidParameterValue"


def test_long_delay_in_a_batch_fails_its_entry_alone(client: Any, queue: str) -> None:
    entries = [
        {"Id": "long", "MessageBody": "a", "DelaySeconds": 901},
        {"Id": "fine", "MessageBody": "b"},
    ]

    reply = client.send_message_batch(QueueUrl=queue, Entries=entries)

    assert [each["Id"] for each in reply["Successful"]] == ["fine"]
    assert [(each["Id"], each["SenderFault"]) for each in reply["Failed"]] == [("long", True)]
    assert one(client, queue)["Body"] == "b"


def test_attributes_count_for_the_largest_message(client: Any, queue: str) -> None:
    attribute = {"name": {"DataType": "Binary", "BinaryValue": bytes(1000)}}
    room = 1_048_576 - len("name") - len("Binary") - 1000

    client.send_message(QueueUrl=queue, MessageBody="a" * room, MessageAttributes=attribute)
    with pytest.raises(ClientError):
        client.send_message(
            QueueUrl=queue, MessageBody="a" * (room + 2), MessageAttributes=attribute
        )


def test_batch_is_no_larger_than_one_message(client: Any, queue: str) -> None:
    entries = [{"Id": str(number), "MessageBody": "a" * 600_000} for number in range(2)]

    with pytest.raises(ClientError) as error:
        client.send_message_batch(QueueUrl=queue, Entries=entries)

    assert code_of(error).endswith("BatchRequestTooLong")


def test_visibility_ends_12_hours_after_the_receipt(
    service: Service, client: Any, queue: str
) -> None:
    client.send_message(QueueUrl=queue, MessageBody="a")
    receipt = one(client, queue, VisibilityTimeout=43_200)["ReceiptHandle"]
    service.clock.advance(3600)

    client.change_message_visibility(
        QueueUrl=queue, ReceiptHandle=receipt, VisibilityTimeout=43_200 - 3601
    )
    with pytest.raises(ClientError) as error:
        client.change_message_visibility(
            QueueUrl=queue, ReceiptHandle=receipt, VisibilityTimeout=43_200 - 3599
        )

    assert code_of(error) == "InvalidParameterValue"


def test_delete_with_an_old_receipt_succeeds_and_deletes_nothing(
    service: Service, client: Any, queue: str
) -> None:
    client.send_message(QueueUrl=queue, MessageBody="a")
    old = one(client, queue, VisibilityTimeout=10)["ReceiptHandle"]
    service.clock.advance(11)
    one(client, queue, VisibilityTimeout=10)

    entries = [{"Id": "0", "ReceiptHandle": old}, {"Id": "1", "ReceiptHandle": "never given"}]
    reply = client.delete_message_batch(QueueUrl=queue, Entries=entries)
    client.delete_message(QueueUrl=queue, ReceiptHandle=old)

    assert [each["Id"] for each in reply["Successful"]] == ["0"]
    assert [each["Id"] for each in reply["Failed"]] == ["1"]
    service.clock.advance(11)
    assert one(client, queue)["Body"] == "a"


def test_order_is_no_promise(client: Any, queue: str) -> None:
    sent = [str(number) for number in range(60)]
    for first in range(0, 60, 10):
        entries = [{"Id": each, "MessageBody": each} for each in sent[first : first + 10]]
        client.send_message_batch(QueueUrl=queue, Entries=entries)

    came: list[str] = []
    while len(came) < 60:
        messages = client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
        came += [each["Body"] for each in messages]

    assert came != sent
    assert sorted(came) == sorted(sent)


def test_deleted_message_may_come_again(service: Service, client: Any, queue: str) -> None:
    client.send_message(QueueUrl=queue, MessageBody="a")
    receipt = one(client, queue)["ReceiptHandle"]

    with service.wrong(Fault(kind="double")):
        reply = client.delete_message_batch(
            QueueUrl=queue, Entries=[{"Id": "0", "ReceiptHandle": receipt}]
        )

    assert [each["Id"] for each in reply["Successful"]] == ["0"]
    assert one(client, queue)["Body"] == "a"


def test_too_many_in_flight_are_silence_to_who_waits_and_an_error_to_who_does_not(
    service: Service, client: Any, queue: str
) -> None:
    client.send_message(QueueUrl=queue, MessageBody="a")

    with service.wrong(Fault(kind="crowd", times=2)):
        assert "Messages" not in client.receive_message(QueueUrl=queue, WaitTimeSeconds=1)
        with pytest.raises(ClientError) as error:
            client.receive_message(QueueUrl=queue)

    assert code_of(error) == "OverLimit"
    assert one(client, queue)["Body"] == "a"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("throttle", "RequestThrottled"),
        ("fail", "ServiceUnavailable"),
        ("expire", "ExpiredToken"),
        ("deny", "AccessDeniedException"),
    ],
)
def test_request_is_refused_as_often_as_was_asked(
    service: Service, client: Any, queue: str, kind: Any, code: str
) -> None:
    with service.wrong(Fault(kind=kind, action="SendMessage")):
        with pytest.raises(ClientError) as error:
            client.send_message(QueueUrl=queue, MessageBody="refused")
        client.send_message(QueueUrl=queue, MessageBody="taken")

    assert code_of(error) == code
    assert one(client, queue)["Body"] == "taken"


def test_entries_of_a_batch_fail_beside_others(service: Service, client: Any, queue: str) -> None:
    entries = [{"Id": each, "MessageBody": each} for each in "abc"]

    with service.wrong(Fault(kind="entries", entries=(0, 2))):
        reply = client.send_message_batch(QueueUrl=queue, Entries=entries)

    assert [each["Id"] for each in reply["Successful"]] == ["b"]
    assert [(each["Id"], each["SenderFault"]) for each in reply["Failed"]] == [
        ("a", False),
        ("c", False),
    ]
    assert one(client, queue)["Body"] == "b"


@pytest.mark.parametrize(("kind", "stored"), [("unheard", "1"), ("unsent", "0")])
def test_lost_answer_says_nothing_of_the_request(
    service: Service, client: Any, queue: str, kind: Any, stored: str
) -> None:
    with service.wrong(Fault(kind=kind)), pytest.raises(HTTPClientError):
        client.send_message(QueueUrl=queue, MessageBody="a")

    counted = client.get_queue_attributes(
        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert counted["Attributes"]["ApproximateNumberOfMessages"] == stored


def test_unknown_caller_is_refused(service: Service) -> None:
    import boto3

    client = boto3.client(
        "sqs",
        region_name="us-east-1",
        endpoint_url=service.endpoint,
        aws_access_key_id="AKIASOMEBODYELSE",
        aws_secret_access_key="x",
    )

    with pytest.raises(ClientError) as error:
        client.list_queues()

    client.close()
    assert code_of(error) == "InvalidClientTokenId"


def test_waiting_request_is_answered_at_once_when_something_comes(
    service: Service, client: Any, queue: str
) -> None:
    client.send_message(QueueUrl=queue, MessageBody="a", DelaySeconds=1)
    began = time.monotonic()

    assert one(client, queue)["Body"] == "a"

    assert time.monotonic() - began < 1.9


def test_clock_of_the_service_is_moved(service: Service, client: Any, queue: str) -> None:
    client.send_message(QueueUrl=queue, MessageBody="a", DelaySeconds=900)
    assert "Messages" not in client.receive_message(QueueUrl=queue)

    service.clock.advance(901)

    assert one(client, queue)["Body"] == "a"
