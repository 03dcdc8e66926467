"""How far a rate can be trusted: intervals of shares, ranks that intervals allow, quantiles of classes."""

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

NORMAL_95: Final = 1.959963984540054
"""Quantile of the normal distribution: nineteen of twenty intervals hold the true share."""


class Interval(NamedTuple):
    """A share between 0 and 1, and between what bounds it lies."""

    share: float
    low: float
    high: float


class Rank(NamedTuple):
    """From which place to which a rank may be; 1 is the lowest share."""

    best: int
    worst: int
    of: int


def wilson(hits: int, of: int) -> Interval:
    """The score interval of a share at 95 %: never outside 0 to 1, and honest where few are counted or none is hit.

    Wilson, E. B. (1927): Probable inference, the law of succession, and statistical inference. JASA 22, 209-212.
    ValueError where nothing was counted.
    """
    if not 0 <= hits <= of or of == 0:
        raise ValueError(f"{hits} of {of} is no share")
    share, z2 = hits / of, NORMAL_95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = NORMAL_95 / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of**2))
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    high = 1.0 if hits == of else min(1.0, middle + half)
    return Interval(share, low, high)


def ranks(intervals: Mapping[str, Interval]) -> dict[str, Rank]:
    """Who is certainly before whom: two whose intervals overlap are not told apart, so a rank is a range.

    Intervals that do not overlap differ at far less than 5 % (Schenker and Gentleman 2001, The American Statistician
    55, 182-186), which is what thirty comparisons at once need.
    """
    found = {}
    for code, own in intervals.items():
        before = sum(other.high < own.low for other in intervals.values())
        behind = sum(other.low > own.high for other in intervals.values())
        found[code] = Rank(1 + before, len(intervals) - behind, len(intervals))
    return found


def quantile(counts: Sequence[int], share: float) -> int | None:
    """The first place up to which at least `share` of all lies (definition 1 of Hyndman and Fan 1996); None of none."""
    whole, passed = sum(counts), 0
    for place, count in enumerate(counts):
        passed += count
        if whole and passed >= share * whole:
            return place
    return None
