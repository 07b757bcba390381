"""What goes out, field by field: it describes our answers (service.shaping makes them).

Never an e-mail address, an IP or a user agent.
"""

from __future__ import annotations

from marshmallow import Schema, fields


class Out(Schema):
    """What we answer."""


class ArticleOut(Out):
    id = fields.String()
    url = fields.String()
    title = fields.String()
    section = fields.String()


class ParentOut(Out):
    id = fields.String()


class AuthorOut(Out):
    id = fields.String(allow_none=True)
    url = fields.String(allow_none=True)
    verified = fields.Boolean()


class ReasonOut(Out):
    kind = fields.String()
    name = fields.String()
    verdict = fields.String()
    value = fields.Raw(allow_none=True)
    threshold = fields.Raw(allow_none=True)
    weight = fields.Float(allow_none=True)
    text = fields.String()


class SignalOut(Out):
    name = fields.String()
    evidence = fields.Dict()
    weight = fields.Float()


class DecisionOut(Out):
    id = fields.String()
    revision = fields.Integer()
    action = fields.String()
    old_status = fields.String()
    new_status = fields.String()
    by_kind = fields.String()
    reason_code = fields.String()
    note = fields.String()
    reasons = fields.List(fields.Dict())
    model = fields.String(allow_none=True)
    created_at = fields.DateTime()


class CommentDeliveryOut(Out):
    id = fields.String()
    event_id = fields.String()
    type = fields.String()
    endpoint_id = fields.String()
    status = fields.String()
    attempts_made = fields.Integer()
    due_at = fields.DateTime()
    finished_at = fields.DateTime(allow_none=True)
    last_error = fields.String()


class ReportOut(Out):
    id = fields.String()
    reason = fields.String()
    illegal = fields.Boolean()
    status = fields.String()
    created_at = fields.DateTime()


class AppealOut(Out):
    id = fields.String()
    status = fields.String()
    text = fields.String()
    answer = fields.String()
    created_at = fields.DateTime()
    decided_at = fields.DateTime(allow_none=True)


class AcceptedOut(Out):
    id = fields.String(required=True)
    status = fields.String(required=True)
    external_id = fields.String(allow_none=True)


class CommentOut(AcceptedOut):
    """Never the e-mail address, the IP or the user agent."""

    revision = fields.Integer()
    published_revision = fields.Integer(allow_none=True)
    sequence = fields.Integer()
    name = fields.String()
    body = fields.String()
    article = fields.Nested(ArticleOut, allow_none=True)
    parent = fields.Nested(ParentOut, allow_none=True)
    author = fields.Nested(AuthorOut)
    language = fields.String(allow_none=True)
    submitted_at = fields.DateTime()
    received_at = fields.DateTime()
    judged_at = fields.DateTime(allow_none=True)
    decided_at = fields.DateTime(allow_none=True)
    verdict = fields.String(allow_none=True)
    reasons = fields.List(fields.Nested(ReasonOut))
    scores = fields.Dict(keys=fields.String(), values=fields.Float(), allow_none=True)
    model = fields.String(allow_none=True)
    signals = fields.List(fields.Nested(SignalOut))
    open_reports = fields.Integer()


class WholeCommentOut(CommentOut):
    """With its history: earlier revisions' decisions, deliveries, reports and appeals."""

    decisions = fields.List(fields.Nested(DecisionOut))
    deliveries = fields.List(fields.Nested(CommentDeliveryOut))
    reports = fields.List(fields.Nested(ReportOut))
    appeals = fields.List(fields.Nested(AppealOut))


class PageOut(Out):
    comments = fields.List(fields.Nested(CommentOut))
    next_cursor = fields.String(allow_none=True)


class FaultOut(Out):
    pointer = fields.String(required=True)
    detail = fields.String(required=True)
    line = fields.Integer()


class ProblemOut(Out):
    """application/problem+json (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String()
    errors = fields.List(fields.Nested(FaultOut))


class BatchLineOut(Out):
    index = fields.Integer(required=True)
    status = fields.Integer(required=True, metadata={"description": "As the status of a call of its own."})
    comment = fields.Nested(AcceptedOut)
    problem = fields.Nested(ProblemOut)


class BatchOut(Out):
    accepted = fields.Integer(required=True)
    refused = fields.Integer(required=True)
    results = fields.List(fields.Nested(BatchLineOut), required=True)


class ErasureOut(Out):
    erased = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Noun -> how many"},
    )


class ScoreOut(Out):
    scores = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)
    verdict = fields.String(required=True)
    reasons = fields.List(fields.Nested(ReasonOut))
    model = fields.String(required=True)
    language = fields.String()
    language_supported = fields.Boolean()


class EndpointOut(Out):
    id = fields.String(required=True)
    url = fields.String(required=True)
    events = fields.List(fields.String(), required=True)
    description = fields.String(required=True)
    status = fields.String(required=True)
    disabled_reason = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    failing_since = fields.DateTime(allow_none=True)
    failures = fields.Integer(required=True)
    previous_secret_until = fields.DateTime(allow_none=True)


class NewEndpointOut(EndpointOut):
    secret = fields.String(required=True, metadata={"description": "Shown this once."})


class EndpointsOut(Out):
    endpoints = fields.List(fields.Nested(EndpointOut), required=True)


class SecretOut(Out):
    secret = fields.String(required=True, metadata={"description": "Shown this once."})
    previous_secret_until = fields.DateTime(allow_none=True)


class AttemptOut(Out):
    number = fields.Integer()
    started_at = fields.DateTime()
    duration_ms = fields.Integer()
    status_code = fields.Integer(allow_none=True)
    error = fields.String()


class DeliveryOut(CommentDeliveryOut):
    created_at = fields.DateTime()
    comment_id = fields.String(allow_none=True)


class WholeDeliveryOut(DeliveryOut):
    payload = fields.Dict()
    attempts = fields.List(fields.Nested(AttemptOut))


class DeliveriesOut(Out):
    deliveries = fields.List(fields.Nested(DeliveryOut), required=True)
    next_cursor = fields.String(allow_none=True)


class RecoveredOut(Out):
    deliveries = fields.Integer(required=True)


class PolicyOut(Out):
    id = fields.String(allow_none=True)
    version = fields.Integer(required=True)
    scope = fields.String(required=True)
    document = fields.Dict(required=True)
    source = fields.String(allow_none=True)
    note = fields.String()
    created_at = fields.DateTime(allow_none=True)
    created_by = fields.String()


class PoliciesOut(Out):
    policies = fields.List(
        fields.Nested(PolicyOut), required=True, metadata={"description": "The newest of each scope"}
    )
    effective = fields.Dict(metadata={"description": "The site's policy with its preset written out"})


class BacktestOut(Out):
    comments = fields.Integer(required=True)
    since = fields.DateTime(allow_none=True)
    until = fields.DateTime(allow_none=True)
    before = fields.Dict(keys=fields.String(), values=fields.Integer())
    after = fields.Dict(keys=fields.String(), values=fields.Integer())
    moved = fields.Dict(keys=fields.String(), values=fields.Integer())
    examples = fields.List(fields.Dict())
    agreement = fields.Dict()
    agreement_before = fields.Dict()
    queue = fields.Dict()
    queue_before = fields.Dict()
