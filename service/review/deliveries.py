"""Webhooks as the desk sees them: endpoints and their health, what fails, sending again; and notices."""

from __future__ import annotations

from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from sqlalchemy import or_, select, update
from werkzeug.wrappers import Response as AnyResponse

from moderation import endpoints, jobs
from moderation.errors import Forbidden, Invalid
from moderation.tables import Delivery, Endpoint, Event, Notice
from service.door import nudge
from service.review.desk import PLACES, bp, database, demand, rights, sites_asked, utcnow

PLACES.append(("desk.deliveries", lazy_gettext("Deliveries"), "senior"))
_SHOWN = 100
_RECOVERS_DAYS = 30


@bp.get("/deliveries")
def deliveries() -> str:
    """Every endpoint, and the deliveries that are tried again or were given up."""
    _site, asked = sites_asked()
    site_ids = [site_id for site_id in rights().site_ids("senior") if site_id in asked]
    if not site_ids and not rights().person.is_admin:
        raise Forbidden("senior")
    with database().reading() as db:
        known = list(
            db.scalars(
                select(Endpoint)
                .where(Endpoint.site_id.in_(site_ids), Endpoint.status != endpoints.DELETED)
                .order_by(Endpoint.id)
            )
        )
        failing = db.execute(
            select(Delivery, Event.type, Event.comment_id)
            .join(Event, Event.id == Delivery.event_id)
            .where(
                Delivery.site_id.in_(site_ids),
                or_(Delivery.status == "dead", (Delivery.status == "due") & (Delivery.attempts_made > 0)),
            )
            .order_by(Delivery.id.desc())
            .limit(_SHOWN)
        ).all()
    return render_template(
        "desk/deliveries.html",
        endpoints=known,
        failing=failing,
        addresses={one.id: one.url for one in known},
        site_asked=request.args.get("site", ""),
        now=utcnow(),
    )


@bp.post("/deliveries/<delivery_id>/replay")
def replay(delivery_id: str) -> AnyResponse:
    """Send one delivery again."""
    site_id = request.form.get("site_id", "")
    demand("senior", site_id)
    try:
        with database().writing() as db:
            endpoints.replay(db, endpoints.delivery_of(db, site_id, delivery_id, lock=True), now=utcnow())
        nudge(jobs.DELIVER)
        flash(_("It is sent again."))
    except Invalid as error:
        flash(error.faults[0].detail)
    return redirect(url_for("desk.deliveries"), 303)


@bp.post("/endpoints/<endpoint_id>/<any(ping, enable, recover):what>")
def mend_endpoint(endpoint_id: str, what: str) -> AnyResponse:
    """Test an endpoint, switch it on again, or send what it missed."""
    site_id, now = request.form.get("site_id", ""), utcnow()
    demand("senior", site_id)
    try:
        with database().writing() as db:
            endpoint = endpoints.endpoint_of(db, site_id, endpoint_id, lock=True)
            if what == "ping":
                endpoints.ping(db, endpoint, now=now)
                text = _("A test event is on its way.")
            elif what == "enable":
                endpoints.patch(db, endpoint, now=now, check=_unchanged, status="active")
                text = _("The endpoint is on again. Send what it missed when it answers.")
            else:
                since = now - timedelta(days=_RECOVERS_DAYS)
                count = endpoints.recover(db, endpoint, since=since, now=now)
                text = ngettext("%(num)s event is sent again.", "%(num)s events are sent again.", count)
        nudge(jobs.DELIVER)
        flash(text)
    except Invalid as error:
        flash(error.faults[0].detail)
    return redirect(url_for("desk.deliveries"), 303)


@bp.post("/notices/<notice_id>/dismiss")
def dismiss_notice(notice_id: str) -> AnyResponse:
    """Put a notice away, for everybody."""
    with database().writing() as db:
        notice = db.get(Notice, notice_id)
        if notice is not None:
            demand("senior", notice.site_id)
            db.execute(update(Notice).where(Notice.id == notice_id).values(dismissed_at=utcnow()))
    return redirect(url_for("desk.home"), 303)


def _unchanged(_url: str) -> None:
    """The address stays as it is: it was checked when it was registered, and is at every attempt."""
