"""The page of numbers: small multiples with the table of each as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from flask import Response, current_app, render_template, request
from flask_babel import format_decimal, format_percent, lazy_gettext
from flask_babel import gettext as _

from moderation.errors import NotFound
from moderation.statistics import PERIODS, Numbers, numbers_of
from service.review import plots
from service.review.desk import PLACES, bp, database, sites_asked, utcnow

PLACES.append(("desk.numbers", lazy_gettext("Numbers"), "read-only"))

_NAME = "below-the-line-numbers"
_KEPT_SECONDS = 60
_MOST_KEPT = 100
#: A formula in a cell of a spreadsheet runs when the file is opened; an apostrophe makes it text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@bp.get("/numbers")
def numbers() -> str:
    """All plots for the last day, week or month."""
    found, days = _asked()
    step = found.period.step_hours
    starts = found.period.starts
    outcomes = found.outcomes
    drawn = [
        (
            "outcomes",
            _("Comments by outcome"),
            plots.stacked(
                starts,
                {
                    _("approved"): ("a", outcomes["approved"]),
                    _("held"): ("h", outcomes["held"]),
                    _("rejected"): ("r", outcomes["rejected"]),
                },
                title=_("Comments over time by the machine’s outcome"),
                step_hours=step,
            ),
        ),
        (
            "waiting",
            _("Minutes until a person decides"),
            plots.lines(
                starts,
                {_("median"): ("line", found.wait_median), _("9 in 10"): ("h", found.wait_slow)},
                title=_("Waiting time in minutes, median and nine in ten"),
                step_hours=step,
            ),
        ),
        (
            "machine",
            _("Decided without a person"),
            plots.lines(
                starts,
                {_("share"): ("line", found.machine_share)},
                title=_("Share of comments decided by the machine"),
                step_hours=step,
                top=1.0,
                figure=_percent,
            ),
        ),
        (
            "overturned",
            _("Machine’s decisions overturned"),
            plots.lines(
                starts,
                {_("overturned"): ("r", found.overturned)},
                title=_("Share of the machine’s decisions that people reversed"),
                step_hours=step,
                top=max(0.05, *(value or 0.0 for value in found.overturned)),
                figure=_percent,
            ),
        ),
        (
            "scores",
            _("Spam and toxicity"),
            plots.lines(
                starts,
                {
                    _("spam"): ("line", found.averages["spam"]),
                    _("toxicity"): ("r", found.averages["toxicity"]),
                },
                title=_("Mean scores over time"),
                step_hours=step,
                top=1.0,
                figure=lambda value: str(format_decimal(value, "0.0")),
            ),
        ),
        (
            "articles",
            _("Articles with most comments"),
            plots.bars([(row[0], row[1]) for row in found.articles], title=_("Comments by article")),
        ),
        (
            "domains",
            _("Where links of held and rejected comments lead"),
            plots.bars(list(found.domains), title=_("Comments by linked domain")),
        ),
    ]
    return render_template(
        "desk/numbers.html",
        found=found,
        days=days,
        periods=PERIODS,
        plots=drawn,
        site_asked=request.args.get("site", ""),
    )


@bp.get("/numbers/<name>.csv")
def numbers_csv(name: str) -> Response:
    """The table behind one plot."""
    table = _TABLES.get(name)
    if table is None:
        raise NotFound("table")
    found, days = _asked()
    head, rows = table(found)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    for row in rows:
        writer.writerow([_plain(cell) for cell in row])
    response = Response("\ufeff" + out.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{days}-days.csv"'
    return response


def _asked() -> tuple[Numbers, int]:
    days = request.args.get("days", "7")
    chosen = int(days) if days.isdigit() and int(days) in PERIODS else 7
    _site, site_ids = sites_asked()
    key, now = (site_ids, chosen), utcnow()
    known = _kept().get(key)
    if known is None or (now - known.period.until).total_seconds() > _KEPT_SECONDS:
        with database().reading() as db:
            known = numbers_of(db, site_ids, days=chosen, now=now)
        if len(_kept()) >= _MOST_KEPT:
            _kept().clear()
        _kept()[key] = known
    return known, chosen


def _kept() -> dict[tuple[tuple[str, ...], int], Numbers]:
    """Figures of the last minute in this process: a plot and its table agree, and a reload costs nothing."""
    kept: dict[tuple[tuple[str, ...], int], Numbers] = current_app.extensions.setdefault(_NAME, {})
    return kept


def _percent(value: float) -> str:
    return str(format_percent(value))


def _plain(cell: Any) -> Any:
    if isinstance(cell, float):
        return f"{cell:.4f}"
    return "'" + cell if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _over_time(*names: str) -> Callable[[Numbers], tuple[Sequence[str], list[tuple[Any, ...]]]]:
    def table(found: Numbers) -> tuple[Sequence[str], list[tuple[Any, ...]]]:
        columns = {
            **found.outcomes,
            "median_minutes": found.wait_median,
            "nine_in_ten_minutes": found.wait_slow,
            "machine_share": found.machine_share,
            "overturned_share": found.overturned,
            **found.averages,
        }
        starts = [moment.isoformat() for moment in found.period.starts]
        return ["from", *names], list(zip(starts, *(columns[name] for name in names), strict=True))

    return table


_TABLES: dict[str, Callable[[Numbers], tuple[Sequence[str], list[tuple[Any, ...]]]]] = {
    "outcomes": _over_time("approved", "held", "rejected"),
    "waiting": _over_time("median_minutes", "nine_in_ten_minutes"),
    "machine": _over_time("machine_share"),
    "overturned": _over_time("overturned_share"),
    "scores": _over_time("spam", "toxicity"),
    "articles": lambda found: (["article", "comments", "rejected", "reports"], list(found.articles)),
    "domains": lambda found: (["domain", "comments"], list(found.domains)),
    "moderators": lambda found: (["moderator", "decisions", "severe"], list(found.load)),
    "deliveries": lambda found: (["endpoint", "tried_again", "given_up"], list(found.failing)),
}
