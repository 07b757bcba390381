"""Made-up requests to every compatible call: whatever comes, the answer is one of the protocol's, never a fault.

Each begins as a request that its protocol allows; then values, types and depths go wrong. `make fuzz` sends more.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import os
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.service.compat.conftest import CORAL_SECRET, HAM, SPAM

EXAMPLES = int(os.environ.get("BTL_FUZZ_EXAMPLES", "8"))
PERSPECTIVE = {
    "comment": {"text": HAM, "type": "PLAIN_TEXT"},
    "context": {"entries": [{"text": "An article", "type": "PLAIN_TEXT"}]},
    "requestedAttributes": {"TOXICITY": {"scoreType": "PROBABILITY", "scoreThreshold": 0.5}, "SPAM": {}},
    "languages": ["en"],
    "spanAnnotations": True,
    "doNotStore": False,
    "clientToken": "a",
    "communityId": "b",
}
SUGGESTION = {
    "comment": {"text": SPAM},
    "attributeScores": {"SPAM": {"summaryScore": {"value": 0.9}, "spanScores": [{"begin": 0, "end": 3}]}},
    "languages": ["en"],
    "clientToken": "a",
}
OPENAI = {"model": "omni-moderation-latest", "input": [HAM, {"type": "text", "text": SPAM}]}
CORAL = {
    "action": "NEW",
    "comment": {"body": HAM, "parentID": None},
    "author": {"id": "a", "role": "COMMENTER"},
    "story": {"id": "s", "url": "https://news.example/a"},
    "site": {"id": "x"},
    "tenantID": "t",
    "tenantDomain": "coral.example",
}
CORAL_EVENT = {
    "id": "e",
    "type": "COMMENT_LEFT_MODERATION_QUEUE",
    "createdAt": "2026-11-28T12:00:00.000Z",
    "data": {"queue": "PENDING", "commentID": "c", "status": "REJECTED", "moderatorID": "m"},
    "tenantID": "t",
    "tenantDomain": "coral.example",
}
AKISMET = {
    "blog": "https://news.example/",
    "user_ip": "203.0.113.7",
    "user_agent": "Firefox",
    "comment_type": "comment",
    "comment_author": "Ana",
    "comment_author_email": "ana@example.org",
    "comment_content": HAM,
    "permalink": "https://news.example/a",
    "comment_date_gmt": "2026-11-28T12:00:00Z",
    "guid": "g",
    "is_test": "1",
    "month": "2026-11",
    "from": "6-months",
    "format": "csv",
}
#: path -> the document of a request that is allowed; a form where the protocol has forms.
DOCUMENTS = {
    "/v1alpha1/comments:analyze": PERSPECTIVE,
    "/v1alpha1/comments:suggestscore": SUGGESTION,
    "/v1/moderations": OPENAI,
    "/coral/moderation": CORAL,
    "/coral/events": CORAL_EVENT,
}
FORMS = (
    "/1.1/verify-key",
    "/1.1/comment-check",
    "/1.1/submit-spam",
    "/1.1/submit-ham",
    "/1.1/token",
    "/1.1/deactivate",
    "/1.1/get-stats",
    "/1.2/usage-limit",
    "/1.2/key-sites",
)
JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.sampled_from(["\x00", "\ud800", "\u202e" * 50, "9" * 400, "a" * 30_000, -1, 10**400, 1e308]),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
TEXT = st.one_of(
    st.text(), st.sampled_from(["\x00", "\ufffe", "9" * 400, "a" * 30_000, "2026-13-45", "=%%&&"])
)


def places_in(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document, the whole of it included."""
    keys = (
        document if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    )
    return [path, *(place for key in keys for place in places_in(document[key], (*path, key)))]


@st.composite
def mangled(draw: Any, document: Any) -> Any:
    """A document with up to three places gone wrong."""
    whole = {"": copy.deepcopy(document)}
    for _ in range(draw(st.integers(0, 3))):
        *path, last = draw(st.sampled_from(places_in(whole)[1:]))
        at: Any = whole
        for key in path:
            at = at[key]
        how = draw(st.sampled_from(("other", "gone", "listed", "deep")))
        if how == "gone" and path:
            del at[last]
        elif how == "listed":
            at[last] = [at[last]] * draw(st.integers(1, 3))
        elif how == "deep":
            for _ in range(draw(st.sampled_from((1, 20)))):
                at[last] = {"a": [at[last]]}
        else:
            at[last] = draw(JUNK)
    return whole[""]


def asked(of: Any) -> Any:
    return settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize="BTL_FUZZ_EXAMPLES" not in os.environ,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )(of)


def is_the_protocols(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    if answer.mimetype == "application/json":
        json.loads(answer.data)
    assert b"Traceback" not in answer.data


@pytest.mark.parametrize("path", DOCUMENTS)
def test_no_made_up_document_surprises(server, path):
    client = server.app.test_client()

    @asked
    @given(
        document=mangled(DOCUMENTS[path]), spoil=st.sampled_from((None, None, None, b"\xff", b"]", b"\x00"))
    )
    def ask(document: Any, spoil: bytes | None) -> None:
        body = json.dumps(document).encode() + (spoil or b"")
        signature = hmac.new(CORAL_SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Authorization": f"Bearer {server.key}", "X-Coral-Signature": f"sha256={signature}"}
        is_the_protocols(
            client.post(path, query_string={"key": server.key}, data=body, headers=headers,
                        content_type="application/json")
        )  # fmt: skip

    ask()


@pytest.mark.parametrize("path", FORMS)
def test_no_made_up_form_surprises(server, path):
    client = server.app.test_client()
    fields = st.dictionaries(
        st.sampled_from([*AKISMET, "api_key", "key"]) | st.text(max_size=9), TEXT, max_size=6
    )

    @asked
    @given(wrong=fields, gone=st.sets(st.sampled_from([*AKISMET, "nothing"]), max_size=3), raw=st.booleans())
    def ask(wrong: dict[str, str], gone: set[str], raw: bool) -> None:
        whole = {"api_key": server.akismet_key, "key": server.akismet_key} | AKISMET | wrong
        sent = urlencode({k: v for k, v in whole.items() if k not in gone}, errors="surrogatepass").encode()
        is_the_protocols(
            client.post(path, data=sent + (b"&%ff=%00\xff" if raw else b""),
                        content_type="application/x-www-form-urlencoded")
        )  # fmt: skip

    ask()


def test_every_compatible_call_is_asked(server):
    served = {
        rule.rule
        for rule in server.app.url_map.iter_rules()
        if rule.endpoint.partition(".")[0]
        in ("akismet", "akismet_accounts", "coral", "openai", "perspective")
        and "POST" in (rule.methods or ())
    }

    assert served == {*DOCUMENTS, *FORMS}
