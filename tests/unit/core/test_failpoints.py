"""Failpoints: nothing until armed by name, then exactly what was asked."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from anyjob.core.errors import ConfigurationError
from anyjob.core.failpoints import FAILPOINTS, FailpointHit, arm, disarm, reach


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    disarm()


def test_failpoint_that_is_not_armed_does_nothing() -> None:
    for name in FAILPOINTS:
        reach(name)


def test_armed_failpoint_raises_and_the_others_do_not() -> None:
    arm("worker.run.after:raise")

    reach("worker.run.before")
    with pytest.raises(FailpointHit):
        reach("worker.run.after")
    disarm()
    reach("worker.run.after")


def test_failpoint_acts_from_the_nth_time_on() -> None:
    arm("worker.run.before:raise:3, worker.run.after:raise:1")

    reach("worker.run.before")
    reach("worker.run.before")
    for _ in range(2):
        with pytest.raises(FailpointHit):
            reach("worker.run.before")
    with pytest.raises(FailpointHit):
        reach("worker.run.after")


def test_empty_configuration_arms_nothing() -> None:
    arm("")
    arm(",")

    reach("worker.run.before")


@pytest.mark.parametrize(
    "spec",
    [
        "worker.run.beforehand:kill",
        "nothing",
        "worker.run.before",
        "worker.run.before:explode",
        "worker.run.before:raise:x",
        "worker.run.before:raise:-1",
        "worker.run.before:raise:²",
        "worker.run.before:raise:1:2",
        "x" * 1_000_000,
    ],
)
def test_wrong_configuration_is_refused_before_anything_happens(spec: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        arm(spec)

    assert len(str(refused.value)) < 700


PROGRAM = """
import sys
from anyjob.core.failpoints import arm, reach
arm(sys.argv[1])
print("before", flush=True)
reach("worker.run.after")
print("after", flush=True)
"""


def start(spec: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, spec], stdout=subprocess.PIPE, text=True
    )


def test_kill_ends_the_process_as_sigkill_does() -> None:
    with start("worker.run.after:kill") as process:
        said, _ = process.communicate(timeout=30)

    assert said == "before\n"
    assert process.returncode == -signal.SIGKILL


def test_pause_stops_the_process_until_it_is_continued() -> None:
    with start("worker.run.after:pause") as process:
        try:
            _, status = os.waitpid(process.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status)
            assert os.WSTOPSIG(status) == signal.SIGSTOP
            process.send_signal(signal.SIGCONT)
            said, _ = process.communicate(timeout=30)
        finally:
            process.kill()

    assert said == "before\nafter\n"
    assert process.returncode == 0
