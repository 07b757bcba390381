"""Does the machine still see what it saw, and do people still agree with it? Alarms where they do not.

The scores of the last seven days against the four weeks before, by attribute; how many of the machine's
decisions people reversed, week by week; and what people said of each kind of verdict lately.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session
from ulid import ULID

from moderation.calibration import Calibration, calibration_between
from moderation.policy_schema import ATTRIBUTES
from moderation.share import Share
from moderation.tables import Comment, Decision, Site

WEEK = timedelta(days=7)
WEEKS_BEFORE = 4
WEEKS_SHOWN = 9
#: Inner edges of the bins that scores are counted in: fine where most of them lie.
EDGES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
#: Comments read on either side; of more, those whose id ends in some of its 32 letters: a fair draw.
MOST = 8_000
#: With fewer comments than this on either side the index is mostly chance.
FEWEST = 300
#: From here on a distribution is called shifting, and from there on shifted, which is an alarm.
SHIFTING, SHIFTED = 0.1, 0.25
#: Fewer reversals than this in a week are no trend.
FEWEST_OVERTURNED = 10
#: How often the watch measures a site, and how long an alarm that was put away stays quiet.
EVERY = timedelta(hours=1)
QUIET = timedelta(days=7)
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Spread:
    """How the scores of one attribute lie, counted in the bins between ``EDGES``.

    :param now: the last seven days; ``before``: the four weeks before them.
    :param index: population stability index, 0 or more; None with too few comments.
    """

    attribute: str
    now: tuple[int, ...]
    before: tuple[int, ...]
    index: float | None


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed at one site.

    :param overturned: (begin of a week, share of the machine's decisions that people reversed), oldest first;
        the last week ends now.
    :param overturned_before: the same over the four weeks before the last.
    :param calibration: how far the scores lay from what people decided this week; ``calibration_before``: in
        the four weeks before.
    :param is_other_model: another model judges than did before: scores differ without any drift.
    """

    spreads: tuple[Spread, ...]
    overturned: tuple[tuple[datetime, Share], ...]
    overturned_before: Share
    calibration: Calibration
    calibration_before: Calibration
    is_other_model: bool
    comments: int
    comments_before: int

    @property
    def shifted(self) -> tuple[Spread, ...]:
        """The attributes whose scores lie elsewhere than before, for no known reason."""
        if self.is_other_model:
            return ()
        return tuple(one for one in self.spreads if one.index is not None and one.index >= SHIFTED)

    @property
    def is_miscalibrated(self) -> bool:
        """Whether the scores mean something else than in the weeks before."""
        return self.calibration.is_off(self.calibration_before)

    @property
    def is_overturned_more(self) -> bool:
        """Whether people reversed more this week than chance explains: the intervals do not meet."""
        week = self.overturned[-1][1]
        high = self.overturned_before.high
        if week.count < FEWEST_OVERTURNED or week.low is None or high is None:
            return False
        return week.low > high


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What people said lately of comments that the machine had judged.

    People decide what was held, reported or appealed: these are no random comments.

    :param approved: of what the machine approved and people decided, the share that they rejected.
    :param rejected: of what it rejected and people decided, the share that they approved.
    :param held: of what it held, the share that they rejected.
    :param challenger: the challenger and the champion on the same comments; None without a challenger.
    """

    approved: Share
    rejected: Share
    held: Share
    challenger: tuple[Shadowed, Shadowed] | None


@dataclass(frozen=True, slots=True)
class Shadowed:
    """One model's verdicts on comments that people decided.

    :param held: the share that it would leave to people.
    :param right: of what it would decide alone, the share where people said the same.
    """

    held: Share
    right: Share


def stability_index(now: Sequence[int], before: Sequence[int]) -> float:
    """Population stability index of two histograms with the same bins: 0 alike, from 0.25 on shifted.

    Half a comment is added to every bin, so that an empty one is no infinite surprise.

    Source: H. Jeffreys, Proc. R. Soc. Lond. A 186 (1946) 453-461 (the divergence); N. Siddiqi,
    Credit Risk Scorecards, Wiley 2006 (the bounds 0.1 and 0.25).
    """
    here, there = sum(now) + len(now) / 2, sum(before) + len(before) / 2
    shares = [((a + 0.5) / here, (b + 0.5) / there) for a, b in zip(now, before, strict=True)]
    return sum((p - q) * math.log(p / q) for p, q in shares)


def drift_of(session: Session, site_id: str, *, now: datetime) -> Drift:
    """Measure one site. Reads at most ``MOST`` comments on either side."""
    week = now - WEEK
    here, models = _scores(session, site_id, week, now)
    there, models_before = _scores(session, site_id, week - WEEKS_BEFORE * WEEK, week)
    few = min(len(here), len(there)) < FEWEST
    spreads = []
    for attribute in ATTRIBUTES:
        ours, theirs = _binned(here, attribute), _binned(there, attribute)
        spreads.append(Spread(attribute, ours, theirs, None if few else stability_index(ours, theirs)))
    weeks = [_overturned(session, site_id, now - n * WEEK) for n in reversed(range(WEEKS_SHOWN))]
    before = [share for _, share in weeks[-1 - WEEKS_BEFORE : -1]]
    return Drift(
        spreads=tuple(spreads),
        overturned=tuple(weeks),
        calibration=calibration_between(session, site_id, week, now),
        calibration_before=calibration_between(session, site_id, week - WEEKS_BEFORE * WEEK, week),
        overturned_before=Share.of(sum(s.count for s in before), sum(s.of_all for s in before)),
        is_other_model=bool(models and models_before) and models != models_before,
        comments=len(here),
        comments_before=len(there),
    )


def _scores(
    session: Session, site_id: str, since: datetime, until: datetime
) -> tuple[list[Mapping[str, float]], str]:
    """Scores of the comments between two times, or of a fair part, and the model that judged most of them."""
    asked = (
        Comment.site_id == site_id,
        Comment.id >= _first_id(since),
        Comment.id < _first_id(until),
        Comment.scores.is_not(None),
    )
    query = select(Comment.scores, Comment.model).where(*asked)
    count = session.scalar(select(func.count()).select_from(Comment).where(*asked)) or 0
    if count > MOST:
        letters = _LETTERS[: max(1, len(_LETTERS) * MOST // count)]
        query = query.where(func.substr(Comment.id, 26, 1).in_(tuple(letters)))
    scores, models = [], Counter[str]()
    for found, model in session.execute(query.limit(MOST)):
        scores.append(found)
        # without the deep tier it is the same model, having said less
        models[(model or "").removesuffix("-fast")] += 1
    return scores, models.most_common(1)[0][0] if models else ""


def _binned(scores: Sequence[Mapping[str, float]], attribute: str) -> tuple[int, ...]:
    counts = [0] * (len(EDGES) + 1)
    for one in scores:
        value = one.get(attribute)
        if value is not None:
            counts[bisect_right(EDGES, value)] += 1
    return tuple(counts)


def _overturned(session: Session, site_id: str, until: datetime) -> tuple[datetime, Share]:
    since = until - WEEK
    machine = case((Decision.by_kind == "policy", 1), else_=0)
    row = session.execute(
        select(
            func.sum(machine),
            func.sum(1 - machine),
        ).where(
            Decision.site_id == site_id,
            Decision.id >= _first_id(since),
            Decision.id < _first_id(until),
            ((Decision.by_kind == "policy") & Decision.new_status.in_(("approved", "rejected")))
            | (
                (Decision.by_kind == "moderator")
                & Decision.action.in_(("approve", "reject"))
                & (
                    ((Decision.old_status == "approved") & (Decision.new_status == "rejected"))
                    | ((Decision.old_status == "rejected") & (Decision.new_status == "approved"))
                )
            ),
        )
    ).one()
    decided, back = int(row[0] or 0), int(row[1] or 0)
    return since, Share.of(back, max(decided, back))


def disagreement_of(session: Session, site: Site, *, since: datetime) -> Disagreement:
    """The last word of people since a time, against the machine's verdict on the same revision."""
    rows = session.execute(
        select(Decision.comment_id, Decision.new_status, Comment.verdict, Comment.shadow)
        .join(Comment, (Comment.id == Decision.comment_id) & (Comment.revision == Decision.revision))
        .where(
            Decision.site_id == site.id,
            Decision.id >= _first_id(since),
            Decision.by_kind.in_(("moderator", "site")),
            Decision.new_status.in_(("approved", "rejected")),
        )
        .order_by(Decision.id.desc())
        .limit(MOST)
    )
    seen: set[str] = set()
    said: Counter[tuple[str, str]] = Counter()
    pairs: list[tuple[str, str, str]] = []
    for comment_id, status, verdict, shadow in rows:
        if comment_id in seen or verdict is None:
            continue
        seen.add(comment_id)
        person = "approve" if status == "approved" else "reject"
        said[verdict, person] += 1
        would = (shadow or {}).get("challenger") or {}
        if site.challenger and would.get("version") == site.challenger:
            pairs.append((would["outcome"], verdict, person))
    return Disagreement(
        approved=_share(said, "approve", "reject"),
        rejected=_share(said, "reject", "approve"),
        held=_share(said, "hold", "reject"),
        challenger=(
            (
                _shadowed([(challenger, person) for challenger, _, person in pairs]),
                _shadowed([(champion, person) for _, champion, person in pairs]),
            )
            if pairs
            else None
        ),
    )


def _share(said: Mapping[tuple[str, str], int], verdict: str, person: str) -> Share:
    return Share.of(said[verdict, person], said[verdict, "approve"] + said[verdict, "reject"])


def _shadowed(said: Sequence[tuple[str, str]]) -> Shadowed:
    alone = [(verdict, person) for verdict, person in said if verdict != "hold"]
    right = sum(verdict == person for verdict, person in alone)
    return Shadowed(Share.of(len(said) - len(alone), len(said)), Share.of(right, len(alone)))


def _first_id(moment: datetime) -> str:
    """No row made from this moment on has a smaller id: ids begin with their time."""
    return str(ULID.from_datetime(moment))[:10] + "0" * 16


def due(session: Session, *, now: datetime, limit: int = 5) -> list[str]:
    """Sites to measure now, the longest unmeasured first; a few in each turn, so that no turn is long."""
    sites = [(str(kept_of(site).get("at", "")), site.id) for site in session.scalars(select(Site))]
    late = (now - EVERY).isoformat()
    return [site_id for at, site_id in sorted(sites) if at <= late][:limit]


def kept_of(site: Site) -> dict[str, Any]:
    """What the last look found: ``at``, ``index`` by attribute, ``overturned``, ``calibration`` and
    ``calibration_before``; empty before the first."""
    return dict(site.options.get("drift") or {})


def keep(session: Session, site_id: str, found: Drift, *, now: datetime) -> list[tuple[str, str]]:
    """Note on the site's row what was found, for the metrics.

    :return: alarms: (kind of notice, what it says).
    """
    # Read under the lock: options that a person changed meanwhile must not be put back.
    site = session.get(Site, site_id, with_for_update=True, populate_existing=True)
    if site is None:
        return []
    week = found.overturned[-1][1]
    site.options = {
        **site.options,
        "drift": {
            "at": now.isoformat(),
            "index": {one.attribute: round(one.index, 4) for one in found.spreads if one.index is not None},
            "overturned": _rounded(week.value),
            "calibration": _rounded(found.calibration.error),
            "calibration_before": _rounded(found.calibration_before.error),
        },
    }
    alarms = []
    if found.shifted:
        named = ", ".join(f"{one.attribute} {one.index:.2f}" for one in found.shifted)
        alarms.append(
            (
                "drift_scores",
                f"{site.name}: scores lie elsewhere this week than in the four before ({named}; "
                f"{SHIFTED} is the line). Is it the readers, a campaign or the model? "
                "See Learning at the desk.",
            )
        )
    if found.is_miscalibrated:
        alarms.append(
            (
                "drift_calibration",
                f"{site.name}: scores lie {found.calibration.error or 0:.2f} from what people decided this "
                f"week, {found.calibration_before.error or 0:.2f} in the four before. Train anew, or look at "
                "the lines. See Learning at the desk.",
            )
        )
    if found.is_overturned_more:
        before = found.overturned_before.value or 0.0
        alarms.append(
            (
                "drift_overturned",
                f"{site.name}: people reversed {week.value:.1%} of the machine's decisions this week, "
                f"{before:.1%} in the four before. Look at the policy's lines, or train anew.",
            )
        )
    return alarms


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
