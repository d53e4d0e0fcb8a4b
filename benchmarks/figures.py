"""Figures of several rounds: the middle one counts, and how far the others lie from it is told."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def spread_percent(values: Sequence[float]) -> float:
    """From the lowest to the highest, in per cent of the median."""
    middle = median(values)
    return 100 * (max(values) - min(values)) / middle if middle else 0.0


def rounded(value: float, digits: int = 3) -> float:
    """To significant digits: more would only look exact."""
    return float(f"{value:.{digits}g}") if abs(value) < 10 ** (digits - 1) else round(value, 1)
