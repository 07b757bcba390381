"""Perspective's wire format: scores, spans, languages, and errors in Google's words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from models.site_model import train
from moderation.keys import issue_key
from moderation.tables import Site, Usage
from service.door import door_of
from tests.conftest import NOON
from tests.models.test_site_model import newsroom

from .conftest import HAM, RUDE, Server


def post(server: Server, document: Any, call: str = "comments:analyze", **more: Any) -> requests.Response:
    parameters = {"key": server.key, **more.pop("params", {})}
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = {"Content-Type": "application/json", **more.pop("headers", {})}
    return requests.post(
        f"{server.url}/v1alpha1/{call}", params=parameters, data=body, headers=headers, timeout=20, **more
    )


def analyze(server: Server, text: str = HAM, *names: str, **more: Any) -> dict[str, Any]:
    document = {
        "comment": {"text": text},
        "requestedAttributes": {name: {} for name in names or ["TOXICITY"]},
    }
    answer = post(server, document | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refusal(answer: requests.Response) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"
    return answer.json()["error"]


def summary(answer: dict[str, Any], name: str = "TOXICITY") -> float:
    score = answer["attributeScores"][name]["summaryScore"]
    assert score["type"] == "PROBABILITY"
    return score["value"]


def test_a_rude_comment_scores_higher_than_a_friendly_one(server):
    rude = analyze(server, RUDE, "TOXICITY", "INSULT", "PROFANITY", "SPAM", clientToken="t-1")
    ham = analyze(server, HAM)

    assert set(rude["attributeScores"]) == {"TOXICITY", "INSULT", "PROFANITY", "SPAM"}
    assert summary(rude) > 0.7 > 0.3 > summary(ham)
    assert rude["clientToken"] == "t-1"
    assert "clientToken" not in ham
    assert rude["languages"] == rude["detectedLanguages"] == ["en"]


def test_every_attribute_that_we_model_answers(server):
    names = [
        "TOXICITY", "SEVERE_TOXICITY", "IDENTITY_ATTACK", "INSULT", "PROFANITY", "THREAT", "OBSCENE", "SPAM",
        "TOXICITY_FAST", "LIKELY_TO_REJECT", "TOXICITY_EXPERIMENTAL", "TOXICITY@6",
    ]  # fmt: skip

    answer = analyze(server, RUDE, *names)

    assert set(answer["attributeScores"]) == set(names)
    assert all(0.0 <= summary(answer, name) <= 1.0 for name in names)
    assert summary(answer, "PROFANITY") == summary(answer, "OBSCENE")


def test_a_site_with_a_model_of_its_own_gets_its_word(server):
    keys = server.another_site("own-model")
    own = train(newsroom(300), version="own-1", base="any")
    own.save(door_of(server.app).settings.data_dir / "models")
    with server.database.writing() as session:
        session.get(Site, keys["id"]).champion = "own-1"
    asked = {"comment": {"text": f"{HAM} The ferry!"}, "requestedAttributes": {"LIKELY_TO_REJECT": {}}}

    with_own = post(server, asked, params={"key": keys["site"]}).json()
    without = post(server, asked).json()

    assert summary(with_own, "LIKELY_TO_REJECT") != summary(without, "LIKELY_TO_REJECT")


def test_scores_below_the_threshold_are_left_out(server):
    wish = {"TOXICITY": {"scoreThreshold": 0.99}, "INSULT": {"scoreThreshold": 0}}

    answer = post(server, {"comment": {"text": HAM}, "requestedAttributes": wish}).json()

    assert set(answer["attributeScores"]) == {"INSULT"}


def test_spans_are_sentences_counted_as_javascript_counts(server):
    text = f"😀 {HAM} {RUDE}"

    answer = analyze(server, text, spanAnnotations=True)

    spans = answer["attributeScores"]["TOXICITY"]["spanScores"]
    units = text.encode("utf-16-le")
    shown = [units[2 * span["begin"] : 2 * span["end"]].decode("utf-16-le") for span in spans]
    assert shown[0] == f"😀 {HAM}"
    assert shown[1] == "You are a stupid idiot and everybody hates you."
    assert shown[-1].endswith("moron.")
    assert spans[1]["score"]["value"] > spans[0]["score"]["value"]


def test_without_spans_asked_for_one_covers_the_text(server):
    answer = analyze(server, "Fine 😀.")

    (span,) = answer["attributeScores"]["TOXICITY"]["spanScores"]
    assert (span["begin"], span["end"]) == (0, 8)


def test_html_is_read_as_its_reader_sees_it(server):
    html = {"text": "You are a <b>stu</b>pid&nbsp;<i>idiot</i>.", "type": "HTML"}
    plain = {"text": "You are a stupid\u00a0idiot."}

    scores = [
        summary(post(server, {"comment": one, "requestedAttributes": {"TOXICITY": {}}}).json())
        for one in (html, plain)
    ]

    assert scores[0] == scores[1]


def test_names_of_fields_may_be_spelt_as_in_the_proto_and_the_colon_encoded(server):
    document = {
        "comment": {"text": RUDE},
        "requested_attributes": {"TOXICITY": {"score_type": "PROBABILITY", "score_threshold": 0.01}},
        "do_not_store": True,
        "client_token": "snake",
        "context": {"entries": [{"text": "the article"}]},
    }

    answer = post(server, document, "comments%3Aanalyze", params={"alt": "json", "prettyPrint": "false"})

    assert answer.json()["clientToken"] == "snake"
    assert "\n" not in answer.text


@pytest.mark.parametrize("place", ["header", "bearer"])
def test_the_key_may_come_in_a_header(server, place):
    header = (
        {"X-Goog-Api-Key": server.key} if place == "header" else {"Authorization": f"Bearer {server.key}"}
    )
    document = {"comment": {"text": HAM}, "requestedAttributes": {"TOXICITY": {}}}

    answer = requests.post(
        f"{server.url}/v1alpha1/comments:analyze", json=document, headers=header, timeout=20
    )

    assert answer.status_code == 200


def test_no_key_and_a_wrong_key(server):
    document = {"comment": {"text": HAM}, "requestedAttributes": {"TOXICITY": {}}}

    none = refusal(post(server, document, params={"key": ""}))
    wrong = refusal(post(server, document, params={"key": "btl_wrong"}))

    assert (none["code"], none["status"]) == (403, "PERMISSION_DENIED")
    assert (wrong["code"], wrong["status"]) == (400, "INVALID_ARGUMENT")
    assert wrong["details"][0]["reason"] == "API_KEY_INVALID"


def test_a_page_may_ask_with_a_publishable_key_of_its_origin(server):
    origin = "https://news.example"
    with server.database.writing() as session:
        _, key = issue_key(
            session, server.vault, site_id=server.site_id, kind="publishable", origins=[origin], now=NOON
        )
    url, asked = f"{server.url}/v1alpha1/comments:analyze?key={key}", {"comment": {"text": HAM}, **TOXICITY}

    preflight = requests.options(url, headers={"Origin": origin}, timeout=20)
    ours = requests.post(url, json=asked, headers={"Origin": origin}, timeout=20)
    theirs = requests.post(url, json=asked, headers={"Origin": "https://other.example"}, timeout=20)

    assert preflight.headers["Access-Control-Allow-Origin"] == origin
    assert (ours.status_code, ours.headers["Access-Control-Allow-Origin"]) == (200, origin)
    assert theirs.status_code == 403
    assert refusal(theirs)["details"][0]["reason"] == "API_KEY_HTTP_REFERRER_BLOCKED"
    assert "Access-Control-Allow-Origin" not in theirs.headers


TOXICITY = {"requestedAttributes": {"TOXICITY": {}}}
FINE = {"comment": {"text": "fine"}}


@pytest.mark.parametrize(
    ("document", "kind", "message"),
    [
        ({"comment": {"text": ""}, **TOXICITY}, "COMMENT_EMPTY", "Comment must be non-empty."),
        ({"comment": {"text": "<p> </p>", "type": "HTML"}, **TOXICITY}, "COMMENT_EMPTY", None),
        (TOXICITY, "COMMENT_EMPTY", None),
        ({"comment": {"text": "\u202e\u200b"}, **TOXICITY}, "COMMENT_EMPTY", None),
        ({"comment": {"text": "é" * 10_300}, **TOXICITY}, "COMMENT_TOO_LONG", "Comment text too long."),
        (FINE, "NO_REQUESTED_ATTRIBUTES", "Missing requested_attributes"),
        (
            {**FINE, "requestedAttributes": {"FLIRTATION": {}}},
            "INVALID_REQUEST",
            "Unknown requested attribute: FLIRTATION",
        ),
        (
            {**FINE, "requestedAttributes": {"TOXICITY": {"scoreType": "PERCENTILE"}}},
            "INVALID_REQUEST",
            "Requested score type PERCENTILE is not supported by attribute TOXICITY",
        ),
        (
            {**FINE, **TOXICITY, "languages": ["xx", "yy"]},
            "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
            "Attribute TOXICITY does not support request languages: xx, yy",
        ),
        (
            {
                **FINE,
                **TOXICITY,
                "context": {"entries": [{"text": "a"}], "articleAndParentComment": {"a": 1}},
            },
            "INVALID_REQUEST",
            "Context can have either entries or article_and_parent_comment, but both fields were populated.",
        ),
    ],
)
def test_errors_are_googles(server, document, kind, message):
    answer = post(server, document)

    error = refusal(answer)
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert error["details"][0]["errorType"] == kind
    if message:
        assert error["message"] == message


def test_a_language_that_we_do_not_speak_names_itself(server):
    document = {"comment": {"text": "hello there"}, **TOXICITY, "languages": ["xx"]}

    detail = refusal(post(server, document))["details"][0]

    assert detail["languageNotSupportedByAttributeError"]["attribute"] == "TOXICITY"
    assert detail["languageNotSupportedByAttributeError"]["requestedLanguages"] == ["xx"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"comment": "text"}',
        b'{"comment": {"text": 5}, "requestedAttributes": {"TOXICITY": {}}}',
        b'{"comment": {"text": "a"}, "requestedAttributes": ["TOXICITY"]}',
        b'{"comment": {"text": "a"}, "requestedAttributes": {"TOXICITY": 1}}',
        b'{"comment": {"text": "a"}, "requestedAttributes": {"TOXICITY": {"scoreThreshold": "x"}}}',
        b'{"comment": {"text": "a"}, "requestedAttributes": {"TOXICITY": {"scoreThreshold": NaN}}}',
        b'{"comment": {"text": "a"}, "requestedAttributes": {"TOXICITY": {}}, "languages": "en"}',
        b'{"comment": {"text": "a"}, "requestedAttributes": {"TOXICITY": {}}, "spanAnnotations": "yes"}',
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_is_refused(server, body):
    for call in ("comments:analyze", "comments:suggestscore"):
        answer = post(server, body, call)
        assert refusal(answer)["code"] == 400


def test_odd_characters_are_scored_and_their_offsets_kept(server):
    body = b'{"comment": {"text": "\\ud800 lone \\u0000 nul."}, "requestedAttributes": {"TOXICITY": {}}}'

    answer = post(server, body)

    assert answer.status_code == 200
    (span,) = answer.json()["attributeScores"]["TOXICITY"]["spanScores"]
    assert span["end"] == 13


def test_too_large_and_unknown_addresses_and_methods(server):
    large = post(server, b'{"comment": {"text": "' + b"a" * 1_200_000 + b'"}}')
    unknown = post(server, {}, "comments:guess")
    method = requests.get(f"{server.url}/v1alpha1/comments:analyze", timeout=20)

    assert refusal(large)["details"][0]["errorType"] == "COMMENT_TOO_LONG"
    assert (unknown.status_code, refusal(unknown)["status"]) == (404, "NOT_FOUND")
    assert method.status_code == 405
    assert refusal(method)["code"] == 405


def test_a_used_up_month_is_a_quota_error(server):
    keys = server.another_site("quota", quotas={"calls_per_month": 1})
    with server.database.writing() as session:
        month = f"{datetime.now(UTC):%Y-%m}"
        session.add(Usage(site_id=keys["id"], month=month, protocol="perspective", blog="", calls=1))

    answer = post(server, {**FINE, **TOXICITY}, params={"key": keys["site"]})

    error = refusal(answer)
    assert (answer.status_code, error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert error["message"].startswith("Quota exceeded for quota metric 'Analysis requests (AnalyzeComment)'")
    assert error["details"][0]["reason"] == "RATE_LIMIT_EXCEEDED"
    assert error["details"][0]["metadata"]["quota_limit_value"] == "1"
    assert int(answer.headers["Retry-After"]) > 0


def test_too_many_in_a_minute_is_a_quota_error(server):
    key = server.another_site("minute", quotas={"calls_per_minute": 2})["site"]

    answers = [post(server, {**FINE, **TOXICITY}, params={"key": key}) for _ in range(3)]

    assert answers[0].status_code == 200
    # a minute may have turned between two of them: then the third is the first of its minute
    if answers[-1].status_code != 200:
        error = refusal(answers[-1])
        assert error["code"] == 429
        assert error["details"][0]["metadata"]["quota_limit"] == "AnalyzeRequestsPerMinutePerProject"
        assert error["details"][0]["metadata"]["quota_limit_value"] == "2"


def test_no_key_stands_in_a_log_not_even_in_the_development_servers(server, capfd, caplog):
    caplog.set_level("DEBUG")

    post(server, {**FINE, **TOXICITY})
    requests.get(f"{server.url}/1.2/usage-limit", params={"api_key": server.akismet_key}, timeout=20)

    out, err = capfd.readouterr()
    ours = [one.getMessage() for one in caplog.records if not one.name.startswith("urllib3")]
    written = "\n".join([out, err, *ours])
    assert "comments:analyze" in written
    assert server.key not in written
    assert server.akismet_key not in written


def test_the_discovery_document_names_our_own_address(server):
    found = requests.get(
        f"{server.url}/$discovery/rest", params={"version": "v1alpha1", "key": "x"}, timeout=20
    )
    other = requests.get(f"{server.url}/$discovery/rest", params={"version": "v2"}, timeout=20)

    assert found.json()["rootUrl"] == f"{server.url}/"
    assert found.json()["resources"]["comments"]["methods"]["analyze"]["path"] == "v1alpha1/comments:analyze"
    assert other.status_code == 404
