"""What a backend on SQS declares."""

from __future__ import annotations

from anyjob.backends.sqs.messages import MAX_PAYLOAD, MOST
from anyjob.core.capabilities import Capabilities

#: Seconds from its receipt that a message can be kept from others (AWS, ChangeMessageVisibility).
LONGEST_LEASE = 43_200.0
#: Seconds that a message can be delayed (AWS, SendMessage).
LONGEST_DELAY = 900
#: Seconds that a message can be kept: 14 days (AWS, CreateQueue, MessageRetentionPeriod).
RETENTION = 1_209_600
#: Messages of a queue that are received and not deleted, from which on SQS may give out no more
#: (AWS, "Amazon SQS standard queue quotas": approximately 120,000; FIFO queues: 120,000).
CROWDED = 110_000
#: Jobs that a consumer may hold beside those it was asked for.
PREFETCH = 30


def capabilities_of(
    *, is_emulated: bool, fifo: bool, max_payload: int = MAX_PAYLOAD
) -> Capabilities:
    """What standard queues can do, or FIFO queues in which each job is a group of its own."""
    return Capabilities(
        product="sqs",
        # Of the service there is one, so this is the version of its interface.
        version="2012-11-05",
        emulator=is_emulated,
        lease="timed",
        max_lease=LONGEST_LEASE,
        fencing="local",
        exclusive=False,
        durability="os",
        retention=float(RETENTION),
        failover="lossless",
        dedup="none",
        dedup_window=0.0,
        atomic_batch=False,
        max_batch=MOST,
        atomic_children=False,
        transaction=False,
        # AWS, SendMessage: a FIFO queue takes no DelaySeconds for one message.
        delay="none" if fifo else "native",
        resolution=1.0,
        schedule_lag=2.0,
        priorities=3,
        low_share="emulated",
        order="loose",
        redeliveries="upper",
        release="count",
        dead="emulated",
        counts="approximate",
        browse="dead",
        results="none",
        cancel="none",
        unique="none",
        pause="emulated",
        wait="block",
        wakeup_lag=1.0,
        # Of AWS's many servers each has a part of a queue, and an emulator is one.
        visibility_lag=0.2 if is_emulated else 2.0,
        redelivery_lag=5.0,
        prefetch=PREFETCH,
        max_payload=max_payload,
    )
