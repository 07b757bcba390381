"""Perspective's Comment Analyzer, v1alpha1: ``comments:analyze``, ``comments:suggestscore``, discovery.

Callers change the host and keep their code. Source: the public reference and discovery document of
``commentanalyzer.googleapis.com``; errors as Google's front end words them (google.rpc.Status).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from moderation.intake import is_blank
from moderation.labels import learn
from moderation.tables import Site
from service.auth import Caller, caller_of
from service.compat import attributes, audit, discovery, google, quota, scoring
from service.compat.google import NotAnswered, in_json, info
from service.compat.sentences import sentences_of, units_in
from service.door import database, settings, utcnow, vault

bp = Blueprint("perspective", __name__)
bp.register_error_handler(NotAnswered, google.not_answered)
bp.register_error_handler(quota.QuotaUsedUp, google.used_up)
page = google.page
PREFIXES = ("/v1alpha1", "/$discovery")
#: Bytes of UTF-8, as the service counted them.
LONGEST_TEXT = 20_480
_SCORE_TYPES = ("PROBABILITY", "STD_DEV_SCORE", "PERCENTILE", "RAW")


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked ``comments:analyze``.

    :param wanted: Perspective's name, as asked, -> least score that is answered.
    """

    text: str
    is_html: bool
    wanted: dict[str, float]
    languages: tuple[str, ...]
    spans: bool
    keeps: bool
    token: str


@bp.post("/v1alpha1/comments:analyze")
def analyze() -> Response:
    """Score one comment."""
    caller = _caller()
    quota.spend(caller, utcnow())
    asked = _asked(_document())
    answer, call = _analyzed(caller, asked)
    audit.keep(call)
    return in_json(answer)


@bp.post("/v1alpha1/comments:suggestscore")
def suggest() -> Response:
    """Learn what people thought of a comment."""
    caller = _caller()
    quota.spend(caller, utcnow())
    document = _document()
    text, is_html = _comment(document)
    # what is not to be kept teaches nothing
    said = {} if _of_kind(document, "doNotStore", bool) else _suggested(document)
    languages = _languages(document)
    now = utcnow()
    words = scoring.words_of(text) if is_html else text
    if is_blank(words):
        raise NotAnswered("Comment must be non-empty.", "COMMENT_EMPTY")
    with database().writing() as session:
        for attribute, value in said.items():
            learn(
                session,
                vault(),
                site=caller.site,
                origin="suggestscore",
                attribute=attribute,
                value=value,
                text=words,
                key_id=caller.key.id,
                now=now,
            )
    audit.keep(
        audit.Call(
            caller.site,
            caller.key,
            "perspective",
            "suggestscore",
            now,
            text_hash=vault().text_hash(scoring.readable(words)),
            scores=said,
        )
    )
    answer: dict[str, Any] = {"requestedLanguages": list(languages) or [_usual(caller.site)]}
    answer["detectedLanguages"] = [scoring.language_of(words, languages[0] if languages else "")]
    return in_json(_with_token(answer, _string(document, "clientToken")))


@bp.get("/$discovery/rest")
def discover() -> Response:
    """Describe the service to Google's client libraries."""
    if request.args.get("version", "v1alpha1") != "v1alpha1":
        raise NotAnswered("Requested entity was not found.", "", status=404)
    return in_json(discovery.document(settings().public_url))


@bp.after_request
def let_a_page_read(response: Response) -> Response:
    """CORS for pages of a publishable key's origins; from others the browser keeps the answer."""
    origin = request.headers.get("Origin")
    if origin is not None:
        caller = caller_of(request.args.get("key", ""), "publishable")
        response.vary.add("Origin")
        if caller is not None and origin in caller.key.origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Methods"] = "POST"
            response.headers["Access-Control-Allow-Headers"] = "Content-Type, X-Goog-Api-Key"
            response.headers["Access-Control-Max-Age"] = "7200"
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _analyzed(caller: Caller, asked: Asked) -> tuple[dict[str, Any], audit.Call]:
    now = utcnow()
    words = scoring.words_of(asked.text) if asked.is_html else asked.text
    if is_blank(words):
        raise NotAnswered("Comment must be non-empty.", "COMMENT_EMPTY")
    language = asked.languages[0] if asked.languages else _usual(caller.site)
    subject = scoring.text_of(words, language=language)
    names = [attributes.plain(name) for name in asked.wanted]
    scored = scoring.scored_deeply(subject)
    _check_languages(asked, scored)
    policy = scoring.house_of(caller.site, now).policy
    fast = scoring.scores_of([subject], deep=False)[0] if attributes.FAST in names else None
    learned = scoring.learned_of(caller.site, subject.body, scored) if attributes.REJECT in names else None
    likely = None if learned is None else learned.likely
    parts = sentences_of(scoring.readable(asked.text)) if asked.spans else []
    by_part = (
        scoring.scores_of([scoring.text_of(part.text, language=language) for part in parts], deep=False)
        if len(parts) > 1
        else [scored] * len(parts)
    )
    whole = units_in(asked.text)
    scores: dict[str, Any] = {}
    for name, least in asked.wanted.items():
        value = attributes.value_of(name, scored, fast, policy, likely)
        if value < least:
            continue
        spans = [
            (part.begin, part.end, attributes.value_of(name, found, found, policy))
            for part, found in zip(parts, by_part, strict=True)
        ] or [(0, whole, value)]
        scores[name] = {
            "spanScores": [
                {"begin": begin, "end": end, "score": _score(part)}
                for begin, end, part in spans
                if part >= least
            ],
            "summaryScore": _score(value),
        }
    answer: dict[str, Any] = {
        "attributeScores": scores,
        "languages": list(asked.languages) or [scored.language],
        "detectedLanguages": [scored.language],
    }
    call = audit.Call(
        caller.site,
        caller.key,
        "perspective",
        "analyze",
        now,
        text_hash=vault().text_hash(subject.body) if asked.keeps else "",
        model=scored.model,
        scores={name: round(score, 6) for name, score in scored.scores.items()},
    )
    return _with_token(answer, asked.token), call


def _check_languages(asked: Asked, scored: Any) -> None:
    """Only what the model speaks is answered: another language's scores would be noise."""
    known = scoring.scorer().languages
    named = [language.split("-")[0].lower() for language in asked.languages]
    if named and all(language in known for language in named):
        return
    if not named and (scored.language_supported or not scored.facts.get("language_certain")):
        return
    for name in asked.wanted:
        if not attributes.is_language_bound(name):
            continue
        shown = list(asked.languages) or [scored.language]
        kind = "request" if asked.languages else "detected"
        raise NotAnswered(
            f"Attribute {name} does not support {kind} languages: {', '.join(shown)}",
            "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
            more={
                "languageNotSupportedByAttributeError": {
                    "attribute": name,
                    "detectedLanguages": [scored.language],
                    "requestedLanguages": list(asked.languages),
                }
            },
        )


# -- who asks --------------------------------------------------------------------------------------------


def _caller() -> Caller:
    secret = request.args.get("key") or request.headers.get("X-Goog-Api-Key") or ""
    authorization = request.authorization
    if not secret and authorization is not None and authorization.type == "bearer":
        secret = authorization.token or ""
    if not secret:
        raise NotAnswered(
            "Method doesn't allow unregistered callers (callers without established identity). Please use "
            "API Key or other form of API consumer identity to call this API.",
            "",
            status=403,
        )
    caller = caller_of(secret, "site", "publishable")
    if caller is None:
        raise NotAnswered(
            "API key not valid. Please pass a valid API key.",
            detail=info("API_KEY_INVALID", service="commentanalyzer.googleapis.com"),
        )
    if "submit" not in caller.key.scopes:
        raise NotAnswered(
            "The API key may not call this method.", detail=info("API_KEY_SERVICE_BLOCKED"), status=403
        )
    if caller.key.origins and request.headers.get("Origin") not in caller.key.origins:
        raise NotAnswered(
            "Requests from this referer are blocked.",
            detail=info("API_KEY_HTTP_REFERRER_BLOCKED"),
            status=403,
        )
    return caller


# -- what is asked ---------------------------------------------------------------------------------------


def _document() -> dict[str, Any]:
    try:
        document = json.loads(request.get_data(cache=False).decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise NotAnswered("Invalid JSON payload received. It is not a JSON object in UTF-8.", "") from error
    if not isinstance(document, dict):
        raise NotAnswered("Invalid JSON payload received. The root must be an object.", "")
    return document


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _field(of: Mapping[str, Any], name: str) -> Any:
    """A field by its JSON name or its proto name, as Google's front end takes both."""
    if name in of:
        return of[name]
    return of.get("".join(f"_{char.lower()}" if char.isupper() else char for char in name))


def _of_kind(of: Mapping[str, Any], name: str, kind: type | tuple[type, ...], where: str = "") -> Any:
    value = _field(of, name)
    if value is not None and not isinstance(value, kind):
        raise NotAnswered(f"Invalid value at '{where or name}'.", "")
    return value


def _string(of: Mapping[str, Any], name: str) -> str:
    return _of_kind(of, name, str) or ""


def _comment(document: Mapping[str, Any]) -> tuple[str, bool]:
    comment = _of_kind(document, "comment", dict) or {}
    text = _of_kind(comment, "text", str, "comment.text") or ""
    kind = _of_kind(comment, "type", str, "comment.type") or "PLAIN_TEXT"
    if kind not in ("PLAIN_TEXT", "HTML", "TEXT_TYPE_UNSPECIFIED"):
        raise NotAnswered(f"Invalid value at 'comment.type' (TextType), \"{kind[:40]}\"", "")
    if is_blank(text):
        raise NotAnswered("Comment must be non-empty.", "COMMENT_EMPTY")
    if len(text.encode("utf-8", "replace")) > LONGEST_TEXT:
        raise NotAnswered("Comment text too long.", "COMMENT_TOO_LONG")
    context = _of_kind(document, "context", dict) or {}
    if _field(context, "entries") and _field(context, "articleAndParentComment"):
        raise NotAnswered(
            "Context can have either entries or article_and_parent_comment, but both fields were populated."
        )
    return text, kind == "HTML"


def _asked(document: Mapping[str, Any]) -> Asked:
    text, is_html = _comment(document)
    requested = _of_kind(document, "requestedAttributes", dict)
    if not requested:
        raise NotAnswered("Missing requested_attributes", "NO_REQUESTED_ATTRIBUTES")
    return Asked(
        text=text,
        is_html=is_html,
        wanted={name: _least(name, wish) for name, wish in requested.items()},
        languages=_languages(document),
        spans=bool(_of_kind(document, "spanAnnotations", bool)),
        keeps=not _of_kind(document, "doNotStore", bool),
        token=_string(document, "clientToken"),
    )


def _least(name: str, wish: Any) -> float:
    if attributes.plain(name) not in attributes.NAMES:
        raise NotAnswered(f"Unknown requested attribute: {name[:80]}")
    wish = {} if wish is None else wish
    if not isinstance(wish, dict):
        raise NotAnswered("Invalid value at 'requested_attributes[0].value'.", "")
    kind = _of_kind(wish, "scoreType", str, "score_type") or "PROBABILITY"
    if kind not in (*_SCORE_TYPES, "SCORE_TYPE_UNSPECIFIED"):
        raise NotAnswered(f"Invalid value at 'score_type' (ScoreType), \"{kind[:40]}\"", "")
    if kind not in ("PROBABILITY", "SCORE_TYPE_UNSPECIFIED"):
        raise NotAnswered(f"Requested score type {kind} is not supported by attribute {name}")
    least = _number(_field(wish, "scoreThreshold"), "score_threshold")
    return 0.0 if least is None else least


def _number(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NotAnswered(f"Invalid value at '{where}' (TYPE_FLOAT).", "")
    return float(value)


def _languages(document: Mapping[str, Any]) -> tuple[str, ...]:
    languages = _of_kind(document, "languages", list) or []
    if len(languages) > 20 or not all(isinstance(one, str) and 0 < len(one) <= 35 for one in languages):
        raise NotAnswered("Invalid value at 'languages' (TYPE_STRING).", "")
    return tuple(languages)


def _suggested(document: Mapping[str, Any]) -> dict[str, float]:
    given = _of_kind(document, "attributeScores", dict)
    if not given:
        raise NotAnswered("Missing attribute_scores", "NO_REQUESTED_ATTRIBUTES")
    said: dict[str, float] = {}
    for name, scores in given.items():
        if attributes.plain(name) not in (*attributes.NAMES, *attributes.NOT_MODELLED):
            raise NotAnswered(f"Unknown attribute: {name[:80]}")
        scores = scores if isinstance(scores, dict) else {}
        summary = _of_kind(scores, "summaryScore", dict, "summary_score") or {}
        # proto3's JSON leaves zeros out: no value is the value 0, as long as there is a summary
        value = _number(_field(summary, "value"), "summary_score.value")
        if "summaryScore" not in scores and "summary_score" not in scores:
            continue
        value = 0.0 if value is None else value
        if not 0.0 <= value <= 1.0:
            raise NotAnswered("Score values must lie between 0 and 1.")
        if attribute := attributes.label_of(name):
            said[attribute] = value
    return said


def _usual(site: Site) -> str:
    return site.language.split("-")[0] or "en"


# -- what is answered ------------------------------------------------------------------------------------


def _score(value: float) -> dict[str, Any]:
    return {"value": round(value, 7), "type": "PROBABILITY"}


def _with_token(answer: dict[str, Any], token: str) -> dict[str, Any]:
    return {**answer, "clientToken": token} if token else answer
