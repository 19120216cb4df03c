"""The value below which so many percent of all lie."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def quantile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
