"""What comes in, field by field (marshmallow); what goes out is in service.schemas_out."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from moderation.reason_codes import CODES
from moderation.tables import STATUSES
from service.fields import (
    Email,
    IpAddress,
    Language,
    Loose,
    Moment,
    Name,
    Truth,
    WebAddress,
    Whole,
    Words,
)

BODY_LENGTH = 10_000
NAME_LENGTH = 100


class In(Schema):
    """What is sent to us: a key that we do not know is a mistake that the sender should hear of."""

    class Meta:
        unknown = RAISE

    error_messages = {
        "unknown": "There is no such field.",
        "type": "Must be an object.",
    }


class ArticleIn(In):
    id = Name(most=255)
    url = WebAddress()
    title = Words(most=500, one_line=True, may_be_blank=True)
    section = Words(most=100, one_line=True, may_be_blank=True)
    published_at = Moment()


class ParentIn(In):
    id = Name(most=255)
    body = Words(most=BODY_LENGTH, may_be_blank=True)


class AuthorIn(In):
    id = Name(most=255)
    url = Loose(most=2000)
    verified = Truth(metadata={"description": "The site vouches for the id: the author signed in there."})


class CommentIn(In):
    """One reader's comment."""

    name = Words(most=NAME_LENGTH, one_line=True, required=True)
    email = Email(required=True, metadata={"description": "Kept encrypted; in no answer and no event."})
    body = Words(most=BODY_LENGTH, required=True)
    external_id = Name(most=255, metadata={"description": "The site's own id, once per comment."})
    article = fields.Nested(ArticleIn)
    parent = fields.Nested(ParentIn)
    author = fields.Nested(AuthorIn)
    ip = IpAddress(metadata={"description": "The reader's address, not the server's."})
    user_agent = Loose(most=2000)
    referrer = Loose(most=2000)
    submitted_at = Moment()
    language = Language()
    honeypot = Loose(
        most=1000, metadata={"description": "A field that people do not see, so it stays empty."}
    )
    form_token = Loose(
        most=1000, metadata={"description": "From POST /v1/form-token when the form was shown."}
    )


class BatchIn(In):
    comments = fields.List(
        fields.Raw(allow_none=True, metadata={"description": "As for POST /v1/comments."}),
        required=True,
        validate=validate.Length(1, 500, error="Needs 1 to 500 comments."),
    )


class EditIn(In):
    body = Words(most=BODY_LENGTH, required=True)
    name = Words(most=NAME_LENGTH, one_line=True)


class ReporterIn(In):
    id = Name(most=255)
    email = Email()


class ReportIn(In):
    reason = fields.String(
        load_default="OTHER",
        validate=validate.OneOf(tuple(CODES), error="Is none of {choices}."),
    )
    text = Words(most=5000, may_be_blank=True, load_default="")
    illegal = Truth(load_default=False, metadata={"description": "A notice under DSA Article 16."})
    reporter = fields.Nested(ReporterIn)


class AppealIn(In):
    text = Words(most=5000, required=True)


class DecisionIn(In):
    action = fields.String(
        required=True, validate=validate.OneOf(("approve", "reject", "hold"), error="Is none of {choices}.")
    )
    reason_code = Words(
        most=80,
        one_line=True,
        may_be_blank=True,
        load_default="",
        metadata={"description": f"One of {', '.join(CODES)}, or a house rule of the site."},
    )
    note = Words(most=2000, may_be_blank=True, load_default="")
    expected = fields.String(
        metadata={"description": "The status you saw: refused when it changed since."},
        validate=validate.OneOf(STATUSES, error="Is none of {choices}."),
    )


class Wait(In):
    """The query of calls that may wait for the decision."""

    wait = Whole(least=0, most=30, metadata={"description": "Seconds to wait for a decision."})


class ListQuery(In):
    status = fields.String(validate=validate.OneOf(STATUSES, error="Is none of {choices}."))
    article = Name(most=255)
    external_id = Name(most=255)
    cursor = Name(most=26, metadata={"description": "next_cursor of the page before."})
    limit = Whole(least=1, most=200, load_default=50)


class ErasureIn(In):
    email = Email()
    author_id = Name(most=255)


class ScoreIn(In):
    text = Words(most=BODY_LENGTH, required=True)
    name = Words(most=NAME_LENGTH, one_line=True, may_be_blank=True, load_default="")
    email = Email(load_default="")
    url = Loose(most=2000, load_default="")
    language = Language(load_default="")


class EndpointIn(In):
    url = Loose(most=2000, required=True, metadata={"format": "uri", "description": "Public, http or https."})
    events = fields.List(fields.String(), load_default=list, metadata={"description": "None means all."})
    description = Loose(most=200, load_default="")


class EndpointChange(In):
    url = Loose(most=2000, metadata={"format": "uri"})
    events = fields.List(fields.String())
    description = Loose(most=200)
    status = fields.String(
        validate=validate.OneOf(("active", "disabled"), error="Is none of {choices}."),
    )


class RotateIn(In):
    overlap_hours = Whole(
        least=0,
        most=168,
        load_default=24,
        metadata={"description": "How long the old secret signs too; 0 when it has leaked."},
    )


class DeliveryQuery(In):
    status = fields.String(
        validate=validate.OneOf(("due", "delivered", "dead", "cancelled"), error="Is none of {choices}.")
    )
    endpoint = Name(most=26)
    event = Name(most=26)
    cursor = Name(most=26, metadata={"description": "next_cursor of the page before."})
    limit = Whole(least=1, most=200, load_default=50)


class RecoverQuery(In):
    since = Moment(required=True)
    endpoint = Name(most=26, metadata={"description": "Only this one; without it, every active one."})


class PolicyQuery(In):
    scope = Loose(
        most=300,
        load_default="site",
        metadata={
            "description": "site, section:NAME or article:ID",
            "pattern": "^(site|(section|article):.+)$",
        },
    )
    note = Words(most=1000, one_line=True, may_be_blank=True, load_default="")


class BacktestIn(In):
    policy = fields.Dict(required=True)
    days = Whole(least=1, most=365, load_default=30)


def limits_of(options: dict[str, Any]) -> tuple[int, int]:
    """A site's own longest body and name, never above what the tables take."""
    limits = options.get("limits") or {}
    body, name = limits.get("body", BODY_LENGTH), limits.get("name", NAME_LENGTH)
    return min(int(body), BODY_LENGTH), min(int(name), NAME_LENGTH)
