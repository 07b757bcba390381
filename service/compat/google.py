"""How Google's front end answers: google.rpc.Status in JSON, its kinds of error, its quotas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Response, g, request

from service.compat import quota
from service.problems import Problem

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}
_ERROR_TYPE = "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"
_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


class NotAnswered(Exception):
    """A call that is refused in Google's words.

    :param kind: the ``errorType`` of the detail, "" for none.
    :param detail: put in place of that detail.
    """

    def __init__(
        self,
        message: str,
        kind: str = "INVALID_REQUEST",
        *,
        status: int = 400,
        detail: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail or ({"@type": _ERROR_TYPE, "errorType": kind, **(more or {})} if kind else None)
        self.headers = headers or {}


def info(reason: str, **metadata: str) -> dict[str, Any]:
    return {"@type": _ERROR_INFO, "reason": reason, "domain": "googleapis.com", "metadata": metadata}


def in_json(document: Any, status: int = 200) -> Response:
    compact = request.args.get("prettyPrint", "true").lower() in ("false", "0")
    text = json.dumps(document, indent=None if compact else 2)
    response = Response(text, status, content_type="application/json; charset=UTF-8")
    response.headers["Cache-Control"] = "private, no-store"
    return response


def not_answered(error: NotAnswered) -> Response:
    return _refusal(error.status, str(error), error.detail, error.headers)


def used_up(error: quota.QuotaUsedUp) -> Response:
    return _too_many("AnalyzeRequestsPerMonthPerProject", error.month.limit or 0, error.retry_seconds)


def page(problem: Problem) -> Response:
    """Everything else that goes wrong below these addresses, in the same form."""
    headers = {name: value for name, value in problem.headers if name.lower() != "content-length"}
    if problem.status == 429:
        limit = quota.per_minute(g.site) if "site" in g else 0
        return _too_many("AnalyzeRequestsPerMinutePerProject", limit, int(headers.get("Retry-After", 60)))
    if problem.status == 413:
        detail = {"@type": _ERROR_TYPE, "errorType": "COMMENT_TOO_LONG"}
        return _refusal(400, "Request payload size exceeds the limit.", detail, {})
    message = "Internal error encountered." if problem.status == 500 else problem.detail
    if problem.status == 404:
        message = "Requested entity was not found."
    return _refusal(problem.status, message, None, headers)


def _too_many(name: str, limit: int, seconds: int) -> Response:
    verb = "SuggestCommentScore" if request.path.endswith("suggestscore") else "AnalyzeComment"
    detail = info(
        "RATE_LIMIT_EXCEEDED",
        quota_limit=name,
        quota_limit_value=str(limit),
        quota_metric="commentanalyzer.googleapis.com/analyze_requests",
        service="commentanalyzer.googleapis.com",
    )
    message = (
        f"Quota exceeded for quota metric 'Analysis requests ({verb})' and limit "
        f"'{name}' of service 'commentanalyzer.googleapis.com'."
    )
    return _refusal(429, message, detail, {"Retry-After": str(seconds)})


def _refusal(
    status: int, message: str, detail: Mapping[str, Any] | None, headers: Mapping[str, str]
) -> Response:
    error: dict[str, Any] = {
        "code": status,
        "message": message,
        "status": _STATUS.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT"),
    }
    if detail is not None:
        error["details"] = [dict(detail)]
    response = in_json({"error": error}, status)
    response.headers.update(headers)
    return response
