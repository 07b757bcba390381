"""What a person's word on a comment would teach: the order of the desk's view *unsure*."""

from __future__ import annotations

import math
from collections.abc import Mapping

from moderation.policy import Policy


def worth_asking(
    scores: Mapping[str, float],
    policy: Policy,
    *,
    likely: float | None = None,
    fast: Mapping[str, float],
    deep: Mapping[str, float] | None,
    alike: int = 0,
) -> float:
    """Uncertainty × disagreement of the tiers × diversity, in [0, 1].

    Uncertainty: how near the closest score lies to the line where the verdict turns, against the site's own
    lines; where its own model spoke, also how near that is to not knowing. Disagreement: how far the fast and
    the deep tier lie apart; none counts as half of all. Diversity: of many copies one teaches, the n-th only
    1/√n as much.

    :param likely: what the site's own model says; None where it has none.
    :param fast: the tiers' logits; ``deep`` is None where it was not asked.
    :param alike: earlier comments with almost the same text.

    Source: Lewis and Gale, SIGIR 1994 (uncertainty); Seung, Opper and Sompolinsky, COLT 1992 (disagreement).
    """
    nearest = 1.0
    for name, line in policy.thresholds.items():
        if name in scores:
            nearest = min(nearest, abs(scores[name] - line.hold_at), abs(scores[name] - line.reject_at))
    uncertainty = 1.0 - min(1.0, nearest)
    if likely is not None:
        uncertainty = (uncertainty + 1.0 - abs(2.0 * likely - 1.0)) / 2
    apart = max((abs(_share(fast[name]) - _share(deep[name])) for name in fast), default=0.0) if deep else 0.0
    return round(uncertainty * (1.0 + apart) / 2 / math.sqrt(1 + alike), 6)


def _share(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
