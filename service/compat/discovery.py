"""The discovery document by which Google's client libraries learn to call us.

The libraries bundle none for commentanalyzer, and the documented snippet names this address, so it must
be served. Format: Google API Discovery Service v1, ``discovery#restDescription``.
"""

from __future__ import annotations

from typing import Any

from service.compat.attributes import NAMES


def document(public_url: str) -> dict[str, Any]:
    """:param public_url: where callers reach this server, without a slash at its end."""
    root = public_url.rstrip("/") + "/"
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": "commentanalyzer:v1alpha1",
        "name": "commentanalyzer",
        "version": "v1alpha1",
        "revision": "20261128",
        "title": "Perspective Comment Analyzer API",
        "description": "Comment Analyzer v1alpha1, answered by Below the Line.",
        "ownerDomain": "google.com",
        "ownerName": "Google",
        "protocol": "rest",
        "rootUrl": root,
        "servicePath": "",
        "baseUrl": root,
        "batchPath": "batch",
        "documentationLink": root + "docs",
        "icons": {"x16": "", "x32": ""},
        "parameters": _PARAMETERS,
        "auth": {
            "oauth2": {
                "scopes": {
                    "https://www.googleapis.com/auth/userinfo.email": {"description": "Not asked for."}
                }
            }
        },
        "resources": {
            "comments": {
                "methods": {
                    "analyze": _method("analyze", "AnalyzeComment", "Scores a comment."),
                    "suggestscore": _method(
                        "suggestscore", "SuggestCommentScore", "Says what the scores should have been."
                    ),
                }
            }
        },
        "schemas": _SCHEMAS,
    }


def _method(name: str, message: str, says: str) -> dict[str, Any]:
    return {
        "id": f"commentanalyzer.comments.{name}",
        "path": f"v1alpha1/comments:{name}",
        "flatPath": f"v1alpha1/comments:{name}",
        "httpMethod": "POST",
        "description": says,
        "parameters": {},
        "parameterOrder": [],
        "request": {"$ref": f"{message}Request"},
        "response": {"$ref": f"{message}Response"},
    }


def _parameter(says: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"description": says, "location": "query", "type": kind, **more}


_PARAMETERS = {
    "key": _parameter("The site key."),
    "alt": _parameter("Form of the answer.", default="json", enum=["json"], enumDescriptions=["JSON"]),
    "prettyPrint": _parameter("Indents the answer.", "boolean", default="true"),
    "fields": _parameter("Accepted; the whole answer is given."),
    "access_token": _parameter("OAuth access token: the site key."),
    "oauth_token": _parameter("OAuth 2.0 token: the site key."),
    "callback": _parameter("Accepted and ignored."),
    "quotaUser": _parameter("Accepted and ignored."),
    "uploadType": _parameter("Accepted and ignored."),
    "upload_protocol": _parameter("Accepted and ignored."),
    "$.xgafv": _parameter(
        "Version of error answers.", enum=["1", "2"], enumDescriptions=["v1 errors", "v2 errors"]
    ),
}


def _object(name: str, **properties: Any) -> dict[str, Any]:
    return {name: {"id": name, "type": "object", "properties": properties}}


def _string(says: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": says, **more}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": name}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def _map(name: str) -> dict[str, Any]:
    says = f"By attribute: {', '.join(NAMES)}."
    return {"type": "object", "additionalProperties": _ref(name), "description": says}


_NUMBER = {"type": "number", "format": "float"}
_OFFSET = {"type": "integer", "format": "int32"}
_SCORE_TYPE = _string(
    enum=["SCORE_TYPE_UNSPECIFIED", "PROBABILITY", "STD_DEV_SCORE", "PERCENTILE", "RAW"],
    enumDescriptions=["PROBABILITY.", "In [0, 1].", "Refused.", "Refused.", "Refused."],
)
_TEXT_TYPE = _string(
    enum=["TEXT_TYPE_UNSPECIFIED", "PLAIN_TEXT", "HTML"],
    enumDescriptions=["PLAIN_TEXT.", "Plain text.", "HTML: tags are taken off."],
)
_SHARED = {
    "comment": _ref("TextEntry"),
    "context": _ref("Context"),
    "languages": _list(_string("BCP 47.")),
    "clientToken": _string("Given back as it came."),
    "sessionId": _string(),
    "communityId": _string(),
}
_SCHEMAS: dict[str, Any] = {
    **_object(
        "AnalyzeCommentRequest",
        **_SHARED,
        requestedAttributes=_map("AttributeParameters"),
        spanAnnotations={"type": "boolean"},
        doNotStore={"type": "boolean"},
    ),
    **_object(
        "AnalyzeCommentResponse",
        attributeScores=_map("AttributeScores"),
        clientToken=_string(),
        languages=_list(_string()),
        detectedLanguages=_list(_string()),
    ),
    **_object(
        "SuggestCommentScoreRequest",
        **_SHARED,
        attributeScores=_map("AttributeScores"),
    ),
    **_object(
        "SuggestCommentScoreResponse",
        clientToken=_string(),
        requestedLanguages=_list(_string()),
        detectedLanguages=_list(_string()),
    ),
    **_object("TextEntry", text=_string(), type=_TEXT_TYPE),
    **_object(
        "Context",
        entries=_list(_ref("TextEntry")),
        articleAndParentComment=_ref("ArticleAndParentComment"),
    ),
    **_object("ArticleAndParentComment", article=_ref("TextEntry"), parentComment=_ref("TextEntry")),
    **_object("AttributeParameters", scoreType=_SCORE_TYPE, scoreThreshold=_NUMBER),
    **_object("AttributeScores", summaryScore=_ref("Score"), spanScores=_list(_ref("SpanScore"))),
    **_object("SpanScore", begin=_OFFSET, end=_OFFSET, score=_ref("Score")),
    **_object("Score", value=_NUMBER, type=_SCORE_TYPE),
}
