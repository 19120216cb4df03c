"""What is remembered of a job that ran once: a short record, which reads as a whole one."""

from __future__ import annotations

import msgspec

from anyjob.backends.paired.plain import Success
from anyjob.backends.paired.records import Phase, Record, decode


def test_end_is_the_beginning_of_a_record() -> None:
    assert Record.__struct_fields__[: len(Success.__struct_fields__)] == Success.__struct_fields__


def test_end_reads_as_the_record_of_a_job_that_is_over() -> None:
    end = Success(Phase.SUCCEEDED, 0, 7, None, 3, 0, 1, b"note", 2, 99, 12, 1700.5, b"outcome")

    record = decode(msgspec.msgpack.encode(end))

    assert record == Record(
        Phase.SUCCEEDED,
        priority=7,
        epoch=3,
        redeliveries=1,
        note=b"note",
        generation=2,
        copy=99,
        owner=12,
        ended=1700.5,
        outcome=b"outcome",
    )
    assert record.is_over
