"""The machine's clocks."""

import time

from anyjob.core.clock import Clock, SystemClock


def test_system_clock_reads_the_machines_clocks() -> None:
    clock: Clock = SystemClock()

    before = time.time()
    wall = clock.time()
    assert before <= wall <= time.time()
    assert repr(clock) == "SystemClock()"


def test_monotonic_clock_never_goes_back_and_counts_suspended_time() -> None:
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(1000)]

    assert readings == sorted(readings)
    # What goes on during a suspend is never behind what stands still.
    assert clock.monotonic() >= time.clock_gettime(time.CLOCK_MONOTONIC) - 1
