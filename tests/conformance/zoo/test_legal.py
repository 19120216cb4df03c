"""Odd backends that keep what they declare pass: the suite asks for no more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conformance.zoo.judging import directed, judged
from tests.conformance.zoo.legal import LEGAL, Strange


@pytest.mark.parametrize("strange", LEGAL, ids=str)
def test_strange_backend_passes_at_its_level(
    strange: Strange, record_property: Callable[[str, object], None]
) -> None:
    record_property("zoo", "legal failed")

    failed = {
        verdict.test: verdict.failure
        for verdict in judged(strange.harness(), directed())
        if verdict.failure is not None
    }

    assert not failed
    record_property("zoo", "legal passed")
