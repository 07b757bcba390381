"""A share of cases with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Share:
    """A share of cases with its 95 % interval.

    :param value: in [0, 1]; None where there were no cases.
    :param low: with ``high``, Wilson's score interval (E. B. Wilson, JASA 22 (1927) 209-212): it stays inside
        [0, 1] and holds for few cases.
    """

    count: int
    of_all: int
    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, count: int, of_all: int) -> Self:
        if not of_all:
            return cls(count, of_all, None, None, None)
        z = 1.959964
        share = count / of_all
        middle = share + z * z / (2 * of_all)
        spread = z * math.sqrt(share * (1 - share) / of_all + z * z / (4 * of_all * of_all))
        scale = 1 + z * z / of_all
        low, high = max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
        return cls(count, of_all, share, low, high)

    def __str__(self) -> str:
        if self.value is None or self.low is None or self.high is None:
            return "not known (no cases)"
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%}; {self.count:,} of {self.of_all:,})"
