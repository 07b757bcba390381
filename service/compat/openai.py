"""OpenAI's ``POST /v1/moderations``.

Any model name is taken and ours given back: callers pin names that come and go. What we model is mapped,
the other categories are present with 0.0, apply to no input, and are listed in ``unmodelled``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from moderation.policy import Policy
from moderation.tables import new_id
from service.auth import Caller, caller_of
from service.compat import audit, quota, scoring
from service.door import utcnow, vault
from service.problems import Problem

if TYPE_CHECKING:
    from models.scorer import Scored

bp = Blueprint("openai", __name__)
PREFIXES = ("/v1/moderations",)
#: category -> our attributes, all of which must hold: its score is the least of theirs.
MODELLED: dict[str, tuple[str, ...]] = {
    "harassment": ("insult",),
    "harassment/threatening": ("threat",),
    "hate": ("identity_attack",),
    "hate/threatening": ("identity_attack", "threat"),
    "violence": ("threat",),
}
UNMODELLED = (
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence/graphic",
)
CATEGORIES = tuple(sorted((*MODELLED, *UNMODELLED)))
#: Without a line in the site's policy a category is flagged from here on.
USUAL_LINE = 0.5
MOST_INPUTS = 256


class NotAnswered(Exception):
    """A call that is refused in OpenAI's words."""

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None):
        super().__init__(message)
        self.status, self.param, self.code = status, param, code


@bp.post("/v1/moderations")
def moderate() -> Response:
    """Score one text, each of several, or one list of parts."""
    caller = _caller()
    now = utcnow()
    quota.spend(caller, now)
    texts = _inputs()
    policy = scoring.house_of(caller.site, now).policy
    language = caller.site.language
    scored = scoring.scores_of(
        [scoring.text_of(text, language=language) for text in texts], lines=policy.lines
    )
    results = [_result(found, policy) for found in scored]
    for text, found, result in zip(texts, scored, results, strict=True):
        audit.keep(
            audit.Call(
                caller.site,
                caller.key,
                "openai",
                "moderations",
                now,
                text_hash=vault().text_hash(scoring.readable(text)),
                model=found.model,
                scores={name: round(score, 6) for name, score in found.scores.items()},
                answer="flagged" if result["flagged"] else "passed",
            )
        )
    return _json(
        {
            "id": f"modr-{new_id().lower()}",
            "model": scored[0].model,
            "results": results,
            "unmodelled": list(UNMODELLED),
        }
    )


def _result(scored: Scored, policy: Policy) -> dict[str, Any]:
    scores = {
        name: min(scored.scores[attribute] for attribute in MODELLED[name]) if name in MODELLED else 0.0
        for name in CATEGORIES
    }
    categories = {
        name: name in MODELLED
        and all(scored.scores[attribute] >= _line(attribute, policy) for attribute in MODELLED[name])
        for name in CATEGORIES
    }
    return {
        "flagged": any(categories.values()),
        "categories": categories,
        "category_scores": scores,
        "category_applied_input_types": {name: ["text"] if name in MODELLED else [] for name in CATEGORIES},
    }


def _line(attribute: str, policy: Policy) -> float:
    line = policy.thresholds.get(attribute)
    return line.hold_at if line is not None else USUAL_LINE


def _caller() -> Caller:
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        raise NotAnswered(
            "You didn't provide an API key. You need to provide your API key in an Authorization header "
            "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            status=401,
        )
    caller = caller_of(authorization.token, "site")
    if caller is None:
        raise NotAnswered("Incorrect API key provided.", status=401, code="invalid_api_key")
    if "submit" not in caller.key.scopes:
        raise NotAnswered("You have insufficient permissions for this operation.", status=403)
    return caller


def _inputs() -> list[str]:
    try:
        document = json.loads(request.get_data(cache=False).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise NotAnswered("We could not parse the JSON body of your request.") from error
    if not isinstance(document, dict):
        raise NotAnswered("The JSON body must be an object.")
    if not isinstance(document.get("model", ""), str | None):
        raise NotAnswered("Invalid type for 'model': expected a string.", param="model", code="invalid_type")
    given = document.get("input")
    if given is None:
        raise NotAnswered(
            "Missing required parameter: 'input'.", param="input", code="missing_required_parameter"
        )
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        raise NotAnswered(
            "Invalid type for 'input': expected a string, a list of strings, or a list of parts.",
            param="input",
            code="invalid_type",
        )
    if len(given) > MOST_INPUTS:
        raise NotAnswered(
            f"'input' has {len(given)} elements; at most {MOST_INPUTS} are taken.",
            param="input",
            code="array_above_max_length",
        )
    if all(isinstance(one, str) for one in given):
        return given
    return ["\n".join(_part(one, at) for at, one in enumerate(given))]


def _part(part: Any, at: int) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "image_url":
        raise NotAnswered(
            "Images are not moderated here: send the text parts only.",
            param=f"input[{at}]",
            code="image_input_not_supported",
        )
    text = part.get("text") if kind == "text" else None
    if not isinstance(text, str):
        raise NotAnswered(
            f"Invalid value at 'input[{at}]': expected a string, or a part with type 'text' and its text.",
            param=f"input[{at}]",
            code="invalid_value",
        )
    return text


@bp.errorhandler(NotAnswered)
def not_answered(error: NotAnswered) -> Response:
    return _refusal(error.status, str(error), param=error.param, code=error.code)


@bp.errorhandler(quota.QuotaUsedUp)
def used_up(error: quota.QuotaUsedUp) -> Response:
    response = _refusal(429, str(error), kind="insufficient_quota", code="insufficient_quota")
    response.headers["Retry-After"] = str(error.retry_seconds)
    # The official clients would try twice more at once; the quota opens next month.
    response.headers["x-should-retry"] = "false"
    return response


def page(problem: Problem) -> Response:
    """Everything else that goes wrong at this address, in the same form."""
    kind, code = "invalid_request_error", None
    if problem.status == 429:
        kind, code = "requests", "rate_limit_exceeded"
    elif problem.status >= 500:
        kind = "server_error"
    response = _refusal(problem.status, problem.detail, kind=kind, code=code)
    response.headers.update({k: v for k, v in problem.headers if k.lower() != "content-length"})
    return response


def _refusal(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
) -> Response:
    error = {"message": message, "type": kind, "param": param, "code": code}
    return _json({"error": error}, status)


def _json(document: Any, status: int = 200) -> Response:
    response = Response(json.dumps(document), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
